#pragma once

/*
 * How often something may be tried per key: a bucket of @burst tries that fills evenly again over
 * @per_ms (GCRA). A try is charged before it is known how it ends, so that many at once gain nothing,
 * and given back when it was no failure.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"

struct limits {
	struct chq_map by_key;
	struct chq_list by_age; /* least recently charged first */
	size_t keys_max;
	uint64_t price_ms; /* of one try */
	uint64_t burst_ms;
};

/* @tries in @per_ms for each key, remembered for at most @keys_max keys. */
void limits_init(struct limits *l, uint32_t tries, uint64_t per_ms, size_t keys_max);
void limits_deinit(struct limits *l);

/**
 * limits_charge() - take one try of a key.
 * @now_ms: monotonic.
 * @wait_ms: receives the time until the next try, when it is refused.
 *
 * Return: 0; CHQ_ELIMIT if there is none left; CHQ_ENOMEM, to be taken as a refusal too.
 */
int limits_charge(struct limits *l, const void *key, size_t len, uint64_t now_ms,
		  uint64_t *wait_ms);

/* Give back one try that was charged. */
void limits_refund(struct limits *l, const void *key, size_t len);
