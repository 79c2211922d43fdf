#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "tools/chasquictl/format.h"
#include "tools/chasquictl/text.h"

/* What is printed for a JSON text; to be freed. */
static char *
printed(enum tool_format format, const char *json, const char *cursor)
{
	json_t *data = json_loads(json, JSON_DECODE_ANY, NULL);
	char *text = NULL;
	size_t len = 0;
	struct tool_out o = { .f = open_memstream(&text, &len), .format = format };

	assert_non_null(data);
	assert_non_null(o.f);
	tool_print_data(&o, data, cursor);
	assert_int_equal(tool_print_flush(&o), 0);
	fclose(o.f);
	json_decref(data);
	return text;
}

static void
check(enum tool_format format, const char *json, const char *expected)
{
	char *text = printed(format, json, NULL);

	assert_string_equal(text, expected);
	free(text);
}

static const char people[] = "[{\"login\":\"alice\",\"id\":7,\"disabled\":false},"
			     "{\"login\":\"bo\",\"id\":1234,\"note\":null}]";

static void
lists_become_aligned_columns_in_the_answers_order(void **state)
{
	(void)state;
	check(TOOL_TABLE, people,
	      "login    id  disabled  note\n"
	      "alice     7  no        -\n"
	      "bo     1234  -         -\n");
}

static void
lists_become_tab_separated_lines(void **state)
{
	(void)state;
	check(TOOL_TSV, people, "login\tid\tdisabled\tnote\nalice\t7\tno\t\nbo\t1234\t\t\n");
	check(TOOL_TSV, "[{\"a\":\"x\\ty\\nz\\\\\"}]", "a\nx\\x09y\\x0az\\\\\n");
}

static void
lists_become_one_json_line_for_each_entry(void **state)
{
	(void)state;
	check(TOOL_JSONL, "[{\"b\":1,\"a\":2},{\"a\":3}]", "{\"b\":1,\"a\":2}\n{\"a\":3}\n");
	check(TOOL_JSONL, "{\"a\":3}", "{\"a\":3}\n");
	check(TOOL_JSONL, "[]", "");
}

static void
json_is_one_object_with_the_cursor(void **state)
{
	char *text = printed(TOOL_JSON, "[1]", "next");

	(void)state;
	assert_string_equal(text, "{\"ok\":true,\"data\":[1],\"cursor\":\"next\"}\n");
	free(text);
	check(TOOL_JSON, "null", "{\"ok\":true,\"data\":null}\n");
}

static void
objects_become_lines_and_their_members_sections(void **state)
{
	(void)state;
	check(TOOL_TABLE,
	      "{\"tables\":{\"used\":3,\"boot\":\"ab\"},\"driver\":\"socket\",\"up\":true,"
	      "\"workers\":[{\"n\":0,\"polls\":12}],\"share\":0.25,\"empty\":[],\"set\":[1,\"b\"]}",
	      "driver  socket\n"
	      "up      yes\n"
	      "share   0.25\n"
	      "empty   -\n"
	      "set     1, b\n"
	      "tables:\n"
	      "  used  3\n"
	      "  boot  ab\n"
	      "workers:\n"
	      "  n  polls\n"
	      "  0     12\n");
	check(TOOL_TSV, "{\"a\":{\"b\":{\"c\":1}},\"d\":[1,2]}", "a.b.c\t1\nd\t1, 2\n");
}

static void
texts_of_several_lines_stay_so(void **state)
{
	(void)state;
	check(TOOL_TABLE, "\"a: 1\\nb: \\u001b[31m\"", "a: 1\nb: \\x1b[31m\n");
	check(TOOL_TABLE, "{\"yaml\":\"a: 1\\nb: 2\\n\"}", "a: 1\nb: 2\n");
}

static void
nothing_is_printed_for_null_and_empty_lists(void **state)
{
	(void)state;
	check(TOOL_TABLE, "null", "");
	check(TOOL_TABLE, "[]", "");
	check(TOOL_TSV, "[]", "");
}

/* Every byte and every escape that could move a cursor, hide or turn text. */
static void
no_format_lets_a_hostile_text_reach_the_terminal(void **state)
{
	static const char hostile[] =
		"{\"\\u001b[2Jkey\":\"a\\u001b]0;x\\u0007b\\u0085c\\u202ed\\u2066e\\u007f\\r\","
		"\"rows\":[{\"\\u009bh\":\"\\u200f\\ufeff\\udb40\\udc41\"}]}";

	(void)state;
	for (int format = 0; format < TOOL_FORMAT__COUNT; format++) {
		char *text = printed((enum tool_format)format, hostile, NULL);

		for (const char *c = text; *c; c++) {
			assert_true((*c >= ' ' && *c != 0x7f) || *c == '\n' || *c == '\t');
			assert_true((unsigned char)*c < 0x80);
		}
		free(text);
	}
}

static void
printable_text_of_other_scripts_stays_and_is_measured(void **state)
{
	size_t width;
	char *text = tool_text_safe("\xc3\xa4\xe6\x97\xa5", 5, TOOL_TEXT_CELL, &width);

	(void)state;
	assert_string_equal(text, "\xc3\xa4\xe6\x97\xa5");
	assert_int_equal(width, 3);
	free(text);
	check(TOOL_TABLE, "[{\"n\":\"\xe6\x97\xa5\",\"x\":1},{\"n\":\"abc\",\"x\":2}]",
	      "n    x\n\xe6\x97\xa5   1\nabc  2\n");
}

static void
bytes_that_are_no_utf_8_are_escaped(void **state)
{
	char *text = tool_text_safe("a\xff\xc0\x80\xed\xa0\x80\0z", 9, TOOL_TEXT_CELL, NULL);

	(void)state;
	assert_string_equal(text, "a\\xff\\xc0\\x80\\xed\\xa0\\x80\\x00z");
	free(text);
}

static void
errors_go_to_standard_error_and_in_json_to_the_output(void **state)
{
	struct chq_ctl_error e = { .err = CHQ_ENOENT, .message = "no \033 such", .field = "login" };
	char *out = NULL, *err = NULL;
	size_t out_len, err_len;
	struct tool_out o = { .f = open_memstream(&out, &out_len), .format = TOOL_TABLE };
	FILE *f = open_memstream(&err, &err_len);

	(void)state;
	tool_print_error(&o, f, &e);
	fflush(f);
	fflush(o.f);
	assert_string_equal(err, "error: ENOENT no \\x1b such\n");
	assert_int_equal(out_len, 0);
	o.format = TOOL_JSON;
	tool_print_error(&o, f, &e);
	fclose(f);
	fclose(o.f);
	assert_string_equal(out, "{\"ok\":false,\"error\":{\"code\":\"ENOENT\",\"message\":"
				 "\"no \\\\x1b such\",\"field\":\"login\"}}\n");
	assert_string_equal(err, "error: ENOENT no \\x1b such\n");
	free(out);
	free(err);
}

static void
output_that_cannot_be_written_is_an_error(void **state)
{
	struct tool_out o = { .f = fopen("/dev/full", "w"), .format = TOOL_TABLE };
	json_t *data = json_string("x");

	(void)state;
	assert_non_null(o.f);
	tool_print_data(&o, data, NULL);
	assert_int_equal(tool_print_flush(&o), CHQ_EIO);
	fclose(o.f);
	json_decref(data);
}

static int
setup(void **state)
{
	(void)state;
	tool_text_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_become_aligned_columns_in_the_answers_order),
		cmocka_unit_test(lists_become_tab_separated_lines),
		cmocka_unit_test(lists_become_one_json_line_for_each_entry),
		cmocka_unit_test(json_is_one_object_with_the_cursor),
		cmocka_unit_test(objects_become_lines_and_their_members_sections),
		cmocka_unit_test(texts_of_several_lines_stay_so),
		cmocka_unit_test(nothing_is_printed_for_null_and_empty_lists),
		cmocka_unit_test(no_format_lets_a_hostile_text_reach_the_terminal),
		cmocka_unit_test(printable_text_of_other_scripts_stays_and_is_measured),
		cmocka_unit_test(bytes_that_are_no_utf_8_are_escaped),
		cmocka_unit_test(errors_go_to_standard_error_and_in_json_to_the_output),
		cmocka_unit_test(output_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
