#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/lock.h"
#include "store/app.h"
#include "store/import.h"
#include "store/internal.h"
#include "store/meta.h"

#define MAP_BYTES     ((size_t)64 << 20)
#define MAP_MAX_BYTES ((size_t)64 << 30)
enum { READERS_MAX = 126, QUEUE_MAX = 4096 };

/* A folder for us alone. */
static int
make_private_dir(const char *dir)
{
	struct stat sb;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return chq_errno();
	if (stat(dir, &sb) < 0)
		return chq_errno();
	if (!S_ISDIR(sb.st_mode))
		return CHQ_ENOTDIR;
	if ((sb.st_mode & 077) != 0 && chmod(dir, 0700) < 0)
		return chq_errno();
	return 0;
}

/* New files are not durable before the folder that names them is. */
static int
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return chq_errno();
	if (fsync(fd) < 0)
		rc = chq_errno();
	close(fd);
	return rc;
}

static int
take_lock(struct store *st, const char *path, pid_t *holder)
{
	char own[4096];

	if (path == NULL) {
		if ((size_t)snprintf(own, sizeof(own), "%s/lock", st->dir) >= sizeof(own))
			return CHQ_ENAMETOOLONG;
		path = own;
	}
	st->lock_fd = chq_lock_take(path, holder);
	return st->lock_fd < 0 ? st->lock_fd : 0;
}

static int
tables_and_epoch(struct store_txn *t, bool next_epoch, uint64_t *epoch)
{
	uint64_t last = 0;
	int rc = store_env_table(t, STORE_TABLE_META);

	if (rc == 0)
		rc = store_meta_migrate(t);
	for (int i = 0; i < STORE_TABLE__COUNT && rc == 0; i++)
		rc = store_env_table(t, (enum store_table)i);
	if (rc == 0)
		rc = store_app_begin(t);
	if (rc != 0)
		return rc;
	rc = store_meta_get(t, STORE_META_EPOCH, &last);
	if (rc != 0 && rc != CHQ_ENOENT)
		return rc;
	*epoch = last + next_epoch;
	return next_epoch ? store_meta_set(t, STORE_META_EPOCH, *epoch) : 0;
}

int
store_env_ready(struct store_env *e, const struct store_env_options *opt, bool next_epoch,
		uint64_t *epoch)
{
	struct store_txn t;
	int rc = store_env_open(e, opt);

	if (rc != 0)
		return rc;
	rc = store_txn_begin(&t, e, NULL, true);
	if (rc == 0) {
		rc = tables_and_epoch(&t, next_epoch, epoch);
		if (rc == 0)
			rc = store_txn_commit(&t);
		else
			store_txn_abort(&t);
	}
	if (rc == 0)
		rc = sync_dir(opt->dir);
	if (rc != 0)
		store_env_close(e);
	return rc;
}

static void
init_locks(struct store *st)
{
	pthread_rwlockattr_t attr;

	/* Else a steady stream of readers would keep the map from ever growing. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&st->env_lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&st->readers_lock, NULL);
	pthread_mutex_init(&st->long_lock, NULL);
	pthread_cond_init(&st->long_ended, NULL);
	chq_list_init(&st->readers);
}

static void
release(struct store *st)
{
	store_env_close(&st->env);
	pthread_cond_destroy(&st->long_ended);
	pthread_mutex_destroy(&st->long_lock);
	pthread_mutex_destroy(&st->readers_lock);
	pthread_rwlock_destroy(&st->env_lock);
	chq_lock_release(st->lock_fd);
	free(st->dir);
	free(st);
}

static int
open_files(struct store *st, const struct store_options *opt, pid_t *holder)
{
	struct store_env_options env = {
		.dir = st->dir,
		.map_bytes = opt->map_bytes ? opt->map_bytes : MAP_BYTES,
		.map_max_bytes = opt->map_max_bytes ? opt->map_max_bytes : MAP_MAX_BYTES,
		.readers_max = opt->readers_max ? opt->readers_max : READERS_MAX,
	};
	int rc = make_private_dir(st->dir);

	if (rc == 0)
		rc = take_lock(st, opt->lock_path, holder);
	if (rc == 0)
		rc = store_env_ready(&st->env, &env, opt->next_epoch, &st->epoch);
	return rc;
}

int
store_open(struct store **out, const struct store_options *opt, pid_t *holder)
{
	struct store *st;
	int rc;

	if (opt->dir == NULL || opt->dir[0] == '\0')
		return CHQ_EINVAL;
	st = calloc(1, sizeof(*st));
	if (st == NULL)
		return CHQ_ENOMEM;
	st->lock_fd = -1;
	init_locks(st);
	st->dir = strdup(opt->dir);
	rc = st->dir ? open_files(st, opt, holder) : CHQ_ENOMEM;
	if (rc == 0)
		rc = store_writer_start(st, opt->queue_max ? opt->queue_max : QUEUE_MAX);
	if (rc == 0) {
		rc = store_import_recover(st);
		if (rc != 0)
			store_writer_stop(st);
	}
	if (rc != 0) {
		release(st);
		return rc;
	}
	*out = st;
	return 0;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	store_writer_stop(st);
	release(st);
}

uint64_t
store_epoch(const struct store *st)
{
	return st->epoch;
}

static uint64_t
load(_Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void
store_stats_get(struct store *st, struct store_stats *out)
{
	struct store_writer *w = &st->writer;

	*out = (struct store_stats){
		.jobs = load(&w->jobs),
		.jobs_failed = load(&w->jobs_failed),
		.jobs_refused = load(&w->refused),
		.commits = load(&w->commits),
		.commits_failed = load(&w->commits_failed),
		.batches_split = load(&w->split),
		.map_grown = load(&w->grown),
		.reopened = load(&w->reopened),
	};
	pthread_rwlock_rdlock(&st->env_lock);
	out->map_bytes = store_env_map_bytes(&st->env);
	out->used_bytes = store_env_used_bytes(&st->env);
	pthread_rwlock_unlock(&st->env_lock);
}
