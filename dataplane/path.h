#pragma once
/*
 * dataplane/path: where a session is: read, moved by a PING with its token, and asked for by NOTICE
 * path.
 *
 * The record holds two copies and one word {gen 16 | copy 1 | seq 47} that says which is current. A
 * mover writes the other copy and publishes it by one compare-and-swap of the word. Two movers at
 * once write the same copy: one wins the word, and the copy may be a mixture, also later. Each copy
 * is sealed with the word that published it, so a mixture is not used (frames to the session are
 * dropped and counted as drop-path); the loser withdraws the fingerprint, so that the client's next
 * frame is asked for its path again.
 *
 * Usable from BPF. Copies are read and written as four words, relaxed; the word is the gate.
 */
#include "dataplane/atomic.h"
#include "dataplane/table.h"
#include "proto/grant.h"

#define CHQ_PATH_EPOCH_NS UINT64_C(16000000000)
#define CHQ_PATH_FP_NONE  0 /* "not known": every frame comes from elsewhere */

union chq_path_words {
	struct chq_path path;
	uint64_t w[4];
};

/* Fingerprint of a path, never CHQ_PATH_FP_NONE. */
static inline uint32_t
chq_path_fp_of(const struct chq_path *p)
{
	uint32_t fp = chq_path_fp(p->ip_hi, p->ip_lo, p->port);

	return fp != CHQ_PATH_FP_NONE ? fp : 1;
}

static inline int
chq_path_same_addr(const struct chq_path *a, const struct chq_path *b)
{
	return a->ip_hi == b->ip_hi && a->ip_lo == b->ip_lo && a->port == b->port;
}

/* The same link too: interface, VLAN, next hop, our own address. */
static inline int
chq_path_same_link(const struct chq_path *a, const struct chq_path *b)
{
	const uint8_t *m = a->mac, *n = b->mac;

	return a->vlan == b->vlan && a->local == b->local && a->ifidx == b->ifidx && m[0] == n[0] &&
	       m[1] == n[1] && m[2] == n[2] && m[3] == n[3] && m[4] == n[4] && m[5] == n[5];
}

/**
 * chq_path_read() - the session's current path.
 * @out: filled, its seal 0, when 1 is returned.
 * Return: 1; 0 if the current copy is a mixture of two writes: do not use it.
 */
static inline int
chq_path_read(const struct chq_session *s, struct chq_path *out)
{
	uint64_t word = CHQ_LOAD_ACQUIRE(&s->path_word);
	const uint64_t *copy = (const uint64_t *)(const void *)&s->path[CHQ_PATH_COPY(word)];
	uint64_t w[4] = { CHQ_LOAD_RELAXED(&copy[0]), CHQ_LOAD_RELAXED(&copy[1]),
			  CHQ_LOAD_RELAXED(&copy[2]), CHQ_LOAD_RELAXED(&copy[3]) };
	/* Word by word: what is stored so and loaded wider at once makes a processor wait. */
	uint64_t __attribute__((may_alias)) *to = (void *)out;

	if (chq_path_seal(w, word) != (uint32_t)(w[3] >> 32))
		return 0;
	to[0] = w[0];
	to[1] = w[1];
	to[2] = w[2];
	to[3] = w[3] & UINT64_C(0xffffffff);
	return 1;
}

/**
 * chq_path_write() - write and seal the copy that @word will name. The manager uses it to open a
 * slot.
 */
static inline void
chq_path_write(struct chq_session *s, const struct chq_path *to, uint64_t word)
{
	uint64_t *copy = (uint64_t *)(void *)&s->path[CHQ_PATH_COPY(word)];
	union chq_path_words p = { .path = *to };

	p.path.seal = chq_path_seal(p.w, word);
	for (int i = 0; i < 4; i++)
		CHQ_STORE_RELAXED(&copy[i], p.w[i]);
}

/**
 * chq_path_move() - make @to the session's path.
 * @gen: the slot's generation when the PING's tag was verified.
 * @seq: of the PING that asks for it, already taken from the replay window.
 *
 * Return: 1 if moved; 0 if a newer PING has moved the session, the slot was opened anew, or another
 * mover was first.
 */
static inline int
chq_path_move(struct chq_session *s, const struct chq_path *to, uint16_t gen, uint64_t seq)
{
	uint64_t was = CHQ_LOAD_ACQUIRE(&s->path_word);
	uint64_t word = CHQ_PATH_WORD(gen, !CHQ_PATH_COPY(was), seq);
	struct chq_path now;

	if (CHQ_PATH_GEN(was) != gen || CHQ_PATH_SEQ(was) >= seq)
		return 0;
	chq_path_write(s, to, word);
	if (CHQ_CAS(&s->path_word, was, word) != was) {
		/* Our stores may have hit the winner's copy. */
		if (!chq_path_read(s, &now))
			CHQ_STORE_RELAXED(&s->path_fp, CHQ_PATH_FP_NONE);
		return 0;
	}
	CHQ_STORE_RELAXED(&s->path_fp, chq_path_fp_of(to));
	return 1;
}

/* Does this frame come from elsewhere than the session is? */
static inline int
chq_path_foreign(const struct chq_session *s, const struct chq_path *src)
{
	return CHQ_LOAD_RELAXED(&s->path_fp) != chq_path_fp_of(src);
}

/* … and is it newer than the PING that moved the session last? Older ones are stragglers from the
 * old address. */
static inline int
chq_path_asks(const struct chq_session *s, const struct chq_path *src, uint64_t seq)
{
	return chq_path_foreign(s, src) && seq > CHQ_PATH_SEQ(CHQ_LOAD_RELAXED(&s->path_word));
}

CHQ_SIP_INLINE uint64_t
chq_path_token_now(struct chq_sipkey secret, uint32_t slot, const struct chq_path *at,
		   uint64_t now_ns)
{
	return chq_path_token(secret, slot, at->ip_hi, at->ip_lo, at->port,
			      now_ns / CHQ_PATH_EPOCH_NS);
}

/* Is this the token that was sent to @at in this epoch or the one before? */
CHQ_SIP_INLINE int
chq_path_token_ok(struct chq_sipkey secret, uint32_t slot, const struct chq_path *at,
		  uint64_t now_ns, uint64_t token)
{
	uint64_t epoch = now_ns / CHQ_PATH_EPOCH_NS;
	uint64_t cur = chq_path_token(secret, slot, at->ip_hi, at->ip_lo, at->port, epoch);
	uint64_t old = chq_path_token(secret, slot, at->ip_hi, at->ip_lo, at->port, epoch - 1);

	return (token == cur) | (token == old);
}
