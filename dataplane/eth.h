#pragma once

/*
 * Ethernet, one VLAN tag, IPv4, IPv6 and UDP around our datagrams: read at reception, and written
 * anew in front of the same payload at transmission.
 *
 * UDP checksums of forwarded frames are updated, never computed from the payload (RFC 1624): the
 * sum of what is replaced (addresses, ports, FRAME header) is taken at reception, while it is still
 * there, and leaves the checksum at transmission. So a payload that was damaged on the way here
 * still does not match its checksum when it arrives.
 */

#include <stddef.h>
#include <stdint.h>

#include "dataplane/counters.h"
#include "dataplane/pkt.h"
#include "dataplane/table.h"

#define CHQ_ETH_HDR_LEN	  14
#define CHQ_VLAN_HDR_LEN  4
#define CHQ_IPV4_HDR_LEN  20
#define CHQ_IPV6_HDR_LEN  40
#define CHQ_UDP_HDR_LEN	  8
#define CHQ_HEADERS_MAX	  (CHQ_ETH_HDR_LEN + CHQ_VLAN_HDR_LEN + CHQ_IPV6_HDR_LEN + CHQ_UDP_HDR_LEN)
#define CHQ_ETH_FRAME_MAX (CHQ_HEADERS_MAX + CHQ_DGRAM_MAX)

/* What a port's packets are judged by. One per receiving thread and port. */
struct chq_eth_rx {
	const struct chq_header *header;
	uint16_t ifidx;	    /* index into header->port_info */
	uint8_t last_local; /* where the last packet's address was found: looked at first. Start
			       with 0 */
};

/**
 * chq_eth_parse() - find our datagram in a packet.
 * @p: p->l2 and p->l2_len are set, the packet is in one piece. Fills the rest of the driver part
 * but p->drv; what it points to stays the caller's. The packet itself is not changed.
 *
 * A datagram is ours when it goes to an address and port of header->local. Ethernet padding behind
 * it is ignored. The UDP checksum is not verified, but must be there in both families; the IPv4
 * header's is verified. IPv4 options are skipped.
 *
 * Return: CHQ_C_RX: ours, to be judged by the stages. CHQ_C_KERNEL: not ours (IPv6 extension
 * headers and later fragments too: they do not show whose they are). Else ours, and to be dropped
 * under that counter: CHQ_D_CHECKSUM; CHQ_D_FRAGMENT; CHQ_D_MALFORMED (lengths that contradict each
 * other, or a source that no answer could go to). Thread: that of @rx.
 */
enum chq_counter chq_eth_parse(struct chq_eth_rx *rx, struct chq_pkt *p);

/** chq_eth_parse_any() - the same, of packets of every form: chq_eth_parse() knows the common one by itself. */
enum chq_counter chq_eth_parse_any(struct chq_eth_rx *rx, struct chq_pkt *p);

/**
 * chq_eth_build() - write the headers that take p->dgram to p->out, in front of it, in place.
 * @header:   local addresses and ports.
 * @headroom: bytes that may be written in front of p->l2.
 *
 * p is as chq_eth_parse() left it, but for p->dgram_len and the datagram. When p->dgram_len is what
 * it was, only the first 48 bytes of the datagram may have changed. When it is another one, the
 * datagram is ours entirely and is summed up. p->l2, l2_len, l3_off, l4_off and ipv6 then tell the
 * new packet.
 *
 * Return: 0; CHQ_EADDRNOTAVAIL (no such port or local address, one of the other family, or no next
 * hop); CHQ_ENOBUFS (not enough headroom). On failure nothing is written. Thread: any.
 */
int chq_eth_build(struct chq_pkt *p, const struct chq_header *header, size_t headroom);

/** chq_eth_build_any() - the same, likewise. */
int chq_eth_build_any(struct chq_pkt *p, const struct chq_header *header, size_t headroom);

/**
 * chq_eth_make() - a whole new packet around a copy of a datagram.
 * @buf, @room: where it goes; CHQ_HEADERS_MAX + @len bytes are enough.
 *
 * Return: bytes written; CHQ_EADDRNOTAVAIL as above; CHQ_ENOBUFS (@room). Thread: any.
 */
int chq_eth_make(uint8_t *buf, size_t room, const struct chq_header *header,
		 const struct chq_path *to, const uint8_t *dgram, uint16_t len);
