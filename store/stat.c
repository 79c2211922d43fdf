#include "store/stat.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "store/internal.h"

/* A table's line. Return: 0; codes of reading. */
static int
table_stat(struct store_txn *t, MDB_dbi dbi, const char *name, store_table_stat_fn *fn, void *arg)
{
	struct store_table_stat out = { .name = name };
	MDB_stat st;
	int rc = store_err_of_lmdb(mdb_stat(t->txn, dbi, &st));

	if (rc)
		return rc;
	out.records = st.ms_entries;
	out.depth = st.ms_depth;
	out.bytes = (uint64_t)st.ms_psize *
		    (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages);
	if (fn)
		fn(arg, &out);
	return 0;
}

/* The list of free pages: each value is a number of pages and their numbers. */
static int
free_pages(struct store_txn *t, uint64_t *pages)
{
	MDB_val k, v;
	MDB_cursor *c;
	size_t n;
	int rc = mdb_cursor_open(t->txn, 0, &c);

	*pages = 0;
	if (rc)
		return store_err_of_lmdb(rc);
	while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		if (v.mv_size < sizeof(n))
			continue;
		memcpy(&n, v.mv_data, sizeof(n));
		*pages += n;
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : store_err_of_lmdb(rc);
}

/* Lines of mdb_reader_list(): a pid, a thread, a transaction or "-". */
static int
reader_line(const char *line, void *arg)
{
	struct store_stat *out = arg;
	unsigned long long txn;
	unsigned pid;

	if (sscanf(line, "%u %*s %llu", &pid, &txn) == 2 && txn < out->oldest) {
		out->oldest = txn;
		out->oldest_pid = pid;
	}
	return 0;
}

int
store_stat_tables(struct store_txn *t, store_table_stat_fn *fn, void *arg)
{
	int rc = 0;

	for (int i = 0; i < STORE_TABLE__COUNT && !rc; i++)
		rc = table_stat(t, t->env->dbi[i], store_table_name((enum store_table)i), fn, arg);
	return rc ? rc : table_stat(t, 0, "free", fn, arg);
}

int
store_stat_read(struct store_txn *t, struct store_stat *out, store_table_stat_fn *fn, void *arg)
{
	MDB_envinfo info;
	MDB_stat st;
	uint64_t free;
	int rc = store_stat_tables(t, fn, arg);

	if (!rc)
		rc = free_pages(t, &free);
	if (rc)
		return rc;
	mdb_env_info(t->env->env, &info);
	mdb_env_stat(t->env->env, &st);
	*out = (struct store_stat){
		.file_bytes = (info.me_last_pgno + 1) * st.ms_psize,
		.free_bytes = free * st.ms_psize,
		.map_bytes = info.me_mapsize,
		.map_max_bytes = t->env->opt.map_max_bytes,
		.transaction = info.me_last_txnid,
		.readers = info.me_numreaders,
		.readers_max = info.me_maxreaders,
		.oldest = info.me_last_txnid,
	};
	return mdb_reader_list(t->env->env, reader_line, out) < 0 ? CHQ_EIO : 0;
}

int
store_readers_clear(struct store *st)
{
	int dead = 0, rc = CHQ_EIO;

	pthread_rwlock_rdlock(&st->env_lock);
	if (st->env.env)
		rc = store_err_of_lmdb(mdb_reader_check(st->env.env, &dead));
	pthread_rwlock_unlock(&st->env_lock);
	return rc ? rc : dead;
}
