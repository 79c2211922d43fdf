#include "control/book/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

/* Departments are numbered by their first letter, accounts by their length. */
static int
dept_id(void *arg, const char *path, uint64_t *id)
{
	(void)arg;
	*id = (uint8_t)path[0];
	return strcmp(path, "nowhere") == 0 ? CHQ_ENOENT : 0;
}

static int
account_id(void *arg, const char *login, uint64_t *id)
{
	(void)arg;
	*id = strlen(login);
	return strcmp(login, "nobody") == 0 ? CHQ_ENOUSER : 0;
}

static int
dept_name(void *arg, uint64_t id, char *out, size_t size)
{
	(void)arg;
	snprintf(out, size, "%c", (char)id);
	return 0;
}

static int
account_name(void *arg, uint64_t id, char *out, size_t size)
{
	(void)arg;
	snprintf(out, size, "%.*s", (int)id, "-a (\"\\+)*");
	return 0;
}

static const struct book_names names = { dept_id, account_id, dept_name, account_name, NULL };

static void
text_gives_its_atoms(void **state)
{
	static const struct book_atom want[] = {
		{ BOOK_ATOM_MEMBERS, false, 'D' }, { BOOK_ATOM_TREE, false, 'S' },
		{ BOOK_ATOM_MANAGERS, true, 'S' }, { BOOK_ATOM_MANAGERS_ALL, false, 0 },
		{ BOOK_ATOM_EVERYBODY, false, 0 }, { BOOK_ATOM_ACCOUNT, true, 10 },
		{ BOOK_ATOM_ACCOUNT, false, 6 },   { BOOK_ATOM_MEMBERS, false, '*' },
	};
	struct book_set s;
	char err[128];

	(void)state;
	assert_int_equal(book_set_parse(&s,
					"members(Dev)+ tree ( \"Sales (North)\" ) -managers(Sales)"
					"+managers(*) + tree(*) - account(anna-maria) "
					"+ account(\"a \\\"b\\\\c\") + members(\"*\")",
					&names, err, sizeof(err)),
			 0);
	assert_int_equal(s.n, 8);
	for (unsigned i = 0; i < s.n; i++) {
		assert_int_equal(s.atoms[i].kind, want[i].kind);
		assert_int_equal(s.atoms[i].except, want[i].except);
		assert_int_equal(s.atoms[i].id, want[i].id);
	}
	book_set_free(&s);
}

static void
refused(const char *text, int rc, const char *what)
{
	struct book_set s = { NULL, 0 };
	char err[256] = "";

	assert_int_equal(book_set_parse(&s, text, &names, err, sizeof(err)), rc);
	if (!strstr(err, what))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, err, what);
}

static void
wrong_text_is_refused_with_its_column(void **state)
{
	char many[64 * 1024] = "tree(*)";

	(void)state;
	refused("", CHQ_EMALFORMED, "column 1: members");
	refused("  crew(D)", CHQ_EMALFORMED, "column 3: members");
	refused("tree", CHQ_EMALFORMED, "column 5: \"(\"");
	refused("tree(D", CHQ_EMALFORMED, "column 7: \")\"");
	refused("tree(\"D)", CHQ_EMALFORMED, "quote does not end");
	refused("tree(\"D\\n\")", CHQ_EMALFORMED, "quote does not end");
	refused("tree()", CHQ_EMALFORMED, "a name is missing");
	refused("members(*)", CHQ_EMALFORMED, "stands only in");
	refused("account(*)", CHQ_EMALFORMED, "stands only in");
	refused("tree(D) members(D)", CHQ_EMALFORMED, "column 9: \"+\" or \"-\"");
	refused("tree(D) +", CHQ_EMALFORMED, "column 10: members");
	refused("- tree(D)", CHQ_EMALFORMED, "column 1: members");
	refused("tree(nowhere)", CHQ_ENOENT, "department \"nowhere\"");
	refused("account(nobody)", CHQ_ENOUSER, "account \"nobody\"");
	for (int i = 0; i < BOOK_ATOMS_MAX; i++)
		strcat(many, "+tree(*)");
	refused(many, CHQ_EFULL, "too many");
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = 0;
	memcpy(many, "tree(", 5);
	refused(many, CHQ_EMALFORMED, "too long");
}

static void
printed_set_is_read_back_as_the_same(void **state)
{
	char first[512], again[512], err[128];
	struct book_set s;

	(void)state;
	for (unsigned len = 1; len <= 9; len++) {
		struct book_atom atoms[] = {
			{ BOOK_ATOM_MANAGERS_ALL, false, 0 }, { BOOK_ATOM_ACCOUNT, true, len },
			{ BOOK_ATOM_EVERYBODY, false, 0 },    { BOOK_ATOM_TREE, false, '*' },
			{ BOOK_ATOM_MANAGERS, true, '(' },    { BOOK_ATOM_MEMBERS, false, 'D' },
		};
		struct book_set from = { atoms, 6 };

		assert_int_equal(book_set_print(&from, &names, first, sizeof(first)), 0);
		assert_int_equal(book_set_parse(&s, first, &names, err, sizeof(err)), 0);
		assert_int_equal(s.n, 6);
		for (unsigned i = 0; i < s.n; i++)
			assert_true(s.atoms[i].kind == atoms[i].kind &&
				    s.atoms[i].except == atoms[i].except &&
				    s.atoms[i].id == atoms[i].id);
		assert_int_equal(book_set_print(&s, &names, again, sizeof(again)), 0);
		assert_string_equal(again, first);
		book_set_free(&s);
		for (size_t room = 0; room <= strlen(first); room++)
			assert_int_equal(book_set_print(&from, &names, again, room), CHQ_ETOOBIG);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_gives_its_atoms),
		cmocka_unit_test(wrong_text_is_refused_with_its_column),
		cmocka_unit_test(printed_set_is_read_back_as_the_same),
	};
	return cmocka_run_group_tests_name("control/book_set", tests, NULL, NULL);
}
