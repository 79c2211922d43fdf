#include "store/mail.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/record.h"
#include "store/record_mail.h"

/* What waits under the name of @m? Return: 0 with *@number; CHQ_ENOENT; CHQ_ECORRUPT. */
static int
find_name(struct store_txn *t, const struct store_mail *m, uint64_t *number)
{
	uint8_t key[MAIL_NAME_KEY_BYTES];
	struct store_view v;
	int rc;

	mail_name_key(key, m);
	rc = store_kv_get(t, STORE_TABLE_MAIL, key, sizeof(key), &v);
	return rc != 0 ? rc : store_record_unpack_u64(number, v.p, v.len);
}

/* Return: 0: not there yet; CHQ_EEXIST with its number. */
static int
check_new(struct store_txn *t, struct store_mail *m)
{
	int rc = m->len > STORE_MAIL_PAYLOAD_MAX_BYTES ? CHQ_ETOOBIG : find_name(t, m, &m->number);

	return rc == CHQ_ENOENT ? 0 : rc == 0 ? CHQ_EEXIST : rc;
}

int
store_mail_put(struct store_txn *t, struct store_mail *m, const struct store_mail_limits *l,
	       enum store_mail_full *full)
{
	int rc = check_new(t, m);

	if (rc == 0)
		rc = store_mail_device(t, m->account, m->device);
	if (rc == 0)
		rc = mail_room_sender(t, m, l, full);
	if (rc == 0)
		rc = mail_box_add(t, m, l, full);
	if (rc == 0)
		rc = mail_count_sender(t, m->party, 1, m->len);
	return rc != 0 ? rc : mail_count_all(t, 1, m->len + STORE_MAIL_OVERHEAD_BYTES);
}

int
store_mail_next(struct store_txn *t, uint64_t account, uint8_t device, uint64_t after,
		struct store_mail *out)
{
	uint8_t key[MAIL_ENTRY_KEY_BYTES];
	struct store_iter it;
	int rc;

	if (after == UINT64_MAX)
		return CHQ_ENOENT;
	mail_entry_key(key, account, device, after + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_MAIL, key, sizeof(key), MAIL_HEAD_KEY_BYTES);
	if (rc == 0)
		rc = mail_of_item(&it, out);
	store_iter_close(&it);
	return rc;
}

int
store_mail_get(struct store_txn *t, uint64_t account, uint8_t device, uint64_t number,
	       struct store_mail *out)
{
	int rc = number ? store_mail_next(t, account, device, number - 1, out) : CHQ_ENOENT;

	return rc == 0 && out->number != number ? CHQ_ENOENT : rc;
}

/* The head without what is gone. */
static int
head_less(struct store_txn *t, const struct store_mail *m)
{
	struct mail_head h;
	int rc = mail_head_read(t, m->account, m->device, &h);

	if (rc != 0)
		return rc;
	if (h.messages == 0 || h.bytes < m->len)
		return CHQ_ECORRUPT;
	h.messages--;
	h.bytes -= m->len;
	return mail_head_write(t, m->account, m->device, &h);
}

/* Its payload is gone afterwards. */
static int
remove_entry(struct store_txn *t, const struct store_mail *m)
{
	uint8_t key[MAIL_NAME_KEY_BYTES];
	int rc;

	mail_name_key(key, m);
	rc = store_kv_del(t, STORE_TABLE_MAIL, key, sizeof(key));
	mail_entry_key(key, m->account, m->device, m->number);
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_MAIL, key, MAIL_ENTRY_KEY_BYTES);
	if (rc == CHQ_ENOENT)
		rc = CHQ_ECORRUPT;
	if (rc == 0)
		rc = head_less(t, m);
	if (rc == 0)
		rc = mail_count_sender(t, m->party, -1, -(int64_t)m->len);
	if (rc == 0)
		rc = mail_count_all(t, -1, -(int64_t)(m->len + STORE_MAIL_OVERHEAD_BYTES));
	return rc;
}

/* The first entry from @number on, as it stands. */
static int
peek(struct store_txn *t, uint64_t account, uint8_t device, uint64_t number, struct store_mail *m)
{
	uint8_t key[MAIL_ENTRY_KEY_BYTES];
	struct store_iter it;
	int rc;

	mail_entry_key(key, account, device, number);
	rc = store_iter_open(&it, t, STORE_TABLE_MAIL, key, sizeof(key), MAIL_HEAD_KEY_BYTES);
	if (rc == 0)
		rc = mail_of_item(&it, m);
	store_iter_close(&it);
	return rc;
}

int
store_mail_del(struct store_txn *t, uint64_t account, uint8_t device, uint64_t number)
{
	struct store_mail m;
	int rc = peek(t, account, device, number, &m);

	if (rc != 0)
		return rc;
	return m.number == number ? remove_entry(t, &m) : CHQ_ENOENT;
}

int
store_mail_clear(struct store_txn *t, uint64_t account, uint8_t device, uint64_t before_ms,
		 unsigned max, unsigned *cleared)
{
	struct store_mail m;

	for (unsigned n = 0; n < max; n++) {
		int rc = peek(t, account, device, 0, &m);

		if (rc == CHQ_ENOENT || (rc == 0 && m.stored_ms >= before_ms))
			return 0;
		if (rc == 0)
			rc = remove_entry(t, &m);
		if (rc != 0)
			return rc;
		++*cleared;
	}
	return CHQ_EAGAIN;
}

int
store_mail_box(struct store_txn *t, uint64_t account, uint8_t device, struct store_mail_box *out)
{
	struct store_mail m;
	struct mail_head h;
	int rc = mail_head_read(t, account, device, &h);

	if (rc != 0)
		return rc;
	*out = (struct store_mail_box){ .account = account,
					.device = device,
					.messages = h.messages,
					.bytes = h.bytes,
					.next = h.next };
	if (h.messages == 0)
		return 0;
	rc = peek(t, account, device, 0, &m);
	if (rc == 0) {
		out->first = m.number;
		out->first_ms = m.stored_ms;
	}
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

int
store_mail_boxes(struct store_txn *t, uint64_t account, uint8_t device, struct store_mail_box *out)
{
	uint8_t key[MAIL_HEAD_KEY_BYTES];
	struct store_iter it;
	uint64_t found = 0;
	uint8_t number = 0;
	int rc;

	/* Behind all parts of this one. */
	mail_head_key(key, account, device, MAIL_NAME + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_MAIL, key, sizeof(key), 0);
	if (rc == 0 && it.key.len < MAIL_HEAD_KEY_BYTES)
		rc = CHQ_ECORRUPT;
	if (rc == 0) {
		found = store_key_get_account(it.key.p);
		number = it.key.p[STORE_ACCOUNT_KEY_BYTES];
	}
	store_iter_close(&it);
	return rc != 0 ? rc : store_mail_box(t, found, number, out);
}
