#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static void
days_and_milliseconds_count_from_the_start_of_2020(void **state)
{
	(void)state;
	assert_int_equal(chq_day_of(0), 0); /* before 2020 */
	assert_int_equal(chq_day_of(UINT64_C(1577836800000)), 0);
	assert_int_equal(chq_day_of(UINT64_C(1577836800000) + 86399999), 0);
	assert_int_equal(chq_day_of(UINT64_C(1582934400000)), 59); /* 2020-02-29 */
	assert_int_equal(chq_day_of(UINT64_C(1609459200000)),
			 366); /* 2021-01-01, after a leap year */
	assert_true(chq_ms2020_of(UINT64_C(1577836800123)) == 123);
	assert_true(chq_ms2020_of(5) == 0);
}

static void
the_clocks_agree_with_the_systems(void **state)
{
	uint64_t before = (uint64_t)time(NULL), now = chq_wall_ms() / 1000;
	uint64_t fine = chq_mono_ns();

	(void)state;
	assert_true(now >= before && now <= (uint64_t)time(NULL) + 1);
	assert_true(chq_mono_ns() >= fine);
	assert_int_equal(chq_day(), (time(NULL) - 1577836800) / 86400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_and_milliseconds_count_from_the_start_of_2020),
		cmocka_unit_test(the_clocks_agree_with_the_systems),
	};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
