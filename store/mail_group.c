#include <string.h>

#include "base/err.h"
#include "store/device.h"
#include "store/record.h"
#include "store/record_mail.h"

/* Frames to groups: one copy for all boxes. */

static int
refs_read(struct store_txn *t, uint32_t group, uint32_t order, struct mail_refs *out)
{
	uint8_t key[STORE_MAILGROUP_KEY_BYTES];
	struct store_view v;
	int rc;

	mail_group_key(key, group, order, MAIL_GROUP_REFS);
	rc = store_kv_get(t, STORE_TABLE_MAILGROUP, key, sizeof(key), &v);
	return rc != 0 ? rc : store_record_unpack_mail_refs(out, v.p, v.len);
}

static int
refs_write(struct store_txn *t, uint32_t group, uint32_t order, const struct mail_refs *r)
{
	uint8_t key[STORE_MAILGROUP_KEY_BYTES], buf[64];

	mail_group_key(key, group, order, MAIL_GROUP_REFS);
	return store_kv_put(t, STORE_TABLE_MAILGROUP, key, sizeof(key), buf,
			    store_record_pack_mail_refs(r, buf));
}

/* The frame as stored; payload in the database. */
static int
frame_read(struct store_txn *t, uint32_t group, uint32_t order, struct store_mail *out)
{
	uint8_t key[STORE_MAILGROUP_KEY_BYTES];
	struct store_view v;
	int rc;

	mail_group_key(key, group, order, MAIL_GROUP_FRAME);
	rc = store_kv_get(t, STORE_TABLE_MAILGROUP, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_mail(out, v.p, v.len);
	if (rc == 0 && out->group != 0)
		rc = CHQ_ECORRUPT;
	if (rc == 0) {
		out->group = group;
		out->order = order;
	}
	return rc;
}

static int
frame_write(struct store_txn *t, const struct store_mail *m)
{
	uint8_t key[STORE_MAILGROUP_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	int rc;

	mail_group_key(key, m->group, m->order, MAIL_GROUP_FRAME);
	rc = store_kv_put(t, STORE_TABLE_MAILGROUP, key, sizeof(key), buf,
			  store_record_pack_mail(m, buf));
	if (rc == 0)
		rc = mail_count_sender(t, m->party, 1, m->len);
	return rc != 0 ? rc : mail_count_all(t, 0, m->len);
}

static int
frame_delete(struct store_txn *t, uint32_t group, uint32_t order)
{
	uint8_t key[STORE_MAILGROUP_KEY_BYTES];
	struct store_mail m;
	int rc = frame_read(t, group, order, &m);

	if (rc != 0)
		return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
	mail_group_key(key, group, order, MAIL_GROUP_FRAME);
	rc = store_kv_del(t, STORE_TABLE_MAILGROUP, key, sizeof(key));
	mail_group_key(key, group, order, MAIL_GROUP_REFS);
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_MAILGROUP, key, sizeof(key));
	if (rc == 0)
		rc = mail_count_sender(t, m.party, -1, -(int64_t)m.len);
	return rc != 0 ? rc : mail_count_all(t, 0, -(int64_t)m.len);
}

int
mail_group_unref(struct store_txn *t, uint32_t group, uint32_t order)
{
	struct mail_refs r;
	int rc = refs_read(t, group, order, &r);

	if (rc != 0)
		return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
	if (--r.refs > 0)
		return refs_write(t, group, order, &r);
	return frame_delete(t, group, order);
}

int
mail_group_frame(struct store_txn *t, struct store_mail *m)
{
	struct store_mail shared;
	int rc = frame_read(t, m->group, m->order, &shared);

	if (rc != 0)
		return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
	if (shared.len != m->len)
		return CHQ_ECORRUPT;
	shared.account = m->account;
	shared.device = m->device;
	shared.number = m->number;
	shared.stored_ms = m->stored_ms;
	*m = shared;
	return 0;
}

/* A reference for a box that has room: the frame is there afterwards. */
static int
reference(struct store_txn *t, const struct store_mail *m, const struct store_mail_limits *l,
	  enum store_mail_full *full)
{
	struct mail_refs r = { .refs = 0 };
	int rc = refs_read(t, m->group, m->order, &r);

	if (rc == CHQ_ENOENT) {
		rc = l ? mail_room_sender(t, m, l, full) : 0;
		if (rc == 0)
			rc = frame_write(t, m);
	}
	if (rc != 0)
		return rc;
	r.refs++;
	r.held |= l == NULL;
	return refs_write(t, m->group, m->order, &r);
}

/* Has the box room? Asked before anything is written. */
static int
box_room(struct store_txn *t, const struct store_mail *m, const struct store_mail_limits *l,
	 enum store_mail_full *full)
{
	struct mail_head h;
	int rc = mail_head_read(t, m->account, m->device, &h);

	if (rc == 0 && ((l->messages && h.messages >= l->messages) ||
			(l->bytes && h.bytes + m->len > l->bytes))) {
		*full = STORE_MAIL_BOX_FULL;
		rc = CHQ_ELIMIT;
	}
	return rc;
}

/* Return: 0: it has it now; CHQ_EEXIST: it had; else as store_mail_group(). */
static int
group_device(struct store_txn *t, struct store_mail *m, const struct store_mail_limits *l,
	     enum store_mail_full *full)
{
	int rc = store_mail_find_group(t, m->account, m->device, m->group, m->order, &m->number);

	if (rc != CHQ_ENOENT)
		return rc == 0 ? CHQ_EEXIST : rc;
	rc = store_mail_device(t, m->account, m->device);
	if (rc == 0)
		rc = box_room(t, m, l, full);
	if (rc == 0)
		rc = reference(t, m, l, full);
	if (rc == 0)
		rc = mail_box_add(t, m, l, full);
	return rc != 0 ? rc : mail_count_all(t, 1, STORE_MAIL_OVERHEAD_BYTES);
}

/* Every device that is enrolled. */
static int
group_devices(struct store_txn *t, struct store_mail *m, const struct store_mail_limits *l,
	      unsigned *boxes, enum store_mail_full *full)
{
	struct store_device d;
	uint8_t after = 0;
	int rc = 0;
	size_t n;

	do {
		n = 0;
		rc = store_device_list(t, m->account, after, &d, 1, &n);
		if (rc != 0 || n == 0)
			return rc;
		after = m->device = d.number;
		rc = d.revoked ? CHQ_EEXIST : group_device(t, m, l, full);
		*boxes += rc == 0;
	} while (rc == 0 || rc == CHQ_EEXIST || (rc == CHQ_ELIMIT && *full == STORE_MAIL_BOX_FULL));
	return rc;
}

int
store_mail_group(struct store_txn *t, struct store_mail *m, const struct store_mail_limits *l,
		 unsigned *boxes, enum store_mail_full *full)
{
	unsigned none;
	int rc;

	if (m->len > STORE_MAIL_PAYLOAD_MAX_BYTES)
		return CHQ_ETOOBIG;
	if (m->device == 0) {
		rc = group_devices(t, m, l, boxes ? boxes : &none, full);
		m->device = 0;
		return rc;
	}
	rc = group_device(t, m, l, full);
	if (rc == 0 && boxes)
		++*boxes;
	return rc == CHQ_EEXIST ? 0 : rc;
}

int
store_mail_hold(struct store_txn *t, const struct store_mail *m)
{
	struct mail_refs r;
	int rc = m->len > STORE_MAIL_PAYLOAD_MAX_BYTES ? CHQ_ETOOBIG
						       : refs_read(t, m->group, m->order, &r);

	if (rc == 0 && r.held)
		return CHQ_EEXIST;
	return rc == 0 || rc == CHQ_ENOENT ? reference(t, m, NULL, NULL) : rc;
}

int
store_mail_release(struct store_txn *t, uint32_t group, uint32_t order)
{
	struct mail_refs r;
	int rc = refs_read(t, group, order, &r);

	if (rc == 0 && !r.held)
		return CHQ_ENOENT;
	if (rc == 0) {
		r.held = false;
		rc = refs_write(t, group, order, &r);
	}
	return rc != 0 ? rc : mail_group_unref(t, group, order);
}

int
store_mail_held(struct store_txn *t, uint32_t group, uint32_t order, struct store_mail *out)
{
	struct mail_refs r;
	int rc = refs_read(t, group, order, &r);

	if (rc != 0)
		return rc;
	return r.held ? frame_read(t, group, order, out) : CHQ_ENOENT;
}
