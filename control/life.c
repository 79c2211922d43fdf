#include "control/life.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/devices.h"
#include "control/dp_send.h"
#include "control/grants.h"
#include "control/group.h"
#include "control/mail.h"
#include "control/presence.h"
#include "control/push.h"
#include "control/write.h"
#include "store/account.h"
#include "store/device.h"
#include "store/reader.h"

struct seen_op {
	struct write_op op;
	uint64_t account, now_ms;
	uint8_t device;
};

static int
seen_job(struct store_txn *txn, struct write_op *op)
{
	struct seen_op *o = CHQ_CONTAINER_OF(op, struct seen_op, op);
	int rc = store_device_seen(txn, o->account, o->device, o->now_ms);

	/* A device that is not enrolled, or not any more, leaves no trace. */
	return rc == CHQ_ENOENT || rc == CHQ_EDENIED ? CHQ_OK : rc;
}

static void
seen_done(struct write_op *op, int rc)
{
	(void)rc;
	free(CHQ_CONTAINER_OF(op, struct seen_op, op));
}

/* Note in the store when the device was here; that this is lost when the store fails harms nobody. */
static void
life_seen(struct control *ctl, const struct session *s)
{
	struct seen_op *o = calloc(1, sizeof(*o));

	if (!o)
		return;
	o->op.job = seen_job;
	o->op.done = seen_done;
	o->account = s->account;
	o->device = s->device;
	o->now_ms = chq_wall_ms();
	if (write_submit(ctl, &o->op) != 0)
		free(o);
}

static int
life_allowed_in(const struct control *ctl, struct store_txn *txn, uint64_t account, uint8_t device,
		struct grant_epochs *epochs)
{
	struct store_account a;
	struct store_device d;
	int rc = store_account_get(txn, account, &a);

	if (rc)
		return rc;
	*epochs = grants_epochs(ctl, &a);
	if (a.disabled)
		return CHQ_EDISABLED;
	rc = store_device_get(txn, account, device, &d);
	if (rc == CHQ_ENOENT)
		return CHQ_OK; /* logged in by password without being enrolled */
	if (rc)
		return rc;
	return d.revoked ? CHQ_EDISABLED : CHQ_OK;
}

int
life_allowed(struct control *ctl, uint64_t account, uint8_t device, struct grant_epochs *epochs)
{
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (!rc) {
		rc = life_allowed_in(ctl, txn, account, device, epochs);
		store_read_end(ctl->reader);
	}
	if (rc && rc != CHQ_EDISABLED && rc != CHQ_ENOENT)
		control_count(ctl, COUNT_STORE_FAILED);
	return rc;
}

void
life_epochs_told(struct session *s, const struct grant_epochs *epochs)
{
	s->epochs.sender = epochs->sender;
	if (s->state != SESSION_NEW)
		s->epochs.grant = epochs->grant;
}

void
life_epochs(struct control *ctl, struct session *s, const struct grant_epochs *epochs)
{
	if (s->epochs.grant == epochs->grant && s->epochs.sender == epochs->sender)
		return;
	life_epochs_told(s, epochs);
	dp_send_epochs(ctl, s->account, epochs);
}

/* The dataplane keeps the older sessions of the device for a while, for frames under way. */
static void
life_replace(struct control *ctl, struct session *s, struct online *o)
{
	struct session *old;

	ONLINE_FOREACH(old, o) {
		if (old == s || old->device != s->device || old->state != SESSION_OPEN)
			continue;
		old->state = SESSION_REPLACED;
		groups_session_gone(old);
		session_end_at(&ctl->sessions, old, control_now_ms() + ctl->timing.linger_ms);
		mail_forget(old);
		push_replaced(ctl, old, &s->path);
		control_count(ctl, COUNT_SESSION_REPLACED);
	}
}

void
life_open(struct control *ctl, struct session *s)
{
	struct online *o = online_find(&ctl->sessions, s->account);

	s->state = SESSION_OPEN;
	session_end_never(s);
	session_login_wipe(s);
	life_replace(ctl, s, o);
	life_seen(ctl, s);
	groups_session_open(ctl, s);
	CHQ_LOG_INFO("session-open", "slot=%u gen=%u account=%llu device=%u", s->slot, s->gen,
		     (unsigned long long)s->account, s->device);
	presence_came(ctl, s->account);
	devices_opened(ctl, s);
	mail_open(ctl, s);
}

void
life_confirmed(struct control *ctl, struct session *s)
{
	struct grant_epochs epochs;
	int rc;

	if (s->state != SESSION_NEW)
		return;
	rc = life_allowed(ctl, s->account, s->device, &epochs);
	if (rc == CHQ_EDISABLED || rc == CHQ_ENOENT) {
		life_close(ctl, s, CHQ_NOTICE_CLOSED, NULL, NULL);
		return;
	}
	if (!rc) {
		life_epochs(ctl, s, &epochs);
		s->epochs = epochs;
	}
	control_count(ctl, COUNT_LOGIN_KEY);
	life_open(ctl, s);
}

void
life_ended(struct control *ctl, struct session *s)
{
	s->state = SESSION_REPLACED; /* counts as open no more */
	presence_went(ctl, s->account);
	session_free(&ctl->sessions, s);
}

/* A session being closed at the dataplane. */
struct closing {
	struct control *ctl;
	struct chq_dp_ref ref;
	dp_answer_fn *answer;
	void *arg;
};

/* A dump under way may have shown the session after we had forgotten it, but not after this. */
static void
closing_done(void *arg, const struct chq_dp_hdr *answer)
{
	struct closing *c = arg;
	struct session *s = answer ? session_find(&c->ctl->sessions, c->ref) : NULL;

	if (s)
		life_ended(c->ctl, s);
	if (c->answer)
		c->answer(c->arg, answer);
	free(c);
}

/* Return: as dp_call_close(). */
static int
closing_begin(struct control *ctl, const struct session *s, enum chq_notice notice,
	      dp_answer_fn *answer, void *arg)
{
	struct closing *c = malloc(sizeof(*c));
	int rc;

	if (!c)
		return dp_call_close(ctl, session_ref(s), notice, answer, arg);
	*c = (struct closing){ ctl, session_ref(s), answer, arg };
	rc = dp_call_close(ctl, c->ref, notice, closing_done, c);
	if (rc)
		free(c);
	return rc;
}

int
life_close(struct control *ctl, struct session *s, enum chq_notice notice, dp_answer_fn *answer,
	   void *arg)
{
	int rc = closing_begin(ctl, s, notice, answer, arg);

	CHQ_LOG_INFO("session-closed", "slot=%u gen=%u account=%llu device=%u", s->slot, s->gen,
		     (unsigned long long)s->account, s->device);
	control_count(ctl, COUNT_SESSION_CLOSED);
	life_ended(ctl, s);
	return rc;
}

static struct session *
life_session_of(struct control *ctl, uint64_t account, uint8_t device)
{
	const struct online *o = online_find(&ctl->sessions, account);
	struct session *s;

	if (!o)
		return NULL;
	ONLINE_FOREACH(s, o)
		if (!device || s->device == device)
			return s;
	return NULL;
}

unsigned
life_close_account(struct control *ctl, uint64_t account, uint8_t device, dp_answer_fn *answer,
		   void *arg)
{
	struct session *s;
	unsigned calls = 0;

	while ((s = life_session_of(ctl, account, device)) != NULL)
		calls += life_close(ctl, s, CHQ_NOTICE_CLOSED, answer, arg) == CHQ_OK;
	return calls;
}

void
life_tick(struct control *ctl, uint64_t now_ms)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl->sessions.ending) {
		struct session *s = CHQ_LIST_ENTRY(it, struct session, of_ending);

		if (s->ends_ms > now_ms)
			break;
		/* The dataplane ends it by its own clock too; closing what is gone does nothing. */
		if (s->state == SESSION_REPLACED)
			life_ended(ctl, s);
		else
			life_close(ctl, s, CHQ_NOTICE_EXPIRED, NULL, NULL);
	}
}
