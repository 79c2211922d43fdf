#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "control/mail_priv.h"
#include "control/session.h"
#include "control/write.h"

enum {
	QUEUE_MAX = 16384, /* frames and acknowledgements that wait */
	BATCH_MAX = 1024,
	WRITES_MAX = 2, /* one is committed, the next one is ready behind it */
};

/* A frame to be stored, or, without sender, an entry to be taken out. */
struct mail_item {
	struct chq_list node;
	struct store_mail m;
	struct chq_dp_ref ref; /* its sender's session */
	bool put;
	int rc;
	enum store_mail_full full;
	uint8_t payload[];
};

struct mail_op {
	struct write_op op;
	struct chq_list items;
	unsigned n;
	struct store_mail_limits limits;
};

static void
items_free(struct chq_list *items)
{
	CHQ_LIST_FOREACH_SAFE(it, after, items) {
		chq_list_del(it);
		free(CHQ_LIST_ENTRY(it, struct mail_item, node));
	}
}

/* What is one item's own answer. All else fails the whole job. */
static bool
item_answer(int rc)
{
	return rc == CHQ_OK || rc == CHQ_EEXIST || rc == CHQ_ELIMIT || rc == CHQ_ENOENT ||
	       rc == CHQ_ETOOBIG;
}

static int
write_job(struct store_txn *txn, struct write_op *op)
{
	struct mail_op *o = CHQ_CONTAINER_OF(op, struct mail_op, op);

	CHQ_LIST_FOREACH(it, &o->items) {
		struct mail_item *i = CHQ_LIST_ENTRY(it, struct mail_item, node);

		if (i->put)
			i->rc = store_mail_put(txn, &i->m, &o->limits, &i->full);
		else
			i->rc = store_mail_del(txn, i->m.account, i->m.device, i->m.number);
		if (!item_answer(i->rc))
			return i->rc;
	}
	return CHQ_OK;
}

static void
count_refused(struct control *ctl, const struct mail_item *i)
{
	static const enum control_counter of[] = {
		[STORE_MAIL_ROOM] = COUNT_MAIL_NO_DEVICE,
		[STORE_MAIL_BOX_FULL] = COUNT_MAIL_BOX_FULL,
		[STORE_MAIL_SENDER_FULL] = COUNT_MAIL_SENDER_FULL,
		[STORE_MAIL_ALL_FULL] = COUNT_MAIL_ALL_FULL,
	};

	control_count(ctl, i->rc == CHQ_ELIMIT ? of[i->full] : COUNT_MAIL_NO_DEVICE);
}

/* @rc: of the whole write. What the disk may hold all the same is not denied: the next copy tells. */
static void
put_finished(struct control *ctl, const struct mail_item *i, int rc)
{
	const struct session *s = session_find(&ctl->sessions, i->ref);
	uint64_t to = CHQ_PARTY(CHQ_KIND_ACCOUNT, i->m.device, i->m.account);
	bool stored = !rc && (i->rc == CHQ_OK || i->rc == CHQ_EEXIST);

	if (stored)
		control_count(ctl, i->rc == CHQ_OK ? COUNT_MAIL_STORED : COUNT_MAIL_AGAIN);
	else if (rc)
		control_count(ctl, COUNT_MAIL_FAILED);
	else
		count_refused(ctl, i);
	if (s && rc != CHQ_EIO)
		dp_send_notice(ctl, s, stored ? CHQ_NOTICE_STORED : CHQ_NOTICE_OFFLINE, to,
			       i->m.message);
	if (stored && i->rc == CHQ_OK)
		mail_arrived(ctl, i->m.account, i->m.device);
}

static void write_more(struct control *ctl);

static void
write_done(struct write_op *op, int rc)
{
	struct mail_op *o = CHQ_CONTAINER_OF(op, struct mail_op, op);
	struct control *ctl = op->ctl;

	ctl->mail.writes--;
	if (!atomic_load_explicit(&ctl->ending, memory_order_relaxed))
		write_more(ctl);
	CHQ_LIST_FOREACH(it, &o->items) {
		const struct mail_item *i = CHQ_LIST_ENTRY(it, struct mail_item, node);

		if (i->put)
			put_finished(ctl, i, rc);
		else if (!rc && i->rc == CHQ_OK)
			control_count(ctl, COUNT_MAIL_DELIVERED);
	}
	items_free(&o->items);
	free(o);
}

/* Return: the items at the head of the queue as one write; NULL without memory. */
static struct mail_op *
op_new(struct control *ctl)
{
	struct mail_op *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	chq_list_init(&o->items);
	o->op.job = write_job;
	o->op.done = write_done;
	o->limits = mail_limits(ctl);
	while (o->n < BATCH_MAX && !chq_list_empty(&ctl->mail.queue)) {
		struct chq_list *first = ctl->mail.queue.next;

		chq_list_del(first);
		chq_list_add_tail(&o->items, first);
		o->n++;
	}
	ctl->mail.queued -= o->n;
	return o;
}

/* The writer's queue is full: what was taken goes back, for mail_tick() to try again. */
static void
op_undo(struct control *ctl, struct mail_op *o)
{
	while (!chq_list_empty(&o->items)) {
		struct chq_list *last = o->items.prev;

		chq_list_del(last);
		chq_list_insert_after(&ctl->mail.queue, last);
	}
	ctl->mail.queued += o->n;
	free(o);
}

static void
write_more(struct control *ctl)
{
	while (ctl->mail.writes < WRITES_MAX && !chq_list_empty(&ctl->mail.queue)) {
		struct mail_op *o = op_new(ctl);

		if (!o)
			return;
		if (write_submit(ctl, &o->op) != 0) {
			op_undo(ctl, o);
			return;
		}
		ctl->mail.writes++;
	}
}

void
mail_write_tick(struct control *ctl)
{
	write_more(ctl);
}

static void
queue_add(struct control *ctl, struct mail_item *i)
{
	chq_list_add_tail(&ctl->mail.queue, &i->node);
	ctl->mail.queued++;
	write_more(ctl);
}

int
mail_write_put(struct control *ctl, const struct session *s, const struct chq_dp_frame_rx *rx)
{
	struct mail_item *i;

	if (ctl->mail.queued >= QUEUE_MAX)
		return CHQ_EAGAIN;
	i = calloc(1, sizeof(*i) + rx->payload_len);
	if (!i)
		return CHQ_ENOMEM;
	i->put = true;
	i->ref = session_ref(s);
	i->m = (struct store_mail){ .account = CHQ_PARTY_ID(rx->to),
				    .device = CHQ_PARTY_DEVICE(rx->to),
				    .flags = rx->flags,
				    .app = rx->app,
				    .party = rx->from,
				    .message = rx->message,
				    .stored_ms = chq_wall_ms(),
				    .len = rx->payload_len,
				    .payload = i->payload };
	memcpy(i->payload, rx->payload, rx->payload_len);
	queue_add(ctl, i);
	return CHQ_OK;
}

void
mail_write_del(struct control *ctl, uint64_t account, uint8_t device, uint64_t number)
{
	struct mail_item *i = calloc(1, sizeof(*i));

	if (!i)
		return;
	i->m.account = account;
	i->m.device = device;
	i->m.number = number;
	queue_add(ctl, i);
}

void
mail_write_forget(struct control *ctl)
{
	items_free(&ctl->mail.queue);
	ctl->mail.queued = 0;
}
