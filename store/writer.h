#pragma once

/*
 * Writing: jobs go into a bounded queue; one thread takes all that wait (up to 256) into one
 * transaction, each nested in it, commits once, and only then answers each. A job that fails is
 * undone alone. A full map grows by itself; a full disk refuses the batch, and later ones work
 * again as soon as there is room.
 */

struct store;
struct store_txn;

/**
 * store_job_fn - one change, all or nothing.
 *
 * Runs on the writer thread and may run more than once before it is answered, each time on the
 * state without it: it must derive all it writes, in the database and in *@arg, from its input. It
 * must not block, take snapshots or submit jobs.
 *
 * Return: 0 to keep the change, else a code (negative) to undo it and answer with that.
 */
typedef int store_job_fn(struct store_txn *txn, void *arg);

/**
 * store_done_fn - the answer to a job: on the writer thread, exactly once, after the commit.
 * @rc: 0 if the change is on disk. The job's own code if it failed; CHQ_EFULL (map has its
 * maximum), CHQ_ETOOBIG (one job changes too much), CHQ_ENOSPC, CHQ_EIO, CHQ_ENOMEM, CHQ_ECORRUPT
 * if it could not be written. After CHQ_EIO the disk may hold it all the same: only the database
 * tells, so a repeated request looks for its answer there.
 *
 * It must not block: it hands @arg to the thread that waits for it. It may submit jobs.
 */
typedef void store_done_fn(void *arg, int rc);

/**
 * store_write() - queue a job.
 * @done: may be NULL.
 * @arg:  given to both; must live until the answer.
 *
 * Jobs take effect in the order of the queue, as if each ran alone.
 * Thread: any.
 * Return: 0; CHQ_EAGAIN if the queue is full (counted; neither function is called).
 */
int store_write(struct store *st, store_job_fn *job, store_done_fn *done, void *arg);

/**
 * store_write_sync() - the same, and wait for the answer. For tools and tests, not for an event
 * loop.
 *
 * Thread: any but the writer.
 * Return: the answer as in store_done_fn; CHQ_EAGAIN if the queue is full.
 */
int store_write_sync(struct store *st, store_job_fn *job, void *arg);
