#include "base/unix_listen.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"

int
chq_unix_listen(const char *path, int type, gid_t gid, int backlog)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(un.sun_path))
		return CHQ_ENAMETOOLONG;
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return chq_errno();
	unlink(path);
	/* The mode counts from bind() on, so nobody slips in before it is widened. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		goto fail;
	if (gid != (gid_t)-1 && lchown(path, (uid_t)-1, gid) < 0 && errno != EPERM)
		goto fail;
	if (fchmodat(AT_FDCWD, path, 0660, AT_SYMLINK_NOFOLLOW) < 0 || listen(fd, backlog) < 0)
		goto fail;
	return fd;
fail:
	rc = chq_errno();
	close(fd);
	return rc;
}
