/* The database for operators: its sizes, its check, copies of it, what has been kept long enough. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/log.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_task.h"
#include "control/ctl_verbs.h"
#include "store/backup.h"
#include "store/gc.h"
#include "store/reader.h"
#include "store/stat.h"
#include "store/verify.h"
#include "store/writer.h"

enum { FAULTS_SHOWN = 100, DAYS_MAX = 36500 };

/* --- stat --- */

static void
stat_table(void *arg, const struct store_table_stat *s)
{
	json_array_append_new(arg, json_pack("{s:s, s:I, s:I, s:i}", "table", s->name, "records",
					     (json_int_t)s->records, "bytes", (json_int_t)s->bytes,
					     "depth", (int)s->depth));
}

static int
stat_read(struct ctl_task *t, struct store_txn *txn)
{
	json_t *tables = json_array();
	struct store_stat s;
	int rc = store_stat_read(txn, &s, stat_table, tables);

	if (rc) {
		json_decref(tables);
		return rc;
	}
	t->data = json_pack("{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:o}", "file_bytes",
			    (json_int_t)s.file_bytes, "free_bytes", (json_int_t)s.free_bytes,
			    "map_bytes", (json_int_t)s.map_bytes, "map_max_bytes",
			    (json_int_t)s.map_max_bytes, "map_used",
			    (double)(s.file_bytes - s.free_bytes) / (double)s.map_max_bytes,
			    "transaction", (json_int_t)s.transaction, "readers",
			    (json_int_t)s.readers, "readers_max", (json_int_t)s.readers_max,
			    "oldest_snapshot_behind", (json_int_t)(s.transaction - s.oldest),
			    "oldest_snapshot_pid", (json_int_t)s.oldest_pid, "tables", tables);
	return CHQ_OK;
}

static int
stat_work(struct ctl_task *t)
{
	return ctl_task_read(t, stat_read);
}

void
ctl_store_stat(struct ctl_call *call)
{
	ctl_task_begin(call, "store stat", stat_work, NULL);
}

/* --- verify --- */

static void
verify_fault(void *arg, const char *table, const char *what, uint64_t id)
{
	json_t *faults = arg;

	if (json_array_size(faults) < FAULTS_SHOWN)
		json_array_append_new(faults, json_pack("{s:s, s:I, s:s}", "table", table, "id",
							(json_int_t)id, "fault", what));
}

static int
verify_read(struct ctl_task *t, struct store_txn *txn)
{
	const struct store_progress p = { &t->done, &t->total, t->ending };
	json_t *faults = json_array(), *first;
	struct store_verify v;
	int rc;

	store_read_watch(txn, &p);
	rc = store_verify_all(txn, &v, verify_fault, faults);
	if (!rc && v.faults) {
		first = json_array_get(faults, 0);
		CHQ_LOG_ERROR("store-damaged", "faults=%llu", (unsigned long long)v.faults);
		rc = chq_ctl_error_set(&t->fault, CHQ_ECORRUPT, NULL,
				       "%llu faults; table %s, %lld: %s",
				       (unsigned long long)v.faults,
				       json_string_value(json_object_get(first, "table")),
				       (long long)json_integer_value(json_object_get(first, "id")),
				       json_string_value(json_object_get(first, "fault")));
	}
	json_decref(faults);
	if (rc)
		return rc;
	t->data = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sound", 1, "accounts",
			    (json_int_t)v.accounts, "devices", (json_int_t)v.devices, "friendships",
			    (json_int_t)v.friendships, "departments", (json_int_t)v.departments,
			    "members", (json_int_t)v.members, "rules", (json_int_t)v.rules,
			    "audit_records", (json_int_t)v.audits);
	return CHQ_OK;
}

static int
verify_work(struct ctl_task *t)
{
	return ctl_task_read(t, verify_read);
}

void
ctl_store_verify(struct ctl_call *call)
{
	ctl_task_begin(call, "store verify", verify_work, NULL);
}

/* --- backup --- */

struct backup {
	char *dir;
	bool compact;
};

static int
backup_work(struct ctl_task *t)
{
	const struct store_progress p = { &t->done, &t->total, t->ending };
	const struct backup *b = t->arg;
	struct store_manifest m = { .server = t->ctl->conf->server.id, .made_ms = chq_wall_ms() };
	char hash[CHQ_HEX_LEN(sizeof(m.sha256)) + 1];
	int rc = store_backup(t->store, b->dir, b->compact, &p, &m);

	if (rc)
		return chq_ctl_error_set(&t->fault, rc, "folder", "%.100s: %s", b->dir,
					 rc == CHQ_EEXIST ? "there is something in it already"
							  : chq_strerror(rc));
	chq_hex_encode(hash, m.sha256, sizeof(m.sha256));
	t->data = json_pack("{s:s, s:I, s:I, s:s, s:o}", "folder", b->dir, "bytes",
			    (json_int_t)m.bytes, "schema", (json_int_t)m.schema, "sha256", hash,
			    "made", ctl_time(m.made_ms));
	return CHQ_OK;
}

void
ctl_store_backup(struct ctl_call *call)
{
	const char *dir = call->req.args[0];
	size_t len = strlen(dir);
	struct backup *b;

	if (dir[0] != '/' || len > 3000) {
		ctl_refuse(call, CHQ_EARGS, "folder",
			   "an absolute path is expected, where chasqui-control may write");
		return;
	}
	b = malloc(sizeof(*b) + len + 1);
	if (!b) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		return;
	}
	b->dir = (char *)(b + 1);
	memcpy(b->dir, dir, len + 1);
	b->compact = chq_ctl_opt(&call->req, "compact") != NULL;
	ctl_task_begin(call, "store backup", backup_work, b);
}

/* --- gc --- */

struct gc {
	struct store_gc at, next;
};

static int
gc_job(struct store_txn *txn, void *arg)
{
	struct gc *g = arg;

	return store_gc_step(txn, &g->at, &g->next);
}

static int
gc_work(struct ctl_task *t)
{
	struct gc *g = t->arg;
	int rc = CHQ_OK;

	while (!rc && !(g->at.accounts_done && g->at.audit_done)) {
		rc = store_write_sync(t->store, gc_job, g);
		if (!rc)
			g->at = g->next;
		if (!rc && atomic_load_explicit(t->ending, memory_order_relaxed))
			rc = CHQ_ECANCELED;
		if (rc == CHQ_EAGAIN)
			rc = chq_ctl_error_set(
				&t->fault, CHQ_EBUSY_LATER, NULL,
				"too much is being written; what was done stays done");
	}
	if (rc)
		return rc;
	t->data = json_pack("{s:I, s:I, s:I}", "accounts_ended", (json_int_t)g->at.accounts_ended,
			    "accounts_kept", (json_int_t)g->at.accounts_kept, "audit_records",
			    (json_int_t)g->at.audit_removed);
	return CHQ_OK;
}

/* "90d". Return: days; 0 if it is none. */
static uint64_t
days(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *text >= '1' && *text <= '9' && !strcmp(end, "d") && n <= DAYS_MAX ? n : 0;
}

static uint64_t
ago(uint64_t ms)
{
	uint64_t now = chq_wall_ms();

	return ms < now ? now - ms : 0;
}

void
ctl_store_gc(struct ctl_call *call)
{
	const char *older = chq_ctl_opt(&call->req, "older");
	uint64_t n = days(older), keep_ms = call->ctl->conf->audit.keep_ms;
	struct gc *g;

	if (!n) {
		ctl_refuse(call, CHQ_EARGS, "older", "days such as 90d are expected");
		return;
	}
	g = calloc(1, sizeof(*g));
	if (!g) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		return;
	}
	g->at.before_ms = ago(n * CHQ_MS_PER_DAY);
	g->at.audit_before_ms = ago(n * CHQ_MS_PER_DAY > keep_ms ? n * CHQ_MS_PER_DAY : keep_ms);
	ctl_task_begin(call, "store gc", gc_work, g);
}

/* --- what is under way --- */

void
ctl_store_progress(struct ctl_call *call)
{
	ctl_answer(call, ctl_task_list(call->ctl), NULL);
}

void
ctl_store_tick(struct control *ctl, uint64_t now_ms)
{
	int n;

	if (now_ms < ctl->readers_due_ms)
		return;
	ctl->readers_due_ms = now_ms + 60000;
	n = store_readers_clear(ctl->store);
	if (n > 0)
		CHQ_LOG_WARN("store-readers-cleared", "dead=%d", n);
}

const struct ctl_verb ctl_verbs_store[] = {
	{ "store", "stat", ctl_store_stat },	     { "store", "verify", ctl_store_verify },
	{ "store", "backup", ctl_store_backup },     { "store", "gc", ctl_store_gc },
	{ "store", "progress", ctl_store_progress }, { NULL, NULL, NULL },
};
