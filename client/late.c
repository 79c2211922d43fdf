/*
 * Messages that wait in their receiver's mailbox: his receipt comes when he does, which may be days later.
 * Remembered in memory; after a restart a late receipt is of no message that is known.
 */

#include <stdlib.h>

#include "client/outbox.h"

#define LATE_MAX 4096 /* of one device; older ones are forgotten */

/* A copy of a message for one device, of which frames were stored. */
struct late {
	struct chq_list node; /* in chq_dev.late, by rising id */
	uint64_t id;	      /* of the message: that of its first frame */
	uint64_t waiting;     /* bit i: frame id + i was stored, and has no receipt */
	uint16_t app, parts;
	bool told;
};

static struct late *
entry(struct chq_list *it)
{
	return CHQ_LIST_ENTRY(it, struct late, node);
}

static struct late *
late_find(struct chq_dev *d, uint64_t id)
{
	CHQ_LIST_FOREACH(it, &d->late)
		if (id - entry(it)->id < entry(it)->parts)
			return entry(it);
	return NULL;
}

static void
late_free(struct chq_dev *d, struct late *l)
{
	chq_list_del(&l->node);
	d->late_count--;
	free(l);
}

void
chq_late_add(struct chq_client *c, struct chq_dev *d, const struct chq_out *o, uint64_t frame)
{
	struct late *l = late_find(d, frame);

	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l) {
			c->no_memory = true;
			return;
		}
		l->id = o->id;
		l->app = o->app;
		l->parts = o->parts;
		l->told = o->delivered;
		chq_list_add_tail(&d->late, &l->node);
		if (++d->late_count > LATE_MAX)
			late_free(d, entry(d->late.next));
	}
	l->waiting |= UINT64_C(1) << (frame - l->id);
}

/* No other device of his tells it once more. */
static void
late_told(const struct chq_peer *p, uint64_t id)
{
	for (int i = 0; i < p->devs; i++) {
		struct late *l = late_find(p->dev[i], id);

		if (l)
			l->told = true;
	}
}

bool
chq_late_waits(struct chq_dev *d, uint64_t id)
{
	const struct late *l = late_find(d, id);

	return l && l->id == id && l->waiting;
}

bool
chq_late_receipt(struct chq_client *c, struct chq_dev *d, uint64_t frame)
{
	struct chq_event ev = { .type = CHQ_EV_MESSAGE_STATE,
				.account = d->peer->account,
				.state = CHQ_MSG_DELIVERED };
	struct late *l = late_find(d, frame);

	if (!l)
		return false;
	l->waiting &= ~(UINT64_C(1) << (frame - l->id));
	if (l->waiting)
		return true;
	ev.app = l->app;
	ev.message = l->id;
	if (!l->told) {
		late_told(d->peer, l->id);
		chq_client_event(c, &ev);
	}
	late_free(d, l);
	return true;
}

void
chq_late_free(struct chq_dev *d)
{
	while (!chq_list_empty(&d->late))
		late_free(d, entry(d->late.next));
}
