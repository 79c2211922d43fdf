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

/* Time in the word of a session's two budgets: 256 ns a tick, 32 bits, so it comes around after 18
 * minutes. */
#define CHQ_QUOTA_TICK_SHIFT 8
#define CHQ_QUOTA_SKEW	     (UINT32_C(1) << 17) /* 33 ms: the program's clock lags by a jiffy or two */
#define CHQ_QUOTA_SPAN_MAX   (UINT32_C(1) << 30) /* 275 s: with the skew less than half the circle */

enum chq_quota_result {
	CHQ_QUOTA_SPENT,
	CHQ_QUOTA_OVER_FRAMES,
	CHQ_QUOTA_OVER_BYTES,
	CHQ_QUOTA_OVER_ACCOUNT,
};

/* A word of both budgets with nothing spent. */
#define CHQ_QUOTA_IDLE(now_ns)                                          \
	((uint64_t)(uint32_t)((now_ns) >> CHQ_QUOTA_TICK_SHIFT) << 32 | \
	 (uint32_t)((now_ns) >> CHQ_QUOTA_TICK_SHIFT))

/* How far ahead of @now a budget's arrival time is, 0 if it lies behind or is nonsense: the rules
 * of chq_quota_take(). */
static inline uint32_t
chq_quota_ahead(uint32_t tat, uint32_t now, uint32_t span)
{
	uint32_t ahead = tat - now;

	return ahead <= span + CHQ_QUOTA_SKEW ? ahead : 0;
}

/* Ticks that a datagram costs in the budget of bytes: whole ones, and one at least. */
static inline uint32_t
chq_quota_byte_ticks(uint64_t kib_ns, uint32_t len)
{
	uint64_t ticks = kib_ns * len >> (10 + CHQ_QUOTA_TICK_SHIFT);

	if (kib_ns == 0)
		return 0;
	if (ticks == 0)
		return 1;
	return ticks < CHQ_QUOTA_SPAN_MAX ? (uint32_t)ticks : CHQ_QUOTA_SPAN_MAX;
}

/* A price under overload: times 2^@squeeze, but never so that an idle budget no longer pays it. */
static inline uint32_t
chq_quota_squeezed(uint32_t price, uint32_t span, uint32_t squeeze)
{
	uint64_t dear = (uint64_t)price << squeeze;

	if (squeeze && price <= span)
		return dear < span ? (uint32_t)dear : span;
	return price;
}

/* As chq_quota_spend(), given up after @rounds lost races; with 1 there is no loop. */
static inline int
chq_quota_try(uint64_t *word, const struct chq_quota_price *q, uint64_t now_ns, uint32_t len,
	      uint32_t squeeze, int rounds)
{
	uint32_t frame_price = CHQ_LOAD_RELAXED(&q->frame_ticks);
	uint32_t byte_price = chq_quota_byte_ticks(CHQ_LOAD_RELAXED(&q->kib_ns), len);
	uint32_t frame_span = CHQ_LOAD_RELAXED(&q->frame_span);
	uint32_t byte_span = CHQ_LOAD_RELAXED(&q->byte_span);
	uint32_t now = (uint32_t)(now_ns >> CHQ_QUOTA_TICK_SHIFT);
	uint64_t was, seen;

	if (frame_price == 0 && byte_price == 0)
		return CHQ_QUOTA_SPENT;
	frame_price = chq_quota_squeezed(frame_price, frame_span, squeeze);
	byte_price = chq_quota_squeezed(byte_price, byte_span, squeeze);
	was = CHQ_LOAD_RELAXED(word);
	for (int i = 0; i < rounds; i++) {
		uint32_t frames = chq_quota_ahead((uint32_t)(was >> 32), now, frame_span) +
				  frame_price;
		uint32_t bytes = chq_quota_ahead((uint32_t)was, now, byte_span) + byte_price;

		if (frame_price && frames > frame_span)
			return CHQ_QUOTA_OVER_FRAMES;
		if (byte_price && bytes > byte_span)
			return CHQ_QUOTA_OVER_BYTES;
		seen = CHQ_CAS(word, was, (uint64_t)(now + frames) << 32 | (uint32_t)(now + bytes));
		if (seen == was)
			return CHQ_QUOTA_SPENT;
		was = seen;
	}
	return CHQ_QUOTA_OVER_FRAMES;
}

/**
 * chq_quota_spend() - spend a datagram from two budgets, of frames and of bytes.
 * @word:    arrival times in ticks, {frames 32 | bytes 32}.
 * @q:       what is to be paid. A price of 0 is no limit.
 * @len:     bytes of the datagram.
 * @squeeze: 0, or by how many doublings of the prices a worker sheds load: chq_shed_squeeze().
 *
 * Both budgets are one word, so that a frame costs one compare-and-swap, and what one of them
 * refuses is not taken from the other. A budget that nobody used for 18 minutes may by accident
 * look used: by its burst at most, for its span and the skew.
 * Return: enum chq_quota_result; nothing is written unless CHQ_QUOTA_SPENT.
 */
static inline int
chq_quota_spend(uint64_t *word, const struct chq_quota_price *q, uint64_t now_ns, uint32_t len,
		uint32_t squeeze)
{
	return chq_quota_try(word, q, now_ns, len, squeeze, CHQ_CAS_ROUNDS);
}

/**
 * chq_quota_frame() - the rule for a frame, wherever it is decided: the session pays, then its
 * account.
 * @own:    chq_session.quota.
 * @shared: chq_cold.account_quota of the record that chq_session.budget names; NULL where that is 0:
 *          a session that is its account's only one touches no further cache line.
 *
 * The session comes first, so that what is over its own budget costs the account's other devices
 * nothing. What the account refuses stays paid by the session.
 * Return: enum chq_quota_result. If it is not CHQ_QUOTA_SPENT, the frame is dropped, counted and
 * added to the session's chq_cold.over_quota by chq_quota_refused().
 */
static inline int
chq_quota_frame(uint64_t *own, uint64_t *shared, const struct chq_quota_class *q, uint64_t now_ns,
		uint32_t len, uint32_t squeeze)
{
	int got = chq_quota_spend(own, &q->own, now_ns, len, squeeze);

	if (got != CHQ_QUOTA_SPENT || !shared)
		return got;
	if (chq_quota_spend(shared, &q->account, now_ns, len, squeeze) == CHQ_QUOTA_SPENT)
		return CHQ_QUOTA_SPENT;
	return CHQ_QUOTA_OVER_ACCOUNT;
}

static inline void
chq_quota_refused(struct chq_cold *c)
{
	(void)CHQ_FETCH_ADD(&c->over_quota, 1);
}

/* As chq_quota_spend() with nothing squeezed, but nothing is spent. */
static inline int
chq_quota_peek(const uint64_t *word, const struct chq_quota_price *q, uint64_t now_ns, uint32_t len)
{
	uint32_t frame_price = CHQ_LOAD_RELAXED(&q->frame_ticks);
	uint32_t byte_price = chq_quota_byte_ticks(CHQ_LOAD_RELAXED(&q->kib_ns), len);
	uint32_t frame_span = CHQ_LOAD_RELAXED(&q->frame_span);
	uint32_t byte_span = CHQ_LOAD_RELAXED(&q->byte_span);
	uint32_t now = (uint32_t)(now_ns >> CHQ_QUOTA_TICK_SHIFT);
	uint64_t was = CHQ_LOAD_RELAXED(word);

	if (frame_price &&
	    chq_quota_ahead((uint32_t)(was >> 32), now, frame_span) + frame_price > frame_span)
		return CHQ_QUOTA_OVER_FRAMES;
	if (byte_price && chq_quota_ahead((uint32_t)was, now, byte_span) + byte_price > byte_span)
		return CHQ_QUOTA_OVER_BYTES;
	return CHQ_QUOTA_SPENT;
}

/* What chq_quota_frame() would return: of a frame that somebody else is to decide. */
static inline int
chq_quota_frame_peek(const uint64_t *own, const uint64_t *shared, const struct chq_quota_class *q,
		     uint64_t now_ns, uint32_t len)
{
	int got = chq_quota_peek(own, &q->own, now_ns, len);

	if (got != CHQ_QUOTA_SPENT || !shared)
		return got;
	return chq_quota_peek(shared, &q->account, now_ns, len) == CHQ_QUOTA_SPENT
		       ? CHQ_QUOTA_SPENT
		       : CHQ_QUOTA_OVER_ACCOUNT;
}

/* What of a budget is spent just now: frames, bytes. */
static inline uint32_t
chq_quota_frames_used(uint64_t word, const struct chq_quota_price *q, uint64_t now_ns)
{
	uint32_t now = (uint32_t)(now_ns >> CHQ_QUOTA_TICK_SHIFT);
	uint32_t ahead = chq_quota_ahead((uint32_t)(word >> 32), now, q->frame_span);

	return q->frame_ticks ? (ahead + q->frame_ticks - 1) / q->frame_ticks : 0;
}

static inline uint64_t
chq_quota_bytes_used(uint64_t word, const struct chq_quota_price *q, uint64_t now_ns)
{
	uint32_t now = (uint32_t)(now_ns >> CHQ_QUOTA_TICK_SHIFT);
	uint64_t ahead = chq_quota_ahead((uint32_t)word, now, q->byte_span);

	return q->kib_ns ? ((ahead << (10 + CHQ_QUOTA_TICK_SHIFT)) + q->kib_ns - 1) / q->kib_ns : 0;
}

/* Is nothing of it spent? */
static inline int
chq_quota_idle(uint64_t word, const struct chq_quota_price *q, uint64_t now_ns)
{
	uint32_t now = (uint32_t)(now_ns >> CHQ_QUOTA_TICK_SHIFT);

	return chq_quota_ahead((uint32_t)(word >> 32), now, q->frame_span) == 0 &&
	       chq_quota_ahead((uint32_t)word, now, q->byte_span) == 0;
}

#define CHQ_NOTICE_FAST_NS UINT64_C(1000000000) /* from one NOTICE too fast to the next */

/* May the session be told now that it is too fast? Then it is spent. */
static inline int
chq_notice_fast_take(struct chq_cold *c, uint64_t now_ns)
{
	return chq_quota_take(&c->fast_tat, now_ns, CHQ_NOTICE_FAST_NS, CHQ_NOTICE_FAST_NS);
}

/* Has it been told within this second? Nothing is spent. */
static inline int
chq_notice_fast_told(const struct chq_cold *c, uint64_t now_ns)
{
	uint64_t ahead = CHQ_LOAD_RELAXED(&c->fast_tat) - now_ns - 1;

	return ahead < CHQ_NOTICE_FAST_NS + CHQ_QUOTA_SKEW_NS;
}
