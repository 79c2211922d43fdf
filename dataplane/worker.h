#pragma once
/*
 * dataplane/worker: one worker thread's view of everything, the burst pipeline, and the only ways
 * between a worker and the manager thread: bounded rings.
 *
 * A burst: driver rx -> chq_pipeline() -> the loop acts on each packet's verdict (CHQ_V_TX: driver
 * tx; CHQ_V_UP: onto a ring, then driver free; else driver free) -> w->extra[] by driver tx_new.
 */
#include <stdatomic.h>

#include "base/ring.h"
#include "dataplane/counters.h"
#include "dataplane/pkt.h"
#include "dataplane/shed.h"
#include "dataplane/tables.h"
#include "proto/siphash_lanes.h"

struct chq_driver;

/* A NOTICE: sent besides the packet that caused it. At most one a packet: never more than came. */
#define CHQ_EXTRA_MAX CHQ_BURST
struct chq_extra {
	struct chq_path to;
	uint8_t dgram[CHQ_FRAME_HDR_LEN];
};

/* Queues from a worker to the manager, so that one flood does not starve the others. */
enum chq_upq { CHQ_UPQ_HELLO, CHQ_UPQ_SERVER, CHQ_UPQ_OTHER, CHQ_UPQ__COUNT };

/* What goes up: the datagram as it came, its tag verified when it is a FRAME. No table was changed
 * for it: the manager takes its number (chq_replay_take), its quota and its path. */
struct chq_up_item {
	struct chq_path src;
	uint32_t slot; /* of the sender; CHQ_SLOT_NONE for a HELLO */
	uint16_t gen;
	uint16_t dgram_len;
	uint8_t up;  /* enum chq_up */
	uint8_t why; /* enum chq_dp_why, with CHQ_UP_FRAME */
	uint8_t pad[2];
	uint8_t dgram[CHQ_DGRAM_MAX];
};

/* What the manager should know of a session, best effort: a lost CONFIRM is repeated by the
 * session's next frame. */
enum chq_note_kind { CHQ_NOTE_CONFIRM = 1, CHQ_NOTE_MOVED };
struct chq_note {
	uint32_t slot;
	uint16_t gen;
	uint16_t kind; /* enum chq_note_kind */
};

/* Manager -> worker: a datagram to send. */
struct chq_tx_item {
	struct chq_path to;
	uint16_t dgram_len;
	uint16_t pad[3];
	uint8_t dgram[CHQ_DGRAM_MAX];
};

struct chq_worker {
	/* Set at start, then constant. */
	unsigned int index;
	struct chq_tables *tables;
	struct chq_driver *driver;
	void *drv; /* the driver's own, for this worker */
	/* copies from tables, to save a load each frame */
	struct chq_header *header;
	struct chq_session *sessions;
	struct chq_cold *cold;
	struct chq_bucket *buckets;
	uint32_t slots, bucket_count;
	uint64_t account_seed;
	const struct chq_sip_lanes *sip; /* the machine's widest; tests and benchmarks try others */

	/* Writer and reader: this worker. The loop sets the clock once a poll, before
	 * chq_pipeline(). */
	uint64_t now_ns; /* CLOCK_MONOTONIC */
	uint32_t now_s;	 /* the same in seconds */
	uint16_t today;	 /* header->today, read once a burst */
	uint16_t extra_n;
	struct chq_shedder shed;
	uint32_t sheds; /* enum chq_shed, of this poll: the level, if it was full */
	/* The driver's rx() sets them: 1 if it took as many packets as it had room for, also if some were not ours; how
	 * long it waited in the kernel. */
	uint8_t rx_full;
	uint8_t worked; /* the last poll brought anything */
	uint64_t rx_waited_ns;
	struct chq_extra extra[CHQ_EXTRA_MAX];
	_Alignas(64) struct chq_sip_job jobs[CHQ_BURST]; /* a stage's own, while it runs */

	/* Writer: this worker, relaxed, single. Reader: manager, relaxed. */
	_Alignas(64) _Atomic uint64_t counts[CHQ_C__COUNT];
	_Atomic uint64_t polls, polls_busy;
	_Atomic uint64_t idle_ns; /* what of the time until its heartbeat it had nothing to do */

	/* Worker -> manager: struct chq_up_item, struct chq_note. */
	struct chq_ring up[CHQ_UPQ__COUNT];
	struct chq_ring notes;
	/* Manager -> worker: struct chq_tx_item. */
	struct chq_ring tx;

	/* Set at start: eventfd of a manager that sleeps until it is told, and its flag; -1 where
	 * the manager polls. */
	int wake_fd;
	_Atomic int *manager_asleep;

	/* Writer: manager. Reader: worker, relaxed, each poll. */
	_Alignas(64) _Atomic int stop;
};

/* No line that one thread writes often is another's: not of the counters, not of two workers. */
_Static_assert(__builtin_offsetof(struct chq_worker, counts) % 64 == 0, "counters begin a line");
_Static_assert(__builtin_offsetof(struct chq_worker, up) % 64 == 0, "no ring is on their last");
_Static_assert(__builtin_offsetof(struct chq_worker, stop) % 64 == 0, "nor is the manager's flag");
_Static_assert(sizeof(struct chq_worker) % 64 == 0, "workers lie apart");
_Static_assert(sizeof(struct chq_heartbeat) == 64, "a heartbeat is a line of its own");

/* Count once. Thread: the counters' worker. */
static inline void
chq_count_add(struct chq_worker *w, enum chq_counter c, uint64_t n)
{
	uint64_t was = atomic_load_explicit(&w->counts[c], memory_order_relaxed);

	atomic_store_explicit(&w->counts[c], was + n, memory_order_relaxed);
}

static inline void
chq_count(struct chq_worker *w, enum chq_counter c)
{
	chq_count_add(w, c, 1);
}

/* A datagram to our port that a driver itself refuses (fragment, checksum, segments): counts it as
 * received and dropped. */
static inline void
chq_count_refused(struct chq_worker *w, enum chq_counter c, uint16_t dgram_len)
{
	chq_count(w, CHQ_C_RX);
	chq_count_add(w, CHQ_C_RX_BYTES, dgram_len);
	chq_count(w, c);
}

static inline void
chq_worker_set_clock(struct chq_worker *w, uint64_t now_ns)
{
	w->now_ns = now_ns;
	w->now_s = (uint32_t)(now_ns / 1000000000);
}

/**
 * chq_worker_bind() - fill the constant copies from @t and zero the counters; rings, driver and
 * clock are not touched.
 */
void chq_worker_bind(struct chq_worker *w, unsigned int index, struct chq_tables *t);

/**
 * chq_pipeline() - all stages on a burst.
 * @pkts: @n packets, at most CHQ_BURST, their driver part filled. Order and pointers stay as they
 *        are.
 *
 * Leaves in each packet its verdict (p->verdict, p->count; p->out and p->dgram with CHQ_V_TX;
 * p->up, p->why, p->from_slot, p->from_gen with CHQ_V_UP), already counted, and NOTICEs to send in
 * w->extra[0..extra_n-1]. Never fails, allocates, locks, logs or enters the kernel. Thread: the
 * worker's; the clock must be set.
 */
void chq_pipeline(struct chq_worker *w, struct chq_pkt **pkts, uint16_t n);

/**
 * chq_worker_poll() - one burst: receive, decide, send, hand up, and what the manager wants sent.
 * Waits in the driver's rx() at most. Return: true if there was anything. Thread: the worker's.
 */
bool chq_worker_poll(struct chq_worker *w);

/** chq_worker_run() - poll until chq_worker_stop(). Thread: the worker's own. */
void chq_worker_run(struct chq_worker *w);

/** chq_worker_stop() - make chq_worker_run() return soon. Any thread. */
void chq_worker_stop(struct chq_worker *w);
