#pragma once
/*
 * dataplane/xdp/relay: what the XDP program and the process that loads it agree on, beside the
 * tables themselves (dataplane/table.h), which the program is given as maps.
 *
 * One program for both drivers. It takes a datagram to one of our addresses, and
 *   - driver af_xdp: hands it to the AF_XDP socket of its queue, while there is one and the heartbeat
 *     of that queue's worker is younger than CHQ_XDP_BEAT_MAX_NS;
 *   - else forwards it by itself. What it cannot decide goes to the UDP socket of the process
 *     (driver xdp), while the heartbeat is young; else it is dropped under CHQ_D_NO_PROCESS.
 * Every other packet goes on to the kernel.
 *
 * Maps of one interface, pinned in <bpffs>/<instance> (dataplane/xdp_link.h):
 *   xsks_map         XSKMAP: AF_XDP socket by queue
 *   chq_xdp_conf     struct chq_xdp_conf, one element, mmapable. Writer: manager
 *   chq_xdp_counts   struct chq_xdp_counts, one element a CPU. Writer: program
 * Maps of the instance: chq_header, chq_sessions, chq_cold, chq_accounts. Never chq_hop.
 */
#include "dataplane/counters.h"
#include "proto/ints.h"

#define CHQ_XDP_QUEUES_MAX  64
#define CHQ_XDP_BEAT_MAX_NS UINT64_C(50000000)
#define CHQ_XDP_BEAT_NONE   0xff /* no worker for that queue: never handed over */

enum chq_xdp_mode {
	CHQ_XDP_FORWARD = 0, /* driver xdp */
	CHQ_XDP_STEER = 1,   /* driver af_xdp */
};

struct chq_xdp_conf {
	uint64_t test_now_ns; /* clock of tests; 0 = the kernel's */
	uint8_t mode;	      /* enum chq_xdp_mode */
	uint8_t ifidx;	      /* this interface in chq_header.port_info */
	uint16_t no_redirect; /* bit i: what is redirected to chq_header.port_info[i] would be lost */
	uint8_t pad[4];
	uint8_t beat[CHQ_XDP_QUEUES_MAX]; /* by receive queue: index into chq_header.heartbeat, or CHQ_XDP_BEAT_NONE */
	char why_generic[112]; /* the manager's own: why the program is not attached in native mode */
};

struct chq_xdp_counts {
	uint64_t n[CHQ_C__COUNT];
};
