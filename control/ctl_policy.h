#pragma once

/* What the verbs about rules share: ctl_policy.c, ctl_policy_show.c. */

#include "control/book/set.h"
#include "store/audit.h"

struct store_rule;
struct store_txn;

/* The name of the right that is bit @i of enum book_right. */
const char *ctl_policy_right(unsigned i);

/* Names of departments and accounts, as a snapshot or a job sees them. */
struct book_names ctl_policy_names(struct store_txn *txn);

/* A rule on one line, for the audit record; empty if it cannot be told. In a job. */
void ctl_policy_audit(struct store_txn *txn, const struct store_rule *r,
		      char out[STORE_AUDIT_TEXT_MAX_BYTES + 1]);
