/* Every level of proto/siphash_lanes.h that this machine has, against the published vectors and
 * against the plain hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "proto/siphash_lanes.h"
#include "tests/unit/proto/vectors.h"

#define N_MAX	  64
#define CANARY	  UINT64_C(0x5ca1ab1e0ddba11)
#define FRAME_LEN 42
#define PAIR_LEN  16

static struct chq_sip_job jobs[N_MAX];
static uint64_t got[N_MAX + 1];

static void
each_level(void (*check)(const struct chq_sip_lanes *l))
{
	for (int level = 0; level < CHQ_SIMD__COUNT; level++) {
		const struct chq_sip_lanes *l = chq_sip_lanes((enum chq_simd)level);

		if (l)
			check(l);
		else
			print_message("level %d is not to be had here\n", level);
	}
}

static uint64_t
published(json_t *outputs, size_t len)
{
	uint8_t want[8];
	uint64_t value;

	assert_int_equal(vectors_hex(json_string_value(json_array_get(outputs, len)), want,
				     sizeof(want)),
			 sizeof(want));
	memcpy(&value, want, sizeof(value));
	return value;
}

/* The published messages are 00 01 02 …, of which those of 42 and 16 bytes have our two lengths. */
static void
published_check(const struct chq_sip_lanes *l)
{
	json_t *root = vectors_load("tests/vectors/siphash_2_4.json");
	json_t *outputs = json_object_get(root, "outputs");
	uint8_t key[16], message[FRAME_LEN];

	assert_int_equal(vectors_bytes(root, "key", key, sizeof(key)), sizeof(key));
	for (uint8_t i = 0; i < sizeof(message); i++)
		message[i] = i;
	for (int i = 0; i < N_MAX; i++) {
		jobs[i].key = chq_sipkey_load(key);
		memcpy(jobs[i].words, message, sizeof(jobs[i].words));
		jobs[i].last = chq_sip_frame_last((uint16_t)(message[40] | message[41] << 8));
	}
	l->frames(jobs, N_MAX, got);
	for (int i = 0; i < N_MAX; i++)
		assert_true(got[i] == published(outputs, FRAME_LEN));
	l->pairs(jobs, N_MAX, got);
	for (int i = 0; i < N_MAX; i++)
		assert_true(got[i] == published(outputs, PAIR_LEN));
	json_decref(root);
}

static void
each_level_gives_the_published_vectors_of_both_lengths(void **state)
{
	(void)state;
	each_level(published_check);
}

static void
lengths_check(const struct chq_sip_lanes *l)
{
	for (unsigned int n = 0; n <= N_MAX; n++) {
		randombytes_buf(jobs, sizeof(jobs));
		got[n] = CANARY;
		l->frames(jobs, n, got);
		assert_true(got[n] == CANARY);
		for (unsigned int i = 0; i < n; i++) {
			uint16_t len = (uint16_t)jobs[i].last;
			struct chq_sip_job job = jobs[i];
			uint64_t one;

			job.last = chq_sip_frame_last(len);
			l->frames(&job, 1, &one);
			assert_true(one == chq_siphash_frame(&job.key, job.words, len));
			chq_sip_lanes(CHQ_SIMD_SCALAR)->frames(&jobs[i], 1, &one);
			assert_true(got[i] == one);
		}
		l->pairs(jobs, n, got);
		assert_true(got[n] == CANARY);
		for (unsigned int i = 0; i < n; i++)
			assert_true(got[i] == chq_siphash_words2(&jobs[i].key, jobs[i].words[0],
								 jobs[i].words[1]));
	}
}

static void
each_level_gives_the_plain_hashes_at_every_length_and_writes_nothing_behind(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		each_level(lengths_check);
}

static void
best_level_is_one_of_those_by_name_and_scalar_is_always_there(void **state)
{
	const struct chq_sip_lanes *best = chq_sip_lanes_best();

	(void)state;
	assert_ptr_equal(chq_sip_lanes_named("auto"), best);
	assert_ptr_equal(chq_sip_lanes_named(best->name), best);
	assert_string_equal(chq_sip_lanes_named("scalar")->name, "scalar");
	assert_null(chq_sip_lanes_named("mmx"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_level_gives_the_published_vectors_of_both_lengths),
		cmocka_unit_test(
			each_level_gives_the_plain_hashes_at_every_length_and_writes_nothing_behind),
		cmocka_unit_test(best_level_is_one_of_those_by_name_and_scalar_is_always_there),
	};
	return cmocka_run_group_tests_name("proto/siphash_lanes", tests, NULL, NULL);
}
