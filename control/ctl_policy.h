#pragma once

/* What the verbs about rules share: ctl_policy.c, ctl_policy_show.c. */

#include "control/book/set.h"

struct store_txn;

/* The name of the right that is bit @i of enum book_right. */
const char *ctl_policy_right(unsigned i);

/* Names of departments and accounts, as a snapshot or a job sees them. */
struct book_names ctl_policy_names(struct store_txn *txn);
