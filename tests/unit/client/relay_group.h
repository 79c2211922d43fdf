#pragma once

/* A group of the relay that is made up: the accounts named are in it, and what is said there has its order. */

#include "tests/unit/client/sim.h"

enum { RELAY_GROUP = 5, RELAY_GROUP_FRAMES = 2048 };

struct relay_group {
	bool member[SIM_CLIENTS];
	uint32_t rights[SIM_CLIENTS];
	uint32_t epoch, order;
	uint32_t acked[SIM_CLIENTS], sent[SIM_CLIENTS];
	uint64_t sent_ms[SIM_CLIENTS];
	uint32_t first; /* orders before it are not kept */
	int keys_given, refused;
	struct {
		int act;
		uint64_t account;
		uint32_t rights;
		char name[64];
	} changed;	/* what was asked for last */
	uint32_t alter; /* this order is delivered with a flipped bit */
	struct {
		uint64_t from, message;
		uint16_t app, len;
		uint8_t payload[CHQ_PAYLOAD_MAX];
	} frame[RELAY_GROUP_FRAMES];
};

extern struct relay_group relay_group;

/* The first @n accounts are in it and may post. */
void relay_group_begin(int n);

/* Send what is due; from time to time. */
void relay_group_run(struct sim *s);

/* Members have changed: a new epoch, and all are told. */
void relay_group_changed(struct sim *s);

/* What comes over the wire. Return: false if it is about something else. */
bool relay_group_request(struct sim *s, struct sim_session *x, const Chasqui__Request *q);
bool relay_group_frame(struct sim *s, struct sim_session *x, const struct chq_frame_hdr *h,
		       const uint8_t *payload, size_t len);
void relay_group_acked(struct sim_session *x, const Chasqui__MailAck *ack);
