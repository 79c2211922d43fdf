/*
 * bench/flood/stages: what one junk datagram costs in the worker's stages alone, on one core, without a driver, and
 * what is sent for it. A round is ROUND_BURSTS bursts of new datagrams, made before and not timed; the quartiles are
 * over rounds. Every datagram must come to the end that its kind has, else the figure is not given.
 */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "bench/flood/junk.h"
#include "dataplane/cookie.h"
#include "dataplane/stage.h"
#include "dataplane/tables.h"

#define ROUND_BURSTS 32
#define ROUND_DGRAMS (ROUND_BURSTS * CHQ_BURST)
#define STRIDE	     1280

struct options {
	uint32_t sessions;
	unsigned int rounds;
};

struct bench {
	struct options opt;
	struct chq_tables *t;
	struct chq_worker *w;
	struct chq_pkt *pkts;
	struct chq_pkt **order;
	uint8_t *bufs;
	double *ns;
	uint64_t rng, in, out; /* bytes that came, and were to be sent */
};

/* What is measured, and the end that it must come to. */
static const struct kind {
	const char *name;
	enum junk_kind junk;
	enum chq_counter end;
	uint32_t shed;
} kinds[] = {
	{ "hello", JUNK_HELLO, CHQ_C_RETRY, CHQ_SHED_NOTHING },
	{ "cookie", JUNK_COOKIE, CHQ_C_RETRY, CHQ_SHED_NOTHING },
	{ "hello_shed", JUNK_HELLO, CHQ_D_SHED_HELLO, CHQ_SHED_HELLO },
	{ "tag", JUNK_TAG, CHQ_D_TAG, CHQ_SHED_NOTHING },
	{ "slot", JUNK_SLOT, CHQ_D_SLOT, CHQ_SHED_NOTHING },
	{ "noise", JUNK_NOISE, CHQ_D_TYPE, CHQ_SHED_NOTHING },
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "flood: %s\n", what);
	exit(1);
}

static void *
need(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

static void
sessions_make(struct bench *b)
{
	for (uint32_t n = 0; n < b->opt.sessions; n++) {
		struct chq_dp_session_open m = { .account = n + 1,
						 .device = 1,
						 .quota_class = CHQ_QUOTA_ORDINARY,
						 .confirm_s = 60,
						 .lifetime_s = 1u << 30 };
		struct chq_dp_ref ref;

		for (unsigned int i = 0; i < sizeof(m.tag_in); i++)
			m.tag_in[i] = (uint8_t)junk_random(&b->rng);
		m.path.port = 1;
		if (chq_session_open(b->t, &m, b->w->now_ns, &ref) || ref.slot != n ||
		    chq_session_confirm(b->t, ref, b->w->now_ns, NULL))
			die("cannot open the sessions");
	}
}

static void
bench_make(struct bench *b)
{
	struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					.sessions = b->opt.sessions,
					.accounts = b->opt.sessions };
	struct chq_dp_server_set set = { .server_id = 1, .silence_s = 90 };
	char err[256];

	b->rng = 42;
	b->pkts = need(calloc(ROUND_DGRAMS, sizeof(*b->pkts)));
	b->order = need(calloc(ROUND_DGRAMS, sizeof(struct chq_pkt *)));
	b->bufs = need(aligned_alloc(64, (size_t)ROUND_DGRAMS * STRIDE));
	b->ns = need(calloc(b->opt.rounds, sizeof(*b->ns)));
	if (chq_tables_open(&b->t, &conf, chq_mono_ns(), err, sizeof(err)))
		die(err);
	memset(set.cert, 0x55, sizeof(set.cert));
	chq_tables_server_set(b->t, &set);
	b->w = need(aligned_alloc(64, (sizeof(*b->w) + 63) / 64 * 64));
	memset(b->w, 0, sizeof(*b->w));
	chq_worker_bind(b->w, 0, b->t);
	chq_worker_set_clock(b->w, chq_mono_ns());
	sessions_make(b);
}

static void
bench_free(struct bench *b)
{
	chq_tables_close(b->t);
	free(b->w);
	free(b->pkts);
	free(b->order);
	free(b->bufs);
	free(b->ns);
}

static void
round_make(struct bench *b, const struct kind *k)
{
	for (size_t i = 0; i < ROUND_DGRAMS; i++) {
		struct chq_pkt *p = &b->pkts[i];

		p->dgram = b->bufs + i * STRIDE;
		p->dgram_len = junk_make(p->dgram, k->junk, b->opt.sessions,
					 chq_cookie_newest(b->t->header), &b->rng);
		p->src.ip_lo = UINT64_C(0xffff0000) | junk_random(&b->rng) << 32;
		p->src.port = (uint16_t)(1024 + junk_random(&b->rng) % 60000);
		b->order[i] = p;
		b->in += p->dgram_len;
	}
	chq_worker_set_clock(b->w, chq_mono_ns());
}

static double
round_run(struct bench *b)
{
	uint64_t start = chq_mono_ns();

	for (size_t i = 0; i < ROUND_DGRAMS; i += CHQ_BURST)
		chq_pipeline(b->w, b->order + i, CHQ_BURST);
	return (double)(chq_mono_ns() - start) / ROUND_DGRAMS;
}

static void
round_check(struct bench *b, const struct kind *k)
{
	for (size_t i = 0; i < ROUND_DGRAMS; i++) {
		if (b->pkts[i].count != k->end)
			die("a datagram did not come to its end: no figure");
		if (b->pkts[i].verdict == CHQ_V_TX)
			b->out += b->pkts[i].dgram_len;
	}
}

static int
by_size(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static void
kind_run(struct bench *b, const struct kind *k)
{
	unsigned int warmup = b->opt.rounds / 10 + 1;

	b->in = b->out = 0;
	b->w->sheds = k->shed;
	for (unsigned int i = 0; i < warmup + b->opt.rounds; i++) {
		double took;

		round_make(b, k);
		took = round_run(b);
		round_check(b, k);
		if (i >= warmup)
			b->ns[i - warmup] = took;
	}
	qsort(b->ns, b->opt.rounds, sizeof(*b->ns), by_size);
	printf("{\"kind\": \"%s\", \"sessions\": %u, \"ns_p25\": %.1f, \"ns_p50\": %.1f, "
	       "\"ns_p75\": %.1f, \"amplification\": %.4f}\n",
	       k->name, b->opt.sessions, b->ns[b->opt.rounds / 4], b->ns[b->opt.rounds / 2],
	       b->ns[b->opt.rounds * 3 / 4], (double)b->out / (double)b->in);
}

static unsigned long
number(const char *text, unsigned long max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || end == text || v > max)
		die("usage: bench-flood [--sessions N] [--rounds N] [--cpu N]");
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

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "sessions", 1, NULL, 's' },
		{ "rounds", 1, NULL, 'r' },
		{ "cpu", 1, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	struct bench b = { .opt = { .sessions = 1000, .rounds = 300 } };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': b.opt.sessions = (uint32_t)number(optarg, 1u << 26); break;
		case 'r': b.opt.rounds = (unsigned int)number(optarg, 1000000); break;
		case 'c': pin(number(optarg, CPU_SETSIZE - 1)); break;
		default: number("", 0);
		}
	}
	if (optind != argc || b.opt.sessions == 0 || b.opt.rounds == 0)
		number("", 0);
	bench_make(&b);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		kind_run(&b, &kinds[i]);
	bench_free(&b);
	return 0;
}
