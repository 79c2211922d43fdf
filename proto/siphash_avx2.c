/*
 * SipHash-2-4 of four messages at once, and of two such groups side by side, because one alone
 * leaves the units waiting. The target is each function's own; chq_sip_lanes() asks the machine.
 */
#include "proto/siphash_lanes.h"

#ifdef __x86_64__
#include <immintrin.h>

#define LANES	8
#define AVX2	__attribute__((target("avx2")))
#define INLINED static inline __attribute__((always_inline, target("avx2")))

struct state {
	__m256i v0, v1, v2, v3;
};

#define ROTL(x, bits) _mm256_or_si256(_mm256_slli_epi64(x, bits), _mm256_srli_epi64(x, 64 - (bits)))
#define ROTL32(x)     _mm256_shuffle_epi32(x, 0xb1)

/* By 16 bits: bytes 6, 7, 0, 1, … of each word. */
INLINED __m256i
rotl16(__m256i x)
{
	return _mm256_shuffle_epi8(x, _mm256_set_epi64x(0x0d0c0b0a09080f0e, 0x0504030201000706,
							0x0d0c0b0a09080f0e, 0x0504030201000706));
}

/* As chq_sip_round(). */
INLINED void
round4(struct state *s)
{
	s->v0 = _mm256_add_epi64(s->v0, s->v1);
	s->v1 = _mm256_xor_si256(ROTL(s->v1, 13), s->v0);
	s->v0 = ROTL32(s->v0);
	s->v2 = _mm256_add_epi64(s->v2, s->v3);
	s->v3 = _mm256_xor_si256(rotl16(s->v3), s->v2);
	s->v0 = _mm256_add_epi64(s->v0, s->v3);
	s->v3 = _mm256_xor_si256(ROTL(s->v3, 21), s->v0);
	s->v2 = _mm256_add_epi64(s->v2, s->v1);
	s->v1 = _mm256_xor_si256(ROTL(s->v1, 17), s->v2);
	s->v2 = ROTL32(s->v2);
}

INLINED struct state
begin4(__m256i k0, __m256i k1)
{
	return (struct state){
		.v0 = _mm256_xor_si256(k0, _mm256_set1_epi64x(0x736f6d6570736575)),
		.v1 = _mm256_xor_si256(k1, _mm256_set1_epi64x(0x646f72616e646f6d)),
		.v2 = _mm256_xor_si256(k0, _mm256_set1_epi64x(0x6c7967656e657261)),
		.v3 = _mm256_xor_si256(k1, _mm256_set1_epi64x(0x7465646279746573)),
	};
}

/* A word of each of both groups. */
INLINED void
word8(struct state s[2], __m256i a, __m256i b)
{
	s[0].v3 = _mm256_xor_si256(s[0].v3, a);
	s[1].v3 = _mm256_xor_si256(s[1].v3, b);
	for (int i = 0; i < 2; i++) {
		round4(&s[0]);
		round4(&s[1]);
	}
	s[0].v0 = _mm256_xor_si256(s[0].v0, a);
	s[1].v0 = _mm256_xor_si256(s[1].v0, b);
}

/* The last word of both groups, and what they hash to. */
INLINED void
end8(struct state s[2], __m256i a, __m256i b, uint64_t *out, unsigned int n)
{
	uint64_t all[LANES];

	word8(s, a, b);
	for (int g = 0; g < 2; g++)
		s[g].v2 = _mm256_xor_si256(s[g].v2, _mm256_set1_epi64x(0xff));
	for (int i = 0; i < 4; i++) {
		round4(&s[0]);
		round4(&s[1]);
	}
	for (int g = 0; g < 2; g++) {
		__m256i v = _mm256_xor_si256(_mm256_xor_si256(s[g].v0, s[g].v1),
					     _mm256_xor_si256(s[g].v2, s[g].v3));

		_mm256_storeu_si256((__m256i *)(void *)(n < LANES ? all + 4 * g : out + 4 * g), v);
	}
	if (n < LANES)
		memcpy(out, all, n * sizeof(*out));
}

/* Words @from to @from + 3 of the four jobs from @first on, transposed: key, words and last counted
 * as eight. Behind the end it is the last job again. */
INLINED void
rows_load(const struct chq_sip_job *jobs, unsigned int n, unsigned int first, unsigned int from,
	  __m256i w[4])
{
	__m256i row[4], a, b, c, d;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int at = first + i < n ? first + i : n - 1;

		row[i] = _mm256_loadu_si256(
			(const __m256i *)(const void *)((const uint64_t *)(const void *)&jobs[at] +
							from));
	}
	a = _mm256_unpacklo_epi64(row[0], row[1]);
	b = _mm256_unpackhi_epi64(row[0], row[1]);
	c = _mm256_unpacklo_epi64(row[2], row[3]);
	d = _mm256_unpackhi_epi64(row[2], row[3]);
	w[0] = _mm256_permute2x128_si256(a, c, 0x20);
	w[1] = _mm256_permute2x128_si256(b, d, 0x20);
	w[2] = _mm256_permute2x128_si256(a, c, 0x31);
	w[3] = _mm256_permute2x128_si256(b, d, 0x31);
}

AVX2 static void
frames_avx2(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	for (unsigned int i = 0; i < n; i += LANES) {
		__m256i w[2][4];
		struct state s[2];

		for (unsigned int g = 0; g < 2; g++) {
			rows_load(jobs + i, n - i, 4 * g, 0, w[g]);
			s[g] = begin4(w[g][0], w[g][1]);
		}
		word8(s, w[0][2], w[1][2]);
		word8(s, w[0][3], w[1][3]);
		for (unsigned int g = 0; g < 2; g++)
			rows_load(jobs + i, n - i, 4 * g, 4, w[g]);
		for (int word = 0; word < 3; word++)
			word8(s, w[0][word], w[1][word]);
		end8(s, w[0][3], w[1][3], out + i, n - i);
	}
}

AVX2 static void
pairs_avx2(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	__m256i last = _mm256_set1_epi64x(16LL << 56);

	for (unsigned int i = 0; i < n; i += LANES) {
		__m256i w[2][4];
		struct state s[2];

		for (unsigned int g = 0; g < 2; g++) {
			rows_load(jobs + i, n - i, 4 * g, 0, w[g]);
			s[g] = begin4(w[g][0], w[g][1]);
		}
		word8(s, w[0][2], w[1][2]);
		word8(s, w[0][3], w[1][3]);
		end8(s, last, last, out + i, n - i);
	}
}

const struct chq_sip_lanes chq_sip_avx2 = { "avx2", frames_avx2, pairs_avx2 };
#endif
