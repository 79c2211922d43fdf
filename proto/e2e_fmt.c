#include "proto/e2e_fmt.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/aead.h"
#include "proto/hkdf.h"

#define KDF_LABEL     "chasqui-e2e-1"
#define KDF_LABEL_LEN 13
#define KDF_INFO_LEN  (KDF_LABEL_LEN + 8 + 8 + 4 * 32)
#define AD_LEN	      28
#define AD_VERSION    1

/* The public half of what K depends on. */
struct kdf_input {
	uint64_t from, to;
	const uint8_t *ident_a, *ident_b, *spk_b, *eph;
};

static void
kdf(uint8_t dh[96], const struct kdf_input *in, uint8_t key[32])
{
	static const uint8_t salt[32];
	uint8_t info[KDF_INFO_LEN], prk[CHQ_HKDF_PRK_BYTES];
	uint8_t *at = info + KDF_LABEL_LEN;

	memcpy(info, KDF_LABEL, KDF_LABEL_LEN);
	chq_put_le64(at, in->from);
	chq_put_le64(at + 8, in->to);
	memcpy(at + 16, in->ident_a, 32);
	memcpy(at + 48, in->ident_b, 32);
	memcpy(at + 80, in->spk_b, 32);
	memcpy(at + 112, in->eph, 32);
	chq_hkdf_extract(salt, sizeof(salt), dh, 96, prk);
	(void)chq_hkdf_expand(prk, info, sizeof(info), key, 32);
	sodium_memzero(prk, sizeof(prk));
}

int
chq_e2e_key_send(uint64_t from, uint64_t to, const struct chq_keypair *ident,
		 const struct chq_keypair *eph, const uint8_t peer_ident[32],
		 const uint8_t peer_spk[32], uint8_t key[32])
{
	struct kdf_input in = { from, to, ident->public, peer_ident, peer_spk, eph->public };
	uint8_t dh[96];
	int err;

	memset(key, 0, 32);
	err = chq_x25519(dh, ident->secret, peer_spk);
	if (!err)
		err = chq_x25519(dh + 32, eph->secret, peer_ident);
	if (!err)
		err = chq_x25519(dh + 64, eph->secret, peer_spk);
	if (!err)
		kdf(dh, &in, key);
	sodium_memzero(dh, sizeof(dh));
	return err;
}

int
chq_e2e_key_recv(uint64_t from, uint64_t to, const struct chq_keypair *ident,
		 const struct chq_keypair *spk, const uint8_t peer_ident[32],
		 const uint8_t peer_eph[32], uint8_t key[32])
{
	struct kdf_input in = { from, to, peer_ident, ident->public, spk->public, peer_eph };
	uint8_t dh[96];
	int err;

	memset(key, 0, 32);
	err = chq_x25519(dh, spk->secret, peer_ident);
	if (!err)
		err = chq_x25519(dh + 32, ident->secret, peer_eph);
	if (!err)
		err = chq_x25519(dh + 64, spk->secret, peer_eph);
	if (!err)
		kdf(dh, &in, key);
	sodium_memzero(dh, sizeof(dh));
	return err;
}

static void
e2e_nonce(uint8_t nonce[CHQ_AEAD_NONCE_BYTES], const struct chq_e2e_ctx *ctx)
{
	memset(nonce, 0, 4);
	chq_put_le64(nonce + 4, ctx->message);
}

static void
e2e_ad(uint8_t ad[AD_LEN], const struct chq_e2e_ctx *ctx)
{
	ad[0] = AD_VERSION;
	chq_put_le16(ad + 1, ctx->app);
	ad[3] = ctx->flags & CHQ_F_RECEIPT;
	chq_put_le64(ad + 4, ctx->from);
	chq_put_le64(ad + 12, ctx->to);
	chq_put_le64(ad + 20, ctx->message);
}

static int
inner_len_ok(size_t len)
{
	return len > 0 && len <= CHQ_INNER_MAX && len % CHQ_INNER_PAD == 0;
}

int
chq_e2e_payload_head(const uint8_t *payload, size_t len, uint32_t *prekey_id, uint8_t eph[32])
{
	if (len < CHQ_E2E_OVERHEAD || !inner_len_ok(len - CHQ_E2E_OVERHEAD))
		return CHQ_EMALFORMED;
	*prekey_id = chq_get_le32(payload);
	memcpy(eph, payload + 4, 32);
	return CHQ_OK;
}

int
chq_e2e_seal(const uint8_t key[32], const struct chq_e2e_ctx *ctx, uint32_t prekey_id,
	     const uint8_t eph[32], const uint8_t *inner, size_t inner_len, uint8_t *out,
	     size_t size)
{
	uint8_t nonce[CHQ_AEAD_NONCE_BYTES], ad[AD_LEN];
	int err;

	if (!inner_len_ok(inner_len))
		return CHQ_EINVAL;
	if (size < CHQ_E2E_OVERHEAD + inner_len)
		return CHQ_ENOBUFS;
	chq_put_le32(out, prekey_id);
	memcpy(out + 4, eph, 32);
	e2e_nonce(nonce, ctx);
	e2e_ad(ad, ctx);
	err = chq_aead_seal(key, nonce, ad, sizeof(ad), inner, inner_len, out + CHQ_E2E_HDR_LEN);
	return err ? err : (int)(CHQ_E2E_OVERHEAD + inner_len);
}

int
chq_e2e_open(const uint8_t key[32], const struct chq_e2e_ctx *ctx, const uint8_t *payload,
	     size_t len, uint8_t inner[CHQ_INNER_MAX])
{
	uint8_t nonce[CHQ_AEAD_NONCE_BYTES], ad[AD_LEN];
	int err;

	if (len < CHQ_E2E_OVERHEAD || !inner_len_ok(len - CHQ_E2E_OVERHEAD))
		return CHQ_EMALFORMED;
	e2e_nonce(nonce, ctx);
	e2e_ad(ad, ctx);
	err = chq_aead_open(key, nonce, ad, sizeof(ad), payload + CHQ_E2E_HDR_LEN,
			    len - CHQ_E2E_HDR_LEN, inner);
	return err ? err : (int)(len - CHQ_E2E_OVERHEAD);
}
