#include "control/limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct limit {
	struct chq_list by_age;
	uint64_t tat_ms; /* theoretical arrival time of the next try */
	size_t len;
	uint8_t key[];
};

void
limits_init(struct limits *l, uint32_t tries, uint64_t per_ms, size_t keys_max)
{
	chq_map_init(&l->by_key);
	chq_list_init(&l->by_age);
	l->keys_max = keys_max;
	l->price_ms = per_ms / (tries ? tries : 1);
	l->burst_ms = per_ms;
}

static void
limit_free(struct limits *l, struct limit *e)
{
	chq_map_del(&l->by_key, e->key, e->len);
	chq_list_del(&e->by_age);
	free(e);
}

void
limits_deinit(struct limits *l)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &l->by_age)
		limit_free(l, CHQ_LIST_ENTRY(it, struct limit, by_age));
	chq_map_deinit(&l->by_key);
}

/* Make room: forget what owes nothing any more, or else the one that was charged longest ago. */
static void
limits_forget(struct limits *l, uint64_t now_ms)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &l->by_age) {
		struct limit *e = CHQ_LIST_ENTRY(it, struct limit, by_age);

		if (e->tat_ms > now_ms && l->by_key.count < l->keys_max)
			break;
		limit_free(l, e);
	}
}

static struct limit *
limit_get(struct limits *l, const void *key, size_t len, uint64_t now_ms)
{
	struct limit *e = chq_map_get(&l->by_key, key, len);

	if (e)
		return e;
	limits_forget(l, now_ms);
	e = calloc(1, sizeof(*e) + len);
	if (!e)
		return NULL;
	e->len = len;
	memcpy(e->key, key, len);
	if (chq_map_put(&l->by_key, e->key, len, e) != 0) {
		free(e);
		return NULL;
	}
	chq_list_add_tail(&l->by_age, &e->by_age);
	return e;
}

int
limits_charge(struct limits *l, const void *key, size_t len, uint64_t now_ms, uint64_t *wait_ms)
{
	struct limit *e = limit_get(l, key, len, now_ms);
	uint64_t next;

	*wait_ms = l->price_ms;
	if (!e)
		return CHQ_ENOMEM;
	next = (e->tat_ms > now_ms ? e->tat_ms : now_ms) + l->price_ms;
	if (next > now_ms + l->burst_ms) {
		*wait_ms = next - now_ms - l->burst_ms;
		return CHQ_ELIMIT;
	}
	e->tat_ms = next;
	chq_list_del(&e->by_age);
	chq_list_add_tail(&l->by_age, &e->by_age);
	return CHQ_OK;
}

void
limits_refund(struct limits *l, const void *key, size_t len)
{
	struct limit *e = chq_map_get(&l->by_key, key, len);

	if (e)
		e->tat_ms -= e->tat_ms < l->price_ms ? e->tat_ms : l->price_ms;
}
