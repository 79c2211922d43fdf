#pragma once

/*
 * A file of people brought in: first every row is checked, without writing anything, then all are staged
 * (store/import.h) in short jobs, and one job, at the end, makes them there. It works on the thread of
 * its caller, which is none of the loop's. What a row names stands above it, or is in the store.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/import/reader.h"

struct book;
struct store;

enum { IMPORT_FAULTS_KEPT = 100 };

/* A bad row. */
struct import_fault {
	uint64_t line;
	const char *column; /* constant, or NULL */
	char why[IMPORT_WHY_MAX];
};

struct import {
	struct store *store;
	int fd; /* a file that can be read twice */
	bool dry_run;
	uint64_t now_ms;
	const _Atomic bool *ending;	/* give up, with CHQ_ECANCELED */
	_Atomic uint64_t *done, *total; /* progress */
	/*
	 * Told of the last job, in the order of commits. Writer thread; it must not block. @rc: 0: .book is
	 * the address book as that job has left the store, to be taken; CHQ_EIO: it may be on the disk.
	 */
	void (*ended)(struct import *im, int rc);
	struct book *book;

	/* What came of it. */
	uint64_t rows[IMPORT__SECTIONS]; /* good ones */
	uint64_t bad;
	unsigned faults;
	struct import_fault fault[IMPORT_FAULTS_KEPT]; /* the first of them */
};

/**
 * import_run() - the whole of it. The fields down to total are set.
 *
 * Return: 0; CHQ_EINVAL: there are bad rows (.bad, .fault), and nothing was brought in; CHQ_EBUSY:
 * another import is under way; CHQ_ESTALE: what a row names was taken away meanwhile; CHQ_ECANCELED;
 * codes of reading and of the writer. All but 0 leave nothing behind.
 */
int import_run(struct import *im);
