#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "tools/chasquictl/args.h"

#define WORDS_MAX 16

static struct tool_args a;
static struct chq_ctl_error e;

/* Words up to NULL. */
static int
parse(const char *const *words)
{
	char *argv[WORDS_MAX] = { (char *)(uintptr_t) "chasquictl" };
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	tool_args_free(&a);
	return tool_args_parse(argc, argv, &a, &e);
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

static int
teardown(void **state)
{
	(void)state;
	tool_args_free(&a);
	return 0;
}

static void
noun_verb_and_arguments_are_found(void **state)
{
	(void)state;
	assert_int_equal(PARSE("friend", "request", "alice", "bob"), 0);
	assert_string_equal(a.verb->noun, "friend");
	assert_string_equal(a.verb->verb, "request");
	assert_int_equal(a.argc, 2);
	assert_string_equal(a.args[0], "alice");
	assert_string_equal(a.args[1], "bob");
	assert_int_equal(a.format, TOOL_TABLE);
	assert_int_equal(a.timeout_s, TOOL_TIMEOUT_S);
}

static void
common_options_may_stand_anywhere(void **state)
{
	(void)state;
	assert_int_equal(PARSE("-s", "/x", "user", "-q", "list", "-ojson", "--timeout=3", "-c",
			       "/y", "--yes", "--no-color"),
			 0);
	assert_string_equal(a.socket, "/x");
	assert_string_equal(a.conf, "/y");
	assert_int_equal(a.format, TOOL_JSON);
	assert_int_equal(a.timeout_s, 3);
	assert_true(a.quiet && a.yes && a.no_color);
	assert_int_equal(PARSE("user", "list", "-qyo", "tsv"), 0);
	assert_true(a.quiet && a.yes);
	assert_int_equal(a.format, TOOL_TSV);
}

static void
options_of_a_verb_are_taken_behind_it(void **state)
{
	(void)state;
	assert_int_equal(PARSE("user", "list", "--limit", "5", "--cursor=abc"), 0);
	assert_string_equal(json_string_value(json_object_get(a.opts, "limit")), "5");
	assert_string_equal(json_string_value(json_object_get(a.opts, "cursor")), "abc");
	assert_int_equal(PARSE("dp", "stats", "--all"), 0);
	assert_true(json_is_true(json_object_get(a.opts, "all")));
	assert_int_equal(PARSE("--limit", "5", "user", "list"), CHQ_EUSAGE);
	assert_int_equal(PARSE("dp", "stats", "--all=yes"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "list", "--limit"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "list", "--limit", "1", "--limit", "2"), CHQ_EUSAGE);
}

static void
a_verbs_option_wins_over_a_common_one_of_its_name(void **state)
{
	(void)state;
	assert_int_equal(PARSE("init", "relay.example.org", "--config", "/z"), 0);
	assert_string_equal(json_string_value(json_object_get(a.opts, "config")), "/z");
	assert_null(a.conf);
}

static void
behind_two_dashes_all_are_words(void **state)
{
	(void)state;
	assert_int_equal(PARSE("user", "show", "--", "-q"), 0);
	assert_string_equal(a.args[0], "-q");
	assert_false(a.quiet);
}

static void
secrets_are_refused_as_arguments(void **state)
{
	(void)state;
	assert_int_equal(PARSE("user", "add", "alice", "--password", "hunter2"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "add", "alice", "--password=hunter2"), CHQ_EUSAGE);
	assert_null(strstr(e.message, "hunter2"));
}

static void
wrong_counts_of_arguments_are_refused(void **state)
{
	(void)state;
	assert_int_equal(PARSE("user", "show"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "show", "a", "b"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "list", "a"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "show", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
			 CHQ_EUSAGE);
	assert_int_equal(parse((const char *const[]){ NULL }), CHQ_EUSAGE);
}

static void
unknown_words_name_what_may_be_meant(void **state)
{
	(void)state;
	assert_int_equal(PARSE("usr", "list"), CHQ_ENOCMD);
	assert_non_null(strstr(e.message, "did you mean user?"));
	assert_int_equal(PARSE("user", "lst", "x"), CHQ_ENOCMD);
	assert_non_null(strstr(e.message, "did you mean list?"));
	assert_int_equal(PARSE("user", "qqqqqqqqq"), CHQ_ENOCMD);
	assert_null(strstr(e.message, "did you mean"));
	assert_int_equal(PARSE("user"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "list", "--limt=3"), CHQ_EUSAGE);
	assert_non_null(strstr(e.message, "unknown option --limt (did you mean --limit?)"));
	assert_int_equal(PARSE("user", "list", "--qqqqqqqqq"), CHQ_EUSAGE);
	assert_null(strstr(e.message, "did you mean"));
}

static void
wrong_values_of_common_options_are_refused(void **state)
{
	(void)state;
	assert_int_equal(PARSE("-o", "xml", "user", "list"), CHQ_EUSAGE);
	assert_int_equal(PARSE("--timeout", "0", "user", "list"), CHQ_EUSAGE);
	assert_int_equal(PARSE("--timeout", "-1", "user", "list"), CHQ_EUSAGE);
	assert_int_equal(PARSE("--timeout", "3s", "user", "list"), CHQ_EUSAGE);
	assert_int_equal(PARSE("--timeout", "86401", "user", "list"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "list", "-x"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "list", "--nosuch"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "list", "-s"), CHQ_EUSAGE);
	assert_int_equal(PARSE("user", "list", "--quiet=1"), CHQ_EUSAGE);
}

static void
what_is_no_utf_8_is_refused(void **state)
{
	(void)state;
	assert_int_equal(PARSE("user", "show", "\xff"), CHQ_EARGS);
	assert_int_equal(PARSE("user", "list", "--cursor", "\xc0\x80"), CHQ_EARGS);
}

static void
the_format_is_known_even_if_the_rest_is_wrong(void **state)
{
	(void)state;
	assert_int_equal(PARSE("-o", "json", "nosuch"), CHQ_ENOCMD);
	assert_int_equal(a.format, TOOL_JSON);
}

static void
help_takes_noun_and_verb_before_or_behind_it(void **state)
{
	(void)state;
	assert_int_equal(PARSE("help"), 0);
	assert_true(a.act == TOOL_ACT_HELP && !a.help_noun);
	assert_int_equal(PARSE("--help"), 0);
	assert_true(a.act == TOOL_ACT_HELP && !a.help_noun);
	assert_int_equal(PARSE("help", "user", "add"), 0);
	assert_string_equal(a.help_noun, "user");
	assert_string_equal(a.help_verb, "add");
	assert_int_equal(PARSE("user", "add", "-h"), 0);
	assert_int_equal(a.act, TOOL_ACT_HELP);
	assert_string_equal(a.help_noun, "user");
	assert_string_equal(a.help_verb, "add");
	assert_int_equal(PARSE("help", "usr"), CHQ_ENOCMD);
	assert_int_equal(PARSE("help", "user", "ad"), CHQ_ENOCMD);
}

static void
a_noun_with_one_verb_that_shows_something_needs_no_verb(void **state)
{
	(void)state;
	assert_int_equal(PARSE("status"), 0);
	assert_string_equal(a.verb->verb, "show");
}

static void
every_verb_of_the_table_can_be_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);
		const char *words[WORDS_MAX] = { v->noun };
		unsigned n = 1;

		if (*v->verb)
			words[n++] = v->verb;
		for (unsigned k = 0; k < v->argc_min; k++)
			words[n++] = "x";
		assert_int_equal(parse(words), 0);
		assert_ptr_equal(a.verb, v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(noun_verb_and_arguments_are_found, teardown),
		cmocka_unit_test_teardown(common_options_may_stand_anywhere, teardown),
		cmocka_unit_test_teardown(options_of_a_verb_are_taken_behind_it, teardown),
		cmocka_unit_test_teardown(a_verbs_option_wins_over_a_common_one_of_its_name,
					  teardown),
		cmocka_unit_test_teardown(behind_two_dashes_all_are_words, teardown),
		cmocka_unit_test_teardown(secrets_are_refused_as_arguments, teardown),
		cmocka_unit_test_teardown(wrong_counts_of_arguments_are_refused, teardown),
		cmocka_unit_test_teardown(unknown_words_name_what_may_be_meant, teardown),
		cmocka_unit_test_teardown(wrong_values_of_common_options_are_refused, teardown),
		cmocka_unit_test_teardown(what_is_no_utf_8_is_refused, teardown),
		cmocka_unit_test_teardown(the_format_is_known_even_if_the_rest_is_wrong, teardown),
		cmocka_unit_test_teardown(help_takes_noun_and_verb_before_or_behind_it, teardown),
		cmocka_unit_test_teardown(a_noun_with_one_verb_that_shows_something_needs_no_verb,
					  teardown),
		cmocka_unit_test_teardown(every_verb_of_the_table_can_be_said, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
