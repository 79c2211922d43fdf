/*
 * A sealed password. First byte 'r': the rest as it came from the network; else: the rest is what a
 * client has sealed, cut or filled with zeros to the length that it must have.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/password.h"
#include "tests/fuzz/fuzz.h"

#define ATTEMPT	  7
#define PLAIN_LEN (1 + CHQ_PASSWORD_MAX)

static const uint8_t key[32] = { 1, 2, 3 }, hash[32] = { 4, 5, 6 };

/* What opens has the one form that chq_password_seal() makes: sealed again it is the same. */
static void
check(const uint8_t *sealed, size_t len)
{
	uint8_t again[CHQ_PASSWORD_SEALED_LEN];
	char password[CHQ_PASSWORD_MAX + 1];
	int n = chq_password_open(key, ATTEMPT, hash, sealed, len, password);

	if (n < 0)
		return;
	if (n > CHQ_PASSWORD_MAX || strlen(password) != (size_t)n ||
	    chq_password_seal(key, ATTEMPT, hash, password, (size_t)n, again) != CHQ_OK ||
	    len != sizeof(again) || memcmp(again, sealed, len) != 0)
		abort();
}

static void
check_plain(const uint8_t *data, size_t len)
{
	static const uint8_t nonce[CHQ_AEAD_NONCE_BYTES] = { [8] = ATTEMPT };
	uint8_t plain[PLAIN_LEN] = { 0 }, sealed[CHQ_PASSWORD_SEALED_LEN];

	memcpy(plain, data, len < PLAIN_LEN ? len : PLAIN_LEN);
	if (chq_aead_seal(key, nonce, hash, sizeof(hash), plain, sizeof(plain), sealed) != CHQ_OK)
		abort();
	check(sealed, sizeof(sealed));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (chq_crypto_init() != CHQ_OK)
		abort();
	if (len == 0)
		return 0;
	if (data[0] == 'r')
		check(data + 1, len - 1);
	else
		check_plain(data + 1, len - 1);
	return 0;
}
