/*
 * SipHash-2-4 with 64-bit output (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012).
 *
 * Header-only, and the same text for user space and for the XDP program: nothing here calls a
 * library or loops at run time, but chq_siphash(), which is for user space alone. Results are
 * numbers; on the wire they are little-endian.
 *
 * Thread: any; pure functions. None of them can fail.
 */
#pragma once

#include "proto/ints.h"

#ifndef __bpf__
#include <assert.h>
#include <stddef.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are taken as they lie in memory");
#endif

#ifdef __clang__
#define CHQ_SIP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CHQ_SIP_UNROLL _Pragma("GCC unroll 8")
#endif

/* BPF functions take five arguments, and no structure by value: what takes more or one is inlined. */
#define CHQ_SIP_INLINE static inline __attribute__((always_inline))

/* The 16 key bytes, read as two little-endian numbers. */
struct chq_sipkey {
	uint64_t k0, k1;
};

struct chq_sipstate {
	uint64_t v0, v1, v2, v3;
};

CHQ_SIP_INLINE uint64_t
chq_sip_rotl(uint64_t x, unsigned int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

CHQ_SIP_INLINE void
chq_sip_round(struct chq_sipstate *s)
{
	s->v0 += s->v1;
	s->v1 = chq_sip_rotl(s->v1, 13) ^ s->v0;
	s->v0 = chq_sip_rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = chq_sip_rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = chq_sip_rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = chq_sip_rotl(s->v1, 17) ^ s->v2;
	s->v2 = chq_sip_rotl(s->v2, 32);
}

CHQ_SIP_INLINE struct chq_sipstate
chq_sip_begin(const struct chq_sipkey *key)
{
	return (struct chq_sipstate){
		.v0 = key->k0 ^ 0x736f6d6570736575ULL,
		.v1 = key->k1 ^ 0x646f72616e646f6dULL,
		.v2 = key->k0 ^ 0x6c7967656e657261ULL,
		.v3 = key->k1 ^ 0x7465646279746573ULL,
	};
}

CHQ_SIP_INLINE void
chq_sip_word(struct chq_sipstate *s, uint64_t word)
{
	s->v3 ^= word;
	chq_sip_round(s);
	chq_sip_round(s);
	s->v0 ^= word;
}

/* @last: the 0-7 bytes after the last whole word, and the message's length mod 256 on top. */
CHQ_SIP_INLINE uint64_t
chq_sip_end(struct chq_sipstate *s, uint64_t last)
{
	chq_sip_word(s, last);
	s->v2 ^= 0xff;
	chq_sip_round(s);
	chq_sip_round(s);
	chq_sip_round(s);
	chq_sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/**
 * chq_siphash_words() - hash a message of whole words.
 * @words: @nwords little-endian words, as they lie in memory.
 * @nwords: a constant, 1 to 8, so that the loop unrolls.
 */
CHQ_SIP_INLINE uint64_t
chq_siphash_words(const struct chq_sipkey *key, const uint64_t *words, unsigned int nwords)
{
	struct chq_sipstate s = chq_sip_begin(key);

	CHQ_SIP_UNROLL
	for (unsigned int i = 0; i < nwords; i++)
		chq_sip_word(&s, words[i]);
	return chq_sip_end(&s, (uint64_t)(nwords * 8) << 56);
}

/**
 * chq_siphash_words2() - hash a message of 16 bytes held in two words.
 */
CHQ_SIP_INLINE uint64_t
chq_siphash_words2(const struct chq_sipkey *key, uint64_t w0, uint64_t w1)
{
	struct chq_sipstate s = chq_sip_begin(key);

	chq_sip_word(&s, w0);
	chq_sip_word(&s, w1);
	return chq_sip_end(&s, 16ULL << 56);
}

/**
 * chq_siphash_frame() - the tag of a FRAME: bytes 0-39 of its header, then the payload's length.
 * @words: the first 40 header bytes as five words.
 * @payload_len: bytes after the 48-byte header; hashed as two little-endian bytes.
 */
CHQ_SIP_INLINE uint64_t
chq_siphash_frame(const struct chq_sipkey *key, const uint64_t words[5], uint16_t payload_len)
{
	struct chq_sipstate s = chq_sip_begin(key);

	chq_sip_word(&s, words[0]);
	chq_sip_word(&s, words[1]);
	chq_sip_word(&s, words[2]);
	chq_sip_word(&s, words[3]);
	chq_sip_word(&s, words[4]);
	return chq_sip_end(&s, payload_len | 42ULL << 56);
}

#ifndef __bpf__
/**
 * chq_sipkey_load() - a key from its 16 bytes.
 */
static inline struct chq_sipkey
chq_sipkey_load(const uint8_t bytes[16])
{
	struct chq_sipkey key;

	memcpy(&key.k0, bytes, 8);
	memcpy(&key.k1, bytes + 8, 8);
	return key;
}

/**
 * chq_siphash() - hash any byte string; user space only.
 * @data: @len bytes, of any alignment; may be NULL when @len is 0.
 */
static inline uint64_t
chq_siphash(const struct chq_sipkey *key, const void *data, size_t len)
{
	struct chq_sipstate s = chq_sip_begin(key);
	const uint8_t *at = (const uint8_t *)data;
	uint64_t last = (uint64_t)len << 56;
	size_t left = len;
	uint64_t word;

	for (; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, 8);
		chq_sip_word(&s, word);
	}
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)at[i] << (8 * i);
	return chq_sip_end(&s, last);
}
#endif
