#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/password.h"
#include "store/account.h"
#include "store/reader.h"
#include "store/writer.h"
#include "tests/unit/control/fixture.h"

static uint64_t
count(struct fixture *f, enum control_counter what)
{
	return f->ctl.count[what];
}

static void
right_password_logs_in_and_tells_the_session(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	ProtobufCMessage *reply;
	Chasqui__LoginReply *me;

	client_online(f, &c, 1, "Alice"); /* any spelling of the name */
	assert_int_equal(client_call(f, &c, CHASQUI__METHOD__METHOD_WHOAMI, NULL,
				     &chasqui__login_reply__descriptor, &reply),
			 CHASQUI__CODE__OK);
	me = (Chasqui__LoginReply *)reply;
	assert_string_equal(me->login, "alice");
	assert_int_equal(me->account, 1);
	assert_int_equal(me->device, 1);
	assert_int_equal(me->session, c.ref.slot | (uint64_t)c.ref.gen << 32);
	assert_int_equal(me->server_id, 1);
	assert_int_equal(me->epoch, f->ctl.epoch);
	assert_int_equal(me->observed->ip.len, 4);
	assert_int_equal(me->observed->ip.data[3], 1);
	assert_int_equal(me->observed->port, 5000);
	assert_int_equal(f->slot[c.ref.slot].state, CHQ_DP_STATE_OPEN);
	assert_int_equal(f->slot[c.ref.slot].open.account, 1);
	assert_null(session_find(&f->ctl.sessions, c.ref)->login); /* the login key is gone */
	protobuf_c_message_free_unpacked(reply, NULL);
}

static void
wrong_password_and_unknown_name_get_one_answer_at_one_cost(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	uint64_t before = count(f, COUNT_HASHED);

	client_init(f, &c, 1);
	client_hello(f, &c);
	assert_int_equal(client_login(f, &c, "alice", "wrong", true), CHASQUI__CODE__E_AUTH);
	assert_int_equal(count(f, COUNT_HASHED), before + 1);
	assert_int_equal(client_login(f, &c, "nobody", "wrong", true), CHASQUI__CODE__E_AUTH);
	assert_int_equal(count(f, COUNT_HASHED), before + 2);
	assert_int_equal(client_login(f, &c, "no/name\x01", "wrong", true), CHASQUI__CODE__E_AUTH);
	assert_int_equal(count(f, COUNT_HASHED), before + 3);
	assert_int_equal(count(f, COUNT_LOGIN_WRONG), 3);
	assert_int_equal(f->slot[c.ref.slot].state, CHQ_DP_STATE_PRELOGIN);
}

static void
dummy_hash_costs_what_a_real_one_does(void **state)
{
	struct fixture *f = *state;
	struct store_account a;
	struct store_txn *txn;
	const char *cost;

	assert_int_equal(store_read_begin(f->ctl.reader, &txn), 0);
	assert_int_equal(store_account_find(txn, "alice", 5, &a), 0);
	store_read_end(f->ctl.reader);
	cost = strchr(strstr(a.pwhash, "m="), '$'); /* $argon2id$v=19$m=8192,t=1,p=1$salt$hash */
	assert_memory_equal(a.pwhash, f->ctl.dummy_hash, (size_t)(cost - a.pwhash));
	assert_int_equal(strlen(a.pwhash), strlen(f->ctl.dummy_hash));
}

static void
five_failures_of_a_name_make_it_wait_whether_it_exists_or_not(void **state)
{
	static const char *const names[] = { "alice", "nobody" };
	struct fixture *f = *state;

	for (unsigned n = 0; n < 2; n++) {
		struct fix_client c;

		for (uint8_t i = 0; i < 5; i++) {
			client_init(f, &c, (uint8_t)(10 + 10 * n + i));
			client_hello(f, &c);
			assert_int_equal(client_login(f, &c, names[n], "wrong", true),
					 CHASQUI__CODE__E_AUTH);
		}
		client_init(f, &c, (uint8_t)(50 + n));
		client_hello(f, &c);
		assert_int_equal(client_login(f, &c, names[n], "secret word", true),
				 CHASQUI__CODE__E_BUSY);
	}
	assert_int_equal(count(f, COUNT_LOGIN_LIMITED), 2);
}

static void
a_client_that_must_wait_is_told_how_long(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	Chasqui__FromServer *m;

	client_init(f, &c, 1);
	client_hello(f, &c);
	for (unsigned i = 0; i < 5; i++)
		client_login(f, &c, "alice", "wrong", true);
	assert_int_equal(client_login(f, &c, "alice", "wrong", true), CHASQUI__CODE__E_BUSY);
	m = client_answer(f, &c, c.last_id);
	assert_in_range(m->response->retry_after_s, 1, 12);
	chasqui__from_server__free_unpacked(m, NULL);
}

static void
twenty_failures_of_an_address_make_it_wait(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	char name[16];

	for (unsigned i = 0; i < 20; i++) {
		client_init(f, &c, 9);
		client_hello(f, &c);
		snprintf(name, sizeof(name), "user%u", i);
		assert_int_equal(client_login(f, &c, name, "wrong", true), CHASQUI__CODE__E_AUTH);
	}
	assert_int_equal(client_login(f, &c, "alice", "secret word", true), CHASQUI__CODE__E_BUSY);
	client_init(f, &c, 10);
	client_hello(f, &c);
	assert_int_equal(client_login(f, &c, "alice", "secret word", true), CHASQUI__CODE__OK);
}

static void
an_enrolled_device_is_not_held_up_by_failures_of_others(void **state)
{
	struct fixture *f = *state;
	struct fix_client mine, other;

	client_online(f, &mine, 1, "alice");
	client_init(f, &other, 2);
	client_hello(f, &other);
	for (unsigned i = 0; i < 5; i++)
		client_login(f, &other, "alice", "wrong", true);
	assert_int_equal(client_login(f, &other, "alice", "wrong", true), CHASQUI__CODE__E_BUSY);
	client_hello(f, &mine);
	assert_int_equal(mine.welcome.logged_in, 1);
	assert_int_equal(mine.welcome.account, 1);
	assert_int_equal(mine.welcome.device, 1);
}

static void
an_enrolled_device_replaces_its_session_only_when_confirmed(void **state)
{
	struct fixture *f = *state;
	struct fix_client c, old;

	client_online(f, &c, 1, "alice");
	old = c;
	client_hello(f, &c);
	fixture_settle(f);
	assert_int_equal(session_find(&f->ctl.sessions, old.ref)->state, SESSION_OPEN);
	assert_int_equal(session_find(&f->ctl.sessions, c.ref)->state, SESSION_NEW);
	client_confirm(f, &c);
	FIX_UNTIL(f, session_find(&f->ctl.sessions, c.ref)->state == SESSION_OPEN);
	assert_int_equal(session_find(&f->ctl.sessions, old.ref)->state, SESSION_REPLACED);
	assert_true(client_pushes(f, &old, CHASQUI__PUSH__BODY_SESSION_REPLACED) > 0);
	assert_int_equal(client_pushes(f, &c, CHASQUI__PUSH__BODY_SESSION_REPLACED), 0);
}

static void
a_replaced_session_is_forgotten_after_its_time(void **state)
{
	struct fixture *f = *state;
	struct fix_client c, old;

	f->ctl.timing.linger_ms = 20;
	client_online(f, &c, 1, "alice");
	old = c;
	client_hello(f, &c);
	client_confirm(f, &c);
	FIX_UNTIL(f, session_find(&f->ctl.sessions, old.ref) == NULL);
	assert_int_equal(count(f, COUNT_PRESENCE_OFFLINE), 0);
}

static void
a_disabled_account_is_told_so_only_with_the_right_password(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"disable\",\"args\":[\"alice\"]}\n");
	client_init(f, &c, 1);
	client_hello(f, &c);
	assert_int_equal(client_login(f, &c, "alice", "wrong", true), CHASQUI__CODE__E_AUTH);
	assert_int_equal(client_login(f, &c, "alice", "secret word", true),
			 CHASQUI__CODE__E_DENIED);
}

static void
a_disabled_account_loses_its_sessions_and_its_device_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	unsigned opens;

	client_online(f, &c, 1, "alice");
	assert_non_null(strstr(
		fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"disable\",\"args\":[\"alice\"]}\n"),
		"\"sessions_closed\":1"));
	/* The answer came after it took effect. */
	assert_int_equal(f->slot[c.ref.slot].state, CHQ_DP_STATE_FREE);
	assert_int_equal(f->slot[c.ref.slot].notice, CHQ_NOTICE_CLOSED);
	opens = f->opens;
	client_hello(f, &c);
	assert_int_equal(c.welcome.status, CHQ_WELCOME_DISABLED);
	assert_int_equal(c.welcome.slot, CHQ_SLOT_NONE);
	assert_int_equal(f->opens, opens);
}

static void
an_account_disabled_between_handshake_and_first_frame_stays_out(void **state)
{
	struct fixture *f = *state;
	struct fix_client c, old;

	client_online(f, &c, 1, "alice");
	old = c;
	client_hello(f, &c); /* SESSION_NEW */
	fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"disable\",\"args\":[\"alice\"]}\n");
	assert_int_equal(f->slot[c.ref.slot].state, CHQ_DP_STATE_FREE);
	assert_int_equal(f->slot[old.ref.slot].state, CHQ_DP_STATE_FREE);
}

static int
disable_alice(struct store_txn *txn, void *unused)
{
	(void)unused;
	return store_account_set_disabled(txn, 1, true, 1);
}

static void
an_account_disabled_while_its_login_is_under_way_stays_out(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	Chasqui__FromServer *m;
	uint64_t id;

	client_init(f, &c, 1);
	client_hello(f, &c);
	id = client_login_ask(f, &c, "alice", "secret word", true);
	FIX_UNTIL(f, f->ctl.link.calls.count > 0); /* told to the dataplane, which has answered */
	assert_int_equal(f->slot[c.ref.slot].state, CHQ_DP_STATE_OPEN);
	assert_int_equal(store_write_sync(f->ctl.store, disable_alice, NULL), 0);
	FIX_UNTIL(f, f->slot[c.ref.slot].state == CHQ_DP_STATE_FREE);
	m = client_answer(f, &c, id);
	assert_int_equal(m->response->code, CHASQUI__CODE__E_DENIED);
	chasqui__from_server__free_unpacked(m, NULL);
	assert_int_equal(count(f, COUNT_PRESENCE_ONLINE), 0);
	assert_int_equal(f->ctl.sessions.used, 0);
}

static void
a_login_that_the_dataplane_has_no_room_for_is_refused_and_may_be_tried_again(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	client_init(f, &c, 1);
	client_hello(f, &c);
	f->full_accounts = true;
	assert_int_equal(client_login(f, &c, "alice", "secret word", false), CHASQUI__CODE__E_FULL);
	f->full_accounts = false;
	assert_int_equal(client_login(f, &c, "alice", "secret word", false), CHASQUI__CODE__OK);
}

static void
a_repeated_hello_gets_the_same_welcome_and_no_second_session(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	uint8_t first[CHQ_WELCOME_LEN];

	client_init(f, &c, 1);
	client_hello(f, &c);
	memcpy(first, f->dgram, sizeof(first));
	memset(f->dgram, 0, sizeof(f->dgram));
	client_hello_send(f, &c);
	FIX_UNTIL(f, f->dgrams == 2);
	assert_memory_equal(f->dgram, first, sizeof(first));
	assert_int_equal(f->opens, 1);
	assert_int_equal(count(f, COUNT_HELLO_REPEATED), 1);
}

static void
a_captured_hello_sent_later_announces_and_replaces_nothing(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, thief;
	unsigned before;

	fixture_ctl(f, "{\"noun\":\"friend\",\"verb\":\"request\",\"args\":[\"alice\",\"bob\"]}\n");
	fixture_ctl(f, "{\"noun\":\"friend\",\"verb\":\"confirm\",\"args\":[\"bob\",\"alice\"]}\n");
	f->ctl.hellos.keep_ms = 0; /* as if long ago */
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	client_hello(f, &alice);
	client_confirm(f, &alice);
	fixture_settle(f);
	before = client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE) +
		 client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_OFFLINE);
	thief = alice;
	thief.path.port = 6000;
	client_hello_send(f, &thief);
	fixture_settle(f);
	assert_int_equal(session_find(&f->ctl.sessions, alice.ref)->state, SESSION_OPEN);
	assert_int_equal(client_pushes(f, &alice, CHASQUI__PUSH__BODY_SESSION_REPLACED), 0);
	assert_int_equal(client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE) +
				 client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_OFFLINE),
			 before);
}

static void
a_hello_with_another_cookie_nonce_or_version_gets_no_answer(void **state)
{
	static const unsigned at[] = { 2, 10, 25, 60, 100 };
	struct fixture *f = *state;
	struct fix_client c;

	client_init(f, &c, 1);
	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		client_hello_make(&c);
		c.hello[at[i]] ^= 4;
		client_hello_send(f, &c);
	}
	FIX_UNTIL(f, count(f, COUNT_HELLO_BAD) == 5);
	fixture_settle(f);
	assert_int_equal(f->dgrams, 0);
	assert_int_equal(f->opens, 0);
}

static void
a_full_dataplane_makes_the_client_wait(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	f->mute_opens = true;
	client_init(f, &c, 1);
	client_hello(f, &c);
	assert_int_equal(c.welcome.status, CHQ_WELCOME_BUSY);
	assert_true(c.welcome.retry_after_s > 0);
	assert_int_equal(c.welcome.slot, CHQ_SLOT_NONE);
}

static void
a_repeated_login_gets_its_answer_again_and_is_not_computed_again(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	uint64_t hashed, id;
	Chasqui__LoginRequest m = CHASQUI__LOGIN_REQUEST__INIT;
	char name[] = "alice";

	client_init(f, &c, 1);
	client_hello(f, &c);
	assert_int_equal(client_login(f, &c, "alice", "wrong", true), CHASQUI__CODE__E_AUTH);
	hashed = count(f, COUNT_HASHED);
	id = c.last_id;
	m.login = name;
	m.attempt = c.attempt;
	client_ask_id(f, &c, id, CHASQUI__METHOD__METHOD_LOGIN, &m.base);
	FIX_UNTIL(f, client_answers(f, &c, id) == 2);
	/* The same attempt under a new id is a replay. */
	assert_int_equal(client_call(f, &c, CHASQUI__METHOD__METHOD_LOGIN, &m.base, NULL, NULL),
			 CHASQUI__CODE__E_REPLAY);
	assert_int_equal(count(f, COUNT_HASHED), hashed);
	assert_int_equal(client_login(f, &c, "alice", "secret word", true), CHASQUI__CODE__OK);
	client_ask_id(f, &c, c.last_id, CHASQUI__METHOD__METHOD_LOGIN, &m.base);
	FIX_UNTIL(f, client_answers(f, &c, c.last_id) == 2);
	assert_int_equal(f->ctl.sessions.used, 1);
}

static void
nothing_but_login_is_answered_before_login(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	client_init(f, &c, 1);
	client_hello(f, &c);
	assert_int_equal(client_call(f, &c, CHASQUI__METHOD__METHOD_CONTACTS, NULL, NULL, NULL),
			 CHASQUI__CODE__E_LOGIN);
	assert_int_equal(client_call(f, &c, (Chasqui__Method)99, NULL, NULL, NULL),
			 CHASQUI__CODE__E_LOGIN);
	assert_int_equal(client_login(f, &c, "alice", "secret word", true), CHASQUI__CODE__OK);
	assert_int_equal(client_call(f, &c, (Chasqui__Method)99, NULL, NULL, NULL),
			 CHASQUI__CODE__E_UNSUPPORTED);
}

static void
rubbish_to_the_server_is_counted_and_not_answered(void **state)
{
	static const uint8_t rubbish[] = { 0xff, 0xff, 0xff, 0x01 };
	struct fixture *f = *state;
	struct fix_client c;
	unsigned frames;

	client_init(f, &c, 1);
	client_hello(f, &c);
	frames = f->frames;
	client_send(f, &c, rubbish, sizeof(rubbish));
	client_send(f, &c, rubbish, 0);
	FIX_UNTIL(f, count(f, COUNT_REQUEST_BAD) == 2);
	assert_int_equal(f->frames, frames);
}

static void
another_device_is_told_of_a_new_one_and_can_revoke_it(void **state)
{
	struct fixture *f = *state;
	struct fix_client one, two;
	ProtobufCMessage *reply;
	Chasqui__DeviceRevoke revoke = CHASQUI__DEVICE_REVOKE__INIT;

	client_online(f, &one, 1, "alice");
	client_online(f, &two, 2, "alice");
	FIX_UNTIL(f, client_pushes(f, &one, CHASQUI__PUSH__BODY_DEVICE_ENROLLED) == 1);
	assert_int_equal(client_pushes(f, &two, CHASQUI__PUSH__BODY_DEVICE_ENROLLED), 0);
	assert_int_equal(client_call(f, &one, CHASQUI__METHOD__METHOD_DEVICES, NULL,
				     &chasqui__devices_reply__descriptor, &reply),
			 CHASQUI__CODE__OK);
	assert_int_equal(((Chasqui__DevicesReply *)reply)->n_device, 2);
	assert_true(((Chasqui__DevicesReply *)reply)->device[1]->online);
	protobuf_c_message_free_unpacked(reply, NULL);
	revoke.number = 2;
	assert_int_equal(client_call(f, &one, CHASQUI__METHOD__METHOD_DEVICE_REVOKE, &revoke.base,
				     NULL, NULL),
			 CHASQUI__CODE__OK);
	FIX_UNTIL(f, f->slot[two.ref.slot].state == CHQ_DP_STATE_FREE);
	assert_int_equal(f->slot[one.ref.slot].state, CHQ_DP_STATE_OPEN);
	client_hello(f, &two);
	assert_int_equal(two.welcome.status, CHQ_WELCOME_DISABLED);
}

static void
a_device_whose_session_ends_while_it_is_enrolled_is_told_to_the_others(void **state)
{
	struct fixture *f = *state;
	struct fix_client one, two;

	client_online(f, &one, 1, "alice");
	client_init(f, &two, 2);
	client_hello(f, &two);
	client_login_ask(f, &two, "alice", "secret word", true);
	client_event(f, &two, CHQ_DP_EV_EXPIRED);
	f->slot[two.ref.slot].state = CHQ_DP_STATE_FREE;
	FIX_UNTIL(f, client_pushes(f, &one, CHASQUI__PUSH__BODY_DEVICE_ENROLLED) == 1);
	assert_int_equal(f->ctl.sessions.used, 1);
	client_hello(f, &two);
	assert_int_equal(two.welcome.logged_in, 1);
}

static void
a_login_without_enrolment_leaves_no_device(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	ProtobufCMessage *reply;

	client_init(f, &c, 1);
	client_hello(f, &c);
	assert_int_equal(client_login(f, &c, "alice", "secret word", false), CHASQUI__CODE__OK);
	assert_int_equal(f->slot[c.ref.slot].open.device, 255);
	assert_int_equal(client_call(f, &c, CHASQUI__METHOD__METHOD_DEVICES, NULL,
				     &chasqui__devices_reply__descriptor, &reply),
			 CHASQUI__CODE__OK);
	assert_int_equal(((Chasqui__DevicesReply *)reply)->n_device, 0);
	protobuf_c_message_free_unpacked(reply, NULL);
	client_hello(f, &c);
	assert_int_equal(c.welcome.logged_in, 0);
}

static void
logout_is_answered_and_ends_the_session(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	uint64_t id;

	client_online(f, &c, 1, "alice");
	id = client_ask(f, &c, CHASQUI__METHOD__METHOD_LOGOUT, NULL);
	FIX_UNTIL(f, f->slot[c.ref.slot].state == CHQ_DP_STATE_FREE);
	assert_int_equal(client_answers(f, &c, id), 1);
	assert_int_equal(f->ctl.sessions.used, 0);
}

static void
a_session_that_does_not_log_in_is_closed(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	client_init(f, &c, 1);
	client_hello(f, &c);
	session_end_at(&f->ctl.sessions, session_find(&f->ctl.sessions, c.ref), control_now_ms());
	FIX_UNTIL(f, f->slot[c.ref.slot].state == CHQ_DP_STATE_FREE);
	assert_int_equal(f->ctl.sessions.used, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(right_password_logs_in_and_tells_the_session),
		T(wrong_password_and_unknown_name_get_one_answer_at_one_cost),
		T(dummy_hash_costs_what_a_real_one_does),
		T(five_failures_of_a_name_make_it_wait_whether_it_exists_or_not),
		T(a_client_that_must_wait_is_told_how_long),
		T(twenty_failures_of_an_address_make_it_wait),
		T(an_enrolled_device_is_not_held_up_by_failures_of_others),
		T(an_enrolled_device_replaces_its_session_only_when_confirmed),
		T(a_replaced_session_is_forgotten_after_its_time),
		T(a_disabled_account_is_told_so_only_with_the_right_password),
		T(a_disabled_account_loses_its_sessions_and_its_device_is_refused),
		T(an_account_disabled_between_handshake_and_first_frame_stays_out),
		T(an_account_disabled_while_its_login_is_under_way_stays_out),
		T(a_login_that_the_dataplane_has_no_room_for_is_refused_and_may_be_tried_again),
		T(a_repeated_hello_gets_the_same_welcome_and_no_second_session),
		T(a_captured_hello_sent_later_announces_and_replaces_nothing),
		T(a_hello_with_another_cookie_nonce_or_version_gets_no_answer),
		T(a_full_dataplane_makes_the_client_wait),
		T(a_repeated_login_gets_its_answer_again_and_is_not_computed_again),
		T(nothing_but_login_is_answered_before_login),
		T(rubbish_to_the_server_is_counted_and_not_answered),
		T(another_device_is_told_of_a_new_one_and_can_revoke_it),
		T(a_device_whose_session_ends_while_it_is_enrolled_is_told_to_the_others),
		T(a_login_without_enrolment_leaves_no_device),
		T(logout_is_answered_and_ends_the_session),
		T(a_session_that_does_not_log_in_is_closed),
	};
	return cmocka_run_group_tests_name("control/login", tests, NULL, NULL);
}
