#include "store/account.h"

#include <string.h>

#include "base/err.h"
#include "store/account_priv.h"
#include "store/import_priv.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/reader.h"
#include "store/record.h"
#include "store/word.h"

int
store_account_write(struct store_txn *t, const struct store_account *a)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_account(a, buf);

	store_key_put_account(key, a->id);
	return store_kv_put(t, STORE_TABLE_ACCOUNT, key, sizeof(key), buf, len);
}

int
store_account_claim(struct store_txn *t, const char *login, uint64_t id)
{
	uint8_t ref[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_ref(id, 0, ref);

	return store_kv_add(t, STORE_TABLE_LOGIN, login, strlen(login), ref, len);
}

int
store_account_make(const struct store_account_new *new, struct store_account *a)
{
	const struct store_profile *p = new->profile;
	int rc;

	*a = (struct store_account){ .contacts_version = 1,
				     .grant_epoch = 1,
				     .disabled = new->disabled,
				     .created_ms = new->now_ms,
				     .changed_ms = new->now_ms };
	rc = store_login_normalise(new->login, strlen(new->login), a->login);
	if (rc == 0)
		rc = store_account_apply(a, &(struct store_profile){ .name = new->name });
	if (rc == 0 && p)
		rc = store_account_apply(a, p);
	return rc != 0 ? rc : store_account_apply_pwhash(a, new->pwhash);
}

int
store_account_insert(struct store_txn *t, const struct store_account *a)
{
	int rc = store_account_claim(t, a->login, a->id);

	if (rc == 0)
		rc = store_account_write(t, a);
	return rc != 0 ? rc : store_word_follow(t, NULL, a);
}

int
store_account_add(struct store_txn *t, const struct store_account_new *new, uint64_t *id)
{
	struct store_account a;
	int rc = store_account_make(new, &a);

	if (rc == 0)
		rc = store_meta_count(t, STORE_META_NEXT_ACCOUNT, &a.id);
	if (rc == 0 && a.id > STORE_ACCOUNT_ID_MAX)
		rc = CHQ_EFULL;
	if (rc == 0)
		rc = store_account_insert(t, &a);
	if (rc == 0)
		*id = a.id;
	return rc;
}

static int
account_of_view(uint64_t id, const struct store_view *v, struct store_account *out)
{
	int rc = store_record_unpack_account(out, v->p, v->len);

	if (rc == 0)
		out->id = id;
	return rc;
}

int
store_account_get(struct store_txn *t, uint64_t id, struct store_account *out)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];
	struct store_view v;
	int rc;

	if (id > STORE_ACCOUNT_ID_MAX || store_staged_end(t, id) != 0)
		return CHQ_ENOENT;
	store_key_put_account(key, id);
	rc = store_kv_get(t, STORE_TABLE_ACCOUNT, key, sizeof(key), &v);
	return rc != 0 ? rc : account_of_view(id, &v, out);
}

int
store_account_read(struct store_reader *r, uint64_t id, struct store_account *out)
{
	struct store_txn *t;
	int rc = store_read_begin(r, &t);

	if (rc != 0)
		return rc;
	rc = store_account_get(t, id, out);
	store_read_end(r);
	return rc;
}

int
store_account_find(struct store_txn *t, const char *login, size_t login_bytes,
		   struct store_account *out)
{
	char name[STORE_LOGIN_MAX_BYTES + 1];
	struct store_view v;
	uint64_t id;
	uint8_t number;
	int rc = store_login_normalise(login, login_bytes, name);

	if (rc == 0)
		rc = store_kv_get(t, STORE_TABLE_LOGIN, name, strlen(name), &v);
	if (rc == 0)
		rc = store_record_unpack_ref(&id, &number, v.p, v.len);
	if (rc != 0)
		return rc;
	if (store_staged_end(t, id) != 0)
		return CHQ_ENOENT;
	rc = store_account_get(t, id, out);
	if (rc == 0 && out->removed_ms != 0)
		return CHQ_ENOENT; /* its name is kept, but nobody's */
	return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
}

int
store_login_taken(struct store_txn *t, const char *normal, bool *taken)
{
	struct store_view v;
	int rc = store_kv_get(t, STORE_TABLE_LOGIN, normal, strlen(normal), &v);

	*taken = rc == 0;
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_account_last(struct store_txn *t, uint64_t *id)
{
	uint64_t next;
	int rc = store_meta_get(t, STORE_META_NEXT_ACCOUNT, &next);

	if (rc != 0)
		return rc;
	*id = next - 1;
	return next ? 0 : CHQ_ECORRUPT;
}

int
store_account_list(struct store_txn *t, uint64_t after, struct store_account *out, size_t max,
		   size_t *n)
{
	uint8_t start[STORE_ACCOUNT_KEY_BYTES];
	struct store_iter it;
	int rc;

	*n = 0;
	if (after >= STORE_ACCOUNT_ID_MAX)
		return 0;
	store_key_put_account(start, after + 1);
	rc = store_iter_open(&it, t, STORE_TABLE_ACCOUNT, start, sizeof(start), 0);
	while (rc == 0 && *n < max) {
		uint64_t id = it.key.len == sizeof(start) ? store_key_get_account(it.key.p) : 0;
		uint64_t behind = store_staged_end(t, id);

		if (behind != 0) {
			store_key_put_account(start, behind);
			rc = store_iter_seek(&it, start, sizeof(start));
			continue;
		}
		rc = id ? account_of_view(id, &it.val, &out[*n]) : CHQ_ECORRUPT;
		if (rc == 0) {
			(*n)++;
			rc = store_iter_next(&it);
		}
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}
