#include "store/friend.h"

#include "base/err.h"
#include "store/account.h"
#include "store/import_priv.h"
#include "store/kv.h"
#include "store/record.h"

static void
put_key(uint8_t key[STORE_FRIEND_KEY_BYTES], uint64_t owner, uint64_t peer)
{
	store_key_put_account(key, owner);
	store_key_put_account(key + STORE_ACCOUNT_KEY_BYTES, peer);
}

static int
side_write(struct store_txn *t, uint64_t owner, const struct store_friend *f)
{
	uint8_t key[STORE_FRIEND_KEY_BYTES];
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_friend(f, buf);

	put_key(key, owner, f->peer);
	return store_kv_put(t, STORE_TABLE_FRIEND, key, sizeof(key), buf, len);
}

static int
side_delete(struct store_txn *t, uint64_t owner, uint64_t peer)
{
	uint8_t key[STORE_FRIEND_KEY_BYTES];
	int rc;

	put_key(key, owner, peer);
	rc = store_kv_del(t, STORE_TABLE_FRIEND, key, sizeof(key));
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc; /* one-sided */
}

static int
both_versions_rise(struct store_txn *t, uint64_t a, uint64_t b)
{
	int rc = store_account_contacts_changed(t, a);

	return rc != 0 ? rc : store_account_contacts_changed(t, b);
}

int
store_friend_put(struct store_txn *t, uint64_t a, uint64_t b, enum store_friend_state state,
		 uint64_t now_ms)
{
	struct store_friend of_a = { .peer = b, .state = state, .since_ms = now_ms };
	struct store_friend of_b = { .peer = a, .state = state, .since_ms = now_ms };
	int rc;

	if (state == STORE_FRIEND_ASKED)
		of_b.state = STORE_FRIEND_WAITING;
	rc = side_write(t, a, &of_a);
	return rc != 0 ? rc : side_write(t, b, &of_b);
}

int
store_friend_drop_all(struct store_txn *t, uint64_t account)
{
	struct store_friend f;
	size_t n;
	int rc;

	do {
		rc = store_friend_list(t, account, 0, &f, 1, &n);
		if (rc == 0 && n == 1)
			rc = side_delete(t, account, f.peer);
		if (rc == 0 && n == 1)
			rc = side_delete(t, f.peer, account);
	} while (rc == 0 && n == 1);
	return rc;
}

/* @state: as @a sees it. */
static int
both_sides_write(struct store_txn *t, uint64_t a, uint64_t b, enum store_friend_state state,
		 uint64_t now_ms)
{
	int rc = store_friend_put(t, a, b, state, now_ms);

	return rc != 0 ? rc : both_versions_rise(t, a, b);
}

int
store_friend_get(struct store_txn *t, uint64_t owner, uint64_t peer, struct store_friend *out)
{
	uint8_t key[STORE_FRIEND_KEY_BYTES];
	struct store_view v;
	int rc;

	put_key(key, owner, peer);
	rc = store_kv_get(t, STORE_TABLE_FRIEND, key, sizeof(key), &v);
	if (rc == CHQ_ENOENT)
		return CHQ_ENOTFRIEND;
	if (rc == 0)
		rc = store_record_unpack_friend(out, v.p, v.len);
	if (rc == 0)
		out->peer = peer;
	return rc;
}

/* Whether an account exists is known by raising its version: both must, or nothing is kept. */
int
store_friend_ask(struct store_txn *t, uint64_t from, uint64_t to, uint64_t now_ms,
		 enum store_friend_asked *outcome)
{
	struct store_friend f = { .state = STORE_FRIEND_NONE };
	int rc;

	if (from == to)
		return CHQ_EINVAL;
	if (from > STORE_ACCOUNT_ID_MAX || to > STORE_ACCOUNT_ID_MAX)
		return CHQ_ENOENT;
	rc = store_friend_get(t, from, to, &f);
	if (rc != 0 && rc != CHQ_ENOTFRIEND)
		return rc;
	switch (f.state) {
	case STORE_FRIEND_ASKED: *outcome = STORE_FRIEND_ASKED_BEFORE; return 0;
	case STORE_FRIEND_MUTUAL: *outcome = STORE_FRIEND_ASKED_FRIENDS; return 0;
	case STORE_FRIEND_WAITING:
		*outcome = STORE_FRIEND_ASKED_ACCEPTED;
		return both_sides_write(t, from, to, STORE_FRIEND_MUTUAL, now_ms);
	default:
		*outcome = STORE_FRIEND_ASKED_NEW;
		return both_sides_write(t, from, to, STORE_FRIEND_ASKED, now_ms);
	}
}

int
store_friend_confirm(struct store_txn *t, uint64_t by, uint64_t asker, uint64_t now_ms)
{
	struct store_friend f;
	int rc = store_friend_get(t, by, asker, &f);

	if (rc != 0 || f.state == STORE_FRIEND_MUTUAL)
		return rc;
	if (f.state != STORE_FRIEND_WAITING)
		return CHQ_ENOTFRIEND;
	return both_sides_write(t, by, asker, STORE_FRIEND_MUTUAL, now_ms);
}

int
store_friend_remove(struct store_txn *t, uint64_t by, uint64_t peer)
{
	struct store_friend f;
	int rc = store_friend_get(t, by, peer, &f);

	if (rc == 0)
		rc = side_delete(t, by, peer);
	if (rc == 0)
		rc = side_delete(t, peer, by);
	if (rc == 0)
		rc = both_versions_rise(t, by, peer);
	return rc;
}

static int
friend_of_item(const struct store_iter *it, struct store_friend *out)
{
	int rc;

	if (it->key.len != STORE_FRIEND_KEY_BYTES)
		return CHQ_ECORRUPT;
	rc = store_record_unpack_friend(out, it->val.p, it->val.len);
	if (rc == 0)
		out->peer = store_key_get_account(it->key.p + STORE_ACCOUNT_KEY_BYTES);
	return rc;
}

int
store_friend_list(struct store_txn *t, uint64_t owner, uint64_t after, struct store_friend *out,
		  size_t max, size_t *n)
{
	uint8_t start[STORE_FRIEND_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (after >= STORE_ACCOUNT_ID_MAX)
		return 0;
	put_key(start, owner, after + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_FRIEND, start, sizeof(start),
			     STORE_ACCOUNT_KEY_BYTES);
	while (rc == 0 && *n < max) {
		rc = friend_of_item(&it, &out[*n]);
		if (rc == 0) {
			(*n)++;
			rc = store_iter_next(&it);
		}
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}
