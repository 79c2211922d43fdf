/* What lies around a datagram: link, IP and UDP headers, whole at first, then damaged. */
#include <string.h>

#include "base/bytes.h"
#include "tests/parity/gen_priv.h"

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8
#define UDP	 17

/* Where the headers are. */
struct layers {
	uint8_t *ip, *udp;
	bool v6;
};

static bool
is_v4(const struct chq_path *p)
{
	return p->ip_hi == 0 && (uint32_t)p->ip_lo == UINT32_C(0xffff0000);
}

/* --- sums: RFC 1071, big endian --- */

static uint32_t
sum_of(const uint8_t *p, size_t len, uint32_t sum)
{
	for (; len > 1; len -= 2, p += 2)
		sum += chq_get_be16(p);
	return len ? sum + ((uint32_t)*p << 8) : sum;
}

static uint16_t
fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
ip_sum_put(uint8_t *ip)
{
	chq_put_be16(ip + 10, 0);
	chq_put_be16(ip + 10, fold(sum_of(ip, (size_t)(ip[0] & 15) * 4, 0)));
}

static void
udp_sum_put(const struct layers *l, uint16_t len)
{
	uint32_t sum = l->v6 ? sum_of(l->ip + 8, 32, 0) : sum_of(l->ip + 12, 8, 0);
	uint16_t check;

	chq_put_be16(l->udp + 6, 0);
	check = fold(sum_of(l->udp, len, sum + UDP + len));
	chq_put_be16(l->udp + 6, check ? check : 0xffff);
}

/* --- headers --- */

/* Return: where the IP header goes. */
static uint8_t *
link_put(struct gen *g, struct gen_frame *f, const struct chq_path *src, bool v6)
{
	uint8_t *p = f->bytes + 12;
	uint16_t tci = src->vlan;

	memcpy(f->bytes, g->t->header->port_info[g->ifidx].mac, 6);
	memcpy(f->bytes + 6, src->mac, 6);
	if (f->around == GEN_VLAN_OTHER)
		tci = (uint16_t)gen_rnd64(g);
	if (f->around == GEN_VLAN_TWO || f->around == GEN_QINQ) {
		chq_put_be16(p, f->around == GEN_QINQ ? ETH_QINQ : ETH_VLAN);
		chq_put_be16(p + 2, (uint16_t)gen_below(g, 4096));
		p += 4;
	}
	if (tci || f->around == GEN_VLAN_ZERO || f->around == GEN_VLAN_TWO) {
		chq_put_be16(p, ETH_VLAN);
		chq_put_be16(p + 2, tci);
		p += 4;
	}
	chq_put_be16(p, v6 ? ETH_IPV6 : ETH_IPV4);
	if (f->around == GEN_OTHER_TYPE)
		chq_put_be16(p, gen_one_in(g, 2) ? 0x0806 : (uint16_t)gen_rnd64(g));
	return p + 2;
}

/* Which of our addresses it goes to: that of the path, when it is of its family. */
static const struct chq_local *
local_of(struct gen *g, const struct gen_frame *f, const struct chq_path *src, bool v6)
{
	const struct chq_header *h = g->t->header;
	unsigned int at = src->local;

	if (f->around == GEN_OTHER_LOCAL)
		at = 2 * gen_below(g, GEN_PORTS) + v6;
	if (f->around == GEN_OTHER_LOCAL && !v6 && gen_one_in(g, 3))
		at = 7;
	if (at >= h->locals || (h->local[at].ip_hi != 0) != v6 || h->local[at].ip_lo == 0)
		at = v6;
	return &h->local[at];
}

static uint8_t *
ipv4_put(struct gen *g, const struct gen_frame *f, uint8_t *ip, const struct chq_path *src,
	 const struct chq_local *to)
{
	size_t options = f->around == GEN_OPTIONS ? 4 * (1 + gen_below(g, 10)) : 0;

	memset(ip, 0, 20 + options);
	ip[0] = (uint8_t)(0x45 + options / 4);
	ip[1] = (uint8_t)(gen_one_in(g, 8) ? gen_rnd64(g) : 0);
	chq_put_be16(ip + 4, (uint16_t)gen_rnd64(g));
	chq_put_be16(ip + 6, gen_one_in(g, 2) ? 0x4000 : 0);
	if (f->around == GEN_FRAGMENT_FIRST)
		chq_put_be16(ip + 6, 0x2000);
	if (f->around == GEN_FRAGMENT_LATER)
		chq_put_be16(ip + 6,
			     (uint16_t)(1 + gen_below(g, 0x1fff) + 0x2000 * gen_below(g, 2)));
	ip[8] = (uint8_t)(1 + gen_below(g, 255));
	ip[9] = UDP;
	memset(ip + 20, 1, options); /* no operation */
	chq_put_le32(ip + 12, (uint32_t)(src->ip_lo >> 32));
	chq_put_le32(ip + 16, (uint32_t)(to->ip_lo >> 32));
	if (f->around == GEN_OTHER_ADDRESS)
		ip[18] ^= (uint8_t)(1 + gen_below(g, 255));
	return ip + 20 + options;
}

static uint8_t *
ipv6_put(struct gen *g, const struct gen_frame *f, uint8_t *ip, const struct chq_path *src,
	 const struct chq_local *to)
{
	static const uint8_t next[] = {
		[GEN_V6_HOPS] = 0, [GEN_V6_OPTIONS] = 60, [GEN_V6_FRAGMENT] = 44
	};

	memset(ip, 0, 48);
	chq_put_be32(ip, UINT32_C(0x60000000) + (gen_one_in(g, 4) ? gen_below(g, 1 << 20) : 0));
	ip[6] = UDP;
	ip[7] = (uint8_t)(1 + gen_below(g, 255));
	chq_put_le64(ip + 8, src->ip_hi);
	chq_put_le64(ip + 16, src->ip_lo);
	chq_put_le64(ip + 24, to->ip_hi);
	chq_put_le64(ip + 32, to->ip_lo);
	if (f->around == GEN_OTHER_ADDRESS)
		ip[38] ^= (uint8_t)(1 + gen_below(g, 255));
	if (f->around == GEN_OTHER_ADDRESS && gen_one_in(g, 4))
		memset(ip + 24, 0, 16); /* as an address that is not in use */
	if (f->around < GEN_V6_HOPS || f->around > GEN_V6_FRAGMENT)
		return ip + 40;
	ip[6] = next[f->around];
	ip[40] = UDP;
	if (f->around == GEN_V6_FRAGMENT)
		chq_put_be16(ip + 42, (uint16_t)(gen_below(g, 3) << 3 | gen_below(g, 2)));
	else
		ip[42] = 1; /* padding to the end of this header */
	ip[43] = 4;
	return ip + 48;
}

static void
lengths_put(const struct layers *l, const uint8_t *end)
{
	if (l->v6)
		chq_put_be16(l->ip + 4, (uint16_t)(end - l->ip - 40));
	else
		chq_put_be16(l->ip + 2, (uint16_t)(end - l->ip));
	chq_put_be16(l->udp + 4, (uint16_t)(end - l->udp));
}

void
gen_wire_put(struct gen *g, struct gen_frame *f, const struct gen_dgram *d)
{
	struct layers l = { .v6 = !is_v4(&d->src) };
	const struct chq_local *to = local_of(g, f, &d->src, l.v6);
	uint8_t *end;

	l.ip = link_put(g, f, &d->src, l.v6);
	l.udp = l.v6 ? ipv6_put(g, f, l.ip, &d->src, to) : ipv4_put(g, f, l.ip, &d->src, to);
	chq_put_be16(l.udp, d->src.port);
	chq_put_be16(l.udp + 2, to->port);
	if (f->around == GEN_OTHER_PORT)
		chq_put_be16(l.udp + 2, (uint16_t)gen_rnd64(g));
	memcpy(l.udp + 8, d->b, d->len);
	end = l.udp + 8 + d->len;
	lengths_put(&l, end);
	udp_sum_put(&l, (uint16_t)(8 + d->len));
	if (f->around == GEN_OTHER_PROTO)
		l.ip[l.v6 ? 6 : 9] = (uint8_t)gen_rnd64(g);
	if (!l.v6)
		ip_sum_put(l.ip);
	f->dgram_off = (uint16_t)(l.udp + 8 - f->bytes);
	f->dgram_len = d->len;
	f->len = (uint16_t)(end - f->bytes);
	if (f->around == GEN_PADDED) {
		uint16_t pad = (uint16_t)(1 + gen_below(g, 46));

		memset(end, (int)gen_below(g, 256), pad);
		f->len += pad;
	}
	if (f->around == GEN_OTHER_BYTES)
		for (uint16_t i = 0; i < f->len; i++)
			f->bytes[i] = (uint8_t)gen_rnd64(g);
}

/* --- damage --- */

static void
bit_flip(struct gen *g, struct gen_frame *f, size_t from, size_t to)
{
	size_t at = from + gen_below(g, (uint32_t)(to > from ? to - from : 1));

	if (at < f->len)
		f->bytes[at] ^= (uint8_t)(1u << gen_below(g, 8));
}

/* The IP header, where link_put() left it. */
static size_t
ip_off(const struct gen_frame *f)
{
	size_t off = 12;

	while (chq_get_be16(f->bytes + off) == ETH_VLAN || chq_get_be16(f->bytes + off) == ETH_QINQ)
		off += 4;
	return off + 2;
}

/* A source that no answer could go to, or ours; its sums are right. */
static void
source_spoil(struct gen *g, struct gen_frame *f)
{
	static const uint8_t first[] = { 0, 127, 224, 239, 240, 255, 10 };
	struct layers l = { .ip = f->bytes + ip_off(f), .udp = f->bytes + f->dgram_off - 8 };
	uint8_t *src;

	l.v6 = l.ip[0] >> 4 == 6;
	src = l.ip + (l.v6 ? 8 : 12);
	switch (gen_below(g, 4)) {
	case 0: chq_put_be16(l.udp, 0); break;
	case 1: memcpy(src, src + (l.v6 ? 16 : 4), l.v6 ? 16 : 4); break;
	default:
		if (!l.v6) {
			src[0] = first[gen_below(g, sizeof(first))];
			break;
		}
		if (gen_one_in(g, 3))
			src[0] = 0xff;
		else
			memset(src, 0, gen_below(g, 2) ? 15 : 10);
		if (src[0] == 0 && gen_one_in(g, 2))
			memset(src + 10, 0xff, 2);
		break;
	}
	udp_sum_put(&l, (uint16_t)(8 + f->dgram_len));
	if (!l.v6)
		ip_sum_put(l.ip);
}

static void
length_spoil(struct gen *g, uint8_t *at)
{
	uint16_t was = chq_get_be16(at);

	switch (gen_below(g, 3)) {
	case 0: chq_put_be16(at, (uint16_t)gen_rnd64(g)); break;
	case 1: chq_put_be16(at, (uint16_t)gen_below(g, 64)); break;
	default: chq_put_be16(at, (uint16_t)(was - 8 + gen_below(g, 16))); break;
	}
}

void
gen_wire_damage(struct gen *g, struct gen_frame *f)
{
	size_t ip = f->around == GEN_OTHER_BYTES ? 14 : ip_off(f);
	size_t udp = f->dgram_off - 8u, dgram = f->dgram_off, end = dgram + f->dgram_len;

	switch (f->damage) {
	case GEN_D_HEADER_BIT: bit_flip(g, f, dgram, dgram + 40); break;
	case GEN_D_TAG: bit_flip(g, f, dgram + 40, dgram + 48); break;
	case GEN_D_PAYLOAD_BIT: bit_flip(g, f, dgram + 48, end); break;
	case GEN_D_ANY_BIT: bit_flip(g, f, 0, f->len); break;
	case GEN_D_LINK_BIT: bit_flip(g, f, 0, ip); break;
	case GEN_D_IP_BIT:
		bit_flip(g, f, ip, udp);
		if (f->bytes[ip] >> 4 == 4 && gen_one_in(g, 2))
			ip_sum_put(f->bytes + ip);
		break;
	case GEN_D_UDP_BIT: bit_flip(g, f, udp, dgram); break;
	case GEN_D_IP_SUM: bit_flip(g, f, ip + 10, ip + 12); break;
	case GEN_D_IP_LEN:
		length_spoil(g, f->bytes + ip + (f->bytes[ip] >> 4 == 6 ? 4 : 2));
		if (f->bytes[ip] == 0x45)
			ip_sum_put(f->bytes + ip);
		break;
	case GEN_D_UDP_LEN: length_spoil(g, f->bytes + udp + 4); break;
	case GEN_D_UDP_SUM: bit_flip(g, f, udp + 6, udp + 8); break;
	case GEN_D_UDP_SUM_0: chq_put_be16(f->bytes + udp + 6, 0); break;
	case GEN_D_SOURCE:
		if (f->around != GEN_OTHER_BYTES)
			source_spoil(g, f);
		break;
	case GEN_D_SOURCE_MAC: f->bytes[6] |= 1; break;
	case GEN_D_CUT: f->len = (uint16_t)(14 + gen_below(g, f->len - 13u)); break;
	default: break;
	}
}
