#include "store/group.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/group_record.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/record.h"

enum { DELETED_AT_ONCE = 64 };

/* --- records --- */

static int
group_read(struct store_txn *t, uint32_t id, struct store_group *out)
{
	uint8_t key[STORE_GROUP_KEY_BYTES];
	struct store_view v;
	int rc;

	store_key_put_u32(key, id);
	rc = store_kv_get(t, STORE_TABLE_GROUP, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_group(out, v.p, v.len);
	if (rc == 0)
		out->id = id;
	return rc;
}

int
store_group_write(struct store_txn *t, const struct store_group *g)
{
	uint8_t key[STORE_GROUP_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_group(g, buf);

	store_key_put_u32(key, g->id);
	return store_kv_put(t, STORE_TABLE_GROUP, key, sizeof(key), buf, len);
}

static struct store_group
group_blank(uint32_t id)
{
	return (struct store_group){ .id = id,
				     .member_rights = STORE_GROUP_POST,
				     .manager_rights = STORE_GROUP_ALL,
				     .history = STORE_GROUP_HISTORY_CONF,
				     .epoch = 1 };
}

int
store_group_get(struct store_txn *t, uint32_t id, struct store_group *out)
{
	struct store_dept d;
	int rc = group_read(t, id, out);

	if (rc != CHQ_ENOENT || store_group_by_hand(id))
		return rc;
	rc = store_dept_get(t, id, &d);
	if (rc == 0)
		*out = group_blank(id);
	return rc;
}

int
store_group_list(struct store_txn *t, uint32_t after, struct store_group *out, size_t max,
		 size_t *n)
{
	uint8_t start[STORE_GROUP_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (after == UINT32_MAX)
		return 0;
	store_key_put_u32(start, after + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_GROUP, start, sizeof(start), 0);
	while (rc == 0 && *n < max) {
		rc = it.key.len == sizeof(start)
			     ? store_record_unpack_group(&out[*n], it.val.p, it.val.len)
			     : CHQ_ECORRUPT;
		if (rc == 0) {
			out[(*n)++].id = store_key_get_u32(it.key.p);
			rc = store_iter_next(&it);
		}
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

/* --- names --- */

static bool
digits_alone(const char *s)
{
	while (isdigit((unsigned char)*s))
		s++;
	return *s == '\0';
}

static int
name_normal(const char *name, char out[STORE_DEPT_MAX_BYTES + 1])
{
	int rc = store_dept_name_normal(name, strlen(name), out);

	return rc == 0 && digits_alone(out) ? CHQ_ENAMECHAR : rc;
}

static int
name_claim(struct store_txn *t, const char *name, uint32_t id)
{
	uint8_t ref[STORE_RECORD_MAX_BYTES];
	struct store_dept d;
	int rc = store_dept_find(t, name, &d);

	if (rc != CHQ_ENOENT)
		return rc == 0 ? CHQ_EEXIST : rc;
	return store_kv_add(t, STORE_TABLE_GROUPNAME, name, strlen(name), ref,
			    store_record_pack_ref(id, 0, ref));
}

static int
name_release(struct store_txn *t, const char *name)
{
	int rc = store_kv_del(t, STORE_TABLE_GROUPNAME, name, strlen(name));

	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

/* Return: 0; CHQ_ENOENT. */
static int
find_named(struct store_txn *t, const char *name, struct store_group *out)
{
	char normal[STORE_DEPT_MAX_BYTES + 1];
	struct store_view v;
	uint8_t number;
	uint64_t id;

	if (store_dept_name_normal(name, strlen(name), normal) != 0)
		return CHQ_ENOENT;
	if (store_kv_get(t, STORE_TABLE_GROUPNAME, normal, strlen(normal), &v) != 0)
		return CHQ_ENOENT;
	if (store_record_unpack_ref(&id, &number, v.p, v.len) != 0 || id > UINT32_MAX)
		return CHQ_ECORRUPT;
	return group_read(t, (uint32_t)id, out) == 0 ? 0 : CHQ_ECORRUPT;
}

int
store_group_find(struct store_txn *t, const char *name, struct store_group *out)
{
	struct store_dept d;
	unsigned long id;
	int rc;

	if (strlen(name) > STORE_PATH_MAX_BYTES || name[0] == '\0')
		return CHQ_ENOENT;
	if (store_dept_find(t, name, &d) == 0)
		return store_group_get(t, d.id, out);
	rc = find_named(t, name, out);
	if (rc != CHQ_ENOENT || !digits_alone(name) || strlen(name) > 10)
		return rc;
	id = strtoul(name, NULL, 10);
	return id <= UINT32_MAX ? store_group_get(t, (uint32_t)id, out) : CHQ_ENOENT;
}

int
store_group_title(struct store_txn *t, const struct store_group *g, char *out, size_t size)
{
	if (g->name[0] == '\0')
		return store_dept_path(t, g->id, out, size);
	if (strlen(g->name) >= size)
		return CHQ_ETOOBIG;
	memcpy(out, g->name, strlen(g->name) + 1);
	return 0;
}

/* --- changing --- */

int
store_group_add(struct store_txn *t, const char *name, uint64_t now_ms, uint32_t *id)
{
	struct store_group g = group_blank(0);
	uint64_t next;
	int rc = name_normal(name, g.name);

	if (rc == 0)
		rc = store_meta_count(t, STORE_META_NEXT_GROUP, &next);
	if (rc == 0 && next >= STORE_GROUP_BY_HAND)
		rc = CHQ_EFULL;
	if (rc != 0)
		return rc;
	g.id = STORE_GROUP_BY_HAND | (uint32_t)next;
	g.created_ms = g.changed_ms = now_ms;
	rc = name_claim(t, g.name, g.id);
	if (rc == 0)
		rc = store_group_write(t, &g);
	if (rc == 0)
		*id = g.id;
	return rc;
}

/* Give it another name; a department's may lose its own again. */
static int
group_rename(struct store_txn *t, struct store_group *g, const char *name)
{
	char normal[STORE_DEPT_MAX_BYTES + 1] = "";
	int rc = name[0] || store_group_by_hand(g->id) ? name_normal(name, normal) : 0;

	if (rc != 0 || strcmp(normal, g->name) == 0)
		return rc;
	if (store_group_by_hand(g->id)) {
		rc = name_claim(t, normal, g->id);
		if (rc == 0)
			rc = name_release(t, g->name);
	}
	memcpy(g->name, normal, sizeof(normal));
	return rc;
}

static bool
rights_known(const struct store_group *g)
{
	return ((g->member_rights | g->manager_rights) & ~STORE_GROUP_ALL) == 0;
}

static bool
takes_away(const struct store_group *was, const struct store_group *is)
{
	return (was->member_rights & ~is->member_rights) ||
	       (was->manager_rights & ~is->manager_rights) || (is->off && !was->off) ||
	       (was->subdepts && !is->subdepts);
}

int
store_group_set(struct store_txn *t, const struct store_group *g, uint64_t now_ms)
{
	struct store_group now, was;
	int rc;

	if (!rights_known(g) || (store_group_by_hand(g->id) && (g->off || g->subdepts)))
		return CHQ_EINVAL;
	rc = store_group_get(t, g->id, &now);
	if (rc != 0)
		return rc;
	was = now;
	rc = group_rename(t, &now, g->name);
	if (rc != 0)
		return rc;
	now.off = g->off;
	now.subdepts = g->subdepts;
	now.member_rights = g->member_rights;
	now.manager_rights = g->manager_rights;
	now.history = g->history;
	now.changed_ms = now_ms;
	if (now.created_ms == 0)
		now.created_ms = now_ms;
	if (now.subdepts && !was.subdepts)
		now.subdepts_ms = now_ms;
	if (takes_away(&was, &now))
		now.epoch++;
	return store_group_write(t, &now);
}

int
store_group_rekey(struct store_txn *t, uint32_t id)
{
	struct store_group g = { .epoch = 0 };
	int rc = store_group_get(t, id, &g);

	g.epoch++;
	return rc != 0 ? rc : store_group_write(t, &g);
}

/* Delete all of a table that belongs to a group; with @pair also the other side of a membership. */
static int
wipe_table(struct store_txn *t, enum store_table table, uint32_t group, bool pair)
{
	uint8_t start[STORE_GROUP_KEY_BYTES], keys[DELETED_AT_ONCE][STORE_GROUP_SENT_KEY_BYTES];
	uint8_t other[STORE_GROUP_MEMBER_KEY_BYTES];
	size_t n, len[DELETED_AT_ONCE];
	int rc;

	store_key_put_u32(start, group);
	do {
		struct store_iter it;

		n = 0;
		rc = store_iter_open(&it, t, table, start, sizeof(start), sizeof(start));
		for (; rc == 0 && n < DELETED_AT_ONCE; rc = store_iter_next(&it), n++) {
			len[n] = it.key.len <= sizeof(keys[n]) ? it.key.len : 0;
			memcpy(keys[n], it.key.p, len[n]);
		}
		store_iter_close(&it);
		if (rc == CHQ_ENOENT)
			rc = 0;
		for (size_t i = 0; i < n && rc == 0; i++) {
			rc = len[i] ? store_kv_del(t, table, keys[i], len[i]) : CHQ_ECORRUPT;
			if (rc != 0 || !pair)
				continue;
			store_key_put_group_of(other, store_key_get_account(keys[i] + 4), group);
			rc = store_kv_del(t, STORE_TABLE_GROUPOF, other, sizeof(other));
		}
	} while (rc == 0 && n == DELETED_AT_ONCE);
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

static int
group_wipe(struct store_txn *t, uint32_t id)
{
	uint8_t key[STORE_GROUP_KEY_BYTES];
	int rc = wipe_table(t, STORE_TABLE_GROUPMEMBER, id, true);

	if (rc == 0)
		rc = wipe_table(t, STORE_TABLE_GROUPLOG, id, false);
	if (rc == 0)
		rc = wipe_table(t, STORE_TABLE_GROUPSENT, id, false);
	if (rc == 0)
		rc = wipe_table(t, STORE_TABLE_GROUPAT, id, false);
	store_key_put_u32(key, id);
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_GROUP, key, sizeof(key));
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_group_remove(struct store_txn *t, uint32_t id)
{
	struct store_group g;
	int rc = store_group_get(t, id, &g);

	if (rc != 0)
		return rc;
	if (!store_group_by_hand(id))
		return CHQ_EINVAL;
	rc = name_release(t, g.name);
	return rc == 0 ? group_wipe(t, id) : rc;
}

/* --- departments --- */

/* The groups of @dept and of what lies above it, as far as they include it. */
static int
rekey_above(struct store_txn *t, uint32_t dept, bool own)
{
	struct store_dept d = { .parent = 0 };
	struct store_group g;
	int rc = 0;

	for (unsigned depth = 0; rc == 0 && dept != 0 && depth <= STORE_DEPTH_MAX; depth++) {
		rc = store_group_get(t, dept, &g);
		if (rc == 0 && ((own && depth == 0) || g.subdepts))
			rc = store_group_rekey(t, dept);
		if (rc == 0)
			rc = store_dept_get(t, dept, &d);
		dept = d.parent;
	}
	return rc;
}

int
store_group_dept_left(struct store_txn *t, uint32_t dept)
{
	return rekey_above(t, dept, true);
}

int
store_group_dept_moved(struct store_txn *t, uint32_t dept, uint32_t was, uint64_t now_ms)
{
	struct store_group g = { .id = 0 };
	int rc = rekey_above(t, was, false);

	if (rc == 0)
		rc = store_group_get(t, dept, &g);
	g.placed_ms = now_ms;
	return rc == 0 ? store_group_write(t, &g) : rc;
}

int
store_group_dept_gone(struct store_txn *t, uint32_t dept)
{
	return group_wipe(t, dept);
}

int
store_group_account_out(struct store_txn *t, uint64_t account)
{
	struct store_group_member hand[STORE_GROUP_OF_MAX];
	struct store_member roles[STORE_ROLES_MAX];
	size_t n, n_hand;
	int rc = store_member_roles(t, account, roles, &n);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = rekey_above(t, roles[i].dept, true);
	if (rc == 0)
		rc = store_group_member_of(t, account, hand, &n_hand);
	for (size_t i = 0; rc == 0 && i < n_hand; i++)
		rc = store_group_rekey(t, hand[i].group);
	return rc;
}
