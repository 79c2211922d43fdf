#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/internal.h"

enum { MEMBERS_0 = 4, CLASSES_0 = 16 };

static const struct book_dept *
role_dept(const struct book *b, uint64_t word)
{
	return book_dept_find(b, word >> 1);
}

static bool
atom_holds_role(const struct book *b, const struct book_atom *a, uint64_t word)
{
	switch (a->kind) {
	case BOOK_ATOM_MEMBERS: return word >> 1 == a->id;
	case BOOK_ATOM_MANAGERS: return word >> 1 == a->id && (word & 1);
	case BOOK_ATOM_MANAGERS_ALL: return word & 1;
	case BOOK_ATOM_TREE:
		for (const struct book_dept *d = role_dept(b, word); d; d = d->parent)
			if (d->id == a->id)
				return true;
		return false;
	default: return false;
	}
}

static bool
atom_holds(const struct book *b, const struct book_atom *a, const struct book_class *c)
{
	if (a->kind == BOOK_ATOM_EVERYBODY)
		return true;
	if (a->kind == BOOK_ATOM_ACCOUNT)
		return c->key[c->n_roles] == a->id;
	for (unsigned i = 0; i < c->n_roles; i++)
		if (atom_holds_role(b, a, c->key[i]))
			return true;
	return false;
}

bool
book_set_holds(const struct book *b, const struct book_set *s, const struct book_class *c)
{
	bool in = false;

	for (unsigned i = 0; i < s->n; i++) {
		const struct book_atom *a = &s->atoms[i];

		if ((a->except || !in) && atom_holds(b, a, c)) {
			if (a->except)
				return false;
			in = true;
		}
	}
	return in;
}

static void
class_sort(const struct book *b, struct book_class *c)
{
	memset(c->subject, 0, b->words * sizeof(uint64_t));
	memset(c->object, 0, b->words * sizeof(uint64_t));
	for (unsigned i = 0; i < b->n_rules; i++) {
		uint64_t bit = UINT64_C(1) << (i % 64);

		if (book_set_holds(b, &b->rules[i].subjects, c))
			c->subject[i / 64] |= bit;
		if (book_set_holds(b, &b->rules[i].objects, c))
			c->object[i / 64] |= bit;
	}
}

/* Room for the bits of so many rules. Return: 0; CHQ_ENOMEM. */
static int
class_room(struct book_class *c, unsigned words)
{
	size_t bytes = (words ? words : 1) * sizeof(uint64_t);
	uint64_t *subject = realloc(c->subject, bytes), *object;

	if (!subject)
		return CHQ_ENOMEM;
	c->subject = subject;
	object = realloc(c->object, bytes);
	if (!object)
		return CHQ_ENOMEM;
	c->object = object;
	return 0;
}

int
book_classes_sort(struct book *b)
{
	for (unsigned i = 0; i < b->n_classes; i++)
		if (class_room(b->classes[i], b->words) != 0)
			return CHQ_ENOMEM;
	for (unsigned i = 0; i < b->n_classes; i++)
		class_sort(b, b->classes[i]);
	return 0;
}

void
book_class_free(struct book_class *c)
{
	free(c->key);
	free(c->subject);
	free(c->object);
	free(c->members);
	free(c->seen);
	free(c);
}

/* Return: room for one more class in the list; false without memory. */
static bool
list_room(struct book *b)
{
	unsigned cap = b->cap_classes ? b->cap_classes * 2 : CLASSES_0;
	struct book_class **list;

	if (b->n_classes < b->cap_classes)
		return true;
	list = realloc(b->classes, cap * sizeof(struct book_class *));
	if (!list)
		return false;
	b->classes = list;
	b->cap_classes = cap;
	return true;
}

static struct book_class *
class_make(const struct book *b, const uint64_t *key, unsigned n)
{
	struct book_class *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->n_roles = n;
	c->key = malloc((n + 1) * sizeof(uint64_t));
	if (!c->key || class_room(c, b->words) != 0) {
		book_class_free(c);
		return NULL;
	}
	memcpy(c->key, key, (n + 1) * sizeof(uint64_t));
	return c;
}

struct book_class *
book_class_get(struct book *b, uint64_t *roles, unsigned n, uint64_t account)
{
	size_t bytes = (n + 1) * sizeof(uint64_t);
	struct book_class *c;

	roles[n] = account;
	c = chq_map_get(&b->class_of, roles, bytes);
	if (c)
		return c;
	c = list_room(b) ? class_make(b, roles, n) : NULL;
	if (!c)
		return NULL;
	if (chq_map_put(&b->class_of, roles, bytes, c) != 0) {
		book_class_free(c);
		return NULL;
	}
	class_sort(b, c);
	c->index = b->n_classes;
	b->classes[b->n_classes++] = c;
	b->classes_seq = ++b->seq;
	return c;
}

static void
class_drop(struct book *b, struct book_class *c)
{
	chq_map_del(&b->class_of, c->key, (c->n_roles + 1) * sizeof(uint64_t));
	b->classes[c->index] = b->classes[--b->n_classes];
	b->classes[c->index]->index = c->index;
	b->classes_seq = ++b->seq;
	book_class_free(c);
}

void
book_classes_purge(struct book *b)
{
	for (unsigned i = b->n_classes; i-- > 0;)
		if (b->classes[i]->n == 0)
			class_drop(b, b->classes[i]);
}

int
book_class_join(struct book_class *c, struct book_person *p)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : MEMBERS_0;
		uint64_t *members = realloc(c->members, cap * sizeof(uint64_t));

		if (!members)
			return CHQ_ENOMEM;
		c->members = members;
		c->cap = cap;
	}
	p->class = c;
	p->pos = c->n;
	c->members[c->n++] = p->account;
	return 0;
}

void
book_class_leave(struct book *b, const struct book_person *p)
{
	struct book_class *c = p->class;
	uint64_t last = c->members[--c->n];

	if (last != p->account) {
		c->members[p->pos] = last;
		book_person_find(b, last)->pos = p->pos;
	}
}

size_t
book_classes(const struct book *b)
{
	return b->n_classes;
}

const uint64_t *
book_class_members(const struct book_class *c, size_t *n)
{
	*n = c->n;
	return c->members;
}

unsigned
book_class_rights(const struct book *b, const struct book_class *subject,
		  const struct book_class *object)
{
	const uint64_t *allow = b->speaks, *deny = b->speaks + (size_t)BOOK_RIGHTS * b->words;
	unsigned rights = 0, denied = 0;

	for (unsigned w = 0; w < b->words; w++) {
		uint64_t both = subject->subject[w] & object->object[w];

		for (unsigned r = 0; both && r < BOOK_RIGHTS; r++) {
			if (both & allow[(size_t)r * b->words + w])
				rights |= 1U << r;
			if (both & deny[(size_t)r * b->words + w])
				denied |= 1U << r;
		}
	}
	return rights & ~denied;
}

int
book_class_look(struct book *b, struct book_class *c)
{
	struct book_class **seen;
	unsigned n = 0;

	if (c->seen_seq == b->classes_seq && c->seen)
		return 0;
	seen = realloc(c->seen, (b->n_classes + 1) * sizeof(struct book_class *));
	if (!seen)
		return CHQ_ENOMEM;
	for (unsigned i = 0; i < b->n_classes; i++)
		if (book_class_rights(b, c, b->classes[i]))
			seen[n++] = b->classes[i];
	c->seen = seen;
	c->n_seen = n;
	c->seen_seq = b->classes_seq;
	return 0;
}
