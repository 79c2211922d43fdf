#include "dataplane/link.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/unix_listen.h"

/* Bytes that the kernel may hold for control before we see EAGAIN: a few hundred datagrams. */
#define SEND_BUFFER_BYTES (1024 * 1024)
#define LISTEN_BACKLOG	  4

int
chq_link_open(struct chq_link *l, const char *path, gid_t gid, const uid_t uids[2])
{
	memset(l, 0, sizeof(*l));
	l->fd = -1;
	memcpy(l->uids, uids, sizeof(l->uids));
	l->backlog = malloc(CHQ_LINK_BACKLOG_BYTES);
	if (!l->backlog)
		return CHQ_ENOMEM;
	l->listen_fd = chq_unix_listen(path, SOCK_SEQPACKET, gid, LISTEN_BACKLOG);
	if (l->listen_fd >= 0)
		return 0;
	free(l->backlog);
	l->backlog = NULL;
	return l->listen_fd;
}

void
chq_link_close(struct chq_link *l)
{
	chq_link_drop(l);
	if (l->listen_fd >= 0)
		close(l->listen_fd);
	l->listen_fd = -1;
	free(l->backlog);
	l->backlog = NULL;
}

void
chq_link_drop(struct chq_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->greeted = false;
	l->head = l->tail = 0;
}

static bool
peer_allowed(const struct chq_link *l, int fd, struct ucred *cred)
{
	socklen_t len = sizeof(*cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &len) < 0)
		return false;
	return cred->uid == 0 || cred->uid == l->uids[0] || cred->uid == l->uids[1];
}

int
chq_link_accept(struct chq_link *l)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	int size = SEND_BUFFER_BYTES;
	int fd = accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED ? CHQ_EAGAIN : chq_errno();
	if (!peer_allowed(l, fd, &cred)) {
		l->refused++;
		CHQ_LOG_WARN("control-refused", "uid=%ld pid=%ld reason=uid", (long)cred.uid,
			     (long)cred.pid);
		close(fd);
		return CHQ_EPERM;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (l->fd >= 0)
		CHQ_LOG_WARN("control-replaced", "old_pid=%ld new_pid=%ld", (long)l->peer_pid,
			     (long)cred.pid);
	chq_link_drop(l);
	l->fd = fd;
	l->peer_pid = cred.pid;
	return 0;
}

ssize_t
chq_link_recv(struct chq_link *l, void *buf)
{
	ssize_t n;

	if (l->fd < 0)
		return CHQ_EPIPE;
	n = recv(l->fd, buf, CHQ_DP_MSG_MAX + 8, MSG_DONTWAIT);
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CHQ_EAGAIN;
	chq_link_drop(l);
	return CHQ_EPIPE;
}

/* Return: 0; CHQ_EAGAIN; CHQ_ENOTCONN (dropped). */
static int
send_now(struct chq_link *l, const void *msg)
{
	const struct chq_dp_hdr *h = msg;

	if (send(l->fd, msg, h->len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)h->len)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return CHQ_EAGAIN;
	chq_link_drop(l);
	return CHQ_ENOTCONN;
}

static size_t
padded(const struct chq_dp_hdr *h)
{
	return (h->len + 7u) & ~(size_t)7;
}

static int
backlog_add(struct chq_link *l, const struct chq_dp_hdr *h)
{
	if (l->tail + padded(h) > CHQ_LINK_BACKLOG_BYTES && l->head) {
		memmove(l->backlog, l->backlog + l->head, l->tail - l->head);
		l->tail -= l->head;
		l->head = 0;
	}
	if (l->tail + padded(h) > CHQ_LINK_BACKLOG_BYTES) {
		l->overflows++;
		CHQ_LOG_WARN("control-dropped", "pid=%ld reason=backlog", (long)l->peer_pid);
		chq_link_drop(l);
		return CHQ_EFULL;
	}
	memcpy(l->backlog + l->tail, h, h->len);
	l->tail += padded(h);
	return 0;
}

int
chq_link_flush(struct chq_link *l)
{
	while (l->fd >= 0 && l->head < l->tail) {
		const struct chq_dp_hdr *h = (const void *)(l->backlog + l->head);
		size_t step = padded(h);
		int rc = send_now(l, h);

		if (rc)
			return rc;
		l->head += step;
	}
	l->head = l->tail = 0;
	return l->fd >= 0 ? 0 : CHQ_ENOTCONN;
}

int
chq_link_keep(struct chq_link *l, const void *msg)
{
	int rc;

	if (l->fd < 0)
		return CHQ_ENOTCONN;
	rc = l->head < l->tail ? CHQ_EAGAIN : send_now(l, msg);
	return rc == CHQ_EAGAIN ? backlog_add(l, msg) : rc;
}

int
chq_link_try(struct chq_link *l, const void *msg)
{
	if (l->fd < 0)
		return CHQ_ENOTCONN;
	return l->head < l->tail ? CHQ_EAGAIN : send_now(l, msg);
}
