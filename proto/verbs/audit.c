#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_tail[] = {
	{ "user",     "LOGIN",  "only what concerned this user", VALUE },
	{ "verb",     "VERB",   "only these: a noun, or noun and verb", VALUE },
	{ "since",    "TIME",   "since 24h, 30d … ago, or a date such as 2026-01-31 (UTC)", VALUE },
	{ "limit",    "N",      "the newest N, 1 to 1000 (default 20)", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_verify[] = {
	{ "head",     "N:HASH", "the chain has to hold this too, from an audit line of the log", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_export[] = {
	{ "since",    "TIME",   "since 24h, 30d … ago, or a date such as 2026-01-31 (UTC)", VALUE },
	{ "limit",    "N",      "at most N records, 1 to 1000", VALUE },
	{ "cursor",   "CURSOR", "go on behind the last page's cursor", VALUE },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_audit[] = {
	{ "audit", "tail", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "the newest changes: who, when, what, old and new", opts_tail },
	{ "audit", "verify", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "check that no record of a change was altered or taken away", opts_verify },
	{ "audit", "export", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "print all records, as JSON lines unless -o says otherwise", opts_export },

	CHQ_VERBS_END,
};
