#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "store/text.h"

static int
check(const char *s)
{
	return store_text_check(s, strlen(s), 32);
}

static void
ordinary_names_of_any_script_are_taken(void **state)
{
	(void)state;
	assert_int_equal(check(""), 0);
	assert_int_equal(check("Alice B. Carroll, jr."), 0);
	assert_int_equal(check("\u674E \u660E"), 0);
	assert_int_equal(check("\u05D0\u05D1 \U0001F600"), 0);
}

static void
what_would_disturb_its_surroundings_is_refused(void **state)
{
	(void)state;
	assert_int_equal(check("a\033[2J"), CHQ_ENAMECTRL);
	assert_int_equal(check("a\u2029"), CHQ_ENAMECTRL);
	assert_int_equal(check("a\xC2\x9B"), CHQ_ENAMECTRL); /* U+009B, one-byte CSI of terminals */
	assert_int_equal(check("a\u202Etxt"), CHQ_ENAMEBIDI);
	assert_int_equal(check("a\u2066"), CHQ_ENAMEBIDI);
	assert_int_equal(check("a\uFFFF"), CHQ_ENAMECHAR);
	assert_int_equal(check("a\u0378"), CHQ_ENAMECHAR);
	assert_int_equal(check("\xF0\x9F\x98"), CHQ_ENAMEUTF8); /* cut short */
	assert_int_equal(store_text_check("a\0b", 3, 32), CHQ_ENAMECTRL);
}

static void
the_bound_is_in_bytes(void **state)
{
	(void)state;
	assert_int_equal(store_text_check("12345678", 8, 8), 0);
	assert_int_equal(store_text_check("123456789", 9, 8), CHQ_ENAMELONG);
	assert_int_equal(store_text_check("\u674E\u660E\u674E", 9, 8), CHQ_ENAMELONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_names_of_any_script_are_taken),
		cmocka_unit_test(what_would_disturb_its_surroundings_is_refused),
		cmocka_unit_test(the_bound_is_in_bytes),
	};

	return cmocka_run_group_tests_name("store/text", tests, NULL, NULL);
}
