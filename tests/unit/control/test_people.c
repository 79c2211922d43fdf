#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/book_load.h"
#include "proto/grant.h"
#include "store/account.h"
#include "store/friend.h"
#include "store/reader.h"
#include "store/writer.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/fixture.h"

/* What the address book's rules mean to clients: lists, grants, presence, search, friends. */

enum { ALICE = 1, BOB, CAROL };

/* Departments Dev (alice, bob) and Sales (carol); each sees and may write within itself. */
static int
setup(void **state)
{
	struct fixture *f;

	fixture_setup(state);
	f = *state;
	f->conf.friends.ask = CHQ_FRIENDS_VISIBLE;
	words_ok(f, "dept add Dev");
	words_ok(f, "dept add Sales");
	words_ok(f, "dept join Dev alice");
	words_ok(f, "dept join Dev bob");
	words_ok(f, "dept join Sales carol");
	words_ok(f, "policy add --subjects=members(Dev) --objects=members(Dev) --rights=all");
	words_ok(f, "policy add --subjects=members(Sales) --objects=members(Sales) --rights=all");
	return 0;
}

static Chasqui__ContactsPage *
ask_list(struct fixture *f, struct fix_client *c, uint64_t version, uint64_t cursor, bool deltas)
{
	Chasqui__ContactsRequest m = CHASQUI__CONTACTS_REQUEST__INIT;
	ProtobufCMessage *reply;

	m.version = version;
	m.cursor = cursor;
	m.deltas = deltas;
	assert_int_equal(client_call(f, c, CHASQUI__METHOD__METHOD_CONTACTS, &m.base,
				     &chasqui__contacts_page__descriptor, &reply),
			 CHASQUI__CODE__OK);
	return (Chasqui__ContactsPage *)reply;
}

static Chasqui__Contact *
row_of(const Chasqui__ContactsPage *p, uint64_t account)
{
	for (size_t i = 0; i < p->n_contact; i++)
		if (p->contact[i]->account == account)
			return p->contact[i];
	return NULL;
}

/* Who is in somebody's list, as bits by account. */
static unsigned
sees(struct fixture *f, struct fix_client *c)
{
	Chasqui__ContactsPage *p = ask_list(f, c, 0, 0, false);
	unsigned bits = 0;

	assert_int_equal(p->next_cursor, 0);
	for (size_t i = 0; i < p->n_contact; i++)
		bits |= 1U << p->contact[i]->account;
	chasqui__contacts_page__free_unpacked(p, NULL);
	return bits;
}

static uint64_t
grant_of(struct fixture *f, struct fix_client *c, uint64_t account)
{
	Chasqui__GrantRequest m = CHASQUI__GRANT_REQUEST__INIT;
	ProtobufCMessage *reply = NULL;
	uint64_t grant = 0;

	m.account = account;
	if (client_call(f, c, CHASQUI__METHOD__METHOD_GRANT, &m.base,
			&chasqui__grant_reply__descriptor, &reply) == CHASQUI__CODE__OK)
		grant = ((Chasqui__GrantReply *)reply)->grant;
	if (reply)
		protobuf_c_message_free_unpacked(reply, NULL);
	return grant;
}

/* Would the dataplane forward by this grant, from one client to the other? */
static bool
forwards(const struct fixture *f, const struct fix_client *from, const struct fix_client *to,
	 uint64_t grant)
{
	const struct chq_dp_session_open *s = &f->slot[from->ref.slot].open;
	const struct chq_dp_session_open *r = &f->slot[to->ref.slot].open;

	return chq_grant_ok(grant, chq_sipkey_load(r->grant_key), CHQ_KIND_ACCOUNT, s->account,
			    s->sender_epoch, r->account, chq_day());
}

static void
a_list_is_whom_the_rules_let_one_see_and_says_what_one_may_do(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol;
	Chasqui__ContactsPage *p;
	Chasqui__Contact *row;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	client_online(f, &carol, 3, "carol");
	assert_int_equal(sees(f, &carol), 0);
	p = ask_list(f, &alice, 0, 0, false);
	assert_int_equal(p->n_contact, 1);
	row = row_of(p, BOB);
	assert_int_equal(row->relation, CHASQUI__RELATION__RELATION_NONE);
	assert_int_equal(row->rights, 31);
	assert_int_equal(row->status, CHASQUI__STATUS__STATUS_ONLINE);
	assert_int_equal(row->n_address, 1);
	assert_int_equal(row->n_department, 1);
	assert_true(forwards(f, &alice, &bob, row->grant));
	assert_true(forwards(f, &bob, &alice, row->reply_grant));
	chasqui__contacts_page__free_unpacked(p, NULL);
	/* One-way, and no more than the rule says. */
	words_ok(f, "policy add --subjects=members(Dev) --objects=members(Sales) --rights=see");
	assert_int_equal(sees(f, &carol), 0);
	p = ask_list(f, &alice, 0, 0, false);
	row = row_of(p, CAROL);
	assert_int_equal(row->rights, 1);
	assert_int_equal(row->status, CHASQUI__STATUS__STATUS_UNKNOWN);
	assert_int_equal(row->n_address, 0);
	assert_true(row->grant == 0 && row->reply_grant == 0);
	chasqui__contacts_page__free_unpacked(p, NULL);
	assert_int_equal(grant_of(f, &alice, CAROL), 0);
}

static void
friends_may_all_that_no_rule_denies(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, carol;
	uint64_t g;

	client_online(f, &alice, 1, "alice");
	client_online(f, &carol, 3, "carol");
	words_ok(f, "friend request alice carol");
	words_ok(f, "friend confirm carol alice");
	assert_int_equal(sees(f, &alice), 1 << BOB | 1 << CAROL);
	g = grant_of(f, &alice, CAROL);
	assert_true(forwards(f, &alice, &carol, g));
	words_ok(f, "policy add --subjects=members(Dev) --objects=members(Sales) --rights=message "
		    "--deny");
	assert_false(forwards(f, &alice, &carol, g));
	assert_int_equal(grant_of(f, &alice, CAROL), 0);
	assert_int_not_equal(grant_of(f, &carol, ALICE), 0);
	assert_int_equal(sees(f, &alice), 1 << BOB | 1 << CAROL);
	words_ok(f,
		 "policy add --subjects=members(Dev) --objects=members(Sales) --rights=see --deny");
	assert_int_equal(sees(f, &alice), 1 << BOB);
}

static void
a_client_that_was_here_before_is_told_what_has_changed_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol;
	Chasqui__ContactsPage *p;
	uint64_t version;

	client_online(f, &alice, 1, "alice");
	p = ask_list(f, &alice, 0, 0, true);
	assert_false(p->delta);
	version = p->version;
	chasqui__contacts_page__free_unpacked(p, NULL);
	client_online(f, &carol, 3, "carol"); /* whom she does not see */
	p = ask_list(f, &alice, version, 0, true);
	assert_true(p->unchanged);
	chasqui__contacts_page__free_unpacked(p, NULL);
	client_online(f, &bob, 2, "bob");
	p = ask_list(f, &alice, version, 0, true);
	assert_true(p->delta);
	assert_int_equal(p->n_contact, 1);
	assert_int_equal(row_of(p, BOB)->status, CHASQUI__STATUS__STATUS_ONLINE);
	version = p->version;
	chasqui__contacts_page__free_unpacked(p, NULL);
	words_ok(f, "dept join Dev carol");
	p = ask_list(f, &alice, version, 0, true);
	assert_true(p->delta);
	assert_non_null(row_of(p, CAROL));
	assert_false(row_of(p, CAROL)->removed);
	version = p->version;
	chasqui__contacts_page__free_unpacked(p, NULL);
	words_ok(f, "dept leave Dev bob");
	p = ask_list(f, &alice, version, 0, true);
	assert_true(p->delta);
	assert_true(row_of(p, BOB)->removed);
	assert_int_equal(row_of(p, BOB)->grant, 0);
	chasqui__contacts_page__free_unpacked(p, NULL);
	/* After a change of rules the whole list comes; so it does to a version that nobody gave. */
	words_ok(f, "policy add --subjects=members(Sales) --objects=members(Dev) --rights=see");
	p = ask_list(f, &alice, version, 0, true);
	assert_false(p->delta || p->unchanged);
	chasqui__contacts_page__free_unpacked(p, NULL);
	p = ask_list(f, &alice, 12345, 0, true);
	assert_false(p->delta || p->unchanged);
	chasqui__contacts_page__free_unpacked(p, NULL);
}

static void
a_change_of_the_book_is_pushed_to_whom_it_concerns_alone(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, carol;
	unsigned carols;

	client_online(f, &alice, 1, "alice");
	client_online(f, &carol, 3, "carol");
	fixture_settle(f);
	client_ack_all(f, &alice);
	client_ack_all(f, &carol);
	f->frames = 0;
	words_ok(f, "dept leave Dev bob");
	FIX_UNTIL(f, client_pushes(f, &alice, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) >= 1);
	carols = client_pushes(f, &carol, CHASQUI__PUSH__BODY_CONTACTS_CHANGED);
	assert_int_equal(carols, 0);
}

/* --- taking back the right to write --- */

/* alice has a grant towards bob; by @words she loses it before they are answered. */
static void
expect_lost(struct fixture *f, const char *words)
{
	struct fix_client alice, bob, carol;
	uint64_t g, other;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	client_online(f, &carol, 3, "carol");
	words_ok(f, "friend request bob carol");
	words_ok(f, "friend confirm carol bob");
	g = grant_of(f, &alice, BOB);
	other = grant_of(f, &carol, BOB);
	assert_true(forwards(f, &alice, &bob, g));
	assert_true(forwards(f, &carol, &bob, other));
	words_ok(f, words);
	assert_false(forwards(f, &alice, &bob, g));
	assert_int_equal(grant_of(f, &alice, BOB), 0);
	/* A third one goes on, if need be by one new grant. */
	if (!forwards(f, &carol, &bob, other))
		other = grant_of(f, &carol, BOB);
	assert_true(forwards(f, &carol, &bob, other));
	/* For absent receivers the same is said. */
	client_event(f, &bob, CHQ_DP_EV_SILENT);
	client_punt(f, &alice, ALICE, BOB, g, CHQ_DP_WHY_UNKNOWN);
	FIX_UNTIL(f, client_notices(f, &alice, CHQ_NOTICE_UNKNOWN) == 1);
}

static void
who_leaves_a_department_is_refused_when_the_verb_is_answered(void **state)
{
	expect_lost(*state, "dept leave Dev alice");
}

static void
towards_who_leaves_a_department_others_are_refused(void **state)
{
	expect_lost(*state, "dept leave Dev bob");
}

static void
a_rule_that_goes_takes_its_grants_along(void **state)
{
	expect_lost(*state, "policy remove 1");
}

static void
a_rule_that_denies_takes_grants_back(void **state)
{
	expect_lost(*state, "policy add --subjects=account(alice) --objects=account(bob) "
			    "--rights=message --deny");
}

static void
a_moved_department_loses_what_its_tree_gave_it(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, carol;
	uint64_t g;

	words_ok(f, "dept add Company");
	words_ok(f, "dept move Dev Company");
	words_ok(f, "policy add --subjects=tree(Company) --objects=members(Sales) --rights=all");
	client_online(f, &alice, 1, "alice");
	client_online(f, &carol, 3, "carol");
	g = grant_of(f, &alice, CAROL);
	assert_true(forwards(f, &alice, &carol, g));
	words_ok(f, "dept move Company/Dev /");
	assert_false(forwards(f, &alice, &carol, g));
}

static void
a_change_that_takes_nothing_away_leaves_all_grants(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	unsigned epochs;
	uint64_t g;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	g = grant_of(f, &alice, BOB);
	epochs = f->sender_epochs;
	words_ok(f, "dept join Dev carol");
	words_ok(f, "policy add --subjects=members(Dev) --objects=members(Sales) --rights=all");
	words_ok(f, "dept join Sales alice");
	assert_true(forwards(f, &alice, &bob, g));
	assert_int_equal(f->sender_epochs, epochs);
}

static int
unsettle(struct store_txn *txn, void *arg)
{
	return revoke_change_begin(txn, arg);
}

static void
a_change_that_was_not_settled_before_a_kill_voids_all_grants_at_the_next_start(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint64_t g, number;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	g = grant_of(f, &alice, BOB);
	FIX_UNTIL(f, f->ctl.revokes.settled == f->ctl.revokes.followed);
	fixture_stop(f);
	fixture_start(f);
	fixture_settle(f);
	assert_true(forwards(f, &alice, &bob, g)); /* all was settled */
	assert_int_equal(store_write_sync(f->ctl.store, unsettle, &number), 0);
	fixture_stop(f);
	fixture_start(f);
	FIX_UNTIL(f, !forwards(f, &alice, &bob, g));
}

static void
a_change_while_the_dataplane_is_away_says_so_and_holds_when_it_is_back(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint64_t g;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	g = grant_of(f, &alice, BOB);
	fixture_dp_cut(f);
	f->ctl.dp.ready = false;
	words_expect(f, "dept leave Dev alice", "EPARTIAL", NULL);
	FIX_UNTIL(f, f->ctl.dp.ready);
	FIX_UNTIL(f, !forwards(f, &alice, &bob, g));
}

/* --- presence --- */

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

static Chasqui__Code friend(struct fixture *f, struct fix_client *c, Chasqui__Method method,
			    uint64_t account)
{
	Chasqui__FriendRequest m = CHASQUI__FRIEND_REQUEST__INIT;

	m.account = account;
	return client_call(f, c, method, &m.base, NULL, NULL);
}

static void
friendship_is_asked_of_whom_one_sees_and_of_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	client_online(f, &carol, 3, "carol");
	assert_int_equal(friend(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, BOB),
			 CHASQUI__CODE__OK);
	assert_int_equal(friend(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, CAROL),
			 CHASQUI__CODE__E_NOUSER);
	assert_int_equal(friend(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, 99),
			 CHASQUI__CODE__E_NOUSER);
	/* Who was asked may ask back: both are friends. */
	words_ok(f, "friend request carol alice");
	assert_int_equal(friend(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, CAROL),
			 CHASQUI__CODE__OK);
	assert_int_equal(sees(f, &alice), 1 << BOB | 1 << CAROL);
	assert_int_equal(friend(f, &bob, CHASQUI__METHOD__METHOD_FRIEND_REMOVE, ALICE),
			 CHASQUI__CODE__OK); /* refuses */
	assert_int_equal(friend(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REMOVE, BOB),
			 CHASQUI__CODE__E_MALFORMED);
}

static void
a_client_ends_a_friendship_for_both_and_neither_may_write(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, carol;
	uint64_t to, from;

	client_online(f, &alice, 1, "alice");
	client_online(f, &carol, 3, "carol");
	words_ok(f, "friend request alice carol");
	words_ok(f, "friend request carol alice"); /* both ask */
	to = grant_of(f, &alice, CAROL);
	from = grant_of(f, &carol, ALICE);
	assert_true(forwards(f, &alice, &carol, to) && forwards(f, &carol, &alice, from));
	assert_int_equal(friend(f, &carol, CHASQUI__METHOD__METHOD_FRIEND_REMOVE, ALICE),
			 CHASQUI__CODE__OK);
	FIX_UNTIL(f, !forwards(f, &alice, &carol, to) && !forwards(f, &carol, &alice, from));
	assert_int_equal(sees(f, &alice), 1 << BOB);
	assert_int_equal(sees(f, &carol), 0);
}

static Chasqui__Code
friend_named(struct fixture *f, struct fix_client *c, Chasqui__Method method, const char *login)
{
	Chasqui__FriendRequest m = CHASQUI__FRIEND_REQUEST__INIT;
	char name[64];

	snprintf(name, sizeof(name), "%s", login);
	m.login = name;
	return client_call(f, c, method, &m.base, NULL, NULL);
}

static void
confirming_and_removing_say_nothing_of_who_is_there(void **state)
{
	static const Chasqui__Method methods[] = { CHASQUI__METHOD__METHOD_FRIEND_CONFIRM,
						   CHASQUI__METHOD__METHOD_FRIEND_REMOVE,
						   CHASQUI__METHOD__METHOD_FRIEND_REQUEST };
	struct fixture *f = *state;
	struct fix_client alice;

	client_online(f, &alice, 1, "alice");
	for (unsigned i = 0; i < 3; i++) {
		Chasqui__Code nobody = friend_named(f, &alice, methods[i], "nobody");

		assert_int_not_equal(nobody, CHASQUI__CODE__OK);
		assert_int_equal(friend_named(f, &alice, methods[i], "carol"), nobody);
		assert_int_equal(friend_named(f, &alice, methods[i], " "), nobody);
		assert_int_equal(friend(f, &alice, methods[i], CAROL), nobody);
		assert_int_equal(friend(f, &alice, methods[i], 99), nobody);
		assert_int_equal(friend(f, &alice, methods[i], UINT64_C(1) << 48 | CAROL), nobody);
	}
}

static struct store_account
account_now(struct fixture *f, uint64_t id)
{
	struct store_account a;

	assert_int_equal(store_account_read(f->ctl.reader, id, &a), 0);
	return a;
}

static int
old_friends(struct store_txn *txn, void *arg)
{
	enum store_friend_asked outcome;
	int rc = store_friend_ask(txn, ALICE, CAROL, 1, &outcome);

	(void)arg;
	return rc ? rc : store_friend_confirm(txn, CAROL, ALICE, 1);
}

/* 2^14 friendships would bring one's sender epoch back, and with it what was taken away before. */
static void
only_the_end_of_an_old_friendship_takes_one_of_the_few_sender_epochs(void **state)
{
	struct fixture *f = *state;
	uint32_t alice = account_now(f, ALICE).sender_epoch;
	uint32_t carol = account_now(f, CAROL).sender_epoch;

	for (unsigned i = 0; i < 3; i++) {
		words_ok(f, "friend request alice carol");
		words_ok(f, "friend request carol alice");
		words_ok(f, "friend remove alice carol");
	}
	assert_int_equal(account_now(f, ALICE).sender_epoch, alice);
	assert_int_equal(account_now(f, CAROL).sender_epoch, carol);
	assert_int_equal(store_write_sync(f->ctl.store, old_friends, NULL), 0);
	words_ok(f, "friend remove alice carol");
	assert_int_equal(account_now(f, ALICE).sender_epoch, alice + 1);
	assert_int_equal(account_now(f, CAROL).sender_epoch, carol + 1);
}

static void
what_makes_work_for_many_is_limited(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__GroupChange m = CHASQUI__GROUP_CHANGE__INIT;
	unsigned busy = 0;

	client_online(f, &alice, 1, "alice");
	for (unsigned i = 0; i < 40; i++)
		busy += friend(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REMOVE, CAROL) ==
			CHASQUI__CODE__E_BUSY;
	assert_in_range(busy, 1, 10);
	client_online(f, &bob, 2, "bob");
	m.group = 1;
	m.act = CHASQUI__GROUP_ACT__GROUP_REMOVE;
	m.account = ALICE;
	busy = 0;
	for (unsigned i = 0; i < 40; i++)
		busy += client_call(f, &bob, CHASQUI__METHOD__METHOD_GROUP_CHANGE, &m.base, NULL,
				    NULL) == CHASQUI__CODE__E_BUSY;
	assert_in_range(busy, 1, 10);
}

/* --- departments, search --- */

static void
departments_are_told_where_one_sees_somebody_with_those_above(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	Chasqui__DepartmentsRequest m = CHASQUI__DEPARTMENTS_REQUEST__INIT;
	Chasqui__DepartmentsPage *p;
	ProtobufCMessage *reply;

	words_ok(f, "dept add Company");
	words_ok(f, "dept move Dev Company");
	client_online(f, &alice, 1, "alice");
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_DEPARTMENTS, &m.base,
				     &chasqui__departments_page__descriptor, &reply),
			 CHASQUI__CODE__OK);
	p = (Chasqui__DepartmentsPage *)reply;
	assert_int_equal(p->n_department, 2);
	assert_string_equal(p->department[0]->name, "Dev");
	assert_string_equal(p->department[1]->name, "Company");
	assert_int_equal(p->department[0]->parent, p->department[1]->id);
	protobuf_c_message_free_unpacked(reply, NULL);
}

/* Who is found, in their order, as digits; "-" for a code other than OK. */
static const char *
found(struct fixture *f, struct fix_client *c, const char *query, uint32_t dept)
{
	static char text[64];
	Chasqui__SearchRequest m = CHASQUI__SEARCH_REQUEST__INIT;
	Chasqui__SearchPage *p;
	ProtobufCMessage *reply;
	char typed[512];
	size_t n = 0;

	snprintf(typed, sizeof(typed), "%s", query);
	m.query = typed;
	m.department = dept;
	if (client_call(f, c, CHASQUI__METHOD__METHOD_SEARCH, &m.base,
			&chasqui__search_page__descriptor, &reply) != CHASQUI__CODE__OK)
		return "-";
	p = (Chasqui__SearchPage *)reply;
	assert_int_equal(p->next_cursor, 0);
	for (size_t i = 0; i < p->n_contact && n < sizeof(text) - 1; i++)
		text[n++] = (char)('0' + p->contact[i]->account);
	text[n] = '\0';
	protobuf_c_message_free_unpacked(reply, NULL);
	return text;
}

static void
search_finds_visible_people_by_login_words_and_number_the_best_first(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;

	words_ok(f, "user add ann --name=Zoe~Miller --password=secret~word");	 /* 4 */
	words_ok(f, "user add annabel --name=Ann~Smith --password=secret~word"); /* 5 */
	words_ok(f, "user add zed --name=Anna~Berg --password=secret~word");	 /* 6 */
	words_ok(f, "user add annhidden --name=Ann --password=secret~word");	 /* 7 */
	for (const char **who = (const char *[]){ "ann", "annabel", "zed", NULL }; *who; who++) {
		char words[64];

		snprintf(words, sizeof(words), "dept join Dev %s", *who);
		words_ok(f, words);
	}
	client_online(f, &alice, 1, "alice");
	assert_string_equal(found(f, &alice, "ann", 0), "456");
	assert_string_equal(found(f, &alice, "ANN", 0), "456");
	assert_string_equal(found(f, &alice, "smi", 0), "5");
	assert_string_equal(found(f, &alice, "smi ann", 0), "5");
	assert_string_equal(found(f, &alice, "mil smi", 0), "");
	assert_string_equal(found(f, &alice, "annhidden", 0), "");
	assert_string_equal(found(f, &alice, "", 0), "2456");
	assert_string_equal(found(f, &alice, "", 2), "");
	assert_string_equal(found(f, &alice, "", 1), "2456");
	assert_string_equal(found(f, &alice, "%' OR 1=1 --", 0), "");
	assert_string_equal(found(f, &alice, "*", 0), "");
	assert_string_equal(found(f, &alice, "alice", 0), ""); /* not herself */
	/* Search alone, without seeing. */
	words_ok(f,
		 "policy add --subjects=members(Dev) --objects=account(annhidden) --rights=search");
	assert_string_equal(found(f, &alice, "annh", 0), "7");
	/* Nor in which department he is. */
	words_ok(f, "dept join Sales annhidden");
	assert_string_equal(found(f, &alice, "annh", 0), "7");
	assert_string_equal(found(f, &alice, "annh", 2), "");
	assert_string_equal(found(f, &alice, "", 2), "");
	assert_string_equal(found(f, &alice, "\xff\xfe", 0), "-");
}

static void
queries_of_one_letter_are_limited(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	unsigned refused = 0;

	client_online(f, &alice, 1, "alice");
	for (unsigned i = 0; i < 10; i++)
		refused += strcmp(found(f, &alice, "b", 0), "-") == 0;
	assert_in_range(refused, 3, 5);
	assert_string_equal(found(f, &alice, "bo", 0), "2");
}

/* --- many --- */

enum { MANY = 20000, BATCH = 1000 };

static int
add_batch(struct store_txn *txn, void *arg)
{
	unsigned first = *(const unsigned *)arg;
	char login[32];
	uint64_t id;
	int rc = CHQ_OK;

	for (unsigned i = first; !rc && i < first + BATCH; i++) {
		struct store_account_new new = { .login = login, .now_ms = 1 };

		snprintf(login, sizeof(login), "person-%06u", i);
		rc = store_account_add(txn, &new, &id);
	}
	return rc;
}

static void
twenty_thousand_visible_people_come_once_each_while_others_move(void **state)
{
	struct fixture *f = *state;
	static uint8_t seen[MANY + 4];
	struct fix_client alice;
	uint64_t cursor = 0, version = 0;
	unsigned pages = 0;

	for (unsigned i = 0; i < MANY; i += BATCH)
		assert_int_equal(store_write_sync(f->ctl.store, add_batch, &i), 0);
	control_book_renew(&f->ctl);
	words_ok(f, "policy add --subjects=account(alice) --objects=tree(*) --rights=see");
	client_online(f, &alice, 1, "alice");
	do {
		Chasqui__ContactsPage *p = ask_list(f, &alice, 0, cursor, true);

		f->frames = 0;
		assert_true(version == 0 || version == p->version);
		version = p->version;
		for (size_t i = 0; i < p->n_contact; i++)
			seen[p->contact[i]->account]++;
		cursor = p->next_cursor;
		if (pages++ % 100 == 50)
			words_ok(f, pages % 200 == 51 ? "dept leave Dev bob" : "dept join Dev bob");
		chasqui__contacts_page__free_unpacked(p, NULL);
	} while (cursor);
	for (unsigned i = BOB; i < MANY + 4; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(seen[ALICE], 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_list_is_whom_the_rules_let_one_see_and_says_what_one_may_do),
		T(friends_may_all_that_no_rule_denies),
		T(a_client_that_was_here_before_is_told_what_has_changed_and_nothing_else),
		T(a_change_of_the_book_is_pushed_to_whom_it_concerns_alone),
		T(who_leaves_a_department_is_refused_when_the_verb_is_answered),
		T(towards_who_leaves_a_department_others_are_refused),
		T(a_rule_that_goes_takes_its_grants_along),
		T(a_rule_that_denies_takes_grants_back),
		T(a_moved_department_loses_what_its_tree_gave_it),
		T(a_change_that_takes_nothing_away_leaves_all_grants),
		T(a_change_that_was_not_settled_before_a_kill_voids_all_grants_at_the_next_start),
		T(a_change_while_the_dataplane_is_away_says_so_and_holds_when_it_is_back),
		T(who_changes_his_state_all_the_time_is_noted_once_in_a_while),
		T(states_are_told_to_whom_the_rules_show_them_and_invisible_is_offline),
		T(the_most_reachable_device_of_an_account_is_what_others_see),
		T(a_list_read_between_two_news_is_put_right_by_the_next_one),
		T(a_new_title_is_told_to_whom_it_is_shown_and_to_nobody_else),
		T(many_changes_in_a_short_time_are_told_as_one),
		T(friendship_is_asked_of_whom_one_sees_and_of_nobody_else),
		T(a_client_ends_a_friendship_for_both_and_neither_may_write),
		T(what_makes_work_for_many_is_limited),
		T(confirming_and_removing_say_nothing_of_who_is_there),
		T(only_the_end_of_an_old_friendship_takes_one_of_the_few_sender_epochs),
		T(departments_are_told_where_one_sees_somebody_with_those_above),
		T(search_finds_visible_people_by_login_words_and_number_the_best_first),
		T(queries_of_one_letter_are_limited),
		T(twenty_thousand_visible_people_come_once_each_while_others_move),
	};
	return cmocka_run_group_tests_name("control/people", tests, NULL, NULL);
}
