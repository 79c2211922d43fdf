#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/err.h"
#include "tests/unit/base/conf_sample.h"

static int
parse(const char *text, struct sample *s, struct chq_conf_error *err)
{
	return chq_conf_parse(&sample_schema, "f.yaml", text, strlen(text), s, err);
}

/* Texts that are refused, each with the whole of its message. */
static void
refused(const char *const (*cases)[2], size_t count)
{
	struct chq_conf_error err;
	struct sample s;

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(parse(cases[i][0], &s, &err), CHQ_ECONF);
		assert_string_equal(err.text, cases[i][1]);
	}
}

static void
an_empty_file_gives_the_defaults(void **state)
{
	struct chq_conf_error err;
	struct sample s;

	(void)state;
	assert_int_equal(parse("# nothing\n", &s, &err), 0);
	assert_false(s.flag);
	assert_int_equal(s.number, 5);
	assert_int_equal(s.core, CHQ_CONF_AUTO);
	assert_int_equal(s.size_bytes, 65536);
	assert_int_equal(s.wait_ms, 2000);
	assert_int_equal(s.rate.count, 5);
	assert_int_equal(s.rate.per_ms, 60000);
	assert_int_equal(s.word, SAMPLE_RED);
	assert_string_equal(s.text, "plain");
	assert_int_equal(s.names.count, 2);
	assert_string_equal(s.names.items[1], "b");
	assert_int_equal(s.cores.count, 0);
	chq_conf_free(&sample_schema, &s);
	chq_conf_free(&sample_schema, &s);
}

static void
every_type_is_read_in_block_and_flow_form(void **state)
{
	struct chq_conf_error err;
	struct sample s;

	(void)state;
	assert_int_equal(parse("flag: true\nnumber: 1000\ncore: 7\n"
			       "deep: {size: 1MiB, er: {wait: 90ms, rate: 100/h}}\n"
			       "words:\n  word: green\n  text: \"a \\\"b\\\" \xc3\xa4\"\n"
			       "  names:\n    - x\n    - 'true'\n  cores: [0, 9]\n",
			       &s, &err),
			 0);
	assert_true(s.flag);
	assert_int_equal(s.number, 1000);
	assert_int_equal(s.core, 7);
	assert_int_equal(s.size_bytes, 1 << 20);
	assert_int_equal(s.wait_ms, 90);
	assert_int_equal(s.rate.count, 100);
	assert_int_equal(s.rate.per_ms, 3600000);
	assert_int_equal(s.word, SAMPLE_GREEN);
	assert_string_equal(s.text, "a \"b\" \xc3\xa4");
	assert_int_equal(s.names.count, 2); /* replaced, not appended to the default */
	assert_string_equal(s.names.items[1], "true");
	assert_int_equal(s.cores.count, 2);
	assert_int_equal(s.cores.items[1], 9);
	chq_conf_free(&sample_schema, &s);
}

static void
an_empty_section_is_accepted(void **state)
{
	struct chq_conf_error err;
	struct sample s;

	(void)state;
	assert_int_equal(parse("deep:\n  # size: 1MiB\nwords: {}\n", &s, &err), 0);
	chq_conf_free(&sample_schema, &s);
}

static void
unknown_keys_are_refused_with_the_nearest_known_one(void **state)
{
	static const char *const cases[][2] = {
		{ "numbr: 5", "f.yaml:1:1: unknown key \"numbr\"; did you mean number?" },
		{ "deep:\n  sise: 5", "f.yaml:2:3: unknown key \"sise\"; did you mean deep.size?" },
		{ "size: 1MiB", "f.yaml:1:1: unknown key \"size\"; did you mean deep.size?" },
		{ "depe: {}", "f.yaml:1:1: unknown key \"depe\"; did you mean deep?" },
		{ "entirely: 5", "f.yaml:1:1: unknown key \"entirely\"" },
		{ "deep.size: 1MiB", "f.yaml:1:1: unknown key \"deep.size\"" },
		{ "\"a\\nb\\e\": 5", "f.yaml:1:1: unknown key \"a\\x0ab\\x1b\"" },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void
numbers_that_readers_could_take_differently_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "number: 010", "f.yaml:1:9: number: \"010\": a number has no leading zero" },
		{ "number: 4s",
		  "f.yaml:1:9: number: \"4s\": a whole number without a unit is expected" },
		{ "number: 1_0",
		  "f.yaml:1:9: number: \"1_0\": a whole number without a unit is expected" },
		{ "number: 1.0",
		  "f.yaml:1:9: number: \"1.0\": a whole number without a unit is expected" },
		{ "number: 0x10",
		  "f.yaml:1:9: number: \"0x10\": a whole number without a unit is expected" },
		{ "number: +5", "f.yaml:1:9: number: \"+5\": a number is expected" },
		{ "number: -5", "f.yaml:1:9: number: \"-5\": a number is expected" },
		{ "number: '5'",
		  "f.yaml:1:9: number: \"5\" stands in quotes; a whole number is expected" },
		{ "number: 99999999999999999999",
		  "f.yaml:1:9: number: \"99999999999999999999\": the number is too large" },
		{ "flag: yes", "f.yaml:1:7: flag: \"yes\": true or false is expected" },
		{ "flag: True", "f.yaml:1:7: flag: \"True\": true or false is expected" },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void
values_out_of_range_or_of_another_unit_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "number: 0", "f.yaml:1:9: number: \"0\": must be 1 to 1000" },
		{ "number: 4294967297", "f.yaml:1:9: number: \"4294967297\": must be 1 to 1000" },
		{ "core: 8", "f.yaml:1:7: core: \"8\": must be 0 to 7" },
		{ "deep: {size: 64}", "f.yaml:1:14: deep.size: \"64\": the unit is missing; one of "
				      "B, KiB, MiB, GiB, TiB "
				      "is expected" },
		{ "deep: {size: 64MB}",
		  "f.yaml:1:14: deep.size: \"64MB\": unknown unit; one of B, KiB, MiB, GiB, TiB is "
		  "expected" },
		{ "deep: {size: 1023B}",
		  "f.yaml:1:14: deep.size: \"1023B\": must be 1KiB to 1GiB" },
		{ "deep: {size: 18446744073709551615TiB}",
		  "f.yaml:1:14: deep.size: \"18446744073709551615TiB\": too large" },
		{ "deep: {er: {wait: 2m}}",
		  "f.yaml:1:19: deep.er.wait: \"2m\": unknown unit; one of ms, s, min, h, d is "
		  "expected" },
		{ "deep: {er: {rate: 5}}", "f.yaml:1:19: deep.er.rate: \"5\": the unit is missing; "
					   "one of /s, /min, /h, /d is "
					   "expected" },
		{ "deep: {er: {rate: 101/s}}",
		  "f.yaml:1:19: deep.er.rate: \"101/s\": must be 1 to 100 in that time" },
		{ "words: {word: blue}",
		  "f.yaml:1:15: words.word: \"blue\": one of red, green is expected" },
		{ "words: {text: 123456789012345678901}",
		  "f.yaml:1:15: words.text: \"123456789012345678901\": must be 0 to 20 bytes "
		  "long" },
		{ "words: {names: [a, '!']}",
		  "f.yaml:1:20: words.names: \"!\": no exclamation mark, please" },
		{ "words: {cores: [1, 10]}", "f.yaml:1:20: words.cores: \"10\": must be 0 to 9" },
		{ "words: {text: \"a\\nb\"}",
		  "f.yaml:1:15: words.text: \"a\\x0ab\": a control character in a text" },
		{ "words: {text: \"a\\0b\"}", "f.yaml:1:15: words.text: a NUL in a text" },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void
values_of_another_shape_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "number: [5]", "f.yaml:1:9: number: a whole number is expected" },
		{ "number: {a: 5}", "f.yaml:1:9: number: a whole number is expected" },
		{ "number:",
		  "f.yaml:1:8: number: the value is missing; a whole number is expected" },
		{ "words: {text: ~}",
		  "f.yaml:1:15: words.text: the value is missing; a text is expected" },
		{ "words: {names: a}",
		  "f.yaml:1:16: words.names: a list of texts in brackets is expected" },
		{ "words: {names: [[a]]}",
		  "f.yaml:1:17: words.names: a list of texts is expected" },
		{ "deep: 5", "f.yaml:1:7: deep: keys and values are expected" },
		{ "deep: [size]", "f.yaml:1:7: deep: keys and values are expected" },
		{ "- number", "f.yaml:1:1: keys and values are expected" },
		{ "? [a]\n: 5", "f.yaml:1:3: a key is expected" },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void
keys_and_sections_that_stand_twice_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "number: 5\nflag: true\nnumber: 5",
		  "f.yaml:3:1: number stands here twice, first in line 1" },
		{ "deep: {size: 1MiB, size: 1MiB}",
		  "f.yaml:1:20: deep.size stands here twice, first in line 1" },
		{ "deep: {size: 1MiB}\nflag: true\ndeep: {er: {wait: 1s}}",
		  "f.yaml:3:1: the section deep stands here twice" },
		{ "deep:\ndeep:", "f.yaml:2:1: the section deep stands here twice" },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void
the_parts_of_yaml_that_hide_things_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "number: &a 5", "f.yaml:1:9: anchors (&name) are not supported" },
		{ "number: *a", "f.yaml:1:9: aliases (*name) are not supported" },
		{ "number: !!int 5", "f.yaml:1:9: tags (!name) are not supported" },
		{ "%YAML 1.1\n---\nnumber: 5", "f.yaml:1:1: directives (%NAME) are not supported" },
		{ "deep:\n  <<: {size: 1MiB}", "f.yaml:2:3: merge keys (<<) are not supported" },
		{ "number: 5\n---\nflag: true", "f.yaml:3:1: a second document in the file" },
		{ "words: {names: [[[[[[[[[[[[[a]]]]]]]]]]]]]}", "f.yaml:1:22: nested too deeply" },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void
texts_that_are_no_yaml_are_refused_with_their_place(void **state)
{
	static const char *const cases[][2] = {
		{ "number: 5\nflag: {",
		  "f.yaml:3:1: did not find expected node content, while parsing "
		  "a flow node" },
		{ "flag: true\nx\xff", "f.yaml:2:2: invalid leading UTF-8 octet" },
		{ "flag: true\n\x01", "f.yaml:2:1: control characters are not allowed" },
		{ "\tflag: true",
		  "f.yaml:1:1: found character that cannot start any token, while scanning for the "
		  "next token" },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void
a_fault_of_the_whole_is_told_at_the_key(void **state)
{
	static const char *const cases[][2] = {
		{ "flag: true\ndeep:\n  er:\n    wait: 7ms",
		  "f.yaml:4:5: deep.er.wait: seven is unlucky" },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void
a_required_key_must_be_there(void **state)
{
	static const struct chq_conf_key keys[] = {
		{ .path = "must", .type = CHQ_CONF_U32, .offset = 0, .max = 9, .doc = "Needed" },
	};
	static const struct chq_conf_schema schema = { .keys = keys, .count = 1 };
	struct chq_conf_error err;
	uint32_t must;

	(void)state;
	assert_int_equal(chq_conf_parse(&schema, "f", "", 0, &must, &err), CHQ_ECONF);
	assert_string_equal(err.text, "f: the key must is missing");
	assert_int_equal(chq_conf_parse(&schema, "f", "must: 9", 7, &must, &err), 0);
	assert_int_equal(must, 9);
}

static void
lists_have_a_bound(void **state)
{
	char text[2048] = "words: {cores: [1";
	struct chq_conf_error err;
	struct sample s;

	(void)state;
	for (int i = 1; i < CHQ_CONF_ITEMS_MAX; i++)
		strcat(text, ",1");
	strcat(text, "]}");
	assert_int_equal(parse(text, &s, &err), 0);
	assert_int_equal(s.cores.count, CHQ_CONF_ITEMS_MAX);
	chq_conf_free(&sample_schema, &s);
	strcpy(text + strlen(text) - 2, ",1]}");
	assert_int_equal(parse(text, &s, &err), CHQ_ECONF);
	assert_non_null(strstr(err.text, "words.cores: more than 256 items"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(every_type_is_read_in_block_and_flow_form),
		cmocka_unit_test(an_empty_section_is_accepted),
		cmocka_unit_test(unknown_keys_are_refused_with_the_nearest_known_one),
		cmocka_unit_test(numbers_that_readers_could_take_differently_are_refused),
		cmocka_unit_test(values_out_of_range_or_of_another_unit_are_refused),
		cmocka_unit_test(values_of_another_shape_are_refused),
		cmocka_unit_test(keys_and_sections_that_stand_twice_are_refused),
		cmocka_unit_test(the_parts_of_yaml_that_hide_things_are_refused),
		cmocka_unit_test(texts_that_are_no_yaml_are_refused_with_their_place),
		cmocka_unit_test(a_fault_of_the_whole_is_told_at_the_key),
		cmocka_unit_test(a_required_key_must_be_there),
		cmocka_unit_test(lists_have_a_bound),
	};

	return cmocka_run_group_tests_name("base/conf", tests, NULL, NULL);
}
