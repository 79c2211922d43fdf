#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/group.h"
#include "store/group_record.h"
#include "store/kv.h"
#include "store/record.h"

/* What is said in a group, by order; by sender and message, so that nothing is said twice; and how far each
 * device has heard it. */

enum { PRUNED_AT_ONCE = 4 };

static int
sent_find(struct store_txn *t, uint32_t group, uint64_t from, uint64_t message, uint32_t *order)
{
	uint8_t key[STORE_GROUP_SENT_KEY_BYTES];
	struct store_view v;
	uint64_t n = 0;
	int rc;

	store_key_put_group_sent(key, group, from, message);
	rc = store_kv_get(t, STORE_TABLE_GROUPSENT, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_u64(&n, v.p, v.len);
	*order = (uint32_t)n;
	return rc;
}

int
store_group_frame_get(struct store_txn *t, uint32_t group, uint32_t order,
		      struct store_group_frame *out)
{
	uint8_t key[STORE_GROUP_LOG_KEY_BYTES];
	struct store_view v;
	int rc;

	store_key_put_group_log(key, group, order);
	rc = store_kv_get(t, STORE_TABLE_GROUPLOG, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_group_frame(out, v.p, v.len);
	if (rc == 0) {
		out->group = group;
		out->order = order;
	}
	return rc;
}

int
store_group_first(struct store_txn *t, const struct store_group *g, uint32_t *order)
{
	uint8_t start[STORE_GROUP_KEY_BYTES];
	struct store_iter it;
	int rc;

	*order = g->order + 1;
	store_key_put_u32(start, g->id);
	rc = store_iter_open(&it, t, STORE_TABLE_GROUPLOG, start, sizeof(start), sizeof(start));
	if (rc == 0 && it.key.len != STORE_GROUP_LOG_KEY_BYTES)
		rc = CHQ_ECORRUPT;
	if (rc == 0)
		*order = store_key_get_u32(it.key.p + STORE_GROUP_KEY_BYTES);
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

static int
frame_drop(struct store_txn *t, const struct store_group_frame *f)
{
	uint8_t key[STORE_GROUP_LOG_KEY_BYTES], sent[STORE_GROUP_SENT_KEY_BYTES];
	int rc;

	store_key_put_group_sent(sent, f->group, f->from, f->message);
	store_key_put_group_log(key, f->group, f->order);
	rc = store_kv_del(t, STORE_TABLE_GROUPLOG, key, sizeof(key));
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_GROUPSENT, sent, sizeof(sent));
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

/* A few of those that are too many or too old: each new frame makes room for more than itself. */
static int
prune(struct store_txn *t, const struct store_group *g, const struct store_group_keep *keep)
{
	struct store_group_frame f;
	uint32_t first;
	int rc = store_group_first(t, g, &first);

	for (unsigned i = 0; rc == 0 && i < PRUNED_AT_ONCE && first < g->order; i++, first++) {
		rc = store_group_frame_get(t, g->id, first, &f);
		if (rc == 0 && g->order - first < keep->frames &&
		    f.at_ms + keep->age_ms >= g->last_ms)
			return 0;
		rc = rc == 0 ? frame_drop(t, &f) : rc;
	}
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

static int
frame_put(struct store_txn *t, const struct store_group_frame *f)
{
	uint8_t key[STORE_GROUP_LOG_KEY_BYTES], sent[STORE_GROUP_SENT_KEY_BYTES];
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_group_frame(f, buf);
	int rc;

	store_key_put_group_log(key, f->group, f->order);
	rc = store_kv_put(t, STORE_TABLE_GROUPLOG, key, sizeof(key), buf, len);
	if (rc != 0)
		return rc;
	len = store_record_pack_u64(f->order, buf);
	store_key_put_group_sent(sent, f->group, f->from, f->message);
	return store_kv_put(t, STORE_TABLE_GROUPSENT, sent, sizeof(sent), buf, len);
}

int
store_group_post(struct store_txn *t, struct store_group_frame *f,
		 const struct store_group_keep *keep, uint64_t now_ms, bool *again)
{
	struct store_group g;
	int rc;

	if (f->len > STORE_GROUP_PAYLOAD_MAX)
		return CHQ_ETOOBIG;
	rc = sent_find(t, f->group, f->from, f->message, &f->order);
	*again = rc == 0;
	if (rc != CHQ_ENOENT)
		return rc;
	rc = store_group_get(t, f->group, &g);
	if (rc == 0 && g.order == UINT32_MAX)
		rc = CHQ_EFULL;
	if (rc != 0)
		return rc;
	if (g.created_ms == 0)
		g.created_ms = g.changed_ms = now_ms;
	if (now_ms > g.last_ms)
		g.last_ms = now_ms;
	f->order = ++g.order;
	f->at_ms = g.last_ms;
	rc = frame_put(t, f);
	if (rc == 0)
		rc = store_group_write(t, &g);
	return rc == 0 ? prune(t, &g, keep) : rc;
}

int
store_group_floor(struct store_txn *t, const struct store_group *g, uint64_t since_ms,
		  uint32_t history, uint32_t *after)
{
	uint32_t first, low, high = g->order + 1;
	int rc = store_group_first(t, g, &first);

	/* The first that is not older lies in [low, high]. */
	for (low = first; rc == 0 && low < high;) {
		struct store_group_frame f;
		uint32_t mid = low + (high - low) / 2;

		rc = store_group_frame_get(t, g->id, mid, &f);
		if (rc == 0 && f.at_ms >= since_ms)
			high = mid;
		else
			low = mid + 1;
	}
	if (rc != 0)
		return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
	*after = low - first > history ? low - 1 - history : first - 1;
	return 0;
}

int
store_group_cursor_get(struct store_txn *t, uint32_t group, uint64_t account, uint8_t device,
		       uint32_t *order)
{
	uint8_t key[STORE_GROUP_AT_KEY_BYTES];
	struct store_view v;
	uint64_t n = 0;
	int rc;

	store_key_put_group_at(key, group, account, device);
	rc = store_kv_get(t, STORE_TABLE_GROUPAT, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_u64(&n, v.p, v.len);
	*order = (uint32_t)n;
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_group_cursor_set(struct store_txn *t, uint32_t group, uint64_t account, uint8_t device,
		       uint32_t order)
{
	uint8_t key[STORE_GROUP_AT_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	struct store_group g;
	uint32_t was;
	int rc = store_group_get(t, group, &g);

	if (rc != 0)
		return rc == CHQ_ENOENT ? 0 : rc;
	rc = store_group_cursor_get(t, group, account, device, &was);
	if (rc != 0 || order <= was || order > g.order)
		return rc;
	store_key_put_group_at(key, group, account, device);
	return store_kv_put(t, STORE_TABLE_GROUPAT, key, sizeof(key), buf,
			    store_record_pack_u64(order, buf));
}
