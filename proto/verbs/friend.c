#include "proto/verbs/tables.h"

/* clang-format off */
const struct chq_ctl_verb chq_verbs_friend[] = {
	{ "friend", "request", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<from> <to>",
	  "ask for a friendship in somebody's name", chq_opts_none },
	{ "friend", "confirm", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<who> <asker>",
	  "confirm a request in the name of who was asked", chq_opts_none },
	{ "friend", "list", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "list an account's friendships and requests", chq_opts_list },
	{ "friend", "remove", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login> <login>",
	  "end a friendship, or take back a request", chq_opts_none },

	CHQ_VERBS_END,
};
