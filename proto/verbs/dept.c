#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_join[] = {
	{ "manager",  NULL,     "as one who manages it", 0 },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_dept[] = {
	{ "dept", "add", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path>",
	  "make a department, such as Company/Sales; the one above it is there", chq_opts_none },
	{ "dept", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list departments by number", chq_opts_list },
	{ "dept", "tree", 0, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "[path]",
	  "show departments as they lie below each other", chq_opts_list },
	{ "dept", "show", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<path>",
	  "show a department", chq_opts_none },
	{ "dept", "rename", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path> <name>",
	  "give a department another name; members and rules stay", chq_opts_none },
	{ "dept", "move", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path> <new parent or />",
	  "hang a department, with all below it, under another one or at the top", chq_opts_none },
	{ "dept", "remove", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path>",
	  "remove a department that is empty and that no rule names", chq_opts_none },
	{ "dept", "members", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<path>",
	  "list a department's members, without those of departments below it", chq_opts_list },
	{ "dept", "join", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path> <login>",
	  "make an account a member of a department; it may be in several", opts_join },
	{ "dept", "leave", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<path> <login>",
	  "take an account out of a department", chq_opts_none },
	{ "dept", "manager", 3, 3, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<set|unset> <path> <login>",
	  "let a member manage a department, or no more", chq_opts_none },

	CHQ_VERBS_END,
};
