#include "control/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "control/control.h"
#include "store/mail.h"
#include "store/reader.h"
#include "store/stat.h"
#include "store/store.h"

static void
head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP chasqui_%s %s\n# TYPE chasqui_%s %s\n", name, help, name, type);
}

static void
number(FILE *f, const char *name, const char *type, const char *help, uint64_t value)
{
	head(f, name, type, help);
	fprintf(f, "chasqui_%s %" PRIu64 "\n", name, value);
}

static void
seconds(FILE *f, const char *name, const char *help, uint64_t wall_ms)
{
	head(f, name, "gauge", help);
	fprintf(f, "chasqui_%s %" PRIu64 ".%03u\n", name, wall_ms / 1000,
		(unsigned)(wall_ms % 1000));
}

/* --- of control --- */

static const char *const kinds[] = { "other", "android", "ios", "pc" };

static void
sessions(FILE *f, const struct control *ctl)
{
	uint64_t n[ARRAY_LEN(kinds)] = { 0 };

	CHQ_LIST_FOREACH(it, &ctl->sessions.all) {
		const struct session *s = CHQ_LIST_ENTRY(it, struct session, of_all);

		if (s->state == SESSION_OPEN)
			n[s->kind == CHQ_CLIENT_ANDROID ? 1
			  : s->kind == CHQ_CLIENT_IOS	? 2
			  : s->kind == CHQ_CLIENT_PC	? 3
							: 0]++;
	}
	head(f, "sessions", "gauge", "Sessions that are logged in.");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		fprintf(f, "chasqui_sessions{transport=\"udp\",kind=\"%s\"} %" PRIu64 "\n",
			kinds[i], n[i]);
	number(f, "accounts_online", "gauge", "Accounts with a session.",
	       ctl->sessions.by_account.count);
}

static void
logins(FILE *f, const struct control *ctl)
{
	static const struct {
		const char *result;
		enum control_counter counter;
	} results[] = {
		{ "device", COUNT_LOGIN_KEY },	    { "password", COUNT_LOGIN_PASSWORD },
		{ "wrong", COUNT_LOGIN_WRONG },	    { "disabled", COUNT_LOGIN_DISABLED },
		{ "limited", COUNT_LOGIN_LIMITED }, { "busy", COUNT_LOGIN_BUSY },
	};

	head(f, "logins_total", "counter", "Logins, by how they went.");
	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		fprintf(f, "chasqui_logins_total{result=\"%s\"} %" PRIu64 "\n", results[i].result,
			ctl->count[results[i].counter]);
}

static void
presence(FILE *f, const struct control *ctl)
{
	head(f, "presence_updates_total", "counter",
	     "News of presence to sessions: pushed, or left to the list that they ask for anew.");
	fprintf(f,
		"chasqui_presence_updates_total{result=\"sent\"} %" PRIu64
		"\nchasqui_presence_updates_total{result=\"coalesced\"} %" PRIu64 "\n",
		ctl->count[COUNT_PRESENCE_SENT], ctl->count[COUNT_PRESENCE_COALESCED]);
}

/* All that control counts, each under its own name. */
static void
counters(FILE *f, const struct control *ctl)
{
	static const struct {
		const char *name, *text;
	} all[] = {
#define X(id, name, text) { name, text },
		CONTROL_COUNTERS(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		fprintf(f,
			"# HELP chasqui_control_%s_total %s\n# TYPE chasqui_control_%s_total "
			"counter\nchasqui_control_%s_total %" PRIu64 "\n",
			all[i].name, all[i].text, all[i].name, all[i].name, ctl->count[i]);
	}
}

static void
table_records(void *arg, const struct store_table_stat *t)
{
	FILE *f = arg;

	if (strcmp(t->name, "free") != 0 && strcmp(t->name, "meta") != 0)
		fprintf(f, "chasqui_store_records{table=\"%s\"} %" PRIu64 "\n", t->name,
			t->records);
}

static void
store(FILE *f, struct control *ctl)
{
	struct store_mail_sum mail;
	struct store_stats st;
	struct store_txn *txn;

	store_stats_get(ctl->store, &st);
	number(f, "store_map_bytes", "gauge", "Size of the database's map.", st.map_bytes);
	number(f, "store_map_used_bytes", "gauge", "Of it, up to the last page ever used.",
	       st.used_bytes);
	number(f, "store_commits_total", "counter", "Transactions that reached the disk.",
	       st.commits);
	number(f, "store_commits_failed_total", "counter", "Transactions that did not.",
	       st.commits_failed);
	number(f, "store_jobs_total", "counter", "Changes that were written.", st.jobs);
	number(f, "store_jobs_refused_total", "counter", "Changes refused because too many waited.",
	       st.jobs_refused);
	if (store_read_begin(ctl->reader, &txn) != 0)
		return;
	if (store_mail_total(txn, &mail) == 0) {
		number(f, "offline_messages", "gauge", "Messages that wait for absent devices.",
		       mail.messages);
		number(f, "offline_bytes", "gauge", "Of them, payload.", mail.bytes);
	}
	head(f, "store_records", "gauge", "Records of each table.");
	store_stat_tables(txn, table_records, f);
	store_read_end(ctl->reader);
}

static void
workers(FILE *f, const struct control_dp *dp)
{
	head(f, "lcore_busy_ratio", "gauge", "Share of the last second that a worker was busy.");
	for (uint32_t i = 0; i < dp->workers; i++)
		fprintf(f, "chasqui_lcore_busy_ratio{worker=\"%u\"} %u.%03u\n", i,
			dp->worker[i].busy_permille / 1000, dp->worker[i].busy_permille % 1000);
}

/* --- of the dataplane --- */

static uint64_t
count_of(const json_t *counts, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(counts, name));

	return n > 0 ? (uint64_t)n : 0;
}

/* Names become labels: letters, digits and hyphens only. */
static int
plain(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

static void
dropped(FILE *f, const json_t *total)
{
	const char *name;
	json_t *v;

	head(f, "frames_dropped_total", "counter", "Datagrams that were dropped, by reason.");
	json_object_foreach((json_t *)(uintptr_t)total, name, v)
	{
		if (!strncmp(name, "drop-", 5) && plain(name + 5) && json_is_integer(v))
			fprintf(f, "chasqui_frames_dropped_total{reason=\"%s\"} %" PRIu64 "\n",
				name + 5, count_of(total, name));
	}
}

static void
dataplane(FILE *f, const json_t *dp)
{
	const json_t *total = json_object_get(dp, "total"), *list = json_object_get(dp, "workers");
	const json_t *program = json_object_get(dp, "program");
	size_t n = json_array_size(list);

	head(f, "frames_received_total", "counter", "Datagrams to our port.");
	for (size_t i = 0; i < n; i++)
		fprintf(f, "chasqui_frames_received_total{worker=\"%zu\"} %" PRIu64 "\n", i,
			count_of(json_array_get(list, i), "rx"));
	if (program)
		fprintf(f, "chasqui_frames_received_total{worker=\"program\"} %" PRIu64 "\n",
			count_of(program, "rx"));
	head(f, "frames_forwarded_total", "counter", "Frames forwarded to another session.");
	fprintf(f, "chasqui_frames_forwarded_total{path=\"local\"} %" PRIu64 "\n",
		count_of(total, "forward"));
	head(f, "frame_bytes_total", "counter", "UDP payload.");
	fprintf(f,
		"chasqui_frame_bytes_total{dir=\"in\"} %" PRIu64
		"\nchasqui_frame_bytes_total{dir=\"out\"} %" PRIu64 "\n",
		count_of(total, "rx-bytes"), count_of(total, "tx-bytes"));
	dropped(f, total);
	number(f, "frames_missed_total", "counter",
	       "Packets that a port lost before a worker saw them.", count_of(total, "rx-missed"));
	head(f, "ratelimited_total", "counter", "Frames refused for being too many.");
	fprintf(f,
		"chasqui_ratelimited_total{scope=\"session\"} %" PRIu64
		"\nchasqui_ratelimited_total{scope=\"account\"} %" PRIu64
		"\nchasqui_ratelimited_total{scope=\"prefix\"} %" PRIu64 "\n",
		count_of(total, "drop-quota-frames") + count_of(total, "drop-quota-bytes"),
		count_of(total, "drop-quota-account"), count_of(total, "drop-hello-prefix"));
}

char *
metrics_text(struct control *ctl, const json_t *dp, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	head(f, "build_info", "gauge", "Version of chasqui-control.");
	fprintf(f, "chasqui_build_info{version=\"%s\"} 1\n", CONTROL_VERSION);
	number(f, "ready", "gauge", "Whether the dataplane is connected and its sessions known.",
	       ctl->dp.ready);
	number(f, "dataplane_up", "gauge", "Whether the dataplane tells its counters.", dp != NULL);
	number(f, "server_epoch", "gauge", "Rises at each start of chasqui-control.", ctl->epoch);
	seconds(f, "start_time_seconds", "When chasqui-control was started, since 1970.",
		ctl->started_ms);
	seconds(f, "certificate_expiry_seconds", "When the server's certificate ends, since 1970.",
		ctl->keys.cert.not_after_ms);
	sessions(f, ctl);
	logins(f, ctl);
	presence(f, ctl);
	store(f, ctl);
	if (ctl->dp.known)
		workers(f, &ctl->dp);
	if (dp)
		dataplane(f, dp);
	counters(f, ctl);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}
