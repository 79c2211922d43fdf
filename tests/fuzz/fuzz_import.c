#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/import/reader.h"
#include "tests/fuzz/fuzz.h"

/*
 * Files of people, of any bytes, which come in pieces: rows have texts of their columns, a bad one says why,
 * lines never go back, and it ends.
 */

struct source {
	const uint8_t *p;
	size_t left;
};

static int64_t
take(void *arg, void *buf, size_t size)
{
	struct source *s = arg;
	size_t n = s->left < size ? s->left : size;

	if (n > 7) /* short reads too */
		n -= n % 7;
	memcpy(buf, s->p, n);
	s->p += n;
	s->left -= n;
	return (int64_t)n;
}

static void
look(const struct import_row *row)
{
	if ((unsigned)row->section >= IMPORT__SECTIONS)
		abort();
	for (unsigned i = 0; i < IMPORT_COLUMNS_MAX; i++)
		if (row->field[i] && (!import_column_name(row->section, i) ||
				      strlen(row->field[i]) > IMPORT_ROW_MAX_BYTES))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct source s = { data, len };
	struct import_reader r;
	struct import_row row;
	uint64_t line = 0;
	size_t rows = 0;
	int rc;

	if (import_reader_init(&r, take, &s) != 0)
		abort();
	do {
		rc = import_reader_next(&r, &row);
		if (rc == 1)
			look(&row);
		else if ((rc == CHQ_EMALFORMED || rc == CHQ_EINVAL) && !row.why[0])
			abort();
		if ((rc == 1 || rc == CHQ_EMALFORMED) && row.line < line)
			abort();
		line = row.line;
		if (rows++ > len + 1 || r.taken > len)
			abort();
	} while (rc == 1 || rc == CHQ_EMALFORMED);
	if (rc != 0 && rc != CHQ_EINVAL)
		abort();
	import_reader_deinit(&r);
	return 0;
}
