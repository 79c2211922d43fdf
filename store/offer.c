#include "store/offer.h"

#include "base/err.h"
#include "store/kv.h"
#include "store/record.h"

static void
put_key(uint8_t key[STORE_DEVICE_KEY_BYTES], uint64_t account, uint8_t device)
{
	store_key_put_account(key, account);
	key[STORE_ACCOUNT_KEY_BYTES] = device;
}

int
store_offer_get(struct store_txn *t, uint64_t account, uint8_t device, struct store_offer *out)
{
	uint8_t key[STORE_DEVICE_KEY_BYTES];
	struct store_view v;
	int rc;

	put_key(key, account, device);
	rc = store_kv_get(t, STORE_TABLE_OFFER, key, sizeof(key), &v);
	return rc != 0 ? rc : store_record_unpack_offer(out, v.p, v.len);
}

int
store_offer_set(struct store_txn *t, uint64_t account, uint8_t device, const struct store_offer *o)
{
	uint8_t key[STORE_DEVICE_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];

	if (device == 0 || o->sealed_len > STORE_SEALED_MAX_BYTES)
		return CHQ_EINVAL;
	put_key(key, account, device);
	return store_kv_put(t, STORE_TABLE_OFFER, key, sizeof(key), buf,
			    store_record_pack_offer(o, buf));
}

int
store_offer_forget(struct store_txn *t, uint64_t account, uint8_t device)
{
	uint8_t key[STORE_DEVICE_KEY_BYTES];
	int rc;

	put_key(key, account, device);
	rc = store_kv_del(t, STORE_TABLE_OFFER, key, sizeof(key));
	return rc == CHQ_ENOENT ? 0 : rc;
}
