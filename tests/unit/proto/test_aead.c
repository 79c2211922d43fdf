#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/err.h"
#include "proto/aead.h"
#include "tests/unit/proto/vectors.h"

#define MAX 600

struct sample {
	uint8_t key[CHQ_AEAD_KEY_BYTES], nonce[CHQ_AEAD_NONCE_BYTES];
	uint8_t ad[64], plain[MAX], sealed[MAX + CHQ_AEAD_TAG_BYTES];
};

/* libsodium's backend exists only where the processor has AES instructions. */
static const enum chq_aead_backend backends[] = { CHQ_AEAD_EVP, CHQ_AEAD_SODIUM };

#define FOREACH_BACKEND(i)             \
	for (size_t i = 0; i < 2; i++) \
		if (chq_aead_use(backends[i]) == CHQ_OK)

static void
calls_before_init_are_refused(void **state)
{
	struct sample s = { .plain = "text" };

	(void)state;
	assert_int_equal(chq_aead_backend(), CHQ_AEAD_NONE);
	assert_int_equal(chq_aead_seal(s.key, s.nonce, NULL, 0, s.plain, 4, s.sealed),
			 CHQ_EINTERNAL);
	assert_int_equal(chq_aead_open(s.key, s.nonce, NULL, 0, s.sealed, 20, s.plain),
			 CHQ_EINTERNAL);
	assert_true(sodium_is_zero(s.plain, 4));
}

static void
init_chooses_libsodium_where_the_processor_allows(void **state)
{
	(void)state;
	assert_int_equal(chq_crypto_init(), CHQ_OK);
	assert_int_equal(chq_aead_backend(),
			 crypto_aead_aes256gcm_is_available() ? CHQ_AEAD_SODIUM : CHQ_AEAD_EVP);
	assert_int_equal(chq_aead_use(CHQ_AEAD_EVP), CHQ_OK);
	assert_int_equal(chq_crypto_init(), CHQ_OK);
	assert_int_equal(chq_aead_backend(), CHQ_AEAD_EVP);
	assert_int_equal(chq_aead_use(CHQ_AEAD_NONE), CHQ_EINVAL);
	assert_int_equal(chq_aead_backend(), CHQ_AEAD_EVP);
}

/* McGrew, Viega: "The Galois/Counter Mode of Operation", appendix B, test case 16. */
static void
both_backends_give_the_published_vector(void **state)
{
	uint8_t want[MAX], out[MAX];
	struct sample s;
	size_t len, ad_len;

	(void)state;
	vectors_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", s.key, 32);
	vectors_hex("cafebabefacedbaddecaf888", s.nonce, sizeof(s.nonce));
	ad_len = vectors_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", s.ad, sizeof(s.ad));
	len = vectors_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
			  s.plain, sizeof(s.plain));
	vectors_hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
		    "76fc6ece0f4e1768cddf8853bb2d551b",
		    want, sizeof(want));
	FOREACH_BACKEND(i)
	{
		assert_int_equal(chq_aead_seal(s.key, s.nonce, s.ad, ad_len, s.plain, len, out), 0);
		assert_memory_equal(out, want, len + CHQ_AEAD_TAG_BYTES);
	}
}

static void
seal_random(struct sample *s, size_t ad_len, size_t len)
{
	randombytes_buf(s, sizeof(*s));
	assert_int_equal(chq_aead_seal(s->key, s->nonce, s->ad, ad_len, s->plain, len, s->sealed),
			 CHQ_OK);
}

static void
each_backend_opens_what_the_other_sealed(void **state)
{
	uint8_t again[MAX + CHQ_AEAD_TAG_BYTES], out[MAX];
	struct sample s;

	(void)state;
	for (size_t len = 0; len <= MAX; len += len < 40 ? 1 : 41) {
		size_t ad_len = len % 65;

		assert_int_equal(chq_aead_use(CHQ_AEAD_EVP), CHQ_OK);
		seal_random(&s, ad_len, len);
		FOREACH_BACKEND(i)
		{
			chq_aead_seal(s.key, s.nonce, s.ad, ad_len, s.plain, len, again);
			assert_memory_equal(again, s.sealed, len + CHQ_AEAD_TAG_BYTES);
			assert_int_equal(chq_aead_open(s.key, s.nonce, s.ad, ad_len, s.sealed,
						       len + CHQ_AEAD_TAG_BYTES, out),
					 CHQ_OK);
			assert_memory_equal(out, s.plain, len);
		}
	}
}

static void
sealing_and_opening_work_in_place(void **state)
{
	uint8_t buf[100 + CHQ_AEAD_TAG_BYTES];
	struct sample s;

	(void)state;
	FOREACH_BACKEND(i)
	{
		seal_random(&s, 10, 100);
		memcpy(buf, s.plain, 100);
		assert_int_equal(chq_aead_seal(s.key, s.nonce, s.ad, 10, buf, 100, buf), CHQ_OK);
		assert_memory_equal(buf, s.sealed, sizeof(buf));
		assert_int_equal(chq_aead_open(s.key, s.nonce, s.ad, 10, buf, sizeof(buf), buf),
				 CHQ_OK);
		assert_memory_equal(buf, s.plain, 100);
	}
}

static void
absent_text_and_data_may_be_null(void **state)
{
	struct sample s;

	(void)state;
	FOREACH_BACKEND(i)
	{
		randombytes_buf(&s, sizeof(s));
		assert_int_equal(chq_aead_seal(s.key, s.nonce, NULL, 0, NULL, 0, s.sealed), CHQ_OK);
		assert_int_equal(chq_aead_open(s.key, s.nonce, NULL, 0, s.sealed, 16, NULL),
				 CHQ_OK);
		s.sealed[3] ^= 1;
		assert_int_equal(chq_aead_open(s.key, s.nonce, NULL, 0, s.sealed, 16, NULL),
				 CHQ_ECRYPTO);
	}
}

/* Opens with one byte of the sample changed, and expects zeros where plaintext could have been. */
static void
refuse_changed(struct sample *s, uint8_t *byte)
{
	uint8_t out[50];

	memset(out, 0xaa, sizeof(out));
	*byte ^= 0x10;
	assert_int_equal(chq_aead_open(s->key, s->nonce, s->ad, 20, s->sealed, 66, out),
			 CHQ_ECRYPTO);
	assert_true(sodium_is_zero(out, sizeof(out)));
	*byte ^= 0x10;
}

static void
any_changed_byte_is_refused_and_leaves_zeros(void **state)
{
	struct sample s;

	(void)state;
	FOREACH_BACKEND(b)
	{
		seal_random(&s, 20, 50);
		for (size_t i = 0; i < 66; i++)
			refuse_changed(&s, s.sealed + i);
		for (size_t i = 0; i < 20; i++)
			refuse_changed(&s, s.ad + i);
		for (size_t i = 0; i < sizeof(s.nonce); i++)
			refuse_changed(&s, s.nonce + i);
		for (size_t i = 0; i < sizeof(s.key); i++)
			refuse_changed(&s, s.key + i);
	}
}

static void
shortened_text_is_refused_at_every_length(void **state)
{
	uint8_t out[50];
	struct sample s;

	(void)state;
	FOREACH_BACKEND(b)
	{
		seal_random(&s, 20, 50);
		for (size_t len = 0; len < 66; len++)
			assert_int_equal(chq_aead_open(s.key, s.nonce, s.ad, 20, s.sealed, len,
						       out),
					 CHQ_ECRYPTO);
		assert_int_equal(chq_aead_open(s.key, s.nonce, s.ad, 20, s.sealed, 66, out),
				 CHQ_OK);
	}
}

static void
excessive_lengths_are_refused_before_anything_is_read(void **state)
{
	const size_t over = (size_t)CHQ_AEAD_MAX_BYTES + 1;
	struct sample s;

	(void)state;
	memset(&s, 0, sizeof(s));
	FOREACH_BACKEND(b)
	{
		assert_int_equal(chq_aead_seal(s.key, s.nonce, s.ad, over, s.plain, 1, s.sealed),
				 CHQ_EINVAL);
		assert_int_equal(chq_aead_seal(s.key, s.nonce, s.ad, 1, s.plain, over, s.sealed),
				 CHQ_EINVAL);
		assert_int_equal(chq_aead_open(s.key, s.nonce, s.ad, over, s.sealed, 20, s.plain),
				 CHQ_EINVAL);
		assert_int_equal(chq_aead_open(s.key, s.nonce, s.ad, 1, s.sealed, over + 16,
					       s.plain),
				 CHQ_EINVAL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_before_init_are_refused), /* first: init cannot be undone */
		cmocka_unit_test(init_chooses_libsodium_where_the_processor_allows),
		cmocka_unit_test(both_backends_give_the_published_vector),
		cmocka_unit_test(each_backend_opens_what_the_other_sealed),
		cmocka_unit_test(sealing_and_opening_work_in_place),
		cmocka_unit_test(absent_text_and_data_may_be_null),
		cmocka_unit_test(any_changed_byte_is_refused_and_leaves_zeros),
		cmocka_unit_test(shortened_text_is_refused_at_every_length),
		cmocka_unit_test(excessive_lengths_are_refused_before_anything_is_read),
	};
	return cmocka_run_group_tests_name("proto/aead", tests, NULL, NULL);
}
