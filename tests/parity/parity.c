#include "tests/parity/parity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "dataplane/quota.h"
#include "dataplane/replay.h"
#include "dataplane/xdp/relay.h"

#define WHOLE_EVERY 256 /* packets between comparisons of the whole tables */

/* --- three copies of the tables: the worker's, the program's, and as they were before --- */

static struct side_tables
tables_of(const struct chq_tables *t)
{
	return (struct side_tables){ t->header, t->sessions, t->cold, t->buckets };
}

static size_t
buckets_bytes(const struct side_tables *t)
{
	return t->header->buckets * sizeof(struct chq_bucket);
}

static void
tables_copy(struct side_tables *to, const struct side_tables *from)
{
	memcpy(to->header, from->header, sizeof(*to->header));
	memcpy(to->sessions, from->sessions, GEN_SESSIONS * sizeof(*to->sessions));
	memcpy(to->cold, from->cold, GEN_SESSIONS * sizeof(*to->cold));
	memcpy(to->buckets, from->buckets, buckets_bytes(from));
}

static bool
tables_same(const struct side_tables *x, const struct side_tables *y)
{
	return memcmp(x->header, y->header, sizeof(*x->header)) == 0 &&
	       memcmp(x->sessions, y->sessions, GEN_SESSIONS * sizeof(*x->sessions)) == 0 &&
	       memcmp(x->cold, y->cold, GEN_SESSIONS * sizeof(*x->cold)) == 0 &&
	       memcmp(x->buckets, y->buckets, buckets_bytes(x)) == 0;
}

static void
record_copy(struct side_tables *to, const struct side_tables *from, uint32_t slot)
{
	memcpy(&to->sessions[slot], &from->sessions[slot], sizeof(*to->sessions));
	memcpy(&to->cold[slot], &from->cold[slot], sizeof(*to->cold));
}

static bool
record_same(const struct side_tables *x, const struct side_tables *y, uint32_t slot)
{
	return memcmp(&x->sessions[slot], &y->sessions[slot], sizeof(*x->sessions)) == 0 &&
	       memcmp(&x->cold[slot], &y->cold[slot], sizeof(*x->cold)) == 0;
}

/* Records that the worker has had in its hands. */
static unsigned int
touched(const struct parity *p, uint32_t slots[3])
{
	const struct chq_pkt *pkt = &p->worker.p;
	unsigned int n = 0;

	if (!p->worker.judged)
		return 0;
	if (pkt->from)
		slots[n++] = pkt->from_slot;
	if (pkt->from && pkt->from->budget)
		slots[n++] = pkt->from->budget - 1;
	if (pkt->to)
		slots[n++] = pkt->to_slot;
	return n;
}

static void
touched_copy(const struct parity *p, struct side_tables *to, const struct side_tables *from)
{
	uint32_t slots[3];

	for (unsigned int n = touched(p, slots); n-- > 0;)
		record_copy(to, from, slots[n]);
}

static bool
same_now(const struct parity *p, const struct side_tables *x, const struct side_tables *y)
{
	uint32_t slots[3];

	if (p->thorough || p->number % WHOLE_EVERY == 0)
		return tables_same(x, y);
	for (unsigned int n = touched(p, slots); n-- > 0;)
		if (!record_same(x, y, slots[n]))
			return false;
	return true;
}

/* --- one packet --- */

static void
process_set(struct parity *p)
{
	static const uint64_t young[] = { 0, 1000, CHQ_XDP_BEAT_MAX_NS - 1 };
	uint64_t age = young[p->number % 3];

	p->process = p->frame.alive ? SIDE_LIVES : SIDE_DEAD + p->number / 3 % 3;
	if (p->process == SIDE_DEAD || p->process == SIDE_HANGS)
		age += CHQ_XDP_BEAT_MAX_NS;
	p->a.header->heartbeat[0].now_ns = p->frame.now_ns - age;
	p->b.header->heartbeat[0].now_ns = p->frame.now_ns - age;
	p->before.header->heartbeat[0].now_ns = p->frame.now_ns - age;
}

/* The worker once more, with no NOTICE to be had. */
static void
run_without_notice(struct parity *p)
{
	struct chq_header *h = p->a.header;

	touched_copy(p, &p->a, &p->before);
	for (int i = 0; i < CHQ_TABLE_QUOTAS; i++) {
		h->quota[i].notice_ns = UINT64_MAX / 2;
		h->quota[i].notice_span_ns = 0;
	}
	side_worker_run(&p->worker, &p->frame, &p->want);
	memcpy(h->quota, p->before.header->quota, sizeof(h->quota));
	p->want.rise[CHQ_D_NOTICE_LIMIT] = 0; /* the program did not try */
}

/* What is counted for a packet that nobody was there for. */
static void
want_no_process(struct parity *p, enum hand_up why)
{
	uint64_t bytes = p->want.rise[CHQ_C_RX_BYTES];

	if (why == UP_OPTIONS || why == UP_FRAGMENT)
		bytes = 0; /* its lengths were not looked at */

	memset(p->want.rise, 0, sizeof(p->want.rise));
	p->want.fate = FATE_DROPPED;
	p->want.rise[CHQ_C_RX] = 1;
	p->want.rise[CHQ_C_RX_BYTES] = bytes;
	p->want.rise[CHQ_D_NO_PROCESS] = 1;
	touched_copy(p, &p->a, &p->before);
}

static void
want_up(struct parity *p)
{
	memset(p->want.rise, 0, sizeof(p->want.rise));
	p->want.fate = FATE_UP;
	p->want.rise[CHQ_C_XDP_PROCESS] = 1;
}

/* Of the worker's outcome what the program's must be. */
static void
want_adapt(struct parity *p, enum hand_up why)
{
	p->want.rise[CHQ_C_KERNEL] = 0; /* what is not ours goes by uncounted */
	if (why != UP_NOT && p->process == SIDE_LIVES) {
		want_up(p);
		return;
	}
	if (why != UP_NOT && !rules_alone(why)) {
		want_no_process(p, why);
		return;
	}
	if (p->worker.judged && p->worker.p.count == CHQ_C_FORWARD && why != UP_NOT)
		run_without_notice(p);
	/* A NOTICE takes the place of the packet that it is about. */
	if (p->want.fate == FATE_DROPPED && p->worker.has_notice && p->worker.notice.len) {
		p->want.fate = FATE_SENT;
		p->want.sent = p->worker.notice;
	}
}

static const char *
differs(const struct parity *p)
{
	const struct outcome *want = &p->want, *got = &p->got;
	const struct side_tables *tables = want->fate == FATE_UP ? &p->before : &p->a;

	if (want->fate != got->fate)
		return "what becomes of it";
	if (memcmp(want->rise, got->rise, sizeof(want->rise)) != 0)
		return "counters";
	if (want->fate == FATE_SENT && want->sent.ifidx != got->sent.ifidx)
		return "the interface that it leaves by";
	if (want->fate == FATE_SENT && (want->sent.len != got->sent.len ||
					memcmp(want->sent.bytes, got->sent.bytes, want->sent.len)))
		return "the packet that is sent";
	return same_now(p, tables, &p->b) ? NULL : "tables";
}

/* --- what a living process does with what went up: the worker has, now the manager does --- */

static void
quota_take(struct parity *p, struct chq_session *s, uint16_t len)
{
	uint64_t *shared = s->budget ? &p->a.cold[s->budget - 1].account_quota : NULL;

	(void)chq_quota_frame(&s->quota, shared, chq_quota_class_of(p->a.header, s),
			      p->frame.now_ns, len, 0);
}

static bool
manager_act(struct parity *p)
{
	const struct chq_pkt *pkt = &p->worker.p;
	struct chq_session *s = pkt->from;
	struct chq_note note;
	bool confirm = false;

	while (chq_ring_pop(&p->worker.w->notes, &note))
		confirm |= note.kind == CHQ_NOTE_CONFIRM;
	if (p->process != SIDE_LIVES || !p->worker.judged || !s)
		return false;
	if (pkt->verdict == CHQ_V_UP) {
		if (!chq_replay_take(s->replay, pkt->hdr.seq))
			return true;
		chq_session_heard(s, p->worker.w->now_s);
		confirm = s->state == CHQ_SESSION_NEW;
		quota_take(p, s, pkt->dgram_len);
	}
	if (confirm && p->number % 4 == 0)
		gen_confirm(&p->gen,
			    (struct chq_dp_ref){ .slot = pkt->from_slot, .gen = pkt->from_gen });
	return pkt->verdict == CHQ_V_UP || confirm;
}

static void
note_totals(struct parity *p, enum hand_up why)
{
	struct parity_totals *t = &p->totals;

	t->frames++;
	t->fate[p->got.fate]++;
	t->what[p->frame.what]++;
	t->around[p->frame.around]++;
	t->damage[p->frame.damage]++;
	if (p->got.fate == FATE_UP)
		t->up[why]++;
	else if (why != UP_NOT)
		t->alone[why]++;
}

static void
note_counts(struct parity *p)
{
	for (int i = 0; i < CHQ_C__COUNT; i++)
		p->totals.counts[i] += p->want.rise[i];
}

static void
mismatch(struct parity *p)
{
	p->totals.mismatches++;
	if (p->thorough && p->printed++ < 5)
		parity_print(p);
}

static int
packet_run(struct parity *p)
{
	enum hand_up why;
	bool stepped = gen_next(&p->gen, &p->frame);
	int rc;

	if (stepped) {
		tables_copy(&p->b, &p->a);
		tables_copy(&p->before, &p->a);
	}
	process_set(p);
	side_worker_run(&p->worker, &p->frame, &p->want);
	note_counts(p);
	rc = side_program_run(p->program, &p->frame, p->gen.ifidx, p->process, &p->got);
	if (rc)
		return rc;
	why = rules_hand_up(&p->frame, &p->worker, &p->want, &p->before);
	want_adapt(p, why);
	note_totals(p, why);
	p->differs = differs(p);
	if (p->differs)
		mismatch(p);
	if (manager_act(p) || p->differs) {
		tables_copy(&p->b, &p->a);
		tables_copy(&p->before, &p->a);
	} else {
		if (p->want.fate == FATE_UP)
			touched_copy(p, &p->b, &p->a);
		touched_copy(p, &p->before, &p->a);
	}
	return 0;
}

/* --- chunks --- */

int
parity_init(struct parity *p, struct side_program *program)
{
	memset(p, 0, sizeof(*p));
	p->program = program;
	p->b = side_program_tables(program);
	p->before.header = malloc(sizeof(*p->before.header));
	p->before.sessions = calloc(GEN_SESSIONS, sizeof(*p->before.sessions));
	p->before.cold = calloc(GEN_SESSIONS, sizeof(*p->before.cold));
	p->before.buckets = malloc(buckets_bytes(&p->b));
	if (!p->before.header || !p->before.sessions || !p->before.cold || !p->before.buckets)
		return CHQ_ENOMEM;
	return side_worker_init(&p->worker);
}

void
parity_deinit(struct parity *p)
{
	free(p->before.header);
	free(p->before.sessions);
	free(p->before.cold);
	free(p->before.buckets);
	side_worker_deinit(&p->worker);
}

static int
chunk_run(struct parity *p, uint64_t seed, uint32_t frames)
{
	int rc = gen_tables(&p->t);

	if (rc)
		return rc;
	p->seed = seed;
	gen_init(&p->gen, p->t, seed);
	side_worker_bind(&p->worker, p->t, p->gen.ifidx);
	p->a = tables_of(p->t);
	tables_copy(&p->b, &p->a);
	tables_copy(&p->before, &p->a);
	for (p->number = 0; rc == 0 && p->number < frames; p->number++)
		rc = packet_run(p);
	chq_tables_close(p->t);
	p->t = NULL;
	return rc;
}

int
parity_chunk(struct parity *p, uint64_t seed, uint32_t frames)
{
	struct parity_totals was = p->totals;
	int rc = chunk_run(p, seed, frames);

	if (rc || p->thorough || p->totals.mismatches == was.mismatches)
		return rc;
	/* Once more, to find out which packet it was. */
	p->totals = was;
	p->thorough = true;
	rc = chunk_run(p, seed, frames);
	p->thorough = false;
	return rc;
}
