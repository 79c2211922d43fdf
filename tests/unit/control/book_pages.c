#include "tests/unit/control/book_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

size_t
book_pages(struct book *b, uint64_t subject, uint64_t *out, size_t max)
{
	size_t n = 0, got;
	uint64_t after = 0;

	do {
		assert_true(n + 2 <= max);
		assert_int_equal(book_visible(b, subject, BOOK_SEE, after, out + n, 2, &got), 0);
		n += got;
		after = got ? out[n - 1] : after;
	} while (got == 2);
	qsort(out, n, sizeof(*out), compare);
	assert_int_equal(book_visible_count(b, subject, BOOK_SEE), n);
	return n;
}
