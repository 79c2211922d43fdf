#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/clock.h"
#include "bench/line/line.h"

#define DESCRIPTORS	1024
#define POOL		16383
#define POOL_CACHE	256
#define WAIT_FOR_LINK_S 60
#define NEAR_NS		200.0 /* cores farther apart than that give no figure */
#define SAMPLES_MAX	4096

struct rte_mempool *line_pool;

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "line: %s\n", what);
	exit(1);
}

static void *
need(size_t bytes)
{
	void *p = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);

	if (!p)
		die("out of memory");
	memset(p, 0, bytes);
	return p;
}

/* --- link --- */

static void
eal_start(const struct line_options *o)
{
	char lcores[32], prefix[64], memory[] = "-m", mib[] = "256", in_memory[] = "--in-memory",
				     no_huge[] = "--no-huge", single[] = "--single-file-segments",
				     no_pci[] = "--no-pci", quiet[] = "--log-level=error",
				     no_telemetry[] = "--no-telemetry", va[] = "--iova-mode=va",
				     name[] = "line";
	char *argv[16] = { name, lcores, prefix, no_pci, quiet, no_telemetry, va };
	int argc = 7;

	snprintf(lcores, sizeof(lcores), "--lcores=0@%u", o->cpu);
	snprintf(prefix, sizeof(prefix), "--file-prefix=line-%ld", (long)getpid());
	if (o->huge) {
		argv[argc++] = in_memory;
		argv[argc++] = single;
	} else {
		argv[argc++] = no_huge;
		argv[argc++] = memory;
		argv[argc++] = mib;
	}
	if (rte_eal_init(argc, argv) < 0)
		die("DPDK does not start");
}

static void
link_again(uint16_t port)
{
	rte_eth_dev_stop(port);
	if (rte_eth_dev_start(port))
		die("the link cannot be had again");
}

static void
port_start(struct line *l)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_link link = { 0 };
	char name[32];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(l->opt.vdev, ","), l->opt.vdev);
	line_pool = rte_pktmbuf_pool_create("line", POOL, POOL_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					    SOCKET_ID_ANY);
	if (!line_pool || rte_dev_probe(l->opt.vdev) ||
	    rte_eth_dev_get_port_by_name(name, &l->port) ||
	    rte_eth_dev_configure(l->port, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(l->port, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL, line_pool) ||
	    rte_eth_tx_queue_setup(l->port, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL) ||
	    rte_eth_dev_start(l->port))
		die("the link cannot be had");
	for (int i = 0; i < WAIT_FOR_LINK_S * 100 && !link.link_status; i++) {
		rte_eth_link_get_nowait(l->port, &link);
		rte_delay_us_sleep(10000);
		if (i % 100 == 99 &&
		    !link.link_status) /* it has been refused: the other end was not ready */
			link_again(l->port);
	}
	if (!link.link_status)
		die("nobody at the other end of the link");
}

/* --- figures --- */

static int
by_size(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static int
by_ticks(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

struct figures {
	double mpps[SAMPLES_MAX], p50[SAMPLES_MAX], p99[SAMPLES_MAX], p999[SAMPLES_MAX];
	double pong[SAMPLES_MAX];
	unsigned int kept, rejected;
};

static double
median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_size);
	return n ? v[n / 2] : NAN;
}

static void
keep(struct line *l, struct figures *f, double ns)
{
	f->mpps[f->kept] = l->got / ns * 1e3;
	if (l->sent_tsc && l->got) {
		qsort(l->got_tsc, l->got, sizeof(*l->got_tsc), by_ticks);
		f->p50[f->kept] = (double)l->got_tsc[l->got / 2] * l->tsc_ns / 1e3;
		f->p99[f->kept] = (double)l->got_tsc[l->got - l->got / 100 - 1] * l->tsc_ns / 1e3;
		f->p999[f->kept] = (double)l->got_tsc[l->got - l->got / 1000 - 1] * l->tsc_ns / 1e3;
	}
	f->kept++;
}

static void
samples_run(struct line *l, struct figures *f)
{
	for (unsigned int i = 0; i < l->opt.samples; i++) {
		double before, after, ns;

		line_packets_make(l);
		line_urgent(l->opt.peer_pid, true);
		before = line_pong_ns(l->tsc_ns);
		ns = line_sample(l);
		after = line_pong_ns(l->tsc_ns);
		line_urgent(l->opt.peer_pid, false);
		f->pong[i] = before > after ? before : after;
		line_check(l);
		if (f->pong[i] < NEAR_NS)
			keep(l, f, ns);
		else
			f->rejected++;
	}
}

static void
print_number(const char *key, double v)
{
	if (isnan(v))
		printf("\"%s\": null, ", key);
	else
		printf("\"%s\": %.3f, ", key, v);
}

static void
print_all(struct line *l, struct figures *f)
{
	printf("{");
	print_number("mpps", median(f->mpps, f->kept));
	print_number("p50_us", l->sent_tsc ? median(f->p50, f->kept) : NAN);
	print_number("p99_us", l->sent_tsc ? median(f->p99, f->kept) : NAN);
	print_number("p999_us", l->sent_tsc ? median(f->p999, f->kept) : NAN);
	print_number("waits", l->turns ? (double)l->waits / (double)l->turns : NAN);
	print_number("pong_ns", median(f->pong, l->opt.samples));
	printf("\"frames\": %llu, \"lost\": %llu, \"wrong\": %llu, \"kept\": %u, \"rejected\": "
	       "%u}\n",
	       (unsigned long long)l->total, (unsigned long long)l->lost,
	       (unsigned long long)l->wrong, f->kept, f->rejected);
}

static int
generate(const struct line_options *o)
{
	static struct figures f;
	struct line l = { .opt = *o, .rng = 42 };

	eal_start(o);
	l.tsc_ns = 1e9 / (double)rte_get_tsc_hz();
	l.stride = (uint32_t)(LINE_HEADERS + CHQ_FRAME_HDR_LEN + o->payload + 63) / 64 * 64;
	l.packets = need(((size_t)o->frames + 64) * l.stride);
	l.log = need((size_t)o->frames * LINE_LOGGED);
	l.seq = need(o->sessions * sizeof(*l.seq));
	for (uint32_t n = 0; n < o->sessions;
	     n++) /* beyond those of an earlier run with this relay */
		l.seq[n] = chq_mono_ns() / 1000;
	l.seen = need(o->sessions * sizeof(*l.seen));
	if (o->rate > 0) {
		l.sent_tsc = need(o->frames * sizeof(uint64_t));
		l.got_tsc = need(o->frames * sizeof(uint64_t));
	}
	line_pong_start(o->peer_cpu);
	port_start(&l);
	line_packets_make(&l);
	if (!line_warm_up(&l))
		die("nothing comes back");
	samples_run(&l, &f);
	l.lost -= l.late < l.lost ? l.late : l.lost;
	if (l.skipped > l.lost + l.late)
		l.wrong += l.skipped - l.lost - l.late;
	print_all(&l, &f);
	fflush(stdout);
	rte_eth_dev_stop(l.port);
	rte_eth_dev_close(l.port);
	rte_eal_cleanup();
	return 0;
}

/* --- the command --- */

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: bench-line --prepare CONF --sessions N\n"
			"       bench-line --vdev ARGS [--swap] [--no-huge] [--sessions N] "
			"[--payload BYTES]\n"
			"                  [--cpu N] [--peer-cpu N] [--samples N] [--frames N] "
			"[--window N]\n"
			"                  [--rate FRAMES/S] [--peer-pid PID]\n");
	exit(2);
}

static unsigned long
number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || end == text || v < min || v > max)
		usage();
	return v;
}

static void
options_read(struct line_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "prepare", 1, NULL, 'P' },  { "sessions", 1, NULL, 's' },
		{ "vdev", 1, NULL, 'v' },     { "swap", 0, NULL, 'm' },
		{ "no-huge", 0, NULL, 'h' },  { "payload", 1, NULL, 'p' },
		{ "cpu", 1, NULL, 'c' },      { "peer-cpu", 1, NULL, 'C' },
		{ "samples", 1, NULL, 'n' },  { "frames", 1, NULL, 'f' },
		{ "window", 1, NULL, 'w' },   { "rate", 1, NULL, 'r' },
		{ "peer-pid", 1, NULL, 'i' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'P': o->prepare = optarg; break;
		case 's': o->sessions = (uint32_t)number(optarg, 1, 1u << 24); break;
		case 'v': o->vdev = optarg; break;
		case 'm': o->relay = false; break;
		case 'h': o->huge = false; break;
		case 'p': o->payload = (uint16_t)number(optarg, 6, CHQ_PAYLOAD_MAX); break;
		case 'c': o->cpu = (unsigned int)number(optarg, 0, 1023); break;
		case 'C': o->peer_cpu = (unsigned int)number(optarg, 0, 1023); break;
		case 'n': o->samples = (unsigned int)number(optarg, 1, SAMPLES_MAX); break;
		case 'f': o->frames = (uint32_t)number(optarg, 1000, 1u << 24); break;
		case 'i': o->peer_pid = (long)number(optarg, 1, 1ul << 31); break;
		case 'w': o->window = (uint32_t)number(optarg, 1, POOL / 2); break;
		case 'r': o->rate = (double)number(optarg, 1, 1000000000); break;
		default: usage();
		}
	}
	if (optind != argc || (!o->prepare && !o->vdev))
		usage();
}

int
main(int argc, char **argv)
{
	struct line_options o = { .relay = true,
				  .huge = true,
				  .sessions = 1000,
				  .payload = 64,
				  .peer_cpu = 1,
				  .samples = 20,
				  .frames = 1u << 17,
				  .window = 512 };

	options_read(&o, argc, argv);
	return o.prepare ? line_prepare(&o) : generate(&o);
}
