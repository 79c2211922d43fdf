#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "store/internal.h"

#define ROOM_BYTES ((size_t)64 << 20)

static void
count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static unsigned
queue_take(struct store_writer *w)
{
	unsigned n = 0;

	pthread_mutex_lock(&w->lock);
	while (w->waiting == 0 && !w->stopping)
		pthread_cond_wait(&w->wake, &w->lock);
	while (w->waiting > 0 && n < STORE_BATCH_MAX) {
		w->batch[n++] = w->queue[w->head];
		w->head = (w->head + 1) % w->queue_max;
		w->waiting--;
	}
	pthread_mutex_unlock(&w->lock);
	return n;
}

/**
 * run_job() - one job, nested, so that its failure undoes only its own changes.
 * Return: 0 (job->rc is its answer); a code after which the whole transaction cannot go on.
 */
static int
run_job(struct store_txn *whole, struct store_job *job)
{
	struct store_txn own;
	int rc = store_txn_begin(&own, whole->env, whole, true);

	if (rc != 0)
		return rc;
	rc = job->fn(&own, job->arg);
	if (rc == 0 && own.broken == 0) {
		job->rc = 0;
		return store_txn_commit(&own);
	}
	store_txn_abort(&own);
	job->rc = rc;
	/* Damage met by one job is its own answer; everything else that breaks concerns all. */
	if (own.broken == CHQ_ECORRUPT)
		job->rc = CHQ_ECORRUPT;
	else if (own.broken != 0)
		return own.broken;
	return 0;
}

/* Return: 0 if @n jobs have their answers and are on disk; else nothing was changed. */
static int
try_batch(struct store *st, struct store_job *jobs, unsigned n)
{
	struct store_txn whole;
	int rc = store_txn_begin(&whole, &st->env, NULL, true);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = run_job(&whole, &jobs[i]);
	if (rc != 0) {
		store_txn_abort(&whole);
		return rc;
	}
	return store_txn_commit(&whole);
}

static int
grow_map(struct store *st)
{
	int rc;

	if (store_env_map_bytes(&st->env) >= st->env.opt.map_max_bytes)
		return CHQ_EFULL;
	store_env_seize(st);
	rc = store_env_grow(&st->env);
	if (rc == CHQ_ENOMEM) {
		store_readers_detach(st);
		store_env_close(&st->env);
	}
	store_env_yield(st);
	if (rc == 0) {
		count(&st->writer.grown, 1);
		CHQ_LOG_INFO("store-map-grown", "bytes=%zu", store_env_map_bytes(&st->env));
	}
	return rc;
}

/* LMDB gives up after a failed write of its root page; a fresh look at the files may do. */
static void
reopen_if_panicked(struct store *st)
{
	uint64_t epoch;
	int rc;

	if (!store_env_panicked(&st->env))
		return;
	store_env_seize(st);
	store_readers_detach(st);
	store_env_close(&st->env);
	rc = store_env_ready(&st->env, &st->env.opt, false, &epoch);
	store_env_yield(st);
	count(&st->writer.reopened, 1);
	CHQ_LOG_WARN("store-reopened", "error=%s", chq_errname(rc));
}

static void
note_outcome(struct store_writer *w, int rc, unsigned n)
{
	bool failed = rc != 0;

	count(failed ? &w->commits_failed : &w->commits, 1);
	if (failed && !w->failing)
		CHQ_LOG_ERROR("store-commit-failed", "error=%s jobs=%u", chq_errname(rc), n);
	if (!failed && w->failing)
		CHQ_LOG_INFO("store-commits-again", "jobs=%u", n);
	w->failing = failed;
}

/* As try_batch(), with all that can be done about a failure but splitting the batch. */
static int
write_batch(struct store *st, struct store_job *jobs, unsigned n)
{
	int rc = try_batch(st, jobs, n);

	while (rc == CHQ_EFULL && grow_map(st) == 0)
		rc = try_batch(st, jobs, n);
	if (rc == CHQ_EIO && store_env_disk_full(&st->env))
		rc = CHQ_ENOSPC;
	note_outcome(&st->writer, rc, n);
	if (rc != 0)
		reopen_if_panicked(st);
	return rc;
}

/* May another division of the same jobs get some of them through? */
static bool
worth_splitting(int rc)
{
	return rc == CHQ_EFULL || rc == CHQ_ETOOBIG || rc == CHQ_ENOMEM || rc == CHQ_EINTERNAL;
}

static void
answer(struct store *st, struct store_job *jobs, unsigned n)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < n; i++)
		failed += jobs[i].rc != 0;
	count(&st->writer.jobs, n);
	count(&st->writer.jobs_failed, failed);
	for (unsigned i = 0; i < n; i++) {
		if (jobs[i].done)
			jobs[i].done(jobs[i].arg, jobs[i].rc);
	}
}

/* So much that a long snapshot's time will hardly fill it: address space costs nothing. */
static void
make_room(struct store *st)
{
	size_t want = store_env_used_bytes(&st->env) * 2 + ROOM_BYTES;

	while (store_env_map_bytes(&st->env) < want && grow_map(st) == 0)
		;
}

static void
do_batch(struct store *st, struct store_job *jobs, unsigned n)
{
	int rc = write_batch(st, jobs, n);

	if (n > 1 && worth_splitting(rc)) {
		count(&st->writer.split, 1);
		for (unsigned i = 0; i < n; i++)
			do_batch(st, &jobs[i], 1);
		return;
	}
	for (unsigned i = 0; i < n && rc != 0; i++)
		jobs[i].rc = rc;
	answer(st, jobs, n);
}

static void *
writer_main(void *arg)
{
	struct store *st = arg;
	unsigned n;

	while ((n = queue_take(&st->writer)) > 0) {
		if (atomic_exchange_explicit(&st->writer.make_room, false, memory_order_relaxed))
			make_room(st);
		do_batch(st, st->writer.batch, n);
	}
	return NULL;
}

int
store_writer_start(struct store *st, unsigned queue_max)
{
	struct store_writer *w = &st->writer;
	int rc;

	w->queue = calloc(queue_max, sizeof(*w->queue));
	if (w->queue == NULL)
		return CHQ_ENOMEM;
	w->queue_max = queue_max;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	rc = pthread_create(&w->thread, NULL, writer_main, st);
	if (rc != 0) {
		pthread_cond_destroy(&w->wake);
		pthread_mutex_destroy(&w->lock);
		free(w->queue);
	}
	return -rc;
}

void
store_writer_stop(struct store *st)
{
	struct store_writer *w = &st->writer;

	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w->queue);
}

int
store_write(struct store *st, store_job_fn *job, store_done_fn *done, void *arg)
{
	struct store_writer *w = &st->writer;
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	if (w->waiting == w->queue_max) {
		rc = CHQ_EAGAIN;
		count(&w->refused, 1);
	} else {
		w->queue[(w->head + w->waiting) % w->queue_max] =
			(struct store_job){ .fn = job, .done = done, .arg = arg };
		w->waiting++;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

/* A job whose submitter waits on its own stack. */
struct waiter {
	store_job_fn *job;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done;
	int rc;
};

static int
waiter_job(struct store_txn *txn, void *arg)
{
	struct waiter *wait = arg;

	return wait->job(txn, wait->arg);
}

static void
waiter_done(void *arg, int rc)
{
	struct waiter *wait = arg;

	pthread_mutex_lock(&wait->lock);
	wait->rc = rc;
	wait->done = true;
	/* Inside the lock: the waiter's stack is gone as soon as it sees the answer. */
	pthread_cond_signal(&wait->answered);
	pthread_mutex_unlock(&wait->lock);
}

int
store_write_sync(struct store *st, store_job_fn *job, void *arg)
{
	struct waiter wait = { .job = job,
			       .arg = arg,
			       .lock = PTHREAD_MUTEX_INITIALIZER,
			       .answered = PTHREAD_COND_INITIALIZER };
	int rc = store_write(st, waiter_job, waiter_done, &wait);

	if (rc == 0) {
		pthread_mutex_lock(&wait.lock);
		while (!wait.done)
			pthread_cond_wait(&wait.answered, &wait.lock);
		pthread_mutex_unlock(&wait.lock);
		rc = wait.rc;
	}
	pthread_cond_destroy(&wait.answered);
	pthread_mutex_destroy(&wait.lock);
	return rc;
}
