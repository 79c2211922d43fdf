#include "tools/chasquictl/remote.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define FIRST_ROOM 4096

static int
fail_open(struct tool_remote *r, int err, struct chq_ctl_error *e)
{
	tool_remote_close(r);
	/* A socket without a process behind it, or none at all: nobody is there. */
	if (err == CHQ_ENOENT || err == CHQ_ECONNREFUSED)
		return chq_ctl_error_set(e, CHQ_EUNAVAIL, NULL, "no daemon is there at %s",
					 r->path);
	if (err == CHQ_EAGAIN)
		return chq_ctl_error_set(e, CHQ_ETIMEDOUT, NULL, "too many wait at %s", r->path);
	return chq_ctl_error_set(e, err, NULL, "%s: %s%s", r->path, chq_strerror(err),
				 err == CHQ_EACCES ? " (are you in the group of control.group?)"
						   : "");
}

int
tool_remote_open(struct tool_remote *r, const char *path, unsigned timeout_s,
		 struct chq_ctl_error *e)
{
	struct timeval wait = { .tv_sec = (time_t)timeout_s };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	*r = (struct tool_remote){ .fd = -1, .path = path, .hand = -1 };
	if (strlen(path) >= sizeof(sun.sun_path))
		return chq_ctl_error_set(e, CHQ_ENAMETOOLONG, NULL, "socket's path is too long");
	memcpy(sun.sun_path, path, strlen(path) + 1);
	r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->fd < 0)
		return fail_open(r, chq_errno(), e);
	/* connect() waits while too many others do: by this timeout, since poll() does not tell. */
	setsockopt(r->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(r->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return fail_open(r, chq_errno(), e);
	if (fcntl(r->fd, F_SETFL, O_NONBLOCK) < 0)
		return fail_open(r, chq_errno(), e);
	return CHQ_OK;
}

/* Return: 0 when the socket is ready for @events; CHQ_ETIMEDOUT. */
static int
wait_for(const struct tool_remote *r, short events, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = r->fd, .events = events };

	for (;;) {
		uint64_t now = chq_mono_ns();
		int n, ms;

		if (now >= deadline_ns)
			return CHQ_ETIMEDOUT;
		ms = (int)((deadline_ns - now) / CHQ_NS_PER_MS) + 1;
		n = poll(&pfd, 1, ms);
		if (n > 0)
			return CHQ_OK;
		if (n < 0 && errno != EINTR)
			return chq_errno();
	}
}

/* As send(), with what is to be handed over. */
static ssize_t
send_some(struct tool_remote *r, const char *p, size_t len)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (r->hand >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
						       .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &r->hand, sizeof(int));
	}
	n = sendmsg(r->fd, &m, MSG_NOSIGNAL);
	if (n > 0)
		r->hand = -1;
	return n;
}

static int
send_line(struct tool_remote *r, const char *line, uint64_t deadline_ns)
{
	size_t len = strlen(line), done = 0;
	int err;

	while (done < len) {
		ssize_t n = send_some(r, line + done, len - done);

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return chq_errno();
		err = wait_for(r, POLLOUT, deadline_ns);
		if (err)
			return err;
	}
	return CHQ_OK;
}

static int
make_room(struct tool_remote *r)
{
	size_t cap = r->in_cap ? r->in_cap * 2 : FIRST_ROOM;
	char *in;

	if (r->in_len < r->in_cap)
		return CHQ_OK;
	if (r->in_cap > CHQ_CTL_ANSWER_MAX)
		return CHQ_ETOOBIG;
	in = realloc(r->in, cap);
	if (!in)
		return CHQ_ENOMEM;
	r->in = in;
	r->in_cap = cap;
	return CHQ_OK;
}

/* Until a whole line is there. Return: its length with the newline, or an error. */
static ssize_t
receive_line(struct tool_remote *r, uint64_t deadline_ns)
{
	for (;;) {
		const char *end = r->in ? memchr(r->in, '\n', r->in_len) : NULL;
		ssize_t n;
		int err;

		if (end)
			return end - r->in + 1;
		err = make_room(r);
		if (!err)
			err = wait_for(r, POLLIN, deadline_ns);
		if (err)
			return err;
		n = recv(r->fd, r->in + r->in_len, r->in_cap - r->in_len, 0);
		if (n == 0)
			return CHQ_ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return chq_errno();
		r->in_len += n > 0 ? (size_t)n : 0;
	}
}

static int
fail_call(const struct tool_remote *r, int err, bool changes, struct chq_ctl_error *e)
{
	const char *what = err == CHQ_ETIMEDOUT ? "no answer in time" : "connection lost";

	if (err == CHQ_ETOOBIG || err == CHQ_ENOMEM)
		return chq_ctl_error_set(e, err, NULL, "answer of %s: %s", r->path,
					 chq_strerror(err));
	if (changes)
		err = CHQ_EUNKNOWNRESULT;
	return chq_ctl_error_set(e, err, NULL, "%s from %s%s", what, r->path,
				 changes ? "; it may still happen" : "");
}

int
tool_remote_call(struct tool_remote *r, const char *line, unsigned timeout_s, bool changes,
		 struct chq_ctl_answer *a, struct chq_ctl_error *e)
{
	uint64_t deadline_ns = chq_mono_ns() + timeout_s * CHQ_NS_PER_SEC;
	ssize_t len;
	int err;

	memset(a, 0, sizeof(*a));
	err = send_line(r, line, deadline_ns);
	len = err ? err : receive_line(r, deadline_ns);
	if (len < 0)
		return fail_call(r, (int)len, changes, e);
	err = chq_ctl_answer_parse(r->in, (size_t)len, a);
	r->in_len -= (size_t)len;
	memmove(r->in, r->in + len, r->in_len);
	if (err)
		return chq_ctl_error_set(e, err, NULL, "answer of %s cannot be read: %s", r->path,
					 chq_strerror(err));
	return CHQ_OK;
}

void
tool_remote_close(struct tool_remote *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->in);
	r->fd = -1;
	r->in = NULL;
	r->in_len = r->in_cap = 0;
}
