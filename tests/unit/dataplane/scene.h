#pragma once
/*
 * A relay with a few clients, and one datagram to it: what test_pipeline.c runs through the stages.
 */
#include "tests/unit/dataplane/fixture.h"

enum { ALICE = 1, BOB = 2, CAROL = 3 };

/* Two who talk, one who is silent, one who has not logged in, one whose time is over, one with two
 * devices. */
struct scene {
	struct world v;
	struct peer alice, bob, silent, guest, expired, two[2];
	struct chq_frame_hdr h; /* from alice to bob; a case makes of it what it sends */
	uint8_t dgram[2048];
	uint16_t len;
	struct chq_path src;
};

void scene_init(struct scene *s);

/* The datagram: s->h with a payload, tagged by @from. */
void scene_put(struct scene *s, uint16_t payload_len, const struct peer *from);

enum {
	NOTHING,
	TABLES
}; /* what a case may change; NOTHING: every byte of every table is as before */

struct verdict_case {
	const char *name;
	void (*make)(struct scene *s);
	enum chq_verdict verdict;
	enum chq_counter counter;
	int changes;
	int notice; /* enum chq_notice expected, 0 = none */
	int up;	    /* enum chq_up */
	int why;
};

#define FWD	  CHQ_V_TX, CHQ_C_FORWARD, TABLES, 0, 0, 0
#define DROP(c)	  CHQ_V_DROP, c, NOTHING, 0, 0, 0
#define UPF(c, w) CHQ_V_UP, c, NOTHING, 0, CHQ_UP_FRAME, w

/* Each ends with a NULL name. */
extern const struct verdict_case form_cases[];	  /* decided by the datagram alone; HELLOs */
extern const struct verdict_case session_cases[]; /* decided by sessions */
