#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/err.h"

static const struct {
	const char *name;
	int code;
} all[] = {
#define X(name, value, text) { #name, value },
	CHQ_ERRORS(X)
#undef X
};

static void
no_two_codes_are_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(all[i].code, all[j].code);
	}
}

static void
every_code_is_negative_and_ours_lie_apart_from_the_systems(void **state)
{
	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(all); i++)
		assert_true(all[i].code < 0 && (all[i].code > -200 || all[i].code <= -1000));
}

static void
codes_and_errnos_have_name_and_text(void **state)
{
	(void)state;
	assert_string_equal(chq_strerror(0), "ok");
	assert_string_equal(chq_errname(CHQ_ENOENT), "ENOENT");
	assert_string_equal(chq_errname(ENOENT), "ENOENT");
	assert_string_equal(chq_errname(CHQ_ELAYOUT), "ELAYOUT");
	assert_string_equal(chq_strerror(CHQ_EAUTH), "wrong name or password");
	assert_string_equal(chq_errname(-EXDEV), "EXDEV"); /* not in our table */
	assert_string_equal(chq_strerror(-EXDEV), "Invalid cross-device link");
	assert_string_equal(chq_strerror(-999999), "unknown error");
	assert_string_equal(chq_errname(-777), "EUNKNOWN");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_codes_are_the_same),
		cmocka_unit_test(every_code_is_negative_and_ours_lie_apart_from_the_systems),
		cmocka_unit_test(codes_and_errnos_have_name_and_text),
	};

	return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
