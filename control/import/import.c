#include "control/import/import.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "control/book/book.h"
#include "control/ctl_policy.h"
#include "control/import/import_priv.h"
#include "control/import/reader_priv.h"

static int64_t
file_read(void *arg, void *buf, size_t size)
{
	struct rows *r = arg;
	ssize_t n;

	if (atomic_load_explicit(r->im->ending, memory_order_relaxed))
		return CHQ_ECANCELED;
	do
		n = pread(r->im->fd, buf, size, r->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return chq_errno();
	r->at += n;
	return n;
}

int
rows_open(struct rows *r, struct import *im, uint64_t base)
{
	*r = (struct rows){ .im = im, .base = base };
	return import_reader_init(&r->reader, file_read, r);
}

void
rows_close(struct rows *r)
{
	import_reader_deinit(&r->reader);
}

void
import_note(struct import *im, const struct import_row *row)
{
	struct import_fault *f = &im->fault[im->faults];

	im->bad++;
	if (im->faults == IMPORT_FAULTS_KEPT)
		return;
	*f = (struct import_fault){ .line = row->line, .column = row->column };
	memcpy(f->why, row->why, sizeof(f->why));
	im->faults++;
}

int
import_refused(struct import_row *row, int rc, const char *column)
{
	return import_bad(row, CHQ_EMALFORMED, column, "%s", chq_strerror(rc));
}

int
rows_next(struct rows *r, struct import_row *row)
{
	int rc;

	do {
		rc = import_reader_next(&r->reader, row);
		if (rc == CHQ_EMALFORMED || rc == CHQ_EINVAL)
			import_note(r->im, row);
		atomic_store_explicit(r->im->done, r->base + r->reader.taken, memory_order_relaxed);
	} while (rc == CHQ_EMALFORMED);
	return rc;
}

uint8_t
import_rights(const char *text)
{
	uint8_t rights = 0;

	if (strcmp(text, "all") == 0)
		return BOOK_ALL;
	for (;;) {
		size_t len = strcspn(text, ",");
		unsigned i = 0;

		while (i < BOOK_RIGHTS && (strlen(ctl_policy_right(i)) != len ||
					   memcmp(ctl_policy_right(i), text, len) != 0))
			i++;
		if (i == BOOK_RIGHTS)
			return 0;
		rights |= (uint8_t)(1U << i);
		if (text[len] == '\0')
			return rights;
		text += len + 1;
	}
}

int
import_run(struct import *im)
{
	struct stat st;
	int rc;

	if (fstat(im->fd, &st) != 0)
		return chq_errno();
	if (!S_ISREG(st.st_mode))
		return CHQ_EINVAL;
	atomic_store_explicit(im->total, (uint64_t)st.st_size * (im->dry_run ? 1 : 2) + 1,
			      memory_order_relaxed);
	rc = import_check(im);
	if (rc == CHQ_OK && im->bad == 0 && !im->dry_run)
		rc = import_write(im);
	return rc == CHQ_OK && im->bad > 0 ? CHQ_EINVAL : rc;
}
