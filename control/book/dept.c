#include <stdlib.h>

#include "base/err.h"
#include "control/book/internal.h"

struct book_dept *
book_dept_find(const struct book *b, uint64_t id)
{
	return chq_map_get_u64(&b->depts, id);
}

bool
book_dept_known(const struct book *b, uint32_t id)
{
	return book_dept_find(b, id) != NULL;
}

uint32_t
book_dept_parent(const struct book *b, uint32_t id)
{
	const struct book_dept *d = book_dept_find(b, id);

	return d && d->parent ? d->parent->id : 0;
}

uint32_t
book_dept_members(const struct book *b, uint32_t id)
{
	const struct book_dept *d = book_dept_find(b, id);

	return d ? d->members : 0;
}

uint32_t
book_dept_managers(const struct book *b, uint32_t id)
{
	const struct book_dept *d = book_dept_find(b, id);

	return d ? d->managers : 0;
}

/* How many departments lie above, itself counted; 0 for none. */
static unsigned
depth_of(const struct book_dept *d)
{
	unsigned n = 0;

	for (; d; d = d->parent)
		n++;
	return n;
}

int
book_dept_add(struct book *b, uint32_t id, uint32_t parent)
{
	struct book_dept *above = book_dept_find(b, parent), *d;

	if (id == 0)
		return CHQ_EINVAL;
	if (book_dept_find(b, id))
		return CHQ_EEXIST;
	if (parent && !above)
		return CHQ_ENOENT;
	if (depth_of(above) >= BOOK_DEPTH_MAX)
		return CHQ_EFULL;
	d = calloc(1, sizeof(*d));
	if (!d || chq_map_put_u64(&b->depts, id, d) != 0) {
		free(d);
		return CHQ_ENOMEM;
	}
	d->id = id;
	d->parent = above;
	if (above)
		above->children++;
	return 0;
}

/* How deep the tree below a department is, itself counted. */
static unsigned
height_of(const struct book *b, const struct book_dept *top)
{
	const struct book_dept *d;
	unsigned most = 1;

	CHQ_MAP_FOREACH(d, &b->depts) {
		unsigned n = 1;
		const struct book_dept *at = d;

		for (; at && at != top; at = at->parent)
			n++;
		if (at && n > most)
			most = n;
	}
	return most;
}

static void
hang_under(struct book_dept *d, struct book_dept *parent)
{
	if (d->parent)
		d->parent->children--;
	d->parent = parent;
	if (parent)
		parent->children++;
}

int
book_dept_move(struct book *b, uint32_t id, uint32_t parent)
{
	struct book_dept *d = book_dept_find(b, id), *above = book_dept_find(b, parent), *was;
	struct book_before *before;
	int rc;

	if (!d || (parent && !above))
		return CHQ_ENOENT;
	if (d->parent == above)
		return 0;
	for (const struct book_dept *at = above; at; at = at->parent)
		if (at == d)
			return CHQ_ELOOP;
	if (depth_of(above) + height_of(b, d) > BOOK_DEPTH_MAX)
		return CHQ_EFULL;
	was = d->parent;
	before = book_lost_begin(b);
	hang_under(d, above);
	rc = book_all_changed(b, before);
	if (rc) {
		hang_under(d, was);
		book_lost_cancel(before);
	}
	return rc;
}

int
book_dept_remove(struct book *b, uint32_t id)
{
	struct book_dept *d = book_dept_find(b, id);

	if (!d)
		return CHQ_ENOENT;
	if (d->children || d->members)
		return CHQ_EBUSY;
	if (d->parent)
		d->parent->children--;
	chq_map_del_u64(&b->depts, id);
	free(d);
	return 0;
}
