#include "store/invite.h"

#include <string.h>

#include "base/err.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/pack.h"
#include "store/record.h"
#include "store/verify_priv.h"

static int
invite_write(struct store_txn *t, const uint8_t *hash, const struct store_invite *i)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	struct packer w = packer_start(buf);

	pack_u32(&w, i->number);
	pack_u32(&w, i->uses);
	pack_u32(&w, i->dept);
	pack_u64(&w, i->created_ms);
	pack_u64(&w, i->expires_ms);
	return store_kv_put(t, STORE_TABLE_INVITE, hash, STORE_INVITE_HASH_BYTES, buf,
			    packer_len(&w));
}

static int
invite_read(const struct store_view *v, struct store_invite *out)
{
	struct unpacker r = unpacker_start(v->p, v->len);
	struct store_invite i = { .number = unpack_u32(&r) };

	i.uses = unpack_u32(&r);
	i.dept = unpack_u32(&r);
	i.created_ms = unpack_u64(&r);
	i.expires_ms = unpack_u64(&r);
	if (unpacker_end(&r) != 0 || i.uses == 0 || i.number == 0)
		return CHQ_ECORRUPT;
	*out = i;
	return 0;
}

int
store_invite_list(struct store_txn *t, uint32_t after, struct store_invite *out, size_t max,
		  size_t *n)
{
	struct store_invite i;
	struct store_iter it;
	int rc = store_iter_open(&it, t, STORE_TABLE_INVITE, "", 0, 0);

	/* The table goes by hash: the lowest numbers are kept, in order. */
	for (*n = 0; rc == 0; rc = store_iter_next(&it)) {
		size_t at = *n;

		rc = invite_read(&it.val, &i);
		if (rc != 0)
			break;
		if (i.number <= after || (*n == max && i.number >= out[max - 1].number))
			continue;
		at = *n < max ? (*n)++ : max - 1;
		for (; at > 0 && out[at - 1].number > i.number; at--)
			out[at] = out[at - 1];
		out[at] = i;
	}
	store_iter_close(&it);
	return rc == CHQ_ENOENT ? 0 : rc;
}

/* Return: 0; CHQ_EFULL. */
static int
invite_room(struct store_txn *t)
{
	struct store_iter it;
	unsigned n = 0;
	int rc = store_iter_open(&it, t, STORE_TABLE_INVITE, "", 0, 0);

	for (; rc == 0; rc = store_iter_next(&it))
		n++;
	store_iter_close(&it);
	if (rc != CHQ_ENOENT)
		return rc;
	return n < STORE_INVITES_MAX ? 0 : CHQ_EFULL;
}

int
store_invite_add(struct store_txn *t, const uint8_t hash[STORE_INVITE_HASH_BYTES],
		 struct store_invite *i)
{
	struct store_view v;
	uint64_t number;
	int rc = i->uses ? invite_room(t) : CHQ_EINVAL;

	if (rc == 0)
		rc = store_kv_get(t, STORE_TABLE_INVITE, hash, STORE_INVITE_HASH_BYTES, &v);
	if (rc != CHQ_ENOENT)
		return rc == 0 ? CHQ_EEXIST : rc;
	rc = store_meta_count(t, STORE_META_NEXT_INVITE, &number);
	if (rc == 0 && number > UINT32_MAX)
		rc = CHQ_EFULL;
	i->number = (uint32_t)number;
	return rc != 0 ? rc : invite_write(t, hash, i);
}

int
store_invite_get(struct store_txn *t, const uint8_t hash[STORE_INVITE_HASH_BYTES], uint64_t now_ms,
		 struct store_invite *out)
{
	struct store_view v;
	int rc = store_kv_get(t, STORE_TABLE_INVITE, hash, STORE_INVITE_HASH_BYTES, &v);

	if (rc == 0)
		rc = invite_read(&v, out);
	return rc == 0 && out->expires_ms <= now_ms ? CHQ_ENOENT : rc;
}

int
store_invite_use(struct store_txn *t, const uint8_t hash[STORE_INVITE_HASH_BYTES], uint64_t now_ms,
		 struct store_invite *out)
{
	int rc = store_invite_get(t, hash, now_ms, out);

	if (rc != 0)
		return rc;
	if (--out->uses > 0)
		return invite_write(t, hash, out);
	return store_kv_del(t, STORE_TABLE_INVITE, hash, STORE_INVITE_HASH_BYTES);
}

int
store_invite_remove(struct store_txn *t, uint32_t number)
{
	uint8_t hash[STORE_INVITE_HASH_BYTES];
	struct store_invite i = { .number = 0 };
	struct store_iter it;
	int rc = store_iter_open(&it, t, STORE_TABLE_INVITE, "", 0, 0);

	for (; rc == 0; rc = store_iter_next(&it)) {
		rc = it.key.len == sizeof(hash) ? invite_read(&it.val, &i) : CHQ_ECORRUPT;
		if (rc != 0 || i.number == number)
			break;
	}
	if (rc == 0)
		memcpy(hash, it.key.p, sizeof(hash));
	store_iter_close(&it);
	return rc != 0 ? rc : store_kv_del(t, STORE_TABLE_INVITE, hash, sizeof(hash));
}

void
check_invite(struct check *c, const struct store_iter *it)
{
	struct store_invite i;

	if (it->key.len != STORE_INVITE_HASH_BYTES)
		check_fault(c, "key of a wrong length", 0);
	else if (invite_read(&it->val, &i) != 0)
		check_fault(c, "damaged record", 0);
}
