#pragma once
/*
 * tools/chasquictl/policy_test: `policy test FILE`, which asks the daemon about each line of the file.
 */
#include "proto/ctl.h"
#include "tools/chasquictl/args.h"
#include "tools/chasquictl/format.h"

/**
 * tool_policy_test() - does what a file says of rights hold?
 *
 * A line is "SUBJECT OBJECT RIGHT allow" or "… deny"; "#" begins a comment. Lines that do not hold are
 * printed (as json, only their numbers, in the error), else how many there are. The whole file is read before anything is asked.
 * Return: 0 if all hold; CHQ_EPARTIAL if some do not; CHQ_EMALFORMED for a line that is none; codes of
 * reading the file and of the daemon. @e is filled.
 */
int tool_policy_test(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e);
