#include "control/import/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "control/book/set.h"
#include "control/ctl_policy.h"
#include "control/import/reader.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/friend.h"
#include "store/rule.h"

enum { PAGE = 64, SET_TEXT_MAX = 300 * 1024, PATHS_FIRST = 256 };

/* --- departments --- */

struct paths {
	char **path;
	size_t n, cap;
};

static int
paths_add(struct paths *p, struct store_txn *txn, uint32_t id)
{
	char text[STORE_PATH_MAX_BYTES + 1];
	int rc = store_dept_path(txn, id, text, sizeof(text));
	size_t cap = p->cap * 2 + PATHS_FIRST;

	if (rc)
		return rc;
	if (p->n == p->cap) {
		char **more = realloc(p->path, cap * sizeof(*more));

		if (!more)
			return CHQ_ENOMEM;
		p->path = more;
		p->cap = cap;
	}
	p->path[p->n] = strdup(text);
	return p->path[p->n] ? (p->n++, CHQ_OK) : CHQ_ENOMEM;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A path stands behind those above it: they are its beginning. */
static int
departments(struct export *e)
{
	struct paths p = { .path = NULL };
	struct store_dept d[PAGE];
	uint32_t after = 0;
	size_t n = PAGE;
	int rc = CHQ_OK;

	while (!rc && n == PAGE) {
		rc = store_dept_list(e->txn, after, d, PAGE, &n);
		for (size_t i = 0; i < n && !rc; i++)
			rc = paths_add(&p, e->txn, after = d[i].id);
	}
	if (p.n)
		qsort(p.path, p.n, sizeof(*p.path), by_text);
	for (; !rc && e->at < p.n && e->len < EXPORT_PAGE_BYTES; e->at++)
		export_row(e, IMPORT_DEPARTMENTS, (const char *const[]){ p.path[e->at] });
	e->more = e->at < p.n;
	for (size_t i = 0; i < p.n; i++)
		free(p.path[i]);
	free(p.path);
	return rc;
}

/* --- what goes by account --- */

typedef int account_fn(struct export *e, const struct store_account *a);

static int
account_row(struct export *e, const struct store_account *a)
{
	const char *field[IMPORT_COLUMNS_MAX] = {
		[IMPORT_LOGIN] = a->login,
		[IMPORT_NAME] = a->name,
		[IMPORT_TITLE] = a->title,
		[IMPORT_PHONE] = a->phone,
		[IMPORT_MAIL] = a->mail,
		[IMPORT_AVATAR] = a->avatar,
		[IMPORT_NUMBER] = a->number,
		[IMPORT_DISABLED] = a->disabled ? "true" : "false",
		[IMPORT_HASH] = e->hashes ? a->pwhash : "",
	};

	export_row(e, IMPORT_ACCOUNTS, field);
	return CHQ_OK;
}

struct role {
	char path[STORE_PATH_MAX_BYTES + 1];
	bool manager;
};

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct role *)a)->path, ((const struct role *)b)->path);
}

static int
member_rows(struct export *e, const struct store_account *a)
{
	struct role role[STORE_ROLES_MAX];
	struct store_member m[STORE_ROLES_MAX];
	size_t n;
	int rc = store_member_roles(e->txn, a->id, m, &n);

	for (size_t i = 0; i < n && !rc; i++) {
		role[i].manager = m[i].manager;
		rc = store_dept_path(e->txn, m[i].dept, role[i].path, sizeof(role[i].path));
	}
	if (rc)
		return rc;
	qsort(role, n, sizeof(*role), by_path);
	for (size_t i = 0; i < n; i++)
		export_row(e, IMPORT_MEMBERS,
			   (const char *const[]){ role[i].path, a->login,
						  role[i].manager ? "true" : "false" });
	return CHQ_OK;
}

static int
friend_row(struct export *e, const struct store_account *a, const struct store_friend *f)
{
	struct store_account b;
	bool asked = f->state != STORE_FRIEND_MUTUAL, turned = f->state == STORE_FRIEND_WAITING;
	int rc = store_account_get(e->txn, f->peer, &b);

	if (!rc)
		export_row(e, IMPORT_FRIENDS,
			   (const char *const[]){ turned ? b.login : a->login,
						  turned ? a->login : b.login,
						  asked ? "asked" : "friends" });
	sodium_memzero(&b, sizeof(b));
	return rc;
}

/* Each pair once: with the one who has the lower number. */
static int
friend_rows(struct export *e, const struct store_account *a)
{
	struct store_friend f[PAGE];
	uint64_t after = e->at2 > a->id ? e->at2 : a->id;
	size_t n = PAGE;
	int rc = CHQ_OK;

	while (!rc && n == PAGE) {
		rc = store_friend_list(e->txn, a->id, after, f, PAGE, &n);
		for (size_t i = 0; i < n && !rc; i++) {
			rc = friend_row(e, a, &f[i]);
			after = f[i].peer;
		}
		if (!rc && n == PAGE && e->len >= EXPORT_PAGE_BYTES) {
			e->at2 = after; /* go on within this list */
			return CHQ_OK;
		}
	}
	e->at2 = 0;
	return rc;
}

static int
by_account(struct export *e, account_fn *rows)
{
	struct store_account *a = calloc(PAGE, sizeof(*a));
	size_t n = PAGE;
	int rc = a ? CHQ_OK : CHQ_ENOMEM;

	while (!rc && n == PAGE && e->len < EXPORT_PAGE_BYTES) {
		rc = store_account_list(e->txn, e->at, a, PAGE, &n);
		for (size_t i = 0; i < n && !rc && e->len < EXPORT_PAGE_BYTES; i++) {
			if (a[i].removed_ms == 0)
				rc = rows(e, &a[i]);
			if (!rc && e->at2 == 0)
				e->at = a[i].id;
		}
	}
	e->more = !rc && e->len >= EXPORT_PAGE_BYTES;
	if (a)
		sodium_memzero(a, PAGE * sizeof(*a));
	free(a);
	return rc;
}

/* --- rules --- */

static void
rights_text(uint8_t rights, char out[64])
{
	out[0] = '\0';
	for (unsigned i = 0; i < 5; i++)
		if ((rights & 1U << i) != 0) {
			if (out[0])
				strcat(out, ",");
			strcat(out, ctl_policy_right(i));
		}
}

static int
set_text(struct export *e, const struct store_atom *atoms, unsigned n, char *out)
{
	struct book_names names = ctl_policy_names(e->txn);
	struct book_atom of[STORE_ATOMS_MAX];

	for (unsigned i = 0; i < n; i++)
		of[i] = (struct book_atom){ .kind = atoms[i].kind,
					    .except = atoms[i].except,
					    .id = atoms[i].id };
	return book_set_print(&(struct book_set){ of, n }, &names, out, SET_TEXT_MAX);
}

static int
rule_rows(struct export *e, struct store_rule *r, char *subjects, char *objects)
{
	char rights[64];
	int rc = CHQ_OK;

	while (!rc && e->len < EXPORT_PAGE_BYTES) {
		rc = store_rule_next(e->txn, (uint32_t)e->at, r);
		if (!rc)
			rc = set_text(e, r->subjects, r->n_subjects, subjects);
		if (!rc)
			rc = set_text(e, r->objects, r->n_objects, objects);
		if (rc)
			break;
		rights_text(r->rights, rights);
		export_row(e, IMPORT_RULES,
			   (const char *const[]){ r->deny ? "deny" : "allow", rights, subjects,
						  objects, r->note });
		e->at = r->id;
	}
	e->more = !rc;
	return rc == CHQ_ENOENT ? CHQ_OK : rc;
}

static int
rules(struct export *e)
{
	struct store_rule *r = calloc(1, sizeof(*r));
	char *subjects = malloc(SET_TEXT_MAX), *objects = malloc(SET_TEXT_MAX);
	int rc = r && subjects && objects ? rule_rows(e, r, subjects, objects) : CHQ_ENOMEM;

	free(r);
	free(subjects);
	free(objects);
	return rc;
}

/* --- the whole --- */

static int
section_page(struct export *e, enum import_section section)
{
	switch (section) {
	case IMPORT_DEPARTMENTS: return departments(e);
	case IMPORT_ACCOUNTS: return by_account(e, account_row);
	case IMPORT_MEMBERS: return by_account(e, member_rows);
	case IMPORT_RULES: return rules(e);
	default: return by_account(e, friend_rows);
	}
}

/* "[members]" and the names of the columns. */
static void
heading(struct export *e, enum import_section section)
{
	char line[256];
	size_t len = (size_t)snprintf(line, sizeof(line), "[%s]\r\n", import_section_name(section));

	for (unsigned i = 0; import_column_name(section, i); i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s", i ? "," : "",
					import_column_name(section, i));
	snprintf(line + len, sizeof(line) - len, "\r\n");
	export_text(e, line, strlen(line));
}

int
export_page(struct export *e)
{
	/* What a row names stands above it. */
	static const enum import_section order[IMPORT__SECTIONS] = {
		IMPORT_DEPARTMENTS, IMPORT_ACCOUNTS, IMPORT_MEMBERS, IMPORT_RULES, IMPORT_FRIENDS,
	};
	int rc = CHQ_OK;

	e->more = false;
	while (!rc && !e->more && e->section < IMPORT__SECTIONS) {
		if (e->at == 0 && e->at2 == 0 && !e->json)
			heading(e, order[e->section]);
		rc = section_page(e, order[e->section]);
		if (!rc && !e->more) {
			e->section++;
			e->at = e->at2 = 0;
		}
		rc = rc ? rc : e->rc;
	}
	if (rc) {
		free(e->text);
		e->text = NULL;
	}
	return rc;
}
