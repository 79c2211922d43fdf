#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "store/backup.h"
#include "store/kv.h"
#include "store/writer.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/fixture.h"

static void
stat_tells_records_and_sizes(void **state)
{
	struct fixture *f = *state;
	json_t *a = words_ask(f, "store stat"), *data = json_object_get(a, "data"), *row;
	long long accounts = -1;
	size_t i;

	json_array_foreach(json_object_get(data, "tables"), i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "table")), "account") == 0)
			accounts = json_integer_value(json_object_get(row, "records"));
	}
	assert_int_equal(accounts, 3);
	assert_true(json_integer_value(json_object_get(data, "file_bytes")) > 0);
	assert_int_equal(json_integer_value(json_object_get(data, "oldest_snapshot_behind")), 0);
	json_decref(a);
}

static int
plant(struct store_txn *t, void *arg)
{
	(void)arg;
	return store_kv_del(t, STORE_TABLE_LOGIN, "bob", 3);
}

static void
verify_finds_planted_damage_and_names_it(void **state)
{
	struct fixture *f = *state;
	const char *a;

	assert_int_equal(words_number(f, "store verify", "accounts"), 3);
	assert_int_equal(store_write_sync(f->ctl.store, plant, NULL), 0);
	a = fixture_ctl(f, "{\"noun\":\"store\",\"verb\":\"verify\"}\n");
	assert_non_null(strstr(a, "ECORRUPT"));
	assert_non_null(strstr(a, "table account, 2: login name is not in the index"));
}

static void
a_backup_is_made_restored_and_recorded(void **state)
{
	struct fixture *f = *state;
	struct store_restore_report out;
	char words[8400], dir[100], path[160];

	snprintf(dir, sizeof(dir), "%s/backup", f->dir);
	snprintf(words, sizeof(words), "store backup %s", dir);
	words_ok(f, words);
	words_expect(f, words, "EEXIST", "folder");
	words_expect(f, "store backup relative/path", "EARGS", "folder");
	words_ok(f, "dept add Company");
	fixture_stop(f);
	assert_int_equal(store_restore(dir, f->conf.paths.store, &out), 0);
	assert_int_equal(out.manifest.server, f->conf.server.id);
	fixture_start(f);
	words_expect(f, "dept show Company", "ENOENT", NULL);
	words_ok(f, "user show alice");
	words_ok(f, "audit verify");
	snprintf(words, sizeof(words), "rm -rf %s %s", dir, out.kept);
	assert_int_equal(system(words), 0);
	snprintf(path, sizeof(path), "%s/backup", f->dir);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
gc_wants_days_and_keeps_audit_records_that_are_young(void **state)
{
	struct fixture *f = *state;
	json_int_t records = words_number(f, "audit verify", "records");

	words_expect(f, "store gc --older=90", "EARGS", "older");
	words_expect(f, "store gc --older=0d", "EARGS", "older");
	words_expect(f, "store gc", "EARGS", "older");
	assert_int_equal(words_number(f, "store gc --older=1d", "audit_records"), 0);
	assert_int_equal(words_number(f, "audit verify", "records"), records + 1);
}

static void
long_work_that_is_under_way_at_the_end_is_given_up(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->ctl.ending, true);
	words_expect(f, "store verify", "ECANCELED", NULL);
	atomic_store(&f->ctl.ending, false);
	words_ok(f, "store verify");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(stat_tells_records_and_sizes),
		T(verify_finds_planted_damage_and_names_it),
		T(a_backup_is_made_restored_and_recorded),
		T(gc_wants_days_and_keeps_audit_records_that_are_young),
		T(long_work_that_is_under_way_at_the_end_is_given_up),
	};
	return cmocka_run_group_tests_name("control/store_verbs", tests, NULL, NULL);
}
