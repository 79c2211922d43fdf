#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_send[] = {
	{ "text",     NULL,     "one line of at most 128 bytes, read from standard input", SECRET },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_msg[] = {
	{ "msg", "pending", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "show what waits for a user's devices, and what of his waits for others", chq_opts_none },
	{ "msg", "purge", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "delete what waits for a user's devices", chq_opts_none },
	{ "msg", "send", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "tell a user something in the server's name, also when away; it is not sealed", opts_send },

	CHQ_VERBS_END,
};
