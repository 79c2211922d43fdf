#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "tools/chasquictl/shell.h"

/* The words between bars, or the code. */
static const char *
split(const char *line)
{
	static char out[512];
	char copy[512], *words[TOOL_LINE_WORDS];
	int n;

	snprintf(copy, sizeof(copy), "%s", line);
	n = tool_split(copy, words);
	if (n < 0)
		return chq_errname(n);
	*out = '\0';
	for (int i = 0; i < n; i++) {
		strcat(out, i ? "|" : "");
		strcat(out, words[i]);
	}
	return out;
}

static void
lines_are_split_as_a_shell_does(void **state)
{
	(void)state;
	assert_string_equal(split("user show alice\n"), "user|show|alice");
	assert_string_equal(split("  dept \t add 'Head Office'  "), "dept|add|Head Office");
	assert_string_equal(split("a \"b \\\" c\" d\\ e"), "a|b \" c|d e");
	assert_string_equal(split("x'y z'w"), "xy zw");
	assert_string_equal(split("user add --name '' bob"), "user|add|--name||bob");
	assert_string_equal(split("user list # all of them"), "user|list");
	assert_string_equal(split("# nothing"), "");
	assert_string_equal(split("\r\n"), "");
	assert_string_equal(split("'\\'"), "\\");
}

static void
an_open_quote_and_too_many_words_are_refused(void **state)
{
	char many[512];

	(void)state;
	assert_string_equal(split("user show 'alice"), "EUSAGE");
	assert_string_equal(split("\"a\\\""), "EUSAGE");
	for (unsigned i = 0; i < 2 * TOOL_LINE_WORDS; i++)
		strcpy(many + 2 * i, "a ");
	assert_string_equal(split(many), "EUSAGE");
}

/* All ways to go on, between bars. */
static const char *
complete(const char *before, const char *text)
{
	static char out[4096];
	char *word;

	*out = '\0';
	for (unsigned n = 0; (word = tool_complete(before, text, n)) != NULL; n++) {
		strcat(out, n ? "|" : "");
		strcat(out, word);
		free(word);
	}
	return out;
}

static void
words_are_completed_from_the_table(void **state)
{
	(void)state;
	assert_string_equal(complete("", "us"), "user");
	assert_string_equal(complete("", "exi"), "exit");
	assert_string_equal(complete("audit ", ""), "tail|verify|export");
	assert_string_equal(complete("audit ", "v"), "verify");
	assert_string_equal(complete("audit tail ", "--u"), "--user");
	assert_string_equal(complete("help ", "aud"), "audit");
	assert_string_equal(complete("help audit ", "t"), "tail");
	assert_string_equal(complete("user passwd ", "--pass"), "");
	assert_string_equal(complete("bicycle ", ""), "");
	assert_string_equal(complete("audit tail ", "x"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_split_as_a_shell_does),
		cmocka_unit_test(an_open_quote_and_too_many_words_are_refused),
		cmocka_unit_test(words_are_completed_from_the_table),
	};
	return cmocka_run_group_tests_name("tools/shell", tests, NULL, NULL);
}
