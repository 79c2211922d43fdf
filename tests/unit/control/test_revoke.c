#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/writer.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/people_scene.h"

/* What a change of rules or departments takes away, and when. */

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

#define T(name) cmocka_unit_test_setup_teardown(name, people_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_leaves_a_department_is_refused_when_the_verb_is_answered),
		T(towards_who_leaves_a_department_others_are_refused),
		T(a_rule_that_goes_takes_its_grants_along),
		T(a_rule_that_denies_takes_grants_back),
		T(a_moved_department_loses_what_its_tree_gave_it),
		T(a_change_that_takes_nothing_away_leaves_all_grants),
		T(a_change_that_was_not_settled_before_a_kill_voids_all_grants_at_the_next_start),
		T(a_change_while_the_dataplane_is_away_says_so_and_holds_when_it_is_back),
	};
	return cmocka_run_group_tests_name("control/revoke", tests, NULL, NULL);
}
