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
	book_order_free(&b->order);
	free(b->classes);
	free(b->rules);
	free(b->speaks);
	free(b);
}

void
book_watch(struct book *b, const struct book_watch *w)
{
	b->watch = w ? *w : (struct book_watch){ .arg = NULL };
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

/* --- changes of one person --- */

static void
tell_moved(struct book *b, uint64_t account, const struct book_class *was,
	   const struct book_class *is)
{
	if (b->watch.moved && was != is)
		b->watch.moved(b, account, was, is, b->watch.arg);
}

static struct book_person *
person_new(struct book *b, uint64_t account)
{
	struct book_person *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->account = account;
	if (book_order_room(&b->order, account) != 0 ||
	    chq_map_put_u64(&b->persons, account, p) != 0) {
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
	int rc = book_class_join(b, to, p);

	if (rc)
		return rc;
	b->seq++;
	to->changed = p->moved = b->seq;
	count_roles(b, to, 1);
	if (old.class) {
		count_roles(b, old.class, -1);
		old.class->changed = b->seq;
		book_class_leave(b, &old);
	}
	tell_moved(b, p->account, old.class, to);
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
	struct book_class *was;

	if (!p)
		return CHQ_ENOENT;
	was = p->class;
	b->seq++;
	was->changed = b->seq;
	count_roles(b, was, -1);
	book_class_leave(b, p);
	book_order_put(&b->order, account, NULL);
	person_free(b, p);
	tell_moved(b, account, was, NULL);
	return 0;
}

unsigned
book_account_roles(const struct book *b, uint64_t account, struct book_role *out)
{
	const struct book_person *p = book_person_find(b, account);

	return p ? book_class_roles(p->class, out) : 0;
}

int
book_present_set(struct book *b, uint64_t account, bool present)
{
	struct book_person *p = book_person_find(b, account);

	if (!p)
		return CHQ_ENOENT;
	if (present)
		return book_class_come(p);
	book_class_go(b, p);
	return 0;
}
