#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cli/cli.h"

static char *
text_of(void (*out)(FILE *f, const char *s, size_t len), const char *s, size_t len)
{
	char *buf = NULL;
	size_t size;
	FILE *f = open_memstream(&buf, &size);

	assert_non_null(f);
	out(f, s, len);
	fclose(f);
	return buf;
}

static void
assert_out(void (*out)(FILE *f, const char *s, size_t len), const char *s, const char *wanted)
{
	char *got = text_of(out, s, strlen(s));

	assert_string_equal(got, wanted);
	free(got);
}

static void
ordinary_text_of_any_script_stays_as_it_is(void **state)
{
	(void)state;
	assert_out(out_text, "Grüße, мир, 你好 🙂", "Grüße, мир, 你好 🙂");
	assert_out(out_json_string, "Grüße 🙂", "\"Grüße 🙂\"");
}

static void
escape_sequences_and_controls_do_not_reach_the_terminal(void **state)
{
	(void)state;
	assert_out(out_text, "\x1b[2J\x07", "<U+001B>[2J<U+0007>");
	assert_out(out_text, "a\rb\x7f", "a<U+000D>b<U+007F>");
	assert_out(out_text,
		   "\xc2\x9b"
		   "31m",
		   "<U+009B>31m"); /* CSI of ISO 6429 */
	assert_out(out_json_string, "\x1b\"\\\n", "\"\\u001b\\\"\\\\\\n\"");
}

static void
a_message_is_one_line_whatever_it_holds(void **state)
{
	(void)state;
	assert_out(out_text, "bob: fake\nalice: line", "bob: fake / alice: line");
	assert_out(out_text,
		   "a\xe2\x80\xa8"
		   "b",
		   "a<U+2028>b");
}

static void
marks_that_turn_or_hide_text_are_shown(void **state)
{
	(void)state;
	assert_out(out_text, "\xe2\x80\xaegpj.exe", "<U+202E>gpj.exe");
	assert_out(out_text, "\xe2\x81\xa6x\xe2\x80\x8b", "<U+2066>x<U+200B>");
	assert_out(out_json_string, "\xf3\xa0\x80\x81", "\"\\udb40\\udc01\""); /* U+E0001 */
}

static void
bytes_that_are_no_utf_8_are_shown_as_bytes(void **state)
{
	(void)state;
	assert_out(out_text, "\xff\xfe", "<FF><FE>");
	assert_out(out_text, "\xc0\xaf", "<C0><AF>");	      /* overlong */
	assert_out(out_text, "\xed\xa0\x80", "<ED><A0><80>"); /* surrogate */
	assert_out(out_text, "ab\xe2\x82", "ab<E2><82>");
	assert_out(out_json_string, "\xff", "\"\\ufffd\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_text_of_any_script_stays_as_it_is),
		cmocka_unit_test(escape_sequences_and_controls_do_not_reach_the_terminal),
		cmocka_unit_test(a_message_is_one_line_whatever_it_holds),
		cmocka_unit_test(marks_that_turn_or_hide_text_are_shown),
		cmocka_unit_test(bytes_that_are_no_utf_8_are_shown_as_bytes),
	};

	return cmocka_run_group_tests_name("client/out", tests, NULL, NULL);
}
