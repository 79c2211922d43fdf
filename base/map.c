#include "base/map.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/err.h"

#define KEY_INLINE 8
#define KEY_MAX	   65535
#define CAPACITY_0 16

struct chq_map_slot {
	void *value; /* NULL: free */
	uint32_t hash;
	uint32_t len;
	union {
		uint8_t here[KEY_INLINE];
		uint8_t *heap; /* keys longer than KEY_INLINE */
	} key;
};

_Static_assert(crypto_shorthash_KEYBYTES == sizeof(((struct chq_map *)0)->seed), "SipHash key");

static uint32_t
map_hash(const struct chq_map *m, const void *key, size_t len)
{
	uint64_t h;

	crypto_shorthash((uint8_t *)&h, key, len, m->seed);
	return (uint32_t)h;
}

static const uint8_t *
slot_key(const struct chq_map_slot *s)
{
	return s->len <= KEY_INLINE ? s->key.here : s->key.heap;
}

static void
slot_free_key(struct chq_map_slot *s)
{
	if (s->len > KEY_INLINE)
		free(s->key.heap);
}

/* The slot that holds the key, or the free one where it would go. The table is never full. */
static struct chq_map_slot *
map_find(const struct chq_map *m, const void *key, size_t len, uint32_t hash)
{
	size_t i = hash & (m->capacity - 1);

	for (;;) {
		struct chq_map_slot *s = &m->slots[i];

		if (!s->value)
			return s;
		if (s->hash == hash && s->len == len && memcmp(slot_key(s), key, len) == 0)
			return s;
		i = (i + 1) & (m->capacity - 1);
	}
}

/* Room for one more at a load of at most 3/4. */
static int
map_grow(struct chq_map *m)
{
	struct chq_map bigger = *m;

	if (m->capacity && (m->count + 1) * 4 <= m->capacity * 3)
		return 0;
	bigger.capacity = m->capacity ? m->capacity * 2 : CAPACITY_0;
	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return CHQ_ENOMEM;
	for (size_t i = 0; i < m->capacity; i++) {
		const struct chq_map_slot *s = &m->slots[i];

		if (s->value)
			*map_find(&bigger, slot_key(s), s->len, s->hash) = *s;
	}
	free(m->slots);
	*m = bigger;
	return 0;
}

void
chq_map_init(struct chq_map *m)
{
	memset(m, 0, sizeof(*m));
	randombytes_buf(m->seed, sizeof(m->seed));
}

void
chq_map_deinit(struct chq_map *m)
{
	for (size_t i = 0; i < m->capacity; i++) {
		if (m->slots[i].value)
			slot_free_key(&m->slots[i]);
	}
	free(m->slots);
	m->slots = NULL;
	m->count = m->capacity = 0;
}

int
chq_map_put(struct chq_map *m, const void *key, size_t len, void *value)
{
	uint32_t hash = map_hash(m, key, len);
	struct chq_map_slot *s;
	uint8_t *heap = NULL;
	int rc;

	if (!value || len > KEY_MAX)
		return CHQ_EINVAL;
	rc = map_grow(m);
	if (rc)
		return rc;
	s = map_find(m, key, len, hash);
	if (s->value)
		return CHQ_EEXIST;
	if (len > KEY_INLINE) {
		heap = malloc(len);
		if (!heap)
			return CHQ_ENOMEM;
		s->key.heap = heap;
	}
	memcpy(heap ? heap : s->key.here, key, len);
	s->value = value;
	s->hash = hash;
	s->len = (uint32_t)len;
	m->count++;
	return 0;
}

void *
chq_map_get(const struct chq_map *m, const void *key, size_t len)
{
	if (m->count == 0)
		return NULL;
	return map_find(m, key, len, map_hash(m, key, len))->value;
}

void *
chq_map_del(struct chq_map *m, const void *key, size_t len)
{
	size_t mask = m->capacity - 1, hole, i;
	struct chq_map_slot *s;
	void *value;

	if (m->count == 0)
		return NULL;
	s = map_find(m, key, len, map_hash(m, key, len));
	value = s->value;
	if (!value)
		return NULL;
	slot_free_key(s);
	m->count--;

	/* Close the hole with later entries of the run that may not stand behind a free slot. */
	hole = (size_t)(s - m->slots);
	for (i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t home = m->slots[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole].value = NULL;
	return value;
}

void *
chq_map_next(const struct chq_map *m, size_t *pos)
{
	while (*pos < m->capacity) {
		void *value = m->slots[(*pos)++].value;

		if (value)
			return value;
	}
	return NULL;
}
