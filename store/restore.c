#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/lock.h"
#include "store/backup_files.h"
#include "store/internal.h"
#include "store/meta.h"
#include "store/reader.h"
#include "store/store.h"
#include "store/verify.h"

enum { CHUNK_BYTES = 256 << 10 };

/* Numbers that must not be given twice, whatever was restored. */
static const enum store_meta counters[] = {
	STORE_META_EPOCH,      STORE_META_NEXT_ACCOUNT, STORE_META_NEXT_DEPT, STORE_META_NEXT_RULE,
	STORE_META_NEXT_GROUP, STORE_META_SENDER_EPOCH, STORE_META_APPS,
};
enum { COUNTERS = sizeof(counters) / sizeof(counters[0]) };

/* Of one restoration. */
struct restore {
	const char *backup, *dir;
	char fresh[4000]; /* the copy, beside the database */
	struct store_restore_report *out;
	uint64_t former[COUNTERS]; /* 0: cannot be told */
};

/* The backup's file into @fd. Return: 0; CHQ_ECORRUPT if it is not what the manifest says. */
static int
copy_file(const struct restore *r, int fd)
{
	const struct store_manifest *m = &r->out->manifest;
	uint8_t *buf = malloc(CHUNK_BYTES), sha256[crypto_hash_sha256_BYTES];
	char path[4096];
	crypto_hash_sha256_state hash;
	uint64_t bytes = 0;
	ssize_t n;
	int in, rc = 0;

	snprintf(path, sizeof(path), "%s/data.mdb", r->backup);
	in = buf ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (in < 0) {
		rc = buf ? chq_errno() : CHQ_ENOMEM;
		free(buf);
		return rc;
	}
	crypto_hash_sha256_init(&hash);
	while (!rc && (n = read(in, buf, CHUNK_BYTES)) > 0) {
		crypto_hash_sha256_update(&hash, buf, (size_t)n);
		bytes += (uint64_t)n;
		rc = store_file_write(fd, buf, (size_t)n);
	}
	if (!rc && n < 0)
		rc = chq_errno();
	crypto_hash_sha256_final(&hash, sha256);
	if (!rc && (bytes != m->bytes || memcmp(sha256, m->sha256, sizeof(sha256)) != 0))
		rc = CHQ_ECORRUPT;
	if (!rc && fsync(fd) < 0)
		rc = chq_errno();
	close(in);
	free(buf);
	return rc;
}

static int
copy_backup(struct restore *r)
{
	int fd, rc;

	store_folder_remove(r->fresh); /* of a restoration that was killed */
	if (mkdir(r->fresh, 0700) < 0)
		return chq_errno();
	fd = store_file_make(r->fresh, "data.mdb");
	if (fd < 0)
		return fd;
	rc = copy_file(r, fd);
	close(fd);
	return rc;
}

/* Of the database that is replaced; what cannot be read stays 0. */
static void
read_former(struct restore *r)
{
	struct store_env_options opt = { .dir = r->dir, .map_bytes = 1 << 20, .readers_max = 126 };
	struct store_env env;
	struct store_txn t;

	if (store_env_open(&env, &opt) != 0)
		return;
	if (store_txn_begin(&t, &env, NULL, true) == 0) {
		if (store_env_table(&t, STORE_TABLE_META) == 0)
			for (unsigned i = 0; i < COUNTERS; i++)
				if (store_meta_get(&t, counters[i], &r->former[i]) != 0)
					r->former[i] = 0;
		store_txn_abort(&t);
	}
	store_env_close(&env);
}

static int
raise_counters(struct store_txn *t, void *arg)
{
	const struct restore *r = arg;
	int rc = 0;

	for (unsigned i = 0; i < COUNTERS && !rc; i++) {
		uint64_t now = 0;

		rc = store_meta_get(t, counters[i], &now);
		if (rc == CHQ_ENOENT)
			rc = 0;
		if (!rc && r->former[i] > now)
			rc = store_meta_set(t, counters[i], r->former[i]);
	}
	return rc;
}

static int
check_all(struct store *st, struct store_restore_report *out)
{
	struct store_verify found;
	struct store_reader *reader;
	struct store_txn *t;
	int rc = store_reader_open(st, &reader);

	if (rc)
		return rc;
	rc = store_read_begin(reader, &t);
	if (!rc) {
		rc = store_verify_all(t, &found, NULL, NULL);
		store_read_end(reader);
	}
	store_reader_close(reader);
	if (rc)
		return rc;
	out->records = found.accounts + found.devices + found.departments + found.rules;
	out->faults = found.faults;
	return found.faults ? CHQ_ECORRUPT : 0;
}

/* Open the copy, as the server would, and look at everything. */
static int
check_copy(struct restore *r)
{
	struct store_options opt = { .dir = r->fresh };
	struct store *st;
	int rc = store_open(&st, &opt, NULL);

	if (rc)
		return rc;
	rc = check_all(st, r->out);
	if (!rc)
		rc = store_write_sync(st, raise_counters, r);
	store_close(st);
	return rc;
}

/* Files of the copy belong to whom the folder's belonged. */
static int
give_to_owner(const struct restore *r, const struct stat *owner)
{
	static const char *const names[] = { "", "/data.mdb", "/lock.mdb", "/lock" };
	char path[4096];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", r->fresh, names[i]);
		if (lchown(path, owner->st_uid, owner->st_gid) < 0 && errno != ENOENT &&
		    geteuid() == 0)
			return chq_errno();
	}
	return 0;
}

/* At once: whoever looks finds the one or the other. */
static int
change_places(struct restore *r)
{
	time_t now = (time_t)(chq_wall_ms() / 1000);
	char *slash, parent[4096], when[32];
	struct tm tm;

	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	if (renameat2(AT_FDCWD, r->fresh, AT_FDCWD, r->dir, RENAME_EXCHANGE) < 0)
		return chq_errno();
	snprintf(r->out->kept, sizeof(r->out->kept), "%.4000s.before-%s", r->dir, when);
	if (rename(r->fresh, r->out->kept) < 0)
		snprintf(r->out->kept, sizeof(r->out->kept), "%s", r->fresh);
	snprintf(parent, sizeof(parent), "%s", r->dir);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return 0;
	*slash = '\0';
	return store_folder_sync(parent);
}

static int
replace(struct restore *r, const struct stat *owner)
{
	int rc = copy_backup(r);

	if (!rc)
		rc = check_copy(r);
	if (!rc)
		rc = store_folder_sync(r->fresh);
	if (!rc)
		rc = give_to_owner(r, owner);
	if (!rc)
		rc = change_places(r);
	else
		store_folder_remove(r->fresh);
	return rc;
}

/* Be who has the database. Return: the lock's descriptor; codes of chq_lock_take(). */
static int
take_store(const char *dir, pid_t *holder)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/lock", dir) >= sizeof(path))
		return CHQ_ENAMETOOLONG;
	return chq_lock_take(path, holder);
}

int
store_restore(const char *backup_dir, const char *store_dir, struct store_restore_report *out)
{
	struct restore r = { .backup = backup_dir, .dir = store_dir, .out = out };
	struct stat owner;
	int lock, rc;

	*out = (struct store_restore_report){ .holder = 0 };
	if ((size_t)snprintf(r.fresh, sizeof(r.fresh), "%s.restoring", store_dir) >=
	    sizeof(r.fresh))
		return CHQ_ENAMETOOLONG;
	rc = store_manifest_read(backup_dir, &out->manifest);
	if (!rc && out->manifest.schema > STORE_SCHEMA_VERSION)
		rc = CHQ_ESCHEMA;
	if (rc)
		return rc;
	if ((mkdir(store_dir, 0700) < 0 && errno != EEXIST) || stat(store_dir, &owner) < 0)
		return chq_errno();
	lock = take_store(store_dir, &out->holder);
	if (lock < 0)
		return lock;
	read_former(&r);
	rc = replace(&r, &owner);
	chq_lock_release(lock);
	return rc;
}

/* The copy takes the file's place. */
static int
compact_file(struct store_env *env, const char *dir, uint64_t *after)
{
	struct store_progress none = { .done = NULL };
	struct store_manifest m;
	char from[4096], to[4096];
	struct stat was;
	int fd, rc = 0;

	snprintf(from, sizeof(from), "%s/data.mdb.compact", dir);
	snprintf(to, sizeof(to), "%s/data.mdb", dir);
	unlink(from);
	fd = store_file_make(dir, "data.mdb.compact");
	if (fd < 0)
		return fd;
	if (stat(to, &was) < 0 || (fchown(fd, was.st_uid, was.st_gid) < 0 && geteuid() == 0))
		rc = chq_errno();
	if (!rc)
		rc = store_env_copy(env, fd, true, &none, &m);
	close(fd);
	if (!rc && rename(from, to) < 0)
		rc = chq_errno();
	if (rc)
		unlink(from);
	else
		*after = m.bytes;
	return rc ? rc : store_folder_sync(dir);
}

int
store_compact(const char *store_dir, uint64_t *before, uint64_t *after, pid_t *holder)
{
	struct store_env_options opt = { .dir = store_dir,
					 .map_bytes = 1 << 20,
					 .readers_max = 126 };
	struct store_env env;
	struct stat st;
	char path[4096];
	int lock = take_store(store_dir, holder), rc;

	if (lock < 0)
		return lock;
	snprintf(path, sizeof(path), "%s/data.mdb", store_dir);
	rc = stat(path, &st) < 0 ? chq_errno() : 0;
	if (!rc) {
		*before = (uint64_t)st.st_size;
		rc = store_env_open(&env, &opt);
	}
	if (!rc) {
		rc = compact_file(&env, store_dir, after);
		store_env_close(&env);
	}
	chq_lock_release(lock);
	return rc;
}
