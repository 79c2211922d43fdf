/*
 * The common case of dataplane/eth: IPv4 without options and VLAN, to the address that the last
 * packet went to, and a FRAME that keeps its length. Headers are read and written by whole words;
 * whatever is otherwise in the least goes the way of every other packet, which also finds the
 * reason of a refusal.
 */
#include "base/bytes.h"
#include "dataplane/eth.h"
#include "dataplane/eth_sum.h"

#define HEADERS	 (CHQ_ETH_HDR_LEN + CHQ_IPV4_HDR_LEN + CHQ_UDP_HDR_LEN)
#define MAC_MASK UINT64_C(0xffffffffffff)

/* Bytes 12 to 14: IPv4, header of five words. Bytes 20 to 23: no fragment; UDP. */
#define TYPE_MASK  UINT64_C(0xffffff)
#define TYPE_IPV4  UINT64_C(0x450008)
#define PROTO_MASK UINT64_C(0xff00ff3f)
#define PROTO_UDP  UINT64_C(0x11000000)

/* The words of a struct chq_path behind its address, as numbers. */
#define LINK_WORD(port, vlan, local, ifidx, mac)                               \
	((uint64_t)(port) | (uint64_t)(vlan) << 16 | (uint64_t)(local) << 32 | \
	 (uint64_t)(ifidx) << 40 | (uint64_t)(mac) << 48)
_Static_assert(offsetof(struct chq_path, port) == 16 && offsetof(struct chq_path, vlan) == 18 &&
		       offsetof(struct chq_path, local) == 20 &&
		       offsetof(struct chq_path, ifidx) == 21 &&
		       offsetof(struct chq_path, mac) == 22,
	       "words of a path");

/* Sums of words of 64 bits, each carry added at the end: they fold as those of 16-bit words do. */
static inline uint64_t
add(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

static inline uint16_t
fold(uint64_t sum)
{
	uint32_t half;

	sum += sum << 32 | sum >> 32;
	half = (uint32_t)(sum >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t)(half >> 16);
}

struct frame_header {
	uint8_t bytes[CHQ_FRAME_HDR_LEN];
};

static inline uint64_t
sum_frame_header(const uint8_t *dgram)
{
#ifdef __x86_64__
	const struct frame_header *h = (const void *)dgram;
	uint64_t sum;

	/* One carry after the other, which compilers take three instructions for. */
	__asm__("movq (%1), %0\n\t"
		"addq 8(%1), %0\n\t"
		"adcq 16(%1), %0\n\t"
		"adcq 24(%1), %0\n\t"
		"adcq 32(%1), %0\n\t"
		"adcq 40(%1), %0\n\t"
		"adcq $0, %0"
		: "=&r"(sum)
		: "r"(dgram), "m"(*h)
		: "cc");
	return sum;
#else
	uint64_t sum = chq_get_le64(dgram);

	for (int i = 1; i < CHQ_FRAME_HDR_LEN / 8; i++)
		sum = add(sum, chq_get_le64(dgram + 8 * i));
	return sum;
#endif
}

/* --- reading --- */

/* Return: nonzero if the headers are those of a FRAME's size to rx->last_local that nothing is wrong with. */
static inline int
is_common(const struct chq_eth_rx *rx, const struct chq_pkt *p)
{
	const struct chq_header *h = rx->header;
	const struct chq_local *to = &h->local[rx->last_local];
	const uint8_t *l2 = p->l2;
	uint32_t src = chq_get_le32(l2 + 26), dst = chq_get_le32(l2 + 30);
	uint16_t total = chq_get_be16(l2 + 16), udp_len = chq_get_be16(l2 + 38);
	uint8_t first = (uint8_t)src;
	uint64_t sum = add(add(chq_get_le64(l2 + 14), chq_get_le64(l2 + 22)), dst);

	return (chq_get_le64(l2 + 12) & TYPE_MASK) == TYPE_IPV4 &&
	       (chq_get_le64(l2 + 20) & PROTO_MASK) == PROTO_UDP && fold(sum) == 0xffff &&
	       rx->last_local < h->locals && to->ip_hi == 0 &&
	       to->ip_lo == ((uint64_t)dst << 32 | ETH_V4_PREFIX) &&
	       to->port == chq_get_be16(l2 + 36) &&
	       CHQ_LOAD_RELAXED(&to->ifidx) != CHQ_LOCAL_GONE &&
	       total == CHQ_IPV4_HDR_LEN + udp_len && total <= p->l2_len - CHQ_ETH_HDR_LEN &&
	       udp_len >= CHQ_UDP_HDR_LEN + CHQ_FRAME_HDR_LEN && chq_get_le16(l2 + 40) != 0 &&
	       chq_get_le16(l2 + 34) != 0 && !(l2[6] & 1) && src != dst && first != 0 &&
	       first != 127 && first < 224;
}

enum chq_counter
chq_eth_parse(struct chq_eth_rx *rx, struct chq_pkt *p)
{
	uint64_t __attribute__((may_alias)) *to = (void *)&p->src;
	const uint8_t *l2 = p->l2;
	uint64_t mac;

	if (p->l2_len < HEADERS + CHQ_FRAME_HDR_LEN || rx->last_local >= CHQ_TABLE_LOCALS_MAX ||
	    !is_common(rx, p))
		return chq_eth_parse_any(rx, p);
	mac = chq_get_le64(l2 + 6) & MAC_MASK;
	to[0] = 0;
	to[1] = (uint64_t)chq_get_le32(l2 + 26) << 32 | ETH_V4_PREFIX;
	to[2] = LINK_WORD(chq_get_be16(l2 + 34), 0, rx->last_local, (uint8_t)rx->ifidx, mac);
	to[3] = mac >> 16;
	p->l3_off = CHQ_ETH_HDR_LEN;
	p->l4_off = CHQ_ETH_HDR_LEN + CHQ_IPV4_HDR_LEN;
	p->ipv6 = 0;
	p->dgram = p->l2 + HEADERS;
	p->dgram_len = (uint16_t)(chq_get_be16(l2 + 38) - CHQ_UDP_HDR_LEN);
	p->rx_sum = fold(
		add(add(sum_frame_header(p->dgram), chq_get_le64(l2 + 26)), chq_get_le32(l2 + 34)));
	return CHQ_C_RX;
}

/* --- writing --- */

/* What a packet is given for headers. */
struct headers {
	uint64_t to_mac, from_mac;
	uint32_t src, dst;	     /* as in memory */
	uint16_t src_port, dst_port; /* the same */
};

/* Return: nonzero if there is such a route, of the common form. */
static inline int
route(const struct chq_header *h, const struct chq_path *to, struct headers *r)
{
	const uint64_t __attribute__((may_alias)) *word = (const void *)to;
	const struct chq_local *local = &h->local[to->local & (CHQ_TABLE_LOCALS_MAX - 1)];

	r->to_mac = word[2] >> 48 | (word[3] << 16 & MAC_MASK);
	if (to->local >= h->locals || to->local >= CHQ_TABLE_LOCALS_MAX || to->ifidx >= h->ports ||
	    to->ifidx >= CHQ_TABLE_PORTS_MAX || r->to_mac == 0 || to->vlan != 0 ||
	    !eth_is_v4(to->ip_hi, to->ip_lo) || !eth_is_v4(local->ip_hi, local->ip_lo))
		return 0;
	r->from_mac = chq_get_le64(h->port_info[to->ifidx].mac) & MAC_MASK;
	r->src = (uint32_t)(local->ip_lo >> 32);
	r->dst = (uint32_t)(to->ip_lo >> 32);
	r->src_port = htobe16(local->port);
	r->dst_port = htobe16(to->port);
	return 1;
}

/* What is written is never read back; see eth.c. @sum: of all that the UDP header's checksum is made of but addresses and ports. */
static inline void
put(uint8_t *l2, const struct headers *r, uint16_t dgram_len, uint64_t sum)
{
	uint16_t udp_len = htobe16((uint16_t)(CHQ_UDP_HDR_LEN + dgram_len));
	uint16_t total = htobe16((uint16_t)(CHQ_IPV4_HDR_LEN + CHQ_UDP_HDR_LEN + dgram_len));
	uint64_t addresses = (uint64_t)r->src + r->dst;
	uint16_t check = (uint16_t)~fold(addresses + htobe16(0x4500) + total +
					 htobe16(ETH_IPV4_DONT) +
					 htobe16(ETH_TTL << 8 | ETH_PROTO_UDP));
	uint16_t udp_check = (uint16_t)~fold(add(sum, addresses + r->src_port + r->dst_port));

	chq_put_le64(l2, r->to_mac | r->from_mac << 48);
	chq_put_le64(l2 + 8, r->from_mac >> 16 | TYPE_IPV4 << 32);
	chq_put_le64(l2 + 16, total | (uint64_t)htobe16(ETH_IPV4_DONT) << 32 |
				      (uint64_t)htobe16(ETH_TTL << 8 | ETH_PROTO_UDP) << 48);
	chq_put_le64(l2 + 24, check | (uint64_t)r->src << 16 | (uint64_t)r->dst << 48);
	chq_put_le64(l2 + 32, r->dst >> 16 | (uint64_t)r->src_port << 16 |
				      (uint64_t)r->dst_port << 32 | (uint64_t)udp_len << 48);
	chq_put_le16(l2 + 40, udp_check ? udp_check : 0xffff);
}

int
chq_eth_build(struct chq_pkt *p, const struct chq_header *header, size_t headroom)
{
	uint16_t udp_len = chq_get_be16(p->dgram - 4), udp_check = chq_get_le16(p->dgram - 2);
	struct headers r;

	if (udp_len != CHQ_UDP_HDR_LEN + p->dgram_len || p->dgram_len < CHQ_FRAME_HDR_LEN ||
	    headroom + (size_t)(p->dgram - p->l2) < HEADERS || !route(header, &p->out, &r))
		return chq_eth_build_any(p, header, headroom);
	p->l2 = p->dgram - HEADERS;
	p->l2_len = (uint16_t)(HEADERS + p->dgram_len);
	p->l3_off = CHQ_ETH_HDR_LEN;
	p->l4_off = CHQ_ETH_HDR_LEN + CHQ_IPV4_HDR_LEN;
	p->ipv6 = 0;
	put(p->l2, &r, p->dgram_len,
	    add(sum_frame_header(p->dgram), (uint64_t)(uint16_t)~udp_check + (uint16_t)~p->rx_sum));
	return 0;
}
