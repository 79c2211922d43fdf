#include "proto/hkdf.h"

#include <string.h>

#include <sodium.h>

#include "base/err.h"

void
chq_hkdf_extract(const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
		 uint8_t prk[CHQ_HKDF_PRK_BYTES])
{
	crypto_auth_hmacsha256_state mac;

	/* libsodium declares its pointers nonnull, whatever the length. */
	crypto_auth_hmacsha256_init(&mac, salt_len ? salt : "", salt_len);
	crypto_auth_hmacsha256_update(&mac, ikm_len ? ikm : "", ikm_len);
	crypto_auth_hmacsha256_final(&mac, prk);
	sodium_memzero(&mac, sizeof(mac));
}

int
chq_hkdf_expand(const uint8_t prk[CHQ_HKDF_PRK_BYTES], const void *info, size_t info_len, void *out,
		size_t out_len)
{
	uint8_t block[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state mac;
	uint8_t *at = out;
	uint8_t count = 0;
	size_t take;

	if (out_len > CHQ_HKDF_MAX_BYTES)
		return CHQ_EINVAL;
	for (; out_len; out_len -= take, at += take) {
		crypto_auth_hmacsha256_init(&mac, prk, CHQ_HKDF_PRK_BYTES);
		if (count++)
			crypto_auth_hmacsha256_update(&mac, block, sizeof(block));
		crypto_auth_hmacsha256_update(&mac, info, info_len);
		crypto_auth_hmacsha256_update(&mac, &count, 1);
		crypto_auth_hmacsha256_final(&mac, block);
		take = out_len < sizeof(block) ? out_len : sizeof(block);
		memcpy(at, block, take);
	}
	sodium_memzero(block, sizeof(block));
	sodium_memzero(&mac, sizeof(mac));
	return 0;
}
