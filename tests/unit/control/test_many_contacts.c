#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "control/book_load.h"
#include "store/account.h"
#include "store/friend.h"
#include "store/writer.h"
#include "tests/unit/control/fixture.h"

/* Somebody with ten thousand friends. */

enum {
	FRIENDS = 10000,
	BATCH = 500,
	ALICE = 1,
	FIRST = 4, /* behind those of the fixture */
	PAGE_MAX = 32,
};

static int
befriend(struct store_txn *txn, uint64_t id)
{
	enum store_friend_asked outcome;
	int rc = store_friend_ask(txn, ALICE, id, 1, &outcome);

	return rc ? rc : store_friend_confirm(txn, id, ALICE, 1);
}

static int
add_batch(struct store_txn *txn, void *arg)
{
	unsigned first = *(const unsigned *)arg;
	char login[32];
	uint64_t id;
	int rc = CHQ_OK;

	for (unsigned i = first; !rc && i < first + BATCH; i++) {
		struct store_account_new new = { .login = login, .now_ms = 1 };

		snprintf(login, sizeof(login), "friend-%05u", i);
		rc = store_account_add(txn, &new, &id);
		if (!rc)
			rc = befriend(txn, id);
	}
	return rc;
}

static int
setup(void **state)
{
	struct fixture *f;

	fixture_setup(state);
	f = *state;
	for (unsigned i = 0; i < FRIENDS; i += BATCH)
		assert_int_equal(store_write_sync(f->ctl.store, add_batch, &i), 0);
	control_book_renew(&f->ctl);
	return 0;
}

/* Alice asks for a page, bob at once for something else; both have their answers before she asks on. */
static Chasqui__ContactsPage *
page_between(struct fixture *f, struct fix_client *alice, struct fix_client *bob, uint64_t cursor)
{
	Chasqui__ContactsRequest m = CHASQUI__CONTACTS_REQUEST__INIT;
	Chasqui__FromServer *a;
	Chasqui__ContactsPage *p;
	uint64_t page, whoami;

	f->frames = 0;
	m.cursor = cursor;
	page = client_ask(f, alice, CHASQUI__METHOD__METHOD_CONTACTS, &m.base);
	whoami = client_ask(f, bob, CHASQUI__METHOD__METHOD_WHOAMI, NULL);
	FIX_UNTIL(f, client_answers(f, alice, page) && client_answers(f, bob, whoami));
	assert_int_equal(client_answers(f, alice, page), 1); /* one frame a page, no more of it */
	a = client_answer(f, alice, page);
	assert_int_equal(a->response->code, CHASQUI__CODE__OK);
	p = (Chasqui__ContactsPage *)chq_ctrl_unpack(&chasqui__contacts_page__descriptor,
						     a->response->body.data, a->response->body.len,
						     NULL);
	chasqui__from_server__free_unpacked(a, NULL);
	assert_non_null(p);
	assert_in_range(p->n_contact, 1, PAGE_MAX);
	return p;
}

static void
ten_thousand_friends_come_in_pages_and_others_are_answered_between_them(void **state)
{
	static unsigned seen[FIRST + FRIENDS];
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint64_t cursor = 0, version = 0;

	memset(seen, 0, sizeof(seen));
	client_online(f, &bob, 2, "bob");
	client_online(f, &alice, 1, "alice");
	do {
		Chasqui__ContactsPage *p = page_between(f, &alice, &bob, cursor);

		for (size_t i = 0; i < p->n_contact; i++) {
			assert_in_range(p->contact[i]->account, FIRST, FIRST + FRIENDS - 1);
			assert_true(p->contact[i]->grant && p->contact[i]->reply_grant);
			seen[p->contact[i]->account]++;
		}
		assert_true(!cursor || p->version == version);
		version = p->version;
		cursor = p->next_cursor;
		chasqui__contacts_page__free_unpacked(p, NULL);
	} while (cursor);
	for (unsigned i = FIRST; i < FIRST + FRIENDS; i++)
		assert_int_equal(seen[i], 1);
}

/* `friend list`, page by page. Returns the next cursor. */
static uint64_t
list_page(struct fixture *f, uint64_t cursor, unsigned *next)
{
	char line[160];
	const char *text;
	json_t *answer, *row;
	size_t i;

	snprintf(line, sizeof(line),
		 "{\"noun\":\"friend\",\"verb\":\"list\",\"args\":[\"alice\"],"
		 "\"opts\":{\"limit\":\"300\",\"cursor\":\"%llu\"}}\n",
		 (unsigned long long)cursor);
	answer = json_loads(fixture_ctl(f, line), 0, NULL);
	assert_non_null(answer);
	json_array_foreach(json_object_get(answer, "data"), i, row)
	{
		assert_int_equal(json_integer_value(json_object_get(row, "account")), *next);
		(*next)++;
	}
	text = json_string_value(json_object_get(answer, "cursor"));
	cursor = text ? strtoull(text, NULL, 10) : 0;
	json_decref(answer);
	return cursor;
}

static void
operators_see_the_same_ten_thousand(void **state)
{
	struct fixture *f = *state;
	unsigned next = FIRST;
	uint64_t cursor = 0;

	do {
		cursor = list_page(f, cursor, &next);
	} while (cursor);
	assert_int_equal(next, FIRST + FRIENDS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(ten_thousand_friends_come_in_pages_and_others_are_answered_between_them),
		T(operators_see_the_same_ten_thousand),
	};
	return cmocka_run_group_tests_name("control/many_contacts", tests, NULL, NULL);
}
