#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/err.h"
#include "proto/hkdf.h"
#include "tests/unit/proto/vectors.h"

/* RFC 5869, appendix A.1 to A.3. */
static const struct {
	const char *ikm, *salt, *info, *prk, *okm;
} rfc5869[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
	  "f0f1f2f3f4f5f6f7f8f9",
	  "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	  "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	  "404142434445464748494a4b4c4d4e4f",
	  "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	  "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	  "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	  "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
	  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	  "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	  "cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	  "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
	  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
};

static void
extract_and_expand_give_the_vectors_of_rfc_5869(void **state)
{
	uint8_t ikm[80], salt[80], info[80], prk[32], okm[82], got[82];

	(void)state;
	for (size_t i = 0; i < sizeof(rfc5869) / sizeof(*rfc5869); i++) {
		size_t ikm_len = vectors_hex(rfc5869[i].ikm, ikm, sizeof(ikm));
		size_t salt_len = vectors_hex(rfc5869[i].salt, salt, sizeof(salt));
		size_t info_len = vectors_hex(rfc5869[i].info, info, sizeof(info));
		size_t okm_len = vectors_hex(rfc5869[i].okm, okm, sizeof(okm));

		vectors_hex(rfc5869[i].prk, prk, sizeof(prk));
		chq_hkdf_extract(salt, salt_len, ikm, ikm_len, got);
		assert_memory_equal(got, prk, sizeof(prk));
		assert_int_equal(chq_hkdf_expand(prk, info, info_len, got, okm_len), CHQ_OK);
		assert_memory_equal(got, okm, okm_len);
	}
}

static void
no_salt_equals_32_zero_bytes(void **state)
{
	static const uint8_t zeros[32];
	uint8_t a[32], b[32];

	(void)state;
	chq_hkdf_extract(NULL, 0, "key", 3, a);
	chq_hkdf_extract(zeros, sizeof(zeros), "key", 3, b);
	assert_memory_equal(a, b, sizeof(a));
}

static void
extract_may_overwrite_its_salt(void **state)
{
	uint8_t salt[32] = "salt", prk[32];

	(void)state;
	chq_hkdf_extract(salt, sizeof(salt), NULL, 0, prk);
	chq_hkdf_extract(salt, sizeof(salt), NULL, 0, salt);
	assert_memory_equal(salt, prk, sizeof(prk));
}

static void
expand_gives_255_blocks_and_refuses_one_byte_more(void **state)
{
	uint8_t longest[CHQ_HKDF_MAX_BYTES + 1], shorter[CHQ_HKDF_MAX_BYTES - 1];
	const uint8_t prk[32] = "key";

	(void)state;
	memset(longest, 0xaa, sizeof(longest));
	assert_int_equal(chq_hkdf_expand(prk, NULL, 0, longest, sizeof(longest)), CHQ_EINVAL);
	assert_int_equal(longest[0], 0xaa);
	assert_int_equal(chq_hkdf_expand(prk, NULL, 0, longest, CHQ_HKDF_MAX_BYTES), CHQ_OK);
	assert_int_equal(longest[CHQ_HKDF_MAX_BYTES], 0xaa);
	assert_int_equal(chq_hkdf_expand(prk, NULL, 0, shorter, sizeof(shorter)), CHQ_OK);
	assert_memory_equal(shorter, longest, sizeof(shorter));
	assert_memory_not_equal(longest + 254 * 32, longest + 253 * 32, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extract_and_expand_give_the_vectors_of_rfc_5869),
		cmocka_unit_test(no_salt_equals_32_zero_bytes),
		cmocka_unit_test(extract_may_overwrite_its_salt),
		cmocka_unit_test(expand_gives_255_blocks_and_refuses_one_byte_more),
	};
	return cmocka_run_group_tests_name("proto/hkdf", tests, NULL, NULL);
}
