#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench/line/line.h"

#define BURST		 32
#define WARM_UP_TRIES	 10000
#define WARM_UP_PAUSE_US 1000
#define WARM_UP_QUIET	 200
#define STALL_NS	 1e9 /* nothing came for so long: what is under way is lost */

extern struct rte_mempool *line_pool;

/* How many packets may go now. */
static uint32_t
due(const struct line *l, uint32_t sent, uint64_t now, uint64_t start)
{
	uint32_t left = l->opt.frames - sent, way = sent - l->got;
	uint32_t room = way < l->opt.window ? l->opt.window - way : 0;
	double planned;

	if (l->opt.rate > 0) {
		planned = (double)(now - start) * l->tsc_ns * l->opt.rate / 1e9;
		left = planned > sent ? (uint32_t)(planned - sent) : 0;
		if (left > l->opt.frames - sent)
			left = l->opt.frames - sent;
	}
	left = left < room ? left : room;
	return left < BURST ? left : BURST;
}

/* Return: how many went. */
static uint32_t
send_some(struct line *l, uint32_t at, uint32_t n)
{
	uint16_t len = (uint16_t)(LINE_HEADERS + CHQ_FRAME_HDR_LEN + l->opt.payload), went;
	struct rte_mbuf *m[BURST];
	uint64_t now;

	if (n == 0 || rte_pktmbuf_alloc_bulk(line_pool, m, n))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = l->packets + (size_t)(at + i) * l->stride;

		rte_prefetch0(p + (size_t)BURST * l->stride);
		rte_prefetch0(p + (size_t)BURST * l->stride + 64);
		memcpy(rte_pktmbuf_mtod(m[i], void *), p, len);
		m[i]->data_len = len;
		m[i]->pkt_len = len;
	}
	now = rte_rdtsc();
	went = rte_eth_tx_burst(l->port, 0, m, (uint16_t)n);
	if (went < n)
		rte_pktmbuf_free_bulk(m + went, n - went);
	for (uint32_t i = 0; l->sent_tsc && i < went; i++)
		l->sent_tsc[at + i] = now;
	return went;
}

/* Return: how many came. */
static uint32_t
take_some(struct line *l)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = rte_eth_rx_burst(l->port, 0, m, BURST);
	uint64_t now = n && l->got_tsc ? rte_rdtsc() : 0;

	for (uint16_t i = 0; i < n && l->got < l->opt.frames; i++) {
		const uint8_t *p = rte_pktmbuf_mtod(m[i], const uint8_t *);

		if (p[12] != 0x08 || p[13] != 0)
			continue; /* what kernels say on every interface; no IPv4 */
		memcpy(l->log + (size_t)l->got * LINE_LOGGED, p, LINE_LOGGED);
		if (now)
			l->got_tsc[l->got] = now;
		l->got++;
	}
	if (n)
		rte_pktmbuf_free_bulk(m, n);
	return n;
}

bool
line_warm_up(struct line *l)
{
	uint32_t sent = 0, quiet = 0;

	l->got = 0;
	for (int i = 0; i < WARM_UP_TRIES && quiet < WARM_UP_QUIET; i++) {
		if (l->got == 0)
			sent += send_some(l, sent, 1);
		rte_delay_us_block(WARM_UP_PAUSE_US);
		quiet = take_some(l) || l->got == 0 ? 0 : quiet + 1;
	}
	return l->got > 0;
}

double
line_sample(struct line *l)
{
	uint64_t start = rte_rdtsc(), last = start, now = start;
	uint32_t sent = 0;

	l->got = 0;
	while (l->got < l->opt.frames) {
		uint32_t went = send_some(l, sent, due(l, sent, now, start));
		uint32_t came = take_some(l);

		sent += went;
		now = rte_rdtsc();
		l->turns++;
		l->waits += !went && !came;
		if (came)
			last = now;
		else if ((double)(now - last) * l->tsc_ns > STALL_NS)
			break;
	}
	return (double)(rte_rdtsc() - start) * l->tsc_ns;
}
