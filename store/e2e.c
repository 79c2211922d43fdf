#include "store/e2e.h"

#include <string.h>

#include "base/err.h"
#include "store/account.h"
#include "store/kv.h"
#include "store/record.h"

int
store_e2e_get(struct store_txn *t, uint64_t account, struct store_e2e *out)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];
	struct store_view v;
	int rc;

	store_key_put_account(key, account);
	rc = store_kv_get(t, STORE_TABLE_E2E, key, sizeof(key), &v);
	return rc != 0 ? rc : store_record_unpack_e2e(out, v.p, v.len);
}

static int
check_successor(struct store_txn *t, uint64_t account, const struct store_e2e *e)
{
	struct store_e2e old;
	int rc = store_e2e_get(t, account, &old);

	if (rc != 0)
		return rc == CHQ_ENOENT ? 0 : rc;
	if (memcmp(old.account_key, e->account_key, STORE_KEY_BYTES) != 0)
		return CHQ_EKEYCHANGED;
	return e->list_version > old.list_version ? 0 : CHQ_ESTALE;
}

int
store_e2e_set(struct store_txn *t, uint64_t account, const struct store_e2e *e)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	struct store_account a;
	int rc = e->list_len <= STORE_DEVLIST_MAX_BYTES ? 0 : CHQ_EINVAL;

	if (rc == 0)
		rc = store_account_get(t, account, &a);
	if (rc == 0)
		rc = check_successor(t, account, e);
	if (rc != 0)
		return rc;
	store_key_put_account(key, account);
	return store_kv_put(t, STORE_TABLE_E2E, key, sizeof(key), buf,
			    store_record_pack_e2e(e, buf));
}

int
store_e2e_reset(struct store_txn *t, uint64_t account)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];

	store_key_put_account(key, account);
	return store_kv_del(t, STORE_TABLE_E2E, key, sizeof(key));
}
