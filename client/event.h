#pragma once

/* The queue of events towards the application. */

#include "base/list.h"
#include "client/chasqui.h"

/* More are not queued: the client stops reading from its socket until the application has caught up. */
#define CHQ_EVENTS_MAX 1024

struct chq_queued {
	struct chq_list node;
	struct chq_event ev;
	/* Of a message: who sent it, and the ids of its parts, which are receipted when it was handled. */
	uint64_t party;
	uint16_t parts;
	uint64_t *part_id;
	uint8_t *data; /* what ev.data points to */
};

struct chq_events {
	struct chq_list queue;
	size_t count;
	struct chq_queued *taken; /* what the application has in hands */
};

void chq_events_init(struct chq_events *q);
void chq_events_free(struct chq_events *q);

/**
 * chq_events_add() - queue a copy of @ev.
 * @data: @len bytes, copied, or NULL.
 * Return: the entry, to be completed; NULL without memory.
 */
struct chq_queued *chq_events_add(struct chq_events *q, const struct chq_event *ev,
				  const void *data, size_t len);

/**
 * chq_events_pop() - the next one; the caller puts it into q->taken and frees it by chq_queued_free().
 * @messages: false: messages stay where they are.
 * Return: NULL if there is none.
 */
struct chq_queued *chq_events_pop(struct chq_events *q, bool messages);
void chq_queued_free(struct chq_queued *e);
