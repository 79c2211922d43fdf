/*
 * AES-256-GCM (NIST SP 800-38D), one call a message: what seals handshakes, login and messages.
 * libsodium does it where the processor has AES instructions, OpenSSL elsewhere.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHQ_AEAD_KEY_BYTES   32
#define CHQ_AEAD_NONCE_BYTES 12
#define CHQ_AEAD_TAG_BYTES   16
#define CHQ_AEAD_MAX_BYTES   (1U << 30) /* longest plaintext, and longest associated data */

enum chq_aead_backend {
	CHQ_AEAD_NONE,
	CHQ_AEAD_SODIUM,
	CHQ_AEAD_EVP,
};

/**
 * chq_crypto_init() - make the process's cryptography ready and choose the AES-GCM backend.
 *
 * To be called once before anything else of proto/ that seals, signs or shakes hands; calling it
 * again changes nothing, not even a choice made by chq_aead_use().
 * Thread: the main thread, before others start.
 * Return: 0; CHQ_EINTERNAL if libsodium or OpenSSL would not start.
 */
int chq_crypto_init(void);

/**
 * chq_aead_use() - take this backend from now on; tests and benchmarks compare them with it.
 *
 * Thread: none other may be sealing or opening.
 * Return: 0; CHQ_EINVAL if @backend is no backend; CHQ_EOPNOTSUPP if this machine does not have it.
 */
int chq_aead_use(enum chq_aead_backend backend);

/**
 * chq_aead_backend() - the backend in use; CHQ_AEAD_NONE before chq_crypto_init().
 */
enum chq_aead_backend chq_aead_backend(void);

/**
 * chq_aead_seal() - encrypt and authenticate.
 * @nonce: never twice under one key.
 * @ad:    associated data, authenticated only; may be NULL when @ad_len is 0.
 * @plain: may be NULL when @len is 0.
 * @out:   @len + CHQ_AEAD_TAG_BYTES bytes: ciphertext, then tag. May be @plain itself, but must
 *         not overlap it otherwise.
 *
 * Thread: any.
 * Return: 0; CHQ_EINVAL if a length exceeds CHQ_AEAD_MAX_BYTES; CHQ_EINTERNAL if the library failed
 * or chq_crypto_init() was not called. On error @out holds zeros, but is untouched on CHQ_EINVAL.
 */
int chq_aead_seal(const uint8_t key[CHQ_AEAD_KEY_BYTES], const uint8_t nonce[CHQ_AEAD_NONCE_BYTES],
		  const void *ad, size_t ad_len, const void *plain, size_t len, void *out);

/**
 * chq_aead_open() - check and decrypt what chq_aead_seal() made.
 * @sealed: @sealed_len bytes, the tag being the last CHQ_AEAD_TAG_BYTES.
 * @out:    @sealed_len - CHQ_AEAD_TAG_BYTES bytes; may be @sealed itself, or NULL for 0 bytes.
 *
 * Thread: any.
 * Return: 0; CHQ_ECRYPTO if it is not authentic or shorter than a tag; CHQ_EINVAL if a length
 * exceeds CHQ_AEAD_MAX_BYTES (the tag not counted); CHQ_EINTERNAL as above. Nothing of the
 * plaintext is in @out after an error: it holds zeros, or is untouched if a length was wrong.
 */
int chq_aead_open(const uint8_t key[CHQ_AEAD_KEY_BYTES], const uint8_t nonce[CHQ_AEAD_NONCE_BYTES],
		  const void *ad, size_t ad_len, const void *sealed, size_t sealed_len, void *out);
