#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/register.h"
#include "store/dept.h"
#include "store/invite.h"
#include "store/reader.h"

/* Codes by which people register. A code is shown to the operator who makes it, and never kept. */

enum { CODE_CHARS = 25, CODE_BYTES = CODE_CHARS + 5, PAGE = 100 };

/* 25 characters of 32: 125 bits, in groups of five. */
static void
code_make(char out[CODE_BYTES])
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyz023456789";
	size_t len = 0;

	for (unsigned i = 0; i < CODE_CHARS; i++) {
		if (i > 0 && i % 5 == 0)
			out[len++] = '-';
		out[len++] = letters[randombytes_uniform(32)];
	}
	out[len] = '\0';
}

struct inviting {
	struct store_invite invite;
	char code[CODE_BYTES];
	uint8_t hash[STORE_INVITE_HASH_BYTES];
};

static int
invite_job(struct store_txn *txn, struct ctl_change *c)
{
	const char *path = chq_ctl_opt(&c->call->req, "dept");
	struct inviting *v = c->invite;
	struct store_dept d = { .id = 0 };
	int rc = path ? store_dept_find(txn, path, &d) : CHQ_OK;

	if (rc)
		return chq_ctl_error_set(&c->fault, CHQ_ENOENT, "dept", "no such department: %s",
					 path);
	v->invite.dept = d.id;
	return store_invite_add(txn, v->hash, &v->invite);
}

static void
invite_done(struct ctl_change *c)
{
	struct inviting *v = c->invite;

	ctl_answer(c->call,
		   json_pack("{s:I, s:s, s:I, s:o}", "number", (json_int_t)v->invite.number, "code",
			     v->code, "uses", (json_int_t)v->invite.uses, "expires",
			     ctl_time(v->invite.expires_ms)),
		   NULL);
	sodium_memzero(v, sizeof(*v));
}

void
ctl_user_invite(struct ctl_call *call)
{
	uint64_t uses = 1, days = 7;
	struct chq_ctl_error e;
	struct inviting *v;
	struct ctl_change *c;

	if (chq_ctl_opt_number(&call->req, "uses", 1, 1000000, &uses, &e) != CHQ_OK ||
	    chq_ctl_opt_number(&call->req, "days", 1, 3650, &days, &e) != CHQ_OK) {
		ctl_refuse(call, e.err, e.field, "%s", e.message);
		return;
	}
	c = ctl_change_blank(call);
	if (!c)
		return;
	v = c->invite = calloc(1, sizeof(*v));
	if (!v) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		ctl_change_free(c);
		return;
	}
	code_make(v->code);
	register_code_hash(v->code, v->hash);
	v->invite = (struct store_invite){ .uses = (uint32_t)uses,
					   .created_ms = c->now_ms,
					   .expires_ms = c->now_ms + days * CHQ_MS_PER_DAY };
	c->job = invite_job;
	c->done = invite_done;
	ctl_change_submit(c);
}

static json_t *
invite_json(struct store_txn *txn, const struct store_invite *i)
{
	return json_pack("{s:I, s:I, s:o, s:o, s:o}", "number", (json_int_t)i->number, "uses",
			 (json_int_t)i->uses, "department",
			 i->dept ? ctl_dept_path_json(txn, i->dept) : json_null(), "created",
			 ctl_time(i->created_ms), "expires", ctl_time(i->expires_ms));
}

void
ctl_user_invites(struct ctl_call *call)
{
	struct store_invite page[PAGE];
	struct store_txn *txn;
	uint64_t limit, after;
	json_t *rows;
	size_t n = 0;
	int rc;

	if (!ctl_page(call, &limit, &after))
		return;
	txn = ctl_read(call);
	if (!txn)
		return;
	limit = limit < PAGE ? limit : PAGE;
	rows = json_array();
	rc = store_invite_list(txn, (uint32_t)after, page, (size_t)limit, &n);
	for (size_t i = 0; i < n && !rc; i++)
		json_array_append_new(rows, invite_json(txn, &page[i]));
	store_read_end(call->ctl->reader);
	if (rc) {
		json_decref(rows);
		ctl_refuse_code(call, rc, NULL);
		return;
	}
	ctl_answer_page(call, rows, n == limit ? page[n - 1].number : 0);
}

static int
uninvite_job(struct store_txn *txn, struct ctl_change *c)
{
	return store_invite_remove(txn, c->rule_id);
}

static void
uninvite_done(struct ctl_change *c)
{
	ctl_answer(c->call, json_pack("{s:I}", "number", (json_int_t)c->rule_id), NULL);
}

void
ctl_user_uninvite(struct ctl_call *call)
{
	const char *text = call->req.args[0];
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	struct ctl_change *c;

	if (*text < '0' || *text > '9' || *end != '\0' || number > UINT32_MAX) {
		ctl_refuse(call, CHQ_EARGS, "number", "the number that `user invites` shows");
		return;
	}
	c = ctl_change_blank(call);
	if (!c)
		return;
	c->rule_id = (uint32_t)number;
	c->field = "number";
	c->job = uninvite_job;
	c->done = uninvite_done;
	ctl_change_submit(c);
}
