#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/lock.h"

static char dir[] = "/tmp/chasqui-lock-XXXXXX";
static char path[64];

static int
make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/lock", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
a_second_holder_is_refused_and_told_the_first(void **state)
{
	pid_t holder = 1;
	int fd, second;

	(void)state;
	fd = chq_lock_take(path, &holder);
	assert_true(fd >= 0);
	assert_int_equal(holder, 0);
	second = chq_lock_take(path,
			       &holder); /* another open file description, as another process has */
	assert_int_equal(second, CHQ_ELOCKED);
	assert_int_equal(holder, getpid());
	chq_lock_release(fd);
	fd = chq_lock_take(path, NULL);
	assert_true(fd >= 0);
	chq_lock_release(fd);
}

static void
the_lock_of_a_killed_process_is_free(void **state)
{
	int ready[2], status;
	char byte = 0;
	pid_t child;
	int fd;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		byte = chq_lock_take(path, NULL) >= 0;
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 1);
	assert_int_equal(chq_lock_take(path, NULL), CHQ_ELOCKED);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	fd = chq_lock_take(path, NULL);
	assert_true(fd >= 0);
	chq_lock_release(fd);
	close(ready[0]);
	close(ready[1]);
}

static void
links_and_missing_folders_are_refused(void **state)
{
	char link_path[80], missing[80];

	(void)state;
	snprintf(link_path, sizeof(link_path), "%s/link", dir);
	snprintf(missing, sizeof(missing), "%s/none/lock", dir);
	assert_int_equal(symlink(path, link_path), 0);
	assert_int_equal(chq_lock_take(link_path, NULL), CHQ_ELOOP);
	assert_int_equal(chq_lock_take(missing, NULL), CHQ_ENOENT);
	unlink(link_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_holder_is_refused_and_told_the_first),
		cmocka_unit_test(the_lock_of_a_killed_process_is_free),
		cmocka_unit_test(links_and_missing_folders_are_refused),
	};

	return cmocka_run_group_tests_name("base/lock", tests, make_dir, remove_dir);
}
