/* Sockets in a folder that belongs to a user with fewer rights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/unix_listen.h"

struct place {
	char dir[64], path[96], victim[96];
};

/* What the folder's owner does right after the socket's file was made; NULL: nothing. */
static const struct place *attacked;

int __real_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);

int
__wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	int rc = __real_bind(fd, sa, len);

	if (attacked) {
		assert_int_equal(unlink(attacked->path), 0);
		assert_int_equal(symlink(attacked->victim, attacked->path), 0);
	}
	return rc;
}

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	int fd;

	snprintf(p->dir, sizeof(p->dir), "/tmp/chasqui-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/sock", p->dir);
	snprintf(p->victim, sizeof(p->victim), "%s/victim", p->dir);
	fd = open(p->victim, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	attacked = NULL;
	unlink(p->path);
	unlink(p->victim);
	rmdir(p->dir);
	free(p);
	return 0;
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode;
}

static void
a_socket_has_its_group_and_mode_and_replaces_what_was_there(void **state)
{
	struct place *p = *state;
	gid_t gid = getegid();
	int fd = chq_unix_listen(p->path, SOCK_STREAM, gid, 4), again;

	assert_true(fd >= 0);
	assert_int_equal(mode_of(p->path), S_IFSOCK | 0660);
	again = chq_unix_listen(p->path, SOCK_SEQPACKET, (gid_t)-1, 4);
	assert_true(again >= 0);
	assert_int_equal(mode_of(p->path), S_IFSOCK | 0660);
	close(again);
	close(fd);
}

static void
a_link_that_takes_the_sockets_place_gives_nobody_its_target(void **state)
{
	struct place *p = *state;

	attacked = p;
	assert_true(chq_unix_listen(p->path, SOCK_STREAM, getegid(), 4) < 0);
	assert_int_equal(mode_of(p->victim), S_IFREG | 0600);
}

static void
a_name_too_long_for_a_socket_is_refused(void **state)
{
	char path[256];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(chq_unix_listen(path, SOCK_STREAM, (gid_t)-1, 4), CHQ_ENAMETOOLONG);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_socket_has_its_group_and_mode_and_replaces_what_was_there),
		T(a_link_that_takes_the_sockets_place_gives_nobody_its_target),
		T(a_name_too_long_for_a_socket_is_refused),
	};

	return cmocka_run_group_tests_name("base/unix_listen", tests, NULL, NULL);
}
