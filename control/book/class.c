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
	free(c->present);
	free(c->towards);
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

/* Room for one more in a list. Return: false without memory. */
static bool
accounts_room(uint64_t **list, size_t n, size_t *cap)
{
	size_t more = *cap ? *cap * 2 : MEMBERS_0;
	uint64_t *at;

	if (n < *cap)
		return true;
	at = realloc(*list, more * sizeof(uint64_t));
	if (!at)
		return false;
	*list = at;
	*cap = more;
	return true;
}

static void
present_add(struct book_class *c, struct book_person *p)
{
	c->present[c->n_present++] = p->account;
	p->present = c->n_present;
}

int
book_class_join(struct book *b, struct book_class *c, struct book_person *p)
{
	bool present = p->present != 0;

	if (!accounts_room(&c->members, c->n, &c->cap) ||
	    (present && !accounts_room(&c->present, c->n_present, &c->cap_present)))
		return CHQ_ENOMEM;
	p->class = c;
	p->pos = c->n;
	c->members[c->n++] = p->account;
	if (present)
		present_add(c, p);
	book_order_put(&b->order, p->account, c);
	return 0;
}

/* Take out of the list of those present who is there as @p says. */
static void
present_drop(struct book *b, const struct book_person *p)
{
	struct book_class *c = p->class;
	uint64_t last = c->present[--c->n_present];

	if (last != p->account) {
		c->present[p->present - 1] = last;
		book_person_find(b, last)->present = p->present;
	}
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
	if (p->present)
		present_drop(b, p);
}

int
book_class_come(struct book_person *p)
{
	struct book_class *c = p->class;

	if (p->present)
		return 0;
	if (!accounts_room(&c->present, c->n_present, &c->cap_present))
		return CHQ_ENOMEM;
	present_add(c, p);
	return 0;
}

void
book_class_go(struct book *b, struct book_person *p)
{
	if (p->present)
		present_drop(b, p);
	p->present = 0;
}

size_t
book_classes(const struct book *b)
{
	return b->n_classes;
}

const struct book_class *
book_class_of(const struct book *b, uint64_t account)
{
	const struct book_person *p = book_person_find(b, account);

	return p ? p->class : NULL;
}

const struct book_class *
book_class_at(const struct book *b, size_t index)
{
	return index < b->n_classes ? b->classes[index] : NULL;
}

const uint64_t *
book_class_members(const struct book_class *c, size_t *n)
{
	*n = c->n;
	return c->members;
}

const uint64_t *
book_class_present(const struct book_class *c, size_t *n)
{
	*n = c->n_present;
	return c->present;
}

unsigned
book_class_roles(const struct book_class *c, struct book_role *out)
{
	for (unsigned i = 0; i < c->n_roles; i++)
		out[i] = (struct book_role){ .dept = (uint32_t)(c->key[i] >> 1),
					     .manager = c->key[i] & 1 };
	return c->n_roles;
}

/* What rules of a table (allowing, or denying) say of two classes. */
static unsigned
class_said(const struct book *b, const uint64_t *speaks, const struct book_class *subject,
	   const struct book_class *object)
{
	unsigned rights = 0;

	for (unsigned w = 0; w < b->words; w++) {
		uint64_t both = subject->subject[w] & object->object[w];

		for (unsigned r = 0; both && r < BOOK_RIGHTS; r++)
			if (both & speaks[(size_t)r * b->words + w])
				rights |= 1U << r;
	}
	return rights;
}

unsigned
book_class_denied(const struct book *b, const struct book_class *subject,
		  const struct book_class *object)
{
	return class_said(b, b->speaks + (size_t)BOOK_RIGHTS * b->words, subject, object);
}

unsigned
book_class_rights(const struct book *b, const struct book_class *subject,
		  const struct book_class *object)
{
	unsigned rights = class_said(b, b->speaks, subject, object);

	return rights ? rights & ~book_class_denied(b, subject, object) : 0;
}

int
book_class_look(struct book *b, struct book_class *c)
{
	uint8_t *towards;

	if (c->towards_seq == b->classes_seq && c->towards)
		return 0;
	towards = realloc(c->towards, b->n_classes + 1);
	if (!towards)
		return CHQ_ENOMEM;
	c->towards = towards;
	for (unsigned i = 0; i < b->n_classes; i++)
		towards[i] = (uint8_t)book_class_rights(b, c, b->classes[i]);
	c->towards_seq = b->classes_seq;
	return 0;
}
