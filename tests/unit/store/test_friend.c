#include <stdio.h>

#include "store/account.h"
#include "store/friend.h"
#include "tests/unit/store/fixture.h"

static enum store_friend_state
state_of(struct store_txn *t, uint64_t owner, uint64_t peer)
{
	struct store_friend f;
	int rc = store_friend_get(t, owner, peer, &f);

	if (rc == CHQ_ENOTFRIEND)
		return STORE_FRIEND_NONE;
	assert_int_equal(rc, 0);
	assert_int_equal(f.peer, peer);
	return f.state;
}

static uint64_t
contacts_version(struct store_txn *t, uint64_t id)
{
	struct store_account a;

	assert_int_equal(store_account_get(t, id, &a), 0);
	return a.contacts_version;
}

static enum store_friend_asked
ask(struct store_txn *t, uint64_t from, uint64_t to, uint64_t now_ms)
{
	enum store_friend_asked outcome = STORE_FRIEND_ASKED_FRIENDS;

	assert_int_equal(store_friend_ask(t, from, to, now_ms, &outcome), 0);
	return outcome;
}

static void
a_request_stands_on_both_lists_until_confirmed(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_account(f, "alice");
	uint64_t b = fixture_account(f, "bob");
	struct store_txn *t = fixture_begin(f);
	struct store_friend got;

	assert_int_equal(ask(t, a, b, 100), STORE_FRIEND_ASKED_NEW);
	assert_int_equal(fixture_commit(f), 0);
	t = fixture_read(f);
	assert_int_equal(state_of(t, a, b), STORE_FRIEND_ASKED);
	assert_int_equal(state_of(t, b, a), STORE_FRIEND_WAITING);
	store_read_end(f->reader);
	fixture_assert_sound(f);

	t = fixture_begin(f);
	assert_int_equal(store_friend_confirm(t, b, a, 200), 0);
	assert_int_equal(fixture_commit(f), 0);
	t = fixture_read(f);
	assert_int_equal(state_of(t, a, b), STORE_FRIEND_MUTUAL);
	assert_int_equal(state_of(t, b, a), STORE_FRIEND_MUTUAL);
	assert_int_equal(store_friend_get(t, a, b, &got), 0);
	assert_int_equal(got.since_ms, 200);
	store_read_end(f->reader);
	fixture_assert_sound(f);
}

static void
both_versions_rise_with_every_change_and_only_then(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_account(f, "alice");
	uint64_t b = fixture_account(f, "bob");
	uint64_t c = fixture_account(f, "carol");
	struct store_txn *t = fixture_begin(f);

	ask(t, a, b, 1);
	assert_int_equal(contacts_version(t, a), 2);
	assert_int_equal(contacts_version(t, b), 2);
	assert_int_equal(ask(t, a, b, 2), STORE_FRIEND_ASKED_BEFORE);
	assert_int_equal(contacts_version(t, a), 2);
	assert_int_equal(store_friend_confirm(t, b, a, 3), 0);
	assert_int_equal(contacts_version(t, a), 3);
	assert_int_equal(contacts_version(t, b), 3);
	assert_int_equal(store_friend_confirm(t, b, a, 4), 0);
	assert_int_equal(ask(t, b, a, 5), STORE_FRIEND_ASKED_FRIENDS);
	assert_int_equal(contacts_version(t, b), 3);
	assert_int_equal(store_friend_remove(t, a, b), 0);
	assert_int_equal(contacts_version(t, a), 4);
	assert_int_equal(contacts_version(t, b), 4);
	assert_int_equal(contacts_version(t, c), 1);
	fixture_undo(f);
}

static void
both_ask_is_friends(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_account(f, "alice");
	uint64_t b = fixture_account(f, "bob");
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(ask(t, a, b, 1), STORE_FRIEND_ASKED_NEW);
	assert_int_equal(ask(t, b, a, 2), STORE_FRIEND_ASKED_ACCEPTED);
	assert_int_equal(state_of(t, a, b), STORE_FRIEND_MUTUAL);
	assert_int_equal(state_of(t, b, a), STORE_FRIEND_MUTUAL);
	fixture_undo(f);
}

static void
confirming_what_was_never_asked_is_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_account(f, "alice");
	uint64_t b = fixture_account(f, "bob");
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(store_friend_confirm(t, b, a, 1), CHQ_ENOTFRIEND);
	ask(t, a, b, 1);
	assert_int_equal(store_friend_confirm(t, a, b, 2), CHQ_ENOTFRIEND); /* the asker himself */
	assert_int_equal(state_of(t, b, a), STORE_FRIEND_WAITING);
	fixture_undo(f);
}

static void
a_removal_leaves_nothing_on_either_side(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_account(f, "alice");
	uint64_t b = fixture_account(f, "bob");
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(store_friend_remove(t, a, b), CHQ_ENOTFRIEND);
	ask(t, a, b, 1);
	assert_int_equal(store_friend_remove(t, b, a), 0); /* refused */
	assert_int_equal(state_of(t, a, b), STORE_FRIEND_NONE);
	assert_int_equal(state_of(t, b, a), STORE_FRIEND_NONE);
	ask(t, a, b, 1);
	assert_int_equal(store_friend_remove(t, a, b), 0); /* withdrawn */
	assert_int_equal(state_of(t, b, a), STORE_FRIEND_NONE);
	fixture_undo(f);
}

static void
nobody_befriends_himself_or_nobody(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_account(f, "alice");
	enum store_friend_asked outcome;

	assert_int_equal(store_friend_ask(fixture_begin(f), a, a, 1, &outcome), CHQ_EINVAL);
	fixture_undo(f);
	assert_int_equal(store_friend_ask(fixture_begin(f), a, a + 1, 1, &outcome), CHQ_ENOENT);
	fixture_undo(f);
	assert_int_equal(store_friend_ask(fixture_begin(f), a + 1, a, 1, &outcome), CHQ_ENOENT);
	fixture_undo(f);
	assert_int_equal(store_friend_ask(fixture_begin(f), a, a | UINT64_C(1) << 48, 1, &outcome),
			 CHQ_ENOENT);
	fixture_undo(f);
	fixture_assert_sound(f);
}

static void
a_list_is_paged_by_rising_peer(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	struct store_friend page[4];
	uint64_t after = 0;
	uint64_t want = 2;
	size_t n;

	for (int i = 0; i < 9; i++) {
		struct store_account_new new = { .now_ms = 1 };
		char login[16];
		uint64_t id;

		snprintf(login, sizeof(login), "user%d", i);
		new.login = login;
		assert_int_equal(store_account_add(t, &new, &id), 0);
		ask(t, a, id, 1);
		if (i > 0)
			ask(t, id, id - 1, 1); /* others' lists stand between */
	}
	assert_int_equal(fixture_commit(f), 0);
	t = fixture_read(f);
	do {
		assert_int_equal(store_friend_list(t, a, after, page, 4, &n), 0);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(page[i].peer, want++);
			assert_int_equal(page[i].state, STORE_FRIEND_ASKED);
		}
		after = want - 1;
	} while (n == 4);
	assert_int_equal(want, 11);
	store_read_end(f->reader);
	fixture_assert_sound(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_stands_on_both_lists_until_confirmed),
		TEST(both_versions_rise_with_every_change_and_only_then),
		TEST(both_ask_is_friends),
		TEST(confirming_what_was_never_asked_is_refused),
		TEST(a_removal_leaves_nothing_on_either_side),
		TEST(nobody_befriends_himself_or_nobody),
		TEST(a_list_is_paged_by_rising_peer),
	};

	return cmocka_run_group_tests_name("store/friend", tests, NULL, NULL);
}
