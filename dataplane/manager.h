#pragma once
/*
 * dataplane/manager: the one thread that changes the tables' structure, talks with the control process and seals and
 * opens frames to and from the server. Workers hand it packets through bounded rings, three queues apart by class;
 * each round takes a bounded number of each, frames of logged-in clients first, so that a flood of handshakes
 * starves nobody.
 *
 * Sleep. A driver whose workers wait in the kernel (ops->wake is set) makes them write to an eventfd, and only
 * when the manager sleeps. The workers of other drivers poll and never enter the kernel: there the manager looks at the
 * rings itself every CHQ_MANAGER_POLL_MS.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/counters.h"
#include "dataplane/driver.h"
#include "dataplane/hello_budget.h"
#include "dataplane/link.h"
#include "dataplane/tables.h"
#include "dataplane/worker.h"

#define CHQ_MANAGER_POLL_MS 1
#define CHQ_MANAGER_TICK_NS (100 * UINT64_C(1000000))
#define CHQ_SWEEP_NS	    (5 * UINT64_C(1000000000)) /* the whole table once in this time */

/* How much of each class a round takes from each worker. */
#define CHQ_ROUND_NOTES	   512
#define CHQ_ROUND_SERVER   256
#define CHQ_ROUND_OTHER	   128
#define CHQ_ROUND_HELLO	   64
#define CHQ_ROUND_COMMANDS 256
#define CHQ_ROUND_DUMP	   256
#define CHQ_ROUND_SWEEP	   8192 /* slots looked at */
#define CHQ_ROUND_ENDS	   256	/* sessions that the sweep ends */

/* Capacity of the rings of one worker, entries. */
#define CHQ_RING_HELLO	256
#define CHQ_RING_SERVER 512
#define CHQ_RING_OTHER	256
#define CHQ_RING_NOTES	1024
#define CHQ_RING_TX	512

/* A worker in the last second, and where that began. */
struct chq_manager_load {
	uint64_t beat_ns, idle_ns;
	uint16_t busy_permille, shed; /* enum chq_shed */
};

struct chq_manager {
	/* Set at start, then constant. */
	struct chq_tables *t;
	struct chq_driver *driver;
	struct chq_worker **workers;
	unsigned n_workers;
	uint64_t (*mono_ns)(void); /* clocks, for tests; never NULL */
	uint64_t (*wall_ms)(void);
	uint64_t started_ns;
	int wake_fd; /* eventfd that workers write to; -1: the manager polls */

	/* Writer manager; reader workers: a wake is wanted. Sequentially consistent, see chq_manager_idle(). */
	_Atomic int asleep;

	/* Manager thread only. */
	uint64_t now_ns; /* of this round */
	uint32_t now_s;
	uint64_t next_tick_ns, next_second_ns;
	uint64_t next_full_ns; /* when the log may say again that the tables are full */
	struct chq_manager_load load[CHQ_TABLE_WORKERS_MAX];
	uint64_t count[CHQ_C__COUNT];
	struct chq_link link;
	struct chq_hello_budget budget;
	uint32_t sweep_at;  /* next slot to look at */
	uint32_t sweep_due; /* slots to be looked at by now; all of them at most */
	struct {
		bool on;
		uint32_t req, next;
	} dump;
	uint64_t tx_wanted; /* bit i: worker i has something new on its tx ring */
	bool busy;	    /* the last round left work on a ring */
	bool link_quiet;    /* poll() has just said that control's sockets hold nothing */
};

/**
 * chq_manager_init() - before the workers run; makes their rings. The link is not open yet (chq_link_open(&m->link, …)).
 * @workers: @n workers, bound to @t; their driver is set here.
 * Return: 0; CHQ_ENOMEM; a negated errno (eventfd). On failure chq_manager_deinit() cleans up.
 */
int chq_manager_init(struct chq_manager *m, struct chq_tables *t, struct chq_driver *d,
		     struct chq_worker **workers, unsigned n);

/** chq_manager_deinit() - no worker runs any more. */
void chq_manager_deinit(struct chq_manager *m);

/**
 * chq_manager_round() - everything that is to be done now, and no more: commands of control, notes, packets, dump,
 * sweep and clocks when they are due. Never blocks.
 */
void chq_manager_round(struct chq_manager *m);

/** chq_manager_idle() - before sleeping: announces it. Return: true if no ring holds anything; else do not sleep. */
bool chq_manager_idle(struct chq_manager *m);

/** chq_manager_awake() - after sleeping. */
void chq_manager_awake(struct chq_manager *m);

/** chq_manager_tick() - the parts that go by the clock: sweep, cookie secrets, today, addresses. Called by rounds when due. */
void chq_manager_tick(struct chq_manager *m);

/** Sum of one counter over the workers and the manager. */
uint64_t chq_manager_count(const struct chq_manager *m, enum chq_counter c);

/** Are all workers alive? Return: false if a heartbeat is older than @ns. */
bool chq_manager_workers_alive(const struct chq_manager *m, uint64_t ns);

/* --- parts, each in its own file; manager thread --- */

/** manager_cmd.c: act on one message of control, checked here. Return: 0; CHQ_EMALFORMED, CHQ_EVERSION: close the connection. */
int chq_manager_command(struct chq_manager *m, const void *msg, size_t len);

/** manager_up.c: act on one packet, one note that a worker has handed up. The item's datagram is opened in place. */
void chq_manager_up(struct chq_manager *m, struct chq_up_item *item);
void chq_manager_note(struct chq_manager *m, const struct chq_note *note);

/** manager_tx.c: let worker @key mod n send a datagram: the same key keeps its order. Counted when the ring is full. */
void chq_manager_send(struct chq_manager *m, uint32_t key, const struct chq_path *to,
		      const uint8_t *dgram, uint16_t len);

/** manager_tx.c: build, seal, tag and send a frame of control's to the session's current path. @f is checked. */
void chq_manager_frame_tx(struct chq_manager *m, const struct chq_dp_frame_tx *f);

/**
 * manager_tx.c: a NOTICE about the frame @h to @to, from the session's budget, never longer than what came.
 * @counter: the one that says it was sent. @token: for CHQ_NOTICE_PATH, else 0.
 */
void chq_manager_notice(struct chq_manager *m, struct chq_session *s, uint32_t slot,
			const struct chq_frame_hdr *h, const struct chq_path *to, uint16_t code,
			uint64_t token, enum chq_counter counter);

/** manager_session.c: a slice of the sweep; a slice of the dump; an event to control. */
void chq_manager_sweep(struct chq_manager *m);
void chq_manager_dump(struct chq_manager *m);
void chq_manager_event(struct chq_manager *m, struct chq_dp_ref ref, uint32_t kind, uint64_t ident,
		       const struct chq_path *at);

/** manager_session.c: close a session and tell control why; @kind: CHQ_DP_EV_SILENT or CHQ_DP_EV_EXPIRED. */
void chq_manager_end(struct chq_manager *m, struct chq_dp_ref ref, uint32_t kind);

/**
 * manager_session.c: its hop keys have sealed enough: tell its client, close it as expired.
 * @h: the frame that showed it, or NULL.
 */
void chq_manager_worn(struct chq_manager *m, struct chq_dp_ref ref, const struct chq_frame_hdr *h);

/** manager_session.c: a NEW session's first valid frame was seen: publish it and tell control. */
void chq_manager_confirm(struct chq_manager *m, struct chq_dp_ref ref);

/** manager_session.c: a session was refused for want of room in the tables: the log says so, not more often than in ten seconds. */
void chq_manager_full(struct chq_manager *m);

/** manager_session.c: a session that is a receiver now came over a socket: let its path name the next hop, for the program. */
void chq_manager_next_hop(const struct chq_manager *m, struct chq_dp_ref ref);

/** manager_load.c: each second: what the workers did meanwhile; tells control. */
void chq_manager_load(struct chq_manager *m);

static inline void
chq_manager_count_one(struct chq_manager *m, enum chq_counter c)
{
	m->count[c]++;
}
