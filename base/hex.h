#pragma once

/*
 * Bytes as text, strictly: hexadecimal and base32 in lower case, both without padding, white space or a second spelling of the same bytes. Not constant-time: a secret as text goes through libsodium.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Characters, without the closing NUL, that @n bytes take. */
#define CHQ_HEX_LEN(n)	  ((size_t)(n)*2)
#define CHQ_BASE32_LEN(n) (((size_t)(n)*8 + 4) / 5)

/**
 * chq_hex_encode() / chq_base32_encode() - bytes to text.
 * @out: room for CHQ_…_LEN(@len) + 1 characters; closed by NUL.
 *
 * Return: characters written, without the NUL.
 */
size_t chq_hex_encode(char *out, const void *bytes, size_t len);
size_t chq_base32_encode(char *out, const void *bytes, size_t len);

/**
 * chq_hex_decode() / chq_base32_decode() - text to bytes.
 * @out:      receives the bytes; contents undefined on failure.
 * @size:     room in @out, bytes.
 * @text:     exactly @text_len characters, no NUL needed.
 *
 * Base32 is RFC 4648's alphabet in lower case. Unused bits must be 0.
 *
 * Return: bytes decoded; CHQ_EMALFORMED for any other character, length or unused bit;
 * CHQ_ETOOBIG if they do not fit.
 */
ssize_t chq_hex_decode(void *out, size_t size, const char *text, size_t text_len);
ssize_t chq_base32_decode(void *out, size_t size, const char *text, size_t text_len);
