#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "tests/unit/tools/fake_daemon.h"
#include "tools/chasquictl/policy_test.h"

static struct fake_daemon d;
static struct chq_ctl_error e;
static char *out;

static const char both[] =
	"{\"id\":1,\"ok\":true,\"data\":[{\"right\":\"see\",\"allowed\":true,\"rule\":7},"
	"{\"right\":\"message\",\"allowed\":false,\"rule\":null}]}\n";
static const char nobody[] =
	"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"ENOENT\",\"message\":\"no such user\"}}\n";
static const char away[] =
	"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"EUNAVAIL\",\"message\":\"being made\"}}\n";

/* `policy test` of a file of this text, against these answers. Return: its code. */
static int
test_file(const char *text, const char *first, const char *second)
{
	char path[] = "/tmp/chq-policy-XXXXXX";
	const char *argv[] = { "chasquictl", "-s", d.path, "policy", "test", path, NULL };
	struct tool_args a;
	struct tool_out o;
	size_t len;
	int fd = mkstemp(path), err;

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	d.answers[0] = first;
	d.answers[1] = second;
	d.n_requests = 0;
	fake_daemon_start(&d);
	memset(&e, 0, sizeof(e));
	assert_int_equal(tool_args_parse(6, (char **)(uintptr_t)argv, &a, &e), 0);
	free(out);
	out = NULL;
	o = (struct tool_out){ .f = open_memstream(&out, &len), .format = TOOL_TSV };
	err = tool_policy_test(&a, &o, &e);
	fclose(o.f);
	tool_args_free(&a);
	fake_daemon_stop(&d);
	unlink(path);
	return err;
}

static void
lines_that_hold_are_counted_and_each_pair_is_asked_once(void **state)
{
	(void)state;
	assert_int_equal(test_file("# who sees whom\n\nalice bob see allow # first\n"
				   "alice\tbob message deny\n",
				   both, NULL),
			 0);
	assert_int_equal(d.n_requests, 1);
	assert_non_null(strstr(d.requests[0], "\"explain\""));
	assert_non_null(strstr(d.requests[0], "[\"alice\", \"bob\"]")
				?: strstr(d.requests[0], "[\"alice\",\"bob\"]"));
	assert_non_null(strstr(out, "2"));
}

static void
lines_that_do_not_hold_are_printed_and_named(void **state)
{
	(void)state;
	assert_int_equal(test_file("alice bob see allow\nalice bob see deny\n"
				   "alice bob message allow\nalice zoe see deny\n",
				   both, nobody),
			 CHQ_EPARTIAL);
	assert_non_null(strstr(e.message, "3 of 4 lines do not hold: 2, 3, 4"));
	assert_non_null(strstr(out, "no such user"));
}

static void
a_line_that_is_none_is_named_and_nothing_is_asked(void **state)
{
	static const char *const lines[] = {
		"alice bob see\n",
		"alice bob look allow\n",
		"alice bob see perhaps\n",
		"alice bob see allow x\n",
		"alice bob see allow\nalice\n",
	};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(test_file(lines[i], NULL, NULL), CHQ_EMALFORMED);
		assert_int_equal(d.n_requests, 0);
		assert_non_null(strstr(e.message, i == 4 ? "line 2:" : "line 1:"));
	}
}

static void
a_daemon_that_cannot_say_is_no_line_that_does_not_hold(void **state)
{
	(void)state;
	assert_int_equal(test_file("alice bob see allow\n", away, NULL), CHQ_EUNAVAIL);
}

static int
teardown(void **state)
{
	(void)state;
	free(out);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_that_hold_are_counted_and_each_pair_is_asked_once),
		cmocka_unit_test(lines_that_do_not_hold_are_printed_and_named),
		cmocka_unit_test(a_line_that_is_none_is_named_and_nothing_is_asked),
		cmocka_unit_test(a_daemon_that_cannot_say_is_no_line_that_does_not_hold),
	};
	return cmocka_run_group_tests_name("tools/policy_test", tests, NULL, teardown);
}
