#include "control/import/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/array.h"
#include "base/err.h"
#include "control/import/reader_priv.h"

enum { BUFFER_BYTES = 4 * IMPORT_ROW_MAX_BYTES, NAME_MAX_BYTES = 32 };

static const struct {
	const char *name, *row;
	const char *column[IMPORT_COLUMNS_MAX + 1];
} sections[IMPORT__SECTIONS] = {
	[IMPORT_ACCOUNTS] = { "accounts",
			      "account",
			      { "login", "name", "title", "phone", "mail", "avatar", "number",
				"disabled", "hash" } },
	[IMPORT_DEPARTMENTS] = { "departments", "department", { "path" } },
	[IMPORT_MEMBERS] = { "members", "member", { "department", "login", "manager" } },
	[IMPORT_RULES] = { "rules", "rule", { "effect", "rights", "subjects", "objects", "note" } },
	[IMPORT_FRIENDS] = { "friends", "friend", { "login", "friend", "state" } },
};

const char *
import_section_name(enum import_section s)
{
	return s < IMPORT__SECTIONS ? sections[s].name : NULL;
}

const char *
import_row_name(enum import_section s)
{
	return s < IMPORT__SECTIONS ? sections[s].row : NULL;
}

const char *
import_column_name(enum import_section s, unsigned column)
{
	return column < IMPORT_COLUMNS_MAX ? sections[s].column[column] : NULL;
}

int
import_bad(struct import_row *row, int rc, const char *column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row->why, sizeof(row->why), fmt, ap);
	va_end(ap);
	row->column = column;
	return rc;
}

/* --- names --- */

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's distance; texts of at most NAME_MAX_BYTES. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_BYTES + 1];
	size_t n = strlen(b);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned before = row[0]++;

		for (size_t j = 1; j <= n; j++) {
			unsigned above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1, before + (a[i] != b[j - 1]));
			before = above;
		}
	}
	return row[n];
}

const char *
import_guess(const char *name, const char *const *names, size_t n)
{
	const char *best = NULL;
	unsigned least_far = UINT32_MAX;

	if (strlen(name) > NAME_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < n && names[i]; i++) {
		unsigned far = distance(name, names[i]);

		if (far < least_far && far <= strlen(names[i]) / 2) {
			least_far = far;
			best = names[i];
		}
	}
	return best;
}

int
import_column(struct import_row *row, const char *name)
{
	const char *const *names = sections[row->section].column;
	const char *guess;

	for (unsigned i = 0; names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	guess = import_guess(name, names, IMPORT_COLUMNS_MAX);
	import_bad(row, CHQ_EINVAL, NULL, "unknown column of %s%s%s%s", sections[row->section].name,
		   guess ? " (did you mean \"" : "", guess ? guess : "", guess ? "\"?)" : "");
	return -1;
}

int
import_flag(const char *text)
{
	static const char *const yes[] = { "true", "yes", "1" }, *const no[] = { "false", "no", "0",
										 "" };

	for (size_t i = 0; text && i < ARRAY_LEN(yes); i++)
		if (strcmp(text, yes[i]) == 0)
			return 1;
	for (size_t i = 0; text && i < ARRAY_LEN(no); i++)
		if (strcmp(text, no[i]) == 0)
			return 0;
	return text ? CHQ_EMALFORMED : 0;
}

/* --- bytes --- */

int
import_reader_init(struct import_reader *r, import_read_fn *read, void *arg)
{
	*r = (struct import_reader){ .read = read, .arg = arg, .line = 1 };
	r->buf = malloc(BUFFER_BYTES);
	r->text = malloc(IMPORT_ROW_MAX_BYTES + 1);
	if (r->buf && r->text)
		return CHQ_OK;
	import_reader_deinit(r);
	return CHQ_ENOMEM;
}

void
import_reader_deinit(struct import_reader *r)
{
	/* Hashes went through them. */
	if (r->buf)
		sodium_memzero(r->buf, BUFFER_BYTES);
	if (r->text)
		sodium_memzero(r->text, IMPORT_ROW_MAX_BYTES + 1);
	free(r->buf);
	free(r->text);
	json_decref(r->object);
	*r = (struct import_reader){ .read = NULL };
}

int
import_fill(struct import_reader *r)
{
	if (r->eof || r->used - r->at >= IMPORT_ROW_MAX_BYTES)
		return CHQ_OK;
	memmove(r->buf, r->buf + r->at, r->used - r->at);
	r->used -= r->at;
	r->at = 0;
	while (!r->eof && r->used < BUFFER_BYTES) {
		int64_t n = r->read(r->arg, r->buf + r->used, BUFFER_BYTES - r->used);

		if (n < 0)
			return (int)n;
		r->eof = n == 0;
		r->used += (size_t)n;
	}
	return CHQ_OK;
}

void
import_take(struct import_reader *r, size_t len)
{
	for (const char *p = r->buf + r->at, *end = p + len;
	     p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		r->line++;
	r->at += len;
	r->taken += len;
}

static int
reader_begin(struct import_reader *r)
{
	int rc = import_fill(r);

	if (rc)
		return rc;
	r->begun = true;
	if (r->used >= 3 && memcmp(r->buf, "\xEF\xBB\xBF", 3) == 0)
		import_take(r, 3);
	r->json = r->at < r->used && r->buf[r->at] == '{';
	return CHQ_OK;
}

int
import_reader_next(struct import_reader *r, struct import_row *row)
{
	int rc = r->begun ? CHQ_OK : reader_begin(r);

	*row = (struct import_row){ .section = r->section, .line = r->line };
	if (!rc)
		rc = import_fill(r);
	if (rc)
		return rc;
	return r->json ? import_json_next(r, row) : import_csv_next(r, row);
}
