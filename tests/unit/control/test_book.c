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
	bool everybody, objects;
	bool lost[64];
	size_t n_lost;
};

static void
note_moved(struct book *b, uint64_t account, const struct book_class *was,
	   const struct book_class *is, void *arg)
{
	struct affected *a = arg;

	a->calls++;
	a->account = account;
	for (uint64_t i = 0; i < 64; i++) {
		const struct book_class *s = book_class_of(b, i);

		a->was[i] = s && was ? book_class_rights(b, s, was) : 0;
		a->is[i] = s && is ? book_class_rights(b, s, is) : 0;
	}
}

static void
note_all(struct book *b, const struct book_lost *lost, void *arg)
{
	struct affected *a = arg;

	(void)b;
	a->all++;
	a->everybody = lost->everybody;
	a->objects = lost->objects;
	a->n_lost = lost->n;
	memset(a->lost, 0, sizeof(a->lost));
	for (size_t i = 0; i < lost->n; i++)
		a->lost[lost->accounts[i]] = true;
}

static void
watch(struct book *b, struct affected *a)
{
	book_watch(b, &(struct book_watch){ .moved = note_moved, .all = note_all, .arg = a });
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
	watch(b, &a);
	for (uint64_t i = 0; i < 64; i++)
		versions[i] = book_version(b, i);
	put(b, 31, DEV, false); /* from marketing */
	assert_int_equal(a.calls, 1);
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
	assert_int_equal(a.n_lost, 0);
	assert_false(a.everybody);
	book_free(b);
}

/* Who lost the right to write by a change from rules @was to @is: nobody else is named. */
static void
expect_lost(const struct book_rule *was, unsigned n_was, const struct book_rule *is, unsigned n_is,
	    bool objects, const uint64_t *who, size_t n)
{
	struct affected a = { 0 };
	struct book *b = company();

	staff(b);
	assert_int_equal(book_rules_set(b, was, n_was), 0);
	watch(b, &a);
	assert_int_equal(book_rules_set(b, is, n_is), 0);
	assert_false(a.everybody);
	assert_int_equal(a.n_lost, n);
	if (n)
		assert_int_equal(a.objects, objects);
	for (size_t i = 0; i < n; i++)
		assert_true(a.lost[who[i]]);
	book_free(b);
}

static void
who_loses_the_right_to_write_by_a_rule_is_named_on_the_smaller_side(void **state)
{
	static struct book_atom all = { .kind = BOOK_ATOM_EVERYBODY }, dev = { .id = DEV },
				sales = { .id = SALES },
				one = { .kind = BOOK_ATOM_ACCOUNT, .id = 20 };
	struct book_rule allow = { 1, false, BOOK_ALL, { &all, 1 }, { &all, 1 } };
	struct book_rule see = { 1, false, BOOK_SEE, { &all, 1 }, { &all, 1 } };
	struct book_rule dev_all = { 2, false, BOOK_ALL, { &dev, 1 }, { &all, 1 } };
	struct book_rule no_sales = { 2, true, BOOK_MESSAGE, { &all, 1 }, { &sales, 1 } };
	struct book_rule no_one = { 2, true, BOOK_MESSAGE, { &one, 1 }, { &all, 1 } };
	const struct book_rule with_sales[] = { allow, no_sales }, with_one[] = { allow, no_one };
	const struct book_rule twice[] = { allow, dev_all };

	(void)state;
	expect_lost(&allow, 1, with_sales, 2, true, (const uint64_t[]){ 20, 21 }, 2);
	expect_lost(with_sales, 2, &allow, 1, false, NULL, 0);
	expect_lost(&allow, 1, with_one, 2, false, (const uint64_t[]){ 20 }, 1);
	expect_lost(with_one, 2, &allow, 1, false, NULL, 0);
	expect_lost(&dev_all, 1, &see, 1, false, (const uint64_t[]){ 10, 11 }, 2);
	expect_lost(twice, 2, &allow, 1, false, NULL, 0); /* another rule still allows it */
	expect_lost(NULL, 0, &allow, 1, false, NULL, 0);
	/* Nobody was allowed, but friends lose it. */
	expect_lost(NULL, 0, &no_one, 1, false, (const uint64_t[]){ 20 }, 1);
}

static void
those_present_are_known_by_class_and_follow_their_account(void **state)
{
	struct book *b = company();
	const uint64_t *who;
	size_t n;

	(void)state;
	staff(b);
	assert_int_equal(book_present_set(b, 99, true), CHQ_ENOENT);
	assert_int_equal(book_present_set(b, 10, true), 0);
	assert_int_equal(book_present_set(b, 11, true), 0);
	assert_int_equal(book_present_set(b, 11, true), 0);
	book_class_present(book_class_of(b, 11), &n);
	put(b, 11, SALES, false);
	who = book_class_present(book_class_of(b, 11), &n);
	assert_true(n == 1 && who[0] == 11);
	assert_int_equal(book_present_set(b, 11, false), 0);
	book_class_present(book_class_of(b, 11), &n);
	assert_int_equal(n, 0);
	assert_int_equal(book_account_remove(b, 10), 0);
	put(b, 10, DEV, false); /* one that comes back is not present */
	book_class_present(book_class_of(b, 10), &n);
	assert_int_equal(n, 0);
	book_free(b);
}

static void
what_is_denied_is_told_apart_from_what_nobody_allows(void **state)
{
	static struct book_atom dev = { .id = DEV }, sales = { .id = SALES };
	struct book_rule deny = { 1, true, BOOK_MESSAGE | BOOK_P2P, { &dev, 1 }, { &sales, 1 } };
	struct book *b = company();

	(void)state;
	staff(b);
	assert_int_equal(book_denied(b, 10, 20), 0);
	assert_int_equal(book_rules_set(b, &deny, 1), 0);
	assert_int_equal(book_denied(b, 10, 20), BOOK_MESSAGE | BOOK_P2P);
	assert_int_equal(book_denied(b, 20, 10), 0);
	assert_int_equal(book_rights(b, 10, 20), 0);
	assert_int_equal(book_denied(b, 10, 99), BOOK_ALL); /* nobody */
	book_free(b);
}

static void
a_walk_over_many_visible_people_comes_by_each_once_whatever_moves(void **state)
{
	enum { MANY = 10000 };
	static struct book_atom all = { .kind = BOOK_ATOM_EVERYBODY };
	struct book_rule allow = { 1, false, BOOK_SEE, { &all, 1 }, { &all, 1 } };
	static uint8_t seen[MANY + 1];
	uint64_t page[BOOK_PAGE_MAX], after = 0;
	struct book *b = company();
	size_t n;

	(void)state;
	for (uint64_t i = 1; i <= MANY; i++)
		put(b, i, i % 2 ? DEV : SALES, false);
	assert_int_equal(book_rules_set(b, &allow, 1), 0);
	for (unsigned round = 1;; round++) {
		assert_int_equal(book_visible(b, 5000, BOOK_SEE, &after, page, BOOK_PAGE_MAX, &n),
				 0);
		for (size_t i = 0; i < n; i++)
			seen[page[i]]++;
		if (!after)
			break;
		put(b, round * 37 % MANY + 1, round % 2 ? SALES : DEV, false);
	}
	for (uint64_t i = 1; i <= MANY; i++)
		assert_int_equal(seen[i], i != 5000);
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
		cmocka_unit_test(
			who_loses_the_right_to_write_by_a_rule_is_named_on_the_smaller_side),
		cmocka_unit_test(those_present_are_known_by_class_and_follow_their_account),
		cmocka_unit_test(what_is_denied_is_told_apart_from_what_nobody_allows),
		cmocka_unit_test(a_walk_over_many_visible_people_comes_by_each_once_whatever_moves),
	};
	return cmocka_run_group_tests_name("control/book", tests, NULL, NULL);
}
