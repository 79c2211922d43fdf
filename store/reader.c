#include "store/reader.h"

#include <stdlib.h>

#include "base/err.h"
#include "store/internal.h"

int
store_reader_open(struct store *st, struct store_reader **out)
{
	struct store_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return CHQ_ENOMEM;
	r->st = st;
	pthread_mutex_lock(&st->readers_lock);
	chq_list_add_tail(&st->readers, &r->link);
	pthread_mutex_unlock(&st->readers_lock);
	*out = r;
	return 0;
}

void
store_reader_close(struct store_reader *r)
{
	struct store *st;

	if (r == NULL)
		return;
	st = r->st;
	/* Shared, so that no reopen runs while the slot goes. */
	pthread_rwlock_rdlock(&st->env_lock);
	store_txn_abort(&r->txn);
	pthread_mutex_lock(&st->readers_lock);
	chq_list_del(&r->link);
	pthread_mutex_unlock(&st->readers_lock);
	pthread_rwlock_unlock(&st->env_lock);
	free(r);
}

int
store_read_begin(struct store_reader *r, struct store_txn **txn)
{
	struct store *st = r->st;
	int rc;

	pthread_rwlock_rdlock(&st->env_lock);
	if (r->txn.txn)
		rc = store_txn_renew(&r->txn);
	else
		rc = store_txn_begin(&r->txn, &st->env, NULL, false);
	if (rc != 0) {
		store_txn_abort(&r->txn);
		pthread_rwlock_unlock(&st->env_lock);
		return rc;
	}
	*txn = &r->txn;
	return 0;
}

void
store_read_end(struct store_reader *r)
{
	r->txn.watch = NULL;
	store_txn_park(&r->txn);
	pthread_rwlock_unlock(&r->st->env_lock);
}

void
store_readers_detach(struct store *st)
{
	pthread_mutex_lock(&st->readers_lock);
	CHQ_LIST_FOREACH(it, &st->readers) {
		store_txn_abort(&CHQ_LIST_ENTRY(it, struct store_reader, link)->txn);
	}
	pthread_mutex_unlock(&st->readers_lock);
}

static int
nothing(struct store_txn *t, void *arg)
{
	(void)t;
	(void)arg;
	return 0;
}

int
store_read_begin_long(struct store_reader *r, struct store_txn **txn)
{
	struct store *st = r->st;
	int rc;

	atomic_store_explicit(&st->writer.make_room, true, memory_order_relaxed);
	store_write_sync(st, nothing, NULL); /* without room it goes as well, until it is needed */
	pthread_mutex_lock(&st->long_lock);
	rc = store_read_begin(r, txn);
	if (rc == 0)
		st->long_readers++;
	pthread_mutex_unlock(&st->long_lock);
	return rc;
}

void
store_read_end_long(struct store_reader *r)
{
	struct store *st = r->st;

	store_read_end(r);
	pthread_mutex_lock(&st->long_lock);
	if (--st->long_readers == 0)
		pthread_cond_signal(&st->long_ended);
	pthread_mutex_unlock(&st->long_lock);
}

void
store_env_seize(struct store *st)
{
	pthread_mutex_lock(&st->long_lock);
	while (st->long_readers > 0)
		pthread_cond_wait(&st->long_ended, &st->long_lock);
	pthread_rwlock_wrlock(&st->env_lock);
}

void
store_env_yield(struct store *st)
{
	pthread_rwlock_unlock(&st->env_lock);
	pthread_mutex_unlock(&st->long_lock);
}

void
store_read_watch(struct store_txn *txn, const struct store_progress *p)
{
	uint64_t total = 0;
	MDB_stat st;

	for (int i = 0; i < STORE_TABLE__COUNT; i++)
		if (mdb_stat(txn->txn, txn->env->dbi[i], &st) == 0)
			total += st.ms_entries;
	if (p->total)
		atomic_store_explicit(p->total, total, memory_order_relaxed);
	txn->watch = p;
}
