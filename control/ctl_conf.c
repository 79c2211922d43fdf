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

static bool
is_live(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(live_keys); i++)
		if (!strcmp(live_keys[i], path))
			return true;
	return false;
}

/* A value as the file would say it. To be freed; NULL without memory. */
static char *
value_text(const struct chq_conf_key *key, const void *conf)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	chq_conf_value_print(key, conf, f);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

static bool
differs(const struct chq_conf_key *key, const void *a, const void *b, char **was, char **is)
{
	*was = value_text(key, a);
	*is = value_text(key, b);
	if (*was && *is && strcmp(*was, *is) != 0)
		return true;
	free(*was);
	free(*is);
	return false;
}

/* Every key whose value differs, with what it takes to change it. */
static json_t *
diff_rows(const struct chq_site_conf *running, const struct chq_site_conf *file)
{
	json_t *rows = json_array();
	char *was, *is;

	for (size_t i = 0; i < chq_site_schema.count; i++) {
		const struct chq_conf_key *key = &chq_site_schema.keys[i];

		if (!differs(key, running, file, &was, &is))
			continue;
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s}", "key", key->path,
						      "running", was, "file", is, "takes",
						      is_live(key->path) ? "reload" : "restart"));
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

/* Take over what can be. Return: whether a limit of the dataplane is among it. */
static bool
take_over(struct control *ctl, const struct chq_site_conf *file)
{
	struct chq_site_conf *conf = ctl->conf_live;
	const size_t limits = offsetof(struct chq_site_conf, limits);
	bool limits_changed = false;
	char *was, *is;

	for (size_t i = 0; i < chq_site_schema.count; i++) {
		const struct chq_conf_key *key = &chq_site_schema.keys[i];
		size_t n = field_bytes(key);

		if (!n || !is_live(key->path) || !differs(key, conf, file, &was, &is))
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

/* The file. Return: 0; codes of loading it, with @why. */
static int
load(struct control *ctl, struct chq_site_conf *file, struct chq_conf_error *why)
{
	if (ctl->conf_live && ctl->conf_path)
		return chq_site_conf_load(ctl->conf_path, file, why);
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

int
ctl_conf_reload(struct control *ctl)
{
	struct chq_conf_error why;
	struct chq_site_conf file;
	int rc = load(ctl, &file, &why);

	if (rc) {
		CHQ_LOG_ERROR("reload-refused", "why=%s", CHQ_Q(why.text));
		return rc;
	}
	if (take_over(ctl, &file) && dp_link_up(&ctl->link))
		dp_call_server(ctl, told, NULL);
	CHQ_LOG_INFO("reloaded", "");
	chq_site_conf_free(&file);
	return CHQ_OK;
}

/* Return: false if the call was refused. */
static bool
load_for(struct ctl_call *call, struct chq_site_conf *file)
{
	struct chq_conf_error why;
	int rc = load(call->ctl, file, &why);

	if (rc)
		ctl_refuse(call, rc == CHQ_ENOENT ? CHQ_ECONF : rc, NULL, "%s", why.text);
	return rc == CHQ_OK;
}

static void
conf_diff(struct ctl_call *call)
{
	struct chq_site_conf file;

	if (!load_for(call, &file))
		return;
	ctl_answer(call, diff_rows(call->ctl->conf, &file), NULL);
	chq_site_conf_free(&file);
}

/* The answer of the dataplane: what differs now is what takes a restart. */
static void
reload_done(void *arg, const struct chq_dp_hdr *answer)
{
	struct ctl_call *call = arg;
	struct chq_site_conf file;

	if (!answer)
		ctl_refuse(call, CHQ_EUNKNOWNRESULT, NULL,
			   "the dataplane went away meanwhile; it will be told when it is back");
	else if (load_for(call, &file)) {
		ctl_answer(call, diff_rows(call->ctl->conf, &file), NULL);
		chq_site_conf_free(&file);
	}
}

static void
conf_reload(struct ctl_call *call)
{
	struct control *ctl = call->ctl;
	struct chq_site_conf file;
	bool limits;
	json_t *left;

	if (!load_for(call, &file))
		return;
	limits = take_over(ctl, &file);
	left = diff_rows(ctl->conf, &file);
	chq_site_conf_free(&file);
	if (limits && dp_link_up(&ctl->link) && dp_call_server(ctl, reload_done, call) == 0) {
		json_decref(left);
		return;
	}
	ctl_answer(call, left, NULL);
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

const struct ctl_verb ctl_verbs_conf[] = {
	{ "conf", "diff", conf_diff },
	{ "conf", "reload", conf_reload },
	{ "log", "level", log_level },
	{ NULL, NULL, NULL },
};
