/*
 * The password of a LOGIN, sealed once more under a key of the handshake that the dataplane does not
 * know (PROTOCOL.md, section 5).
 *
 * Thread: any. chq_crypto_init() (proto/aead.h) comes first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHQ_PASSWORD_MAX	128 /* bytes */
#define CHQ_PASSWORD_SEALED_LEN (1 + CHQ_PASSWORD_MAX + 16)

/**
 * chq_password_seal() - for LoginRequest.sealed_password.
 * @login_key: chq_session_keys.login.
 * @attempt:   from 1, never the same twice in a session.
 * @hash:      the handshake hash, chq_noise_hash().
 *
 * Return: 0; CHQ_ETOOBIG if @len exceeds CHQ_PASSWORD_MAX; CHQ_EINVAL if @attempt is 0;
 * CHQ_EINTERNAL.
 */
int chq_password_seal(const uint8_t login_key[32], uint32_t attempt, const uint8_t hash[32],
		      const char *password, size_t len, uint8_t out[CHQ_PASSWORD_SEALED_LEN]);

/**
 * chq_password_open() - at the server. That @attempt was not used before is the caller's to check.
 * @password: room for CHQ_PASSWORD_MAX + 1 bytes; closed by NUL; the caller wipes it.
 *
 * Return: the password's length; CHQ_EMALFORMED if @len or what is inside has another form;
 * CHQ_ECRYPTO if it does not open; CHQ_EINTERNAL.
 */
int chq_password_open(const uint8_t login_key[32], uint32_t attempt, const uint8_t hash[32],
		      const uint8_t *sealed, size_t len, char password[CHQ_PASSWORD_MAX + 1]);
