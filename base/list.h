#pragma once

/*
 * Intrusive doubly linked list: a ring through a head of the same type. Nothing is allocated; the owner
 * of an element takes it out before freeing it. No locking: one thread a list.
 */

#include <stdbool.h>

#include "base/array.h"

struct chq_list {
	struct chq_list *next, *prev;
};

/* An empty head, or an element in no list. */
static inline void
chq_list_init(struct chq_list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool
chq_list_empty(const struct chq_list *head)
{
	return head->next == head;
}

static inline void
chq_list_insert_after(struct chq_list *at, struct chq_list *e)
{
	e->prev = at;
	e->next = at->next;
	at->next->prev = e;
	at->next = e;
}

static inline void
chq_list_add_tail(struct chq_list *head, struct chq_list *e)
{
	chq_list_insert_after(head->prev, e);
}

/* Take @e out of its list; harmless when it is in none (after chq_list_init or chq_list_del). */
static inline void
chq_list_del(struct chq_list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	chq_list_init(e);
}

/* The structure of @type around list element @e. */
#define CHQ_LIST_ENTRY(e, type, member) CHQ_CONTAINER_OF(e, type, member)

/* Walk @head with @it (struct chq_list *); the body must not take @it out. */
#define CHQ_LIST_FOREACH(it, head) \
	for (struct chq_list *it = (head)->next; it != (head); it = it->next)

/* The same; the body may take @it out and free it, but not its neighbour @after. */
#define CHQ_LIST_FOREACH_SAFE(it, after, head)                                    \
	for (struct chq_list *it = (head)->next, *after = it->next; it != (head); \
	     it = after, after = it->next)
