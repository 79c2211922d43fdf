#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/init.h"
#include "proto/aead.h"
#include "proto/hello.h"

struct folder {
	char dir[64], config[128], state[128], run[128], keys[160];
	struct init_options opt;
	char invitation[512];
	uint64_t not_after_ms;
	struct control_error err;
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
setup(void **state)
{
	struct folder *d = calloc(1, sizeof(*d));

	assert_int_equal(chq_crypto_init(), 0);
	snprintf(d->dir, sizeof(d->dir), "/tmp/chq-init-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->config, sizeof(d->config), "%s/etc/chasqui.yaml", d->dir);
	snprintf(d->state, sizeof(d->state), "%s/state", d->dir);
	snprintf(d->run, sizeof(d->run), "%s/run", d->dir);
	snprintf(d->keys, sizeof(d->keys), "%s/keys", d->state);
	d->opt = (struct init_options){ .host = "im.example.org",
					.config = d->config,
					.state = d->state,
					.run = d->run,
					.port = 4800,
					.server_id = 7 };
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	struct folder *d = *state;

	nftw(d->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(d);
	return 0;
}

static int
init(struct folder *d)
{
	return control_init(&d->opt, d->invitation, sizeof(d->invitation), &d->not_after_ms,
			    &d->err);
}

static void
what_init_makes_is_what_the_daemon_takes(void **state)
{
	struct folder *d = *state;
	struct chq_site_conf conf;
	struct chq_conf_error why;
	struct control_keys keys;
	struct keys_error key_why;
	struct chq_invitation inv;
	char fingerprint[CHQ_FINGERPRINT_LEN + 1];

	assert_int_equal(init(d), 0);
	assert_int_equal(chq_site_conf_load(d->config, &conf, &why), 0);
	assert_int_equal(conf.server.id, 7);
	assert_string_equal(conf.listen.items[0], "[::]:4800");
	assert_string_equal(conf.paths.keys, d->keys);
	assert_int_equal(control_keys_load(&keys, conf.paths.keys, conf.server.id, &key_why), 0);
	assert_int_equal(keys.cert.not_after_ms, d->not_after_ms);
	assert_int_equal(chq_invitation_parse(d->invitation, &inv), 0);
	assert_string_equal(inv.host, "im.example.org");
	assert_int_equal(inv.port, 4800);
	chq_fingerprint(keys.cert.org_key, fingerprint);
	assert_string_equal(inv.fingerprint, fingerprint);
	control_keys_wipe(&keys);
	chq_site_conf_free(&conf);
}

static void
init_overwrites_nothing_and_leaves_nothing_behind_when_refused(void **state)
{
	struct folder *d = *state;
	char second[160];
	struct stat before, after;

	assert_int_equal(init(d), 0);
	assert_int_equal(stat(d->config, &before), 0);
	assert_int_equal(init(d), CHQ_EEXIST);
	assert_int_equal(stat(d->config, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	snprintf(second, sizeof(second), "%s/etc/second.yaml", d->dir);
	d->opt.config = second;
	assert_int_equal(init(d), CHQ_EEXIST); /* the keys are there */
	assert_int_not_equal(access(second, F_OK), 0);
}

static void
a_host_that_is_none_is_refused_and_nothing_is_made(void **state)
{
	static const char *const hosts[] = { "", "two words", "a\nb",
					     "x\", server: {id: 3}, y: \"" };
	struct folder *d = *state;

	for (unsigned i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		d->opt.host = hosts[i];
		assert_true(init(d) < 0);
		assert_int_not_equal(access(d->state, F_OK), 0);
	}
}

static void
an_ipv6_host_is_invited_in_brackets(void **state)
{
	struct folder *d = *state;

	d->opt.host = "2001:db8::1";
	assert_int_equal(init(d), 0);
	assert_non_null(strstr(d->invitation, "chasqui://[2001:db8::1]:4800#"));
}

static void
secrets_are_the_owners_alone_and_others_access_is_refused(void **state)
{
	static const char *const secret[] = { "server.key", "grants.key", "org.key" };
	struct folder *d = *state;
	struct control_keys keys;
	struct keys_error why;
	char path[256];
	struct stat st;

	assert_int_equal(init(d), 0);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", d->keys, secret[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", d->keys, secret[i]);
		assert_int_equal(chmod(path, 0640), 0);
		assert_int_equal(control_keys_load(&keys, d->keys, 7, &why), CHQ_EACCES);
		assert_non_null(strstr(why.text, secret[i]));
		assert_int_equal(chmod(path, 0600), 0);
	}
	snprintf(path, sizeof(path), "%s/org.key", d->keys);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(control_keys_load(&keys, d->keys, 7, &why), 0); /* not needed to serve */
}

static void
the_daemons_user_gets_all_keys_but_the_one_that_signs_servers(void **state)
{
	static const char *const files[] = { "server.key", "grants.key", "server.cert" };
	struct folder *d = *state;
	char path[256];
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(init(d), 0);
	assert_int_equal(control_keys_give(d->keys, 54321, 54321), 0);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", d->keys, files[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 54321);
	}
	assert_int_equal(stat(d->keys, &st), 0);
	assert_int_equal(st.st_uid, 54321);
	snprintf(path, sizeof(path), "%s/org.key", d->keys);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
}

static void
an_init_that_could_not_write_its_configuration_works_when_done_again(void **state)
{
	struct folder *d = *state;

	d->opt.config = "/proc/self/chasqui.yaml"; /* nobody can make a file there */
	assert_true(init(d) < 0);
	assert_non_null(strstr(d->err.text, "/proc/self"));
	d->opt.config = d->config;
	assert_int_equal(init(d), 0);
}

static void
a_certificate_of_another_server_key_or_signature_is_refused(void **state)
{
	struct folder *d = *state;
	struct control_keys keys;
	struct keys_error why;
	char path[256];
	FILE *file;
	int byte;

	assert_int_equal(init(d), 0);
	assert_int_equal(control_keys_load(&keys, d->keys, 8, &why), CHQ_EUNTRUSTED);
	snprintf(path, sizeof(path), "%s/server.cert", d->keys);
	file = fopen(path, "r+");
	fseek(file, 70, SEEK_SET);
	byte = fgetc(file);
	fseek(file, 70, SEEK_SET);
	fputc(byte ^ 1, file);
	fclose(file);
	assert_int_equal(control_keys_load(&keys, d->keys, 7, &why), CHQ_EUNTRUSTED);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(control_keys_load(&keys, d->keys, 7, &why), CHQ_EMALFORMED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(control_keys_load(&keys, d->keys, 7, &why), CHQ_ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_init_makes_is_what_the_daemon_takes),
		T(init_overwrites_nothing_and_leaves_nothing_behind_when_refused),
		T(a_host_that_is_none_is_refused_and_nothing_is_made),
		T(an_ipv6_host_is_invited_in_brackets),
		T(secrets_are_the_owners_alone_and_others_access_is_refused),
		T(the_daemons_user_gets_all_keys_but_the_one_that_signs_servers),
		T(an_init_that_could_not_write_its_configuration_works_when_done_again),
		T(a_certificate_of_another_server_key_or_signature_is_refused),
	};
	return cmocka_run_group_tests_name("control/init", tests, NULL, NULL);
}
