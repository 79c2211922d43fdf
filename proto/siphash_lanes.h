/*
 * SipHash-2-4 of many short messages at once: by 8 (AVX-512), by 4 (AVX2), or one after the other.
 * Which of them a machine has is asked at run time, so that one binary serves all. User space
 * alone; proto/siphash.h is the definition, and every level gives its results bit for bit.
 *
 * Thread: any; pure functions. None of them can fail.
 */
#pragma once

#include "proto/siphash.h"

enum chq_simd { CHQ_SIMD_SCALAR, CHQ_SIMD_AVX2, CHQ_SIMD_AVX512, CHQ_SIMD__COUNT };

/* One message and its key: a cache line, if it is aligned like one. */
struct chq_sip_job {
	struct chq_sipkey key;
	uint64_t words[5];
	uint64_t last; /* as in chq_sip_end(); a pair's is not looked at */
};
static_assert(sizeof(struct chq_sip_job) == 64, "a job is one cache line");

struct chq_sip_lanes {
	const char *name; /* "scalar", "avx2", "avx512" */

	/* out[i] = chq_siphash_frame() of jobs[i], by its five words and last. @n may be 0. */
	void (*frames)(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out);

	/* out[i] = chq_siphash_words2() of the first two words of jobs[i]. */
	void (*pairs)(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out);
};

/** chq_sip_lanes() - one level, NULL if this machine (or its kernel) has it not. Static. */
const struct chq_sip_lanes *chq_sip_lanes(enum chq_simd level);

/** chq_sip_lanes_best() - the widest level that this machine has. Never NULL. Static. */
const struct chq_sip_lanes *chq_sip_lanes_best(void);

/** chq_sip_lanes_named() - the level of that name, "auto" being the best; NULL if there is none of
 * it here. */
const struct chq_sip_lanes *chq_sip_lanes_named(const char *name);

/* The last word of a FRAME's message: what chq_siphash_frame() hashes behind the five words. */
static inline uint64_t
chq_sip_frame_last(uint16_t payload_len)
{
	return payload_len | 42ULL << 56;
}

/* The levels themselves, for chq_sip_lanes() alone: they must not be called elsewhere. */
#ifdef __x86_64__
extern const struct chq_sip_lanes chq_sip_avx2, chq_sip_avx512;
#endif
