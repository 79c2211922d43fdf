#include "store/audit.h"

#include <sodium.h>
#include <string.h>

#include "store/kv.h"
#include "store/meta.h"
#include "store/pack.h"
#include "store/record.h"

enum { KEY_BYTES = 8 };

_Static_assert(STORE_AUDIT_HASH_BYTES == crypto_hash_sha256_BYTES, "the chain is SHA-256");

void
store_audit_text(char *dst, size_t max, const char *text)
{
	size_t len = strlen(text);

	if (len > max) {
		len = max;
		while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(dst, text, len);
	dst[len] = '\0';
}

/* All but the hash. Return: length. */
static size_t
pack(const struct store_audit *a, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u64(&w, a->time_ms);
	pack_u32(&w, a->uid);
	pack_u32(&w, (uint32_t)a->pid);
	pack_u64(&w, a->account);
	pack_u64(&w, a->peer);
	pack_text(&w, a->verb);
	pack_text(&w, a->target);
	pack_text(&w, a->old);
	pack_text(&w, a->new);
	return packer_len(&w);
}

static int
unpack(struct store_audit *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_audit a = { 0 };
	int rc;

	a.time_ms = unpack_u64(&r);
	a.uid = unpack_u32(&r);
	a.pid = (int32_t)unpack_u32(&r);
	a.account = unpack_u64(&r);
	a.peer = unpack_u64(&r);
	unpack_text(&r, a.verb, STORE_AUDIT_VERB_MAX_BYTES);
	unpack_text(&r, a.target, STORE_AUDIT_TEXT_MAX_BYTES);
	unpack_text(&r, a.old, STORE_AUDIT_TEXT_MAX_BYTES);
	unpack_text(&r, a.new, STORE_AUDIT_TEXT_MAX_BYTES);
	unpack_bytes(&r, a.hash, sizeof(a.hash));
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = a;
	return rc;
}

static void
chain(uint8_t hash[STORE_AUDIT_HASH_BYTES], const uint8_t before[STORE_AUDIT_HASH_BYTES],
      uint64_t number, const uint8_t *record, size_t len)
{
	crypto_hash_sha256_state s;
	uint8_t n[8];

	chq_put_le64(n, number);
	crypto_hash_sha256_init(&s);
	crypto_hash_sha256_update(&s, before, STORE_AUDIT_HASH_BYTES);
	crypto_hash_sha256_update(&s, n, sizeof(n));
	crypto_hash_sha256_update(&s, record, len);
	crypto_hash_sha256_final(&s, hash);
}

static int
head_get(struct store_txn *t, enum store_meta which, struct store_audit_head *out)
{
	struct store_audit_head h = { 0 };
	uint8_t key = (uint8_t)which;
	struct store_view v;
	struct unpacker r;
	int rc = store_kv_get(t, STORE_TABLE_META, &key, 1, &v);

	if (rc == CHQ_ENOENT) {
		*out = h;
		return 0;
	}
	if (rc != 0)
		return rc;
	r = unpacker_start(v.p, v.len);
	h.number = unpack_u64(&r);
	unpack_bytes(&r, h.hash, sizeof(h.hash));
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = h;
	return rc;
}

static int
head_set(struct store_txn *t, enum store_meta which, const struct store_audit_head *h)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES], key = (uint8_t)which;
	struct packer w = packer_start(buf);

	pack_u64(&w, h->number);
	pack_bytes(&w, h->hash, sizeof(h->hash));
	return store_kv_put(t, STORE_TABLE_META, &key, 1, buf, packer_len(&w));
}

int
store_audit_head(struct store_txn *t, struct store_audit_head *out)
{
	return head_get(t, STORE_META_AUDIT_HEAD, out);
}

int
store_audit_base(struct store_txn *t, struct store_audit_head *out)
{
	return head_get(t, STORE_META_AUDIT_BASE, out);
}

int
store_audit_append(struct store_txn *t, struct store_audit *a)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES], key[KEY_BYTES];
	struct store_audit_head h;
	size_t len;
	int rc = store_audit_head(t, &h);

	if (rc != 0)
		return rc;
	a->number = h.number + 1;
	len = pack(a, buf);
	chain(a->hash, h.hash, a->number, buf, len);
	memcpy(buf + len, a->hash, sizeof(a->hash));
	chq_put_be64(key, a->number);
	rc = store_kv_add(t, STORE_TABLE_AUDIT, key, sizeof(key), buf, len + sizeof(a->hash));
	if (rc == CHQ_EEXIST)
		return CHQ_ECORRUPT; /* the head points behind its own chain */
	h.number = a->number;
	memcpy(h.hash, a->hash, sizeof(h.hash));
	return rc != 0 ? rc : head_set(t, STORE_META_AUDIT_HEAD, &h);
}

int
store_audit_get(struct store_txn *t, uint64_t number, struct store_audit *out)
{
	uint8_t key[KEY_BYTES];
	struct store_view v;
	int rc;

	chq_put_be64(key, number);
	rc = store_kv_get(t, STORE_TABLE_AUDIT, key, sizeof(key), &v);
	if (rc == 0)
		rc = unpack(out, v.p, v.len);
	if (rc == 0)
		out->number = number;
	return rc;
}

/* A walk along the chain. */
struct walk {
	struct store_audit_check *out;
	struct store_audit_head last; /* the record that was looked at before */
	const struct store_audit_head *known;
	store_fault_fn *fault;
	void *arg;
};

static void
walk_fault(struct walk *w, const char *what, uint64_t number)
{
	if (w->out->faults++ == 0)
		w->out->first_fault = number;
	if (w->fault)
		w->fault(w->arg, "audit", what, number);
}

static void
walk_record(struct walk *w, const struct store_iter *it)
{
	uint8_t hash[STORE_AUDIT_HASH_BYTES];
	struct store_audit a;
	uint64_t number;

	if (it->key.len != KEY_BYTES) {
		walk_fault(w, "key of a wrong length", 0);
		return;
	}
	number = chq_get_be64(it->key.p);
	w->out->records++;
	if (number != w->last.number + 1)
		walk_fault(w, "records before it are missing", number);
	if (unpack(&a, it->val.p, it->val.len) != 0) {
		walk_fault(w, "damaged record", number);
		w->last.number = number;
		return;
	}
	if (number == w->last.number + 1) {
		chain(hash, w->last.hash, number, it->val.p, it->val.len - sizeof(a.hash));
		if (memcmp(hash, a.hash, sizeof(hash)) != 0)
			walk_fault(w, "is not what was written", number);
	}
	if (w->known && w->known->number == number &&
	    memcmp(w->known->hash, a.hash, sizeof(a.hash)) != 0)
		walk_fault(w, "is not the one that was noted", number);
	w->last.number = number;
	memcpy(w->last.hash, a.hash, sizeof(a.hash));
}

int
store_audit_verify(struct store_txn *t, const struct store_audit_head *known,
		   struct store_audit_check *out, store_fault_fn *fault, void *arg)
{
	struct walk w = { .out = out, .known = known, .fault = fault, .arg = arg };
	struct store_iter it;
	int rc;

	*out = (struct store_audit_check){ .records = 0 };
	rc = store_audit_base(t, &w.last);
	if (rc == 0)
		rc = store_audit_head(t, &out->head);
	if (rc != 0)
		return rc;
	rc = store_iter_open(&it, t, STORE_TABLE_AUDIT, "", 0, 0);
	while (rc == 0) {
		walk_record(&w, &it);
		rc = store_iter_next(&it);
	}
	store_iter_close(&it);
	if (rc != CHQ_ENOENT)
		return rc;
	if (w.last.number != out->head.number ||
	    memcmp(w.last.hash, out->head.hash, sizeof(w.last.hash)) != 0)
		walk_fault(&w, "newest records are missing", w.last.number + 1);
	if (known && known->number > w.last.number)
		walk_fault(&w, "the one that was noted is missing", known->number);
	return 0;
}

int
store_audit_forget(struct store_txn *t, uint64_t before_ms, unsigned max, unsigned *removed)
{
	struct store_audit_head base, head;
	struct store_audit a;
	uint8_t key[KEY_BYTES];
	int rc = store_audit_base(t, &base);

	*removed = 0;
	if (rc == 0)
		rc = store_audit_head(t, &head);
	while (rc == 0 && *removed < max && base.number + 1 < head.number) {
		rc = store_audit_get(t, base.number + 1, &a);
		if (rc != 0)
			return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
		if (a.time_ms >= before_ms)
			break;
		chq_put_be64(key, a.number);
		rc = store_kv_del(t, STORE_TABLE_AUDIT, key, sizeof(key));
		base.number = a.number;
		memcpy(base.hash, a.hash, sizeof(base.hash));
		(*removed)++;
	}
	if (rc == 0 && *removed > 0)
		rc = head_set(t, STORE_META_AUDIT_BASE, &base);
	return rc;
}
