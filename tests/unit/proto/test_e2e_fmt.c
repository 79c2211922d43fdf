#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/control_msg.h"
#include "proto/e2e_fmt.h"
#include "proto/password.h"
#include "proto/policy.h"

#define ROOM 2048

static struct chq_device_list
some_list(unsigned count)
{
	struct chq_device_list list = { .account = 5, .version = 1, .count = (uint8_t)count };

	for (unsigned i = 0; i < count && i < CHQ_DEVICES_MAX; i++) {
		list.device[i].device = (uint8_t)(3 * i + 1);
		randombytes_buf(list.device[i].sign, 64);
	}
	return list;
}

static void
signed_formats_are_refused_cut_longer_or_with_any_flipped_bit(void **state)
{
	struct chq_device_list list = some_list(2);
	struct chq_policy policy = { .version = 1, .count = 2, .app = { 4, 9 } };
	struct chq_prekey pk = { .account = 5, .device = 1, .id = 7 };
	uint8_t lists[ROOM] = { 0 }, prekeys[ROOM] = { 0 }, policies[ROOM] = { 0 };
	int list_len, policy_len;
	struct chq_signkey key;

	(void)state;
	chq_ed25519_keypair(&key);
	list_len = chq_device_list_build(&list, &key, lists, sizeof(lists));
	policy_len = chq_policy_build(&policy, &key, policies, sizeof(policies));
	chq_prekey_build(&pk, &key, prekeys);
	assert_int_equal(list_len, CHQ_DEVICE_LIST_LEN(2));
	assert_int_equal(policy_len, CHQ_POLICY_LEN(2));
	for (size_t len = 0; len < ROOM; len++) {
		assert_int_equal(chq_device_list_parse(lists, len, key.public, &list),
				 len == (size_t)list_len ? CHQ_OK : CHQ_EMALFORMED);
		assert_int_equal(chq_policy_parse(policies, len, key.public, &policy),
				 len == (size_t)policy_len ? CHQ_OK : CHQ_EMALFORMED);
		assert_int_equal(chq_prekey_parse(prekeys, len, key.public, &pk),
				 len == CHQ_PREKEY_LEN ? CHQ_OK : CHQ_EMALFORMED);
	}
	for (size_t bit = 0; bit < (size_t)list_len * 8; bit++) {
		uint8_t flip = (uint8_t)(1u << bit % 8);

		lists[bit / 8] ^= flip;
		policies[bit / 8] ^= flip;
		prekeys[bit / 8] ^= flip;
		assert_true(chq_device_list_parse(lists, (size_t)list_len, key.public, &list) < 0);
		if (bit / 8 < (size_t)policy_len)
			assert_true(chq_policy_parse(policies, (size_t)policy_len, key.public,
						     &policy) < 0);
		if (bit / 8 < CHQ_PREKEY_LEN)
			assert_true(chq_prekey_parse(prekeys, CHQ_PREKEY_LEN, key.public, &pk) < 0);
		lists[bit / 8] ^= flip;
		policies[bit / 8] ^= flip;
		prekeys[bit / 8] ^= flip;
	}
}

static void
a_list_signed_by_another_key_is_refused(void **state)
{
	struct chq_device_list list = some_list(1);
	struct chq_signkey key, other;
	uint8_t buf[ROOM];
	int len;

	(void)state;
	chq_ed25519_keypair(&key);
	chq_ed25519_keypair(&other);
	len = chq_device_list_build(&list, &key, buf, sizeof(buf));
	assert_int_equal(chq_device_list_parse(buf, (size_t)len, other.public, &list), CHQ_ECRYPTO);
}

static void
device_numbers_rise_and_none_is_zero(void **state)
{
	struct chq_device_list list = some_list(3);
	struct chq_signkey key;
	uint8_t buf[ROOM];

	(void)state;
	chq_ed25519_keypair(&key);
	assert_true(chq_device_list_build(&list, &key, buf, sizeof(buf)) > 0);
	assert_int_equal(chq_device_list_build(&list, &key, buf, 100), CHQ_ENOBUFS);
	list.device[2].device = list.device[1].device;
	assert_int_equal(chq_device_list_build(&list, &key, buf, sizeof(buf)), CHQ_EINVAL);
	list = some_list(1);
	list.device[0].device = 0;
	assert_int_equal(chq_device_list_build(&list, &key, buf, sizeof(buf)), CHQ_EINVAL);
	list = some_list(CHQ_DEVICES_MAX + 1);
	assert_int_equal(chq_device_list_build(&list, &key, buf, sizeof(buf)), CHQ_EINVAL);
	list = some_list(0);
	assert_int_equal(chq_device_list_build(&list, &key, buf, sizeof(buf)), CHQ_EINVAL);
}

static void
the_longest_device_list_and_its_key_fit_one_control_message(void **state)
{
	struct chq_device_list list = some_list(CHQ_DEVICES_MAX);
	Chasqui__KeysReply reply = CHASQUI__KEYS_REPLY__INIT;
	Chasqui__KeysPublish publish = CHASQUI__KEYS_PUBLISH__INIT;
	uint8_t buf[CHQ_DEVICE_LIST_MAX], out[CHQ_HOP_BODY_MAX];
	struct chq_signkey key;

	(void)state;
	chq_ed25519_keypair(&key);
	list.account = CHQ_ID_MASK;
	reply.account = CHQ_ID_MASK;
	reply.next_after = 255;
	reply.device_list.data = publish.device_list.data = buf;
	reply.device_list.len = publish.device_list.len =
		(size_t)chq_device_list_build(&list, &key, buf, sizeof(buf));
	assert_int_equal(reply.device_list.len, CHQ_DEVICE_LIST_MAX);
	reply.account_key.data = publish.account_key.data = key.public;
	reply.account_key.len = publish.account_key.len = 32;
	assert_true(chq_ctrl_pack_response(UINT64_MAX, CHASQUI__CODE__OK, 0, &reply.base, out,
					   sizeof(out)) > 0);
	assert_true(chq_ctrl_pack_request(UINT64_MAX, CHASQUI__METHOD__METHOD_KEYS_PUBLISH,
					  &publish.base, out, sizeof(out)) > 0);
}

static void
an_inner_is_refused_cut_longer_or_with_bits_in_its_padding(void **state)
{
	static const uint8_t text[CHQ_INNER_TEXT_MAX + 1] = "text";
	struct chq_inner in = { .part = 1, .parts = 1, .text = text }, out;
	uint8_t buf[ROOM];

	(void)state;
	for (uint16_t n = 0; n <= CHQ_INNER_TEXT_MAX; n += n < 80 ? 1 : 127) {
		size_t end = CHQ_INNER_HDR_LEN + (size_t)n;
		int len;

		memset(buf, 0, sizeof(buf));
		in.text_len = n;
		len = chq_inner_build(&in, buf);
		assert_int_equal(len, CHQ_INNER_LEN(n));
		assert_int_equal(len % CHQ_INNER_PAD, 0);
		for (size_t cut = 0; cut < sizeof(buf); cut++)
			assert_int_equal(chq_inner_parse(buf, cut, &out),
					 cut == (size_t)len ? CHQ_OK : CHQ_EMALFORMED);
		for (; end < (size_t)len; end++) {
			buf[end] = 1;
			assert_int_equal(chq_inner_parse(buf, (size_t)len, &out), CHQ_EMALFORMED);
			buf[end] = 0;
		}
	}
	in.text_len = CHQ_INNER_TEXT_MAX + 1;
	assert_int_equal(chq_inner_build(&in, buf), CHQ_ETOOBIG);
	assert_int_equal(CHQ_INNER_LEN(CHQ_INNER_TEXT_MAX), CHQ_INNER_MAX);
	assert_true(CHQ_E2E_PAYLOAD_MAX <= CHQ_PAYLOAD_MAX);
}

static void
parts_outside_their_range_are_refused(void **state)
{
	static const uint16_t wrong[][2] = { { 0, 1 }, { 1, 0 }, { 2, 1 }, { 1, 65 }, { 65, 65 } };
	struct chq_inner in = { .part = 1, .parts = 1 }, out;
	uint8_t buf[CHQ_INNER_MAX];
	int len = chq_inner_build(&in, buf);

	(void)state;
	assert_int_equal(len, 32);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		in.part = wrong[i][0];
		in.parts = wrong[i][1];
		assert_int_equal(chq_inner_build(&in, buf), CHQ_EINVAL);
		buf[8] = (uint8_t)in.part;
		buf[10] = (uint8_t)in.parts;
		assert_int_equal(chq_inner_parse(buf, (size_t)len, &out), CHQ_EMALFORMED);
	}
}

static void
a_receipt_has_whole_ids_and_stands_outside_the_chain(void **state)
{
	uint64_t ids[CHQ_RECEIPT_IDS_MAX] = { 1 };
	uint8_t text[8 * CHQ_RECEIPT_IDS_MAX];
	struct chq_inner in = { .part = 1, .parts = 1, .text = text, .text_len = sizeof(text) };

	(void)state;
	assert_int_equal(chq_receipt_pack(ids, 0, text), CHQ_EINVAL);
	assert_int_equal(chq_receipt_pack(ids, CHQ_RECEIPT_IDS_MAX + 1, text), CHQ_EINVAL);
	assert_int_equal(chq_receipt_pack(ids, CHQ_RECEIPT_IDS_MAX, text), sizeof(text));
	assert_int_equal(chq_receipt_parse(&in, ids), CHQ_RECEIPT_IDS_MAX);
	for (in.text_len = 0; in.text_len < sizeof(text); in.text_len++) {
		int n = in.text_len % 8 ? 0 : in.text_len / 8;

		assert_int_equal(chq_receipt_parse(&in, ids), n ? n : CHQ_EMALFORMED);
	}
	in.previous = 1;
	assert_int_equal(chq_receipt_parse(&in, ids), CHQ_EMALFORMED);
	in.previous = 0;
	in.parts = 2;
	assert_int_equal(chq_receipt_parse(&in, ids), CHQ_EMALFORMED);
}

static void
a_payload_opens_only_unchanged_and_in_its_own_context(void **state)
{
	const uint8_t key[32] = { 1 }, eph[32] = { 2 };
	struct chq_e2e_ctx ctx = { .from = 3, .to = 4, .message = 5, .app = 6 }, other;
	uint8_t inner[64] = { 0 }, buf[ROOM] = { 0 }, out[CHQ_INNER_MAX];
	size_t len = CHQ_E2E_OVERHEAD + sizeof(inner);

	(void)state;
	assert_int_equal(chq_e2e_seal(key, &ctx, 9, eph, inner, sizeof(inner), buf, len), len);
	assert_int_equal(chq_e2e_seal(key, &ctx, 9, eph, inner, 63, buf, sizeof(buf)), CHQ_EINVAL);
	assert_int_equal(chq_e2e_seal(key, &ctx, 9, eph, inner, 64, buf, len - 1), CHQ_ENOBUFS);
	for (size_t cut = 0; cut < sizeof(buf); cut++)
		assert_true((chq_e2e_open(key, &ctx, buf, cut, out) == 64) == (cut == len));
	for (size_t bit = CHQ_E2E_HDR_LEN * 8; bit < len * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(chq_e2e_open(key, &ctx, buf, len, out), CHQ_ECRYPTO);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	other = ctx;
	other.from++;
	assert_int_equal(chq_e2e_open(key, &other, buf, len, out), CHQ_ECRYPTO);
	other = ctx;
	other.to++;
	assert_int_equal(chq_e2e_open(key, &other, buf, len, out), CHQ_ECRYPTO);
	other = ctx;
	other.app++;
	assert_int_equal(chq_e2e_open(key, &other, buf, len, out), CHQ_ECRYPTO);
	other = ctx;
	other.message++;
	assert_int_equal(chq_e2e_open(key, &other, buf, len, out), CHQ_ECRYPTO);
	other = ctx;
	other.flags = CHQ_F_STORE; /* STORE is the relay's business */
	assert_int_equal(chq_e2e_open(key, &other, buf, len, out), 64);
}

static void
a_sealed_password_tells_nothing_by_its_length_and_opens_only_unchanged(void **state)
{
	const uint8_t key[32] = { 1 }, hash[32] = { 2 }, other_hash[32] = { 3 };
	uint8_t buf[CHQ_PASSWORD_SEALED_LEN];
	char long_one[CHQ_PASSWORD_MAX + 1], out[CHQ_PASSWORD_MAX + 1];

	(void)state;
	memset(long_one, 'p', sizeof(long_one));
	assert_int_equal(chq_password_seal(key, 1, hash, long_one, sizeof(long_one), buf),
			 CHQ_ETOOBIG);
	assert_int_equal(chq_password_seal(key, 0, hash, "x", 1, buf), CHQ_EINVAL);
	assert_int_equal(chq_password_seal(key, 1, hash, "a\0b", 3, buf), CHQ_OK);
	assert_int_equal(chq_password_open(key, 1, hash, buf, sizeof(buf), out), CHQ_EMALFORMED);
	assert_int_equal(chq_password_seal(key, 1, hash, long_one, CHQ_PASSWORD_MAX, buf), CHQ_OK);
	assert_int_equal(chq_password_open(key, 1, hash, buf, sizeof(buf), out), CHQ_PASSWORD_MAX);
	assert_int_equal(chq_password_open(key, 1, other_hash, buf, sizeof(buf), out), CHQ_ECRYPTO);
	for (size_t len = 0; len < sizeof(buf); len++)
		assert_int_equal(chq_password_open(key, 1, hash, buf, len, out), CHQ_EMALFORMED);
	for (size_t bit = 0; bit < sizeof(buf) * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(chq_password_open(key, 1, hash, buf, sizeof(buf), out),
				 CHQ_ECRYPTO);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static int
setup(void **state)
{
	(void)state;
	return chq_crypto_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_formats_are_refused_cut_longer_or_with_any_flipped_bit),
		cmocka_unit_test(a_list_signed_by_another_key_is_refused),
		cmocka_unit_test(device_numbers_rise_and_none_is_zero),
		cmocka_unit_test(the_longest_device_list_and_its_key_fit_one_control_message),
		cmocka_unit_test(an_inner_is_refused_cut_longer_or_with_bits_in_its_padding),
		cmocka_unit_test(parts_outside_their_range_are_refused),
		cmocka_unit_test(a_receipt_has_whole_ids_and_stands_outside_the_chain),
		cmocka_unit_test(a_payload_opens_only_unchanged_and_in_its_own_context),
		cmocka_unit_test(
			a_sealed_password_tells_nothing_by_its_length_and_opens_only_unchanged),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
