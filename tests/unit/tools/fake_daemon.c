#include "tests/unit/tools/fake_daemon.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

const char fake_silence[] = "silence";

static size_t
read_request(int fd, char *line, size_t size)
{
	size_t len = 0;
	char c;

	while (read(fd, &c, 1) == 1) {
		if (len + 1 < size)
			line[len++] = c;
		if (c == '\n')
			break;
	}
	line[len] = '\0';
	return len;
}

static void
write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void *
serve(void *arg)
{
	struct fake_daemon *d = arg;
	int fd = accept(d->listen_fd, NULL, NULL);

	while (fd >= 0 && d->n_requests < FAKE_ANSWERS_MAX) {
		const char *answer = d->answers[d->n_requests];
		char *line = d->requests[d->n_requests];

		if (!read_request(fd, line, sizeof(d->requests[0])))
			break;
		d->n_requests++;
		if (!answer)
			break;
		if (answer != fake_silence)
			write_all(fd, answer);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

void
fake_daemon_start(struct fake_daemon *d)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(d->dir, "/tmp/chq-tools-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->path, sizeof(d->path), "%s/sock", d->dir);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", d->path);
	d->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(d->listen_fd >= 0);
	assert_int_equal(bind(d->listen_fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(d->listen_fd, 1), 0);
	assert_int_equal(pthread_create(&d->thread, NULL, serve, d), 0);
}

void
fake_daemon_stop(struct fake_daemon *d)
{
	shutdown(d->listen_fd, SHUT_RDWR); /* accept() ends too */
	pthread_join(d->thread, NULL);
	close(d->listen_fd);
	unlink(d->path);
	rmdir(d->dir);
}
