#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "proto/siphash.h"
#include "tests/unit/proto/vectors.h"

#define VECTORS 64

static void
generic_hash_gives_all_published_vectors(void **state)
{
	json_t *root = vectors_load("tests/vectors/siphash_2_4.json");
	json_t *outputs = json_object_get(root, "outputs");
	uint8_t bytes[16], message[VECTORS], want[8];
	struct chq_sipkey key;
	uint64_t got;

	(void)state;
	assert_int_equal(vectors_bytes(root, "key", bytes, sizeof(bytes)), sizeof(bytes));
	key = chq_sipkey_load(bytes);
	assert_int_equal(json_array_size(outputs), VECTORS);
	for (size_t i = 0; i < VECTORS; i++) {
		const char *text = json_string_value(json_array_get(outputs, i));

		message[i] = (uint8_t)i;
		assert_int_equal(vectors_hex(text, want, sizeof(want)), sizeof(want));
		got = chq_siphash(&key, message, i);
		assert_memory_equal(&got, want, sizeof(want));
	}
	json_decref(root);
}

static void
generic_hash_agrees_with_libsodium_at_any_alignment_and_length(void **state)
{
	uint8_t bytes[16], buf[1300];
	struct chq_sipkey key;
	uint64_t want;

	(void)state;
	randombytes_buf(bytes, sizeof(bytes));
	randombytes_buf(buf, sizeof(buf));
	key = chq_sipkey_load(bytes);
	for (size_t len = 0; len < sizeof(buf) - 8; len += 7) {
		const uint8_t *at = buf + len % 8;

		crypto_shorthash((uint8_t *)&want, at, len, bytes);
		assert_int_equal(chq_siphash(&key, at, len), want);
	}
}

static void
fixed_sizes_agree_with_the_generic_hash(void **state)
{
	uint64_t w[8];
	struct chq_sipkey key;

	(void)state;
	for (int i = 0; i < 100; i++) {
		randombytes_buf(&key, sizeof(key));
		randombytes_buf(w, sizeof(w));
		assert_int_equal(chq_siphash_words2(&key, w[0], w[1]), chq_siphash(&key, w, 16));
		assert_int_equal(chq_siphash_words(&key, w, 1), chq_siphash(&key, w, 8));
		assert_int_equal(chq_siphash_words(&key, w, 2), chq_siphash(&key, w, 16));
		assert_int_equal(chq_siphash_words(&key, w, 3), chq_siphash(&key, w, 24));
		assert_int_equal(chq_siphash_words(&key, w, 4), chq_siphash(&key, w, 32));
		assert_int_equal(chq_siphash_words(&key, w, 5), chq_siphash(&key, w, 40));
		assert_int_equal(chq_siphash_words(&key, w, 8), chq_siphash(&key, w, 64));
	}
}

static void
frame_tag_is_the_hash_of_40_header_bytes_and_the_payload_length(void **state)
{
	static const uint16_t lengths[] = { 0, 1, 255, 256, 1184, 0x8000, 0xffff };
	struct chq_sipkey key;
	uint8_t message[42];
	uint64_t words[5];

	(void)state;
	randombytes_buf(&key, sizeof(key));
	randombytes_buf(words, sizeof(words));
	memcpy(message, words, sizeof(words));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		message[40] = (uint8_t)lengths[i];
		message[41] = (uint8_t)(lengths[i] >> 8);
		assert_int_equal(chq_siphash_frame(&key, words, lengths[i]),
				 chq_siphash(&key, message, sizeof(message)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generic_hash_gives_all_published_vectors),
		cmocka_unit_test(generic_hash_agrees_with_libsodium_at_any_alignment_and_length),
		cmocka_unit_test(fixed_sizes_agree_with_the_generic_hash),
		cmocka_unit_test(frame_tag_is_the_hash_of_40_header_bytes_and_the_payload_length),
	};
	return cmocka_run_group_tests_name("proto/siphash", tests, NULL, NULL);
}
