#include "proto/group_fmt.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/aead.h"
#include "proto/hkdf.h"

#define EPOCH_LABEL	"chasqui-group-key"
#define EPOCH_LABEL_LEN (sizeof(EPOCH_LABEL) - 1)
#define KEY_LABEL	"chasqui-group-1"
#define KEY_LABEL_LEN	(sizeof(KEY_LABEL) - 1)
#define AD_LEN		28
#define AD_VERSION	1

void
chq_group_epoch_key(const uint8_t master[32], uint32_t group, uint32_t epoch,
		    uint8_t key[CHQ_GROUP_KEY_BYTES])
{
	uint8_t msg[EPOCH_LABEL_LEN + 8];

	memcpy(msg, EPOCH_LABEL, EPOCH_LABEL_LEN);
	chq_put_le32(msg + EPOCH_LABEL_LEN, group);
	chq_put_le32(msg + EPOCH_LABEL_LEN + 4, epoch);
	/* HKDF-Extract is HMAC-SHA256 under its salt. */
	chq_hkdf_extract(master, 32, msg, sizeof(msg), key);
}

void
chq_group_key(const uint8_t epoch_key[CHQ_GROUP_KEY_BYTES], uint32_t group, uint32_t epoch,
	      uint64_t from, const uint8_t salt[CHQ_GROUP_SALT_BYTES], uint8_t key[32])
{
	uint8_t info[KEY_LABEL_LEN + 16], prk[CHQ_HKDF_PRK_BYTES];

	memcpy(info, KEY_LABEL, KEY_LABEL_LEN);
	chq_put_le32(info + KEY_LABEL_LEN, group);
	chq_put_le32(info + KEY_LABEL_LEN + 4, epoch);
	chq_put_le64(info + KEY_LABEL_LEN + 8, from);
	chq_hkdf_extract(salt, CHQ_GROUP_SALT_BYTES, epoch_key, CHQ_GROUP_KEY_BYTES, prk);
	/* Fails for outputs much longer than this one only. */
	chq_hkdf_expand(prk, info, sizeof(info), key, 32);
	sodium_memzero(prk, sizeof(prk));
}

static int
len_ok(size_t len)
{
	return len > CHQ_GROUP_OVERHEAD && len <= CHQ_GROUP_PAYLOAD_MAX &&
	       (len - CHQ_GROUP_OVERHEAD) % CHQ_GROUP_PAD == 0;
}

int
chq_group_head(const uint8_t *payload, size_t len, uint32_t *epoch,
	       uint8_t salt[CHQ_GROUP_SALT_BYTES])
{
	if (!len_ok(len))
		return CHQ_EMALFORMED;
	*epoch = chq_get_le32(payload);
	memcpy(salt, payload + 4, CHQ_GROUP_SALT_BYTES);
	return CHQ_OK;
}

static void
group_nonce(uint8_t nonce[CHQ_AEAD_NONCE_BYTES], const struct chq_group_ctx *ctx)
{
	memset(nonce, 0, 4);
	chq_put_le64(nonce + 4, ctx->message);
}

static void
group_ad(uint8_t ad[AD_LEN], const struct chq_group_ctx *ctx)
{
	ad[0] = AD_VERSION;
	chq_put_le16(ad + 1, ctx->app);
	ad[3] = 0;
	chq_put_le64(ad + 4, ctx->from);
	chq_put_le64(ad + 12, CHQ_PARTY(CHQ_KIND_GROUP, 0, ctx->group));
	chq_put_le64(ad + 20, ctx->message);
}

static int
parts_ok(const struct chq_group_inner *in)
{
	return in->part >= 1 && in->part <= in->parts && in->parts <= CHQ_GROUP_PARTS_MAX;
}

/* Bytes of an inner with so much text. */
static size_t
inner_len(size_t text_len)
{
	return (CHQ_GROUP_INNER_HDR_LEN + text_len + CHQ_GROUP_PAD - 1) / CHQ_GROUP_PAD *
	       CHQ_GROUP_PAD;
}

int
chq_group_seal(const uint8_t key[32], const struct chq_group_ctx *ctx,
	       const uint8_t salt[CHQ_GROUP_SALT_BYTES], const struct chq_group_inner *in,
	       uint8_t out[CHQ_GROUP_PAYLOAD_MAX])
{
	uint8_t nonce[CHQ_AEAD_NONCE_BYTES], ad[AD_LEN], inner[CHQ_GROUP_INNER_MAX] = { 0 };
	size_t len = inner_len(in->text_len);
	int err;

	if (in->text_len > CHQ_GROUP_TEXT_MAX)
		return CHQ_ETOOBIG;
	if (!parts_ok(in))
		return CHQ_EINVAL;
	chq_put_le16(inner, in->part);
	chq_put_le16(inner + 2, in->parts);
	chq_put_le16(inner + 4, in->text_len);
	if (in->text_len)
		memcpy(inner + CHQ_GROUP_INNER_HDR_LEN, in->text, in->text_len);
	chq_put_le32(out, ctx->epoch);
	memcpy(out + 4, salt, CHQ_GROUP_SALT_BYTES);
	group_nonce(nonce, ctx);
	group_ad(ad, ctx);
	err = chq_aead_seal(key, nonce, ad, sizeof(ad), inner, len, out + CHQ_GROUP_HDR_LEN);
	sodium_memzero(inner, sizeof(inner));
	return err ? err : (int)(CHQ_GROUP_OVERHEAD + len);
}

int
chq_group_inner_parse(const uint8_t *buf, size_t len, struct chq_group_inner *in)
{
	size_t end;

	if (len < CHQ_GROUP_INNER_HDR_LEN || len > CHQ_GROUP_INNER_MAX)
		return CHQ_EMALFORMED;
	in->part = chq_get_le16(buf);
	in->parts = chq_get_le16(buf + 2);
	in->text_len = chq_get_le16(buf + 4);
	in->text = buf + CHQ_GROUP_INNER_HDR_LEN;
	if (in->text_len > CHQ_GROUP_TEXT_MAX || len != inner_len(in->text_len) || !parts_ok(in))
		return CHQ_EMALFORMED;
	end = CHQ_GROUP_INNER_HDR_LEN + (size_t)in->text_len;
	return sodium_is_zero(buf + end, len - end) ? CHQ_OK : CHQ_EMALFORMED;
}

int
chq_group_open(const uint8_t key[32], const struct chq_group_ctx *ctx, const uint8_t *payload,
	       size_t len, uint8_t buf[CHQ_GROUP_INNER_MAX], struct chq_group_inner *in)
{
	uint8_t nonce[CHQ_AEAD_NONCE_BYTES], ad[AD_LEN];
	int err;

	if (!len_ok(len))
		return CHQ_EMALFORMED;
	group_nonce(nonce, ctx);
	group_ad(ad, ctx);
	err = chq_aead_open(key, nonce, ad, sizeof(ad), payload + CHQ_GROUP_HDR_LEN,
			    len - CHQ_GROUP_HDR_LEN, buf);
	return err ? err : chq_group_inner_parse(buf, len - CHQ_GROUP_OVERHEAD, in);
}
