#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Reading: a snapshot of what was committed last, taken and given back within one piece of work.
 * Readers never wait for a commit. They keep the map from growing while they hold a snapshot, so a
 * snapshot is held for microseconds to milliseconds, never over a wait for something else; who needs one
 * for longer says so by store_read_begin_long().
 */

struct store;
struct store_reader;
struct store_txn;

/* How far it is; each may be NULL. Written by the work, read by any thread; relaxed. */
struct store_progress {
	_Atomic uint64_t *done, *total; /* bytes of a copy, records of a check */
	const _Atomic bool *stop;	/* give up, with CHQ_ECANCELED */
};

/**
 * store_reader_open() - a reusable reader.
 * @out: ends with store_reader_close().
 *
 * Thread: any; the reader itself is used by one thread at a time.
 * Return: 0; CHQ_ENOMEM.
 */
int store_reader_open(struct store *st, struct store_reader **out);

/* Without a snapshot taken. NULL is ignored. */
void store_reader_close(struct store_reader *r);

/**
 * store_read_begin() - take a snapshot.
 * @txn: receives the transaction, for the _get, _find and _list calls; owned by the reader.
 *
 * A thread holds one snapshot at a time; never inside a write job.
 * Return: 0, then store_read_end() must follow; CHQ_EAGAIN (more snapshots than readers_max);
 * CHQ_EIO; CHQ_ENOMEM.
 */
int store_read_begin(struct store_reader *r, struct store_txn **txn);
void store_read_end(struct store_reader *r);

/**
 * store_read_begin_long() - take a snapshot for seconds or minutes: to check, to copy.
 *
 * Room is made for what may be written meanwhile. If that is not enough, writing waits for this
 * snapshot; other readers do not. What is deleted meanwhile is not used again until it ends.
 * Thread: any but the writer and an event loop. Return: as store_read_begin(), and then
 * store_read_end_long() must follow.
 */
int store_read_begin_long(struct store_reader *r, struct store_txn **txn);
void store_read_end_long(struct store_reader *r);

/**
 * store_read_watch() - count the steps of walks in @txn from now on, and end them with CHQ_ECANCELED
 * when @p->stop says so. total is set to the records there are.
 * @p: must live as long as the snapshot.
 */
void store_read_watch(struct store_txn *txn, const struct store_progress *p);
