#pragma once

/*
 * The connection to the dataplane: a unix SOCK_SEQPACKET socket, connected again and again until it
 * holds. What cannot be sent at once waits in a bounded queue. Everything here is on the loop's thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "proto/dpcmd.h"

struct event;
struct event_base;

struct dp_link_ops {
	void (*connected)(void *arg); /* to begin with CHQ_DP_HELLO */
	void (*lost)(void *arg);      /* calls under way were told so before */
	/* One well-formed message that answers no dp_link_call(). @msg is 8-byte aligned. */
	void (*message)(void *arg, int type, const void *msg);
};

/**
 * dp_answer_fn - the end of a call: CHQ_DP_SESSION_OPENED, CHQ_DP_DONE or CHQ_DP_QUOTA.
 * @answer: NULL if the connection was lost before it came: nobody knows what was done.
 */
typedef void dp_answer_fn(void *arg, const struct chq_dp_hdr *answer);

struct dp_queued {
	uint16_t len;
	uint8_t *msg;
};

struct dp_link {
	struct event_base *base;
	const struct dp_link_ops *ops;
	void *arg;
	const char *path;
	int fd; /* -1: not connected */
	struct event *readable, *writable, *retry;
	unsigned retry_ms;
	struct dp_queued *queue; /* ring of DP_QUEUE_MAX */
	unsigned queue_head, queue_used;
	bool full;	      /* a command was refused: the connection is about to be dropped */
	bool paused;	      /* nothing is read while so much waits */
	struct chq_map calls; /* by request number */
	uint32_t last_req;
	uint64_t refused; /* messages that found the queue full */
};

/**
 * dp_link_init() - begin to connect.
 * @path: of the dataplane's socket; must live as long as the link.
 *
 * Return: 0; CHQ_ENOMEM. On failure nothing is held.
 */
int dp_link_init(struct dp_link *l, struct event_base *base, const char *path,
		 const struct dp_link_ops *ops, void *arg);

/* Calls under way are told that the connection is lost; ops are not called any more. */
void dp_link_deinit(struct dp_link *l);

bool dp_link_up(const struct dp_link *l);

/* Drop the connection, as if the other side had, and try again later. */
void dp_link_drop(struct dp_link *l, const char *why);

/**
 * dp_link_send() - send a message; its header's length is set.
 *
 * CHQ_DP_DGRAM_TX and CHQ_DP_FRAME_TX may be lost and are refused first. When there is no room for
 * anything else, the connection is dropped soon after: the next one begins with a dump.
 *
 * Return: 0; CHQ_ENOTCONN; CHQ_ENOBUFS if the queue is full (counted).
 */
int dp_link_send(struct dp_link *l, const struct chq_dp_hdr *msg);

/**
 * dp_link_call() - send a message that is answered; its request number is made here.
 * @answer: called exactly once if 0 is returned, never from within this call.
 *
 * Return: 0; CHQ_ENOTCONN; CHQ_ENOBUFS; CHQ_ENOMEM. Then @answer is not called.
 */
int dp_link_call(struct dp_link *l, struct chq_dp_hdr *msg, dp_answer_fn *answer, void *arg);
