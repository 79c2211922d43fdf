#include "store/record.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/pack.h"

enum { ACCOUNT_VERSION = 2, ACCOUNT_DISABLED = 0x01 };
enum { DEVICE_REVOKED = 0x01 };

size_t
store_record_pack_u64(uint64_t v, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u64(&w, v);
	return packer_len(&w);
}

int
store_record_unpack_u64(uint64_t *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	uint64_t v = unpack_u64(&r);
	int rc = unpacker_end(&r);

	if (rc == 0)
		*out = v;
	return rc;
}

size_t
store_record_pack_ref(uint64_t account, uint8_t number, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	chq_put_le48(w.at, account);
	w.at += 6;
	pack_u8(&w, number);
	return packer_len(&w);
}

int
store_record_unpack_ref(uint64_t *account, uint8_t *number, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	const uint8_t *id = unpack_view(&r, 6);
	uint8_t n = unpack_u8(&r);
	int rc = unpacker_end(&r);

	if (rc == 0 && chq_get_le48(id) == 0)
		rc = CHQ_ECORRUPT;
	if (rc == 0) {
		*account = chq_get_le48(id);
		*number = n;
	}
	return rc;
}

size_t
store_record_pack_account(const struct store_account *a, uint8_t *buf)
{
	struct packer w = packer_start_version(buf, ACCOUNT_VERSION);

	pack_u8(&w, a->disabled ? ACCOUNT_DISABLED : 0);
	pack_u32(&w, a->grant_epoch);
	pack_u64(&w, a->contacts_version);
	pack_u64(&w, a->created_ms);
	pack_u64(&w, a->changed_ms);
	pack_text(&w, a->login);
	pack_text(&w, a->name);
	pack_text(&w, a->pwhash);
	pack_u32(&w, a->sender_epoch);
	pack_u64(&w, a->removed_ms);
	pack_text(&w, a->title);
	pack_text(&w, a->phone);
	pack_text(&w, a->mail);
	pack_text(&w, a->avatar);
	pack_text(&w, a->number);
	return packer_len(&w);
}

/* What version 1 did not have. */
static void
unpack_account_2(struct unpacker *r, struct store_account *a)
{
	a->sender_epoch = unpack_u32(r);
	a->removed_ms = unpack_u64(r);
	unpack_text(r, a->title, STORE_TITLE_MAX_BYTES);
	unpack_text(r, a->phone, STORE_PHONE_MAX_BYTES);
	unpack_text(r, a->mail, STORE_MAIL_MAX_BYTES);
	unpack_text(r, a->avatar, STORE_AVATAR_MAX_BYTES);
	unpack_text(r, a->number, STORE_NUMBER_MAX_BYTES);
	if (a->removed_ms != 0 && !a->disabled)
		r->bad = true;
}

int
store_record_unpack_account(struct store_account *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start_version(p, len, ACCOUNT_VERSION);
	struct store_account a = { .id = 0 };
	int rc;

	a.disabled = unpack_flag(&r, ACCOUNT_DISABLED);
	a.grant_epoch = unpack_u32(&r);
	a.contacts_version = unpack_u64(&r);
	a.created_ms = unpack_u64(&r);
	a.changed_ms = unpack_u64(&r);
	unpack_text(&r, a.login, STORE_LOGIN_MAX_BYTES);
	unpack_text(&r, a.name, STORE_NAME_MAX_BYTES);
	unpack_text(&r, a.pwhash, STORE_PWHASH_MAX_BYTES);
	if (r.version > 1)
		unpack_account_2(&r, &a);
	if (a.login[0] == '\0')
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = a;
	return rc;
}

size_t
store_record_pack_e2e(const struct store_e2e *e, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_bytes(&w, e->account_key, STORE_KEY_BYTES);
	pack_u64(&w, e->list_version);
	pack_blob(&w, e->list, e->list_len);
	return packer_len(&w);
}

int
store_record_unpack_e2e(struct store_e2e *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_e2e e = { .list_version = 0 };
	int rc;

	unpack_bytes(&r, e.account_key, STORE_KEY_BYTES);
	e.list_version = unpack_u64(&r);
	e.list_len = unpack_blob(&r, e.list, STORE_DEVLIST_MAX_BYTES);
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = e;
	return rc;
}

size_t
store_record_pack_device(const struct store_device *d, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u8(&w, d->revoked ? DEVICE_REVOKED : 0);
	pack_u8(&w, (uint8_t)d->kind);
	pack_bytes(&w, d->noise_key, STORE_KEY_BYTES);
	pack_u64(&w, d->enrolled_ms);
	pack_u64(&w, d->last_seen_ms);
	pack_text(&w, d->name);
	pack_blob(&w, d->prekey, d->prekey_len);
	return packer_len(&w);
}

int
store_record_unpack_device(struct store_device *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_device d = { .account = 0 };
	uint8_t kind;
	int rc;

	d.revoked = unpack_flag(&r, DEVICE_REVOKED);
	kind = unpack_u8(&r);
	if (kind >= STORE_DEVICE__COUNT)
		r.bad = true;
	d.kind = (enum store_device_kind)kind;
	unpack_bytes(&r, d.noise_key, STORE_KEY_BYTES);
	d.enrolled_ms = unpack_u64(&r);
	d.last_seen_ms = unpack_u64(&r);
	unpack_text(&r, d.name, STORE_DEVICE_NAME_MAX_BYTES);
	d.prekey_len = unpack_blob(&r, d.prekey, STORE_PREKEY_MAX_BYTES);
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = d;
	return rc;
}

size_t
store_record_pack_offer(const struct store_offer *o, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_bytes(&w, o->signing_key, STORE_KEY_BYTES);
	pack_bytes(&w, o->identity_key, STORE_KEY_BYTES);
	pack_u64(&w, o->offered_ms);
	pack_blob(&w, o->sealed, o->sealed_len);
	return packer_len(&w);
}

int
store_record_unpack_offer(struct store_offer *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_offer o = { .offered_ms = 0 };
	int rc;

	unpack_bytes(&r, o.signing_key, STORE_KEY_BYTES);
	unpack_bytes(&r, o.identity_key, STORE_KEY_BYTES);
	o.offered_ms = unpack_u64(&r);
	o.sealed_len = unpack_blob(&r, o.sealed, STORE_SEALED_MAX_BYTES);
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = o;
	return rc;
}

size_t
store_record_pack_friend(const struct store_friend *f, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u8(&w, (uint8_t)f->state);
	pack_u64(&w, f->since_ms);
	return packer_len(&w);
}

int
store_record_unpack_friend(struct store_friend *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	uint8_t state = unpack_u8(&r);
	uint64_t since_ms = unpack_u64(&r);
	int rc = unpacker_end(&r);

	if (state == STORE_FRIEND_NONE || state >= STORE_FRIEND__COUNT)
		rc = CHQ_ECORRUPT;
	if (rc == 0)
		*out = (struct store_friend){ .state = (enum store_friend_state)state,
					      .since_ms = since_ms };
	return rc;
}

size_t
store_record_pack_answer(const uint8_t *answer, size_t answer_len, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_bytes(&w, answer, answer_len);
	return packer_len(&w);
}

int
store_record_unpack_answer(const uint8_t **answer, size_t *answer_len, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	size_t left = r.left;
	const uint8_t *view = unpack_view(&r, left);

	if (unpacker_end(&r) != 0 || left > STORE_ANSWER_MAX_BYTES)
		return CHQ_ECORRUPT;
	*answer = view;
	*answer_len = left;
	return 0;
}
