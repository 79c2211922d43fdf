/* The real transport: a connected UDP socket, so that the kernel drops what others send to it. */

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/transport.h"

static int
udp_resolve(void *ctx, const char *host, uint16_t port, struct chq_target *out, int max)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list;
	char service[8];
	int n = 0, rc;

	(void)ctx;
	snprintf(service, sizeof(service), "%u", port);
	hints.ai_flags = AI_NUMERICSERV;
	rc = getaddrinfo(host, service, &hints, &list);
	if (rc != 0)
		return rc == EAI_AGAIN ? CHQ_EAGAIN : CHQ_EHOSTUNREACH;
	for (struct addrinfo *ai = list; ai && n < max; ai = ai->ai_next) {
		memcpy(&out[n].sa, ai->ai_addr, ai->ai_addrlen);
		out[n++].len = ai->ai_addrlen;
	}
	freeaddrinfo(list);
	return n ? n : CHQ_EHOSTUNREACH;
}

static int
udp_open(void *ctx, const struct chq_target *to)
{
	int fd = socket(to->sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	(void)ctx;
	if (fd < 0)
		return chq_errno();
	if (connect(fd, (const struct sockaddr *)&to->sa, to->len) == 0)
		return fd;
	err = chq_errno();
	close(fd);
	return err;
}

static void
udp_close(void *ctx, int fd)
{
	(void)ctx;
	close(fd);
}

/* ECONNREFUSED tells of an earlier datagram, and anybody can make one: it counts as a loss. */
static int
udp_send(void *ctx, int fd, const void *buf, size_t len)
{
	(void)ctx;
	if (send(fd, buf, len, MSG_NOSIGNAL) >= 0)
		return CHQ_OK;
	if (errno == EAGAIN || errno == ENOBUFS || errno == ECONNREFUSED || errno == EINTR)
		return CHQ_OK;
	return chq_errno();
}

static ssize_t
udp_recv(void *ctx, int fd, void *buf, size_t size)
{
	(void)ctx;
	for (;;) {
		ssize_t n = recv(fd, buf, size, 0);

		if (n >= 0)
			return n;
		if (errno == EINTR || errno == ECONNREFUSED)
			continue;
		return chq_errno();
	}
}

static bool
same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		      &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
}

static bool
udp_moved(void *ctx, int fd, const struct chq_target *to)
{
	struct sockaddr_storage now = { 0 }, then = { 0 };
	socklen_t now_len = sizeof(now), then_len = sizeof(then);
	int probe = udp_open(ctx, to);
	bool moved;

	if (probe < 0)
		return false;
	moved = getsockname(probe, (struct sockaddr *)&now, &now_len) == 0 &&
		getsockname(fd, (struct sockaddr *)&then, &then_len) == 0 &&
		!same_address(&now, &then);
	close(probe);
	return moved;
}

static uint64_t
udp_mono_ms(void *ctx)
{
	(void)ctx;
	return chq_clock_ns(CLOCK_BOOTTIME) / CHQ_NS_PER_MS;
}

static uint64_t
udp_wall_ms(void *ctx)
{
	(void)ctx;
	return chq_wall_ms();
}

const struct chq_transport_ops chq_transport_udp = {
	.resolve = udp_resolve,
	.open = udp_open,
	.close = udp_close,
	.send = udp_send,
	.recv = udp_recv,
	.moved = udp_moved,
	.mono_ms = udp_mono_ms,
	.wall_ms = udp_wall_ms,
	.pollable = true,
};
