/*
 * HMAC-SHA-256 (RFC 2104) and HKDF over it (RFC 5869).
 * Thread: any; pure functions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHQ_HKDF_PRK_BYTES 32
#define CHQ_HKDF_MAX_BYTES (255 * 32)

/**
 * chq_hkdf_extract() - a pseudorandom key from input key material (RFC 5869, 2.2).
 * @salt: may be NULL when @salt_len is 0, which means 32 zero bytes.
 * @ikm:  may be NULL when @ikm_len is 0.
 * @prk:  output; may be @salt or @ikm itself.
 */
void chq_hkdf_extract(const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
		      uint8_t prk[CHQ_HKDF_PRK_BYTES]);

/**
 * chq_hkdf_expand() - output key material from a pseudorandom key (RFC 5869, 2.3).
 * @info: may be NULL when @info_len is 0.
 * @out:  @out_len bytes, must not overlap the inputs.
 *
 * Return: 0; CHQ_EINVAL if @out_len exceeds CHQ_HKDF_MAX_BYTES (@out is untouched).
 */
int chq_hkdf_expand(const uint8_t prk[CHQ_HKDF_PRK_BYTES], const void *info, size_t info_len,
		    void *out, size_t out_len);
