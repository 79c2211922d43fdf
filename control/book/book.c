#include "control/book/book.h"

#include <stdlib.h>

#include "base/err.h"
#include "control/book/internal.h"

struct book *
book_new(void)
{
	struct book *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	chq_map_init(&b->depts);
	chq_map_init(&b->persons);
	chq_map_init(&b->class_of);
	chq_map_init(&b->named);
	b->seq = 1;
	return b;
}

void
book_free(struct book *b)
{
	struct book_dept *d;
	struct book_person *p;

	if (!b)
		return;
	CHQ_MAP_FOREACH(d, &b->depts)
		free(d);
	CHQ_MAP_FOREACH(p, &b->persons)
		free(p);
	for (unsigned i = 0; i < b->n_classes; i++)
		book_class_free(b->classes[i]);
	for (unsigned i = 0; i < b->n_rules; i++) {
		book_set_free(&b->rules[i].subjects);
		book_set_free(&b->rules[i].objects);
	}
	chq_map_deinit(&b->depts);
	chq_map_deinit(&b->persons);
	chq_map_deinit(&b->class_of);
	chq_map_deinit(&b->named);
	free(b->classes);
	free(b->rules);
	free(b->speaks);
	free(b);
}

void
book_watch(struct book *b, book_affected_fn *one, book_all_affected_fn *all, void *arg)
{
	b->one_fn = one;
	b->all_fn = all;
	b->watch_arg = arg;
}

struct book_person *
book_person_find(const struct book *b, uint64_t account)
{
	return chq_map_get_u64(&b->persons, account);
}

bool
book_account_known(const struct book *b, uint64_t account)
{
	return book_person_find(b, account) != NULL;
}

size_t
book_accounts(const struct book *b)
{
	return b->persons.count;
}

/* --- roles --- */

static int
compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sorted role words. Return: 0; CHQ_EINVAL; CHQ_ENOENT. */
static int
role_words(const struct book *b, const struct book_role *roles, unsigned n, uint64_t *out)
{
	if (n > BOOK_ROLES_MAX)
		return CHQ_EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (!book_dept_find(b, roles[i].dept))
			return CHQ_ENOENT;
		out[i] = book_role_word(roles[i]);
	}
	qsort(out, n, sizeof(*out), compare_words);
	for (unsigned i = 1; i < n; i++)
		if (out[i] >> 1 == out[i - 1] >> 1)
			return CHQ_EINVAL;
	return 0;
}

/* Count a class's departments up (@by 1) or down (-1) by one person. */
static void
count_roles(struct book *b, const struct book_class *c, int by)
{
	for (unsigned i = 0; i < c->n_roles; i++) {
		struct book_dept *d = book_dept_find(b, c->key[i] >> 1);

		d->members += (uint32_t)by;
		if (c->key[i] & 1)
			d->managers += (uint32_t)by;
	}
}

/* --- changes of one person, and whom they concern --- */

/*
 * What each class of subjects may do towards the members of @was, before they change. Both
 * arguments may be NULL: then there are no rights.
 */
static void
tell_affected(struct book *b, uint64_t account, const struct book_class *was,
	      const struct book_class *is)
{
	unsigned n = b->n_classes;

	if (!b->one_fn || was == is)
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct book_class *s = b->classes[i];
		unsigned before = was ? book_class_rights(b, s, was) : 0;
		unsigned after = is ? book_class_rights(b, s, is) : 0;

		if (before != after)
			b->one_fn(b, s, account, before, after, b->watch_arg);
	}
}

static struct book_person *
person_new(struct book *b, uint64_t account)
{
	struct book_person *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->account = account;
	if (chq_map_put_u64(&b->persons, account, p) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

static void
person_free(struct book *b, struct book_person *p)
{
	chq_map_del_u64(&b->persons, p->account);
	free(p);
}

/*
 * Move a person from his class, if he has one, into @to.  Return: 0; CHQ_ENOMEM (nothing has changed).
 */
static int
person_move(struct book *b, struct book_person *p, struct book_class *to)
{
	struct book_person old = *p;
	int rc = book_class_join(to, p);

	if (rc)
		return rc;
	b->seq++;
	to->changed = p->moved = b->seq;
	count_roles(b, to, 1);
	tell_affected(b, p->account, old.class, to);
	if (old.class) {
		count_roles(b, old.class, -1);
		old.class->changed = b->seq;
		book_class_leave(b, &old);
	}
	return 0;
}

int
book_account_set(struct book *b, uint64_t account, const struct book_role *roles, unsigned n)
{
	uint64_t words[BOOK_ROLES_MAX + 1];
	struct book_person *p = book_person_find(b, account);
	struct book_class *c;
	bool new = !p;
	int rc;

	if (account == 0)
		return CHQ_EINVAL;
	rc = role_words(b, roles, n, words);
	if (rc)
		return rc;
	c = book_class_get(b, words, n, chq_map_get_u64(&b->named, account) ? account : 0);
	if (!c)
		return CHQ_ENOMEM;
	if (!new && p->class == c)
		return 0;
	if (new)
		p = person_new(b, account);
	rc = p ? person_move(b, p, c) : CHQ_ENOMEM;
	if (rc && new &&p)
		person_free(b, p);
	return rc;
}

int
book_account_remove(struct book *b, uint64_t account)
{
	struct book_person *p = book_person_find(b, account);

	if (!p)
		return CHQ_ENOENT;
	b->seq++;
	p->class->changed = b->seq;
	tell_affected(b, account, p->class, NULL);
	count_roles(b, p->class, -1);
	book_class_leave(b, p);
	person_free(b, p);
	return 0;
}
