#include "control/hello_cache.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void
hello_cache_init(struct hello_cache *c, size_t max, uint64_t keep_ms)
{
	chq_map_init(&c->by_id);
	chq_list_init(&c->by_age);
	c->max = max;
	c->keep_ms = keep_ms;
}

static void
hello_free(struct hello_cache *c, struct hello_answer *a)
{
	chq_map_del(&c->by_id, a->id, sizeof(a->id));
	chq_list_del(&a->by_age);
	free(a);
}

void
hello_cache_deinit(struct hello_cache *c)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &c->by_age)
		hello_free(c, CHQ_LIST_ENTRY(it, struct hello_answer, by_age));
	chq_map_deinit(&c->by_id);
}

void
hello_id(uint8_t id[HELLO_ID_BYTES], const uint8_t *dgram, size_t len)
{
	crypto_hash_sha256(id, dgram, len);
}

static void
hello_cache_expire(struct hello_cache *c, uint64_t now_ms, size_t max)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &c->by_age) {
		struct hello_answer *a = CHQ_LIST_ENTRY(it, struct hello_answer, by_age);

		if (a->until_ms > now_ms && c->by_id.count <= max)
			break;
		hello_free(c, a);
	}
}

struct hello_answer *
hello_cache_find(struct hello_cache *c, const uint8_t id[HELLO_ID_BYTES], uint64_t now_ms)
{
	hello_cache_expire(c, now_ms, c->max);
	return chq_map_get(&c->by_id, id, HELLO_ID_BYTES);
}

int
hello_cache_begin(struct hello_cache *c, const uint8_t id[HELLO_ID_BYTES], uint64_t now_ms)
{
	struct hello_answer *a = calloc(1, sizeof(*a));

	if (!a)
		return CHQ_ENOMEM;
	hello_cache_expire(c, now_ms, c->max - 1);
	memcpy(a->id, id, HELLO_ID_BYTES);
	a->until_ms = now_ms + c->keep_ms;
	if (chq_map_put(&c->by_id, a->id, sizeof(a->id), a) != 0) {
		free(a);
		return CHQ_ENOMEM;
	}
	chq_list_add_tail(&c->by_age, &a->by_age);
	return CHQ_OK;
}

void
hello_cache_answer(struct hello_cache *c, const uint8_t id[HELLO_ID_BYTES], const uint8_t *welcome,
		   size_t len)
{
	struct hello_answer *a = chq_map_get(&c->by_id, id, HELLO_ID_BYTES);

	if (!a || len > sizeof(a->welcome))
		return;
	memcpy(a->welcome, welcome, len);
	a->len = (uint16_t)len;
}

void
hello_cache_drop(struct hello_cache *c, const uint8_t id[HELLO_ID_BYTES])
{
	struct hello_answer *a = chq_map_get(&c->by_id, id, HELLO_ID_BYTES);

	if (a)
		hello_free(c, a);
}
