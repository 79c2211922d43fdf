#pragma once
#include <stddef.h>
#include <stdint.h>

/* Sizes of the database, for operators. */

struct store;
struct store_txn;

struct store_table_stat {
	const char *name; /* constant; "free" for the list of pages to be used again */
	uint64_t records, bytes;
	unsigned depth;
};

struct store_stat {
	uint64_t file_bytes; /* up to the last page ever used */
	uint64_t free_bytes; /* of these, to be used again, as soon as no snapshot needs them */
	uint64_t map_bytes, map_max_bytes;
	uint64_t transaction; /* newest that is committed */
	unsigned readers, readers_max;
	uint64_t oldest;     /* transaction of the oldest snapshot; the newest if there is none */
	unsigned oldest_pid; /* of its process, 0 if there is none */
};

typedef void store_table_stat_fn(void *arg, const struct store_table_stat *table);

/**
 * store_stat_read() - look at the database as a whole.
 * @t: a snapshot; its own slot is among the readers.
 * @fn: told of each table; may be NULL.
 *
 * Takes time in proportion to the free pages. Return: 0; CHQ_EIO, CHQ_ENOMEM, CHQ_ECORRUPT.
 */
int store_stat_read(struct store_txn *t, struct store_stat *out, store_table_stat_fn *fn,
		    void *arg);

/* The tables alone: at once. Return: as above. */
int store_stat_tables(struct store_txn *t, store_table_stat_fn *fn, void *arg);

/**
 * store_readers_clear() - free the slots of processes that are no more, which would keep pages from
 * being used again.
 * Thread: any. Return: how many; CHQ_EIO and other codes.
 */
int store_readers_clear(struct store *st);
