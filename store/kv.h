#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store/env.h"

/*
 * Insides of the store: bytes by key. Nothing above this file and env.h calls LMDB. Views point
 * into the database and are valid until the next change in the same transaction, or its end.
 */

struct store_view {
	const uint8_t *p;
	size_t len;
};

/* Longest key prefix that an iterator can be bound to. */
enum { STORE_PREFIX_MAX_BYTES = 8 };

/* Ordered walk over the keys that begin with a prefix. */
struct store_iter {
	struct store_txn *t;
	MDB_cursor *cursor;
	uint8_t prefix[STORE_PREFIX_MAX_BYTES];
	size_t prefix_len;
	struct store_view key, val;
};

/* Return: 0; CHQ_ENOENT; CHQ_ECORRUPT. */
int store_kv_get(struct store_txn *t, enum store_table table, const void *key, size_t key_len,
		 struct store_view *val);

/*
 * Set, whether there or not. Return: 0; CHQ_EFULL, CHQ_ETOOBIG, CHQ_ENOSPC, CHQ_EIO, CHQ_ENOMEM,
 * CHQ_ECORRUPT: then the transaction is broken, which the writer sees even if a job hides it.
 */
int store_kv_put(struct store_txn *t, enum store_table table, const void *key, size_t key_len,
		 const void *val, size_t val_len);

/* As put, but CHQ_EEXIST (nothing changed) if the key is there. */
int store_kv_add(struct store_txn *t, enum store_table table, const void *key, size_t key_len,
		 const void *val, size_t val_len);

/* Return: 0; CHQ_ENOENT; else as put. */
int store_kv_del(struct store_txn *t, enum store_table table, const void *key, size_t key_len);

/**
 * store_iter_open() - go to the first key >= @start that begins with the prefix.
 * @prefix_len: so many first bytes of @start are the prefix.
 *
 * Return: 0 with it->key and it->val set; CHQ_ENOENT if there is none; CHQ_ENOMEM, CHQ_ECORRUPT.
 * Whatever it returns, store_iter_close() ends it; before the transaction ends.
 */
int store_iter_open(struct store_iter *it, struct store_txn *t, enum store_table table,
		    const void *start, size_t start_len, size_t prefix_len);

/* The following key. Return: as store_iter_open(); CHQ_ECANCELED (store_read_watch()). */
int store_iter_next(struct store_iter *it);

/* Go to the first key >= @start with the prefix that it was opened with. Return: as it. */
int store_iter_seek(struct store_iter *it, const void *start, size_t start_len);
void store_iter_close(struct store_iter *it);

/* Keys: big endian, so that a walk goes by account, then device or peer. */
enum {
	STORE_ACCOUNT_KEY_BYTES = 6,
	STORE_DEVICE_KEY_BYTES = 7,
	STORE_FRIEND_KEY_BYTES = 12,
	STORE_ANSWER_KEY_BYTES = 15,
	STORE_DEPT_KEY_BYTES = 4, /* rules too */
	STORE_MEMBER_KEY_BYTES = 10,
	STORE_ROLE_KEY_BYTES = 10,
};

void store_key_put_account(uint8_t *key, uint64_t account);
uint64_t store_key_get_account(const uint8_t *key);
void store_key_put_u32(uint8_t *key, uint32_t id);
uint32_t store_key_get_u32(const uint8_t *key);
