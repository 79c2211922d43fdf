#include "tools/chasquictl/format.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tools/chasquictl/table.h"
#include "tools/chasquictl/text.h"

#define INDENT 2

static void print_value(const struct tool_out *o, const json_t *v, unsigned indent);

/* Of what is not printable, jansson leaves DEL as it is. */
static int
write_ascii(const char *text, size_t len, void *f)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == 0x7f)
			fputs("\\u007f", f);
		else
			fputc(text[i], f);
	}
	return 0;
}

/* One JSON text in ASCII: so nothing in it can drive a terminal either. */
static void
print_json(const struct tool_out *o, const json_t *json)
{
	json_dump_callback(json, write_ascii, o->f,
			   JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	fputc('\n', o->f);
}

static bool
is_rows(const json_t *v)
{
	return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

static bool
is_section(const json_t *v)
{
	return is_rows(v) || (json_is_object(v) && json_object_size(v) > 0);
}

static void
print_rows(const struct tool_out *o, const json_t *rows, unsigned indent)
{
	struct tool_table *t = tool_table_of(rows, o->format == TOOL_TSV);

	tool_table_print(t, o, indent);
	tool_table_free(t);
}

static int
longest_name(const json_t *object)
{
	size_t longest = 0;
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)object, name, v)
	{
		size_t width;

		free(tool_text_safe(name, strlen(name), TOOL_TEXT_CELL, &width));
		if (!is_section(v) && width > longest)
			longest = width;
	}
	return (int)longest;
}

static void
print_pair(const struct tool_out *o, const char *name, const json_t *v, unsigned indent, int pad)
{
	size_t width;
	char *safe = tool_text_safe(name, strlen(name), TOOL_TEXT_CELL, &width);

	fprintf(o->f, "%*s%s", (int)indent, "", safe);
	free(safe);
	if (is_section(v)) {
		fputs(":\n", o->f);
		print_value(o, v, indent + INDENT);
		return;
	}
	safe = tool_cell_text(v, TOOL_TEXT_CELL, NULL);
	fprintf(o->f, "%*s  %s\n", pad > (int)width ? pad - (int)width : 0, "", safe);
	free(safe);
}

/* Plain values first, so that no one is taken for a member of the section above it. */
static void
print_object(const struct tool_out *o, const json_t *object, unsigned indent)
{
	int pad = longest_name(object);
	const char *name;
	json_t *v;

	for (int sections = 0; sections < 2; sections++) {
		json_object_foreach((json_t *)(uintptr_t)object, name, v)
		{
			if (is_section(v) == sections)
				print_pair(o, name, v, indent, pad);
		}
	}
}

/* The text of several lines that @v is, or has as its only member; else NULL. */
static const json_t *
lines_of(const json_t *v)
{
	json_t *object = (json_t *)(uintptr_t)v;
	const char *text;

	if (json_object_size(v) == 1)
		v = json_object_iter_value(json_object_iter(object));
	text = json_string_value(v);
	return text && strchr(text, '\n') ? v : NULL;
}

static void
print_lines(const struct tool_out *o, const json_t *lines)
{
	char *safe = tool_text_safe(json_string_value(lines), json_string_length(lines),
				    TOOL_TEXT_LINES, NULL);

	fprintf(o->f, "%s%s", safe, safe[strlen(safe) - 1] == '\n' ? "" : "\n");
	free(safe);
}

static void
print_value(const struct tool_out *o, const json_t *v, unsigned indent)
{
	const json_t *lines = lines_of(v);

	if (lines) {
		print_lines(o, lines);
	} else if (is_rows(v)) {
		print_rows(o, v, indent);
	} else if (json_is_object(v)) {
		print_object(o, v, indent);
	} else if (!json_is_null(v) && !(json_is_array(v) && json_array_size(v) == 0)) {
		char *safe = tool_cell_text(v, TOOL_TEXT_CELL, NULL);

		fprintf(o->f, "%*s%s\n", (int)indent, "", safe);
		free(safe);
	}
}

/* Name, tab, value; members of members as name.member. */
static void
print_tsv_object(const struct tool_out *o, const char *prefix, const json_t *object)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)object, name, v)
	{
		size_t size = strlen(prefix) + strlen(name) + 2;
		char *path = malloc(size), *safe;

		if (!path)
			abort();
		snprintf(path, size, "%s%s%s", prefix, *prefix ? "." : "", name);
		if (json_is_object(v) && json_object_size(v)) {
			print_tsv_object(o, path, v);
		} else {
			safe = tool_text_safe(path, strlen(path), TOOL_TEXT_EXACT, NULL);
			fprintf(o->f, "%s\t", safe);
			free(safe);
			safe = tool_cell_text(v, TOOL_TEXT_EXACT, NULL);
			fprintf(o->f, "%s\n", safe);
			free(safe);
		}
		free(path);
	}
}

static void
print_tsv(const struct tool_out *o, const json_t *data)
{
	char *safe;

	if (is_rows(data)) {
		print_rows(o, data, 0);
	} else if (json_is_object(data)) {
		print_tsv_object(o, "", data);
	} else if (!json_is_null(data) && !(json_is_array(data) && json_array_size(data) == 0)) {
		safe = tool_cell_text(data, TOOL_TEXT_EXACT, NULL);
		fprintf(o->f, "%s\n", safe);
		free(safe);
	}
}

static void
print_whole(const struct tool_out *o, const json_t *data, const char *cursor)
{
	json_t *answer = json_pack("{s:b, s:O}", "ok", 1, "data", data);

	if (answer && cursor)
		json_object_set_new(answer, "cursor", json_string(cursor));
	print_json(o, answer);
	json_decref(answer);
}

void
tool_print_data(const struct tool_out *o, const json_t *data, const char *cursor)
{
	size_t i;
	json_t *v;

	switch (o->format) {
	case TOOL_JSON: print_whole(o, data, cursor); break;
	case TOOL_JSONL:
		if (!json_is_array(data))
			print_json(o, data);
		json_array_foreach(data, i, v) print_json(o, v);
		break;
	case TOOL_TSV: print_tsv(o, data); break;
	default: print_value(o, data, 0); break;
	}
}

void
tool_print_error(const struct tool_out *o, FILE *err, const struct chq_ctl_error *e)
{
	const char *text = e->message[0] ? e->message : chq_strerror(e->err);
	char *safe = tool_text_safe(text, strlen(text), TOOL_TEXT_CELL, NULL);
	json_t *why;

	if (o->format == TOOL_JSON) {
		why = json_pack("{s:s, s:s}", "code", chq_ctl_code(e->err), "message", safe);
		if (why && e->field[0])
			json_object_set_new(why, "field", json_string(e->field));
		why = json_pack("{s:b, s:o}", "ok", 0, "error", why);
		if (why && o->refused && *o->refused)
			json_object_set(why, "data", *o->refused);
		print_json(o, why);
		json_decref(why);
	} else {
		if (o->refused && *o->refused)
			tool_print_data(o, *o->refused, NULL);
		fflush(o->f);
		fprintf(err, "error: %s %s\n", chq_ctl_code(e->err), safe);
	}
	free(safe);
}

int
tool_print_flush(const struct tool_out *o)
{
	return fflush(o->f) || ferror(o->f) ? CHQ_EIO : CHQ_OK;
}
