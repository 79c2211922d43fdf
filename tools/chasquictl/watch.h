#pragma once
/*
 * tools/chasquictl/watch: `status watch` and `status check`, which look at both daemons.
 */
#include "proto/ctl.h"
#include "tools/chasquictl/args.h"
#include "tools/chasquictl/format.h"

/**
 * tool_status_watch() - show what goes on, again and again.
 *
 * On a terminal a screen of its own, until q or Ctrl-C; else one text after another, with -o json or
 * jsonl one object a line. --count N ends it after N.
 * Return: 0; CHQ_EARGS; codes of the configuration, with @e filled.
 */
int tool_status_watch(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e);

/**
 * tool_status_check() - is the server well? For monitoring.
 *
 * --format nagios prints one line, and the program ends with 0 (well), 1 (warning), 2 (critical) or 3
 * (unknown: no answer); it does not return then. prometheus and json print what was looked at.
 * Return: 0 if it is well; CHQ_EPARTIAL: warnings; CHQ_EUNAVAIL: no answer, or critical.
 */
int tool_status_check(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e);
