#include "dataplane/quota.h"

#include <pthread.h>

#include "tests/unit/dataplane/fixture.h"

#define MS UINT64_C(1000000)

static void
idle_budget_holds_exactly_its_burst(void **state)
{
	uint64_t tat = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		assert_int_equal(chq_quota_take(&tat, T0_NS, 5 * MS, 40 * 5 * MS), 1);
	assert_int_equal(chq_quota_take(&tat, T0_NS, 5 * MS, 40 * 5 * MS), 0);
}

static void
spent_budget_refills_at_its_rate(void **state)
{
	uint64_t tat = 0, now = T0_NS;
	int taken = 0;

	(void)state;
	while (chq_quota_take(&tat, now, 5 * MS, 50 * MS))
		;
	for (int ms = 0; ms < 1000; ms++)
		taken += chq_quota_take(&tat, now += MS, 5 * MS, 50 * MS);
	assert_int_equal(taken, 200);
}

static void
refused_unit_writes_nothing(void **state)
{
	uint64_t tat = 0, was;

	(void)state;
	assert_int_equal(chq_quota_take(&tat, T0_NS, 5 * MS, 5 * MS), 1);
	was = tat;
	assert_int_equal(chq_quota_take(&tat, T0_NS, 5 * MS, 5 * MS), 0);
	assert_true(tat == was);
}

static void
price_of_nothing_is_no_limit(void **state)
{
	uint64_t tat = 12345;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(chq_quota_take(&tat, T0_NS, 0, 0), 1);
	assert_true(tat == 12345);
}

static void
clock_that_is_behind_neither_refills_nor_resets(void **state)
{
	uint64_t tat = 0;

	(void)state;
	while (chq_quota_take(&tat, T0_NS, 5 * MS, 50 * MS))
		;
	/* Another writer's clock is 10 ms, then half a second behind. */
	assert_int_equal(chq_quota_take(&tat, T0_NS - 10 * MS, 5 * MS, 50 * MS), 0);
	assert_int_equal(chq_quota_take(&tat, T0_NS - 500 * MS, 5 * MS, 50 * MS), 0);
}

static void
budget_from_another_boot_is_not_shut_for_good(void **state)
{
	uint64_t tat = T0_NS * 1000;

	(void)state;
	assert_int_equal(chq_quota_take(&tat, T0_NS, 5 * MS, 50 * MS), 1);
	assert_true(tat == T0_NS + 5 * MS);
}

/* --- two writers --- */

struct shared {
	uint64_t tat;
	pthread_barrier_t start;
	long taken[2];
};

struct writer {
	struct shared *s;
	int index;
};

static void *
spend(void *arg)
{
	struct writer *w = arg;

	pthread_barrier_wait(&w->s->start);
	for (int i = 0; i < 3000000; i++)
		w->s->taken[w->index] += chq_quota_take(&w->s->tat, T0_NS, 10, 40000000);
	return NULL;
}

static void
two_writers_spend_no_more_than_the_burst(void **state)
{
	struct shared s = { 0 };
	struct writer writers[2] = { { &s, 0 }, { &s, 1 } };
	pthread_t threads[2];

	(void)state;
	assert_int_equal(pthread_barrier_init(&s.start, NULL, 2), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, spend, &writers[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(s.taken[0] + s.taken[1], 4000000);
	pthread_barrier_destroy(&s.start);
}

/* --- frames and bytes in one word --- */

#define TICK (UINT64_C(1) << CHQ_QUOTA_TICK_SHIFT)

static void
datagram_that_one_budget_refuses_is_not_taken_from_the_other(void **state)
{
	struct chq_quota_price q = {
		.frame_ticks = 100, .frame_span = 1000, .kib_ns = 1024 * TICK, .byte_span = 500
	};
	uint64_t word = 0, was;

	(void)state;
	assert_int_equal(chq_quota_spend(&word, &q, T0_NS, 400, 0), CHQ_QUOTA_SPENT);
	was = word;
	assert_int_equal(chq_quota_spend(&word, &q, T0_NS, 101, 0), CHQ_QUOTA_OVER_BYTES);
	assert_true(word == was);
	for (int i = 0; i < 9; i++)
		assert_int_equal(chq_quota_spend(&word, &q, T0_NS, 10, 0), CHQ_QUOTA_SPENT);
	was = word;
	assert_int_equal(chq_quota_spend(&word, &q, T0_NS, 1, 0), CHQ_QUOTA_OVER_FRAMES);
	assert_true(word == was);
}

static void
session_spends_its_burst_and_then_its_rate_at_every_point_of_the_clocks_circle(void **state)
{
	struct chq_quota_price q = { .frame_ticks = 1000,
				     .frame_span = 10000,
				     .kib_ns = 1024 * TICK,
				     .byte_span = CHQ_QUOTA_SPAN_MAX };

	(void)state;
	for (uint64_t turn = 0; turn < 64; turn++) {
		uint64_t now = (turn << 26) * TICK + T0_NS, word = 0;
		int taken = 0;

		word = (now / TICK - 1) << 32 | (uint32_t)(now / TICK - 1);
		while (chq_quota_spend(&word, &q, now, 1, 0) == CHQ_QUOTA_SPENT)
			taken++;
		assert_int_equal(taken, 10);
		for (int i = 0; i < 5000; i++)
			taken += chq_quota_spend(&word, &q, now += 100 * TICK, 1, 0) ==
				 CHQ_QUOTA_SPENT;
		assert_int_equal(taken, 510);
	}
}

static void
word_that_is_ahead_of_every_clock_begins_anew(void **state)
{
	struct chq_quota_price q = { .frame_ticks = 10, .frame_span = 100 };
	uint32_t now = (uint32_t)(T0_NS / TICK);
	uint64_t word = (uint64_t)(now + 100 + CHQ_QUOTA_SKEW + 1) << 32;

	(void)state;
	assert_int_equal(chq_quota_spend(&word, &q, T0_NS, 1, 0), CHQ_QUOTA_SPENT);
	assert_true((uint32_t)(word >> 32) == now + 10);
	word = (uint64_t)(now + 100 + CHQ_QUOTA_SKEW) << 32;
	assert_int_equal(chq_quota_spend(&word, &q, T0_NS, 1, 0), CHQ_QUOTA_OVER_FRAMES);
}

static void
class_without_prices_writes_nothing(void **state)
{
	struct chq_quota_price q = { 0 };
	uint64_t word = 77;

	(void)state;
	assert_int_equal(chq_quota_spend(&word, &q, T0_NS, 1232, 0), CHQ_QUOTA_SPENT);
	assert_true(word == 77);
}

/* --- a price under overload --- */

static void
squeezed_prices_are_doubled_and_an_idle_budget_still_pays_them(void **state)
{
	struct chq_quota_price q = { .frame_ticks = 100, .frame_span = 1000 };
	static const int frames[] = { 10, 5, 2, 1, 1 };

	(void)state;
	for (uint32_t squeeze = 0; squeeze < 5; squeeze++) {
		uint64_t word = CHQ_QUOTA_IDLE(T0_NS);
		int taken = 0;

		while (chq_quota_spend(&word, &q, T0_NS, 1, squeeze) == CHQ_QUOTA_SPENT)
			taken++;
		assert_int_equal(taken, frames[squeeze]);
	}
	assert_int_equal(chq_quota_squeezed(1000, 1000, 3), 1000);
	assert_int_equal(chq_quota_squeezed(1001, 1000, 3), 1001); /* never affordable: stays so */
	assert_int_equal(chq_quota_squeezed(0, 1000, 3), 0);
	assert_int_equal(chq_quota_squeezed(CHQ_QUOTA_SPAN_MAX, CHQ_QUOTA_SPAN_MAX, 3),
			 CHQ_QUOTA_SPAN_MAX);
}

static void
what_is_used_of_a_budget_is_told_in_its_units(void **state)
{
	struct chq_quota_price q = {
		.frame_ticks = 1000, .frame_span = 10000, .kib_ns = 1024 * TICK, .byte_span = 5000
	};
	uint64_t word = CHQ_QUOTA_IDLE(T0_NS);

	(void)state;
	assert_true(chq_quota_idle(word, &q, T0_NS));
	for (int i = 0; i < 3; i++)
		assert_int_equal(chq_quota_spend(&word, &q, T0_NS, 700, 0), CHQ_QUOTA_SPENT);
	assert_int_equal(chq_quota_frames_used(word, &q, T0_NS), 3);
	assert_int_equal(chq_quota_bytes_used(word, &q, T0_NS), 2100);
	assert_int_equal(chq_quota_frames_used(word, &q, T0_NS + 1000 * TICK), 2);
	assert_int_equal(chq_quota_bytes_used(word, &q, T0_NS + 1000 * TICK), 1100);
	assert_false(chq_quota_idle(word, &q, T0_NS + 2999 * TICK));
	assert_true(chq_quota_idle(word, &q, T0_NS + 3000 * TICK));
	assert_int_equal(chq_quota_frames_used(word, &(struct chq_quota_price){ 0 }, T0_NS), 0);
}

/* --- a session and its account --- */

static void
what_the_session_refuses_costs_the_account_nothing(void **state)
{
	struct chq_quota_class q = { .own = { .frame_ticks = 100, .frame_span = 300 },
				     .account = { .frame_ticks = 50, .frame_span = 200 } };
	uint64_t own = CHQ_QUOTA_IDLE(T0_NS), shared = CHQ_QUOTA_IDLE(T0_NS), was;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(chq_quota_frame(&own, &shared, &q, T0_NS, 1, 0), CHQ_QUOTA_SPENT);
	was = shared;
	assert_int_equal(chq_quota_frame(&own, &shared, &q, T0_NS, 1, 0), CHQ_QUOTA_OVER_FRAMES);
	assert_true(shared == was);
	own = CHQ_QUOTA_IDLE(T0_NS); /* another device */
	assert_int_equal(chq_quota_frame(&own, &shared, &q, T0_NS, 1, 0), CHQ_QUOTA_SPENT);
	assert_int_equal(chq_quota_frame(&own, &shared, &q, T0_NS, 1, 0), CHQ_QUOTA_OVER_ACCOUNT);
	assert_int_equal(chq_quota_frame(&own, NULL, &q, T0_NS, 1, 0), CHQ_QUOTA_SPENT);
}

struct device {
	uint64_t own;
	uint64_t *shared;
	const struct chq_quota_class *q;
	pthread_barrier_t *start;
	long taken;
};

static void *
send_on(void *arg)
{
	struct device *d = arg;

	pthread_barrier_wait(d->start);
	for (int i = 0; i < 300000; i++)
		d->taken += chq_quota_frame(&d->own, d->shared, d->q, T0_NS, 1, 0) ==
			    CHQ_QUOTA_SPENT;
	return NULL;
}

static void
two_devices_on_two_workers_send_no_more_than_their_account_may(void **state)
{
	struct chq_quota_class q = { .own = { .frame_ticks = 10, .frame_span = 4000000 },
				     .account = { .frame_ticks = 10, .frame_span = 4000000 } };
	uint64_t shared = CHQ_QUOTA_IDLE(T0_NS);
	pthread_barrier_t start;
	struct device d[2];
	pthread_t threads[2];

	(void)state;
	assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
	for (int i = 0; i < 2; i++) {
		d[i] = (struct device){ CHQ_QUOTA_IDLE(T0_NS), &shared, &q, &start, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, send_on, &d[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(d[0].taken + d[1].taken, 400000);
	pthread_barrier_destroy(&start);
}

/* --- what is said of it --- */

static void
session_is_told_too_fast_once_a_second_by_the_worker(void **state)
{
	struct peer alice, bob;
	struct world v;

	(void)state;
	world_init(&v, 32, 16);
	peer_init(&alice, 1, 1);
	peer_confirm(&v, &alice);
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	v.t->header->quota[CHQ_QUOTA_ORDINARY].own.frame_ticks =
		1; /* with a span of 0: none is conforming */
	v.t->header->quota[CHQ_QUOTA_ORDINARY].notice_ns = 0;
	for (uint64_t ms = 0; ms < 3000; ms += 10) {
		struct chq_frame_hdr h = frame_to(&alice, &bob);

		world_clock(&v, T0_NS + ms * MS);
		world_send(&v, &h, 5, &alice);
		assert_int_equal(v.w->extra_n, ms % 1000 == 0);
		if (v.w->extra_n)
			assert_int_equal(notice_check(&v, 0, &alice, &h), CHQ_NOTICE_TOO_FAST);
	}
	assert_int_equal(v.w->counts[CHQ_C_NOTICE_TOO_FAST], 3);
	assert_int_equal(v.w->counts[CHQ_D_NOTICE_LIMIT], 297);
	world_deinit(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_budget_holds_exactly_its_burst),
		cmocka_unit_test(spent_budget_refills_at_its_rate),
		cmocka_unit_test(refused_unit_writes_nothing),
		cmocka_unit_test(price_of_nothing_is_no_limit),
		cmocka_unit_test(clock_that_is_behind_neither_refills_nor_resets),
		cmocka_unit_test(budget_from_another_boot_is_not_shut_for_good),
		cmocka_unit_test(datagram_that_one_budget_refuses_is_not_taken_from_the_other),
		cmocka_unit_test(
			session_spends_its_burst_and_then_its_rate_at_every_point_of_the_clocks_circle),
		cmocka_unit_test(word_that_is_ahead_of_every_clock_begins_anew),
		cmocka_unit_test(class_without_prices_writes_nothing),
		cmocka_unit_test(squeezed_prices_are_doubled_and_an_idle_budget_still_pays_them),
		cmocka_unit_test(what_is_used_of_a_budget_is_told_in_its_units),
		cmocka_unit_test(what_the_session_refuses_costs_the_account_nothing),
		cmocka_unit_test(two_devices_on_two_workers_send_no_more_than_their_account_may),
		cmocka_unit_test(session_is_told_too_fast_once_a_second_by_the_worker),
		cmocka_unit_test(two_writers_spend_no_more_than_the_burst),
	};
	return cmocka_run_group_tests_name("dataplane/quota", tests, NULL, NULL);
}
