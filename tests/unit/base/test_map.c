#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/err.h"
#include "base/map.h"

#define MANY 5000

static int values[MANY];

static void
what_was_put_is_found_until_it_is_taken_out(void **state)
{
	struct chq_map m;

	(void)state;
	chq_map_init(&m);
	assert_null(chq_map_get_u64(&m, 1));
	assert_null(chq_map_del_u64(&m, 1));
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(chq_map_put_u64(&m, i << 32, &values[i]), 0);
	assert_int_equal(chq_map_put_u64(&m, 0, &values[1]), CHQ_EEXIST);
	assert_int_equal(m.count, MANY);
	for (uint64_t i = 0; i < MANY; i += 2) /* deletions in the middle of runs */
		assert_ptr_equal(chq_map_del_u64(&m, i << 32), &values[i]);
	for (uint64_t i = 0; i < MANY; i++)
		assert_ptr_equal(chq_map_get_u64(&m, i << 32), i % 2 ? &values[i] : NULL);
	assert_int_equal(m.count, MANY / 2);
	chq_map_deinit(&m);
}

static void
keys_are_strings_of_any_length_and_content(void **state)
{
	static const char *const keys[] = { "",		"a",	     "b",
					    "12345678", "123456789", "a much longer key" };
	struct chq_map m;

	(void)state;
	chq_map_init(&m);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_int_equal(chq_map_put_str(&m, keys[i], &values[i]), 0);
	assert_int_equal(chq_map_put(&m, "a\0", 2, &values[9]), 0); /* not the key "a" */
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_ptr_equal(chq_map_get_str(&m, keys[i]), &values[i]);
	assert_ptr_equal(chq_map_get(&m, "a\0", 2), &values[9]);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_ptr_equal(chq_map_del(&m, keys[i], strlen(keys[i])), &values[i]);
	assert_int_equal(m.count, 1);
	chq_map_deinit(&m);
}

static void
a_walk_meets_every_value_once(void **state)
{
	int met[MANY] = { 0 };
	struct chq_map m;
	char key[32];
	int *v;

	(void)state;
	chq_map_init(&m);
	CHQ_MAP_FOREACH(v, &m)
		fail();
	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "somewhat-long-key-%d", i);
		assert_int_equal(chq_map_put_str(&m, key, &values[i]), 0);
	}
	CHQ_MAP_FOREACH(v, &m)
		met[v - values]++;
	for (int i = 0; i < MANY; i++)
		assert_int_equal(met[i], 1);
	chq_map_deinit(&m);
	assert_null(chq_map_get_str(&m, key));
}

static void
null_values_and_endless_keys_are_refused(void **state)
{
	static char longest[65537];
	struct chq_map m;

	(void)state;
	chq_map_init(&m);
	assert_int_equal(chq_map_put_u64(&m, 1, NULL), CHQ_EINVAL);
	assert_int_equal(chq_map_put(&m, longest, 65536, &values[0]), CHQ_EINVAL);
	assert_int_equal(chq_map_put(&m, longest, 65535, &values[0]), 0);
	chq_map_deinit(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found_until_it_is_taken_out),
		cmocka_unit_test(keys_are_strings_of_any_length_and_content),
		cmocka_unit_test(a_walk_meets_every_value_once),
		cmocka_unit_test(null_values_and_endless_keys_are_refused),
	};

	return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
