#include "tools/chasquictl/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "tools/chasquictl/remote.h"

int
tool_snapshot_site(const struct tool_args *a, struct tool_site *site, struct chq_ctl_error *e)
{
	int err = tool_site_read(a->conf, site, e);

	if (!err && a->socket) {
		snprintf(site->control, sizeof(site->control), "%s", a->socket);
		*site->read = '\0';
	}
	return err;
}

static json_t *
ask_at(const char *path, const char *noun, const char *verb, const json_t *opts, unsigned timeout_s,
       struct chq_ctl_error *e)
{
	const struct chq_ctl_verb *v = chq_ctl_verb_at((size_t)chq_ctl_verb_find(noun, verb));
	char *line = chq_ctl_request_make(1, v, 0, NULL, opts);
	struct chq_ctl_answer answer = { 0 };
	struct tool_remote r;
	json_t *data = NULL;
	int err = line ? tool_remote_open(&r, path, timeout_s, e)
		       : chq_ctl_error_set(e, CHQ_ENOMEM, NULL, "out of memory");

	if (err) {
		chq_ctl_line_free(line);
		return NULL;
	}
	if (tool_remote_call(&r, line, timeout_s, false, &answer, e) == 0) {
		if (answer.error.err)
			*e = answer.error;
		else
			data = json_incref((json_t *)(uintptr_t)answer.data);
	}
	chq_ctl_answer_free(&answer);
	tool_remote_close(&r);
	chq_ctl_line_free(line);
	return data;
}

void
tool_snapshot_take(struct tool_snapshot *s, const struct tool_site *site, unsigned timeout_s)
{
	json_t *all = json_pack("{s:b}", "all", 1);
	struct chq_ctl_error e;

	*s = (struct tool_snapshot){ .at_ns = chq_mono_ns() };
	s->control = ask_at(site->control, "status", "show", NULL, timeout_s, &s->why);
	if (!s->control && s->why.err == CHQ_EACCES && *site->read)
		s->control = ask_at(site->read, "status", "show", NULL, timeout_s, &s->why);
	s->stats = ask_at(site->status, "dp", "stats", all, timeout_s, &e);
	s->dp = s->stats ? ask_at(site->status, "dp", "status", NULL, timeout_s, &e) : NULL;
	json_decref(all);
}

void
tool_snapshot_free(struct tool_snapshot *s)
{
	json_decref(s->control);
	json_decref(s->stats);
	json_decref(s->dp);
	memset(s, 0, sizeof(*s));
}

const json_t *
tool_json_at(const json_t *o, const char *path)
{
	char name[64];

	while (o && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		o = json_object_get(o, name);
		path += len + (path[len] == '.');
	}
	return o;
}

double
tool_number_at(const json_t *o, const char *path)
{
	return json_number_value(tool_json_at(o, path));
}
