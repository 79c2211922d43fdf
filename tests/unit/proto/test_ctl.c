#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/err.h"
#include "proto/ctl.h"

static int
parse(const char *line, bool readonly)
{
	struct chq_ctl_request req;
	struct chq_ctl_error e;
	int err = chq_ctl_request_parse(line, strlen(line), readonly, &req, &e);

	assert_int_equal(err, e.err);
	assert_true(err == CHQ_OK || e.message[0]);
	chq_ctl_request_free(&req);
	return err;
}

static void
a_request_made_here_is_read_with_all_its_parts(void **state)
{
	const struct chq_ctl_verb *verb = chq_ctl_verb_at(chq_ctl_verb_find("user", "add"));
	const char *args[] = { "alice" };
	json_t *opts = json_pack("{s:s, s:s}", "password", "secret", "name", "Alice ñ");
	char *line = chq_ctl_request_make(7, verb, 1, args, opts);
	struct chq_ctl_request req;
	struct chq_ctl_error e;

	(void)state;
	assert_non_null(line);
	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_int_equal(chq_ctl_request_parse(line, strlen(line), false, &req, &e), CHQ_OK);
	assert_ptr_equal(req.verb, verb);
	assert_ptr_equal(chq_ctl_verb_at(req.index), verb);
	assert_int_equal(req.argc, 1);
	assert_string_equal(req.args[0], "alice");
	assert_string_equal(chq_ctl_opt(&req, "password"), "secret");
	assert_string_equal(chq_ctl_opt(&req, "name"), "Alice ñ");
	assert_null(chq_ctl_opt(&req, "limit"));
	assert_int_equal(json_integer_value(req.id), 7);
	chq_ctl_request_free(&req);
	chq_ctl_line_free(line);
	json_decref(opts);
}

static void
requests_that_are_not_one_plain_object_are_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"null",
		"[]",
		"{\"noun\":\"status\",\"verb\":\"show\"} x",
		"{\"noun\":\"status\",\"noun\":\"status\",\"verb\":\"show\"}",
		"{\"noun\":\"status\",\n\"verb\":\"show\"}",
		"{\"noun\":\"status\",\"verb\":\"show\",\"extra\":1}",
		"{\"noun\":1,\"verb\":\"show\"}",
		"{\"noun\":\"status\",\"verb\":[]}",
		"{\"verb\":\"show\"}",
		"{\"noun\":\"status\",\"verb\":\"show\",\"args\":{}}",
		"{\"noun\":\"status\",\"verb\":\"show\",\"opts\":[]}",
		"{\"noun\":\"user\",\"verb\":\"show\",\"args\":[1]}",
		"{\"id\":true,\"noun\":\"status\",\"verb\":\"show\"}",
		"{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"a\\u0000b\"]}",
		"{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"\xff\"]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i], false), CHQ_EMALFORMED);
	assert_int_equal(parse("{\"noun\":\"status\",\"verb\":\"show\"}\n", false), CHQ_OK);
}

static void
requests_that_the_table_does_not_allow_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"noun\":\"user\",\"verb\":\"fly\"}", false), CHQ_ENOCMD);
	assert_int_equal(parse("{\"noun\":\"user\"}", false), CHQ_ENOCMD);
	assert_int_equal(parse("{\"noun\":\"user\",\"verb\":\"show\"}", false), CHQ_EARGS);
	assert_int_equal(parse("{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"a\",\"b\"]}",
			       false),
			 CHQ_EARGS);
	assert_int_equal(parse("{\"noun\":\"user\",\"verb\":\"list\",\"opts\":{\"fast\":true}}",
			       false),
			 CHQ_EARGS);
	assert_int_equal(parse("{\"noun\":\"user\",\"verb\":\"list\",\"opts\":{\"limit\":5}}",
			       false),
			 CHQ_EARGS);
	assert_int_equal(parse("{\"noun\":\"dp\",\"verb\":\"stats\",\"opts\":{\"all\":\"x\"}}",
			       false),
			 CHQ_EARGS);
	assert_int_equal(parse("{\"noun\":\"dp\",\"verb\":\"stats\",\"opts\":{\"all\":true}}",
			       false),
			 CHQ_OK);
	assert_int_equal(parse("{\"noun\":\"user\",\"verb\":\"passwd\",\"args\":[\"a\"]}", false),
			 CHQ_EARGS); /* no password */
	assert_int_equal(parse("{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"a\"],\"opts\":"
			       "{\"name\":\"A\"}}",
			       false),
			 CHQ_EARGS);
	assert_int_equal(parse("{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"a\"],\"opts\":"
			       "{\"device-key\":\"00\"}}",
			       false),
			 CHQ_OK); /* it stands in for the password */
}

static void
a_readonly_socket_reads_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);
		const char *args[CHQ_CTL_ARGS_MAX] = { "a", "b", "c" };
		char *line = chq_ctl_request_make(0, v, v->argc_min, args, NULL);

		assert_non_null(line);
		if (v->class == CHQ_CTL_WRITE)
			assert_int_equal(parse(line, true), CHQ_EREADONLY);
		else
			assert_int_equal(parse(line, true), CHQ_OK);
		chq_ctl_line_free(line);
	}
}

static void
a_refused_request_keeps_its_id_for_the_answer(void **state)
{
	const char *line = "{\"id\":\"x7\",\"noun\":\"nothing\"}";
	struct chq_ctl_request req;
	struct chq_ctl_error e;
	char *answer;

	(void)state;
	assert_int_equal(chq_ctl_request_parse(line, strlen(line), false, &req, &e), CHQ_ENOCMD);
	answer = chq_ctl_answer_error(req.id, &e);
	assert_string_equal(answer, "{\"id\":\"x7\",\"ok\":false,\"error\":{\"code\":\"ENOCMD\","
				    "\"message\":\"unknown command\"}}\n");
	chq_ctl_line_free(answer);
	chq_ctl_request_free(&req);
}

static void
deep_and_long_lines_are_refused_before_they_are_parsed(void **state)
{
	const char *good = "{\"noun\":\"status\",\"verb\":\"show\"}";
	const char *begun = "{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"\\\"";
	size_t len = CHQ_CTL_REQUEST_MAX + 1;
	struct chq_ctl_request req;
	struct chq_ctl_error e;
	char *line = malloc(len);

	(void)state;
	assert_non_null(line);
	memset(line, '[', len);
	assert_int_equal(chq_ctl_request_parse(line, len, false, &req, &e), CHQ_ETOOBIG);
	assert_int_equal(chq_ctl_request_parse(line, len - 1, false, &req, &e), CHQ_EMALFORMED);
	assert_string_equal(e.message, "nested too deep");
	memset(line, ' ', len);
	memcpy(line, good, strlen(good));
	assert_int_equal(chq_ctl_request_parse(line, len - 1, false, &req, &e), CHQ_OK);
	chq_ctl_request_free(&req);
	/* Brackets in a text are text. */
	memset(line, '[', len);
	memcpy(line, begun, strlen(begun));
	memcpy(line + 100, "\"]}", 3);
	assert_int_equal(chq_ctl_request_parse(line, 103, false, &req, &e), CHQ_OK);
	chq_ctl_request_free(&req);
	free(line);
}

static void
an_error_never_quotes_the_request(void **state)
{
	static const char *const bad[] = {
		"{\"noun\":\"user\",\"verb\":\"passwd\",\"opts\":{\"hunter2\":\"hunter2\"}}",
		"{\"noun\":\"user\",\"verb\":\"passwd\",\"hunter2\":1,\"hunter2\":2}",
		"{\"noun\":\"user\",\"verb\":\"list\",\"opts\":{\"hunter2\":\"x\"}}",
		"{\"noun\":\"hunter2\"}",
		"\"hunter2",
	};
	struct chq_ctl_request req;
	struct chq_ctl_error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(chq_ctl_request_parse(bad[i], strlen(bad[i]), false, &req, &e) < 0);
		assert_null(strstr(e.message, "hunter2"));
		assert_null(strstr(e.field, "hunter2"));
		chq_ctl_request_free(&req);
	}
}

static int
limit_of(const char *text, uint64_t *out)
{
	json_t *opts = json_pack("{s:s}", "limit", text);
	struct chq_ctl_request req = { .opts = opts };
	struct chq_ctl_error e;
	int err = chq_ctl_opt_number(&req, "limit", 1, 1000, out, &e);

	json_decref(opts);
	return err;
}

static void
a_number_option_is_decimal_and_in_its_range(void **state)
{
	static const char *const bad[] = { "",	   "0",	  "1001",
					   "-1",   "+1",  "1 ",
					   "0x10", "ten", "18446744073709551617" };
	struct chq_ctl_request none = { 0 };
	struct chq_ctl_error e;
	uint64_t n = 5;

	(void)state;
	assert_int_equal(chq_ctl_opt_number(&none, "limit", 1, 1000, &n, &e), CHQ_OK);
	assert_int_equal(n, 5);
	assert_int_equal(limit_of("1000", &n), CHQ_OK);
	assert_int_equal(n, 1000);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(limit_of(bad[i], &n), CHQ_EARGS);
	assert_int_equal(n, 1000);
}

static void
a_good_answer_is_read_with_data_and_cursor(void **state)
{
	json_t *id = json_integer(9);
	char *line = chq_ctl_answer_ok(id, json_pack("[s]", "alice"), "next");
	struct chq_ctl_answer a;

	(void)state;
	assert_int_equal(chq_ctl_answer_parse(line, strlen(line), &a), CHQ_OK);
	assert_int_equal(a.error.err, CHQ_OK);
	assert_int_equal(json_integer_value(a.id), 9);
	assert_int_equal(json_array_size(a.data), 1);
	assert_string_equal(a.cursor, "next");
	chq_ctl_answer_free(&a);
	chq_ctl_line_free(line);
	json_decref(id);
}

static void
a_refusal_is_read_with_code_message_and_field(void **state)
{
	struct chq_ctl_error e = { 0 };
	struct chq_ctl_answer a;
	char *line;

	(void)state;
	chq_ctl_error_set(&e, CHQ_EEXIST, "login", "taken by %s", "somebody");
	line = chq_ctl_answer_error(NULL, &e);
	assert_int_equal(chq_ctl_answer_parse(line, strlen(line), &a), CHQ_OK);
	assert_int_equal(a.error.err, CHQ_EEXIST);
	assert_string_equal(a.error.message, "taken by somebody");
	assert_string_equal(a.error.field, "login");
	assert_null(a.data);
	chq_ctl_answer_free(&a);
	chq_ctl_line_free(line);
}

static void
a_message_cut_inside_a_character_is_still_answered(void **state)
{
	struct chq_ctl_error e = { 0 };
	char text[2 * CHQ_CTL_TEXT_MAX] = { 0 };
	char *line;

	(void)state;
	assert_int_equal(CHQ_CTL_TEXT_MAX % 2, 0); /* so the NUL takes the place of half a letter */
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "ñ", 2);
	chq_ctl_error_set(&e, CHQ_ENOENT, NULL, "%s", text);
	line = chq_ctl_answer_error(NULL, &e);
	assert_non_null(line);
	assert_non_null(strstr(line, "\"ENOENT\""));
	chq_ctl_line_free(line);
}

static void
an_answer_that_is_neither_good_nor_a_refusal_is_malformed(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"ok\":1,\"data\":1}",
		"{\"ok\":true}",
		"{\"ok\":false}",
		"{\"ok\":false,\"error\":{\"code\":\"ENOENT\"}}",
		"{\"ok\":false,\"error\":{\"code\":\"OK\",\"message\":\"x\"}}",
	};
	struct chq_ctl_answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(chq_ctl_answer_parse(bad[i], strlen(bad[i]), &a), CHQ_EMALFORMED);
		chq_ctl_answer_free(&a);
	}
}

static void
an_answer_longer_than_a_line_may_be_is_not_made(void **state)
{
	char *text = malloc(CHQ_CTL_ANSWER_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', CHQ_CTL_ANSWER_MAX);
	text[CHQ_CTL_ANSWER_MAX] = '\0';
	assert_null(chq_ctl_answer_ok(NULL, json_string(text), NULL));
	free(text);
}

static void
every_error_has_a_name_that_leads_back_and_an_exit_code(void **state)
{
	static const int codes[] = {
#define X(name, value, text) name,
		CHQ_ERRORS(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		assert_int_equal(chq_ctl_code_err(chq_ctl_code(codes[i])), codes[i]);
		assert_int_equal(chq_ctl_exit_code(codes[i]) == CHQ_CTL_EXIT_OK,
				 codes[i] == CHQ_OK);
	}
	assert_int_equal(chq_ctl_code_err("ENOTHING"), CHQ_EINTERNAL);
	assert_int_equal(chq_ctl_exit_code(CHQ_EUSAGE), 2);
	assert_int_equal(chq_ctl_exit_code(CHQ_ECONNREFUSED), 3);
	assert_int_equal(chq_ctl_exit_code(CHQ_ENOENT), 4);
	assert_int_equal(chq_ctl_exit_code(CHQ_EEXIST), 5);
	assert_int_equal(chq_ctl_exit_code(CHQ_EREADONLY), 6);
	assert_int_equal(chq_ctl_exit_code(CHQ_EUNKNOWNRESULT), 7);
	assert_int_equal(chq_ctl_exit_code(CHQ_EPARTIAL), 8);
	assert_int_equal(chq_ctl_exit_code(CHQ_EINTERNAL), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_made_here_is_read_with_all_its_parts),
		cmocka_unit_test(requests_that_are_not_one_plain_object_are_malformed),
		cmocka_unit_test(requests_that_the_table_does_not_allow_are_refused),
		cmocka_unit_test(a_readonly_socket_reads_only),
		cmocka_unit_test(a_refused_request_keeps_its_id_for_the_answer),
		cmocka_unit_test(deep_and_long_lines_are_refused_before_they_are_parsed),
		cmocka_unit_test(an_error_never_quotes_the_request),
		cmocka_unit_test(a_number_option_is_decimal_and_in_its_range),
		cmocka_unit_test(a_good_answer_is_read_with_data_and_cursor),
		cmocka_unit_test(a_refusal_is_read_with_code_message_and_field),
		cmocka_unit_test(a_message_cut_inside_a_character_is_still_answered),
		cmocka_unit_test(an_answer_that_is_neither_good_nor_a_refusal_is_malformed),
		cmocka_unit_test(an_answer_longer_than_a_line_may_be_is_not_made),
		cmocka_unit_test(every_error_has_a_name_that_leads_back_and_an_exit_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
