#include "store/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/account_priv.h"
#include "store/dept.h"
#include "store/device.h"
#include "store/friend.h"
#include "store/group.h"
#include "store/kv.h"
#include "store/rule.h"
#include "store/word.h"

enum { FRIENDS_PAGE = 64, GC_PAGE = 64 };

static int
leave_departments(struct store_txn *t, uint64_t id)
{
	struct store_member role[STORE_ROLES_MAX];
	size_t n;
	int rc = store_member_roles(t, id, role, &n);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = store_member_remove(t, role[i].dept, id);
	return rc;
}

static int
leave_groups(struct store_txn *t, uint64_t id)
{
	struct store_group_member of[STORE_GROUP_OF_MAX];
	size_t n;
	int rc = store_group_member_of(t, id, of, &n);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = store_group_member_remove(t, of[i].group, id);
	return rc;
}

static int
leave_friend(struct store_txn *t, uint64_t id, uint64_t peer, store_account_left_fn *left,
	     void *arg)
{
	struct store_account a;
	int rc = store_friend_remove(t, id, peer);

	if (rc == 0)
		rc = store_account_get(t, peer, &a);
	if (rc == 0 && left)
		left(arg, peer, a.contacts_version);
	return rc;
}

static int
leave_friends(struct store_txn *t, uint64_t id, store_account_left_fn *left, void *arg)
{
	struct store_friend f[FRIENDS_PAGE];
	size_t n;
	int rc;

	do {
		rc = store_friend_list(t, id, 0, f, FRIENDS_PAGE, &n);
		for (size_t i = 0; i < n && rc == 0; i++)
			rc = leave_friend(t, id, f[i].peer, left, arg);
	} while (rc == 0 && n == FRIENDS_PAGE);
	return rc;
}

int
store_account_remove(struct store_txn *t, uint64_t id, uint64_t now_ms, store_account_left_fn *left,
		     void *arg)
{
	struct store_account a;
	int rc = store_account_get(t, id, &a);

	if (rc == 0 && a.removed_ms != 0)
		rc = CHQ_ENOENT;
	if (rc == 0)
		rc = leave_departments(t, id);
	if (rc == 0)
		rc = leave_groups(t, id);
	if (rc == 0)
		rc = leave_friends(t, id, left, arg);
	if (rc == 0)
		rc = store_account_get(t, id, &a); /* with the version that this has made */
	if (rc == 0)
		rc = store_word_follow(t, &a, NULL);
	if (rc != 0)
		return rc;
	a.disabled = true;
	a.removed_ms = a.changed_ms = now_ms ? now_ms : 1;
	a.grant_epoch++;
	a.sender_epoch++;
	memset(a.pwhash, 0, sizeof(a.pwhash));
	memset(a.phone, 0, sizeof(a.phone));
	memset(a.mail, 0, sizeof(a.mail));
	memset(a.avatar, 0, sizeof(a.avatar));
	return store_account_write(t, &a);
}

/* --- tombstones --- */

/* Delete every item of a table whose key begins with the account's. */
static int
purge(struct store_txn *t, enum store_table table, uint64_t id)
{
	uint8_t start[STORE_ACCOUNT_KEY_BYTES], key[STORE_ANSWER_KEY_BYTES];
	struct store_iter it;
	size_t len;
	int rc;

	store_key_put_account(start, id);
	for (;;) {
		rc = store_iter_open(&it, t, table, start, sizeof(start), sizeof(start));
		len = rc == 0 ? it.key.len : 0;
		if (rc == 0 && len > sizeof(key))
			rc = CHQ_ECORRUPT;
		if (rc == 0)
			memcpy(key, it.key.p, len);
		store_iter_close(&it);
		if (rc != 0)
			return rc == CHQ_ENOENT ? 0 : rc;
		rc = store_kv_del(t, table, key, len);
		if (rc != 0)
			return rc;
	}
}

/* Its devices, with their keys in the index and their answers. */
static int
end_devices(struct store_txn *t, uint64_t id)
{
	struct store_device d;
	size_t n;
	int rc;

	do {
		rc = store_device_list(t, id, 0, &d, 1, &n);
		if (rc == 0 && n == 1)
			rc = store_device_revoke(t, id, d.number);
		if (rc == 0 && n == 1)
			rc = store_device_forget(t, id, d.number);
	} while (rc == 0 && n == 1);
	return rc;
}

static int
end_tombstone(struct store_txn *t, const struct store_account *a)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];
	int rc = end_devices(t, a->id);

	if (rc == 0)
		rc = purge(t, STORE_TABLE_ANSWER, a->id);
	if (rc == 0)
		rc = purge(t, STORE_TABLE_E2E, a->id);
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_LOGIN, a->login, strlen(a->login));
	store_key_put_account(key, a->id);
	return rc != 0 ? rc : store_kv_del(t, STORE_TABLE_ACCOUNT, key, sizeof(key));
}

static int
gc_one(struct store_txn *t, const struct store_account *a, uint64_t *ended, uint64_t *kept)
{
	bool named;
	int rc = store_rule_names_account(t, a->id, &named);

	if (rc != 0)
		return rc;
	*kept += named;
	*ended += !named;
	return named ? 0 : end_tombstone(t, a);
}

int
store_account_gc(struct store_txn *t, uint64_t before_ms, uint64_t *after, size_t max,
		 uint64_t *ended, uint64_t *kept)
{
	struct store_account *page = calloc(GC_PAGE, sizeof(*page));
	size_t n = GC_PAGE;
	int rc = page ? 0 : CHQ_ENOMEM;

	while (rc == 0 && n == GC_PAGE && max > 0) {
		rc = store_account_list(t, *after, page, GC_PAGE, &n);
		for (size_t i = 0; i < n && rc == 0; i++) {
			*after = page[i].id;
			if (page[i].removed_ms != 0 && page[i].removed_ms < before_ms)
				rc = gc_one(t, &page[i], ended, kept);
		}
		max -= n < max ? n : max;
	}
	if (rc == 0 && n < GC_PAGE)
		*after = 0;
	free(page);
	return rc;
}
