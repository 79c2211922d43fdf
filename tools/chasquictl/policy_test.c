#include "tools/chasquictl/policy_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "tools/chasquictl/remote.h"
#include "tools/chasquictl/site.h"

enum { LINE_MAX_BYTES = 4096, LINES_MAX = 1000000, WORDS = 4 };

static const char *const rights[] = { "see", "presence", "search", "message", "p2p" };

/* One line of the file: words are its own. */
struct expectation {
	unsigned line;
	char *text; /* what the words point into */
	const char *word[WORDS];
};

struct test {
	const struct tool_args *a;
	struct expectation *x;
	size_t n, cap;
	json_t *rows;	 /* of lines that do not hold */
	char lines[100]; /* their numbers, as many as fit */
	size_t failed;
	struct tool_remote remote;
	struct chq_ctl_answer answer; /* about the two of the line before */
	const struct expectation *asked;
};

/* --- the file --- */

static bool
right_known(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(rights); i++)
		if (!strcmp(rights[i], word))
			return true;
	return false;
}

/* Words of a line without its comment. Return: how many, WORDS + 1 for more. */
static unsigned
split(char *text, const char *word[WORDS])
{
	char *save = NULL;
	unsigned n = 0;

	text[strcspn(text, "#\r\n")] = '\0';
	for (char *w = strtok_r(text, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (n == WORDS)
			return WORDS + 1;
		word[n++] = w;
	}
	return n;
}

static int
add_line(struct test *t, const char *text, unsigned number, struct chq_ctl_error *e)
{
	struct expectation x = { .line = number, .text = strdup(text) };
	unsigned n = x.text ? split(x.text, x.word) : 0;

	if (x.text && n == 0) {
		free(x.text);
		return CHQ_OK;
	}
	if (x.text && (n != WORDS || !right_known(x.word[2]) ||
		       (strcmp(x.word[3], "allow") != 0 && strcmp(x.word[3], "deny") != 0))) {
		free(x.text);
		return chq_ctl_error_set(e, CHQ_EMALFORMED, "file",
					 "line %u: SUBJECT OBJECT see|presence|search|message|p2p "
					 "allow|deny is expected",
					 number);
	}
	if (x.text && t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct expectation *more = realloc(t->x, cap * sizeof(*more));

		t->cap = more ? cap : t->cap;
		t->x = more ? more : t->x;
	}
	if (!x.text || t->n == t->cap) {
		free(x.text);
		return chq_ctl_error_set(e, CHQ_ENOMEM, NULL, "out of memory");
	}
	t->x[t->n++] = x;
	return CHQ_OK;
}

static int
read_file(struct test *t, const char *path, struct chq_ctl_error *e)
{
	FILE *f = fopen(path, "re");
	char text[LINE_MAX_BYTES];
	unsigned number = 0;
	int err = CHQ_OK;

	if (!f)
		return chq_ctl_error_set(e, chq_errno(), "file", "%s: %s", path,
					 chq_strerror(chq_errno()));
	while (!err && fgets(text, sizeof(text), f)) {
		number++;
		if (strlen(text) == sizeof(text) - 1 || t->n == LINES_MAX)
			err = chq_ctl_error_set(e, CHQ_ETOOBIG, "file",
						"line %u: too long, or too many", number);
		else
			err = add_line(t, text, number, e);
	}
	if (!err && ferror(f))
		err = chq_ctl_error_set(e, CHQ_EIO, "file", "%s cannot be read", path);
	fclose(f);
	return err;
}

/* --- questions --- */

/* t->answer is about the two of @x. Return: 0, also if one of them is unknown; a code. */
static int
ask(struct test *t, const struct expectation *x, struct chq_ctl_error *e)
{
	const struct chq_ctl_verb *v = chq_ctl_verb_at(chq_ctl_verb_find("policy", "explain"));
	char *line;
	int err;

	if (t->asked && !strcmp(t->asked->word[0], x->word[0]) &&
	    !strcmp(t->asked->word[1], x->word[1]))
		return CHQ_OK;
	chq_ctl_answer_free(&t->answer);
	t->asked = NULL;
	line = chq_ctl_request_make(1, v, 2, x->word, NULL);
	if (!line)
		return chq_ctl_error_set(e, CHQ_EMALFORMED, "file", "line %u: not UTF-8", x->line);
	err = tool_remote_call(&t->remote, line, t->a->timeout_s, false, &t->answer, e);
	chq_ctl_line_free(line);
	if (!err && t->answer.error.err && t->answer.error.err != CHQ_ENOENT) {
		*e = t->answer.error;
		return e->err;
	}
	t->asked = err ? NULL : x;
	return err;
}

/* What the answer says of a right; NULL if nothing. */
static const json_t *
row_of(const json_t *data, const char *right)
{
	const json_t *row;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)data, i, row)
	{
		const char *name = json_string_value(json_object_get(row, "right"));

		if (name && !strcmp(name, right))
			return row;
	}
	return NULL;
}

static void
note_failed(struct test *t, const struct expectation *x, const char *got, const json_t *row)
{
	json_t *rule = row ? json_object_get(row, "rule") : NULL;
	size_t used = strlen(t->lines);

	t->failed++;
	snprintf(t->lines + used, sizeof(t->lines) - used, "%s%u", used ? ", " : "", x->line);
	json_array_append_new(t->rows,
			      json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:O}", "line",
					(json_int_t)x->line, "subject", x->word[0], "object",
					x->word[1], "right", x->word[2], "expected", x->word[3],
					"is", got, "rule", rule ? rule : json_null()));
}

static int
check(struct test *t, const struct expectation *x, struct chq_ctl_error *e)
{
	const json_t *row;
	const char *is;
	int err = ask(t, x, e);

	if (err)
		return err;
	row = t->answer.error.err ? NULL : row_of(t->answer.data, x->word[2]);
	if (t->answer.error.err)
		is = "no such user";
	else if (!row)
		return chq_ctl_error_set(e, CHQ_EMALFORMED, NULL, "an answer without the right");
	else
		is = json_is_true(json_object_get(row, "allowed")) ? "allow" : "deny";
	if (strcmp(is, x->word[3]) != 0)
		note_failed(t, x, is, row);
	return CHQ_OK;
}

static int
check_all(struct test *t, const struct tool_out *o, struct chq_ctl_error *e)
{
	json_t *data;

	for (size_t i = 0; i < t->n; i++) {
		int err = check(t, &t->x[i], e);

		if (err)
			return err;
	}
	if (t->failed) {
		if (o->format != TOOL_JSON)
			tool_print_data(o, t->rows, NULL);
		return chq_ctl_error_set(e, CHQ_EPARTIAL, "file",
					 "%zu of %zu lines do not hold: %s", t->failed, t->n,
					 t->lines);
	}
	data = json_pack("{s:I, s:I}", "lines", (json_int_t)t->n, "failed", (json_int_t)0);
	if (!t->a->quiet)
		tool_print_data(o, data, NULL);
	json_decref(data);
	return CHQ_OK;
}

static int
run(struct test *t, const struct tool_out *o, struct chq_ctl_error *e)
{
	const char *path = t->a->socket;
	struct tool_site site;
	int err = read_file(t, t->a->args[0], e);

	if (!err && !path) {
		err = tool_site_read(t->a->conf, &site, e);
		path = site.control;
	}
	if (!err)
		err = tool_remote_open(&t->remote, path, t->a->timeout_s, e);
	if (err)
		return err;
	err = check_all(t, o, e);
	chq_ctl_answer_free(&t->answer);
	tool_remote_close(&t->remote);
	return err;
}

int
tool_policy_test(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	struct test t = { .a = a, .rows = json_array() };
	int err = run(&t, o, e);

	for (size_t i = 0; i < t.n; i++)
		free(t.x[i].text);
	free(t.x);
	json_decref(t.rows);
	return err;
}
