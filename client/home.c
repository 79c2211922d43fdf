#include "client/home.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/err.h"
#include "base/lock.h"

#define FINGERPRINT_SHOWN 8

/* A login as a file name: letters, digits, "_-@" and inner dots stay, every other byte is %XX. */
static int
escape_login(const char *login, char *out, size_t size)
{
	size_t n = 0;

	for (const char *p = login; *p; p++) {
		unsigned char ch = (unsigned char)*p;
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
			     (ch >= '0' && ch <= '9') || strchr("_-@", ch) || (ch == '.' && n);

		if (n + 4 > size)
			return CHQ_ENAMETOOLONG;
		n += (size_t)snprintf(out + n, size - n, plain ? "%c" : "%%%02X", ch);
	}
	return n ? CHQ_OK : CHQ_EINVAL;
}

int
chq_home_default(const char *fingerprint, const char *login, char *out, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char name[800];
	int err = escape_login(login, name, sizeof(name));
	int n;

	if (err)
		return err;
	if (config && config[0] == '/')
		n = snprintf(out, size, "%s/chasqui/%.*s-%s", config, FINGERPRINT_SHOWN,
			     fingerprint, name);
	else if (home && home[0] == '/')
		n = snprintf(out, size, "%s/.config/chasqui/%.*s-%s", home, FINGERPRINT_SHOWN,
			     fingerprint, name);
	else
		return CHQ_ENOENT;
	return n < 0 || (size_t)n >= size ? CHQ_ENAMETOOLONG : CHQ_OK;
}

static int
make_folders(const char *path)
{
	char part[sizeof(((struct chq_home *)0)->path)];

	for (const char *at = path; *at; at++) {
		size_t len = (size_t)(at - path);

		if (*at != '/' || len == 0)
			continue;
		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return chq_errno();
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? chq_errno() : CHQ_OK;
}

static int
check_folder(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return chq_errno();
	return st.st_uid == geteuid() && !(st.st_mode & 077) ? CHQ_OK : CHQ_EACCES;
}

int
chq_home_open(struct chq_home *h, const char *path, bool create, pid_t *holder)
{
	char lock[sizeof(h->path) + 8];
	int err = CHQ_OK;

	memset(h, 0, sizeof(*h));
	h->dirfd = h->lockfd = -1;
	if (strlen(path) >= sizeof(h->path))
		return CHQ_ENAMETOOLONG;
	strcpy(h->path, path);
	if (create)
		err = make_folders(path);
	if (err)
		return err;
	h->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->dirfd < 0)
		return chq_errno();
	err = check_folder(h->dirfd);
	if (!err) {
		snprintf(lock, sizeof(lock), "%s/lock", path);
		h->lockfd = chq_lock_take(lock, holder);
		err = h->lockfd < 0 ? h->lockfd : CHQ_OK;
	}
	if (err)
		chq_home_close(h);
	return err;
}

void
chq_home_close(struct chq_home *h)
{
	chq_lock_release(h->lockfd);
	if (h->dirfd >= 0)
		close(h->dirfd);
	h->dirfd = h->lockfd = -1;
}

static int
check_file(int fd, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return chq_errno();
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return CHQ_EACCES;
	if (st.st_size > (off_t)CHQ_HOME_FILE_MAX)
		return CHQ_ETOOBIG;
	*size = (size_t)st.st_size;
	return CHQ_OK;
}

static int
read_all(int fd, uint8_t *buf, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, buf + *len, size - *len);

		if (n < 0 && errno != EINTR)
			return chq_errno();
		if (n == 0)
			break;
		if (n > 0)
			*len += (size_t)n;
	}
	buf[*len] = 0;
	return CHQ_OK;
}

int
chq_home_read(const struct chq_home *h, const char *name, uint8_t **data, size_t *len)
{
	int fd = openat(h->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *buf = NULL;
	size_t size = 0;
	int err;

	if (fd < 0)
		return chq_errno();
	err = check_file(fd, &size);
	if (!err) {
		buf = malloc(size + 1);
		err = buf ? read_all(fd, buf, size, len) : CHQ_ENOMEM;
	}
	close(fd);
	if (err && buf) {
		sodium_memzero(buf, size);
		free(buf);
	}
	if (!err)
		*data = buf;
	return err;
}

static int
write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return chq_errno();
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) < 0 ? chq_errno() : CHQ_OK;
}

int
chq_home_write(const struct chq_home *h, const char *name, const void *data, size_t len)
{
	char temp[64];
	int fd, err;

	snprintf(temp, sizeof(temp), ".%.48s.new", name);
	unlinkat(h->dirfd, temp, 0);
	fd = openat(h->dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return chq_errno();
	err = write_all(fd, data, len);
	close(fd);
	if (!err && renameat(h->dirfd, temp, h->dirfd, name) < 0)
		err = chq_errno();
	if (err)
		unlinkat(h->dirfd, temp, 0);
	else if (fsync(h->dirfd) < 0)
		err = chq_errno();
	return err;
}

int
chq_home_append(const struct chq_home *h, const char *name)
{
	int fd = openat(h->dirfd, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? chq_errno() : fd;
}
