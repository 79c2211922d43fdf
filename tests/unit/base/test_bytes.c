#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

static void
integers_stand_in_their_named_byte_order_at_any_alignment(void **state)
{
	static const uint8_t le[] = { 8, 7, 6, 5, 4, 3, 2, 1 }, be[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t b[10];

	(void)state;
	chq_put_le64(b + 1, UINT64_C(0x0102030405060708));
	assert_memory_equal(b + 1, le, 8);
	assert_true(chq_get_le64(b + 1) == UINT64_C(0x0102030405060708));
	assert_int_equal(chq_get_le32(b + 1), 0x05060708);
	assert_int_equal(chq_get_le16(b + 1), 0x0708);
	chq_put_be64(b + 1, UINT64_C(0x0102030405060708));
	assert_memory_equal(b + 1, be, 8);
	assert_int_equal(chq_get_be32(b + 1), 0x01020304);
	assert_int_equal(chq_get_be16(b + 1), 0x0102);
	assert_true(chq_get_be64(b + 1) == UINT64_C(0x0102030405060708));
}

static void
putting_writes_no_byte_beyond_its_width(void **state)
{
	uint8_t b[8] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee };

	(void)state;
	chq_put_le16(b, 0);
	assert_int_equal(b[2], 0xee);
	chq_put_be32(b, 0);
	assert_int_equal(b[4], 0xee);
	chq_put_le48(b, UINT64_C(0xffff060504030201));
	assert_int_equal(b[6], 0xee);
	assert_int_equal(b[0], 1);
	assert_true(chq_get_le48(b) == UINT64_C(0x060504030201));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_stand_in_their_named_byte_order_at_any_alignment),
		cmocka_unit_test(putting_writes_no_byte_beyond_its_width),
	};

	return cmocka_run_group_tests_name("base/bytes", tests, NULL, NULL);
}
