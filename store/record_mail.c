#include "store/record_mail.h"
#include "store/pack.h"

/* Records of mailboxes. */

size_t
store_record_pack_mail(const struct store_mail *m, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u64(&w, m->stored_ms);
	pack_u64(&w, m->party);
	pack_u64(&w, m->message);
	pack_u16(&w, m->app);
	pack_u8(&w, m->flags);
	pack_blob(&w, m->payload, m->len);
	return packer_len(&w);
}

int
store_record_unpack_mail(struct store_mail *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_mail m = { .stored_ms = unpack_u64(&r) };
	int rc;

	m.party = unpack_u64(&r);
	m.message = unpack_u64(&r);
	m.app = unpack_u16(&r);
	m.flags = unpack_u8(&r);
	m.len = unpack_u16(&r);
	m.payload = unpack_view(&r, m.len);
	if (m.len > STORE_MAIL_PAYLOAD_MAX_BYTES)
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = m;
	return rc;
}

size_t
store_record_pack_mail_head(const struct mail_head *h, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u64(&w, h->next);
	pack_u64(&w, h->messages);
	pack_u64(&w, h->bytes);
	return packer_len(&w);
}

int
store_record_unpack_mail_head(struct mail_head *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct mail_head h = { .next = unpack_u64(&r) };
	int rc;

	h.messages = unpack_u64(&r);
	h.bytes = unpack_u64(&r);
	if (h.next == 0 || h.messages >= h.next)
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = h;
	return rc;
}

size_t
store_record_pack_mail_sum(const struct store_mail_sum *s, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u64(&w, s->messages);
	pack_u64(&w, s->bytes);
	return packer_len(&w);
}

int
store_record_unpack_mail_sum(struct store_mail_sum *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_mail_sum s = { .messages = unpack_u64(&r) };
	int rc;

	s.bytes = unpack_u64(&r);
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = s;
	return rc;
}
