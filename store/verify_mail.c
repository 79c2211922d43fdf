#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/map.h"
#include "proto/frame.h"
#include "store/record.h"
#include "store/record_mail.h"
#include "store/verify_priv.h"

/* What was counted by walking, of one sender. */
struct tally {
	uint64_t account;
	uint64_t messages, bytes;
	bool met;
};

struct mail_check {
	struct check *c;
	struct chq_map senders;
	struct store_mail_sum all;
	/* The box being walked. */
	uint8_t box[MAIL_BOX_KEY_BYTES];
	struct mail_head head;
	uint64_t messages, bytes, names, last;
	bool no_memory;
};

static uint64_t
box_account(const struct mail_check *m)
{
	return store_key_get_account(m->box);
}

static void
tally_add(struct mail_check *m, uint64_t account, uint64_t bytes)
{
	struct tally *n = chq_map_get_u64(&m->senders, account);

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n || chq_map_put_u64(&m->senders, account, n) != 0) {
			free(n);
			m->no_memory = true;
			return;
		}
		n->account = account;
	}
	n->messages++;
	n->bytes += bytes;
}

static void
tally_free(struct chq_map *map)
{
	struct tally *n;

	CHQ_MAP_FOREACH(n, map)
		free(n);
	chq_map_deinit(map);
}

static void
box_end(struct mail_check *m)
{
	if (m->head.next == 0)
		return;
	if (m->head.messages != m->messages || m->head.bytes != m->bytes)
		check_fault(m->c, "counts do not fit the box", box_account(m));
	else if (m->names != m->messages)
		check_fault(m->c, "names do not fit the entries", box_account(m));
	else if (m->last >= m->head.next)
		check_fault(m->c, "number was never given", box_account(m));
}

static void
box_begin(struct mail_check *m, const struct store_iter *it)
{
	box_end(m);
	memcpy(m->box, it->key.p, sizeof(m->box));
	m->head = (struct mail_head){ .next = 0 };
	m->messages = m->bytes = m->names = m->last = 0;
	if (it->key.len != MAIL_HEAD_KEY_BYTES || it->key.p[MAIL_BOX_KEY_BYTES] != MAIL_HEAD) {
		check_fault(m->c, "box without a head", box_account(m));
		return;
	}
	if (store_record_unpack_mail_head(&m->head, it->val.p, it->val.len) != 0)
		check_fault(m->c, "damaged record", box_account(m));
}

static void
check_entry(struct mail_check *m, const struct store_iter *it)
{
	uint8_t key[MAIL_NAME_KEY_BYTES];
	struct store_mail e;
	struct store_view v;
	uint64_t number = 0;

	if (mail_of_item(it, &e) != 0) {
		check_fault(m->c, "damaged record", box_account(m));
		return;
	}
	m->messages++;
	m->bytes += e.len;
	m->last = e.number;
	m->all.messages++;
	m->all.bytes += STORE_MAIL_OVERHEAD_BYTES + e.len;
	mail_name_key(key, &e);
	if (store_kv_get(m->c->t, STORE_TABLE_MAIL, key, sizeof(key), &v) != 0 ||
	    store_record_unpack_u64(&number, v.p, v.len) != 0 || number != e.number)
		check_fault(m->c, "entry is not under its name", box_account(m));
	if (e.party)
		tally_add(m, CHQ_PARTY_ID(e.party), e.len);
}

static void
check_box_item(struct mail_check *m, const struct store_iter *it)
{
	uint8_t part = it->key.len > MAIL_BOX_KEY_BYTES ? it->key.p[MAIL_BOX_KEY_BYTES] : UINT8_MAX;

	if (it->key.len < MAIL_HEAD_KEY_BYTES) {
		check_fault(m->c, "key of a wrong length", 0);
		return;
	}
	if (memcmp(m->box, it->key.p, sizeof(m->box)) != 0) {
		m->c->out->mailboxes++;
		box_begin(m, it);
	}
	if (part == MAIL_ENTRY)
		check_entry(m, it);
	else if (part == MAIL_NAME && it->key.len == MAIL_NAME_KEY_BYTES)
		m->names++;
	else if (part != MAIL_HEAD)
		check_fault(m->c, "key of a wrong form", box_account(m));
}

static void
check_sender(struct mail_check *m, const struct store_iter *it)
{
	struct store_mail_sum s;
	struct tally *n;
	uint64_t id;

	if (it->key.len != STORE_ACCOUNT_KEY_BYTES) {
		check_fault(m->c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	n = chq_map_get_u64(&m->senders, id);
	if (store_record_unpack_mail_sum(&s, it->val.p, it->val.len) != 0)
		check_fault(m->c, "damaged record", id);
	else if (!n || n->messages != s.messages || n->bytes != s.bytes)
		check_fault(m->c, "counts do not fit what waits", id);
	if (n)
		n->met = true;
}

typedef void mail_item_fn(struct mail_check *m, const struct store_iter *it);

static int
walk(struct mail_check *m, enum store_table table, const char *name, mail_item_fn *item)
{
	struct store_iter it;
	int rc = store_iter_open(&it, m->c->t, table, "", 0, 0);

	m->c->table = name;
	while (rc == 0 && !m->no_memory) {
		item(m, &it);
		rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	if (m->no_memory)
		return CHQ_ENOMEM;
	return rc == CHQ_ENOENT ? 0 : rc;
}

/* Whose entries wait without being counted? */
static void
check_met(struct mail_check *m)
{
	struct tally *n;

	CHQ_MAP_FOREACH(n, &m->senders)
		if (!n->met)
			check_fault(m->c, "sender is not counted", n->account);
}

static int
check_all(struct mail_check *m)
{
	struct store_mail_sum s;
	int rc = walk(m, STORE_TABLE_MAIL, "mail", check_box_item);

	box_end(m);
	if (rc == 0)
		rc = walk(m, STORE_TABLE_MAILFROM, "mailfrom", check_sender);
	if (rc != 0)
		return rc;
	check_met(m);
	rc = store_mail_total(m->c->t, &s);
	if (rc == 0 && (s.messages != m->all.messages || s.bytes != m->all.bytes))
		check_fault(m->c, "the whole does not fit its parts", 0);
	m->c->out->mails = m->all.messages;
	return rc;
}

int
check_mail(struct check *c)
{
	struct mail_check m = { .c = c };
	int rc;

	chq_map_init(&m.senders);
	rc = check_all(&m);
	tally_free(&m.senders);
	return rc;
}
