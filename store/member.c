#include <string.h>

#include "base/err.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/group.h"
#include "store/import_priv.h"
#include "store/kv.h"
#include "store/record.h"

/* A membership stands in two tables: by department, and by account. Both hold the same record. */

static void
member_key(uint8_t key[STORE_MEMBER_KEY_BYTES], uint32_t dept, uint64_t account)
{
	store_key_put_u32(key, dept);
	store_key_put_account(key + STORE_DEPT_KEY_BYTES, account);
}

static void
role_key(uint8_t key[STORE_ROLE_KEY_BYTES], uint64_t account, uint32_t dept)
{
	store_key_put_account(key, account);
	store_key_put_u32(key + STORE_ACCOUNT_KEY_BYTES, dept);
}

int
store_member_put(struct store_txn *t, const struct store_member *m)
{
	uint8_t key[STORE_MEMBER_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_member(m, buf);
	int rc;

	member_key(key, m->dept, m->account);
	rc = store_kv_put(t, STORE_TABLE_MEMBER, key, sizeof(key), buf, len);
	role_key(key, m->account, m->dept);
	return rc != 0 ? rc : store_kv_put(t, STORE_TABLE_ROLE, key, sizeof(key), buf, len);
}

int
store_member_get(struct store_txn *t, uint32_t dept, uint64_t account, struct store_member *out)
{
	uint8_t key[STORE_MEMBER_KEY_BYTES];
	struct store_view v;
	int rc;

	if (account > STORE_ACCOUNT_ID_MAX)
		return CHQ_ENOENT;
	member_key(key, dept, account);
	rc = store_kv_get(t, STORE_TABLE_MEMBER, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_member(out, v.p, v.len);
	if (rc == 0) {
		out->dept = dept;
		out->account = account;
	}
	return rc;
}

/* Both exist, and he has room for one more. */
static int
member_check_new(struct store_txn *t, uint32_t dept, uint64_t account)
{
	struct store_member roles[STORE_ROLES_MAX];
	struct store_account a;
	struct store_dept d;
	size_t n;
	int rc = store_dept_get(t, dept, &d);

	if (rc != 0)
		return rc;
	rc = store_account_get(t, account, &a);
	if (rc == CHQ_ENOENT || (rc == 0 && a.removed_ms != 0))
		return CHQ_ENOUSER;
	if (rc != 0)
		return rc;
	rc = store_member_roles(t, account, roles, &n);
	return rc == 0 && n == STORE_ROLES_MAX ? CHQ_EFULL : rc;
}

int
store_member_set(struct store_txn *t, uint32_t dept, uint64_t account, bool manager,
		 uint64_t now_ms)
{
	struct store_member m = { dept, account, manager, now_ms };
	int rc = store_member_get(t, dept, account, &m);

	if (rc == 0 && m.manager == manager)
		return 0;
	if (rc == CHQ_ENOENT)
		rc = member_check_new(t, dept, account);
	else if (rc == 0 && !manager)
		rc = store_group_dept_left(t, dept); /* he managed it */
	m.manager = manager;
	return rc != 0 ? rc : store_member_put(t, &m);
}

int
store_member_drop(struct store_txn *t, uint32_t dept, uint64_t account)
{
	uint8_t key[STORE_MEMBER_KEY_BYTES];
	int rc;

	member_key(key, dept, account);
	rc = store_kv_del(t, STORE_TABLE_MEMBER, key, sizeof(key));
	if (rc != 0)
		return rc;
	role_key(key, account, dept);
	rc = store_kv_del(t, STORE_TABLE_ROLE, key, sizeof(key));
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc; /* one-sided */
}

int
store_member_remove(struct store_txn *t, uint32_t dept, uint64_t account)
{
	int rc = account > STORE_ACCOUNT_ID_MAX ? CHQ_ENOENT : store_member_drop(t, dept, account);

	return rc != 0 ? rc : store_group_dept_left(t, dept);
}

/* The record of an item, its key read at these places. */
static int
member_of_item(const struct store_iter *it, size_t dept_at, size_t account_at,
	       struct store_member *out)
{
	int rc;

	if (it->key.len != STORE_MEMBER_KEY_BYTES)
		return CHQ_ECORRUPT;
	rc = store_record_unpack_member(out, it->val.p, it->val.len);
	if (rc == 0) {
		out->dept = store_key_get_u32(it->key.p + dept_at);
		out->account = store_key_get_account(it->key.p + account_at);
	}
	return rc;
}

int
store_member_list(struct store_txn *t, uint32_t dept, uint64_t after, struct store_member *out,
		  size_t max, size_t *n)
{
	uint8_t start[STORE_MEMBER_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (after >= STORE_ACCOUNT_ID_MAX)
		return 0;
	member_key(start, dept, after + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_MEMBER, start, sizeof(start),
			     STORE_DEPT_KEY_BYTES);
	while (rc == 0 && *n < max) {
		uint64_t behind;

		rc = member_of_item(&it, 0, STORE_DEPT_KEY_BYTES, &out[*n]);
		behind = rc == 0 ? store_staged_end(t, out[*n].account) : 0;
		if (behind != 0) {
			member_key(start, dept, behind);
			rc = store_iter_seek(&it, start, sizeof(start));
		} else if (rc == 0) {
			(*n)++;
			rc = store_iter_next(&it);
		}
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_member_roles(struct store_txn *t, uint64_t account, struct store_member *out, size_t *n)
{
	uint8_t start[STORE_ACCOUNT_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (account > STORE_ACCOUNT_ID_MAX)
		return 0;
	store_key_put_account(start, account);
	rc = store_iter_open(&it, t, STORE_TABLE_ROLE, start, sizeof(start), sizeof(start));
	while (rc == 0) {
		rc = *n < STORE_ROLES_MAX
			     ? member_of_item(&it, STORE_ACCOUNT_KEY_BYTES, 0, &out[*n])
			     : CHQ_ECORRUPT;
		if (rc == 0) {
			(*n)++;
			rc = store_iter_next(&it);
		}
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}
