#include "proto/e2e_account.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/aead.h"
#include "proto/frame.h"
#include "proto/hkdf.h"

#define LABEL	       "chasqui-account-1"
#define LABEL_LEN      17
#define HEAD_LEN       (LABEL_LEN + 8 + 1)
#define EPH_AT	       HEAD_LEN
#define SEALED_AT      (HEAD_LEN + 32)
#define INFO_LEN       (HEAD_LEN + 4 * 32)
#define CODE_LABEL     "chasqui-code-1"
#define CODE_LABEL_LEN 14
#define CODE_ROUNDS    65536

void
chq_device_code(const struct chq_device_offer *o, char out[CHQ_DEVICE_CODE_LEN + 1])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t first[CODE_LABEL_LEN + 8 + 1 + 3 * 32], hash[crypto_hash_sha512_BYTES + 32];
	uint8_t *at = first + CODE_LABEL_LEN;

	memcpy(first, CODE_LABEL, CODE_LABEL_LEN);
	chq_put_le64(at, o->account);
	at[8] = o->device;
	memcpy(at + 9, o->account_key, 32);
	memcpy(at + 41, o->sign, 32);
	memcpy(at + 73, o->ident, 32);
	crypto_hash_sha512(hash, first, sizeof(first));
	memcpy(hash + crypto_hash_sha512_BYTES, o->ident, 32);
	for (int i = 0; i < CODE_ROUNDS; i++)
		crypto_hash_sha512(hash, hash, sizeof(hash));
	/* RFC 4648, lower case: five bits a digit. */
	for (int i = 0; i < CHQ_DEVICE_CODE_LEN; i++) {
		unsigned bit = 5u * (unsigned)i, byte = bit / 8;
		unsigned two = (unsigned)hash[byte] << 8 | hash[byte + 1];

		out[i] = digits[two >> (11 - bit % 8) & 31];
	}
	out[CHQ_DEVICE_CODE_LEN] = '\0';
}

static void
head_put(const struct chq_device_offer *o, uint8_t out[HEAD_LEN])
{
	memcpy(out, LABEL, LABEL_LEN);
	chq_put_le64(out + LABEL_LEN, o->account);
	out[LABEL_LEN + 8] = o->device;
}

/* Everything that both sides know, for the key and as associated data alike. */
static void
info_put(const struct chq_device_offer *o, const uint8_t eph[32], uint8_t out[INFO_LEN])
{
	head_put(o, out);
	memcpy(out + HEAD_LEN, o->account_key, 32);
	memcpy(out + HEAD_LEN + 32, o->sign, 32);
	memcpy(out + HEAD_LEN + 64, o->ident, 32);
	memcpy(out + HEAD_LEN + 96, eph, 32);
}

static void
key_derive(const uint8_t shared[32], const uint8_t info[INFO_LEN], uint8_t key[32])
{
	static const uint8_t salt[32];
	uint8_t prk[CHQ_HKDF_PRK_BYTES];

	chq_hkdf_extract(salt, sizeof(salt), shared, 32, prk);
	(void)chq_hkdf_expand(prk, info, INFO_LEN, key, 32);
	sodium_memzero(prk, sizeof(prk));
}

int
chq_account_seal(const struct chq_device_offer *o, const struct chq_signkey *account_key,
		 const struct chq_keypair *eph, uint8_t out[CHQ_ACCOUNT_SEALED_LEN])
{
	static const uint8_t nonce[CHQ_AEAD_NONCE_BYTES];
	uint8_t shared[32], key[32], info[INFO_LEN];
	int err;

	if (o->account == 0 || o->account > CHQ_ID_MASK || o->device == 0 ||
	    memcmp(o->account_key, account_key->public, 32) != 0)
		return CHQ_EINVAL;
	err = chq_x25519(shared, eph->secret, o->ident);
	if (err)
		return err;
	info_put(o, eph->public, info);
	key_derive(shared, info, key);
	head_put(o, out);
	memcpy(out + EPH_AT, eph->public, 32);
	err = chq_aead_seal(key, nonce, info, sizeof(info), account_key->seed,
			    sizeof(account_key->seed), out + SEALED_AT);
	sodium_memzero(shared, sizeof(shared));
	sodium_memzero(key, sizeof(key));
	return err;
}

static int
open_seed(const struct chq_device_offer *o, const struct chq_keypair *ident, const uint8_t *sealed,
	  uint8_t seed[32])
{
	static const uint8_t nonce[CHQ_AEAD_NONCE_BYTES];
	uint8_t shared[32], key[32], info[INFO_LEN];
	int err = chq_x25519(shared, ident->secret, sealed + EPH_AT);

	if (err)
		return err;
	info_put(o, sealed + EPH_AT, info);
	key_derive(shared, info, key);
	err = chq_aead_open(key, nonce, info, sizeof(info), sealed + SEALED_AT,
			    CHQ_ACCOUNT_SEALED_LEN - SEALED_AT, seed);
	sodium_memzero(shared, sizeof(shared));
	sodium_memzero(key, sizeof(key));
	return err;
}

int
chq_account_open(const struct chq_device_offer *o, const struct chq_keypair *ident,
		 const uint8_t *sealed, size_t len, struct chq_signkey *account_key)
{
	uint8_t head[HEAD_LEN], seed[32] = { 0 };
	int err;

	sodium_memzero(account_key, sizeof(*account_key));
	head_put(o, head);
	if (len != CHQ_ACCOUNT_SEALED_LEN || memcmp(sealed, head, HEAD_LEN) != 0)
		return CHQ_EMALFORMED;
	err = open_seed(o, ident, sealed, seed);
	if (!err)
		chq_ed25519_from_seed(account_key, seed);
	if (!err && memcmp(account_key->public, o->account_key, 32) != 0)
		err = CHQ_ECRYPTO;
	if (err)
		sodium_memzero(account_key, sizeof(*account_key));
	sodium_memzero(seed, sizeof(seed));
	return err;
}
