#include <string.h>
#include <time.h>

#include <rte_ethdev.h>

#include "base/array.h"
#include "dataplane/driver_dpdk.h"

/*
 * A worker with a core of its own polls without rest. One that shares its core rests, once this
 * many polls in a row brought nothing, so that the machine's other threads run.
 */
#define IDLE_POLLS   2000
#define IDLE_REST_NS 50000

static struct chq_dpdk_worker *
dpdk_worker(struct chq_driver *d, const struct chq_worker *w)
{
	return &CHQ_CONTAINER_OF(d, struct chq_dpdk, base)->workers[w->index];
}

static struct chq_pkt *
mbuf_pkt(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

/* --- sending --- */

/* The queue is full. */
static void
drop_unsent(struct chq_worker *w, struct chq_dpdk_txq *q, const uint16_t *lengths, uint16_t from)
{
	for (uint16_t i = from; i < q->n; i++)
		chq_count(w, lengths[i] ? CHQ_D_TX_FULL : CHQ_D_FROM_KERNEL);
	rte_pktmbuf_free_bulk(q->mbufs + from, (unsigned int)(q->n - from));
}

static void
txq_flush(struct chq_worker *w, struct chq_dpdk_txq *q)
{
	uint16_t lengths[RTE_DIM(q->mbufs)], sent, ours = 0;
	uint64_t bytes = 0;

	if (q->n == 0)
		return;
	for (uint16_t i = 0; i < q->n; i++)
		lengths[i] = mbuf_pkt(q->mbufs[i])->dgram_len;
	sent = rte_eth_tx_burst(q->port_id, q->queue, q->mbufs, q->n);
	for (uint16_t i = 0; i < sent; i++) { /* the mbufs are the card's by now */
		bytes += lengths[i];
		ours += lengths[i] != 0;
	}
	chq_count_add(w, CHQ_C_TX, ours);
	chq_count_add(w, CHQ_C_TX_BYTES, bytes);
	if (ours < sent)
		chq_count_add(w, CHQ_C_FROM_KERNEL, (uint64_t)(sent - ours));
	if (sent < q->n)
		drop_unsent(w, q, lengths, sent);
	q->n = 0;
}

static void
flush_all(struct chq_dpdk_worker *dw, struct chq_worker *w)
{
	uint32_t n = w->header->ports;

	for (uint32_t i = 0; i < n && i < CHQ_TABLE_PORTS_MAX; i++)
		txq_flush(w, &dw->txq[i]);
}

/* Return: this worker's way out of a port; NULL if it has none. */
static struct chq_dpdk_txq *
txq_at(struct chq_dpdk_worker *dw, uint8_t ifidx)
{
	if (ifidx >= CHQ_TABLE_PORTS_MAX || dw->txq[ifidx].port_id == CHQ_DPDK_NONE)
		return NULL;
	return &dw->txq[ifidx];
}

static bool
has_next_hop(const struct chq_path *to)
{
	const uint8_t *m = to->mac;

	return (m[0] | m[1] | m[2] | m[3] | m[4] | m[5]) != 0;
}

/* Return: the way to a client whose next hop is known; else NULL. */
static struct chq_dpdk_txq *
txq_of(struct chq_dpdk_worker *dw, const struct chq_path *to)
{
	return has_next_hop(to) ? txq_at(dw, to->ifidx) : NULL;
}

static void
txq_put(struct chq_worker *w, struct chq_dpdk_txq *q, struct rte_mbuf *m)
{
	if (q->n == RTE_DIM(q->mbufs))
		txq_flush(w, q);
	q->mbufs[q->n++] = m;
}

/* A finished packet: into its queue, or, without a next hop, to the manager, if there is one who asks the kernel. */
static void
put_or_hold(struct chq_dpdk_worker *dw, struct chq_worker *w, struct chq_dpdk_txq *q,
	    struct rte_mbuf *m)
{
	if (q) {
		txq_put(w, q, m);
		return;
	}
	if (chq_dpdk_hold(dw, m))
		return;
	chq_count(w, CHQ_D_NEIGHBOUR);
	rte_pktmbuf_free(m);
}

/* What stands in a packet's Ethernet header until the kernel has found the next hop. */
static const uint8_t any_mac[6] = { 0x02 };

static void
send_in_place(struct chq_dpdk_worker *dw, struct chq_worker *w, struct chq_pkt *p)
{
	struct chq_dpdk_txq *q = txq_of(dw, &p->out);
	struct rte_mbuf *m = p->drv;
	size_t headroom = (size_t)(p->l2 - (uint8_t *)m->buf_addr);

	if (!q)
		memcpy(p->out.mac, any_mac, sizeof(any_mac));
	if ((!q && !dw->rings) || chq_eth_build(p, w->header, headroom) < 0) {
		chq_count(w, CHQ_D_NO_ROUTE);
		rte_pktmbuf_free(m);
		return;
	}
	m->data_off = (uint16_t)(p->l2 - (uint8_t *)m->buf_addr);
	m->data_len = p->l2_len;
	m->pkt_len = p->l2_len;
	m->ol_flags = 0;
	put_or_hold(dw, w, q, m);
}

void
chq_dpdk_tx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts, uint16_t n)
{
	struct chq_dpdk_worker *dw = dpdk_worker(d, w);

	for (uint16_t i = 0; i < n; i++)
		send_in_place(dw, w, pkts[i]);
	flush_all(dw, w);
}

void
chq_dpdk_tx_new(struct chq_driver *d, struct chq_worker *w, const struct chq_path *to,
		const uint8_t *dgram, uint16_t len)
{
	struct chq_dpdk_worker *dw = dpdk_worker(d, w);
	struct chq_dpdk_txq *q = txq_of(dw, to);
	struct rte_mempool *pool = q ? q->pool : dw->rings ? dw->rings->pool : NULL;
	struct chq_path out = *to;
	struct rte_mbuf *m;
	int made;

	if (!pool) {
		chq_count(w, CHQ_D_NO_ROUTE);
		return;
	}
	m = rte_pktmbuf_alloc(pool);
	if (!m) {
		chq_count(w, CHQ_D_TX_FULL);
		return;
	}
	if (!q)
		memcpy(out.mac, any_mac, sizeof(any_mac));
	made = chq_eth_make(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m), w->header,
			    &out, dgram, len);
	if (made < 0) {
		chq_count(w, CHQ_D_NO_ROUTE);
		rte_pktmbuf_free(m);
		return;
	}
	m->data_len = (uint16_t)made;
	m->pkt_len = (uint32_t)made;
	mbuf_pkt(m)->dgram_len = len;
	mbuf_pkt(m)->out = out;
	put_or_hold(dw, w, q, m); /* goes out with the next poll at the latest */
}

/* --- receiving --- */

/* The card has found a checksum to be wrong; it is asked only to look, never to write one. */
static bool
bad_sum(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD ||
	       (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

/* Return: the packet, if it is for the stages; else NULL, counted, and left to the kernel or freed. */
static struct chq_pkt *
take(struct chq_dpdk_worker *dw, struct chq_worker *w, struct chq_dpdk_rxq *q, struct rte_mbuf *m)
{
	struct chq_pkt *p = mbuf_pkt(m);
	enum chq_counter c;

	p->drv = m;
	p->l2 = rte_pktmbuf_mtod(m, uint8_t *);
	p->l2_len = m->data_len;
	c = chq_eth_parse(&q->eth, p);
	if (c != CHQ_C_KERNEL && m->nb_segs > 1)
		c = CHQ_D_SEGMENTS;
	else if (c == CHQ_C_RX && bad_sum(m))
		c = CHQ_D_CHECKSUM;
	if (c == CHQ_C_RX) {
		if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
			p->src.vlan = m->vlan_tci;
		return p;
	}
	if (c == CHQ_C_KERNEL) {
		chq_count(w, c);
		chq_dpdk_to_kernel(dw, w, q->eth.ifidx, m);
		return NULL;
	}
	chq_count_refused(w, c, p->dgram_len);
	rte_pktmbuf_free(m);
	return NULL;
}

static uint16_t
receive(struct chq_dpdk_worker *dw, struct chq_worker *w, struct chq_dpdk_rxq *q,
	struct chq_pkt **pkts, uint16_t room)
{
	uint16_t got = rte_eth_rx_burst(q->port_id, q->queue, dw->mbufs, room);
	uint16_t n = 0;

	for (uint16_t i = 0; i < got; i++) {
		struct chq_pkt *p = take(dw, w, q, dw->mbufs[i]);

		if (p)
			pkts[n++] = p;
	}
	w->rx_full |= got == room;
	if (got)
		dw->idle = 0;
	return n;
}

/* What the manager has got from the kernel. */
static void
send_ready(struct chq_dpdk_worker *dw, struct chq_worker *w)
{
	uint16_t n = chq_dpdk_ready(dw, dw->mbufs);

	for (uint16_t i = 0; i < n; i++)
		txq_put(w, txq_at(dw, mbuf_pkt(dw->mbufs[i])->out.ifidx), dw->mbufs[i]);
}

uint16_t
chq_dpdk_rx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts)
{
	static const struct timespec rest = { .tv_nsec = IDLE_REST_NS };
	struct chq_dpdk_worker *dw = dpdk_worker(d, w);
	uint16_t n = 0;

	send_ready(dw, w);
	flush_all(dw, w);
	dw->idle++;
	for (unsigned int i = 0; i < dw->rxqs && n < CHQ_BURST; i++) {
		n += receive(dw, w, &dw->rxq[dw->next], pkts + n, (uint16_t)(CHQ_BURST - n));
		dw->next = dw->next + 1 < dw->rxqs ? dw->next + 1 : 0;
	}
	if (dw->idle >= IDLE_POLLS && dw->core < 0) {
		dw->idle = IDLE_POLLS;
		nanosleep(&rest, NULL);
	}
	return n;
}

void
chq_dpdk_free(struct chq_driver *d, struct chq_worker *w, struct chq_pkt *p)
{
	(void)d;
	(void)w;
	rte_pktmbuf_free(p->drv);
}
