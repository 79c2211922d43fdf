/*
 * The configuration while the server runs: what the file says otherwise, and what of that can be taken over
 * without a restart. Values that other threads read, or that something was made of at the start, cannot.
 */
#include "control/ctl_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/conf_value.h"
#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/dp_send.h"

/* Read by the event loop whenever they are needed. */
static const char *const live_keys[] = {
	"log.level",
	"limits.frames_per_second",
	"limits.bytes_per_second",
	"limits.account_frames_per_second",
	"limits.account_bytes_per_second",
	"limits.prelogin_frames_per_second",
	"limits.prelogin_bytes_per_second",
	"limits.burst",
	"limits.notices_per_second",
	"limits.handshakes_per_second",
	"limits.handshakes_per_prefix",
	"grants.days",
	"grants.reply_days",
	"p2p.share_addresses",
	"audit.keep",
};

bool
ctl_conf_is_live(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(live_keys); i++)
		if (!strcmp(live_keys[i], path))
			return true;
	return false;
}

static bool
differs(const struct chq_conf_key *key, const void *a, const void *b, char **was, char **is)
{
	*was = chq_conf_value_text(key, a);
	*is = chq_conf_value_text(key, b);
	if (*was && *is && strcmp(*was, *is) != 0)
		return true;
	free(*was);
	free(*is);
	return false;
}

/* Every key whose value differs or is staged, with what it takes to change it. */
static json_t *
diff_rows(struct control *ctl, const struct chq_site_conf *file)
{
	json_t *rows = json_array(), *row;

	for (size_t i = 0; i < chq_site_schema.count; i++) {
		const struct chq_conf_key *key = &chq_site_schema.keys[i];
		bool live = ctl_conf_is_live(key->path), other, staged;
		char *was = chq_conf_value_text(key, ctl->conf);
		char *is = chq_conf_value_text(key, file);

		other = was && is && strcmp(was, is) != 0;
		row = json_pack("{s:s, s:s*, s:s*, s:s}", "key", key->path, "running", was, "file",
				is, "takes", live ? "reload" : "restart");
		staged = ctl_conf_staged(ctl, i, row);
		if (other || staged)
			json_array_append(rows, row);
		json_decref(row);
		free(was);
		free(is);
	}
	return rows;
}

static size_t
field_bytes(const struct chq_conf_key *key)
{
	switch (key->type) {
	case CHQ_CONF_BOOL: return sizeof(bool);
	case CHQ_CONF_U32:
	case CHQ_CONF_WORD: return sizeof(uint32_t);
	case CHQ_CONF_BYTES:
	case CHQ_CONF_TIME: return sizeof(uint64_t);
	default: return 0; /* what owns memory, or is made something of */
	}
}

bool
ctl_conf_take_over(struct control *ctl, const struct chq_site_conf *file)
{
	struct chq_site_conf *conf = ctl->conf_live;
	const size_t limits = offsetof(struct chq_site_conf, limits);
	bool limits_changed = false;
	char *was, *is;

	for (size_t i = 0; i < chq_site_schema.count; i++) {
		const struct chq_conf_key *key = &chq_site_schema.keys[i];
		size_t n = field_bytes(key);

		if (!n || !ctl_conf_is_live(key->path) || !differs(key, conf, file, &was, &is))
			continue;
		CHQ_LOG_WARN("conf-changed", "key=%s from=%s to=%s", key->path, CHQ_Q(was),
			     CHQ_Q(is));
		free(was);
		free(is);
		memcpy((char *)conf + key->offset, (const char *)file + key->offset, n);
		if (strncmp(key->path, "limits.", 7) != 0)
			continue;
		memcpy((char *)&ctl->limits + key->offset - limits,
		       (const char *)file + key->offset, n);
		limits_changed = true;
	}
	chq_log_set_level((enum chq_log_level)conf->log.level);
	return limits_changed;
}

int
ctl_conf_load(struct control *ctl, const char *overrides, struct chq_site_conf *conf,
	      struct chq_conf_error *why)
{
	if (ctl->conf_live && ctl->conf_path)
		return chq_site_conf_load_over(ctl->conf_path, overrides, conf, why);
	snprintf(why->text, sizeof(why->text), "this server was started without a file");
	return CHQ_EUNAVAIL;
}

/* Nobody waits for it; what is lost is sent again with the next connection. */
static void
told(void *arg, const struct chq_dp_hdr *answer)
{
	(void)arg;
	(void)answer;
}

void
ctl_conf_tell(struct control *ctl, bool limits)
{
	if (limits && dp_link_up(&ctl->link))
		dp_call_server(ctl, told, NULL);
}

int
ctl_conf_reload(struct control *ctl)
{
	struct chq_conf_error why;
	struct chq_site_conf file;
	int rc = ctl_conf_load(ctl, ctl_conf_trial(ctl), &file, &why);

	if (rc) {
		CHQ_LOG_ERROR("reload-refused", "why=%s", CHQ_Q(why.text));
		return rc;
	}
	ctl_conf_tell(ctl, ctl_conf_take_over(ctl, &file));
	CHQ_LOG_INFO("reloaded", "");
	chq_site_conf_free(&file);
	return CHQ_OK;
}

/* Return: false if the call was refused. */
static bool
load_for(struct ctl_call *call, const char *overrides, struct chq_site_conf *file)
{
	struct chq_conf_error why;
	int rc = ctl_conf_load(call->ctl, overrides, file, &why);

	if (rc)
		ctl_refuse(call, rc == CHQ_ENOENT ? CHQ_ECONF : rc, NULL, "%s", why.text);
	return rc == CHQ_OK;
}

static void
conf_diff(struct ctl_call *call)
{
	struct chq_site_conf file;

	if (!load_for(call, NULL, &file))
		return;
	ctl_answer(call, diff_rows(call->ctl, &file), NULL);
	chq_site_conf_free(&file);
}

/* A call that waits for the dataplane with its answer. */
struct ending {
	struct ctl_call *call;
	json_t *data;
};

static void
ended(void *arg, const struct chq_dp_hdr *answer)
{
	struct ending *e = arg;

	if (answer) {
		ctl_answer(e->call, e->data, NULL);
	} else {
		json_decref(e->data);
		ctl_refuse(e->call, CHQ_EUNKNOWNRESULT, NULL,
			   "the dataplane went away meanwhile; it will be told when it is back");
	}
	free(e);
}

void
ctl_conf_end(struct ctl_call *call, bool limits, json_t *data)
{
	struct control *ctl = call->ctl;
	struct ending *e = limits && dp_link_up(&ctl->link) ? malloc(sizeof(*e)) : NULL;

	if (e) {
		*e = (struct ending){ call, data };
		if (dp_call_server(ctl, ended, e) == 0)
			return;
		free(e);
	}
	ctl_answer(call, data, NULL);
}

static void
conf_reload(struct ctl_call *call)
{
	struct chq_site_conf file;
	bool limits;

	if (!load_for(call, ctl_conf_trial(call->ctl), &file))
		return;
	limits = ctl_conf_take_over(call->ctl, &file);
	ctl_conf_end(call, limits, diff_rows(call->ctl, &file));
	chq_site_conf_free(&file);
}

/* --- log --- */

static void
log_level(struct ctl_call *call)
{
	const char *word = call->req.args[0];

	for (size_t i = 0; i <= CHQ_LEVEL_DEBUG; i++) {
		if (strcmp(chq_log_level_name((enum chq_log_level)i), word) != 0)
			continue;
		snprintf(call->audit_old, sizeof(call->audit_old), "%s",
			 chq_log_level_name(chq_log_level()));
		snprintf(call->audit_new, sizeof(call->audit_new), "%s", word);
		chq_log_set_level((enum chq_log_level)i);
		ctl_answer(call, json_pack("{s:s}", "level", word), NULL);
		return;
	}
	ctl_refuse(call, CHQ_EARGS, "level", "error, warn, info or debug is expected");
}

int
ctl_conf_log_reopen(const struct control *ctl)
{
	const char *path = ctl->conf->log.file;
	int rc = *path ? chq_log_file(path) : CHQ_EUNAVAIL;

	if (!rc)
		CHQ_LOG_INFO("log-opened", "");
	else if (*path)
		CHQ_LOG_ERROR("log-not-opened", "path=%s error=%s", CHQ_Q(path), chq_errname(rc));
	return rc;
}

static void
log_reopen(struct ctl_call *call)
{
	const char *path = call->ctl->conf->log.file;
	int rc = ctl_conf_log_reopen(call->ctl);

	if (!*path)
		ctl_refuse(call, rc, NULL, "the log goes to standard error: log.file is empty");
	else if (rc)
		ctl_refuse(call, rc, NULL, "%s: %s", path, chq_strerror(rc));
	else
		ctl_answer(call, json_pack("{s:s}", "file", path), NULL);
}

const struct ctl_verb ctl_verbs_conf[] = {
	{ "conf", "diff", conf_diff },
	{ "conf", "reload", conf_reload },
	{ "conf", "set", ctl_conf_set },
	{ "conf", "commit", ctl_conf_commit },
	{ "conf", "rollback", ctl_conf_rollback },
	{ "log", "level", log_level },
	{ "log", "reopen", log_reopen },
	{ NULL, NULL, NULL },
};
