#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/err.h"
#include "control/pool.h"

struct sum {
	struct pool_job job;
	pthread_t worked_by;
	unsigned in, out;
	bool ended, cancelled;
};

static atomic_bool gate; /* held: work waits */

static void
work(struct pool_job *job)
{
	struct sum *s = CHQ_CONTAINER_OF(job, struct sum, job);

	while (atomic_load(&gate))
		usleep(1000);
	s->worked_by = pthread_self();
	s->out = s->in * 2;
}

static void
ended(struct pool_job *job)
{
	struct sum *s = CHQ_CONTAINER_OF(job, struct sum, job);

	assert_false(s->ended);
	s->ended = true;
	s->cancelled = job->cancelled;
}

static void
jobs_are_worked_on_elsewhere_and_end_on_the_loop(void **state)
{
	struct event_base *base = event_base_new();
	struct sum sum[50] = { 0 };
	struct loop_inbox inbox;
	struct pool pool;
	unsigned left = 50;

	(void)state;
	atomic_store(&gate, false);
	assert_int_equal(loop_inbox_init(&inbox, base), 0);
	assert_int_equal(pool_init(&pool, &inbox, "test", 3, 100), 0);
	for (unsigned i = 0; i < 50; i++) {
		sum[i].in = i;
		sum[i].job.work = work;
		sum[i].job.done = ended;
		assert_int_equal(pool_submit(&pool, &sum[i].job), 0);
	}
	for (unsigned tries = 0; left && tries < 20000; tries++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		left = 0;
		for (unsigned i = 0; i < 50; i++)
			left += !sum[i].ended;
		usleep(500);
	}
	assert_int_equal(left, 0);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(sum[i].out, 2 * i);
		assert_false(pthread_equal(sum[i].worked_by, pthread_self()));
	}
	pool_deinit(&pool);
	loop_inbox_deinit(&inbox);
	event_base_free(base);
}

static void
a_full_queue_refuses_and_the_end_cancels_what_waits(void **state)
{
	struct event_base *base = event_base_new();
	struct sum sum[8] = { 0 };
	struct loop_inbox inbox;
	struct pool pool;
	unsigned taken = 0, cancelled = 0;

	(void)state;
	atomic_store(&gate, true);
	assert_int_equal(loop_inbox_init(&inbox, base), 0);
	assert_int_equal(pool_init(&pool, &inbox, "test", 1, 2), 0);
	for (unsigned i = 0; i < 8; i++) {
		sum[i].job.work = work;
		sum[i].job.done = ended;
		taken += pool_submit(&pool, &sum[i].job) == 0;
	}
	assert_in_range(taken, 2, 3); /* one may be at work already */
	atomic_store(&gate, false);
	pool_deinit(&pool);
	loop_inbox_run(&inbox);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(sum[i].ended, i < taken);
		cancelled += sum[i].cancelled;
	}
	assert_true(cancelled <= 2);
	loop_inbox_deinit(&inbox);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_are_worked_on_elsewhere_and_end_on_the_loop),
		cmocka_unit_test(a_full_queue_refuses_and_the_end_cancels_what_waits),
	};
	return cmocka_run_group_tests_name("control/pool", tests, NULL, NULL);
}
