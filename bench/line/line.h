#pragma once
/*
 * bench/line: a generator on one side of a shared-memory link (memif), a relay or a plain forwarder on the other.
 *
 * Frames are made before the clock starts and what comes back is judged after it has stopped, so that the generator is
 * fast enough to keep its opposite busy.
 */
#include <stdbool.h>
#include <stdint.h>

#include "proto/frame.h"
#include "proto/ints.h"

#define LINE_HEADERS	42 /* Ethernet, IPv4, UDP */
#define LINE_PACKET_MAX 1536
#define LINE_LOGGED	96 /* of each packet that comes back */
#define LINE_SERVER	"192.168.47.1"
#define LINE_PORT	4700

struct line_options {
	const char *prepare; /* configuration whose tables are to be filled; NULL: generate */
	const char *vdev;    /* our end of the link */
	bool relay;	     /* frames come back relayed; else as they went, MACs swapped */
	bool huge;
	uint32_t sessions;
	uint16_t payload;
	unsigned int cpu, peer_cpu;
	long peer_pid; /* 0: unknown */
	unsigned int samples;
	uint32_t frames; /* of a sample */
	uint32_t window; /* frames under way at most */
	double rate;	 /* frames/s; 0: as fast as they come back */
};

/* What all samples share. */
struct line {
	struct line_options opt;
	uint16_t port;	/* of DPDK */
	uint64_t *seq;	/* last one used, a sender */
	uint64_t *seen; /* last one that came, a receiver */
	uint8_t *packets, *log;
	uint64_t *sent_tsc, *got_tsc;
	uint32_t stride; /* of packets */
	uint32_t got;	 /* logged in this sample */
	uint64_t message;
	uint64_t rng;
	double tsc_ns; /* ns a tick */
	uint64_t turns,
		waits; /* of the loop; those in which nothing could be sent and nothing had come */
	/* all samples together */
	uint64_t total, lost, wrong;
	uint64_t late, skipped; /* of the lost: came after their sample; numbers that never came */
};

/* --- line_world.c --- */

/** line_prepare() - fill the tables of a dataplane that does not run. Return: exit status. */
int line_prepare(const struct line_options *o);

/** line_packets_make() - a sample's packets, valid and fresh. */
void line_packets_make(struct line *l);

/** line_check() - judge what came back: tag, number, order, addresses. Adds to l->total, lost and wrong. */
void line_check(struct line *l);

/* --- line_pong.c --- */

/** line_pong_start() - a thread on the opposite's core. */
void line_pong_start(unsigned int cpu);

/** line_pong_ns() - how long a word takes there and back, ns: the best of many short tries. */
double line_pong_ns(double tsc_ns);

/**
 * line_urgent() - let us and all threads of @pid go first on their cores, or no longer: for a sample's milliseconds no other
 * process's time slice is in the figure. Without the right to do so nothing happens.
 */
void line_urgent(long pid, bool on);

/* --- line_run.c --- */

/** line_warm_up() - send a packet now and then until one comes back. Return: false if none does. */
bool line_warm_up(struct line *l);

/** line_sample() - send a sample's packets and log what comes back. Return: ns it took. */
double line_sample(struct line *l);
