#pragma once
/*
 * tools/chasquictl/progress: a line on standard error that says how far the daemon's long work is.
 */

struct tool_progress;

/**
 * tool_progress_start() - ask the daemon at @path once a second, by a connection of its own.
 * @path: must live until tool_progress_stop().
 * Return: to be stopped; NULL if there is no terminal to say it on, or no thread.
 */
struct tool_progress *tool_progress_start(const char *path);

/* Take the line away again. NULL is fine. */
void tool_progress_stop(struct tool_progress *p);
