#pragma once

/*
 * HELLOs of the last seconds and their WELCOMEs, so that a repeated HELLO gets the same answer and
 * costs no second handshake. Bounded: when it is full, the oldest answers go first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "proto/hello.h"

#define HELLO_ID_BYTES 32 /* SHA-256 of the datagram */

struct hello_answer {
	struct chq_list by_age;
	uint8_t id[HELLO_ID_BYTES];
	uint64_t until_ms; /* monotonic */
	uint16_t len;	   /* of welcome; 0 while the handshake is being worked on */
	uint8_t welcome[CHQ_WELCOME_LEN];
};

struct hello_cache {
	struct chq_map by_id;
	struct chq_list by_age; /* soonest to be forgotten first */
	size_t max;
	uint64_t keep_ms;
};

void hello_cache_init(struct hello_cache *c, size_t max, uint64_t keep_ms);
void hello_cache_deinit(struct hello_cache *c);

void hello_id(uint8_t id[HELLO_ID_BYTES], const uint8_t *dgram, size_t len);

/* What is known of a HELLO, or NULL. */
struct hello_answer *hello_cache_find(struct hello_cache *c, const uint8_t id[HELLO_ID_BYTES],
				      uint64_t now_ms);

/**
 * hello_cache_begin() - remember a HELLO whose handshake begins; @id is not in the cache.
 * Return: 0; CHQ_ENOMEM.
 */
int hello_cache_begin(struct hello_cache *c, const uint8_t id[HELLO_ID_BYTES], uint64_t now_ms);

/* Its answer is known; @len at most CHQ_WELCOME_LEN. Nothing happens if it was forgotten. */
void hello_cache_answer(struct hello_cache *c, const uint8_t id[HELLO_ID_BYTES],
			const uint8_t *welcome, size_t len);

/* There will be no answer: the next copy begins anew. */
void hello_cache_drop(struct hello_cache *c, const uint8_t id[HELLO_ID_BYTES]);
