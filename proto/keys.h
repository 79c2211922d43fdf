/*
 * Asymmetric keys: X25519 for agreement (RFC 7748), Ed25519 for signatures (RFC 8032).
 * Thread: any. chq_crypto_init() (proto/aead.h) comes first. Secrets are wiped by their owner with
 * sodium_memzero().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHQ_X25519_BYTES	 32
#define CHQ_ED25519_SEED_BYTES	 32
#define CHQ_ED25519_PUBLIC_BYTES 32
#define CHQ_ED25519_SIG_BYTES	 64

struct chq_keypair {
	uint8_t secret[CHQ_X25519_BYTES];
	uint8_t public[CHQ_X25519_BYTES];
};

struct chq_signkey {
	uint8_t seed[CHQ_ED25519_SEED_BYTES];
	uint8_t public[CHQ_ED25519_PUBLIC_BYTES];
};

/**
 * chq_x25519_keypair() - a new random key pair.
 */
void chq_x25519_keypair(struct chq_keypair *kp);

/**
 * chq_x25519_from_secret() - the key pair that belongs to a stored secret.
 */
void chq_x25519_from_secret(struct chq_keypair *kp, const uint8_t secret[CHQ_X25519_BYTES]);

/**
 * chq_x25519() - the secret shared with the owner of @public.
 * @shared: never a key by itself: put it through HKDF.
 *
 * Return: 0; CHQ_ECRYPTO if the result would be all zeros, as it is for points of small order
 * (RFC 7748, 6.1): then @shared holds zeros.
 */
int chq_x25519(uint8_t shared[CHQ_X25519_BYTES], const uint8_t secret[CHQ_X25519_BYTES],
	       const uint8_t public[CHQ_X25519_BYTES]);

/**
 * chq_ed25519_keypair() - a new random signing key.
 */
void chq_ed25519_keypair(struct chq_signkey *key);

/**
 * chq_ed25519_from_seed() - the signing key that belongs to a stored seed.
 */
void chq_ed25519_from_seed(struct chq_signkey *key, const uint8_t seed[CHQ_ED25519_SEED_BYTES]);

/**
 * chq_ed25519_sign() - sign @len bytes at @msg (which may be NULL when @len is 0).
 */
void chq_ed25519_sign(uint8_t sig[CHQ_ED25519_SIG_BYTES], const struct chq_signkey *key,
		      const void *msg, size_t len);

/**
 * chq_ed25519_verify() - check a signature; keys of small order and non-canonical ones are refused.
 *
 * Return: 0; CHQ_ECRYPTO if it is not @public's signature of @msg.
 */
int chq_ed25519_verify(const uint8_t sig[CHQ_ED25519_SIG_BYTES],
		       const uint8_t public[CHQ_ED25519_PUBLIC_BYTES], const void *msg, size_t len);
