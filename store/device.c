#include "store/device.h"

#include <limits.h>
#include <string.h>

#include "base/err.h"
#include "store/account.h"
#include "store/answer.h"
#include "store/kv.h"
#include "store/mail.h"
#include "store/offer.h"
#include "store/record.h"
#include "store/text.h"

static void
put_key(uint8_t key[STORE_DEVICE_KEY_BYTES], uint64_t account, uint8_t number)
{
	store_key_put_account(key, account);
	key[STORE_ACCOUNT_KEY_BYTES] = number;
}

static int
device_write(struct store_txn *t, const struct store_device *d)
{
	uint8_t key[STORE_DEVICE_KEY_BYTES];
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_device(d, buf);

	put_key(key, d->account, d->number);
	return store_kv_put(t, STORE_TABLE_DEVICE, key, sizeof(key), buf, len);
}

static int
device_of_item(const struct store_iter *it, struct store_device *out)
{
	int rc;

	if (it->key.len != STORE_DEVICE_KEY_BYTES)
		return CHQ_ECORRUPT;
	rc = store_record_unpack_device(out, it->val.p, it->val.len);
	if (rc == 0) {
		out->account = store_key_get_account(it->key.p);
		out->number = it->key.p[STORE_ACCOUNT_KEY_BYTES];
	}
	return rc;
}

/* Numbers are in order, so the first gap is the lowest free one. */
static int
free_number(struct store_txn *t, uint64_t account, uint8_t *number)
{
	uint8_t start[STORE_DEVICE_KEY_BYTES];
	struct store_iter it;
	unsigned next = 1;
	int rc;

	put_key(start, account, 1);
	rc = store_iter_open(&it, t, STORE_TABLE_DEVICE, start, sizeof(start),
			     STORE_ACCOUNT_KEY_BYTES);
	while (rc == 0 && it.key.len == STORE_DEVICE_KEY_BYTES &&
	       it.key.p[STORE_ACCOUNT_KEY_BYTES] == next) {
		next++;
		rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	if (rc != 0 && rc != CHQ_ENOENT)
		return rc;
	if (next > STORE_DEVICES_MAX)
		return CHQ_ELIMIT;
	*number = (uint8_t)next;
	return 0;
}

static int
key_claim(struct store_txn *t, const struct store_device *d)
{
	uint8_t ref[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_ref(d->account, d->number, ref);

	return store_kv_add(t, STORE_TABLE_DEVKEY, d->noise_key, STORE_KEY_BYTES, ref, len);
}

int
store_device_enroll(struct store_txn *t, const struct store_device_new *new, uint8_t *number)
{
	struct store_device d = { .account = new->account,
				  .kind = new->kind,
				  .enrolled_ms = new->now_ms };
	const char *name = new->name ? new->name : "";
	struct store_account a;
	int rc = store_account_get(t, new->account, &a);

	if (rc == 0 && a.removed_ms != 0)
		rc = CHQ_ENOENT;
	if (rc == 0 && (unsigned)new->kind >= STORE_DEVICE__COUNT)
		rc = CHQ_EINVAL;
	if (rc == 0)
		rc = store_text_check(name, strlen(name), STORE_DEVICE_NAME_MAX_BYTES);
	if (rc == 0)
		rc = free_number(t, new->account, &d.number);
	if (rc != 0)
		return rc;
	memcpy(d.name, name, strlen(name) + 1);
	memcpy(d.noise_key, new->noise_key, STORE_KEY_BYTES);
	rc = key_claim(t, &d);
	if (rc == 0)
		rc = device_write(t, &d);
	if (rc == 0)
		*number = d.number;
	return rc;
}

int
store_device_get(struct store_txn *t, uint64_t account, uint8_t number, struct store_device *out)
{
	uint8_t key[STORE_DEVICE_KEY_BYTES];
	struct store_view v;
	int rc;

	put_key(key, account, number);
	rc = store_kv_get(t, STORE_TABLE_DEVICE, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_device(out, v.p, v.len);
	if (rc == 0) {
		out->account = account;
		out->number = number;
	}
	return rc;
}

int
store_device_find(struct store_txn *t, const uint8_t noise_key[STORE_KEY_BYTES],
		  struct store_device *out)
{
	struct store_view v;
	uint64_t account;
	uint8_t number;
	int rc = store_kv_get(t, STORE_TABLE_DEVKEY, noise_key, STORE_KEY_BYTES, &v);

	if (rc == 0)
		rc = store_record_unpack_ref(&account, &number, v.p, v.len);
	if (rc != 0)
		return rc;
	rc = store_device_get(t, account, number, out);
	if (rc != 0)
		return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
	if (memcmp(out->noise_key, noise_key, STORE_KEY_BYTES) != 0)
		return CHQ_ECORRUPT;
	return out->revoked ? CHQ_EDENIED : 0;
}

int
store_device_list(struct store_txn *t, uint64_t account, uint8_t after, struct store_device *out,
		  size_t max, size_t *n)
{
	uint8_t start[STORE_DEVICE_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (after == STORE_DEVICES_MAX)
		return 0;
	put_key(start, account, (uint8_t)(after + 1));
	rc = store_iter_open(&it, t, STORE_TABLE_DEVICE, start, sizeof(start),
			     STORE_ACCOUNT_KEY_BYTES);
	while (rc == 0 && *n < max) {
		rc = device_of_item(&it, &out[*n]);
		if (rc == 0) {
			(*n)++;
			rc = store_iter_next(&it);
		}
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

/* For changes that a tombstone refuses. */
static int
get_live(struct store_txn *t, uint64_t account, uint8_t number, struct store_device *out)
{
	int rc = store_device_get(t, account, number, out);

	return rc == 0 && out->revoked ? CHQ_EDENIED : rc;
}

int
store_device_seen(struct store_txn *t, uint64_t account, uint8_t number, uint64_t now_ms)
{
	struct store_device d;
	int rc = get_live(t, account, number, &d);

	if (rc != 0)
		return rc;
	d.last_seen_ms = now_ms;
	return device_write(t, &d);
}

int
store_device_set_prekey(struct store_txn *t, uint64_t account, uint8_t number,
			const uint8_t *prekey, size_t prekey_len)
{
	struct store_device d;
	int rc = get_live(t, account, number, &d);

	if (rc == 0 && prekey_len > STORE_PREKEY_MAX_BYTES)
		rc = CHQ_EINVAL;
	if (rc != 0)
		return rc;
	memcpy(d.prekey, prekey, prekey_len);
	d.prekey_len = (uint16_t)prekey_len;
	return device_write(t, &d);
}

int
store_device_revoke(struct store_txn *t, uint64_t account, uint8_t number)
{
	struct store_device d;
	int rc = store_device_get(t, account, number, &d);

	if (rc != 0 || d.revoked)
		return rc;
	d.revoked = true;
	d.prekey_len = 0;
	return device_write(t, &d);
}

int
store_device_forget(struct store_txn *t, uint64_t account, uint8_t number)
{
	uint8_t key[STORE_DEVICE_KEY_BYTES];
	struct store_device d;
	unsigned cleared = 0;
	int rc = store_device_get(t, account, number, &d);

	if (rc != 0)
		return rc;
	if (!d.revoked)
		return CHQ_EBUSY;
	/* Whoever gets the number next has no part in what waits. */
	rc = store_mail_clear(t, account, number, UINT64_MAX, UINT_MAX, &cleared);
	if (rc != 0)
		return rc;
	put_key(key, account, number);
	rc = store_kv_del(t, STORE_TABLE_DEVKEY, d.noise_key, STORE_KEY_BYTES);
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_DEVICE, key, sizeof(key));
	if (rc == 0)
		rc = store_offer_forget(t, account, number);
	if (rc == 0)
		rc = store_answer_forget(t, account, number);
	return rc;
}
