/* Published test vectors, read from tests/vectors/. A missing or damaged file fails the test. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* The file as JSON, by its path from the source root; the caller does json_decref(). */
json_t *vectors_load(const char *path);

/* Hexadecimal text as bytes; returns how many, at most @size. */
size_t vectors_hex(const char *text, uint8_t *out, size_t size);

/* The same for a member of @object. */
size_t vectors_bytes(const json_t *object, const char *member, uint8_t *out, size_t size);

/* The same for a member that must be 32 bytes. */
void vectors_key(const json_t *object, const char *member, uint8_t out[32]);

/* A number: a JSON integer, or a text "0x…" for what may need 64 bits. */
uint64_t vectors_u64(const json_t *value);

/* The same for a member of @object. */
uint64_t vectors_number(const json_t *object, const char *member);
