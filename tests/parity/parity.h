#pragma once
/* tests/parity/parity: the worker's path and the XDP program, packet by packet. */
#include "tests/parity/rules.h"
#include "tests/parity/side_program.h"

#define PARITY_CHUNK 20000 /* packets from one seed, on tables of their own */

/* What was seen, over all chunks. All of it is counts, so that it can be kept and added up. */
struct parity_totals {
	uint64_t frames, mismatches;
	uint64_t up[UP__COUNT];	   /* handed up, by reason */
	uint64_t alone[UP__COUNT]; /* the same while no process lived */
	uint64_t fate[4];	   /* the program's, by enum fate */
	uint64_t what[GEN_WHAT__COUNT], around[GEN_AROUND__COUNT], damage[GEN_DAMAGE__COUNT];
	uint64_t counts[CHQ_C__COUNT]; /* the worker's */
};

struct parity {
	struct side_worker worker;
	struct side_program *program; /* its tables: B */
	struct chq_tables *t;	      /* the worker's: A */
	struct side_tables a, b;
	struct side_tables before; /* as both were before the packet */
	struct gen gen;
	struct gen_frame frame;
	enum side_process process; /* who is there, for this packet */
	struct outcome want, got;
	struct parity_totals totals;
	const char *differs; /* what, when the packet's outcomes differ */
	uint64_t seed;	     /* of the chunk */
	uint32_t number;     /* of the packet within the chunk */
	bool thorough;	     /* compare whole tables at each packet */
	unsigned int printed;
};

/**
 * parity_init() - @program is the caller's. Return: 0; CHQ_ENOMEM: parity_deinit() all the same.
 */
int parity_init(struct parity *p, struct side_program *program);
void parity_deinit(struct parity *p);

/**
 * parity_chunk() - the packets of one seed, through both.
 * @frames: how many of them, PARITY_CHUNK unless it is to stop before.
 *
 * What differs is said on standard output, with all that is needed to see it again, and is counted;
 * both go on with the worker's tables. Return: 0; a negated errno when it could not be run.
 */
int parity_chunk(struct parity *p, uint64_t seed, uint32_t frames);

/** parity_print() - the packet @p->number and what was made of it, on standard output. */
void parity_print(const struct parity *p);
