#include <arpa/inet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "dataplane/eth.h"

#define PORT	 4700
#define CLIENT	 40000
#define HEADROOM 128
#define VLAN	 0x2064 /* priority 1, VLAN 100 */

enum { V4, V6 };
static const char *const our_ip[] = { "192.0.2.1", "2001:db8::1" };
static const char *const client_ip[] = { "192.0.2.77", "2001:db8::4d" };
static const char *const peer_ip[] = { "198.51.100.9", "2001:db8:9::5" };
static const uint8_t our_mac[] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t client_mac[] = { 2, 0, 0, 0, 0, 0x4d };
static const uint8_t peer_mac[] = { 2, 0, 0, 0, 0, 9 };

static struct chq_header header;
static uint8_t memory[HEADROOM + 4096];
static struct chq_pkt pkt;
static struct chq_eth_rx rx;

/* --- an independent idea of these formats: words summed one by one, in network order --- */

static uint32_t
add_words(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* 0xffff if the checksum at the datagram's UDP header is right. */
static uint32_t
udp_sum(const uint8_t *ip, int v6, const uint8_t *udp)
{
	uint16_t len = chq_get_be16(udp + 4);
	uint32_t sum = add_words(0, v6 ? ip + 8 : ip + 12, v6 ? 32 : 8);

	sum = add_words(sum + 17, udp + 4, 2);
	return add_words(sum, udp, len);
}

static void
ip_words(const char *text, uint64_t *hi, uint64_t *lo)
{
	uint8_t ip[16] = { 0 };

	if (inet_pton(AF_INET6, text, ip) != 1) {
		memset(ip, 0, sizeof(ip));
		ip[10] = ip[11] = 0xff;
		assert_int_equal(inet_pton(AF_INET, text, ip + 12), 1);
	}
	*hi = chq_get_le64(ip);
	*lo = chq_get_le64(ip + 8);
}

static int
setup(void **state)
{
	(void)state;
	memset(&header, 0, sizeof(header));
	header.ports = 2;
	memcpy(header.port_info[1].mac, our_mac, 6);
	header.locals = 2;
	for (int f = V4; f <= V6; f++) {
		ip_words(our_ip[f], &header.local[f].ip_hi, &header.local[f].ip_lo);
		header.local[f].port = PORT;
	}
	rx = (struct chq_eth_rx){ .header = &header, .ifidx = 1 };
	memset(&pkt, 0, sizeof(pkt));
	memset(memory, 0, sizeof(memory));
	return 0;
}

static size_t
put_ip(uint8_t *ip, int v6, size_t options, size_t dgram_len)
{
	size_t head = v6 ? 40 : 20 + options;

	memset(ip, 0, head);
	if (v6) {
		chq_put_be32(ip, 0x60000000);
		chq_put_be16(ip + 4, (uint16_t)(8 + dgram_len));
		ip[6] = 17;
		ip[7] = 33;
		inet_pton(AF_INET6, client_ip[V6], ip + 8);
		inet_pton(AF_INET6, our_ip[V6], ip + 24);
		return head;
	}
	ip[0] = (uint8_t)(0x40 | head / 4);
	chq_put_be16(ip + 2, (uint16_t)(head + 8 + dgram_len));
	chq_put_be16(ip + 4, 777);
	ip[8] = 33;
	ip[9] = 17;
	inet_pton(AF_INET, client_ip[V4], ip + 12);
	inet_pton(AF_INET, our_ip[V4], ip + 16);
	memset(ip + 20, 1, options); /* NOP */
	chq_put_be16(ip + 10, (uint16_t)~add_words(0, ip, head));
	return head;
}

/* A datagram of @len random bytes from the client; checksums right. */
static void
make_packet(int v6, uint16_t vlan, size_t options, size_t len)
{
	uint8_t *l2 = memory + HEADROOM, *ip, *udp;
	uint16_t check;

	memcpy(l2, our_mac, 6);
	memcpy(l2 + 6, client_mac, 6);
	ip = l2 + (vlan ? 18 : 14);
	if (vlan) {
		chq_put_be16(l2 + 12, 0x8100);
		chq_put_be16(l2 + 14, vlan);
	}
	chq_put_be16(ip - 2, v6 ? 0x86dd : 0x0800);
	udp = ip + put_ip(ip, v6, options, len);
	chq_put_be16(udp, CLIENT);
	chq_put_be16(udp + 2, PORT);
	chq_put_be16(udp + 4, (uint16_t)(8 + len));
	chq_put_be16(udp + 6, 0);
	for (size_t i = 0; i < len; i++)
		udp[8 + i] = (uint8_t)rand();
	check = (uint16_t)~udp_sum(ip, v6, udp);
	chq_put_be16(udp + 6, check ? check : 0xffff);
	pkt.l2 = l2;
	pkt.l2_len = (uint16_t)(udp + 8 + len - l2);
}

static uint8_t *
ip_of_packet(uint16_t vlan)
{
	return memory + HEADROOM + (vlan ? 18 : 14);
}

static void
fix_ip_sum(uint8_t *ip)
{
	chq_put_be16(ip + 10, 0);
	chq_put_be16(ip + 10, (uint16_t)~add_words(0, ip, (size_t)(ip[0] & 15) * 4));
}

static void
route_to(int v6, uint16_t vlan)
{
	memset(&pkt.out, 0, sizeof(pkt.out));
	ip_words(peer_ip[v6], &pkt.out.ip_hi, &pkt.out.ip_lo);
	pkt.out.port = 50000;
	pkt.out.local = (uint8_t)v6;
	pkt.out.vlan = vlan;
	pkt.out.ifidx = 1;
	memcpy(pkt.out.mac, peer_mac, 6);
}

/* The stages' work: another 48 bytes in front of the same payload. */
static void
rewrite_header(void)
{
	for (size_t i = 0; i < CHQ_FRAME_HDR_LEN && i < pkt.dgram_len; i++)
		pkt.dgram[i] = (uint8_t)rand();
}

/* What went out, by an independent look. Return: 0xffff if the UDP checksum is right. */
static uint32_t
inspect(int v6, uint16_t vlan, size_t len)
{
	const uint8_t *ip = pkt.l2 + (vlan ? 18 : 14), *udp = ip + (v6 ? 40 : 20);
	uint8_t want[16];

	assert_int_equal(pkt.l2_len, udp + 8 + len - pkt.l2);
	assert_int_equal(pkt.l3_off, ip - pkt.l2);
	assert_int_equal(pkt.l4_off, udp - pkt.l2);
	assert_ptr_equal(pkt.dgram, udp + 8);
	assert_memory_equal(pkt.l2, peer_mac, 6);
	assert_memory_equal(pkt.l2 + 6, our_mac, 6);
	assert_int_equal(chq_get_be16(ip - 2), v6 ? 0x86dd : 0x0800);
	if (vlan) {
		assert_int_equal(chq_get_be16(pkt.l2 + 12), 0x8100);
		assert_int_equal(chq_get_be16(pkt.l2 + 14), vlan);
	}
	inet_pton(v6 ? AF_INET6 : AF_INET, our_ip[v6], want);
	assert_memory_equal(ip + (v6 ? 8 : 12), want, v6 ? 16 : 4);
	inet_pton(v6 ? AF_INET6 : AF_INET, peer_ip[v6], want);
	assert_memory_equal(ip + (v6 ? 24 : 16), want, v6 ? 16 : 4);
	assert_int_equal(chq_get_be16(udp), PORT);
	assert_int_equal(chq_get_be16(udp + 2), 50000);
	assert_int_equal(chq_get_be16(udp + 4), 8 + len);
	assert_int_not_equal(chq_get_be16(udp + 6), 0);
	if (v6) {
		assert_int_equal(ip[7], 64);
		assert_int_equal(chq_get_be16(ip + 4), 8 + len);
	} else {
		assert_int_equal(add_words(0, ip, 20), 0xffff);
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(ip[8], 64);
		assert_int_equal(chq_get_be16(ip + 6), 0x4000);
	}
	return udp_sum(ip, v6, udp);
}

static size_t
random_len(void)
{
	return CHQ_FRAME_HDR_LEN + (size_t)rand() % (CHQ_DGRAM_MAX - CHQ_FRAME_HDR_LEN + 1);
}

/* --- tests --- */

static void
a_datagram_to_us_is_found_with_all_that_answers_need(void **state)
{
	uint64_t hi, lo;

	(void)state;
	for (int i = 0; i < 8; i++) {
		int v6 = i & 1, tagged = i & 2;
		size_t options = i & 4 ? 12 : 0;

		make_packet(v6, tagged ? VLAN : 0, options, 100);
		pkt.l2_len = (uint16_t)(pkt.l2_len + 6); /* Ethernet padding */
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_RX);
		ip_words(client_ip[v6], &hi, &lo);
		assert_int_equal(pkt.src.ip_hi, hi);
		assert_int_equal(pkt.src.ip_lo, lo);
		assert_int_equal(pkt.src.port, CLIENT);
		assert_int_equal(pkt.src.local, v6);
		assert_int_equal(pkt.src.vlan, tagged ? VLAN : 0);
		assert_int_equal(pkt.src.ifidx, 1);
		assert_memory_equal(pkt.src.mac, client_mac, 6);
		assert_int_equal(pkt.dgram_len, 100);
		assert_ptr_equal(pkt.dgram, pkt.l2 + pkt.l4_off + 8);
		assert_int_equal(pkt.ipv6, v6);
	}
}

static void
what_is_not_ours_is_left_to_the_kernel(void **state)
{
	static const struct {
		size_t at; /* from the IP header */
		uint8_t value;
		int v6;
	} change[] = {
		{ 9, 6, 0 },   /* TCP */
		{ 19, 99, 0 }, /* another host */
		{ 23, 1, 0 },  /* another port */
		{ 7, 1, 0 },   /* a later fragment */
		{ 0, 0x55, 0 }, { 0, 0x44, 0 },
		{ 6, 44, 1 }, /* a fragment header, which hides the port */
		{ 6, 0, 1 },  /* hop-by-hop options */
		{ 39, 99, 1 },	{ 43, 1, 1 },
		{ 0, 0x40, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		make_packet(change[i].v6, 0, 0, 60);
		ip_of_packet(0)[change[i].at] = change[i].value;
		if (!change[i].v6)
			fix_ip_sum(ip_of_packet(0));
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_KERNEL);
	}
	make_packet(V4, 0, 0, 60);
	chq_put_be16(pkt.l2 + 12, 0x0806); /* ARP */
	assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_KERNEL);
	make_packet(V4, 0, 0, 60);
	header.local[V4].ifidx = CHQ_LOCAL_GONE;
	assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_KERNEL);
}

static void
a_first_fragment_with_our_port_is_dropped_as_such(void **state)
{
	(void)state;
	make_packet(V4, 0, 0, 60);
	ip_of_packet(0)[6] = 0x20;
	fix_ip_sum(ip_of_packet(0));
	assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_FRAGMENT);
}

static void
checksums_that_are_missing_or_wrong_in_the_header_are_refused(void **state)
{
	(void)state;
	for (int v6 = V4; v6 <= V6; v6++) {
		make_packet(v6, 0, 0, 60);
		chq_put_be16(ip_of_packet(0) + (v6 ? 46 : 26), 0);
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_CHECKSUM);
	}
	make_packet(V4, 0, 0, 60);
	ip_of_packet(0)[8]--; /* TTL */
	assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_CHECKSUM);
}

static void
lengths_that_contradict_each_other_are_refused(void **state)
{
	(void)state;
	for (int v6 = V4; v6 <= V6; v6++) {
		uint8_t *udp_len = ip_of_packet(0) + (v6 ? 44 : 24);

		make_packet(v6, 0, 0, 60);
		chq_put_be16(udp_len, 69); /* more than IP brought */
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_MALFORMED);
		chq_put_be16(udp_len, 67);
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_MALFORMED);
		chq_put_be16(udp_len, 7);
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_MALFORMED);
		make_packet(v6, 0, 0, 60);
		pkt.l2_len--; /* cut short */
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_MALFORMED);
	}
}

static void
a_source_that_no_answer_could_reach_is_refused(void **state)
{
	static const char *const v4[] = { "224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1",
					  "192.0.2.1" };
	static const char *const v6[] = { "ff02::1", "::", "::1", "::ffff:192.0.2.9",
					  "2001:db8::1" };

	(void)state;
	for (int i = 0; i < 5; i++) {
		make_packet(V4, 0, 0, 60);
		inet_pton(AF_INET, v4[i], ip_of_packet(0) + 12);
		fix_ip_sum(ip_of_packet(0));
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_MALFORMED);
		make_packet(V6, 0, 0, 60);
		inet_pton(AF_INET6, v6[i], ip_of_packet(0) + 8);
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_MALFORMED);
	}
	make_packet(V4, 0, 0, 60);
	chq_put_be16(ip_of_packet(0) + 20, 0); /* source port */
	assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_MALFORMED);
	make_packet(V4, 0, 0, 60);
	pkt.l2[6] |= 1; /* multicast MAC */
	assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_D_MALFORMED);
}

static void
every_truncation_is_judged_without_reading_further(void **state)
{
	(void)state;
	for (int v6 = V4; v6 <= V6; v6++) {
		make_packet(v6, VLAN, v6 ? 0 : 8, 48);
		for (uint16_t len = 0; len < pkt.l2_len; len++) {
			struct chq_pkt cut = pkt;
			uint8_t *exact = malloc(len ? len : 1);

			memcpy(exact, pkt.l2, len);
			cut.l2 = exact;
			cut.l2_len = len;
			assert_int_not_equal(chq_eth_parse(&rx, &cut), CHQ_C_RX);
			free(exact);
		}
	}
}

/* All families, VLANs and lengths: what comes in right goes out right. */
static void
a_forwarded_frame_has_a_right_checksum(void **state)
{
	(void)state;
	for (int i = 0; i < 4000; i++) {
		int in6 = i & 1, out6 = i >> 1 & 1;
		uint16_t in_vlan = i & 4 ? VLAN : 0, out_vlan = i & 8 ? 7 : 0;
		size_t len = random_len();

		make_packet(in6, in_vlan, i & 16 ? 4 : 0, len);
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_RX);
		rewrite_header();
		route_to(out6, out_vlan);
		assert_int_equal(chq_eth_build(&pkt, &header, HEADROOM), 0);
		assert_int_equal(inspect(out6, out_vlan, len), 0xffff);
	}
}

static void
a_payload_damaged_on_its_way_to_us_still_shows_at_the_receiver(void **state)
{
	(void)state;
	for (int i = 0; i < 4000; i++) {
		int in6 = i & 1, out6 = i >> 1 & 1;
		size_t len = CHQ_FRAME_HDR_LEN + 1 + (size_t)rand() % 1000;

		make_packet(in6, 0, 0, len);
		pkt.l2[pkt.l2_len - 1 - (size_t)rand() % (len - CHQ_FRAME_HDR_LEN)] ^=
			(uint8_t)(1 << rand() % 8);
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_RX);
		rewrite_header();
		route_to(out6, 0);
		assert_int_equal(chq_eth_build(&pkt, &header, HEADROOM), 0);
		assert_int_not_equal(inspect(out6, 0, len), 0xffff);
	}
}

static void
an_answer_that_is_shorter_is_summed_up_anew(void **state)
{
	static const uint16_t lens[] = { 48, 188, 187 };

	(void)state;
	for (int i = 0; i < 300; i++) {
		int in6 = i & 1, out6 = i >> 1 & 1;
		uint16_t len = lens[i % 3];

		make_packet(in6, 0, 0, CHQ_HELLO_LEN);
		pkt.l2[pkt.l2_len - 1] ^= 1;
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_RX);
		for (uint16_t k = 0; k < len; k++)
			pkt.dgram[k] = (uint8_t)rand();
		pkt.dgram_len = len;
		route_to(out6, VLAN);
		assert_int_equal(chq_eth_build(&pkt, &header, HEADROOM), 0);
		assert_int_equal(inspect(out6, VLAN, len), 0xffff);
	}
}

/* One in 65,536 sums is 0; a payload word that runs through all values meets it. */
static void
a_computed_checksum_of_0_is_sent_as_ffff(void **state)
{
	int met = 0;

	(void)state;
	make_packet(V4, 0, 0, 52);
	assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_RX);
	for (uint32_t word = 0; word < 65536; word++) {
		uint8_t out[CHQ_HEADERS_MAX + 52], dgram[52] = { 0x0b };

		chq_put_be16(dgram + 50, (uint16_t)word);
		route_to(V4, 0);
		assert_int_equal(chq_eth_make(out, sizeof(out), &header, &pkt.out, dgram,
					      sizeof(dgram)),
				 14 + 20 + 8 + 52);
		assert_int_not_equal(chq_get_be16(out + 14 + 20 + 6), 0);
		assert_int_equal(udp_sum(out + 14, 0, out + 34), 0xffff);
		met += chq_get_be16(out + 14 + 20 + 6) == 0xffff;
	}
	assert_int_equal(met, 1);
}

static void
a_new_datagram_is_complete(void **state)
{
	uint8_t dgram[CHQ_DGRAM_MAX];

	(void)state;
	for (int i = 0; i < 200; i++) {
		int v6 = i & 1;
		uint16_t len = (uint16_t)random_len(), vlan = i & 2 ? VLAN : 0;
		int made;

		for (uint16_t k = 0; k < len; k++)
			dgram[k] = (uint8_t)rand();
		route_to(v6, vlan);
		made = chq_eth_make(memory, CHQ_ETH_FRAME_MAX, &header, &pkt.out, dgram, len);
		assert_true(made > 0);
		pkt.l2 = memory;
		pkt.l2_len = (uint16_t)made;
		pkt.l3_off = vlan ? 18 : 14;
		pkt.l4_off = (uint8_t)(pkt.l3_off + (v6 ? 40 : 20));
		pkt.dgram = memory + pkt.l4_off + 8;
		assert_int_equal(inspect(v6, vlan, len), 0xffff);
		assert_memory_equal(pkt.dgram, dgram, len);
	}
}

static void
from_ipv4_to_ipv6_takes_20_bytes_of_headroom(void **state)
{
	(void)state;
	make_packet(V4, 0, 0, 60);
	assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_RX);
	route_to(V6, 0);
	assert_int_equal(chq_eth_build(&pkt, &header, 19), CHQ_ENOBUFS);
	assert_int_equal(chq_eth_build(&pkt, &header, 20), 0);
	assert_int_equal(inspect(V6, 0, 60), 0xffff);
}

static void
a_path_that_names_nothing_is_no_route(void **state)
{
	uint8_t out[CHQ_ETH_FRAME_MAX], dgram[48] = { 0x0b };

	(void)state;
	for (int i = 0; i < 5; i++) {
		make_packet(V4, 0, 0, 60);
		assert_int_equal(chq_eth_parse(&rx, &pkt), CHQ_C_RX);
		route_to(V4, 0);
		switch (i) {
		case 0: pkt.out.ifidx = 2; break;
		case 1: pkt.out.local = 2; break;
		case 2: pkt.out.local = V6; break; /* of the other family */
		case 3: memset(pkt.out.mac, 0, 6); break;
		case 4: pkt.out.local = 0xff; break;
		}
		assert_int_equal(chq_eth_build(&pkt, &header, HEADROOM), CHQ_EADDRNOTAVAIL);
		assert_int_equal(chq_eth_make(out, sizeof(out), &header, &pkt.out, dgram, 48),
				 CHQ_EADDRNOTAVAIL);
	}
}

/* --- the common case --- */

/* Up to three bits of the headers changed, often with an IPv4 checksum that fits again; now and then cut off. */
static void
damage(void)
{
	uint8_t *ip = ip_of_packet(0);

	for (int k = rand() % 4; k > 0; k--)
		pkt.l2[rand() % 44] ^= (uint8_t)(1 << rand() % 8);
	if (rand() % 4 && ip[0] == 0x45)
		fix_ip_sum(ip);
	if (rand() % 8 == 0)
		pkt.l2_len = (uint16_t)(rand() % (pkt.l2_len + 4));
}

static void
assert_same_parsed(enum chq_counter got, const struct chq_pkt *a, const struct chq_pkt *b)
{
	assert_int_equal(a->dgram_len, b->dgram_len);
	if (got != CHQ_C_RX)
		return;
	assert_memory_equal(&a->src, &b->src, sizeof(a->src));
	assert_ptr_equal(a->dgram, b->dgram);
	assert_int_equal(a->l3_off, b->l3_off);
	assert_int_equal(a->l4_off, b->l4_off);
	assert_int_equal(a->ipv6, b->ipv6);
	assert_int_equal(a->rx_sum, b->rx_sum);
}

/* Somewhere, mostly by IPv4 without a VLAN, now and then nowhere. */
static void
route_anywhere(void)
{
	route_to(rand() % 8 == 0, rand() % 8 == 0 ? VLAN : 0);
	pkt.out.ip_lo ^= (uint64_t)rand() << 32;
	pkt.out.port = (uint16_t)rand();
	switch (rand() % 16) {
	case 0: pkt.out.local = (uint8_t)rand(); break;
	case 1: pkt.out.ifidx = (uint8_t)rand(); break;
	case 2: memset(pkt.out.mac, 0, 6); break;
	case 3: pkt.dgram_len -= pkt.dgram_len > 48; break;
	}
}

/* Return: 1 if it was sent. */
static int
assert_same_built(size_t headroom)
{
	static uint8_t before[sizeof(memory)], after[sizeof(memory)];
	struct chq_pkt was = pkt, common;
	int rc;

	memcpy(before, memory, sizeof(memory));
	rc = chq_eth_build(&pkt, &header, headroom);
	common = pkt;
	memcpy(after, memory, sizeof(memory));
	memcpy(memory, before, sizeof(memory));
	pkt = was;
	assert_int_equal(chq_eth_build_any(&pkt, &header, headroom), rc);
	assert_memory_equal(memory, after, sizeof(memory));
	assert_memory_equal(&pkt, &common, sizeof(pkt));
	return rc == 0;
}

static void
the_common_case_is_what_any_case_is(void **state)
{
	int forwarded = 0, refused = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct chq_eth_rx any_rx = rx;
		struct chq_pkt any;
		enum chq_counter got;

		make_packet(rand() % 8 == 0, rand() % 8 == 0 ? VLAN : 0, rand() % 8 == 0 ? 4 : 0,
			    (size_t)rand() % 100);
		damage();
		any = pkt;
		got = chq_eth_parse(&rx, &pkt);
		assert_int_equal(chq_eth_parse_any(&any_rx, &any), got);
		assert_int_equal(any_rx.last_local, rx.last_local);
		assert_same_parsed(got, &pkt, &any);
		refused += got != CHQ_C_RX;
		if (got != CHQ_C_RX)
			continue;
		rewrite_header();
		route_anywhere();
		forwarded += assert_same_built(rand() % 8 ? HEADROOM : (size_t)rand() % 4);
	}
	assert_true(forwarded > 20000 && refused > 20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_datagram_to_us_is_found_with_all_that_answers_need, setup),
		cmocka_unit_test_setup(what_is_not_ours_is_left_to_the_kernel, setup),
		cmocka_unit_test_setup(a_first_fragment_with_our_port_is_dropped_as_such, setup),
		cmocka_unit_test_setup(
			checksums_that_are_missing_or_wrong_in_the_header_are_refused, setup),
		cmocka_unit_test_setup(lengths_that_contradict_each_other_are_refused, setup),
		cmocka_unit_test_setup(a_source_that_no_answer_could_reach_is_refused, setup),
		cmocka_unit_test_setup(every_truncation_is_judged_without_reading_further, setup),
		cmocka_unit_test_setup(a_forwarded_frame_has_a_right_checksum, setup),
		cmocka_unit_test_setup(
			a_payload_damaged_on_its_way_to_us_still_shows_at_the_receiver, setup),
		cmocka_unit_test_setup(an_answer_that_is_shorter_is_summed_up_anew, setup),
		cmocka_unit_test_setup(a_computed_checksum_of_0_is_sent_as_ffff, setup),
		cmocka_unit_test_setup(a_new_datagram_is_complete, setup),
		cmocka_unit_test_setup(from_ipv4_to_ipv6_takes_20_bytes_of_headroom, setup),
		cmocka_unit_test_setup(a_path_that_names_nothing_is_no_route, setup),
		cmocka_unit_test_setup(the_common_case_is_what_any_case_is, setup),
	};

	srand(4700);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
