#pragma once

/*
 * A whole chasqui-control in a folder of its own, with a dataplane that is made up here: both run on
 * the test's thread, step by step, so nothing depends on time but what the test waits for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/control.h"
#include "proto/control_msg.h"
#include "proto/dpcmd.h"
#include "proto/hello.h"
#include "proto/noise.h"

enum { FIX_SLOTS = 32, FIX_FRAMES_MAX = 4096 };

/* A session as the dataplane has it. */
struct fix_slot {
	uint8_t state; /* enum chq_dp_state */
	uint16_t gen;
	struct chq_dp_session_open open; /* account and device follow the login */
	unsigned closed;		 /* times it was closed by control */
	uint16_t notice;		 /* of the last close */
};

/* What control sent to a session. */
union fix_frame {
	struct chq_dp_frame_tx h;
	uint8_t bytes[sizeof(struct chq_dp_frame_tx) + CHQ_PAYLOAD_MAX];
};

struct fixture {
	char dir[64];
	struct chq_site_conf conf;
	struct control_timing timing;
	struct event_base *base;
	struct control ctl;
	bool running;

	/* The dataplane. */
	int listener, dp;
	uint8_t boot_id[16];
	struct fix_slot slot[FIX_SLOTS];
	union fix_frame *frame;
	unsigned frames;
	uint8_t dgram[CHQ_DGRAM_MAX]; /* last WELCOME */
	uint16_t dgram_len;
	struct chq_dp_server_set server; /* the last one */
	unsigned dgrams, opens, grant_keys, sender_epochs, server_sets, hellos, dumps;
	bool mute_opens;    /* refuse to open sessions */
	bool full_accounts; /* refuse logins */
};

/* A client device. */
struct fix_client {
	struct chq_keypair key;
	uint8_t server[32]; /* the server's public key */
	uint8_t hello[CHQ_HELLO_LEN];
	struct chq_noise noise;
	struct chq_session_keys keys;
	struct chq_welcome_body welcome;
	struct chq_dp_ref ref;
	struct chq_dp_path path;
	uint64_t last_id;
	uint32_t attempt;
};

/* For cmocka: setup makes *state, with users alice, bob and carol (password "secret word"). */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Stop and start control on the same files; the dataplane keeps its sessions. */
void fixture_stop(struct fixture *f);
void fixture_start(struct fixture *f);

/* The dataplane drops the connection. */
void fixture_dp_cut(struct fixture *f);

/* One round of everybody. */
void fixture_step(struct fixture *f);

/* Steps until @cond, which is looked at after each; fails the test after 20 s. */
#define FIX_UNTIL(f, cond)                                                     \
	do {                                                                   \
		for (unsigned tries_ = 0; !(cond) && tries_ < 40000; tries_++) \
			fixture_step(f);                                       \
		assert_true(cond);                                             \
	} while (0)

/* Steps for a while, in which something is not to happen. */
void fixture_settle(struct fixture *f);

/* Operators' requests by the socket: one JSON line in, the answer line out (valid until the next). */
const char *fixture_ctl(struct fixture *f, const char *line);

/* A client at 192.0.2.@host with a new key. */
void client_init(struct fixture *f, struct fix_client *c, uint8_t host);

/* Send a HELLO. */
void client_hello_send(struct fixture *f, struct fix_client *c);
/* A new HELLO with its WELCOME, opened: c->welcome, c->ref. */
void client_hello(struct fixture *f, struct fix_client *c);
/* Make a new HELLO without sending it. */
void client_hello_make(struct fix_client *c);
/* Open the WELCOME that was sent last. Return: chq_noise_read2()'s code. */
int client_welcome(struct fixture *f, struct fix_client *c);

/* The dataplane tells of a session's first frame. */
void client_confirm(struct fixture *f, struct fix_client *c);
void client_event(struct fixture *f, const struct fix_client *c, uint32_t kind);

/* Hand up a frame to the server. */
void client_send(struct fixture *f, struct fix_client *c, const uint8_t *body, size_t len);

/* Send a request under the next id. Return: the id. */
uint64_t client_ask(struct fixture *f, struct fix_client *c, Chasqui__Method method,
		    const ProtobufCMessage *body);
/* The same under a given id. */
void client_ask_id(struct fixture *f, struct fix_client *c, uint64_t id, Chasqui__Method method,
		   const ProtobufCMessage *body);

/* Responses with this id sent to the session so far. */
unsigned client_answers(struct fixture *f, const struct fix_client *c, uint64_t id);
/* The last one; to be freed by chasqui__from_server__free_unpacked(). NULL if there is none. */
Chasqui__FromServer *client_answer(struct fixture *f, const struct fix_client *c, uint64_t id);

/* Ask and wait. Return: the code; the body is left in *@reply (of type @type) when both are given. */
Chasqui__Code client_call(struct fixture *f, struct fix_client *c, Chasqui__Method method,
			  const ProtobufCMessage *body, const ProtobufCMessageDescriptor *type,
			  ProtobufCMessage **reply);

/* Ask to log in by password. Return: the id. */
uint64_t client_login_ask(struct fixture *f, struct fix_client *c, const char *login,
			  const char *password, bool enroll);

/* Log in by password. Return: the code. */
Chasqui__Code client_login(struct fixture *f, struct fix_client *c, const char *login,
			   const char *password, bool enroll);

/* client_init(), a handshake and an enrolled login that succeeds. */
void client_online(struct fixture *f, struct fix_client *c, uint8_t host, const char *login);

/* Pushes of a kind sent to the session so far, copies counted once each time they were sent. */
unsigned client_pushes(struct fixture *f, const struct fix_client *c, Chasqui__Push__BodyCase kind);
/* Presence pushes about an account with this status. */
unsigned client_presence(struct fixture *f, const struct fix_client *c, uint64_t account,
			 Chasqui__Status status);
/* Acknowledge every push that was sent to it. */
void client_ack_all(struct fixture *f, struct fix_client *c);

/* NOTICE frames of a code sent to the session so far. */
unsigned client_notices(struct fixture *f, const struct fix_client *c, uint16_t code);

/* A punted frame from the session. */
void client_punt(struct fixture *f, const struct fix_client *c, uint64_t account, uint64_t to,
		 uint64_t grant, uint8_t why);
