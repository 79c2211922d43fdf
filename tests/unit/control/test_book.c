#include "tests/unit/control/book_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

/* Departments of the paper's examples. */
enum { COMPANY = 1, DEV, SALES, MARKETING, OFFICE };

#define ATOMS(...)                                                                             \
	(struct book_set)                                                                      \
	{                                                                                      \
		(struct book_atom[]){ __VA_ARGS__ },                                           \
			sizeof((struct book_atom[]){ __VA_ARGS__ }) / sizeof(struct book_atom) \
	}
#define MEMBERS(d)                          \
	{                                   \
		BOOK_ATOM_MEMBERS, false, d \
	}
#define TREE(d)                          \
	{                                \
		BOOK_ATOM_TREE, false, d \
	}
#define ALL_MANAGERS                             \
	{                                        \
		BOOK_ATOM_MANAGERS_ALL, false, 0 \
	}
#define ACCOUNT(a)                          \
	{                                   \
		BOOK_ATOM_ACCOUNT, false, a \
	}

static struct book *
company(void)
{
	struct book *b = book_new();

	assert_non_null(b);
	assert_int_equal(book_dept_add(b, COMPANY, 0), 0);
	for (uint32_t d = DEV; d <= OFFICE; d++)
		assert_int_equal(book_dept_add(b, d, COMPANY), 0);
	return b;
}

static void
put(struct book *b, uint64_t account, uint32_t dept, bool manager)
{
	assert_int_equal(book_account_set(b, account, &(struct book_role){ dept, manager }, 1), 0);
}

/* 10, 11 develop, 20, 21 sell, 30, 31 do marketing, 40, 41 are the office; …0 manage. */
static void
staff(struct book *b)
{
	for (uint32_t d = DEV; d <= OFFICE; d++) {
		put(b, (d - 1) * 10, d, true);
		put(b, (d - 1) * 10 + 1, d, false);
	}
}

static void
rules_of_the_paper(struct book *b)
{
	const struct book_rule rules[] = {
		{ 1, false, BOOK_ALL, ATOMS(MEMBERS(DEV)), ATOMS(MEMBERS(DEV)) },
		{ 2, false, BOOK_ALL, ATOMS(MEMBERS(SALES)),
		  ATOMS(MEMBERS(SALES), MEMBERS(MARKETING)) },
		{ 3, false, BOOK_ALL, ATOMS(MEMBERS(OFFICE)),
		  ATOMS(MEMBERS(OFFICE), ALL_MANAGERS) },
	};

	assert_int_equal(book_rules_set(b, rules, 3), 0);
}

static void
expect_sees(struct book *b, uint64_t subject, const uint64_t *want, size_t n)
{
	uint64_t got[64];

	assert_int_equal(book_pages(b, subject, got, 64), n);
	assert_memory_equal(got, want, n * sizeof(*want));
}

#define EXPECT_SEES(b, subject, ...)                               \
	expect_sees(b, subject, (const uint64_t[]){ __VA_ARGS__ }, \
		    sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void
three_examples_of_the_paper_hold(void **state)
{
	struct book *b = company();

	(void)state;
	staff(b);
	rules_of_the_paper(b);
	EXPECT_SEES(b, 10, 11);
	EXPECT_SEES(b, 11, 10);
	EXPECT_SEES(b, 20, 21, 30, 31);
	EXPECT_SEES(b, 21, 20, 30, 31);
	EXPECT_SEES(b, 41, 10, 20, 30, 40);
	expect_sees(b, 30, NULL, 0); /* rules are one-way */
	expect_sees(b, 31, NULL, 0);
	book_free(b);
}

static void
change_of_manager_changes_who_sees_him(void **state)
{
	struct book *b = company();
	uint64_t was;

	(void)state;
	staff(b);
	rules_of_the_paper(b);
	was = book_version(b, 41);
	put(b, 10, DEV, false);
	put(b, 11, DEV, true);
	EXPECT_SEES(b, 41, 11, 20, 30, 40);
	assert_true(book_version(b, 41) > was);
	assert_int_equal(book_dept_managers(b, DEV), 1);
	assert_int_equal(book_dept_members(b, DEV), 2);
	book_free(b);
}

static void
deny_beats_allow_and_is_what_explains(void **state)
{
	const struct book_rule rules[] = {
		{ 7, false, BOOK_ALL, ATOMS(TREE(COMPANY)), ATOMS(TREE(COMPANY)) },
		{ 8, true, BOOK_MESSAGE | BOOK_P2P, ATOMS(MEMBERS(SALES)), ATOMS(ACCOUNT(10)) },
	};
	struct book *b = company();
	bool allowed;

	(void)state;
	staff(b);
	assert_int_equal(book_rules_set(b, rules, 2), 0);
	assert_int_equal(book_rights(b, 21, 10), BOOK_SEE | BOOK_PRESENCE | BOOK_SEARCH);
	assert_int_equal(book_rights(b, 21, 11), BOOK_ALL);
	assert_int_equal(book_rights(b, 10, 21), BOOK_ALL);
	assert_int_equal(book_rights(b, 10, 10), 0);
	assert_int_equal(book_explain(b, 21, 10, BOOK_MESSAGE, &allowed), 8);
	assert_false(allowed);
	assert_int_equal(book_explain(b, 21, 10, BOOK_SEE, &allowed), 7);
	assert_true(allowed);
	assert_int_equal(book_explain(b, 21, 99, BOOK_SEE, &allowed), 0);
	assert_false(allowed);
	book_free(b);
}

static void
exception_takes_out_of_its_set_alone(void **state)
{
	const struct book_rule rules[] = {
		{ 1, false, BOOK_SEE, ATOMS({ BOOK_ATOM_EVERYBODY, false, 0 }),
		  ATOMS(TREE(COMPANY), { BOOK_ATOM_MANAGERS_ALL, true, 0 }) },
		{ 2, false, BOOK_SEE, ATOMS(ACCOUNT(31)), ATOMS(ACCOUNT(40)) },
	};
	struct book *b = company();

	(void)state;
	staff(b);
	assert_int_equal(book_rules_set(b, rules, 2), 0);
	EXPECT_SEES(b, 30, 11, 21, 31, 41);
	EXPECT_SEES(b, 31, 11, 21, 40, 41);
	book_free(b);
}

static void
moved_department_takes_its_people_along(void **state)
{
	const struct book_rule rule = { 1, false, BOOK_SEE, ATOMS(TREE(SALES)),
					ATOMS(TREE(SALES)) };
	struct book *b = company();
	uint64_t was;

	(void)state;
	staff(b);
	assert_int_equal(book_rules_set(b, &rule, 1), 0);
	EXPECT_SEES(b, 21, 20);
	was = book_version(b, 21);
	assert_int_equal(book_dept_move(b, MARKETING, SALES), 0);
	EXPECT_SEES(b, 21, 20, 30, 31);
	EXPECT_SEES(b, 30, 20, 21, 31);
	assert_true(book_version(b, 21) > was);
	book_free(b);
}

static void
tree_has_no_cycles_and_full_departments_stay(void **state)
{
	struct book *b = company();

	(void)state;
	put(b, 10, DEV, false);
	assert_int_equal(book_dept_move(b, COMPANY, DEV), CHQ_ELOOP);
	assert_int_equal(book_dept_move(b, DEV, DEV), CHQ_ELOOP);
	assert_int_equal(book_dept_move(b, DEV, 99), CHQ_ENOENT);
	assert_int_equal(book_dept_remove(b, COMPANY), CHQ_EBUSY);
	assert_int_equal(book_dept_remove(b, DEV), CHQ_EBUSY);
	assert_int_equal(book_account_remove(b, 10), 0);
	assert_int_equal(book_dept_remove(b, DEV), 0);
	assert_int_equal(book_dept_remove(b, DEV), CHQ_ENOENT);
	assert_int_equal(book_dept_add(b, SALES, 0), CHQ_EEXIST);
	assert_int_equal(book_dept_add(b, 50, 99), CHQ_ENOENT);
	book_free(b);
}

static void
tree_is_as_deep_as_it_may_be_and_no_deeper(void **state)
{
	struct book *b = book_new();

	(void)state;
	for (uint32_t d = 1; d <= BOOK_DEPTH_MAX; d++)
		assert_int_equal(book_dept_add(b, d, d - 1), 0);
	assert_int_equal(book_dept_add(b, 1000, BOOK_DEPTH_MAX), CHQ_EFULL);
	assert_int_equal(book_dept_add(b, 1001, 0), 0);
	assert_int_equal(book_dept_move(b, 1, 1001), CHQ_EFULL);
	assert_int_equal(book_dept_move(b, 2, 1001), 0);
	book_free(b);
}

static void
refused_rules_leave_those_before(void **state)
{
	const struct book_rule unknown = { 9, false, BOOK_SEE, ATOMS(TREE(77)), ATOMS(TREE(DEV)) };
	const struct book_rule twice[] = {
		{ 1, false, BOOK_SEE, ATOMS(TREE(DEV)), ATOMS(TREE(DEV)) },
		{ 1, false, BOOK_SEE, ATOMS(TREE(DEV)), ATOMS(TREE(DEV)) },
	};
	const struct book_rule nothing = { 9, false, 0, ATOMS(TREE(DEV)), ATOMS(TREE(DEV)) };
	struct book *b = company();
	uint32_t rule, dept;

	(void)state;
	staff(b);
	rules_of_the_paper(b);
	assert_int_equal(book_rules_set(b, &unknown, 1), CHQ_ENOENT);
	book_rules_unknown(b, &rule, &dept);
	assert_int_equal(rule, 9);
	assert_int_equal(dept, 77);
	assert_int_equal(book_rules_set(b, twice, 2), CHQ_EINVAL);
	assert_int_equal(book_rules_set(b, &nothing, 1), CHQ_EINVAL);
	EXPECT_SEES(b, 20, 21, 30, 31);
	assert_int_equal(book_rules_set(b, NULL, 0), 0);
	expect_sees(b, 20, NULL, 0);
	book_free(b);
}

struct affected {
	unsigned calls, all;
	uint64_t account;
	unsigned was[64], is[64]; /* by account of the subjects */
};

static void
note_affected(struct book *b, const struct book_class *subjects, uint64_t account, unsigned was,
	      unsigned is, void *arg)
{
	struct affected *a = arg;
	const uint64_t *members;
	size_t n;

	(void)b;
	a->calls++;
	a->account = account;
	members = book_class_members(subjects, &n);
	for (size_t i = 0; i < n; i++) {
		a->was[members[i]] = was;
		a->is[members[i]] = is;
	}
}

static void
note_all(struct book *b, void *arg)
{
	(void)b;
	((struct affected *)arg)->all++;
}

static void
exactly_those_whose_rights_changed_are_told(void **state)
{
	struct affected a = { 0 };
	struct book *b = company();
	uint64_t versions[64];

	(void)state;
	staff(b);
	rules_of_the_paper(b);
	book_watch(b, note_affected, note_all, &a);
	for (uint64_t i = 0; i < 64; i++)
		versions[i] = book_version(b, i);
	put(b, 31, DEV, false); /* from marketing */
	assert_int_equal(a.account, 31);
	assert_int_equal(a.all, 0);
	for (uint64_t i = 0; i < 64; i++) {
		bool seller = i == 20 || i == 21, developer = i == 10 || i == 11;

		if (i == 31 || !book_account_known(b, i))
			continue;
		assert_int_equal(a.was[i], seller ? BOOK_ALL : 0);
		assert_int_equal(a.is[i], developer ? BOOK_ALL : 0);
		assert_int_equal(book_version(b, i) != versions[i], seller || developer);
	}
	assert_true(book_version(b, 31) != versions[31]);
	rules_of_the_paper(b);
	assert_int_equal(a.all, 1);
	book_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_examples_of_the_paper_hold),
		cmocka_unit_test(change_of_manager_changes_who_sees_him),
		cmocka_unit_test(deny_beats_allow_and_is_what_explains),
		cmocka_unit_test(exception_takes_out_of_its_set_alone),
		cmocka_unit_test(moved_department_takes_its_people_along),
		cmocka_unit_test(tree_has_no_cycles_and_full_departments_stay),
		cmocka_unit_test(tree_is_as_deep_as_it_may_be_and_no_deeper),
		cmocka_unit_test(refused_rules_leave_those_before),
		cmocka_unit_test(exactly_those_whose_rights_changed_are_told),
	};
	return cmocka_run_group_tests_name("control/book", tests, NULL, NULL);
}
