#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/err.h"
#include "base/hex.h"

static void
base32_gives_the_vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *bytes, *base32;
	} v[] = {
		{ "", "" },
		{ "f", "my" },
		{ "fo", "mzxq" },
		{ "foo", "mzxw6" },
		{ "foob", "mzxw6yq" },
		{ "fooba", "mzxw6ytb" },
		{ "foobar", "mzxw6ytboi" },
	};
	char text[32], back[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		size_t len = strlen(v[i].bytes);

		assert_int_equal(chq_base32_encode(text, v[i].bytes, len), CHQ_BASE32_LEN(len));
		assert_string_equal(text, v[i].base32);
		assert_int_equal(chq_base32_decode(back, sizeof(back), text, strlen(text)), len);
		assert_memory_equal(back, v[i].bytes, len);
	}
}

static void
every_byte_survives_each_alphabet(void **state)
{
	uint8_t all[256], back[256];
	char text[CHQ_HEX_LEN(256) + 1];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	n = chq_hex_encode(text, all, sizeof(all));
	assert_int_equal(n, 512);
	assert_int_equal(chq_hex_decode(back, sizeof(back), text, n), sizeof(all));
	assert_memory_equal(back, all, sizeof(all));
	n = chq_base32_encode(text, all, sizeof(all));
	assert_int_equal(chq_base32_decode(back, sizeof(back), text, n), sizeof(all));
	assert_memory_equal(back, all, sizeof(all));
}

static void
a_second_spelling_of_the_same_bytes_is_refused(void **state)
{
	static const char *const bad_hex[] = { "0", "0g", "AB", "0 ", "0x00", "\n00" };
	static const char *const bad_base32[] = { "MY",	      "my======", "mz", "m",
						  "mzxw6y1b", "my my",	  "mya" };
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_hex); i++)
		assert_int_equal(chq_hex_decode(out, sizeof(out), bad_hex[i], strlen(bad_hex[i])),
				 CHQ_EMALFORMED);
	for (size_t i = 0; i < ARRAY_LEN(bad_base32); i++)
		assert_int_equal(chq_base32_decode(out, sizeof(out), bad_base32[i],
						   strlen(bad_base32[i])),
				 CHQ_EMALFORMED);
	assert_int_equal(chq_hex_decode(out, sizeof(out), "00\0", 3), CHQ_EMALFORMED);
}

static void
bytes_that_do_not_fit_are_refused_and_not_written(void **state)
{
	uint8_t out[4] = { 0, 0, 0, 0xee };

	(void)state;
	assert_int_equal(chq_hex_decode(out, 3, "01020304", 8), CHQ_ETOOBIG);
	assert_int_equal(out[3], 0xee);
	assert_int_equal(chq_hex_decode(out, 3, "010203", 6), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base32_gives_the_vectors_of_rfc_4648),
		cmocka_unit_test(every_byte_survives_each_alphabet),
		cmocka_unit_test(a_second_spelling_of_the_same_bytes_is_refused),
		cmocka_unit_test(bytes_that_do_not_fit_are_refused_and_not_written),
	};

	return cmocka_run_group_tests_name("base/hex", tests, NULL, NULL);
}
