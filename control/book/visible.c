#include <string.h>

#include "base/err.h"
#include "control/book/internal.h"

enum {
	FEW = 4096,	  /* visible people are collected, more are found by walking all */
	WALK_MAX = 65536, /* accounts looked at in one call */
};

/* A page being filled with the smallest numbers behind @after. */
struct pick {
	uint64_t after, *out;
	size_t max, n;
	bool more; /* there are some that had no room */
};

static void
pick_take(struct pick *p, uint64_t account)
{
	size_t at = p->n;

	if (account <= p->after)
		return;
	if (p->n == p->max) {
		p->more = true;
		if (account > p->out[p->n - 1])
			return;
		at--;
	} else {
		p->n++;
	}
	while (at > 0 && p->out[at - 1] > account)
		at--;
	memmove(p->out + at + 1, p->out + at, (p->n - 1 - at) * sizeof(*p->out));
	p->out[at] = account;
}

static void
pick_class(struct pick *p, const struct book_class *c, uint64_t subject)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->members[i] != subject)
			pick_take(p, c->members[i]);
}

/* Walk accounts by their number. Return: the last one looked at; 0 at the end. */
static uint64_t
walk(const struct book *b, const struct book_class *c, unsigned right, uint64_t subject,
     struct pick *p)
{
	uint64_t account = p->after;
	unsigned looked = 0;

	for (size_t at = book_order_page(&b->order, p->after); at < b->order.n; at++) {
		const struct book_order_page *page = b->order.pages[at];
		unsigned i = page->base > p->after ? 0 : (unsigned)(p->after + 1 - page->base);

		for (; i < BOOK_ORDER_PAGE; i++) {
			const struct book_class *o = page->class_of[i];

			if (p->n == p->max || looked++ == WALK_MAX)
				return account;
			account = page->base + i;
			if (o && (c->towards[o->index] & right) && account != subject)
				p->out[p->n++] = account;
		}
	}
	return 0;
}

static size_t
count(const struct book *b, const struct book_class *c, unsigned right)
{
	size_t n = 0;

	for (unsigned i = 0; i < b->n_classes; i++)
		if (c->towards[i] & right)
			n += b->classes[i]->n - (b->classes[i] == c);
	return n;
}

int
book_visible(struct book *b, uint64_t subject, unsigned right, uint64_t *after, uint64_t *out,
	     size_t max, size_t *n)
{
	struct book_person *s = book_person_find(b, subject);
	struct pick p = { .after = *after, .out = out, .max = max };

	*n = 0;
	if (!s)
		return CHQ_ENOENT;
	if (max == 0 || max > BOOK_PAGE_MAX)
		return CHQ_EINVAL;
	if (book_class_look(b, s->class) != 0)
		return CHQ_ENOMEM;
	if (count(b, s->class, right) > FEW) {
		*after = walk(b, s->class, right, subject, &p);
	} else {
		for (unsigned i = 0; i < b->n_classes; i++)
			if (s->class->towards[i] & right)
				pick_class(&p, b->classes[i], subject);
		*after = p.more ? out[p.n - 1] : 0;
	}
	*n = p.n;
	return 0;
}

size_t
book_visible_count(struct book *b, uint64_t subject, unsigned right)
{
	struct book_person *s = book_person_find(b, subject);

	return s && book_class_look(b, s->class) == 0 ? count(b, s->class, right) : 0;
}

uint64_t
book_version(struct book *b, uint64_t subject)
{
	struct book_person *s = book_person_find(b, subject);
	uint64_t version;

	if (!s)
		return 0;
	version = s->moved > b->all_seq ? s->moved : b->all_seq;
	if (book_class_look(b, s->class) != 0)
		return b->seq;
	for (unsigned i = 0; i < b->n_classes; i++)
		if (s->class->towards[i] && b->classes[i]->changed > version)
			version = b->classes[i]->changed;
	return version + 1;
}
