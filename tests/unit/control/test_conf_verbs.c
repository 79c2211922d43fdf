#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static void
a_renamed_log_is_opened_anew(void **state)
{
	struct fixture *f = *state;
	char file[160], moved[170];
	int was = dup(STDERR_FILENO);
	struct stat st, old;

	words_expect(f, "log reopen", "EUNAVAIL", NULL);
	snprintf(file, sizeof(file), "%s/log", f->dir);
	snprintf(moved, sizeof(moved), "%s.1", file);
	free(f->conf.log.file);
	f->conf.log.file = strdup(file);
	assert_int_equal(ctl_conf_log_reopen(&f->ctl), 0);
	CHQ_LOG_ERROR("first", "");
	assert_int_equal(rename(file, moved), 0);
	words_ok(f, "log reopen");
	CHQ_LOG_ERROR("second", "");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_true(st.st_size > 0);
	assert_int_equal(stat(moved, &old), 0);
	assert_true(old.st_size > 0);
	assert_int_equal(ctl_conf_log_reopen(&f->ctl), 0);
	CHQ_LOG_ERROR("third", "");
	assert_int_equal(stat(moved, &st), 0);
	assert_int_equal(st.st_size, old.st_size);
	unlink(file);
	assert_int_equal(symlink(moved, file), 0);
	words_expect(f, "log reopen", "ELOOP", NULL);
	assert_int_equal(dup2(was, STDERR_FILENO), STDERR_FILENO);
	close(was);
}

/* --- set, commit, rollback --- */

static char own[160]; /* the operators' file */

static int
setup_own(void **state)
{
	int rc = setup(state);

	snprintf(own, sizeof(own), "%s/overrides.yaml", ((struct fixture *)*state)->dir);
	return rc;
}

/* What a server that starts now would have. */
static uint32_t
frames_at_start(void)
{
	struct chq_site_conf conf;
	struct chq_conf_error why;
	uint32_t n;

	assert_int_equal(chq_site_conf_load_over(path, NULL, &conf, &why), 0);
	n = conf.limits.frames_per_second;
	chq_site_conf_free(&conf);
	return n;
}

static void
what_is_set_is_staged_and_shown_with_who_did_it(void **state)
{
	struct fixture *f = *state;
	json_t *a, *row;

	words_ok(f, "conf set limits.frames_per_second 77");
	words_ok(f, "conf set passwords.threads 5");
	assert_int_equal(f->conf.limits.frames_per_second, 200);
	assert_int_not_equal(access(own, F_OK), 0);
	a = words_ask(f, "conf diff");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 2);
	row = row_of(json_object_get(a, "data"), "limits.frames_per_second");
	assert_string_equal(json_string_value(json_object_get(row, "staged")), "77");
	assert_int_equal(json_integer_value(json_object_get(row, "by_uid")), geteuid());
	row = row_of(json_object_get(a, "data"), "passwords.threads");
	assert_string_equal(json_string_value(json_object_get(row, "takes")), "commit and restart");
	json_decref(a);
	words_ok(f, "conf rollback");
	a = words_ask(f, "conf diff");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 0);
	json_decref(a);
}

static void
what_a_file_could_not_say_is_refused(void **state)
{
	struct fixture *f = *state;
	json_t *a = words_ask(f, "conf set limits.burst 2");

	assert_string_equal(
		json_string_value(json_object_get(json_object_get(a, "error"), "message")),
		"limits.burst: \"2\": the unit is missing; one of ms, s, min, h, d is expected");
	json_decref(a);
	words_expect(f, "conf set limits.brust 2s", "EARGS", "key");
	words_expect(f, "conf set limits {burst:~2s}", "EARGS", "key");
	words_expect(f, "conf set limits.burst 2s\nlog:", "EARGS", "value");
	words_expect(f, "conf set limits.burst 1d", "EARGS", "value");
	words_expect(f, "conf set nothing", "EARGS", "key");
	words_expect(f, "conf commit", "ENOENT", NULL);
	words_expect(f, "conf rollback", "ENOENT", NULL);
}

static void
what_decides_who_may_do_what_is_not_set_here(void **state)
{
	struct fixture *f = *state;

	words_expect(f, "conf set users.dataplane root", "EARGS", "key");
	words_expect(f, "conf set control.group users", "EARGS", "key");
	words_expect(f, "conf set paths.store /tmp/x", "EARGS", "key");
	words_expect(f, "conf set dataplane.workers 2", "EARGS", "key");
}

static void
a_commit_is_in_force_kept_and_recorded_with_old_and_new(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	json_t *a, *row;

	words_ok(f, "conf set limits.frames_per_second 77");
	words_ok(f, "conf set passwords.threads 5");
	a = words_ask(f, "conf commit");
	row = row_of(json_object_get(a, "data"), "passwords.threads");
	assert_string_equal(json_string_value(json_object_get(row, "takes")), "restart");
	row = row_of(json_object_get(a, "data"), "limits.frames_per_second");
	assert_string_equal(json_string_value(json_object_get(row, "takes")), "nothing more");
	json_decref(a);
	assert_int_equal(f->server.quota[CHQ_QUOTA_ORDINARY].own.frames_per_s, 77);
	assert_int_equal(frames_at_start(), 77);
	assert_int_equal(stat(own, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	a = words_ask(f, "audit tail --verb=conf~commit");
	row = json_array_get(json_object_get(a, "data"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "old")),
			    "limits.frames_per_second=200 passwords.threads=2");
	json_decref(a);
}

static void
a_rollback_undoes_the_last_commit_alone(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "conf set limits.frames_per_second 77");
	words_ok(f, "conf commit");
	words_ok(f, "conf set limits.frames_per_second 88");
	words_ok(f, "conf commit");
	assert_int_equal(frames_at_start(), 88);
	words_ok(f, "conf rollback");
	assert_int_equal(f->server.quota[CHQ_QUOTA_ORDINARY].own.frames_per_s, 77);
	assert_int_equal(frames_at_start(), 77);
	words_expect(f, "conf rollback", "ENOENT", NULL);
}

static void
a_key_that_is_set_to_nothing_is_the_files_again(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "conf set limits.frames_per_second 77");
	words_ok(f, "conf commit");
	words_ok(f, "conf set limits.frames_per_second");
	words_ok(f, "conf commit");
	assert_int_equal(f->conf.limits.frames_per_second, 200);
	assert_int_equal(frames_at_start(), 200);
}

static void
what_is_not_confirmed_goes_back_by_itself(void **state)
{
	struct fixture *f = *state;
	json_t *a, *row;

	words_expect(f, "conf commit --confirm=5s", "ENOENT", NULL);
	words_ok(f, "conf set limits.frames_per_second 77");
	words_expect(f, "conf commit --confirm=5", "EARGS", "confirm");
	words_ok(f, "conf commit --confirm=60s");
	assert_int_equal(f->server.quota[CHQ_QUOTA_ORDINARY].own.frames_per_s, 77);
	assert_int_equal(frames_at_start(), 200);
	words_expect(f, "conf set limits.burst 2s", "EBUSY", NULL);
	assert_int_equal(ctl_conf_reload(&f->ctl), 0);
	assert_int_equal(f->conf.limits.frames_per_second, 77);
	ctl_conf_tick(&f->ctl, control_now_ms() + 61000);
	assert_int_equal(f->conf.limits.frames_per_second, 200);
	FIX_UNTIL(f, f->server.quota[CHQ_QUOTA_ORDINARY].own.frames_per_s == 200);
	words_expect(f, "conf commit", "ENOENT", NULL);
	a = words_ask(f, "audit tail --verb=conf~rollback");
	row = json_array_get(json_object_get(a, "data"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "target")),
			    "not confirmed in time");
	assert_string_equal(json_string_value(json_object_get(row, "old")),
			    "limits.frames_per_second=77");
	assert_string_equal(json_string_value(json_object_get(row, "new")),
			    "limits.frames_per_second=200");
	json_decref(a);
}

static void
it_goes_back_although_the_file_was_broken_meanwhile(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "conf set limits.frames_per_second 77");
	words_ok(f, "conf commit --confirm=60s");
	unlink(path);
	ctl_conf_tick(&f->ctl, control_now_ms() + 61000);
	assert_int_equal(f->conf.limits.frames_per_second, 200);
	fixture_settle(f);
}

static void
what_is_confirmed_stays(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "conf set limits.frames_per_second 77");
	words_ok(f, "conf commit --confirm=60s");
	words_ok(f, "conf commit");
	assert_int_equal(frames_at_start(), 77);
	ctl_conf_tick(&f->ctl, control_now_ms() + 61000);
	assert_int_equal(f->conf.limits.frames_per_second, 77);
	words_ok(f, "conf rollback");
	assert_int_equal(frames_at_start(), 200);
}

static void
what_does_not_fit_together_or_on_the_disk_changes_nothing(void **state)
{
	struct fixture *f = *state;
	char fresh[200];

	words_ok(f, "conf set sessions.keepalive 80s");
	words_expect(f, "conf commit", "ECONF", NULL);
	words_ok(f, "conf rollback");
	words_ok(f, "conf set limits.frames_per_second 77");
	snprintf(fresh, sizeof(fresh), "%s.new", own);
	assert_int_equal(mkdir(fresh, 0700), 0);
	words_expect(f, "conf commit", "EISDIR", NULL);
	assert_int_equal(f->conf.limits.frames_per_second, 200);
	assert_int_equal(frames_at_start(), 200);
	assert_int_equal(rmdir(fresh), 0);
	words_ok(f, "conf commit");
	assert_int_equal(frames_at_start(), 77);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define O(name) cmocka_unit_test_setup_teardown(name, setup_own, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_the_file_says_otherwise_is_listed_with_what_it_takes),
		T(a_reload_is_in_force_when_it_is_answered_and_lists_the_rest),
		T(a_signal_to_reload_does_the_same),
		T(a_wrong_file_changes_nothing),
		T(the_log_level_is_set_and_recorded),
		T(a_renamed_log_is_opened_anew),
		O(what_is_set_is_staged_and_shown_with_who_did_it),
		O(what_a_file_could_not_say_is_refused),
		O(what_decides_who_may_do_what_is_not_set_here),
		O(a_commit_is_in_force_kept_and_recorded_with_old_and_new),
		O(a_rollback_undoes_the_last_commit_alone),
		O(a_key_that_is_set_to_nothing_is_the_files_again),
		O(what_is_not_confirmed_goes_back_by_itself),
		O(it_goes_back_although_the_file_was_broken_meanwhile),
		O(what_is_confirmed_stays),
		O(what_does_not_fit_together_or_on_the_disk_changes_nothing),
	};
	return cmocka_run_group_tests_name("control/conf_verbs", tests, NULL, NULL);
}
