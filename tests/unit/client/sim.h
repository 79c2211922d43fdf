#pragma once

/*
 * Clients and a fake relay in one process: a network that loses, doubles and delays, in a time that
 * passes as fast as the test wants. The relay speaks PROTOCOL.md's server side from proto/ alone, and
 * lies where a test tells it to.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "client/chasqui.h"
#include "client/replay.h"
#include "proto/control_msg.h"
#include "proto/keys.h"
#include "proto/noise.h"

#define SIM_CLIENTS  4
#define SIM_DEVICES  3 /* of an account */
#define SIM_SESSIONS 128
#define SIM_TEXTS    4096
#define SIM_PASSWORD "correct horse"

struct sim;

/* Where datagrams come from and go to: 0 is the relay, others are sockets of clients. */
typedef uint32_t sim_addr;

struct sim_datagram {
	struct chq_list node;
	uint64_t at_ms;
	sim_addr from, to;
	size_t len;
	uint8_t data[];
};

struct sim_shown {
	uint64_t from;
	uint64_t id;
	char text[64];
	size_t len;
	bool gap, own;
	uint16_t app;
};

struct sim_state {
	uint64_t id;
	enum chq_message_state state;
	int err;
};

struct sim_client {
	struct sim *sim;
	struct chq_client *c;
	char home[256];
	int who; /* whose device it is: index of the account */
	sim_addr next_socket;
	struct chq_list inbox; /* struct sim_datagram */
	bool moved;	       /* the address of new sockets differs from the present one's */
	bool deaf;	       /* events are not taken */
	int events[64];	       /* by type */
	struct chq_event last[64];
	struct sim_shown shown[SIM_TEXTS];
	int shown_count;
	struct sim_state state[SIM_TEXTS * 3];
	int states;
};

struct sim_session {
	bool used, confirmed, logged_in;
	uint32_t slot;
	struct chq_session_keys keys;
	uint8_t hash[32], static_key[32];
	struct chq_replay replay;
	uint64_t seq;
	sim_addr addr;
	int account; /* index, -1 before login */
	int device;  /* index: its number less 1 */
	uint32_t epoch;
	uint64_t pushes;
	uint8_t nonce[CHQ_NONCE_LEN];
	uint8_t welcome[CHQ_WELCOME_LEN];
};

struct sim_device {
	uint8_t enrolled[32], prekey[CHQ_PREKEY_LEN];
	bool is_enrolled, revoked, has_prekey;
	struct sim_session *session;
	/* That it asks to be approved, and what it was left. */
	bool offers;
	uint8_t sign[32], ident[32], sealed[CHQ_ACCOUNT_SEALED_LEN];
	size_t sealed_len;
};

struct sim_account {
	const char *login;
	uint64_t id;
	bool disabled;
	uint8_t account_key[32], list[CHQ_DEVICE_LIST_MAX];
	size_t list_len;
	bool has_keys; /* a list and a prekey */
	struct sim_device device[SIM_DEVICES];
};

struct sim {
	uint64_t mono_ms, wall_ms;
	uint64_t random;
	struct chq_list flying;				/* struct sim_datagram by at_ms */
	int loss_percent, dup_percent, reorder_percent; /* each way */
	struct sim_client client[SIM_CLIENTS];

	struct chq_signkey org;
	struct chq_keypair server;
	uint8_t org_secret[64];
	struct chq_server_cert cert;
	struct chq_invitation invitation;
	struct sim_session session[SIM_SESSIONS];
	struct sim_account account[SIM_CLIENTS];
	uint32_t epoch;
	uint64_t contacts_version;
	bool down;	     /* the relay answers nothing */
	bool keep_revoked;   /* nothing is done about devices that are revoked */
	bool control_down;   /* frames are forwarded, nothing else is answered */
	uint64_t grant_good; /* grants other than this are refused; 0 = any but 0 */
	int too_fast;	     /* so many frames are refused as too fast */
	uint64_t silence_ms;

	/* Grants are good only from the one account to the other; whom the relay gives none. */
	bool grants_strict, no_grants[SIM_CLIENTS], no_reply_grants[SIM_CLIENTS];

	/* What the relay does to those who trust it. */
	bool (*on_forward)(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
			   uint16_t *len); /* false: not forwarded */
	void (*on_keys)(struct sim *s, Chasqui__KeysReply *reply);
	void (*on_offered)(struct sim *s, Chasqui__DeviceOffered *m);
	void (*on_sealed)(struct sim *s, Chasqui__DeviceSealed *m);
	void (*on_contacts)(struct sim *s, Chasqui__ContactsPage *page);
	void (*on_contact)(struct sim *s, Chasqui__Contact *k);
	void (*on_welcome)(struct sim *s, struct chq_welcome_body *b, uint8_t *version);
	void (*on_datagram)(struct sim *s, sim_addr to, const uint8_t *buf, size_t len);
	uint64_t request_id; /* of the last request */
	uint32_t keys_after; /* of the last KEYS_GET */
	int handshakes, grants_asked, keys_asked, paths_asked, forwarded;
};

/* sim.c */
struct sim *sim_new(void);
void sim_free(struct sim *s);
int sim_group_setup(void **state);
int sim_group_teardown(void **state);
uint32_t sim_random(struct sim *s, uint32_t below);
/* Send a datagram over the bad network. */
void sim_send(struct sim *s, sim_addr from, sim_addr to, const void *data, size_t len);
/* Open client i (0 is alice, 1 bob, …), whose home persists; give the password if asked. */
struct chq_client *sim_open(struct sim *s, int i);
/* Open it as a further device of account @who. */
struct chq_client *sim_open_as(struct sim *s, int i, int who);
void sim_close(struct sim *s, int i);
/* As kill -9: nothing is said, nothing saved. */
void sim_kill(struct sim *s, int i);
/* Let time pass until @done or @max_ms; false if it did not come. */
typedef bool sim_done_fn(struct sim *s);
bool sim_until(struct sim *s, sim_done_fn *done, uint64_t max_ms);
void sim_run(struct sim *s, uint64_t ms);
/* Open and log in the first @n clients, all contacts of each other. */
struct sim *sim_logged_in(int n);
uint64_t sim_account_of(int i);
/* Client @i sends a text to @j; its id. */
uint64_t sim_say(struct sim *s, int i, int j, const char *text);
int sim_state_of(struct sim *s, int i, uint64_t id, int *err);
/* How often a text was shown to @i. */
int sim_count_shown(struct sim *s, int i, const char *text);
uint64_t sim_stat(struct sim *s, int i, enum chq_stat stat);

/* relay.c */
void relay_init(struct sim *s);
void relay_input(struct sim *s, sim_addr from, uint8_t *buf, size_t len);
/* Of the account's first device. */
struct sim_session *relay_session_of(struct sim *s, int account);
void relay_send_frame(struct sim *s, struct sim_session *to, const struct chq_frame_hdr *h,
		      const void *payload, size_t len);
void relay_send_control(struct sim *s, struct sim_session *to, const void *body, size_t len);
void relay_notice(struct sim *s, struct sim_session *to, uint16_t code, uint64_t party,
		  uint64_t message);
void relay_close_session(struct sim *s, struct sim_session *x);
uint64_t relay_grant(struct sim *s, int from, int to);

/* relay_control.c */
void relay_control(struct sim *s, struct sim_session *x, const uint8_t *buf, size_t len);
void relay_push_presence(struct sim *s, int about, bool online);
/* A push, numbered, to one session. */
void relay_push(struct sim *s, struct sim_session *x, Chasqui__Push *push);
