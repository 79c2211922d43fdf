#include "dataplane/worker.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/atomic.h"
#include "dataplane/driver.h"

#define TX_BATCH   CHQ_BURST
#define LAST_POLLS 256 /* at the end; where packets come in for ever, what is behind them is left */

/* Which queue a packet for the manager goes to, and the counter for "full". */
static enum chq_upq
queue_of(const struct chq_pkt *p, enum chq_counter *full)
{
	switch (p->up) {
	case CHQ_UP_HELLO: *full = CHQ_D_QUEUE_HELLO; return CHQ_UPQ_HELLO;
	case CHQ_UP_SERVER: *full = CHQ_D_QUEUE_SERVER; return CHQ_UPQ_SERVER;
	default: *full = CHQ_D_QUEUE_OTHER; return CHQ_UPQ_OTHER;
	}
}

static void
hand_up(struct chq_worker *w, const struct chq_pkt *p)
{
	struct chq_up_item item;
	enum chq_counter full;
	enum chq_upq q = queue_of(p, &full);

	item.src = p->src;
	item.slot = p->from_slot;
	item.gen = p->from_gen;
	item.dgram_len = p->dgram_len;
	item.up = p->up;
	item.why = p->why;
	item.pad[0] = item.pad[1] = 0;
	memcpy(item.dgram, p->dgram, p->dgram_len);
	if (!chq_ring_push(&w->up[q], &item))
		chq_count(w, full);
}

/* What this worker has handed to the manager so far: changes with each push. */
static uint32_t
handed_up(const struct chq_worker *w)
{
	uint32_t sum = atomic_load_explicit(&w->notes.tail, memory_order_relaxed);

	for (int q = 0; q < CHQ_UPQ__COUNT; q++)
		sum += atomic_load_explicit(&w->up[q].tail, memory_order_relaxed);
	return sum;
}

/* Only where the driver waits in the kernel anyway (wake_fd >= 0), and only when the manager has gone to sleep. */
static void
wake_manager(struct chq_worker *w)
{
	uint64_t one = 1;

	if (w->wake_fd < 0)
		return;
	atomic_thread_fence(memory_order_seq_cst); /* behind the pushes; see chq_manager_idle() */
	if (atomic_load_explicit(w->manager_asleep, memory_order_relaxed))
		(void)!write(w->wake_fd, &one, sizeof(one));
}

/* Do what the stages have decided for each packet of a burst. */
static void
act(struct chq_worker *w, struct chq_pkt **pkts, uint16_t n)
{
	const struct chq_driver_ops *ops = w->driver->ops;
	struct chq_pkt *out[CHQ_BURST];
	uint16_t sends = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct chq_pkt *p = pkts[i];

		if (p->verdict == CHQ_V_TX) {
			out[sends++] = p;
			continue;
		}
		if (p->verdict == CHQ_V_UP)
			hand_up(w, p);
		ops->free(w->driver, w, p);
	}
	if (sends)
		ops->tx(w->driver, w, out, sends);
	for (uint16_t i = 0; i < w->extra_n; i++)
		ops->tx_new(w->driver, w, &w->extra[i].to, w->extra[i].dgram, CHQ_FRAME_HDR_LEN);
	w->extra_n = 0;
}

static uint16_t
send_for_manager(struct chq_worker *w)
{
	struct chq_tx_item item;
	uint16_t n = 0;

	while (n < TX_BATCH && chq_ring_pop(&w->tx, &item)) {
		w->driver->ops->tx_new(w->driver, w, &item.to, item.dgram, item.dgram_len);
		n++;
	}
	return n;
}

static void
add(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/*
 * One look at the clock a poll, behind rx(). The time since the last one went into that poll's work and this rx(): it
 * was idle time if there was no work, else what rx() waited.
 */
static void
clock_tick(struct chq_worker *w, uint16_t n)
{
	struct chq_heartbeat *beat = &w->header->heartbeat[w->index];
	uint64_t was = w->now_ns, now = chq_mono_ns();
	int full = w->rx_full || n == CHQ_BURST;

	chq_worker_set_clock(w, now);
	if (was)
		add(&w->idle_ns, w->worked ? w->rx_waited_ns : now - was);
	w->sheds = chq_shed_poll(&w->shed, full, now);
	if (!full)
		w->sheds = CHQ_SHED_NOTHING;
	CHQ_STORE_RELAXED(&beat->shed, w->shed.level);
	CHQ_STORE_RELAXED(&beat->now_ns, now);
	add(&w->polls, 1);
}

bool
chq_worker_poll(struct chq_worker *w)
{
	struct chq_pkt *pkts[CHQ_BURST];
	uint32_t before = handed_up(w);
	uint16_t n, sent;

	w->rx_full = 0;
	w->rx_waited_ns = 0;
	n = w->driver->ops->rx(w->driver, w, pkts);
	clock_tick(w, n);
	if (n) {
		chq_pipeline(w, pkts, n);
		act(w, pkts, n);
		if (handed_up(w) != before)
			wake_manager(w);
	}
	sent = send_for_manager(w);
	w->worked = n || sent;
	add(&w->polls_busy, w->worked);
	return w->worked;
}

void
chq_worker_run(struct chq_worker *w)
{
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed))
		chq_worker_poll(w);
	/* What the driver took in before it was told to be quiet is still served. */
	for (int i = 0; i < LAST_POLLS && chq_worker_poll(w); i++)
		;
}

void
chq_worker_stop(struct chq_worker *w)
{
	atomic_store_explicit(&w->stop, 1, memory_order_relaxed);
	if (w->driver && w->driver->ops->wake)
		w->driver->ops->wake(w->driver, w);
}
