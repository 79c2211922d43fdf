#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "control/ctl_conf.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/fixture.h"

static char path[128];

/* The file as it runs, to be changed. */
static void
file_write(const struct chq_site_conf *conf)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	chq_conf_print(&chq_site_schema, conf, f);
	fclose(f);
}

static int
setup(void **state)
{
	struct fixture *f;

	if (fixture_setup(state) != 0)
		return -1;
	f = *state;
	snprintf(path, sizeof(path), "%s/site.yaml", f->dir);
	file_write(&f->conf);
	f->ctl.conf_live = &f->conf;
	f->ctl.conf_path = path;
	return 0;
}

static int
teardown(void **state)
{
	unlink(path);
	chq_log_set_level(CHQ_LEVEL_ERROR);
	return fixture_teardown(state);
}

/* Change the file: frames (live), audit.keep (live), threads (restart). */
static void
file_change(struct fixture *f)
{
	struct chq_site_conf other = f->conf; /* its texts are shared */

	other.limits.frames_per_second = 77;
	other.audit.keep_ms = 48 * 3600000ull;
	other.passwords.threads = 5;
	file_write(&other);
}

static json_t *
row_of(const json_t *rows, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)rows, i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "key")), key) == 0)
			return row;
	}
	return NULL;
}

static void
what_the_file_says_otherwise_is_listed_with_what_it_takes(void **state)
{
	struct fixture *f = *state;
	json_t *a = words_ask(f, "conf diff"), *rows = json_object_get(a, "data"), *row;

	assert_int_equal(json_array_size(rows), 0);
	json_decref(a);
	file_change(f);
	a = words_ask(f, "conf diff");
	rows = json_object_get(a, "data");
	assert_int_equal(json_array_size(rows), 3);
	row = row_of(rows, "limits.frames_per_second");
	assert_string_equal(json_string_value(json_object_get(row, "running")), "200");
	assert_string_equal(json_string_value(json_object_get(row, "file")), "77");
	assert_string_equal(json_string_value(json_object_get(row, "takes")), "reload");
	row = row_of(rows, "passwords.threads");
	assert_string_equal(json_string_value(json_object_get(row, "takes")), "restart");
	json_decref(a);
	assert_int_equal(f->conf.limits.frames_per_second, 200);
}

static void
a_reload_is_in_force_when_it_is_answered_and_lists_the_rest(void **state)
{
	struct fixture *f = *state;
	json_t *a, *rows;

	file_change(f);
	a = words_ask(f, "conf reload");
	rows = json_object_get(a, "data");
	assert_int_equal(json_array_size(rows), 1);
	assert_non_null(row_of(rows, "passwords.threads"));
	json_decref(a);
	assert_int_equal(f->server.quota[CHQ_QUOTA_ORDINARY].own.frames_per_s, 77);
	assert_int_equal(f->conf.audit.keep_ms, 48 * 3600000ull);
	assert_int_equal(f->conf.passwords.threads, 2);
	a = words_ask(f, "audit tail --verb=conf~reload");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 1);
	json_decref(a);
}

static void
a_signal_to_reload_does_the_same(void **state)
{
	struct fixture *f = *state;

	file_change(f);
	assert_int_equal(ctl_conf_reload(&f->ctl), 0);
	FIX_UNTIL(f, f->server.quota[CHQ_QUOTA_ORDINARY].own.frames_per_s == 77);
	fixture_settle(f);
	unlink(path);
	assert_int_equal(ctl_conf_reload(&f->ctl), CHQ_ENOENT);
}

static void
a_wrong_file_changes_nothing(void **state)
{
	struct fixture *f = *state;
	FILE *out;

	file_change(f);
	out = fopen(path, "a");
	fputs("nonsense: 1\n", out);
	fclose(out);
	words_expect(f, "conf reload", "ECONF", NULL);
	words_expect(f, "conf diff", "ECONF", NULL);
	unlink(path);
	words_expect(f, "conf reload", "ECONF", NULL);
	assert_int_equal(f->conf.limits.frames_per_second, 200);
}

static void
the_log_level_is_set_and_recorded(void **state)
{
	struct fixture *f = *state;
	json_t *a, *row;

	words_expect(f, "log level loud", "EARGS", "level");
	words_ok(f, "log level warn");
	assert_int_equal(chq_log_level(), CHQ_LEVEL_WARN);
	a = words_ask(f, "audit tail --verb=log");
	row = json_array_get(json_object_get(a, "data"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "old")), "error");
	assert_string_equal(json_string_value(json_object_get(row, "new")), "warn");
	json_decref(a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_the_file_says_otherwise_is_listed_with_what_it_takes),
		T(a_reload_is_in_force_when_it_is_answered_and_lists_the_rest),
		T(a_signal_to_reload_does_the_same),
		T(a_wrong_file_changes_nothing),
		T(the_log_level_is_set_and_recorded),
	};
	return cmocka_run_group_tests_name("control/conf_verbs", tests, NULL, NULL);
}
