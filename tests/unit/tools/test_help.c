#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/ctl_verbs.h"
#include "tools/chasquictl/help.h"
#include "tools/chasquictl/local.h"

static char *
help(const char *noun, const char *verb)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	tool_help(f, noun, verb);
	fclose(f);
	return text;
}

static void
the_overview_has_every_verb(void **state)
{
	char *text = help(NULL, NULL), line[64];

	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		snprintf(line, sizeof(line), "\n  %s%s%s", v->noun, *v->verb ? " " : "", v->verb);
		assert_non_null(strstr(text, line));
		assert_non_null(strstr(text, v->help));
	}
	free(text);
}

static void
help_of_a_verb_has_its_options(void **state)
{
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);
		char *text = help(v->noun, v->verb);

		for (const struct chq_ctl_opt *o = v->opts; o->name; o++)
			assert_non_null(strstr(text, o->help));
		free(text);
	}
	(void)state;
}

static void
every_local_verb_has_a_handler_and_no_other_has(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		assert_int_equal(tool_local_has(v), v->server == CHQ_CTL_LOCAL);
	}
}

/* What bash offers for a command line whose last word is being typed; words are separated by spaces. */
static char *
completed(const char *line)
{
	char command[512], *text = calloc(1, 4096);
	char *script = NULL;
	size_t len;
	FILE *f = open_memstream(&script, &len), *p;

	assert_non_null(f);
	assert_int_equal(tool_completion(f, "bash"), 0);
	fclose(f);
	setenv("SCRIPT", script, 1);
	snprintf(command, sizeof(command),
		 "bash --norc -c 'eval \"$SCRIPT\"; IFS=\" \"; COMP_WORDS=(%s); "
		 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); unset IFS; _chasquictl; "
		 "echo \"${COMPREPLY[*]}\"'",
		 line);
	p = popen(command, "r"); /* the words are this test's own */
	assert_non_null(p);
	assert_non_null(fgets(text, 4096, p));
	assert_int_equal(pclose(p), 0);
	text[strcspn(text, "\n")] = '\0';
	unsetenv("SCRIPT");
	free(script);
	return text;
}

static void
check_completed(const char *line, const char *expected)
{
	char *text = completed(line);

	assert_string_equal(text, expected);
	free(text);
}

static void
bash_completes_nouns_verbs_and_options(void **state)
{
	(void)state;
	check_completed("chasquictl us", "user");
	check_completed("chasquictl friend re", "request remove");
	check_completed("chasquictl -o json -s /x user dis", "disable");
	check_completed("chasquictl -o j", "json jsonl");
	check_completed("chasquictl user list --li", "--limit");
	check_completed("chasquictl user add --pass", "");
	check_completed("chasquictl completion b", "bash");
}

static void
there_is_a_script_for_three_shells_only(void **state)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	FILE *f = fopen("/dev/null", "w");

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(tool_completion(f, shells[i]), 0);
	assert_int_equal(tool_completion(f, "csh"), CHQ_EARGS);
	fclose(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_overview_has_every_verb),
		cmocka_unit_test(help_of_a_verb_has_its_options),
		cmocka_unit_test(every_local_verb_has_a_handler_and_no_other_has),
		cmocka_unit_test(bash_completes_nouns_verbs_and_options),
		cmocka_unit_test(there_is_a_script_for_three_shells_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
