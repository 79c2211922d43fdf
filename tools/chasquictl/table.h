#pragma once
/*
 * tools/chasquictl/table: a list of objects as aligned columns, one for each name of a member.
 */
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "tools/chasquictl/text.h"

#define TOOL_COLUMNS_MAX 64

struct tool_out;
struct tool_table;

/**
 * tool_table_of() - make one; columns come in the order in which their names appear.
 * @rows:  array of objects; a member that one has not is shown as "-". Others than objects are left out.
 * @exact: cells for scripts (TOOL_TEXT_EXACT), an absent one is empty.
 *
 * Return: to be freed by tool_table_free(); never NULL.
 */
struct tool_table *tool_table_of(const json_t *rows, bool exact);

/** tool_table_print() - with headings; aligned, or with o->format TOOL_TSV separated by tabs. */
void tool_table_print(const struct tool_table *t, const struct tool_out *o, unsigned indent);

void tool_table_free(struct tool_table *t);

/**
 * tool_cell_text() - any value on one line: yes/no, numbers as they are, lists of plain values with commas.
 * @width: receives the columns it takes; may be NULL.
 * Return: to be freed; never NULL.
 */
char *tool_cell_text(const json_t *v, enum tool_text how, size_t *width);
