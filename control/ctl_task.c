#include "control/ctl_task.h"

#include <stdlib.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "store/reader.h"

/* With what the pool calls. */
struct task {
	struct ctl_task t;
	ctl_work_fn *work;
	int rc;
};

static void
task_work(struct pool_job *job)
{
	struct task *k = CHQ_CONTAINER_OF(job, struct task, t.job);

	k->rc = k->work(&k->t);
}

static void
task_done(struct pool_job *job)
{
	struct task *k = CHQ_CONTAINER_OF(job, struct task, t.job);
	struct ctl_task *t = &k->t;

	chq_list_del(&t->of_all);
	if (job->cancelled)
		k->rc = CHQ_ECANCELED;
	if (!k->rc) {
		ctl_answer(t->call, t->data, *t->cursor ? t->cursor : NULL);
	} else if (t->data) {
		ctl_refuse_with(t->call, k->rc, t->data, "%s",
				t->fault.err == k->rc ? t->fault.message : chq_strerror(k->rc));
	} else {
		if (t->fault.err == k->rc)
			ctl_refuse(t->call, k->rc, *t->fault.field ? t->fault.field : NULL, "%s",
				   t->fault.message);
		else
			ctl_refuse_code(t->call, k->rc, NULL);
	}
	free(t->arg);
	free(k);
}

void
ctl_task_begin(struct ctl_call *call, const char *what, ctl_work_fn *work, void *arg)
{
	struct control *ctl = call->ctl;
	struct task *k = calloc(1, sizeof(*k));
	int rc = CHQ_ENOMEM;

	if (k) {
		k->work = work;
		k->t = (struct ctl_task){ .job = { .work = task_work, .done = task_done },
					  .call = call,
					  .begun_ms = chq_wall_ms(),
					  .what = what,
					  .store = ctl->store,
					  .ctl = ctl,
					  .ending = &ctl->ending,
					  .arg = arg };
		chq_list_add_tail(&ctl->tasks, &k->t.of_all);
		rc = pool_submit(&ctl->task_pool, &k->t.job);
	}
	if (!rc)
		return;
	if (k)
		chq_list_del(&k->t.of_all);
	free(k);
	free(arg);
	if (rc == CHQ_EAGAIN)
		ctl_refuse(call, CHQ_EBUSY, NULL, "too much of this kind is under way");
	else
		ctl_refuse_code(call, rc, NULL);
}

int
ctl_task_read(struct ctl_task *t, int (*read)(struct ctl_task *t, struct store_txn *txn))
{
	struct store_reader *r;
	struct store_txn *txn;
	int rc = store_reader_open(t->store, &r);

	if (rc)
		return rc;
	rc = store_read_begin_long(r, &txn);
	if (!rc) {
		rc = read(t, txn);
		store_read_end_long(r);
	}
	store_reader_close(r);
	return rc;
}

json_t *
ctl_task_list(const struct control *ctl)
{
	json_t *rows = json_array();

	CHQ_LIST_FOREACH(it, &ctl->tasks) {
		const struct ctl_task *t = CHQ_LIST_ENTRY(it, struct ctl_task, of_all);

		json_array_append_new(
			rows,
			json_pack("{s:s, s:I, s:I, s:o}", "task", t->what, "done",
				  (json_int_t)atomic_load_explicit(&t->done, memory_order_relaxed),
				  "total",
				  (json_int_t)atomic_load_explicit(&t->total, memory_order_relaxed),
				  "since", ctl_time(t->begun_ms)));
	}
	return rows;
}
