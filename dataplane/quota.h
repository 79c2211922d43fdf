#pragma once
/*
 * dataplane/quota: GCRA (ITU-T I.371), one number per limit: the theoretical arrival time of the
 * next conforming unit, CLOCK_MONOTONIC ns. Usable from BPF. Writers: any worker, the manager, the
 * program; compare-and-swap, relaxed.
 */
#include "dataplane/atomic.h"
#include "dataplane/replay.h"

/* Clocks of the writers may differ so much; an arrival time further ahead than any of them can
 * write is nonsense. */
#define CHQ_QUOTA_SKEW_NS UINT64_C(1000000000)

/**
 * chq_quota_take() - spend from a budget.
 * @tat:      the budget's arrival time.
 * @price_ns: what is spent, in ns of the budget's rate; 0 = no limit, nothing is written.
 * @span_ns:  how far ahead of now @tat may run: burst × price of one unit.
 *
 * An idle budget holds exactly span / price units. A refused unit writes nothing. A @tat beyond now
 * + span + one second (a class that was narrowed, a clock that began anew) starts anew at now, so
 * that no budget can be shut for good.
 * Return: 1 if conforming (spent); 0 if over the budget.
 */
static inline int
chq_quota_take(uint64_t *tat, uint64_t now_ns, uint64_t price_ns, uint64_t span_ns)
{
	uint64_t limit = now_ns + span_ns;
	uint64_t was, next, seen;

	if (price_ns == 0)
		return 1;
	was = CHQ_LOAD_RELAXED(tat);
	for (int i = 0; i < CHQ_CAS_ROUNDS; i++) {
		next = was > now_ns && was <= limit + CHQ_QUOTA_SKEW_NS ? was : now_ns;
		next += price_ns;
		if (next > limit)
			return 0;
		seen = CHQ_CAS(tat, was, next);
		if (seen == was)
			return 1;
		was = seen;
	}
	return 0;
}

/* Price of a datagram in the budget of bytes. */
static inline uint64_t
chq_quota_bytes_ns(const struct chq_quota_class *q, uint16_t len)
{
	return CHQ_LOAD_RELAXED(&q->kib_ns) * len / 1024;
}
