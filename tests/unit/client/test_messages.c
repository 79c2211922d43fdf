#include "tests/unit/client/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/client.h"

#define MANY 300

static int expected;

/* A frame crosses it twice: a fifth of what is sent does not arrive, and of the receipts. */
static void
bad_network(struct sim *s)
{
	s->loss_percent = s->dup_percent = 11;
	s->reorder_percent = 20;
}

static bool
bob_has_all(struct sim *s)
{
	return s->client[1].shown_count >= expected;
}

static int
ended(struct sim *s, int i, enum chq_message_state state)
{
	int n = 0;

	for (int k = 0; k < s->client[i].states; k++)
		n += s->client[i].state[k].state == state;
	return n;
}

static bool
alice_has_all_receipts(struct sim *s)
{
	return ended(s, 0, CHQ_MSG_DELIVERED) >= expected;
}

static bool
alice_has_failed(struct sim *s)
{
	return ended(s, 0, CHQ_MSG_FAILED) > 0;
}

/* Numbers 0 … MANY-1, each once, in order. */
static void
assert_in_order(struct sim *s, int i, int from)
{
	int next = 0;

	for (int k = 0; k < s->client[i].shown_count; k++) {
		if (s->client[i].shown[k].from != sim_account_of(from))
			continue;
		assert_int_equal(atoi(s->client[i].shown[k].text), next);
		next++;
	}
	assert_int_equal(next, MANY);
}

static void
a_message_arrives_once_and_its_receipt_comes_back(void **state)
{
	struct sim *s = sim_logged_in(2);
	uint64_t id = sim_say(s, 0, 1, "hello");

	(void)state;
	expected = 1;
	assert_true(sim_until(s, alice_has_all_receipts, 2000));
	assert_int_equal(s->client[1].shown_count, 1);
	assert_string_equal(s->client[1].shown[0].text, "hello");
	assert_int_equal(s->client[1].shown[0].from, sim_account_of(0));
	assert_true(s->client[1].shown[0].id == id);
	assert_int_equal(sim_state_of(s, 0, id, NULL), CHQ_MSG_DELIVERED);
	assert_int_equal(ended(s, 0, CHQ_MSG_SENT), 1);
	sim_free(s);
}

static void
over_a_bad_network_each_is_shown_once_in_order_with_its_receipt(void **state)
{
	struct sim *s = sim_logged_in(2);
	char text[16];

	(void)state;
	bad_network(s);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%d", i);
		sim_say(s, 0, 1, text);
		sim_say(s, 1, 0, text);
		sim_run(s, sim_random(s, 30));
	}
	expected = MANY;
	assert_true(sim_until(s, alice_has_all_receipts, 120000));
	sim_run(s, 20000);
	assert_in_order(s, 1, 0);
	assert_in_order(s, 0, 1);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), MANY);
	assert_int_equal(ended(s, 1, CHQ_MSG_DELIVERED), MANY);
	assert_int_equal(ended(s, 0, CHQ_MSG_FAILED) + ended(s, 1, CHQ_MSG_FAILED), 0);
	assert_true(sim_stat(s, 0, CHQ_STAT_RESENT) > 0);
	assert_true(sim_stat(s, 1, CHQ_STAT_COPIES) > 0);
	sim_free(s);
}

static void
a_long_message_arrives_whole_over_a_bad_network(void **state)
{
	static uint8_t data[CHQ_MESSAGE_MAX];
	struct sim *s = sim_logged_in(2);
	uint64_t id;

	(void)state;
	bad_network(s);
	memset(data, 'x', sizeof(data));
	assert_int_equal(chq_client_on_app(s->client[1].c, 9, NULL, NULL), CHQ_OK);
	assert_int_equal(chq_client_send(s->client[0].c, sim_account_of(1), 9, data, sizeof(data),
					 &id),
			 CHQ_OK);
	expected = 1;
	assert_true(sim_until(s, bob_has_all, 60000));
	assert_int_equal(s->client[1].shown[0].len, sizeof(data));
	assert_int_equal(s->client[1].last[CHQ_EV_MESSAGE].app, 9);
	assert_true(sim_until(s, alice_has_all_receipts, 60000));
	assert_int_equal(chq_client_send(s->client[0].c, sim_account_of(1), 9, data,
					 sizeof(data) + 1, &id),
			 CHQ_ETOOBIG);
	sim_free(s);
}

static void
a_lost_receipt_is_given_again_and_nothing_is_shown_twice(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	sim_say(s, 0, 1, "first");
	expected = 1;
	assert_true(sim_until(s, alice_has_all_receipts, 5000));
	s->client[0].states = 0;
	sim_say(s, 0, 1, "second");
	expected = 2;
	while (!bob_has_all(s))
		sim_until(s, bob_has_all, 5);
	s->loss_percent = 100;
	sim_run(s, 2000);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 0);
	s->loss_percent = 0;
	expected = 1;
	assert_true(sim_until(s, alice_has_all_receipts, 10000));
	assert_int_equal(sim_count_shown(s, 1, "second"), 1);
	assert_true(sim_stat(s, 1, CHQ_STAT_COPIES) > 0);
	sim_free(s);
}

static void
a_message_to_somebody_absent_fails_as_offline(void **state)
{
	struct sim *s = sim_logged_in(2);
	uint64_t id;
	int err = 0;

	(void)state;
	chq_client_logout(s->client[1].c);
	sim_run(s, 1000);
	assert_int_equal(s->client[1].events[CHQ_EV_LOGGED_OUT], 1);
	sim_close(s, 1);
	assert_int_equal(s->client[0].last[CHQ_EV_PRESENCE].presence, CHQ_PRESENCE_OFFLINE);
	id = sim_say(s, 0, 1, "anybody there?");
	assert_true(sim_until(s, alice_has_failed, 5000));
	assert_int_equal(sim_state_of(s, 0, id, &err), CHQ_MSG_FAILED);
	assert_int_equal(err, CHQ_EOFFLINE);
	sim_free(s);
}

/* What was refused must not make the receiver wait for it. */
static void
after_a_failed_message_the_next_one_is_shown_at_once(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	expected = 1;
	sim_say(s, 0, 1, "one");
	assert_true(sim_until(s, bob_has_all, 5000));
	sim_close(s, 1);
	s->account[1].device[0].session = NULL;
	sim_say(s, 0, 1, "lost");
	sim_say(s, 0, 1, "lost too");
	assert_true(sim_until(s, alice_has_failed, 5000));
	sim_open(s, 1);
	sim_run(s, 3000);
	sim_say(s, 0, 1, "two");
	expected = 2;
	assert_true(sim_until(s, bob_has_all, 3000));
	assert_int_equal(sim_count_shown(s, 1, "two"), 1);
	assert_int_equal(sim_count_shown(s, 1, "lost"), 0);
	sim_free(s);
}

static uint64_t newest, seventh;
static int messages;

static bool
swallow_seventh(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
		uint16_t *len)
{
	(void)s;
	(void)to;
	(void)payload;
	(void)len;
	if (h->flags & CHQ_F_RECEIPT)
		return true;
	if (h->message > newest) {
		newest = h->message;
		if (++messages == 7)
			seventh = newest;
	}
	return h->message != seventh;
}

/* Alice writes ten messages; the seventh does not come, so Bob holds, and has receipted, the last three. */
static struct sim *
bob_holds_three(void)
{
	struct sim *s = sim_logged_in(3);
	char text[16];

	newest = seventh = 0;
	messages = 0;
	s->on_forward = swallow_seventh;
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "%d", i);
		sim_say(s, 0, 1, text);
		sim_run(s, 50);
	}
	sim_run(s, 1000);
	assert_int_equal(s->client[1].shown_count, 6);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 9);
	return s;
}

static void
what_the_sender_gave_up_is_no_longer_waited_for(void **state)
{
	struct sim *s = bob_holds_three();

	(void)state;
	expected = 9;
	assert_true(sim_until(s, bob_has_all, CHQ_RECEIPT_WAIT_MS + CHQ_GAP_WAIT_MS));
	sim_run(s, CHQ_RECEIPT_WAIT_MS);
	assert_int_equal(ended(s, 0, CHQ_MSG_FAILED), 1);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 9);
	for (int i = 1; i < 9; i++) {
		assert_true(s->client[1].shown[i].id > s->client[1].shown[i - 1].id);
		assert_int_equal(s->client[1].shown[i].gap, i == 6); /* and the user is told */
	}
	sim_free(s);
}

static void
no_keys(struct sim *s, Chasqui__KeysReply *reply)
{
	(void)s;
	reply->account_key.len = 0;
}

static void
what_was_receipted_is_shown_though_its_senders_keys_come_late(void **state)
{
	struct sim *s = bob_holds_three();

	(void)state;
	sim_kill(s, 1);
	s->on_keys = no_keys;
	sim_open(s, 1);
	sim_run(s, 5000);
	s->on_keys = NULL;
	sim_say(s, 2, 1, "from carol");
	sim_run(s, 5000);
	assert_int_equal(sim_count_shown(s, 1, "from carol"), 1);
	expected = 6 + 1 + 3;
	assert_true(sim_until(s, bob_has_all, 2 * CHQ_GAP_WAIT_MS));
	assert_int_equal(sim_count_shown(s, 1, "9"), 1);
	sim_free(s);
}

static void
what_was_receipted_is_shown_though_its_senders_device_is_no_more(void **state)
{
	struct sim *s = bob_holds_three();
	struct chq_identity *alice = &s->client[0].c->id;

	(void)state;
	alice->device = 2;
	chq_own_login(s->client[0].c);
	sim_run(s, 1000);
	chq_client_fetch_keys(s->client[1].c, sim_account_of(0));
	sim_run(s, 1000);
	assert_int_equal(s->client[1].shown_count, 9);
	assert_int_equal(sim_count_shown(s, 1, "9"), 1);
	sim_free(s);
}

static void
a_receiver_that_is_killed_shows_nothing_twice_and_loses_nothing(void **state)
{
	struct sim *s = sim_logged_in(2);
	char text[16];

	(void)state;
	bad_network(s);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%d", i);
		sim_say(s, 0, 1, text);
		sim_run(s, 20);
		if (i % 60 == 30) {
			sim_kill(s, 1);
			sim_open(s, 1);
		}
	}
	expected = MANY;
	assert_true(sim_until(s, alice_has_all_receipts, 120000));
	assert_true(sim_until(s, bob_has_all, 120000));
	sim_run(s, 20000);
	assert_in_order(s, 1, 0);
	sim_free(s);
}

static void
a_sender_that_is_restarted_goes_on_at_once(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	sim_say(s, 0, 1, "before");
	expected = 1;
	assert_true(sim_until(s, alice_has_all_receipts, 5000));
	sim_kill(s, 0);
	s->wall_ms -= 3600000; /* and its clock was set back */
	sim_open(s, 0);
	sim_run(s, 2000);
	sim_say(s, 0, 1, "after");
	expected = 2;
	assert_true(sim_until(s, bob_has_all, 3000));
	assert_true(s->client[1].shown[1].id > s->client[1].shown[0].id);
	sim_free(s);
}

static void
an_event_that_was_not_handled_is_not_receipted_and_comes_again(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->client[1].deaf = true;
	sim_say(s, 0, 1, "hello");
	sim_run(s, 3000);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 0);
	sim_kill(s, 1);
	s->client[1].deaf = false;
	sim_open(s, 1);
	expected = 1;
	assert_true(sim_until(s, alice_has_all_receipts, 20000));
	assert_int_equal(sim_count_shown(s, 1, "hello"), 1);
	sim_free(s);
}

static void
messages_that_are_not_wanted_come_again_later(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	chq_client_take_messages(s->client[1].c, false);
	sim_say(s, 0, 1, "hello");
	sim_run(s, 3000);
	assert_int_equal(s->client[1].shown_count, 0);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 0);
	assert_true(sim_stat(s, 1, CHQ_STAT_LEFT) > 1);
	sim_close(s, 1);
	sim_open(s, 1);
	expected = 1;
	assert_true(sim_until(s, alice_has_all_receipts, 20000));
	assert_int_equal(sim_count_shown(s, 1, "hello"), 1);
	sim_free(s);
}

static void
a_message_in_the_queue_waits_until_messages_are_wanted(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->client[1].deaf = true;
	sim_say(s, 0, 1, "hello");
	sim_run(s, 1000);
	chq_client_take_messages(s->client[1].c, false);
	s->client[1].deaf = false;
	sim_run(s, 1000);
	assert_int_equal(s->client[1].shown_count, 0);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 0);
	chq_client_take_messages(s->client[1].c, true);
	expected = 1;
	assert_true(sim_until(s, alice_has_all_receipts, 20000));
	assert_int_equal(sim_count_shown(s, 1, "hello"), 1);
	sim_free(s);
}

static bool
bob_has_contacts(struct sim *s)
{
	return s->client[1].events[CHQ_EV_CONTACTS] > 0;
}

/* Keys of the sender may come before the contacts do: which answer is lost differs from round to round. */
static void
no_message_is_taken_before_one_can_say_who_wrote_it(void **state)
{
	(void)state;
	for (int round = 0; round < 30; round++) {
		struct sim *s = sim_logged_in(2);

		sim_close(s, 1);
		s->client[1].events[CHQ_EV_CONTACTS] = 0;
		s->random += (uint64_t)round;
		s->loss_percent = 25;
		sim_open(s, 1);
		sim_say(s, 0, 1, "hello");
		while (!bob_has_contacts(s)) {
			sim_run(s, 1);
			assert_true(bob_has_contacts(s) || s->client[1].shown_count == 0);
		}
		s->loss_percent = 0;
		expected = 1;
		assert_true(sim_until(s, bob_has_all, 20000));
		sim_free(s);
	}
}

static void
too_fast_slows_down_and_nothing_fails(void **state)
{
	struct sim *s = sim_logged_in(2);
	char text[16];

	(void)state;
	s->too_fast = 60;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		sim_say(s, 0, 1, text);
	}
	expected = 100;
	assert_true(sim_until(s, alice_has_all_receipts, 60000));
	assert_int_equal(s->client[1].shown_count, 100);
	assert_int_equal(ended(s, 0, CHQ_MSG_FAILED), 0);
	sim_free(s);
}

static void
a_refused_grant_is_fetched_anew_once(void **state)
{
	struct sim *s = sim_logged_in(2);
	uint64_t id;
	int err = 0, asked = s->grants_asked;

	(void)state;
	s->grant_good = relay_grant(s, 3, 3); /* the list's are good no more */
	sim_say(s, 0, 1, "hello");
	expected = 1;
	assert_true(sim_until(s, bob_has_all, 5000));
	/* Bob's receipt needs a fresh one too. */
	assert_true(sim_until(s, alice_has_all_receipts, 20000));
	assert_in_range(s->grants_asked - asked, 1, 4);
	assert_int_equal(chq_client_send(s->client[0].c, 99999, 0, "x", 1, &id), CHQ_OK);
	assert_true(sim_until(s, alice_has_failed, 10000));
	assert_int_equal(sim_state_of(s, 0, id, &err), CHQ_MSG_FAILED);
	assert_int_equal(err, CHQ_ENOUSER);
	sim_free(s);
}

static void
keys_of_a_new_day_are_used_and_the_old_ones_forgotten_in_time(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	for (int day = 0; day < 5; day++) {
		s->client[1].shown_count = s->client[0].states = 0;
		expected = 1;
		sim_say(s, 0, 1, "good morning");
		assert_true(sim_until(s, alice_has_all_receipts, 30000));
		assert_int_equal(s->client[1].shown_count, 1);
		sim_run(s, UINT64_C(86400000));
	}
	assert_true(s->handshakes >= 2 + 2 * 4);
	sim_free(s);
}

static struct chq_dev *
device(struct sim *s, int of, int i)
{
	struct chq_peer *p = chq_peer_find(s->client[i].c, sim_account_of(of));

	assert_non_null(p);
	return chq_peer_dev(p, 1);
}

static void
keys_that_no_message_may_use_any_more_are_erased(void **state)
{
	static const uint8_t zeros[32];
	struct sim *s = sim_logged_in(2);

	(void)state;
	sim_say(s, 0, 1, "hello");
	expected = 1;
	assert_true(sim_until(s, alice_has_all_receipts, 5000));
	assert_memory_not_equal(device(s, 1, 0)->out_key, zeros, 32);
	assert_memory_not_equal(device(s, 0, 1)->in_key[0].key, zeros, 32);
	sim_run(s, 5 * UINT64_C(86400000));
	assert_memory_equal(device(s, 1, 0)->out_key, zeros, 32);
	assert_memory_equal(device(s, 0, 1)->in_key[0].key, zeros, 32);
	sim_free(s);
}

static void
the_queue_is_bounded(void **state)
{
	struct sim *s = sim_logged_in(1);
	uint64_t id;

	(void)state;
	s->down = true;
	for (int i = 0; i < CHQ_SEND_QUEUE_MAX; i++)
		sim_say(s, 0, 1, "x");
	assert_int_equal(chq_client_send(s->client[0].c, sim_account_of(1), 0, "x", 1, &id),
			 CHQ_EFULL);
	expected = CHQ_SEND_QUEUE_MAX;
	sim_run(s, 2 * CHQ_RECEIPT_WAIT_MS);
	assert_int_equal(ended(s, 0, CHQ_MSG_FAILED), CHQ_SEND_QUEUE_MAX);
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_arrives_once_and_its_receipt_comes_back),
		cmocka_unit_test(over_a_bad_network_each_is_shown_once_in_order_with_its_receipt),
		cmocka_unit_test(a_long_message_arrives_whole_over_a_bad_network),
		cmocka_unit_test(a_lost_receipt_is_given_again_and_nothing_is_shown_twice),
		cmocka_unit_test(a_message_to_somebody_absent_fails_as_offline),
		cmocka_unit_test(after_a_failed_message_the_next_one_is_shown_at_once),
		cmocka_unit_test(what_the_sender_gave_up_is_no_longer_waited_for),
		cmocka_unit_test(what_was_receipted_is_shown_though_its_senders_keys_come_late),
		cmocka_unit_test(what_was_receipted_is_shown_though_its_senders_device_is_no_more),
		cmocka_unit_test(a_receiver_that_is_killed_shows_nothing_twice_and_loses_nothing),
		cmocka_unit_test(a_sender_that_is_restarted_goes_on_at_once),
		cmocka_unit_test(an_event_that_was_not_handled_is_not_receipted_and_comes_again),
		cmocka_unit_test(messages_that_are_not_wanted_come_again_later),
		cmocka_unit_test(a_message_in_the_queue_waits_until_messages_are_wanted),
		cmocka_unit_test(no_message_is_taken_before_one_can_say_who_wrote_it),
		cmocka_unit_test(too_fast_slows_down_and_nothing_fails),
		cmocka_unit_test(a_refused_grant_is_fetched_anew_once),
		cmocka_unit_test(keys_of_a_new_day_are_used_and_the_old_ones_forgotten_in_time),
		cmocka_unit_test(keys_that_no_message_may_use_any_more_are_erased),
		cmocka_unit_test(the_queue_is_bounded),
	};

	return cmocka_run_group_tests_name("client/messages", tests, sim_group_setup,
					   sim_group_teardown);
}
