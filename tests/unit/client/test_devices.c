/*
 * Two devices of alice (clients 0 and 3) and bob (client 1): how the second gets the account key, what a
 * lying server can do about it, and that each message is where it belongs.
 */

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "client/client.h"
#include "tests/unit/client/sim.h"

enum { ONE = 0, BOB = 1, TWO = 3 };

static bool
two_waits(struct sim *s)
{
	return s->client[TWO].events[CHQ_EV_APPROVAL_NEEDED] > 0 &&
	       s->client[ONE].events[CHQ_EV_DEVICE_OFFERED] > 0;
}

static bool
two_is_approved(struct sim *s)
{
	return chq_client_device_state(s->client[TWO].c) == CHQ_DEVICE_APPROVED &&
	       s->account[ONE].device[1].has_prekey;
}

/* Alice's second device is there and waits. */
static struct sim *
second_waits(void)
{
	struct sim *s = sim_logged_in(2);

	sim_open_as(s, TWO, ONE);
	assert_true(sim_until(s, two_waits, 10000));
	return s;
}

static int
approve(struct sim *s)
{
	char shown[CHQ_DEVICE_CODE_LEN + 1];

	assert_int_equal(chq_client_device_code(s->client[TWO].c, 2, shown), CHQ_OK);
	return chq_client_approve_device(s->client[ONE].c, 2, shown);
}

static struct sim *
both_approved(void)
{
	struct sim *s = second_waits();

	assert_int_equal(approve(s), CHQ_OK);
	assert_true(sim_until(s, two_is_approved, 10000));
	sim_run(s, 1000);
	return s;
}

static void
a_second_device_is_approved_by_a_code_that_both_show(void **state)
{
	char one[CHQ_DEVICE_CODE_LEN + 1], two[CHQ_DEVICE_CODE_LEN + 1];
	struct sim *s = second_waits();
	uint64_t id;

	(void)state;
	assert_int_equal(chq_client_device_state(s->client[TWO].c), CHQ_DEVICE_WAITING);
	assert_int_equal(chq_client_device_code(s->client[ONE].c, 2, one), CHQ_OK);
	assert_int_equal(chq_client_device_code(s->client[TWO].c, 2, two), CHQ_OK);
	assert_string_equal(one, two);
	assert_int_equal(strlen(one), CHQ_DEVICE_CODE_LEN);
	assert_int_equal(chq_client_send(s->client[TWO].c, sim_account_of(BOB), 0, "x", 1, &id),
			 CHQ_EDENIED);
	one[0] = one[0] == 'a' ? 'b' : 'a';
	assert_int_equal(chq_client_approve_device(s->client[ONE].c, 2, one), CHQ_EDENIED);
	assert_int_equal(chq_client_approve_device(s->client[ONE].c, 2, two), CHQ_OK);
	assert_true(sim_until(s, two_is_approved, 10000));
	assert_int_equal(s->client[TWO].events[CHQ_EV_APPROVED], 1);
	assert_int_equal(s->client[ONE].last[CHQ_EV_DEVICE_APPROVED].err, CHQ_OK);
	assert_memory_equal(s->client[ONE].c->id.account_key.seed,
			    s->client[TWO].c->id.account_key.seed, 32);
	sim_free(s);
}

static bool
all_have_it(struct sim *s)
{
	return sim_count_shown(s, BOB, "hello") && sim_count_shown(s, TWO, "hello");
}

static bool
answer_is_there(struct sim *s)
{
	return sim_count_shown(s, ONE, "answer") && sim_count_shown(s, TWO, "answer");
}

static void
a_message_reaches_all_devices_once_and_is_marked_as_own_on_the_senders_others(void **state)
{
	struct sim *s = both_approved();
	uint64_t id = sim_say(s, ONE, BOB, "hello");
	const struct sim_shown *own;

	(void)state;
	assert_true(sim_until(s, all_have_it, 10000));
	sim_run(s, 3000);
	assert_int_equal(sim_state_of(s, ONE, id, NULL), CHQ_MSG_DELIVERED);
	assert_int_equal(sim_count_shown(s, BOB, "hello"), 1);
	assert_int_equal(sim_count_shown(s, TWO, "hello"), 1);
	assert_int_equal(sim_count_shown(s, ONE, "hello"), 0);
	own = &s->client[TWO].shown[0];
	assert_true(own->own && own->from == sim_account_of(BOB) && own->id == id);
	assert_false(s->client[BOB].shown[0].own);
	sim_run(s, CHQ_KEYS_FRESH_MS); /* bob asks which devices alice has */
	sim_say(s, BOB, ONE, "answer");
	assert_true(sim_until(s, answer_is_there, 10000));
	sim_run(s, 3000);
	assert_int_equal(sim_count_shown(s, ONE, "answer"), 1);
	assert_int_equal(sim_count_shown(s, TWO, "answer"), 1);
	assert_false(s->client[TWO].shown[1].own);
	sim_free(s);
}

static bool
bob_has_a_hundred(struct sim *s)
{
	return s->client[BOB].shown_count == 100 && s->client[TWO].shown_count == 100;
}

static void
copies_come_whole_and_in_order_over_a_bad_network(void **state)
{
	struct sim *s = both_approved();
	char text[32];

	(void)state;
	s->loss_percent = 10;
	s->dup_percent = 10;
	s->reorder_percent = 20;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		sim_say(s, ONE, BOB, text);
		sim_run(s, 100);
	}
	assert_true(sim_until(s, bob_has_a_hundred, 120000));
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_string_equal(s->client[BOB].shown[i].text, text);
		assert_string_equal(s->client[TWO].shown[i].text, text);
	}
	sim_free(s);
}

static void
an_absent_own_device_keeps_no_message_from_being_delivered(void **state)
{
	struct sim *s = both_approved();
	uint64_t id;

	(void)state;
	sim_close(s, TWO);
	relay_close_session(s, s->account[ONE].device[1].session);
	id = sim_say(s, ONE, BOB, "hello");
	sim_run(s, 5000);
	assert_int_equal(sim_state_of(s, ONE, id, NULL), CHQ_MSG_DELIVERED);
	assert_int_equal(s->client[ONE].c->sender.count, 0);
	sim_free(s);
}

/* --- revocation --- */

static bool
two_is_out(struct sim *s)
{
	return chq_client_connection(s->client[TWO].c) != CHQ_CONN_LOGGED_IN &&
	       s->client[ONE].events[CHQ_EV_DEVICE_REVOKED] > 0;
}

static bool
one_is_told(struct sim *s)
{
	return s->client[ONE].events[CHQ_EV_DEVICE_REVOKED] > 0;
}

/* The server lets it go on as if nothing had been, and the device itself does not care. */
static void
peers_refuse_what_a_revoked_device_sends(void **state)
{
	struct sim *s = both_approved();
	struct chq_client *two = s->client[TWO].c;
	uint64_t id = 0, drops;

	(void)state;
	s->keep_revoked = true;
	assert_int_equal(chq_client_send(two, sim_account_of(BOB), 0, "good", 4, &id), CHQ_OK);
	sim_run(s, 2000);
	assert_int_equal(sim_count_shown(s, BOB, "good"), 1);
	assert_int_equal(sim_count_shown(s, ONE, "good"), 1);
	assert_int_equal(chq_client_revoke_device(s->client[ONE].c, 2), CHQ_OK);
	assert_true(sim_until(s, one_is_told, 5000));
	assert_int_equal(s->client[ONE].last[CHQ_EV_DEVICE_REVOKED].err, CHQ_OK);
	sim_run(s, CHQ_KEYS_FRESH_MS);
	assert_int_equal(chq_client_device_state(two), CHQ_DEVICE_REFUSED);
	sim_say(s, BOB, ONE, "who is there?"); /* so bob learns of the list */
	sim_run(s, 3000);
	assert_int_equal(sim_count_shown(s, TWO, "who is there?"), 0);
	two->own.state = CHQ_OWN_KNOWN;
	drops = sim_stat(s, BOB, CHQ_STAT_DROP_NO_KEYS) + sim_stat(s, ONE, CHQ_STAT_DROP_NO_KEYS);
	assert_int_equal(chq_client_send(two, sim_account_of(BOB), 0, "thief", 5, &id), CHQ_OK);
	sim_run(s, 10000);
	assert_int_equal(sim_count_shown(s, BOB, "thief"), 0);
	assert_int_equal(sim_count_shown(s, ONE, "thief"), 0);
	assert_true(sim_stat(s, BOB, CHQ_STAT_DROP_NO_KEYS) +
			    sim_stat(s, ONE, CHQ_STAT_DROP_NO_KEYS) >
		    drops);
	sim_free(s);
}

static void
messages_go_to_a_revoked_device_no_more(void **state)
{
	struct sim *s = both_approved();
	int before;

	(void)state;
	assert_int_equal(chq_client_revoke_device(s->client[ONE].c, 2), CHQ_OK);
	assert_true(sim_until(s, two_is_out, 5000));
	s->account[ONE].device[1].revoked = false; /* a server that brings it back */
	sim_run(s, CHQ_KEYS_FRESH_MS);
	before = s->client[TWO].shown_count;
	sim_say(s, BOB, ONE, "for alice");
	sim_say(s, ONE, BOB, "from alice");
	sim_run(s, 5000);
	assert_int_equal(sim_count_shown(s, ONE, "for alice"), 1);
	assert_int_equal(sim_count_shown(s, BOB, "from alice"), 1);
	assert_int_equal(s->client[TWO].shown_count, before);
	sim_free(s);
}

/* --- a server that lies --- */

static uint8_t evil_key[32];
static struct chq_signkey evil;

static void
swap_offered_key(struct sim *s, Chasqui__DeviceOffered *m)
{
	(void)s;
	memcpy(m->identity_key.data, evil_key, 32);
}

static void
a_server_that_offers_its_own_key_shows_another_code(void **state)
{
	char one[CHQ_DEVICE_CODE_LEN + 1], two[CHQ_DEVICE_CODE_LEN + 1];
	struct sim *s = sim_logged_in(2);

	(void)state;
	memset(evil_key, 9, sizeof(evil_key));
	s->on_offered = swap_offered_key;
	sim_open_as(s, TWO, ONE);
	assert_true(sim_until(s, two_waits, 10000));
	assert_int_equal(chq_client_device_code(s->client[ONE].c, 2, one), CHQ_OK);
	assert_int_equal(chq_client_device_code(s->client[TWO].c, 2, two), CHQ_OK);
	assert_string_not_equal(one, two);
	assert_int_equal(chq_client_approve_device(s->client[ONE].c, 2, two), CHQ_EDENIED);
	sim_free(s);
}

static uint8_t evil_list[CHQ_DEVICE_LIST_MAX];
static int evil_list_len;

/* The new device alone is shown an account key of the server's making. */
static void
show_evil_account(struct sim *s, Chasqui__KeysReply *r)
{
	struct chq_device_list list = { .account = sim_account_of(ONE), .version = 7, .count = 1 };

	if (r->account != sim_account_of(ONE) || !s->client[TWO].c)
		return;
	list.device[0].device = 1;
	evil_list_len = chq_device_list_build(&list, &evil, evil_list, sizeof(evil_list));
	r->account_key = (ProtobufCBinaryData){ 32, evil.public };
	r->device_list = (ProtobufCBinaryData){ (size_t)evil_list_len, evil_list };
}

static void
a_server_that_shows_the_new_device_its_own_account_key_shows_another_code(void **state)
{
	char one[CHQ_DEVICE_CODE_LEN + 1], two[CHQ_DEVICE_CODE_LEN + 1];
	struct sim *s = sim_logged_in(2);

	(void)state;
	chq_ed25519_keypair(&evil);
	s->on_keys = show_evil_account;
	sim_open_as(s, TWO, ONE);
	assert_true(sim_until(s, two_waits, 10000));
	assert_int_equal(chq_client_device_code(s->client[ONE].c, 2, one), CHQ_OK);
	assert_int_equal(chq_client_device_code(s->client[TWO].c, 2, two), CHQ_OK);
	assert_string_not_equal(one, two);
	sim_free(s);
}

static uint8_t evil_sealed[CHQ_ACCOUNT_SEALED_LEN];

static void
swap_sealed(struct sim *s, Chasqui__DeviceSealed *m)
{
	(void)s;
	m->sealed = (ProtobufCBinaryData){ sizeof(evil_sealed), evil_sealed };
}

static void
a_sealed_account_key_that_is_not_the_one_of_the_code_is_refused(void **state)
{
	struct sim *s = second_waits();
	const struct chq_identity *id = &s->client[TWO].c->id;
	struct chq_device_offer o = { .account = sim_account_of(ONE), .device = 2 };
	struct chq_keypair eph;

	(void)state;
	chq_ed25519_keypair(&evil);
	chq_x25519_keypair(&eph);
	memcpy(o.account_key, evil.public, 32);
	memcpy(o.sign, id->sign.public, 32);
	memcpy(o.ident, id->ident.public, 32);
	assert_int_equal(chq_account_seal(&o, &evil, &eph, evil_sealed), CHQ_OK);
	s->on_sealed = swap_sealed;
	assert_int_equal(approve(s), CHQ_OK);
	sim_run(s, 5000);
	assert_int_equal(chq_client_device_state(s->client[TWO].c), CHQ_DEVICE_WAITING);
	assert_true(sim_stat(s, TWO, CHQ_STAT_DROP_KEYS) > 0);
	assert_memory_not_equal(id->account_key.public, evil.public, 32);
	/* The right one is still taken when it comes. */
	s->on_sealed = NULL;
	sim_close(s, TWO);
	sim_open_as(s, TWO, ONE);
	assert_true(sim_until(s, two_is_approved, 20000));
	sim_free(s);
}

static struct sim_account kept;

static void
old_list(struct sim *s, Chasqui__KeysReply *r)
{
	(void)s;
	if (r->account == kept.id)
		r->device_list = (ProtobufCBinaryData){ kept.list_len, kept.list };
}

static void
an_own_list_of_before_a_revocation_is_not_built_upon(void **state)
{
	struct sim *s = both_approved();

	(void)state;
	kept = s->account[ONE];
	assert_int_equal(chq_client_revoke_device(s->client[ONE].c, 2), CHQ_OK);
	assert_true(sim_until(s, two_is_out, 5000));
	s->on_keys = old_list;
	chq_own_refresh(s->client[ONE].c);
	sim_run(s, 2000);
	assert_true(sim_stat(s, ONE, CHQ_STAT_DROP_OLD_LIST) > 0);
	assert_null(chq_device_list_find(&s->client[ONE].c->own.list, 2));
	sim_close(s, ONE);
	sim_open(s, ONE);
	sim_run(s, 5000);
	assert_true(sim_stat(s, ONE, CHQ_STAT_DROP_OLD_LIST) > 0);
	assert_null(chq_device_list_find(&s->client[ONE].c->own.list, 2));
	sim_free(s);
}

/* The server adds a device of its own to the list: without the account key it cannot sign that. */
static void
inserted(struct sim *s, Chasqui__KeysReply *r)
{
	struct chq_device_list list;

	if (r->account != sim_account_of(ONE))
		return;
	assert_int_equal(chq_device_list_parse(s->account[ONE].list, s->account[ONE].list_len,
					       s->account[ONE].account_key, &list),
			 CHQ_OK);
	list.version++;
	list.device[list.count].device = 9;
	memcpy(list.device[list.count++].ident, evil_key, 32);
	evil_list_len = chq_device_list_build(&list, &evil, evil_list, sizeof(evil_list));
	r->device_list = (ProtobufCBinaryData){ (size_t)evil_list_len, evil_list };
}

static void
a_device_that_the_server_inserts_gets_nothing(void **state)
{
	struct sim *s = both_approved();
	uint64_t drops, own_drops;

	(void)state;
	chq_ed25519_keypair(&evil);
	sim_run(s, CHQ_KEYS_FRESH_MS);
	drops = sim_stat(s, BOB, CHQ_STAT_DROP_KEYS);
	own_drops = sim_stat(s, ONE, CHQ_STAT_DROP_KEYS);
	s->on_keys = inserted;
	chq_own_refresh(s->client[ONE].c);
	chq_client_fetch_keys(s->client[BOB].c, sim_account_of(ONE));
	sim_run(s, 2000);
	assert_true(sim_stat(s, BOB, CHQ_STAT_DROP_KEYS) > drops);
	assert_true(sim_stat(s, ONE, CHQ_STAT_DROP_KEYS) > own_drops);
	assert_null(chq_device_list_find(&s->client[ONE].c->own.list, 9));
	assert_null(chq_peer_dev(chq_peer_find(s->client[BOB].c, sim_account_of(ONE)), 9));
	sim_free(s);
}

/* Two new devices at once, both of which see nothing published: one is the first, the other asks it. */
static bool
one_of_two_asks(struct sim *s)
{
	return s->client[ONE].events[CHQ_EV_APPROVAL_NEEDED] +
		       s->client[TWO].events[CHQ_EV_APPROVAL_NEEDED] ==
	       1;
}

static void
of_two_first_devices_one_is_the_first(void **state)
{
	struct sim *s = sim_new();

	(void)state;
	sim_open(s, ONE);
	sim_open_as(s, TWO, ONE);
	assert_true(sim_until(s, one_of_two_asks, 20000));
	sim_run(s, 5000);
	assert_true(one_of_two_asks(s));
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_device_is_approved_by_a_code_that_both_show),
		cmocka_unit_test(
			a_message_reaches_all_devices_once_and_is_marked_as_own_on_the_senders_others),
		cmocka_unit_test(copies_come_whole_and_in_order_over_a_bad_network),
		cmocka_unit_test(an_absent_own_device_keeps_no_message_from_being_delivered),
		cmocka_unit_test(peers_refuse_what_a_revoked_device_sends),
		cmocka_unit_test(messages_go_to_a_revoked_device_no_more),
		cmocka_unit_test(a_server_that_offers_its_own_key_shows_another_code),
		cmocka_unit_test(
			a_server_that_shows_the_new_device_its_own_account_key_shows_another_code),
		cmocka_unit_test(a_sealed_account_key_that_is_not_the_one_of_the_code_is_refused),
		cmocka_unit_test(an_own_list_of_before_a_revocation_is_not_built_upon),
		cmocka_unit_test(a_device_that_the_server_inserts_gets_nothing),
		cmocka_unit_test(of_two_first_devices_one_is_the_first),
	};

	return cmocka_run_group_tests_name("client/devices", tests, sim_group_setup,
					   sim_group_teardown);
}
