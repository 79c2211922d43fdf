#pragma once
#include "control/import/reader.h"

/* Insides of the reader: reader.c, csv.c, jsonl.c. */

/* A row that is bad. @why is constant, or was made by snprintf(). Return: @rc. */
int import_bad(struct import_row *row, int rc, const char *column, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The column of this name, or -1 with the fault and a guess in @row. */
int import_column(struct import_row *row, const char *name);

/* The nearest of some names, NULL if none is near. */
const char *import_guess(const char *name, const char *const *names, size_t n);

/*
 * Have at least IMPORT_ROW_MAX_BYTES unread, or all that is left.
 * Return: 0; codes of reading.
 */
int import_fill(struct import_reader *r);

/* @len bytes of the buffer are dealt with. */
void import_take(struct import_reader *r, size_t len);

/* Return: as import_reader_next(). The buffer is filled. */
int import_csv_next(struct import_reader *r, struct import_row *row);
int import_json_next(struct import_reader *r, struct import_row *row);
