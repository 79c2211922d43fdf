#include "client/event.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

void
chq_events_init(struct chq_events *q)
{
	chq_list_init(&q->queue);
	q->count = 0;
	q->taken = NULL;
}

void
chq_events_free(struct chq_events *q)
{
	struct chq_queued *e;

	while ((e = chq_events_pop(q, true)))
		chq_queued_free(e);
	chq_queued_free(q->taken);
	q->taken = NULL;
}

struct chq_queued *
chq_events_add(struct chq_events *q, const struct chq_event *ev, const void *data, size_t len)
{
	struct chq_queued *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->ev = *ev;
	e->data = malloc(len + 1);
	if (!e->data) {
		free(e);
		return NULL;
	}
	if (len)
		memcpy(e->data, data, len);
	e->data[len] = 0;
	e->ev.data = e->data;
	e->ev.len = len;
	chq_list_add_tail(&q->queue, &e->node);
	q->count++;
	return e;
}

struct chq_queued *
chq_events_pop(struct chq_events *q, bool messages)
{
	CHQ_LIST_FOREACH(it, &q->queue) {
		struct chq_queued *e = CHQ_LIST_ENTRY(it, struct chq_queued, node);

		if (!messages && e->ev.type == CHQ_EV_MESSAGE)
			continue;
		chq_list_del(&e->node);
		q->count--;
		return e;
	}
	return NULL;
}

void
chq_queued_free(struct chq_queued *e)
{
	if (!e)
		return;
	if (e->ev.len)
		sodium_memzero(e->data, e->ev.len);
	free(e->data);
	free(e->part_id);
	free(e);
}
