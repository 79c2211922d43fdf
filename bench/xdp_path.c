/*
 * bench/xdp_path: what one frame costs in the XDP program, by BPF_PROG_TEST_RUN.
 *
 * A round is XDP_PATH_FRAMES valid frames with fresh sequence numbers between senders and receivers
 * drawn at random, made before and not timed. The kernel repeats the program over them without
 * leaving it and gives the mean; quartiles are over rounds. As repetitions run on one packet, an
 * entry in front of the program writes the next frame over it. What that entry costs is measured
 * by itself in the same round, and taken off; a program that does nothing gives the floor, which
 * is not. Every frame must come out forwarded, else the figure is not given.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "bench/numbered.h"
#include "bench/xdp_path.h"
#include "dataplane/xdp/relay.h"
/* Generated code does not know our warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "bench/xdp_path.skel.h"
#pragma GCC diagnostic pop

#define PORT   4700
#define OUR_IP 0xc0a80001

static const uint8_t their_mac[6] = { 2, 0, 0, 0, 0, 9 };

struct options {
	uint32_t sessions;
	unsigned int rounds, warmup;
	int json;
};

enum { RUN_EMPTY, RUN_PICK, RUN_PATH, RUN__COUNT };

struct bench {
	struct options opt;
	struct chq_tables *t;
	struct xdp_path_bpf *skel;
	struct xdp_path_round *round;
	struct chq_xdp_conf *conf;
	struct chq_xdp_counts *counts; /* by CPU, as read */
	uint64_t *seq;		       /* last one used, a session */
	uint64_t rng, forwarded;
	double *ns[RUN__COUNT];
};

static char dir[] = "/tmp/chasqui-bench-XXXXXX"; /* the tables' pins; taken away at the end */

static void
cleanup(void)
{
	umount(dir);
	rmdir(dir);
}

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "xdp-path: %s\n", what);
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
header_make(struct bench *b)
{
	struct chq_header *h = b->t->header;
	uint8_t ip[16] = { [10] = 0xff, 0xff };

	numbered_limits(b->t, 90000);
	chq_put_be32(ip + 12, OUR_IP);
	memcpy(&h->local[0].ip_hi, ip, 8);
	memcpy(&h->local[0].ip_lo, ip + 8, 8);
	h->local[0].port = h->port = PORT;
	h->port_info[0] = (struct chq_port){ .kernel_ifindex = 1, .mac = { 2, 0, 0, 0, 0, 1 } };
	h->locals = h->ports = 1;
}

static void
tables_make(struct bench *b)
{
	const struct chq_tables_conf conf = { .backing = CHQ_BACKING_BPF,
					      .bpffs = dir,
					      .run_dir = dir,
					      .instance = "bench",
					      .sessions = b->opt.sessions,
					      .accounts = b->opt.sessions };
	uint64_t now_ns = chq_mono_ns();
	char err[256];

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("a mount namespace of its own needs root");
	if (!mkdtemp(dir))
		die(strerror(errno));
	atexit(cleanup);
	if (chq_tables_open(&b->t, &conf, now_ns, err, sizeof(err)))
		die(err);
	header_make(b);
	for (uint32_t n = 0; n < b->opt.sessions; n++) {
		struct chq_dp_ref ref;

		if (numbered_open(b->t, n, their_mac, now_ns, &ref) || ref.slot != n)
			die("cannot open the sessions");
	}
}

static void *
map_memory(const struct bpf_map *map)
{
	void *at = mmap(NULL, bpf_map__value_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(map), 0);

	if (at == MAP_FAILED)
		die("cannot map a table of the program");
	return at;
}

static void
program_load(struct bench *b)
{
	struct bpf_map *const map[] = { b->skel->maps.chq_header, b->skel->maps.chq_sessions,
					b->skel->maps.chq_cold, b->skel->maps.chq_accounts };
	static const enum chq_table_id table[] = { CHQ_T_HEADER, CHQ_T_SESSIONS, CHQ_T_COLD,
						   CHQ_T_ACCOUNTS };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (bpf_map__reuse_fd(map[i], b->t->map_fd[table[i]]))
			die("cannot give the tables to the program");
	bpf_program__set_autoload(b->skel->progs.xsk_def_prog, false);
	if (xdp_path_bpf__load(b->skel))
		die("the kernel does not load the program");
	b->round = map_memory(b->skel->maps.bench_round);
	b->conf = map_memory(b->skel->maps.chq_xdp_conf);
	memset(b->conf->beat, CHQ_XDP_BEAT_NONE, sizeof(b->conf->beat));
	b->counts = need(calloc((size_t)libbpf_num_possible_cpus(), sizeof(*b->counts)));
}

static void
bench_make(struct bench *b)
{
	b->rng = 42;
	b->seq = need(calloc(b->opt.sessions, sizeof(*b->seq)));
	for (int i = 0; i < RUN__COUNT; i++)
		b->ns[i] = need(calloc(b->opt.rounds, sizeof(double)));
	tables_make(b);
	b->skel = xdp_path_bpf__open();
	if (!b->skel)
		die("cannot open the program");
	program_load(b);
}

static void
bench_free(struct bench *b)
{
	xdp_path_bpf__destroy(b->skel);
	chq_tables_close(b->t);
	for (int i = 0; i < RUN__COUNT; i++)
		free(b->ns[i]);
	free(b->counts);
	free(b->seq);
}

/* --- rounds --- */

static uint16_t
header_check(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += chq_get_be16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The program never looks at a payload, nor whether the checksum is right. */
static void
packet_put(uint8_t *l2, uint32_t from)
{
	static const uint8_t link[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0 };
	uint8_t *ip = l2 + 14, *udp = ip + 20;

	memcpy(l2, link, sizeof(link));
	memset(ip, 0, 28);
	ip[0] = 0x45;
	chq_put_be16(ip + 2, XDP_PATH_LEN - 14);
	ip[8] = 64;
	ip[9] = 17;
	chq_put_be32(ip + 12, numbered_ip(from));
	chq_put_be32(ip + 16, OUR_IP);
	chq_put_be16(ip + 10, header_check(ip));
	chq_put_be16(udp, numbered_port(from));
	chq_put_be16(udp + 2, PORT);
	chq_put_be16(udp + 4, XDP_PATH_LEN - 34);
	chq_put_be16(udp + 6, 0x1234);
}

static void
round_make(struct bench *b)
{
	for (size_t i = 0; i < XDP_PATH_FRAMES; i++) {
		uint8_t *l2 = (uint8_t *)b->round->frame[i].w;
		uint32_t from = (uint32_t)(numbered_random(&b->rng) % b->opt.sessions);
		uint32_t to = (uint32_t)(numbered_random(&b->rng) % b->opt.sessions);

		packet_put(l2, from);
		numbered_frame(l2 + 42, from, to, ++b->seq[from], numbered_random(&b->rng),
			       XDP_PATH_PAYLOAD);
	}
	b->round->next = 0;
}

static double
run(const struct bpf_program *prog)
{
	static uint8_t packet[XDP_PATH_LEN];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = XDP_PATH_FRAMES);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		die("the kernel does not run the program");
	return opts.duration;
}

static void
round_check(struct bench *b)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t sum = 0;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.chq_xdp_counts), &zero, b->counts))
		die("cannot read the counters");
	for (int i = 0; i < cpus; i++)
		sum += b->counts[i].n[CHQ_C_TX];
	if (sum - b->forwarded != XDP_PATH_FRAMES)
		die("a valid frame was not forwarded: no figure");
	b->forwarded = sum;
}

static int
by_size(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static void
rounds_run(struct bench *b)
{
	for (unsigned int i = 0; i < b->opt.warmup + b->opt.rounds; i++) {
		double took[RUN__COUNT];

		round_make(b);
		took[RUN_EMPTY] = run(b->skel->progs.bench_empty);
		took[RUN_PICK] = run(b->skel->progs.bench_pick);
		took[RUN_PATH] = run(b->skel->progs.bench_path);
		round_check(b);
		for (int k = 0; i >= b->opt.warmup && k < RUN__COUNT; k++)
			b->ns[k][i - b->opt.warmup] = took[k];
	}
	for (int k = 0; k < RUN__COUNT; k++)
		qsort(b->ns[k], b->opt.rounds, sizeof(double), by_size);
}

/* --- the command --- */

static void
usage(void)
{
	fprintf(stderr,
		"usage: xdp_path [--sessions N] [--rounds N] [--warmup N] [--cpu N] [--json]\n");
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

static struct options
options_read(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "sessions", 1, NULL, 's' }, { "rounds", 1, NULL, 'r' },
		{ "warmup", 1, NULL, 'w' },   { "cpu", 1, NULL, 'c' },
		{ "json", 0, NULL, 'j' },     { NULL, 0, NULL, 0 },
	};
	struct options o = { .sessions = 1, .rounds = 300, .warmup = 30 };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': o.sessions = (uint32_t)number(optarg, 1u << 24); break;
		case 'r': o.rounds = (unsigned int)number(optarg, 1000000); break;
		case 'w': o.warmup = (unsigned int)number(optarg, 1000000); break;
		case 'c': pin(number(optarg, CPU_SETSIZE - 1)); break;
		case 'j': o.json = 1; break;
		default: usage();
		}
	}
	if (optind != argc || o.sessions == 0 || o.rounds == 0)
		usage();
	return o;
}

int
main(int argc, char **argv)
{
	struct bench b = { .opt = options_read(argc, argv) };
	unsigned int n = b.opt.rounds;
	double floor_ns, pick_ns, entry_ns;

	bench_make(&b);
	rounds_run(&b);
	floor_ns = b.ns[RUN_EMPTY][n / 2];
	pick_ns = b.ns[RUN_PICK][n / 2];
	entry_ns = pick_ns - floor_ns;
	printf(b.opt.json
		       ? "{\"bench\": \"xdp-path\", \"sessions\": %" PRIu32 ", \"rounds\": %u, "
			 "\"frames\": %lu, \"ns_p25\": %.1f, \"ns_p50\": %.1f, \"ns_p75\": %.1f, "
			 "\"floor_ns\": %.1f, \"entry_ns\": %.1f}\n"
		       : "%" PRIu32 " sessions, %u rounds, %lu frames: ns a frame %.1f %.1f %.1f "
			 "(quartiles), of it floor %.1f; entry of the benchmark %.1f, taken off\n",
	       b.opt.sessions, n, (unsigned long)(b.opt.warmup + n) * XDP_PATH_FRAMES,
	       b.ns[RUN_PATH][n / 4] - entry_ns, b.ns[RUN_PATH][n / 2] - entry_ns,
	       b.ns[RUN_PATH][n * 3 / 4] - entry_ns, floor_ns, entry_ns);
	bench_free(&b);
	return 0;
}
