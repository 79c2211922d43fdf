#pragma once
/*
 * dataplane/cookie: the two cookie secrets of the header record, read beside a manager that changes
 * them.
 * Usable from BPF.
 */
#include "dataplane/atomic.h"
#include "dataplane/table.h"

/* What a cookie for this source is made over. */
static inline struct chq_cookie_words
chq_cookie_words_of(const struct chq_header *h, const struct chq_path *src)
{
	int mapped = src->ip_hi == 0 && (uint32_t)src->ip_lo == 0xffff0000U; /* ::ffff:0:0/96 */

	return (struct chq_cookie_words){
		.addr_hi = src->ip_hi,
		.addr_lo = src->ip_lo,
		.where = (mapped ? UINT64_C(4) : UINT64_C(6)) << 56 |
			 (uint64_t)CHQ_LOAD_RELAXED(&h->server_id) << 16 | src->port,
	};
}

/**
 * chq_cookie_secret_get() - the secret of a number.
 * Return: 1; 0 if there is none of that number, or it is just being replaced.
 */
static inline int
chq_cookie_secret_get(const struct chq_header *h, uint32_t number, struct chq_cookie_secret *out)
{
	const struct chq_cookie_secret *s = &h->cookie[number & 1];

	out->number = CHQ_LOAD_ACQUIRE(&s->number);
	if (number == 0 || out->number != number)
		return 0;
	out->a.k0 = CHQ_LOAD_RELAXED(&s->a.k0);
	out->a.k1 = CHQ_LOAD_RELAXED(&s->a.k1);
	out->b.k0 = CHQ_LOAD_RELAXED(&s->b.k0);
	out->b.k1 = CHQ_LOAD_RELAXED(&s->b.k1);
	CHQ_FENCE_ACQUIRE();
	return CHQ_LOAD_RELAXED(&s->number) == number;
}

/* Number of the newer secret; 0 if there is none. Numbers wrap, skipping 0. */
static inline uint32_t
chq_cookie_newest(const struct chq_header *h)
{
	uint32_t a = CHQ_LOAD_RELAXED(&h->cookie[0].number);
	uint32_t b = CHQ_LOAD_RELAXED(&h->cookie[1].number);

	if (a == 0 || b == 0)
		return a | b;
	return a - b < 0x80000000U ? a : b;
}
