/* Ends of a round: who is woken, what a connection that is gone leaves behind, what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/dataplane/manager_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* --- waking --- */

static unsigned woken[CHQ_TABLE_WORKERS_MAX];

static void
count_wake(struct chq_driver *d, struct chq_worker *w)
{
	(void)d;
	woken[w->index]++;
}

static const struct chq_driver_ops sleepy_driver = { .name = "sleepy", .wake = count_wake };

static void
of_sixty_four_workers_only_those_with_something_to_send_are_woken(void **state)
{
	struct fixture *f = *state;
	struct chq_worker *w[CHQ_TABLE_WORKERS_MAX];
	struct chq_driver driver = { .ops = &sleepy_driver };
	struct chq_manager *m = calloc(1, sizeof(*m));
	struct chq_path to = { .port = 9 };
	uint8_t byte = CHQ_TYPE_WELCOME;

	memset(woken, 0, sizeof(woken));
	for (unsigned i = 0; i < CHQ_TABLE_WORKERS_MAX; i++) {
		w[i] = aligned_alloc(_Alignof(struct chq_worker), sizeof(*w[i]));
		memset(w[i], 0, sizeof(*w[i]));
		chq_worker_bind(w[i], i, f->t);
	}
	assert_int_equal(chq_manager_init(m, f->t, &driver, w, CHQ_TABLE_WORKERS_MAX), 0);
	chq_manager_send(m, 63, &to, &byte, 1);
	chq_manager_send(m, 2, &to, &byte, 1);
	chq_manager_send(m, 2 + CHQ_TABLE_WORKERS_MAX, &to, &byte, 1);
	chq_manager_round(m);
	for (unsigned i = 0; i < CHQ_TABLE_WORKERS_MAX; i++)
		assert_int_equal(woken[i], i == 2 || i == 63);
	chq_manager_round(m);
	assert_int_equal(woken[63], 1);

	chq_manager_deinit(m);
	for (unsigned i = 0; i < CHQ_TABLE_WORKERS_MAX; i++)
		free(w[i]);
	free(m);
}

/* --- dumps --- */

static void
a_new_connection_gets_nothing_of_the_dump_that_another_asked_for(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_hdr dump = { CHQ_DP_DUMP, sizeof(dump), 21 };
	union chq_msg out;

	fixture_greet(f);
	for (unsigned i = 0; i < 200; i++) {
		struct chq_dp_ref ref = fixture_open(f, 100 + i, 1, 10);

		assert_int_equal(chq_session_confirm(f->t, ref, fixture_now_ns, NULL), 0);
	}
	assert_int_equal(
		setsockopt(f->m.link.fd, SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int)), 0);
	fixture_send(f, &dump);
	assert_true(f->m.dump.on);

	fixture_connect(f);
	for (int i = 0; i < 10; i++)
		chq_manager_round(&f->m);
	assert_int_equal(fixture_recv(f, &out), 0);
	assert_false(f->m.dump.on);
	fixture_greet(f);
	assert_int_equal(fixture_recv(f, &out), 0);
}

/* --- the sweep --- */

static void
however_many_end_at_once_a_round_ends_a_bounded_number(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_session_open o = { .account = 1,
					 .device = 1,
					 .confirm_s = 10,
					 .lifetime_s = 3600,
					 .path = { .port = 9 } };
	uint32_t used, opened = 4 * CHQ_ROUND_ENDS, rounds = 0;
	struct chq_dp_ref ref;

	for (uint32_t i = 0; i < opened; i++, o.account++) {
		assert_int_equal(chq_session_open(f->t, &o, fixture_now_ns, &ref), 0);
		assert_int_equal(chq_session_confirm(f->t, ref, fixture_now_ns, NULL), 0);
	}
	fixture_now_ns += 4000 * CHQ_NS_PER_SEC;
	for (; f->t->used; rounds++) {
		used = f->t->used;
		chq_manager_round(&f->m);
		assert_true(used - f->t->used <= CHQ_ROUND_ENDS);
		if (f->m.sweep_due)
			assert_true(f->m.busy); /* it goes on at once */
		else
			fixture_now_ns += CHQ_MANAGER_TICK_NS;
		assert_true(rounds < 1000);
	}
	assert_int_equal(f->t->free_count, FIXTURE_SESSIONS);
	assert_int_equal(f->t->accounts, 0);
}

/* --- frames that cannot be sent --- */

static void
a_frame_from_control_to_a_session_that_is_gone_is_counted(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_frame_tx frame = { .h = { CHQ_DP_FRAME_TX, sizeof(frame), 0 },
					 .flags = CHQ_F_NOTICE,
					 .app = CHQ_NOTICE_CLOSED };
	struct chq_tx_item item;

	fixture_greet(f);
	frame.ref = fixture_open(f, 100, 1, 10);
	frame.ref.gen++;
	fixture_send(f, &frame);
	assert_int_equal(f->m.count[CHQ_D_SLOT], 1);
	assert_false(fixture_sent(f, &item));
}

static void
notices_of_control_that_name_frames_are_from_the_sessions_budget(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_frame_tx notice = { .h = { CHQ_DP_FRAME_TX, sizeof(notice), 0 },
					  .flags = CHQ_F_NOTICE,
					  .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, 9),
					  .app = CHQ_NOTICE_UNKNOWN };
	struct chq_quota_class *q = &f->t->header->quota[CHQ_QUOTA_ORDINARY];
	struct chq_tx_item item;
	int sent = 0;

	fixture_greet(f);
	q->notice_ns = CHQ_NS_PER_SEC / 5;
	q->notice_span_ns = CHQ_NS_PER_SEC;
	notice.ref = fixture_open(f, 100, 1, 10);
	for (int i = 0; i < 20; i++)
		fixture_send(f, &notice);
	while (fixture_sent(f, &item))
		sent++;
	assert_int_equal(sent, 5);
	assert_int_equal(f->m.count[CHQ_D_NOTICE_LIMIT], 15);
	/* Each frame that was stored is told of: its sender's quota has paid for it. */
	notice.app = CHQ_NOTICE_STORED;
	for (int i = 0; i < 20; i++)
		fixture_send(f, &notice);
	for (sent = 0; fixture_sent(f, &item); sent++)
		;
	assert_int_equal(sent, 20);
	/* What is about the session itself is not held up. */
	notice.party = 0;
	notice.app = CHQ_NOTICE_REPLACED;
	fixture_send(f, &notice);
	assert_true(fixture_sent(f, &item));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(of_sixty_four_workers_only_those_with_something_to_send_are_woken),
		T(a_new_connection_gets_nothing_of_the_dump_that_another_asked_for),
		T(however_many_end_at_once_a_round_ends_a_bounded_number),
		T(a_frame_from_control_to_a_session_that_is_gone_is_counted),
		T(notices_of_control_that_name_frames_are_from_the_sessions_budget),
	};

	return cmocka_run_group_tests_name("dataplane/manager_round", tests, NULL, NULL);
}
