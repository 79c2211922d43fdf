/*
 * guest_init: the only process of a machine that boots an old kernel. It loads every BPF object of
 * the build, makes the tables, runs packets of every kind through the program and the worker's path,
 * puts the program on an interface twice (the second time by replacing it), takes it off, says on the console what came of it, and switches the machine off.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/err.h"
#include "dataplane/tables.h"
#include "dataplane/xdp_link.h"
#include "tests/parity/parity.h"

#define OBJECTS	 "/objects"
#define BPFFS	 "/run/bpf"
#define PINS	 BPFFS "/guest"
#define SESSIONS 4096

#define PARITY_SEEDS  3
#define PARITY_FRAMES 3000

static int objects, faults;

static void fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
fault(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("FAULT ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	faults++;
}

/* Everything libbpf says, the verifier's log of a refused program too. */
static int print_all(enum libbpf_print_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static int
print_all(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_DEBUG ? 0 : vprintf(fmt, ap);
}

/* A program that the verifier took must also run. */
static void
run_once(struct bpf_program *prog)
{
	uint8_t packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));

	if (bpf_program__type(prog) != BPF_PROG_TYPE_XDP)
		return;
	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) < 0)
		fault("%s does not run: %s", bpf_program__name(prog), strerror(errno));
	else
		printf("ran %s: %u\n", bpf_program__name(prog), opts.retval);
}

static void
load_object(const char *path)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;

	objects++;
	if (!obj || bpf_object__load(obj) < 0) {
		fault("%s does not load: %s", path, strerror(errno));
	} else {
		printf("loaded %s\n", path);
		bpf_object__for_each_program(prog, obj) run_once(prog);
	}
	bpf_object__close(obj);
}

static void
load_objects(void)
{
	char path[512];
	struct dirent *e;
	DIR *dir = opendir(OBJECTS);

	while (dir && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), OBJECTS "/%s", e->d_name);
		load_object(path);
	}
	if (dir)
		closedir(dir);
	if (objects == 0)
		fault("no objects");
}

static void
try_tables(void)
{
	const struct chq_tables_conf conf = { .backing = CHQ_BACKING_BPF,
					      .bpffs = BPFFS,
					      .run_dir = "/run",
					      .instance = "guest",
					      .sessions = SESSIONS,
					      .accounts = SESSIONS };

	for (int again = 0; again < 2; again++) {
		struct chq_tables *t = NULL;
		char err[256] = "";
		int rc = chq_tables_open(&t, &conf, chq_mono_ns(), err, sizeof(err));

		if (rc)
			fault("tables: %s (%s)", err, chq_errname(rc));
		else if (t->adopted != again || t->backing != CHQ_BACKING_BPF)
			fault("tables are %sadopted", t->adopted ? "" : "not ");
		else
			printf("tables %s\n", again ? "adopted" : "made");
		chq_tables_close(t);
	}
}

/* Some packets of every kind: what a program does may depend on the kernel that compiled it. */
static void
try_parity(void)
{
	static struct parity p;
	struct side_program *program = NULL;
	char err[256] = "";
	int rc = side_program_open(&program, BPFFS, err, sizeof(err));

	if (rc) {
		fault("parity: %s", err);
		return;
	}
	rc = parity_init(&p, program);
	for (uint64_t seed = 1; rc == 0 && seed <= PARITY_SEEDS; seed++)
		rc = parity_chunk(&p, seed, PARITY_FRAMES);
	if (rc || p.totals.mismatches)
		fault("parity: %s, %" PRIu64 " of %" PRIu64 " packets differ", chq_errname(rc),
		      p.totals.mismatches, p.totals.frames);
	else
		printf("parity: %" PRIu64 " packets, %" PRIu64 " handed up\n", p.totals.frames,
		       p.totals.fate[FATE_UP]);
	parity_deinit(&p);
	side_program_close(program);
}

static void
try_link(const char *ifname, const struct chq_tables *t)
{
	const struct chq_xdp_want want = {
		.dir = PINS, .ifname = ifname, .tables = t, .mode = CHQ_XDP_FORWARD
	};
	struct chq_xdp_link l;
	char err[256] = "";
	int rc;

	for (int again = 0; again < 2; again++) {
		rc = chq_xdp_attach(&l, &want, err, sizeof(err));
		if (rc)
			fault("attach: %s (%s)", err, chq_errname(rc));
		else if (l.adopted != again)
			fault("the link is %sadopted", l.adopted ? "" : "not ");
		else
			printf("%s %s\n", again ? "replaced on" : "attached to", ifname);
		if (!rc)
			chq_xdp_release(&l);
	}
	rc = chq_xdp_detach(PINS, NULL);
	if (rc != 1)
		fault("detach: %d", rc);
}

static void
try_links(void)
{
	const struct chq_tables_conf conf = { .backing = CHQ_BACKING_BPF,
					      .bpffs = BPFFS,
					      .run_dir = "/run",
					      .instance = "guest",
					      .sessions = SESSIONS,
					      .accounts = SESSIONS };
	struct chq_tables *t = NULL;
	char err[256] = "";

	if (chq_tables_open(&t, &conf, chq_mono_ns(), err, sizeof(err)))
		fault("tables: %s", err);
	else
		try_link("lo", t);
	chq_tables_close(t);
}

int
main(void)
{
	struct utsname u = { .release = "?" };

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/run", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(print_all);
	uname(&u);
	load_objects();
	try_tables();
	try_parity();
	try_links();
	printf("VERDICT kernel=%s objects=%d faults=%d\n", u.release, objects, faults);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
