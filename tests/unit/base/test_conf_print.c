#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/base/conf_sample.h"

typedef void print_fn(const struct chq_conf_schema *schema, const void *conf, FILE *out);

static const char settings[] = "number: 7\ndeep: {er: {wait: 120s}}\n"
			       "words: {text: 'say \"x\\y\"', names: [], cores: [3, 1]}\n";

static char *
printed(print_fn *print, const char *yaml)
{
	struct chq_conf_error err;
	char *text = NULL;
	struct sample s;
	size_t len;
	FILE *f;

	assert_int_equal(chq_conf_parse(&sample_schema, "f", yaml, strlen(yaml), &s, &err), 0);
	f = open_memstream(&text, &len);
	assert_non_null(f);
	print(&sample_schema, &s, f);
	fclose(f);
	chq_conf_free(&sample_schema, &s);
	return text;
}

static void
the_effective_configuration_shows_every_key(void **state)
{
	char *text = printed(chq_conf_print, settings);

	(void)state;
	assert_string_equal(text, "flag: false\nnumber: 7\ncore: auto\n"
				  "deep:\n  size: 64KiB\n  er:\n    wait: 2min\n    rate: 5/min\n"
				  "words:\n  word: red\n  text: \"say \\\"x\\\\y\\\"\"\n"
				  "  names: []\n  cores: [3, 1]\n");
	free(text);
}

static void
what_is_printed_loads_to_the_same(void **state)
{
	char *first = printed(chq_conf_print, settings);
	char *again = printed(chq_conf_print, first);
	char *commented = printed(chq_conf_print_commented, settings);
	char *of_commented = printed(chq_conf_print, commented);

	(void)state;
	assert_string_equal(again, first);
	assert_string_equal(of_commented, first);
	free(first);
	free(again);
	free(commented);
	free(of_commented);
}

static void
defaults_are_commented_out_under_their_explanation(void **state)
{
	char *text = printed(chq_conf_print_commented, settings);

	(void)state;
	assert_string_equal(text, "# A sample\n\n"
				  "# A flag\n#flag: false\n"
				  "# A number\nnumber: 7\n"
				  "# A core\n#core: auto\n"
				  "\ndeep:\n  # A size\n  #size: 64KiB\n"
				  "\n  er:\n    # A time\n    wait: 2min\n"
				  "    # A rate\n    #rate: 5/min\n"
				  "\nwords:\n  # A word: red, green\n  #word: red\n"
				  "  # A text\n  text: \"say \\\"x\\\\y\\\"\"\n"
				  "  # Names\n  names: []\n  # Cores\n  cores: [3, 1]\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_effective_configuration_shows_every_key),
		cmocka_unit_test(what_is_printed_loads_to_the_same),
		cmocka_unit_test(defaults_are_commented_out_under_their_explanation),
	};

	return cmocka_run_group_tests_name("base/conf_print", tests, NULL, NULL);
}
