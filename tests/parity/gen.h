#pragma once
/*
 * tests/parity/gen: packets of every kind for a relay, made from a seed, and what the manager does
 * to its tables between them. The same seed makes the same sequence, as long as the tables' bytes
 * that it looks at are the same.
 *
 * A packet is put together from what its datagram is (enum gen_what), what is around it (enum
 * gen_around) and what was damaged afterwards (enum gen_damage). What the relay must make of it is
 * not told: those who use it compare two relays, or look for what must never be.
 */
#include "dataplane/tables.h"
#include "tests/parity/gen_kinds.h"

#define GEN_SESSIONS  128
#define GEN_ACCOUNTS  64
#define GEN_PEERS     44
#define GEN_FRAME_MAX 6000
#define GEN_PORTS     3
#define GEN_HISTORY   32

/* A packet at the interface gen->ifidx. */
struct gen_frame {
	uint8_t bytes[GEN_FRAME_MAX];
	uint16_t len;
	uint16_t dgram_off, dgram_len; /* where the datagram was put, before any damage */
	uint8_t what, around, damage;  /* enum gen_what, gen_around, gen_damage */
	uint8_t alive;		       /* a process serves what goes up */
	uint64_t now_ns;
};

/* A client. */
struct gen_peer {
	struct chq_dp_session_open open; /* keys, account, device, where it was opened */
	struct chq_dp_ref ref;
	bool has_slot;
	uint64_t seq; /* last one used */
};

struct gen {
	struct chq_tables *t; /* the caller's; read for addresses, written by manager steps */
	uint64_t rnd;
	uint64_t now_ns;
	uint8_t ifidx; /* where packets come in */
	bool alive;
	unsigned int flood;    /* frames that follow from one sender without rest */
	unsigned int flood_by; /* peer */
	struct gen_peer peer[GEN_PEERS];
	struct gen_frame history[GEN_HISTORY]; /* sent before, undamaged */
	unsigned int history_n;
};

/** gen_tables() - fresh tables in memory, as gen_init() wants them. Return: as chq_tables_open(). */
int gen_tables(struct chq_tables **t);

/**
 * gen_init() - fill fresh tables with addresses, ports, quota classes, secrets and sessions.
 * @t: of GEN_SESSIONS and GEN_ACCOUNTS, nothing opened yet; used until the last gen_ call.
 */
void gen_init(struct gen *g, struct chq_tables *t, uint64_t seed);

/**
 * gen_next() - the next packet. The clock goes on; now and then the manager changes something in the
 * tables first.
 * Return: true if the tables were changed.
 */
bool gen_next(struct gen *g, struct gen_frame *f);

/** gen_confirm() - what the manager does when a worker tells of a session's first valid frame. */
void gen_confirm(struct gen *g, struct chq_dp_ref ref);

extern const char *const gen_what_name[GEN_WHAT__COUNT];
extern const char *const gen_around_name[GEN_AROUND__COUNT];
extern const char *const gen_damage_name[GEN_DAMAGE__COUNT];
