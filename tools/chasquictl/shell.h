#pragma once
/*
 * tools/chasquictl/shell: many commands one after another: typed (`shell`), or from a file (-f). Each runs as
 * a chasquictl of its own, with the options that this one was given.
 */
#include "proto/ctl.h"
#include "tools/chasquictl/args.h"
#include "tools/chasquictl/format.h"

enum { TOOL_LINE_MAX = 4096, TOOL_LINE_WORDS = 64 };

/**
 * tool_split() - a line into words, as a shell does: spaces part them, quotes and backslashes keep them
 * together, # begins a comment. No variables, no patterns.
 * @line: is overwritten; @words point into it.
 *
 * Return: how many; CHQ_EUSAGE: a quote is open, or too many.
 */
int tool_split(char *line, char *words[TOOL_LINE_WORDS]);

/**
 * tool_complete() - the @n-th way to go on behind @before (what stands on the line up to the word) with a
 * word that begins with @text.
 * Return: to be freed; NULL: no more.
 */
char *tool_complete(const char *before, const char *text, unsigned n);

/**
 * tool_shell() - ask for commands until the end of input, or "exit". On a terminal with a prompt, history
 * (in memory: it is kept nowhere) and completion.
 * Return: 0; CHQ_EPARTIAL without a terminal, when a command failed.
 */
int tool_shell(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e);

/**
 * tool_batch() - the commands of a->file, "-" for standard input. After one that fails it goes on, unless
 * a->stop says otherwise.
 * Return: 0 if all went well; CHQ_EPARTIAL; codes of reading. @e is filled.
 */
int tool_batch(const struct tool_args *a, struct chq_ctl_error *e);
