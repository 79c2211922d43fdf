#pragma once
/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * dataplane/xdp/write: the headers in front of a datagram, and its way out. Writes what
 * chq_eth_build() and chq_eth_make() write.
 *
 * A forwarded datagram's checksum is updated, never computed (RFC 1624), so that a damaged payload
 * still does not match it. Sums are equal modulo 0xffff whatever order their parts come in.
 */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include "dataplane/xdp/parse.bpf.h"

#define IPV4_DONT 0x4000
#define TTL	  64
#define AF_INET_  2
#define AF_INET6_ 10

struct route {
	const struct chq_local *local;
	const struct chq_port *port;
	uint32_t ipv6, vlan;
	uint32_t len; /* of the datagram */
};

INLINE uint32_t
path_vlan(const union chq_path_words *p)
{
	return p->w[2] >> 16 & 0xffff;
}

INLINE uint32_t
path_local(const union chq_path_words *p)
{
	return p->w[2] >> 32 & 0xff;
}

INLINE uint32_t
path_ifidx(const union chq_path_words *p)
{
	return p->w[2] >> 40 & 0xff;
}

INLINE int
path_has_mac(const union chq_path_words *p)
{
	return (p->w[2] >> 48 | p->w[3] << 32) != 0;
}

/* Return: 1; 0 if nothing can be sent to d->out. */
INLINE int
route_find(const struct datagram *d, struct route *r)
{
	const struct chq_header *h = header();
	uint32_t local = path_local(&d->out), ifidx = path_ifidx(&d->out);

	if (!h || local >= h->locals || local >= CHQ_TABLE_LOCALS_MAX || ifidx >= h->ports ||
	    ifidx >= CHQ_TABLE_PORTS_MAX || !path_has_mac(&d->out))
		return 0;
	r->local = &h->local[local];
	r->port = &h->port_info[ifidx];
	r->ipv6 = !is_v4(d->out.w[0], d->out.w[1]);
	r->vlan = path_vlan(&d->out);
	return r->ipv6 != (uint32_t)is_v4(r->local->ip_hi, r->local->ip_lo) &&
	       (r->local->ip_hi | r->local->ip_lo) != 0;
}

/* Let the packet end with the datagram, and begin where its new headers do. Return: 1 or 0. */
INLINE int
resize(struct xdp_md *ctx, const struct datagram *d, const struct route *r)
{
	int headers = ETH_HLEN + (r->vlan ? VLAN_HDR_LEN : 0) +
		      (int)(r->ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
		      (int)sizeof(struct udphdr);
	int extra = (int)d->off - headers;

	if (!d->whole || r->len != d->len) {
		int over = (int)(bpf_xdp_get_buff_len(ctx) - d->off) - (int)r->len;

		if (over > 0 && bpf_xdp_adjust_tail(ctx, -over))
			return 0;
	}
	return extra == 0 || bpf_xdp_adjust_head(ctx, extra) == 0;
}

INLINE uint16_t
check_of(uint64_t sum)
{
	return (uint16_t)~fold(sum);
}

/* Return: the UDP header's place; 0 if the packet is too short. */
INLINE void *
put_ipv4(void *at, void *end, const struct datagram *d, const struct route *r)
{
	uint32_t *w = at;
	uint32_t src = (uint32_t)(r->local->ip_lo >> 32), dst = (uint32_t)(d->out.w[1] >> 32);
	uint32_t first = 0x45 | (uint32_t)bpf_htons((uint16_t)(28 + r->len)) << 16;
	uint32_t second = (uint32_t)bpf_htons(IPV4_DONT) << 16;
	uint32_t third = TTL | IPPROTO_UDP << 8;

	if ((void *)(w + 5) > end)
		return 0;
	third |= (uint32_t)check_of((uint64_t)first + second + third + src + dst) << 16;
	w[0] = first;
	w[1] = second;
	w[2] = third;
	w[3] = src;
	w[4] = dst;
	return w + 5;
}

INLINE void *
put_ipv6(void *at, void *end, const struct datagram *d, const struct route *r)
{
	uint64_t *w = at;

	if ((void *)(w + 5) > end)
		return 0;
	w[0] = 0x60 | (uint64_t)bpf_htons((uint16_t)(8 + r->len)) << 32 |
	       (uint64_t)IPPROTO_UDP << 48 | (uint64_t)TTL << 56;
	w[1] = r->local->ip_hi;
	w[2] = r->local->ip_lo;
	w[3] = d->out.w[0];
	w[4] = d->out.w[1];
	return w + 5;
}

/* Return: the IP header's place; 0 if the packet is too short. */
INLINE void *
put_link(void *data, void *end, const struct datagram *d, const struct route *r)
{
	uint16_t *w = data;
	uint16_t type = r->ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);

	if ((void *)(w + 9) > end)
		return 0;
	w[0] = (uint16_t)(d->out.w[2] >> 48);
	*(uint32_t *)(w + 1) = (uint32_t)d->out.w[3];
	*(uint32_t *)(w + 3) = *(const uint32_t *)r->port->mac;
	w[5] = *(const uint16_t *)(r->port->mac + 4);
	if (!r->vlan) {
		w[6] = type;
		return w + 7;
	}
	w[6] = bpf_htons(ETH_P_8021Q);
	w[7] = bpf_htons((uint16_t)r->vlan);
	w[8] = type;
	return w + 9;
}

/* @sum: of what the checksum covers, but for addresses and ports. Return: 1 or 0. */
INLINE int
put_headers(const struct xdp_md *ctx, const struct datagram *d, const struct route *r, uint64_t sum)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	void *at = put_link(data, end, d, r);
	uint16_t *udp, source = bpf_htons(r->local->port);
	uint16_t dest = bpf_htons((uint16_t)d->out.w[2]), check;

	if (!at)
		return 0;
	udp = r->ipv6 ? put_ipv6(at, end, d, r) : put_ipv4(at, end, d, r);
	if (!udp || (void *)(udp + 4) > end)
		return 0;
	sum += sum64(r->local->ip_hi) + sum64(r->local->ip_lo) + sum64(d->out.w[0]) +
	       sum64(d->out.w[1]) + source + dest;
	check = check_of(sum);
	udp[0] = source;
	udp[1] = dest;
	udp[2] = bpf_htons((uint16_t)(sizeof(struct udphdr) + r->len));
	udp[3] = check ? check : 0xffff;
	return 1;
}

/* Return: XDP_TX or XDP_REDIRECT; XDP_DROP if that interface is not the kernel's. */
INLINE int
leave(const struct datagram *d, const struct route *r)
{
	uint32_t ifindex = CHQ_LOAD_RELAXED(&r->port->kernel_ifindex);

	if (path_ifidx(&d->out) == path_ifidx(&d->src))
		return XDP_TX;
	if (ifindex == 0 || (ifindex & CHQ_PORT_NOT_KERNEL))
		return XDP_DROP;
	return (int)bpf_redirect(ifindex, 0);
}

/*
 * Let the @len bytes at d->off, which are in place, go to d->out. @sum: as for put_headers().
 * Return: what the program returns; XDP_DROP if there is no way.
 */
INLINE int
send(struct xdp_md *ctx, const struct datagram *d, uint32_t len, uint64_t sum)
{
	struct route r;
	int action;

	r.len = len;
	if (!route_find(d, &r))
		return XDP_DROP;
	action = leave(d, &r);
	return action != XDP_DROP && resize(ctx, d, &r) && put_headers(ctx, d, &r, sum) ? action
											: XDP_DROP;
}

/* The same, counted. */
PART
transmit(struct xdp_md *ctx, const struct datagram *d, uint32_t len, uint64_t sum)
{
	int action;

	if (!d)
		return XDP_ABORTED;
	action = send(ctx, d, len, sum);
	count(action == XDP_DROP ? CHQ_D_NO_ROUTE : CHQ_C_TX);
	if (action != XDP_DROP)
		count_add(CHQ_C_TX_BYTES, len);
	return action;
}

/* Protocol and length, twice, of a datagram that is ours entirely. */
INLINE uint64_t
sum_new(uint32_t len)
{
	return bpf_htons(IPPROTO_UDP) +
	       2 * (uint64_t)bpf_htons((uint16_t)(sizeof(struct udphdr) + len));
}

/* Return: where the datagram's first @len bytes are; 0 if they are not all there. */
INLINE void *
datagram_at(const struct xdp_md *ctx, const struct datagram *d, uint32_t len)
{
	void *end = (void *)(long)ctx->data_end;
	void *at = (void *)(long)ctx->data + (d->off & OFF_MASK);

	return at + len > end ? 0 : at;
}

/* Write d->f as a datagram without payload, and send it. */
INLINE int
transmit_new(struct xdp_md *ctx, const struct datagram *d)
{
	uint64_t *w = datagram_at(ctx, d, CHQ_FRAME_HDR_LEN);
	uint64_t sum = sum_new(CHQ_FRAME_HDR_LEN);

	if (!w)
		return XDP_ABORTED;
	for (int i = 0; i < 6; i++) {
		w[i] = d->f.w[i];
		sum += sum64(d->f.w[i]);
	}
	return transmit(ctx, d, CHQ_FRAME_HDR_LEN, sum);
}

/* Write d->f in front of the payload that came, and send both. */
INLINE int
transmit_frame(struct xdp_md *ctx, const struct datagram *d)
{
	uint64_t *w = datagram_at(ctx, d, CHQ_FRAME_HDR_LEN);
	uint64_t sum = d->rest;

	if (!w)
		return XDP_ABORTED;
	for (int i = 0; i < 6; i++) {
		sum += sum64(~w[i]) + sum64(d->f.w[i]);
		w[i] = d->f.w[i];
	}
	return transmit(ctx, d, d->len, sum);
}

/* --- next hop --- */

/* Can a packet leave from here by that interface? Not every one takes what is redirected to it. */
INLINE int
way_open(const struct datagram *d, uint32_t ifidx)
{
	const struct chq_xdp_conf *conf;

	if (ifidx == path_ifidx(&d->src))
		return 1;
	conf = element(&chq_xdp_conf, 0);
	return conf && !(CHQ_LOAD_RELAXED(&conf->no_redirect) >> (ifidx & 15) & 1);
}

/* Return: index of the interface in our list of ports, -1 if it is none of ours. */
INLINE int
port_find(const struct chq_header *h, uint32_t ifindex)
{
	uint32_t n = CHQ_LOAD_ACQUIRE(&h->ports);

	for (uint32_t i = 0; i < CHQ_TABLE_PORTS_MAX && i < n; i++)
		if (CHQ_LOAD_RELAXED(&h->port_info[i].kernel_ifindex) == ifindex)
			return (int)i;
	return -1;
}

INLINE void
fib_fill(struct bpf_fib_lookup *f, const struct xdp_md *ctx, const struct datagram *d,
	 const struct chq_local *l)
{
	f->l4_protocol = IPPROTO_UDP;
	f->sport = bpf_htons(l->port);
	f->dport = bpf_htons((uint16_t)d->out.w[2]);
	f->ifindex = ctx->ingress_ifindex;
	if (is_v4(d->out.w[0], d->out.w[1])) {
		f->family = AF_INET_;
		f->tot_len = (uint16_t)(sizeof(struct iphdr) + sizeof(struct udphdr) + d->len);
		f->ipv4_src = (uint32_t)(l->ip_lo >> 32);
		f->ipv4_dst = (uint32_t)(d->out.w[1] >> 32);
	} else {
		f->family = AF_INET6_;
		f->tot_len = (uint16_t)(sizeof(struct ipv6hdr) + sizeof(struct udphdr) + d->len);
		*(uint64_t *)f->ipv6_src = l->ip_hi;
		*(uint64_t *)(f->ipv6_src + 2) = l->ip_lo;
		*(uint64_t *)f->ipv6_dst = d->out.w[0];
		*(uint64_t *)(f->ipv6_dst + 2) = d->out.w[1];
	}
}

/*
 * The kernel's next hop for a receiver whose record has none (its frames came by a socket): into
 * d->out. It is not there where the kernel does not forward, or does not know the neighbour.
 * Return: 1 or 0.
 */
PART
next_hop(struct xdp_md *ctx, struct datagram *d)
{
	const struct chq_header *h = header();
	struct bpf_fib_lookup f = { 0 };
	uint32_t local;
	int port;

	if (!d || !h)
		return 0;
	local = path_local(&d->out);
	if (local >= h->locals || local >= CHQ_TABLE_LOCALS_MAX)
		return 0;
	fib_fill(&f, ctx, d, &h->local[local]);
	if (bpf_fib_lookup(ctx, &f, sizeof(f), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return 0;
	port = port_find(h, f.ifindex);
	if (port < 0 || !way_open(d, (uint32_t)port))
		return 0;
	d->out.w[2] = (uint16_t)d->out.w[2] | (uint64_t)local << 32 |
		      (uint64_t)(uint32_t)port << 40 |
		      (uint64_t)(f.dmac[0] | (uint32_t)f.dmac[1] << 8) << 48;
	d->out.w[3] = f.dmac[2] | (uint32_t)f.dmac[3] << 8 | (uint32_t)f.dmac[4] << 16 |
		      (uint32_t)f.dmac[5] << 24;
	return 1;
}
