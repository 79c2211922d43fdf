#pragma once

/*
 * The record of what operators changed (store/audit.h). A change by ctl_change_submit() is recorded in
 * its own transaction; what changes nothing in the store (a session closed, a limit set) is recorded
 * when it took effect, and answered after that. Refusals are in the log alone.
 */

#include "store/audit.h"

struct ctl_call;
struct store_txn;

/* What the request itself says: who, when, the verb, its arguments and its options without secrets. */
void audit_of_call(const struct ctl_call *call, struct store_audit *out);

/* Has the call ended well without a record that it ought to have? */
bool audit_is_due(const struct ctl_call *call);

/**
 * audit_record() - record a call in a transaction of its own.
 * @line:  of the good answer, handed on.
 * @ended: told on the loop's thread; @err is 0, or why there is no record.
 */
void audit_record(struct ctl_call *call, char *line,
		  void (*ended)(struct ctl_call *call, char *line, int err));
