#pragma once
/*
 * tests/parity/side: one packet through the worker's path, as the DPDK drivers do it, and through
 * the XDP program, with the outcome of both in the same words.
 */
#include "dataplane/eth.h"
#include "dataplane/worker.h"
#include "tests/parity/gen.h"

#define SIDE_ROOM 256 /* in front of a packet */

/* A packet that is longer comes in several pieces: what BPF_PROG_TEST_RUN leaves of a page. */
#define SIDE_PIECE_MAX 3520

enum fate {
	FATE_DROPPED,
	FATE_SENT,
	FATE_UP,     /* the manager's, or the process's */
	FATE_KERNEL, /* not ours */
};
extern const char *const fate_name[];

/* The tables' bytes: those that the XDP program is given. */
struct side_tables {
	struct chq_header *header;
	struct chq_session *sessions;
	struct chq_cold *cold;
	struct chq_bucket *buckets;
};

/* A packet that was sent. */
struct side_packet {
	uint8_t ifidx;
	uint16_t len;
	uint8_t bytes[GEN_FRAME_MAX + SIDE_ROOM];
};

struct outcome {
	enum fate fate;
	struct side_packet sent; /* FATE_SENT */
	uint64_t rise[CHQ_C__COUNT];
};

/* --- the worker's path --- */

struct side_worker {
	struct chq_worker *w;
	struct chq_eth_rx rx;
	uint8_t buf[SIDE_ROOM + GEN_FRAME_MAX];
	/* What the last packet was, to those who compare. */
	struct chq_pkt p;
	struct chq_frame_hdr came; /* its header, as it came; zeros if it is no FRAME */
	bool judged;		   /* it got to the stages: p's fields are set as they say */
	bool has_notice;	   /* a NOTICE was made besides */
	struct side_packet notice; /* and what was sent of it; len 0 if it had no way */
};

/** side_worker_init() - Return: 0; CHQ_ENOMEM. */
int side_worker_init(struct side_worker *s);
void side_worker_deinit(struct side_worker *s);

/** side_worker_bind() - work on these tables, with packets coming in at @ifidx. */
void side_worker_bind(struct side_worker *s, struct chq_tables *t, uint8_t ifidx);

void side_worker_run(struct side_worker *s, const struct gen_frame *f, struct outcome *out);
