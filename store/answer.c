#include "store/answer.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/kv.h"
#include "store/record.h"

static void
put_key(uint8_t key[STORE_ANSWER_KEY_BYTES], uint64_t account, uint8_t device, uint64_t request_id)
{
	store_key_put_account(key, account);
	key[STORE_ACCOUNT_KEY_BYTES] = device;
	chq_put_be64(key + STORE_DEVICE_KEY_BYTES, request_id);
}

/* How many a device has, and the key of its oldest (when there is one). */
static int
survey(struct store_txn *t, uint64_t account, uint8_t device, unsigned *kept,
       uint8_t oldest[STORE_ANSWER_KEY_BYTES])
{
	uint8_t start[STORE_ANSWER_KEY_BYTES];
	struct store_iter it;
	int rc;

	*kept = 0;
	put_key(start, account, device, 0);
	rc = store_iter_open(&it, t, STORE_TABLE_ANSWER, start, sizeof(start),
			     STORE_DEVICE_KEY_BYTES);
	while (rc == 0) {
		if (it.key.len != STORE_ANSWER_KEY_BYTES)
			rc = CHQ_ECORRUPT;
		if (rc == 0 && *kept == 0)
			memcpy(oldest, it.key.p, STORE_ANSWER_KEY_BYTES);
		(*kept)++;
		if (rc == 0)
			rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

/* Fewer than can be kept: none was ever dropped, so what is not here was never done. */
static bool
is_expired(unsigned kept, const uint8_t *oldest, const uint8_t *key)
{
	return kept >= STORE_ANSWERS_KEPT && memcmp(key, oldest, STORE_ANSWER_KEY_BYTES) < 0;
}

static int
absent_or_expired(struct store_txn *t, uint64_t account, uint8_t device, const uint8_t *key)
{
	uint8_t oldest[STORE_ANSWER_KEY_BYTES];
	unsigned kept;
	int rc = survey(t, account, device, &kept, oldest);

	if (rc != 0)
		return rc;
	return is_expired(kept, oldest, key) ? CHQ_EEXPIRED : CHQ_ENOENT;
}

int
store_answer_get(struct store_txn *t, uint64_t account, uint8_t device, uint64_t request_id,
		 uint8_t *buf, size_t *len)
{
	uint8_t key[STORE_ANSWER_KEY_BYTES];
	const uint8_t *answer;
	size_t answer_len;
	struct store_view v;
	int rc;

	put_key(key, account, device, request_id);
	rc = store_kv_get(t, STORE_TABLE_ANSWER, key, sizeof(key), &v);
	if (rc == CHQ_ENOENT)
		return absent_or_expired(t, account, device, key);
	if (rc == 0)
		rc = store_record_unpack_answer(&answer, &answer_len, v.p, v.len);
	if (rc == 0) {
		memcpy(buf, answer, answer_len);
		*len = answer_len;
	}
	return rc;
}

int
store_answer_put(struct store_txn *t, uint64_t account, uint8_t device, uint64_t request_id,
		 const uint8_t *answer, size_t len)
{
	uint8_t key[STORE_ANSWER_KEY_BYTES];
	uint8_t oldest[STORE_ANSWER_KEY_BYTES];
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	unsigned kept;
	int rc;

	if (len > STORE_ANSWER_MAX_BYTES)
		return CHQ_EINVAL;
	rc = survey(t, account, device, &kept, oldest);
	if (rc != 0)
		return rc;
	put_key(key, account, device, request_id);
	if (is_expired(kept, oldest, key))
		return CHQ_EEXPIRED;
	rc = store_kv_add(t, STORE_TABLE_ANSWER, key, sizeof(key), buf,
			  store_record_pack_answer(answer, len, buf));
	if (rc == 0 && kept >= STORE_ANSWERS_KEPT)
		rc = store_kv_del(t, STORE_TABLE_ANSWER, oldest, sizeof(oldest));
	return rc;
}

int
store_answer_forget(struct store_txn *t, uint64_t account, uint8_t device)
{
	uint8_t oldest[STORE_ANSWER_KEY_BYTES];
	unsigned kept;
	int rc;

	do {
		rc = survey(t, account, device, &kept, oldest);
		if (rc == 0 && kept > 0)
			rc = store_kv_del(t, STORE_TABLE_ANSWER, oldest, sizeof(oldest));
	} while (rc == 0 && kept > 0);
	return rc;
}
