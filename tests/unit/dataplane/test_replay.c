#include <pthread.h>

#include "tests/unit/dataplane/fixture.h"

/* --- a plain slow model: every number taken is remembered, and the newest block of each of the 8
 * indices --- */

#define MODEL_SPAN 65536

struct model {
	uint8_t taken[MODEL_SPAN];
	uint64_t newest[CHQ_REPLAY_WORDS];
};

static int
model_take(struct model *m, uint64_t seq)
{
	uint64_t block = seq / 32;

	assert_true(seq < MODEL_SPAN);
	if (seq == 0 || m->taken[seq] || block < m->newest[block % 8])
		return 0;
	m->taken[seq] = 1;
	m->newest[block % 8] = block;
	return 1;
}

/* Numbers around a front that creeps, stands and jumps. */
static uint64_t
next_seq(uint64_t *state, uint64_t *front)
{
	uint64_t r = rnd(state), back = r >> 8 & (r >> 40 & 1 ? 31 : 511);

	*front += r % 16 == 0 ? r >> 24 & 127 : r % 4 == 0;
	return *front > back ? *front - back : 0;
}

static void
window_decides_like_a_plain_model(void **state)
{
	struct model *m = malloc(sizeof(*m));
	uint64_t words[CHQ_REPLAY_WORDS], rng = 1, top = 0;

	(void)state;
	assert_non_null(m);
	for (long n = 0; n < 4000000;) {
		uint64_t front = 1;

		memset(m, 0, sizeof(*m));
		memset(words, 0, sizeof(words));
		top = 0;
		for (; front < MODEL_SPAN - 600; n++) {
			uint64_t seq = next_seq(&rng, &front);
			int seen = chq_replay_seen(words, seq);
			int took = chq_replay_take(words, seq);

			if (took == seen)
				fail_msg("number %lu: a look says %d", (unsigned long)seq, seen);
			if (took != model_take(m, seq))
				fail_msg("number %lu: window says %d", (unsigned long)seq, took);
			top = took && seq > top ? seq : top;
		}
		assert_true(chq_replay_highest(words) == top);
	}
	free(m);
}

static void
window_reaches_225_to_256_numbers_back(void **state)
{
	(void)state;
	for (uint64_t newest = 4096; newest < 4096 + 64; newest++) {
		uint64_t reach = newest % 32 + 225; /* the newest counted */

		for (uint64_t back = 1; back < 400; back++) {
			uint64_t words[CHQ_REPLAY_WORDS] = { 0 };

			for (uint64_t s = 1; s <= newest; s += 16) /* every block was used */
				(void)chq_replay_take(words, s);
			(void)chq_replay_take(words, newest);
			assert_int_equal(chq_replay_take(words, newest - back),
					 back < reach && (newest - back) % 16 != 1);
		}
	}
}

static void
window_refuses_numbers_that_are_none(void **state)
{
	uint64_t words[CHQ_REPLAY_WORDS] = { 0 };

	(void)state;
	assert_int_equal(chq_replay_take(words, 0), 0);
	assert_int_equal(chq_replay_take(words, CHQ_SEQ_END), 0);
	assert_int_equal(chq_replay_take(words, UINT64_MAX), 0);
	assert_true(chq_replay_highest(words) == 0);
	assert_int_equal(chq_replay_take(words, CHQ_SEQ_END - 1), 1);
	assert_int_equal(chq_replay_take(words, CHQ_SEQ_END - 1), 0);
	assert_true(chq_replay_highest(words) == CHQ_SEQ_END - 1);
}

/* --- two threads, one session --- */

#define RACE_SEQS 2000000

struct race {
	uint64_t words[CHQ_REPLAY_WORDS];
	uint8_t *taken[2];
	pthread_barrier_t start;
};

struct racer {
	struct race *race;
	int index;
};

static void *
race_run(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(&r->race->start);
	for (uint64_t s = 1; s < RACE_SEQS; s++)
		r->race->taken[r->index][s] = (uint8_t)chq_replay_take(r->race->words, s);
	return NULL;
}

static void
two_threads_never_take_one_number_twice(void **state)
{
	struct race race = { .taken = { calloc(RACE_SEQS, 1), calloc(RACE_SEQS, 1) } };
	struct racer racers[2] = { { &race, 0 }, { &race, 1 } };
	unsigned long twice = 0, once = 0;
	pthread_t threads[2];

	(void)state;
	assert_non_null(race.taken[0]);
	assert_non_null(race.taken[1]);
	assert_int_equal(pthread_barrier_init(&race.start, NULL, 2), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race_run, &racers[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (uint64_t s = 1; s < RACE_SEQS; s++) {
		twice += race.taken[0][s] && race.taken[1][s];
		once += race.taken[0][s] || race.taken[1][s];
	}
	assert_int_equal(twice, 0);
	assert_true(once > RACE_SEQS / 2); /* the faster one alone takes most */
	pthread_barrier_destroy(&race.start);
	free(race.taken[0]);
	free(race.taken[1]);
}

static void
heard_is_written_once_a_second_and_once_in_eight_to_the_receiver_half(void **state)
{
	struct chq_session s = { .heard_s = 5, .rx_heard_s = 1 };

	(void)state;
	chq_session_heard(&s, 5);
	assert_int_equal(s.rx_heard_s, 1); /* nothing to write */
	chq_session_heard(&s, 7);
	assert_int_equal(s.heard_s, 7);
	assert_int_equal(s.rx_heard_s, 1); /* 0 to 7 are one span */
	chq_session_heard(&s, 8);
	assert_int_equal(s.heard_s, 8);
	assert_int_equal(s.rx_heard_s, 15);
}

/* Whatever the seconds between its frames, by whichever clocks: one a second behind is the program's. */
static void
a_receiver_is_silent_never_early_and_at_most_seven_seconds_late(void **state)
{
	struct chq_session s = { .heard_s = 0, .rx_heard_s = chq_heard_until(0) };
	uint64_t seed = 7;

	(void)state;
	for (uint32_t now = 0, last = 0; now < 100000; now += (uint32_t)(rnd(&seed) % 12)) {
		last = now - (now > 0 && rnd(&seed) % 4 == 0);
		chq_session_heard(&s, last);
		assert_int_equal(s.heard_s, last);
		assert_in_range(s.rx_heard_s, last, last + CHQ_HEARD_SPAN_S - 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_decides_like_a_plain_model),
		cmocka_unit_test(window_reaches_225_to_256_numbers_back),
		cmocka_unit_test(window_refuses_numbers_that_are_none),
		cmocka_unit_test(two_threads_never_take_one_number_twice),
		cmocka_unit_test(
			heard_is_written_once_a_second_and_once_in_eight_to_the_receiver_half),
		cmocka_unit_test(a_receiver_is_silent_never_early_and_at_most_seven_seconds_late),
	};
	return cmocka_run_group_tests_name("dataplane/replay", tests, NULL, NULL);
}
