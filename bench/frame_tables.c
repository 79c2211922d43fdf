#include "bench/frame_tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"

const char *const frame_tables_name[FRAME_TABLES__COUNT] = { "plain", "bpf", "huge" };

enum frame_tables
frame_tables_named(const char *name)
{
	int i = 0;

	while (i < FRAME_TABLES__COUNT && strcmp(frame_tables_name[i], name) != 0)
		i++;
	return (enum frame_tables)i;
}

/* Other memory at the same place, while nothing but the header has been touched. 0, or -1 and @err. */
static int
huge_ask(struct chq_tables *t, char *err, size_t err_size)
{
	for (int i = CHQ_T_HEADER + 1; i < CHQ_T__COUNT; i++) {
		if (mmap(t->mapped[i], t->bytes[i], PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == t->mapped[i] &&
		    madvise(t->mapped[i], t->bytes[i], MADV_HUGEPAGE) == 0)
			continue;
		snprintf(err, err_size, "no huge pages: %s", strerror(errno));
		return -1;
	}
	return 0;
}

static void
place_remove(struct frame_tables_place *at)
{
	char err[256];

	if (at->conf.backing == CHQ_BACKING_MEMORY)
		return;
	(void)chq_tables_remove(&at->conf, err, sizeof(err));
	(void)umount(at->bpffs);
	(void)rmdir(at->bpffs);
	(void)rmdir(at->dir);
}

struct chq_tables *
frame_tables_open(struct frame_tables_place *at, enum frame_tables kind, uint32_t sessions,
		  char *err, size_t err_size)
{
	struct chq_tables *t = NULL;

	strcpy(at->dir, "/tmp/chq-bench-XXXXXX");
	at->conf = (struct chq_tables_conf){ .backing = CHQ_BACKING_MEMORY,
					     .sessions = sessions,
					     .accounts = sessions };
	if (kind == FRAME_TABLES_BPF) {
		if (!mkdtemp(at->dir)) {
			snprintf(err, err_size, "%s: %s", at->dir, strerror(errno));
			return NULL;
		}
		snprintf(at->bpffs, sizeof(at->bpffs), "%s/bpf", at->dir);
		at->conf.backing = CHQ_BACKING_BPF;
		at->conf.bpffs = at->bpffs;
		at->conf.run_dir = at->dir;
		at->conf.instance = "bench";
	}
	if (chq_tables_open(&t, &at->conf, chq_mono_ns(), err, err_size)) {
		place_remove(at);
		return NULL;
	}
	if (kind == FRAME_TABLES_HUGE && huge_ask(t, err, err_size)) {
		frame_tables_close(at, t);
		return NULL;
	}
	return t;
}

void
frame_tables_close(struct frame_tables_place *at, struct chq_tables *t)
{
	chq_tables_close(t);
	place_remove(at);
}
