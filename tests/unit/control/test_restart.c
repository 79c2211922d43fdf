#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/life.h"
#include "dataplane/table.h"
#include "tests/unit/control/fixture.h"

/* The one number that both daemons must have alike and no common header holds. */
_Static_assert((int)CHQ_DP_STATE_FREE == (int)CHQ_SESSION_FREE &&
		       (int)CHQ_DP_STATE_PRELOGIN == (int)CHQ_SESSION_PRELOGIN &&
		       (int)CHQ_DP_STATE_NEW == (int)CHQ_SESSION_NEW &&
		       (int)CHQ_DP_STATE_OPEN == (int)CHQ_SESSION_OPEN &&
		       (int)CHQ_DP_STATE_LINGER == (int)CHQ_SESSION_LINGER,
	       "a dump tells the states of the table");

static void
make_friends(struct fixture *f)
{
	fixture_ctl(f, "{\"noun\":\"friend\",\"verb\":\"request\",\"args\":[\"alice\",\"bob\"]}\n");
	fixture_ctl(f, "{\"noun\":\"friend\",\"verb\":\"confirm\",\"args\":[\"bob\",\"alice\"]}\n");
}

static void
after_a_restart_sessions_are_adopted_and_told_to_ask_anew_but_nobody_comes_or_goes(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint32_t epoch = f->ctl.epoch;

	make_friends(f);
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	fixture_stop(f);
	f->frames = 0;
	fixture_start(f);
	assert_int_equal(f->ctl.epoch, epoch + 1);
	assert_int_equal(f->ctl.count[COUNT_SESSION_ADOPTED], 2);
	FIX_UNTIL(f, client_pushes(f, &alice, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) >= 1);
	FIX_UNTIL(f, client_pushes(f, &bob, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) >= 1);
	assert_int_equal(client_pushes(f, &alice, CHASQUI__PUSH__BODY_PRESENCE), 0);
	assert_int_equal(client_pushes(f, &bob, CHASQUI__PUSH__BODY_PRESENCE), 0);
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_WHOAMI, NULL, NULL, NULL),
			 CHASQUI__CODE__OK);
	/* An adopted session that goes is told like any other. */
	client_event(f, &bob, CHQ_DP_EV_SILENT);
	FIX_UNTIL(f, client_presence(f, &alice, 2, CHASQUI__STATUS__STATUS_OFFLINE) >= 1);
}

static void
a_friend_who_left_while_control_was_dead_is_no_ghost(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	ProtobufCMessage *reply;
	Chasqui__ContactsRequest m = CHASQUI__CONTACTS_REQUEST__INIT;

	make_friends(f);
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	fixture_stop(f);
	f->slot[bob.ref.slot].state = CHQ_DP_STATE_FREE;
	f->frames = 0;
	fixture_start(f);
	FIX_UNTIL(f, client_pushes(f, &alice, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) >= 1);
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_CONTACTS, &m.base,
				     &chasqui__contacts_page__descriptor, &reply),
			 CHASQUI__CODE__OK);
	assert_int_equal(((Chasqui__ContactsPage *)reply)->contact[0]->status,
			 CHASQUI__STATUS__STATUS_OFFLINE);
	protobuf_c_message_free_unpacked(reply, NULL);
}

static void
a_restart_closes_sessions_before_login_and_of_disabled_accounts(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	client_init(f, &carol, 3);
	client_hello(f, &carol);
	fixture_dp_cut(f);
	/* Refused in part: the dataplane does not know yet. */
	fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"disable\",\"args\":[\"bob\"]}\n");
	fixture_stop(f);
	fixture_start(f);
	FIX_UNTIL(f, f->slot[carol.ref.slot].state == CHQ_DP_STATE_FREE);
	FIX_UNTIL(f, f->slot[bob.ref.slot].state == CHQ_DP_STATE_FREE);
	assert_int_equal(f->slot[alice.ref.slot].state, CHQ_DP_STATE_OPEN);
	assert_int_equal(f->ctl.sessions.used, 1);
}

static void
a_lost_connection_keeps_sessions_and_the_dump_says_who_has_gone(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;

	make_friends(f);
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	fixture_dp_cut(f);
	assert_int_equal(f->ctl.sessions.used, 2);
	f->slot[bob.ref.slot].state = CHQ_DP_STATE_FREE;
	f->frames = 0;
	FIX_UNTIL(f, f->ctl.dp.ready);
	assert_int_equal(f->ctl.sessions.used, 1);
	FIX_UNTIL(f, client_presence(f, &alice, 2, CHASQUI__STATUS__STATUS_OFFLINE) >= 1);
	assert_int_equal(f->ctl.count[COUNT_SESSION_ADOPTED], 0);
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_WHOAMI, NULL, NULL, NULL),
			 CHASQUI__CODE__OK);
}

static void
a_session_closed_while_a_dump_shows_it_is_no_ghost(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	unsigned dumps;

	make_friends(f);
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	dumps = f->dumps;
	fixture_dp_cut(f);
	FIX_UNTIL(f, f->dumps > dumps);
	assert_false(f->ctl.dp.ready); /* the dump is still on its way */
	life_close(&f->ctl, session_find(&f->ctl.sessions, bob.ref), CHQ_NOTICE_CLOSED, NULL, NULL);
	FIX_UNTIL(f, f->ctl.dp.ready && f->slot[bob.ref.slot].state == CHQ_DP_STATE_FREE);
	FIX_UNTIL(f, f->ctl.link.calls.count == 0);
	assert_null(session_find(&f->ctl.sessions, bob.ref));
	assert_null(online_find(&f->ctl.sessions, 2));
}

static void
a_confirmation_lost_with_the_connection_is_made_up_for_by_the_dump(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	client_online(f, &c, 1, "alice");
	client_hello(f, &c);
	fixture_dp_cut(f);
	f->slot[c.ref.slot].state = CHQ_DP_STATE_OPEN;
	FIX_UNTIL(f, f->ctl.dp.ready);
	assert_int_equal(session_find(&f->ctl.sessions, c.ref)->state, SESSION_OPEN);
}

static void
new_tables_end_all_sessions_though_slots_are_the_same(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;

	client_online(f, &alice, 1, "alice");
	fixture_dp_cut(f);
	memset(f->boot_id, 2, sizeof(f->boot_id));
	memset(f->slot, 0, sizeof(f->slot));
	FIX_UNTIL(f, f->ctl.dp.ready);
	assert_int_equal(f->ctl.sessions.used, 0);
	assert_int_equal(f->ctl.count[COUNT_PRESENCE_OFFLINE], 1);
	client_hello(f, &alice);
	assert_int_equal(alice.welcome.logged_in, 1);
}

static void
a_moved_session_is_known_at_its_new_address(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;

	client_online(f, &alice, 1, "alice");
	alice.path.port = 7777;
	client_event(f, &alice, CHQ_DP_EV_MOVED);
	FIX_UNTIL(f, session_find(&f->ctl.sessions, alice.ref)->path.port == 7777);
}

static void
a_second_daemon_on_the_same_files_is_refused_and_named(void **state)
{
	struct fixture *f = *state;
	struct control_error err = { "" };
	struct control second;

	assert_int_equal(control_start(&second, f->base, &f->conf, NULL, &err), CHQ_ELOCKED);
	assert_non_null(strstr(err.text, "pid"));
}

/* Which changes fit in the last page is LMDB's to say: so users are added until one does not. */
static void
a_full_store_refuses_changes_and_the_daemon_lives(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	char line[300];
	unsigned i;

	client_online(f, &alice, 1, "alice");
	fixture_stop(f);
	f->conf.store.map_size_bytes = f->conf.store.map_max_bytes = 192 << 10;
	fixture_start(f);
	for (i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line),
			 "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"user-%u\"],"
			 "\"opts\":{\"password\":\"secret word\"}}\n",
			 i);
		if (!strstr(fixture_ctl(f, line), "\"ok\":true"))
			break;
	}
	assert_true(i < 2000);
	assert_non_null(strstr(fixture_ctl(f, line), "EFULL"));
	/* Who is known still comes in, and is answered. */
	client_hello(f, &alice);
	client_confirm(f, &alice);
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_WHOAMI, NULL, NULL, NULL),
			 CHASQUI__CODE__OK);
	client_init(f, &bob, 2);
	client_hello(f, &bob);
	assert_int_equal(client_login(f, &bob, "bob", "wrong", true), CHASQUI__CODE__E_AUTH);
	assert_true(f->ctl.count[COUNT_STORE_FAILED] > 0);
}

static void
handshakes_under_way_end_cleanly_when_the_daemon_stops(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	for (uint8_t i = 1; i < 10; i++) {
		client_init(f, &c, i);
		client_hello_make(&c);
		client_hello_send(f, &c);
	}
	fixture_step(f);
	fixture_stop(f); /* leaks and bad accesses are the sanitizer's to find */
	assert_false(f->running);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(after_a_restart_sessions_are_adopted_and_told_to_ask_anew_but_nobody_comes_or_goes),
		T(a_friend_who_left_while_control_was_dead_is_no_ghost),
		T(a_restart_closes_sessions_before_login_and_of_disabled_accounts),
		T(a_lost_connection_keeps_sessions_and_the_dump_says_who_has_gone),
		T(a_session_closed_while_a_dump_shows_it_is_no_ghost),
		T(a_confirmation_lost_with_the_connection_is_made_up_for_by_the_dump),
		T(new_tables_end_all_sessions_though_slots_are_the_same),
		T(a_moved_session_is_known_at_its_new_address),
		T(a_second_daemon_on_the_same_files_is_refused_and_named),
		T(a_full_store_refuses_changes_and_the_daemon_lives),
		T(handshakes_under_way_end_cleanly_when_the_daemon_stops),
	};
	return cmocka_run_group_tests_name("control/restart", tests, NULL, NULL);
}
