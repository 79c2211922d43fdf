#pragma once
/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * dataplane/xdp/packet: what the program knows of a packet, its maps, and how it counts.
 *
 * What is known stands in a map element of this CPU, not on the stack: so the verifier has nothing
 * to tell apart there, and what is off a forwarded frame's way can be a function of its own (PART),
 * which is verified once and by itself. Its arguments may be missing, for all the verifier knows.
 * No pointer into the packet or a table is kept: each part takes it anew.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/path.h"
#include "dataplane/tag.h"
#include "dataplane/xdp/relay.h"

#define PART   __attribute__((noinline)) int
#define INLINE static inline __attribute__((always_inline))

#define TABLE(name, type_)                         \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1);            \
		__type(key, __u32);                \
		__type(value, type_);              \
	} name SEC(".maps")

/* The loader puts the tables themselves in the place of these. */
TABLE(chq_header, struct chq_header);
TABLE(chq_sessions, struct chq_session);
TABLE(chq_cold, struct chq_cold);
TABLE(chq_accounts, struct chq_bucket);
TABLE(chq_xdp_conf, struct chq_xdp_conf);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct chq_xdp_counts);
} chq_xdp_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, CHQ_XDP_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

/* What the checks say of a datagram: GO, the counter of a verdict to drop it under, or one of the
 * others. */
enum { GO = 0, UP = CHQ_C__COUNT, NOT_OURS };

/* What a datagram begins with, as a struct and as it is hashed. */
union frame {
	struct chq_frame_hdr hdr;
	uint64_t w[6];
};

struct datagram {
	union frame f;
	union chq_path_words src, out;
	uint64_t now_ns;
	uint64_t from_ident;
	uint64_t rest; /* what the UDP checksum said, without addresses and ports */
	uint32_t now_s;
	uint32_t to_slot;
	uint32_t off;	 /* of the datagram in its packet */
	uint32_t len;	 /* of the datagram */
	uint32_t refuse; /* counter to drop it under, once it is no replay; 0 = not refused */
	uint32_t gen;
	uint32_t sound;	     /* the receiver's path was no mixture */
	uint32_t whole;	     /* nothing follows the datagram */
	uint32_t from_epoch; /* the sender's */
	uint32_t judged;     /* the receiver may get it: a worker would not hand it up */

	/* Of this CPU, for the next one. */
	uint32_t last_local; /* where the last one's address was found: looked at first */
	uint64_t clock_ns, clock_jiffy;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct datagram);
} datagrams SEC(".maps");

INLINE void *
element(void *map, uint32_t number)
{
	return bpf_map_lookup_elem(map, &number);
}

/* Load a cache line that is needed soon, so that several are on their way at a time. */
INLINE void
touch(const void *line)
{
	(void)CHQ_LOAD_RELAXED((const uint64_t *)line);
}

INLINE struct chq_session *
session_at(uint32_t slot)
{
	return element(&chq_sessions, slot);
}

INLINE struct chq_header *
header(void)
{
	return element(&chq_header, 0);
}

/* The coarse clock. It moves with the ticks, and a tick is known without a call. */
INLINE uint64_t
clock(struct datagram *d)
{
	uint64_t jiffy = bpf_jiffies64();

	if (d->clock_jiffy != jiffy) {
		d->clock_jiffy = jiffy;
		d->clock_ns = bpf_ktime_get_coarse_ns();
	}
	return d->clock_ns;
}

/* --- counting --- */

INLINE void
count_add(uint32_t counter, uint64_t n)
{
	struct chq_xdp_counts *c = element(&chq_xdp_counts, 0);

	if (c && counter < CHQ_C__COUNT)
		c->n[counter] += n;
}

INLINE void
count(uint32_t counter)
{
	count_add(counter, 1);
}

/* A verdict. Each datagram that is decided here comes by once. */
INLINE void
decide(const struct datagram *d, uint32_t counter)
{
	struct chq_xdp_counts *c = element(&chq_xdp_counts, 0);

	if (!c || counter >= CHQ_C__COUNT)
		return;
	c->n[CHQ_C_RX]++;
	c->n[CHQ_C_RX_BYTES] += d->len;
	c->n[counter]++;
}

INLINE int
drop(const struct datagram *d, uint32_t counter)
{
	decide(d, counter);
	return XDP_DROP;
}

/* --- the process --- */

/* Has the thread that serves this queue been seen alive just now? Clocks differ by a little: an age
 * below zero is young. */
INLINE int
heart_beats(const struct xdp_md *ctx, const struct chq_xdp_conf *conf, uint64_t now_ns)
{
	const struct chq_header *h = header();
	uint32_t queue = ctx->rx_queue_index, cell;

	if (!h || queue >= CHQ_XDP_QUEUES_MAX)
		return 0;
	cell = CHQ_LOAD_RELAXED(&conf->beat[queue]);
	if (cell >= CHQ_TABLE_WORKERS_MAX)
		return 0;
	return (int64_t)(now_ns - CHQ_LOAD_RELAXED(&h->heartbeat[cell].now_ns)) <
	       (int64_t)CHQ_XDP_BEAT_MAX_NS;
}

/* Is there a process whose UDP socket takes what is passed on? */
PART
process_lives(struct xdp_md *ctx, uint64_t now_ns)
{
	const struct chq_xdp_conf *conf = element(&chq_xdp_conf, 0);

	return conf && conf->mode == CHQ_XDP_FORWARD && heart_beats(ctx, conf, now_ns);
}

/* What the program cannot decide. No table was changed for it, and who takes it counts it. */
PART
hand_up(struct xdp_md *ctx, const struct datagram *d)
{
	if (!d)
		return XDP_ABORTED;
	if (!process_lives(ctx, d->now_ns))
		return drop(d, CHQ_D_NO_PROCESS);
	count(CHQ_C_XDP_PROCESS);
	return XDP_PASS;
}
