#include "store/gc.h"

#include "store/account.h"
#include "store/audit.h"

enum { ACCOUNTS_A_STEP = 512, AUDITS_A_STEP = 512 };

static int
step_accounts(struct store_txn *t, struct store_gc *gc)
{
	int rc = store_account_gc(t, gc->before_ms, &gc->account, ACCOUNTS_A_STEP,
				  &gc->accounts_ended, &gc->accounts_kept);

	gc->accounts_done = gc->account == 0;
	return rc;
}

static int
step_audit(struct store_txn *t, struct store_gc *gc)
{
	unsigned removed;
	int rc = store_audit_forget(t, gc->audit_before_ms, AUDITS_A_STEP, &removed);

	gc->audit_removed += removed;
	gc->audit_done = removed < AUDITS_A_STEP;
	return rc;
}

int
store_gc_step(struct store_txn *t, const struct store_gc *in, struct store_gc *out)
{
	*out = *in;
	if (!out->accounts_done)
		return step_accounts(t, out);
	return out->audit_done ? 0 : step_audit(t, out);
}
