#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/undumpable.h"

/* In a process of its own; exits with the number of the first thing that is not so. */
static int
in_child(int (*what)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(what());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
is_closed(void)
{
	struct rlimit core;

	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1)
		return 1;
	chq_undumpable();
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != chq_undumpable_spared())
		return 2;
	return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0 ? 0
											      : 3;
}

static void
memory_is_for_neither_core_files_nor_debuggers(void **state)
{
	(void)state;
	assert_int_equal(in_child(is_closed), 0);
}

/* Who changes the user is made dumpable again, or as fs.suid_dumpable says. */
static int
is_closed_after_a_change_of_user(void)
{
	chq_undumpable();
	if (setresuid(65534, 65534, 65534) < 0)
		return 1;
	chq_undumpable();
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 || chq_undumpable_spared() ? 0 : 2;
}

static void
it_can_be_done_once_more_as_another_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(is_closed_after_a_change_of_user), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_for_neither_core_files_nor_debuggers),
		cmocka_unit_test(it_can_be_done_once_more_as_another_user),
	};
	return cmocka_run_group_tests_name("base/undumpable", tests, NULL, NULL);
}
