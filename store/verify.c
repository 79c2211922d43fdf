#include "store/verify.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "store/account.h"
#include "store/device.h"
#include "store/friend.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/record.h"

struct check {
	struct store_txn *t;
	struct store_verify *out;
	store_fault_fn *fault;
	void *arg;
	const char *table;
	uint64_t next_account;
	/* The device whose answers are being counted. */
	uint8_t answers_of[STORE_DEVICE_KEY_BYTES];
	unsigned answers;
};

typedef void check_item_fn(struct check *c, const struct store_iter *it);

static void
fault(struct check *c, const char *what, uint64_t account)
{
	c->out->faults++;
	if (c->fault)
		c->fault(c->arg, c->table, what, account);
}

/* Does index @table lead from @key to this account and device? */
static bool
index_leads_to(struct check *c, enum store_table table, const void *key, size_t key_len,
	       uint64_t account, uint8_t number)
{
	struct store_view v;
	uint64_t to_account;
	uint8_t to_number;

	return store_kv_get(c->t, table, key, key_len, &v) == 0 &&
	       store_record_unpack_ref(&to_account, &to_number, v.p, v.len) == 0 &&
	       to_account == account && to_number == number;
}

static bool
account_exists(struct check *c, uint64_t id)
{
	struct store_account a;

	return store_account_get(c->t, id, &a) == 0;
}

static void
check_account(struct check *c, const struct store_iter *it)
{
	struct store_account a;
	uint64_t id;

	c->out->accounts++;
	if (it->key.len != STORE_ACCOUNT_KEY_BYTES) {
		fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	if (store_record_unpack_account(&a, it->val.p, it->val.len) != 0)
		fault(c, "damaged record", id);
	else if (id == 0 || id >= c->next_account)
		fault(c, "id was never given", id);
	else if (!index_leads_to(c, STORE_TABLE_LOGIN, a.login, strlen(a.login), id, 0))
		fault(c, "login name is not in the index", id);
}

static void
check_login(struct check *c, const struct store_iter *it)
{
	struct store_account a;
	uint64_t id = 0;
	uint8_t number = 0;

	if (store_record_unpack_ref(&id, &number, it->val.p, it->val.len) != 0 || number != 0)
		fault(c, "damaged record", 0);
	else if (store_account_get(c->t, id, &a) != 0)
		fault(c, "leads to no account", id);
	else if (strlen(a.login) != it->key.len || memcmp(a.login, it->key.p, it->key.len) != 0)
		fault(c, "leads to an account of another name", id);
}

static void
check_e2e(struct check *c, const struct store_iter *it)
{
	struct store_e2e e;
	uint64_t id;

	c->out->identities++;
	if (it->key.len != STORE_ACCOUNT_KEY_BYTES) {
		fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	if (store_record_unpack_e2e(&e, it->val.p, it->val.len) != 0)
		fault(c, "damaged record", id);
	else if (!account_exists(c, id))
		fault(c, "belongs to no account", id);
}

static void
check_device(struct check *c, const struct store_iter *it)
{
	struct store_device d;
	uint64_t id;
	uint8_t number;

	c->out->devices++;
	if (it->key.len != STORE_DEVICE_KEY_BYTES) {
		fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	number = it->key.p[STORE_ACCOUNT_KEY_BYTES];
	if (store_record_unpack_device(&d, it->val.p, it->val.len) != 0)
		fault(c, "damaged record", id);
	else if (!account_exists(c, id))
		fault(c, "belongs to no account", id);
	else if (!index_leads_to(c, STORE_TABLE_DEVKEY, d.noise_key, STORE_KEY_BYTES, id, number))
		fault(c, "key is not in the index", id);
}

static void
check_devkey(struct check *c, const struct store_iter *it)
{
	struct store_device d;
	uint64_t id = 0;
	uint8_t number = 0;

	if (store_record_unpack_ref(&id, &number, it->val.p, it->val.len) != 0 ||
	    it->key.len != STORE_KEY_BYTES)
		fault(c, "damaged record", 0);
	else if (store_device_get(c->t, id, number, &d) != 0)
		fault(c, "leads to no device", id);
	else if (memcmp(d.noise_key, it->key.p, STORE_KEY_BYTES) != 0)
		fault(c, "leads to a device of another key", id);
}

static bool
states_fit(enum store_friend_state mine, enum store_friend_state theirs)
{
	if (mine == STORE_FRIEND_MUTUAL)
		return theirs == STORE_FRIEND_MUTUAL;
	return mine == STORE_FRIEND_ASKED ? theirs == STORE_FRIEND_WAITING
					  : theirs == STORE_FRIEND_ASKED;
}

static void
check_friend(struct check *c, const struct store_iter *it)
{
	struct store_friend mine, theirs;
	uint64_t owner, peer;

	if (it->key.len != STORE_FRIEND_KEY_BYTES) {
		fault(c, "key of a wrong length", 0);
		return;
	}
	owner = store_key_get_account(it->key.p);
	peer = store_key_get_account(it->key.p + STORE_ACCOUNT_KEY_BYTES);
	c->out->friendships += owner < peer;
	if (store_record_unpack_friend(&mine, it->val.p, it->val.len) != 0)
		fault(c, "damaged record", owner);
	else if (!account_exists(c, owner) || owner == peer)
		fault(c, "belongs to no account", owner);
	else if (store_friend_get(c->t, peer, owner, &theirs) != 0)
		fault(c, "one-sided", owner);
	else if (!states_fit(mine.state, theirs.state))
		fault(c, "the two sides do not fit", owner);
}

static void
check_answer(struct check *c, const struct store_iter *it)
{
	const uint8_t *answer;
	size_t len;
	uint64_t id;

	c->out->answers++;
	if (it->key.len != STORE_ANSWER_KEY_BYTES) {
		fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	if (memcmp(c->answers_of, it->key.p, STORE_DEVICE_KEY_BYTES) != 0) {
		memcpy(c->answers_of, it->key.p, STORE_DEVICE_KEY_BYTES);
		c->answers = 0;
	}
	if (store_record_unpack_answer(&answer, &len, it->val.p, it->val.len) != 0)
		fault(c, "damaged record", id);
	else if (++c->answers == STORE_ANSWERS_KEPT + 1)
		fault(c, "more answers than are kept", id);
}

static int
check_table(struct check *c, enum store_table table, const char *name, check_item_fn *check)
{
	struct store_iter it;
	int rc = store_iter_open(&it, c->t, table, "", 0, 0);

	c->table = name;
	while (rc == 0) {
		check(c, &it);
		rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_verify_all(struct store_txn *t, struct store_verify *out, store_fault_fn *fault_fn, void *arg)
{
	static const struct {
		enum store_table table;
		const char *name;
		check_item_fn *check;
	} tables[] = {
		{ STORE_TABLE_ACCOUNT, "account", check_account },
		{ STORE_TABLE_LOGIN, "login", check_login },
		{ STORE_TABLE_E2E, "e2e", check_e2e },
		{ STORE_TABLE_DEVICE, "device", check_device },
		{ STORE_TABLE_DEVKEY, "devkey", check_devkey },
		{ STORE_TABLE_FRIEND, "friend", check_friend },
		{ STORE_TABLE_ANSWER, "answer", check_answer },
	};
	struct check c = { .t = t, .out = out, .fault = fault_fn, .arg = arg };
	int rc;

	*out = (struct store_verify){ .accounts = 0 };
	rc = store_meta_get(t, STORE_META_NEXT_ACCOUNT, &c.next_account);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && rc == 0; i++)
		rc = check_table(&c, tables[i].table, tables[i].name, tables[i].check);
	return rc;
}
