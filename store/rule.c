#include "store/rule.h"

#include <string.h>

#include "base/err.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/record.h"
#include "store/text.h"

_Static_assert(STORE_ATOM_EVERYBODY + 1 == STORE_ATOM_KINDS, "every kind has its name");

int
store_rule_get(struct store_txn *t, uint32_t id, struct store_rule *out)
{
	uint8_t key[STORE_DEPT_KEY_BYTES];
	struct store_view v;
	int rc;

	store_key_put_u32(key, id);
	rc = store_kv_get(t, STORE_TABLE_RULE, key, sizeof(key), &v);
	if (rc == 0)
		rc = store_record_unpack_rule(out, v.p, v.len);
	if (rc == 0)
		out->id = id;
	return rc;
}

static int
rule_of_item(const struct store_iter *it, struct store_rule *out)
{
	int rc;

	if (it->key.len != STORE_DEPT_KEY_BYTES)
		return CHQ_ECORRUPT;
	rc = store_record_unpack_rule(out, it->val.p, it->val.len);
	if (rc == 0)
		out->id = store_key_get_u32(it->key.p);
	return rc;
}

int
store_rule_next(struct store_txn *t, uint32_t after, struct store_rule *out)
{
	uint8_t start[STORE_DEPT_KEY_BYTES];
	struct store_iter it;
	int rc;

	if (after == UINT32_MAX)
		return CHQ_ENOENT;
	store_key_put_u32(start, after + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_RULE, start, sizeof(start), 0);
	if (rc == 0)
		rc = rule_of_item(&it, out);
	store_iter_close(&it);
	return rc;
}

static bool
atoms_name_dept(const struct store_atom *atoms, uint16_t n, uint32_t dept)
{
	for (uint16_t i = 0; i < n; i++)
		if (store_atom_names_dept(&atoms[i]) && atoms[i].id == dept)
			return true;
	return false;
}

int
store_rule_names_dept(struct store_txn *t, uint32_t dept, bool *out)
{
	struct store_rule r = { .id = 0 };
	int rc;

	*out = false;
	while (!*out && (rc = store_rule_next(t, r.id, &r)) == 0)
		*out = atoms_name_dept(r.subjects, r.n_subjects, dept) ||
		       atoms_name_dept(r.objects, r.n_objects, dept);
	return *out || rc == CHQ_ENOENT ? 0 : rc;
}

static bool
atoms_name_account(const struct store_atom *atoms, uint16_t n, uint64_t account)
{
	for (uint16_t i = 0; i < n; i++)
		if (atoms[i].kind == STORE_ATOM_ACCOUNT && atoms[i].id == account)
			return true;
	return false;
}

int
store_rule_names_account(struct store_txn *t, uint64_t account, bool *out)
{
	struct store_rule r = { .id = 0 };
	int rc = 0;

	*out = false;
	while (!*out && (rc = store_rule_next(t, r.id, &r)) == 0)
		*out = atoms_name_account(r.subjects, r.n_subjects, account) ||
		       atoms_name_account(r.objects, r.n_objects, account);
	return *out || rc == CHQ_ENOENT ? 0 : rc;
}

/* --- changing --- */

static int
atom_check(struct store_txn *t, const struct store_atom *a)
{
	struct store_account account;
	struct store_dept dept;
	int rc;

	if (a->kind >= STORE_ATOM_KINDS)
		return CHQ_EINVAL;
	if (store_atom_names_dept(a))
		return a->id <= UINT32_MAX ? store_dept_get(t, (uint32_t)a->id, &dept) : CHQ_ENOENT;
	if (a->kind != STORE_ATOM_ACCOUNT)
		return a->id == 0 ? 0 : CHQ_EINVAL;
	rc = store_account_get(t, a->id, &account);
	return rc == CHQ_ENOENT ? CHQ_ENOUSER : rc;
}

int
store_atoms_check(struct store_txn *t, const struct store_atom *atoms, uint16_t n)
{
	if (n == 0 || n > STORE_ATOMS_MAX)
		return CHQ_EINVAL;
	for (uint16_t i = 0; i < n; i++) {
		int rc = atom_check(t, &atoms[i]);

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Return: 0; CHQ_EFULL. */
static int
rule_room(struct store_txn *t)
{
	struct store_iter it;
	unsigned n = 0;
	int rc = store_iter_open(&it, t, STORE_TABLE_RULE, "", 0, 0);

	for (; rc == 0; rc = store_iter_next(&it))
		n++;
	store_iter_close(&it);
	if (rc != CHQ_ENOENT)
		return rc;
	return n < STORE_RULES_MAX ? 0 : CHQ_EFULL;
}

/* The id: a new one, or that of a rule that is there. */
static int
rule_number(struct store_txn *t, struct store_rule *r)
{
	uint8_t key[STORE_DEPT_KEY_BYTES];
	struct store_view v;
	uint64_t next;
	int rc;

	if (r->id != 0) {
		store_key_put_u32(key, r->id);
		return store_kv_get(t, STORE_TABLE_RULE, key, sizeof(key), &v);
	}
	rc = rule_room(t);
	if (rc == 0)
		rc = store_meta_count(t, STORE_META_NEXT_RULE, &next);
	if (rc == 0 && next > UINT32_MAX)
		rc = CHQ_EFULL;
	if (rc == 0)
		r->id = (uint32_t)next;
	return rc;
}

int
store_rule_set(struct store_txn *t, struct store_rule *r)
{
	uint8_t key[STORE_DEPT_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	int rc = store_text_check(r->note, strlen(r->note), STORE_NAME_MAX_BYTES);

	if (rc == 0 && r->rights == 0)
		rc = CHQ_EINVAL;
	if (rc == 0)
		rc = store_atoms_check(t, r->subjects, r->n_subjects);
	if (rc == 0)
		rc = store_atoms_check(t, r->objects, r->n_objects);
	if (rc == 0)
		rc = rule_number(t, r);
	if (rc != 0)
		return rc;
	store_key_put_u32(key, r->id);
	return store_kv_put(t, STORE_TABLE_RULE, key, sizeof(key), buf,
			    store_record_pack_rule(r, buf));
}

int
store_rule_remove(struct store_txn *t, uint32_t id)
{
	uint8_t key[STORE_DEPT_KEY_BYTES];

	store_key_put_u32(key, id);
	return store_kv_del(t, STORE_TABLE_RULE, key, sizeof(key));
}
