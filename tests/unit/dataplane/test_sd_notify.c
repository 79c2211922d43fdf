#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "dataplane/sd_notify.h"

/* A service manager's socket. @name: a path, or with a leading NUL an abstract name of @len bytes. */
static int
listen_at(const char *name, size_t len)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(un.sun_path, name, len);
	assert_int_equal(bind(fd, (struct sockaddr *)&un,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	return fd;
}

static void
heard(int fd, const char *want)
{
	char got[64] = "";

	assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), strlen(want));
	assert_string_equal(got, want);
}

static void
a_socket_by_path_hears_the_state(void **state)
{
	char dir[] = "/tmp/chasqui-test-XXXXXX", path[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	fd = listen_at(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(chq_sd_notify("READY=1"), 0);
	heard(fd, "READY=1");
	close(fd);
	unlink(path);
	rmdir(dir);
}

static void
an_abstract_socket_hears_the_state(void **state)
{
	char name[64];
	int fd, len = snprintf(name, sizeof(name), "@chasqui-test-%ld", (long)getpid());

	(void)state;
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	fd = listen_at(name, (size_t)len);
	assert_int_equal(chq_sd_notify("WATCHDOG=1"), 0);
	heard(fd, "WATCHDOG=1");
	close(fd);
}

static void
without_a_service_manager_nothing_happens(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(chq_sd_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(chq_sd_notify("READY=1"), CHQ_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_by_path_hears_the_state),
		cmocka_unit_test(an_abstract_socket_hears_the_state),
		cmocka_unit_test(without_a_service_manager_nothing_happens),
	};

	return cmocka_run_group_tests_name("dataplane/sd_notify", tests, NULL, NULL);
}
