#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "dataplane/privileges.h"

#define BIT(cap) (UINT64_C(1) << (cap))
#define WANTED	 (BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_BPF) | BIT(CAP_IPC_LOCK))

static uint64_t
caps_permitted(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (syscall(SYS_capget, &h, d))
		return UINT64_MAX;
	return d[0].permitted | (uint64_t)d[1].permitted << 32;
}

/* Run in a process of its own; exits with the number of the first thing that is not so. */
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
becomes_nobody(void)
{
	char text[128];

	if (chq_privileges_drop("nobody", false, text, sizeof(text)))
		return 1;
	if (getuid() == 0 || geteuid() == 0 || setuid(0) == 0)
		return 2;
	if (caps_permitted() & ~WANTED)
		return 3;
	if (chq_cap_held(CAP_SYS_ADMIN) || chq_cap_held(CAP_PERFMON) ||
	    !chq_cap_held(CAP_NET_ADMIN) || !chq_cap_held(CAP_BPF))
		return 5;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4;
}

static int
stays_root(void)
{
	char text[128];

	if (chq_privileges_drop("no-such-user-here", false, text, sizeof(text)))
		return 1;
	if (geteuid() != 0)
		return 2;
	return caps_permitted() & ~WANTED ? 3 : 0;
}

static void
root_becomes_the_user_and_cannot_go_back(void **state)
{
	(void)state;
	assert_int_equal(in_child(becomes_nobody), 0);
}

static void
without_such_a_user_root_keeps_four_capabilities(void **state)
{
	(void)state;
	assert_int_equal(in_child(stays_root), 0);
}

static void
names_that_do_not_exist_are_told(void **state)
{
	uid_t uid;
	gid_t gid;

	(void)state;
	assert_int_equal(chq_user_find("no-such-user-here", &uid, &gid), CHQ_ENOENT);
	assert_int_equal(chq_user_find("", &uid, &gid), CHQ_ENOENT);
	assert_int_equal(chq_user_find("root", &uid, &gid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(chq_group_find("", &gid), CHQ_ENOENT);
}

int
main(void)
{
	const struct CMUnitTest of_others[] = {
		cmocka_unit_test(names_that_do_not_exist_are_told),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_becomes_the_user_and_cannot_go_back),
		cmocka_unit_test(without_such_a_user_root_keeps_four_capabilities),
		cmocka_unit_test(names_that_do_not_exist_are_told),
	};

	if (geteuid() != 0)
		return cmocka_run_group_tests_name("dataplane/privileges", of_others, NULL, NULL);
	return cmocka_run_group_tests_name("dataplane/privileges", tests, NULL, NULL);
}
