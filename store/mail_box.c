#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/frame.h"
#include "store/device.h"
#include "store/meta.h"
#include "store/record.h"
#include "store/record_mail.h"

/* Keys, heads and sums of mailboxes, and an entry's way into its box. */

void
mail_head_key(uint8_t key[MAIL_HEAD_KEY_BYTES], uint64_t account, uint8_t device,
	      enum mail_part part)
{
	store_key_put_account(key, account);
	key[STORE_ACCOUNT_KEY_BYTES] = device;
	key[MAIL_BOX_KEY_BYTES] = (uint8_t)part;
}

void
mail_entry_key(uint8_t key[MAIL_ENTRY_KEY_BYTES], uint64_t account, uint8_t device, uint64_t number)
{
	mail_head_key(key, account, device, MAIL_ENTRY);
	chq_put_be64(key + MAIL_HEAD_KEY_BYTES, number);
}

void
mail_name_key(uint8_t key[MAIL_NAME_KEY_BYTES], const struct store_mail *m)
{
	mail_head_key(key, m->account, m->device, MAIL_NAME);
	chq_put_be64(key + MAIL_HEAD_KEY_BYTES, m->party);
	chq_put_be64(key + MAIL_HEAD_KEY_BYTES + 8, m->message);
}

int
mail_head_read(struct store_txn *t, uint64_t account, uint8_t device, struct mail_head *h)
{
	uint8_t key[MAIL_HEAD_KEY_BYTES];
	struct store_view v;
	int rc;

	mail_head_key(key, account, device, MAIL_HEAD);
	rc = store_kv_get(t, STORE_TABLE_MAIL, key, sizeof(key), &v);
	if (rc == 0)
		return store_record_unpack_mail_head(h, v.p, v.len);
	if (rc == CHQ_ENOENT) {
		*h = (struct mail_head){ .next = 1 };
		rc = 0;
	}
	return rc;
}

int
mail_head_write(struct store_txn *t, uint64_t account, uint8_t device, const struct mail_head *h)
{
	uint8_t key[MAIL_HEAD_KEY_BYTES], buf[64];
	size_t len = store_record_pack_mail_head(h, buf);

	mail_head_key(key, account, device, MAIL_HEAD);
	return store_kv_put(t, STORE_TABLE_MAIL, key, sizeof(key), buf, len);
}

int
mail_of_item(const struct store_iter *it, struct store_mail *m)
{
	int rc;

	if (it->key.len != MAIL_ENTRY_KEY_BYTES)
		return CHQ_ECORRUPT;
	rc = store_record_unpack_mail(m, it->val.p, it->val.len);
	if (rc == 0) {
		m->account = store_key_get_account(it->key.p);
		m->device = it->key.p[STORE_ACCOUNT_KEY_BYTES];
		m->number = chq_get_be64(it->key.p + MAIL_HEAD_KEY_BYTES);
	}
	return rc;
}

int
store_mail_device(struct store_txn *t, uint64_t account, uint8_t device)
{
	struct store_device d;
	int rc = store_device_get(t, account, device, &d);

	return rc == 0 && d.revoked ? CHQ_ENOENT : rc;
}

int
store_mail_sent(struct store_txn *t, uint64_t account, struct store_mail_sum *out)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];
	struct store_view v;
	int rc;

	store_key_put_account(key, account);
	rc = store_kv_get(t, STORE_TABLE_MAILFROM, key, sizeof(key), &v);
	if (rc == 0)
		return store_record_unpack_mail_sum(out, v.p, v.len);
	*out = (struct store_mail_sum){ .messages = 0 };
	return rc == CHQ_ENOENT ? 0 : rc;
}

/* Nothing may become less than nothing: then a count was wrong before. */
static int
sum_add(struct store_mail_sum *s, int64_t messages, int64_t bytes)
{
	if ((messages < 0 && s->messages < (uint64_t)-messages) ||
	    (bytes < 0 && s->bytes < (uint64_t)-bytes))
		return CHQ_ECORRUPT;
	s->messages += (uint64_t)messages;
	s->bytes += (uint64_t)bytes;
	return 0;
}

int
mail_count_sender(struct store_txn *t, uint64_t party, int64_t messages, int64_t bytes)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES], buf[64];
	struct store_mail_sum s;
	int rc;

	if (party == 0)
		return 0;
	rc = store_mail_sent(t, CHQ_PARTY_ID(party), &s);
	if (rc == 0)
		rc = sum_add(&s, messages, bytes);
	if (rc != 0)
		return rc;
	store_key_put_account(key, CHQ_PARTY_ID(party));
	if (s.messages == 0 && s.bytes == 0)
		return store_kv_del(t, STORE_TABLE_MAILFROM, key, sizeof(key));
	return store_kv_put(t, STORE_TABLE_MAILFROM, key, sizeof(key), buf,
			    store_record_pack_mail_sum(&s, buf));
}

static int
total_get(struct store_txn *t, enum store_meta what, uint64_t *out)
{
	int rc = store_meta_get(t, what, out);

	if (rc == CHQ_ENOENT) {
		*out = 0;
		rc = 0;
	}
	return rc;
}

int
store_mail_total(struct store_txn *t, struct store_mail_sum *out)
{
	int rc = total_get(t, STORE_META_MAIL_MESSAGES, &out->messages);

	return rc != 0 ? rc : total_get(t, STORE_META_MAIL_BYTES, &out->bytes);
}

int
mail_count_all(struct store_txn *t, int64_t messages, int64_t bytes)
{
	struct store_mail_sum s;
	int rc = store_mail_total(t, &s);

	if (rc == 0)
		rc = sum_add(&s, messages, bytes);
	if (rc == 0)
		rc = store_meta_set(t, STORE_META_MAIL_MESSAGES, s.messages);
	return rc != 0 ? rc : store_meta_set(t, STORE_META_MAIL_BYTES, s.bytes);
}

static bool
over(uint64_t limit, uint64_t used, uint64_t more)
{
	return limit != 0 && (used >= limit || limit - used < more);
}

int
mail_room_sender(struct store_txn *t, const struct store_mail *m, const struct store_mail_limits *l,
		 enum store_mail_full *full)
{
	struct store_mail_sum s;
	int rc = store_mail_total(t, &s);

	if (rc == 0 && over(l->total_bytes, s.bytes, m->len + STORE_MAIL_OVERHEAD_BYTES)) {
		*full = STORE_MAIL_ALL_FULL;
		return CHQ_ELIMIT;
	}
	if (rc != 0 || m->party == 0)
		return rc;
	rc = store_mail_sent(t, CHQ_PARTY_ID(m->party), &s);
	if (rc == 0 && over(l->sender_messages, s.messages, 1)) {
		*full = STORE_MAIL_SENDER_FULL;
		return CHQ_ELIMIT;
	}
	return rc;
}

static int
entry_write(struct store_txn *t, const struct store_mail *m)
{
	uint8_t key[MAIL_NAME_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_mail(m, buf);
	int rc;

	mail_entry_key(key, m->account, m->device, m->number);
	rc = store_kv_add(t, STORE_TABLE_MAIL, key, MAIL_ENTRY_KEY_BYTES, buf, len);
	if (rc != 0)
		return rc == CHQ_EEXIST ? CHQ_ECORRUPT : rc;
	mail_name_key(key, m);
	return store_kv_put(t, STORE_TABLE_MAIL, key, sizeof(key), buf,
			    store_record_pack_u64(m->number, buf));
}

int
mail_box_add(struct store_txn *t, struct store_mail *m, const struct store_mail_limits *l,
	     enum store_mail_full *full)
{
	struct mail_head h;
	int rc = mail_head_read(t, m->account, m->device, &h);

	if (rc != 0)
		return rc;
	if (over(l->messages, h.messages, 1) || over(l->bytes, h.bytes, m->len)) {
		*full = STORE_MAIL_BOX_FULL;
		return CHQ_ELIMIT;
	}
	m->number = h.next++;
	h.messages++;
	h.bytes += m->len;
	rc = entry_write(t, m);
	return rc != 0 ? rc : mail_head_write(t, m->account, m->device, &h);
}
