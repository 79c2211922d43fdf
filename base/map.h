#pragma once

/*
 * Hash table from a number or from a string of bytes to a pointer. Open addressing, hashed by SipHash
 * under a random key, so that nobody who chooses keys can make them collide. One thread a map.
 * A map is used with one kind of key.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct chq_map_slot;

struct chq_map {
	struct chq_map_slot *slots;
	size_t count;	 /* entries */
	size_t capacity; /* 0 or a power of two */
	uint8_t seed[16];
};

/* An empty map; allocates nothing. */
void chq_map_init(struct chq_map *m);

/* Free the map's memory, not what its values point to. It is then as after chq_map_init(). */
void chq_map_deinit(struct chq_map *m);

/**
 * chq_map_put() - add an entry.
 * @key:   @len bytes, copied; at most 65,535.
 * @value: not NULL; stays the caller's.
 *
 * Return: 0; CHQ_EEXIST if the key is there (unchanged); CHQ_EINVAL for a NULL value or a longer key;
 * CHQ_ENOMEM (unchanged).
 */
int chq_map_put(struct chq_map *m, const void *key, size_t len, void *value);

/* The value of a key, or NULL. */
void *chq_map_get(const struct chq_map *m, const void *key, size_t len);

/* Take an entry out. Return: its value, or NULL if there was none. */
void *chq_map_del(struct chq_map *m, const void *key, size_t len);

/**
 * chq_map_next() - walk all entries, in no order.
 * @pos: 0 at first; then as left by the call before. Anything added or taken out ends the walk.
 *
 * Return: a value, or NULL at the end.
 */
void *chq_map_next(const struct chq_map *m, size_t *pos);

/* Walk with @value (declared by the caller, any pointer type). */
#define CHQ_MAP_FOREACH(value, m) \
	for (size_t chq_map_pos_ = 0; ((value) = chq_map_next((m), &chq_map_pos_)) != NULL;)

/* The same by number. */
static inline int
chq_map_put_u64(struct chq_map *m, uint64_t key, void *value)
{
	return chq_map_put(m, &key, sizeof(key), value);
}

static inline void *
chq_map_get_u64(const struct chq_map *m, uint64_t key)
{
	return chq_map_get(m, &key, sizeof(key));
}

static inline void *
chq_map_del_u64(struct chq_map *m, uint64_t key)
{
	return chq_map_del(m, &key, sizeof(key));
}

/* The same by text, without its NUL. */
static inline int
chq_map_put_str(struct chq_map *m, const char *key, void *value)
{
	return chq_map_put(m, key, strlen(key), value);
}

static inline void *
chq_map_get_str(const struct chq_map *m, const char *key)
{
	return chq_map_get(m, key, strlen(key));
}
