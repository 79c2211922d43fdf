#include <string.h>

#include "store/answer.h"
#include "store/device.h"
#include "tests/unit/store/fixture.h"

static int
enroll(struct store_txn *t, uint64_t account, uint16_t key, uint8_t *number)
{
	uint8_t noise_key[STORE_KEY_BYTES] = { (uint8_t)key, (uint8_t)(key >> 8), 1 };
	struct store_device_new new = { .account = account,
					.kind = STORE_DEVICE_PC,
					.noise_key = noise_key,
					.name = "laptop",
					.now_ms = 500 };

	return store_device_enroll(t, &new, number);
}

static int
find(struct store_txn *t, uint16_t key, struct store_device *out)
{
	uint8_t noise_key[STORE_KEY_BYTES] = { (uint8_t)key, (uint8_t)(key >> 8), 1 };

	return store_device_find(t, noise_key, out);
}

static void
an_enrolled_device_is_found_by_its_key(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	uint8_t number = 0;
	struct store_device d;
	struct store_txn *t;

	assert_int_equal(enroll(fixture_begin(f), id, 7, &number), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(number, 1);
	t = fixture_read(f);
	assert_int_equal(find(t, 7, &d), 0);
	assert_int_equal(d.account, id);
	assert_int_equal(d.number, 1);
	assert_int_equal(d.kind, STORE_DEVICE_PC);
	assert_string_equal(d.name, "laptop");
	assert_int_equal(d.enrolled_ms, 500);
	assert_int_equal(d.last_seen_ms, 0);
	assert_int_equal(d.prekey_len, 0);
	assert_int_equal(find(t, 8, &d), CHQ_ENOENT);
	store_read_end(f->reader);
	fixture_assert_sound(f);
}

static void
a_key_is_enrolled_once_in_all(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_account(f, "alice");
	uint64_t bob = fixture_account(f, "bob");
	struct store_txn *t = fixture_begin(f);
	uint8_t number;

	assert_int_equal(enroll(t, alice, 7, &number), 0);
	assert_int_equal(enroll(t, alice, 7, &number), CHQ_EEXIST);
	assert_int_equal(enroll(t, bob, 7, &number), CHQ_EEXIST);
	assert_int_equal(enroll(t, 99, 8, &number), CHQ_ENOENT);
	assert_int_equal(fixture_commit(f), 0);
	fixture_assert_sound(f);
}

static void
a_revoked_device_keeps_its_number_and_its_key(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	struct store_device d;
	uint8_t number;

	assert_int_equal(enroll(t, id, 1, &number), 0);
	assert_int_equal(enroll(t, id, 2, &number), 0);
	assert_int_equal(store_device_set_prekey(t, id, 1, (const uint8_t *)"pre", 3), 0);
	assert_int_equal(store_device_revoke(t, id, 1), 0);
	assert_int_equal(store_device_revoke(t, id, 1), 0);
	assert_int_equal(find(t, 1, &d), CHQ_EDENIED);
	assert_int_equal(d.number, 1);
	assert_int_equal(d.prekey_len, 0);
	assert_int_equal(store_device_seen(t, id, 1, 9), CHQ_EDENIED);
	assert_int_equal(store_device_set_prekey(t, id, 1, (const uint8_t *)"pre", 3), CHQ_EDENIED);
	assert_int_equal(enroll(t, id, 1, &number), CHQ_EEXIST);
	assert_int_equal(enroll(t, id, 3, &number), 0);
	assert_int_equal(number, 3);
	assert_int_equal(store_device_revoke(t, id, 9), CHQ_ENOENT);
	assert_int_equal(fixture_commit(f), 0);
	fixture_assert_sound(f);
}

static void
a_forgotten_tombstone_frees_number_key_and_answers(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	uint8_t buf[STORE_ANSWER_MAX_BYTES];
	uint8_t number;
	size_t len;

	assert_int_equal(enroll(t, id, 1, &number), 0);
	assert_int_equal(enroll(t, id, 2, &number), 0);
	assert_int_equal(store_answer_put(t, id, 1, 5, (const uint8_t *)"x", 1), 0);
	assert_int_equal(store_answer_put(t, id, 2, 5, (const uint8_t *)"y", 1), 0);
	assert_int_equal(store_device_forget(t, id, 1), CHQ_EBUSY);
	assert_int_equal(store_device_revoke(t, id, 1), 0);
	assert_int_equal(store_device_forget(t, id, 1), 0);
	assert_int_equal(store_device_forget(t, id, 1), CHQ_ENOENT);
	assert_int_equal(store_answer_get(t, id, 1, 5, buf, &len), CHQ_ENOENT);
	assert_int_equal(store_answer_get(t, id, 2, 5, buf, &len), 0);
	assert_int_equal(enroll(t, id, 1, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(fixture_commit(f), 0);
	fixture_assert_sound(f);
}

static void
an_account_has_255_devices_at_most(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	struct store_device page[100];
	uint8_t after = 0;
	unsigned seen = 0;
	uint8_t number;
	size_t n;

	for (uint16_t i = 1; i <= 255; i++) {
		assert_int_equal(enroll(t, id, i, &number), 0);
		assert_int_equal(number, i);
	}
	assert_int_equal(enroll(t, id, 256, &number), CHQ_ELIMIT);
	assert_int_equal(fixture_commit(f), 0);

	t = fixture_read(f);
	do {
		assert_int_equal(store_device_list(t, id, after, page, 100, &n), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(page[i].number, ++seen);
		after = (uint8_t)seen;
	} while (n == 100);
	assert_int_equal(seen, 255);
	assert_int_equal(store_device_list(t, id, 255, page, 100, &n), 0);
	assert_int_equal(n, 0);
	store_read_end(f->reader);
}

static void
a_list_holds_no_other_accounts_devices(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_account(f, "alice");
	uint64_t bob = fixture_account(f, "bob");
	struct store_txn *t = fixture_begin(f);
	struct store_device page[4];
	uint8_t number;
	size_t n;

	assert_int_equal(enroll(t, bob, 1, &number), 0);
	assert_int_equal(store_device_list(t, alice, 0, page, 4, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(enroll(t, alice, 2, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(store_device_list(t, alice, 0, page, 4, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(page[0].account, alice);
	fixture_undo(f);
}

static void
prekey_and_last_seen_are_kept(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	uint8_t prekey[STORE_PREKEY_MAX_BYTES + 1];
	struct store_device d;
	uint8_t number;

	memset(prekey, 0x77, sizeof(prekey));
	assert_int_equal(enroll(t, id, 1, &number), 0);
	assert_int_equal(store_device_seen(t, id, 1, 900), 0);
	assert_int_equal(store_device_set_prekey(t, id, 1, prekey, sizeof(prekey)), CHQ_EINVAL);
	assert_int_equal(store_device_set_prekey(t, id, 1, prekey, sizeof(prekey) - 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(store_device_get(fixture_read(f), id, 1, &d), 0);
	store_read_end(f->reader);
	assert_int_equal(d.last_seen_ms, 900);
	assert_int_equal(d.prekey_len, STORE_PREKEY_MAX_BYTES);
	assert_memory_equal(d.prekey, prekey, STORE_PREKEY_MAX_BYTES);
}

static void
bad_names_and_kinds_are_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t key[STORE_KEY_BYTES] = { 1 };
	struct store_device_new new = { .account = fixture_account(f, "alice"),
					.kind = STORE_DEVICE__COUNT,
					.noise_key = key };
	struct store_txn *t = fixture_begin(f);
	char name[66];
	uint8_t number;

	assert_int_equal(store_device_enroll(t, &new, &number), CHQ_EINVAL);
	new.kind = STORE_DEVICE_IOS;
	new.name = "a\nb";
	assert_int_equal(store_device_enroll(t, &new, &number), CHQ_ENAMECTRL);
	memset(name, 'a', 65);
	name[65] = '\0';
	new.name = name;
	assert_int_equal(store_device_enroll(t, &new, &number), CHQ_ENAMELONG);
	new.name = NULL;
	assert_int_equal(store_device_enroll(t, &new, &number), 0);
	fixture_undo(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_enrolled_device_is_found_by_its_key),
		TEST(a_key_is_enrolled_once_in_all),
		TEST(a_revoked_device_keeps_its_number_and_its_key),
		TEST(a_forgotten_tombstone_frees_number_key_and_answers),
		TEST(an_account_has_255_devices_at_most),
		TEST(a_list_holds_no_other_accounts_devices),
		TEST(prekey_and_last_seen_are_kept),
		TEST(bad_names_and_kinds_are_refused),
	};

	return cmocka_run_group_tests_name("store/device", tests, NULL, NULL);
}
