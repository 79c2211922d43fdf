#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/array.h"
#include "base/err.h"
#include "proto/ctl.h"

static const struct {
	int err;
	const char *name;
} codes[] = {
#define X(name, value, text) { name, &#name[4] },
	CHQ_ERRORS(X)
#undef X
};

const char *
chq_ctl_code(int err)
{
	return chq_errname(err);
}

int
chq_ctl_code_err(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (!strcmp(codes[i].name, name))
			return codes[i].err;
	}
	return CHQ_EINTERNAL;
}

enum chq_ctl_exit
chq_ctl_exit_code(int err)
{
	switch (err) {
	case CHQ_OK: return CHQ_CTL_EXIT_OK;
	case CHQ_ENOCMD:
	case CHQ_EARGS:
	case CHQ_EUSAGE: return CHQ_CTL_EXIT_USAGE;
	case CHQ_ECONNREFUSED:
	case CHQ_ECONNRESET:
	case CHQ_ENOTCONN:
	case CHQ_EPIPE:
	case CHQ_EUNAVAIL: return CHQ_CTL_EXIT_UNREACHED;
	case CHQ_ENOENT:
	case CHQ_ENOUSER:
	case CHQ_ENOSESSION:
	case CHQ_ENOTFRIEND: return CHQ_CTL_EXIT_NOT_FOUND;
	case CHQ_EEXIST:
	case CHQ_ESTALE:
	case CHQ_ELOCKED:
	case CHQ_EBUSY: return CHQ_CTL_EXIT_CONFLICT;
	case CHQ_EPERM:
	case CHQ_EACCES:
	case CHQ_EDENIED:
	case CHQ_EREADONLY: return CHQ_CTL_EXIT_DENIED;
	case CHQ_ETIMEDOUT:
	case CHQ_EUNKNOWNRESULT: return CHQ_CTL_EXIT_TIMED_OUT;
	case CHQ_EPARTIAL: return CHQ_CTL_EXIT_PARTIAL;
	default: return CHQ_CTL_EXIT_FAILED;
	}
}

/* @json as a line; its reference is taken. */
static char *
line_of(json_t *json, size_t max)
{
	const size_t flags = JSON_COMPACT;
	size_t len = json ? json_dumpb(json, NULL, 0, flags) : 0;
	char *line = len && len < max ? malloc(len + 2) : NULL;

	if (line && json_dumpb(json, line, len, flags) == len) {
		line[len] = '\n';
		line[len + 1] = '\0';
	} else {
		free(line);
		line = NULL;
	}
	json_decref(json);
	return line;
}

void
chq_ctl_line_free(char *line)
{
	if (line)
		sodium_memzero(line, strlen(line));
	free(line);
}

/* A member that needs no reference of its own; without memory, @json is dropped and NULL. */
static json_t *
with(json_t *json, const char *name, json_t *value)
{
	if (json && json_object_set_new(json, name, value) != 0) {
		json_decref(json);
		return NULL;
	}
	if (!json)
		json_decref(value);
	return json;
}

static json_t *
with_id(json_t *json, const json_t *id)
{
	return id ? with(json, "id", json_copy((json_t *)(uintptr_t)id)) : json;
}

char *
chq_ctl_request_make(unsigned id, const struct chq_ctl_verb *verb, unsigned argc,
		     const char *const *args, const json_t *opts)
{
	json_t *json = json_object(), *list = json_array();

	for (unsigned i = 0; i < argc && list; i++) {
		if (json_array_append_new(list, json_string(args[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	if (id)
		json = with(json, "id", json_integer(id));
	json = with(json, "noun", json_string(verb->noun));
	json = with(json, "verb", json_string(verb->verb));
	json = with(json, "args", list);
	if (opts) /* with a reference of its own, not a copy: it may hold a secret */
		json = with(json, "opts", json_incref((json_t *)(uintptr_t)opts));
	return line_of(json, CHQ_CTL_REQUEST_MAX);
}

char *
chq_ctl_answer_ok(const json_t *id, json_t *data, const char *cursor)
{
	json_t *json = with_id(json_object(), id);

	json = with(json, "ok", json_true());
	json = with(json, "data", data ? data : json_null());
	if (cursor)
		json = with(json, "cursor", json_string(cursor));
	return line_of(json, CHQ_CTL_ANSWER_MAX);
}

char *
chq_ctl_answer_error(const json_t *id, const struct chq_ctl_error *e)
{
	return chq_ctl_answer_refused(id, e, NULL);
}

char *
chq_ctl_answer_refused(const json_t *id, const struct chq_ctl_error *e, json_t *data)
{
	json_t *json = with_id(json_object(), id), *why = json_object();
	const char *text = e->message[0] ? e->message : chq_strerror(e->err);

	why = with(why, "code", json_string(chq_ctl_code(e->err)));
	/* A text that was cut inside a character is no UTF-8. */
	why = with(why, "message", json_string(text) ?: json_string(chq_strerror(e->err)));
	if (e->field[0])
		why = with(why, "field", json_string(e->field));
	json = with(json, "ok", json_false());
	json = with(json, "error", why);
	if (data)
		json = with(json, "data", data);
	return line_of(json, CHQ_CTL_ANSWER_MAX);
}

static int
read_refusal(const json_t *why, struct chq_ctl_error *e)
{
	const char *code = json_string_value(json_object_get(why, "code"));
	const char *message = json_string_value(json_object_get(why, "message"));
	const char *field = json_string_value(json_object_get(why, "field"));
	int err = code ? chq_ctl_code_err(code) : CHQ_OK;

	if (!message || err == CHQ_OK)
		return chq_ctl_error_set(e, CHQ_EMALFORMED, "error", "answer without a reason");
	chq_ctl_error_set(e, err, field, "%s", message);
	return CHQ_OK;
}

int
chq_ctl_answer_parse(const char *line, size_t len, struct chq_ctl_answer *a)
{
	const json_t *ok;
	int err;

	memset(a, 0, sizeof(*a));
	err = chq_ctl_json(line, len, CHQ_CTL_ANSWER_MAX, &a->json, &a->error);
	if (err)
		return err;
	a->id = json_object_get(a->json, "id");
	ok = json_object_get(a->json, "ok");
	a->data = json_object_get(a->json, "data");
	if (json_is_false(ok))
		return read_refusal(json_object_get(a->json, "error"), &a->error);
	a->cursor = json_string_value(json_object_get(a->json, "cursor"));
	if (!json_is_true(ok) || !a->data)
		return chq_ctl_error_set(&a->error, CHQ_EMALFORMED, NULL, "no answer");
	return CHQ_OK;
}

void
chq_ctl_answer_free(struct chq_ctl_answer *a)
{
	json_decref(a->json);
	memset(a, 0, sizeof(*a));
}
