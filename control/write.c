#include "control/write.h"

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "control/control.h"

static void
write_finished(struct loop_item *item)
{
	struct write_op *op = CHQ_CONTAINER_OF(item, struct write_op, item);

	switch (op->rc) {
	case CHQ_EFULL:
	case CHQ_ENOSPC:
	case CHQ_EIO:
	case CHQ_ENOMEM:
	case CHQ_ECORRUPT:
		control_count(op->ctl, COUNT_STORE_FAILED);
		CHQ_LOG_ERROR("store-write-failed", "error=%s", chq_errname(op->rc));
		break;
	default: break;
	}
	op->done(op, op->rc);
}

static int
write_job(struct store_txn *txn, void *arg)
{
	struct write_op *op = arg;

	return op->job(txn, op);
}

static void
write_answered(void *arg, int rc)
{
	struct write_op *op = arg;

	op->rc = rc;
	loop_post(&op->ctl->inbox, &op->item);
}

int
write_submit(struct control *ctl, struct write_op *op)
{
	int rc;

	op->ctl = ctl;
	op->item.fn = write_finished;
	rc = store_write(ctl->store, write_job, write_answered, op);
	if (rc)
		control_count(ctl, COUNT_STORE_FAILED);
	return rc;
}
