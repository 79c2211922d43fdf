#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "store/env.h"
#include "store/writer.h"

/* Insides of the store, shared by store.c, reader.c and writer.c alone. */

enum { STORE_BATCH_MAX = 256 };

struct store_job {
	store_job_fn *fn;
	store_done_fn *done;
	void *arg;
	int rc;
};

struct store_writer {
	pthread_t thread;

	pthread_mutex_t lock; /* over the queue */
	pthread_cond_t wake;  /* queue no longer empty, or stopping */
	struct store_job *queue;
	unsigned queue_max, head, waiting;
	bool stopping;

	/* Writer thread only. */
	struct store_job batch[STORE_BATCH_MAX];
	bool failing; /* the last commit failed: said once, not for each batch */

	/* Any thread sets it, the writer takes it: have room before the next batch. */
	_Atomic bool make_room;

	/* Counters: relaxed. Writer: writer thread, but @refused any thread. Readers: any. */
	_Atomic uint64_t jobs, jobs_failed, refused, commits, commits_failed, split, grown,
		reopened;
};

struct store_reader {
	struct store *st;
	struct chq_list link;
	struct store_txn txn; /* txn.txn is NULL until the first snapshot, and after a reopen */
};

struct store {
	struct store_env env;
	/*
	 * Over env: shared while a reader has a snapshot; exclusive to map anew or reopen, which
	 * only the writer thread does, between its transactions.
	 */
	pthread_rwlock_t env_lock;

	pthread_mutex_t readers_lock; /* over the list, inside env_lock */
	struct chq_list readers;

	/*
	 * Snapshots of seconds and more: counted, so that whoever must have env_lock exclusively
	 * waits for their end before he asks for it, and short readers do not wait with him.
	 */
	pthread_mutex_t long_lock; /* over the number, outside env_lock */
	pthread_cond_t long_ended;
	unsigned long_readers;

	struct store_writer writer;
	uint64_t epoch;
	int lock_fd;
	char *dir;
};

/* Close every reader's slot, for a reopen. The caller holds env_lock exclusively. */
void store_readers_detach(struct store *st);

/* env_lock exclusively, when no long snapshot is held; and give it back. Thread: writer. */
void store_env_seize(struct store *st);
void store_env_yield(struct store *st);

/**
 * store_env_ready() - open the environment, bring its schema up to date, open its tables.
 * @next_epoch: also begin a new epoch.
 * @epoch:      receives the epoch in force.
 */
int store_env_ready(struct store_env *e, const struct store_env_options *opt, bool next_epoch,
		    uint64_t *epoch);

/* Return: 0; CHQ_ENOMEM, CHQ_EAGAIN. */
int store_writer_start(struct store *st, unsigned queue_max);
void store_writer_stop(struct store *st);
