/* The vectors of sections 5 and 6: control messages, and what devices seal for each other. */
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
#include "proto/e2e_account.h"
#include "proto/e2e_fmt.h"
#include "proto/password.h"
#include "proto/policy.h"
#include "tests/unit/proto/vectors.h"

#define FILE_NAME "tests/vectors/protocol.json"

static json_t *root;

static const json_t *
section(const char *name)
{
	const json_t *v = json_object_get(root, name);

	assert_non_null(v);
	return v;
}

static void
assert_bytes(const json_t *v, const char *member, const void *got, size_t len)
{
	uint8_t want[CHQ_DGRAM_MAX];

	assert_int_equal(vectors_bytes(v, member, want, sizeof(want)), len);
	assert_memory_equal(got, want, len);
}

static const char *
text(const json_t *v, const char *member)
{
	const char *s = json_string_value(json_object_get(v, member));

	assert_non_null(s);
	return s;
}

static void
signkey(const json_t *v, const char *seed_member, struct chq_signkey *key)
{
	uint8_t seed[32];

	vectors_key(v, seed_member, seed);
	chq_ed25519_from_seed(key, seed);
}

static void
keypair(const json_t *v, const char *member, struct chq_keypair *kp)
{
	uint8_t secret[32];

	vectors_key(v, member, secret);
	chq_x25519_from_secret(kp, secret);
}

static void
a_login_request_is_encoded_and_decoded_as_written(void **state)
{
	const json_t *v = section("login_request");
	Chasqui__LoginRequest login = CHASQUI__LOGIN_REQUEST__INIT;
	uint8_t sealed[CHQ_PASSWORD_SEALED_LEN], got[CHQ_HOP_BODY_MAX];
	char name[32], device[32];
	Chasqui__ToServer *read;
	int len;

	(void)state;
	strncpy(name, text(v, "login"), sizeof(name) - 1);
	strncpy(device, text(v, "device_name"), sizeof(device) - 1);
	login.login = name;
	login.device_name = device;
	login.attempt = (uint32_t)vectors_number(v, "attempt");
	login.enroll = json_is_true(json_object_get(v, "enroll"));
	login.sealed_password.data = sealed;
	login.sealed_password.len = vectors_bytes(v, "sealed_password", sealed, sizeof(sealed));
	len = chq_ctrl_pack_request(vectors_number(v, "id"), CHASQUI__METHOD__METHOD_LOGIN,
				    &login.base, got, sizeof(got));
	assert_true(len > 0);
	assert_bytes(v, "message", got, (size_t)len);
	read = chq_ctrl_unpack_to_server(got, (size_t)len, NULL);
	assert_non_null(read);
	assert_int_equal(read->body_case, CHASQUI__TO_SERVER__BODY_REQUEST);
	assert_true(read->request->id == vectors_number(v, "id"));
	assert_int_equal(read->request->method, vectors_number(v, "method"));
	chasqui__to_server__free_unpacked(read, NULL);
}

static void
a_password_is_sealed_and_opened_as_written(void **state)
{
	uint8_t key[32], hash[32], sealed[CHQ_PASSWORD_SEALED_LEN];
	const json_t *v = section("password");
	uint32_t attempt = (uint32_t)vectors_number(v, "attempt");
	const char *password = text(v, "password");
	char got[CHQ_PASSWORD_MAX + 1];

	(void)state;
	vectors_key(v, "login_key", key);
	vectors_key(v, "hash", hash);
	assert_int_equal(chq_password_seal(key, attempt, hash, password, strlen(password), sealed),
			 CHQ_OK);
	assert_bytes(v, "sealed", sealed, sizeof(sealed));
	assert_int_equal(chq_password_open(key, attempt, hash, sealed, sizeof(sealed), got),
			 strlen(password));
	assert_string_equal(got, password);
	assert_int_equal(chq_password_open(key, attempt + 1, hash, sealed, sizeof(sealed), got),
			 CHQ_ECRYPTO);
}

static void
policy_lists_are_signed_and_read_as_written(void **state)
{
	uint8_t got[CHQ_POLICY_MAX];
	struct chq_policy p, read;
	struct chq_signkey org;
	const json_t *v;
	size_t i;
	int len;

	(void)state;
	json_array_foreach(section("policy"), i, v)
	{
		const json_t *apps = json_object_get(v, "apps");

		memset(&p, 0, sizeof(p));
		signkey(v, "org_seed", &org);
		assert_bytes(v, "org_key", org.public, 32);
		p.version = vectors_number(v, "version");
		for (; p.count < json_array_size(apps); p.count++)
			p.app[p.count] =
				(uint16_t)json_integer_value(json_array_get(apps, p.count));
		len = chq_policy_build(&p, &org, got, sizeof(got));
		assert_true(len > 0);
		assert_bytes(v, "policy", got, (size_t)len);
		assert_int_equal(chq_policy_parse(got, (size_t)len, org.public, &read), CHQ_OK);
		assert_true(read.version == p.version && read.count == p.count);
		assert_memory_equal(read.app, p.app, p.count * sizeof(p.app[0]));
		assert_int_equal(chq_policy_inspects(&read, 513), i == 1);
	}
	assert_int_equal(i, 2);
}

static void
a_device_list_is_signed_and_read_as_written(void **state)
{
	const json_t *v = section("device_list"), *d;
	struct chq_device_list list = { 0 }, read;
	uint8_t got[CHQ_DEVICE_LIST_MAX];
	struct chq_signkey key;
	size_t i;
	int len;

	(void)state;
	signkey(v, "account_seed", &key);
	assert_bytes(v, "account_key", key.public, 32);
	list.account = vectors_number(v, "account");
	list.version = vectors_number(v, "version");
	json_array_foreach(json_object_get(v, "devices"), i, d)
	{
		list.device[i].device = (uint8_t)vectors_number(d, "device");
		vectors_key(d, "sign", list.device[i].sign);
		vectors_key(d, "ident", list.device[i].ident);
	}
	list.count = (uint8_t)i;
	len = chq_device_list_build(&list, &key, got, sizeof(got));
	assert_true(len > 0);
	assert_bytes(v, "list", got, (size_t)len);
	assert_int_equal(chq_device_list_parse(got, (size_t)len, key.public, &read), CHQ_OK);
	assert_true(read.account == list.account && read.version == list.version);
	assert_memory_equal(read.device, list.device, list.count * sizeof(list.device[0]));
	assert_ptr_equal(chq_device_list_find(&read, 9), &read.device[1]);
	assert_null(chq_device_list_find(&read, 2));
}

static void
a_prekey_is_signed_and_read_as_written(void **state)
{
	const json_t *v = section("prekey");
	uint8_t got[CHQ_PREKEY_LEN];
	struct chq_prekey pk, read;
	struct chq_signkey key;

	(void)state;
	signkey(v, "device_seed", &key);
	assert_bytes(v, "device_sign", key.public, 32);
	pk.account = vectors_number(v, "account");
	pk.device = (uint8_t)vectors_number(v, "device");
	pk.id = (uint32_t)vectors_number(v, "id");
	pk.expiry_ms = vectors_number(v, "expiry_ms");
	vectors_key(v, "spk", pk.spk);
	chq_prekey_build(&pk, &key, got);
	assert_bytes(v, "prekey", got, sizeof(got));
	assert_int_equal(chq_prekey_parse(got, sizeof(got), key.public, &read), CHQ_OK);
	assert_true(read.account == pk.account && read.device == pk.device && read.id == pk.id &&
		    read.expiry_ms == pk.expiry_ms);
	assert_memory_equal(read.spk, pk.spk, 32);
}

static void
both_devices_derive_the_message_key_as_written(void **state)
{
	const json_t *v = section("message_key");
	uint64_t from = vectors_number(v, "from"), to = vectors_number(v, "to");
	struct chq_keypair ident_a, eph, ident_b, spk;
	uint8_t key[32];

	(void)state;
	keypair(v, "ident_a_secret", &ident_a);
	keypair(v, "ephemeral_secret", &eph);
	keypair(v, "ident_b_secret", &ident_b);
	keypair(v, "spk_b_secret", &spk);
	assert_int_equal(chq_e2e_key_send(from, to, &ident_a, &eph, ident_b.public, spk.public,
					  key),
			 CHQ_OK);
	assert_bytes(v, "key", key, 32);
	memset(key, 0, sizeof(key));
	assert_int_equal(chq_e2e_key_recv(from, to, &ident_b, &spk, ident_a.public, eph.public,
					  key),
			 CHQ_OK);
	assert_bytes(v, "key", key, 32);
	memset(eph.public, 0, 32);
	assert_int_equal(chq_e2e_key_recv(from, to, &ident_b, &spk, ident_a.public, eph.public,
					  key),
			 CHQ_ECRYPTO);
	assert_true(sodium_is_zero(key, sizeof(key)));
}

static void
inners_are_built_and_read_as_written(void **state)
{
	uint8_t words[CHQ_INNER_MAX], got[CHQ_INNER_MAX];
	struct chq_inner in, read;
	const json_t *v;
	size_t i;
	int len;

	(void)state;
	json_array_foreach(section("inner"), i, v)
	{
		in.previous = vectors_number(v, "previous");
		in.part = (uint16_t)vectors_number(v, "part");
		in.parts = (uint16_t)vectors_number(v, "parts");
		in.grant = vectors_number(v, "grant");
		in.text_len = (uint16_t)vectors_bytes(v, "text", words, sizeof(words));
		in.text = words;
		len = chq_inner_build(&in, got);
		assert_true(len > 0);
		assert_bytes(v, "inner", got, (size_t)len);
		assert_int_equal(chq_inner_parse(got, (size_t)len, &read), CHQ_OK);
		assert_true(read.previous == in.previous && read.grant == in.grant);
		assert_true(read.part == in.part && read.parts == in.parts);
		assert_int_equal(read.text_len, in.text_len);
		assert_memory_equal(read.text, words, in.text_len);
	}
	assert_int_equal(i, 4);
}

static void
a_receipt_is_built_and_read_as_written(void **state)
{
	uint64_t ids[CHQ_RECEIPT_IDS_MAX], read[CHQ_RECEIPT_IDS_MAX];
	uint8_t words[8 * CHQ_RECEIPT_IDS_MAX], got[CHQ_INNER_MAX];
	struct chq_inner in = { .part = 1, .parts = 1, .text = words };
	const json_t *v = section("receipt"), *id;
	size_t n;

	(void)state;
	json_array_foreach(json_object_get(v, "ids"), n, id) ids[n] = vectors_u64(id);
	in.text_len = (uint16_t)chq_receipt_pack(ids, n, words);
	assert_bytes(v, "inner", got, (size_t)chq_inner_build(&in, got));
	assert_int_equal(chq_receipt_parse(&in, read), n);
	assert_memory_equal(read, ids, n * sizeof(ids[0]));
}

static void
payloads_are_sealed_and_opened_as_written(void **state)
{
	uint8_t key[32], eph[32], inner[CHQ_INNER_MAX], got[CHQ_E2E_PAYLOAD_MAX], read[32];
	struct chq_e2e_ctx ctx;
	uint32_t prekey_id;
	const json_t *v;
	size_t i, len;
	int sealed;

	(void)state;
	json_array_foreach(section("payload"), i, v)
	{
		ctx = (struct chq_e2e_ctx){ .from = vectors_number(v, "from"),
					    .to = vectors_number(v, "to"),
					    .message = vectors_number(v, "message"),
					    .app = (uint16_t)vectors_number(v, "app"),
					    .flags = (uint8_t)vectors_number(v, "flags") };
		vectors_key(v, "key", key);
		vectors_key(v, "ephemeral", eph);
		len = vectors_bytes(v, "inner", inner, sizeof(inner));
		sealed = chq_e2e_seal(key, &ctx, (uint32_t)vectors_number(v, "prekey_id"), eph,
				      inner, len, got, sizeof(got));
		assert_true(sealed > 0);
		assert_bytes(v, "payload", got, (size_t)sealed);
		assert_int_equal(chq_e2e_payload_head(got, (size_t)sealed, &prekey_id, read),
				 CHQ_OK);
		assert_int_equal(prekey_id, vectors_number(v, "prekey_id"));
		assert_memory_equal(read, eph, 32);
		assert_int_equal(chq_e2e_open(key, &ctx, got, (size_t)sealed, inner), len);
		assert_bytes(v, "inner", inner, len);
		ctx.flags ^= CHQ_F_RECEIPT;
		assert_int_equal(chq_e2e_open(key, &ctx, got, (size_t)sealed, inner), CHQ_ECRYPTO);
	}
	assert_int_equal(i, 2);
}

static void
the_account_key_is_handed_on_as_written(void **state)
{
	const json_t *v = section("account_key");
	uint8_t sealed[CHQ_ACCOUNT_SEALED_LEN];
	struct chq_device_offer o = { .account = vectors_number(v, "account") };
	char code[CHQ_DEVICE_CODE_LEN + 1];
	struct chq_signkey account_key, got;
	struct chq_keypair ident, eph;

	(void)state;
	o.device = (uint8_t)vectors_number(v, "device");
	signkey(v, "account_seed", &account_key);
	vectors_key(v, "account_key", o.account_key);
	vectors_key(v, "sign", o.sign);
	vectors_key(v, "ident", o.ident);
	keypair(v, "ident_secret", &ident);
	keypair(v, "ephemeral_secret", &eph);
	chq_device_code(&o, code);
	assert_string_equal(code, text(v, "code"));
	assert_int_equal(chq_account_seal(&o, &account_key, &eph, sealed), CHQ_OK);
	assert_bytes(v, "sealed", sealed, sizeof(sealed));
	assert_int_equal(chq_account_open(&o, &ident, sealed, sizeof(sealed), &got), CHQ_OK);
	assert_memory_equal(got.seed, account_key.seed, 32);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_true(chq_account_open(&o, &ident, sealed, sizeof(sealed), &got) < 0);
		assert_true(sodium_is_zero((uint8_t *)&got, sizeof(got)));
		sealed[i] ^= 1;
	}
	assert_int_equal(chq_account_open(&o, &ident, sealed, sizeof(sealed) - 1, &got),
			 CHQ_EMALFORMED);
	o.sign[0] ^= 1;
	assert_int_equal(chq_account_open(&o, &ident, sealed, sizeof(sealed), &got), CHQ_ECRYPTO);
	o.sign[0] ^= 1;
	o.account_key[0] ^= 1;
	assert_int_equal(chq_account_open(&o, &ident, sealed, sizeof(sealed), &got), CHQ_ECRYPTO);
	assert_int_equal(chq_account_seal(&o, &account_key, &eph, sealed), CHQ_EINVAL);
}

static void
the_safety_number_is_as_written_from_either_side(void **state)
{
	const json_t *v = section("safety_number");
	uint64_t a = vectors_number(v, "account_a"), b = vectors_number(v, "account_b");
	uint8_t key_a[32], key_b[32];
	char got[CHQ_SAFETY_LEN + 1];

	(void)state;
	vectors_key(v, "key_a", key_a);
	vectors_key(v, "key_b", key_b);
	chq_safety_number(a, key_a, b, key_b, got);
	assert_string_equal(got, text(v, "number"));
	chq_safety_number(b, key_b, a, key_a, got);
	assert_string_equal(got, text(v, "number"));
}

static int
load(void **state)
{
	(void)state;
	root = vectors_load(FILE_NAME);
	return chq_crypto_init();
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
		cmocka_unit_test(a_login_request_is_encoded_and_decoded_as_written),
		cmocka_unit_test(a_password_is_sealed_and_opened_as_written),
		cmocka_unit_test(policy_lists_are_signed_and_read_as_written),
		cmocka_unit_test(a_device_list_is_signed_and_read_as_written),
		cmocka_unit_test(a_prekey_is_signed_and_read_as_written),
		cmocka_unit_test(both_devices_derive_the_message_key_as_written),
		cmocka_unit_test(inners_are_built_and_read_as_written),
		cmocka_unit_test(a_receipt_is_built_and_read_as_written),
		cmocka_unit_test(payloads_are_sealed_and_opened_as_written),
		cmocka_unit_test(the_account_key_is_handed_on_as_written),
		cmocka_unit_test(the_safety_number_is_as_written_from_either_side),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
