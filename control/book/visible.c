#include "base/err.h"
#include "control/book/internal.h"

/* Where a page begins: in which of the seen classes, at which of its members. */
struct place {
	unsigned class;
	size_t member;
};

/* Behind the account @after. Return: 0; CHQ_ESTALE. */
static int
place_after(const struct book *b, const struct book_class *c, uint64_t after, struct place *at)
{
	const struct book_person *p;

	*at = (struct place){ 0, 0 };
	if (after == 0)
		return 0;
	p = book_person_find(b, after);
	if (!p)
		return CHQ_ESTALE;
	for (at->class = 0; at->class < c->n_seen; at->class ++) {
		if (c->seen[at->class] == p->class) {
			at->member = p->pos + 1;
			return 0;
		}
	}
	return CHQ_ESTALE;
}

int
book_visible(struct book *b, uint64_t subject, unsigned right, uint64_t after, uint64_t *out,
	     size_t max, size_t *n)
{
	struct book_person *s = book_person_find(b, subject);
	struct place at;
	int rc;

	*n = 0;
	if (!s)
		return CHQ_ENOENT;
	rc = book_class_look(b, s->class);
	if (!rc)
		rc = place_after(b, s->class, after, &at);
	if (rc)
		return rc;
	for (; at.class < s->class->n_seen; at.class ++, at.member = 0) {
		const struct book_class *o = s->class->seen[at.class];

		if (!(book_class_rights(b, s->class, o) & right))
			continue;
		for (; at.member < o->n; at.member++) {
			if (o->members[at.member] == subject)
				continue;
			if (*n == max)
				return 0;
			out[(*n)++] = o->members[at.member];
		}
	}
	return 0;
}

size_t
book_visible_count(struct book *b, uint64_t subject, unsigned right)
{
	struct book_person *s = book_person_find(b, subject);
	size_t n = 0;

	if (!s || book_class_look(b, s->class) != 0)
		return 0;
	for (unsigned i = 0; i < s->class->n_seen; i++) {
		const struct book_class *o = s->class->seen[i];

		if (book_class_rights(b, s->class, o) & right)
			n += o->n - (o == s->class);
	}
	return n;
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
	for (unsigned i = 0; i < s->class->n_seen; i++)
		if (s->class->seen[i]->changed > version)
			version = s->class->seen[i]->changed;
	return version + 1;
}
