#include "base/err.h"
#include "store/account.h"
#include "store/group.h"
#include "store/group_record.h"
#include "store/kv.h"
#include "store/record.h"

/* A membership of a group made by hand stands in two tables: by group, and by account. */

static int
member_write(struct store_txn *t, const struct store_group_member *m)
{
	uint8_t key[STORE_GROUP_MEMBER_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_group_member(m, buf);
	int rc;

	store_key_put_group_member(key, m->group, m->account);
	rc = store_kv_put(t, STORE_TABLE_GROUPMEMBER, key, sizeof(key), buf, len);
	store_key_put_group_of(key, m->account, m->group);
	return rc != 0 ? rc : store_kv_put(t, STORE_TABLE_GROUPOF, key, sizeof(key), buf, len);
}

int
store_group_member_get(struct store_txn *t, uint32_t group, uint64_t account,
		       struct store_group_member *out)
{
	uint8_t key[STORE_GROUP_MEMBER_KEY_BYTES];
	struct store_view v;
	int rc;

	if (account > STORE_ACCOUNT_ID_MAX)
		return CHQ_ENOENT;
	store_key_put_group_member(key, group, account);
	rc = store_kv_get(t, STORE_TABLE_GROUPMEMBER, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_group_member(out, v.p, v.len);
	if (rc == 0) {
		out->group = group;
		out->account = account;
	}
	return rc;
}

/* The account exists, and has room for one more. */
static int
check_new(struct store_txn *t, uint64_t account)
{
	struct store_group_member of[STORE_GROUP_OF_MAX];
	struct store_account a;
	size_t n;
	int rc = store_account_get(t, account, &a);

	if (rc != 0)
		return rc == CHQ_ENOENT ? CHQ_ENOUSER : rc;
	rc = store_group_member_of(t, account, of, &n);
	return rc == 0 && n == STORE_GROUP_OF_MAX ? CHQ_EFULL : rc;
}

/* Of who is in it already. */
static int
member_rights(struct store_txn *t, struct store_group *g, struct store_group_member *m,
	      uint8_t rights)
{
	int rc = 0;

	if (m->rights & ~rights) {
		g->epoch++;
		rc = store_group_write(t, g);
	}
	m->rights = rights;
	return rc != 0 ? rc : member_write(t, m);
}

int
store_group_member_set(struct store_txn *t, uint32_t group, uint64_t account, uint8_t rights,
		       uint64_t now_ms)
{
	struct store_group_member m = { group, account, rights, now_ms };
	struct store_group g;
	int rc = store_group_get(t, group, &g);

	if (rc != 0)
		return rc;
	if (!store_group_by_hand(group) || (rights & ~STORE_GROUP_ALL))
		return CHQ_EINVAL;
	rc = store_group_member_get(t, group, account, &m);
	if (rc == CHQ_ENOENT)
		rc = g.members < STORE_GROUP_MEMBERS_MAX ? check_new(t, account) : CHQ_EFULL;
	else
		return rc != 0 ? rc : member_rights(t, &g, &m, rights);
	g.members++;
	if (rc == 0)
		rc = store_group_write(t, &g);
	return rc != 0 ? rc : member_write(t, &m);
}

int
store_group_member_remove(struct store_txn *t, uint32_t group, uint64_t account)
{
	uint8_t key[STORE_GROUP_MEMBER_KEY_BYTES];
	struct store_group g;
	int rc;

	if (account > STORE_ACCOUNT_ID_MAX)
		return CHQ_ENOENT;
	store_key_put_group_member(key, group, account);
	rc = store_kv_del(t, STORE_TABLE_GROUPMEMBER, key, sizeof(key));
	if (rc != 0)
		return rc;
	store_key_put_group_of(key, account, group);
	rc = store_kv_del(t, STORE_TABLE_GROUPOF, key, sizeof(key));
	if (rc != 0)
		return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc; /* one-sided */
	rc = store_group_get(t, group, &g);
	if (rc != 0 || g.members == 0)
		return CHQ_ECORRUPT;
	g.members--;
	g.epoch++;
	return store_group_write(t, &g);
}

/* The record of an item, its key read at these places. */
static int
member_of_item(const struct store_iter *it, size_t group_at, size_t account_at,
	       struct store_group_member *out)
{
	int rc;

	if (it->key.len != STORE_GROUP_MEMBER_KEY_BYTES)
		return CHQ_ECORRUPT;
	rc = store_record_unpack_group_member(out, it->val.p, it->val.len);
	if (rc == 0) {
		out->group = store_key_get_u32(it->key.p + group_at);
		out->account = store_key_get_account(it->key.p + account_at);
	}
	return rc;
}

int
store_group_member_list(struct store_txn *t, uint32_t group, uint64_t after,
			struct store_group_member *out, size_t max, size_t *n)
{
	uint8_t start[STORE_GROUP_MEMBER_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (after >= STORE_ACCOUNT_ID_MAX)
		return 0;
	store_key_put_group_member(start, group, after + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_GROUPMEMBER, start, sizeof(start),
			     STORE_GROUP_KEY_BYTES);
	while (rc == 0 && *n < max) {
		rc = member_of_item(&it, 0, STORE_GROUP_KEY_BYTES, &out[*n]);
		if (rc == 0) {
			(*n)++;
			rc = store_iter_next(&it);
		}
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_group_member_of(struct store_txn *t, uint64_t account, struct store_group_member *out,
		      size_t *n)
{
	uint8_t start[STORE_ACCOUNT_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (account > STORE_ACCOUNT_ID_MAX)
		return 0;
	store_key_put_account(start, account);
	rc = store_iter_open(&it, t, STORE_TABLE_GROUPOF, start, sizeof(start), sizeof(start));
	while (rc == 0) {
		rc = *n < STORE_GROUP_OF_MAX
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
