#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/account.h"
#include "store/friend.h"
#include "store/writer.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/people_scene.h"

/* Friendship, asked for and ended by clients. */

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

#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(friendship_is_asked_of_whom_one_sees_and_of_nobody_else),
		T(a_client_ends_a_friendship_for_both_and_neither_may_write),
		T(what_makes_work_for_many_is_limited),
		T(confirming_and_removing_say_nothing_of_who_is_there),
		T(only_the_end_of_an_old_friendship_takes_one_of_the_few_sender_epochs),
	};
	return cmocka_run_group_tests_name("control/friends", tests, NULL, NULL);
}
