#pragma once
/*
 * tools/chasquictl/format: answers as people and scripts want them. Nothing here knows any verb: a list of
 * objects becomes rows under the names of their members, an object becomes lines of name and value.
 */
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "proto/ctl.h"
#include "tools/chasquictl/args.h"

struct tool_out {
	FILE *f;
	enum tool_format format;
	bool bold;	  /* headings; only for a terminal */
	json_t **refused; /* receives the data of a refusal, for tool_print_error(); may be NULL */
};

/**
 * tool_print_data() - an answer's data. Texts are made harmless first (text.h).
 * @cursor: of the answer, only shown by TOOL_JSON; may be NULL.
 */
void tool_print_data(const struct tool_out *o, const json_t *data, const char *cursor);

/**
 * tool_print_error() - why nothing came of it: "error: CODE text" to @err, with TOOL_JSON an object to o->f.
 */
void tool_print_error(const struct tool_out *o, FILE *err, const struct chq_ctl_error *e);

/** tool_print_flush() - Return: 0; CHQ_EIO if not everything could be written. */
int tool_print_flush(const struct tool_out *o);
