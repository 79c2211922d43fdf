#pragma once
/*
 * tools/chasquictl/ask: verbs that a daemon answers.
 */
#include "proto/ctl.h"
#include "tools/chasquictl/args.h"
#include "tools/chasquictl/format.h"

/**
 * tool_ask_daemon() - send the request, print the answer.
 *
 * A list is read to its end, page by page, unless --limit or --cursor is given or the format is json,
 * which is one answer; jsonl prints each page as it comes. A secret that the verb needs is read first.
 * Return: 0; CHQ_E…, of the daemon too, with @e filled.
 */
int tool_ask_daemon(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e);
