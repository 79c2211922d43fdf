#include "store/dept.h"

#include <stdlib.h>
#include <string.h>

#include <uninorm.h>

#include "base/err.h"
#include "store/app.h"
#include "store/group.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/record.h"
#include "store/rule.h"
#include "store/text.h"

enum { NAME_KEY_BYTES = STORE_DEPT_KEY_BYTES + STORE_DEPT_MAX_BYTES };

/* --- names --- */

int
store_dept_name_normal(const char *in, size_t len, char out[STORE_DEPT_MAX_BYTES + 1])
{
	uint8_t utf8[STORE_DEPT_MAX_BYTES], *packed;
	size_t n = sizeof(utf8);
	int rc = store_text_check(in, len, STORE_DEPT_MAX_BYTES);

	if (rc != 0)
		return rc;
	if (len == 0)
		return CHQ_ENAMEEMPTY;
	if (in[0] == ' ' || in[len - 1] == ' ')
		return CHQ_ENAMESPACE;
	if (memchr(in, '/', len))
		return CHQ_ENAMECHAR;
	packed = u8_normalize(UNINORM_NFC, (const uint8_t *)in, len, utf8, &n);
	if (!packed)
		return chq_errno();
	if (packed != utf8) {
		free(packed);
		return CHQ_ENAMELONG;
	}
	memcpy(out, utf8, n);
	out[n] = '\0';
	return 0;
}

static size_t
name_key(uint8_t key[NAME_KEY_BYTES], uint32_t parent, const char *name)
{
	size_t len = strlen(name);

	store_key_put_u32(key, parent);
	memcpy(key + STORE_DEPT_KEY_BYTES, name, len);
	return STORE_DEPT_KEY_BYTES + len;
}

static int
name_claim(struct store_txn *t, const struct store_dept *d)
{
	uint8_t key[NAME_KEY_BYTES], ref[STORE_RECORD_MAX_BYTES];
	size_t ref_len = store_record_pack_ref(d->id, 0, ref);

	return store_kv_add(t, STORE_TABLE_DEPTNAME, key, name_key(key, d->parent, d->name), ref,
			    ref_len);
}

static int
name_release(struct store_txn *t, const struct store_dept *d)
{
	uint8_t key[NAME_KEY_BYTES];
	int rc = store_kv_del(t, STORE_TABLE_DEPTNAME, key, name_key(key, d->parent, d->name));

	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

/* --- reading --- */

static int
dept_of_view(uint32_t id, const struct store_view *v, struct store_dept *out)
{
	int rc = store_record_unpack_dept(out, v->p, v->len);

	if (rc == 0)
		out->id = id;
	return rc;
}

int
store_dept_get(struct store_txn *t, uint32_t id, struct store_dept *out)
{
	uint8_t key[STORE_DEPT_KEY_BYTES];
	struct store_view v;
	int rc;

	store_key_put_u32(key, id);
	rc = store_kv_get(t, STORE_TABLE_DEPT, key, sizeof(key), &v);
	return rc != 0 ? rc : dept_of_view(id, &v, out);
}

static int
child_find(struct store_txn *t, uint32_t parent, const char *name, size_t len,
	   struct store_dept *out)
{
	char normal[STORE_DEPT_MAX_BYTES + 1];
	uint8_t key[NAME_KEY_BYTES], number;
	struct store_view v;
	uint64_t id;
	int rc = store_dept_name_normal(name, len, normal);

	if (rc == 0)
		rc = store_kv_get(t, STORE_TABLE_DEPTNAME, key, name_key(key, parent, normal), &v);
	if (rc == 0)
		rc = store_record_unpack_ref(&id, &number, v.p, v.len);
	if (rc != 0)
		return rc;
	rc = store_dept_get(t, (uint32_t)id, out);
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

int
store_dept_find(struct store_txn *t, const char *path, struct store_dept *out)
{
	uint32_t parent = 0;
	int rc;

	do {
		size_t len = strcspn(path, "/");

		rc = child_find(t, parent, path, len, out);
		parent = out->id;
		path += len;
	} while (rc == 0 && *path++ == '/');
	return rc;
}

int
store_dept_path(struct store_txn *t, uint32_t id, char *out, size_t size)
{
	char path[STORE_PATH_MAX_BYTES + 1];
	size_t at = sizeof(path) - 1;
	struct store_dept d;

	path[at] = '\0';
	for (unsigned depth = 0; id != 0; depth++) {
		int rc = depth < STORE_DEPTH_MAX ? store_dept_get(t, id, &d) : CHQ_ECORRUPT;
		size_t len;

		if (rc != 0)
			return rc == CHQ_ENOENT && depth > 0 ? CHQ_ECORRUPT : rc;
		len = strlen(d.name);
		if (len + 1 > at)
			return CHQ_ETOOBIG;
		if (depth > 0)
			path[--at] = '/';
		at -= len;
		memcpy(path + at, d.name, len);
		id = d.parent;
	}
	if (sizeof(path) - at > size)
		return CHQ_ETOOBIG;
	memcpy(out, path + at, sizeof(path) - at);
	return 0;
}

int
store_dept_list(struct store_txn *t, uint32_t after, struct store_dept *out, size_t max, size_t *n)
{
	uint8_t start[STORE_DEPT_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (after == UINT32_MAX)
		return 0;
	store_key_put_u32(start, after + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_DEPT, start, sizeof(start), 0);
	while (rc == 0 && *n < max) {
		if (it.key.len != STORE_DEPT_KEY_BYTES)
			rc = CHQ_ECORRUPT;
		else
			rc = dept_of_view(store_key_get_u32(it.key.p), &it.val, &out[*n]);
		if (rc == 0) {
			(*n)++;
			rc = store_iter_next(&it);
		}
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

/* --- the tree --- */

/* How many departments lie above, @id counted; 0 for 0. @seen: set if @other is among them. */
static int
depth_of(struct store_txn *t, uint32_t id, uint32_t other, unsigned *depth, bool *seen)
{
	struct store_dept d;

	*depth = 0;
	*seen = false;
	for (; id != 0; id = d.parent) {
		int rc = store_dept_get(t, id, &d);

		if (rc != 0)
			return rc == CHQ_ENOENT && *depth > 0 ? CHQ_ECORRUPT : rc;
		*seen |= id == other;
		if (++*depth > STORE_DEPTH_MAX)
			return CHQ_ECORRUPT;
	}
	return 0;
}

/*
 * The tree below a department is at most @most deep, itself counted. Recurses as deep, so no more
 * than STORE_DEPTH_MAX. Return: 0; CHQ_EFULL; CHQ_ECORRUPT.
 */
static int
fits_below(struct store_txn *t, uint32_t id, unsigned most)
{
	uint8_t start[STORE_DEPT_KEY_BYTES], number;
	struct store_iter it;
	uint64_t child;
	int rc;

	if (most == 0)
		return CHQ_EFULL;
	store_key_put_u32(start, id);
	rc = store_iter_open(&it, t, STORE_TABLE_DEPTNAME, start, sizeof(start), sizeof(start));
	while (rc == 0) {
		rc = store_record_unpack_ref(&child, &number, it.val.p, it.val.len);
		if (rc == 0)
			rc = fits_below(t, (uint32_t)child, most - 1);
		if (rc == 0)
			rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_dept_children(struct store_txn *t, uint32_t parent, int (*fn)(void *arg, uint32_t id),
		    void *arg)
{
	uint8_t start[STORE_DEPT_KEY_BYTES], number;
	struct store_iter it;
	uint64_t child;
	int rc;

	store_key_put_u32(start, parent);
	rc = store_iter_open(&it, t, STORE_TABLE_DEPTNAME, start, sizeof(start), sizeof(start));
	while (rc == 0) {
		rc = store_record_unpack_ref(&child, &number, it.val.p, it.val.len);
		if (rc == 0)
			rc = fn(arg, (uint32_t)child);
		if (rc == 0)
			rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

/* Return: 0 if it has departments below it; CHQ_ENOENT. */
static int
has_children(struct store_txn *t, uint32_t id)
{
	uint8_t start[STORE_DEPT_KEY_BYTES];
	struct store_iter it;
	int rc;

	store_key_put_u32(start, id);
	rc = store_iter_open(&it, t, STORE_TABLE_DEPTNAME, start, sizeof(start), sizeof(start));
	store_iter_close(&it);
	return rc;
}

static int
dept_write(struct store_txn *t, const struct store_dept *d)
{
	uint8_t key[STORE_DEPT_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_dept(d, buf);

	store_key_put_u32(key, d->id);
	return store_kv_put(t, STORE_TABLE_DEPT, key, sizeof(key), buf, len);
}

int
store_dept_add(struct store_txn *t, uint32_t parent, const char *name, uint64_t now_ms,
	       uint32_t *id)
{
	uint64_t next;
	int rc = store_meta_count(t, STORE_META_NEXT_DEPT, &next);

	if (rc == 0 && next > UINT32_MAX)
		rc = CHQ_EFULL;
	if (rc == 0)
		rc = store_dept_add_as(t, (uint32_t)next, parent, name, now_ms);
	if (rc == 0)
		*id = (uint32_t)next;
	return rc;
}

int
store_dept_add_as(struct store_txn *t, uint32_t id, uint32_t parent, const char *name,
		  uint64_t now_ms)
{
	struct store_dept d = {
		.id = id, .parent = parent, .created_ms = now_ms, .changed_ms = now_ms
	};
	unsigned depth;
	bool seen;
	int rc = store_dept_name_normal(name, strlen(name), d.name);

	if (rc == 0)
		rc = depth_of(t, parent, 0, &depth, &seen);
	if (rc == 0 && depth >= STORE_DEPTH_MAX)
		rc = CHQ_EFULL;
	if (rc == 0)
		rc = name_claim(t, &d);
	return rc != 0 ? rc : dept_write(t, &d);
}

/* Give it this parent and name. */
static int
dept_put_at(struct store_txn *t, struct store_dept *d, uint32_t parent, const char *name,
	    uint64_t now_ms)
{
	struct store_dept was = *d;
	int rc;

	d->parent = parent;
	memmove(d->name, name, strlen(name) + 1);
	d->changed_ms = now_ms;
	rc = name_claim(t, d);
	if (rc == 0)
		rc = name_release(t, &was);
	return rc != 0 ? rc : dept_write(t, d);
}

int
store_dept_rename(struct store_txn *t, uint32_t id, const char *name, uint64_t now_ms)
{
	char normal[STORE_DEPT_MAX_BYTES + 1];
	struct store_dept d;
	int rc = store_dept_name_normal(name, strlen(name), normal);

	if (rc == 0)
		rc = store_dept_get(t, id, &d);
	if (rc != 0 || strcmp(normal, d.name) == 0)
		return rc;
	return dept_put_at(t, &d, d.parent, normal, now_ms);
}

int
store_dept_move(struct store_txn *t, uint32_t id, uint32_t parent, uint64_t now_ms)
{
	struct store_dept d;
	unsigned depth;
	bool below;
	uint32_t was;
	int rc = store_dept_get(t, id, &d);

	if (rc == 0)
		rc = depth_of(t, parent, id, &depth, &below);
	if (rc != 0 || d.parent == parent)
		return rc;
	if (below)
		return CHQ_ELOOP;
	rc = fits_below(t, id, STORE_DEPTH_MAX - depth);
	was = d.parent;
	if (rc == 0)
		rc = dept_put_at(t, &d, parent, d.name, now_ms);
	return rc != 0 ? rc : store_group_dept_moved(t, id, was, now_ms);
}

/* Return: 0 if nothing hangs on it; CHQ_EBUSY. */
static int
dept_check_unused(struct store_txn *t, uint32_t id)
{
	struct store_member m;
	size_t members = 0;
	bool named = false;
	int rc = has_children(t, id);

	if (rc != CHQ_ENOENT)
		return rc == 0 ? CHQ_EBUSY : rc;
	rc = store_member_list(t, id, 0, &m, 1, &members);
	if (rc == 0)
		rc = store_rule_names_dept(t, id, &named);
	if (rc == 0 && !named)
		rc = store_app_names_dept(t, id, &named);
	return rc == 0 && (members > 0 || named) ? CHQ_EBUSY : rc;
}

int
store_dept_remove(struct store_txn *t, uint32_t id)
{
	uint8_t key[STORE_DEPT_KEY_BYTES];
	struct store_dept d;
	int rc = store_dept_get(t, id, &d);

	if (rc == 0)
		rc = dept_check_unused(t, id);
	if (rc == 0)
		rc = name_release(t, &d);
	if (rc == 0)
		rc = store_group_dept_gone(t, id);
	store_key_put_u32(key, id);
	return rc != 0 ? rc : store_kv_del(t, STORE_TABLE_DEPT, key, sizeof(key));
}
