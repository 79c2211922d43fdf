#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/people_scene.h"

/* How people are, and who is told. */

static Chasqui__Code
set_status(struct fixture *f, struct fix_client *c, Chasqui__Status status)
{
	Chasqui__StatusSet m = CHASQUI__STATUS_SET__INIT;

	m.status = status;
	return client_call(f, c, CHASQUI__METHOD__METHOD_STATUS_SET, &m.base, NULL, NULL);
}

static void
states_are_told_to_whom_the_rules_show_them_and_invisible_is_offline(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol;
	Chasqui__ContactsPage *p;

	client_online(f, &bob, 2, "bob");
	client_online(f, &carol, 3, "carol");
	client_online(f, &alice, 1, "alice");
	FIX_UNTIL(f, client_presence(f, &bob, ALICE, CHASQUI__STATUS__STATUS_ONLINE) == 1);
	assert_int_equal(set_status(f, &alice, CHASQUI__STATUS__STATUS_BUSY), CHASQUI__CODE__OK);
	FIX_UNTIL(f, client_presence(f, &bob, ALICE, CHASQUI__STATUS__STATUS_BUSY) == 1);
	set_status(f, &alice, CHASQUI__STATUS__STATUS_INVISIBLE);
	FIX_UNTIL(f, client_presence(f, &bob, ALICE, CHASQUI__STATUS__STATUS_OFFLINE) == 1);
	p = ask_list(f, &bob, 0, 0, false);
	assert_int_equal(row_of(p, ALICE)->status, CHASQUI__STATUS__STATUS_OFFLINE);
	assert_int_equal(row_of(p, ALICE)->n_address, 0);
	chasqui__contacts_page__free_unpacked(p, NULL);
	words_text(f, "user show alice", "status", "invisible");
	words_text(f, "presence show alice", "status", "invisible");
	words_text(f, "presence show alice", "seen_as", "offline");
	set_status(f, &alice, CHASQUI__STATUS__STATUS_AWAY);
	FIX_UNTIL(f, client_presence(f, &bob, ALICE, CHASQUI__STATUS__STATUS_AWAY) == 1);
	assert_int_equal(set_status(f, &alice, (Chasqui__Status)9), CHASQUI__CODE__E_MALFORMED);
	assert_int_equal(set_status(f, &alice, CHASQUI__STATUS__STATUS_OFFLINE),
			 CHASQUI__CODE__E_MALFORMED);
	for (int s = CHASQUI__STATUS__STATUS_OFFLINE; s <= CHASQUI__STATUS__STATUS_BUSY; s++)
		assert_int_equal(client_presence(f, &carol, ALICE, (Chasqui__Status)s), 0);
}

static void
the_most_reachable_device_of_an_account_is_what_others_see(void **state)
{
	struct fixture *f = *state;
	struct fix_client phone, desk, bob;

	client_online(f, &bob, 2, "bob");
	client_online(f, &phone, 1, "alice");
	client_online(f, &desk, 4, "alice");
	set_status(f, &phone, CHASQUI__STATUS__STATUS_AWAY);
	words_text(f, "user show alice", "status", "online");
	set_status(f, &desk, CHASQUI__STATUS__STATUS_BUSY);
	words_text(f, "user show alice", "status", "busy");
	client_event(f, &desk, CHQ_DP_EV_SILENT);
	FIX_UNTIL(f, client_presence(f, &bob, ALICE, CHASQUI__STATUS__STATUS_AWAY) == 1);
}

static void
a_list_read_between_two_news_is_put_right_by_the_next_one(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__ContactsPage *p;
	Chasqui__Status shown;

	f->ctl.timing.presence_ms = 500;
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	client_event(f, &alice, CHQ_DP_EV_SILENT); /* nobody is told yet */
	FIX_UNTIL(f, online_open(online_find(&f->ctl.sessions, ALICE)) == 0);
	p = ask_list(f, &bob, 0, 0, false);
	shown = row_of(p, ALICE)->status;
	chasqui__contacts_page__free_unpacked(p, NULL);
	client_online(f, &alice, 1, "alice"); /* back again before that */
	for (unsigned i = 0; i < 1500; i++)
		fixture_step(f);
	assert_true(shown == CHASQUI__STATUS__STATUS_ONLINE ||
		    client_presence(f, &bob, ALICE, CHASQUI__STATUS__STATUS_ONLINE) > 0);
}

/* The title of alice as a client is told that it has changed, and nothing else. */
static void
expect_title(struct fixture *f, struct fix_client *c, uint64_t *version, unsigned told,
	     const char *title)
{
	Chasqui__ContactsPage *p;

	FIX_UNTIL(f, client_pushes(f, c, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) > told);
	p = ask_list(f, c, *version, 0, true);
	assert_true(p->delta);
	assert_int_equal(p->n_contact, 1);
	assert_string_equal(row_of(p, ALICE)->title, title);
	*version = p->version;
	chasqui__contacts_page__free_unpacked(p, NULL);
}

static uint64_t
version_of(struct fixture *f, struct fix_client *c)
{
	Chasqui__ContactsPage *p = ask_list(f, c, 0, 0, false);
	uint64_t version = p->version;

	chasqui__contacts_page__free_unpacked(p, NULL);
	return version;
}

static unsigned
changes_told(struct fixture *f, const struct fix_client *c)
{
	return client_pushes(f, c, CHASQUI__PUSH__BODY_CONTACTS_CHANGED);
}

static void
a_new_title_is_told_to_whom_it_is_shown_and_to_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol;
	Chasqui__Profile mine = CHASQUI__PROFILE__INIT;
	unsigned told, to_carol;
	uint64_t version;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	client_online(f, &carol, 3, "carol");
	version = version_of(f, &bob);
	told = changes_told(f, &bob);
	to_carol = changes_told(f, &carol);
	words_ok(f, "user set alice --title=Chief");
	expect_title(f, &bob, &version, told, "Chief");
	told = changes_told(f, &bob);
	mine.set = 2;
	mine.title = (char *)(uintptr_t) "Master"; /* only read */
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_PROFILE_SET, &mine.base,
				     NULL, NULL),
			 CHASQUI__CODE__OK);
	expect_title(f, &bob, &version, told, "Master");
	assert_int_equal(changes_told(f, &carol), to_carol);
	words_ok(f, "friend request carol alice");
	words_ok(f, "friend confirm alice carol");
	FIX_UNTIL(f, changes_told(f, &carol) > to_carol);
	version = version_of(f, &carol);
	to_carol = changes_told(f, &carol);
	words_ok(f, "user set alice --title=Friend");
	expect_title(f, &carol, &version, to_carol, "Friend");
}

static void
many_changes_in_a_short_time_are_told_as_one(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	unsigned told = 0;

	f->ctl.timing.status_ms = 300;
	client_online(f, &bob, 2, "bob");
	client_online(f, &alice, 1, "alice");
	FIX_UNTIL(f, client_presence(f, &bob, ALICE, CHASQUI__STATUS__STATUS_ONLINE) == 1);
	client_ack_all(f, &bob);
	for (unsigned i = 0; i < 20; i++)
		set_status(f, &alice,
			   i % 2 ? CHASQUI__STATUS__STATUS_AWAY : CHASQUI__STATUS__STATUS_BUSY);
	FIX_UNTIL(f, client_presence(f, &bob, ALICE, CHASQUI__STATUS__STATUS_AWAY) == 1);
	for (int s = CHASQUI__STATUS__STATUS_OFFLINE; s <= CHASQUI__STATUS__STATUS_BUSY; s++)
		told += client_presence(f, &bob, ALICE, (Chasqui__Status)s);
	assert_int_equal(told, 2);
}

/* The log by which lists are brought up to date is one for all. */
static void
who_changes_his_state_all_the_time_is_noted_once_in_a_while(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__ContactsPage *p;
	uint64_t before;

	f->ctl.timing.status_ms = 1000;
	client_online(f, &bob, 2, "bob");
	client_online(f, &alice, 1, "alice");
	fixture_settle(f);
	before = view_version(&f->ctl);
	for (unsigned i = 0; i < 40; i++)
		set_status(f, &alice,
			   i % 2 ? CHASQUI__STATUS__STATUS_AWAY : CHASQUI__STATUS__STATUS_BUSY);
	assert_true(view_version(&f->ctl) - before <= 8);
	/* Who reads a state that has passed is told of the next one. */
	set_status(f, &alice, CHASQUI__STATUS__STATUS_BUSY);
	p = ask_list(f, &bob, 0, 0, false);
	before = p->version;
	assert_int_equal(row_of(p, ALICE)->status, CHASQUI__STATUS__STATUS_BUSY);
	chasqui__contacts_page__free_unpacked(p, NULL);
	set_status(f, &alice, CHASQUI__STATUS__STATUS_AWAY);
	FIX_UNTIL(f, view_version(&f->ctl) > before);
	p = ask_list(f, &bob, before, 0, true);
	assert_int_equal(row_of(p, ALICE)->status, CHASQUI__STATUS__STATUS_AWAY);
	chasqui__contacts_page__free_unpacked(p, NULL);
}

/* --- friends --- */

#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_changes_his_state_all_the_time_is_noted_once_in_a_while),
		T(states_are_told_to_whom_the_rules_show_them_and_invisible_is_offline),
		T(the_most_reachable_device_of_an_account_is_what_others_see),
		T(a_list_read_between_two_news_is_put_right_by_the_next_one),
		T(a_new_title_is_told_to_whom_it_is_shown_and_to_nobody_else),
		T(many_changes_in_a_short_time_are_told_as_one),
	};
	return cmocka_run_group_tests_name("control/states", tests, NULL, NULL);
}
