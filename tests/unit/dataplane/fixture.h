#pragma once
/*
 * A relay without driver or manager: tables in memory, one worker, sessions with known keys, and a
 * clock that stands still. Helpers assert by themselves; none returns an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "dataplane/path.h"
#include "dataplane/replay.h"
#include "dataplane/stage.h"
#include "dataplane/tables.h"
#include "proto/grant.h"
#include "proto/hello.h"

#define T0_S	  1000u
#define T0_NS	  (UINT64_C(1000000000) * T0_S)
#define TODAY	  2000
#define LIFE_S	  3600u
#define SERVER_ID 7u

struct world {
	struct chq_tables *t;
	struct chq_worker *w;
	struct chq_pkt pkt[CHQ_BURST];
	struct chq_pkt *pkts[CHQ_BURST];
	uint8_t dgram[CHQ_BURST][2048];
	uint8_t *copy[CHQ_T__COUNT]; /* of world_remember() */
	uint64_t counts[CHQ_C__COUNT];
};

/* One client. */
struct peer {
	struct chq_dp_session_open
		open; /* keys, account, device and address as given to the tables */
	struct chq_dp_ref ref;
	struct chq_path path;
	uint64_t seq; /* last one used */
};

void world_init(struct world *v, uint32_t sessions, uint32_t accounts);
void world_deinit(struct world *v);

/* The clock of worker and tables. */
void world_clock(struct world *v, uint64_t now_ns);

/* Keys and address of a client by its number; nothing is opened. */
void peer_init(struct peer *p, uint64_t account, uint8_t device);

/* A session in state PRELOGIN or NEW by the account, or confirmed and OPEN. */
void peer_open(struct world *v, struct peer *p);
void peer_confirm(struct world *v, struct peer *p);
void world_login(struct world *v, struct peer *p, uint64_t account, uint8_t device);

struct chq_session *peer_session(const struct world *v, const struct peer *p);

/* A grant for @from to write to @to. */
uint64_t grant_for(const struct peer *from, const struct peer *to, uint16_t day);

/* Header of an ordinary frame from one to the other, with a new seq. */
struct chq_frame_hdr frame_to(struct peer *from, const struct peer *to);
struct chq_frame_hdr ping_of(struct peer *from, uint64_t token);

/* Build a datagram with @len bytes of payload. Return: its length. */
uint16_t frame_put(uint8_t *buf, const struct chq_frame_hdr *h, uint16_t payload_len,
		   const struct peer *from);

/* Put a datagram into place @i of the burst. */
struct chq_pkt *world_put(struct world *v, int i, const void *dgram, uint16_t len,
			  const struct chq_path *src);

/* Run places 0..n-1. */
void world_run(struct world *v, uint16_t n);

/* One frame alone, from its sender's own address. */
struct chq_pkt *world_send(struct world *v, const struct chq_frame_hdr *h, uint16_t payload_len,
			   const struct peer *from);

/* Remember all tables and counters; has anything in the tables changed since? Which counter
 * rose? */
void world_remember(struct world *v);
int world_changed(const struct world *v);
uint64_t world_rose(const struct world *v, enum chq_counter c);

/* The NOTICE at extra[i] is well formed, tagged with the peer's key and about @h; its code is
 * returned. */
uint16_t notice_check(const struct world *v, int i, const struct peer *p,
		      const struct chq_frame_hdr *h);

/* Same small generator for every run. */
uint64_t rnd(uint64_t *state);

/* Two clients who may write to each other: the state of tests by two_setup() and two_teardown(). */
struct two {
	struct world v;
	struct peer alice, bob;
	struct chq_pkt *p; /* the test's own */
};

int two_setup(void **state);
int two_teardown(void **state);
