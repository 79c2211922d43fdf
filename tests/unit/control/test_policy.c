#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/book/book.h"
#include "tests/unit/control/ctl_words.h"

/* Rules by operators' verbs, over a company such as the paper's. */

/* Accounts in the order of their making: the fixture's, then two of each department, the first its manager. */
enum { DEV_1 = 4, DEV_2, SALES_1, SALES_2, MARKETING_1, MARKETING_2, OFFICE_1, OFFICE_2, LAST };

static const char *const depts[] = { "Dev", "Sales", "Marketing", "Office" };

static int
setup(void **state)
{
	char words[256];
	struct fixture *f;

	fixture_setup(state);
	f = *state;
	words_ok(f, "dept add Company");
	for (unsigned d = 0; d < 4; d++) {
		snprintf(words, sizeof(words), "dept add Company/%s", depts[d]);
		words_ok(f, words);
		for (unsigned i = 1; i <= 2; i++) {
			snprintf(words, sizeof(words), "user add %s-%u --device-key=%064x",
				 depts[d], i, d * 2 + i);
			words_ok(f, words);
			snprintf(words, sizeof(words), "dept join Company/%s %s-%u%s", depts[d],
				 depts[d], i, i == 1 ? " --manager" : "");
			words_ok(f, words);
		}
	}
	return 0;
}

static void
rules_of_the_paper(struct fixture *f)
{
	words_ok(f, "policy add --subjects=members(Company/Dev) --objects=members(Company/Dev) "
		    "--rights=all --note=developers");
	words_ok(f, "policy add --subjects=members(Company/Sales) "
		    "--objects=members(Company/Sales)~+~members(Company/Marketing) --rights=all");
	words_ok(f, "policy add --subjects=members(Company/Office) "
		    "--objects=members(Company/Office)+managers(*) --rights=all");
}

/* @who sees exactly these, 0-closed. */
static void
expect_sees(struct fixture *f, uint64_t who, const uint64_t *want)
{
	for (uint64_t o = 1; o < LAST; o++) {
		bool in = false;

		for (const uint64_t *w = want; *w; w++)
			in |= *w == o;
		assert_int_equal(book_rights(f->ctl.book, who, o), in ? BOOK_ALL : 0);
	}
}

#define SEES(f, who, ...) expect_sees(f, who, (const uint64_t[]){ __VA_ARGS__ })

static void
expect_paper(struct fixture *f)
{
	SEES(f, DEV_1, DEV_2, 0);
	SEES(f, DEV_2, DEV_1, 0);
	SEES(f, SALES_2, SALES_1, MARKETING_1, MARKETING_2, 0);
	SEES(f, MARKETING_1, 0);
	SEES(f, OFFICE_2, OFFICE_1, DEV_1, SALES_1, MARKETING_1, 0);
	SEES(f, 1, 0);
}

static void
three_examples_of_the_paper_hold_by_the_verbs_and_over_a_restart(void **state)
{
	struct fixture *f = *state;

	rules_of_the_paper(f);
	expect_paper(f);
	fixture_stop(f);
	fixture_start(f);
	expect_paper(f);
}

/* Rights of everybody towards everybody. */
static void
all_rights(const struct fixture *f, unsigned rights[LAST][LAST])
{
	for (uint64_t s = 1; s < LAST; s++)
		for (uint64_t o = 1; o < LAST; o++)
			rights[s][o] = book_rights(f->ctl.book, s, o);
}

static void
a_book_that_followed_many_changes_is_the_one_that_a_restart_makes(void **state)
{
	static const char *const changes[] = {
		"policy add --subjects=tree(Company) --objects=tree(*)-account(alice) --rights=see",
		"policy add --subjects=account(alice) --objects=managers(*) --rights=see,message",
		"policy add --subjects=tree(*) --objects=account(bob) --rights=all --deny",
		"dept move Company/Dev /",
		"dept add Dev/Tools",
		"dept leave Dev Dev-2",
		"dept join Dev/Tools Dev-2 --manager",
		"policy set 1 --rights=message,p2p",
		"policy set 4 --subjects=tree(Dev)",
		"policy remove 2",
		"user disable Sales-1",
		"user disable Office-2",
		"user enable Office-2",
		"dept manager unset Company/Marketing Marketing-1",
		"dept join Company carol",
		"policy set 6 --allow",
	};
	static unsigned followed[LAST][LAST], made[LAST][LAST];
	struct fixture *f = *state;
	unsigned any = 0;

	rules_of_the_paper(f);
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		words_ok(f, changes[i]);
	all_rights(f, followed);
	fixture_stop(f);
	fixture_start(f);
	all_rights(f, made);
	assert_memory_equal(followed, made, sizeof(made));
	for (unsigned s = 0; s < LAST; s++)
		for (unsigned o = 0; o < LAST; o++)
			any += made[s][o] != 0;
	assert_true(any > 10);
}

static void
a_rule_that_denies_beats_those_that_allow_and_its_end_gives_them_back(void **state)
{
	struct fixture *f = *state;

	rules_of_the_paper(f);
	words_ok(f,
		 "policy add --subjects=tree(*) --objects=account(Dev-1) --rights=message --deny");
	assert_int_equal(book_rights(f->ctl.book, DEV_2, DEV_1), BOOK_ALL & ~BOOK_MESSAGE);
	assert_int_equal(book_rights(f->ctl.book, OFFICE_1, DEV_1), BOOK_ALL & ~BOOK_MESSAGE);
	words_ok(f, "policy remove 4");
	assert_int_equal(book_rights(f->ctl.book, DEV_2, DEV_1), BOOK_ALL);
}

static void
rules_are_listed_as_they_can_be_said_again(void **state)
{
	struct fixture *f = *state;
	json_t *a, *row;

	words_ok(f, "policy add --subjects=tree(Company)-managers(Company/Dev) "
		    "--objects=account(alice)+managers(*) --rights=see,search --deny --note=quiet");
	a = words_ask(f, "policy list");
	row = json_array_get(json_object_get(a, "data"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "effect")), "deny");
	assert_string_equal(json_string_value(json_object_get(row, "subjects")),
			    "tree(Company) - managers(Company/Dev)");
	assert_string_equal(json_string_value(json_object_get(row, "objects")),
			    "account(alice) + managers(*)");
	assert_string_equal(json_string_value(json_object_get(row, "rights")), "see,search");
	assert_string_equal(json_string_value(json_object_get(row, "note")), "quiet");
	json_decref(a);
	words_ok(f, "policy add --subjects=tree(*) --objects=tree(*) --rights=see");
	a = words_ask(f, "policy list --limit=1");
	assert_string_equal(json_string_value(json_object_get(a, "cursor")), "1");
	json_decref(a);
	a = words_ask(f, "policy list --cursor=1");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 1);
	assert_null(json_object_get(a, "cursor"));
	json_decref(a);
}

static void
what_is_no_rule_is_refused_with_its_reason(void **state)
{
	struct fixture *f = *state;

	words_expect(f, "policy add --subjects=members(Nowhere) --objects=tree(*) --rights=see",
		     "ENOENT", "subjects");
	words_expect(f, "policy add --subjects=tree(*) --objects=account(nobody) --rights=see",
		     "ENOENT", "objects");
	words_expect(f, "policy add --subjects=everyone --objects=tree(*) --rights=see", "EARGS",
		     "subjects");
	words_expect(f, "policy add --subjects=tree(*) --objects=tree(*) --rights=fly", "EARGS",
		     "rights");
	words_expect(f, "policy add --subjects=tree(*) --objects=tree(*) --rights=see,", "EARGS",
		     "rights");
	words_expect(f, "policy add --subjects=tree(*) --rights=see", "EARGS", "objects");
	words_expect(f, "policy set 9 --rights=see", "ENOENT", "rule");
	words_expect(f, "policy set 1", "EARGS", NULL);
	words_expect(f, "policy remove 9", "ENOENT", "rule");
	words_expect(f, "policy remove 0", "EARGS", "rule");
	words_expect(f, "policy remove 4294967296", "EARGS", "rule");
	words_ok(f, "policy add --subjects=members(Company/Dev) --objects=tree(*) --rights=see");
	words_expect(f, "policy set 1 --allow --deny", "EARGS", "deny");
	words_ok(f, "dept add Empty");
	words_ok(f, "policy set 1 --subjects=members(Empty)");
	words_expect(f, "dept remove Empty", "EBUSY", "path");
}

/* One row of `policy explain`. */
static void
expect_explained(struct fixture *f, const char *words, unsigned right, bool allowed,
		 json_int_t rule)
{
	json_t *a = words_ask(f, words);
	const json_t *row = json_array_get(json_object_get(a, "data"), right);

	assert_int_equal(json_is_true(json_object_get(row, "allowed")), allowed);
	assert_int_equal(json_integer_value(json_object_get(row, "rule")), rule);
	json_decref(a);
}

static void
explain_names_the_rule_that_decides_each_right(void **state)
{
	struct fixture *f = *state;

	rules_of_the_paper(f);
	words_ok(f,
		 "policy add --subjects=tree(*) --objects=account(Dev-1) --rights=message --deny");
	expect_explained(f, "policy explain Dev-2 Dev-1", 0, true, 1);
	expect_explained(f, "policy explain Dev-2 Dev-1", 3, false, 4);
	expect_explained(f, "policy explain Marketing-1 Sales-1", 0, false, 0);
	words_ok(f, "user disable Dev-1");
	expect_explained(f, "policy explain Dev-2 Dev-1", 0, false, 0);
	words_expect(f, "policy explain Dev-2 nobody", "ENOENT", "login");
}

static void
explain_tells_of_friendship_which_rules_that_deny_beat(void **state)
{
	struct fixture *f = *state;

	rules_of_the_paper(f);
	words_ok(f, "friend request Marketing-1 Sales-1");
	expect_explained(f, "policy explain Marketing-1 Sales-1", 3, false, 0);
	words_ok(f, "friend confirm Sales-1 Marketing-1");
	for (unsigned right = 0; right < BOOK_RIGHTS; right++)
		expect_explained(f, "policy explain Marketing-1 Sales-1", right, true, 0);
	words_ok(f, "policy add --subjects=tree(*) --objects=tree(*) --rights=message --deny");
	expect_explained(f, "policy explain Marketing-1 Sales-1", 0, true, 0);
	expect_explained(f, "policy explain Marketing-1 Sales-1", 3, false, 4);
	words_ok(f, "policy remove 4");
	words_ok(f, "user disable Sales-1");
	expect_explained(f, "policy explain Marketing-1 Sales-1", 3, false, 0);
}

/* How often `policy check` says so of a rule. */
static int
warnings(struct fixture *f, json_int_t rule, const char *text)
{
	json_t *a = words_ask(f, "policy check"), *row;
	size_t i;
	int n = 0;

	json_array_foreach(json_object_get(a, "data"), i, row)
		n += json_integer_value(json_object_get(row, "rule")) == rule &&
		     strstr(json_string_value(json_object_get(row, "warning")), text);
	json_decref(a);
	return n;
}

static bool
warned(struct fixture *f, json_int_t rule, const char *text)
{
	return warnings(f, rule, text) > 0;
}

static void
check_warns_of_what_is_odd_and_of_nothing_else(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	rules_of_the_paper(f);
	a = words_ask(f, "policy check");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 0);
	json_decref(a);

	words_ok(f, "dept manager unset Company/Marketing Marketing-1");
	assert_true(warned(f, 3, "Company/Marketing has members and no manager"));
	words_ok(
		f,
		"policy add --subjects=managers(Company/Marketing) --objects=tree(*) --rights=see");
	assert_true(warned(f, 4, "has no manager"));
	assert_true(warned(f, 4, "nobody is among its subjects"));
	words_ok(f, "policy set 4 --subjects=members(Company/Dev) --objects=members(Company/Dev)");
	assert_true(warned(f, 4, "decides nothing"));
	assert_false(warned(f, 1, "decides nothing"));
	words_ok(f, "policy set 4 --objects=account(alice)");
	assert_false(warned(f, 4, "decides nothing"));
	words_ok(f, "user disable alice");
	assert_true(warned(f, 4, "account alice is disabled"));
	words_ok(f, "policy add --subjects=tree(*) --objects=tree(*) --rights=all --deny");
	assert_true(warned(f, 5, "hides everybody from everybody"));
	words_ok(f, "dept add Company/Empty");
	words_ok(f, "policy add --subjects=members(Company/Empty) --objects=members(Company/Empty) "
		    "--rights=see");
	assert_int_equal(warnings(f, 6, "Company/Empty has no members"), 1);
	assert_true(warned(f, 1, "decides nothing"));
	SEES(f, DEV_1, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(three_examples_of_the_paper_hold_by_the_verbs_and_over_a_restart),
		T(a_book_that_followed_many_changes_is_the_one_that_a_restart_makes),
		T(a_rule_that_denies_beats_those_that_allow_and_its_end_gives_them_back),
		T(rules_are_listed_as_they_can_be_said_again),
		T(what_is_no_rule_is_refused_with_its_reason),
		T(explain_names_the_rule_that_decides_each_right),
		T(explain_tells_of_friendship_which_rules_that_deny_beat),
		T(check_warns_of_what_is_odd_and_of_nothing_else),
	};
	return cmocka_run_group_tests_name("control/policy", tests, NULL, NULL);
}
