#include "tools/chasquictl/table.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/chasquictl/format.h"

#define GAP 2 /* between columns */

struct cell {
	char *text; /* NULL: the row has no such member */
	size_t width;
};

struct column {
	const char *name; /* in the rows */
	struct cell head;
	size_t width;
	bool numbers, others; /* a column of numbers alone is aligned at the right */
};

struct tool_table {
	struct column columns[TOOL_COLUMNS_MAX];
	size_t n_columns, n_rows;
	struct cell *cells; /* row by row */
};

static void *
need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static bool
all_plain(const json_t *list)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
	{
		if (json_is_object(v) || json_is_array(v))
			return false;
	}
	return true;
}

static char *
list_text(const json_t *list, enum tool_text how, size_t *width)
{
	char *out = need(strdup("")), *item, *longer;
	size_t i, w;
	json_t *v;

	*width = 0;
	json_array_foreach(list, i, v)
	{
		item = tool_cell_text(v, how, &w);
		need(asprintf(&longer, "%s%s%s", out, i ? ", " : "", item) < 0 ? NULL : longer);
		*width += w + (i ? 2 : 0);
		free(item);
		free(out);
		out = longer;
	}
	return out;
}

static char *
number_text(const json_t *v)
{
	char *text;
	int n;

	if (json_is_integer(v))
		n = asprintf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		n = asprintf(&text, "%.6g", json_real_value(v));
	return need(n < 0 ? NULL : text);
}

char *
tool_cell_text(const json_t *v, enum tool_text how, size_t *width)
{
	size_t ignored;
	char *text;

	width = width ? width : &ignored;
	if (json_is_string(v))
		return tool_text_safe(json_string_value(v), json_string_length(v), how, width);
	if (json_is_array(v) && json_array_size(v) && all_plain(v))
		return list_text(v, how, width);
	if (json_is_number(v))
		text = number_text(v);
	else if (json_is_boolean(v))
		text = need(strdup(json_is_true(v) ? "yes" : "no"));
	else if (!v || json_is_null(v) || (json_is_array(v) && !json_array_size(v)) ||
		 (json_is_object(v) && !json_object_size(v)))
		text = need(strdup(how == TOOL_TEXT_EXACT ? "" : "-"));
	else
		text = need(json_dumps(v, JSON_COMPACT | JSON_ENSURE_ASCII));
	*width = strlen(text);
	return text;
}

static void
add_column(struct tool_table *t, const char *name, enum tool_text how)
{
	struct column *c;

	for (size_t i = 0; i < t->n_columns; i++) {
		if (!strcmp(t->columns[i].name, name))
			return;
	}
	if (t->n_columns == TOOL_COLUMNS_MAX)
		return;
	c = &t->columns[t->n_columns++];
	c->name = name;
	c->head.text = tool_text_safe(name, strlen(name), how, &c->head.width);
	c->width = c->head.width;
}

static void
add_row(struct tool_table *t, const json_t *row, enum tool_text how)
{
	struct cell *cells = &t->cells[t->n_rows++ * t->n_columns];

	for (size_t i = 0; i < t->n_columns; i++) {
		const json_t *v = json_object_get(row, t->columns[i].name);
		struct column *c = &t->columns[i];

		cells[i].text = tool_cell_text(v, how, &cells[i].width);
		if (cells[i].width > c->width)
			c->width = cells[i].width;
		c->numbers = c->numbers || json_is_number(v);
		c->others = c->others || !(!v || json_is_null(v) || json_is_number(v));
	}
}

struct tool_table *
tool_table_of(const json_t *rows, bool exact)
{
	enum tool_text how = exact ? TOOL_TEXT_EXACT : TOOL_TEXT_CELL;
	struct tool_table *t = need(calloc(1, sizeof(*t)));
	const char *name;
	json_t *row, *v;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		json_object_foreach(row, name, v) add_column(t, name, how);
	}
	t->cells = need(calloc(json_array_size(rows) * t->n_columns + 1, sizeof(*t->cells)));
	json_array_foreach(rows, i, row)
	{
		if (json_is_object(row))
			add_row(t, row, how);
	}
	return t;
}

static void
print_aligned(const struct tool_table *t, const struct tool_out *o, const struct cell *cell,
	      size_t i)
{
	const struct column *c = &t->columns[i];
	int pad = (int)(c->width - cell->width), gap = i + 1 < t->n_columns ? GAP : 0;

	if (c->numbers && !c->others)
		fprintf(o->f, "%*s%s%*s", pad, "", cell->text, gap, "");
	else
		fprintf(o->f, "%s%*s", cell->text, gap ? pad + gap : 0, "");
}

static void
print_line(const struct tool_table *t, const struct tool_out *o, const struct cell *cells,
	   unsigned indent)
{
	bool head = !cells;

	if (o->format != TOOL_TSV)
		fprintf(o->f, "%*s%s", (int)indent, "", head && o->bold ? "\033[1m" : "");
	for (size_t i = 0; i < t->n_columns; i++) {
		const struct cell *cell = head ? &t->columns[i].head : &cells[i];

		if (o->format == TOOL_TSV)
			fprintf(o->f, "%s%s", i ? "\t" : "", cell->text);
		else
			print_aligned(t, o, cell, i);
	}
	fputs(head && o->bold && o->format != TOOL_TSV ? "\033[0m\n" : "\n", o->f);
}

void
tool_table_print(const struct tool_table *t, const struct tool_out *o, unsigned indent)
{
	if (t->n_columns == 0)
		return;
	print_line(t, o, NULL, indent);
	for (size_t i = 0; i < t->n_rows; i++)
		print_line(t, o, &t->cells[i * t->n_columns], indent);
}

void
tool_table_free(struct tool_table *t)
{
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
		free(t->cells[i].text);
	for (size_t i = 0; i < t->n_columns; i++)
		free(t->columns[i].head.text);
	free(t->cells);
	free(t);
}
