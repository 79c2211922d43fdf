#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "store/record.h"

static const struct store_account account = { .login = "alice",
					      .name = "Alice",
					      .pwhash = "$argon2id$v=19$x",
					      .disabled = true,
					      .grant_epoch = 0x01020304,
					      .contacts_version = 5,
					      .created_ms = 6,
					      .changed_ms = 7,
					      .sender_epoch = 8,
					      .removed_ms = 9,
					      .title = "Head",
					      .phone = "+49 1",
					      .mail = "a@example.org",
					      .avatar = "avatar:1",
					      .number = "0815" };

static void
an_account_has_the_bytes_that_are_documented(void **state)
{
	static const uint8_t want[] = {
		2, 1, 4, 3, 2, 1, 5, 0, 0, 0, 0, 0,   0,   0,	6,   0,	  0, 0,	  0, 0,
		0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 5, 'a', 'l', 'i', 'c', 'e', 0, 0,	  8, 0,
		0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 't', 1,   'p', 1,   'm', 1, 'a', 1, 'n',
	};
	struct store_account a = account;
	uint8_t buf[STORE_RECORD_MAX_BYTES];

	(void)state;
	a.name[0] = '\0';
	a.pwhash[0] = '\0';
	strcpy(a.title, "t");
	strcpy(a.phone, "p");
	strcpy(a.mail, "m");
	strcpy(a.avatar, "a");
	strcpy(a.number, "n");
	assert_int_equal(store_record_pack_account(&a, buf), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

static void
an_account_of_version_1_is_read_with_empty_new_fields(void **state)
{
	static const uint8_t old[] = { 1, 1, 4, 3, 2, 1,   5,	0,   0,	  0,   0, 0, 0,
				       0, 6, 0, 0, 0, 0,   0,	0,   0,	  7,   0, 0, 0,
				       0, 0, 0, 0, 5, 'a', 'l', 'i', 'c', 'e', 0, 0 };
	struct store_account a;

	(void)state;
	memset(&a, 0xA5, sizeof(a));
	assert_int_equal(store_record_unpack_account(&a, old, sizeof(old)), 0);
	assert_string_equal(a.login, "alice");
	assert_true(a.disabled);
	assert_int_equal(a.grant_epoch, 0x01020304);
	assert_int_equal(a.changed_ms, 7);
	assert_int_equal(a.sender_epoch, 0);
	assert_int_equal(a.removed_ms, 0);
	assert_string_equal(a.title, "");
	assert_string_equal(a.phone, "");
	assert_string_equal(a.mail, "");
	assert_string_equal(a.avatar, "");
	assert_string_equal(a.number, "");
	assert_int_equal(store_record_unpack_account(&a, old, sizeof(old) - 1), CHQ_ECORRUPT);
}

static void
a_record_comes_back_as_it_was(void **state)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	struct store_account a;
	struct store_device d = { .revoked = true,
				  .kind = STORE_DEVICE_PC,
				  .name = "laptop",
				  .enrolled_ms = 1,
				  .last_seen_ms = 2,
				  .prekey_len = STORE_PREKEY_MAX_BYTES };
	struct store_device d2;
	struct store_e2e e = { .list_version = UINT64_MAX, .list_len = STORE_DEVLIST_MAX_BYTES };
	struct store_e2e e2;
	size_t len;

	(void)state;
	len = store_record_pack_account(&account, buf);
	assert_int_equal(store_record_unpack_account(&a, buf, len), 0);
	assert_memory_equal(&a, &account, sizeof(a));

	memset(d.noise_key, 0xA5, sizeof(d.noise_key));
	memset(d.prekey, 0x5A, sizeof(d.prekey));
	len = store_record_pack_device(&d, buf);
	assert_int_equal(store_record_unpack_device(&d2, buf, len), 0);
	assert_memory_equal(&d2.prekey, &d.prekey, sizeof(d.prekey));
	assert_memory_equal(&d2.noise_key, &d.noise_key, sizeof(d.noise_key));
	assert_string_equal(d2.name, "laptop");
	assert_true(d2.revoked);
	assert_int_equal(d2.kind, STORE_DEVICE_PC);

	memset(e.list, 0xEE, sizeof(e.list));
	len = store_record_pack_e2e(&e, buf);
	assert_true(len <= sizeof(buf));
	assert_int_equal(store_record_unpack_e2e(&e2, buf, len), 0);
	assert_memory_equal(e2.list, e.list, sizeof(e.list));
	assert_true(e2.list_version == UINT64_MAX);
}

/* On the heap and of exact size, so that a sanitizer sees any read beyond. */
static int
unpack_exactly(const uint8_t *p, size_t len)
{
	struct store_account a;
	uint8_t *copy = malloc(len ? len : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, p, len);
	rc = store_record_unpack_account(&a, copy, len);
	free(copy);
	return rc;
}

static void
a_truncated_or_longer_record_is_damage(void **state)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_account(&account, buf);

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(unpack_exactly(buf, cut), CHQ_ECORRUPT);
	buf[len] = 0;
	assert_int_equal(unpack_exactly(buf, len + 1), CHQ_ECORRUPT);
	assert_int_equal(unpack_exactly(buf, len), 0);
}

static void
another_version_or_an_unknown_flag_is_damage(void **state)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	size_t len = store_record_pack_account(&account, buf);

	(void)state;
	buf[0] = 3;
	assert_int_equal(unpack_exactly(buf, len), CHQ_ECORRUPT);
	buf[0] = 1; /* what follows is longer than that one was */
	assert_int_equal(unpack_exactly(buf, len), CHQ_ECORRUPT);
	buf[0] = 2;
	buf[1] |= 0x80;
	assert_int_equal(unpack_exactly(buf, len), CHQ_ECORRUPT);
}

static void
a_field_longer_than_its_bound_is_damage(void **state)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES] = { 1 };
	uint8_t answer[STORE_ANSWER_MAX_BYTES + 1] = { 0 };
	const uint8_t *view;
	struct store_e2e e;
	size_t len;

	(void)state;
	/* login of 65 bytes */
	buf[30] = 65;
	memset(buf + 31, 'a', 65);
	assert_int_equal(unpack_exactly(buf, 31 + 65 + 2), CHQ_ECORRUPT);
	buf[30] = 64;
	buf[31 + 64] = 0;
	assert_int_equal(unpack_exactly(buf, 31 + 64 + 2), 0);

	memset(buf, 0, sizeof(buf));
	buf[0] = 1;
	buf[41] = (STORE_DEVLIST_MAX_BYTES + 1) & 0xFF;
	buf[42] = (STORE_DEVLIST_MAX_BYTES + 1) >> 8;
	assert_int_equal(store_record_unpack_e2e(&e, buf, 43 + STORE_DEVLIST_MAX_BYTES + 1),
			 CHQ_ECORRUPT);

	len = store_record_pack_answer(answer, sizeof(answer), buf);
	assert_int_equal(store_record_unpack_answer(&view, &len, buf, len), CHQ_ECORRUPT);
}

static void
impossible_values_are_damage(void **state)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	struct store_friend f = { .state = STORE_FRIEND_MUTUAL };
	struct store_device d = { .kind = STORE_DEVICE_PC };
	uint64_t account_id;
	uint8_t number;
	size_t len;

	(void)state;
	len = store_record_pack_friend(&f, buf);
	buf[1] = STORE_FRIEND_NONE;
	assert_int_equal(store_record_unpack_friend(&f, buf, len), CHQ_ECORRUPT);
	buf[1] = STORE_FRIEND__COUNT;
	assert_int_equal(store_record_unpack_friend(&f, buf, len), CHQ_ECORRUPT);

	len = store_record_pack_device(&d, buf);
	buf[2] = STORE_DEVICE__COUNT;
	assert_int_equal(store_record_unpack_device(&d, buf, len), CHQ_ECORRUPT);

	len = store_record_pack_ref(0, 1, buf);
	assert_int_equal(store_record_unpack_ref(&account_id, &number, buf, len), CHQ_ECORRUPT);

	len = store_record_pack_account(&account, buf);
	buf[33] = '\0'; /* inside the login name */
	assert_int_equal(unpack_exactly(buf, len), CHQ_ECORRUPT);

	len = store_record_pack_account(&account, buf);
	buf[1] = 0; /* a tombstone that is not disabled */
	assert_int_equal(unpack_exactly(buf, len), CHQ_ECORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_has_the_bytes_that_are_documented),
		cmocka_unit_test(an_account_of_version_1_is_read_with_empty_new_fields),
		cmocka_unit_test(a_record_comes_back_as_it_was),
		cmocka_unit_test(a_truncated_or_longer_record_is_damage),
		cmocka_unit_test(another_version_or_an_unknown_flag_is_damage),
		cmocka_unit_test(a_field_longer_than_its_bound_is_damage),
		cmocka_unit_test(impossible_values_are_damage),
	};

	return cmocka_run_group_tests_name("store/record", tests, NULL, NULL);
}
