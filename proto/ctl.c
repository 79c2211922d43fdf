#include "proto/ctl.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"

#define ID_MAX 64

int
chq_ctl_error_set(struct chq_ctl_error *e, int err, const char *field, const char *fmt, ...)
{
	va_list ap;

	e->err = err;
	snprintf(e->field, sizeof(e->field), "%s", field ? field : "");
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	return err;
}

/* Brackets inside one another, those in strings not counted; what is no JSON may give any number. */
static size_t
depth_of(const char *line, size_t len)
{
	size_t depth = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (in_string && c == '\\') {
			i++;
		} else if (c == '"') {
			in_string = !in_string;
		} else if (!in_string && (c == '{' || c == '[')) {
			depth++;
			deepest = depth > deepest ? depth : deepest;
		} else if (!in_string && (c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return deepest;
}

int
chq_ctl_json(const char *line, size_t len, size_t max, json_t **out, struct chq_ctl_error *e)
{
	json_error_t why;
	json_t *json;

	if (len > max)
		return chq_ctl_error_set(e, CHQ_ETOOBIG, NULL, "line longer than %zu bytes", max);
	if (len && line[len - 1] == '\n')
		len--;
	if (len == 0 || memchr(line, '\n', len))
		return chq_ctl_error_set(e, CHQ_EMALFORMED, NULL, "not one line");
	if (depth_of(line, len) > CHQ_CTL_DEPTH_MAX)
		return chq_ctl_error_set(e, CHQ_EMALFORMED, NULL, "nested too deep");
	json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return chq_ctl_error_set(e, CHQ_EMALFORMED, NULL,
					 "no JSON, or a key twice, at byte %d", why.position);
	if (!json_is_object(json)) {
		json_decref(json);
		return chq_ctl_error_set(e, CHQ_EMALFORMED, NULL, "no JSON object");
	}
	*out = json;
	return CHQ_OK;
}

static bool
id_ok(const json_t *id)
{
	return json_is_integer(id) || (json_is_string(id) && json_string_length(id) <= ID_MAX);
}

static int
read_args(const json_t *args, struct chq_ctl_request *req, struct chq_ctl_error *e)
{
	size_t n = json_array_size(args);

	if (args && !json_is_array(args))
		return chq_ctl_error_set(e, CHQ_EMALFORMED, "args", "args must be a list");
	if (n < req->verb->argc_min || n > req->verb->argc_max || n > CHQ_CTL_ARGS_MAX)
		return chq_ctl_error_set(e, CHQ_EARGS, "args",
					 "wrong number of arguments: %s %s %s", req->verb->noun,
					 req->verb->verb, req->verb->args);
	for (size_t i = 0; i < n; i++) {
		req->args[i] = json_string_value(json_array_get(args, i));
		if (!req->args[i])
			return chq_ctl_error_set(e, CHQ_EMALFORMED, "args",
						 "an argument must be a text");
	}
	req->argc = (unsigned)n;
	return CHQ_OK;
}

static int
read_opts(json_t *opts, bool readonly, struct chq_ctl_request *req, struct chq_ctl_error *e)
{
	const struct chq_ctl_opt *o;
	bool instead = false;
	const char *name;
	json_t *value;

	if (opts && !json_is_object(opts))
		return chq_ctl_error_set(e, CHQ_EMALFORMED, "opts", "opts must be an object");
	req->opts = opts;
	json_object_foreach(opts, name, value)
	{
		o = chq_ctl_opt_find(req->verb, name);
		if (!o)
			return chq_ctl_error_set(e, CHQ_EARGS, "opts", "unknown option");
		if (o->flags & CHQ_CTL_OPT_VALUE ? !json_is_string(value) : !json_is_true(value))
			return chq_ctl_error_set(e, CHQ_EARGS, o->name, "--%s must be %s", o->name,
						 o->flags & CHQ_CTL_OPT_VALUE ? "a text" : "true");
		if (readonly && (o->flags & CHQ_CTL_OPT_ACT))
			return chq_ctl_error_set(e, CHQ_EREADONLY, o->name,
						 "--%s is refused on a read-only socket", o->name);
		instead = instead || (o->flags & CHQ_CTL_OPT_INSTEAD);
	}
	for (o = req->verb->opts; o->name && !instead; o++) {
		if ((o->flags & CHQ_CTL_OPT_NEEDED) && !json_object_get(opts, o->name))
			return chq_ctl_error_set(e, CHQ_EARGS, o->name, "needs a %s", o->name);
	}
	return CHQ_OK;
}

static int
read_verb(const json_t *json, bool readonly, struct chq_ctl_request *req, struct chq_ctl_error *e)
{
	const json_t *noun = json_object_get(json, "noun"), *verb = json_object_get(json, "verb");

	if (!json_is_string(noun))
		return chq_ctl_error_set(e, CHQ_EMALFORMED, "noun", "noun must be a text");
	if (verb && !json_is_string(verb))
		return chq_ctl_error_set(e, CHQ_EMALFORMED, "verb", "verb must be a text");
	req->index = chq_ctl_verb_find(json_string_value(noun), json_string_value(verb));
	if (req->index < 0)
		return chq_ctl_error_set(e, CHQ_ENOCMD, NULL, "unknown command");
	req->verb = chq_ctl_verb_at(req->index);
	if (readonly && req->verb->class == CHQ_CTL_WRITE)
		return chq_ctl_error_set(e, CHQ_EREADONLY, NULL, "refused on a read-only socket");
	return CHQ_OK;
}

static int
check_members(json_t *json, struct chq_ctl_error *e)
{
	static const char *const known[] = { "id", "noun", "verb", "args", "opts" };
	const char *name;
	json_t *value;

	json_object_foreach(json, name, value)
	{
		size_t i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && strcmp(name, known[i]) != 0)
			i++;
		if (i == sizeof(known) / sizeof(known[0]))
			return chq_ctl_error_set(e, CHQ_EMALFORMED, NULL, "unknown member");
	}
	return CHQ_OK;
}

int
chq_ctl_request_parse(const char *line, size_t len, bool readonly, struct chq_ctl_request *req,
		      struct chq_ctl_error *e)
{
	const json_t *id;
	int err;

	memset(req, 0, sizeof(*req));
	memset(e, 0, sizeof(*e));
	err = chq_ctl_json(line, len, CHQ_CTL_REQUEST_MAX, &req->json, e);
	if (err)
		return err;
	id = json_object_get(req->json, "id");
	if (id && !id_ok(id))
		return chq_ctl_error_set(e, CHQ_EMALFORMED, "id", "id must be a number or text");
	req->id = id;
	err = check_members(req->json, e);
	if (!err)
		err = read_verb(req->json, readonly, req, e);
	if (!err)
		err = read_args(json_object_get(req->json, "args"), req, e);
	if (!err)
		err = read_opts(json_object_get(req->json, "opts"), readonly, req, e);
	return err;
}

/* Every text in opts, also of a request that was refused: it is not known then what is a secret. */
static void
wipe_opts(const json_t *json)
{
	json_t *opts = json_object_get(json, "opts"), *value;
	const char *name;

	json_object_foreach(opts, name, value)
	{
		const char *text = json_string_value(value);

		if (text)
			sodium_memzero((void *)(uintptr_t)text, json_string_length(value));
	}
}

void
chq_ctl_request_free(struct chq_ctl_request *req)
{
	if (req->json)
		wipe_opts(req->json);
	json_decref(req->json);
	memset(req, 0, sizeof(*req));
}

const char *
chq_ctl_opt(const struct chq_ctl_request *req, const char *name)
{
	const json_t *value = json_object_get(req->opts, name);

	return json_is_true(value) ? "" : json_string_value(value);
}

int
chq_ctl_opt_number(const struct chq_ctl_request *req, const char *name, uint64_t min, uint64_t max,
		   uint64_t *out, struct chq_ctl_error *e)
{
	const char *text = chq_ctl_opt(req, name);
	uint64_t n = 0;

	if (!text)
		return CHQ_OK;
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || n > (UINT64_MAX - 9) / 10)
			goto wrong;
		n = n * 10 + (uint64_t)(*c - '0');
	}
	if (!*text || n < min || n > max)
		goto wrong;
	*out = n;
	return CHQ_OK;
wrong:
	return chq_ctl_error_set(e, CHQ_EARGS, name, "--%s must be a number from %ju to %ju", name,
				 (uintmax_t)min, (uintmax_t)max);
}
