#pragma once
/*
 * tools/chasquictl/hand: files that a daemon works on are opened here, by the operator's own rights, and
 * handed over with the request.
 */
#include "tools/chasquictl/args.h"

/**
 * tool_hand_open() - the file of a verb that has one.
 * @fd: out; -1 for verbs without. The caller closes it.
 *
 * "-" is standard input, which is copied to an unnamed file first: it must be readable twice.
 * Return: 0; CHQ_ENOENT, CHQ_EACCES …; CHQ_EINVAL (no regular file).
 */
int tool_hand_open(const struct tool_args *a, int *fd, struct chq_ctl_error *e);
