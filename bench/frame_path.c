/*
 * bench/frame_path: what one frame costs in the worker's stages, one after the other or all in one,
 * on one core, without a driver.
 *
 * A round is ROUND_BURSTS bursts of valid frames with fresh sequence numbers, made before and not
 * timed, between senders and receivers drawn at random; everything is checked: tag, account
 * look-up, grant, replay window, both budgets, path, rewrite and egress tag. Every frame must come
 * out forwarded, else the figure is not given. The whole is CLOCK_MONOTONIC around a round, a stage
 * the sum of its bursts' ticks; the quartiles are over rounds.
 */
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "base/clock.h"
#include "bench/frame_tables.h"
#include "bench/numbered.h"
#include "dataplane/stage.h"

#define ROUND_BURSTS 64
#define ROUND_FRAMES (ROUND_BURSTS * CHQ_BURST)

#define WHOLE CHQ_STAGES /* behind the stages: all of them */

struct options {
	uint32_t sessions;
	uint16_t payload;
	unsigned int rounds, warmup;
	int json;
	const char *stage; /* NULL: the whole alone; "all": each of them and the whole */
	enum frame_tables tables;
	const struct chq_sip_lanes *sip;
};

struct bench {
	struct options opt;
	struct frame_tables_place place;
	struct chq_tables *t;
	struct chq_worker *w;
	uint64_t *seq; /* last one used, a session */
	struct chq_pkt *pkts;
	struct chq_pkt **order;
	uint8_t *bufs;
	uint64_t rng;
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "frame-path: %s\n", what);
	exit(1);
}

static void *
need(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

/* --- the world --- */

static void
world_make(struct bench *b)
{
	char err[256];

	b->t = frame_tables_open(&b->place, b->opt.tables, b->opt.sessions, err, sizeof(err));
	if (!b->t)
		die(err);
	numbered_limits(b->t, 1u << 30);
	b->w = need(aligned_alloc(64, (sizeof(*b->w) + 63) / 64 * 64));
	memset(b->w, 0, sizeof(*b->w));
	chq_worker_bind(b->w, 0, b->t);
	b->w->sip = b->opt.sip;
	chq_worker_set_clock(b->w, chq_mono_ns());
	for (uint32_t n = 0; n < b->opt.sessions; n++) {
		struct chq_dp_ref ref;

		if (numbered_open(b->t, n, NULL, b->w->now_ns, &ref) || ref.slot != n)
			die("cannot open the sessions");
	}
}

/* Each datagram begins a cache line. */
static size_t
buf_stride(const struct bench *b)
{
	return (CHQ_FRAME_HDR_LEN + b->opt.payload + 63u) / 64 * 64;
}

static void
bench_make(struct bench *b)
{
	size_t stride = buf_stride(b);

	b->rng = 42;
	b->seq = need(calloc(b->opt.sessions, sizeof(*b->seq)));
	b->pkts = need(calloc(ROUND_FRAMES, sizeof(*b->pkts)));
	b->order = need(calloc(ROUND_FRAMES, sizeof(struct chq_pkt *)));
	b->bufs = need(aligned_alloc(64, ROUND_FRAMES * stride));
	memset(b->bufs, 0, ROUND_FRAMES * stride);
	world_make(b);
}

static void
bench_free(struct bench *b)
{
	frame_tables_close(&b->place, b->t);
	free(b->w);
	free(b->seq);
	free(b->pkts);
	free(b->order);
	free(b->bufs);
}

/* --- rounds --- */

static void
round_make(struct bench *b)
{
	uint16_t len = (uint16_t)(CHQ_FRAME_HDR_LEN + b->opt.payload);
	size_t stride = buf_stride(b);

	for (size_t i = 0; i < ROUND_FRAMES; i++) {
		uint32_t from = (uint32_t)(numbered_random(&b->rng) % b->opt.sessions);
		uint32_t to = (uint32_t)(numbered_random(&b->rng) % b->opt.sessions);
		struct chq_pkt *p = &b->pkts[i];

		p->dgram = b->bufs + i * stride;
		p->dgram_len = len;
		numbered_frame(p->dgram, from, to, ++b->seq[from], numbered_random(&b->rng),
			       b->opt.payload);
		p->src = numbered_path(from);
		b->order[i] = p;
	}
	chq_worker_set_clock(b->w, chq_mono_ns());
}

/* A clock that is cheap enough to be read between stages. */
static uint64_t
ticks(void)
{
#ifdef __x86_64__
	return __rdtsc();
#else
	return chq_mono_ns();
#endif
}

/* As chq_pipeline(), with a look at the clock after each stage. */
static void
burst_by_stage(struct bench *b, struct chq_pkt **pkts, uint64_t took[CHQ_STAGES])
{
	struct chq_pkt *live[CHQ_BURST];
	uint16_t n = CHQ_BURST;
	uint64_t was = ticks(), now;

	memcpy(live, pkts, sizeof(live));
	chq_pipeline_begin(b->w);
	for (int i = 0; i < CHQ_STAGES; i++) {
		n = chq_stages[i].run(b->w, live, n);
		now = ticks();
		took[i] += now - was;
		was = now;
	}
}

/* ns a frame, of each stage and of the whole: out[WHOLE]; of stages only if they are asked for. */
static void
round_run(struct bench *b, double out[CHQ_STAGES + 1])
{
	uint64_t took[CHQ_STAGES] = { 0 }, start = chq_mono_ns(), start_ticks = ticks();
	uint64_t end, end_ticks;

	for (size_t i = 0; i < ROUND_FRAMES; i += CHQ_BURST) {
		if (b->opt.stage)
			burst_by_stage(b, b->order + i, took);
		else
			chq_pipeline(b->w, b->order + i, CHQ_BURST);
	}
	end = chq_mono_ns();
	end_ticks = ticks();
	out[WHOLE] = (double)(end - start) / ROUND_FRAMES;
	for (int i = 0; i < CHQ_STAGES; i++)
		out[i] = out[WHOLE] * (double)took[i] / (double)(end_ticks - start_ticks);
}

static void
round_check(const struct bench *b)
{
	for (size_t i = 0; i < ROUND_FRAMES; i++) {
		if (b->pkts[i].count == CHQ_C_FORWARD)
			continue;
		fprintf(stderr, "%s: ", chq_counter_name[b->pkts[i].count]);
		die("a valid frame was not forwarded: no figure");
	}
}

static int
by_size(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

/* --- the command --- */

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: frame_path [--sessions N] [--payload BYTES] [--rounds N] "
			"[--warmup N] [--cpu N] [--json]\n"
			"                  [--simd auto|avx512|avx2|scalar] [--stage NAME|all] "
			"[--tables bpf|huge|plain]\n");
	exit(2);
}

static unsigned long
number(const char *text, unsigned long max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || end == text || v > max)
		usage();
	return v;
}

static void
pin(unsigned long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on that CPU");
}

static const char *
stage_name(int i)
{
	return i == WHOLE ? "whole" : chq_stages[i].name;
}

/* Is that row of the result asked for? */
static int
row_wanted(const struct options *o, int i)
{
	if (!o->stage)
		return i == WHOLE;
	return strcmp(o->stage, "all") == 0 || strcmp(o->stage, stage_name(i)) == 0;
}

static const char *
stage_named(const char *name)
{
	struct options o = { .stage = name };

	for (int i = 0; i <= WHOLE; i++)
		if (row_wanted(&o, i))
			return name;
	usage();
}

static const struct chq_sip_lanes *
simd_named(const char *name)
{
	const struct chq_sip_lanes *sip = chq_sip_lanes_named(name);

	if (!sip)
		die("no such way to hash on this machine");
	return sip;
}

static struct options
options_read(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "sessions", 1, NULL, 's' }, { "payload", 1, NULL, 'p' },
		{ "rounds", 1, NULL, 'r' },   { "warmup", 1, NULL, 'w' },
		{ "cpu", 1, NULL, 'c' },      { "json", 0, NULL, 'j' },
		{ "simd", 1, NULL, 'S' },     { "stage", 1, NULL, 'g' },
		{ "tables", 1, NULL, 't' },   { NULL, 0, NULL, 0 },
	};
	struct options o = { .sessions = 1000, .payload = 64, .rounds = 1000, .warmup = 100 };
	int c;

	o.sip = chq_sip_lanes_best();
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': o.sessions = (uint32_t)number(optarg, 1u << 26); break;
		case 'p': o.payload = (uint16_t)number(optarg, CHQ_PAYLOAD_MAX); break;
		case 'r': o.rounds = (unsigned int)number(optarg, 1000000); break;
		case 'w': o.warmup = (unsigned int)number(optarg, 1000000); break;
		case 'c': pin(number(optarg, CPU_SETSIZE - 1)); break;
		case 'j': o.json = 1; break;
		case 'S': o.sip = simd_named(optarg); break;
		case 'g': o.stage = stage_named(optarg); break;
		case 't': o.tables = frame_tables_named(optarg); break;
		default: usage();
		}
	}
	if (optind != argc || o.sessions == 0 || o.rounds == 0 || o.tables == FRAME_TABLES__COUNT)
		usage();
	return o;
}

/* @ns: sorted. */
static void
row_print(const struct options *o, int stage, const double *ns)
{
	printf(o->json ? "{\"bench\": \"frame-path\", \"sessions\": %" PRIu32
			 ", \"payload\": %u, \"simd\": \"%s\", \"stage\": \"%s\", \"tables\": "
			 "\"%s\", \"rounds\": %u, \"frames\": %lu, \"ns_p25\": %.1f, "
			 "\"ns_p50\": %.1f, \"ns_p75\": %.1f}\n"
		       : "%" PRIu32 " sessions, payload %u, %s, %s, %s tables, %u rounds, %lu "
			 "frames: ns a frame %.1f %.1f %.1f (quartiles)\n",
	       o->sessions, o->payload, o->sip->name, stage_name(stage),
	       frame_tables_name[o->tables], o->rounds,
	       (unsigned long)(o->warmup + o->rounds) * ROUND_FRAMES, ns[o->rounds / 4],
	       ns[o->rounds / 2], ns[o->rounds * 3 / 4]);
}

int
main(int argc, char **argv)
{
	struct bench b = { .opt = options_read(argc, argv) };
	double *ns = need(calloc((size_t)b.opt.rounds * (CHQ_STAGES + 1), sizeof(*ns)));
	double took[CHQ_STAGES + 1];

	bench_make(&b);
	for (unsigned int i = 0; i < b.opt.warmup + b.opt.rounds; i++) {
		round_make(&b);
		round_run(&b, took);
		round_check(&b);
		for (unsigned int s = 0; i >= b.opt.warmup && s <= WHOLE; s++)
			ns[s * b.opt.rounds + i - b.opt.warmup] = took[s];
	}
	for (int s = 0; s <= WHOLE; s++) {
		double *row = ns + (size_t)s * b.opt.rounds;

		qsort(row, b.opt.rounds, sizeof(*row), by_size);
		if (row_wanted(&b.opt, s))
			row_print(&b.opt, s, row);
	}
	bench_free(&b);
	free(ns);
	return 0;
}
