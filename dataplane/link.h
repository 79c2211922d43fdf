#pragma once
/*
 * dataplane/link: the unix SOCK_SEQPACKET socket towards the control process. It listens; one control process at a
 * time is connected, the newest one. Nothing here blocks. Manager thread.
 *
 * Two ways to send: what control must learn (answers, events) waits in a bounded backlog while the socket is full;
 * what it may miss (datagrams of clients) is refused then. A backlog that overflows closes the connection: control
 * connects again and learns the state by a dump, so nothing is ever silently wrong.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/dpcmd.h"

#define CHQ_LINK_BACKLOG_BYTES (256 * 1024)

struct chq_link {
	int listen_fd, fd; /* -1: none */
	uid_t uids[2];	   /* who may connect, beside root */
	pid_t peer_pid;
	bool greeted; /* the peer's CHQ_DP_HELLO was right */
	uint8_t *backlog; /* CHQ_LINK_BACKLOG_BYTES; messages one after the other, each padded to 8 bytes */
	size_t head, tail;  /* first and end of what waits */
	uint64_t refused;   /* connections refused: wrong uid */
	uint64_t overflows; /* connections closed: backlog full */
};

/**
 * chq_link_open() - listen at @path.
 * @gid:  group that may open the socket (0660). @uids: users that may connect, beside root.
 * A socket file that is left from an earlier run is replaced: the caller holds the instance's lock.
 * Return: 0; CHQ_ENOMEM; CHQ_ENAMETOOLONG; a negated errno. On failure nothing is held.
 */
int chq_link_open(struct chq_link *l, const char *path, gid_t gid, const uid_t uids[2]);

/** chq_link_close() - both sockets; the file stays (the next start replaces it). */
void chq_link_close(struct chq_link *l);

/**
 * chq_link_accept() - take the waiting connection; a former one is closed.
 * Return: 0; CHQ_EAGAIN none waits; CHQ_EPERM wrong user (closed, counted); a negated errno.
 */
int chq_link_accept(struct chq_link *l);

/** chq_link_drop() - close the connection and forget its backlog. */
void chq_link_drop(struct chq_link *l);

static inline bool
chq_link_up(const struct chq_link *l)
{
	return l->fd >= 0 && l->greeted;
}

/**
 * chq_link_recv() - one message. @buf: CHQ_DP_MSG_MAX + 8 bytes, 8-byte aligned.
 * Return: its length > 0, not yet checked (longer than CHQ_DP_MSG_MAX if it was); CHQ_EAGAIN; CHQ_EPIPE the peer is gone (dropped).
 */
ssize_t chq_link_recv(struct chq_link *l, void *buf);

/**
 * chq_link_keep() - send @msg, or let it wait.
 * @msg: starts with struct chq_dp_hdr; its len counts.
 * Return: 0; CHQ_ENOTCONN; CHQ_EFULL the backlog is full: connection dropped.
 */
int chq_link_keep(struct chq_link *l, const void *msg);

/** chq_link_try() - send @msg now or not at all. Return: 0; CHQ_EAGAIN socket full, the caller counts; CHQ_ENOTCONN. */
int chq_link_try(struct chq_link *l, const void *msg);

/** chq_link_flush() - send what waits. Return: 0 nothing waits any more; CHQ_EAGAIN; CHQ_ENOTCONN. */
int chq_link_flush(struct chq_link *l);
