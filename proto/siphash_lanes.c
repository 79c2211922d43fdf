#include "proto/siphash_lanes.h"

static void
frames_scalar(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	for (unsigned int i = 0; i < n; i++) {
		struct chq_sipstate s = chq_sip_begin(&jobs[i].key);

		CHQ_SIP_UNROLL
		for (int word = 0; word < 5; word++)
			chq_sip_word(&s, jobs[i].words[word]);
		out[i] = chq_sip_end(&s, jobs[i].last);
	}
}

static void
pairs_scalar(const struct chq_sip_job *jobs, unsigned int n, uint64_t *out)
{
	for (unsigned int i = 0; i < n; i++)
		out[i] = chq_siphash_words2(&jobs[i].key, jobs[i].words[0], jobs[i].words[1]);
}

static const struct chq_sip_lanes scalar = { "scalar", frames_scalar, pairs_scalar };

const struct chq_sip_lanes *
chq_sip_lanes(enum chq_simd level)
{
	switch (level) {
	case CHQ_SIMD_SCALAR: return &scalar;
#ifdef __x86_64__
	/* These ask for the kernel's support of the registers as well. */
	case CHQ_SIMD_AVX2: return __builtin_cpu_supports("avx2") ? &chq_sip_avx2 : NULL;
	case CHQ_SIMD_AVX512: return __builtin_cpu_supports("avx512f") ? &chq_sip_avx512 : NULL;
#endif
	default: return NULL;
	}
}

const struct chq_sip_lanes *
chq_sip_lanes_best(void)
{
	const struct chq_sip_lanes *lanes = NULL;

	for (int level = CHQ_SIMD__COUNT - 1; !lanes; level--)
		lanes = chq_sip_lanes((enum chq_simd)level);
	return lanes;
}

const struct chq_sip_lanes *
chq_sip_lanes_named(const char *name)
{
	if (strcmp(name, "auto") == 0)
		return chq_sip_lanes_best();
	for (int level = 0; level < CHQ_SIMD__COUNT; level++) {
		const struct chq_sip_lanes *lanes = chq_sip_lanes((enum chq_simd)level);

		if (lanes && strcmp(lanes->name, name) == 0)
			return lanes;
	}
	return NULL;
}
