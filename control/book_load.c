#include "control/book_load.h"

#include <stdlib.h>

#include <sodium.h>

#include "base/err.h"
#include "base/log.h"
#include "control/book/book.h"
#include "control/changes.h"
#include "control/control.h"
#include "control/group.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/reader.h"
#include "store/rule.h"

enum { PAGE = 256, RETRY_MS = 10000 };

_Static_assert((int)BOOK_ATOM_MEMBERS == (int)STORE_ATOM_MEMBERS &&
		       (int)BOOK_ATOM_TREE == (int)STORE_ATOM_TREE &&
		       (int)BOOK_ATOM_MANAGERS == (int)STORE_ATOM_MANAGERS &&
		       (int)BOOK_ATOM_MANAGERS_ALL == (int)STORE_ATOM_MANAGERS_ALL &&
		       (int)BOOK_ATOM_ACCOUNT == (int)STORE_ATOM_ACCOUNT &&
		       (int)BOOK_ATOM_EVERYBODY == (int)STORE_ATOM_EVERYBODY,
	       "the kinds of atoms are the same in the book and in the store");
_Static_assert((int)BOOK_ROLES_MAX == (int)STORE_ROLES_MAX &&
		       (int)BOOK_RULES_MAX == (int)STORE_RULES_MAX &&
		       (int)BOOK_ATOMS_MAX == (int)STORE_ATOMS_MAX &&
		       (int)BOOK_DEPTH_MAX == (int)STORE_DEPTH_MAX,
	       "the book takes whatever the store holds");

/* --- departments --- */

struct dept_list {
	struct store_dept *d;
	size_t n, cap;
};

/* Room for one more page. Return: 0; CHQ_ENOMEM. */
static int
dept_list_room(struct dept_list *l)
{
	struct store_dept *d;
	size_t cap = l->cap * 2 + PAGE;

	if (l->n + PAGE <= l->cap)
		return CHQ_OK;
	d = realloc(l->d, cap * sizeof(*d));
	if (!d)
		return CHQ_ENOMEM;
	l->d = d;
	l->cap = cap;
	return CHQ_OK;
}

static int
dept_list_read(struct store_txn *t, struct dept_list *l)
{
	uint32_t after = 0;
	size_t got;
	int rc;

	do {
		rc = dept_list_room(l);
		if (!rc)
			rc = store_dept_list(t, after, l->d + l->n, PAGE, &got);
		if (rc)
			return rc;
		l->n += got;
		after = got ? l->d[l->n - 1].id : after;
	} while (got == PAGE);
	return CHQ_OK;
}

/*
 * A department may hang under one with a higher id, so those whose parent is there are taken, until
 * none is left; each round takes at least a level of the tree.
 */
static int
load_depts(struct store_txn *t, struct book *b)
{
	struct dept_list l = { .d = NULL };
	size_t left, before;
	int rc = dept_list_read(t, &l);

	for (before = 0, left = l.n; !rc && left > 0 && left != before;) {
		size_t kept = 0;

		before = left;
		for (size_t i = 0; i < left && !rc; i++) {
			const struct store_dept d = l.d[i];

			if (d.parent && !book_dept_known(b, d.parent))
				l.d[kept++] = d;
			else
				rc = book_dept_add(b, d.id, d.parent);
		}
		left = kept;
	}
	free(l.d);
	if (!rc && left > 0)
		return CHQ_ECORRUPT;
	return !rc || rc == CHQ_ENOMEM ? rc : CHQ_ECORRUPT;
}

/* --- rules --- */

static int
set_of(const struct store_atom *atoms, unsigned n, struct book_set *out)
{
	out->n = 0;
	out->atoms = calloc(n + 1, sizeof(*out->atoms));
	if (!out->atoms)
		return CHQ_ENOMEM;
	for (; out->n < n; out->n++)
		out->atoms[out->n] = (struct book_atom){ .kind = atoms[out->n].kind,
							 .except = atoms[out->n].except,
							 .id = atoms[out->n].id };
	return CHQ_OK;
}

int
book_rule_of(const struct store_rule *r, struct book_rule *out)
{
	int rc;

	*out = (struct book_rule){ .id = r->id, .deny = r->deny, .rights = r->rights };
	rc = set_of(r->subjects, r->n_subjects, &out->subjects);
	if (!rc)
		rc = set_of(r->objects, r->n_objects, &out->objects);
	if (rc)
		book_set_free(&out->subjects);
	return rc;
}

static void
rules_free(struct book_rule *rules, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		book_set_free(&rules[i].subjects);
		book_set_free(&rules[i].objects);
	}
	free(rules);
}

static int
load_rules(struct store_txn *t, struct book *b, unsigned *n)
{
	struct book_rule *rules = calloc(BOOK_RULES_MAX, sizeof(*rules));
	struct store_rule r = { .id = 0 };
	int rc = rules ? CHQ_OK : CHQ_ENOMEM;

	*n = 0;
	while (!rc) {
		rc = store_rule_next(t, r.id, &r);
		if (!rc)
			rc = *n < BOOK_RULES_MAX ? book_rule_of(&r, &rules[*n]) : CHQ_ECORRUPT;
		*n += !rc;
	}
	if (rc == CHQ_ENOENT)
		rc = book_rules_set(b, rules, *n);
	rules_free(rules, *n);
	return !rc || rc == CHQ_ENOMEM ? rc : CHQ_ECORRUPT;
}

/* --- accounts --- */

static int
account_put(struct book *b, uint64_t account, const struct store_member *roles, size_t n)
{
	struct book_role of[BOOK_ROLES_MAX];

	for (size_t i = 0; i < n; i++)
		of[i] = (struct book_role){ .dept = roles[i].dept, .manager = roles[i].manager };
	return book_account_set(b, account, of, (unsigned)n);
}

static int
load_page(struct store_txn *t, struct book *b, const struct store_account *page, size_t n)
{
	struct store_member roles[STORE_ROLES_MAX];
	int rc = CHQ_OK;

	for (size_t i = 0; i < n && !rc; i++) {
		size_t n_roles;

		if (page[i].disabled)
			continue;
		rc = store_member_roles(t, page[i].id, roles, &n_roles);
		if (!rc)
			rc = account_put(b, page[i].id, roles, n_roles);
	}
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

static int
load_accounts(struct store_txn *t, struct book *b)
{
	struct store_account *page = calloc(PAGE, sizeof(*page));
	uint64_t after = 0, told_ms = control_now_ms();
	size_t n = 0;
	int rc = page ? CHQ_OK : CHQ_ENOMEM;

	while (!rc) {
		rc = store_account_list(t, after, page, PAGE, &n);
		if (!rc)
			rc = load_page(t, b, page, n);
		if (rc || n < PAGE)
			break;
		after = page[n - 1].id;
		if (control_now_ms() - told_ms > 1000) {
			told_ms = control_now_ms();
			CHQ_LOG_INFO("address-book-loading", "accounts=%zu", book_accounts(b));
		}
	}
	if (page)
		sodium_memzero(page, PAGE * sizeof(*page));
	free(page);
	return rc;
}

int
book_load(struct store_txn *t, struct book **out)
{
	uint64_t begun_ms = control_now_ms();
	struct book *b = book_new();
	unsigned rules = 0;
	int rc = b ? load_depts(t, b) : CHQ_ENOMEM;

	/* Rules first: then every class is sorted among them once, when its first member comes. */
	if (!rc)
		rc = load_rules(t, b, &rules);
	if (!rc)
		rc = load_accounts(t, b);
	if (rc) {
		book_free(b);
		return rc;
	}
	CHQ_LOG_INFO("address-book", "accounts=%zu classes=%zu rules=%u ms=%llu", book_accounts(b),
		     book_classes(b), rules, (unsigned long long)(control_now_ms() - begun_ms));
	*out = b;
	return CHQ_OK;
}

/* --- the running control --- */

static int
book_of_store(struct control *ctl, struct book **out)
{
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (rc)
		return rc;
	rc = book_load(txn, out);
	store_read_end(ctl->reader);
	return rc;
}

int
control_book_open(struct control *ctl)
{
	int rc = book_of_store(ctl, &ctl->book);

	if (!rc)
		changes_watch(ctl);
	return rc;
}

void
control_book_close(struct control *ctl)
{
	book_free(ctl->book);
	ctl->book = NULL;
}

int
control_book_account(struct control *ctl, uint64_t account, bool disabled,
		     const struct store_member *roles, size_t n)
{
	struct book_role was[BOOK_ROLES_MAX];
	unsigned n_was = book_account_roles(ctl->book, account, was);
	int rc;

	if (!disabled) {
		rc = account_put(ctl->book, account, roles, n);
	} else {
		rc = book_account_remove(ctl->book, account);
		rc = rc == CHQ_ENOENT ? CHQ_OK : rc;
	}
	groups_account_changed(ctl, account, was, n_was);
	return rc;
}

void
control_book_take(struct control *ctl, struct book *fresh)
{
	book_free(ctl->book);
	ctl->book = fresh;
	groups_all_changed(ctl);
	changes_unknown(ctl);
}

void
control_book_renew(struct control *ctl)
{
	struct book *fresh;
	int rc;

	if (!ctl->reader) /* control ends */
		return;
	rc = book_of_store(ctl, &fresh);
	ctl->book_stale = rc != CHQ_OK;
	if (rc) {
		ctl->book_retry_ms = control_now_ms() + RETRY_MS;
		CHQ_LOG_ERROR("address-book-stale", "error=%s", chq_errname(rc));
		return;
	}
	CHQ_LOG_WARN("address-book-renewed", "why=\"it could not follow a change\"");
	control_book_take(ctl, fresh);
}

void
control_book_tick(struct control *ctl, uint64_t now_ms)
{
	if (ctl->book_stale && now_ms >= ctl->book_retry_ms)
		control_book_renew(ctl);
}
