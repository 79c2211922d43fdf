#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "control/control.h"
#include "control/mail_priv.h"
#include "control/write.h"
#include "store/account.h"

enum {
	SLICE_BOXES = 1024, /* looked at in one write */
	SLICE_CLEARED = 512,
};

/* What a slice looks at. */
enum age_of {
	AGE_ALL,     /* the walk over all boxes */
	AGE_ACCOUNT, /* those of an account that is no more */
	AGE_DEVICE,  /* that of a device that is no more */
};

struct age_op {
	struct write_op op;
	uint64_t before_ms, account;
	uint8_t device;
	enum age_of of;
	/* What the job has found, where it begins anew each time. */
	uint64_t to_account;
	uint8_t to_device;
	bool end;
	unsigned expired, dropped;
};

/* Return: 0: the device may still come; CHQ_ENOENT: it or its account is no more; codes of reading. */
static int
device_there(struct store_txn *txn, uint64_t account, uint8_t device)
{
	struct store_account a;
	int rc = store_account_get(txn, account, &a);

	if (!rc && a.removed_ms)
		rc = CHQ_ENOENT;
	sodium_memzero(&a, sizeof(a));
	return rc ? rc : store_mail_device(txn, account, device);
}

/* One box. Return: CHQ_EAGAIN: there is more in it. */
static int
age_box(struct store_txn *txn, struct age_op *o, uint64_t account, uint8_t device)
{
	unsigned max = SLICE_CLEARED - o->expired - o->dropped;
	int rc = device_there(txn, account, device);

	if (rc == CHQ_ENOENT)
		return store_mail_clear(txn, account, device, UINT64_MAX, max, &o->dropped);
	return rc ? rc : store_mail_clear(txn, account, device, o->before_ms, max, &o->expired);
}

static int
age_walk(struct store_txn *txn, struct age_op *o)
{
	struct store_mail_box box;
	int rc = CHQ_OK;

	for (unsigned n = 0; n < SLICE_BOXES; n++) {
		rc = store_mail_boxes(txn, o->to_account, o->to_device, &box);
		if (!rc && box.messages > 0)
			rc = age_box(txn, o, box.account, box.device);
		if (rc)
			break;
		o->to_account = box.account;
		o->to_device = box.device;
	}
	return rc;
}

/* The boxes of one account. */
static int
age_account(struct store_txn *txn, struct age_op *o)
{
	struct store_mail_box box;
	int rc;

	for (;;) {
		rc = store_mail_boxes(txn, o->account, o->to_device, &box);
		if (!rc && box.account != o->account)
			rc = CHQ_ENOENT;
		if (!rc && box.messages > 0)
			rc = age_box(txn, o, box.account, box.device);
		if (rc)
			return rc;
		o->to_device = box.device;
	}
}

static int
age_job(struct store_txn *txn, struct write_op *op)
{
	struct age_op *o = CHQ_CONTAINER_OF(op, struct age_op, op);
	int rc;

	o->to_account = o->account;
	o->to_device = o->device;
	o->end = false;
	o->expired = o->dropped = 0;
	switch (o->of) {
	case AGE_ALL: rc = age_walk(txn, o); break;
	case AGE_ACCOUNT: rc = age_account(txn, o); break;
	default: rc = age_box(txn, o, o->account, o->device); break;
	}
	o->end = rc == CHQ_ENOENT || (o->of == AGE_DEVICE && rc == CHQ_OK);
	return rc == CHQ_EAGAIN || rc == CHQ_ENOENT ? CHQ_OK : rc;
}

static int age_submit(struct control *ctl, struct age_op *o);

static void
age_done(struct write_op *op, int rc)
{
	struct age_op *o = CHQ_CONTAINER_OF(op, struct age_op, op);
	struct control *ctl = op->ctl;
	struct mail *m = &ctl->mail;

	if (!rc) {
		ctl->count[COUNT_MAIL_EXPIRED] += o->expired;
		ctl->count[COUNT_MAIL_DROPPED] += o->dropped;
	}
	if (o->of != AGE_ALL) {
		/* What fails is made up for by the walk. */
		if (rc || o->end || atomic_load_explicit(&ctl->ending, memory_order_relaxed) ||
		    age_submit(ctl, o) != 0)
			free(o);
		return;
	}
	m->age_busy = false;
	m->age_account = o->to_account;
	m->age_device = o->to_device;
	m->age_walking = !rc && !o->end;
	free(o);
}

static int
age_submit(struct control *ctl, struct age_op *o)
{
	o->op.job = age_job;
	o->op.done = age_done;
	return write_submit(ctl, &o->op);
}

static void
age_begin(struct control *ctl, uint64_t account, uint8_t device, enum age_of of)
{
	struct age_op *o = calloc(1, sizeof(*o));
	uint64_t age_ms = ctl->conf->mailbox.days * CHQ_MS_PER_DAY, now_ms = chq_wall_ms();

	if (!o)
		return;
	o->before_ms = now_ms > age_ms ? now_ms - age_ms : 0;
	o->account = account;
	o->device = device;
	o->of = of;
	if (age_submit(ctl, o) != 0)
		free(o);
	else if (of == AGE_ALL)
		ctl->mail.age_busy = true;
}

void
mail_device_gone(struct control *ctl, uint64_t account, uint8_t device)
{
	age_begin(ctl, account, device, AGE_DEVICE);
}

void
mail_account_gone(struct control *ctl, uint64_t account)
{
	age_begin(ctl, account, 0, AGE_ACCOUNT);
}

void
mail_age_tick(struct control *ctl, uint64_t now_ms)
{
	struct mail *m = &ctl->mail;

	if (m->age_busy)
		return;
	if (!m->age_walking && now_ms < m->age_due_ms)
		return;
	if (!m->age_walking) {
		m->age_walking = true;
		m->age_due_ms = now_ms + ctl->timing.mail_age_ms;
		m->age_account = 0;
		m->age_device = 0;
	}
	age_begin(ctl, m->age_account, m->age_device, AGE_ALL);
}
