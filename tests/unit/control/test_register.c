#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/password.h"
#include "store/invite.h"
#include "store/reader.h"
#include "store/writer.h"
#include "tests/unit/control/ctl_words.h"

/* People who make their own account by a code. */

static void
code_of(struct fixture *f, const char *words, char out[64])
{
	json_t *a = words_ask(f, words);
	const char *code = json_string_value(json_object_get(json_object_get(a, "data"), "code"));

	assert_non_null(code);
	snprintf(out, 64, "%s", code);
	json_decref(a);
}

static Chasqui__Code
reg(struct fixture *f, struct fix_client *c, const char *code, const char *login, const char *name,
    const char *password)
{
	Chasqui__RegisterRequest m = CHASQUI__REGISTER_REQUEST__INIT;
	uint8_t sealed[CHQ_PASSWORD_SEALED_LEN];
	char code_[64], login_[300], name_[300], device[] = "phone";

	snprintf(code_, sizeof(code_), "%s", code);
	snprintf(login_, sizeof(login_), "%s", login);
	snprintf(name_, sizeof(name_), "%s", name);
	m.code = code_;
	m.login = login_;
	m.display_name = name_;
	m.device_name = device;
	m.attempt = ++c->attempt;
	assert_int_equal(chq_password_seal(c->keys.login, m.attempt, chq_noise_hash(&c->noise),
					   password, strlen(password), sealed),
			 0);
	m.sealed_password = (ProtobufCBinaryData){ sizeof(sealed), sealed };
	return client_call(f, c, CHASQUI__METHOD__METHOD_REGISTER, &m.base, NULL, NULL);
}

static void
guest(struct fixture *f, struct fix_client *c, uint8_t host)
{
	client_init(f, c, host);
	client_hello(f, c);
}

static void
registering_is_refused_unless_the_configuration_opens_it(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	char code[64];

	code_of(f, "user invite", code);
	guest(f, &c, 1);
	assert_int_equal(reg(f, &c, code, "dave", "Dave", "secret word"), CHASQUI__CODE__E_DENIED);
	words_expect(f, "user show dave", "ENOENT", "login");
}

static void
a_code_makes_an_account_that_is_logged_in_and_in_its_department(void **state)
{
	struct fixture *f = *state;
	struct fix_client c, again;
	char code[64];

	f->conf.registration.by_code = true;
	words_ok(f, "dept add Company");
	code_of(f, "user invite --dept=Company", code);
	guest(f, &c, 1);
	assert_int_equal(reg(f, &c, code, "Dave", "Dave D.", "secret word"), CHASQUI__CODE__OK);
	words_text(f, "user show dave", "name", "Dave D.");
	assert_int_equal(words_number(f, "user show dave", "sessions"), 1);
	assert_int_equal(words_number(f, "dept show Company", "members"), 1);
	/* It was for one. */
	guest(f, &again, 2);
	assert_int_equal(reg(f, &again, code, "erin", "", "secret word"), CHASQUI__CODE__E_AUTH);
	assert_int_equal(client_login(f, &again, "dave", "secret word", true), CHASQUI__CODE__OK);
}

static int
expire(struct store_txn *t, void *arg)
{
	struct store_invite i = { .uses = 1, .expires_ms = 1 };

	return store_invite_add(t, arg, &i);
}

static void
unknown_used_expired_and_revoked_codes_have_one_answer(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	uint8_t hash[32];
	char code[64], words[64];

	f->conf.registration.by_code = true;
	guest(f, &c, 1);
	assert_int_equal(reg(f, &c, "nonsense", "dave", "", "secret word"), CHASQUI__CODE__E_AUTH);
	memset(hash, 7, sizeof(hash));
	assert_int_equal(store_write_sync(f->ctl.store, expire, hash), 0);
	code_of(f, "user invite", code);
	snprintf(words, sizeof(words), "user uninvite %d", 2);
	words_ok(f, words);
	words_expect(f, words, "ENOENT", "number");
	assert_int_equal(reg(f, &c, code, "dave", "", "secret word"), CHASQUI__CODE__E_AUTH);
	/* A name that is taken is told to nobody without a good code. */
	assert_int_equal(reg(f, &c, code, "alice", "", "secret word"), CHASQUI__CODE__E_AUTH);
	words_expect(f, "user show dave", "ENOENT", "login");
}

static void
bad_names_and_weak_passwords_are_refused_and_use_nothing_up(void **state)
{
	static const struct {
		const char *login, *name, *password;
		Chasqui__Code code;
	} bad[] = {
		{ "alice", "", "secret word", CHASQUI__CODE__E_EXISTS },
		{ "ALICE", "", "secret word", CHASQUI__CODE__E_EXISTS },
		{ "\xef\xbc\xa1lice", "", "secret word", CHASQUI__CODE__E_EXISTS },
		{ "", "", "secret word", CHASQUI__CODE__E_MALFORMED },
		{ "a\nb", "", "secret word", CHASQUI__CODE__E_MALFORMED },
		{ "a\xe2\x80\xae"
		  "b",
		  "", "secret word", CHASQUI__CODE__E_MALFORMED },
		{ "0123456789012345678901234567890123456789012345678901234567890123x", "",
		  "secret word", CHASQUI__CODE__E_MALFORMED },
		{ "dave", "a\x1b[2J", "secret word", CHASQUI__CODE__E_MALFORMED },
		{ "dave", "", "1234567", CHASQUI__CODE__E_MALFORMED },
	};
	struct fixture *f = *state;
	struct fix_client c;
	char code[64];

	f->conf.registration.by_code = true;
	code_of(f, "user invite", code);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		guest(f, &c, (uint8_t)(10 + i)); /* each from another address */
		assert_int_equal(reg(f, &c, code, bad[i].login, bad[i].name, bad[i].password),
				 bad[i].code);
	}
	words_expect(f, "user show dave", "ENOENT", "login");
	guest(f, &c, 1);
	assert_int_equal(reg(f, &c, code, "dave", "", "secret word"), CHASQUI__CODE__OK);
	words_text(f, "user show dave", "name", "dave");
}

static void
guesses_of_codes_are_limited_by_address(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	Chasqui__Code code = CHASQUI__CODE__E_AUTH;
	unsigned tries = 0;
	char login[16];

	f->conf.registration.by_code = true;
	guest(f, &c, 1);
	while (code == CHASQUI__CODE__E_AUTH && tries++ < 200) {
		snprintf(login, sizeof(login), "x%u", tries);
		code = reg(f, &c, "guess", login, "", "secret word");
	}
	assert_int_equal(code, CHASQUI__CODE__E_BUSY);
}

static void
codes_are_listed_without_themselves_and_only_their_hash_is_kept(void **state)
{
	struct fixture *f = *state;
	char code[64], path[128], *data;
	json_t *a, *row;
	FILE *file;
	long size;

	code_of(f, "user invite --uses=3 --days=2", code);
	assert_int_equal(strlen(code), 29);
	a = words_ask(f, "user invites");
	row = json_array_get(json_object_get(a, "data"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "uses")), 3);
	assert_null(json_object_get(row, "code"));
	json_decref(a);
	words_expect(f, "user invite --uses=0", "EARGS", "uses");
	words_expect(f, "user invite --dept=Nowhere", "ENOENT", "dept");
	fixture_stop(f);
	snprintf(path, sizeof(path), "%s/data.mdb", f->conf.paths.store);
	file = fopen(path, "r");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	data = malloc((size_t)size);
	rewind(file);
	assert_int_equal(fread(data, 1, (size_t)size, file), size);
	assert_null(memmem(data, (size_t)size, code, strlen(code)));
	fclose(file);
	free(data);
	fixture_start(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registering_is_refused_unless_the_configuration_opens_it),
		TEST(a_code_makes_an_account_that_is_logged_in_and_in_its_department),
		TEST(unknown_used_expired_and_revoked_codes_have_one_answer),
		TEST(bad_names_and_weak_passwords_are_refused_and_use_nothing_up),
		TEST(guesses_of_codes_are_limited_by_address),
		TEST(codes_are_listed_without_themselves_and_only_their_hash_is_kept),
	};

	return cmocka_run_group_tests_name("control/register", tests, NULL, NULL);
}
