#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_add[] = {
	{ "rights",  "RIGHTS",  "of post, announce, manage, joined by commas (default: as the group's members)", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_set[] = {
	{ "name",            "NAME",    "another name; of a department's group \"\" is its path again", VALUE },
	{ "history",         "N",       "frames that who joins is given, or \"default\"", VALUE },
	{ "subdepartments",  "on|off",  "departments below take part", VALUE },
	{ "group",           "on|off",  "off: the department has no group", VALUE },
	{ "member-rights",   "RIGHTS",  "of members without rights of their own: post, announce, manage or none", VALUE },
	{ "manager-rights",  "RIGHTS",  "what a department's managers may besides", VALUE },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_group[] = {
	{ "group", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list groups by number: those of departments, then those made by hand", chq_opts_list },
	{ "group", "show", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<group>",
	  "show a group by its department's path, its name or its number", chq_opts_none },
	{ "group", "create", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<name>",
	  "make a group by hand, without members", chq_opts_none },
	{ "group", "remove", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<group>",
	  "remove a group made by hand, with all that is kept of it", chq_opts_none },
	{ "group", "members", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<group>",
	  "list the members of a group with their rights", chq_opts_list },
	{ "group", "add", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<group> <login>",
	  "add a member to a group made by hand", opts_add },
	{ "group", "leave", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<group> <login>",
	  "take a member out of a group made by hand; the group gets a new key", chq_opts_none },
	{ "group", "perms", 3, 3, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<group> <login> <rights>",
	  "set what a member of a group made by hand may: post,announce,manage or none", chq_opts_none },
	{ "group", "set", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<group>",
	  "change a group; what is not named stays", opts_set },

	CHQ_VERBS_END,
};
