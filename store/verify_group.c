#include "store/verify_group.h"

#include <stdbool.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/group.h"
#include "store/group_record.h"
#include "store/kv.h"
#include "store/record.h"

struct look {
	struct store_txn *t;
	struct store_verify *out;
	store_fault_fn *fault;
	void *arg;
	const char *table;
	/* The log being walked. */
	uint32_t group, order;
};

typedef void look_fn(struct look *l, const struct store_iter *it);

static void
fault(struct look *l, const char *what, uint64_t id)
{
	l->out->faults++;
	if (l->fault)
		l->fault(l->arg, l->table, what, id);
}

static bool
key_fits(struct look *l, const struct store_iter *it, size_t len)
{
	if (it->key.len == len)
		return true;
	fault(l, "key of a wrong length", 0);
	return false;
}

static bool
account_exists(struct look *l, uint64_t id)
{
	struct store_account a;

	return store_account_get(l->t, id, &a) == 0;
}

static bool
number_is(struct look *l, enum store_table table, const void *key, size_t len, uint64_t want)
{
	struct store_view v;
	uint64_t n;

	return store_kv_get(l->t, table, key, len, &v) == 0 &&
	       store_record_unpack_u64(&n, v.p, v.len) == 0 && n == want;
}

static uint32_t
members_of(struct look *l, uint32_t id)
{
	uint8_t start[STORE_GROUP_KEY_BYTES];
	struct store_iter it;
	uint32_t n = 0;
	int rc;

	store_key_put_u32(start, id);
	rc = store_iter_open(&it, l->t, STORE_TABLE_GROUPMEMBER, start, sizeof(start),
			     sizeof(start));
	for (; rc == 0; rc = store_iter_next(&it))
		n++;
	store_iter_close(&it);
	return n;
}

static bool
name_leads_to(struct look *l, const char *name, uint32_t id)
{
	struct store_view v;
	uint8_t number;
	uint64_t to;

	return store_kv_get(l->t, STORE_TABLE_GROUPNAME, name, strlen(name), &v) == 0 &&
	       store_record_unpack_ref(&to, &number, v.p, v.len) == 0 && to == id;
}

static void
look_group(struct look *l, const struct store_iter *it)
{
	struct store_group g;
	struct store_group_frame f;
	struct store_dept d;
	uint32_t id;

	l->out->groups++;
	if (!key_fits(l, it, STORE_GROUP_KEY_BYTES))
		return;
	id = store_key_get_u32(it->key.p);
	if (store_record_unpack_group(&g, it->val.p, it->val.len) != 0)
		fault(l, "damaged record", id);
	else if (!store_group_by_hand(id) && store_dept_get(l->t, id, &d) != 0)
		fault(l, "belongs to no department", id);
	else if (store_group_by_hand(id) && !name_leads_to(l, g.name, id))
		fault(l, "name is not in the index", id);
	else if (members_of(l, id) != g.members)
		fault(l, "has another number of members", id);
	else if (g.order && store_group_frame_get(l->t, id, g.order, &f) != 0)
		fault(l, "last frame is not there", id);
}

static void
look_name(struct look *l, const struct store_iter *it)
{
	struct store_group g;
	uint64_t id = 0;
	uint8_t number = 0;

	if (store_record_unpack_ref(&id, &number, it->val.p, it->val.len) != 0 || id > UINT32_MAX ||
	    !store_group_by_hand((uint32_t)id))
		fault(l, "damaged record", 0);
	else if (store_group_get(l->t, (uint32_t)id, &g) != 0)
		fault(l, "leads to no group", id);
	else if (strlen(g.name) != it->key.len || memcmp(g.name, it->key.p, it->key.len) != 0)
		fault(l, "leads to a group of another name", id);
}

/* The same membership in the other table, whose key is its two parts in the other order. */
static bool
other_side_same(struct look *l, enum store_table other, const struct store_iter *it, size_t first)
{
	uint8_t key[STORE_GROUP_MEMBER_KEY_BYTES];
	struct store_view v;

	memcpy(key, it->key.p + first, sizeof(key) - first);
	memcpy(key + sizeof(key) - first, it->key.p, first);
	return store_kv_get(l->t, other, key, sizeof(key), &v) == 0 && v.len == it->val.len &&
	       memcmp(v.p, it->val.p, v.len) == 0;
}

static void
look_member(struct look *l, const struct store_iter *it)
{
	struct store_group_member m;
	struct store_group g;
	uint64_t account;
	uint32_t group;

	if (!key_fits(l, it, STORE_GROUP_MEMBER_KEY_BYTES))
		return;
	group = store_key_get_u32(it->key.p);
	account = store_key_get_account(it->key.p + STORE_GROUP_KEY_BYTES);
	if (store_record_unpack_group_member(&m, it->val.p, it->val.len) != 0)
		fault(l, "damaged record", account);
	else if (!account_exists(l, account))
		fault(l, "belongs to no account", account);
	else if (!store_group_by_hand(group) || store_group_get(l->t, group, &g) != 0)
		fault(l, "belongs to no group", account);
	else if (!other_side_same(l, STORE_TABLE_GROUPOF, it, STORE_GROUP_KEY_BYTES))
		fault(l, "the two sides do not fit", account);
}

static void
look_of(struct look *l, const struct store_iter *it)
{
	if (key_fits(l, it, STORE_GROUP_MEMBER_KEY_BYTES) &&
	    !other_side_same(l, STORE_TABLE_GROUPMEMBER, it, STORE_ACCOUNT_KEY_BYTES))
		fault(l, "the two sides do not fit", store_key_get_account(it->key.p));
}

static void
look_frame(struct look *l, const struct store_iter *it)
{
	uint8_t sent[STORE_GROUP_SENT_KEY_BYTES];
	struct store_group_frame f;
	struct store_group g;
	uint32_t group, order;

	l->out->group_frames++;
	if (!key_fits(l, it, STORE_GROUP_LOG_KEY_BYTES))
		return;
	group = store_key_get_u32(it->key.p);
	order = store_key_get_u32(it->key.p + STORE_GROUP_KEY_BYTES);
	if (store_record_unpack_group_frame(&f, it->val.p, it->val.len) != 0) {
		fault(l, "damaged record", group);
		return;
	}
	store_key_put_group_sent(sent, group, f.from, f.message);
	if (store_group_get(l->t, group, &g) != 0 || order == 0 || order > g.order)
		fault(l, "was never said", group);
	else if (l->group == group && order != l->order + 1)
		fault(l, "has a hole before it", group);
	else if (!number_is(l, STORE_TABLE_GROUPSENT, sent, sizeof(sent), order))
		fault(l, "is not in the index", group);
	l->group = group;
	l->order = order;
}

static void
look_sent(struct look *l, const struct store_iter *it)
{
	uint8_t sent[STORE_GROUP_SENT_KEY_BYTES];
	struct store_group_frame f;
	uint64_t order;
	uint32_t group;

	if (!key_fits(l, it, STORE_GROUP_SENT_KEY_BYTES))
		return;
	group = store_key_get_u32(it->key.p);
	if (store_record_unpack_u64(&order, it->val.p, it->val.len) != 0) {
		fault(l, "damaged record", group);
		return;
	}
	if (order > UINT32_MAX || store_group_frame_get(l->t, group, (uint32_t)order, &f) != 0) {
		fault(l, "leads to no frame", group);
		return;
	}
	store_key_put_group_sent(sent, group, f.from, f.message);
	if (memcmp(sent, it->key.p, sizeof(sent)) != 0)
		fault(l, "leads to another frame", group);
}

static void
look_cursor(struct look *l, const struct store_iter *it)
{
	struct store_group g;
	uint64_t order;
	uint32_t group;

	if (!key_fits(l, it, STORE_GROUP_AT_KEY_BYTES))
		return;
	group = store_key_get_u32(it->key.p);
	if (store_record_unpack_u64(&order, it->val.p, it->val.len) != 0)
		fault(l, "damaged record", group);
	else if (store_group_get(l->t, group, &g) != 0)
		fault(l, "belongs to no group", group);
	else if (order > g.order)
		fault(l, "is ahead of its group", group);
}

static int
look_table(struct look *l, enum store_table table, const char *name, look_fn *look)
{
	struct store_iter it;
	int rc = store_iter_open(&it, l->t, table, "", 0, 0);

	l->table = name;
	while (rc == 0) {
		look(l, &it);
		rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_verify_groups(struct store_txn *t, struct store_verify *out, store_fault_fn *fault_fn,
		    void *arg)
{
	static const struct {
		enum store_table table;
		const char *name;
		look_fn *look;
	} tables[] = {
		{ STORE_TABLE_GROUP, "group", look_group },
		{ STORE_TABLE_GROUPNAME, "groupname", look_name },
		{ STORE_TABLE_GROUPMEMBER, "groupmember", look_member },
		{ STORE_TABLE_GROUPOF, "groupof", look_of },
		{ STORE_TABLE_GROUPLOG, "grouplog", look_frame },
		{ STORE_TABLE_GROUPSENT, "groupsent", look_sent },
		{ STORE_TABLE_GROUPAT, "groupat", look_cursor },
	};
	struct look l = { .t = t, .out = out, .fault = fault_fn, .arg = arg };
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(tables) && rc == 0; i++)
		rc = look_table(&l, tables[i].table, tables[i].name, tables[i].look);
	return rc;
}
