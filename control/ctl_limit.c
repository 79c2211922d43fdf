/*
 * Limits at run time: those that the dataplane keeps. What is set holds until this process ends; the configuration is
 * not written.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/dp_send.h"

enum { LIMIT_VALUE_MAX = 32 };

/* Names as under "limits:" in the configuration, and how they are written there. */
static const struct limit_name {
	const char *name, *unit;
	size_t offset;
	bool wide; /* uint64_t, else uint32_t */
} limit_names[] = {
#define NARROW(f)                                                  \
	{                                                          \
#f, "", offsetof(struct chq_conf_limits, f), false \
	}
#define WIDE(f, u)                                               \
	{                                                        \
#f, u, offsetof(struct chq_conf_limits, f), true \
	}
	NARROW(frames_per_second),
	WIDE(bytes_per_second, "B"),
	NARROW(account_frames_per_second),
	WIDE(account_bytes_per_second, "B"),
	NARROW(prelogin_frames_per_second),
	WIDE(prelogin_bytes_per_second, "B"),
	{ "burst", "ms", offsetof(struct chq_conf_limits, burst_ms), true },
	NARROW(notices_per_second),
	NARROW(handshakes_per_second),
	NARROW(handshakes_per_prefix),
};

static uint64_t
limit_get(const struct chq_conf_limits *l, const struct limit_name *n)
{
	const char *field = (const char *)l + n->offset;

	return n->wide ? *(const uint64_t *)(const void *)field
		       : *(const uint32_t *)(const void *)field;
}

static json_t *
limit_json(const struct control *ctl, const struct limit_name *n)
{
	uint64_t now = limit_get(&ctl->limits, n), conf = limit_get(&ctl->conf->limits, n);

	return json_pack("{s:s, s:I, s:s, s:I}", "limit", n->name, "value", (json_int_t)now, "unit",
			 n->unit, "configured", (json_int_t)conf);
}

void
ctl_limit_show(struct ctl_call *call)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < ARRAY_LEN(limit_names); i++)
		json_array_append_new(rows, limit_json(call->ctl, &limit_names[i]));
	ctl_answer(call, rows, NULL);
}

/* --- set --- */

static const struct limit_name *
limit_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(limit_names); i++)
		if (!strcmp(limit_names[i].name, name))
			return &limit_names[i];
	return NULL;
}

/* Nothing but what a number with its unit is made of: it becomes a line of a file. */
static bool
value_plain(const char *value)
{
	return *value && strlen(value) <= LIMIT_VALUE_MAX &&
	       strspn(value, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
		       strlen(value);
}

/* The configuration's own rules: a file with all limits as they are, but for this one. */
static int
limits_parse(const struct chq_conf_limits *now, const struct limit_name *changed, const char *value,
	     struct chq_conf_limits *out, struct chq_conf_error *err)
{
	struct chq_site_conf conf;
	char text[1024] = "limits:\n";
	size_t len = strlen(text);
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(limit_names); i++) {
		const struct limit_name *n = &limit_names[i];

		if (n == changed)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "  %s: %s\n",
						n->name, value);
		else
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"  %s: %" PRIu64 "%s\n", n->name, limit_get(now, n),
						n->unit);
	}
	rc = chq_conf_parse(&chq_site_schema, "limit", text, len, &conf, err);
	if (rc)
		return rc;
	*out = conf.limits;
	chq_site_conf_free(&conf);
	/* What this verb does not set. */
	out->login_failures_per_account = now->login_failures_per_account;
	out->login_failures_per_address = now->login_failures_per_address;
	out->prelogin_time_ms = now->prelogin_time_ms;
	return CHQ_OK;
}

static void
limit_done(void *arg, const struct chq_dp_hdr *answer)
{
	struct ctl_call *call = arg;

	if (answer)
		ctl_answer(call, limit_json(call->ctl, limit_named(call->req.args[0])), NULL);
	else
		ctl_refuse(call, CHQ_EUNKNOWNRESULT, NULL,
			   "the dataplane went away meanwhile; it will be told when it is back");
}

static void
limits_take(struct ctl_call *call, const struct chq_conf_limits *next, const struct limit_name *n)
{
	struct control *ctl = call->ctl;
	struct chq_conf_limits was = ctl->limits;

	if (!dp_link_up(&ctl->link)) {
		ctl_refuse(call, CHQ_EUNAVAIL, NULL, "the dataplane is away");
		return;
	}
	ctl->limits = *next;
	if (dp_call_server(ctl, limit_done, call) != 0) {
		ctl->limits = was;
		ctl_refuse_code(call, CHQ_EUNAVAIL, NULL);
		return;
	}
	snprintf(call->audit_old, sizeof(call->audit_old), "%llu%s",
		 (unsigned long long)limit_get(&was, n), n->unit);
	snprintf(call->audit_new, sizeof(call->audit_new), "%llu%s",
		 (unsigned long long)limit_get(next, n), n->unit);
	CHQ_LOG_WARN("limit-set", "limit=%s from=%llu to=%llu uid=%u pid=%d", n->name,
		     (unsigned long long)limit_get(&was, n), (unsigned long long)limit_get(next, n),
		     call->uid, call->pid);
}

void
ctl_limit_set(struct ctl_call *call)
{
	const struct limit_name *n = limit_named(call->req.args[0]);
	const char *value = call->req.args[1], *why;
	struct chq_conf_limits next;
	struct chq_conf_error err;

	if (!n) {
		ctl_refuse(call, CHQ_EARGS, "limit", "no such limit; `limit show` lists them");
		return;
	}
	if (!value_plain(value)) {
		ctl_refuse(call, CHQ_EARGS, "value", "a number with its unit is expected");
		return;
	}
	if (limits_parse(&call->ctl->limits, n, value, &next, &err) != CHQ_OK) {
		why = strstr(err.text, ": "); /* behind the place in the file */
		ctl_refuse(call, CHQ_EARGS, "value", "%s", why ? why + 2 : err.text);
		return;
	}
	limits_take(call, &next, n);
}

const struct ctl_verb ctl_verbs_limit[] = {
	{ "limit", "show", ctl_limit_show },
	{ "limit", "set", ctl_limit_set },
	{ NULL, NULL, NULL },
};
