#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char seen[2 * CHQ_LOG_LINE_MAX];

/* Run the statement with standard error going to seen[]. */
#define CAPTURE(statement)                                   \
	do {                                                 \
		int pipe_[2], saved_ = dup(STDERR_FILENO);   \
		ssize_t n_;                                  \
                                                             \
		assert_int_equal(pipe(pipe_), 0);            \
		dup2(pipe_[1], STDERR_FILENO);               \
		close(pipe_[1]);                             \
		statement;                                   \
		dup2(saved_, STDERR_FILENO);                 \
		close(saved_);                               \
		n_ = read(pipe_[0], seen, sizeof(seen) - 1); \
		seen[n_ > 0 ? n_ : 0] = '\0';                \
		close(pipe_[0]);                             \
	} while (0)

static void
a_line_has_time_level_event_and_pairs(void **state)
{
	unsigned y, mo, d, h, mi, s, ms;
	int at = 0;

	(void)state;
	CAPTURE(CHQ_LOG_INFO("session-open", "slot=%u account=%d", 7u, 42));
	assert_int_equal(sscanf(seen, "time=%4u-%2u-%2uT%2u:%2u:%2u.%3uZ%n", &y, &mo, &d, &h, &mi,
				&s, &ms, &at),
			 7);
	assert_string_equal(seen + at, " level=info event=session-open slot=7 account=42\n");
	CAPTURE(CHQ_LOG_WARN("bare", ""));
	assert_string_equal(strstr(seen, " level="), " level=warn event=bare\n");
}

static void
levels_above_the_chosen_one_are_silent(void **state)
{
	(void)state;
	CAPTURE(CHQ_LOG_DEBUG("quiet", ""));
	assert_string_equal(seen, "");
	chq_log_set_level(CHQ_LEVEL_DEBUG);
	CAPTURE(CHQ_LOG_DEBUG("loud", ""));
	assert_non_null(strstr(seen, "level=debug event=loud"));
	chq_log_set_level(CHQ_LEVEL_ERROR);
	CAPTURE(chq_log(CHQ_LEVEL_WARN, "quiet", "%s", ""));
	assert_string_equal(seen, "");
	chq_log_set_level(CHQ_LEVEL_INFO);
}

static void
hostile_values_cannot_break_the_line_or_the_quotes(void **state)
{
	(void)state;
	CAPTURE(CHQ_LOG_INFO("login", "name=%s", CHQ_Q("a\" level=error x=\"\n\x1b[31m\\")));
	assert_string_equal(strstr(seen, "name="),
			    "name=\"a\\\" level=error x=\\\"\\x0a\\x1b[31m\\\\\"\n");
}

static void
unquoted_control_characters_and_bad_utf8_are_escaped(void **state)
{
	(void)state;
	CAPTURE(CHQ_LOG_INFO("x", "v=%s",
			     "a\nb\x7f\xff\xc0\xaf\xed\xa0\x80\xc2\x9b"
			     "ok\xc3\xa4\xe2\x80\xae"));
	assert_string_equal(strstr(seen, "v="),
			    "v=a\\x0ab\\x7f\\xff\\xc0\\xaf\\xed\\xa0\\x80\\xc2\\x9b"
			    "ok\xc3\xa4\\xe2\\x80\\xae\n");
}

static void
long_lines_and_values_are_cut_and_say_so(void **state)
{
	char value[3 * CHQ_LOG_LINE_MAX];
	struct chq_log_quoted q;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	CAPTURE(CHQ_LOG_INFO("x", "v=%s", value));
	assert_true(strlen(seen) <= CHQ_LOG_LINE_MAX);
	assert_string_equal(seen + strlen(seen) - 4, "...\n");
	chq_log_quote(&q, value);
	assert_true(strlen(q.text) < sizeof(q.text));
	assert_string_equal(q.text + strlen(q.text) - 4, "...\"");
	assert_string_equal(chq_log_quote(&q, NULL), "\"\"");
}

static void
logging_leaves_errno_alone_and_levels_have_names(void **state)
{
	(void)state;
	errno = EXDEV;
	CAPTURE(CHQ_LOG_INFO("x", ""));
	errno = EXDEV;
	CHQ_LOG_DEBUG("x", "");
	assert_int_equal(errno, EXDEV);
	assert_string_equal(chq_log_level_name(CHQ_LEVEL_DEBUG), "debug");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_event_and_pairs),
		cmocka_unit_test(levels_above_the_chosen_one_are_silent),
		cmocka_unit_test(hostile_values_cannot_break_the_line_or_the_quotes),
		cmocka_unit_test(unquoted_control_characters_and_bad_utf8_are_escaped),
		cmocka_unit_test(long_lines_and_values_are_cut_and_say_so),
		cmocka_unit_test(logging_leaves_errno_alone_and_levels_have_names),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
