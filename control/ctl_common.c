#include "control/ctl_common.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/err.h"
#include "control/book_load.h"
#include "control/control.h"
#include "control/presence.h"
#include "store/account.h"
#include "store/reader.h"

enum { PAGE_DEFAULT = 100, PAGE_MAX = 1000 };

json_t *
ctl_time(uint64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	char text[40];
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(wall_ms % 1000));
	return json_string(text);
}

static json_t *
ctl_address(const struct chq_dp_path *path)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(path->port) };
	char text[CHQ_ADDR_TEXT_MAX];

	memcpy(&sa.sin6_addr, path->ip, sizeof(path->ip));
	return json_string(chq_sockaddr_format((const struct sockaddr *)&sa, text));
}

static const char *
ctl_kind(uint8_t kind)
{
	switch (kind) {
	case CHQ_CLIENT_ANDROID: return "android";
	case CHQ_CLIENT_IOS: return "ios";
	case CHQ_CLIENT_PC: return "pc";
	default: return "other";
	}
}

json_t *
ctl_session_json(const struct session *s)
{
	char name[32];

	snprintf(name, sizeof(name), "%u:%u", s->slot, s->gen);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o, s:o, s:I}", "session", name,
			 "slot", (json_int_t)s->slot, "generation", (json_int_t)s->gen, "account",
			 (json_int_t)s->account, "device", (json_int_t)s->device, "kind",
			 ctl_kind(s->kind), "state", session_state_name(s->state), "address",
			 ctl_address(&s->path), "opened", ctl_time(s->opened_ms), "expires",
			 ctl_time(s->expires_ms), "pushes_waiting", (json_int_t)s->pushes_used);
}

json_t *
ctl_account_json(struct ctl_call *call, const struct store_account *a)
{
	Chasqui__Status status = presence_own(call->ctl, a->id);

	return json_pack("{s:I, s:s, s:s, s:b, s:s, s:o, s:o}", "account", (json_int_t)a->id,
			 "login", a->login, "name", a->name, "disabled", a->disabled, "status",
			 presence_name(status), "created", ctl_time(a->created_ms), "changed",
			 ctl_time(a->changed_ms));
}

bool
ctl_page(struct ctl_call *call, uint64_t *limit, uint64_t *after)
{
	struct chq_ctl_error e;

	*limit = PAGE_DEFAULT;
	*after = 0;
	if (chq_ctl_opt_number(&call->req, "limit", 1, PAGE_MAX, limit, &e) == CHQ_OK &&
	    chq_ctl_opt_number(&call->req, "cursor", 0, STORE_ACCOUNT_ID_MAX, after, &e) == CHQ_OK)
		return true;
	ctl_refuse(call, e.err, e.field, "%s", e.message);
	return false;
}

void
ctl_answer_page(struct ctl_call *call, json_t *rows, uint64_t after)
{
	char cursor[24];

	snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)after);
	ctl_answer(call, rows, after ? cursor : NULL);
}

struct store_txn *
ctl_read(struct ctl_call *call)
{
	struct store_txn *txn;
	int rc = store_read_begin(call->ctl->reader, &txn);

	if (!rc)
		return txn;
	control_count(call->ctl, COUNT_STORE_FAILED);
	ctl_refuse_code(call, CHQ_EUNAVAIL, NULL);
	return NULL;
}

int
ctl_account(struct ctl_call *call, struct store_txn *txn, unsigned i, struct store_account *a)
{
	const char *login = call->req.args[i];
	int rc = store_account_find(txn, login, strlen(login), a);

	if (!rc && i == 0)
		call->account = a->id;
	else if (!rc)
		call->peer = a->id;
	return rc;
}

void
ctl_refuse_account(struct ctl_call *call, int rc, unsigned i)
{
	bool name = rc == CHQ_ENOENT || (rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI);

	if (name)
		ctl_refuse(call, CHQ_ENOENT, "login", "no such user (argument %u)", i + 1);
	else
		ctl_refuse_code(call, rc, NULL);
}

struct ctl_change *
ctl_change_blank(struct ctl_call *call)
{
	struct ctl_change *c = calloc(1, sizeof(*c));

	if (!c) {
		ctl_refuse_code(call, CHQ_ENOMEM, NULL);
		return NULL;
	}
	c->call = call;
	c->now_ms = chq_wall_ms();
	return c;
}

struct ctl_change *
ctl_change_new(struct ctl_call *call)
{
	struct store_txn *txn = ctl_read(call);
	struct store_account a;
	struct ctl_change *c;
	int rc = CHQ_OK;
	unsigned i;

	if (!txn)
		return NULL;
	for (i = 0; i < call->req.argc && !rc; i++)
		rc = ctl_account(call, txn, i, &a);
	store_read_end(call->ctl->reader);
	sodium_memzero(&a, sizeof(a));
	if (rc) {
		ctl_refuse_account(call, rc, i - 1);
		return NULL;
	}
	c = ctl_change_blank(call);
	if (!c)
		return NULL;
	c->account = call->account;
	c->peer = call->peer;
	return c;
}

static int
ctl_change_job(struct store_txn *txn, struct write_op *op)
{
	struct ctl_change *c = CHQ_CONTAINER_OF(op, struct ctl_change, op);

	struct store_audit *a = &c->audit;
	int rc;

	c->fault.err = CHQ_OK;
	rc = c->job(txn, c);
	if (!rc && c->follow)
		rc = revoke_change_begin(txn, &c->number);
	if (rc)
		return rc;
	a->account = c->account ? c->account : a->account;
	a->peer = c->peer ? c->peer : a->peer;
	if (*c->audit_old)
		memcpy(a->old, c->audit_old, sizeof(a->old));
	if (*c->audit_new)
		memcpy(a->new, c->audit_new, sizeof(a->new));
	return store_audit_append(txn, a);
}

void
ctl_change_free(struct ctl_change *c)
{
	free(c->rule);
	free(c->left.peer);
	free(c->invite);
	free(c->app);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

static void
ctl_change_end(struct ctl_change *c)
{
	c->done(c);
	if (c->waiting == 0)
		ctl_change_free(c);
}

void
ctl_change_settled(void *arg, int rc)
{
	struct ctl_change *c = arg;

	if (rc)
		c->call->partial = "done, but the dataplane is away: until it is back, who has "
				   "lost the right to write may still use it";
	ctl_change_end(c);
}

static void
ctl_change_done(struct write_op *op, int rc)
{
	struct ctl_change *c = CHQ_CONTAINER_OF(op, struct ctl_change, op);

	/* After CHQ_EIO the disk may hold it all the same. */
	if (c->follow && (rc == CHQ_EIO || (!rc && c->follow(c) != 0)))
		control_book_renew(c->call->ctl);
	if (c->follow && !rc)
		revoke_followed(c->call->ctl, c->number);
	if (rc) {
		if (c->fault.err == rc)
			ctl_refuse(c->call, rc, c->fault.field, "%s", c->fault.message);
		else
			ctl_refuse_code(c->call, rc, c->field);
		ctl_change_free(c);
		return;
	}
	c->call->audit.number = c->audit.number;
	memcpy(c->call->audit.hash, c->audit.hash, sizeof(c->audit.hash));
	/* The answer waits until nobody can use a right that this has taken from him. */
	if (!c->follow || !revoke_begin(c->call->ctl, ctl_change_settled, c))
		ctl_change_end(c);
}

void
ctl_change_submit(struct ctl_change *c)
{
	int rc;

	c->op.job = ctl_change_job;
	c->op.done = ctl_change_done;
	audit_of_call(c->call, &c->audit);
	rc = write_submit(c->call->ctl, &c->op);
	if (!rc)
		return;
	ctl_refuse_code(c->call, CHQ_EUNAVAIL, NULL);
	ctl_change_free(c);
}
