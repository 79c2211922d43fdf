#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_user_add[] = {
	{ "name",     "TEXT",   "name shown to others (default: the login name)", VALUE },
	{ "password", NULL,     "read from standard input", SECRET },
	{ "device-key", "HEX",  "enrol this X25519 public key; no password is asked for then", INSTEAD },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_set[] = {
	{ "login",    "LOGIN",  "another login name; number, friends and history stay", VALUE },
	{ "name",     "TEXT",   "name shown to others", VALUE },
	{ "title",    "TEXT",   "position in the organisation", VALUE },
	{ "phone",    "TEXT",   "telephone number", VALUE },
	{ "mail",     "TEXT",   "mail address", VALUE },
	{ "avatar",   "TEXT",   "reference to a picture", VALUE },
	{ "number",   "TEXT",   "employee number", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_import[] = {
	{ "dry-run",  NULL,     "only say what is wrong with it", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_export[] = {
	{ "format",   "FORMAT", "csv (default) or jsonl", VALUE },
	{ "with-hashes", NULL,  "with the hashes of passwords", CHQ_CTL_OPT_ACT },
	{ "cursor",   "CURSOR", "go on behind the last page's cursor", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_invite[] = {
	{ "uses",     "N",      "how many may register by it (default 1)", VALUE },
	{ "days",     "N",      "for so many days (default 7)", VALUE },
	{ "dept",     "PATH",   "whoever registers joins this department", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_passwd[] = {
	{ "password", NULL,     "read from standard input", SECRET },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_user[] = {
	{ "user", "add", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "make an account; its password comes from standard input", opts_user_add },
	{ "user", "list", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list accounts", chq_opts_list },
	{ "user", "show", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "show an account", chq_opts_none },
	{ "user", "set", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "rename an account, or change its profile; an empty text empties a field", opts_set },
	{ "user", "remove", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "end an account for good; its name stays taken until `store gc`", chq_opts_none },
	{ "user", "import", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<file or ->",
	  "bring in people, departments, members, rules, friends: all of a file or nothing", opts_import },
	{ "user", "export", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "give out what import takes", opts_export },
	{ "user", "invite", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "make a code by which people register; it is shown this once", opts_invite },
	{ "user", "invites", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "list the codes that may be used", chq_opts_list },
	{ "user", "uninvite", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<number>",
	  "let nobody register by a code any more", chq_opts_none },
	{ "user", "disable", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "end an account's sessions and refuse its logins", chq_opts_none },
	{ "user", "enable", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "let a disabled account log in again", chq_opts_none },
	{ "user", "passwd", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<login>",
	  "set a password, read from standard input", opts_passwd },
	{ "user", "friends", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "list an account's friendships and requests", chq_opts_list },
	{ "user", "sessions", 1, 1, CHQ_CTL_READ, CHQ_CTL_CONTROL, "<login>",
	  "list an account's sessions", chq_opts_list },

	CHQ_VERBS_END,
};
