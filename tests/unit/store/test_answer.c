#include <string.h>

#include "store/answer.h"
#include "tests/unit/store/fixture.h"

static int
put(struct store_txn *t, uint8_t device, uint64_t id)
{
	uint8_t answer[8];

	memcpy(answer, &id, sizeof(answer));
	return store_answer_put(t, 1, device, id, answer, sizeof(answer));
}

static int
get(struct store_txn *t, uint8_t device, uint64_t id)
{
	uint8_t buf[STORE_ANSWER_MAX_BYTES];
	size_t len = 0;
	int rc = store_answer_get(t, 1, device, id, buf, &len);

	if (rc == 0) {
		assert_int_equal(len, sizeof(id));
		assert_memory_equal(buf, &id, sizeof(id));
	}
	return rc;
}

static void
an_answer_is_given_again_and_not_replaced(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(get(t, 1, 10), CHQ_ENOENT);
	assert_int_equal(put(t, 1, 10), 0);
	assert_int_equal(fixture_commit(f), 0);
	fixture_reopen(f);
	t = fixture_begin(f);
	assert_int_equal(get(t, 1, 10), 0);
	assert_int_equal(put(t, 1, 10), CHQ_EEXIST);
	assert_int_equal(get(t, 2, 10), CHQ_ENOENT); /* another device's */
	fixture_undo(f);
}

static void
the_last_32_of_a_device_are_kept_and_older_ones_expired(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(put(t, 2, 1), 0);
	for (uint64_t id = 100; id < 140; id++)
		assert_int_equal(put(t, 1, id), 0);
	for (uint64_t id = 100; id < 108; id++)
		assert_int_equal(get(t, 1, id), CHQ_EEXPIRED);
	for (uint64_t id = 108; id < 140; id++)
		assert_int_equal(get(t, 1, id), 0);
	assert_int_equal(get(t, 1, 140), CHQ_ENOENT);
	assert_int_equal(put(t, 1, 107), CHQ_EEXPIRED);
	assert_int_equal(put(t, 1, 5), CHQ_EEXPIRED);
	assert_int_equal(get(t, 2, 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	fixture_assert_sound(f);
}

/* Requests may overtake each other on the way: the earlier one is still to be done. */
static void
an_older_id_may_come_late_while_nothing_was_dropped(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(put(t, 1, 20), 0);
	assert_int_equal(get(t, 1, 10), CHQ_ENOENT);
	assert_int_equal(put(t, 1, 10), 0);
	for (uint64_t id = 30; id < 60; id++)
		assert_int_equal(put(t, 1, id), 0);
	assert_int_equal(get(t, 1, 10), 0); /* 32 now */
	assert_int_equal(get(t, 1, 9), CHQ_EEXPIRED);
	assert_int_equal(get(t, 1, 15), CHQ_ENOENT); /* younger than the oldest kept */
	assert_int_equal(put(t, 1, 15), 0);
	assert_int_equal(get(t, 1, 10), CHQ_EEXPIRED);
	fixture_undo(f);
}

static void
the_whole_range_of_ids_is_in_order(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(put(t, 255, 0), 0);
	assert_int_equal(put(t, 255, UINT64_MAX), 0);
	for (uint64_t i = 0; i < 31; i++)
		assert_int_equal(put(t, 255, UINT64_C(1) << (i + 32)), 0);
	assert_int_equal(get(t, 255, 0), CHQ_EEXPIRED);
	assert_int_equal(get(t, 255, UINT64_MAX), 0);
	fixture_undo(f);
}

static void
the_longest_answer_fits_and_a_longer_one_does_not(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f);
	uint8_t answer[STORE_ANSWER_MAX_BYTES + 1];
	uint8_t buf[STORE_ANSWER_MAX_BYTES];
	size_t len;

	memset(answer, 0x42, sizeof(answer));
	assert_int_equal(store_answer_put(t, 1, 1, 1, answer, sizeof(answer)), CHQ_EINVAL);
	assert_int_equal(store_answer_put(t, 1, 1, 1, answer, sizeof(answer) - 1), 0);
	assert_int_equal(store_answer_get(t, 1, 1, 1, buf, &len), 0);
	assert_int_equal(len, sizeof(buf));
	assert_memory_equal(buf, answer, sizeof(buf));
	assert_int_equal(store_answer_put(t, 1, 1, 2, answer, 0), 0);
	assert_int_equal(store_answer_get(t, 1, 1, 2, buf, &len), 0);
	assert_int_equal(len, 0);
	fixture_undo(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_given_again_and_not_replaced),
		TEST(the_last_32_of_a_device_are_kept_and_older_ones_expired),
		TEST(an_older_id_may_come_late_while_nothing_was_dropped),
		TEST(the_whole_range_of_ids_is_in_order),
		TEST(the_longest_answer_fits_and_a_longer_one_does_not),
	};

	return cmocka_run_group_tests_name("store/answer", tests, NULL, NULL);
}
