#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/reader.h"

/*
 * Copies of the database. A backup is a folder: data.mdb and a file "manifest" of lines "name value",
 * written last, so that a folder without it is none.
 */

struct store;

struct store_manifest {
	uint64_t schema;  /* of the database */
	uint64_t epoch;	  /* server epoch at that time */
	uint64_t server;  /* id of the server */
	uint64_t made_ms; /* wall clock, ms since 1970 */
	uint64_t bytes;	  /* of data.mdb */
	uint8_t sha256[32];
};

/**
 * store_backup() - copy the database as it is now, while it is read and written.
 * @dir:     made (0700), with its parent there; or empty.
 * @compact: leave out free pages: smaller, and every page is looked at.
 * @out:     what was written; its server and made_ms are the caller's. fsynced, folder too.
 *
 * Thread: any but the writer and an event loop; takes as long as the disk. On failure what was written
 * is removed again. Return: 0; CHQ_EEXIST (something is there); CHQ_ECANCELED; CHQ_ENOSPC, CHQ_EACCES,
 * CHQ_EIO …
 */
int store_backup(struct store *st, const char *dir, bool compact, const struct store_progress *p,
		 struct store_manifest *out);

/**
 * store_manifest_read() - what a backup says of itself.
 * Return: 0; CHQ_ENOENT (no backup); CHQ_EMALFORMED; a negated errno.
 */
int store_manifest_read(const char *dir, struct store_manifest *out);

/* Told why something was refused, for people. */
struct store_restore_report {
	struct store_manifest manifest;
	uint64_t records, faults; /* of the check */
	char kept[4096];	  /* folder of the former database; empty: there was none */
	pid_t holder;		  /* on CHQ_ELOCKED */
};

/**
 * store_restore() - put a backup in the place of the database of @store_dir, which nobody serves.
 *
 * The backup's bytes are compared with its manifest, a copy is opened (which brings an older schema up
 * to date) and checked as a whole; then the two folders change places at once, and the former one stays
 * beside it. Numbers that were given since (accounts, departments, rules, server epoch) are not given
 * again, if the former database can tell them. Files belong to whom the former ones belonged.
 *
 * Return: 0; CHQ_ELOCKED (it is served); CHQ_ESCHEMA (of a newer build); CHQ_ECORRUPT (not what was
 * backed up, or the check found faults); codes of store_manifest_read() and of files.
 */
int store_restore(const char *backup_dir, const char *store_dir, struct store_restore_report *out);

/**
 * store_compact() - write the database of @store_dir anew without its free pages; nobody serves it.
 * @before, @after: bytes of the file.
 *
 * Return: 0; CHQ_ELOCKED with @holder; codes of files.
 */
int store_compact(const char *store_dir, uint64_t *before, uint64_t *after, pid_t *holder);
