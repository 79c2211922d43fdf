#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/client.h"
#include "tests/unit/client/relay_group.h"

/* Groups as a client lives through them: a bad network, restarts, new keys. */

enum { PEOPLE = 3, EACH = 40 };

static int expected;

static void
bad_network(struct sim *s)
{
	s->loss_percent = s->dup_percent = 11;
	s->reorder_percent = 20;
}

/* The relay looks at what is due ten times a second. */
static bool
until(struct sim *s, sim_done_fn *done, uint64_t ms)
{
	for (uint64_t i = 0; i < ms && !(done && done(s)); i += 100) {
		sim_run(s, 100);
		relay_group_run(s);
	}
	return done && done(s);
}

static bool
lists_known(struct sim *s)
{
	for (int i = 0; i < PEOPLE; i++)
		if (s->client[i].c && !chq_client_groups_known(s->client[i].c))
			return false;
	return true;
}

/* Three people, all in the group. */
static struct sim *
together(void)
{
	struct sim *s;

	relay_group_begin(PEOPLE);
	s = sim_logged_in(PEOPLE);
	assert_true(until(s, lists_known, 60000));
	return s;
}

static uint64_t
say(struct sim *s, int i, const char *text)
{
	uint64_t id = 0;

	assert_int_equal(
		chq_client_send_group(s->client[i].c, RELAY_GROUP, 0, text, strlen(text), &id), 0);
	return id;
}

static bool
all_shown(struct sim *s)
{
	for (int i = 0; i < PEOPLE; i++)
		if (s->client[i].shown_count < expected)
			return false;
	return true;
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
all_confirmed(struct sim *s)
{
	for (int i = 0; i < PEOPLE; i++)
		if (ended(s, i, CHQ_MSG_DELIVERED) < EACH)
			return false;
	return true;
}

static bool
has_ended(struct sim *s)
{
	return ended(s, 0, CHQ_MSG_DELIVERED) + ended(s, 0, CHQ_MSG_FAILED) > 0;
}

/* What @i was shown are the others' frames of the log, in its order, from the @from-th on. */
static void
assert_order(struct sim *s, int i)
{
	uint32_t order = 0;

	for (int k = 0; k < s->client[i].shown_count; k++) {
		do {
			assert_true(++order <= relay_group.order);
		} while (CHQ_PARTY_ID(relay_group.frame[order].from) == sim_account_of(i));
		assert_int_equal(s->client[i].shown[k].id, relay_group.frame[order].message);
		assert_int_equal(s->client[i].shown[k].from,
				 CHQ_PARTY_ID(relay_group.frame[order].from));
		assert_false(s->client[i].shown[k].gap);
	}
}

static void
over_a_bad_network_all_show_one_order_each_once(void **state)
{
	struct sim *s = together();
	char text[32];

	(void)state;
	bad_network(s);
	for (int n = 0; n < EACH; n++) {
		for (int i = 0; i < PEOPLE; i++) {
			snprintf(text, sizeof(text), "%d of %d", n, i);
			say(s, i, text);
		}
		sim_run(s, 20);
		relay_group_run(s);
	}
	expected = EACH * (PEOPLE - 1);
	assert_true(until(s, all_shown, 600000));
	assert_true(until(s, all_confirmed, 60000));
	until(s, NULL, 20000);
	assert_int_equal(relay_group.order, EACH * PEOPLE);
	for (int i = 0; i < PEOPLE; i++) {
		assert_int_equal(s->client[i].shown_count, expected);
		assert_order(s, i);
		assert_int_equal(relay_group.acked[i], relay_group.order);
	}
	sim_free(s);
}

static void
nothing_is_shown_again_after_a_kill(void **state)
{
	struct sim *s = together();

	(void)state;
	for (int n = 0; n < 10; n++)
		say(s, 0, "before");
	expected = 0;
	assert_true(until(s, has_ended, 60000));
	until(s, NULL, 2000);
	assert_int_equal(s->client[1].shown_count, 10);
	sim_kill(s, 1);
	relay_group.acked[1] = 3; /* the server has not kept what it was told last */
	relay_group.sent[1] = 3;
	for (int n = 0; n < 5; n++)
		say(s, 0, "while it was away");
	until(s, NULL, 2000);
	sim_open(s, 1);
	until(s, NULL, 20000);
	assert_int_equal(sim_count_shown(s, 1, "before"), 10);
	assert_int_equal(sim_count_shown(s, 1, "while it was away"), 5);
	assert_int_equal(relay_group.acked[1], 15);
	sim_free(s);
}

static void
a_new_epoch_is_asked_for_and_all_goes_on(void **state)
{
	struct sim *s = together();
	uint64_t id;
	int err;

	(void)state;
	id = say(s, 0, "one");
	assert_true(until(s, has_ended, 60000));
	relay_group.epoch++; /* nobody is told yet */
	id = say(s, 0, "two");
	until(s, NULL, 10000);
	assert_int_equal(sim_state_of(s, 0, id, &err), CHQ_MSG_DELIVERED);
	assert_true(relay_group.refused >= 1);
	assert_int_equal(sim_count_shown(s, 1, "two"), 1);
	assert_int_equal(sim_count_shown(s, 2, "two"), 1);
	relay_group_changed(s);
	until(s, NULL, 2000);
	relay_group.refused = 0;
	say(s, 1, "three");
	until(s, NULL, 5000);
	assert_int_equal(relay_group.refused, 0);
	assert_int_equal(sim_count_shown(s, 0, "three"), 1);
	sim_free(s);
}

static void
who_has_left_is_denied_and_shown_nothing(void **state)
{
	struct sim *s = together();
	uint64_t id;
	int err = 0;

	(void)state;
	relay_group.member[0] = false;
	relay_group.epoch++;
	id = say(s, 0, "still here?"); /* he has not heard of it */
	until(s, NULL, 10000);
	assert_int_equal(sim_state_of(s, 0, id, &err), CHQ_MSG_FAILED);
	assert_int_equal(err, CHQ_EDENIED);
	assert_null(chq_client_group_by_name(s->client[0].c, "Sales"));
	assert_int_equal(chq_client_send_group(s->client[0].c, RELAY_GROUP, 0, "x", 1, &id),
			 CHQ_EDENIED);
	assert_int_equal(sim_count_shown(s, 1, "still here?"), 0);
	sim_free(s);
}

static void
rights_decide_before_anything_is_sent(void **state)
{
	struct sim *s = together();
	uint64_t id;

	(void)state;
	assert_int_equal(chq_client_send_group(s->client[0].c, RELAY_GROUP, CHQ_APP_ANNOUNCEMENT,
					       "x", 1, &id),
			 CHQ_EDENIED);
	relay_group.rights[0] = CHQ_GROUP_ANNOUNCE;
	relay_group_changed(s);
	until(s, NULL, 2000);
	assert_int_equal(chq_client_send_group(s->client[0].c, RELAY_GROUP, 0, "x", 1, &id),
			 CHQ_EDENIED);
	assert_int_equal(chq_client_on_app(s->client[1].c, CHQ_APP_ANNOUNCEMENT, NULL, NULL), 0);
	assert_int_equal(chq_client_send_group(s->client[0].c, RELAY_GROUP, CHQ_APP_ANNOUNCEMENT,
					       "party", 5, &id),
			 0);
	until(s, NULL, 2000);
	assert_int_equal(sim_count_shown(s, 1, "party"), 1);
	sim_free(s);
}

static void
a_long_message_comes_whole_over_a_bad_network(void **state)
{
	static char text[20000];
	struct sim *s = together();
	uint64_t id;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "long", 4);
	bad_network(s);
	assert_int_equal(
		chq_client_send_group(s->client[0].c, RELAY_GROUP, 0, text, sizeof(text), &id), 0);
	expected = 1;
	until(s, NULL, 60000);
	assert_int_equal(s->client[1].shown_count, 1);
	assert_int_equal(s->client[1].shown[0].len, sizeof(text));
	assert_int_equal(s->client[1].shown[0].id, id);
	assert_int_equal(chq_client_send_group(s->client[0].c, RELAY_GROUP, 0, text,
					       CHQ_MESSAGE_MAX + 1, &id),
			 CHQ_ETOOBIG);
	sim_free(s);
}

static void
what_was_altered_or_is_not_kept_is_told_as_a_gap(void **state)
{
	struct sim *s = together();

	(void)state;
	relay_group.alter = 2;
	say(s, 0, "one");
	until(s, NULL, 1000);
	say(s, 0, "two");
	until(s, NULL, 1000);
	say(s, 0, "three");
	until(s, NULL, 5000);
	assert_int_equal(s->client[1].shown_count, 2);
	assert_false(s->client[1].shown[0].gap);
	assert_string_equal(s->client[1].shown[1].text, "three");
	assert_true(s->client[1].shown[1].gap);
	sim_kill(s, 1);
	for (int n = 0; n < 6; n++)
		say(s, 0, "while it was away");
	until(s, NULL, 2000);
	relay_group.first = 8; /* 4 to 7 are not kept */
	sim_open(s, 1);
	until(s, NULL, 20000);
	assert_int_equal(sim_count_shown(s, 1, "while it was away"), 2);
	sim_free(s);
}

static void
what_is_not_wanted_now_comes_later(void **state)
{
	struct sim *s = together();

	(void)state;
	chq_client_take_messages(s->client[1].c, false);
	say(s, 0, "later");
	until(s, NULL, 5000);
	assert_int_equal(s->client[1].shown_count, 0);
	assert_int_equal(relay_group.acked[1], 0);
	chq_client_take_messages(s->client[1].c, true);
	until(s, NULL, 5000);
	assert_int_equal(sim_count_shown(s, 1, "later"), 1);
	assert_int_equal(relay_group.acked[1], 1);
	sim_free(s);
}

/* The last event of that type that the client had; its error. */
static int
answer_of(struct sim *s, int i, enum chq_event_type type)
{
	int before = s->client[i].events[type];

	for (int n = 0; n < 50 && s->client[i].events[type] == before; n++)
		until(s, NULL, 100);
	assert_int_equal(s->client[i].events[type], before + 1);
	return s->client[i].last[type].err;
}

static void
members_come_in_pages(void **state)
{
	struct sim *s = together();
	const struct chq_member *list;
	uint64_t next = 0;

	(void)state;
	for (uint64_t page = 0; page < 2; page++) {
		assert_int_equal(chq_client_fetch_members(s->client[0].c, RELAY_GROUP, next), 0);
		assert_int_equal(answer_of(s, 0, CHQ_EV_MEMBERS), 0);
		assert_int_equal(chq_client_members(s->client[0].c, &list, &next), 1);
		assert_int_equal(list[0].account, 100 + page);
		assert_string_equal(list[0].login, "zoe");
		assert_int_equal(list[0].rights, CHQ_GROUP_POST);
	}
	assert_int_equal(next, 0);
	sim_free(s);
}

static void
who_manages_changes_a_group_and_others_are_denied(void **state)
{
	static const enum chq_group_act acts[] = { CHQ_GROUP_ACT_ADD, CHQ_GROUP_ACT_REMOVE,
						   CHQ_GROUP_ACT_RIGHTS, CHQ_GROUP_ACT_NAME };
	struct sim *s = together();

	(void)state;
	relay_group.rights[0] = CHQ_GROUP_MANAGE;
	for (int i = 0; i < 4; i++) {
		for (int who = 0; who < 2; who++) {
			assert_int_equal(chq_client_change_group(s->client[who].c, RELAY_GROUP,
								 acts[i], 77, CHQ_GROUP_POST,
								 "Team"),
					 0);
			assert_int_equal(answer_of(s, who, CHQ_EV_GROUP_CHANGED),
					 who == 0 ? 0 : CHQ_EDENIED);
			assert_int_equal(relay_group.changed.act, i + 1);
			assert_int_equal(relay_group.changed.account, 77);
			assert_int_equal(relay_group.changed.rights, CHQ_GROUP_POST);
			assert_string_equal(relay_group.changed.name, "Team");
		}
	}
	sim_free(s);
}

static int
no_group(void **state)
{
	(void)state;
	relay_group_begin(0);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_GROUP(fn) cmocka_unit_test_teardown(fn, no_group)
		WITH_GROUP(over_a_bad_network_all_show_one_order_each_once),
		WITH_GROUP(nothing_is_shown_again_after_a_kill),
		WITH_GROUP(a_new_epoch_is_asked_for_and_all_goes_on),
		WITH_GROUP(who_has_left_is_denied_and_shown_nothing),
		WITH_GROUP(rights_decide_before_anything_is_sent),
		WITH_GROUP(a_long_message_comes_whole_over_a_bad_network),
		WITH_GROUP(what_was_altered_or_is_not_kept_is_told_as_a_gap),
		WITH_GROUP(what_is_not_wanted_now_comes_later),
		WITH_GROUP(members_come_in_pages),
		WITH_GROUP(who_manages_changes_a_group_and_others_are_denied),
	};

	return cmocka_run_group_tests(tests, sim_group_setup, sim_group_teardown);
}
