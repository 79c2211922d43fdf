#pragma once
/* tests/parity/state: what a long run has seen so far, in a file, so that it can go on later. */
#include "tests/parity/parity.h"

struct state {
	uint64_t seed;	 /* of the run */
	uint64_t chunks; /* done */
	struct parity_totals totals;
};

/**
 * state_read() - Return: 0; CHQ_ENOENT (no such file: @s is unchanged); CHQ_EMALFORMED (not one of
 * ours, or of another build); negated errno.
 */
int state_read(const char *path, struct state *s);

/** state_write() - in the place of what was there, at once. Return: 0; negated errno. */
int state_write(const char *path, const struct state *s);

/** state_json() - one line on standard output. @seconds: that this run took. */
void state_json(const struct state *s, double seconds);
