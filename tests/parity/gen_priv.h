#pragma once
/* tests/parity/gen_priv: what the generator's files share. */
#include "tests/parity/gen.h"

#define GEN_DGRAM_MAX 5800

#define GEN_SILENCE_S 90

/* A datagram and where it comes from, before anything is put around it. */
struct gen_dgram {
	uint8_t b[GEN_DGRAM_MAX];
	uint16_t len;
	struct chq_path src; /* local: index of the address it goes to */
};

uint64_t gen_rnd64(struct gen *g);
uint32_t gen_below(struct gen *g, uint32_t n); /* 0..n-1 */
bool gen_one_in(struct gen *g, uint32_t n);

/* The address of a peer's place @place; 0 is where it was opened. */
struct chq_path gen_place(const struct gen_peer *p, unsigned int place);

/* Where the tables say that a peer is now. */
struct chq_path gen_home(const struct gen *g, const struct gen_peer *p);

void gen_scene(struct gen *g);
void gen_step(struct gen *g);
void gen_dgram_make(struct gen *g, struct gen_dgram *d, enum gen_what what);

/* Put link, IP and UDP headers around a datagram. */
void gen_wire_put(struct gen *g, struct gen_frame *f, const struct gen_dgram *d);
void gen_wire_damage(struct gen *g, struct gen_frame *f);
