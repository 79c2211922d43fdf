#pragma once
/*
 * dataplane/eth_sum: checksums and addresses, for eth.c and eth_common.c alone.
 */
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/frame.h"

#define ETH_PROTO_UDP 17
#define ETH_IPV4_DONT 0x4000
#define ETH_TTL	      64
#define ETH_V4_PREFIX UINT64_C(0xffff0000) /* bytes 8..11 of ::ffff:a.b.c.d, in little endian */
#define ETH_V4_MASK   UINT64_C(0xffffffff)

/*
 * Ones' complement sums of 16-bit words (RFC 1071), in the byte order they have in memory: the sum
 * then goes back into memory as it is. Several may be added before they are folded.
 */
static inline uint64_t
eth_sum_64(uint64_t two)
{
	return (two & 0xffffffff) + (two >> 32);
}

/* A 16-bit number as it is written in network order. */
static inline uint64_t
eth_sum_16(uint16_t number)
{
	return htobe16(number);
}

static inline uint64_t
eth_sum(const uint8_t *p, size_t len)
{
	uint64_t sum = 0, two;
	uint32_t word;
	uint16_t half = 0;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&two, p, 8);
		sum += eth_sum_64(two);
	}
	if (len >= 4) {
		memcpy(&word, p, 4);
		sum += word;
		p += 4;
		len -= 4;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		len -= 2;
	}
	half = 0;
	if (len > 0)
		memcpy(&half, p, 1);
	return sum + half;
}

static inline uint16_t
eth_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Of what chq_eth_build() may find changed. */
static inline uint64_t
eth_sum_header(const uint8_t *dgram, size_t len)
{
	return len >= CHQ_FRAME_HDR_LEN ? eth_sum(dgram, CHQ_FRAME_HDR_LEN) : eth_sum(dgram, len);
}

static inline int
eth_is_v4(uint64_t ip_hi, uint64_t ip_lo)
{
	return ip_hi == 0 && (ip_lo & ETH_V4_MASK) == ETH_V4_PREFIX;
}
