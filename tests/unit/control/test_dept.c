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
#include "tests/unit/control/ctl_words.h"
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

static void
a_tree_is_built_renamed_moved_and_shown(void **state)
{
	static const char *const want[] = { "Company", "  Development", "    North", "  Sales" };
	struct fixture *f = *state;
	json_t *a, *row;
	size_t i;

	words_ok(f, "dept add Company");
	words_ok(f, "dept add Company/Sales");
	words_ok(f, "dept add Company/Sales/North");
	words_ok(f, "dept add Dev");
	words_ok(f, "dept rename Dev Development");
	words_ok(f, "dept move Development Company");
	words_ok(f, "dept move Company/Sales/North Company/Development");
	words_text(f, "dept show Company/Development/North", "parent", "Company/Development");
	a = words_ask(f, "dept tree");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 4);
	json_array_foreach(json_object_get(a, "data"), i, row)
		assert_string_equal(json_string_value(json_object_get(row, "name")), want[i]);
	json_decref(a);
	a = words_ask(f, "dept tree Company/Development");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 2);
	json_decref(a);
	a = words_ask(f, "dept list");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 4);
	json_decref(a);
	words_ok(f, "dept move Company/Development /");
	words_ok(f, "dept show Development/North");
}

static void
what_a_tree_cannot_be_is_refused_with_its_reason(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "dept add Company");
	words_ok(f, "dept add Company/Sales");
	words_expect(f, "dept add Company", "EEXIST", "path");
	words_expect(f, "dept add Nowhere/Sales", "ENOENT", "path");
	words_expect(f, "dept add Company/", "ENAMEEMPTY", "path");
	words_expect(f, "dept add ~x", "ENAMESPACE", "path");
	words_expect(f, "dept move Company Company/Sales", "ELOOP", "parent");
	words_expect(f, "dept move Company Company", "ELOOP", "parent");
	words_expect(f, "dept move Company Nowhere", "ENOENT", "parent");
	words_expect(f, "dept rename Company a/b", "ENAMECHAR", "name");
	words_expect(f, "dept remove Company", "EBUSY", "path");
	words_ok(f, "dept join Company/Sales bob");
	words_expect(f, "dept remove Company/Sales", "EBUSY", "path");
	words_ok(f, "dept leave Company/Sales bob");
	words_ok(f, "dept remove Company/Sales");
	words_expect(f, "dept remove Company/Sales", "ENOENT", "path");
	words_ok(f, "dept remove Company");
	assert_false(book_dept_known(f->ctl.book, 1));
}

static void
members_come_and_go_and_one_may_be_in_several(void **state)
{
	struct fixture *f = *state;
	json_t *a, *depts;

	words_ok(f, "dept add Sales");
	words_ok(f, "dept add Office");
	words_ok(f, "dept join Sales bob --manager");
	words_ok(f, "dept join Office bob");
	words_ok(f, "dept join Sales alice");
	words_ok(f, "dept join Sales bob"); /* which does not end his managing */
	assert_int_equal(words_number(f, "dept show Sales", "members"), 2);
	assert_int_equal(words_number(f, "dept show Sales", "managers"), 1);
	a = words_ask(f, "user show bob");
	depts = json_object_get(json_object_get(a, "data"), "departments");
	assert_int_equal(json_array_size(depts), 2);
	assert_true(json_is_true(json_object_get(json_array_get(depts, 0), "manager")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(depts, 1), "path")),
			    "Office");
	json_decref(a);
	words_ok(f, "dept manager unset Sales bob");
	words_ok(f, "dept manager set Sales alice");
	a = words_ask(f, "dept members Sales");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 2);
	assert_true(json_is_true(
		json_object_get(json_array_get(json_object_get(a, "data"), 0), "manager")));
	json_decref(a);
	words_expect(f, "dept manager set Office alice", "ENOENT", "login");
	words_expect(f, "dept manager make Office bob", "EARGS", "set");
	words_expect(f, "dept leave Office alice", "ENOENT", "login");
	words_expect(f, "dept join Sales nobody", "ENOENT", "login");
	words_expect(f, "dept join Nowhere bob", "ENOENT", "path");
	words_ok(f, "dept leave Office bob");
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
	words_ok(f, "dept rename Company Firm");
	words_expect(f, "dept rename Company Other", "ENOENT", "path");
}

static void
disabled_accounts_are_not_counted_and_come_back_with_their_roles(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "dept add Sales");
	words_ok(f, "dept join Sales bob --manager");
	assert_int_equal(book_accounts(f->ctl.book), PEOPLE);
	words_ok(f, "user disable bob");
	assert_int_equal(book_accounts(f->ctl.book), PEOPLE - 1);
	assert_int_equal(words_number(f, "dept show Sales", "members"), 0);
	words_ok(f, "dept add Office");
	words_ok(f, "dept join Office bob");
	assert_int_equal(book_accounts(f->ctl.book), PEOPLE - 1);
	words_ok(f, "user enable bob");
	assert_int_equal(book_dept_managers(f->ctl.book, 1), 1);
	assert_int_equal(book_dept_members(f->ctl.book, 2), 1);
}

static void
after_a_restart_the_book_is_the_same(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "dept add Low");
	words_ok(f, "dept add High"); /* with a higher number, and soon above */
	words_ok(f, "dept move Low High");
	words_ok(f, "dept join High/Low alice --manager");
	words_ok(f, "dept join High bob");
	words_ok(f, "user disable carol");
	fixture_stop(f);
	fixture_start(f);
	assert_int_equal(book_accounts(f->ctl.book), PEOPLE - 1);
	assert_int_equal(book_dept_managers(f->ctl.book, 1), 1);
	assert_int_equal(book_dept_members(f->ctl.book, 2), 1);
	words_expect(f, "dept move High High/Low", "ELOOP", "parent");
	assert_int_equal(book_dept_move(f->ctl.book, 2, 1), CHQ_ELOOP);
}

static void
a_book_that_cannot_follow_is_made_anew_at_once_or_later(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "dept add Sales");
	calls_until_no_memory = 0;
	words_ok(f, "dept join Sales bob");
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
