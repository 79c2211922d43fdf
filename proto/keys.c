#include "proto/keys.h"

#include <string.h>

#include <sodium.h>

#include "base/err.h"

void
chq_x25519_from_secret(struct chq_keypair *kp, const uint8_t secret[CHQ_X25519_BYTES])
{
	memmove(kp->secret, secret, sizeof(kp->secret));
	crypto_scalarmult_base(kp->public, kp->secret); /* never fails */
}

void
chq_x25519_keypair(struct chq_keypair *kp)
{
	randombytes_buf(kp->secret, sizeof(kp->secret));
	crypto_scalarmult_base(kp->public, kp->secret);
}

int
chq_x25519(uint8_t shared[CHQ_X25519_BYTES], const uint8_t secret[CHQ_X25519_BYTES],
	   const uint8_t public[CHQ_X25519_BYTES])
{
	if (crypto_scalarmult(shared, secret, public) || sodium_is_zero(shared, CHQ_X25519_BYTES)) {
		sodium_memzero(shared, CHQ_X25519_BYTES);
		return CHQ_ECRYPTO;
	}
	return 0;
}

void
chq_ed25519_from_seed(struct chq_signkey *key, const uint8_t seed[CHQ_ED25519_SEED_BYTES])
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES];

	memmove(key->seed, seed, sizeof(key->seed));
	crypto_sign_seed_keypair(key->public, pair, key->seed);
	sodium_memzero(pair, sizeof(pair));
}

void
chq_ed25519_keypair(struct chq_signkey *key)
{
	uint8_t seed[CHQ_ED25519_SEED_BYTES];

	randombytes_buf(seed, sizeof(seed));
	chq_ed25519_from_seed(key, seed);
	sodium_memzero(seed, sizeof(seed));
}

void
chq_ed25519_sign(uint8_t sig[CHQ_ED25519_SIG_BYTES], const struct chq_signkey *key, const void *msg,
		 size_t len)
{
	uint8_t pair[crypto_sign_SECRETKEYBYTES]; /* libsodium's form: seed, then public key */

	memcpy(pair, key->seed, sizeof(key->seed));
	memcpy(pair + sizeof(key->seed), key->public, sizeof(key->public));
	crypto_sign_detached(sig, NULL, msg, len, pair);
	sodium_memzero(pair, sizeof(pair));
}

int
chq_ed25519_verify(const uint8_t sig[CHQ_ED25519_SIG_BYTES],
		   const uint8_t public[CHQ_ED25519_PUBLIC_BYTES], const void *msg, size_t len)
{
	return crypto_sign_verify_detached(sig, msg, len, public) ? CHQ_ECRYPTO : 0;
}
