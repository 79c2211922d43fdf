#include "store/app.h"

#include <string.h>

#include "base/err.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/record.h"
#include "store/rule.h"
#include "store/text.h"

static const struct store_app known[STORE_APP_KNOWN__COUNT] = {
	{ .id = STORE_APP_CHAT, .name = "chat", .store = true, .p2p = true },
	{ .id = STORE_APP_APPROVAL, .name = "approval", .store = true },
	{ .id = STORE_APP_ATTENDANCE, .name = "attendance", .store = true },
	{ .id = STORE_APP_ANNOUNCEMENT,
	  .name = "announcement",
	  .store = true,
	  .post = STORE_APP_POST_MANAGERS },
};

static int
app_write(struct store_txn *t, const struct store_app *a)
{
	uint8_t key[STORE_DEPT_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];

	store_key_put_u32(key, a->id);
	return store_kv_put(t, STORE_TABLE_APP, key, sizeof(key), buf,
			    store_record_pack_app(a, buf));
}

static int
app_changed(struct store_txn *t)
{
	uint64_t version;

	return store_meta_count(t, STORE_META_APPS, &version);
}

int
store_app_begin(struct store_txn *t)
{
	uint64_t version;
	int rc = store_meta_get(t, STORE_META_APPS, &version);

	if (rc != CHQ_ENOENT)
		return rc;
	rc = app_changed(t);
	for (int i = 0; i < STORE_APP_KNOWN__COUNT && rc == 0; i++)
		rc = app_write(t, &known[i]);
	return rc;
}

int
store_app_get(struct store_txn *t, uint16_t id, struct store_app *out)
{
	int rc = store_app_next(t, id, out);

	return rc == 0 && out->id != id ? CHQ_ENOENT : rc;
}

int
store_app_next(struct store_txn *t, uint32_t from, struct store_app *out)
{
	uint8_t start[STORE_DEPT_KEY_BYTES];
	struct store_iter it;
	int rc;

	store_key_put_u32(start, from);
	rc = store_iter_open(&it, t, STORE_TABLE_APP, start, sizeof(start), 0);
	if (rc == 0 && (it.key.len != sizeof(start) || store_key_get_u32(it.key.p) > UINT16_MAX))
		rc = CHQ_ECORRUPT;
	if (rc == 0)
		rc = store_record_unpack_app(out, it.val.p, it.val.len);
	if (rc == 0)
		out->id = (uint16_t)store_key_get_u32(it.key.p);
	store_iter_close(&it);
	return rc;
}

/* The name is nobody else's, and there is room for one more. */
static int
app_room(struct store_txn *t, const struct store_app *a, bool fresh)
{
	struct store_app other;
	unsigned n = 0;
	uint32_t from = 0;
	bool there = false;
	int rc;

	while ((rc = store_app_next(t, from, &other)) == 0) {
		there |= other.id == a->id;
		if (other.id != a->id && strcmp(other.name, a->name) == 0)
			return CHQ_EEXIST;
		from = other.id + 1u;
		n++;
	}
	if (rc != CHQ_ENOENT)
		return rc;
	if (there == fresh)
		return fresh ? CHQ_EEXIST : CHQ_ENOENT;
	return fresh && n >= STORE_APPS_MAX ? CHQ_EFULL : 0;
}

static int
app_check(struct store_txn *t, const struct store_app *a)
{
	int rc = a->name[0] ? store_text_check(a->name, strlen(a->name), STORE_APP_NAME_MAX_BYTES)
			    : CHQ_ENAMEEMPTY;

	if (rc != 0)
		return rc;
	if (a->post >= STORE_APP_POST__COUNT || (a->inspected && a->p2p) ||
	    (a->post == STORE_APP_POST_SET) != (a->n_posters != 0))
		return CHQ_EINVAL;
	return a->n_posters ? store_atoms_check(t, a->poster, a->n_posters) : 0;
}

int
store_app_set(struct store_txn *t, const struct store_app *a, bool fresh)
{
	int rc = app_check(t, a);

	if (rc == 0)
		rc = app_room(t, a, fresh);
	if (rc == 0)
		rc = app_write(t, a);
	return rc == 0 ? app_changed(t) : rc;
}

int
store_app_remove(struct store_txn *t, uint16_t id)
{
	uint8_t key[STORE_DEPT_KEY_BYTES];
	int rc;

	if (id < STORE_APP_KNOWN__COUNT)
		return CHQ_EDENIED;
	store_key_put_u32(key, id);
	rc = store_kv_del(t, STORE_TABLE_APP, key, sizeof(key));
	return rc == 0 ? app_changed(t) : rc;
}

int
store_app_names_dept(struct store_txn *t, uint32_t dept, bool *out)
{
	struct store_app a;
	uint32_t from = 0;
	int rc;

	*out = false;
	while ((rc = store_app_next(t, from, &a)) == 0) {
		for (uint16_t i = 0; i < a.n_posters; i++)
			*out |= store_atom_names_dept(&a.poster[i]) && a.poster[i].id == dept;
		from = a.id + 1u;
	}
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_apps_version(struct store_txn *t, uint64_t *out)
{
	int rc = store_meta_get(t, STORE_META_APPS, out);

	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

/* --- who may post --- */

/* An account with its departments. */
struct person {
	uint64_t account;
	struct store_member role[STORE_ROLES_MAX];
	size_t roles;
};

/* Return: 1 if @dept lies below @top or is it, else 0; codes of reading. */
static int
lies_below(struct store_txn *t, uint32_t dept, uint64_t top)
{
	struct store_dept d;

	for (int depth = 0; dept != 0 && depth <= STORE_DEPTH_MAX; depth++) {
		int rc;

		if (dept == top)
			return 1;
		rc = store_dept_get(t, dept, &d);
		if (rc != 0)
			return rc;
		dept = d.parent;
	}
	return 0;
}

/* Return: 1 if his role is one that the atom names, else 0; codes of reading. */
static int
role_is_named(struct store_txn *t, const struct store_member *m, const struct store_atom *atom)
{
	switch (atom->kind) {
	case STORE_ATOM_MEMBERS: return m->dept == atom->id;
	case STORE_ATOM_TREE: return lies_below(t, m->dept, atom->id);
	case STORE_ATOM_MANAGERS: return m->manager && m->dept == atom->id;
	case STORE_ATOM_MANAGERS_ALL: return m->manager;
	default: return 0;
	}
}

static int
atom_has(struct store_txn *t, const struct store_atom *atom, const struct person *p)
{
	int rc = 0;

	if (atom->kind == STORE_ATOM_EVERYBODY)
		return 1;
	if (atom->kind == STORE_ATOM_ACCOUNT)
		return atom->id == p->account;
	for (size_t i = 0; i < p->roles && rc == 0; i++)
		rc = role_is_named(t, &p->role[i], atom);
	return rc;
}

/* A union, less those that are excepted. Return: 0; CHQ_EDENIED; codes of reading. */
static int
set_has(struct store_txn *t, const struct store_atom *atoms, uint16_t n, const struct person *p)
{
	bool in = false;

	for (uint16_t i = 0; i < n; i++) {
		int rc = atom_has(t, &atoms[i], p);

		if (rc < 0)
			return rc;
		if (rc && atoms[i].except)
			return CHQ_EDENIED;
		in |= rc;
	}
	return in ? 0 : CHQ_EDENIED;
}

int
store_app_poster(struct store_txn *t, const struct store_app *a, uint64_t account)
{
	static const struct store_atom managers = { .kind = STORE_ATOM_MANAGERS_ALL };
	struct person p = { .account = account };
	int rc;

	if (a->post == STORE_APP_POST_ALL)
		return 0;
	rc = store_member_roles(t, account, p.role, &p.roles);
	if (rc != 0)
		return rc;
	if (a->post == STORE_APP_POST_MANAGERS)
		return set_has(t, &managers, 1, &p);
	return set_has(t, a->poster, a->n_posters, &p);
}
