#include "store/env.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"

/* More than there are, so that a migration can have an old table open beside its successor. */
enum { TABLES_MAX = STORE_TABLE__COUNT + 8 };

enum { DISK_FULL_BYTES = 64 << 10 };

static const char *const table_names[STORE_TABLE__COUNT] = {
	[STORE_TABLE_META] = "meta",
	[STORE_TABLE_ACCOUNT] = "account",
	[STORE_TABLE_LOGIN] = "login",
	[STORE_TABLE_E2E] = "e2e",
	[STORE_TABLE_DEVICE] = "device",
	[STORE_TABLE_DEVKEY] = "devkey",
	[STORE_TABLE_FRIEND] = "friend",
	[STORE_TABLE_ANSWER] = "answer",
	[STORE_TABLE_DEPT] = "dept",
	[STORE_TABLE_DEPTNAME] = "deptname",
	[STORE_TABLE_MEMBER] = "member",
	[STORE_TABLE_ROLE] = "role",
	[STORE_TABLE_GROUP] = "group",
	[STORE_TABLE_GROUPNAME] = "groupname",
	[STORE_TABLE_GROUPMEMBER] = "groupmember",
	[STORE_TABLE_GROUPOF] = "groupof",
	[STORE_TABLE_GROUPLOG] = "grouplog",
	[STORE_TABLE_GROUPSENT] = "groupsent",
	[STORE_TABLE_GROUPAT] = "groupat",
	[STORE_TABLE_RULE] = "rule",
	[STORE_TABLE_APP] = "app",
	[STORE_TABLE_OFFER] = "offer",
	[STORE_TABLE_AUDIT] = "audit",
	[STORE_TABLE_WORD] = "word",
	[STORE_TABLE_INVITE] = "invite",
	[STORE_TABLE_MAIL] = "mail",
	[STORE_TABLE_MAILFROM] = "mailfrom",
};

const char *
store_table_name(enum store_table table)
{
	return table_names[table];
}

int
store_err_of_lmdb(int rc)
{
	if (rc > 0)
		return -rc;
	switch (rc) {
	case MDB_SUCCESS: return 0;
	case MDB_KEYEXIST: return CHQ_EEXIST;
	case MDB_NOTFOUND: return CHQ_ENOENT;
	case MDB_MAP_FULL: return CHQ_EFULL;
	case MDB_TXN_FULL: return CHQ_ETOOBIG;
	case MDB_READERS_FULL: return CHQ_EAGAIN;
	case MDB_PANIC: return CHQ_EIO;
	case MDB_VERSION_MISMATCH: return CHQ_ESCHEMA;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID: return CHQ_ECORRUPT;
	default: return CHQ_EINTERNAL;
	}
}

/*
 * LMDB writes reader slots through a mapping of a file with holes: on a full disk that would be a
 * SIGBUS. The descriptor stays open as long as the environment, since closing one would end LMDB's
 * own fcntl locks on the file.
 */
static int
slots_allocate(struct store_env *e)
{
	char path[4096];
	struct stat sb;

	if ((size_t)snprintf(path, sizeof(path), "%s/lock.mdb", e->opt.dir) >= sizeof(path))
		return CHQ_ENAMETOOLONG;
	e->slots_fd = open(path, O_RDWR | O_CLOEXEC);
	if (e->slots_fd < 0 || fstat(e->slots_fd, &sb) < 0)
		return chq_errno();
	return -posix_fallocate(e->slots_fd, 0, sb.st_size);
}

int
store_env_open(struct store_env *e, const struct store_env_options *opt)
{
	int dead = 0;
	int rc;

	*e = (struct store_env){ .opt = *opt, .slots_fd = -1 };
	rc = mdb_env_create(&e->env);
	if (rc)
		return store_err_of_lmdb(rc);
	rc = mdb_env_set_maxdbs(e->env, TABLES_MAX);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(e->env, opt->readers_max);
	if (rc == 0)
		rc = mdb_env_set_mapsize(e->env, opt->map_bytes);
	if (rc == 0)
		rc = mdb_env_open(e->env, opt->dir, MDB_NOTLS, 0600);
	if (rc == 0)
		rc = mdb_reader_check(e->env, &dead);
	rc = store_err_of_lmdb(rc);
	if (rc == 0)
		rc = slots_allocate(e);
	if (rc != 0)
		store_env_close(e);
	return rc;
}

void
store_env_close(struct store_env *e)
{
	if (e->env) {
		mdb_env_close(e->env);
		if (e->slots_fd >= 0)
			close(e->slots_fd);
	}
	e->env = NULL;
	memset(e->dbi_open, 0, sizeof(e->dbi_open));
}

int
store_env_table(struct store_txn *t, enum store_table table)
{
	struct store_env *e = t->env;
	int rc;

	if (e->dbi_open[table])
		return 0;
	rc = store_err_of_lmdb(
		mdb_dbi_open(t->txn, table_names[table], MDB_CREATE, &e->dbi[table]));
	if (rc == 0)
		e->dbi_open[table] = true;
	else
		t->broken = rc;
	return rc;
}

size_t
store_env_map_bytes(const struct store_env *e)
{
	MDB_envinfo info = { .me_mapsize = 0 };

	if (e->env)
		mdb_env_info(e->env, &info);
	return info.me_mapsize;
}

size_t
store_env_used_bytes(const struct store_env *e)
{
	MDB_envinfo info = { .me_mapsize = 0 };
	MDB_stat st = { .ms_psize = 0 };

	if (e->env) {
		mdb_env_info(e->env, &info);
		mdb_env_stat(e->env, &st);
	}
	return (info.me_last_pgno + 1) * st.ms_psize;
}

int
store_env_grow(struct store_env *e)
{
	size_t now = store_env_map_bytes(e);
	size_t next = now * 2;

	if (next > e->opt.map_max_bytes)
		next = e->opt.map_max_bytes;
	if (next <= now)
		return CHQ_EFULL;
	return mdb_env_set_mapsize(e->env, next) == 0 ? 0 : CHQ_ENOMEM;
}

int
store_txn_begin(struct store_txn *t, struct store_env *e, struct store_txn *parent, bool write)
{
	*t = (struct store_txn){ .env = e };
	if (e->env == NULL)
		return CHQ_EIO;
	return store_err_of_lmdb(mdb_txn_begin(e->env, parent ? parent->txn : NULL,
					       write ? 0 : MDB_RDONLY, &t->txn));
}

int
store_txn_commit(struct store_txn *t)
{
	int rc = store_err_of_lmdb(mdb_txn_commit(t->txn));

	t->txn = NULL;
	return rc;
}

void
store_txn_abort(struct store_txn *t)
{
	if (t->txn)
		mdb_txn_abort(t->txn);
	t->txn = NULL;
}

void
store_txn_park(struct store_txn *t)
{
	mdb_txn_reset(t->txn);
}

int
store_txn_renew(struct store_txn *t)
{
	t->broken = 0;
	t->staged_known = t->see_staged = false;
	return store_err_of_lmdb(mdb_txn_renew(t->txn));
}

bool
store_env_panicked(const struct store_env *e)
{
	MDB_txn *probe = NULL;
	int rc;

	if (e->env == NULL)
		return true;
	rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &probe);
	if (rc == 0)
		mdb_txn_abort(probe);
	return rc == MDB_PANIC;
}

bool
store_env_disk_full(const struct store_env *e)
{
	struct statvfs fs;
	fsblkcnt_t blocks;

	if (statvfs(e->opt.dir, &fs) < 0)
		return false;
	blocks = geteuid() == 0 ? fs.f_bfree : fs.f_bavail;
	return blocks * fs.f_frsize < DISK_FULL_BYTES;
}
