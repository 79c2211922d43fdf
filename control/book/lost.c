#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/internal.h"

/*
 * Whom a change of rules, or of the tree, takes the right to write from. Classes that were alike
 * before and are alike after it are looked at once.
 */

enum { PAIRS_MAX = 1 << 20 }; /* words of bits compared; beyond it, everybody may have lost */

/* Classes as they were: they keep their indices until empty ones are purged, which is later. */
struct book_before {
	unsigned n, words;
	uint64_t *rows;	  /* [n][2][words]: among subjects, among objects */
	uint64_t *speaks; /* [2][words]: of the right to write; allow, deny */
	size_t *members;
};

/* Members of a class now, and what they were. */
struct step {
	const struct book_class *now;
	unsigned was; /* index */
};

/* Steps whose rows, of subjects or of objects, are equal before and after. */
struct kind {
	const uint64_t *was, *is;
	bool lost;
};

struct side {
	bool objects;
	struct chq_map seen;
	struct kind *kind;
	unsigned n, *of; /* by step */
	size_t accounts; /* that have lost something */
};

static const uint64_t *
speaks_row(const struct book *b, bool deny)
{
	const unsigned message = 3;

	return b->speaks + ((size_t)(deny ? BOOK_RIGHTS : 0) + message) * b->words;
}

void
book_lost_cancel(struct book_before *was)
{
	if (!was)
		return;
	free(was->rows);
	free(was->speaks);
	free(was->members);
	free(was);
}

static uint64_t *
row_was(const struct book_before *was, unsigned index, bool object)
{
	return was->rows + ((size_t)index * 2 + object) * was->words;
}

struct book_before *
book_lost_begin(const struct book *b)
{
	struct book_before *was = b->watch.all ? calloc(1, sizeof(*was)) : NULL;
	size_t bytes = b->words * sizeof(uint64_t);

	if (!was)
		return NULL;
	was->n = b->n_classes;
	was->words = b->words;
	was->rows = malloc(bytes * 2 * was->n + 1);
	was->speaks = malloc(bytes * 2 + 1);
	was->members = malloc(was->n * sizeof(size_t) + 1);
	if (!was->rows || !was->speaks || !was->members) {
		book_lost_cancel(was);
		return NULL;
	}
	for (unsigned i = 0; i < was->n; i++) {
		memcpy(row_was(was, i, false), b->classes[i]->subject, bytes);
		memcpy(row_was(was, i, true), b->classes[i]->object, bytes);
		was->members[i] = b->classes[i]->n;
	}
	if (b->words) {
		memcpy(was->speaks, speaks_row(b, false), bytes);
		memcpy(was->speaks + b->words, speaks_row(b, true), bytes);
	}
	return was;
}

/* The class of the same departments whose members no rule names. NULL: there is none. */
static struct book_class *
nameless(const struct book *b, const struct book_class *c)
{
	uint64_t key[BOOK_ROLES_MAX + 1];

	memcpy(key, c->key, c->n_roles * sizeof(*key));
	key[c->n_roles] = 0;
	return chq_map_get(&b->class_of, key, (c->n_roles + 1) * sizeof(*key));
}

static bool
was_there(const struct book_before *was, const struct book_class *c)
{
	return c && c->index < was->n && was->members[c->index] > 0;
}

/* @step: room for two for each class. Return: how many. */
static unsigned
steps_make(const struct book *b, const struct book_before *was, struct step *step)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n_classes; i++) {
		const struct book_class *c = b->classes[i], *other = nameless(b, c);
		bool named = c->key[c->n_roles] != 0;

		if (c->n && was_there(was, c))
			step[n++] = (struct step){ c, c->index };
		else if (c->n && named && was_there(was, other)) /* a rule names him now */
			step[n++] = (struct step){ c, other->index };
		else if (!c->n && named && was_there(was, c) && other) /* no more */
			step[n++] = (struct step){ other, c->index };
	}
	return n;
}

static const uint64_t *
row_is(const struct book_class *c, bool object)
{
	return object ? c->object : c->subject;
}

/* Return: the number of the kind of a step; -1 without memory. */
static int
side_kind(struct side *s, const struct book *b, const struct book_before *was,
	  const struct step *step, uint64_t *key)
{
	const uint64_t *from = row_was(was, step->was, s->objects);
	const uint64_t *to = row_is(step->now, s->objects);
	size_t bytes = (was->words + b->words) * sizeof(*key);
	struct kind *k;

	memcpy(key, from, was->words * sizeof(*key));
	memcpy(key + was->words, to, b->words * sizeof(*key));
	k = chq_map_get(&s->seen, key, bytes);
	if (k)
		return (int)(k - s->kind);
	k = &s->kind[s->n];
	if (chq_map_put(&s->seen, key, bytes, k) != 0)
		return -1;
	*k = (struct kind){ from, to, false };
	return (int)s->n++;
}

/* Return: false without memory. */
static bool
side_make(struct side *s, const struct book *b, const struct book_before *was,
	  const struct step *step, unsigned n)
{
	uint64_t *key = malloc((was->words + b->words + 1) * sizeof(*key));
	bool good;

	s->kind = calloc(n + 1, sizeof(*s->kind));
	s->of = calloc(n + 1, sizeof(*s->of));
	good = key && s->kind && s->of;
	for (unsigned i = 0; i < n && good; i++) {
		int kind = side_kind(s, b, was, &step[i], key);

		good = kind >= 0;
		s->of[i] = (unsigned)kind;
	}
	free(key);
	return good;
}

static void
side_free(struct side *s)
{
	chq_map_deinit(&s->seen);
	free(s->kind);
	free(s->of);
}

static bool
meet(const uint64_t *speaks, const uint64_t *s, const uint64_t *o, unsigned words)
{
	for (unsigned w = 0; w < words; w++)
		if (speaks[w] & s[w] & o[w])
			return true;
	return false;
}

static bool
pair_lost(const struct book *b, const struct book_before *was, const struct kind *s,
	  const struct kind *o)
{
	bool deny_was = meet(was->speaks + was->words, s->was, o->was, was->words);
	bool deny_is = meet(speaks_row(b, true), s->is, o->is, b->words);

	if (deny_was || deny_is)
		return deny_is && !deny_was;
	return meet(was->speaks, s->was, o->was, was->words) &&
	       !meet(speaks_row(b, false), s->is, o->is, b->words);
}

static void
side_count(struct side *s, const struct step *step, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		s->accounts += s->kind[s->of[i]].lost ? step[i].now->n : 0;
}

/* The accounts of the smaller side. */
static void
lost_list(const struct side *s, const struct step *step, unsigned n, struct book_lost *out)
{
	out->objects = s->objects;
	out->everybody = s->accounts > BOOK_LOST_MAX;
	if (out->everybody || !s->accounts)
		return;
	out->accounts = malloc(s->accounts * sizeof(*out->accounts));
	if (!out->accounts) {
		out->everybody = true;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct book_class *c = step[i].now;

		if (!s->kind[s->of[i]].lost)
			continue;
		memcpy(out->accounts + out->n, c->members, c->n * sizeof(*c->members));
		out->n += c->n;
	}
}

static void
lost_find(const struct book *b, const struct book_before *was, const struct step *step, unsigned n,
	  struct book_lost *out)
{
	struct side s = { .objects = false }, o = { .objects = true };
	unsigned words = was->words + b->words;

	chq_map_init(&s.seen);
	chq_map_init(&o.seen);
	if (!side_make(&s, b, was, step, n) || !side_make(&o, b, was, step, n) ||
	    (uint64_t)s.n * o.n * words > PAIRS_MAX) {
		out->everybody = true;
	} else {
		for (unsigned i = 0; i < s.n; i++)
			for (unsigned k = 0; k < o.n; k++)
				if (pair_lost(b, was, &s.kind[i], &o.kind[k]))
					s.kind[i].lost = o.kind[k].lost = true;
		side_count(&s, step, n);
		side_count(&o, step, n);
		lost_list(o.accounts < s.accounts ? &o : &s, step, n, out);
	}
	side_free(&s);
	side_free(&o);
}

void
book_lost_end(const struct book *b, struct book_before *was, struct book_lost *out)
{
	struct step *step = calloc((size_t)b->n_classes * 2 + 1, sizeof(*step));

	memset(out, 0, sizeof(*out));
	out->everybody = !was || !step;
	if (!out->everybody)
		lost_find(b, was, step, steps_make(b, was, step), out);
	free(step);
	book_lost_cancel(was);
}
