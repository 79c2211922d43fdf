#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/internal.h"

/* Accounts by rising number. Numbers are given one after the other, so pages are full. */

/* The first page whose base is not below @base. */
static size_t
page_at(const struct book_order *o, uint64_t base)
{
	size_t low = 0, high = o->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (o->pages[mid]->base < base)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t
book_order_page(const struct book_order *o, uint64_t after)
{
	return page_at(o, (after + 1) - (after + 1) % BOOK_ORDER_PAGE);
}

/* Return: false without memory. */
static bool
pages_room(struct book_order *o)
{
	size_t cap = o->cap ? o->cap * 2 : 4;
	struct book_order_page **pages;

	if (o->n < o->cap)
		return true;
	pages = realloc(o->pages, cap * sizeof(struct book_order_page *));
	if (!pages)
		return false;
	o->pages = pages;
	o->cap = cap;
	return true;
}

int
book_order_room(struct book_order *o, uint64_t account)
{
	uint64_t base = account - account % BOOK_ORDER_PAGE;
	size_t at = page_at(o, base);
	struct book_order_page *page;

	if (at < o->n && o->pages[at]->base == base)
		return CHQ_OK;
	page = pages_room(o) ? calloc(1, sizeof(*page)) : NULL;
	if (!page)
		return CHQ_ENOMEM;
	page->base = base;
	memmove(o->pages + at + 1, o->pages + at, (o->n - at) * sizeof(struct book_order_page *));
	o->pages[at] = page;
	o->n++;
	return CHQ_OK;
}

void
book_order_put(struct book_order *o, uint64_t account, struct book_class *c)
{
	struct book_order_page *page = o->pages[page_at(o, account - account % BOOK_ORDER_PAGE)];

	page->class_of[account % BOOK_ORDER_PAGE] = c;
}

void
book_order_free(struct book_order *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->pages[i]);
	free(o->pages);
}
