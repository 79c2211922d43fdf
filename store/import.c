#include "store/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "store/account_priv.h"
#include "store/dept.h"
#include "store/import_priv.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/record.h"
#include "store/word.h"
#include "store/writer.h"

enum { UNDO_JOB = 2000, UNDO_PAGE = 64 };

/* --- who is staged --- */

static void
range_read(struct store_txn *t)
{
	uint64_t first, end;

	t->staged_known = true;
	t->staged_first = t->staged_end = 0;
	if (store_meta_get(t, STORE_META_IMPORT_FIRST, &first) != 0 ||
	    store_meta_get(t, STORE_META_IMPORT_END, &end) != 0)
		return;
	t->staged_first = first;
	t->staged_end = end;
}

bool
store_is_staged(struct store_txn *t, uint64_t account)
{
	if (!t->staged_known)
		range_read(t);
	return account >= t->staged_first && account < t->staged_end;
}

uint64_t
store_staged_end(struct store_txn *t, uint64_t account)
{
	return store_is_staged(t, account) && !t->see_staged ? t->staged_end : 0;
}

static int
meta_del(struct store_txn *t, enum store_meta what)
{
	uint8_t key = (uint8_t)what;
	int rc = store_kv_del(t, STORE_TABLE_META, &key, 1);

	return rc == CHQ_ENOENT ? 0 : rc;
}

/* --- begin and end --- */

/* Take @n numbers of a counter. */
static int
reserve(struct store_txn *t, enum store_meta what, uint64_t n, uint64_t max, uint64_t *first)
{
	int rc = store_meta_get(t, what, first);

	if (rc == 0 && (n > max || *first > max - n + 1))
		rc = CHQ_EFULL;
	return rc != 0 ? rc : store_meta_set(t, what, *first + n);
}

int
store_import_begin(struct store_txn *t, uint64_t accounts, uint32_t depts, uint64_t *first_account,
		   uint32_t *first_dept)
{
	uint64_t dept;
	int rc = store_meta_get(t, STORE_META_IMPORT_FIRST, &dept);

	if (rc != CHQ_ENOENT)
		return rc == 0 ? CHQ_EBUSY : rc;
	rc = reserve(t, STORE_META_NEXT_ACCOUNT, accounts, STORE_ACCOUNT_ID_MAX, first_account);
	if (rc == 0)
		rc = reserve(t, STORE_META_NEXT_DEPT, depts, UINT32_MAX, &dept);
	if (rc == 0)
		rc = store_meta_set(t, STORE_META_IMPORT_FIRST, *first_account);
	if (rc == 0)
		rc = store_meta_set(t, STORE_META_IMPORT_END, *first_account + accounts);
	t->staged_known = false;
	if (rc == 0)
		*first_dept = (uint32_t)dept;
	return rc;
}

int
store_import_finish(struct store_txn *t)
{
	int rc = meta_del(t, STORE_META_IMPORT_FIRST);

	t->staged_known = false;
	return rc != 0 ? rc : meta_del(t, STORE_META_IMPORT_END);
}

/* --- staging --- */

int
store_import_account(struct store_txn *t, uint64_t id, const struct store_account_new *new)
{
	struct store_account a;
	int rc = store_account_make(new, &a);

	a.id = id;
	return rc != 0 ? rc : store_account_insert(t, &a);
}

int
store_import_find(struct store_txn *t, const char *login, uint64_t *id, bool *staged)
{
	struct store_account a;
	bool saw = t->see_staged;
	int rc;

	t->see_staged = true;
	rc = store_account_find(t, login, strlen(login), &a);
	t->see_staged = saw;
	if (rc != 0)
		return rc;
	*id = a.id;
	*staged = store_is_staged(t, a.id);
	return 0;
}

int
store_import_member(struct store_txn *t, uint32_t dept, uint64_t account, bool manager,
		    uint64_t now_ms)
{
	struct store_member roles[STORE_ROLES_MAX],
		m = { .dept = dept, .account = account, .manager = manager, .since_ms = now_ms };
	size_t n;
	int rc = store_member_roles(t, account, roles, &n);

	for (size_t i = 0; i < n && rc == 0; i++)
		if (roles[i].dept == dept)
			rc = CHQ_EEXIST;
	if (rc == 0 && n == STORE_ROLES_MAX)
		rc = CHQ_EFULL;
	return rc != 0 ? rc : store_member_put(t, &m);
}

int
store_import_friend(struct store_txn *t, uint64_t a, uint64_t b, enum store_friend_state state,
		    uint64_t now_ms)
{
	struct store_friend f;
	int rc;

	if (a == b)
		return CHQ_EINVAL;
	rc = store_friend_get(t, a, b, &f);
	if (rc != CHQ_ENOTFRIEND)
		return rc == 0 ? CHQ_EEXIST : rc;
	return store_friend_put(t, a, b, state, now_ms);
}

/* --- undoing --- */

static int
undo_account(struct store_txn *t, const struct store_account *a)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];
	struct store_member roles[STORE_ROLES_MAX];
	size_t n;
	int rc = store_word_follow(t, a, NULL);

	if (rc == 0)
		rc = store_friend_drop_all(t, a->id);
	if (rc == 0)
		rc = store_member_roles(t, a->id, roles, &n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = store_member_drop(t, roles[i].dept, a->id);
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_LOGIN, a->login, strlen(a->login));
	store_key_put_account(key, a->id);
	return rc != 0 ? rc : store_kv_del(t, STORE_TABLE_ACCOUNT, key, sizeof(key));
}

/* The staged accounts of a page, and whether it was the last one of them. */
static int
undo_page(struct store_txn *t, const struct store_account *page, size_t n, size_t *done)
{
	int rc = 0;

	for (*done = 0; *done < n && page[*done].id < t->staged_end && rc == 0; (*done)++)
		rc = undo_account(t, &page[*done]);
	return rc;
}

int
store_import_undo(struct store_txn *t, size_t max, bool *more)
{
	struct store_account *page = calloc(UNDO_PAGE, sizeof(*page));
	size_t n, done = UNDO_PAGE;
	int rc = page ? 0 : CHQ_ENOMEM;

	range_read(t);
	t->see_staged = true;
	*more = t->staged_first != 0;
	for (size_t sum = 0; rc == 0 && *more && sum < max; sum += UNDO_PAGE) {
		rc = store_account_list(t, t->staged_first - 1, page, UNDO_PAGE, &n);
		if (rc == 0)
			rc = undo_page(t, page, n, &done);
		*more = done == UNDO_PAGE;
	}
	t->see_staged = false;
	free(page);
	return rc != 0 || *more ? rc : store_import_finish(t);
}

static int
recover_job(struct store_txn *t, void *arg)
{
	return store_import_undo(t, UNDO_JOB, arg);
}

int
store_import_recover(struct store *st)
{
	unsigned jobs = 0;
	bool more;
	int rc;

	do {
		rc = store_write_sync(st, recover_job, &more);
		if (rc == 0 && more && jobs++ == 0)
			CHQ_LOG_WARN("store-import-undo", "why=\"an import was cut off\"");
	} while (rc == 0 && more);
	return rc;
}
