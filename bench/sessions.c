/*
 * bench/sessions: how many sessions the tables take, at what cost, and what frames cost while
 * sessions come and go.
 *
 * COUNT sessions of as many accounts are opened and confirmed, as control's commands do it. Then
 * one thread sends frames between sessions drawn at random through the worker's stages, as
 * bench/frame_path does, while another closes and opens CHURN sessions a second among an eighth of
 * them that no frame is for; blocks of rounds with and without it alternate. Slots rest 90 s before
 * they are taken again, so the clock of that thread runs ahead. At last, where the backing outlives
 * a process, the tables are closed and adopted again.
 */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/numbered.h"
#include "dataplane/stage.h"
#include "dataplane/tables.h"

#define SPARE_MAX    65536
#define ROUND_BURSTS 64
#define ROUND_FRAMES (ROUND_BURSTS * CHQ_BURST)
#define TRIES	     5		       /* blocks with churn for each one that is wanted */
#define BLOCK	     20		       /* rounds in a row with churn, or without */
#define BATCH_NS     UINT64_C(1000000) /* the churning thread works once in this time */

struct options {
	uint32_t count, spare, churn; /* spare: slots beyond count, which rest */
	unsigned int rounds;
	enum chq_backing backing;
	long cpu[2]; /* of the frames, of the churn; -1: any */
	int json;
};

struct bench {
	struct options opt;
	struct chq_tables_conf conf;
	char dir[64], bpffs[96], huge[96];
	struct chq_tables *t;
	struct chq_worker *w;
	uint32_t *seq; /* last one used, a session */
	struct chq_pkt *pkts;
	struct chq_pkt **order;
	uint8_t *bufs;
	uint64_t rng;

	/* The churning thread's. */
	struct chq_dp_ref *refs; /* of the sessions that come and go */
	uint32_t first, pool;	 /* their numbers */
	uint64_t clock_ns, longest_ns;
	_Atomic uint64_t churned;
	_Atomic int churning, stop;

	/* Results. */
	double make_ms, insert_s, adopt_ms, remove_ms, bytes;
	double churn_per_s;
	double *ns[2];			/* a round: without churn, with it */
	unsigned int rounds[2], blocks; /* blocks: with churn, also those not counted */
};

static struct bench b;

/* The lock of the tables ends with their descriptor; mappings end with the process. */
static void
clean(void)
{
	char err[256];

	if (b.t && b.t->lock_fd >= 0) {
		close(b.t->lock_fd);
		b.t->lock_fd = -1;
	}
	if (!b.dir[0])
		return;
	(void)chq_tables_remove(&b.conf, err, sizeof(err));
	(void)umount2(b.bpffs, MNT_DETACH);
	(void)umount2(b.huge, MNT_DETACH);
	(void)rmdir(b.bpffs);
	(void)rmdir(b.huge);
	(void)rmdir(b.dir);
}

/* What is pinned outlives the process: not that of one who is told to end. */
static void *
signals_wait(void *arg)
{
	int got;

	if (sigwait(arg, &got) == 0) {
		clean();
		_exit(128 + got);
	}
	return NULL;
}

static void
signals_take(void)
{
	static sigset_t set;
	pthread_t thread;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 &&
	    pthread_create(&thread, NULL, signals_wait, &set) == 0)
		pthread_detach(thread);
}

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "sessions: %s\n", what);
	clean();
	exit(1);
}

static void *
need(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

static double
ms_since(uint64_t start)
{
	return (double)(chq_mono_ns() - start) / 1e6;
}

/* --- sessions --- */

static struct chq_dp_ref
session_make(uint32_t n, uint64_t now_ns)
{
	struct chq_dp_ref ref;

	if (numbered_open(b.t, n, NULL, now_ns, &ref))
		die("a session was refused");
	return ref;
}

/* Everything that was taken for them: tables, what the manager keeps beside them, page tables. */
static double
bytes_taken(size_t heap_before)
{
	struct mallinfo2 heap = mallinfo2();
	double sum = (double)(heap.uordblks + heap.hblkhd) - (double)heap_before;
	unsigned long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	for (int i = 0; i < CHQ_T__COUNT; i++)
		sum += (double)b.t->bytes[i];
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %lu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return sum + (double)kib * 1024;
}

/* What is mounted is so for this process alone, and goes with it, however it ends. */
static void
places_make(void)
{
	bool mounts = b.opt.backing == CHQ_BACKING_BPF || b.opt.backing == CHQ_BACKING_HUGE;

	if (mounts && (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)))
		die("no mounts of one's own: root is needed");
	snprintf(b.dir, sizeof(b.dir), "/tmp/chq-bench-XXXXXX");
	if (!mkdtemp(b.dir))
		die("no folder in /tmp");
	snprintf(b.bpffs, sizeof(b.bpffs), "%s/bpf", b.dir);
	snprintf(b.huge, sizeof(b.huge), "%s/huge", b.dir);
	if (b.opt.backing == CHQ_BACKING_HUGE &&
	    (mkdir(b.huge, 0700) || mount("chq-bench", b.huge, "hugetlbfs", 0, "pagesize=2M")))
		die("no hugetlbfs can be mounted: root is needed");
}

static void
tables_make(void)
{
	uint64_t start;
	char err[256];

	places_make();
	b.conf = (struct chq_tables_conf){ .backing = b.opt.backing,
					   .bpffs = b.bpffs,
					   .run_dir = b.dir,
					   .hugetlbfs = b.huge,
					   .instance = "bench",
					   .sessions = b.opt.count + b.opt.spare,
					   .accounts = b.opt.count };
	start = chq_mono_ns();
	if (chq_tables_open(&b.t, &b.conf, start, err, sizeof(err)))
		die(err);
	b.make_ms = ms_since(start);
	numbered_limits(b.t, 90);
}

static void
sessions_make(void)
{
	struct mallinfo2 heap = mallinfo2();
	size_t before = heap.uordblks + heap.hblkhd;
	uint64_t start;

	tables_make();
	b.pool = b.opt.count / 8;
	b.first = b.opt.count - b.pool;
	b.refs = need(calloc(b.pool + 1, sizeof(*b.refs)));
	start = chq_mono_ns();
	for (uint32_t n = 0; n < b.opt.count; n++) {
		struct chq_dp_ref ref = session_make(n, start);

		if (n >= b.first)
			b.refs[n - b.first] = ref;
		else if (ref.slot != n)
			die("slots are given out in a row");
	}
	b.insert_s = ms_since(start) / 1e3;
	b.bytes = bytes_taken(before + (b.pool + 1) * sizeof(*b.refs));
	b.clock_ns = start;
}

/* --- churn --- */

static void
pin(long cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on that CPU");
}

/* One session ends and another of the account is there. By the time that half of the spare ones are taken
 * before it, its slot has rested. */
static void
churn_one(uint64_t *rng)
{
	uint32_t i = (uint32_t)(numbered_random(rng) % b.pool);

	b.clock_ns += (CHQ_SLOT_REST_S + 1) * CHQ_NS_PER_SEC / (b.opt.spare / 2);
	if (chq_session_close(b.t, b.refs[i], b.clock_ns))
		die("a session is gone");
	b.refs[i] = session_make(b.first + i, b.clock_ns);
	b.churned++;
}

static void *
churn_run(void *arg)
{
	const struct timespec wait = { 0, 100000 };
	uint32_t batch = (uint32_t)(b.opt.churn * BATCH_NS / CHQ_NS_PER_SEC);
	uint64_t rng = 99, due = 0;

	(void)arg;
	pin(b.opt.cpu[1]);
	while (!atomic_load(&b.stop)) {
		uint64_t now = chq_mono_ns();

		if (!atomic_load(&b.churning))
			due = 0;
		else if (due == 0)
			due = now;
		if (due == 0 || now < due) {
			nanosleep(&wait, NULL);
			continue;
		}
		due += BATCH_NS;
		for (uint32_t i = 0; i < batch; i++)
			churn_one(&rng);
		now = chq_mono_ns() - now;
		b.longest_ns = now > b.longest_ns ? now : b.longest_ns;
	}
	return NULL;
}

/* --- frames --- */

static void
round_make(void)
{
	for (size_t i = 0; i < ROUND_FRAMES; i++) {
		uint32_t from = (uint32_t)(numbered_random(&b.rng) % b.first);
		uint32_t to = (uint32_t)(numbered_random(&b.rng) % b.first);
		struct chq_pkt *p = &b.pkts[i];

		p->dgram = b.bufs + i * 128;
		p->dgram_len = CHQ_FRAME_HDR_LEN + 64;
		numbered_frame(p->dgram, from, to, ++b.seq[from], numbered_random(&b.rng), 64);
		p->src = numbered_path(from);
		b.order[i] = p;
	}
	chq_worker_set_clock(b.w, chq_mono_ns());
}

/* Return: ns a frame. */
static double
round_run(void)
{
	uint64_t start = chq_mono_ns(), took;

	for (size_t i = 0; i < ROUND_FRAMES; i += CHQ_BURST)
		chq_pipeline(b.w, b.order + i, CHQ_BURST);
	took = chq_mono_ns() - start;
	for (size_t i = 0; i < ROUND_FRAMES; i++)
		if (b.pkts[i].count != CHQ_C_FORWARD)
			die("a valid frame was not forwarded: no figure");
	return (double)took / ROUND_FRAMES;
}

/* Rounds in a row. Return: sessions a second that came and went meanwhile. */
static double
block_run(int churn)
{
	uint64_t start, before;

	atomic_store(&b.churning, churn);
	usleep(2000); /* the other thread looks at that each 0.1 ms */
	start = chq_mono_ns();
	before = atomic_load(&b.churned);
	for (int i = 0; i < BLOCK; i++) {
		round_make();
		b.ns[churn][b.rounds[churn] + (unsigned int)i] = round_run();
	}
	return (double)(atomic_load(&b.churned) - before) / (ms_since(start) / 1e3);
}

/* A block in which the other thread was not given its time, or made up for it, shows nothing. */
static void
frames_run(void)
{
	double wish = b.opt.churn, sum = 0, got;
	pthread_t churner;

	pin(b.opt.cpu[0]);
	if (pthread_create(&churner, NULL, churn_run, NULL))
		die("no thread");
	(void)block_run(0); /* warms up: not counted */
	for (unsigned int i = 0; i < TRIES * b.opt.rounds / BLOCK; i++) {
		if (b.rounds[0] < b.opt.rounds) {
			(void)block_run(0);
			b.rounds[0] += BLOCK;
		}
		if (b.rounds[1] >= b.opt.rounds)
			continue;
		got = block_run(1);
		b.blocks++;
		if (got < 0.8 * wish || got > 1.5 * wish)
			continue;
		b.rounds[1] += BLOCK;
		sum += got;
	}
	b.churn_per_s = b.rounds[1] ? sum / (b.rounds[1] / BLOCK) : 0;
	atomic_store(&b.stop, 1);
	pthread_join(churner, NULL);
}

static void
frames_make(void)
{
	b.rng = 42;
	b.seq = need(calloc(b.opt.count, sizeof(*b.seq)));
	b.pkts = need(calloc(ROUND_FRAMES, sizeof(*b.pkts)));
	b.order = need(calloc(ROUND_FRAMES, sizeof(struct chq_pkt *)));
	b.bufs = need(aligned_alloc(64, (size_t)ROUND_FRAMES * 128));
	memset(b.bufs, 0, (size_t)ROUND_FRAMES * 128);
	b.w = need(aligned_alloc(_Alignof(struct chq_worker), sizeof(*b.w)));
	memset(b.w, 0, sizeof(*b.w));
	chq_worker_bind(b.w, 0, b.t);
	for (int i = 0; i < 2; i++)
		b.ns[i] = need(calloc(b.opt.rounds + BLOCK, sizeof(double)));
}

static void
adopt_and_remove(void)
{
	uint32_t used = b.t->used;
	uint64_t start;
	char err[256];

	chq_tables_close(b.t);
	b.t = NULL;
	if (b.opt.backing == CHQ_BACKING_MEMORY)
		return;
	start = chq_mono_ns();
	if (chq_tables_open(&b.t, &b.conf, b.clock_ns, err, sizeof(err)))
		die(err);
	b.adopt_ms = ms_since(start);
	if (!b.t->adopted || b.t->used != used || b.t->accounts != b.opt.count)
		die("not everything was adopted");
	start = chq_mono_ns();
	chq_tables_close(b.t);
	b.t = NULL;
	clean();
	b.remove_ms = ms_since(start);
}

/* --- the command --- */

static int
by_size(const void *x, const void *y)
{
	double p = *(const double *)x, q = *(const double *)y;

	return (p > q) - (p < q);
}

static double
quantile(int churn, double q)
{
	return b.rounds[churn] ? b.ns[churn][(size_t)(q * (double)(b.rounds[churn] - 1))] : 0;
}

static void
number_or_null(const char *key, double v)
{
	if (v > 0)
		printf(", \"%s\": %.1f", key, v);
	else
		printf(", \"%s\": null", key);
}

static void
print_json(void)
{
	printf("{\"bench\": \"sessions\", \"count\": %" PRIu32 ", \"backing\": \"%s\"", b.opt.count,
	       chq_backing_name[b.opt.backing]);
	number_or_null("bytes_per_session", b.bytes / b.opt.count);
	number_or_null("inserts_per_s", b.opt.count / b.insert_s);
	number_or_null("ns_p50_idle", quantile(0, 0.5));
	number_or_null("ns_p50_churn", quantile(1, 0.5));
	number_or_null("ns_p90_idle", quantile(0, 0.9));
	number_or_null("ns_p90_churn", quantile(1, 0.9));
	number_or_null("churn_per_s", b.churn_per_s);
	printf(", \"blocks_kept\": %u, \"blocks_rejected\": %u", b.rounds[1] / BLOCK,
	       b.blocks - b.rounds[1] / BLOCK);
	number_or_null("churn_ms_max", (double)b.longest_ns / 1e6);
	number_or_null("make_ms", b.make_ms);
	number_or_null("adopt_ms", b.adopt_ms);
	number_or_null("remove_ms", b.remove_ms);
	printf("}\n");
}

static void
usage(void)
{
	fprintf(stderr, "usage: sessions [--count N] [--churn PER_SECOND] [--rounds N] "
			"[--backing memory|bpf|huge|file] [--cpus A[,B]] --json\n");
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

static enum chq_backing
backing_read(const char *text)
{
	for (int i = CHQ_BACKING_BPF; i <= CHQ_BACKING_MEMORY; i++)
		if (strcmp(text, chq_backing_name[i]) == 0)
			return (enum chq_backing)i;
	usage();
	return CHQ_BACKING_MEMORY;
}

static void
options_read(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "count", 1, NULL, 'n' },   { "churn", 1, NULL, 'k' }, { "rounds", 1, NULL, 'r' },
		{ "backing", 1, NULL, 'b' }, { "cpus", 1, NULL, 'c' },	{ "json", 0, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct options){ .count = 10000000,
			       .churn = 100000,
			       .rounds = 500,
			       .backing = CHQ_BACKING_MEMORY,
			       .cpu = { -1, -1 } };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'n': o->count = (uint32_t)number(optarg, (1u << 26) - SPARE_MAX); break;
		case 'k': o->churn = (uint32_t)number(optarg, 10000000); break;
		case 'r': o->rounds = (unsigned int)number(optarg, 1000000); break;
		case 'b': o->backing = backing_read(optarg); break;
		case 'c':
			if (sscanf(optarg, "%ld,%ld", &o->cpu[0], &o->cpu[1]) < 1)
				usage();
			break;
		case 'j': o->json = 1; break;
		default: usage();
		}
	}
	o->spare = o->count / 64 < SPARE_MAX ? o->count / 64 : SPARE_MAX;
	if (optind != argc || o->count < 1024 || o->rounds < BLOCK || !o->json)
		usage();
}

int
main(int argc, char **argv)
{
	options_read(&b.opt, argc, argv);
	signals_take();
	sessions_make();
	frames_make();
	frames_run();
	adopt_and_remove();
	for (int i = 0; i < 2; i++)
		qsort(b.ns[i], b.rounds[i], sizeof(double), by_size);
	print_json();
	clean();
	return 0;
}
