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

static void
txq_flush(struct chq_worker *w, struct chq_dpdk_txq *q)
{
	uint16_t lengths[RTE_DIM(q->mbufs)], sent;
	uint64_t bytes = 0;

	if (q->n == 0)
		return;
	for (uint16_t i = 0; i < q->n; i++)
		lengths[i] = mbuf_pkt(q->mbufs[i])->dgram_len;
	sent = rte_eth_tx_burst(q->port_id, q->queue, q->mbufs, q->n);
	for (uint16_t i = 0; i < sent; i++)
		bytes += lengths[i]; /* the mbufs are the card's by now */
	chq_count_add(w, CHQ_C_TX, sent);
	chq_count_add(w, CHQ_C_TX_BYTES, bytes);
	if (sent < q->n) {
		chq_count_add(w, CHQ_D_TX_FULL, (uint64_t)(q->n - sent));
		rte_pktmbuf_free_bulk(q->mbufs + sent, (unsigned int)(q->n - sent));
	}
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
txq_of(struct chq_dpdk_worker *dw, const struct chq_path *to)
{
	if (to->ifidx >= CHQ_TABLE_PORTS_MAX || dw->txq[to->ifidx].port_id == CHQ_DPDK_NONE)
		return NULL;
	return &dw->txq[to->ifidx];
}

static void
txq_put(struct chq_worker *w, struct chq_dpdk_txq *q, struct rte_mbuf *m)
{
	if (q->n == RTE_DIM(q->mbufs))
		txq_flush(w, q);
	q->mbufs[q->n++] = m;
}

static void
send_in_place(struct chq_dpdk_worker *dw, struct chq_worker *w, struct chq_pkt *p)
{
	struct chq_dpdk_txq *q = txq_of(dw, &p->out);
	struct rte_mbuf *m = p->drv;
	size_t headroom = (size_t)(p->l2 - (uint8_t *)m->buf_addr);

	if (!q || chq_eth_build(p, w->header, headroom) < 0) {
		chq_count(w, CHQ_D_NO_ROUTE);
		rte_pktmbuf_free(m);
		return;
	}
	m->data_off = (uint16_t)(p->l2 - (uint8_t *)m->buf_addr);
	m->data_len = p->l2_len;
	m->pkt_len = p->l2_len;
	m->ol_flags = 0;
	txq_put(w, q, m);
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
	struct rte_mbuf *m;
	int made;

	if (!q) {
		chq_count(w, CHQ_D_NO_ROUTE);
		return;
	}
	m = rte_pktmbuf_alloc(q->pool);
	if (!m) {
		chq_count(w, CHQ_D_TX_FULL);
		return;
	}
	made = chq_eth_make(rte_pktmbuf_mtod(m, uint8_t *), rte_pktmbuf_tailroom(m), w->header, to,
			    dgram, len);
	if (made < 0) {
		chq_count(w, CHQ_D_NO_ROUTE);
		rte_pktmbuf_free(m);
		return;
	}
	m->data_len = (uint16_t)made;
	m->pkt_len = (uint32_t)made;
	mbuf_pkt(m)->dgram_len = len;
	txq_put(w, q, m); /* goes out with the next poll at the latest */
}

/* --- receiving --- */

/* Return: the packet, if it is for the stages; else NULL, counted and freed. */
static struct chq_pkt *
take(struct chq_worker *w, struct chq_dpdk_rxq *q, struct rte_mbuf *m)
{
	struct chq_pkt *p = mbuf_pkt(m);
	enum chq_counter c;

	p->drv = m;
	p->l2 = rte_pktmbuf_mtod(m, uint8_t *);
	p->l2_len = m->data_len;
	c = chq_eth_parse(&q->eth, p);
	if (c != CHQ_C_KERNEL && m->nb_segs > 1)
		c = CHQ_D_SEGMENTS;
	if (c == CHQ_C_RX) {
		if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
			p->src.vlan = m->vlan_tci;
		return p;
	}
	if (c == CHQ_C_KERNEL)
		chq_count(w, c);
	else
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
		struct chq_pkt *p = take(w, q, dw->mbufs[i]);

		if (p)
			pkts[n++] = p;
	}
	if (got)
		dw->idle = 0;
	return n;
}

uint16_t
chq_dpdk_rx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts)
{
	static const struct timespec rest = { .tv_nsec = IDLE_REST_NS };
	struct chq_dpdk_worker *dw = dpdk_worker(d, w);
	uint16_t n = 0;

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
