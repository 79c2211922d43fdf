#pragma once
/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * dataplane/xdp/parse: from a packet to a datagram of ours. Judges as chq_eth_parse() does, but
 * that IPv4 options, first fragments and packets in several pieces are left to the process.
 */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "dataplane/xdp/packet.bpf.h"

#define IPV4_MORE	 0x2000
#define IPV4_OFFSET	 0x1fff
#define V4_MAPPED_PREFIX UINT64_C(0xffff0000) /* bytes 8..11 of ::ffff:a.b.c.d, in little endian */
#define V4_MAPPED_MASK	 UINT64_C(0xffffffff)
#define VLAN_HDR_LEN	 4
#define OFF_MASK	 0x7f /* an offset within a packet's headers */

/* Our datagram's surroundings, as its packet tells them. */
struct layers {
	uint64_t dst_hi, dst_lo;
	uint32_t udp_room; /* bytes of IP payload, as the IP header tells them */
	uint32_t odd;	   /* options, or a fragment */
	uint32_t bad_sum;  /* IPv4 header's checksum is wrong */
	uint32_t ipv6;
};

INLINE int
is_v4(uint64_t ip_hi, uint64_t ip_lo)
{
	return ip_hi == 0 && (ip_lo & V4_MAPPED_MASK) == V4_MAPPED_PREFIX;
}

/* Sums of 16-bit words in the byte order they have in memory (RFC 1071). */
INLINE uint64_t
sum64(uint64_t word)
{
	return (uint64_t)(uint32_t)word + (word >> 32);
}

INLINE uint32_t
fold(uint64_t sum)
{
	sum = (uint64_t)(uint32_t)sum + (sum >> 32); /* 33 bits */
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

/* Return: the UDP header; 0 if none can be ours. */
INLINE struct udphdr *
parse_ipv4(void *at, void *end, struct datagram *d, struct layers *l)
{
	const uint32_t *w = at;
	uint32_t head, total, frag;

	if ((void *)(w + 5) > end || (w[0] & 0xf0) != 0x40 || (w[2] >> 8 & 0xff) != IPPROTO_UDP)
		return 0;
	head = (w[0] & 15) * 4;
	total = bpf_ntohs((uint16_t)(w[0] >> 16));
	frag = bpf_ntohs((uint16_t)(w[1] >> 16));
	if (head < 20 || total < head + sizeof(struct udphdr) || (frag & IPV4_OFFSET))
		return 0;
	l->ipv6 = 0;
	l->odd = head != 20 || (frag & IPV4_MORE);
	l->bad_sum = fold((uint64_t)w[0] + w[1] + w[2] + w[3] + w[4]) != 0xffff;
	l->udp_room = total - head;
	l->dst_hi = d->src.w[0] = 0;
	d->src.w[1] = (uint64_t)w[3] << 32 | V4_MAPPED_PREFIX;
	l->dst_lo = (uint64_t)w[4] << 32 | V4_MAPPED_PREFIX;
	return at + head;
}

INLINE struct udphdr *
parse_ipv6(void *at, void *end, struct datagram *d, struct layers *l)
{
	const uint64_t *w = at;

	if ((void *)(w + 5) > end || (w[0] & 0xf0) != 0x60 || (w[0] >> 48 & 0xff) != IPPROTO_UDP)
		return 0;
	l->ipv6 = 1;
	l->odd = l->bad_sum = 0;
	l->udp_room = bpf_ntohs((uint16_t)(w[0] >> 32));
	d->src.w[0] = w[1];
	d->src.w[1] = w[2];
	l->dst_hi = w[3];
	l->dst_lo = w[4];
	return (void *)(w + 5);
}

INLINE int
local_matches(const struct chq_local *l, uint64_t ip_hi, uint64_t ip_lo, uint32_t port)
{
	return l->ip_lo == ip_lo && l->ip_hi == ip_hi && l->port == port &&
	       CHQ_LOAD_RELAXED(&l->ifidx) != CHQ_LOCAL_GONE;
}

/* Return: index of our address; -1 if it is none, or is on no interface now. */
PART
local_search(uint64_t ip_hi, uint64_t ip_lo, uint32_t port)
{
	const struct chq_header *h = header();
	uint32_t n;

	if (!h || (ip_hi | ip_lo) == 0)
		return -1;
	n = CHQ_LOAD_ACQUIRE(&h->locals);
	for (uint32_t i = 0; i < CHQ_TABLE_LOCALS_MAX && i < n; i++)
		if (local_matches(&h->local[i], ip_hi, ip_lo, port))
			return (int)i;
	return -1;
}

INLINE int
local_find(const struct chq_header *h, struct datagram *d, const struct layers *l, uint32_t port)
{
	uint32_t last = d->last_local & (CHQ_TABLE_LOCALS_MAX - 1);
	int local;

	if (last < CHQ_LOAD_ACQUIRE(&h->locals) &&
	    local_matches(&h->local[last], l->dst_hi, l->dst_lo, port))
		return (int)last;
	local = local_search(l->dst_hi, l->dst_lo, port);
	if (local >= 0)
		d->last_local = (uint32_t)local;
	return local;
}

/* Could an answer go to the source: no multicast, unspecified or loopback address, not our own? */
INLINE int
source_ok(const struct datagram *d, const struct layers *l)
{
	uint64_t hi = d->src.w[0], lo = d->src.w[1];
	uint32_t v4 = lo >> 32 & 0xff;

	if ((uint16_t)d->src.w[2] == 0 || (d->src.w[2] >> 48 & 1))
		return 0;
	if (hi == l->dst_hi && lo == l->dst_lo)
		return 0;
	if (!l->ipv6)
		return v4 != 0 && v4 != 127 && v4 < 224;
	if (hi == 0 && (lo & V4_MAPPED_MASK) == 0)
		return 0; /* ::, ::1 and the obsolete ::a.b.c.d */
	return !is_v4(hi, lo) && (hi & 0xff) != 0xff;
}

/* Return: the UDP header; 0 if none can be ours. d->src but its port and our address is filled. */
INLINE struct udphdr *
parse_layers(const struct xdp_md *ctx, struct datagram *d, struct layers *l)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	void *at = data + sizeof(*eth);
	uint32_t type, off = sizeof(*eth), tci = 0;

	if (at > end)
		return 0;
	type = eth->h_proto;
	if (type == bpf_htons(ETH_P_8021Q)) {
		const uint16_t *tag = at;

		at += VLAN_HDR_LEN;
		if (at > end)
			return 0;
		tci = bpf_ntohs(tag[0]);
		type = tag[1];
		off += VLAN_HDR_LEN;
	}
	d->src.w[2] = (uint64_t)tci << 16 | (uint64_t) * (const uint16_t *)(data + 6) << 48;
	d->src.w[3] = *(const uint32_t *)(data + 8);
	if (type == bpf_htons(ETH_P_IP)) {
		d->off = off + sizeof(struct iphdr) + sizeof(struct udphdr);
		return parse_ipv4(at, end, d, l);
	}
	d->off = off + sizeof(struct ipv6hdr) + sizeof(struct udphdr);
	return type == bpf_htons(ETH_P_IPV6) ? parse_ipv6(at, end, d, l) : 0;
}

/* Return: GO; UP; or the counter to drop a datagram under that goes to one of our addresses. */
INLINE int
check_layers(struct xdp_md *ctx, struct datagram *d, const struct layers *l,
	     const struct udphdr *udp)
{
	void *end = (void *)(long)ctx->data_end;
	uint32_t len = bpf_ntohs(udp->len);

	if (l->odd)
		return UP;
	if (l->bad_sum)
		return CHQ_D_CHECKSUM;
	if (len < sizeof(*udp) || len != l->udp_room)
		return CHQ_D_MALFORMED;
	if ((void *)udp + len > end &&
	    bpf_xdp_get_buff_len(ctx) < (uint64_t)d->off - sizeof(*udp) + len)
		return CHQ_D_MALFORMED;
	if (udp->check == 0)
		return CHQ_D_CHECKSUM;
	if (!source_ok(d, l))
		return CHQ_D_MALFORMED;
	if ((void *)udp + len > end)
		return UP; /* in several pieces */
	d->whole = !((void *)udp + len < end);
	d->len = len - sizeof(*udp);
	d->rest = (uint64_t)(uint16_t)~udp->check + (uint16_t)~udp->source + (uint16_t)~udp->dest +
		  sum64(~d->src.w[0]) + sum64(~d->src.w[1]) + sum64(~l->dst_hi) + sum64(~l->dst_lo);
	return GO;
}

/* Type, length and form, as chq_stage_parse(). */
INLINE int
check_datagram(const struct xdp_md *ctx, struct datagram *d, const void *dgram)
{
	void *end = (void *)(long)ctx->data_end;
	uint8_t type;

	if (d->len == 0 || dgram + 1 > end)
		return CHQ_D_SHORT;
	if (d->len > CHQ_DGRAM_MAX)
		return CHQ_D_LONG;
	type = *(const uint8_t *)dgram;
	d->f.hdr.type = type; /* of a short one the last packet's header lies there still */
	if (type == CHQ_TYPE_HELLO)
		return d->len < CHQ_HELLO_LEN ? CHQ_D_SHORT : GO;
	if (type != CHQ_TYPE_FRAME)
		return type > CHQ_TYPE_HELLO && type <= CHQ_TYPE_TRUNK ? CHQ_D_SERVER_TYPE
								       : CHQ_D_TYPE;
	if (d->len < CHQ_FRAME_HDR_LEN)
		return CHQ_D_SHORT;
	return chq_frame_form_ok(&d->f.hdr, d->len - CHQ_FRAME_HDR_LEN, 1) ? GO : CHQ_D_MALFORMED;
}
