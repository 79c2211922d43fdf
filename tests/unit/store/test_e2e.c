#include <string.h>

#include "store/e2e.h"
#include "tests/unit/store/fixture.h"

static struct store_e2e
identity(uint8_t key, uint64_t version)
{
	struct store_e2e e = { .list_version = version, .list_len = 4 };

	memset(e.account_key, key, sizeof(e.account_key));
	memcpy(e.list, "list", 4);
	return e;
}

static void
the_newest_list_is_kept_and_never_goes_back(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	struct store_e2e e = identity(1, 5);

	assert_int_equal(store_e2e_get(t, id, &e), CHQ_ENOENT);
	assert_int_equal(store_e2e_set(t, id, &e), 0);
	assert_int_equal(store_e2e_set(t, id, &e), CHQ_ESTALE);
	e.list_version = 4;
	assert_int_equal(store_e2e_set(t, id, &e), CHQ_ESTALE);
	e.list_version = 6;
	memcpy(e.list, "next", 4);
	assert_int_equal(store_e2e_set(t, id, &e), 0);
	assert_int_equal(fixture_commit(f), 0);

	assert_int_equal(store_e2e_get(fixture_read(f), id, &e), 0);
	store_read_end(f->reader);
	assert_int_equal(e.list_version, 6);
	assert_int_equal(e.list_len, 4);
	assert_memory_equal(e.list, "next", 4);
	fixture_assert_sound(f);
}

static void
another_account_key_needs_a_reset(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	struct store_e2e e = identity(1, 5);
	struct store_e2e other = identity(2, 6);

	assert_int_equal(store_e2e_reset(t, id), CHQ_ENOENT);
	assert_int_equal(store_e2e_set(t, id, &e), 0);
	assert_int_equal(store_e2e_set(t, id, &other), CHQ_EKEYCHANGED);
	assert_int_equal(store_e2e_reset(t, id), 0);
	assert_int_equal(store_e2e_set(t, id, &other), 0);
	assert_int_equal(store_e2e_get(t, id, &e), 0);
	assert_int_equal(e.account_key[0], 2);
	fixture_undo(f);
}

static void
a_list_too_long_or_of_nobody_is_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	struct store_e2e e = identity(1, 5);

	assert_int_equal(store_e2e_set(t, id + 1, &e), CHQ_ENOENT);
	e.list_len = STORE_DEVLIST_MAX_BYTES + 1;
	assert_int_equal(store_e2e_set(t, id, &e), CHQ_EINVAL);
	e.list_len = STORE_DEVLIST_MAX_BYTES;
	assert_int_equal(store_e2e_set(t, id, &e), 0);
	fixture_undo(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_newest_list_is_kept_and_never_goes_back),
		TEST(another_account_key_needs_a_reset),
		TEST(a_list_too_long_or_of_nobody_is_refused),
	};

	return cmocka_run_group_tests_name("store/e2e", tests, NULL, NULL);
}
