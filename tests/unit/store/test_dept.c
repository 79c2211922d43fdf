#include "store/dept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/kv.h"
#include "store/rule.h"
#include "tests/unit/store/fixture.h"

enum { NOW = 1000 };

/* Begin a job for calls whose results are looked at one by one; its end undoes nothing. */
#define IN_JOB(f, t)                                    \
	for (struct store_txn *t = fixture_begin(f); t; \
	     assert_int_equal(fixture_commit(f), 0), t = NULL)

static uint32_t
add(struct store_txn *t, uint32_t parent, const char *name)
{
	uint32_t id = 0;

	assert_int_equal(store_dept_add(t, parent, name, NOW, &id), 0);
	return id;
}

static void
department_is_found_by_its_path(void **state)
{
	struct fixture *f = *state;
	struct store_dept d;
	uint32_t company = 0, sales = 0, north = 0;
	char path[STORE_PATH_MAX_BYTES];

	IN_JOB(f, t)
	{
		company = add(t, 0, "Company");
		sales = add(t, company, "Sales");
		north = add(t, sales, "No\xcc\x88rd"); /* o and a combining diaeresis */
		add(t, company, "N\xc3\xb6rd");
	}
	fixture_reopen(f);
	IN_JOB(f, t)
	{
		assert_int_equal(store_dept_find(t, "Company/Sales/N\xc3\xb6rd", &d), 0);
		assert_int_equal(d.id, north);
		assert_int_equal(d.parent, sales);
		assert_int_equal(store_dept_path(t, north, path, sizeof(path)), 0);
		assert_string_equal(path, "Company/Sales/N\xc3\xb6rd");
		assert_int_equal(store_dept_path(t, north, path, strlen(path)), CHQ_ETOOBIG);
		assert_int_equal(store_dept_find(t, "Company/South", &d), CHQ_ENOENT);
		assert_int_equal(store_dept_find(t, "Company/", &d), CHQ_ENAMEEMPTY);
		assert_int_equal(store_dept_find(t, "", &d), CHQ_ENAMEEMPTY);
		assert_int_equal(store_dept_path(t, 99, path, sizeof(path)), CHQ_ENOENT);
	}
	fixture_assert_sound(f);
}

static void
name_is_refused(struct store_txn *t, const char *name, int rc)
{
	uint32_t id;

	assert_int_equal(store_dept_add(t, 0, name, NOW, &id), rc);
}

static void
names_that_mislead_are_refused(void **state)
{
	struct fixture *f = *state;
	char longer[STORE_DEPT_MAX_BYTES + 2] = "";

	memset(longer, 'x', STORE_DEPT_MAX_BYTES + 1);
	IN_JOB(f, t)
	{
		name_is_refused(t, "", CHQ_ENAMEEMPTY);
		name_is_refused(t, "a/b", CHQ_ENAMECHAR);
		name_is_refused(t, " a", CHQ_ENAMESPACE);
		name_is_refused(t, "a ", CHQ_ENAMESPACE);
		name_is_refused(t, "a\nb", CHQ_ENAMECTRL);
		name_is_refused(t, "a\xff", CHQ_ENAMEUTF8);
		name_is_refused(t,
				"a\xe2\x80\xae"
				"b",
				CHQ_ENAMEBIDI);
		name_is_refused(t, longer, CHQ_ENAMELONG);
		longer[STORE_DEPT_MAX_BYTES] = 0;
		add(t, 0, longer);
		name_is_refused(t, longer, CHQ_EEXIST);
	}
}

static void
moved_department_keeps_everything_and_makes_no_cycle(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob");
	struct store_member m;
	struct store_dept d;
	uint32_t a = 0, b = 0, c = 0, other = 0;

	IN_JOB(f, t)
	{
		a = add(t, 0, "a");
		b = add(t, a, "b");
		c = add(t, b, "c");
		other = add(t, 0, "other");
		add(t, other, "taken");
		assert_int_equal(store_member_set(t, c, bob, true, NOW), 0);
		assert_int_equal(store_dept_move(t, a, c, NOW), CHQ_ELOOP);
		assert_int_equal(store_dept_move(t, a, a, NOW), CHQ_ELOOP);
		assert_int_equal(store_dept_move(t, a, 99, NOW), CHQ_ENOENT);
		assert_int_equal(store_dept_move(t, b, other, NOW + 1), 0);
		assert_int_equal(store_dept_rename(t, b, "taken", NOW), CHQ_EEXIST);
	}
	fixture_assert_sound(f);
	IN_JOB(f, t)
	{
		assert_int_equal(store_dept_find(t, "other/b/c", &d), 0);
		assert_int_equal(d.id, c);
		assert_int_equal(store_dept_find(t, "a/b", &d), CHQ_ENOENT);
		assert_int_equal(store_member_get(t, c, bob, &m), 0);
		assert_true(m.manager);
		assert_int_equal(store_dept_rename(t, b, "new", NOW), 0);
		assert_int_equal(store_dept_find(t, "other/new/c", &d), 0);
	}
	fixture_assert_sound(f);
}

static void
tree_is_bounded_in_depth(void **state)
{
	struct fixture *f = *state;
	uint32_t top[2] = { 0, 0 }, at = 0, id;

	IN_JOB(f, t)
	{
		for (int i = 0; i < STORE_DEPTH_MAX; i++) {
			at = add(t, at, "x");
			top[i == 1] = i < 2 ? at : top[i == 1];
		}
		assert_int_equal(store_dept_add(t, at, "x", NOW, &id), CHQ_EFULL);
		id = add(t, 0, "y");
		assert_int_equal(store_dept_move(t, top[0], id, NOW), CHQ_EFULL);
		assert_int_equal(store_dept_move(t, top[1], id, NOW), 0);
	}
	fixture_assert_sound(f);
}

static void
department_in_use_is_not_removed(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob");
	static struct store_rule r;
	uint32_t a = 0, b = 0;

	memset(&r, 0, sizeof(r));
	IN_JOB(f, t)
	{
		a = add(t, 0, "a");
		b = add(t, a, "b");
		assert_int_equal(store_dept_remove(t, a), CHQ_EBUSY);
		assert_int_equal(store_member_set(t, b, bob, false, NOW), 0);
		assert_int_equal(store_dept_remove(t, b), CHQ_EBUSY);
		assert_int_equal(store_member_remove(t, b, bob), 0);
		r = (struct store_rule){ .rights = 1, .n_subjects = 1, .n_objects = 1 };
		r.subjects[0] = (struct store_atom){ STORE_ATOM_EVERYBODY, false, 0 };
		r.objects[0] = (struct store_atom){ STORE_ATOM_TREE, false, b };
		assert_int_equal(store_rule_set(t, &r), 0);
		assert_int_equal(store_dept_remove(t, b), CHQ_EBUSY);
		assert_int_equal(store_rule_remove(t, r.id), 0);
		assert_int_equal(store_dept_remove(t, b), 0);
		assert_int_equal(store_dept_remove(t, b), CHQ_ENOENT);
		assert_int_equal(store_dept_remove(t, a), 0);
		assert_true(add(t, 0, "a") > b); /* ids are not given again */
	}
	fixture_assert_sound(f);
}

static void
account_is_in_several_departments(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob"), eve = fixture_account(f, "eve");
	struct store_member m[STORE_ROLES_MAX];
	uint32_t depts[STORE_ROLES_MAX + 1];
	char name[16];
	size_t n;

	IN_JOB(f, t)
	{
		for (int i = 0; i <= STORE_ROLES_MAX; i++) {
			snprintf(name, sizeof(name), "d%d", i);
			depts[i] = add(t, 0, name);
			assert_int_equal(store_member_set(t, depts[i], bob, i % 2, NOW),
					 i < STORE_ROLES_MAX ? 0 : CHQ_EFULL);
		}
		assert_int_equal(store_member_set(t, depts[0], eve, true, NOW), 0);
		assert_int_equal(store_member_set(t, depts[0], 99, true, NOW), CHQ_ENOUSER);
		assert_int_equal(store_member_set(t, 9999, eve, true, NOW), CHQ_ENOENT);
	}
	fixture_assert_sound(f);
	IN_JOB(f, t)
	{
		assert_int_equal(store_member_roles(t, bob, m, &n), 0);
		assert_int_equal(n, STORE_ROLES_MAX);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(m[i].dept, depts[i]);
			assert_int_equal(m[i].manager, i % 2);
		}
		assert_int_equal(store_member_list(t, depts[0], 0, m, 10, &n), 0);
		assert_int_equal(n, 2);
		assert_int_equal(m[0].account, bob);
		assert_int_equal(m[1].account, eve);
		assert_int_equal(store_member_list(t, depts[0], bob, m, 10, &n), 0);
		assert_int_equal(n, 1);
		/* Another role keeps the day he came. */
		assert_int_equal(store_member_set(t, depts[0], bob, true, NOW + 5), 0);
		assert_int_equal(store_member_get(t, depts[0], bob, m), 0);
		assert_true(m[0].manager && m[0].since_ms == NOW);
		assert_int_equal(store_member_remove(t, depts[0], bob), 0);
		assert_int_equal(store_member_remove(t, depts[0], bob), CHQ_ENOENT);
	}
	fixture_assert_sound(f);
}

static struct store_rule *
rule_of(uint32_t dept, uint64_t account)
{
	static struct store_rule r;

	memset(&r, 0, sizeof(r));
	r.rights = 9;
	r.deny = true;
	r.changed_ms = NOW;
	strcpy(r.note, "sales sees marketing");
	r.n_subjects = 2;
	r.subjects[0] = (struct store_atom){ STORE_ATOM_TREE, false, dept };
	r.subjects[1] = (struct store_atom){ STORE_ATOM_ACCOUNT, true, account };
	r.n_objects = STORE_ATOMS_MAX;
	for (unsigned i = 0; i < STORE_ATOMS_MAX; i++)
		r.objects[i] = (struct store_atom){ STORE_ATOM_MANAGERS_ALL, i % 2, 0 };
	return &r;
}

static void
rule_is_kept_whole_and_replaced_whole(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob");
	static struct store_rule got;
	struct store_rule *r = NULL;
	uint32_t dept = 0, id = 0;

	IN_JOB(f, t)
	{
		dept = add(t, 0, "a");
		r = rule_of(dept, bob);
		assert_int_equal(store_rule_set(t, r), 0);
		id = r->id;
	}
	fixture_reopen(f);
	IN_JOB(f, t)
	{
		assert_int_equal(store_rule_next(t, 0, &got), 0);
		assert_int_equal(got.id, id);
		assert_true(got.deny && got.rights == 9 && got.changed_ms == NOW);
		assert_string_equal(got.note, r->note);
		assert_int_equal(got.n_subjects, 2);
		assert_int_equal(got.subjects[1].id, bob);
		assert_true(got.subjects[1].except && !got.subjects[0].except);
		assert_int_equal(got.n_objects, STORE_ATOMS_MAX);
		assert_int_equal(store_rule_next(t, id, &got), CHQ_ENOENT);
		got = *r;
		got.deny = false;
		got.n_objects = 1;
		assert_int_equal(store_rule_set(t, &got), 0);
		assert_int_equal(store_rule_get(t, id, &got), 0);
		assert_true(!got.deny && got.n_objects == 1);
		got.id = id + 1;
		assert_int_equal(store_rule_set(t, &got), CHQ_ENOENT);
		assert_int_equal(store_rule_remove(t, id), 0);
		assert_int_equal(store_rule_get(t, id, &got), CHQ_ENOENT);
	}
	fixture_assert_sound(f);
}

static void
rule_that_names_what_is_not_there_is_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob");
	struct store_rule *r = NULL;
	uint32_t dept = 0;

	IN_JOB(f, t)
	{
		dept = add(t, 0, "a");
		assert_int_equal(store_rule_set(t, rule_of(dept + 1, bob)), CHQ_ENOENT);
		assert_int_equal(store_rule_set(t, rule_of(dept, bob + 1)), CHQ_ENOUSER);
		r = rule_of(dept, bob);
		r->rights = 0;
		assert_int_equal(store_rule_set(t, r), CHQ_EINVAL);
		r = rule_of(dept, bob);
		r->n_objects = 0;
		assert_int_equal(store_rule_set(t, r), CHQ_EINVAL);
		r = rule_of(dept, bob);
		r->objects[3].kind = STORE_ATOM_KINDS;
		assert_int_equal(store_rule_set(t, r), CHQ_EINVAL);
		r = rule_of(dept, bob);
		strcpy(r->note, "a\nb");
		assert_int_equal(store_rule_set(t, r), CHQ_ENAMECTRL);
	}
	fixture_assert_sound(f);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(department_is_found_by_its_path),
		T(names_that_mislead_are_refused),
		T(moved_department_keeps_everything_and_makes_no_cycle),
		T(tree_is_bounded_in_depth),
		T(department_in_use_is_not_removed),
		T(account_is_in_several_departments),
		T(rule_is_kept_whole_and_replaced_whole),
		T(rule_that_names_what_is_not_there_is_refused),
	};
	return cmocka_run_group_tests_name("store/dept", tests, NULL, NULL);
}
