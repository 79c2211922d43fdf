#include <string.h>

#include "base/err.h"
#include "control/import/reader_priv.h"

/* Records of RFC 4180. */

struct record {
	unsigned n;
	bool quoted; /* the first field was */
	char *field[IMPORT_COLUMNS_MAX];
};

/* What of a record is being read. */
struct scan {
	const char *p, *end;
	char *out;
	bool eof; /* nothing follows @end */
	const char *why;
};

static bool
at_line_end(const struct scan *s)
{
	return s->p == s->end || *s->p == '\n' ||
	       (*s->p == '\r' && (s->p + 1 == s->end || s->p[1] == '\n'));
}

/* @s->p is behind the opening quote. */
static void
quoted_field(struct scan *s)
{
	for (; s->p < s->end; s->p++) {
		if (*s->p == '\0') {
			break;
		} else if (*s->p != '"') {
			*s->out++ = *s->p;
		} else if (s->p + 1 < s->end && s->p[1] == '"') {
			*s->out++ = *s->p++;
		} else {
			s->p++;
			if (*s->out = '\0', !at_line_end(s) && *s->p != ',')
				s->why = "text behind a closing quote";
			return;
		}
	}
	s->why = s->p < s->end ? "a NUL byte" : "a quote is not closed, or the row is too long";
}

static void
plain_field(struct scan *s)
{
	for (; !at_line_end(s) && *s->p != ','; s->p++) {
		if (*s->p == '"')
			s->why = "a quote within a field that is not quoted";
		else if (*s->p == '\0' || *s->p == '\r')
			s->why = "a control character";
		*s->out++ = *s->p;
	}
	*s->out = '\0';
}

/* Behind the record's end. */
static size_t
record_end(const struct import_reader *r, const struct scan *s)
{
	const char *p = s->p;

	if (p < s->end && *p == '\r')
		p++;
	if (p < s->end && *p == '\n')
		p++;
	return (size_t)(p - (r->buf + r->at));
}

/* Where to go on behind a bad record: its line's end. */
static size_t
skip_line(const struct import_reader *r)
{
	const char *p = r->buf + r->at;
	const char *end = memchr(p, '\n', r->used - r->at);

	return end ? (size_t)(end + 1 - p) : r->used - r->at;
}

/* Return: 0; CHQ_EMALFORMED with the fault in @row. */
static int
record_read(struct import_reader *r, struct record *rec, struct import_row *row)
{
	size_t left = r->used - r->at;
	struct scan s = { .p = r->buf + r->at, .out = r->text };
	bool more = true;

	s.end = s.p + (left < IMPORT_ROW_MAX_BYTES ? left : IMPORT_ROW_MAX_BYTES);
	s.eof = r->eof && left <= IMPORT_ROW_MAX_BYTES;
	*rec = (struct record){ .quoted = left > 0 && *s.p == '"' };
	while (more && !s.why) {
		if (rec->n == IMPORT_COLUMNS_MAX) {
			s.why = "too many columns";
			break;
		}
		rec->field[rec->n++] = s.out;
		if (s.p < s.end && *s.p == '"') {
			s.p++;
			quoted_field(&s);
		} else {
			plain_field(&s);
		}
		s.out++;
		more = !s.why && s.p < s.end && *s.p == ',';
		s.p += more;
	}
	if (!s.why && s.p == s.end && !s.eof)
		s.why = "the row is too long";
	if (s.why) {
		import_take(r, skip_line(r));
		return import_bad(row, CHQ_EMALFORMED, NULL, "%s", s.why);
	}
	import_take(r, record_end(r, &s));
	return CHQ_OK;
}

/* Is this "[accounts]"? Return: 1; 0: no; CHQ_EINVAL. */
static int
section_line(struct import_reader *r, const struct record *rec, struct import_row *row)
{
	const char *names[IMPORT__SECTIONS], *guess;
	char *name = rec->field[0];
	size_t len = strlen(name);

	if (rec->n != 1 || rec->quoted || len < 2 || name[0] != '[' || name[len - 1] != ']')
		return 0;
	name[len - 1] = '\0';
	r->headed = false;
	for (unsigned i = 0; i < IMPORT__SECTIONS; i++) {
		names[i] = import_section_name((enum import_section)i);
		if (strcmp(names[i], name + 1) == 0) {
			r->section = row->section = (enum import_section)i;
			return 1;
		}
	}
	guess = import_guess(name + 1, names, IMPORT__SECTIONS);
	return import_bad(row, CHQ_EINVAL, NULL, "unknown section%s%s%s",
			  guess ? " (did you mean \"" : "", guess ? guess : "",
			  guess ? "\"?)" : "");
}

/* The line that names the columns. Return: 0; CHQ_EINVAL. */
static int
header_line(struct import_reader *r, const struct record *rec, struct import_row *row)
{
	bool seen[IMPORT_COLUMNS_MAX] = { false };

	for (unsigned i = 0; i < rec->n; i++) {
		int column = import_column(row, rec->field[i]);

		if (column < 0)
			return CHQ_EINVAL;
		if (seen[column])
			return import_bad(row, CHQ_EINVAL, NULL, "a column stands twice");
		seen[column] = true;
		r->column[i] = (uint8_t)column;
	}
	r->columns = rec->n;
	r->headed = true;
	return CHQ_OK;
}

static int
row_of(const struct import_reader *r, const struct record *rec, struct import_row *row)
{
	if (rec->n != r->columns)
		return import_bad(row, CHQ_EMALFORMED, NULL, "%u columns, and not %u", rec->n,
				  r->columns);
	for (unsigned i = 0; i < rec->n; i++)
		row->field[r->column[i]] = rec->field[i];
	return 1;
}

int
import_csv_next(struct import_reader *r, struct import_row *row)
{
	struct record rec;
	int rc;

	for (;;) {
		rc = import_fill(r);
		if (rc || r->at == r->used)
			return rc;
		row->line = r->line;
		rc = record_read(r, &rec, row);
		if (rc)
			return rc;
		if (rec.n == 1 && !rec.quoted && rec.field[0][0] == '\0')
			continue; /* an empty line */
		rc = section_line(r, &rec, row);
		if (rc < 0)
			return rc;
		if (rc > 0)
			continue;
		if (r->headed)
			return row_of(r, &rec, row);
		rc = header_line(r, &rec, row);
		if (rc)
			return rc;
	}
}
