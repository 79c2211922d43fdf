#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/book_load.h"
#include "store/account.h"
#include "store/writer.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/people_scene.h"

/* What the address book shows: lists, departments, search. */

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

#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_list_is_whom_the_rules_let_one_see_and_says_what_one_may_do),
		T(friends_may_all_that_no_rule_denies),
		T(a_client_that_was_here_before_is_told_what_has_changed_and_nothing_else),
		T(a_change_of_the_book_is_pushed_to_whom_it_concerns_alone),
		T(departments_are_told_where_one_sees_somebody_with_those_above),
		T(search_finds_visible_people_by_login_words_and_number_the_best_first),
		T(queries_of_one_letter_are_limited),
		T(twenty_thousand_visible_people_come_once_each_while_others_move),
	};
	return cmocka_run_group_tests_name("control/people", tests, NULL, NULL);
}
