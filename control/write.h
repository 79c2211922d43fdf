#pragma once

/* A write job of the store whose end is told on the event loop, after the commit. */

#include "control/loop.h"
#include "store/writer.h"

struct control;

struct write_op {
	struct loop_item item; /* write.c's */
	struct control *ctl;
	int rc;

	/* One change, as store_job_fn of store/writer.h says; @op is the argument. Writer thread. */
	int (*job)(struct store_txn *txn, struct write_op *op);
	/* Loop's thread, exactly once. @rc: as of store_done_fn. May free @op. */
	void (*done)(struct write_op *op, int rc);
};

/**
 * write_submit() - queue @op, whose job and done are set; it lives until done was called.
 * Return: 0; CHQ_EAGAIN if the queue is full (done is not called).
 */
int write_submit(struct control *ctl, struct write_op *op);
