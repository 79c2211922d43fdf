#pragma once

/*
 * The datagram socket and the clocks of a client, behind a table of functions, so that a test can run
 * clients over a network of its own and in a time of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define CHQ_TARGETS_MAX 8

/* One address of the server. */
struct chq_target {
	struct sockaddr_storage sa;
	socklen_t len;
};

struct chq_transport_ops {
	/* Addresses of a host: 1 to @max, or a negative error. May block as long as the resolver does. */
	int (*resolve)(void *ctx, const char *host, uint16_t port, struct chq_target *out, int max);
	/* A non-blocking socket towards @to: its number >= 0, or a negative error. */
	int (*open)(void *ctx, const struct chq_target *to);
	void (*close)(void *ctx, int fd);
	/* One datagram out: 0 or a negative error; a loss is not one. */
	int (*send)(void *ctx, int fd, const void *buf, size_t len);
	/* One datagram in: its length, cut at @size; CHQ_EAGAIN if none is there; another error. */
	ssize_t (*recv)(void *ctx, int fd, void *buf, size_t size);
	/* Would a new socket towards @to now have another address than @fd has? */
	bool (*moved)(void *ctx, int fd, const struct chq_target *to);
	uint64_t (*mono_ms)(void *ctx);
	uint64_t (*wall_ms)(void *ctx);
	bool pollable; /* sockets are descriptors that epoll takes */
};

/* UDP sockets and the system's clocks; its ctx is NULL. */
extern const struct chq_transport_ops chq_transport_udp;

struct chq_transport {
	const struct chq_transport_ops *ops;
	void *ctx;
	int fd;	  /* socket, -1 if none */
	int epfd; /* what the application polls: socket and timer */
	int timerfd;
	struct chq_target target[CHQ_TARGETS_MAX];
	int targets, current;
};

/**
 * chq_transport_init() - make the descriptor to be polled; no socket yet.
 * @ops: NULL for chq_transport_udp.
 *
 * Return: 0; a negated errno.
 */
int chq_transport_init(struct chq_transport *t, const struct chq_transport_ops *ops, void *ctx);
void chq_transport_deinit(struct chq_transport *t);

/**
 * chq_transport_resolve() - find the server's addresses; the first one is next.
 * Return: 0; CHQ_EHOSTUNREACH if the name has none; CHQ_EAGAIN if the resolver cannot tell now.
 */
int chq_transport_resolve(struct chq_transport *t, const char *host, uint16_t port);

/* Go on to the next address of the server; it takes effect with the next chq_transport_open(). */
void chq_transport_next_target(struct chq_transport *t);

/**
 * chq_transport_open() - a new socket instead of the present one; that is kept if this fails.
 * Return: 0; a negative error.
 */
int chq_transport_open(struct chq_transport *t);
void chq_transport_close(struct chq_transport *t);

/* CHQ_ENOTCONN without a socket; else as the operations. */
int chq_transport_send(struct chq_transport *t, const void *buf, size_t len);
ssize_t chq_transport_recv(struct chq_transport *t, void *buf, size_t size);
bool chq_transport_moved(struct chq_transport *t);

/* Let the polled descriptor become readable after @delay_ms (0: at once; negative: not by time). */
void chq_transport_arm(struct chq_transport *t, int64_t delay_ms);

static inline uint64_t
chq_transport_mono_ms(const struct chq_transport *t)
{
	return t->ops->mono_ms(t->ctx);
}

static inline uint64_t
chq_transport_wall_ms(const struct chq_transport *t)
{
	return t->ops->wall_ms(t->ctx);
}
