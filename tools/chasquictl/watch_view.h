#pragma once
/*
 * tools/chasquictl/watch_view: two snapshots as lines for people, or as one object.
 */
#include <stdio.h>

#include "tools/chasquictl/snapshot.h"

/**
 * tool_watch_text() - what goes on, by what has changed from @was to @now.
 * @was:  zeroed for the first one: then rates are shown as "-".
 * @rows: lines at most, 0 for as many as there are; drops are shown as far as they fit.
 * @cols: characters of a line at most, 0 for any.
 */
void tool_watch_text(FILE *f, const struct tool_snapshot *was, const struct tool_snapshot *now,
		     unsigned rows, unsigned cols);

/** tool_watch_json() - the same for scripts. Return: a new reference. */
json_t *tool_watch_json(const struct tool_snapshot *was, const struct tool_snapshot *now);
