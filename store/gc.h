#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Taking away what has been kept long enough, in small jobs, one after another. */

struct store_txn;

struct store_gc {
	uint64_t before_ms;	  /* tombstones of accounts removed before then */
	uint64_t audit_before_ms; /* audit records written before then, but never the newest */

	/* Where it is, and what it has done. */
	uint64_t account; /* to go on after */
	bool accounts_done, audit_done;
	uint64_t accounts_ended, accounts_kept, audit_removed;
};

/**
 * store_gc_step() - one piece of the work, in a write job.
 * @in:  as the last step has left it, or zeros but for the times.
 * @out: the same afterwards; a job that runs again starts from @in.
 *
 * Return: 0, with both _done set when nothing is left to do; codes of the writer.
 */
int store_gc_step(struct store_txn *t, const struct store_gc *in, struct store_gc *out);
