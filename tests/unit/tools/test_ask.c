#include <fcntl.h>
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
#include "tools/chasquictl/ask.h"
#include "tools/chasquictl/secret.h"

#define WORDS_MAX 16

static struct fake_daemon d;
static struct chq_ctl_error e;
static char *out;

/* Run a command line against the fake daemon; its standard input is @input. Output stands in @out. */
static int
ask(const char *input, const char *const *words)
{
	char *argv[WORDS_MAX] = { (char *)(uintptr_t) "chasquictl", (char *)(uintptr_t) "-s" };
	int argc = 3, err, pipe_fd[2], old = dup(STDIN_FILENO);
	struct tool_args a;
	struct tool_out o;
	size_t len;

	fake_daemon_start(&d);
	argv[2] = d.path;
	for (; *words; words++)
		argv[argc++] = (char *)(uintptr_t)*words;
	assert_int_equal(tool_args_parse(argc, argv, &a, &e), 0);
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(write(pipe_fd[1], input, strlen(input)), strlen(input));
	close(pipe_fd[1]);
	dup2(pipe_fd[0], STDIN_FILENO);
	close(pipe_fd[0]);
	free(out);
	out = NULL;
	o = (struct tool_out){ .f = open_memstream(&out, &len), .format = a.format };
	err = tool_ask_daemon(&a, &o, &e);
	fclose(o.f);
	dup2(old, STDIN_FILENO);
	close(old);
	tool_args_free(&a);
	fake_daemon_stop(&d);
	return err;
}

#define ASK(input, ...) ask(input, (const char *const[]){ __VA_ARGS__, NULL })

static int
setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	memset(&e, 0, sizeof(e));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(out);
	out = NULL;
	return 0;
}

static void
a_password_comes_from_standard_input(void **state)
{
	(void)state;
	d.answers[0] = "{\"ok\":true,\"data\":{\"id\":5}}\n";
	assert_int_equal(ASK("s3cret \nmore", "user", "add", "alice"), 0);
	assert_non_null(strstr(d.requests[0], "\"opts\":{\"password\":\"s3cret \"}"));
	assert_string_equal(out, "id  5\n");
}

static void
no_password_no_request(void **state)
{
	(void)state;
	assert_int_equal(ASK("", "user", "passwd", "alice"), CHQ_EUSAGE);
	assert_int_equal(ASK("\n", "user", "passwd", "alice"), CHQ_EUSAGE);
	assert_int_equal(ASK("\xff\n", "user", "passwd", "alice"), CHQ_EARGS);
	assert_int_equal(d.n_requests, 0);
}

static void
a_device_key_stands_in_for_the_password(void **state)
{
	(void)state;
	d.answers[0] = "{\"ok\":true,\"data\":{\"id\":5}}\n";
	assert_int_equal(ASK("", "user", "add", "alice", "--device-key", "00"), 0);
	assert_null(strstr(d.requests[0], "password"));
}

static void
a_list_is_read_to_its_end(void **state)
{
	(void)state;
	d.answers[0] = "{\"ok\":true,\"data\":[{\"login\":\"a\"}],\"cursor\":\"c1\"}\n";
	d.answers[1] = "{\"ok\":true,\"data\":[{\"login\":\"bbb\",\"id\":1}],\"cursor\":\"c2\"}\n";
	d.answers[2] = "{\"ok\":true,\"data\":[{\"login\":\"cc\"}]}\n";
	assert_int_equal(ASK("", "user", "list"), 0);
	assert_string_equal(out, "login  id\na       -\nbbb     1\ncc      -\n");
	assert_non_null(strstr(d.requests[1], "\"cursor\":\"c1\""));
	assert_non_null(strstr(d.requests[2], "\"cursor\":\"c2\""));

	setup(state);
	d.answers[0] = "{\"ok\":true,\"data\":[{\"login\":\"a\"}],\"cursor\":\"c1\"}\n";
	d.answers[1] = "{\"ok\":true,\"data\":[{\"login\":\"b\"}]}\n";
	assert_int_equal(ASK("", "user", "list", "-o", "jsonl"), 0);
	assert_string_equal(out, "{\"login\":\"a\"}\n{\"login\":\"b\"}\n");
}

static void
one_page_is_one_page_in_json_and_with_a_limit(void **state)
{
	(void)state;
	d.answers[0] = "{\"ok\":true,\"data\":[{\"login\":\"a\"}],\"cursor\":\"c1\"}\n";
	assert_int_equal(ASK("", "user", "list", "-o", "json"), 0);
	assert_string_equal(out, "{\"ok\":true,\"data\":[{\"login\":\"a\"}],\"cursor\":\"c1\"}\n");
	assert_int_equal(d.n_requests, 1);

	setup(state);
	d.answers[0] = "{\"ok\":true,\"data\":[{\"login\":\"a\"}],\"cursor\":\"c1\"}\n";
	assert_int_equal(ASK("", "user", "list", "--limit", "1", "-q"), 0);
	assert_int_equal(d.n_requests, 1);
	assert_string_equal(out, "login\na\n");
}

static void
quietly_a_change_says_nothing_but_a_question_is_answered(void **state)
{
	(void)state;
	d.answers[0] = "{\"ok\":true,\"data\":{\"x\":1}}\n";
	assert_int_equal(ASK("", "user", "disable", "alice", "-q"), 0);
	assert_string_equal(out, "");
	setup(state);
	d.answers[0] = "{\"ok\":true,\"data\":{\"x\":1}}\n";
	assert_int_equal(ASK("", "user", "show", "alice", "-q"), 0);
	assert_string_equal(out, "x  1\n");
}

static void
the_daemons_refusal_is_handed_on(void **state)
{
	(void)state;
	d.answers[0] = "{\"ok\":false,\"error\":{\"code\":\"EEXIST\",\"message\":\"there\","
		       "\"field\":\"login\"}}\n";
	assert_int_equal(ASK("pw", "user", "add", "alice"), CHQ_EEXIST);
	assert_string_equal(e.message, "there");
	assert_string_equal(e.field, "login");
	assert_int_equal(chq_ctl_exit_code(e.err), CHQ_CTL_EXIT_CONFLICT);
}

static void
a_password_of_more_than_the_limit_is_refused(void **state)
{
	char input[CHQ_PASSWORD_MAX + 3];

	(void)state;
	memset(input, 'p', sizeof(input));
	input[CHQ_PASSWORD_MAX + 1] = '\n';
	input[CHQ_PASSWORD_MAX + 2] = '\0';
	assert_int_equal(ASK(input, "user", "passwd", "alice"), CHQ_EARGS);
	input[CHQ_PASSWORD_MAX] = '\n';
	input[CHQ_PASSWORD_MAX + 1] = '\0';
	setup(state);
	d.answers[0] = "{\"ok\":true,\"data\":null}\n";
	assert_int_equal(ASK(input, "user", "passwd", "alice"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_password_comes_from_standard_input),
		T(no_password_no_request),
		T(a_device_key_stands_in_for_the_password),
		T(a_list_is_read_to_its_end),
		T(one_page_is_one_page_in_json_and_with_a_limit),
		T(quietly_a_change_says_nothing_but_a_question_is_answered),
		T(the_daemons_refusal_is_handed_on),
		T(a_password_of_more_than_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
