#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/book/book.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/reader.h"

/* What operators are shown of departments. Members are counted while they are enabled. */

enum { LIST_PAGE = 64, INDENT = 2 };

json_t *
ctl_dept_path_json(struct store_txn *txn, uint32_t id)
{
	char path[STORE_PATH_MAX_BYTES + 1];

	/* Below a department that was moved or renamed it may have become too long. */
	if (store_dept_path(txn, id, path, sizeof(path)) != 0)
		snprintf(path, sizeof(path), "(department %u)", id);
	return json_string(path);
}

static json_t *
dept_json(struct ctl_call *call, struct store_txn *txn, const struct store_dept *d)
{
	const struct book *b = call->ctl->book;

	return json_pack("{s:I, s:o, s:I, s:I}", "department", (json_int_t)d->id, "path",
			 ctl_dept_path_json(txn, d->id), "members",
			 (json_int_t)book_dept_members(b, d->id), "managers",
			 (json_int_t)book_dept_managers(b, d->id));
}

/* The department that argument 0 names. Return: 0; a code. */
static int
dept_arg(struct ctl_call *call, struct store_txn *txn, struct store_dept *d)
{
	int rc = store_dept_find(txn, call->req.args[0], d);

	return rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI ? CHQ_ENOENT : rc;
}

static void
refuse(struct ctl_call *call, int rc)
{
	if (rc == CHQ_ENOENT)
		ctl_refuse(call, rc, "path", "no such department: %s", call->req.args[0]);
	else
		ctl_refuse_code(call, rc, NULL);
}

/* End a list: its rows, and where to go on, or why not. */
static void
answer_rows(struct ctl_call *call, int rc, json_t *rows, uint64_t after)
{
	if (rc) {
		json_decref(rows);
		refuse(call, rc);
		return;
	}
	ctl_answer_page(call, rows, after);
}

/* --- list --- */

static int
list_fill(struct ctl_call *call, struct store_txn *txn, uint64_t limit, uint64_t *after,
	  json_t *rows)
{
	struct store_dept page[LIST_PAGE];
	size_t n = 0, want;
	int rc;

	do {
		want = limit < LIST_PAGE ? (size_t)limit : LIST_PAGE;
		rc = store_dept_list(txn, (uint32_t)*after, page, want, &n);
		for (size_t i = 0; i < n && !rc; i++)
			json_array_append_new(rows, dept_json(call, txn, &page[i]));
		if (n && !rc)
			*after = page[n - 1].id;
		limit -= n;
	} while (!rc && n == want && limit > 0);
	if (n < want)
		*after = 0; /* that is all */
	return rc;
}

/* Options of a list whose cursor is a department. */
static bool
dept_page(struct ctl_call *call, uint64_t *limit, uint64_t *after)
{
	if (!ctl_page(call, limit, after))
		return false;
	if (*after <= UINT32_MAX)
		return true;
	ctl_refuse(call, CHQ_EARGS, "cursor", "not a cursor of this list");
	return false;
}

void
ctl_dept_list(struct ctl_call *call)
{
	uint64_t limit, after;
	struct store_txn *txn;
	json_t *rows;
	int rc;

	if (!dept_page(call, &limit, &after))
		return;
	txn = ctl_read(call);
	if (!txn)
		return;
	rows = json_array();
	rc = list_fill(call, txn, limit, &after, rows);
	store_read_end(call->ctl->reader);
	answer_rows(call, rc, rows, after);
}

/* --- tree --- */

/* All departments, those of one parent together, by name. */
struct tree {
	struct store_dept *d;
	size_t n;

	struct ctl_call *call;
	struct store_txn *txn;
	json_t *rows;
	uint64_t limit, after; /* rows to come; the one to begin behind, 0 once it is passed */
	uint32_t last;	       /* the last row's */
	bool more;
};

static int
compare(const void *a, const void *b)
{
	const struct store_dept *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int
tree_read(struct store_txn *txn, struct tree *t)
{
	size_t got = 0, cap = 0;
	int rc = CHQ_OK;

	do {
		struct store_dept *d = t->d;

		if (t->n + LIST_PAGE > cap) {
			cap = cap * 2 + LIST_PAGE;
			d = realloc(t->d, cap * sizeof(*d));
		}
		if (!d)
			return CHQ_ENOMEM;
		t->d = d;
		rc = store_dept_list(txn, t->n ? d[t->n - 1].id : 0, d + t->n, LIST_PAGE, &got);
		t->n += rc ? 0 : got;
	} while (!rc && got == LIST_PAGE);
	qsort(t->d, t->n, sizeof(*t->d), compare);
	return rc;
}

/* The first department under a parent. */
static size_t
tree_first(const struct tree *t, uint32_t parent)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->d[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
tree_row(struct tree *t, const struct store_dept *d, unsigned depth)
{
	char text[STORE_DEPTH_MAX * INDENT + STORE_DEPT_MAX_BYTES + 1];
	json_t *row;

	if (t->after) {
		t->after = t->after == d->id ? 0 : t->after;
		return;
	}
	if (t->limit == 0) {
		t->more = true;
		return;
	}
	snprintf(text, sizeof(text), "%*s%s", (int)(depth * INDENT), "", d->name);
	row = json_pack("{s:s}", "name", text);
	json_object_update_new(row, dept_json(t->call, t->txn, d));
	json_array_append_new(t->rows, row);
	t->limit--;
	t->last = d->id;
}

/* Recurses as deep as the tree, STORE_DEPTH_MAX at most. */
static void
tree_below(struct tree *t, uint32_t parent, unsigned depth)
{
	if (depth >= STORE_DEPTH_MAX)
		return;
	for (size_t i = tree_first(t, parent); i < t->n && t->d[i].parent == parent && !t->more;
	     i++) {
		tree_row(t, &t->d[i], depth);
		tree_below(t, t->d[i].id, depth + 1);
	}
}

static int
tree_fill(struct tree *t)
{
	struct store_dept top = { .id = 0 };
	int rc = t->call->req.argc ? dept_arg(t->call, t->txn, &top) : CHQ_OK;

	if (!rc)
		rc = tree_read(t->txn, t);
	if (rc)
		return rc;
	if (top.id)
		tree_row(t, &top, 0);
	tree_below(t, top.id, top.id ? 1 : 0);
	return t->after ? CHQ_ESTALE : CHQ_OK; /* where to begin has gone */
}

void
ctl_dept_tree(struct ctl_call *call)
{
	struct tree t = { .call = call };
	int rc;

	if (!dept_page(call, &t.limit, &t.after))
		return;
	t.txn = ctl_read(call);
	if (!t.txn)
		return;
	t.rows = json_array();
	rc = tree_fill(&t);
	store_read_end(call->ctl->reader);
	free(t.d);
	answer_rows(call, rc, t.rows, t.more ? t.last : 0);
}

/* --- show --- */

static json_t *
show_json(struct ctl_call *call, struct store_txn *txn, const struct store_dept *d)
{
	json_t *out = dept_json(call, txn, d);

	json_object_set_new(out, "name", json_string(d->name));
	json_object_set_new(out, "parent",
			    d->parent ? ctl_dept_path_json(txn, d->parent) : json_null());
	json_object_set_new(out, "created", ctl_time(d->created_ms));
	json_object_set_new(out, "changed", ctl_time(d->changed_ms));
	return out;
}

void
ctl_dept_show(struct ctl_call *call)
{
	struct store_txn *txn = ctl_read(call);
	struct store_dept d;
	json_t *data = NULL;
	int rc;

	if (!txn)
		return;
	rc = dept_arg(call, txn, &d);
	if (!rc)
		data = show_json(call, txn, &d);
	store_read_end(call->ctl->reader);
	if (rc)
		refuse(call, rc);
	else
		ctl_answer(call, data, NULL);
}

/* --- members --- */

static int
member_row(struct store_txn *txn, const struct store_member *m, json_t *rows)
{
	struct store_account a;
	int rc = store_account_get(txn, m->account, &a);

	if (rc)
		return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
	json_array_append_new(rows, json_pack("{s:I, s:s, s:s, s:b, s:b, s:o}", "account",
					      (json_int_t)a.id, "login", a.login, "name", a.name,
					      "manager", m->manager, "disabled", a.disabled,
					      "since", ctl_time(m->since_ms)));
	return CHQ_OK;
}

static int
members_fill(struct ctl_call *call, struct store_txn *txn, uint64_t limit, uint64_t *after,
	     json_t *rows)
{
	struct store_member page[LIST_PAGE];
	struct store_dept d;
	size_t n = 0, want;
	int rc = dept_arg(call, txn, &d);

	if (rc)
		return rc;
	do {
		want = limit < LIST_PAGE ? (size_t)limit : LIST_PAGE;
		rc = store_member_list(txn, d.id, *after, page, want, &n);
		for (size_t i = 0; i < n && !rc; i++)
			rc = member_row(txn, &page[i], rows);
		if (n && !rc)
			*after = page[n - 1].account;
		limit -= n;
	} while (!rc && n == want && limit > 0);
	if (n < want)
		*after = 0; /* that is all */
	return rc;
}

void
ctl_dept_members(struct ctl_call *call)
{
	uint64_t limit, after;
	struct store_txn *txn;
	json_t *rows;
	int rc;

	if (!ctl_page(call, &limit, &after))
		return;
	txn = ctl_read(call);
	if (!txn)
		return;
	rows = json_array();
	rc = members_fill(call, txn, limit, &after, rows);
	store_read_end(call->ctl->reader);
	answer_rows(call, rc, rows, after);
}
