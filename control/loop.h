#pragma once

/*
 * The way into the event loop from other threads: work that a pool or the store's writer has finished
 * is posted here and run on the loop's thread, in order. Items are part of what they belong to, so
 * posting allocates nothing and cannot fail; how many there are is bounded by the queues they come from.
 */

#include <pthread.h>

struct event;
struct event_base;

struct loop_item {
	struct loop_item *next;
	void (*fn)(struct loop_item *item); /* on the loop's thread; may free the item */
};

struct loop_inbox {
	pthread_mutex_t lock;
	struct loop_item *head, **tail; /* under lock */
	int fd;				/* eventfd that wakes the loop */
	struct event *wake;
};

/**
 * loop_inbox_init() - an empty inbox that @base serves.
 * Return: 0; CHQ_ENOMEM; a negated errno of eventfd(2). On failure nothing is held.
 */
int loop_inbox_init(struct loop_inbox *in, struct event_base *base);

/* Nobody may post any more; what waits is dropped unseen. */
void loop_inbox_deinit(struct loop_inbox *in);

/* Hand @item to the loop. @item->fn is set. Thread: any. */
void loop_post(struct loop_inbox *in, struct loop_item *item);

/* Run all that waits now. Thread: the loop's. */
void loop_inbox_run(struct loop_inbox *in);
