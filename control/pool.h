#pragma once

/*
 * A bounded pool of threads for what takes long: public-key operations, password hashes. A job's work
 * is done on one of them, its end is told on the event loop.
 */

#include <pthread.h>
#include <stdbool.h>

#include "control/loop.h"

struct pool_job {
	struct loop_item item; /* pool's */
	struct pool_job *next; /* pool's */
	bool cancelled;	       /* out: the pool ended before work was called */

	void (*work)(struct pool_job *job); /* on a pool thread: sees only what is in the job */
	void (*done)(
		struct pool_job *job); /* on the loop's thread, exactly once; may free the job */
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct pool_job *head, **tail; /* under lock, as all below */
	unsigned queued, queue_max;
	bool ending;

	struct loop_inbox *inbox;
	pthread_t *threads;
	unsigned threads_used;
};

/**
 * pool_init() - start the threads.
 * @name:      of the threads, at most 15 bytes.
 * @queue_max: jobs that may wait beside those at work.
 *
 * Return: 0; CHQ_ENOMEM; CHQ_EAGAIN (no more threads). On failure nothing is held.
 */
int pool_init(struct pool *p, struct loop_inbox *inbox, const char *name, unsigned threads,
	      unsigned queue_max);

/* End after the jobs at work; those that wait are posted as cancelled. Thread: the loop's. */
void pool_deinit(struct pool *p);

/**
 * pool_submit() - queue a job; its work and done are set, and it lives until done was called.
 * Return: 0; CHQ_EAGAIN if the queue is full (nothing will be called).
 */
int pool_submit(struct pool *p, struct pool_job *job);
