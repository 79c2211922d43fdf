#include "control/mutation.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "store/account.h"
#include "store/answer.h"
#include "store/device.h"

#define MUTATION_AHEAD_MS CHQ_MS_PER_DAY

int
mutation_reply(struct mutation *m, const ProtobufCMessage *body)
{
	int len = chq_ctrl_pack_response(m->id, CHASQUI__CODE__OK, 0, body, m->answer,
					 sizeof(m->answer));

	if (len < 0)
		return len;
	m->answer_len = (size_t)len;
	return CHQ_OK;
}

/* Since it asked, its account may have been disabled, or the device revoked. Return: 0; CHQ_EDENIED. */
static int
mutation_allowed(struct store_txn *txn, const struct mutation *m)
{
	struct store_account a;
	struct store_device d;
	int rc = store_account_get(txn, m->account, &a);

	if (rc == CHQ_ENOENT || (!rc && a.disabled))
		return CHQ_EDENIED;
	if (!rc)
		rc = store_device_get(txn, m->account, m->device, &d);
	if (rc == CHQ_ENOENT) /* logged in by password without being enrolled */
		return CHQ_OK;
	return !rc && d.revoked ? CHQ_EDENIED : rc;
}

static int
mutation_job(struct store_txn *txn, struct write_op *op)
{
	struct mutation *m = CHQ_CONTAINER_OF(op, struct mutation, op);
	int rc = store_answer_get(txn, m->account, m->device, m->id, m->answer, &m->answer_len);

	m->again = rc == CHQ_OK;
	if (rc != CHQ_ENOENT)
		return rc;
	rc = mutation_allowed(txn, m);
	if (rc)
		return rc;
	m->answer_len = 0;
	m->result = (struct mutation_result){ 0 };
	rc = m->kind->effect(txn, m);
	if (!rc && m->answer_len == 0)
		rc = mutation_reply(m, NULL);
	if (rc)
		return rc;
	return store_answer_put(txn, m->account, m->device, m->id, m->answer, m->answer_len);
}

static void
mutation_free(struct mutation *m)
{
	if (m->body)
		protobuf_c_message_free_unpacked(m->body, NULL);
	free(m);
}

static void
mutation_done(struct write_op *op, int rc)
{
	struct mutation *m = CHQ_CONTAINER_OF(op, struct mutation, op);
	struct control *ctl = op->ctl;
	struct session *s = session_find(&ctl->sessions, m->ref);

	if (m->again && !rc)
		control_count(ctl, COUNT_REQUEST_AGAIN);
	if (s && rc)
		request_fail(ctl, s, m->id, rc);
	else if (s)
		dp_send_message(ctl, s, m->answer, m->answer_len);
	if (!rc && !m->again && m->kind->after)
		m->kind->after(ctl, m);
	mutation_free(m);
}

/* Return: a copy that outlives the request; NULL without memory. */
static ProtobufCMessage *
mutation_copy(const ProtobufCMessage *body)
{
	uint8_t buf[CHQ_HOP_BODY_MAX];
	int len = chq_ctrl_pack(body, buf, sizeof(buf));

	return len < 0 ? NULL : chq_ctrl_unpack(body->descriptor, buf, (size_t)len, NULL);
}

/*
 * Answers are kept by rising id: a few of a far future would make every later request look old. So they
 * are refused before anything is kept.
 */
static bool
mutation_too_early(const struct request *r)
{
	return r->id >> 22 > chq_ms2020() + MUTATION_AHEAD_MS;
}

void
mutation_begin(struct control *ctl, struct session *s, const struct request *r,
	       const struct mutation_kind *kind)
{
	mutation_begin_for(ctl, s, r, kind, 0);
}

void
mutation_begin_for(struct control *ctl, struct session *s, const struct request *r,
		   const struct mutation_kind *kind, uint64_t allowed)
{
	struct mutation *m;
	int rc = CHQ_ENOMEM;

	if (mutation_too_early(r)) {
		request_fail(ctl, s, r->id, CHQ_EMALFORMED);
		return;
	}
	m = calloc(1, sizeof(*m));
	if (m && (m->body = mutation_copy(r->body)) != NULL) {
		m->op.job = mutation_job;
		m->op.done = mutation_done;
		m->kind = kind;
		m->ref = session_ref(s);
		m->account = s->account;
		m->device = s->device;
		m->id = r->id;
		m->allowed = allowed;
		m->now_ms = chq_wall_ms();
		rc = write_submit(ctl, &m->op);
	}
	if (!rc)
		return;
	if (m)
		mutation_free(m);
	request_fail(ctl, s, r->id, rc);
}
