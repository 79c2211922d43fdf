/*
 * parity [--frames N] [--seed S] [--resume FILE] [--progress] [--json]
 * parity --only SEED [--until PACKET]
 *
 * Packets of every kind through the worker's path and through the XDP program: the same outcome, the
 * same counters, the same tables, the same bytes sent. It runs in chunks with a seed each, made from
 * that of the run; --only runs one of them, as far as --until, and compares whole tables at each packet.
 *
 * Exits 0; 1 if something differed, or a kind of outcome never came; 2; 77 where there is no BPF.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "tests/parity/seen.h"
#include "tests/parity/state.h"

#define SKIP	     77
#define SAVE_CHUNKS  50
#define MISMATCH_MAX 1000 /* then it ends: more of them teach nothing */

struct options {
	const char *resume;
	uint64_t frames, seed, only;
	uint32_t until;
	bool has_only, progress, json;
};

static volatile sig_atomic_t stop;

static void
on_signal(int number)
{
	(void)number;
	stop = 1;
}

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: parity [--frames N] [--seed S] [--resume FILE] [--progress] "
			"[--json] | --only SEED [--until PACKET]\n");
	exit(2);
}

static uint64_t
number(const char *text)
{
	char *end;
	uint64_t v = strtoull(text, &end, 0);

	if (*end || end == text)
		usage();
	return v;
}

static struct options
options_read(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "frames", 1, NULL, 'f' },   { "seed", 1, NULL, 's' }, { "resume", 1, NULL, 'r' },
		{ "progress", 0, NULL, 'p' }, { "json", 0, NULL, 'j' }, { "only", 1, NULL, 'o' },
		{ "until", 1, NULL, 'u' },    { NULL, 0, NULL, 0 },
	};
	struct options o = { .frames = 100000, .seed = 1, .until = PARITY_CHUNK - 1 };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'f': o.frames = number(optarg); break;
		case 's': o.seed = number(optarg); break;
		case 'r': o.resume = optarg; break;
		case 'p': o.progress = true; break;
		case 'j': o.json = true; break;
		case 'o': o.only = number(optarg), o.has_only = true; break;
		case 'u': o.until = (uint32_t)number(optarg); break;
		default: usage();
		}
	}
	if (optind != argc || o.until >= PARITY_CHUNK)
		usage();
	return o;
}

/* --- a run --- */

static uint64_t
chunk_seed(const struct state *s)
{
	uint64_t x = s->seed + (s->chunks + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 27;
}

static void
progress(const struct options *o, const struct state *s, uint64_t began, uint64_t before)
{
	double seconds = (double)(chq_mono_ns() - began) / 1e9;
	double rate = (double)(s->totals.frames - before) / seconds;

	fprintf(stderr,
		"parity: %" PRIu64 " of %" PRIu64 " packets, %.0f/s, %.0f s left, %" PRIu64
		" mismatches\n",
		s->totals.frames, o->frames, rate, (double)(o->frames - s->totals.frames) / rate,
		s->totals.mismatches);
}

static int
save(const struct options *o, const struct state *s)
{
	int rc = o->resume ? state_write(o->resume, s) : 0;

	if (rc)
		fprintf(stderr, "parity: %s: %s\n", o->resume, strerror(-rc));
	return rc;
}

/* Return: 0; a negated errno. */
static int
run(const struct options *o, struct parity *p, struct state *s)
{
	uint64_t began = chq_mono_ns(), told = began, before = s->totals.frames;
	int rc = 0;

	while (rc == 0 && !stop && s->totals.frames < o->frames &&
	       s->totals.mismatches < MISMATCH_MAX) {
		uint64_t left = o->frames - s->totals.frames;

		p->totals = s->totals;
		rc = parity_chunk(p, chunk_seed(s),
				  left < PARITY_CHUNK ? (uint32_t)left : PARITY_CHUNK);
		s->totals = p->totals;
		s->chunks++;
		if (rc == 0 && s->chunks % SAVE_CHUNKS == 0)
			rc = save(o, s);
		if (o->progress && chq_mono_ns() - told > 2 * CHQ_NS_PER_SEC) {
			told = chq_mono_ns();
			progress(o, s, began, before);
		}
	}
	return rc ? rc : save(o, s);
}

static int
run_only(const struct options *o, struct parity *p)
{
	p->thorough = true;
	return parity_chunk(p, o->only, o->until + 1);
}

static void
tell(const struct options *o, const struct parity *p, const struct state *s, uint64_t began)
{
	if (o->has_only)
		parity_print(p);
	else if (o->json)
		state_json(s, (double)(chq_mono_ns() - began) / 1e9);
	else
		printf("%" PRIu64 " packets, %" PRIu64 " mismatches, %" PRIu64 " handed up\n",
		       s->totals.frames, s->totals.mismatches, s->totals.fate[FATE_UP]);
}

/* Return: 0; 1. */
static int
run_any(const struct options *o, struct side_program *program)
{
	static struct parity p;
	struct state s = { .seed = o->seed };
	uint64_t began = chq_mono_ns();
	int rc = parity_init(&p, program), seen = 0;

	if (rc == 0 && o->resume)
		rc = state_read(o->resume, &s);
	if (rc == CHQ_ENOENT)
		rc = 0;
	if (rc == 0)
		rc = o->has_only ? run_only(o, &p) : run(o, &p, &s);
	if (rc) {
		fprintf(stderr, "parity: %s\n", chq_strerror(rc));
	} else {
		seen = o->has_only || s.totals.mismatches ? 0 : seen_check(&s.totals);
		tell(o, &p, &s, began);
	}
	parity_deinit(&p);
	return rc || seen || p.totals.mismatches || s.totals.mismatches ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct options o = options_read(argc, argv);
	char dir[] = "/tmp/chasqui-parity-XXXXXX", err[256] = "";
	struct side_program *program = NULL;
	int rc;

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (geteuid() != 0 || unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("skipped: a mount namespace of its own needs root\n");
		return SKIP;
	}
	if (!mkdtemp(dir)) {
		fprintf(stderr, "parity: %s: %s\n", dir, strerror(errno));
		return 1;
	}
	rc = side_program_open(&program, dir, err, sizeof(err));
	if (rc == CHQ_EUNAVAIL)
		printf("skipped: %s\n", err);
	else if (rc)
		fprintf(stderr, "parity: %s\n", err);
	else
		rc = run_any(&o, program);
	side_program_close(program);
	umount(dir);
	rmdir(dir);
	return rc == CHQ_EUNAVAIL ? SKIP : rc ? 1 : 0;
}
