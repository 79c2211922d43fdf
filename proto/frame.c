#include "proto/frame.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/aead.h"
#include "proto/siphash.h"

#define TAG_OFF 40 /* what is in front of it is hashed and authenticated */

void
chq_frame_get(const uint8_t *buf, struct chq_frame_hdr *h)
{
	h->type = buf[0];
	h->flags = buf[1];
	h->app = chq_get_le16(buf + 2);
	h->slot = chq_get_le32(buf + 4);
	h->seq = chq_get_le64(buf + 8);
	h->party = chq_get_le64(buf + 16);
	h->message = chq_get_le64(buf + 24);
	h->grant = chq_get_le64(buf + 32);
	h->tag = chq_get_le64(buf + TAG_OFF);
}

void
chq_frame_put(uint8_t *buf, const struct chq_frame_hdr *h)
{
	buf[0] = CHQ_TYPE_FRAME;
	buf[1] = h->flags;
	chq_put_le16(buf + 2, h->app);
	chq_put_le32(buf + 4, h->slot);
	chq_put_le64(buf + 8, h->seq);
	chq_put_le64(buf + 16, h->party);
	chq_put_le64(buf + 24, h->message);
	chq_put_le64(buf + 32, h->grant);
}

int
chq_frame_parse(const uint8_t *buf, size_t len, int from_client, struct chq_frame_hdr *h)
{
	if (len > CHQ_DGRAM_MAX)
		return CHQ_ETOOBIG;
	if (len < CHQ_FRAME_HDR_LEN || buf[0] != CHQ_TYPE_FRAME)
		return CHQ_EMALFORMED;
	chq_frame_get(buf, h);
	if (!chq_frame_form_ok(h, (uint32_t)(len - CHQ_FRAME_HDR_LEN), from_client))
		return CHQ_EMALFORMED;
	return CHQ_OK;
}

static uint64_t
frame_tag(const uint8_t *buf, uint16_t payload_len, const uint8_t tag_key[16])
{
	struct chq_sipkey key = chq_sipkey_load(tag_key);
	uint64_t words[TAG_OFF / 8];

	memcpy(words, buf, TAG_OFF);
	return chq_siphash_frame(&key, words, payload_len);
}

void
chq_frame_build(uint8_t *buf, const struct chq_frame_hdr *h, uint16_t payload_len,
		const uint8_t tag_key[16])
{
	chq_frame_put(buf, h);
	chq_put_le64(buf + TAG_OFF, frame_tag(buf, payload_len, tag_key));
}

int
chq_frame_tag_ok(const uint8_t *buf, size_t len, const uint8_t tag_key[16])
{
	if (len < CHQ_FRAME_HDR_LEN || len > CHQ_DGRAM_MAX)
		return 0;
	return chq_get_le64(buf + TAG_OFF) ==
	       frame_tag(buf, (uint16_t)(len - CHQ_FRAME_HDR_LEN), tag_key);
}

static void
hop_nonce(uint8_t nonce[CHQ_AEAD_NONCE_BYTES], const uint8_t *buf)
{
	memset(nonce, 0, 4);
	memcpy(nonce + 4, buf + 8, 8);
}

int
chq_hop_seal(uint8_t *buf, size_t body_len, const uint8_t key[32])
{
	uint8_t *body = buf + CHQ_FRAME_HDR_LEN;
	uint8_t nonce[CHQ_AEAD_NONCE_BYTES];
	int err;

	if (body_len > CHQ_HOP_BODY_MAX)
		return CHQ_ETOOBIG;
	hop_nonce(nonce, buf);
	err = chq_aead_seal(key, nonce, buf, TAG_OFF, body, body_len, body);
	return err ? err : (int)(body_len + CHQ_AEAD_TAG_LEN);
}

int
chq_hop_open(uint8_t *buf, size_t len, const uint8_t key[32])
{
	uint8_t *body = buf + CHQ_FRAME_HDR_LEN;
	uint8_t nonce[CHQ_AEAD_NONCE_BYTES];
	size_t sealed_len;
	int err;

	if (len < CHQ_FRAME_HDR_LEN + CHQ_AEAD_TAG_LEN || len > CHQ_DGRAM_MAX)
		return CHQ_EMALFORMED;
	sealed_len = len - CHQ_FRAME_HDR_LEN;
	hop_nonce(nonce, buf);
	err = chq_aead_open(key, nonce, buf, TAG_OFF, body, sealed_len, body);
	if (err == CHQ_ECRYPTO) {
		memset(body, 0, sealed_len);
		return CHQ_ETAG;
	}
	return err ? err : (int)(sealed_len - CHQ_AEAD_TAG_LEN);
}
