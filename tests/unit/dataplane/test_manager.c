#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/dataplane/manager_fixture.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "dataplane/path.h"

#define FORWARD_S(s)                                           \
	do {                                                   \
		fixture_now_ns += (s)*CHQ_NS_PER_SEC;          \
		for (int i_ = 0; i_ < 60; i_++) {              \
			fixture_now_ns += CHQ_MANAGER_TICK_NS; \
			chq_manager_round(&f->m);              \
		}                                              \
	} while (0)

static struct chq_session *
record(const struct fixture *f, struct chq_dp_ref ref)
{
	return &f->t->sessions[ref.slot];
}

static void
done_with(struct fixture *f, int err)
{
	union chq_msg out;

	assert_int_equal(fixture_recv(f, &out), sizeof(out.done));
	assert_int_equal(out.h.type, CHQ_DP_DONE);
	assert_int_equal(out.done.err, err);
}

static void
event_of(struct fixture *f, uint32_t kind, struct chq_dp_ref ref)
{
	union chq_msg out;

	assert_int_equal(fixture_recv(f, &out), sizeof(out.event));
	assert_int_equal(out.h.type, CHQ_DP_EVENT);
	assert_int_equal(out.event.kind, kind);
	assert_int_equal(out.event.ref.slot, ref.slot);
	assert_int_equal(out.event.ref.gen, ref.gen);
}

/* A session that is OPEN: opened with its account and confirmed by a first frame, both answers taken. */
static struct chq_dp_ref
open_confirmed(struct fixture *f, uint64_t account, uint8_t seed)
{
	struct chq_dp_ref ref = fixture_open(f, account, 1, seed);
	union chq_msg out;

	assert_true(fixture_server_frame(f, ref, seed, 1, "x"));
	chq_manager_round(&f->m);
	event_of(f, CHQ_DP_EV_CONFIRMED, ref);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.server_rx) + 1);
	assert_int_equal(record(f, ref)->state, CHQ_SESSION_OPEN);
	return ref;
}

/* --- sessions --- */

static void
the_first_valid_frame_confirms_and_is_told_with_its_content(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;
	union chq_msg out;

	fixture_greet(f);
	ref = fixture_open(f, 42, 1, 10);
	assert_int_equal(record(f, ref)->state, CHQ_SESSION_NEW);
	assert_true(fixture_server_frame(f, ref, 10, 1, "hello"));
	chq_manager_round(&f->m);
	event_of(f, CHQ_DP_EV_CONFIRMED, ref);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.server_rx) + 5);
	assert_int_equal(out.server_rx.account, 42);
	assert_memory_equal(out.server_rx.body, "hello", 5);
	assert_int_equal(f->m.count[CHQ_C_CONFIRM], 1);
}

static void
a_note_from_a_worker_confirms_once(void **state)
{
	struct fixture *f = *state;
	struct chq_note note = { .kind = CHQ_NOTE_CONFIRM };
	struct chq_dp_ref ref;
	union chq_msg out;

	fixture_greet(f);
	ref = fixture_open(f, 42, 1, 10);
	note.slot = ref.slot;
	note.gen = ref.gen;
	for (int i = 0; i < 3; i++)
		assert_true(chq_ring_push(&f->worker->notes, &note));
	chq_manager_round(&f->m);
	event_of(f, CHQ_DP_EV_CONFIRMED, ref);
	assert_int_equal(fixture_recv(f, &out), 0);
}

static void
a_newer_session_of_the_device_lets_the_older_one_linger(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref older, newer;

	fixture_greet(f);
	older = open_confirmed(f, 42, 10);
	newer = open_confirmed(f, 42, 20);
	assert_int_equal(record(f, older)->state, CHQ_SESSION_LINGER);
	assert_int_equal(chq_account_find(f->t->buckets, f->t->header->buckets,
					  f->t->header->account_seed,
					  CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, 42)),
			 newer.slot);
	FORWARD_S(31);
	assert_int_equal(record(f, older)->state, CHQ_SESSION_FREE);
	assert_int_equal(record(f, newer)->state, CHQ_SESSION_OPEN);
}

static void
a_session_that_logs_in_becomes_a_receiver(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_session_login login = { .h = { CHQ_DP_SESSION_LOGIN, sizeof(login), 4 },
					      .account = 77,
					      .device = 1,
					      .quota_class = CHQ_QUOTA_ORDINARY,
					      .lifetime_s = 100 };

	fixture_greet(f);
	login.ref = fixture_open(f, 0, 0, 10);
	fixture_send(f, &login);
	done_with(f, 0);
	assert_int_equal(record(f, login.ref)->state, CHQ_SESSION_OPEN);
	login.ref.gen++;
	fixture_send(f, &login);
	done_with(f, CHQ_ENOENT);
}

static void
silence_and_expiry_end_a_session_and_are_told(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref silent, before_login;

	fixture_greet(f);
	silent = open_confirmed(f, 42, 10);
	before_login = fixture_open(f, 0, 0, 20);
	FORWARD_S(11);
	event_of(f, CHQ_DP_EV_EXPIRED, before_login);
	assert_int_equal(record(f, silent)->state, CHQ_SESSION_OPEN);
	FORWARD_S(90);
	event_of(f, CHQ_DP_EV_SILENT, silent);
	assert_int_equal(record(f, silent)->state, CHQ_SESSION_FREE);
	assert_int_equal(f->t->used, 0);
}

static void
a_closed_session_is_told_why_and_its_keys_are_gone(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_session_close close_it = { .h = { CHQ_DP_SESSION_CLOSE, sizeof(close_it), 5 },
						 .notice = CHQ_NOTICE_CLOSED };
	static const struct chq_hop zero;
	struct chq_frame_hdr h;
	struct chq_tx_item sent;
	uint8_t tag_out[16];

	fixture_greet(f);
	close_it.ref = open_confirmed(f, 42, 10);
	fixture_send(f, &close_it);
	done_with(f, 0);
	assert_int_equal(record(f, close_it.ref)->state, CHQ_SESSION_FREE);
	assert_memory_equal(&f->t->hop[close_it.ref.slot], &zero, sizeof(zero));
	assert_true(fixture_sent(f, &sent));
	memset(tag_out, 11, sizeof(tag_out));
	assert_true(chq_frame_tag_ok(sent.dgram, sent.dgram_len, tag_out));
	assert_int_equal(chq_frame_parse(sent.dgram, sent.dgram_len, 0, &h), 0);
	assert_int_equal(h.flags, CHQ_F_NOTICE);
	assert_int_equal(h.app, CHQ_NOTICE_CLOSED);
	fixture_send(f, &close_it);
	done_with(f, CHQ_ENOENT);
}

/* --- frames --- */

static void
a_replayed_frame_to_the_server_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;
	union chq_msg out;

	fixture_greet(f);
	ref = open_confirmed(f, 42, 10);
	for (int i = 0; i < 3; i++)
		assert_true(fixture_server_frame(f, ref, 10, 2, "again"));
	chq_manager_round(&f->m);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.server_rx) + 5);
	assert_int_equal(fixture_recv(f, &out), 0);
	assert_int_equal(f->m.count[CHQ_D_REPLAY], 2);
}

static void
a_frame_whose_hop_seal_does_not_open_is_counted(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;
	union chq_msg out;

	fixture_greet(f);
	ref = open_confirmed(f, 42, 10);
	f->t->hop[ref.slot].in[0] ^= 1;
	assert_true(fixture_server_frame(f, ref, 10, 2, "secret"));
	chq_manager_round(&f->m);
	assert_int_equal(fixture_recv(f, &out), 0);
	assert_int_equal(f->m.count[CHQ_D_OPEN], 1);
}

static void
a_frame_from_control_is_numbered_sealed_and_tagged(void **state)
{
	struct fixture *f = *state;
	union {
		struct chq_dp_frame_tx m;
		uint8_t bytes[256];
	} u = { .m = { .h = { CHQ_DP_FRAME_TX, sizeof(u.m) + 4, 0 },
		       .flags = CHQ_F_HOP,
		       .message = 5,
		       .body_len = 4 } };
	uint8_t hop_out[32], tag_out[16];
	struct chq_tx_item sent;
	struct chq_frame_hdr h;

	fixture_greet(f);
	u.m.ref = open_confirmed(f, 42, 10);
	memcpy(u.m.body, "pong", 4);
	memset(hop_out, 13, sizeof(hop_out));
	memset(tag_out, 11, sizeof(tag_out));
	for (uint64_t seq = 1; seq <= 3; seq++) {
		fixture_send(f, &u.m);
		assert_true(fixture_sent(f, &sent));
		assert_int_equal(sent.to.port, 5000);
		assert_true(chq_frame_tag_ok(sent.dgram, sent.dgram_len, tag_out));
		assert_int_equal(chq_frame_parse(sent.dgram, sent.dgram_len, 0, &h), 0);
		assert_int_equal(h.seq, seq);
		assert_int_equal(h.slot, u.m.ref.slot);
		assert_int_equal(chq_hop_open(sent.dgram, sent.dgram_len, hop_out), 4);
		assert_memory_equal(sent.dgram + CHQ_FRAME_HDR_LEN, "pong", 4);
	}
	u.m.ref.gen++;
	fixture_send(f, &u.m);
	assert_false(fixture_sent(f, &sent));
}

static void
a_sealed_frame_from_control_goes_as_it_is_up_to_the_largest(void **state)
{
	struct fixture *f = *state;
	union {
		struct chq_dp_frame_tx m;
		uint8_t bytes[sizeof(struct chq_dp_frame_tx) + CHQ_PAYLOAD_MAX];
	} u = { .m = { .h = { CHQ_DP_FRAME_TX, sizeof(u), 0 },
		       .flags = CHQ_F_STORE,
		       .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 2, 43),
		       .message = 5,
		       .extra = 77,
		       .app = 9,
		       .body_len = CHQ_PAYLOAD_MAX } };
	struct chq_tx_item sent;
	struct chq_frame_hdr h;

	fixture_greet(f);
	u.m.ref = open_confirmed(f, 42, 10);
	memset(u.m.body, 0xc5, CHQ_PAYLOAD_MAX);
	fixture_send(f, &u.m);
	assert_true(fixture_sent(f, &sent));
	assert_int_equal(sent.dgram_len, CHQ_DGRAM_MAX);
	assert_int_equal(chq_frame_parse(sent.dgram, sent.dgram_len, 0, &h), 0);
	assert_int_equal(h.flags, CHQ_F_STORE);
	assert_true(h.party == u.m.party);
	assert_int_equal(h.message, 5);
	assert_int_equal(h.grant, 77);
	assert_int_equal(h.app, 9);
	assert_memory_equal(sent.dgram + CHQ_FRAME_HDR_LEN, u.m.body, CHQ_PAYLOAD_MAX);
	u.m.flags |= CHQ_F_HOP; /* its seal would not fit */
	fixture_send(f, &u.m);
	assert_false(fixture_sent(f, &sent));
}

static void
a_frame_from_elsewhere_is_told_and_asked_for_its_path(void **state)
{
	struct fixture *f = *state;
	struct chq_path home, away = { .ip_lo = UINT64_C(0x0200007fffff0000), .port = 5001 };
	struct chq_tx_item sent;
	struct chq_up_item item;
	struct chq_frame_hdr h;
	struct chq_dp_ref ref;
	union chq_msg out;

	fixture_greet(f);
	ref = open_confirmed(f, 42, 10);
	assert_true(fixture_server_frame(f, ref, 10, 2, "moved"));
	assert_true(chq_ring_pop(&f->worker->up[CHQ_UPQ_SERVER], &item));
	item.src = away;
	chq_manager_up(&f->m, &item);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.server_rx) + 5);
	assert_true(fixture_sent(f, &sent));
	assert_int_equal(sent.to.port, 5001);
	assert_int_equal(chq_frame_parse(sent.dgram, sent.dgram_len, 0, &h), 0);
	assert_int_equal(h.app, CHQ_NOTICE_PATH);
	assert_int_not_equal(h.grant, 0);
	assert_true(chq_path_read(record(f, ref), &home));
	assert_int_equal(home.port, 5000); /* nothing has moved */
}

static void
only_a_welcome_to_a_known_address_is_sent_for_control(void **state)
{
	struct fixture *f = *state;
	union {
		struct chq_dp_dgram_tx m;
		uint8_t bytes[256];
	} u = { .m = { .h = { CHQ_DP_DGRAM_TX, sizeof(u.m) + 8, 0 },
		       .path = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 }, .port = 5000 },
		       .dgram_len = 8 } };
	struct chq_tx_item sent;

	fixture_greet(f);
	u.m.dgram[0] = CHQ_TYPE_WELCOME;
	fixture_send(f, &u.m);
	assert_true(fixture_sent(f, &sent));
	u.m.dgram[0] = CHQ_TYPE_FRAME;
	fixture_send(f, &u.m);
	u.m.dgram[0] = CHQ_TYPE_WELCOME;
	u.m.path.local = 60;
	fixture_send(f, &u.m);
	assert_false(fixture_sent(f, &sent));
	assert_int_equal(f->m.count[CHQ_D_NO_ROUTE], 2);
}

static void
control_is_told_what_a_session_has_spent(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_quota_get get = { .h = { CHQ_DP_QUOTA_GET, sizeof(get), 77 } };
	struct chq_quota_class *q = &f->t->header->quota[CHQ_QUOTA_ORDINARY];
	union chq_msg out;

	fixture_greet(f);
	q->own = (struct chq_quota_price){ .frame_ticks = 1000, .frame_span = 10000 };
	q->account = (struct chq_quota_price){ .frame_ticks = 500, .frame_span = 10000 };
	get.ref = open_confirmed(f, 100, 10);
	fixture_send(f, &get);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.quota));
	assert_int_equal(out.h.type, CHQ_DP_QUOTA);
	assert_int_equal(out.h.req, 77);
	assert_int_equal(out.quota.err, 0);
	assert_int_equal(out.quota.frames_used, 1); /* its first frame */
	assert_int_equal(out.quota.sessions, 1);
	fixture_open(f, 100, 2, 11);
	fixture_server_frame(f, get.ref, 10, 2, "x");
	chq_manager_round(&f->m);
	assert_true(fixture_recv(f, &out) && out.h.type == CHQ_DP_SERVER_RX);
	fixture_send(f, &get);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.quota));
	assert_int_equal(out.quota.frames_used, 2);
	assert_int_equal(out.quota.sessions, 2);
	assert_int_equal(out.quota.account_frames_used, 1);
	get.ref.gen++;
	fixture_send(f, &get);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.quota));
	assert_int_equal(out.quota.err, CHQ_ENOENT);
}

static void
control_is_told_each_second_how_busy_workers_are(void **state)
{
	struct fixture *f = *state;
	struct chq_heartbeat *beat = &f->t->header->heartbeat[0];
	union chq_msg out;

	fixture_greet(f);
	for (int second = 1; second <= 3; second++) {
		fixture_now_ns += CHQ_NS_PER_SEC;
		beat->now_ns = fixture_now_ns;
		beat->shed = (uint32_t)second - 1;
		f->worker->idle_ns += CHQ_NS_PER_SEC / 4 * (uint64_t)second;
		chq_manager_round(&f->m);
		assert_int_equal(fixture_recv(f, &out), 0);
		assert_int_equal(f->load.workers, 1);
		assert_int_equal(f->load.worker[0].shed, second - 1);
	}
	assert_int_equal(f->load.worker[0].busy_permille, 250);
	fixture_now_ns += CHQ_NS_PER_SEC; /* it hangs */
	chq_manager_round(&f->m);
	assert_int_equal(fixture_recv(f, &out), 0);
	assert_int_equal(f->load.worker[0].busy_permille, 1000);
}

static void
a_session_over_its_quota_is_told_once_a_second(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;
	struct chq_tx_item sent;
	unsigned notices = 0;

	fixture_greet(f);
	ref = open_confirmed(f, 42, 10);
	f->t->header->quota[CHQ_QUOTA_ORDINARY].own.frame_ticks =
		1;				  /* with a span of 0: none is conforming */
	for (uint64_t seq = 2; seq < 32; seq++) { /* ten a second */
		assert_true(fixture_server_frame(f, ref, 10, seq, "x"));
		chq_manager_round(&f->m);
		notices += fixture_sent(f, &sent);
		fixture_now_ns += CHQ_NS_PER_SEC / 10;
	}
	assert_int_equal(notices, 3);
	assert_int_equal(f->m.count[CHQ_D_QUOTA_FRAMES], 30);
}

/* --- keys that have sealed enough --- */

static void
a_number_is_sealed_up_to_2_to_the_28th_and_no_further(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_frame_tx m = { .h = { CHQ_DP_FRAME_TX, sizeof(m), 0 },
				     .flags = CHQ_F_HOP,
				     .message = 5 };
	struct chq_tx_item sent;
	struct chq_frame_hdr h;

	fixture_greet(f);
	m.ref = open_confirmed(f, 42, 10);
	record(f, m.ref)->seq_out = (UINT64_C(1) << 28) - 1;
	fixture_send(f, &m);
	assert_true(fixture_sent(f, &sent));
	assert_int_equal(chq_frame_parse(sent.dgram, sent.dgram_len, 0, &h), 0);
	assert_true(h.seq == UINT64_C(1) << 28);

	fixture_send(f, &m);
	assert_true(fixture_sent(f, &sent));
	assert_int_equal(chq_frame_parse(sent.dgram, sent.dgram_len, 0, &h), 0);
	assert_int_equal(h.flags, CHQ_F_NOTICE);
	assert_int_equal(h.app, CHQ_NOTICE_EXPIRED);
	assert_false(fixture_sent(f, &sent));
	event_of(f, CHQ_DP_EV_EXPIRED, m.ref);
	assert_int_equal(record(f, m.ref)->state, CHQ_SESSION_FREE);
}

static void
a_number_is_opened_up_to_2_to_the_28th_and_no_further(void **state)
{
	struct fixture *f = *state;
	struct chq_tx_item sent;
	struct chq_frame_hdr h;
	struct chq_dp_ref ref;
	union chq_msg out;

	fixture_greet(f);
	ref = open_confirmed(f, 42, 10);
	assert_true(fixture_server_frame(f, ref, 10, UINT64_C(1) << 28, "last"));
	chq_manager_round(&f->m);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.server_rx) + 4);

	assert_true(fixture_server_frame(f, ref, 10, (UINT64_C(1) << 28) + 1, "over"));
	chq_manager_round(&f->m);
	assert_true(fixture_sent(f, &sent));
	assert_int_equal(chq_frame_parse(sent.dgram, sent.dgram_len, 0, &h), 0);
	assert_int_equal(h.app, CHQ_NOTICE_EXPIRED);
	event_of(f, CHQ_DP_EV_EXPIRED, ref);
	assert_int_equal(record(f, ref)->state, CHQ_SESSION_FREE);
}

/* --- floods --- */

static void
a_flood_of_handshakes_holds_up_no_frame_to_the_server(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;
	unsigned hellos = 0, frames = 0, before = 0;
	union chq_msg out;

	fixture_greet(f);
	ref = open_confirmed(f, 42, 10);
	for (uint32_t i = 0; fixture_hello(f, i * 256); i++)
		;
	for (uint64_t seq = 2; seq < 2 + CHQ_ROUND_SERVER / 2; seq++)
		assert_true(fixture_server_frame(f, ref, 10, seq, "x"));
	chq_manager_round(&f->m);
	while (fixture_recv(f, &out)) {
		hellos += out.h.type == CHQ_DP_HELLO_RX;
		frames += out.h.type == CHQ_DP_SERVER_RX;
		before += out.h.type == CHQ_DP_SERVER_RX && hellos == 0;
	}
	assert_int_equal(frames, CHQ_ROUND_SERVER / 2);
	assert_int_equal(before, frames); /* all of them first */
	assert_int_equal(hellos, CHQ_ROUND_HELLO);
	assert_true(f->m.busy);
}

static void
handshakes_over_the_prefix_budget_are_dropped_and_others_pass(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_server_set set = { .h = { CHQ_DP_SERVER_SET, sizeof(set), 0 },
					 .server_id = 1,
					 .silence_s = 90,
					 .hello_per_s = 1000,
					 .hello_per_prefix_per_s = 10 };

	fixture_greet(f);
	fixture_send(f, &set);
	for (uint32_t i = 0; i < 50; i++)
		assert_true(fixture_hello(f, i % 200)); /* 10.0.0.x */
	for (uint32_t i = 1; i <= 10; i++)
		assert_true(fixture_hello(f, i * 65536));
	chq_manager_round(&f->m);
	assert_int_equal(f->m.count[CHQ_D_HELLO_PREFIX], 40);
	assert_int_equal(f->m.count[CHQ_D_HELLO_TOTAL], 0);
}

static void
without_control_packets_are_counted_and_nothing_waits(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;

	fixture_greet(f);
	ref = open_confirmed(f, 42, 10);
	close(f->control);
	f->control = -1;
	chq_manager_round(&f->m);
	assert_true(fixture_server_frame(f, ref, 10, 2, "x"));
	assert_true(fixture_hello(f, 1));
	chq_manager_round(&f->m);
	assert_int_equal(f->m.count[CHQ_D_CONTROL_DOWN], 2);
	assert_true(chq_manager_idle(&f->m));
	chq_manager_awake(&f->m);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_valid_frame_confirms_and_is_told_with_its_content),
		T(a_note_from_a_worker_confirms_once),
		T(a_newer_session_of_the_device_lets_the_older_one_linger),
		T(a_session_that_logs_in_becomes_a_receiver),
		T(silence_and_expiry_end_a_session_and_are_told),
		T(a_closed_session_is_told_why_and_its_keys_are_gone),
		T(a_replayed_frame_to_the_server_is_told_once),
		T(a_frame_whose_hop_seal_does_not_open_is_counted),
		T(a_frame_from_control_is_numbered_sealed_and_tagged),
		T(a_sealed_frame_from_control_goes_as_it_is_up_to_the_largest),
		T(a_frame_from_elsewhere_is_told_and_asked_for_its_path),
		T(only_a_welcome_to_a_known_address_is_sent_for_control),
		T(control_is_told_what_a_session_has_spent),
		T(control_is_told_each_second_how_busy_workers_are),
		T(a_session_over_its_quota_is_told_once_a_second),
		T(a_number_is_sealed_up_to_2_to_the_28th_and_no_further),
		T(a_number_is_opened_up_to_2_to_the_28th_and_no_further),
		T(a_flood_of_handshakes_holds_up_no_frame_to_the_server),
		T(handshakes_over_the_prefix_budget_are_dropped_and_others_pass),
		T(without_control_packets_are_counted_and_nothing_waits),
	};

	return cmocka_run_group_tests_name("dataplane/manager", tests, NULL, NULL);
}
