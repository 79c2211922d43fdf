#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dataplane/hello_budget.h"

#define NOW (UINT64_C(5000) * CHQ_NS_PER_SEC)

static struct chq_hello_budget b;

static uint64_t
v4(uint8_t a, uint8_t b1, uint8_t c, uint8_t d)
{
	return (uint64_t)(a | (uint32_t)b1 << 8 | (uint32_t)c << 16 | (uint32_t)d << 24) << 32 |
	       UINT32_C(0xffff0000);
}

static int
reset(void **state)
{
	(void)state;
	chq_hello_budget_init(&b);
	return 0;
}

static unsigned
take_many(uint64_t hi, uint64_t lo, unsigned n, uint64_t now, enum chq_hello_verdict want)
{
	unsigned got = 0;

	for (unsigned i = 0; i < n; i++)
		got += chq_hello_budget_take(&b, hi, lo, now) == want;
	return got;
}

static void
without_limits_all_pass(void **state)
{
	(void)state;
	assert_int_equal(take_many(0, v4(192, 0, 2, 1), 100000, NOW, CHQ_HELLO_OK), 100000);
}

static void
a_network_gets_its_second_and_no_more(void **state)
{
	(void)state;
	chq_hello_budget_set(&b, 0, 20);
	assert_int_equal(take_many(0, v4(192, 0, 2, 1), 15, NOW, CHQ_HELLO_OK), 15);
	/* another host of the same /24 */
	assert_int_equal(take_many(0, v4(192, 0, 2, 99), 15, NOW, CHQ_HELLO_OK), 5);
	assert_int_equal(chq_hello_budget_take(&b, 0, v4(192, 0, 2, 1), NOW),
			 CHQ_HELLO_OVER_PREFIX);
	/* the next one */
	assert_int_equal(take_many(0, v4(192, 0, 3, 1), 20, NOW, CHQ_HELLO_OK), 20);
	/* half a second later there is half of it again */
	assert_int_equal(
		take_many(0, v4(192, 0, 2, 1), 100, NOW + CHQ_NS_PER_SEC / 2, CHQ_HELLO_OK), 10);
}

static void
ipv6_networks_are_56_bits(void **state)
{
	uint64_t net = UINT64_C(0x00332211b80d0120); /* 2001:db8:1122:33xx */

	(void)state;
	chq_hello_budget_set(&b, 0, 10);
	assert_int_equal(take_many(net | UINT64_C(0x01) << 56, 1, 10, NOW, CHQ_HELLO_OK), 10);
	assert_int_equal(take_many(net | UINT64_C(0xfe) << 56, 2, 10, NOW, CHQ_HELLO_OVER_PREFIX),
			 10);
	assert_int_equal(take_many(net ^ UINT64_C(0x01) << 48, 1, 10, NOW, CHQ_HELLO_OK), 10);
}

static void
all_networks_together_have_a_limit_and_refusals_cost_nothing(void **state)
{
	unsigned passed = 0;

	(void)state;
	chq_hello_budget_set(&b, 100, 50);
	for (unsigned i = 0; i < 1000; i++)
		passed += chq_hello_budget_take(&b, 0, v4(10, (uint8_t)(i >> 8), (uint8_t)i, 1),
						NOW) == CHQ_HELLO_OK;
	assert_int_equal(passed, 100);
	assert_int_equal(chq_hello_budget_take(&b, 0, v4(172, 16, 0, 1), NOW),
			 CHQ_HELLO_OVER_TOTAL);
	/* a second later all of it is there again, whatever was refused meanwhile */
	assert_int_equal(take_many(0, v4(172, 16, 0, 1), 50, NOW + CHQ_NS_PER_SEC, CHQ_HELLO_OK),
			 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_limits_all_pass, reset),
		cmocka_unit_test_setup(a_network_gets_its_second_and_no_more, reset),
		cmocka_unit_test_setup(ipv6_networks_are_56_bits, reset),
		cmocka_unit_test_setup(all_networks_together_have_a_limit_and_refusals_cost_nothing,
				       reset),
	};

	return cmocka_run_group_tests_name("dataplane/hello_budget", tests, NULL, NULL);
}
