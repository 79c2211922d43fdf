#include "dataplane/eth.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "dataplane/eth_sum.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define IPV4_MORE      0x2000
#define IPV4_OFFSET    0x1fff

/* --- reading --- */

/* What the layers of one packet say. */
struct layers {
	const uint8_t *ip, *udp;
	uint64_t dst_hi, dst_lo;
	size_t ip_room;	 /* bytes from ip to the end of the packet */
	size_t udp_room; /* bytes of IP payload, as the IP header tells them */
	uint16_t vlan;
	uint8_t ipv6;
	uint8_t fragment; /* a first fragment */
	uint8_t bad_sum;  /* IPv4 header's checksum is wrong */
};

static uint64_t
v4_lo(const uint8_t *addr)
{
	return (uint64_t)chq_get_le32(addr) << 32 | ETH_V4_PREFIX;
}

/* Return: ethertype of what follows, l->ip set; 0 if there is nothing that could be ours. */
static uint16_t
parse_link(const struct chq_pkt *p, struct layers *l)
{
	size_t off = CHQ_ETH_HDR_LEN;
	uint16_t type;

	if (p->l2_len < off)
		return 0;
	type = chq_get_be16(p->l2 + 12);
	if (type == ETHERTYPE_VLAN && p->l2_len >= off + CHQ_VLAN_HDR_LEN) {
		l->vlan = chq_get_be16(p->l2 + 14);
		type = chq_get_be16(p->l2 + 16);
		off += CHQ_VLAN_HDR_LEN;
	}
	l->ip = p->l2 + off;
	l->ip_room = p->l2_len - off;
	return type;
}

/* Return: nonzero if UDP follows and its ports are there to be read. */
static int
parse_ipv4(struct chq_path *src, struct layers *l)
{
	size_t head, total;
	uint16_t frag;

	if (l->ip_room < CHQ_IPV4_HDR_LEN || l->ip[0] >> 4 != 4)
		return 0;
	head = (size_t)(l->ip[0] & 15) * 4;
	total = chq_get_be16(l->ip + 2);
	frag = chq_get_be16(l->ip + 6);
	if (head < CHQ_IPV4_HDR_LEN || l->ip_room < head + CHQ_UDP_HDR_LEN ||
	    total < head + CHQ_UDP_HDR_LEN || l->ip[9] != ETH_PROTO_UDP || (frag & IPV4_OFFSET))
		return 0;
	l->fragment = (frag & IPV4_MORE) != 0;
	l->bad_sum = eth_fold(eth_sum(l->ip, head)) != 0xffff;
	l->udp = l->ip + head;
	l->udp_room = total - head;
	src->ip_hi = l->dst_hi = 0;
	src->ip_lo = v4_lo(l->ip + 12);
	l->dst_lo = v4_lo(l->ip + 16);
	return 1;
}

static int
parse_ipv6(struct chq_path *src, struct layers *l)
{
	if (l->ip_room < CHQ_IPV6_HDR_LEN + CHQ_UDP_HDR_LEN || l->ip[0] >> 4 != 6 ||
	    l->ip[6] != ETH_PROTO_UDP)
		return 0;
	l->ipv6 = 1;
	l->udp = l->ip + CHQ_IPV6_HDR_LEN;
	l->udp_room = chq_get_be16(l->ip + 4);
	src->ip_hi = chq_get_le64(l->ip + 8);
	src->ip_lo = chq_get_le64(l->ip + 16);
	l->dst_hi = chq_get_le64(l->ip + 24);
	l->dst_lo = chq_get_le64(l->ip + 32);
	return 1;
}

static int
local_matches(const struct chq_local *local, const struct layers *l, uint16_t port)
{
	return local->ip_lo == l->dst_lo && local->ip_hi == l->dst_hi && local->port == port &&
	       (local->ip_hi | local->ip_lo) != 0 &&
	       CHQ_LOAD_RELAXED(&local->ifidx) != CHQ_LOCAL_GONE;
}

/* Return: nonzero if the packet goes to one of our addresses; rx->last_local is then its index. */
static int
find_local(struct chq_eth_rx *rx, const struct layers *l)
{
	const struct chq_header *h = rx->header;
	uint16_t port = chq_get_be16(l->udp + 2);
	uint32_t n = h->locals < CHQ_TABLE_LOCALS_MAX ? h->locals : CHQ_TABLE_LOCALS_MAX;

	if (rx->last_local < n && local_matches(&h->local[rx->last_local], l, port))
		return 1;
	for (uint32_t i = 0; i < n; i++) {
		if (local_matches(&h->local[i], l, port)) {
			rx->last_local = (uint8_t)i;
			return 1;
		}
	}
	return 0;
}

/* Return: nonzero if an answer could go to @src: no multicast, unspecified or loopback address, not
 * our own. */
static int
source_ok(const struct chq_pkt *p, const struct layers *l)
{
	const struct chq_path *src = &p->src;
	uint8_t v4 = (uint8_t)(src->ip_lo >> 32);

	if (src->port == 0 || (p->l2[6] & 1))
		return 0;
	if (src->ip_hi == l->dst_hi && src->ip_lo == l->dst_lo)
		return 0;
	if (!l->ipv6)
		return v4 != 0 && v4 != 127 && v4 < 224;
	if (src->ip_hi == 0 && (src->ip_lo & ETH_V4_MASK) == 0)
		return 0; /* ::, ::1 and the obsolete ::a.b.c.d */
	return !eth_is_v4(src->ip_hi, src->ip_lo) && (src->ip_hi & 0xff) != 0xff;
}

static enum chq_counter
check_ours(const struct chq_pkt *p, const struct layers *l)
{
	uint16_t udp_len = chq_get_be16(l->udp + 4);
	size_t udp_off = (size_t)(l->udp - l->ip);

	if (l->bad_sum)
		return CHQ_D_CHECKSUM;
	if (l->fragment)
		return CHQ_D_FRAGMENT;
	if (udp_len < CHQ_UDP_HDR_LEN || udp_len != l->udp_room || udp_off + udp_len > l->ip_room)
		return CHQ_D_MALFORMED;
	if (chq_get_be16(l->udp + 6) == 0)
		return CHQ_D_CHECKSUM;
	if (!source_ok(p, l))
		return CHQ_D_MALFORMED;
	return CHQ_C_RX;
}

static void
fill_pkt(struct chq_pkt *p, const struct layers *l)
{
	uint8_t *udp = p->l2 + (l->udp - p->l2);
	size_t addresses = l->ipv6 ? 32 : 8;

	p->l3_off = (uint8_t)(l->ip - p->l2);
	p->l4_off = (uint8_t)(udp - p->l2);
	p->ipv6 = l->ipv6;
	p->dgram = udp + CHQ_UDP_HDR_LEN;
	p->dgram_len = (uint16_t)(chq_get_be16(udp + 4) - CHQ_UDP_HDR_LEN);
	p->rx_sum = eth_fold(eth_sum(l->ip + (l->ipv6 ? 8 : 12), addresses) + eth_sum(udp, 4) +
			     eth_sum_header(p->dgram, p->dgram_len));
}

enum chq_counter
chq_eth_parse_any(struct chq_eth_rx *rx, struct chq_pkt *p)
{
	struct layers l = { 0 };
	enum chq_counter why;
	int udp = 0;

	memset(&p->src, 0, sizeof(p->src));
	switch (parse_link(p, &l)) {
	case ETHERTYPE_IPV4: udp = parse_ipv4(&p->src, &l); break;
	case ETHERTYPE_IPV6: udp = parse_ipv6(&p->src, &l); break;
	}
	if (!udp || !find_local(rx, &l))
		return CHQ_C_KERNEL;
	p->src.port = chq_get_be16(l.udp);
	p->src.local = rx->last_local;
	p->src.vlan = l.vlan;
	p->src.ifidx = rx->ifidx;
	memcpy(p->src.mac, p->l2 + 6, 6);
	why = check_ours(p, &l);
	p->dgram_len = 0;
	if (why == CHQ_C_RX)
		fill_pkt(p, &l);
	return why;
}

/* --- writing --- */

/* Where a packet goes, once it is known that it can. */
struct route {
	const struct chq_path *to;
	const struct chq_local *local;
	const struct chq_port *port;
	uint8_t ipv6;
	uint8_t headers; /* bytes of all headers */
};

static int
find_route(struct route *r, const struct chq_header *h, const struct chq_path *to)
{
	const uint8_t *m = to->mac;

	if (to->local >= h->locals || to->local >= CHQ_TABLE_LOCALS_MAX || to->ifidx >= h->ports ||
	    to->ifidx >= CHQ_TABLE_PORTS_MAX || (m[0] | m[1] | m[2] | m[3] | m[4] | m[5]) == 0)
		return CHQ_EADDRNOTAVAIL;
	r->to = to;
	r->local = &h->local[to->local];
	r->port = &h->port_info[to->ifidx];
	r->ipv6 = !eth_is_v4(to->ip_hi, to->ip_lo);
	if (r->ipv6 == eth_is_v4(r->local->ip_hi, r->local->ip_lo) ||
	    (r->local->ip_hi | r->local->ip_lo) == 0)
		return CHQ_EADDRNOTAVAIL;
	r->headers = (uint8_t)(CHQ_ETH_HDR_LEN + (to->vlan ? CHQ_VLAN_HDR_LEN : 0) +
			       (r->ipv6 ? CHQ_IPV6_HDR_LEN : CHQ_IPV4_HDR_LEN) + CHQ_UDP_HDR_LEN);
	return 0;
}

/* Return: where the IP header goes. */
static uint8_t *
put_link(uint8_t *l2, const struct route *r)
{
	uint8_t *type = l2 + 12;

	memcpy(l2, r->to->mac, 6);
	memcpy(l2 + 6, r->port->mac, 6);
	if (r->to->vlan) {
		chq_put_be16(l2 + 12, ETHERTYPE_VLAN);
		chq_put_be16(l2 + 14, r->to->vlan);
		type = l2 + 16;
	}
	chq_put_be16(type, r->ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	return type + 2;
}

/*
 * Sums of what is written are taken from the numbers, never read back: a load that spans several fresh stores waits for all
 * of them.
 *
 * Return: where the UDP header goes; *@sum: the addresses' share of its checksum.
 */
static uint8_t *
put_ipv4(uint8_t *ip, const struct route *r, uint16_t dgram_len, uint64_t *sum)
{
	uint16_t total = (uint16_t)(CHQ_IPV4_HDR_LEN + CHQ_UDP_HDR_LEN + dgram_len);
	uint32_t src = (uint32_t)(r->local->ip_lo >> 32), dst = (uint32_t)(r->to->ip_lo >> 32);
	uint16_t check;

	*sum = (uint64_t)src + dst;
	check = (uint16_t)~eth_fold(*sum + eth_sum_16(0x4500) + eth_sum_16(total) +
				    eth_sum_16(ETH_IPV4_DONT) +
				    eth_sum_16(ETH_TTL << 8 | ETH_PROTO_UDP));
	chq_put_be16(ip, 0x4500);
	chq_put_be16(ip + 2, total);
	chq_put_be16(ip + 4, 0);
	chq_put_be16(ip + 6, ETH_IPV4_DONT);
	ip[8] = ETH_TTL;
	ip[9] = ETH_PROTO_UDP;
	memcpy(ip + 10, &check, 2);
	chq_put_le32(ip + 12, src);
	chq_put_le32(ip + 16, dst);
	return ip + CHQ_IPV4_HDR_LEN;
}

static uint8_t *
put_ipv6(uint8_t *ip, const struct route *r, uint16_t dgram_len, uint64_t *sum)
{
	chq_put_be32(ip, UINT32_C(0x60000000));
	chq_put_be16(ip + 4, (uint16_t)(CHQ_UDP_HDR_LEN + dgram_len));
	ip[6] = ETH_PROTO_UDP;
	ip[7] = ETH_TTL;
	chq_put_le64(ip + 8, r->local->ip_hi);
	chq_put_le64(ip + 16, r->local->ip_lo);
	chq_put_le64(ip + 24, r->to->ip_hi);
	chq_put_le64(ip + 32, r->to->ip_lo);
	*sum = eth_sum_64(r->local->ip_hi) + eth_sum_64(r->local->ip_lo) +
	       eth_sum_64(r->to->ip_hi) + eth_sum_64(r->to->ip_lo);
	return ip + CHQ_IPV6_HDR_LEN;
}

/* Everything but the checksum. Return: the UDP header; *@sum: addresses' and ports' share of the
 * checksum. */
static uint8_t *
put_headers(uint8_t *l2, const struct route *r, uint16_t dgram_len, uint64_t *sum)
{
	uint8_t *ip = put_link(l2, r);
	uint8_t *udp = r->ipv6 ? put_ipv6(ip, r, dgram_len, sum) : put_ipv4(ip, r, dgram_len, sum);

	chq_put_be16(udp, r->local->port);
	chq_put_be16(udp + 2, r->to->port);
	chq_put_be16(udp + 4, (uint16_t)(CHQ_UDP_HDR_LEN + dgram_len));
	*sum += eth_sum_16(r->local->port) + eth_sum_16(r->to->port);
	return udp;
}

static void
put_check(uint8_t *udp, uint64_t sum)
{
	uint16_t check = (uint16_t)~eth_fold(sum);

	if (check == 0)
		check = 0xffff;
	memcpy(udp + 6, &check, 2);
}

/* The share of a checksum that is neither addresses nor ports: protocol and length, twice, and the
 * payload. */
static uint64_t
sum_payload(const uint8_t *dgram, uint16_t len)
{
	return eth_sum_16(ETH_PROTO_UDP) + 2 * eth_sum_16((uint16_t)(CHQ_UDP_HDR_LEN + len)) +
	       eth_sum(dgram, len);
}

/* The same share of a packet as it was received, without its FRAME header, found by the checksum it
 * came with. */
static uint64_t
sum_received(const struct chq_pkt *p)
{
	uint16_t check;

	memcpy(&check, p->l2 + p->l4_off + 6, 2);
	return (uint64_t)(uint16_t)~check + (uint16_t)~p->rx_sum;
}

int
chq_eth_build_any(struct chq_pkt *p, const struct chq_header *header, size_t headroom)
{
	uint16_t rx_len = (uint16_t)(chq_get_be16(p->l2 + p->l4_off + 4) - CHQ_UDP_HDR_LEN);
	size_t before = (size_t)(p->dgram - p->l2);
	struct route r;
	uint64_t sum, rest;
	uint8_t *udp;
	int err = find_route(&r, header, &p->out);

	if (err)
		return err;
	if (headroom + before < r.headers)
		return CHQ_ENOBUFS;
	if (rx_len == p->dgram_len)
		rest = sum_received(p) + eth_sum_header(p->dgram, rx_len);
	else
		rest = sum_payload(p->dgram, p->dgram_len);
	p->l2 = p->dgram - r.headers;
	p->l2_len = (uint16_t)(r.headers + p->dgram_len);
	udp = put_headers(p->l2, &r, p->dgram_len, &sum);
	put_check(udp, sum + rest);
	p->l4_off = (uint8_t)(udp - p->l2);
	p->l3_off = (uint8_t)(p->l4_off - (r.ipv6 ? CHQ_IPV6_HDR_LEN : CHQ_IPV4_HDR_LEN));
	p->ipv6 = r.ipv6;
	return 0;
}

int
chq_eth_make(uint8_t *buf, size_t room, const struct chq_header *header, const struct chq_path *to,
	     const uint8_t *dgram, uint16_t len)
{
	struct route r;
	uint64_t sum;
	uint8_t *udp;
	int err = find_route(&r, header, to);

	if (err)
		return err;
	if (room < (size_t)r.headers + len)
		return CHQ_ENOBUFS;
	udp = put_headers(buf, &r, len, &sum);
	memcpy(udp + CHQ_UDP_HDR_LEN, dgram, len);
	put_check(udp, sum + sum_payload(dgram, len));
	return r.headers + len;
}
