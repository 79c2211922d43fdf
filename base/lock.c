#include "base/lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"

static pid_t
read_holder(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static int
write_holder(int fd)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) < 0)
		return chq_errno();
	errno = ENOSPC; /* what a short write means */
	return pwrite(fd, text, (size_t)len, 0) == len ? 0 : chq_errno();
}

int
chq_lock_take(const char *path, pid_t *holder)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (holder)
		*holder = 0;
	if (fd < 0)
		return chq_errno();
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ? CHQ_ELOCKED : chq_errno();
		if (holder && rc == CHQ_ELOCKED)
			*holder = read_holder(fd);
		goto fail;
	}
	rc = write_holder(fd);
	if (rc)
		goto fail;
	return fd;
fail:
	close(fd);
	return rc;
}

void
chq_lock_release(int fd)
{
	if (fd >= 0)
		close(fd);
}
