/*
 * relay_test OBJECT: runs the program relay on the running kernel, on tables in a bpffs of its own
 * that nobody else sees. Exits 77, saying why, where that is not to be had.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "tests/bpf/relay_run.h"

#define SKIP 77

static int
run(const char *object, const char *dir)
{
	const struct chq_tables_conf conf = { .backing = CHQ_BACKING_BPF,
					      .bpffs = dir,
					      .run_dir = dir,
					      .instance = "relay",
					      .sessions = 64,
					      .accounts = 64 };
	struct chq_tables *t = NULL;
	char err[256] = "";
	int faults, rc = chq_tables_open(&t, &conf, chq_mono_ns(), err, sizeof(err));

	if (rc) {
		printf("%s: %s\n", rc == CHQ_EUNAVAIL ? "skipped" : "FAULT", err);
		return rc == CHQ_EUNAVAIL ? SKIP : 1;
	}
	faults = relay_run(object, t);
	chq_tables_close(t);
	return faults ? 1 : 0;
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/chasqui-relay-XXXXXX";
	int rc;

	if (argc != 2) {
		fprintf(stderr, "usage: %s OBJECT\n", argv[0]);
		return 2;
	}
	if (geteuid() != 0 || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("skipped: a mount namespace of its own needs root\n");
		return SKIP;
	}
	if (!mkdtemp(dir)) {
		printf("FAULT %s: %s\n", dir, strerror(errno));
		return 1;
	}
	rc = run(argv[1], dir);
	umount(dir);
	rmdir(dir);
	return rc;
}
