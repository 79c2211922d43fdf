#include <string.h>

#include "base/err.h"
#include "control/import/reader_priv.h"

/* One object a line. */

/* Which section's is it? Return: 0; CHQ_EMALFORMED. */
static int
take_type(const json_t *object, struct import_row *row)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	const char *names[IMPORT__SECTIONS], *guess;

	for (unsigned i = 0; i < IMPORT__SECTIONS; i++) {
		names[i] = import_row_name((enum import_section)i);
		if (type && strcmp(names[i], type) == 0) {
			row->section = (enum import_section)i;
			return CHQ_OK;
		}
	}
	guess = type ? import_guess(type, names, IMPORT__SECTIONS) : NULL;
	return import_bad(row, CHQ_EMALFORMED, "type", "%s type%s%s%s", type ? "unknown" : "no",
			  guess ? " (did you mean \"" : "", guess ? guess : "",
			  guess ? "\"?)" : "");
}

static int
take_members(json_t *object, struct import_row *row)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		int column;

		if (strcmp(name, "type") == 0)
			continue;
		column = import_column(row, name);
		if (column < 0)
			return CHQ_EMALFORMED;
		if (json_is_boolean(value))
			row->field[column] = json_is_true(value) ? "true" : "false";
		else if (json_is_string(value))
			row->field[column] = json_string_value(value);
		else
			return import_bad(row, CHQ_EMALFORMED,
					  import_column_name(row->section, (unsigned)column),
					  "a text is expected");
	}
	return CHQ_OK;
}

static int
line_read(struct import_reader *r, const char *line, size_t len, struct import_row *row)
{
	json_error_t e;
	int rc;

	json_decref(r->object);
	r->object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &e);
	if (!json_is_object(r->object))
		return import_bad(row, CHQ_EMALFORMED, NULL, "no JSON object");
	rc = take_type(r->object, row);
	if (!rc)
		rc = take_members(r->object, row);
	return rc ? rc : 1;
}

static bool
blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r' && line[i] != '\n')
			return false;
	return true;
}

int
import_json_next(struct import_reader *r, struct import_row *row)
{
	int rc = CHQ_OK;

	while (!rc && r->at < r->used) {
		const char *line = r->buf + r->at, *end = memchr(line, '\n', r->used - r->at);
		size_t len = end ? (size_t)(end + 1 - line) : r->used - r->at;

		row->line = r->line;
		if (blank(line, len)) {
			import_take(r, len);
			rc = import_fill(r);
			continue;
		}
		if (len > IMPORT_ROW_MAX_BYTES || (!end && !r->eof))
			rc = import_bad(row, CHQ_EMALFORMED, NULL, "the row is too long");
		else
			rc = line_read(r, line, len, row);
		import_take(r, len);
	}
	return rc;
}
