#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "control/import/export.h"
#include "control/import/reader.h"

/* Rows as text: CSV with CRLF (RFC 4180), or JSON Lines. */

void
export_text(struct export *e, const char *text, size_t len)
{
	size_t cap = e->cap * 2 + len + 4096;
	char *more;

	if (e->rc)
		return;
	if (e->len + len + 1 > e->cap) {
		more = realloc(e->text, cap);
		if (!more) {
			e->rc = CHQ_ENOMEM;
			return;
		}
		e->text = more;
		e->cap = cap;
	}
	memcpy(e->text + e->len, text, len);
	e->len += len;
	e->text[e->len] = '\0';
}

/* A field is quoted when it must be; "[" would begin a section. */
static void
csv_field(struct export *e, const char *text)
{
	if (text[0] != '[' && !strpbrk(text, ",\"\r\n")) {
		export_text(e, text, strlen(text));
		return;
	}
	export_text(e, "\"", 1);
	for (;;) {
		size_t len = strcspn(text, "\"");

		export_text(e, text, len);
		text += len;
		if (!*text)
			break;
		export_text(e, "\"\"", 2);
		text++;
	}
	export_text(e, "\"", 1);
}

static void
json_row(struct export *e, enum import_section section, const char *const *field)
{
	json_t *row = json_pack("{s:s}", "type", import_row_name(section));
	char *line = NULL;
	int bad = row == NULL;

	for (unsigned i = 0; import_column_name(section, i) && !bad; i++)
		if (field[i])
			bad = json_object_set_new(row, import_column_name(section, i),
						  json_string(field[i]));
	if (!bad)
		line = json_dumps(row, JSON_COMPACT);
	if (line) {
		export_text(e, line, strlen(line));
		export_text(e, "\n", 1);
	} else {
		e->rc = CHQ_ENOMEM;
	}
	free(line);
	json_decref(row);
}

void
export_row(struct export *e, unsigned section, const char *const *field)
{
	if (e->json) {
		json_row(e, (enum import_section)section, field);
		return;
	}
	for (unsigned i = 0; import_column_name((enum import_section)section, i); i++) {
		if (i)
			export_text(e, ",", 1);
		csv_field(e, field[i] ? field[i] : "");
	}
	export_text(e, "\r\n", 2);
}
