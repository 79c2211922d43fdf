#include "control/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_server.h"
#include "control/write.h"

/* Texts of any length, one after another, between spaces. */
struct words {
	char *out;
	size_t max, used;
};

static void
words_add(struct words *w, const char *before, const char *text)
{
	if (w->used && w->used < w->max)
		w->out[w->used++] = ' ';
	store_audit_text(w->out + w->used, w->max - w->used, before);
	w->used += strlen(w->out + w->used);
	store_audit_text(w->out + w->used, w->max - w->used, text);
	w->used += strlen(w->out + w->used);
}

static void
options_text(const struct ctl_call *call, char *out)
{
	struct words w = { out, STORE_AUDIT_TEXT_MAX_BYTES, 0 };

	for (const struct chq_ctl_opt *o = call->req.verb->opts; o->name; o++) {
		const char *value = chq_ctl_opt(&call->req, o->name);
		char name[CHQ_CTL_FIELD_MAX + 2];

		if (!value)
			continue;
		snprintf(name, sizeof(name), "%s%s", o->name, *value ? "=" : "");
		words_add(&w, name, o->flags & CHQ_CTL_OPT_SECRET ? "***" : value);
	}
}

void
audit_of_call(const struct ctl_call *call, struct store_audit *out)
{
	const struct chq_ctl_verb *v = call->req.verb;
	struct words target = { out->target, STORE_AUDIT_TEXT_MAX_BYTES, 0 };

	*out = (struct store_audit){ .time_ms = chq_wall_ms(),
				     .uid = call->uid,
				     .pid = call->pid,
				     .account = call->account,
				     .peer = call->peer };
	snprintf(out->verb, sizeof(out->verb), "%s%s%s", v->noun, *v->verb ? " " : "", v->verb);
	for (unsigned i = 0; i < call->req.argc; i++)
		words_add(&target, "", call->req.args[i]);
	store_audit_text(out->old, STORE_AUDIT_TEXT_MAX_BYTES, call->audit_old);
	if (*call->audit_new)
		store_audit_text(out->new, STORE_AUDIT_TEXT_MAX_BYTES, call->audit_new);
	else
		options_text(call, out->new);
}

bool
audit_is_due(const struct ctl_call *call)
{
	return call->req.verb && call->req.verb->class == CHQ_CTL_WRITE && !call->audit.number &&
	       !chq_ctl_opt(&call->req, "dry-run");
}

struct record {
	struct write_op op;
	struct ctl_call *call;
	struct store_audit audit;
	char *line;
	void (*ended)(struct ctl_call *call, char *line, int err);
};

static int
record_job(struct store_txn *txn, struct write_op *op)
{
	return store_audit_append(txn, &CHQ_CONTAINER_OF(op, struct record, op)->audit);
}

static void
record_done(struct write_op *op, int rc)
{
	struct record *r = CHQ_CONTAINER_OF(op, struct record, op);

	if (!rc) {
		r->call->audit.number = r->audit.number;
		memcpy(r->call->audit.hash, r->audit.hash, sizeof(r->audit.hash));
	}
	r->ended(r->call, r->line, rc);
	free(r);
}

void
audit_record(struct ctl_call *call, char *line,
	     void (*ended)(struct ctl_call *call, char *line, int err))
{
	struct record *r = call->ctl->reader ? calloc(1, sizeof(*r)) : NULL;
	int rc = CHQ_EUNAVAIL;

	if (r) {
		r->op.job = record_job;
		r->op.done = record_done;
		r->call = call;
		r->line = line;
		r->ended = ended;
		audit_of_call(call, &r->audit);
		rc = write_submit(call->ctl, &r->op);
	}
	if (!rc)
		return;
	free(r);
	ended(call, line, rc);
}
