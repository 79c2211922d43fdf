#include "proto/verbs/tables.h"

/* clang-format off */
static const struct chq_ctl_opt opts_init[] = {
	{ "config",   "FILE",   "configuration to write (default /etc/chasqui/chasqui.yaml)", VALUE },
	{ "state",    "DIR",    "where keys and database will lie (default /var/lib/chasqui)", VALUE },
	{ "run",      "DIR",    "where sockets will lie (default /run/chasqui)", VALUE },
	{ "port",     "PORT",   "UDP port that clients talk to (default 4700)", VALUE },
	{ "server-id", "N",     "number of this server in the organisation (default 1)", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_stats[] = {
	{ "all",      NULL,     "counters that are 0 too", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_watch[] = {
	{ "interval", "S",      "seconds between looks, 1 to 3600 (default 2)", VALUE },
	{ "count",    "N",      "end after so many", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_commit[] = {
	{ "confirm",  "TIME",   "it goes back by itself unless committed again within, such as 60s", VALUE },
	{ NULL, NULL, NULL, 0 },
};

static const struct chq_ctl_opt opts_check[] = {
	{ "format",   "FORM",   "nagios (its exit status too), prometheus or json", VALUE },
	{ NULL, NULL, NULL, 0 },
};

const struct chq_ctl_verb chq_verbs_server[] = {
	{ "status", "show", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "whether the server is well, and what it does", chq_opts_none },
	{ "status", "watch", 0, 0, CHQ_CTL_READ, CHQ_CTL_LOCAL, "",
	  "sessions, frames, drops and logins as they go on; q ends", opts_watch },
	{ "status", "check", 0, 0, CHQ_CTL_READ, CHQ_CTL_LOCAL, "",
	  "is it well? For monitoring", opts_check },

	{ "conf", "check", 0, 1, CHQ_CTL_READ, CHQ_CTL_LOCAL, "[file]",
	  "check a configuration and print what is in effect", chq_opts_none },
	{ "conf", "diff", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "what the files say otherwise than what runs, what it takes, what is staged", chq_opts_none },
	{ "conf", "set", 1, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<key> [value]",
	  "stage a value for `conf commit`; without one, the file's", chq_opts_none },
	{ "conf", "commit", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "check, keep and take over what is staged; list what takes a restart",
	  opts_commit },
	{ "conf", "rollback", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "forget what is staged or on trial; else undo the last commit", chq_opts_none },
	{ "conf", "reload", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "take over from the file what can be; list what takes a restart", chq_opts_none },
	{ "conf", "show", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "print the configuration that the server runs with", chq_opts_none },

	{ "init", "", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_LOCAL, "<host>",
	  "make keys and configuration, and print the invitation for clients", opts_init },

	{ "completion", "", 1, 1, CHQ_CTL_READ, CHQ_CTL_LOCAL, "<bash|zsh|fish>",
	  "print a completion script", chq_opts_none },

	{ "shell", "", 0, 0, CHQ_CTL_READ, CHQ_CTL_LOCAL, "",
	  "type commands one after another, with completion and history", chq_opts_none },

	{ "version", "", 0, 0, CHQ_CTL_READ, CHQ_CTL_LOCAL, "",
	  "print the version", chq_opts_none },

	{ "log", "level", 1, 1, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<error|warn|info|debug>",
	  "what chasqui-control logs, until it starts anew", chq_opts_none },
	{ "log", "reopen", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "",
	  "open the log's file anew after it was renamed", chq_opts_none },

	{ "limit", "show", 0, 0, CHQ_CTL_READ, CHQ_CTL_CONTROL, "",
	  "show what sessions, accounts and networks may do in a second", chq_opts_none },
	{ "limit", "set", 2, 2, CHQ_CTL_WRITE, CHQ_CTL_CONTROL, "<limit> <value>",
	  "set a limit at once, until chasqui-control starts anew", chq_opts_none },

	{ "dp", "status", 0, 0, CHQ_CTL_READ, CHQ_CTL_DATAPLANE, "",
	  "the dataplane's driver, workers, tables, or what stands while none runs", chq_opts_none },
	{ "dp", "stats", 0, 0, CHQ_CTL_READ, CHQ_CTL_DATAPLANE, "",
	  "every verdict, reason for a drop and path of frames, counted", opts_stats },
	{ "dp", "ports", 0, 0, CHQ_CTL_READ, CHQ_CTL_DATAPLANE, "",
	  "ports with mode, link, addresses and counters", chq_opts_none },
	{ "dp", "detach", 0, 0, CHQ_CTL_WRITE, CHQ_CTL_LOCAL, "",
	  "take the program off the interfaces and forget the tables", chq_opts_none },

	CHQ_VERBS_END,
};
