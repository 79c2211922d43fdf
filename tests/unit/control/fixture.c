#include "tests/unit/control/fixture_dp.h"

#include <event2/event.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "proto/aead.h"

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
fixture_step(struct fixture *f)
{
	if (f->running)
		event_base_loop(f->base, EVLOOP_NONBLOCK);
	fix_dp_step(f);
	usleep(500);
}

void
fixture_settle(struct fixture *f)
{
	for (unsigned i = 0; i < 200; i++)
		fixture_step(f);
}

void
fixture_start(struct fixture *f)
{
	struct control_error err = { "" };

	assert_int_equal(control_start(&f->ctl, f->base, &f->conf, &f->timing, &err), 0);
	f->running = true;
	FIX_UNTIL(f, f->ctl.dp.ready);
}

void
fixture_stop(struct fixture *f)
{
	control_stop(&f->ctl);
	f->running = false;
	fix_dp_step(f);
}

void
fixture_dp_cut(struct fixture *f)
{
	close(f->dp);
	f->dp = -1;
	FIX_UNTIL(f, !f->ctl.dp.ready);
}

static void
fixture_conf(struct fixture *f)
{
	struct chq_conf_error why;
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "paths: {store: %s/store, keys: %s/keys, run: %s}\n"
			 "control: {socket: %s/control.sock, group: \"\", read_group: \"\"}\n"
			 "metrics: {listen: \"\"}\n"
			 "passwords: {memory: 8MiB, passes: 1, threads: 2}\n"
			 "store: {map_size: 1MiB}\n"
			 "friends: {ask: anyone}\n",
			 f->dir, f->dir, f->dir, f->dir);

	assert_int_equal(chq_conf_parse(&chq_site_schema, "test", text, (size_t)n, &f->conf, &why),
			 0);
}

static void
fixture_user(struct fixture *f, const char *login)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"%s\"],"
		 "\"opts\":{\"password\":\"secret word\"}}\n",
		 login);
	assert_non_null(strstr(fixture_ctl(f, line), "\"ok\":true"));
}

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct keys_error why;
	uint8_t org[32];
	char keys[128];

	assert_int_equal(chq_crypto_init(), 0);
	chq_log_set_level(CHQ_LEVEL_ERROR);
	snprintf(f->dir, sizeof(f->dir), "/tmp/chq-control-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(keys, sizeof(keys), "%s/keys", f->dir);
	assert_int_equal(mkdir(keys, 0700), 0);
	assert_int_equal(
		control_keys_make(keys, 1, 0, chq_wall_ms() + 1000 * CHQ_MS_PER_DAY, org, &why), 0);
	fixture_conf(f);
	f->timing = control_timing_default;
	f->timing.resync_ms = 0;
	f->timing.tick_ms = 5;
	f->timing.changed_ms = f->timing.presence_ms = f->timing.status_ms = 5;
	f->frame = calloc(FIX_FRAMES_MAX, sizeof(*f->frame));
	f->dp = -1;
	f->listener = fix_dp_listen(f);
	memset(f->boot_id, 1, sizeof(f->boot_id));
	f->base = event_base_new();
	fixture_start(f);
	fixture_user(f, "alice");
	fixture_user(f, "bob");
	fixture_user(f, "carol");
	*state = f;
	return 0;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->running)
		fixture_stop(f);
	event_base_free(f->base);
	if (f->dp >= 0)
		close(f->dp);
	if (f->listener >= 0)
		close(f->listener);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	chq_site_conf_free(&f->conf);
	free(f->frame);
	free(f);
	return 0;
}

const char *
fixture_ctl(struct fixture *f, const char *line)
{
	static char answer[65536];
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t used = 0;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->conf.control.socket);
	assert_int_equal(connect(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
	for (unsigned tries = 0; tries < 40000; tries++) {
		ssize_t n = recv(fd, answer + used, sizeof(answer) - 1 - used, MSG_DONTWAIT);

		if (n == 0)
			break;
		used += n > 0 ? (size_t)n : 0;
		if (used && answer[used - 1] == '\n')
			break;
		fixture_step(f);
	}
	answer[used] = '\0';
	close(fd);
	return answer;
}
