#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/hello.h"
#include "proto/keys.h"

#define ROOM 1400

static const uint8_t noise[CHQ_NOISE1_MAX] = { 1, 2, 3 };

static struct chq_hello
some_hello(uint16_t noise_len)
{
	struct chq_hello h = { .version_min = 1, .version_max = 3, .noise = noise };

	memset(h.nonce, 0x11, sizeof(h.nonce));
	if (noise_len)
		memset(h.cookie, 0x22, sizeof(h.cookie));
	h.noise_len = noise_len;
	return h;
}

static void
a_hello_of_any_other_length_is_refused(void **state)
{
	uint8_t buf[ROOM] = { 0 };
	struct chq_hello h = some_hello(100), out;

	(void)state;
	assert_int_equal(chq_hello_build(buf, &h), CHQ_OK);
	for (size_t len = 0; len < sizeof(buf); len++)
		assert_int_equal(chq_hello_parse(buf, len, &out),
				 len == CHQ_HELLO_LEN ? CHQ_OK : CHQ_EMALFORMED);
}

static void
bits_of_a_hello_that_mean_nothing_must_be_zero(void **state)
{
	uint8_t buf[CHQ_HELLO_LEN];
	struct chq_hello h = some_hello(100), out;

	(void)state;
	assert_int_equal(chq_hello_build(buf, &h), CHQ_OK);
	for (size_t at = 0; at < sizeof(buf); at++) {
		if (at != 0 && at != 3 && at != 42 && at != 43 && at < 144)
			continue;
		buf[at] ^= 0x40;
		assert_int_equal(chq_hello_parse(buf, sizeof(buf), &out), CHQ_EMALFORMED);
		buf[at] ^= 0x40;
	}
	assert_int_equal(chq_hello_parse(buf, sizeof(buf), &out), CHQ_OK);
}

static void
a_cookie_and_a_noise_message_come_together_or_not_at_all(void **state)
{
	uint8_t buf[CHQ_HELLO_LEN];
	struct chq_hello h = some_hello(100), out;

	(void)state;
	h.noise_len = 0;
	assert_int_equal(chq_hello_build(buf, &h), CHQ_EINVAL);
	h = some_hello(100);
	assert_int_equal(chq_hello_build(buf, &h), CHQ_OK);
	memset(buf + 20, 0, CHQ_COOKIE_LEN);
	assert_int_equal(chq_hello_parse(buf, sizeof(buf), &out), CHQ_EMALFORMED);
	h = some_hello(0);
	assert_int_equal(chq_hello_build(buf, &h), CHQ_OK);
	buf[20] = 1;
	assert_int_equal(chq_hello_parse(buf, sizeof(buf), &out), CHQ_EMALFORMED);
}

static void
a_noise_message_fills_the_hello_at_most(void **state)
{
	uint8_t buf[CHQ_HELLO_LEN];
	struct chq_hello h = some_hello(CHQ_NOISE1_MAX), out;

	(void)state;
	assert_int_equal(chq_hello_build(buf, &h), CHQ_OK);
	assert_int_equal(chq_hello_parse(buf, sizeof(buf), &out), CHQ_OK);
	assert_int_equal(out.noise_len, CHQ_NOISE1_MAX);
	assert_ptr_equal(out.noise, buf + CHQ_NOISE1_OFF);
	buf[40]++;
	assert_int_equal(chq_hello_parse(buf, sizeof(buf), &out), CHQ_EMALFORMED);
	h.noise_len++;
	assert_int_equal(chq_hello_build(buf, &h), CHQ_ETOOBIG);
}

static void
a_version_range_in_the_wrong_order_is_refused_and_a_foreign_one_is_not(void **state)
{
	uint8_t buf[CHQ_HELLO_LEN];
	struct chq_hello h = some_hello(0), out;

	(void)state;
	h.version_min = 7;
	h.version_max = 6;
	assert_int_equal(chq_hello_build(buf, &h), CHQ_EINVAL);
	h.version_max = 9;
	assert_int_equal(chq_hello_build(buf, &h), CHQ_OK);
	assert_int_equal(chq_hello_parse(buf, sizeof(buf), &out), CHQ_OK);
	buf[2] = 6;
	assert_int_equal(chq_hello_parse(buf, sizeof(buf), &out), CHQ_EMALFORMED);
}

static void
a_retry_of_another_length_or_without_cookie_is_refused(void **state)
{
	struct chq_retry r = { .version_min = 1, .version_max = 1, .cookie = { 1 } }, out;
	uint8_t buf[ROOM] = { 0 };

	(void)state;
	chq_retry_build(buf, &r);
	for (size_t len = 0; len < sizeof(buf); len++)
		assert_int_equal(chq_retry_parse(buf, len, &out),
				 len == CHQ_RETRY_LEN ? CHQ_OK : CHQ_EMALFORMED);
	buf[20] = 0;
	assert_int_equal(chq_retry_parse(buf, CHQ_RETRY_LEN, &out), CHQ_EMALFORMED);
}

static void
a_welcome_must_have_the_length_that_it_names(void **state)
{
	uint8_t nonce[CHQ_NONCE_LEN] = { 1 }, buf[ROOM] = { 0 };
	struct chq_welcome w;

	(void)state;
	assert_int_equal(chq_welcome_build(buf, sizeof(buf), 1, nonce, noise, 96), CHQ_WELCOME_LEN);
	for (size_t len = 0; len < sizeof(buf); len++)
		assert_int_equal(chq_welcome_parse(buf, len, &w),
				 len == CHQ_WELCOME_LEN ? CHQ_OK : CHQ_EMALFORMED);
	assert_int_equal(chq_welcome_build(buf, CHQ_WELCOME_LEN - 1, 1, nonce, noise, 96),
			 CHQ_ETOOBIG);
}

static int
body_with(void (*change)(struct chq_welcome_body *b))
{
	struct chq_welcome_body b = { .slot = 1, .version = 1, .version_min = 1, .version_max = 1 };
	uint8_t buf[CHQ_WELCOME_BODY_LEN];

	if (change)
		change(&b);
	chq_welcome_body_build(buf, &b);
	return chq_welcome_body_parse(buf, sizeof(buf), &b);
}

static void
no_slot_though_good(struct chq_welcome_body *b)
{
	b->slot = CHQ_SLOT_NONE;
}

static void
slot_though_busy(struct chq_welcome_body *b)
{
	b->status = CHQ_WELCOME_BUSY;
}

static void
logged_in_without_account(struct chq_welcome_body *b)
{
	b->logged_in = 1;
}

static void
account_without_login(struct chq_welcome_body *b)
{
	b->account = 1;
	b->device = 1;
}

static void
version_outside_its_range(struct chq_welcome_body *b)
{
	b->version = 2;
}

static void
unknown_status(struct chq_welcome_body *b)
{
	b->slot = CHQ_SLOT_NONE;
	b->status = 3;
}

static void
a_welcome_body_that_contradicts_itself_is_refused(void **state)
{
	uint8_t buf[CHQ_WELCOME_BODY_LEN + 1] = { 0 };
	struct chq_welcome_body b;

	(void)state;
	assert_int_equal(body_with(NULL), CHQ_OK);
	assert_int_equal(body_with(no_slot_though_good), CHQ_EMALFORMED);
	assert_int_equal(body_with(slot_though_busy), CHQ_EMALFORMED);
	assert_int_equal(body_with(logged_in_without_account), CHQ_EMALFORMED);
	assert_int_equal(body_with(account_without_login), CHQ_EMALFORMED);
	assert_int_equal(body_with(version_outside_its_range), CHQ_EMALFORMED);
	assert_int_equal(body_with(unknown_status), CHQ_EMALFORMED);
	for (size_t len = 0; len <= sizeof(buf); len++)
		assert_int_equal(chq_welcome_body_parse(buf, len, &b),
				 len == CHQ_WELCOME_BODY_LEN ? CHQ_OK : CHQ_EMALFORMED);
}

static void
client_information_keeps_any_text_without_control_characters(void **state)
{
	static const char *const good[] = { "", "x", "chasqui 1.0 (ñ, 中, 🙂)", "\u00a0" };
	static const char *const bad[] = { "a\nb",     "\x1b[2J",  "\x7f",
					   "\xc2\x85", "\xc0\xaf", "\xed\xa0\x80",
					   "\xf5\x80", "\xe4\xb8", "\xf0\x80\x80\x80",
					   "\x80",     "\xff" };
	struct chq_client_info ci = { .kind = 200, .wall_ms = 5 }, out;
	uint8_t buf[CHQ_CLIENT_INFO_MAX];
	int len;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(ci.software, sizeof(ci.software), "%s", good[i]);
		len = chq_client_info_build(buf, sizeof(buf), &ci);
		assert_int_equal(len, 13 + strlen(good[i]));
		assert_int_equal(chq_client_info_parse(buf, (size_t)len, &out), CHQ_OK);
		assert_string_equal(out.software, good[i]);
		assert_int_equal(out.kind, 200);
		for (size_t cut = 0; cut < (size_t)len; cut++)
			assert_int_equal(chq_client_info_parse(buf, cut, &out), CHQ_EMALFORMED);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(ci.software, sizeof(ci.software), "%s", bad[i]);
		assert_int_equal(chq_client_info_build(buf, sizeof(buf), &ci), CHQ_EINVAL);
	}
	memset(ci.software, 'a', sizeof(ci.software));
	assert_int_equal(chq_client_info_build(buf, sizeof(buf), &ci), CHQ_ETOOBIG);
}

static void
a_certificate_with_any_flipped_bit_is_refused(void **state)
{
	struct chq_server_cert c = { .server_id = 3,
				     .not_before_ms = 1,
				     .not_after_ms = 1ULL << 62 };
	uint8_t buf[CHQ_SERVERCERT_LEN];
	struct chq_signkey org;

	(void)state;
	chq_ed25519_keypair(&org);
	chq_server_cert_sign(&c, (const uint8_t *)&org);
	chq_server_cert_build(buf, &c);
	assert_int_equal(chq_server_cert_parse(buf, sizeof(buf), &c), CHQ_OK);
	for (size_t bit = 0; bit < sizeof(buf) * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(chq_server_cert_parse(buf, sizeof(buf), &c) < 0);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < sizeof(buf); len++)
		assert_int_equal(chq_server_cert_parse(buf, len, &c), CHQ_EMALFORMED);
}

#define FP "abcdefghijklmnopqrstuvwxyz234567"

static void
invitations_that_are_not_exact_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"chasqui://",
		"chasqui://host",
		"chasqui://#" FP,
		"chasqui://host:#" FP,
		"chasqui://host:0#" FP,
		"chasqui://host:65536#" FP,
		"chasqui://host:04700#" FP,
		"chasqui://host:4700#" FP "a",
		"chasqui://host:4700#ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
		"chasqui://host:4700#abcdefghijklmnopqrstuvwxyz23456",
		"chasqui://2001:db8::1#" FP,
		"chasqui://[2001:db8::1#" FP,
		"chasqui://[host]:1#" FP,
		"chasqui://ho st#" FP,
		"chasqui://a/b#" FP,
		"chasqui://user@host#" FP,
		"CHASQUI://host#" FP,
		" chasqui://host#" FP,
		"chasqui://host#" FP " ",
		"http://host#" FP,
	};
	struct chq_invitation inv = { .host = "host name", .port = 1, .fingerprint = FP };
	char out[CHQ_INVITATION_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(chq_invitation_parse(bad[i], &inv), CHQ_EMALFORMED);
	snprintf(inv.host, sizeof(inv.host), "host name");
	assert_int_equal(chq_invitation_format(&inv, out, sizeof(out)), CHQ_EINVAL);
	assert_int_equal(chq_invitation_format(&inv, out, 20), CHQ_ENOBUFS);
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
		cmocka_unit_test(a_hello_of_any_other_length_is_refused),
		cmocka_unit_test(bits_of_a_hello_that_mean_nothing_must_be_zero),
		cmocka_unit_test(a_cookie_and_a_noise_message_come_together_or_not_at_all),
		cmocka_unit_test(a_noise_message_fills_the_hello_at_most),
		cmocka_unit_test(
			a_version_range_in_the_wrong_order_is_refused_and_a_foreign_one_is_not),
		cmocka_unit_test(a_retry_of_another_length_or_without_cookie_is_refused),
		cmocka_unit_test(a_welcome_must_have_the_length_that_it_names),
		cmocka_unit_test(a_welcome_body_that_contradicts_itself_is_refused),
		cmocka_unit_test(client_information_keeps_any_text_without_control_characters),
		cmocka_unit_test(a_certificate_with_any_flipped_bit_is_refused),
		cmocka_unit_test(invitations_that_are_not_exact_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
