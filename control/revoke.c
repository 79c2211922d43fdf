#include "control/revoke.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "control/book/book.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "control/grants.h"
#include "control/life.h"
#include "control/presence.h"
#include "control/spread.h"
#include "control/write.h"
#include "store/account.h"
#include "store/meta.h"
#include "store/reader.h"
#include "store/writer.h"

enum {
	OUTSTANDING_MAX = 256, /* calls to the dataplane at a time */
	SLOTS_AT_ONCE = 1024,
	SETTLE_MS = 1000,
	RETRY_MS = 5000,
};

struct accounts {
	uint64_t *id;
	size_t n, cap;
};

struct revocation {
	struct write_op op;
	struct accounts senders, receivers;
	bool everybody;
	uint64_t all; /* the store's own epoch, after it */
	uint64_t followed;
	revoke_done_fn *done;
	void *arg;

	/* Telling the dataplane. */
	size_t at_sender, at_receiver;
	uint32_t at_slot;
	unsigned outstanding;
	bool lost, barrier, busy;
};

/* --- the store's side --- */

int
revoke_change_begin(struct store_txn *txn, uint64_t *number)
{
	return store_meta_count(txn, STORE_META_BOOK_CHANGE, number);
}

struct opening {
	uint64_t all, changes;
};

static int
opening_job(struct store_txn *txn, void *arg)
{
	struct opening *o = arg;
	uint64_t settled = 1;
	int rc = store_meta_get(txn, STORE_META_BOOK_SETTLED, &settled);

	if (rc && rc != CHQ_ENOENT)
		return rc;
	rc = store_meta_get(txn, STORE_META_BOOK_CHANGE, &o->changes);
	if (rc == CHQ_ENOENT)
		o->changes = settled;
	else if (rc)
		return rc;
	if (o->changes == settled)
		return store_sender_epoch_all(txn, &o->all);
	rc = store_sender_epoch_next_all(txn, &o->all);
	return rc ? rc : store_meta_set(txn, STORE_META_BOOK_SETTLED, o->changes);
}

int
revokes_open(struct control *ctl)
{
	struct opening o = { .all = 0 };
	int rc = store_write_sync(ctl->store, opening_job, &o);

	/* The counter says which number is next. */
	ctl->revokes = (struct revokes){ .sender_all = o.all,
					 .followed = o.changes,
					 .settled = o.changes };
	return rc;
}

static void
revocation_free(struct revocation *r)
{
	if (!r)
		return;
	free(r->senders.id);
	free(r->receivers.id);
	free(r);
}

void
revokes_close(struct control *ctl)
{
	revocation_free(ctl->revokes.next);
	ctl->revokes.next = NULL;
}

/* --- noting --- */

static struct revocation *
noting(struct control *ctl)
{
	if (!ctl->revokes.next)
		ctl->revokes.next = calloc(1, sizeof(*ctl->revokes.next));
	if (!ctl->revokes.next)
		CHQ_LOG_ERROR("rights-not-taken-back", "error=%s", chq_errname(CHQ_ENOMEM));
	return ctl->revokes.next;
}

static void
note(struct revocation *r, struct accounts *a, uint64_t account)
{
	if (a->n == a->cap) {
		size_t cap = a->cap * 2 + 4;
		uint64_t *id = realloc(a->id, cap * sizeof(*id));

		if (!id) {
			r->everybody = true;
			return;
		}
		a->id = id;
		a->cap = cap;
	}
	a->id[a->n++] = account;
	if (a->n > BOOK_LOST_MAX)
		r->everybody = true;
}

void
revoke_sender(struct control *ctl, uint64_t account)
{
	struct revocation *r = noting(ctl);

	if (r)
		note(r, &r->senders, account);
}

void
revoke_receiver(struct control *ctl, uint64_t account)
{
	struct revocation *r = noting(ctl);

	if (r)
		note(r, &r->receivers, account);
}

void
revoke_everybody(struct control *ctl)
{
	struct revocation *r = noting(ctl);

	if (r)
		r->everybody = true;
}

void
revoke_lost(struct control *ctl, const struct book_lost *lost)
{
	if (lost->everybody)
		revoke_everybody(ctl);
	for (size_t i = 0; i < lost->n; i++) {
		if (lost->objects)
			revoke_receiver(ctl, lost->accounts[i]);
		else
			revoke_sender(ctl, lost->accounts[i]);
	}
}

void
revoke_followed(struct control *ctl, uint64_t number)
{
	if (number + 1 > ctl->revokes.followed)
		ctl->revokes.followed = number + 1;
}

/* --- writing --- */

/* An account that is gone has nothing to lose. */
static int
gone_is_good(int rc)
{
	return rc == CHQ_ENOENT ? CHQ_OK : rc;
}

static int
revoke_job(struct store_txn *txn, struct write_op *op)
{
	struct revocation *r = CHQ_CONTAINER_OF(op, struct revocation, op);
	uint32_t epoch;
	uint16_t sender;
	int rc = CHQ_OK;

	if (r->everybody)
		rc = store_sender_epoch_next_all(txn, &r->all);
	for (size_t i = 0; i < r->senders.n && !r->everybody && !rc; i++)
		rc = gone_is_good(store_account_next_sender_epoch(txn, r->senders.id[i], &sender));
	for (size_t i = 0; i < r->receivers.n && !r->everybody && !rc; i++)
		rc = gone_is_good(store_account_next_grant_epoch(txn, r->receivers.id[i], &epoch));
	return rc || !r->followed ? rc : store_meta_set(txn, STORE_META_BOOK_SETTLED, r->followed);
}

/* --- telling the dataplane --- */

static void revoke_pump(struct revocation *r);

static void
revoke_end(struct revocation *r)
{
	if (r->done)
		r->done(r->arg, r->lost ? CHQ_ENOTCONN : CHQ_OK);
	revocation_free(r);
}

static void
revoke_answered(void *arg, const struct chq_dp_hdr *answer)
{
	struct revocation *r = arg;

	r->outstanding--;
	r->lost |= answer == NULL;
	revoke_pump(r);
}

/* The sessions of an account go by its epochs as they are in the store. */
static void
tell_account(struct revocation *r, struct store_txn *txn, uint64_t account)
{
	struct control *ctl = r->op.ctl;
	struct online *o = online_find(&ctl->sessions, account);
	struct grant_epochs epochs;
	struct store_account a;
	struct session *s;

	if (!o)
		return;
	if (store_account_get(txn, account, &a) != CHQ_OK)
		return; /* its sessions are being closed */
	epochs = grants_epochs(ctl, &a);
	ONLINE_FOREACH(s, o)
		life_epochs_told(s, &epochs);
	dp_send_grant_key(ctl, account, epochs.grant);
	if (dp_call_sender_epoch(ctl, account, epochs.sender, revoke_answered, r) == CHQ_OK)
		r->outstanding++;
	else
		r->lost = true;
}

/* All sessions, a piece at a time. */
static void
tell_slots(struct revocation *r, struct store_txn *txn)
{
	struct control *ctl = r->op.ctl;
	uint32_t end = r->at_slot + SLOTS_AT_ONCE;

	for (; r->at_slot < end && r->at_slot < ctl->dp.sessions_max &&
	       r->outstanding < OUTSTANDING_MAX;
	     r->at_slot++) {
		const struct session *s = session_at(&ctl->sessions, r->at_slot);

		if (s && s->account)
			tell_account(r, txn, s->account);
	}
}

static void
tell_some(struct revocation *r, struct store_txn *txn)
{
	if (r->everybody) {
		tell_slots(r, txn);
		return;
	}
	while (r->at_sender < r->senders.n && r->outstanding < OUTSTANDING_MAX)
		tell_account(r, txn, r->senders.id[r->at_sender++]);
	while (r->at_receiver < r->receivers.n && r->outstanding < OUTSTANDING_MAX)
		tell_account(r, txn, r->receivers.id[r->at_receiver++]);
}

static bool
told_all(const struct revocation *r)
{
	if (r->lost || !r->op.ctl->reader)
		return true;
	if (r->everybody)
		return r->at_slot >= r->op.ctl->dp.sessions_max;
	return r->at_sender == r->senders.n && r->at_receiver == r->receivers.n;
}

/*
 * A grant key is told without an answer, but the dataplane takes commands in their order: one more that
 * is answered says that the ones before are in force.
 */
static void
revoke_pump(struct revocation *r)
{
	struct control *ctl = r->op.ctl;
	struct store_txn *txn;

	if (r->busy)
		return;
	r->busy = true;
	while (!told_all(r) && r->outstanding < OUTSTANDING_MAX) {
		if (store_read_begin(ctl->reader, &txn) != CHQ_OK) {
			r->lost = true; /* the next dump makes up for it */
			dp_link_drop(&ctl->link, "whose epochs cannot be read");
			break;
		}
		tell_some(r, txn);
		store_read_end(ctl->reader);
	}
	if (told_all(r) && !r->barrier && !r->lost) {
		r->barrier = true;
		if (dp_call_sender_epoch(ctl, 0, 0, revoke_answered, r) == CHQ_OK)
			r->outstanding++;
		else
			r->lost = true;
	}
	r->busy = false;
	if (told_all(r) && r->outstanding == 0)
		revoke_end(r);
}

/* Those whose own grants are void are told to ask for their list; of others the list says it. */
static void
tell_clients(struct control *ctl, const struct revocation *r)
{
	if (r->everybody) {
		view_all_fresh(ctl);
		spread_all(ctl);
		return;
	}
	for (size_t i = 0; i < r->senders.n; i++) {
		view_fresh(ctl, r->senders.id[i]);
		presence_contacts_changed(ctl, r->senders.id[i]);
	}
	for (size_t i = 0; i < r->receivers.n; i++)
		view_changed(ctl, r->receivers.id[i]);
}

static void
revoke_written(struct write_op *op, int rc)
{
	struct revocation *r = CHQ_CONTAINER_OF(op, struct revocation, op);
	struct control *ctl = op->ctl;

	if (rc) {
		/* Nobody can tell what is written: all is taken back, as soon as that can be. */
		CHQ_LOG_ERROR("rights-not-taken-back", "error=%s", chq_errname(rc));
		revoke_everybody(ctl);
		ctl->revokes.due_ms = control_now_ms() + RETRY_MS;
		if (r->done)
			r->done(r->arg, rc);
		revocation_free(r);
		return;
	}
	if (r->everybody)
		ctl->revokes.sender_all = r->all;
	if (r->followed > ctl->revokes.settled)
		ctl->revokes.settled = r->followed;
	tell_clients(ctl, r);
	if (!ctl->dp.ready || !ctl->reader)
		r->lost = true; /* its sessions are settled by the next dump */
	revoke_pump(r);
}

bool
revoke_begin(struct control *ctl, revoke_done_fn *done, void *arg)
{
	struct revocation *r = ctl->revokes.next;

	if (!r)
		return false;
	if (!ctl->reader) { /* control ends: its next start finds the change unsettled */
		if (done)
			done(arg, CHQ_EUNAVAIL);
		return true;
	}
	ctl->revokes.next = NULL;
	r->op.job = revoke_job;
	r->op.done = revoke_written;
	r->followed = ctl->revokes.followed;
	r->done = done;
	r->arg = arg;
	if (write_submit(ctl, &r->op) == CHQ_OK)
		return true;
	r->done = NULL;
	ctl->revokes.next = r;
	r->everybody = true;
	ctl->revokes.due_ms = control_now_ms() + RETRY_MS;
	if (done)
		done(arg, CHQ_EUNAVAIL);
	return true;
}

void
revoke_tell(struct control *ctl, const uint64_t *accounts, size_t n, revoke_done_fn *done,
	    void *arg)
{
	struct revocation *r = calloc(1, sizeof(*r));

	if (!r) {
		dp_link_drop(&ctl->link, "to which epochs cannot be told");
		if (done)
			done(arg, CHQ_ENOTCONN);
		return;
	}
	r->op.ctl = ctl;
	r->done = done;
	r->arg = arg;
	for (size_t i = 0; i < n; i++)
		note(r, &r->senders, accounts[i]);
	tell_clients(ctl, r);
	r->lost = !ctl->dp.ready || !ctl->reader;
	revoke_pump(r);
}

/* --- settling what took nothing away --- */

struct settle_op {
	struct write_op op;
	uint64_t followed;
};

static int
settle_job(struct store_txn *txn, struct write_op *op)
{
	return store_meta_set(txn, STORE_META_BOOK_SETTLED,
			      CHQ_CONTAINER_OF(op, struct settle_op, op)->followed);
}

static void
settle_done(struct write_op *op, int rc)
{
	struct settle_op *o = CHQ_CONTAINER_OF(op, struct settle_op, op);

	op->ctl->revokes.settling = false;
	if (!rc && o->followed > op->ctl->revokes.settled)
		op->ctl->revokes.settled = o->followed;
	free(o);
}

void
revoke_tick(struct control *ctl, uint64_t now_ms)
{
	struct revokes *v = &ctl->revokes;
	struct settle_op *o;

	if (now_ms < v->due_ms)
		return;
	v->due_ms = now_ms + SETTLE_MS;
	if (revoke_begin(ctl, NULL, NULL) || v->settling || v->followed <= v->settled)
		return;
	o = calloc(1, sizeof(*o));
	if (!o)
		return;
	o->op.job = settle_job;
	o->op.done = settle_done;
	o->followed = v->followed;
	v->settling = write_submit(ctl, &o->op) == CHQ_OK;
	if (!v->settling)
		free(o);
}
