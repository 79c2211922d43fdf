#include <stdlib.h>

#include "base/err.h"
#include "control/contacts.h"
#include "control/control.h"
#include "store/dept.h"
#include "store/reader.h"

/* The departments that an account is told of: where it sees somebody, its own, and those above them. */

struct depts {
	uint32_t *id;
	size_t n, cap;
	struct chq_map seen;
};

/* Note a department and those above it. Return: 0; CHQ_ENOMEM. */
static int
depts_add(const struct book *b, struct depts *d, uint32_t id)
{
	for (; id; id = book_dept_parent(b, id)) {
		int rc = chq_map_put_u64(&d->seen, id, d);

		if (rc == CHQ_EEXIST)
			return CHQ_OK;
		if (!rc && d->n == d->cap) {
			size_t cap = d->cap * 2 + 64;
			uint32_t *more = realloc(d->id, cap * sizeof(*more));

			rc = more ? CHQ_OK : CHQ_ENOMEM;
			d->id = more ? more : d->id;
			d->cap = more ? cap : d->cap;
		}
		if (rc)
			return rc;
		d->id[d->n++] = id;
	}
	return CHQ_OK;
}

static int
depts_of_class(const struct book *b, struct depts *d, const struct book_class *c)
{
	struct book_role role[BOOK_ROLES_MAX];
	unsigned n = book_class_roles(c, role);
	int rc = CHQ_OK;

	for (unsigned i = 0; i < n && !rc; i++)
		rc = depts_add(b, d, role[i].dept);
	return rc;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Return: 0 with the departments by rising id; CHQ_ENOMEM. */
static int
depts_of(const struct book *b, uint64_t account, struct depts *d)
{
	const struct book_class *own = book_class_of(b, account);
	int rc = CHQ_OK;

	for (size_t i = 0; own && i < book_classes(b) && !rc; i++) {
		const struct book_class *c = book_class_at(b, i);
		size_t n;

		book_class_members(c, &n);
		if (c == own || (n && (book_class_rights(b, own, c) & BOOK_SEE)))
			rc = depts_of_class(b, d, c);
	}
	if (d->n)
		qsort(d->id, d->n, sizeof(*d->id), compare);
	return rc;
}

struct depts_page {
	Chasqui__DepartmentsPage msg;
	Chasqui__Department *depts[CONTACTS_PAGE], dept[CONTACTS_PAGE];
	struct store_dept stored[CONTACTS_PAGE];
};

/* Return: 1 if it was added; 0 if there is no room; codes of reading. */
static int
depts_page_add(struct store_txn *txn, struct depts_page *p, uint32_t id)
{
	size_t n = p->msg.n_department;
	int rc;

	if (n == CONTACTS_PAGE)
		return 0;
	rc = store_dept_get(txn, id, &p->stored[n]);
	if (rc) /* the book is a moment behind the store */
		return rc == CHQ_ENOENT ? 1 : rc;
	chasqui__department__init(&p->dept[n]);
	p->dept[n].id = id;
	p->dept[n].parent = p->stored[n].parent;
	p->dept[n].name = p->stored[n].name;
	p->depts[n] = &p->dept[n];
	p->msg.n_department++;
	p->msg.next_cursor = UINT64_MAX; /* its bytes count */
	if (chasqui__departments_page__get_packed_size(&p->msg) <= CONTACTS_PAGE_BYTES)
		return 1;
	p->msg.n_department--;
	return 0;
}

static int
depts_page_fill(struct store_txn *txn, const struct depts *d, uint64_t after, struct depts_page *p)
{
	int rc = 1;

	chasqui__departments_page__init(&p->msg);
	p->msg.department = p->depts;
	for (size_t i = 0; i < d->n && rc > 0; i++) {
		if (d->id[i] <= after)
			continue;
		rc = depts_page_add(txn, p, d->id[i]);
		if (rc > 0)
			after = d->id[i];
	}
	p->msg.next_cursor = rc ? 0 : after;
	return rc < 0 ? rc : CHQ_OK;
}

void
contacts_departments(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__DepartmentsRequest *m = (const Chasqui__DepartmentsRequest *)r->body;
	struct depts d = { .n = 0 };
	struct depts_page p;
	struct store_txn *txn;
	int rc;

	chq_map_init(&d.seen);
	rc = depts_of(ctl->book, s->account, &d);
	if (!rc)
		rc = store_read_begin(ctl->reader, &txn);
	if (!rc) {
		rc = depts_page_fill(txn, &d, m->cursor, &p);
		store_read_end(ctl->reader);
	}
	chq_map_deinit(&d.seen);
	free(d.id);
	if (rc)
		request_fail(ctl, s, r->id, rc);
	else
		request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &p.msg.base);
}
