#include "store/verify.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "store/account.h"
#include "store/audit.h"
#include "store/dept.h"
#include "store/device.h"
#include "store/friend.h"
#include "store/import_priv.h"
#include "store/meta.h"
#include "store/record.h"
#include "store/rule.h"
#include "store/verify_group.h"
#include "store/verify_priv.h"

void
check_fault(struct check *c, const char *what, uint64_t id)
{
	c->out->faults++;
	if (c->fault)
		c->fault(c->arg, c->table, what, id);
}

/* Does index @table lead from @key to this account and device? */
static bool
index_leads_to(struct check *c, enum store_table table, const void *key, size_t key_len,
	       uint64_t account, uint8_t number)
{
	struct store_view v;
	uint64_t to_account;
	uint8_t to_number;

	return store_kv_get(c->t, table, key, key_len, &v) == 0 &&
	       store_record_unpack_ref(&to_account, &to_number, v.p, v.len) == 0 &&
	       to_account == account && to_number == number;
}

static bool
account_exists(struct check *c, uint64_t id)
{
	struct store_account a;

	return store_account_get(c->t, id, &a) == 0;
}

static void
check_account(struct check *c, const struct store_iter *it)
{
	struct store_account a;
	uint64_t id;

	c->out->accounts++;
	if (it->key.len != STORE_ACCOUNT_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	if (store_record_unpack_account(&a, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", id);
	else if (id == 0 || id >= c->next_account)
		check_fault(c, "id was never given", id);
	else if (!index_leads_to(c, STORE_TABLE_LOGIN, a.login, strlen(a.login), id, 0))
		check_fault(c, "login name is not in the index", id);
	else {
		a.id = id;
		check_words_of(c, &a);
	}
}

static void
check_login(struct check *c, const struct store_iter *it)
{
	struct store_account a;
	uint64_t id = 0;
	uint8_t number = 0;

	if (store_record_unpack_ref(&id, &number, it->val.p, it->val.len) != 0 || number != 0)
		check_fault(c, "damaged record", 0);
	else if (store_account_get(c->t, id, &a) != 0)
		check_fault(c, "leads to no account", id);
	else if (strlen(a.login) != it->key.len || memcmp(a.login, it->key.p, it->key.len) != 0)
		check_fault(c, "leads to an account of another name", id);
}

static void
check_e2e(struct check *c, const struct store_iter *it)
{
	struct store_e2e e;
	uint64_t id;

	c->out->identities++;
	if (it->key.len != STORE_ACCOUNT_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	if (store_record_unpack_e2e(&e, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", id);
	else if (!account_exists(c, id))
		check_fault(c, "belongs to no account", id);
}

static void
check_device(struct check *c, const struct store_iter *it)
{
	struct store_device d;
	uint64_t id;
	uint8_t number;

	c->out->devices++;
	if (it->key.len != STORE_DEVICE_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	number = it->key.p[STORE_ACCOUNT_KEY_BYTES];
	if (store_record_unpack_device(&d, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", id);
	else if (!account_exists(c, id))
		check_fault(c, "belongs to no account", id);
	else if (!index_leads_to(c, STORE_TABLE_DEVKEY, d.noise_key, STORE_KEY_BYTES, id, number))
		check_fault(c, "key is not in the index", id);
}

static void
check_devkey(struct check *c, const struct store_iter *it)
{
	struct store_device d;
	uint64_t id = 0;
	uint8_t number = 0;

	if (store_record_unpack_ref(&id, &number, it->val.p, it->val.len) != 0 ||
	    it->key.len != STORE_KEY_BYTES)
		check_fault(c, "damaged record", 0);
	else if (store_device_get(c->t, id, number, &d) != 0)
		check_fault(c, "leads to no device", id);
	else if (memcmp(d.noise_key, it->key.p, STORE_KEY_BYTES) != 0)
		check_fault(c, "leads to a device of another key", id);
}

static bool
states_fit(enum store_friend_state mine, enum store_friend_state theirs)
{
	if (mine == STORE_FRIEND_MUTUAL)
		return theirs == STORE_FRIEND_MUTUAL;
	return mine == STORE_FRIEND_ASKED ? theirs == STORE_FRIEND_WAITING
					  : theirs == STORE_FRIEND_ASKED;
}

static void
check_friend(struct check *c, const struct store_iter *it)
{
	struct store_friend mine, theirs;
	uint64_t owner, peer;

	if (it->key.len != STORE_FRIEND_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	owner = store_key_get_account(it->key.p);
	peer = store_key_get_account(it->key.p + STORE_ACCOUNT_KEY_BYTES);
	c->out->friendships += owner < peer;
	if (store_record_unpack_friend(&mine, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", owner);
	else if (!account_exists(c, owner) || owner == peer)
		check_fault(c, "belongs to no account", owner);
	else if (store_friend_get(c->t, peer, owner, &theirs) != 0)
		check_fault(c, "one-sided", owner);
	else if (!states_fit(mine.state, theirs.state))
		check_fault(c, "the two sides do not fit", owner);
}

static void
check_answer(struct check *c, const struct store_iter *it)
{
	const uint8_t *answer;
	size_t len;
	uint64_t id;

	c->out->answers++;
	if (it->key.len != STORE_ANSWER_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	if (memcmp(c->answers_of, it->key.p, STORE_DEVICE_KEY_BYTES) != 0) {
		memcpy(c->answers_of, it->key.p, STORE_DEVICE_KEY_BYTES);
		c->answers = 0;
	}
	if (store_record_unpack_answer(&answer, &len, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", id);
	else if (++c->answers == STORE_ANSWERS_KEPT + 1)
		check_fault(c, "more answers than are kept", id);
}

static void
check_dept(struct check *c, const struct store_iter *it)
{
	char path[STORE_PATH_MAX_BYTES + 1];
	uint8_t key[STORE_DEPT_KEY_BYTES + STORE_DEPT_MAX_BYTES];
	struct store_dept d;
	uint32_t id;

	c->out->departments++;
	if (it->key.len != STORE_DEPT_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_u32(it->key.p);
	if (store_record_unpack_dept(&d, it->val.p, it->val.len) != 0) {
		check_fault(c, "damaged record", id);
		return;
	}
	store_key_put_u32(key, d.parent);
	memcpy(key + STORE_DEPT_KEY_BYTES, d.name, strlen(d.name));
	if (id == 0 || id >= c->next_dept)
		check_fault(c, "id was never given", id);
	else if (!index_leads_to(c, STORE_TABLE_DEPTNAME, key,
				 STORE_DEPT_KEY_BYTES + strlen(d.name), id, 0))
		check_fault(c, "name is not in the index", id);
	else if (store_dept_path(c->t, id, path, sizeof(path)) == CHQ_ECORRUPT)
		check_fault(c, "has no way to the top", id);
}

static void
check_deptname(struct check *c, const struct store_iter *it)
{
	struct store_dept d;
	uint64_t id = 0;
	uint8_t number = 0;

	if (store_record_unpack_ref(&id, &number, it->val.p, it->val.len) != 0 ||
	    it->key.len <= STORE_DEPT_KEY_BYTES || id > UINT32_MAX)
		check_fault(c, "damaged record", 0);
	else if (store_dept_get(c->t, (uint32_t)id, &d) != 0)
		check_fault(c, "leads to no department", id);
	else if (d.parent != store_key_get_u32(it->key.p) ||
		 strlen(d.name) != it->key.len - STORE_DEPT_KEY_BYTES ||
		 memcmp(d.name, it->key.p + STORE_DEPT_KEY_BYTES, strlen(d.name)) != 0)
		check_fault(c, "leads to a department of another name", id);
}

/* The same membership in the other table, whose key is its two parts in the other order. */
static bool
other_side_same(struct check *c, enum store_table other, const struct store_iter *it, size_t first)
{
	uint8_t key[STORE_MEMBER_KEY_BYTES];
	struct store_view v;

	memcpy(key, it->key.p + first, sizeof(key) - first);
	memcpy(key + sizeof(key) - first, it->key.p, first);
	return store_kv_get(c->t, other, key, sizeof(key), &v) == 0 && v.len == it->val.len &&
	       memcmp(v.p, it->val.p, v.len) == 0;
}

static void
check_member(struct check *c, const struct store_iter *it)
{
	struct store_member m;
	struct store_dept d;
	uint64_t account;

	c->out->members++;
	if (it->key.len != STORE_MEMBER_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	account = store_key_get_account(it->key.p + STORE_DEPT_KEY_BYTES);
	if (store_record_unpack_member(&m, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", account);
	else if (!account_exists(c, account))
		check_fault(c, "belongs to no account", account);
	else if (store_dept_get(c->t, store_key_get_u32(it->key.p), &d) != 0 &&
		 !store_is_staged(c->t, account))
		check_fault(c, "belongs to no department", account);
	else if (!other_side_same(c, STORE_TABLE_ROLE, it, STORE_DEPT_KEY_BYTES))
		check_fault(c, "the two sides do not fit", account);
}

static void
check_role(struct check *c, const struct store_iter *it)
{
	if (it->key.len != STORE_ROLE_KEY_BYTES)
		check_fault(c, "key of a wrong length", 0);
	else if (!other_side_same(c, STORE_TABLE_MEMBER, it, STORE_ACCOUNT_KEY_BYTES))
		check_fault(c, "the two sides do not fit", store_key_get_account(it->key.p));
}

static bool
atoms_exist(struct check *c, const struct store_atom *atoms, uint16_t n)
{
	struct store_dept d;

	for (uint16_t i = 0; i < n; i++) {
		if (store_atom_names_dept(&atoms[i]) &&
		    store_dept_get(c->t, (uint32_t)atoms[i].id, &d) != 0)
			return false;
		if (atoms[i].kind == STORE_ATOM_ACCOUNT && !account_exists(c, atoms[i].id))
			return false;
	}
	return true;
}

static void
check_rule(struct check *c, const struct store_iter *it)
{
	struct store_rule r;
	uint32_t id;

	c->out->rules++;
	if (it->key.len != STORE_DEPT_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_u32(it->key.p);
	if (store_record_unpack_rule(&r, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", id);
	else if (id == 0 || id >= c->next_rule)
		check_fault(c, "id was never given", id);
	else if (!atoms_exist(c, r.subjects, r.n_subjects) ||
		 !atoms_exist(c, r.objects, r.n_objects))
		check_fault(c, "names what does not exist", id);
}

static int
check_table(struct check *c, enum store_table table, const char *name, check_item_fn *check)
{
	struct store_iter it;
	int rc = store_iter_open(&it, c->t, table, "", 0, 0);

	c->table = name;
	while (rc == 0) {
		check(c, &it);
		rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

static int
check_audit(struct check *c)
{
	struct store_audit_check found;
	int rc = store_audit_verify(c->t, NULL, &found, c->fault, c->arg);

	c->out->audits = found.records;
	c->out->faults += found.faults;
	return rc;
}

int
store_verify_all(struct store_txn *t, struct store_verify *out, store_fault_fn *fault_fn, void *arg)
{
	static const struct {
		enum store_table table;
		const char *name;
		check_item_fn *check;
	} tables[] = {
		{ STORE_TABLE_ACCOUNT, "account", check_account },
		{ STORE_TABLE_LOGIN, "login", check_login },
		{ STORE_TABLE_E2E, "e2e", check_e2e },
		{ STORE_TABLE_DEVICE, "device", check_device },
		{ STORE_TABLE_DEVKEY, "devkey", check_devkey },
		{ STORE_TABLE_FRIEND, "friend", check_friend },
		{ STORE_TABLE_ANSWER, "answer", check_answer },
		{ STORE_TABLE_DEPT, "dept", check_dept },
		{ STORE_TABLE_DEPTNAME, "deptname", check_deptname },
		{ STORE_TABLE_MEMBER, "member", check_member },
		{ STORE_TABLE_ROLE, "role", check_role },
		{ STORE_TABLE_RULE, "rule", check_rule },
		{ STORE_TABLE_APP, "app", check_app },
		{ STORE_TABLE_OFFER, "offer", check_offer },
		{ STORE_TABLE_WORD, "word", check_word },
		{ STORE_TABLE_INVITE, "invite", check_invite },
	};
	struct check c = { .t = t, .out = out, .fault = fault_fn, .arg = arg };
	int rc;

	t->see_staged = true;

	*out = (struct store_verify){ .accounts = 0 };
	rc = store_meta_get(t, STORE_META_NEXT_ACCOUNT, &c.next_account);
	if (rc == 0)
		rc = store_meta_get(t, STORE_META_NEXT_DEPT, &c.next_dept);
	if (rc == 0)
		rc = store_meta_get(t, STORE_META_NEXT_RULE, &c.next_rule);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && rc == 0; i++)
		rc = check_table(&c, tables[i].table, tables[i].name, tables[i].check);
	if (rc == 0)
		rc = check_audit(&c);
	if (rc == 0)
		rc = check_mail(&c);
	return rc != 0 ? rc : store_verify_groups(t, out, fault_fn, arg);
}
