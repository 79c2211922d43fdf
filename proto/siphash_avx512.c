/*
 * SipHash-2-4 of eight messages at once, and of two such groups side by side, because one alone
 * leaves the units waiting. The target is each function's own, so that no argument of the compiler's
 * decides whether this can be had; chq_sip_lanes() asks the machine.
 */
#include "proto/siphash_lanes.h"

#ifdef __x86_64__
#include <immintrin.h>

#define LANES	8
#define AVX512	__attribute__((target("avx512f")))
#define INLINED static inline __attribute__((always_inline, target("avx512f")))

struct state {
	__m512i v0, v1, v2, v3;
};

/* As chq_sip_round(). */
INLINED void
round8(struct state *s)
{
	s->v0 = _mm512_add_epi64(s->v0, s->v1);
	s->v1 = _mm512_xor_si512(_mm512_rol_epi64(s->v1, 13), s->v0);
	s->v0 = _mm512_shuffle_epi32(s->v0, _MM_PERM_CDAB); /* by 32 */
	s->v2 = _mm512_add_epi64(s->v2, s->v3);
	s->v3 = _mm512_xor_si512(_mm512_rol_epi64(s->v3, 16), s->v2);
	s->v0 = _mm512_add_epi64(s->v0, s->v3);
	s->v3 = _mm512_xor_si512(_mm512_rol_epi64(s->v3, 21), s->v0);
	s->v2 = _mm512_add_epi64(s->v2, s->v1);
	s->v1 = _mm512_xor_si512(_mm512_rol_epi64(s->v1, 17), s->v2);
	s->v2 = _mm512_shuffle_epi32(s->v2, _MM_PERM_CDAB);
}

INLINED struct state
begin8(__m512i k0, __m512i k1)
{
	return (struct state){
		.v0 = _mm512_xor_si512(k0, _mm512_set1_epi64(0x736f6d6570736575)),
		.v1 = _mm512_xor_si512(k1, _mm512_set1_epi64(0x646f72616e646f6d)),
		.v2 = _mm512_xor_si512(k0, _mm512_set1_epi64(0x6c7967656e657261)),
		.v3 = _mm512_xor_si512(k1, _mm512_set1_epi64(0x7465646279746573)),
	};
}

INLINED void
word8(struct state *s, __m512i word)
{
	s->v3 = _mm512_xor_si512(s->v3, word);
	round8(s);
	round8(s);
	s->v0 = _mm512_xor_si512(s->v0, word);
}

INLINED __m512i
end8(struct state *s, __m512i last)
{
	word8(s, last);
	s->v2 = _mm512_xor_si512(s->v2, _mm512_set1_epi64(0xff));
	for (int i = 0; i < 4; i++)
		round8(s);
	return _mm512_xor_si512(_mm512_xor_si512(s->v0, s->v1), _mm512_xor_si512(s->v2, s->v3));
}

/* Where lane @i reads: the last one's message again behind the end. */
INLINED const struct chq_sip_job *
job_at(const struct chq_sip_job *jobs, unsigned int n, unsigned int i)
{
	return &jobs[i < n ? i : n - 1];
}

/* 128-bit lanes 0 and 2, or 1 and 3, of both. */
#define EVEN(a, b) _mm512_shuffle_i64x2(a, b, 0x88)
#define ODD(a, b)  _mm512_shuffle_i64x2(a, b, 0xdd)

/* Words 0, 4, 2, 6 of eight rows, given the low halves (or 1, 5, 3, 7: the high ones) of row pairs. */
INLINED void
columns(const __m512i pair[4], __m512i *c0, __m512i *c4, __m512i *c2, __m512i *c6)
{
	__m512i a = EVEN(pair[0], pair[1]), b = EVEN(pair[2], pair[3]);
	__m512i c = ODD(pair[0], pair[1]), d = ODD(pair[2], pair[3]);

	*c0 = EVEN(a, b);
	*c4 = ODD(a, b);
	*c2 = EVEN(c, d);
	*c6 = ODD(c, d);
}

/* Eight jobs, transposed: w[0], w[1] the keys, w[2] to w[6] the words, w[7] the last. */
INLINED void
frames_load(const struct chq_sip_job *jobs, unsigned int n, __m512i w[8])
{
	__m512i low[4], high[4];

	for (unsigned int i = 0; i < 4; i++) {
		__m512i a = _mm512_loadu_si512(job_at(jobs, n, 2 * i));
		__m512i b = _mm512_loadu_si512(job_at(jobs, n, 2 * i + 1));

		low[i] = _mm512_unpacklo_epi64(a, b);
		high[i] = _mm512_unpackhi_epi64(a, b);
	}
	columns(low, &w[0], &w[4], &w[2], &w[6]);
	columns(high, &w[1], &w[5], &w[3], &w[7]);
}

/* The first half of two jobs side by side. */
INLINED __m512i
halves(const struct chq_sip_job *a, const struct chq_sip_job *b)
{
	__m256i low = _mm256_loadu_si256((const __m256i *)(const void *)a);
	__m256i high = _mm256_loadu_si256((const __m256i *)(const void *)b);

	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

INLINED void
pairs_load(const struct chq_sip_job *jobs, unsigned int n, __m512i w[4])
{
	__m512i row[4];

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int at = (i & 2) * 2 + (i & 1); /* 0, 1, 4, 5 */

		row[i] = halves(job_at(jobs, n, at), job_at(jobs, n, at + 2));
	}
	for (int odd = 0; odd < 2; odd++) {
		__m512i a = odd ? _mm512_unpackhi_epi64(row[0], row[1])
				: _mm512_unpacklo_epi64(row[0], row[1]);
		__m512i b = odd ? _mm512_unpackhi_epi64(row[2], row[3])
				: _mm512_unpacklo_epi64(row[2], row[3]);

		w[odd] = EVEN(a, b);
		w[2 + odd] = ODD(a, b);
	}
}

INLINED void
lanes_store(uint64_t *out, unsigned int n, __m512i v)
{
	_mm512_mask_storeu_epi64(out, n < LANES ? (__mmask8)((1u << n) - 1) : 0xff, v);
}

/* A word of each of both groups. */
INLINED void
word16(struct state s[2], __m512i a, __m512i b)
{
	s[0].v3 = _mm512_xor_si512(s[0].v3, a);
	s[1].v3 = _mm512_xor_si512(s[1].v3, b);
	for (int i = 0; i < 2; i++) {
		round8(&s[0]);
		round8(&s[1]);
	}
	s[0].v0 = _mm512_xor_si512(s[0].v0, a);
	s[1].v0 = _mm512_xor_si512(s[1].v0, b);
}

/* The last word of both groups, and what they hash to. */
INLINED void
end16(struct state s[2], __m512i a, __m512i b, __m512i out[2])
{
	word16(s, a, b);
	for (int g = 0; g < 2; g++)
		s[g].v2 = _mm512_xor_si512(s[g].v2, _mm512_set1_epi64(0xff));
	for (int i = 0; i < 4; i++) {
		round8(&s[0]);
		round8(&s[1]);
	}
	for (int g = 0; g < 2; g++)
		out[g] = _mm512_xor_si512(_mm512_xor_si512(s[g].v0, s[g].v1),
					  _mm512_xor_si512(s[g].v2, s[g].v3));
}

/* More than eight jobs: the first sixteen of them, or all. */
AVX512 static void
frames16(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	struct state s[2];
	__m512i w[2][8], v[2];

	for (int g = 0; g < 2; g++) {
		frames_load(jobs + 8 * g, n - 8 * g, w[g]);
		s[g] = begin8(w[g][0], w[g][1]);
	}
	for (int word = 2; word < 7; word++)
		word16(s, w[0][word], w[1][word]);
	end16(s, w[0][7], w[1][7], v);
	lanes_store(out, 8, v[0]);
	lanes_store(out + 8, n - 8, v[1]);
}

/* The same. */
AVX512 static void
pairs16(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	__m512i last = _mm512_set1_epi64(16LL << 56), w[2][4], v[2];
	struct state s[2];

	for (int g = 0; g < 2; g++) {
		pairs_load(jobs + 8 * g, n - 8 * g, w[g]);
		s[g] = begin8(w[g][0], w[g][1]);
	}
	word16(s, w[0][2], w[1][2]);
	word16(s, w[0][3], w[1][3]);
	end16(s, last, last, v);
	lanes_store(out, 8, v[0]);
	lanes_store(out + 8, n - 8, v[1]);
}

AVX512 static void
frames_avx512(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	unsigned int i = 0;

	for (; n - i > LANES; i += n - i < 2 * LANES ? n - i : 2 * LANES)
		frames16(jobs + i, n - i, out + i);
	for (; i < n; i += LANES) {
		struct state s;
		__m512i w[8];

		frames_load(jobs + i, n - i, w);
		s = begin8(w[0], w[1]);
		for (int word = 2; word < 7; word++)
			word8(&s, w[word]);
		lanes_store(out + i, n - i, end8(&s, w[7]));
	}
}

AVX512 static void
pairs_avx512(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	unsigned int i = 0;

	for (; n - i > LANES; i += n - i < 2 * LANES ? n - i : 2 * LANES)
		pairs16(jobs + i, n - i, out + i);
	for (; i < n; i += LANES) {
		struct state s;
		__m512i w[4];

		pairs_load(jobs + i, n - i, w);
		s = begin8(w[0], w[1]);
		word8(&s, w[2]);
		word8(&s, w[3]);
		lanes_store(out + i, n - i, end8(&s, _mm512_set1_epi64(16LL << 56)));
	}
}

const struct chq_sip_lanes chq_sip_avx512 = { "avx512", frames_avx512, pairs_avx512 };
#endif
