#include "dataplane/path.h"

#include <pthread.h>

#include "tests/unit/dataplane/fixture.h"

#define GEN 3

/* An address all of whose fields follow from one number. */
static struct chq_path
path_no(uint64_t n)
{
	struct chq_path p = {
		.ip_hi = n * UINT64_C(0x9e3779b97f4a7c15),
		.ip_lo = n * UINT64_C(0xbf58476d1ce4e5b9),
		.port = (uint16_t)n,
		.vlan = (uint16_t)(n * 3),
		.local = (uint8_t)(n * 5),
		.ifidx = (uint8_t)(n * 7),
	};

	for (int i = 0; i < 6; i++)
		p.mac[i] = (uint8_t)(n * 11 + (uint64_t)i);
	return p;
}

static void
session_at(struct chq_session *s, uint64_t n)
{
	struct chq_path p = path_no(n);

	memset(s, 0, sizeof(*s));
	chq_path_write(s, &p, CHQ_PATH_WORD(GEN, 0, 0));
	s->path_word = CHQ_PATH_WORD(GEN, 0, 0);
	s->path_fp = chq_path_fp_of(&p);
}

static void
move_is_seen_whole_by_the_next_reader(void **state)
{
	struct chq_path to = path_no(2), now;
	struct chq_session s;

	(void)state;
	session_at(&s, 1);
	assert_true(chq_path_foreign(&s, &to));
	assert_int_equal(chq_path_move(&s, &to, GEN, 10), 1);
	assert_int_equal(chq_path_read(&s, &now), 1);
	assert_memory_equal(&now, &to, sizeof(to));
	assert_false(chq_path_foreign(&s, &to));
}

static void
older_ping_or_generation_moves_nothing(void **state)
{
	struct chq_path a = path_no(2), b = path_no(3), now;
	struct chq_session s;

	(void)state;
	session_at(&s, 1);
	assert_int_equal(chq_path_move(&s, &a, GEN, 10), 1);
	assert_int_equal(chq_path_move(&s, &b, GEN, 9), 0);
	assert_int_equal(chq_path_move(&s, &b, GEN, 10), 0);
	assert_int_equal(chq_path_move(&s, &b, GEN + 1, 11), 0);
	assert_int_equal(chq_path_read(&s, &now), 1);
	assert_memory_equal(&now, &a, sizeof(a));
}

static void
frames_older_than_the_move_ask_for_nothing(void **state)
{
	struct chq_path home = path_no(2), old = path_no(1);
	struct chq_session s;

	(void)state;
	session_at(&s, 1);
	assert_int_equal(chq_path_move(&s, &home, GEN, 10), 1);
	assert_false(chq_path_asks(&s, &old, 9));
	assert_true(chq_path_asks(&s, &old, 11));
	assert_false(chq_path_asks(&s, &home, 11));
}

static void
mixture_of_two_writes_is_not_used_and_asks_again(void **state)
{
	struct chq_path now;
	struct chq_session s;

	(void)state;
	session_at(&s, 1);
	s.path[0].ip_lo ^= 1;
	assert_int_equal(chq_path_read(&s, &now), 0);
	for (size_t bit = 0; bit < 28 * 8; bit++) {
		session_at(&s, 1);
		((uint8_t *)&s.path[0])[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(chq_path_read(&s, &now), 0);
	}
}

static void
token_serves_its_address_for_two_epochs(void **state)
{
	struct chq_sipkey secret = { 1, 2 };
	struct chq_path at = path_no(1), other = path_no(1);
	uint64_t t0 = 100 * CHQ_PATH_EPOCH_NS;
	uint64_t token = chq_path_token_now(secret, 5, &at, t0);

	(void)state;
	other.port++;
	assert_true(token != 0);
	assert_true(chq_path_token_ok(secret, 5, &at, t0, token));
	assert_true(chq_path_token_ok(secret, 5, &at, t0 + 2 * CHQ_PATH_EPOCH_NS - 1, token));
	assert_false(chq_path_token_ok(secret, 5, &at, t0 + 2 * CHQ_PATH_EPOCH_NS, token));
	assert_false(chq_path_token_ok(secret, 6, &at, t0, token));
	assert_false(chq_path_token_ok(secret, 5, &other, t0, token));
	assert_false(chq_path_token_ok(secret, 5, &at, t0, 0));
}

/* --- two movers, who read as well, and one reader --- */

#define MOVES 400000

struct race {
	struct chq_session s;
	uint64_t next_seq;
	int movers;
	pthread_barrier_t start;
};

struct racer {
	struct race *r;
	unsigned long read, torn, wrong;
};

/* Every address that is read is one that somebody wrote: all its fields follow from the word's
 * seq. */
static void
read_once(struct racer *me)
{
	const struct chq_session *s = &me->r->s;
	struct chq_path now, whole;
	uint64_t word = CHQ_LOAD_ACQUIRE(&s->path_word);

	if (!chq_path_read(s, &now)) {
		me->torn++;
		return;
	}
	if (CHQ_LOAD_ACQUIRE(&s->path_word) != word)
		return;
	whole = path_no(CHQ_PATH_SEQ(word));
	me->read++;
	me->wrong += memcmp(&now, &whole, sizeof(now)) != 0;
}

static void *
mover(void *arg)
{
	struct racer *me = arg;
	struct race *r = me->r;

	pthread_barrier_wait(&r->start);
	for (int i = 0; i < MOVES; i++) {
		uint64_t seq = CHQ_FETCH_ADD(&r->next_seq, 1);
		struct chq_path to = path_no(seq);

		(void)chq_path_move(&r->s, &to, GEN, seq);
		read_once(me);
	}
	CHQ_FETCH_ADD(&r->movers, -1);
	return NULL;
}

static void
two_movers_never_make_a_torn_address_used(void **state)
{
	struct race *r = calloc(1, sizeof(*r));
	struct racer racers[3] = { { .r = r }, { .r = r }, { .r = r } };
	struct chq_path home = path_no(1), now;
	pthread_t threads[2];

	(void)state;
	assert_non_null(r);
	session_at(&r->s, 0);
	r->next_seq = 1;
	r->movers = 2;
	assert_int_equal(pthread_barrier_init(&r->start, NULL, 2), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, mover, &racers[i]), 0);
	while (CHQ_LOAD_RELAXED(&r->movers) > 0)
		read_once(&racers[2]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(racers[i].wrong, 0);
	assert_true(racers[0].read + racers[1].read > 0);

	/* Whatever the race left: the next PING heals it. */
	assert_int_equal(chq_path_move(&r->s, &home, GEN, r->next_seq + 1), 1);
	assert_int_equal(chq_path_read(&r->s, &now), 1);
	assert_memory_equal(&now, &home, sizeof(home));
	pthread_barrier_destroy(&r->start);
	free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(move_is_seen_whole_by_the_next_reader),
		cmocka_unit_test(older_ping_or_generation_moves_nothing),
		cmocka_unit_test(frames_older_than_the_move_ask_for_nothing),
		cmocka_unit_test(mixture_of_two_writes_is_not_used_and_asks_again),
		cmocka_unit_test(token_serves_its_address_for_two_epochs),
		cmocka_unit_test(two_movers_never_make_a_torn_address_used),
	};
	return cmocka_run_group_tests_name("dataplane/path", tests, NULL, NULL);
}
