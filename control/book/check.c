#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/internal.h"

/* To tell which rules decide, this many kinds of subjects times kinds of objects are looked at. */
enum { PAIRS_MAX = 1 << 20 };

/* The different rows of bits among the classes that have members. */
struct kinds {
	struct chq_map seen;
	const uint64_t **row;
	unsigned n;
};

static int
kinds_make(const struct book *b, struct kinds *k, bool objects)
{
	chq_map_init(&k->seen);
	k->n = 0;
	k->row = calloc(b->n_classes + 1, sizeof(*k->row));
	if (!k->row)
		return CHQ_ENOMEM;
	for (unsigned i = 0; i < b->n_classes; i++) {
		struct book_class *c = b->classes[i];
		uint64_t *row = objects ? c->object : c->subject;
		int rc = c->n ? chq_map_put(&k->seen, row, b->words * sizeof(*row), row)
			      : CHQ_EEXIST;

		if (!rc)
			k->row[k->n++] = row;
		else if (rc != CHQ_EEXIST)
			return rc;
	}
	return CHQ_OK;
}

static void
kinds_deinit(struct kinds *k)
{
	chq_map_deinit(&k->seen);
	free(k->row);
}

/* Note the first rule of @speaks that has both. Return: there is one. */
static bool
first_of(const struct book *b, const uint64_t *speaks, const uint64_t *s, const uint64_t *o,
	 bool *decides)
{
	for (unsigned w = 0; w < b->words; w++) {
		uint64_t bits = speaks[w] & s[w] & o[w];

		if (bits) {
			decides[w * 64 + (unsigned)__builtin_ctzll(bits)] = true;
			return true;
		}
	}
	return false;
}

static void
pair_decides(const struct book *b, const uint64_t *s, const uint64_t *o, bool *decides)
{
	for (unsigned r = 0; r < BOOK_RIGHTS; r++) {
		const uint64_t *allow = b->speaks + (size_t)r * b->words;
		const uint64_t *deny = allow + (size_t)BOOK_RIGHTS * b->words;

		if (!first_of(b, deny, s, o, decides))
			first_of(b, allow, s, o, decides);
	}
}

int
book_rules_idle(const struct book *b, uint32_t *idle, unsigned *n)
{
	bool *decides = calloc((size_t)b->words * 64 + 1, sizeof(*decides));
	struct kinds s, o;
	int rc = kinds_make(b, &s, false), rc_o = kinds_make(b, &o, true);

	*n = 0;
	if (!decides || rc || rc_o)
		rc = CHQ_ENOMEM;
	else if ((uint64_t)s.n * o.n * (b->words ? b->words : 1) > PAIRS_MAX)
		rc = CHQ_ETOOBIG;
	for (unsigned i = 0; i < s.n && !rc; i++)
		for (unsigned k = 0; k < o.n; k++)
			pair_decides(b, s.row[i], o.row[k], decides);
	for (unsigned i = 0; i < b->n_rules && !rc; i++)
		if (!decides[i])
			idle[(*n)++] = b->rules[i].id;
	kinds_deinit(&s);
	kinds_deinit(&o);
	free(decides);
	return rc;
}
