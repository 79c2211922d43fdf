#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_backup[] = {
	{ "compact",  NULL,     "leave out free pages: smaller, but every page is looked at", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_gc[] = {
	{ "older",    "DAYS",   "removed longer ago than this, such as 90d; audit records at least audit.keep", NEEDED },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_store[] = {
	{ "store", "stat", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "sizes, records of each table, free pages, snapshots", chq_opts_none },
	{ "store", "verify", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "read every record and every reference, while the server works", chq_opts_none },
	{ "store", "backup", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<folder>",
	  "copy the database into a new folder, while the server works", opts_backup },
	{ "store", "restore", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_LOCAL, "<folder>",
	  "check a backup and put it in place; the server is stopped", chq_opts_none },
	{ "store", "compact", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_LOCAL, "",
	  "write the database anew without free pages; the server is stopped", chq_opts_none },
	{ "store", "gc", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "take away removed accounts and audit records that are old", opts_gc },
	{ "store", "progress", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "how far checks and copies are that are under way", chq_opts_none },

	CHQ_VERBS_END,
};
