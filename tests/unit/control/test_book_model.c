/* The address book against a model that is slow and obvious. */
#include "tests/unit/control/book_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

enum { DEPTS = 12, PEOPLE = 40, RULES = 70, STEPS = 1500 };

struct model {
	uint32_t parent[DEPTS + 1]; /* DEPTS + 1: not there */
	bool dept[DEPTS + 1];
	bool person[PEOPLE + 1];
	uint8_t role[PEOPLE + 1][DEPTS + 1]; /* 0 none, 1 member, 2 manager */
	struct book_rule rules[RULES];
	struct book_atom atoms[RULES][2][4];
	unsigned n_rules;
};

static uint64_t random_state;

static unsigned
draw(unsigned below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)((random_state >> 33) % below);
}

static bool
below(const struct model *m, uint32_t dept, uint64_t top)
{
	for (; dept; dept = m->parent[dept])
		if (dept == top)
			return true;
	return false;
}

static bool
model_atom(const struct model *m, const struct book_atom *a, unsigned who)
{
	bool in = a->kind == BOOK_ATOM_EVERYBODY || (a->kind == BOOK_ATOM_ACCOUNT && a->id == who);

	for (uint32_t d = 1; d <= DEPTS; d++) {
		unsigned role = m->role[who][d];

		if (role == 0)
			continue;
		in |= a->kind == BOOK_ATOM_MEMBERS && a->id == d;
		in |= a->kind == BOOK_ATOM_TREE && below(m, d, a->id);
		in |= a->kind == BOOK_ATOM_MANAGERS && a->id == d && role == 2;
		in |= a->kind == BOOK_ATOM_MANAGERS_ALL && role == 2;
	}
	return in;
}

static bool
model_set(const struct model *m, const struct book_set *s, unsigned who)
{
	bool in = false;

	for (unsigned i = 0; i < s->n; i++)
		in |= !s->atoms[i].except && model_atom(m, &s->atoms[i], who);
	for (unsigned i = 0; i < s->n; i++)
		in &= !(s->atoms[i].except && model_atom(m, &s->atoms[i], who));
	return in;
}

static unsigned
model_rights(const struct model *m, unsigned subject, unsigned object)
{
	unsigned allow = 0, deny = 0;

	if (subject == object || !m->person[subject] || !m->person[object])
		return 0;
	for (unsigned i = 0; i < m->n_rules; i++) {
		const struct book_rule *r = &m->rules[i];

		if (!model_set(m, &r->subjects, subject) || !model_set(m, &r->objects, object))
			continue;
		if (r->deny)
			deny |= r->rights;
		else
			allow |= r->rights;
	}
	return allow & ~deny;
}

static uint32_t
some_dept(const struct model *m)
{
	for (int i = 0; i < 50; i++) {
		uint32_t d = 1 + draw(DEPTS);

		if (m->dept[d])
			return d;
	}
	return 0;
}

static void
random_set(struct model *m, struct book_set *s, struct book_atom *atoms)
{
	s->atoms = atoms;
	s->n = 1 + draw(4);
	for (unsigned i = 0; i < s->n; i++) {
		struct book_atom *a = &atoms[i];
		uint32_t dept = some_dept(m);

		*a = (struct book_atom){ .kind = (uint8_t)draw(6), .except = i && draw(3) == 0 };
		if (a->kind == BOOK_ATOM_ACCOUNT)
			a->id = 1 + draw(PEOPLE);
		else if (a->kind < BOOK_ATOM_MANAGERS_ALL && dept)
			a->id = dept;
		else if (a->kind < BOOK_ATOM_MANAGERS_ALL)
			a->kind = BOOK_ATOM_EVERYBODY;
	}
}

static void
random_rules(struct model *m, struct book *b)
{
	m->n_rules = draw(4) ? draw(10) : draw(RULES);
	for (unsigned i = 0; i < m->n_rules; i++) {
		struct book_rule *r = &m->rules[i];

		*r = (struct book_rule){ .id = i + 1,
					 .deny = draw(4) == 0,
					 .rights = (uint8_t)(1 + draw(BOOK_ALL)) };
		random_set(m, &r->subjects, m->atoms[i][0]);
		random_set(m, &r->objects, m->atoms[i][1]);
	}
	assert_int_equal(book_rules_set(b, m->rules, m->n_rules), 0);
}

static void
random_person(struct model *m, struct book *b)
{
	struct book_role roles[3];
	uint64_t who = 1 + draw(PEOPLE);
	unsigned n = 0;

	memset(m->role[who], 0, sizeof(m->role[who]));
	if (draw(6) == 0) {
		assert_int_equal(book_account_remove(b, who), m->person[who] ? 0 : CHQ_ENOENT);
		m->person[who] = false;
		return;
	}
	for (unsigned i = draw(4); i > 0; i--) {
		uint32_t d = some_dept(m);

		if (!d || m->role[who][d])
			continue;
		m->role[who][d] = (uint8_t)(1 + draw(2));
		roles[n++] = (struct book_role){ d, m->role[who][d] == 2 };
	}
	m->person[who] = true;
	assert_int_equal(book_account_set(b, who, roles, n), 0);
}

/* Does anything hang on a department: people, departments, rules? */
static bool
model_used(const struct model *m, uint32_t dept)
{
	bool used = false;

	for (uint32_t d = 1; d <= DEPTS; d++)
		used |= m->dept[d] && m->parent[d] == dept;
	for (unsigned who = 1; who <= PEOPLE; who++)
		used |= m->role[who][dept] != 0;
	return used;
}

static bool
model_named(const struct model *m, uint32_t dept)
{
	for (unsigned i = 0; i < m->n_rules; i++)
		for (int k = 0; k < 2; k++)
			for (unsigned a = 0; a < 4; a++)
				if (m->atoms[i][k][a].kind < BOOK_ATOM_MANAGERS_ALL &&
				    m->atoms[i][k][a].id == dept)
					return true;
	return false;
}

static void
random_dept(struct model *m, struct book *b)
{
	uint32_t d = 1 + draw(DEPTS), parent = draw(3) ? some_dept(m) : 0;

	if (!m->dept[d]) {
		assert_int_equal(book_dept_add(b, d, parent), 0);
		m->dept[d] = true;
		m->parent[d] = parent;
	} else if (draw(2) && !model_named(m, d)) {
		bool used = model_used(m, d);

		assert_int_equal(book_dept_remove(b, d), used ? CHQ_EBUSY : 0);
		m->dept[d] = used;
	} else {
		bool loop = below(m, parent, d);

		assert_int_equal(book_dept_move(b, d, parent), loop ? CHQ_ELOOP : 0);
		m->parent[d] = loop ? m->parent[d] : parent;
	}
}

static void
check_all(const struct model *m, struct book *b, unsigned rights[PEOPLE + 1][PEOPLE + 1],
	  uint64_t *versions)
{
	for (unsigned s = 1; s <= PEOPLE; s++) {
		uint64_t version = book_version(b, s);
		bool changed = false;
		uint64_t seen[PEOPLE + 2];
		size_t n = 0, want = 0;

		if (m->person[s])
			n = book_pages(b, s, seen, PEOPLE + 2);
		for (unsigned o = 1; o <= PEOPLE; o++) {
			unsigned r = model_rights(m, s, o);
			bool listed = want < n && seen[want] == o;

			assert_int_equal(book_rights(b, s, o), r);
			assert_int_equal(listed, (r & BOOK_SEE) != 0);
			want += listed;
			changed |= rights[s][o] != r;
			rights[s][o] = r;
		}
		assert_int_equal(want, n);
		if (m->person[s] && changed)
			assert_true(version != versions[s]);
		if (m->person[s])
			versions[s] = version;
	}
}

static void
book_agrees_with_a_plain_model_over_random_changes(void **state)
{
	static unsigned rights[PEOPLE + 1][PEOPLE + 1];
	uint64_t versions[PEOPLE + 1] = { 0 };
	static struct model m;
	struct book *b = book_new();

	(void)state;
	random_state = 20261122;
	for (int step = 0; step < STEPS; step++) {
		switch (draw(10)) {
		case 0: random_rules(&m, b); break;
		case 1: random_dept(&m, b); break;
		default: random_person(&m, b); break;
		}
		check_all(&m, b, rights, versions);
	}
	book_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(book_agrees_with_a_plain_model_over_random_changes),
	};
	return cmocka_run_group_tests_name("control/book_model", tests, NULL, NULL);
}
