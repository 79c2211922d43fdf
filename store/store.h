#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The database of people. What is kept, and the calls that read and change it, are in account.h,
 * device.h, e2e.h, friend.h and answer.h; they all work on a transaction (struct store_txn), so
 * that several make one change: a snapshot of reader.h to read, a job of writer.h to write. The
 * interface tells nothing of LMDB beneath.
 */

struct store;

/* Zero in a field means its default. */
struct store_options {
	const char *dir;       /* folder of the files; made (0700) if absent, its parent is not */
	const char *lock_path; /* one process per files; default <dir>/lock */
	size_t map_bytes;      /* address space at first, default 64 MiB */
	size_t map_max_bytes;  /* grown to this by itself, default 64 GiB */
	unsigned readers_max;  /* snapshots at a time, default 126; an older, larger table stays */
	unsigned queue_max;    /* waiting write jobs, default 4096 */
	bool next_epoch;       /* begin a new server epoch: set by the server, not by tools */
};

/* Counters since open, and sizes. */
struct store_stats {
	uint64_t jobs;	       /* given to the writer and answered */
	uint64_t jobs_failed;  /* of these, answered with a code */
	uint64_t jobs_refused; /* refused because the queue was full */
	uint64_t commits;      /* transactions that reached the disk */
	uint64_t commits_failed;
	uint64_t batches_split; /* batches run again job by job */
	uint64_t map_grown;
	uint64_t reopened; /* environment opened anew after a failed write of its root */
	uint64_t map_bytes, used_bytes; /* the latter up to the last page ever used */
};

/**
 * store_open() - open the database of @opt->dir, make it if there is none, start its writer thread.
 * @out:    receives the store; ends with store_close().
 * @holder: on CHQ_ELOCKED receives the pid of the process that has it, 0 if unknown; may be NULL.
 *
 * The schema is brought to this build's version step by step, in one transaction. A refused open
 * changes nothing. Group and others lose their access to the folder.
 *
 * Thread: any, once per files and process (a second open is refused as another process's).
 * Return: 0; CHQ_ELOCKED; CHQ_ESCHEMA (written by a newer build); CHQ_ECORRUPT; CHQ_EINVAL (no
 * dir); CHQ_ENOENT (parent missing), CHQ_EACCES, CHQ_ENOSPC, CHQ_EIO, CHQ_ENOMEM …
 */
int store_open(struct store **out, const struct store_options *opt, pid_t *holder);

/**
 * store_close() - do and answer the waiting jobs, then end.
 *
 * Thread: the one that opened it; no other may use the store any more, all readers are closed.
 * NULL is ignored.
 */
void store_close(struct store *st);

/* Server epoch: rises at each open with next_epoch, over restarts and kill -9. Thread: any. */
uint64_t store_epoch(const struct store *st);

/* Thread: any. */
void store_stats_get(struct store *st, struct store_stats *out);
