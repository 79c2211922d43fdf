#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_session_list[] = {
	{ "user",     "LOGIN",  "only this user's", VALUE },
	{ "limit",    "N",      "at most N entries, 1 to 1000 (default 100)", VALUE },
	{ "cursor",   "CURSOR", "go on behind the last page's cursor", VALUE },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_session[] = {
	{ "session", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list sessions", opts_session_list },
	{ "session", "show", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<slot or slot:generation>",
	  "show a session", chq_opts_none },
	{ "session", "kick", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<slot or slot:generation>",
	  "close a session; its client may log in again", chq_opts_none },

	CHQ_VERBS_END,
};
