#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "tools/chasquictl/text.h"
#include "tools/chasquictl/watch_view.h"

static struct tool_snapshot was, now;

static int
setup(void **state)
{
	(void)state;
	was = (struct tool_snapshot){ .at_ns = 10 * CHQ_NS_PER_SEC };
	now = (struct tool_snapshot){ .at_ns = 12 * CHQ_NS_PER_SEC };
	was.control = json_loads("{\"name\":\"here\",\"server\":7,\"well\":true,\"counters\":"
				 "{\"login_key\":10}}",
				 0, NULL);
	now.control = json_loads("{\"name\":\"here\",\"server\":7,\"well\":true,\"sessions\":"
				 "{\"open\":42},\"counters\":{\"login_key\":30}}",
				 0, NULL);
	was.stats = json_loads("{\"total\":{\"rx\":0,\"drop-tag\":10,\"drop-replay\":1},"
			       "\"workers\":[{\"rx\":1000,\"forward\":500}]}",
			       0, NULL);
	now.stats = json_loads("{\"total\":{\"rx\":0,\"drop-tag\":14,\"drop-replay\":101,"
			       "\"drop-seal\":0},\"workers\":[{\"rx\":5000,\"forward\":4500}]}",
			       0, NULL);
	now.dp = json_loads("{\"workers\":[{\"busy_share\":0.5,\"sheds\":\"nothing\"}]}", 0, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tool_snapshot_free(&was);
	tool_snapshot_free(&now);
	return 0;
}

static char *
text(unsigned rows, unsigned cols)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	tool_watch_text(f, &was, &now, rows, cols);
	fclose(f);
	return out;
}

static void
rates_are_what_changed_in_a_second(void **state)
{
	char *t = text(0, 0);

	(void)state;
	assert_non_null(strstr(t, "here, server 7: well"));
	assert_non_null(strstr(t, "42 open"));
	assert_non_null(strstr(t, "logins/s  10 by device"));
	assert_non_null(strstr(t, "0                 2000        2000     50%  nothing"));
	free(t);
}

static void
drops_come_the_fastest_first_and_those_that_never_were_not_at_all(void **state)
{
	char *t = text(0, 0);

	(void)state;
	assert_true(strstr(t, "replay") < strstr(t, "tag"));
	assert_null(strstr(t, "seal"));
	free(t);
}

static void
the_first_look_knows_no_rates(void **state)
{
	char *t;

	(void)state;
	tool_snapshot_free(&was);
	t = text(0, 0);
	assert_non_null(strstr(t, "logins/s  - by device"));
	free(t);
}

static void
a_counter_that_fell_began_anew_and_has_no_rate(void **state)
{
	json_t *o;

	(void)state;
	json_object_set_new(json_object_get(now.control, "counters"), "login_key", json_integer(3));
	o = tool_watch_json(&was, &now);
	assert_true(json_is_null(json_object_get(o, "logins_by_device_per_second")));
	json_decref(o);
}

static void
lines_are_cut_to_the_screen(void **state)
{
	char *t = text(4, 20);
	unsigned lines = 0;

	(void)state;
	for (const char *at = t; *at; lines++) {
		size_t n = strcspn(at, "\n");

		assert_true(n <= 20);
		at += n + (at[n] == '\n');
	}
	assert_int_equal(lines, 4);
	free(t);
}

static void
daemons_that_do_not_answer_are_said(void **state)
{
	char *t;

	(void)state;
	json_decref(now.control);
	json_decref(now.stats);
	now.control = now.stats = NULL;
	snprintf(now.why.message, sizeof(now.why.message), "no daemon is there");
	t = text(0, 0);
	assert_non_null(strstr(t, "control: no answer (no daemon is there)"));
	assert_non_null(strstr(t, "dataplane: no answer"));
	free(t);
}

static void
what_a_daemon_says_cannot_drive_the_terminal(void **state)
{
	char *t;

	(void)state;
	json_object_set_new(now.control, "name", json_string("x\x1b[2Jy"));
	t = text(0, 0);
	assert_null(strchr(t, '\x1b'));
	free(t);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(rates_are_what_changed_in_a_second),
		T(drops_come_the_fastest_first_and_those_that_never_were_not_at_all),
		T(the_first_look_knows_no_rates),
		T(a_counter_that_fell_began_anew_and_has_no_rate),
		T(lines_are_cut_to_the_screen),
		T(daemons_that_do_not_answer_are_said),
		T(what_a_daemon_says_cannot_drive_the_terminal),
	};

	tool_text_init();
	return cmocka_run_group_tests_name("tools/watch", tests, NULL, NULL);
}
