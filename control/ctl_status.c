#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "store/reader.h"
#include "store/store.h"

static const char *const counter_names[] = {
#define X(id, name, text) [COUNT_##id] = name,
	CONTROL_COUNTERS(X)
#undef X
};

/* As it said in the last second; none while it is away. */
static json_t *
status_workers(const struct control_dp *dp)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < dp->workers; i++)
		json_array_append_new(all,
				      json_pack("{s:i, s:f, s:s}", "worker", (int)i, "busy_share",
						dp->worker[i].busy_permille / 1000.0, "sheds",
						chq_dp_shed_name(dp->worker[i].shed)));
	return all;
}

static json_t *
status_dataplane(const struct control *ctl)
{
	const struct control_dp *dp = &ctl->dp;

	if (!dp->known)
		return json_pack("{s:b}", "connected", 0);
	return json_pack("{s:b, s:b, s:s, s:i, s:I, s:I, s:I, s:I, s:o}", "connected",
			 dp_link_up(&ctl->link), "ready", dp->ready, "driver", dp->driver, "port",
			 (int)dp->port, "generation", (json_int_t)dp->generation, "sessions_max",
			 (json_int_t)dp->sessions_max, "accounts_max", (json_int_t)dp->accounts_max,
			 "rx_missed", (json_int_t)dp->rx_missed, "workers", status_workers(dp));
}

static json_t *
status_store(struct control *ctl)
{
	struct store_stats st;

	store_stats_get(ctl->store, &st);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "jobs", (json_int_t)st.jobs,
			 "jobs_failed", (json_int_t)st.jobs_failed, "jobs_refused",
			 (json_int_t)st.jobs_refused, "commits", (json_int_t)st.commits,
			 "commits_failed", (json_int_t)st.commits_failed, "map_bytes",
			 (json_int_t)st.map_bytes, "used_bytes", (json_int_t)st.used_bytes,
			 "map_max_bytes", (json_int_t)ctl->conf->store.map_max_bytes);
}

static json_t *
status_sessions(const struct control *ctl)
{
	unsigned state[SESSION_REPLACED + 1] = { 0 };

	CHQ_LIST_FOREACH(it, &ctl->sessions.all)
		state[CHQ_LIST_ENTRY(it, struct session, of_all)->state]++;
	return json_pack("{s:i, s:i, s:i, s:i, s:i}", "open", state[SESSION_OPEN], "new",
			 state[SESSION_NEW], "prelogin", state[SESSION_PRELOGIN], "replaced",
			 state[SESSION_REPLACED], "accounts", (int)ctl->sessions.by_account.count);
}

static json_t *
status_mailboxes(struct control *ctl)
{
	struct store_mail_sum sum = { .messages = 0 };
	struct store_txn *txn;
	int delivering = 0;

	if (store_read_begin(ctl->reader, &txn) == 0) {
		store_mail_total(txn, &sum);
		store_read_end(ctl->reader);
	}
	CHQ_LIST_FOREACH(it, &ctl->mail.delivering)
		delivering++;
	return json_pack("{s:I, s:I, s:i, s:i, s:b}", "messages", (json_int_t)sum.messages, "bytes",
			 (json_int_t)sum.bytes, "to_write", (int)ctl->mail.queued, "delivering",
			 delivering, "disk_low", ctl->mail.disk_low);
}

static json_t *
status_counters(const struct control *ctl)
{
	json_t *counters = json_object();

	for (unsigned i = 0; i < COUNT__COUNT; i++)
		json_object_set_new(counters, counter_names[i],
				    json_integer((json_int_t)ctl->count[i]));
	return counters;
}

void
ctl_status_show(struct ctl_call *call)
{
	struct control *ctl = call->ctl;
	uint64_t now = chq_wall_ms();
	bool cert = ctl->keys.cert.not_before_ms <= now && now < ctl->keys.cert.not_after_ms;
	json_t *data = json_pack("{s:b, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "well",
				 ctl->dp.ready && cert, "server", (json_int_t)ctl->conf->server.id,
				 "name", ctl->conf->server.name, "epoch", (json_int_t)ctl->epoch,
				 "started", ctl_time(ctl->started_ms), "certificate_until",
				 ctl_time(ctl->keys.cert.not_after_ms), "dataplane",
				 status_dataplane(ctl), "sessions", status_sessions(ctl), "store",
				 status_store(ctl), "mailboxes", status_mailboxes(ctl), "counters",
				 status_counters(ctl));

	ctl_answer(call, data, NULL);
}

void
ctl_conf_show(struct ctl_call *call)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *data = NULL;

	if (out) {
		chq_conf_print(&chq_site_schema, call->ctl->conf, out);
		if (fclose(out) == 0)
			data = json_pack("{s:s%}", "yaml", text, len);
	}
	free(text);
	if (data)
		ctl_answer(call, data, NULL);
	else
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
}

const struct ctl_verb ctl_verbs_status[] = {
	{ "status", "show", ctl_status_show },
	{ "conf", "show", ctl_conf_show },
	{ NULL, NULL, NULL },
};
