#include "proto/password.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/aead.h"

#define PLAIN_LEN (1 + CHQ_PASSWORD_MAX)

static void
password_nonce(uint8_t nonce[CHQ_AEAD_NONCE_BYTES], uint32_t attempt)
{
	memset(nonce, 0, 8);
	chq_put_le32(nonce + 8, attempt);
}

int
chq_password_seal(const uint8_t login_key[32], uint32_t attempt, const uint8_t hash[32],
		  const char *password, size_t len, uint8_t out[CHQ_PASSWORD_SEALED_LEN])
{
	uint8_t plain[PLAIN_LEN] = { 0 }, nonce[CHQ_AEAD_NONCE_BYTES];
	int err;

	if (len > CHQ_PASSWORD_MAX)
		return CHQ_ETOOBIG;
	if (attempt == 0)
		return CHQ_EINVAL;
	plain[0] = (uint8_t)len;
	memcpy(plain + 1, password, len);
	password_nonce(nonce, attempt);
	err = chq_aead_seal(login_key, nonce, hash, 32, plain, sizeof(plain), out);
	sodium_memzero(plain, sizeof(plain));
	return err;
}

int
chq_password_open(const uint8_t login_key[32], uint32_t attempt, const uint8_t hash[32],
		  const uint8_t *sealed, size_t len, char password[CHQ_PASSWORD_MAX + 1])
{
	uint8_t plain[PLAIN_LEN], nonce[CHQ_AEAD_NONCE_BYTES];
	int err;

	if (len != CHQ_PASSWORD_SEALED_LEN || attempt == 0)
		return CHQ_EMALFORMED;
	password_nonce(nonce, attempt);
	err = chq_aead_open(login_key, nonce, hash, 32, sealed, len, plain);
	if (err)
		return err;
	len = plain[0];
	if (len > CHQ_PASSWORD_MAX || !sodium_is_zero(plain + 1 + len, CHQ_PASSWORD_MAX - len) ||
	    memchr(plain + 1, 0, len)) {
		err = CHQ_EMALFORMED;
	} else {
		memcpy(password, plain + 1, len);
		password[len] = '\0';
		err = (int)len;
	}
	sodium_memzero(plain, sizeof(plain));
	return err;
}
