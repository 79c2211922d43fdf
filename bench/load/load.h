#pragma once
/*
 * bench/load: simulated clients. They make real handshakes with enrolled device keys and send real frames, but
 * their payloads are random bytes, not sealed messages, so that one core can speak for thousands. One thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/control_msg.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/keys.h"
#include "proto/noise.h"

#define LOAD_SOCKETS	  8
#define LOAD_BATCH	  32
#define LOAD_PAYLOAD_MIN  24
#define LOAD_SESSIONS_MAX 16384
#define LOAD_LOST_NS	  UINT64_C(1000000000) /* a frame that took longer counts as lost */

enum load_state { LOAD_IDLE, LOAD_HELLO, LOAD_GRANT, LOAD_READY };

struct load_session {
	struct chq_keypair device;
	uint64_t account;
	struct load_session *peer;
	enum load_state state;
	uint64_t next_try_ns;
	struct chq_hello hello;
	uint8_t hello_dgram[CHQ_HELLO_LEN];
	struct chq_noise noise;
	struct chq_session_keys keys;
	uint32_t slot;
	uint64_t seq, message, request;
	uint64_t asked_ns, cursor; /* load_ask.c */
	uint64_t grant;
	uint64_t rx_seq;
	unsigned tries;
};

struct load_socket {
	int fd;
	bool have_cookie;
	uint8_t nonce[CHQ_NONCE_LEN];
	uint8_t cookie[CHQ_COOKIE_LEN];
	uint64_t next_try_ns;
};

/* What a frame carries: which one it is and when it left. */
struct load_stamp {
	uint64_t number;
	uint64_t sent_ns;
	uint64_t check;
};

struct load {
	struct load_session *sessions;
	unsigned count;
	struct load_socket sockets[LOAD_SOCKETS];
	unsigned socket_count;
	struct load_session **by_slot;
	uint32_t slots;
	char fingerprint[CHQ_FINGERPRINT_LEN + 1];
	struct chq_server_cert cert;
	unsigned ready;
	/* figures */
	uint64_t sent, delivered, lost, late, notices, bad;
	uint32_t *latency_us_x10; /* of the delivered frames, 0.1 us; sorted by load_run() */
	size_t latency_len, latency_cap;
	double seconds, login_seconds;
};

struct load_opts {
	const char *dir;	/* accounts made by `prepare` */
	const char *invitation; /* file that holds the invitation's line */
	const char *control;	/* control socket, for prepare */
	unsigned sessions;
	unsigned seconds;
	unsigned payload;
	unsigned in_flight;
	unsigned rate;	    /* frames per second; 0 = as fast as answers come */
	const char *what;   /* ask: search, contacts or presence */
	const char *record; /* steady: file for the times of every frame */
	bool json;
};

/** load_prepare() - accounts with device keys, befriended in pairs, by the control socket. Return: 0; CHQ_E…. */
int load_prepare(const struct load_opts *o);

/** load_accounts_read() - what prepare wrote. @l->sessions is allocated. Return: 0; CHQ_E…. */
int load_accounts_read(struct load *l, const char *dir, unsigned limit);

/** load_connect() - sockets to the invitation's host. Return: 0; CHQ_E…. */
int load_connect(struct load *l, const char *invitation_file);

/** load_login() - all sessions through handshake and grant; says on stderr how far it is. Return: 0; CHQ_ETIMEDOUT. */
int load_login(struct load *l);

/** load_run() - closed loop for @o->seconds; fills the figures. Return: 0; CHQ_ENOMEM. */
int load_run(struct load *l, const struct load_opts *o);

/**
 * load_steady() - open loop: @o->rate frames a second, for @o->seconds at most, told what to do by standard input (see
 * load_steady.c). Writes @o->record: {sent, arrived or 0} of each frame, two u64 ns of CLOCK_MONOTONIC in host order.
 * Return: 0; CHQ_ENOMEM; a negated errno of the file.
 */
int load_steady(struct load *l, const struct load_opts *o);

/**
 * load_ask() - ask the server, for @o->seconds: @o->in_flight sessions at a time, each anew when it was answered. Prints
 * its figures. Return: 0; CHQ_ENOMEM; CHQ_EARGS: nothing of that kind can be asked; CHQ_ETIMEDOUT: no answer came.
 */
int load_ask(struct load *l, const struct load_opts *o);

/** load_deinit() - close and free everything; keys are wiped. */
void load_deinit(struct load *l);

/* --- between its files --- */

/** A message id of @s, higher than all before. */
uint64_t load_message_id(struct load_session *s);

/** Send a message to the server, sealed. Return: 0; CHQ_ETOOBIG, CHQ_ECRYPTO. */
int load_hop_send(struct load *l, struct load_session *s, const Chasqui__ToServer *m);

/** Send a request with the id @s->request. Return: as load_hop_send(). */
int load_request_send(struct load *l, struct load_session *s, Chasqui__Method method,
		      const ProtobufCMessage *body);

/**
 * load_hop_read() - open a frame from the server, in place.
 * @from: receives whose it is. Return: its message, for chasqui__from_server__free_unpacked(); NULL if it is none.
 */
Chasqui__FromServer *load_hop_read(struct load *l, uint8_t *buf, size_t len,
				   struct load_session **from);

/** The socket that @s talks through, always the same. */
struct load_socket *load_socket_of(struct load *l, const struct load_session *s);
