#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "control/book/book.h"
#include "control/book_load.h"
#include "store/dept.h"
#include "store/reader.h"
#include "store/rule.h"
#include "store/writer.h"
#include "tests/unit/control/fixture.h"

/* Departments by operators' verbs, and the address book that follows them. */

enum { ALICE = 1, BOB, CAROL, PEOPLE = CAROL, NO_MEMORY_NEVER = -1 };

int __real_book_account_set(struct book *b, uint64_t account, const struct book_role *roles,
			    unsigned n);
int __wrap_book_account_set(struct book *b, uint64_t account, const struct book_role *roles,
			    unsigned n);

static int calls_until_no_memory = NO_MEMORY_NEVER;

int
__wrap_book_account_set(struct book *b, uint64_t account, const struct book_role *roles, unsigned n)
{
	if (calls_until_no_memory >= 0 && calls_until_no_memory-- == 0)
		return CHQ_ENOMEM;
	return __real_book_account_set(b, account, roles, n);
}

/* One request; its words are separated by single spaces, "_" stands for a space within one. */
static json_t *
ask(struct fixture *f, const char *words)
{
	json_t *args = json_array(), *answer;
	char *copy = strdup(words), *save = NULL, *line;
	const char *noun = strtok_r(copy, " ", &save), *verb = strtok_r(NULL, " ", &save);
	json_t *opts = json_object(), *request;

	for (char *w; (w = strtok_r(NULL, " ", &save)) != NULL;) {
		for (char *at = w; (at = strchr(at, '_')) != NULL;)
			*at = ' ';
		if (strncmp(w, "--", 2) == 0)
			json_object_set_new(opts, w + 2, json_true());
		else
			json_array_append_new(args, json_string(w));
	}
	request = json_pack("{s:s, s:s, s:o, s:o}", "noun", noun, "verb", verb, "args", args,
			    "opts", opts);
	line = json_dumps(request, JSON_COMPACT);
	line = realloc(line, strlen(line) + 2);
	strcat(line, "\n");
	answer = json_loads(fixture_ctl(f, line), 0, NULL);
	assert_non_null(answer);
	json_decref(request);
	free(line);
	free(copy);
	return answer;
}

/* The answer's code is this ("" for a good one), and it names this field. */
static void
expect(struct fixture *f, const char *words, const char *code, const char *field)
{
	json_t *a = ask(f, words), *error = json_object_get(a, "error");
	const char *got = json_string_value(json_object_get(error, "code"));
	const char *at = json_string_value(json_object_get(error, "field"));

	if (strcmp(got ? got : "", code) != 0)
		print_message("%s: %s %s\n", words, got ? got : "ok",
			      got ? json_string_value(json_object_get(error, "message")) : "");
	assert_string_equal(got ? got : "", code);
	if (field)
		assert_string_equal(at ? at : "", field);
	json_decref(a);
}

static void
ok(struct fixture *f, const char *words)
{
	expect(f, words, "", NULL);
}

/* A text of an answer's object. */
static void
expect_text(struct fixture *f, const char *words, const char *name, const char *text)
{
	json_t *a = ask(f, words);

	assert_string_equal(json_string_value(json_object_get(json_object_get(a, "data"), name)),
			    text);
	json_decref(a);
}

static json_int_t
number(struct fixture *f, const char *words, const char *name)
{
	json_t *a = ask(f, words);
	json_int_t n = json_integer_value(json_object_get(json_object_get(a, "data"), name));

	json_decref(a);
	return n;
}

static void
a_tree_is_built_renamed_moved_and_shown(void **state)
{
	static const char *const want[] = { "Company", "  Development", "    North", "  Sales" };
	struct fixture *f = *state;
	json_t *a, *row;
	size_t i;

	ok(f, "dept add Company");
	ok(f, "dept add Company/Sales");
	ok(f, "dept add Company/Sales/North");
	ok(f, "dept add Dev");
	ok(f, "dept rename Dev Development");
	ok(f, "dept move Development Company");
	ok(f, "dept move Company/Sales/North Company/Development");
	expect_text(f, "dept show Company/Development/North", "parent", "Company/Development");
	a = ask(f, "dept tree");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 4);
	json_array_foreach(json_object_get(a, "data"), i, row)
		assert_string_equal(json_string_value(json_object_get(row, "name")), want[i]);
	json_decref(a);
	a = ask(f, "dept tree Company/Development");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 2);
	json_decref(a);
	a = ask(f, "dept list");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 4);
	json_decref(a);
	ok(f, "dept move Company/Development /");
	ok(f, "dept show Development/North");
}

static void
what_a_tree_cannot_be_is_refused_with_its_reason(void **state)
{
	struct fixture *f = *state;

	ok(f, "dept add Company");
	ok(f, "dept add Company/Sales");
	expect(f, "dept add Company", "EEXIST", "path");
	expect(f, "dept add Nowhere/Sales", "ENOENT", "path");
	expect(f, "dept add Company/", "ENAMEEMPTY", "path");
	expect(f, "dept add _x", "ENAMESPACE", "path");
	expect(f, "dept move Company Company/Sales", "ELOOP", "parent");
	expect(f, "dept move Company Company", "ELOOP", "parent");
	expect(f, "dept move Company Nowhere", "ENOENT", "parent");
	expect(f, "dept rename Company a/b", "ENAMECHAR", "name");
	expect(f, "dept remove Company", "EBUSY", "path");
	ok(f, "dept join Company/Sales bob");
	expect(f, "dept remove Company/Sales", "EBUSY", "path");
	ok(f, "dept leave Company/Sales bob");
	ok(f, "dept remove Company/Sales");
	expect(f, "dept remove Company/Sales", "ENOENT", "path");
	ok(f, "dept remove Company");
	assert_false(book_dept_known(f->ctl.book, 1));
}

static void
members_come_and_go_and_one_may_be_in_several(void **state)
{
	struct fixture *f = *state;
	json_t *a, *depts;

	ok(f, "dept add Sales");
	ok(f, "dept add Office");
	ok(f, "dept join Sales bob --manager");
	ok(f, "dept join Office bob");
	ok(f, "dept join Sales alice");
	ok(f, "dept join Sales bob"); /* which does not end his managing */
	assert_int_equal(number(f, "dept show Sales", "members"), 2);
	assert_int_equal(number(f, "dept show Sales", "managers"), 1);
	a = ask(f, "user show bob");
	depts = json_object_get(json_object_get(a, "data"), "departments");
	assert_int_equal(json_array_size(depts), 2);
	assert_true(json_is_true(json_object_get(json_array_get(depts, 0), "manager")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(depts, 1), "path")),
			    "Office");
	json_decref(a);
	ok(f, "dept manager unset Sales bob");
	ok(f, "dept manager set Sales alice");
	a = ask(f, "dept members Sales");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 2);
	assert_true(json_is_true(
		json_object_get(json_array_get(json_object_get(a, "data"), 0), "manager")));
	json_decref(a);
	expect(f, "dept manager set Office alice", "ENOENT", "login");
	expect(f, "dept manager make Office bob", "EARGS", "set");
	expect(f, "dept leave Office alice", "ENOENT", "login");
	expect(f, "dept join Sales nobody", "ENOENT", "login");
	expect(f, "dept join Nowhere bob", "ENOENT", "path");
	ok(f, "dept leave Office bob");
	assert_int_equal(book_dept_members(f->ctl.book, 2), 0);
}

/* A request of an operator of his own. Return: his connection, on which the answer comes. */
static int
send_only(struct fixture *f, const char *line)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->conf.control.socket);
	assert_int_equal(connect(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
	return fd;
}

static void
of_two_operators_at_a_time_the_second_finds_what_the_first_has_done(void **state)
{
	static const char add[] = "{\"noun\":\"dept\",\"verb\":\"add\",\"args\":[\"Company\"]}\n";
	struct fixture *f = *state;
	char answer[2][512] = { "", "" };
	int fd[2];
	unsigned ok_count = 0;

	for (unsigned i = 0; i < 2; i++)
		fd[i] = send_only(f, add);
	for (unsigned i = 0; i < 2; i++) {
		FIX_UNTIL(f, answer[i][0] || recv(fd[i], answer[i], sizeof(answer[i]) - 1, 0) > 0);
		ok_count += strstr(answer[i], "\"ok\":true") != NULL;
		close(fd[i]);
	}
	assert_int_equal(ok_count, 1);
	assert_non_null(strstr(answer[strstr(answer[0], "\"ok\":true") != NULL], "EEXIST"));
	ok(f, "dept rename Company Firm");
	expect(f, "dept rename Company Other", "ENOENT", "path");
}

static void
disabled_accounts_are_not_counted_and_come_back_with_their_roles(void **state)
{
	struct fixture *f = *state;

	ok(f, "dept add Sales");
	ok(f, "dept join Sales bob --manager");
	assert_int_equal(book_accounts(f->ctl.book), PEOPLE);
	ok(f, "user disable bob");
	assert_int_equal(book_accounts(f->ctl.book), PEOPLE - 1);
	assert_int_equal(number(f, "dept show Sales", "members"), 0);
	ok(f, "dept add Office");
	ok(f, "dept join Office bob");
	assert_int_equal(book_accounts(f->ctl.book), PEOPLE - 1);
	ok(f, "user enable bob");
	assert_int_equal(book_dept_managers(f->ctl.book, 1), 1);
	assert_int_equal(book_dept_members(f->ctl.book, 2), 1);
}

static void
after_a_restart_the_book_is_the_same(void **state)
{
	struct fixture *f = *state;

	ok(f, "dept add Low");
	ok(f, "dept add High"); /* with a higher number, and soon above */
	ok(f, "dept move Low High");
	ok(f, "dept join High/Low alice --manager");
	ok(f, "dept join High bob");
	ok(f, "user disable carol");
	fixture_stop(f);
	fixture_start(f);
	assert_int_equal(book_accounts(f->ctl.book), PEOPLE - 1);
	assert_int_equal(book_dept_managers(f->ctl.book, 1), 1);
	assert_int_equal(book_dept_members(f->ctl.book, 2), 1);
	expect(f, "dept move High High/Low", "ELOOP", "parent");
	assert_int_equal(book_dept_move(f->ctl.book, 2, 1), CHQ_ELOOP);
}

static void
a_book_that_cannot_follow_is_made_anew_at_once_or_later(void **state)
{
	struct fixture *f = *state;

	ok(f, "dept add Sales");
	calls_until_no_memory = 0;
	ok(f, "dept join Sales bob");
	assert_false(f->ctl.book_stale);
	assert_int_equal(book_dept_members(f->ctl.book, 1), 1);

	/* And when that fails as well. */
	calls_until_no_memory = 0;
	control_book_renew(&f->ctl);
	assert_true(f->ctl.book_stale);
	f->ctl.book_retry_ms = 0;
	FIX_UNTIL(f, !f->ctl.book_stale);
	assert_int_equal(book_dept_members(f->ctl.book, 1), 1);
	calls_until_no_memory = NO_MEMORY_NEVER;
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_tree_is_built_renamed_moved_and_shown),
		T(what_a_tree_cannot_be_is_refused_with_its_reason),
		T(members_come_and_go_and_one_may_be_in_several),
		T(of_two_operators_at_a_time_the_second_finds_what_the_first_has_done),
		T(disabled_accounts_are_not_counted_and_come_back_with_their_roles),
		T(after_a_restart_the_book_is_the_same),
		T(a_book_that_cannot_follow_is_made_anew_at_once_or_later),
	};
	return cmocka_run_group_tests_name("control/dept", tests, NULL, NULL);
}
