#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/err.h"
#include "base/site_conf.h"

static int
parse(const char *text, struct chq_site_conf *conf, struct chq_conf_error *err)
{
	return chq_conf_parse(&chq_site_schema, "f", text, strlen(text), conf, err);
}

static void
the_defaults_are_those_that_the_documents_promise(void **state)
{
	struct chq_site_conf c;

	(void)state;
	assert_int_equal(chq_site_conf_default(&c), 0);
	assert_int_equal(c.listen.count, 1);
	assert_string_equal(c.listen.items[0], "[::]:4700");
	assert_int_equal(c.dataplane.sessions, 65536);
	assert_int_equal(c.dataplane.driver, CHQ_DRIVER_AUTO);
	assert_int_equal(c.limits.frames_per_second, 200);
	assert_int_equal(c.limits.bytes_per_second, 256 * 1024);
	assert_int_equal(c.limits.handshakes_per_prefix, 200);
	assert_int_equal(c.limits.handshakes_per_second, 2000);
	assert_int_equal(c.limits.notices_per_second, 50);
	assert_int_equal(c.sessions.silence_ms, 90000);
	assert_int_equal(c.sessions.keepalive_ms, 25000);
	assert_int_equal(c.grants.days, 30);
	assert_int_equal(c.grants.reply_days, 7);
	assert_string_equal(c.control.socket, "/run/chasqui/control.sock");
	chq_site_conf_free(&c);
}

static void
each_section_stands_together_and_has_documented_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < chq_site_schema.count; i++) {
		const struct chq_conf_key *key = &chq_site_schema.keys[i];
		size_t section = strcspn(key->path, ".");
		bool left = false;

		assert_non_null(key->doc);
		assert_null(strchr(key->doc, '\n'));
		assert_non_null(key->fallback);
		for (size_t j = i; j-- > 0;) {
			bool same = strncmp(chq_site_schema.keys[j].path, key->path, section + 1) ==
				    0;

			assert_string_not_equal(chq_site_schema.keys[j].path, key->path);
			assert_false(same && left);
			left = left || !same;
		}
	}
}

static void
settings_that_cannot_work_together_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "listen: []", "f:1:1: listen: at least one address is expected" },
		{ "dataplane: {driver: dpdk}",
		  "f:1:13: dataplane.driver: dpdk needs dataplane.ports" },
		{ "dataplane: {driver: af_xdp}",
		  "f:1:13: dataplane.driver: af_xdp needs dataplane.interfaces" },
		{ "dataplane: {driver: xdp}",
		  "f:1:13: dataplane.driver: xdp needs dataplane.interfaces" },
		{ "dataplane: {workers: 2, cores: [1]}",
		  "f:1:25: dataplane.cores: one core for each of dataplane.workers is expected" },
		{ "sessions: {keepalive: 46s}", "f:1:12: sessions.keepalive: at most half of "
						"sessions.silence is expected, else a "
						"lost sign of life is the end" },
		{ "sessions: {lifetime: 100h}",
		  "f:1:12: sessions.lifetime: at most sessions.hard_lifetime is expected" },
		{ "store: {map_max: 1MiB}",
		  "f: store.map_size (default): at most store.map_max is expected" },
		{ "paths: {store: var}",
		  "f:1:16: paths.store: \"var\": an absolute path is expected" },
		{ "dataplane: {instance: ../x}",
		  "f:1:23: dataplane.instance: \"../x\": only letters, digits and _ - . : @ are "
		  "expected" },
	};
	struct chq_conf_error err;
	struct chq_site_conf c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i][0], &c, &err), CHQ_ECONF);
		assert_string_equal(err.text, cases[i][1]);
	}
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
what_operators_set_wins_and_a_mistake_in_it_names_its_file(void **state)
{
	char dir[] = "/tmp/chasqui-over-XXXXXX", main_[64], own[64], text[160];
	struct chq_conf_error err;
	struct chq_site_conf c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(main_, sizeof(main_), "%s/a.yaml", dir);
	snprintf(own, sizeof(own), "%s/overrides.yaml", dir);
	snprintf(text, sizeof(text), "limits: {notices_per_second: 7}\npaths: {store: %s/store}\n",
		 dir);
	put(main_, text);
	assert_int_equal(chq_site_conf_load_over(main_, NULL, &c, &err), 0);
	assert_int_equal(c.limits.notices_per_second, 7);
	chq_site_conf_free(&c);
	put(own, "limits: {notices_per_second: 8}\n");
	assert_int_equal(chq_site_conf_load_over(main_, NULL, &c, &err), 0);
	assert_int_equal(c.limits.notices_per_second, 8);
	chq_site_conf_free(&c);
	assert_int_equal(chq_site_conf_load_over(main_, "", &c, &err), 0);
	assert_int_equal(c.limits.notices_per_second, 7);
	chq_site_conf_free(&c);
	put(own, "limits: {notices_per_second: x}\n");
	assert_int_equal(chq_site_conf_load_over(main_, NULL, &c, &err), CHQ_ECONF);
	assert_memory_equal(err.text, own, strlen(own));
	put(own, "\nusers: {control: root}\n");
	assert_int_equal(chq_site_conf_load_over(main_, NULL, &c, &err), CHQ_ECONF);
	snprintf(text, sizeof(text), "%s:2:9: users.control: stands in %s alone", own, main_);
	assert_string_equal(err.text, text);
	unlink(own);
	unlink(main_);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_that_the_documents_promise),
		cmocka_unit_test(each_section_stands_together_and_has_documented_keys),
		cmocka_unit_test(settings_that_cannot_work_together_are_refused),
		cmocka_unit_test(what_operators_set_wins_and_a_mistake_in_it_names_its_file),
	};

	return cmocka_run_group_tests_name("base/site_conf", tests, NULL, NULL);
}
