#pragma once
/*
 * dataplane/replay: each sequence number of a session is taken once, by however many workers and
 * programs at a time.
 *
 * A word holds {block 32 | bits 32}: block = seq / 32, bit = seq mod 32. Block b lives in word b
 * mod 8 and nowhere else, and a word's block only rises. So number s of block b is taken exactly
 * when it was not taken before and no number of block b+8, b+16, … was. Behind the newest number
 * taken, n, that makes at least n mod 32 + 225 numbers (225 to 256, n itself counted) that are
 * never refused as too old; older ones are taken once or refused, never twice.
 *
 * Numbers from CHQ_SEQ_END on, and 0, are refused: block has 32 bits. A session ends long before.
 *
 * Usable from BPF: the loop is bounded. Writers: any worker, the manager, the program;
 * compare-and-swap.
 */
#include "dataplane/atomic.h"
#include "dataplane/table.h"

#define CHQ_SEQ_END (UINT64_C(1) << 37)
#define CHQ_CAS_ROUNDS \
	16 /* lost races after which a frame is given up: others took 16 numbers of this block meanwhile */

/* Was a number taken already, or is it too old, by a word as it was read? */
static inline int
chq_replay_spent(uint64_t word, uint64_t seq)
{
	uint64_t block = seq >> 5, bit = UINT64_C(1) << (seq & 31);

	return word >> 32 > block || (word >> 32 == block && (word & bit));
}

/**
 * chq_replay_seen() - would chq_replay_take() refuse a number now? Writes nothing.
 *
 * For frames whose number somebody else takes later: a flood of copies of one frame ends here. 0 promises nothing.
 */
static inline int
chq_replay_seen(const uint64_t words[CHQ_REPLAY_WORDS], uint64_t seq)
{
	return seq == 0 || seq >= CHQ_SEQ_END ||
	       chq_replay_spent(CHQ_LOAD_RELAXED(&words[seq >> 5 & (CHQ_REPLAY_WORDS - 1)]), seq);
}

/* As chq_replay_take(), given up after @rounds lost races; with 1 there is no loop. */
static inline int
chq_replay_try(uint64_t words[CHQ_REPLAY_WORDS], uint64_t seq, int rounds)
{
	uint64_t block = seq >> 5, bit = UINT64_C(1) << (seq & 31);
	uint64_t *at = &words[block & (CHQ_REPLAY_WORDS - 1)];
	uint64_t was, next, seen;

	if (seq == 0 || seq >= CHQ_SEQ_END)
		return 0;
	was = CHQ_LOAD_RELAXED(at);
	for (int i = 0; i < rounds; i++) {
		if (chq_replay_spent(was, seq))
			return 0;
		next = was >> 32 == block ? was | bit : block << 32 | bit;
		seen = CHQ_CAS(at, was, next);
		if (seen == was)
			return 1;
		was = seen;
	}
	return 0;
}

/**
 * chq_replay_take() - take a number, after its frame's tag was verified.
 * @words: the session's replay words.
 * Return: 1 if it is now taken by the caller; 0 if it was taken before, is too old, or is no number
 * of ours.
 */
static inline int
chq_replay_take(uint64_t words[CHQ_REPLAY_WORDS], uint64_t seq)
{
	return chq_replay_try(words, seq, CHQ_CAS_ROUNDS);
}

#ifndef __bpf__
/** chq_replay_highest() - the highest number taken, 0 if none. A snapshot when others write. */
static inline uint64_t
chq_replay_highest(const uint64_t words[CHQ_REPLAY_WORDS])
{
	uint64_t best = 0;

	for (int i = 0; i < CHQ_REPLAY_WORDS; i++) {
		uint64_t w = CHQ_LOAD_RELAXED(&words[i]);
		uint32_t bits = (uint32_t)w;
		uint64_t top = bits ? (w >> 32) * 32 + 31 - (uint64_t)__builtin_clz(bits) : 0;

		if (top > best)
			best = top;
	}
	return best;
}
#endif

/* Would a frame heard now have the receiver half written? */
static inline int
chq_session_heard_anew(const struct chq_session *s, uint32_t now_s)
{
	return chq_heard_until(CHQ_LOAD_RELAXED(&s->heard_s)) != chq_heard_until(now_s);
}

/*
 * A valid frame of the session was heard: at most one store a second to its sender half, and one in
 * CHQ_HEARD_SPAN_S to its receiver half, which a frame's sender has no other use for. That one comes
 * first: who is killed between them leaves it to the next frame to do both again.
 */
static inline void
chq_session_heard(struct chq_session *s, uint32_t now_s)
{
	if (CHQ_LOAD_RELAXED(&s->heard_s) == now_s)
		return;
	if (chq_session_heard_anew(s, now_s))
		CHQ_STORE_RELAXED(&s->rx_heard_s, chq_heard_until(now_s));
	CHQ_PROGRAM_ORDER();
	CHQ_STORE_RELAXED(&s->heard_s, now_s);
}
