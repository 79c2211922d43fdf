#include "client/transport.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"

int
chq_transport_init(struct chq_transport *t, const struct chq_transport_ops *ops, void *ctx)
{
	struct epoll_event ev = { .events = EPOLLIN };

	memset(t, 0, sizeof(*t));
	t->ops = ops ? ops : &chq_transport_udp;
	t->ctx = ctx;
	t->fd = -1;
	t->timerfd = -1;
	t->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (t->epfd < 0)
		return chq_errno();
	t->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->timerfd < 0 || epoll_ctl(t->epfd, EPOLL_CTL_ADD, t->timerfd, &ev) < 0) {
		int err = chq_errno();

		chq_transport_deinit(t);
		return err;
	}
	return CHQ_OK;
}

void
chq_transport_deinit(struct chq_transport *t)
{
	chq_transport_close(t);
	if (t->timerfd >= 0)
		close(t->timerfd);
	if (t->epfd >= 0)
		close(t->epfd);
	t->timerfd = t->epfd = -1;
}

int
chq_transport_resolve(struct chq_transport *t, const char *host, uint16_t port)
{
	int n = t->ops->resolve(t->ctx, host, port, t->target, CHQ_TARGETS_MAX);

	if (n <= 0)
		return n < 0 ? n : CHQ_EHOSTUNREACH;
	t->targets = n;
	t->current = 0;
	return CHQ_OK;
}

void
chq_transport_next_target(struct chq_transport *t)
{
	if (t->targets)
		t->current = (t->current + 1) % t->targets;
}

int
chq_transport_open(struct chq_transport *t)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd;

	if (!t->targets)
		return CHQ_EHOSTUNREACH;
	fd = t->ops->open(t->ctx, &t->target[t->current]);
	if (fd < 0)
		return fd;
	if (t->ops->pollable && epoll_ctl(t->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int err = chq_errno();

		t->ops->close(t->ctx, fd);
		return err;
	}
	chq_transport_close(t);
	t->fd = fd;
	return CHQ_OK;
}

void
chq_transport_close(struct chq_transport *t)
{
	if (t->fd < 0)
		return;
	if (t->ops->pollable)
		epoll_ctl(t->epfd, EPOLL_CTL_DEL, t->fd, NULL);
	t->ops->close(t->ctx, t->fd);
	t->fd = -1;
}

int
chq_transport_send(struct chq_transport *t, const void *buf, size_t len)
{
	return t->fd < 0 ? CHQ_ENOTCONN : t->ops->send(t->ctx, t->fd, buf, len);
}

ssize_t
chq_transport_recv(struct chq_transport *t, void *buf, size_t size)
{
	return t->fd < 0 ? CHQ_EAGAIN : t->ops->recv(t->ctx, t->fd, buf, size);
}

bool
chq_transport_moved(struct chq_transport *t)
{
	return t->fd >= 0 && t->ops->moved(t->ctx, t->fd, &t->target[t->current]);
}

void
chq_transport_arm(struct chq_transport *t, int64_t delay_ms)
{
	struct itimerspec when = { 0 };

	if (delay_ms == 0)
		when.it_value.tv_nsec = 1;
	if (delay_ms > 0) {
		when.it_value.tv_sec = delay_ms / 1000;
		when.it_value.tv_nsec = delay_ms % 1000 * 1000000;
	}
	timerfd_settime(t->timerfd, 0, &when, NULL);
}
