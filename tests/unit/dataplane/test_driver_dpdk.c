#include <arpa/inet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include "base/bytes.h"
#include "base/site_conf.h"
#include "dataplane/driver_dpdk.h"
#include "dataplane/locals.h"

/*
 * The driver's receiving and sending on a port that is two rings: what is put into one is received, what is sent is found
 * in the other.
 */

#define MBUFS	 2047
#define RING	 1024
#define PAYLOAD	 100
#define V4(ip)	 (UINT64_C(0xffff0000) | (uint64_t)(ip) << 32) /* ip as it lies in memory */
#define OUR_IP	 0x0100020a				       /* 10.2.0.1 */
#define PEER_IP	 0x0200020a
#define OUR_PORT 4700

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 }, peer_mac[6] = { 2, 0, 0, 0, 0, 2 };

static struct chq_dpdk d;
static struct chq_header *header;
static struct chq_worker *w;
static struct chq_site_conf conf;
static struct rte_ring *in, *out;

/* --- packets --- */

static struct rte_mbuf *
packet(const uint8_t *bytes, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(d.ports[0].pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, len), bytes, len);
	return m;
}

/* A UDP datagram to @port of ours; its UDP checksum is not looked at here. */
static struct rte_mbuf *
udp_packet(uint16_t port)
{
	uint8_t p[42 + PAYLOAD] = { 0 };
	uint32_t sum = 0;

	memcpy(p, our_mac, 6);
	memcpy(p + 6, peer_mac, 6);
	chq_put_be16(p + 12, 0x0800);
	p[14] = 0x45;
	chq_put_be16(p + 16, 28 + PAYLOAD);
	p[22] = 64;
	p[23] = 17;
	chq_put_le32(p + 26, PEER_IP);
	chq_put_le32(p + 30, OUR_IP);
	for (int i = 14; i < 34; i += 2)
		sum += chq_get_be16(p + i);
	chq_put_be16(p + 24, (uint16_t) ~((sum & 0xffff) + (sum >> 16)));
	chq_put_be16(p + 34, 40000);
	chq_put_be16(p + 36, port);
	chq_put_be16(p + 38, 8 + PAYLOAD);
	chq_put_be16(p + 40, 0x1234);
	return packet(p, sizeof(p));
}

static struct rte_mbuf *
arp_packet(void)
{
	uint8_t p[60] = { 0 };

	chq_put_be16(p + 12, 0x0806);
	return packet(p, sizeof(p));
}

static void
arrive(struct rte_mbuf *m)
{
	assert_int_equal(rte_ring_enqueue(in, m), 0);
}

static uint16_t
poll_once(struct chq_pkt **pkts)
{
	return chq_dpdk_rx(&d.base, w, pkts);
}

static uint64_t
count(enum chq_counter c)
{
	return atomic_load(&w->counts[c]);
}

/* --- life --- */

static int
group_setup(void **state)
{
	char lcores[32], prefix[64], name[] = "test", no_huge[] = "--no-huge", m[] = "-m",
				     mib[] = "64", no_pci[] = "--no-pci", shconf[] = "--no-shconf",
				     quiet[] = "--log-level=error", tel[] = "--no-telemetry",
				     va[] = "--iova-mode=va";
	char *argv[] = {
		name, no_huge, m, mib, no_pci, shconf, quiet, tel, va, lcores, prefix, NULL
	};
	cpu_set_t cpus;
	int core = 0;

	(void)state;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	while (!CPU_ISSET(core, &cpus))
		core++;
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", core);
	snprintf(prefix, sizeof(prefix), "--file-prefix=chq-test-%ld", (long)getpid());
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0)
		return -1;
	in = rte_ring_create("in", RING, SOCKET_ID_ANY, 0);
	out = rte_ring_create("out", RING, SOCKET_ID_ANY, 0);
	return in && out && chq_site_conf_default(&conf) == 0 ? 0 : -1;
}

static int
group_teardown(void **state)
{
	(void)state;
	chq_site_conf_free(&conf);
	return rte_eal_cleanup();
}

static int
setup(void **state)
{
	struct chq_dpdk_port *p = &d.ports[0];
	char name[32], err[256];
	static int number;

	(void)state;
	memset(&d, 0, sizeof(d));
	d.neighbour = (struct chq_neighbour){ -1, -1 };
	for (int i = 0; i < CHQ_TABLE_PORTS_MAX; i++)
		d.taps[i].fd = -1;
	header = calloc(1, sizeof(*header));
	w = aligned_alloc(_Alignof(struct chq_worker), sizeof(*w));
	if (!header || !w)
		return -1;
	memset(w, 0, sizeof(*w));
	w->header = header;
	chq_port_add(header, 1, our_mac, 1500);
	chq_local_add(header, 0, V4(OUR_IP), OUR_PORT, 0);
	if (chq_dpdk_init(&d, &chq_driver_dpdk, &conf, header) || chq_dpdk_kernel_init(&d))
		return -1;
	snprintf(name, sizeof(name), "test%d", number++);
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->port_id = (uint16_t)rte_eth_from_rings(name, &in, 1, &out, 1, 0);
	p->rx_queues = p->tx_queues = 1;
	p->one_pool = true;
	p->pool = chq_dpdk_pool(name, MBUFS);
	if (!p->pool || chq_dpdk_port_start(p, 256, 256, err, sizeof(err)))
		return -1;
	d.n_ports = 1;
	chq_dpdk_assign(&d, p, 0, 0);
	d.workers[0].rings->pool = p->pool;
	return 0;
}

static int
teardown(void **state)
{
	void *m;

	(void)state;
	while (rte_ring_dequeue(out, &m) == 0)
		rte_pktmbuf_free(m);
	chq_dpdk_kernel_close(&d);
	chq_dpdk_stop_ports(&d);
	free(header);
	free(w);
	return 0;
}

/* --- facts --- */

static void
a_frame_alone_leaves_at_once(void **state)
{
	struct chq_pkt *pkts[CHQ_BURST];

	(void)state;
	arrive(udp_packet(OUR_PORT));
	assert_int_equal(poll_once(pkts), 1);
	pkts[0]->out = pkts[0]->src;
	chq_dpdk_tx(&d.base, w, pkts, 1);
	assert_int_equal(rte_ring_count(out), 1);
	assert_int_equal(count(CHQ_C_TX), 1);
	assert_int_equal(count(CHQ_C_TX_BYTES), PAYLOAD);
}

static void
what_the_manager_sends_leaves_with_the_next_poll(void **state)
{
	struct chq_path to = { .ip_lo = V4(PEER_IP), .port = 40000 };
	struct chq_pkt *pkts[CHQ_BURST];
	uint8_t dgram[PAYLOAD] = { 0 };

	(void)state;
	memcpy(to.mac, peer_mac, 6);
	chq_dpdk_tx_new(&d.base, w, &to, dgram, sizeof(dgram));
	assert_int_equal(poll_once(pkts), 0);
	assert_int_equal(rte_ring_count(out), 1);
}

static void
a_packet_in_several_buffers_is_refused_by_name(void **state)
{
	struct rte_mbuf *m = udp_packet(OUR_PORT), *more = rte_pktmbuf_alloc(d.ports[0].pool);
	struct chq_pkt *pkts[CHQ_BURST];

	(void)state;
	rte_pktmbuf_append(more, 500);
	assert_int_equal(rte_pktmbuf_chain(m, more), 0);
	arrive(m);
	assert_int_equal(poll_once(pkts), 0);
	assert_int_equal(count(CHQ_D_SEGMENTS), 1);
	assert_int_equal(count(CHQ_C_RX), 1);
	assert_int_equal(rte_mempool_in_use_count(d.ports[0].pool), 0);
}

static void
a_checksum_that_the_card_finds_wrong_is_refused_by_name(void **state)
{
	static const uint64_t bad[] = { RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_IP_CKSUM_BAD,
					RTE_MBUF_F_RX_L4_CKSUM_BAD | RTE_MBUF_F_RX_IP_CKSUM_GOOD };
	static const uint64_t fine[] = { 0, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
					 RTE_MBUF_F_RX_L4_CKSUM_NONE, RTE_MBUF_F_RX_IP_CKSUM_NONE };
	struct chq_pkt *pkts[CHQ_BURST];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rte_mbuf *m = udp_packet(OUR_PORT);

		m->ol_flags = bad[i];
		arrive(m);
		assert_int_equal(poll_once(pkts), 0);
		assert_int_equal(count(CHQ_D_CHECKSUM), i + 1);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		struct rte_mbuf *m = udp_packet(OUR_PORT);

		m->ol_flags = fine[i];
		arrive(m);
		assert_int_equal(poll_once(pkts), 1);
		chq_dpdk_free(&d.base, w, pkts[0]);
	}
}

static void
no_checksum_is_ever_written_by_the_card(void **state)
{
	struct chq_pkt *pkts[CHQ_BURST];
	struct rte_mbuf *m = udp_packet(OUR_PORT);
	void *sent = NULL;

	(void)state;
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
	arrive(m);
	assert_int_equal(poll_once(pkts), 1);
	pkts[0]->out = pkts[0]->src;
	chq_dpdk_tx(&d.base, w, pkts, 1);
	assert_int_equal(rte_ring_dequeue(out, &sent), 0);
	assert_int_equal(((struct rte_mbuf *)sent)->ol_flags, 0);
	assert_int_equal(d.ports[0].tx_offloads & ~(uint64_t)RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE, 0);
	rte_pktmbuf_free(sent);
}

static void
what_is_not_ours_goes_to_the_kernel_and_no_more_than_it_takes(void **state)
{
	struct chq_pkt *pkts[CHQ_BURST];
	uint64_t handed = 0;

	(void)state;
	for (int i = 0; i < 512; i++) {
		arrive(udp_packet(9));
		assert_int_equal(poll_once(pkts), 0);
	}
	assert_int_equal(count(CHQ_C_KERNEL), 512);
	assert_true(count(CHQ_D_TO_KERNEL) > 0 && count(CHQ_D_TO_KERNEL) < 512);
	arrive(arp_packet()); /* is not behind them */
	assert_int_equal(poll_once(pkts), 0);
	assert_false(chq_ring_empty(&d.workers[0].rings->neighbour));
	for (struct rte_mbuf *m; chq_ring_pop(&d.workers[0].rings->other, &m); handed++)
		rte_pktmbuf_free(m);
	assert_int_equal(handed + count(CHQ_D_TO_KERNEL), 512);
	assert_int_equal(rte_mempool_in_use_count(d.ports[0].pool), 1);
	arrive(udp_packet(OUR_PORT)); /* ours pass */
	assert_int_equal(poll_once(pkts), 1);
	chq_dpdk_free(&d.base, w, pkts[0]);
}

static void
a_tag_that_the_card_took_off_is_there_again_for_the_kernel(void **state)
{
	struct rte_mbuf *m = arp_packet();
	struct chq_pkt *pkts[CHQ_BURST];

	(void)state;
	m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = 100;
	arrive(m);
	assert_int_equal(poll_once(pkts), 0);
	assert_true(chq_ring_pop(&d.workers[0].rings->neighbour, &m)); /* in a VLAN too */
	assert_int_equal(chq_get_be16(rte_pktmbuf_mtod(m, uint8_t *) + 12), 0x8100);
	assert_int_equal(chq_get_be16(rte_pktmbuf_mtod(m, uint8_t *) + 14), 100);
	rte_pktmbuf_free(m);
}

static void
frames_without_a_next_hop_wait_for_the_kernel_and_no_more_than_it_takes(void **state)
{
	struct chq_pkt *pkts[CHQ_BURST];
	uint64_t held = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		arrive(udp_packet(OUR_PORT));
		assert_int_equal(poll_once(pkts), 1);
		pkts[0]->out = pkts[0]->src;
		memset(pkts[0]->out.mac, 0, 6);
		chq_dpdk_tx(&d.base, w, pkts, 1);
	}
	assert_int_equal(rte_ring_count(out), 0);
	for (struct rte_mbuf *m; chq_ring_pop(&d.workers[0].rings->unsent, &m); held++) {
		uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, 14);

		assert_int_equal(chq_get_le32(ip + 12), OUR_IP);
		assert_int_equal(chq_get_le32(ip + 16), PEER_IP);
		rte_pktmbuf_free(m);
	}
	assert_true(held > 0);
	assert_int_equal(held + count(CHQ_D_NEIGHBOUR), 100);
}

static void
a_poll_sends_a_few_packets_of_the_kernel(void **state)
{
	struct chq_pkt *pkts[CHQ_BURST];
	unsigned int first;

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct rte_mbuf *m = arp_packet();
		struct chq_pkt *p = rte_mbuf_to_priv(m);

		p->out.ifidx = 0;
		p->dgram_len = 0;
		assert_true(chq_ring_push(&d.workers[0].rings->ready, &m));
	}
	poll_once(pkts);
	first = rte_ring_count(out);
	assert_true(first > 0 && first < CHQ_BURST);
	for (int i = 0; i < 100; i++)
		poll_once(pkts);
	assert_int_equal(rte_ring_count(out), 100);
	assert_int_equal(count(CHQ_C_FROM_KERNEL), 100);
	assert_int_equal(count(CHQ_C_TX), 0);
}

static void
an_interface_is_named_after_its_port(void **state)
{
	char name[IFNAMSIZ], other[IFNAMSIZ];

	(void)state;
	chq_tap_name(name, "0000:03:00.1");
	assert_string_equal(name, "chq-03-00-1");
	chq_tap_name(name, "net_tap0");
	assert_string_equal(name, "chq-net_tap0");
	chq_tap_name(name, "0001:03:00.0"); /* another domain: too long */
	chq_tap_name(other, "0001:03:00.1");
	assert_int_equal(strlen(name), IFNAMSIZ - 1);
	assert_memory_equal(name, "chq-0001-0-", 11);
	assert_memory_equal(other, "chq-0001-0-", 11);
	assert_string_not_equal(name, other);
	chq_tap_name(name, "net_a/1");
	chq_tap_name(other, "net_a-1");
	assert_string_not_equal(name, other);
	chq_tap_name(name, "/");
	assert_memory_equal(name, "chq---", 6);
	assert_int_equal(strlen(name), 10);
}

int
main(void)
{
#define FACT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(a_frame_alone_leaves_at_once),
		FACT(what_the_manager_sends_leaves_with_the_next_poll),
		FACT(a_packet_in_several_buffers_is_refused_by_name),
		FACT(a_checksum_that_the_card_finds_wrong_is_refused_by_name),
		FACT(no_checksum_is_ever_written_by_the_card),
		FACT(what_is_not_ours_goes_to_the_kernel_and_no_more_than_it_takes),
		FACT(a_tag_that_the_card_took_off_is_there_again_for_the_kernel),
		FACT(frames_without_a_next_hop_wait_for_the_kernel_and_no_more_than_it_takes),
		FACT(a_poll_sends_a_few_packets_of_the_kernel),
		cmocka_unit_test(an_interface_is_named_after_its_port),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
