#include "dataplane/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#define CAP_BIT(cap) (UINT64_C(1) << (cap))
#define KEPT \
	(CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_BPF) | CAP_BIT(CAP_IPC_LOCK))

int
chq_user_find(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = *name ? getpwnam(name) : NULL;

	if (!pw)
		return CHQ_ENOENT;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

int
chq_group_find(const char *name, gid_t *gid)
{
	const struct group *gr = *name ? getgrnam(name) : NULL;

	if (!gr)
		return CHQ_ENOENT;
	*gid = gr->gr_gid;
	return 0;
}

bool
chq_cap_held(int cap)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	return syscall(SYS_capget, &h, d) == 0 && d[cap / 32].effective >> cap % 32 & 1;
}

void
chq_memlock_raise(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit now;

	if (setrlimit(RLIMIT_MEMLOCK, &all) == 0 || getrlimit(RLIMIT_MEMLOCK, &now) < 0)
		return;
	now.rlim_cur = now.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &now);
}

/* What this thread may have at most: of @wanted, what it has now. */
static int
caps_set(uint64_t wanted)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) < 0)
		return chq_errno();
	for (int i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(wanted >> 32 * i);
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	return syscall(SYS_capset, &h, d) < 0 ? chq_errno() : 0;
}

static int
bounding_drop(uint64_t wanted)
{
	for (int cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap) < 0)
			return 0; /* behind the kernel's last one */
		if (!(wanted & CAP_BIT(cap)) && prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EPERM)
			return chq_errno();
	}
	return 0;
}

static int
become(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return chq_errno();
	return 0;
}

int
chq_privileges_drop(const char *user, bool keep_files, char *text, size_t text_size)
{
	uint64_t wanted = KEPT | (keep_files ? CAP_BIT(CAP_DAC_OVERRIDE) : 0);
	bool found;
	uid_t uid;
	gid_t gid;
	int rc;

	if (geteuid() != 0) {
		snprintf(text, text_size, "not started as root: nothing to drop");
		return 0;
	}
	found = chq_user_find(user, &uid, &gid) == 0 && uid != 0;
	rc = bounding_drop(wanted);
	if (!rc && found)
		rc = become(uid, gid);
	if (!rc)
		rc = caps_set(wanted);
	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = chq_errno();
	snprintf(text, text_size, found ? "user %s" : "stays root, for there is no user %s",
		 *user ? user : "(none)");
	return rc;
}
