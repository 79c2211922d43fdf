#include "tests/unit/control/book_pages.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

size_t
book_pages(struct book *b, uint64_t subject, uint64_t *out, size_t max)
{
	size_t n = 0, got;
	uint64_t after = 0;

	do {
		assert_true(n + 2 <= max);
		assert_int_equal(book_visible(b, subject, BOOK_SEE, &after, out + n, 2, &got), 0);
		for (size_t i = n ? n : 1; i < n + got; i++)
			assert_true(out[i] > out[i - 1]);
		n += got;
	} while (after);
	assert_int_equal(book_visible_count(b, subject, BOOK_SEE), n);
	return n;
}
