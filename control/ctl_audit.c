/* What operators have changed: shown, checked, given out. */
#include "control/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/hex.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_task.h"
#include "control/ctl_verbs.h"
#include "store/account.h"

enum {
	TAIL_DEFAULT = 20,
	ROWS_MAX = 1000,
	EXPORT_DEFAULT = 500,
	PAGE_BYTES = 256 << 10, /* of texts: escaped they may become three times as long */
	LOOK_EACH = 1024,	/* records between looks at whether to end */
	FAULTS_SHOWN = 100,
};

/* What is asked for. */
struct ask {
	uint64_t limit, cursor, since_ms;
	bool of_user;
	char user[STORE_LOGIN_MAX_BYTES + 1], verb[STORE_AUDIT_VERB_MAX_BYTES + 1];
	struct store_audit_head known;
};

static json_t *
record_json(const struct store_audit *a)
{
	char hash[CHQ_HEX_LEN(STORE_AUDIT_HASH_BYTES) + 1];

	chq_hex_encode(hash, a->hash, sizeof(a->hash));
	return json_pack("{s:I, s:o, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "record",
			 (json_int_t)a->number, "time", ctl_time(a->time_ms), "uid",
			 (json_int_t)a->uid, "pid", (json_int_t)a->pid, "verb", a->verb, "target",
			 a->target, "old", a->old, "new", a->new, "account", (json_int_t)a->account,
			 "peer", (json_int_t)a->peer, "hash", hash);
}

static size_t
record_bytes(const struct store_audit *a)
{
	return 512 + strlen(a->verb) + strlen(a->target) + strlen(a->old) + strlen(a->new);
}

/* --- tail --- */

/* "user" is every verb of that noun. */
static bool
verb_is(const char *verb, const char *asked)
{
	size_t len = strlen(asked);

	return len == 0 ||
	       (strncmp(verb, asked, len) == 0 && (verb[len] == '\0' || verb[len] == ' '));
}

static bool
fits(const struct ask *q, uint64_t account, const struct store_audit *a)
{
	return (!q->of_user || a->account == account || a->peer == account) &&
	       verb_is(a->verb, q->verb);
}

/* From the newest back; the answer has the newest last. */
static int
tail_read(struct ctl_task *t, struct store_txn *txn)
{
	const struct ask *q = t->arg;
	struct store_account who = { .id = 0 };
	struct store_audit_head head, base;
	struct store_audit a;
	size_t bytes = 0;
	int rc = q->of_user ? store_account_find(txn, q->user, strlen(q->user), &who) : CHQ_OK;

	if (rc)
		return chq_ctl_error_set(&t->fault, CHQ_ENOENT, "user", "no such user");
	rc = store_audit_head(txn, &head);
	if (!rc)
		rc = store_audit_base(txn, &base);
	t->data = json_array();
	for (uint64_t n = head.number;
	     !rc && n > base.number && bytes < PAGE_BYTES && json_array_size(t->data) < q->limit;
	     n--) {
		if (n % LOOK_EACH == 0 && atomic_load_explicit(t->ending, memory_order_relaxed))
			return CHQ_ECANCELED;
		rc = store_audit_get(txn, n, &a);
		if (!rc && a.time_ms < q->since_ms)
			break;
		if (!rc && fits(q, who.id, &a)) {
			json_array_insert_new(t->data, 0, record_json(&a));
			bytes += record_bytes(&a);
		}
	}
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

static int
tail_work(struct ctl_task *t)
{
	return ctl_task_read(t, tail_read);
}

/* "90s", "15min", "24h", "30d" ago. Return: false if it is none of them. */
static bool
since_ago(const char *text, uint64_t *ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || n > 1000000)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t now = chq_wall_ms(), back = n * units[i].ms;

		if (strcmp(end, units[i].unit) != 0)
			continue;
		*ms = back < now ? now - back : 0;
		return true;
	}
	return false;
}

/* A day, or a moment, in UTC. */
static bool
since_date(const char *text, uint64_t *ms)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	time_t s;

	if (end && *end == 'T') {
		end = strptime(end, "T%H:%M:%S", &tm);
		if (end && *end == 'Z')
			end++;
	}
	if (!end || *end)
		return false;
	s = timegm(&tm);
	*ms = s > 0 ? (uint64_t)s * 1000 : 0;
	return true;
}

/* Options of all verbs here. Return: what ctl_task_begin() takes; NULL: the call was refused. */
static struct ask *
ask_new(struct ctl_call *call, uint64_t limit)
{
	const char *user = chq_ctl_opt(&call->req, "user"), *verb = chq_ctl_opt(&call->req, "verb");
	const char *since = chq_ctl_opt(&call->req, "since");
	struct ask *q = calloc(1, sizeof(*q));
	struct chq_ctl_error e = { 0 };

	if (!q) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		return NULL;
	}
	q->limit = limit;
	q->of_user = user != NULL;
	store_audit_text(q->user, STORE_LOGIN_MAX_BYTES, user ? user : "");
	store_audit_text(q->verb, STORE_AUDIT_VERB_MAX_BYTES, verb ? verb : "");
	chq_ctl_opt_number(&call->req, "limit", 1, ROWS_MAX, &q->limit, &e);
	if (!e.err)
		chq_ctl_opt_number(&call->req, "cursor", 0, INT64_MAX, &q->cursor, &e);
	if (!e.err && since && !since_ago(since, &q->since_ms) && !since_date(since, &q->since_ms))
		chq_ctl_error_set(&e, CHQ_EARGS, "since",
				  "a time such as 24h, 30d or 2026-01-31 is expected");
	if (!e.err)
		return q;
	ctl_refuse(call, e.err, e.field, "%s", e.message);
	free(q);
	return NULL;
}

void
ctl_audit_tail(struct ctl_call *call)
{
	struct ask *q = ask_new(call, TAIL_DEFAULT);

	if (q)
		ctl_task_begin(call, "audit tail", tail_work, q);
}

/* --- export --- */

static int
export_read(struct ctl_task *t, struct store_txn *txn)
{
	const struct ask *q = t->arg;
	struct store_audit_head head, base;
	struct store_audit a;
	size_t bytes = 0;
	uint64_t n;
	int rc = store_audit_head(txn, &head);

	if (!rc)
		rc = store_audit_base(txn, &base);
	t->data = json_array();
	for (n = (q->cursor > base.number ? q->cursor : base.number) + 1;
	     !rc && n <= head.number && bytes < PAGE_BYTES && json_array_size(t->data) < q->limit;
	     n++) {
		rc = store_audit_get(txn, n, &a);
		if (!rc && a.time_ms >= q->since_ms) {
			json_array_append_new(t->data, record_json(&a));
			bytes += record_bytes(&a);
		}
	}
	if (!rc && n <= head.number)
		snprintf(t->cursor, sizeof(t->cursor), "%llu", (unsigned long long)n - 1);
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

static int
export_work(struct ctl_task *t)
{
	return ctl_task_read(t, export_read);
}

void
ctl_audit_export(struct ctl_call *call)
{
	struct ask *q = ask_new(call, EXPORT_DEFAULT);

	if (q)
		ctl_task_begin(call, "audit export", export_work, q);
}

/* --- verify --- */

static void
take_fault(void *arg, const char *table, const char *what, uint64_t id)
{
	json_t *faults = arg;

	(void)table;
	if (json_array_size(faults) < FAULTS_SHOWN)
		json_array_append_new(faults, json_pack("{s:I, s:s}", "record", (json_int_t)id,
							"fault", what));
}

static int
verify_read(struct ctl_task *t, struct store_txn *txn)
{
	const struct ask *q = t->arg;
	char head[CHQ_HEX_LEN(STORE_AUDIT_HASH_BYTES) + 1];
	struct store_audit_check found;
	json_t *faults = json_array();
	int rc = store_audit_verify(txn, q->known.number ? &q->known : NULL, &found, take_fault,
				    faults);

	if (!rc && found.faults) {
		rc = chq_ctl_error_set(
			&t->fault, CHQ_ECORRUPT, NULL, "%llu faults; record %llu: %s",
			(unsigned long long)found.faults, (unsigned long long)found.first_fault,
			json_string_value(json_object_get(json_array_get(faults, 0), "fault")));
	}
	json_decref(faults);
	if (rc)
		return rc;
	chq_hex_encode(head, found.head.hash, sizeof(found.head.hash));
	t->data = json_pack("{s:b, s:I, s:I, s:s}", "whole", 1, "records",
			    (json_int_t)found.records, "newest", (json_int_t)found.head.number,
			    "hash", head);
	return CHQ_OK;
}

static int
verify_work(struct ctl_task *t)
{
	return ctl_task_read(t, verify_read);
}

/* NUMBER:HASH, as the log has it. */
static bool
head_parse(const char *text, struct store_audit_head *out)
{
	char *end;

	if (*text < '1' || *text > '9')
		return false;
	out->number = strtoull(text, &end, 10);
	return *end == ':' && chq_hex_decode(out->hash, sizeof(out->hash), end + 1,
					     strlen(end + 1)) == sizeof(out->hash);
}

void
ctl_audit_verify(struct ctl_call *call)
{
	const char *head = chq_ctl_opt(&call->req, "head");
	struct ask *q = ask_new(call, 1);

	if (!q)
		return;
	if (!head || head_parse(head, &q->known)) {
		ctl_task_begin(call, "audit verify", verify_work, q);
		return;
	}
	free(q);
	ctl_refuse(call, CHQ_EARGS, "head", "NUMBER:HASH as in the log's audit lines is expected");
}

const struct ctl_verb ctl_verbs_audit[] = {
	{ "audit", "tail", ctl_audit_tail },
	{ "audit", "verify", ctl_audit_verify },
	{ "audit", "export", ctl_audit_export },
	{ NULL, NULL, NULL },
};
