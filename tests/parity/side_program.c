#include "tests/parity/side_program.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/err.h"
#include "dataplane/xdp/relay.h"
#include "dataplane/xdp_prog.h"

#define INSTANCE "parity"

struct side_program {
	struct chq_tables *t;
	struct chq_xdp_loaded prog;
	unsigned int cpu, cpus;
	struct chq_xdp_conf *conf;     /* the map itself */
	struct chq_xdp_counts *counts; /* by CPU, as read */
	struct chq_xdp_counts was;
	struct bpf_test_run_opts opts;
};

static int
tables_open(struct side_program *s, const char *bpffs, char *err, size_t err_size)
{
	const struct chq_tables_conf conf = { .backing = CHQ_BACKING_BPF,
					      .bpffs = bpffs,
					      .run_dir = bpffs,
					      .instance = INSTANCE,
					      .sessions = GEN_SESSIONS,
					      .accounts = GEN_ACCOUNTS };

	return chq_tables_open(&s->t, &conf, CHQ_NS_PER_SEC, err, err_size);
}

static int
conf_map(struct side_program *s)
{
	s->conf = mmap(NULL, sizeof(*s->conf), PROT_READ | PROT_WRITE, MAP_SHARED, s->prog.conf_fd,
		       0);
	if (s->conf == MAP_FAILED) {
		s->conf = NULL;
		return -errno;
	}
	memset(s->conf->beat, CHQ_XDP_BEAT_NONE, sizeof(s->conf->beat));
	s->conf->beat[0] = 0;
	return 0;
}

/* Where the program runs, its counters are. */
static int
stay_here(struct side_program *s)
{
	int cpu = sched_getcpu(), cpus = libbpf_num_possible_cpus();
	cpu_set_t set;

	if (cpu < 0 || cpus < 0)
		return cpus < 0 ? cpus : -errno;
	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	s->cpu = (unsigned int)cpu;
	s->cpus = (unsigned int)cpus;
	s->counts = calloc(s->cpus, sizeof(*s->counts));
	if (!s->counts)
		return -ENOMEM;
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

int
side_program_open(struct side_program **out, const char *bpffs, char *err, size_t err_size)
{
	struct side_program *s = calloc(1, sizeof(*s));
	char pins[256];
	int rc;

	if (!s)
		return CHQ_ENOMEM;
	s->prog = (struct chq_xdp_loaded){ -1, -1, -1, -1 };
	snprintf(pins, sizeof(pins), "%s/" INSTANCE, bpffs);
	rc = tables_open(s, bpffs, err, err_size);
	if (rc == 0) {
		rc = chq_xdp_load(&s->prog, pins, INSTANCE, s->t, err, err_size);
		if (rc == CHQ_EUNAVAIL) /* there is BPF, but it does not take the program */
			rc = CHQ_EINTERNAL;
	}
	if (rc == 0)
		rc = conf_map(s);
	if (rc == 0)
		rc = stay_here(s);
	if (rc) {
		side_program_close(s);
		return rc;
	}
	s->opts.sz = sizeof(s->opts);
	*out = s;
	return 0;
}

void
side_program_close(struct side_program *s)
{
	if (!s)
		return;
	if (s->conf)
		munmap(s->conf, sizeof(*s->conf));
	chq_xdp_unload(&s->prog);
	chq_tables_close(s->t);
	free(s->counts);
	free(s);
}

struct side_tables
side_program_tables(const struct side_program *s)
{
	return (struct side_tables){ s->t->header, s->t->sessions, s->t->cold, s->t->buckets };
}

static void
conf_set(struct side_program *s, const struct gen_frame *f, uint8_t ifidx,
	 enum side_process process)
{
	s->conf->test_now_ns = f->now_ns;
	s->conf->ifidx = ifidx;
	s->conf->mode = process == SIDE_LIVES || process == SIDE_DEAD ? CHQ_XDP_FORWARD
								      : CHQ_XDP_STEER;
}

static int
counts_read(struct side_program *s, struct outcome *out)
{
	const struct chq_xdp_counts *now = &s->counts[s->cpu];
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(s->prog.counts_fd, &zero, s->counts))
		return -errno;
	for (int i = 0; i < CHQ_C__COUNT; i++)
		out->rise[i] = now->n[i] - s->was.n[i];
	s->was = *now;
	return 0;
}

static enum fate
fate_of(uint32_t action, const struct outcome *out)
{
	switch (action) {
	case XDP_TX:
	case XDP_REDIRECT: return FATE_SENT;
	case XDP_PASS: return out->rise[CHQ_C_XDP_PROCESS] ? FATE_UP : FATE_KERNEL;
	default: return FATE_DROPPED;
	}
}

/* The kernel does not tell where a packet was redirected to; its source does. */
static uint8_t
redirected_to(const struct side_program *s, const struct outcome *out, uint8_t ifidx)
{
	for (uint8_t i = 0; i < GEN_PORTS; i++)
		if (i != ifidx &&
		    memcmp(out->sent.bytes + 6, s->t->header->port_info[i].mac, 6) == 0)
			return i;
	return UINT8_MAX;
}

int
side_program_run(struct side_program *s, const struct gen_frame *f, uint8_t ifidx,
		 enum side_process process, struct outcome *out)
{
	struct bpf_test_run_opts *o = &s->opts;
	int rc;

	conf_set(s, f, ifidx, process);
	o->data_in = f->bytes;
	o->data_size_in = f->len;
	o->data_out = out->sent.bytes;
	o->data_size_out = sizeof(out->sent.bytes);
	if (bpf_prog_test_run_opts(s->prog.prog_fd, o))
		return -errno;
	rc = counts_read(s, out);
	out->fate = fate_of(o->retval, out);
	out->sent.len = (uint16_t)o->data_size_out;
	out->sent.ifidx = o->retval == XDP_TX ? ifidx : redirected_to(s, out, ifidx);
	return rc;
}
