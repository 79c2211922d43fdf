#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/limits.h"

static void
a_key_has_its_tries_and_gets_them_back_one_by_one(void **state)
{
	struct limits l;
	uint64_t wait;

	(void)state;
	limits_init(&l, 5, 60000, 100);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(limits_charge(&l, "a", 1, 1000, &wait), 0);
	assert_int_equal(limits_charge(&l, "a", 1, 1000, &wait), CHQ_ELIMIT);
	assert_int_equal(wait, 12000);
	assert_int_equal(limits_charge(&l, "b", 1, 1000, &wait), 0);
	assert_int_equal(limits_charge(&l, "a", 1, 12999, &wait), CHQ_ELIMIT);
	assert_int_equal(wait, 1);
	assert_int_equal(limits_charge(&l, "a", 1, 13000, &wait), 0);
	assert_int_equal(limits_charge(&l, "a", 1, 13000, &wait), CHQ_ELIMIT);
	limits_deinit(&l);
}

static void
a_refund_is_a_try(void **state)
{
	struct limits l;
	uint64_t wait;

	(void)state;
	limits_init(&l, 1, 1000, 100);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(limits_charge(&l, "a", 1, 5000, &wait), 0);
		limits_refund(&l, "a", 1);
	}
	limits_refund(&l, "nobody", 6);
	assert_int_equal(limits_charge(&l, "a", 1, 5000, &wait), 0);
	assert_int_equal(limits_charge(&l, "a", 1, 5000, &wait), CHQ_ELIMIT);
	limits_deinit(&l);
}

static void
memory_is_bounded_by_the_number_of_keys(void **state)
{
	struct limits l;
	uint64_t wait;

	(void)state;
	limits_init(&l, 5, 60000, 16);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(limits_charge(&l, &i, sizeof(i), 1, &wait), 0);
	assert_true(l.by_key.count <= 16);
	limits_deinit(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_its_tries_and_gets_them_back_one_by_one),
		cmocka_unit_test(a_refund_is_a_try),
		cmocka_unit_test(memory_is_bounded_by_the_number_of_keys),
	};
	return cmocka_run_group_tests_name("control/limits", tests, NULL, NULL);
}
