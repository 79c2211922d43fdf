#include "proto/aead.h"

#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#include "base/err.h"

/* Writer: the main thread, before others start; then read by all. */
static enum chq_aead_backend backend;
static EVP_CIPHER *evp_cipher;

int
chq_crypto_init(void)
{
	if (backend != CHQ_AEAD_NONE)
		return 0;
	if (sodium_init() < 0)
		return CHQ_EINTERNAL;
	/* Fetched even where libsodium serves, so that chq_aead_use() can never fail half-way. */
	evp_cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (crypto_aead_aes256gcm_is_available())
		backend = CHQ_AEAD_SODIUM;
	else if (evp_cipher)
		backend = CHQ_AEAD_EVP;
	else
		return CHQ_EINTERNAL;
	return 0;
}

int
chq_aead_use(enum chq_aead_backend wanted)
{
	switch (wanted) {
	case CHQ_AEAD_SODIUM:
		if (!crypto_aead_aes256gcm_is_available())
			return CHQ_EOPNOTSUPP;
		break;
	case CHQ_AEAD_EVP:
		if (!evp_cipher)
			return CHQ_EOPNOTSUPP;
		break;
	default: return CHQ_EINVAL;
	}
	backend = wanted;
	return 0;
}

enum chq_aead_backend
chq_aead_backend(void)
{
	return backend;
}

/* A context with key, nonce and associated data in it, or NULL. */
static EVP_CIPHER_CTX *
evp_start(int encrypt, const uint8_t *key, const uint8_t *nonce, const void *ad, size_t ad_len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	if (!ctx)
		return NULL;
	/* 12 bytes are GCM's own nonce length and need not be set. */
	if (!EVP_CipherInit_ex2(ctx, evp_cipher, key, nonce, encrypt, NULL) ||
	    (ad_len && !EVP_CipherUpdate(ctx, NULL, &n, ad, (int)ad_len))) {
		EVP_CIPHER_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int
evp_seal(const uint8_t *key, const uint8_t *nonce, const void *ad, size_t ad_len,
	 const uint8_t *plain, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = evp_start(1, key, nonce, ad, ad_len);
	int rc = CHQ_EINTERNAL;
	int n;

	if (!ctx)
		return rc;
	if ((!len || EVP_EncryptUpdate(ctx, out, &n, plain, (int)len)) &&
	    EVP_EncryptFinal_ex(ctx, out + len, &n) &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CHQ_AEAD_TAG_BYTES, out + len))
		rc = 0;
	EVP_CIPHER_CTX_free(ctx); /* wipes the key schedule */
	return rc;
}

static int
evp_open(const uint8_t *key, const uint8_t *nonce, const void *ad, size_t ad_len,
	 const uint8_t *sealed, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = evp_start(0, key, nonce, ad, ad_len);
	uint8_t tag[CHQ_AEAD_TAG_BYTES], none[CHQ_AEAD_TAG_BYTES];
	int rc = CHQ_EINTERNAL;
	int n;

	if (!ctx)
		return rc;
	memcpy(tag, sealed + len, sizeof(tag));
	if ((!len || EVP_DecryptUpdate(ctx, out, &n, sealed, (int)len)) &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag))
		rc = EVP_DecryptFinal_ex(ctx, none, &n) ? 0 : CHQ_ECRYPTO;
	EVP_CIPHER_CTX_free(ctx);
	return rc;
}

int
chq_aead_seal(const uint8_t key[CHQ_AEAD_KEY_BYTES], const uint8_t nonce[CHQ_AEAD_NONCE_BYTES],
	      const void *ad, size_t ad_len, const void *plain, size_t len, void *out)
{
	int rc = CHQ_EINTERNAL;

	if (ad_len > CHQ_AEAD_MAX_BYTES || len > CHQ_AEAD_MAX_BYTES)
		return CHQ_EINVAL;
	if (backend == CHQ_AEAD_EVP)
		rc = evp_seal(key, nonce, ad, ad_len, plain, len, out);
	else if (backend == CHQ_AEAD_SODIUM &&
		 !crypto_aead_aes256gcm_encrypt(out, NULL, plain, len, ad, ad_len, NULL, nonce,
						key))
		rc = 0;
	if (rc)
		sodium_memzero(out, len + CHQ_AEAD_TAG_BYTES);
	return rc;
}

int
chq_aead_open(const uint8_t key[CHQ_AEAD_KEY_BYTES], const uint8_t nonce[CHQ_AEAD_NONCE_BYTES],
	      const void *ad, size_t ad_len, const void *sealed, size_t sealed_len, void *out)
{
	int rc = CHQ_EINTERNAL;
	size_t len;

	if (sealed_len < CHQ_AEAD_TAG_BYTES)
		return CHQ_ECRYPTO;
	len = sealed_len - CHQ_AEAD_TAG_BYTES;
	if (ad_len > CHQ_AEAD_MAX_BYTES || len > CHQ_AEAD_MAX_BYTES)
		return CHQ_EINVAL;
	if (backend == CHQ_AEAD_EVP)
		rc = evp_open(key, nonce, ad, ad_len, sealed, len, out);
	else if (backend == CHQ_AEAD_SODIUM)
		rc = crypto_aead_aes256gcm_decrypt(out, NULL, NULL, sealed, sealed_len, ad, ad_len,
						   nonce, key)
			     ? CHQ_ECRYPTO
			     : 0;
	if (rc && len)
		sodium_memzero(out, len);
	return rc;
}
