#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/ring.h"

#define TRANSFERS 200000

struct entry {
	uint64_t number, complement;
};

static void
a_full_ring_refuses_and_an_empty_one_gives_nothing(void **state)
{
	struct entry e = { 0, 0 };
	struct chq_ring r;

	(void)state;
	assert_int_equal(chq_ring_init(&r, 4, sizeof(e)), 0);
	for (int round = 0; round < 10; round++) {
		for (uint64_t i = 0; i < 4; i++) {
			e.number = i;
			assert_true(chq_ring_push(&r, &e));
		}
		assert_false(chq_ring_push(&r, &e));
		for (uint64_t i = 0; i < 4; i++) {
			assert_true(chq_ring_pop(&r, &e));
			assert_int_equal(e.number, i);
		}
		assert_false(chq_ring_pop(&r, &e));
		assert_true(
			chq_ring_push(&r, &e)); /* so that every round starts one slot further */
		assert_true(chq_ring_pop(&r, &e));
	}
	chq_ring_deinit(&r);
	chq_ring_deinit(&r);
}

static void
capacities_that_are_no_power_of_two_are_refused(void **state)
{
	struct chq_ring r;

	(void)state;
	assert_int_equal(chq_ring_init(&r, 0, 8), CHQ_EINVAL);
	assert_int_equal(chq_ring_init(&r, 1, 8), CHQ_EINVAL);
	assert_int_equal(chq_ring_init(&r, 6, 8), CHQ_EINVAL);
	assert_int_equal(chq_ring_init(&r, UINT32_C(1) << 31, 8), CHQ_EINVAL);
	assert_int_equal(chq_ring_init(&r, 8, 0), CHQ_EINVAL);
}

static void *
produce(void *arg)
{
	struct chq_ring *r = arg;

	for (uint64_t i = 0; i < TRANSFERS;) {
		struct entry e = { i, ~i };

		if (chq_ring_push(r, &e))
			i++;
		else
			sched_yield();
	}
	return NULL;
}

static void
two_threads_pass_every_entry_whole_and_in_order(void **state)
{
	struct chq_ring r;
	struct entry e;
	pthread_t t;

	(void)state;
	assert_int_equal(chq_ring_init(&r, 64, sizeof(e)), 0);
	assert_int_equal(pthread_create(&t, NULL, produce, &r), 0);
	for (uint64_t i = 0; i < TRANSFERS;) {
		if (!chq_ring_pop(&r, &e)) {
			sched_yield();
			continue;
		}
		assert_true(e.number == i && e.complement == ~i);
		i++;
	}
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_false(chq_ring_pop(&r, &e));
	chq_ring_deinit(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_ring_refuses_and_an_empty_one_gives_nothing),
		cmocka_unit_test(capacities_that_are_no_power_of_two_are_refused),
		cmocka_unit_test(two_threads_pass_every_entry_whole_and_in_order),
	};

	return cmocka_run_group_tests_name("base/ring", tests, NULL, NULL);
}
