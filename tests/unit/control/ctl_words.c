#include "tests/unit/control/ctl_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
take_word(char *w, json_t *args, json_t *opts)
{
	char *value = strchr(w, '=');

	for (char *at = w; (at = strchr(at, '~')) != NULL;)
		*at = ' ';
	if (strncmp(w, "--", 2) != 0) {
		json_array_append_new(args, json_string(w));
		return;
	}
	if (value)
		*value++ = '\0';
	json_object_set_new(opts, w + 2, value ? json_string(value) : json_true());
}

json_t *
words_ask(struct fixture *f, const char *words)
{
	json_t *args = json_array(), *opts = json_object(), *request, *answer;
	char *copy = strdup(words), *save = NULL, *line;
	const char *noun = strtok_r(copy, " ", &save), *verb = strtok_r(NULL, " ", &save);
	size_t len;

	for (char *w; (w = strtok_r(NULL, " ", &save)) != NULL;)
		take_word(w, args, opts);
	request = json_pack("{s:s, s:s, s:o, s:o}", "noun", noun, "verb", verb, "args", args,
			    "opts", opts);
	line = json_dumps(request, JSON_COMPACT);
	assert_non_null(line);
	len = strlen(line);
	line = realloc(line, len + 2);
	memcpy(line + len, "\n", 2);
	answer = json_loads(fixture_ctl(f, line), 0, NULL);
	assert_non_null(answer);
	json_decref(request);
	free(line);
	free(copy);
	return answer;
}

void
words_expect(struct fixture *f, const char *words, const char *code, const char *field)
{
	json_t *a = words_ask(f, words), *error = json_object_get(a, "error");
	const char *got = json_string_value(json_object_get(error, "code")) ?: "";
	const char *at = json_string_value(json_object_get(error, "field")) ?: "";

	if (strcmp(got, code) != 0)
		print_message("%s: %s %s\n", words, got,
			      json_string_value(json_object_get(error, "message")) ?: "");
	assert_string_equal(got, code);
	if (field)
		assert_string_equal(at, field);
	json_decref(a);
}

void
words_ok(struct fixture *f, const char *words)
{
	words_expect(f, words, "", NULL);
}

void
words_text(struct fixture *f, const char *words, const char *name, const char *text)
{
	json_t *a = words_ask(f, words);

	assert_string_equal(json_string_value(json_object_get(json_object_get(a, "data"), name)),
			    text);
	json_decref(a);
}

json_int_t
words_number(struct fixture *f, const char *words, const char *name)
{
	json_t *a = words_ask(f, words);
	json_int_t n = json_integer_value(json_object_get(json_object_get(a, "data"), name));

	json_decref(a);
	return n;
}
