#include <stdlib.h>

#include "base/err.h"
#include "control/book/book.h"
#include "control/group_priv.h"
#include "store/dept.h"

/*
 * Who is in a group. With departments below it, members come by department and then by account; who is
 * in several is told once, with the first. A cursor is the department's place among them, and the account.
 */

enum { PAGE = 128 };

struct tree {
	uint32_t *dept;
	size_t n, cap;
};

static int
tree_put(void *arg, uint32_t dept)
{
	struct tree *tr = arg;

	if (tr->n == tr->cap) {
		size_t cap = tr->cap * 2 + 64;
		uint32_t *d = realloc(tr->dept, cap * sizeof(*d));

		if (!d)
			return CHQ_ENOMEM;
		tr->dept = d;
		tr->cap = cap;
	}
	tr->dept[tr->n++] = dept;
	return CHQ_OK;
}

static bool
tree_has(const struct tree *tr, size_t n, uint32_t dept)
{
	for (size_t i = 0; i < n; i++)
		if (tr->dept[i] == dept)
			return true;
	return false;
}

/* A department and all below it; each after the one above it. */
static int
tree_make(struct store_txn *t, const struct store_group *g, struct tree *tr)
{
	int rc = tree_put(tr, g->id);

	for (size_t i = 0; g->subdepts && i < tr->n && !rc; i++)
		rc = store_dept_children(t, tr->dept[i], tree_put, tr);
	return rc;
}

/* Was he told with a department before this one? */
static bool
told_before(struct store_txn *t, const struct tree *tr, size_t at, uint64_t account)
{
	struct store_member roles[STORE_ROLES_MAX];
	size_t n = 0;

	if (at == 0 || store_member_roles(t, account, roles, &n) != CHQ_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (tree_has(tr, at, roles[i].dept))
			return true;
	return false;
}

static int
walk_dept(struct store_txn *t, const struct store_group *g, const struct tree *tr, size_t at,
	  uint64_t after, group_member_fn *fn, void *arg)
{
	struct store_member m[PAGE];
	size_t n;
	int rc;

	do {
		rc = store_member_list(t, tr->dept[at], after, m, PAGE, &n);
		for (size_t i = 0; i < n && !rc; i++) {
			uint8_t rights = g->member_rights;

			if (at == 0 && m[i].manager)
				rights |= g->manager_rights;
			after = m[i].account;
			if (!told_before(t, tr, at, after))
				rc = fn(arg, after, rights, (uint64_t)at << 48 | after);
		}
	} while (!rc && n == PAGE);
	return rc;
}

static int
walk_hand(struct store_txn *t, const struct store_group *g, uint64_t after, group_member_fn *fn,
	  void *arg)
{
	struct store_group_member m[PAGE];
	size_t n;
	int rc;

	do {
		rc = store_group_member_list(t, g->id, after, m, PAGE, &n);
		for (size_t i = 0; i < n && !rc; i++) {
			after = m[i].account;
			rc = fn(arg, after, m[i].rights, after);
		}
	} while (!rc && n == PAGE);
	return rc;
}

int
group_members_walk(struct store_txn *t, const struct store_group *g, uint64_t cursor,
		   group_member_fn *fn, void *arg)
{
	struct tree tr = { .n = 0 };
	uint64_t after = cursor & STORE_ACCOUNT_ID_MAX;
	int rc;

	if (store_group_by_hand(g->id))
		return walk_hand(t, g, after, fn, arg);
	rc = tree_make(t, g, &tr);
	for (size_t at = cursor >> 48; at < tr.n && !rc; at++, after = 0)
		rc = walk_dept(t, g, &tr, at, after, fn, arg);
	free(tr.dept);
	return rc;
}

uint32_t
group_members_count(const struct control *ctl, struct store_txn *t, const struct store_group *g)
{
	struct tree tr = { .n = 0 };
	uint32_t n = 0;

	if (store_group_by_hand(g->id))
		return g->members;
	if (tree_make(t, g, &tr) == CHQ_OK)
		for (size_t i = 0; i < tr.n; i++)
			n += book_dept_members(ctl->book, tr.dept[i]);
	free(tr.dept);
	return n;
}
