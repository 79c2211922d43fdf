#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "tests/unit/tools/fake_daemon.h"
#include "tools/chasquictl/remote.h"

static struct fake_daemon d;
static struct tool_remote r;
static struct chq_ctl_answer answer;
static struct chq_ctl_error e;

static void
begin(const char *first, const char *second)
{
	memset(&d, 0, sizeof(d));
	d.answers[0] = first;
	d.answers[1] = second;
	fake_daemon_start(&d);
	assert_int_equal(tool_remote_open(&r, d.path, 5, &e), 0);
}

static void
end(void)
{
	chq_ctl_answer_free(&answer);
	tool_remote_close(&r);
	fake_daemon_stop(&d);
}

static int
call(unsigned timeout_s, bool changes)
{
	chq_ctl_answer_free(&answer);
	return tool_remote_call(&r, "{\"noun\":\"x\"}\n", timeout_s, changes, &answer, &e);
}

static void
several_requests_go_over_one_connection(void **state)
{
	(void)state;
	begin("{\"ok\":true,\"data\":1}\n", "{\"ok\":true,\"data\":2,\"cursor\":\"c\"}\n");
	assert_int_equal(call(5, false), 0);
	assert_int_equal(json_integer_value(answer.data), 1);
	assert_int_equal(call(5, false), 0);
	assert_int_equal(json_integer_value(answer.data), 2);
	assert_string_equal(answer.cursor, "c");
	end();
	assert_int_equal(d.n_requests, 2);
	assert_string_equal(d.requests[0], "{\"noun\":\"x\"}\n");
}

static void
a_refusal_is_an_answer(void **state)
{
	(void)state;
	begin("{\"ok\":false,\"error\":{\"code\":\"EDENIED\",\"message\":\"no\"}}\n", NULL);
	assert_int_equal(call(5, true), 0);
	assert_int_equal(answer.error.err, CHQ_EDENIED);
	assert_string_equal(answer.error.message, "no");
	end();
}

static void
no_answer_in_time_is_a_timeout_and_for_changes_an_unknown_result(void **state)
{
	uint64_t start = chq_mono_ns();

	(void)state;
	begin(fake_silence, fake_silence);
	assert_int_equal(call(1, false), CHQ_ETIMEDOUT);
	assert_true(chq_mono_ns() - start >= CHQ_NS_PER_SEC);
	assert_int_equal(call(1, true), CHQ_EUNKNOWNRESULT);
	assert_int_equal(chq_ctl_exit_code(CHQ_EUNKNOWNRESULT), CHQ_CTL_EXIT_TIMED_OUT);
	end();
}

static void
a_lost_connection_is_told_from_a_refusal(void **state)
{
	(void)state;
	begin(NULL, NULL);
	assert_int_equal(call(5, false), CHQ_ECONNRESET);
	end();
	begin(NULL, NULL);
	assert_int_equal(call(5, true), CHQ_EUNKNOWNRESULT);
	end();
}

static void
an_answer_that_is_none_is_refused(void **state)
{
	static const char *const wrong[] = { "\n",
					     "hello\n",
					     "[1]\n",
					     "{\"ok\":true}\n",
					     "{\"ok\":false}\n",
					     "{\"ok\":1,\"data\":1}\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin(wrong[i], NULL);
		assert_int_equal(call(5, true), CHQ_EMALFORMED);
		end();
	}
}

static void
an_endless_answer_is_cut_off(void **state)
{
	size_t len = 4 * CHQ_CTL_ANSWER_MAX;
	char *endless = malloc(len + 1);

	(void)state;
	assert_non_null(endless);
	memset(endless, 'x', len);
	endless[len] = '\0';
	begin(endless, NULL);
	assert_int_equal(call(5, false), CHQ_ETOOBIG);
	end();
	free(endless);
}

static void
a_large_answer_arrives_whole(void **state)
{
	static const char head[] = "{\"ok\":true,\"data\":\"", tail[] = "\"}\n";
	size_t len = 900000, at = sizeof(head) - 1;
	char *large = malloc(at + len + sizeof(tail));

	(void)state;
	assert_non_null(large);
	memcpy(large, head, at);
	memset(large + at, 'y', len);
	memcpy(large + at + len, tail, sizeof(tail));
	begin(large, NULL);
	assert_int_equal(call(5, false), 0);
	assert_int_equal(json_string_length(answer.data), len);
	end();
	free(large);
}

static void
nobody_there_is_told_with_the_path(void **state)
{
	(void)state;
	assert_int_equal(tool_remote_open(&r, "/nonexistent/sock", 1, &e), CHQ_EUNAVAIL);
	assert_non_null(strstr(e.message, "/nonexistent/sock"));
	assert_int_equal(chq_ctl_exit_code(CHQ_EUNAVAIL), CHQ_CTL_EXIT_UNREACHED);

	memset(&d, 0, sizeof(d)); /* a socket that a dead process left behind */
	fake_daemon_start(&d);
	shutdown(d.listen_fd, SHUT_RDWR);
	assert_int_equal(tool_remote_open(&r, d.path, 1, &e), CHQ_EUNAVAIL);
	fake_daemon_stop(&d);
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	char path[256];

	(void)state;
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(tool_remote_open(&r, path, 1, &e), CHQ_ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_requests_go_over_one_connection),
		cmocka_unit_test(a_refusal_is_an_answer),
		cmocka_unit_test(no_answer_in_time_is_a_timeout_and_for_changes_an_unknown_result),
		cmocka_unit_test(a_lost_connection_is_told_from_a_refusal),
		cmocka_unit_test(an_answer_that_is_none_is_refused),
		cmocka_unit_test(an_endless_answer_is_cut_off),
		cmocka_unit_test(a_large_answer_arrives_whole),
		cmocka_unit_test(nobody_there_is_told_with_the_path),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
