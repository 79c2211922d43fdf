#pragma once
/*
 * dataplane/pkt: one datagram on its way through the stages. The stages know no driver: a driver
 * fills the first part, the stages the second, and the driver sends what the verdict says.
 */
#include <stdint.h>

#include "dataplane/table.h"

#define CHQ_BURST 32

enum chq_verdict {
	CHQ_V_DROP = 0,
	CHQ_V_TX,     /* send p->dgram to p->out (forwarded, answered in place, RETRY, NOTICE) */
	CHQ_V_UP,     /* hand to the manager: p->up says as what */
	CHQ_V_KERNEL, /* not ours */
};

enum chq_up {
	CHQ_UP_HELLO = 1,
	CHQ_UP_SERVER,
	CHQ_UP_FRAME, /* p->why: enum chq_dp_why */
};

struct chq_pkt {
	/* --- driver --- */
	uint8_t *l2; /* first byte of the Ethernet header; NULL with drivers that have none */
	uint8_t *dgram; /* first byte of the UDP payload; writable; at least CHQ_DGRAM_MAX bytes of room */
	uint16_t l2_len; /* whole packet */
	uint16_t dgram_len;
	uint8_t l3_off, l4_off; /* from l2 */
	uint8_t ipv6;
	uint16_t rx_sum; /* ones' complement sum of what chq_eth_build() replaces; see dataplane/eth.h */
	struct chq_path
		src; /* where it came from: ip, port, local, vlan, ifidx, mac of the previous hop */
	void *drv;   /* the driver's own handle (mbuf, buffer index) */

	/* --- stages --- */
	struct chq_frame_hdr hdr; /* parsed header of a FRAME, host order */
	struct chq_session *from; /* sender's record */
	struct chq_session *to;	  /* receiver's record */
	uint32_t from_slot, to_slot;
	uint64_t from_ident; /* the sender's, as it was when its tag was verified */
	uint64_t to_ident;   /* rx_ident of the receiver when it was chosen */
	uint16_t from_gen;   /* generation of the sender's slot when its tag was verified */
	uint16_t refuse; /* enum chq_counter: to be dropped under it once it is no replay; 0 = not refused */
	uint16_t from_epoch; /* the sender's epoch, read together with from_ident */
	struct chq_path out; /* where to send, for CHQ_V_TX */
	uint8_t verdict;     /* enum chq_verdict */
	uint8_t up;	     /* enum chq_up */
	uint8_t why;	     /* enum chq_dp_why */
	uint8_t moved; /* 1: came from another address than its session's (set where a table may be written) */
	uint8_t from_state; /* enum chq_session_state, as it was when the tag key was read */
	uint16_t count;	    /* enum chq_counter that the verdict was counted under */
};
