/*
 * workers [threads] [frames]: worker threads and the manager on the same sessions, for
 * ThreadSanitizer, and with checks of its own.
 *
 * Every thread has a copy of every frame of every session, in an order of its own, so that the
 * frames of one session meet on all of them at once; some are PINGs that move their session between
 * two addresses. Meanwhile the manager opens, confirms, replaces and closes sessions of others in
 * slots that it takes again at once (its clock runs, the workers' stands), changes keys and denial
 * lists, and fills the account table to the brim so that entries move. What must hold: a frame
 * is forwarded by one thread at most; no two frames reach a receiver under one number, none with a
 * wrong tag or at an address that it never had; a session that stays is always found; a budget is
 * spent to the last frame and not beyond.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/path.h"
#include "dataplane/quota.h"
#include "dataplane/stage.h"
#include "proto/grant.h"

#define PAIRS	    8  /* sessions that stay: each writes to the next */
#define OTHERS	    72 /* accounts that come and go */
#define SLOTS	    128
#define THREADS_MAX 8
#define BUDGET	    500 /* frames that the last of PAIRS may send */
#define T0_NS	    (UINT64_C(5000) * CHQ_NS_PER_SEC)
#define TODAY	    2000
#define PORT_A	    40000 /* + number; the other address of a session has PORT_B */
#define PORT_B	    50000
#define PING_EVERY  16

struct peer {
	uint8_t tag_in[16], tag_out[16], grant[16];
	struct chq_dp_ref ref;
};

struct thread {
	pthread_t id;
	struct chq_worker *w;
	uint64_t rng;
	uint8_t *took[PAIRS];  /* by seq: this thread forwarded it */
	uint64_t *sent[PAIRS]; /* numbers under which this thread sent to that session */
	uint32_t sent_n[PAIRS];
	uint32_t spent[PAIRS]; /* from the session's budget */
	uint64_t unknown, mixed, others;
};

static struct chq_tables *t;
static struct peer peers[PAIRS];
static struct thread threads[THREADS_MAX];
static unsigned int n_threads = 2;
static uint32_t frames = 20000; /* of each session */
static pthread_barrier_t barrier;
static _Atomic int stop;

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "not so: %s\n", what);
	exit(1);
}

static uint64_t
rnd(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static struct chq_path
path_of(int i, uint16_t port)
{
	return (struct chq_path){ .ip_lo = UINT64_C(0xffff0000) | (uint64_t)(port ^ i * 257) << 32,
				  .port = (uint16_t)(port + i) };
}

/* --- frames --- */

static uint16_t
frame_put(uint8_t *buf, int from, uint64_t seq)
{
	int to = (from + 1) % PAIRS;
	bool ping = seq % PING_EVERY == 0;
	struct chq_path at = path_of(from, seq / PING_EVERY % 2 ? PORT_A : PORT_B);
	struct chq_frame_hdr h = { .type = CHQ_TYPE_FRAME,
				   .flags = ping ? CHQ_F_PING : 0,
				   .slot = peers[from].ref.slot,
				   .seq = seq,
				   .message = seq };

	if (ping) {
		h.grant = chq_path_token_now(t->header->path_secret, h.slot, &at, T0_NS);
	} else {
		h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, (uint64_t)to + 1);
		h.grant = chq_grant_make(chq_sipkey_load(peers[to].grant), CHQ_KIND_ACCOUNT,
					 (uint64_t)from + 1, 0, (uint64_t)to + 1, TODAY + 5);
	}
	chq_frame_build(buf, &h, 0, peers[from].tag_in);
	return CHQ_FRAME_HDR_LEN;
}

/* A frame of one of those who come and go, to another: whatever becomes of it, its slot may be
 * changing hands while the worker reads it. */
static uint16_t
other_put(uint8_t *buf, uint64_t *rng, uint64_t seq)
{
	uint32_t slot = (uint32_t)(rnd(rng) % SLOTS);
	uint64_t from = CHQ_PARTY_ID(CHQ_LOAD_RELAXED(&t->sessions[slot].ident));
	uint64_t to = PAIRS + 1 + rnd(rng) % OTHERS;
	struct chq_frame_hdr h = { .type = CHQ_TYPE_FRAME,
				   .slot = slot,
				   .seq = seq,
				   .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, rnd(rng) % 2, to) };
	uint8_t key[16];

	if (from <= PAIRS)
		h.slot = SLOTS; /* those who stay are not spoken for */
	memset(key, (int)to + 128, 16);
	h.grant = chq_grant_make(chq_sipkey_load(key), CHQ_KIND_ACCOUNT, from, 0, to, TODAY + 5);
	memset(key, (int)from, 16);
	chq_frame_build(buf, &h, 0, key);
	return CHQ_FRAME_HDR_LEN;
}

/* What came out under CHQ_C_FORWARD. */
static void
forwarded(struct thread *me, const struct chq_pkt *p, int from)
{
	int to = (from + 1) % PAIRS;
	struct chq_path a = path_of(to, PORT_A), b = path_of(to, PORT_B);
	struct chq_frame_hdr h;

	chq_frame_get(p->dgram, &h);
	if (!chq_frame_tag_ok(p->dgram, p->dgram_len, peers[to].tag_out))
		fail("what a receiver gets has its tag");
	if (!chq_path_same_addr(&p->out, &a) && !chq_path_same_addr(&p->out, &b))
		fail("a frame is sent to where its receiver is or was");
	me->took[from][h.message] = 1;
	me->sent[to][me->sent_n[to]++] = h.seq;
}

static void
burst_run(struct thread *me, uint32_t first)
{
	static _Thread_local struct chq_pkt pkts[CHQ_BURST];
	static _Thread_local uint8_t bufs[CHQ_BURST][CHQ_DGRAM_MAX];
	struct chq_pkt *order[CHQ_BURST];
	int from[CHQ_BURST];

	for (int i = 0; i < CHQ_BURST; i++) {
		uint64_t seq = first + (uint32_t)i / PAIRS;

		from[i] = (int)((rnd(&me->rng) % 2 + (uint64_t)i) % PAIRS);
		pkts[i].dgram = bufs[i];
		pkts[i].src = path_of(from[i], seq / PING_EVERY % 2 ? PORT_A : PORT_B);
		order[i] = &pkts[i];
		if (rnd(&me->rng) % 8) {
			pkts[i].dgram_len = frame_put(bufs[i], from[i], seq);
		} else {
			pkts[i].dgram_len = other_put(bufs[i], &me->rng, seq);
			from[i] = -1;
		}
	}
	chq_pipeline(me->w, order, CHQ_BURST);
	for (int i = 0; i < CHQ_BURST; i++) {
		if (from[i] < 0) {
			me->others += pkts[i].count == CHQ_C_FORWARD;
			continue;
		}
		me->unknown += pkts[i].verdict == CHQ_V_UP;
		me->mixed += pkts[i].count == CHQ_D_PATH;
		me->spent[from[i]] += pkts[i].count == CHQ_C_FORWARD ||
				      pkts[i].count == CHQ_C_PING || pkts[i].count == CHQ_D_PATH;
		if (pkts[i].count == CHQ_C_FORWARD)
			forwarded(me, &pkts[i], from[i]);
	}
}

static void *
thread_run(void *arg)
{
	struct thread *me = arg;

	pthread_barrier_wait(&barrier);
	for (uint32_t seq = 1; seq + CHQ_BURST / PAIRS < frames; seq += CHQ_BURST / PAIRS)
		for (int again = 0; again < 4; again++) /* so that each session has each frame */
			burst_run(me, seq);
	return NULL;
}

/* --- the manager --- */

static void
open_session(struct peer *p, uint64_t account, uint8_t quota_class, uint64_t now_ns)
{
	struct chq_dp_session_open m = { .account = account,
					 .device = 1,
					 .quota_class = quota_class,
					 .confirm_s = 1u << 30,
					 .lifetime_s = 1u << 30 };
	struct chq_path at = path_of((int)account - 1, PORT_A);

	memset(p->tag_in, (int)account, 16);
	memset(p->tag_out, (int)account + 64, 16);
	memset(p->grant, (int)account + 128, 16);
	memcpy(m.tag_in, p->tag_in, 16);
	memcpy(m.tag_out, p->tag_out, 16);
	memcpy(m.grant_key, p->grant, 16);
	memcpy(m.path.ip + 8, &at.ip_lo, 8);
	m.path.port = at.port;
	if (chq_session_open(t, &m, now_ns, &p->ref))
		fail("a slot is free");
}

static void
notes_take(uint64_t now_ns)
{
	struct chq_note note;

	for (unsigned int i = 0; i < n_threads; i++)
		while (chq_ring_pop(&threads[i].w->notes, &note))
			if (note.kind == CHQ_NOTE_CONFIRM)
				(void)chq_session_confirm(
					t, (struct chq_dp_ref){ note.slot, note.gen, 0 }, now_ns,
					NULL);
}

/* One of those who come and go is replaced, lingers, ends or is there anew; their slots are used
 * again at once. */
static void
churn(struct peer *others, uint64_t *rng, uint64_t now_ns)
{
	uint64_t account = PAIRS + 1 + rnd(rng) % OTHERS;
	struct peer *p = &others[account - PAIRS - 1];
	uint64_t what = rnd(rng) % 8;

	if (!chq_session_at(t, p->ref) || what == 0) {
		if (chq_session_at(t, p->ref) && t->free_count < 4)
			return;
		open_session(p, account, 1, now_ns);
		(void)chq_session_confirm(t, p->ref, now_ns, NULL);
	} else if (what < 3) {
		(void)chq_session_linger(t, p->ref, 1000, now_ns);
	} else if (what < 6) {
		(void)chq_session_close(t, p->ref, now_ns);
	} else if (what < 7) {
		(void)chq_session_grant_key(t, account, p->tag_in);
	} else { /* from 0, which frames are made with, to another and back */
		(void)chq_session_sender_epoch(t, account, (uint16_t)(rnd(rng) % 2));
	}
}

/* Lingering sessions end. */
static void
sweep(uint64_t now_ns)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		if (t->sessions[i].state == CHQ_SESSION_LINGER)
			(void)chq_session_close(t, (struct chq_dp_ref){ i, t->sessions[i].gen, 0 },
						now_ns);
}

static void *
manager_run(void *arg)
{
	static struct peer others[OTHERS];
	uint64_t now_ns = T0_NS, rng = 7, rounds = 0;

	for (int i = 0; i < OTHERS; i++)
		others[i].ref.slot = CHQ_SLOT_NONE;
	while (!atomic_load_explicit(&stop, memory_order_acquire)) {
		now_ns += 91 * CHQ_NS_PER_SEC; /* every slot has rested */
		notes_take(now_ns);
		churn(others, &rng, now_ns);
		(void)chq_session_deny(t, 1 + rnd(&rng) % PAIRS, 1000 + rnd(&rng) % 4, TODAY + 9,
				       rnd(&rng) % 2);
		if (rounds++ % 16 == 0)
			sweep(now_ns);
	}
	*(uint64_t *)arg = rounds;
	return NULL;
}

/* --- the world --- */

static void
world_make(void)
{
	struct chq_tables_conf conf = {
		.backing = CHQ_BACKING_MEMORY, .sessions = SLOTS, .accounts = PAIRS + OTHERS
	}; /* half of their places: entries move */
	struct chq_dp_server_set set = { .server_id = 1 };
	char err[256];

	if (chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)))
		fail(err);
	t->header->today = TODAY;
	set.quota[1].own = (struct chq_dp_rate){ 0, 0, 0, 0 };
	set.quota[2].own = (struct chq_dp_rate){ 10000, BUDGET, 0, 0 };
	set.quota[1].notices_per_s = set.quota[2].notices_per_s = 50;
	chq_tables_server_set(t, &set);
	for (int i = 0; i < PAIRS; i++) {
		open_session(&peers[i], (uint64_t)i + 1, i == PAIRS - 1 ? 2 : 1, T0_NS);
		if (chq_session_confirm(t, peers[i].ref, T0_NS, NULL))
			fail("a session can be confirmed");
	}
}

static void *
need(void *p)
{
	if (!p)
		fail("there is memory");
	return p;
}

static void
threads_make(void)
{
	for (unsigned int i = 0; i < n_threads; i++) {
		struct thread *me = &threads[i];

		me->rng = i + 1;
		me->w = need(aligned_alloc(_Alignof(struct chq_worker), sizeof(*me->w)));
		memset(me->w, 0, sizeof(*me->w));
		chq_worker_bind(me->w, i, t);
		chq_worker_set_clock(me->w, T0_NS);
		if (chq_ring_init(&me->w->notes, 64, sizeof(struct chq_note)))
			fail("there is memory");
		for (int s = 0; s < PAIRS; s++) {
			me->took[s] = need(calloc(frames + 1, 1));
			me->sent[s] = need(calloc(frames + 1, sizeof(uint64_t)));
		}
	}
}

static void
run(void)
{
	uint64_t rounds = 0;
	pthread_t manager;

	if (pthread_barrier_init(&barrier, NULL, n_threads) ||
	    pthread_create(&manager, NULL, manager_run, &rounds))
		fail("a thread can be made");
	for (unsigned int i = 0; i < n_threads; i++)
		if (pthread_create(&threads[i].id, NULL, thread_run, &threads[i]))
			fail("a thread can be made");
	for (unsigned int i = 0; i < n_threads; i++)
		pthread_join(threads[i].id, NULL);
	atomic_store_explicit(&stop, 1, memory_order_release);
	pthread_join(manager, NULL);
	printf("the manager changed something %" PRIu64 " times\n", rounds);
}

/* --- what must hold --- */

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
judge_sender(int s)
{
	uint32_t once = 0, spent = 0;

	for (uint32_t seq = 1; seq < frames; seq++) {
		unsigned int by = 0;

		for (unsigned int i = 0; i < n_threads; i++)
			by += threads[i].took[s][seq];
		if (by > 1)
			fail("a frame is forwarded by one worker only");
		once += by;
	}
	for (unsigned int i = 0; i < n_threads; i++)
		spent += threads[i].spent[s];
	printf("session %d: %u of %u frames forwarded, %u spent\n", s, once, frames - 1, spent);
	if (s == PAIRS - 1 && spent != BUDGET)
		fail("a budget is spent to the last frame, and no further");
	if (s < PAIRS - 1 && once < frames / 2)
		fail("most frames of a session are forwarded");
}

static void
judge_receiver(int s)
{
	static uint64_t *all;
	uint32_t n = 0;

	all = need(realloc(all, (size_t)n_threads * frames * sizeof(*all)));
	for (unsigned int i = 0; i < n_threads; i++) {
		memcpy(all + n, threads[i].sent[s], threads[i].sent_n[s] * sizeof(*all));
		n += threads[i].sent_n[s];
	}
	qsort(all, n, sizeof(*all), by_size);
	for (uint32_t i = 1; i < n; i++)
		if (all[i] == all[i - 1])
			fail("no number is used twice to a receiver");
	if (s == PAIRS - 1)
		free(all);
}

static void
judge(void)
{
	for (unsigned int i = 0; i < n_threads; i++) {
		printf("worker %u: %" PRIu64 " frames met an address in the making, %" PRIu64
		       " between those who come and go\n",
		       i, threads[i].mixed, threads[i].others);
		if (threads[i].others == 0)
			fail("those who come and go are spoken to");
		if (threads[i].unknown)
			fail("sessions that stay are always found");
	}
	for (int s = 0; s < PAIRS; s++) {
		judge_sender(s);
		judge_receiver(s);
	}
}

static void
clean(void)
{
	for (unsigned int i = 0; i < n_threads; i++) {
		for (int s = 0; s < PAIRS; s++) {
			free(threads[i].took[s]);
			free(threads[i].sent[s]);
		}
		chq_ring_deinit(&threads[i].w->notes);
		free(threads[i].w);
	}
	pthread_barrier_destroy(&barrier);
	chq_tables_close(t);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		n_threads = (unsigned int)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		frames = (uint32_t)strtoul(argv[2], NULL, 10);
	if (n_threads < 1 || n_threads > THREADS_MAX || frames < 4 * BUDGET)
		return 2;
	world_make();
	threads_make();
	run();
	judge();
	clean();
	printf("ok\n");
	return 0;
}
