#include "store/kv.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/reader.h"

/* LMDB's key and data are not const, but it does not write to them. */
static MDB_val
val_of(const void *p, size_t len)
{
	union {
		const void *in;
		void *out;
	} u = { .in = p };

	return (MDB_val){ .mv_size = len, .mv_data = u.out };
}

static struct store_view
view_of(const MDB_val *v)
{
	return (struct store_view){ .p = v->mv_data, .len = v->mv_size };
}

/* Answers that leave the transaction whole are not failures of it. */
static int
remember(struct store_txn *t, int lmdb_rc)
{
	int rc = store_err_of_lmdb(lmdb_rc);

	if (rc != 0 && rc != CHQ_ENOENT && rc != CHQ_EEXIST && t->broken == 0)
		t->broken = rc;
	return rc;
}

int
store_kv_get(struct store_txn *t, enum store_table table, const void *key, size_t key_len,
	     struct store_view *val)
{
	MDB_val k = val_of(key, key_len);
	MDB_val v;
	int rc = remember(t, mdb_get(t->txn, t->env->dbi[table], &k, &v));

	if (rc == 0)
		*val = view_of(&v);
	return rc;
}

static int
put(struct store_txn *t, enum store_table table, const void *key, size_t key_len, const void *val,
    size_t val_len, unsigned flags)
{
	MDB_val k = val_of(key, key_len);
	MDB_val v = val_of(val, val_len);

	return remember(t, mdb_put(t->txn, t->env->dbi[table], &k, &v, flags));
}

int
store_kv_put(struct store_txn *t, enum store_table table, const void *key, size_t key_len,
	     const void *val, size_t val_len)
{
	return put(t, table, key, key_len, val, val_len, 0);
}

int
store_kv_add(struct store_txn *t, enum store_table table, const void *key, size_t key_len,
	     const void *val, size_t val_len)
{
	return put(t, table, key, key_len, val, val_len, MDB_NOOVERWRITE);
}

int
store_kv_del(struct store_txn *t, enum store_table table, const void *key, size_t key_len)
{
	MDB_val k = val_of(key, key_len);

	return remember(t, mdb_del(t->txn, t->env->dbi[table], &k, NULL));
}

static int
iter_move(struct store_iter *it, MDB_val *k, MDB_cursor_op op)
{
	MDB_val v;
	int rc = remember(it->t, mdb_cursor_get(it->cursor, k, &v, op));

	if (rc != 0)
		return rc;
	if (k->mv_size < it->prefix_len || memcmp(k->mv_data, it->prefix, it->prefix_len) != 0)
		return CHQ_ENOENT;
	it->key = view_of(k);
	it->val = view_of(&v);
	return 0;
}

int
store_iter_open(struct store_iter *it, struct store_txn *t, enum store_table table,
		const void *start, size_t start_len, size_t prefix_len)
{
	MDB_val k = val_of(start, start_len);
	int rc;

	*it = (struct store_iter){ .t = t, .prefix_len = prefix_len };
	memcpy(it->prefix, start, prefix_len);
	rc = remember(t, mdb_cursor_open(t->txn, t->env->dbi[table], &it->cursor));
	if (rc != 0) {
		it->cursor = NULL;
		return rc;
	}
	return iter_move(it, &k, start_len == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

int
store_iter_next(struct store_iter *it)
{
	const struct store_progress *watch = it->t->watch;
	MDB_val k;

	if (watch) {
		if (watch->done)
			atomic_fetch_add_explicit(watch->done, 1, memory_order_relaxed);
		if (watch->stop && atomic_load_explicit(watch->stop, memory_order_relaxed))
			return CHQ_ECANCELED;
	}
	return iter_move(it, &k, MDB_NEXT);
}

int
store_iter_seek(struct store_iter *it, const void *start, size_t start_len)
{
	MDB_val k = val_of(start, start_len);

	return iter_move(it, &k, start_len == 0 ? MDB_FIRST : MDB_SET_RANGE);
}

void
store_iter_close(struct store_iter *it)
{
	if (it->cursor)
		mdb_cursor_close(it->cursor);
	it->cursor = NULL;
}

void
store_key_put_account(uint8_t *key, uint64_t account)
{
	chq_put_be16(key, (uint16_t)(account >> 32));
	chq_put_be32(key + 2, (uint32_t)account);
}

uint64_t
store_key_get_account(const uint8_t *key)
{
	return (uint64_t)chq_get_be16(key) << 32 | chq_get_be32(key + 2);
}

void
store_key_put_u32(uint8_t *key, uint32_t id)
{
	chq_put_be32(key, id);
}

uint32_t
store_key_get_u32(const uint8_t *key)
{
	return chq_get_be32(key);
}
