#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dataplane/eth.h"
#include "tests/fuzz/fuzz.h"

/*
 * Input: one byte that chooses where an answer goes, then a packet. What parses as ours goes out
 * again, with another header, and its checksum must then be right exactly if it was.
 */

#define HEADROOM 64

static struct chq_header header;

static void
set_up(void)
{
	header.ports = 1;
	header.locals = 2;
	memcpy(header.port_info[0].mac, "\2\0\0\0\0\1", 6);
	/* 192.0.2.1 and 2001:db8::1 */
	header.local[0] = (struct chq_local){ .ip_lo = UINT64_C(0x010200c0ffff0000), .port = 4700 };
	header.local[1] = (struct chq_local){ .ip_hi = UINT64_C(0x00000000b80d0120),
					      .ip_lo = UINT64_C(0x0100000000000000),
					      .port = 4700 };
}

static uint32_t
add_words(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static int
checksum_right(const struct chq_pkt *p)
{
	const uint8_t *ip = p->l2 + p->l3_off, *udp = p->l2 + p->l4_off;
	uint32_t sum = add_words(0, ip + (p->ipv6 ? 8 : 12), p->ipv6 ? 32 : 8);

	sum = add_words(sum + 17, udp + 4, 2);
	return add_words(sum, udp, (size_t)8 + p->dgram_len) == 0xffff;
}

static void
send_again(struct chq_pkt *p, uint8_t choice)
{
	int was_right = checksum_right(p), shorter = choice & 4 && p->dgram_len > CHQ_FRAME_HDR_LEN;

	p->out = p->src;
	p->out.local = choice & 1;
	p->out.ip_hi = header.local[choice & 1].ip_hi;
	p->out.ip_lo = header.local[choice & 1].ip_lo + UINT64_C(0x0100000000000000);
	p->out.vlan = choice & 2 ? 100 : 0;
	memcpy(p->out.mac, "\2\0\0\0\0\2", 6);
	for (uint16_t i = 0; i < CHQ_FRAME_HDR_LEN && i < p->dgram_len; i++)
		p->dgram[i] = (uint8_t)(p->dgram[i] * 7 + choice);
	if (shorter)
		p->dgram_len = CHQ_FRAME_HDR_LEN;
	if (chq_eth_build(p, &header, HEADROOM) != 0 || checksum_right(p) != (was_right || shorter))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct chq_eth_rx rx = { .header = &header };
	struct chq_pkt p = { 0 };
	uint8_t *packet;

	set_up();
	if (len < 1 || len > 4096)
		return 0;
	packet = malloc(HEADROOM + len - 1);
	if (!packet)
		return 0;
	memcpy(packet + HEADROOM, data + 1, len - 1);
	p.l2 = packet + HEADROOM;
	p.l2_len = (uint16_t)(len - 1);
	if (chq_eth_parse(&rx, &p) == CHQ_C_RX)
		send_again(&p, data[0]);
	free(packet);
	return 0;
}
