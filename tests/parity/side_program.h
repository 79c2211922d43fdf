#pragma once
/* tests/parity/side_program: one packet through the XDP program, by BPF_PROG_TEST_RUN. */
#include "tests/parity/side.h"

struct side_program;

/* Who is there for what the program cannot decide. */
enum side_process {
	SIDE_LIVES,   /* driver xdp, a young heartbeat */
	SIDE_DEAD,    /* driver xdp, an old one */
	SIDE_HANGS,   /* driver af_xdp, an old one */
	SIDE_NO_SOCK, /* driver af_xdp, a young one, and no socket */
	SIDE__COUNT
};

/**
 * side_program_open() - load the program onto tables of its own, of GEN_SESSIONS and GEN_ACCOUNTS.
 * @bpffs: a folder for the tables' pins; what is mounted there stays.
 *
 * The thread stays on its CPU from then on: counters are that one's. Return: 0, *@out is given back
 * by side_program_close(); CHQ_EUNAVAIL (no BPF here; @err says why); other negated errno.
 */
int side_program_open(struct side_program **out, const char *bpffs, char *err, size_t err_size);
void side_program_close(struct side_program *s);

struct side_tables side_program_tables(const struct side_program *s);

/**
 * side_program_run() - @process: the heartbeat in the tables is the caller's to set, in cell 0.
 * Return: 0; a negated errno when the kernel did not run it.
 */
int side_program_run(struct side_program *s, const struct gen_frame *f, uint8_t ifidx,
		     enum side_process process, struct outcome *out);
