#pragma once
/*
 * tools/chasquictl/local: verbs that are done here, most of them without a running daemon.
 */
#include "proto/ctl.h"
#include "tools/chasquictl/args.h"
#include "tools/chasquictl/format.h"

/**
 * tool_local() - do a verb of CHQ_CTL_LOCAL.
 *
 * Some hand over to a daemon's own program, which ends this one: then it does not return.
 * Return: 0; CHQ_E… with @e filled.
 */
int tool_local(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e);

/** tool_local_has() - is there a handler for this verb of the table? */
bool tool_local_has(const struct chq_ctl_verb *v);

/**
 * tool_become_dataplane() - be `chasqui-dataplane -c CONF VERB`, which looks at pinned tables and programs
 * without a running process. The program beside this one or in ../sbin is taken, else that of the PATH.
 * Return: only if that fails: CHQ_E… with @e filled.
 */
int tool_become_dataplane(const struct tool_args *a, const char *verb, struct chq_ctl_error *e);
