/*
 * Values that operators set while the server runs. What is staged is one set, in memory alone. A commit with
 * a time to confirm is in memory alone too: the files know nothing of it before it is confirmed, so whatever
 * ends the server meanwhile, it starts with what was before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf_value.h"
#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_conf.h"
#include "control/ctl_conf_file.h"
#include "control/ctl_verbs.h"

static const char files_own[] = "(the file's)";

/* A key that is staged. */
struct staged {
	bool is;
	char *value; /* as the file would say it; NULL: the key is left to the configuration's file */
	uint32_t uid;
};

struct conf_stage {
	char *trial; /* text of the operators' file that is on trial, or NULL */
	uint64_t due_ms;
	struct chq_site_conf was; /* of the trial; only what is live is looked at */
	struct staged key[];	  /* one a key of chq_site_schema */
};

void
ctl_conf_forget(struct control *ctl)
{
	struct conf_stage *st = ctl->conf_stage;

	if (!st)
		return;
	for (size_t i = 0; i < chq_site_schema.count; i++)
		free(st->key[i].value);
	free(st->trial);
	free(st);
	ctl->conf_stage = NULL;
}

const char *
ctl_conf_trial(const struct control *ctl)
{
	return ctl->conf_stage ? ctl->conf_stage->trial : NULL;
}

static uint64_t
seconds_left(const struct conf_stage *st)
{
	uint64_t now = control_now_ms();

	return st->due_ms > now ? (st->due_ms - now + 999) / 1000 : 0;
}

bool
ctl_conf_staged(const struct control *ctl, size_t key, json_t *row)
{
	const struct conf_stage *st = ctl->conf_stage;
	const char *path = chq_site_schema.keys[key].path;
	char takes[64];

	if (!st || !st->key[key].is)
		return false;
	if (st->trial)
		snprintf(takes, sizeof(takes), "commit within %llu s",
			 (unsigned long long)seconds_left(st));
	else
		snprintf(takes, sizeof(takes), "commit%s",
			 ctl_conf_is_live(path) ? "" : " and restart");
	json_object_set_new(row, "takes", json_string(takes));
	json_object_set_new(row, "staged",
			    json_string(st->key[key].value ? st->key[key].value : files_own));
	json_object_set_new(row, "by_uid", json_integer(st->key[key].uid));
	return true;
}

/* --- set --- */

/* Return: the stage; NULL if the call was refused. */
static struct conf_stage *
stage_of(struct ctl_call *call)
{
	struct control *ctl = call->ctl;
	struct conf_stage *st = ctl->conf_stage;

	if (st && st->trial) {
		ctl_refuse(
			call, CHQ_EBUSY, NULL,
			"a commit waits to be confirmed: `conf commit` or `conf rollback` first");
		return NULL;
	}
	if (!st)
		st = calloc(1, sizeof(*st) + chq_site_schema.count * sizeof(st->key[0]));
	if (!st)
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
	ctl->conf_stage = st;
	return st;
}

static int
key_named(const char *name)
{
	for (size_t i = 0; i < chq_site_schema.count; i++)
		if (strcmp(chq_site_schema.keys[i].path, name) == 0)
			return (int)i;
	return CHQ_ENOENT;
}

/* The key that the request names, and its value. Return: its index; < 0: the call was refused. */
static int
request_key(struct ctl_call *call, char **value)
{
	const char *name = call->req.args[0];
	struct chq_conf_error why;
	int key = call->req.argc == 1 ? key_named(name) : CHQ_ENOENT;

	*value = NULL;
	if (key < 0)
		key = conf_one_value(name, call->req.argc > 1 ? call->req.args[1] : "", value,
				     &why);
	if (key == CHQ_ENOMEM)
		ctl_refuse_code(call, key, NULL);
	else if (key < 0)
		ctl_refuse(call, CHQ_EARGS, key_named(name) < 0 ? "key" : "value", "%s", why.text);
	else if (!chq_site_may_set(name))
		ctl_refuse(call, CHQ_EARGS, "key", "%s: stands in the configuration's file alone",
			   name);
	else
		return key;
	free(*value);
	*value = NULL;
	return CHQ_EARGS;
}

void
ctl_conf_set(struct ctl_call *call)
{
	struct conf_stage *st;
	char *value, *now;
	int key = request_key(call, &value);

	if (key < 0)
		return;
	st = stage_of(call);
	if (!st) {
		free(value);
		return;
	}
	now = chq_conf_value_text(&chq_site_schema.keys[key], call->ctl->conf);
	snprintf(call->audit_old, sizeof(call->audit_old), "%s", now ? now : "");
	snprintf(call->audit_new, sizeof(call->audit_new), "%s (staged)",
		 value ? value : files_own);
	free(st->key[key].value);
	st->key[key] = (struct staged){ true, value, call->uid };
	ctl_answer(call,
		   json_pack("{s:s, s:s*, s:s, s:s}", "key", chq_site_schema.keys[key].path,
			     "running", now, "staged", value ? value : files_own, "takes",
			     ctl_conf_is_live(chq_site_schema.keys[key].path)
				     ? "commit"
				     : "commit and restart"),
		   NULL);
	free(now);
}

/* --- commit --- */

/* The operators' file with what is staged, to be freed. Return: 0; codes of conf_file_values(), with @why. */
static int
staged_text(const struct control *ctl, char **text, struct chq_conf_error *why)
{
	const struct conf_stage *st = ctl->conf_stage;
	char **values = calloc(chq_site_schema.count, sizeof(*values));
	int rc = CHQ_ENOMEM;

	*text = NULL;
	snprintf(why->text, sizeof(why->text), "out of memory");
	if (values)
		rc = conf_file_values(ctl->conf, values, why);
	for (size_t i = 0; i < chq_site_schema.count && !rc; i++) {
		if (!st->key[i].is)
			continue;
		free(values[i]);
		values[i] = st->key[i].value ? strdup(st->key[i].value) : NULL;
		if (st->key[i].value && !values[i])
			rc = CHQ_ENOMEM;
	}
	if (!rc) {
		*text = conf_values_text(values);
		rc = *text ? CHQ_OK : CHQ_ENOMEM;
	}
	if (values)
		conf_values_free(values);
	free(values);
	return rc;
}

static void
note(char *out, const char *key, const char *value)
{
	size_t n = strlen(out);

	snprintf(out + n, STORE_AUDIT_TEXT_MAX_BYTES + 1 - n, "%s%s=%s", n ? " " : "", key, value);
}

/* What @next makes otherwise than what runs, for the answer and for the record. */
static json_t *
changes(const struct control *ctl, const struct chq_site_conf *next, char *old, char *new)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < chq_site_schema.count; i++) {
		const struct chq_conf_key *key = &chq_site_schema.keys[i];
		char *was = chq_conf_value_text(key, ctl->conf);
		char *is = chq_conf_value_text(key, next);

		if (was && is && strcmp(was, is) != 0) {
			note(old, key->path, was);
			note(new, key->path, is);
			json_array_append_new(rows,
					      json_pack("{s:s, s:s, s:s, s:s}", "key", key->path,
							"was", was, "is", is, "takes",
							ctl_conf_is_live(key->path) ? "nothing more"
										    : "restart"));
		}
		free(was);
		free(is);
	}
	return rows;
}

/* In force, and answered when the dataplane has it. @next: freed. */
static void
apply(struct ctl_call *call, struct chq_site_conf *next)
{
	json_t *rows = changes(call->ctl, next, call->audit_old, call->audit_new);
	bool limits = ctl_conf_take_over(call->ctl, next);

	chq_site_conf_free(next);
	ctl_conf_end(call, limits, rows);
}

/* Return: false if the call was refused. @ms: 0 without the option. */
static bool
confirm_time(struct ctl_call *call, uint64_t *ms)
{
	const struct chq_conf_key key = {
		.path = "confirm", .type = CHQ_CONF_TIME, .min = 1000, .max = 24 * 3600000
	};
	const char *text = chq_ctl_opt(&call->req, "confirm");
	struct chq_conf_why why;

	*ms = 0;
	if (!text || chq_conf_value_add(&key, ms, text, false, &why) == 0)
		return true;
	ctl_refuse(call, CHQ_EARGS, "confirm", "%s", why.text);
	return false;
}

/* @text: taken. */
static void
commit_kept(struct ctl_call *call, char *text, struct chq_site_conf *next)
{
	struct control *ctl = call->ctl;
	struct chq_conf_error why;
	int rc = conf_file_write(ctl->conf, text, &why);

	if (text != ctl->conf_stage->trial)
		free(text);
	if (rc) {
		chq_site_conf_free(next);
		ctl_refuse(call, rc, NULL, "%s", why.text);
		return;
	}
	ctl_conf_forget(ctl);
	CHQ_LOG_WARN("conf-committed", "uid=%u pid=%d", call->uid, call->pid);
	apply(call, next);
}

/* @text: taken. */
static void
commit_trial(struct ctl_call *call, char *text, struct chq_site_conf *next, uint64_t ms)
{
	struct control *ctl = call->ctl;
	struct conf_stage *st = ctl->conf_stage;

	if (!st->trial)
		st->was = *ctl->conf;
	st->trial = text;
	st->due_ms = control_now_ms() + ms;
	CHQ_LOG_WARN("conf-on-trial", "seconds=%llu uid=%u pid=%d", (unsigned long long)(ms / 1000),
		     call->uid, call->pid);
	apply(call, next);
}

void
ctl_conf_commit(struct ctl_call *call)
{
	struct control *ctl = call->ctl;
	struct chq_site_conf next;
	struct chq_conf_error why;
	char *text = ctl->conf_stage ? ctl->conf_stage->trial : NULL;
	uint64_t ms;
	int rc = CHQ_OK;

	if (!confirm_time(call, &ms))
		return;
	if (!ctl->conf_stage) {
		ctl_refuse(call, CHQ_ENOENT, NULL, "nothing is staged; `conf set` does that");
		return;
	}
	if (!text)
		rc = staged_text(ctl, &text, &why);
	if (!rc)
		rc = ctl_conf_load(ctl, text, &next, &why);
	if (rc) {
		if (text != ctl->conf_stage->trial)
			free(text);
		ctl_refuse(call, rc == CHQ_ENOENT ? CHQ_ECONF : rc, NULL, "%s", why.text);
	} else if (ms) {
		commit_trial(call, text, &next, ms);
	} else {
		commit_kept(call, text, &next);
	}
}

/* --- back --- */

/* The record of what the server does by itself. */
struct own_record {
	struct write_op op;
	struct store_audit audit;
};

static int
own_record_job(struct store_txn *txn, struct write_op *op)
{
	return store_audit_append(txn, &CHQ_CONTAINER_OF(op, struct own_record, op)->audit);
}

static void
own_record_done(struct write_op *op, int rc)
{
	if (rc)
		CHQ_LOG_ERROR("audit-not-written", "error=%s", chq_errname(rc));
	free(CHQ_CONTAINER_OF(op, struct own_record, op));
}

/* As of a rollback by this process itself. */
static void
own_record(struct control *ctl, const char *old, const char *new)
{
	struct own_record *r = calloc(1, sizeof(*r));
	int rc = CHQ_ENOMEM;

	if (r) {
		r->op = (struct write_op){ .job = own_record_job, .done = own_record_done };
		r->audit = (struct store_audit){ .time_ms = chq_wall_ms(),
						 .uid = geteuid(),
						 .pid = getpid() };
		snprintf(r->audit.verb, sizeof(r->audit.verb), "conf rollback");
		snprintf(r->audit.target, sizeof(r->audit.target), "not confirmed in time");
		store_audit_text(r->audit.old, STORE_AUDIT_TEXT_MAX_BYTES, old);
		store_audit_text(r->audit.new, STORE_AUDIT_TEXT_MAX_BYTES, new);
		rc = write_submit(ctl, &r->op);
	}
	if (!rc)
		return;
	CHQ_LOG_ERROR("audit-not-written", "error=%s", chq_errname(rc));
	free(r);
}

/* To what was before a trial: the files', or if they cannot be read, what ran. @call: who wants it, or NULL. */
static void
end_trial(struct control *ctl, struct ctl_call *call)
{
	const struct chq_site_conf *to = &ctl->conf_stage->was;
	struct chq_site_conf files;
	struct chq_conf_error why;
	char old[STORE_AUDIT_TEXT_MAX_BYTES + 1] = "", new[sizeof(old)] = "";
	json_t *rows;
	bool limits;
	int rc = ctl_conf_load(ctl, NULL, &files, &why);

	if (rc)
		CHQ_LOG_ERROR("conf-unreadable", "why=%s note=\"going back to what ran\"",
			      CHQ_Q(why.text));
	else
		to = &files;
	rows = changes(ctl, to, call ? call->audit_old : old, call ? call->audit_new : new);
	limits = ctl_conf_take_over(ctl, to);
	ctl_conf_forget(ctl);
	if (!rc)
		chq_site_conf_free(&files);
	if (call) {
		ctl_conf_end(call, limits, rows);
		return;
	}
	json_decref(rows);
	own_record(ctl, old, new);
	ctl_conf_tell(ctl, limits);
}

void
ctl_conf_tick(struct control *ctl, uint64_t now_ms)
{
	const struct conf_stage *st = ctl->conf_stage;

	if (!st || !st->trial || now_ms < st->due_ms)
		return;
	CHQ_LOG_WARN("conf-went-back", "why=\"not confirmed in time\"");
	end_trial(ctl, NULL);
}

/* The last commit undone. */
static void
undo(struct ctl_call *call)
{
	struct control *ctl = call->ctl;
	struct chq_site_conf next;
	struct chq_conf_error why;
	char *text;
	int rc = conf_file_before(ctl->conf, &text, &why);

	if (rc == CHQ_ENOENT) {
		ctl_refuse(call, rc, NULL, "nothing is staged, and no commit is there to undo");
		return;
	}
	if (!rc)
		rc = ctl_conf_load(ctl, text, &next, &why);
	free(text);
	if (!rc) {
		rc = conf_file_back(ctl->conf, &why);
		if (rc)
			chq_site_conf_free(&next);
	}
	if (rc) {
		ctl_refuse(call, rc == CHQ_ENOENT ? CHQ_ECONF : rc, NULL, "%s", why.text);
		return;
	}
	CHQ_LOG_WARN("conf-undone", "uid=%u pid=%d", call->uid, call->pid);
	apply(call, &next);
}

/* What is staged, forgotten; the rows say what it was. */
static void
unstage(struct ctl_call *call)
{
	struct control *ctl = call->ctl;
	json_t *rows = json_array();

	for (size_t i = 0; i < chq_site_schema.count; i++) {
		const struct staged *k = &ctl->conf_stage->key[i];
		const char *value = k->value ? k->value : files_own;

		if (!k->is)
			continue;
		note(call->audit_old, chq_site_schema.keys[i].path, value);
		json_array_append_new(rows, json_pack("{s:s, s:s, s:i}", "key",
						      chq_site_schema.keys[i].path, "forgotten",
						      value, "by_uid", (int)k->uid));
	}
	ctl_conf_forget(ctl);
	ctl_answer(call, rows, NULL);
}

void
ctl_conf_rollback(struct ctl_call *call)
{
	const struct conf_stage *st = call->ctl->conf_stage;

	if (!st) {
		undo(call);
		return;
	}
	if (!st->trial) {
		unstage(call);
		return;
	}
	CHQ_LOG_WARN("conf-went-back", "uid=%u pid=%d", call->uid, call->pid);
	end_trial(call->ctl, call);
}
