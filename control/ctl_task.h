#pragma once

/*
 * Operators' work that takes long: on a thread of its own, with a snapshot of its own, its progress
 * shown meanwhile. The event loop only begins it and gives its answer.
 */

#include <stdatomic.h>

#include "base/list.h"
#include "control/ctl_server.h"
#include "control/pool.h"

struct store;
struct store_txn;

struct ctl_task {
	struct pool_job job;	/* ctl_task.c's */
	struct chq_list of_all; /* the same */
	struct ctl_call *call;	/* loop's thread only */
	uint64_t begun_ms;	/* wall clock */
	const char *what;	/* constant: "verify" */

	/* For work: on its thread, until it returns. */
	struct store *store;
	const struct control *ctl;    /* what is constant after the start: conf, keys' folder */
	const _Atomic bool *ending;   /* give up, with CHQ_ECANCELED */
	void *arg;		      /* the verb's, freed with the task by free() */
	_Atomic uint64_t done, total; /* progress: written by work, read by the loop */

	/* What work leaves: loop's thread afterwards. */
	json_t *data; /* of a good answer; of a refusal, what there is to say besides */
	char cursor[24];
	struct chq_ctl_error fault; /* of a refusal that knows better than its code */
};

/* Return: 0 for the answer in data; a code: the refusal, with fault if that has the same code. */
typedef int ctl_work_fn(struct ctl_task *t);

/**
 * ctl_task_begin() - do @work for @call, which ends with its result; or refuse it.
 * @arg: taken, whatever happens; may be NULL.
 */
void ctl_task_begin(struct ctl_call *call, const char *what, ctl_work_fn *work, void *arg);

/**
 * ctl_task_read() - with a snapshot of the whole work's time. Return: what @read returns; codes of reading.
 */
int ctl_task_read(struct ctl_task *t, int (*read)(struct ctl_task *t, struct store_txn *txn));

/* What is to be done to the store once a minute. */
void ctl_store_tick(struct control *ctl, uint64_t now_ms);

/* Those under way, as a list for operators. */
json_t *ctl_task_list(const struct control *ctl);
