#include "store/account.h"

#include <string.h>

#include "base/err.h"
#include "store/account_priv.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/text.h"
#include "store/word.h"

/* Changes of accounts that are there: tombstones are none. */

static int
account_there(struct store_txn *t, uint64_t id, struct store_account *a)
{
	int rc = store_account_get(t, id, a);

	return rc == 0 && a->removed_ms != 0 ? CHQ_ENOENT : rc;
}

int
store_profile_check(const struct store_profile *p, const char **field)
{
	const struct {
		const char *field, *text;
		size_t max;
	} f[] = {
		{ "name", p->name, STORE_NAME_MAX_BYTES },
		{ "title", p->title, STORE_TITLE_MAX_BYTES },
		{ "phone", p->phone, STORE_PHONE_MAX_BYTES },
		{ "mail", p->mail, STORE_MAIL_MAX_BYTES },
		{ "avatar", p->avatar, STORE_AVATAR_MAX_BYTES },
		{ "number", p->number, STORE_NUMBER_MAX_BYTES },
	};

	for (size_t i = 0; i < sizeof(f) / sizeof(f[0]); i++) {
		int rc = f[i].text ? store_text_check(f[i].text, strlen(f[i].text), f[i].max) : 0;

		if (rc != 0) {
			*field = f[i].field;
			return rc;
		}
	}
	return 0;
}

static void
take(char *dst, const char *text)
{
	if (text)
		memcpy(dst, text, strlen(text) + 1);
}

int
store_account_apply(struct store_account *a, const struct store_profile *p)
{
	const char *field;
	int rc = store_profile_check(p, &field);

	if (rc != 0)
		return rc;
	take(a->name, p->name);
	take(a->title, p->title);
	take(a->phone, p->phone);
	take(a->mail, p->mail);
	take(a->avatar, p->avatar);
	take(a->number, p->number);
	return 0;
}

int
store_account_apply_pwhash(struct store_account *a, const char *pwhash)
{
	size_t len = pwhash ? strlen(pwhash) : 0;

	if (len > STORE_PWHASH_MAX_BYTES || (pwhash && len == 0))
		return CHQ_EINVAL;
	memset(a->pwhash, 0, sizeof(a->pwhash));
	if (pwhash)
		memcpy(a->pwhash, pwhash, len);
	return 0;
}

int
store_account_rename(struct store_txn *t, uint64_t id, const char *login, uint64_t now_ms)
{
	char name[STORE_LOGIN_MAX_BYTES + 1];
	struct store_account a, was;
	int rc = store_login_normalise(login, strlen(login), name);

	if (rc == 0)
		rc = account_there(t, id, &a);
	if (rc != 0 || strcmp(name, a.login) == 0)
		return rc;
	rc = store_account_claim(t, name, id);
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_LOGIN, a.login, strlen(a.login));
	if (rc != 0)
		return rc;
	was = a;
	memcpy(a.login, name, sizeof(name));
	a.changed_ms = now_ms;
	rc = store_word_follow(t, &was, &a);
	return rc != 0 ? rc : store_account_write(t, &a);
}

int
store_account_set_profile(struct store_txn *t, uint64_t id, const struct store_profile *p,
			  uint64_t now_ms)
{
	struct store_account a, was;
	int rc = account_there(t, id, &a);

	if (rc != 0)
		return rc;
	was = a;
	rc = store_account_apply(&a, p);
	a.changed_ms = now_ms;
	if (rc == 0)
		rc = store_word_follow(t, &was, &a);
	return rc != 0 ? rc : store_account_write(t, &a);
}

int
store_account_set_name(struct store_txn *t, uint64_t id, const char *name, uint64_t now_ms)
{
	return store_account_set_profile(t, id, &(struct store_profile){ .name = name }, now_ms);
}

int
store_account_set_pwhash(struct store_txn *t, uint64_t id, const char *pwhash, uint64_t now_ms)
{
	struct store_account a;
	int rc = account_there(t, id, &a);

	if (rc == 0)
		rc = store_account_apply_pwhash(&a, pwhash);
	a.changed_ms = now_ms;
	return rc != 0 ? rc : store_account_write(t, &a);
}

int
store_account_set_disabled(struct store_txn *t, uint64_t id, bool disabled, uint64_t now_ms)
{
	struct store_account a;
	int rc = account_there(t, id, &a);

	if (rc != 0 || a.disabled == disabled)
		return rc;
	a.disabled = disabled;
	a.changed_ms = now_ms;
	return store_account_write(t, &a);
}

int
store_account_next_grant_epoch(struct store_txn *t, uint64_t id, uint32_t *epoch)
{
	struct store_account a;
	int rc = account_there(t, id, &a);

	if (rc != 0)
		return rc;
	*epoch = ++a.grant_epoch;
	return store_account_write(t, &a);
}

int
store_account_contacts_changed(struct store_txn *t, uint64_t id)
{
	struct store_account a;
	int rc = account_there(t, id, &a);

	if (rc != 0)
		return rc;
	a.contacts_version++;
	return store_account_write(t, &a);
}

int
store_sender_epoch_all(struct store_txn *t, uint64_t *all)
{
	int rc = store_meta_get(t, STORE_META_SENDER_EPOCH, all);

	if (rc == CHQ_ENOENT)
		*all = 0;
	return rc == CHQ_ENOENT ? 0 : rc;
}

int
store_account_sender_epoch(struct store_txn *t, const struct store_account *a, uint16_t *epoch)
{
	uint64_t all;
	int rc = store_sender_epoch_all(t, &all);

	if (rc == 0)
		*epoch = (uint16_t)((a->sender_epoch + all) & STORE_SENDER_EPOCH_MASK);
	return rc;
}

int
store_account_next_sender_epoch(struct store_txn *t, uint64_t id, uint16_t *epoch)
{
	struct store_account a;
	int rc = account_there(t, id, &a);

	if (rc != 0)
		return rc;
	a.sender_epoch++;
	rc = store_account_write(t, &a);
	return rc != 0 ? rc : store_account_sender_epoch(t, &a, epoch);
}

int
store_sender_epoch_next_all(struct store_txn *t, uint64_t *all)
{
	uint64_t next;
	int rc = store_sender_epoch_all(t, &next);

	if (rc == 0)
		rc = store_meta_set(t, STORE_META_SENDER_EPOCH, ++next);
	if (rc == 0)
		*all = next;
	return rc;
}
