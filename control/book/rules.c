#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/internal.h"

/* The list of rules while it is being replaced. */
struct ruleset {
	struct book_rule *rules;
	unsigned n, words;
	uint64_t *speaks;
	struct chq_map named; /* accounts that a rule names; each is its own value */
};

static void
ruleset_deinit(struct ruleset *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		book_set_free(&s->rules[i].subjects);
		book_set_free(&s->rules[i].objects);
	}
	free(s->rules);
	free(s->speaks);
	chq_map_deinit(&s->named);
}

static bool
names_dept(const struct book_atom *a)
{
	return a->kind == BOOK_ATOM_MEMBERS || a->kind == BOOK_ATOM_TREE ||
	       a->kind == BOOK_ATOM_MANAGERS;
}

/* Its departments are there; its accounts are noted. */
static int
set_check(struct book *b, struct ruleset *s, uint32_t rule, const struct book_set *set)
{
	for (unsigned i = 0; i < set->n; i++) {
		const struct book_atom *a = &set->atoms[i];
		int rc = 0;

		if (names_dept(a) && !book_dept_find(b, a->id)) {
			b->unknown_rule = rule;
			b->unknown_dept = (uint32_t)a->id;
			return CHQ_ENOENT;
		}
		if (a->kind == BOOK_ATOM_ACCOUNT && a->id)
			rc = chq_map_put_u64(&s->named, a->id, (void *)(uintptr_t)a->id);
		if (rc && rc != CHQ_EEXIST)
			return rc;
	}
	return 0;
}

static int
rule_add(struct book *b, struct ruleset *s, const struct book_rule *from)
{
	struct book_rule *to = &s->rules[s->n];
	int rc;

	if (from->id == 0 || (from->rights & BOOK_ALL) == 0 || (from->rights & ~BOOK_ALL))
		return CHQ_EINVAL;
	for (unsigned i = 0; i < s->n; i++)
		if (s->rules[i].id == from->id)
			return CHQ_EINVAL;
	*to = *from;
	memset(&to->subjects, 0, sizeof(to->subjects));
	memset(&to->objects, 0, sizeof(to->objects));
	s->n++;
	rc = book_set_copy(&to->subjects, &from->subjects);
	if (!rc)
		rc = book_set_copy(&to->objects, &from->objects);
	if (!rc)
		rc = set_check(b, s, to->id, &to->subjects);
	if (!rc)
		rc = set_check(b, s, to->id, &to->objects);
	return rc;
}

/* Which rules speak of which right. */
static void
ruleset_index(struct ruleset *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct book_rule *r = &s->rules[i];

		for (unsigned right = 0; right < BOOK_RIGHTS; right++) {
			size_t row = (size_t)(r->deny ? BOOK_RIGHTS : 0) + right;

			if (r->rights >> right & 1)
				s->speaks[row * s->words + i / 64] |= UINT64_C(1) << (i % 64);
		}
	}
}

static int
ruleset_make(struct book *b, struct ruleset *s, const struct book_rule *rules, unsigned n)
{
	memset(s, 0, sizeof(*s));
	chq_map_init(&s->named);
	if (n > BOOK_RULES_MAX)
		return CHQ_EFULL;
	s->words = (n + 63) / 64;
	s->rules = calloc(n + 1, sizeof(*s->rules));
	s->speaks = calloc((size_t)2 * BOOK_RIGHTS * s->words + 1, sizeof(uint64_t));
	if (!s->rules || !s->speaks)
		return CHQ_ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		int rc = rule_add(b, s, &rules[i]);

		if (rc)
			return rc;
	}
	ruleset_index(s);
	return 0;
}

static void
ruleset_swap(struct book *b, struct ruleset *s)
{
	struct ruleset was = { b->rules, b->n_rules, b->words, b->speaks, b->named };

	b->rules = s->rules;
	b->n_rules = s->n;
	b->words = s->words;
	b->speaks = s->speaks;
	b->named = s->named;
	*s = was;
}

/* A person that rules name is a class of his own; one that they name no more is not. */
static int
person_reclass(struct book *b, struct book_person *p)
{
	uint64_t words[BOOK_ROLES_MAX + 1];
	struct book_person old = *p;
	struct book_class *c;
	uint64_t alone = chq_map_get_u64(&b->named, p->account) ? p->account : 0;

	if (p->class->key[p->class->n_roles] == alone)
		return 0;
	memcpy(words, p->class->key, p->class->n_roles * sizeof(uint64_t));
	c = book_class_get(b, words, p->class->n_roles, alone);
	if (!c || book_class_join(b, c, p) != 0)
		return CHQ_ENOMEM;
	book_class_leave(b, &old);
	return 0;
}

/* Everybody's versions are new; who watches is told. */
static void
all_told(struct book *b, struct book_before *was)
{
	struct book_lost lost = { .everybody = false };

	if (b->watch.all)
		book_lost_end(b, was, &lost);
	book_classes_purge(b);
	b->seq++;
	b->all_seq = b->classes_seq = b->seq;
	if (b->watch.all)
		b->watch.all(b, &lost, b->watch.arg);
	free(lost.accounts);
}

int
book_all_changed(struct book *b, struct book_before *was)
{
	int rc = book_classes_sort(b);

	if (!rc)
		all_told(b, was);
	return rc;
}

/* Those of a list of names who are there. Return: 0; CHQ_ENOMEM. */
static int
reclass_named(struct book *b, const struct chq_map *named)
{
	void *account;

	CHQ_MAP_FOREACH(account, named) {
		struct book_person *p = book_person_find(b, (uintptr_t)account);
		int rc = p ? person_reclass(b, p) : 0;

		if (rc)
			return rc;
	}
	return 0;
}

/* Whom rules name now, and whom those before named. Return: 0; CHQ_ENOMEM. */
static int
reclass(struct book *b, const struct ruleset *other)
{
	int rc = reclass_named(b, &b->named);

	return rc ? rc : reclass_named(b, &other->named);
}

int
book_rules_set(struct book *b, const struct book_rule *rules, unsigned n)
{
	struct book_before *was = NULL;
	struct ruleset s;
	int rc = ruleset_make(b, &s, rules, n);

	if (!rc) {
		was = book_lost_begin(b);
		ruleset_swap(b, &s);
		/* Every class has room for the bits before a class is sorted by the new rules. */
		rc = book_classes_sort(b);
		if (!rc)
			rc = reclass(b, &s);
		if (rc) {
			ruleset_swap(b, &s);
			(void)reclass(b, &s);
			(void)book_classes_sort(b);
		}
	}
	ruleset_deinit(&s);
	if (!rc)
		all_told(b, was); /* every class is sorted already */
	else
		book_lost_cancel(was);
	return rc;
}

/* The rules without the one of this id, and with @r in its place unless that is NULL. */
static int
rules_replace(struct book *b, uint32_t id, const struct book_rule *r)
{
	struct book_rule *list = calloc(b->n_rules + 1, sizeof(*list));
	unsigned n = 0;
	int rc;

	if (!list)
		return CHQ_ENOMEM;
	for (unsigned i = 0; i < b->n_rules; i++) {
		if (r && b->rules[i].id >= id) {
			list[n++] = *r;
			r = NULL;
		}
		if (b->rules[i].id != id)
			list[n++] = b->rules[i];
	}
	if (r)
		list[n++] = *r;
	rc = book_rules_set(b, list, n);
	free(list);
	return rc;
}

int
book_rule_put(struct book *b, const struct book_rule *r)
{
	return rules_replace(b, r->id, r);
}

int
book_rule_drop(struct book *b, uint32_t id)
{
	for (unsigned i = 0; i < b->n_rules; i++)
		if (b->rules[i].id == id)
			return rules_replace(b, id, NULL);
	return CHQ_ENOENT;
}

void
book_rules_unknown(const struct book *b, uint32_t *rule, uint32_t *dept)
{
	*rule = b->unknown_rule;
	*dept = b->unknown_dept;
}

unsigned
book_rights(const struct book *b, uint64_t subject, uint64_t object)
{
	const struct book_person *s = book_person_find(b, subject);
	const struct book_person *o = book_person_find(b, object);

	if (!s || !o || s == o)
		return 0;
	return book_class_rights(b, s->class, o->class);
}

unsigned
book_denied(const struct book *b, uint64_t subject, uint64_t object)
{
	const struct book_person *s = book_person_find(b, subject);
	const struct book_person *o = book_person_find(b, object);

	return s && o ? book_class_denied(b, s->class, o->class) : BOOK_ALL;
}

/* The first rule that speaks of both classes; NULL if none does. */
static const struct book_rule *
first_rule(const struct book *b, const struct book_class *s, const struct book_class *o,
	   unsigned right, bool deny)
{
	for (unsigned i = 0; i < b->n_rules; i++) {
		const struct book_rule *r = &b->rules[i];
		uint64_t both = s->subject[i / 64] & o->object[i / 64];

		if ((both >> (i % 64) & 1) && r->deny == deny && (r->rights & right))
			return r;
	}
	return NULL;
}

uint32_t
book_explain(const struct book *b, uint64_t subject, uint64_t object, unsigned right, bool *allowed)
{
	const struct book_person *s = book_person_find(b, subject);
	const struct book_person *o = book_person_find(b, object);
	const struct book_rule *r;

	*allowed = false;
	if (!s || !o || s == o)
		return 0;
	r = first_rule(b, s->class, o->class, right, true);
	if (r)
		return r->id;
	r = first_rule(b, s->class, o->class, right, false);
	*allowed = r != NULL;
	return r ? r->id : 0;
}

int
book_rule_reach(const struct book *b, uint32_t rule, size_t *subjects, size_t *objects)
{
	unsigned i = 0;

	while (i < b->n_rules && b->rules[i].id != rule)
		i++;
	if (i == b->n_rules)
		return CHQ_ENOENT;
	*subjects = *objects = 0;
	for (unsigned k = 0; k < b->n_classes; k++) {
		const struct book_class *c = b->classes[k];

		*subjects += c->subject[i / 64] >> (i % 64) & 1 ? c->n : 0;
		*objects += c->object[i / 64] >> (i % 64) & 1 ? c->n : 0;
	}
	return 0;
}
