#include "store/backup_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"

int
store_file_write(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return chq_errno();
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
store_file_make(const char *dir, const char *name)
{
	char path[4096];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return CHQ_ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? chq_errno() : fd;
}

int
store_folder_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return chq_errno();
	if (fsync(fd) < 0)
		rc = chq_errno();
	close(fd);
	return rc;
}

void
store_folder_remove(const char *dir)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "lock", "manifest" };
	char path[4096];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, names[i]) < sizeof(path))
			unlink(path);
	}
	rmdir(dir);
}
