// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * dataplane/xdp/steer: stands on an interface of the driver af_xdp and hands the datagrams that go
 * to an address and port of ours to the AF_XDP socket of their queue. Everything else, and
 * everything while a queue has no socket, goes on to the kernel.
 *
 * libxdp, which DPDK's AF_XDP driver uses, joins a program that is attached already when it has
 * this name, this map and this version; so the program is ours, and so is the pinned link that
 * keeps it attached when the process is killed.
 *
 * A first fragment with our port goes to the process, which counts it. Later fragments and IPv6
 * extension headers do not show whose they are: they go to the kernel.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/xdp/steer.h"

#define IPV4_OFFSET 0x1fff

struct vlan_hdr {
	__be16 tci;
	__be16 type;
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, CHQ_STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CHQ_STEER_LOCALS_MAX);
	__type(key, struct chq_steer_key);
	__type(value, __u8);
} chq_locals SEC(".maps");

/* A variable whose type tells libxdp the version; it has no bytes that anybody reads. */
__uint(xsk_prog_version, 1) SEC("xdp_metadata");

/* Return: the UDP header, @key holding the destination's address; 0 if it is not UDP. */
static __always_inline struct udphdr *
parse_ipv4(void *at, void *end, struct chq_steer_key *key)
{
	struct iphdr *ip = at;
	__u32 len;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->protocol != IPPROTO_UDP ||
	    (ip->frag_off & bpf_htons(IPV4_OFFSET)))
		return 0;
	len = ip->ihl * 4;
	if (len < sizeof(*ip))
		return 0;
	key->ip[10] = key->ip[11] = 0xff;
	__builtin_memcpy(key->ip + 12, &ip->daddr, 4);
	return at + len;
}

static __always_inline struct udphdr *
parse_ipv6(void *at, void *end, struct chq_steer_key *key)
{
	struct ipv6hdr *ip = at;

	if ((void *)(ip + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP)
		return 0;
	__builtin_memcpy(key->ip, &ip->daddr, 16);
	return (void *)(ip + 1);
}

SEC("xdp")
int
xsk_def_prog(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct chq_steer_key key = { 0 };
	struct udphdr *udp = 0;
	struct ethhdr *eth = data;
	void *at = eth + 1;
	__be16 type;

	if (at > end)
		return XDP_PASS;
	type = eth->h_proto;
	if (type == bpf_htons(ETH_P_8021Q)) {
		struct vlan_hdr *vlan = at;

		at = vlan + 1;
		if (at > end)
			return XDP_PASS;
		type = vlan->type;
	}
	if (type == bpf_htons(ETH_P_IP))
		udp = parse_ipv4(at, end, &key);
	else if (type == bpf_htons(ETH_P_IPV6))
		udp = parse_ipv6(at, end, &key);
	if (!udp || (void *)(udp + 1) > end)
		return XDP_PASS;
	__builtin_memcpy(key.port_be, &udp->dest, 2);
	if (!bpf_map_lookup_elem(&chq_locals, &key))
		return XDP_PASS;
	return bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
}

/* The kernel asks for a word it knows; GPL-2.0 is one of the two licences above. */
char _license[] SEC("license") = "GPL";
