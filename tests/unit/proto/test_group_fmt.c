/* What members of a group seal for each other, by the vectors of PROTOCOL.md too. */
#include "proto/group_fmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/aead.h"
#include "tests/unit/proto/vectors.h"

static json_t *root;

static const json_t *
group(void)
{
	const json_t *v = json_object_get(root, "group");

	assert_non_null(v);
	return v;
}

static uint32_t
number(const json_t *v, const char *member)
{
	const json_t *n = json_object_get(v, member);

	assert_non_null(n);
	return (uint32_t)json_integer_value(n);
}

static struct chq_group_ctx
ctx_of(const json_t *p)
{
	return (struct chq_group_ctx){ .from = vectors_number(group(), "from"),
				       .group = number(group(), "group"),
				       .epoch = number(group(), "epoch"),
				       .message = vectors_number(p, "message"),
				       .app = (uint16_t)number(p, "app") };
}

static void
keys_are_derived_as_written(void **state)
{
	uint8_t master[32], epoch_key[32], salt[32], key[32], want[32];
	const json_t *v = group();

	(void)state;
	vectors_key(v, "master", master);
	chq_group_epoch_key(master, number(v, "group"), number(v, "epoch"), epoch_key);
	vectors_key(v, "epoch_key", want);
	assert_memory_equal(epoch_key, want, 32);
	assert_int_equal(vectors_bytes(v, "salt", salt, sizeof(salt)), CHQ_GROUP_SALT_BYTES);
	chq_group_key(epoch_key, number(v, "group"), number(v, "epoch"), vectors_number(v, "from"),
		      salt, key);
	vectors_key(v, "key", want);
	assert_memory_equal(key, want, 32);
}

static void
payloads_are_sealed_and_opened_as_written(void **state)
{
	uint8_t key[32], salt[32], text[CHQ_DGRAM_MAX], want[CHQ_DGRAM_MAX];
	uint8_t got[CHQ_GROUP_PAYLOAD_MAX], buf[CHQ_GROUP_INNER_MAX], head[CHQ_GROUP_SALT_BYTES];
	const json_t *p;
	uint32_t epoch;
	size_t i;

	(void)state;
	vectors_key(group(), "key", key);
	vectors_bytes(group(), "salt", salt, sizeof(salt));
	json_array_foreach(json_object_get(group(), "payload"), i, p)
	{
		struct chq_group_ctx ctx = ctx_of(p);
		struct chq_group_inner in = { .part = (uint16_t)number(p, "part"),
					      .parts = (uint16_t)number(p, "parts"),
					      .text = text };
		size_t len = vectors_bytes(p, "payload", want, sizeof(want));

		in.text_len = (uint16_t)vectors_bytes(p, "text", text, sizeof(text));
		assert_int_equal(chq_group_seal(key, &ctx, salt, &in, got), len);
		assert_memory_equal(got, want, len);
		assert_int_equal(chq_group_head(want, len, &epoch, head), 0);
		assert_int_equal(epoch, ctx.epoch);
		assert_memory_equal(head, salt, sizeof(head));
		assert_int_equal(chq_group_open(key, &ctx, want, len, buf, &in), 0);
		assert_memory_equal(in.text, text, in.text_len);
		assert_int_equal(in.part, number(p, "part"));
	}
	assert_int_equal(i, 3);
}

static void
whatever_is_altered_does_not_open(void **state)
{
	const json_t *p = json_array_get(json_object_get(group(), "payload"), 0);
	uint8_t key[32], bytes[CHQ_DGRAM_MAX], buf[CHQ_GROUP_INNER_MAX];
	struct chq_group_ctx ctx = ctx_of(p), other;
	struct chq_group_inner in;
	size_t len = vectors_bytes(p, "payload", bytes, sizeof(bytes));

	(void)state;
	vectors_key(group(), "key", key);
	for (size_t i = CHQ_GROUP_HDR_LEN; i < len; i++) {
		bytes[i] ^= 1;
		assert_int_equal(chq_group_open(key, &ctx, bytes, len, buf, &in), CHQ_ECRYPTO);
		bytes[i] ^= 1;
	}
	for (unsigned i = 0; i < 4; i++) {
		other = ctx;
		other.from += i == 0;
		other.group += i == 1;
		other.message += i == 2;
		other.app += i == 3;
		assert_int_equal(chq_group_open(key, &other, bytes, len, buf, &in), CHQ_ECRYPTO);
	}
	for (size_t i = 0; i < len; i++)
		assert_true(chq_group_open(key, &ctx, bytes, i, buf, &in) < 0);
	assert_int_equal(chq_group_open(key, &ctx, bytes, len, buf, &in), 0);
}

static void
too_long_and_wrong_parts_are_refused(void **state)
{
	static const uint8_t key[32], salt[CHQ_GROUP_SALT_BYTES], text[CHQ_GROUP_TEXT_MAX + 1];
	struct chq_group_ctx ctx = { .from = 1 };
	struct chq_group_inner in = { 1, 1, CHQ_GROUP_TEXT_MAX, text };
	uint8_t out[CHQ_GROUP_PAYLOAD_MAX];

	(void)state;
	assert_int_equal(chq_group_seal(key, &ctx, salt, &in, out), CHQ_GROUP_PAYLOAD_MAX);
	assert_true(CHQ_GROUP_PAYLOAD_MAX <= CHQ_PAYLOAD_MAX);
	in.text_len++;
	assert_int_equal(chq_group_seal(key, &ctx, salt, &in, out), CHQ_ETOOBIG);
	in.text_len = 1;
	in.part = 2;
	assert_int_equal(chq_group_seal(key, &ctx, salt, &in, out), CHQ_EINVAL);
	in.part = 0;
	assert_int_equal(chq_group_seal(key, &ctx, salt, &in, out), CHQ_EINVAL);
	in.part = in.parts = CHQ_GROUP_PARTS_MAX + 1;
	assert_int_equal(chq_group_seal(key, &ctx, salt, &in, out), CHQ_EINVAL);
}

static int
load(void **state)
{
	(void)state;
	assert_int_equal(chq_crypto_init(), CHQ_OK);
	root = vectors_load("tests/vectors/protocol.json");
	return root ? 0 : -1;
}

static int
unload(void **state)
{
	(void)state;
	json_decref(root);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_derived_as_written),
		cmocka_unit_test(payloads_are_sealed_and_opened_as_written),
		cmocka_unit_test(whatever_is_altered_does_not_open),
		cmocka_unit_test(too_long_and_wrong_parts_are_refused),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
