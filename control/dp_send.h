#pragma once

/*
 * What control says to the dataplane. What cannot be sent is counted. For frames and datagrams that is
 * no more than a lost datagram: clients ask again. For all else it ends the connection, and the next
 * one begins with a dump. Codes are those of dp_link_send() and dp_link_call().
 */

#include <stddef.h>
#include <stdint.h>

#include "control/dp_link.h"
#include "proto/frame.h"
#include "proto/hello.h"

struct control;
struct grant_epochs;
struct session;

int dp_send_hello(struct control *ctl);
int dp_send_server(struct control *ctl);
int dp_send_dump(struct control *ctl);

/* dp_send_server(), answered by CHQ_DP_DONE once it is in force: the limits have changed. */
int dp_call_server(struct control *ctl, dp_answer_fn *answer, void *arg);

/* What a session has spent: answered by CHQ_DP_QUOTA. */
int dp_call_quota(struct control *ctl, const struct session *s, dp_answer_fn *answer, void *arg);

/* Open a session; @msg is filled but for its header and wiped afterwards. */
int dp_call_open(struct control *ctl, struct chq_dp_session_open *msg, dp_answer_fn *answer,
		 void *arg);

/* A session before login belongs to @s's account and device from now on. */
int dp_call_login(struct control *ctl, const struct session *s, uint64_t account, uint8_t device,
		  const struct grant_epochs *epochs, dp_answer_fn *answer, void *arg);

/* @notice: enum chq_notice to send first, 0 for none. @answer may be NULL. */
int dp_call_close(struct control *ctl, struct chq_dp_ref ref, uint16_t notice, dp_answer_fn *answer,
		  void *arg);

void dp_send_grant_key(struct control *ctl, uint64_t account, uint32_t epoch);

/* All sessions of an account send by grants of this epoch from now on. @answer may be NULL. */
int dp_call_sender_epoch(struct control *ctl, uint64_t account, uint16_t epoch,
			 dp_answer_fn *answer, void *arg);

/* Both. */
void dp_send_epochs(struct control *ctl, uint64_t account, const struct grant_epochs *epochs);

/* Send a WELCOME. */
void dp_send_dgram(struct control *ctl, const struct chq_dp_path *path, const uint8_t *dgram,
		   size_t len);

/* Send a control message, hop-sealed. @len at most CHQ_HOP_BODY_MAX. */
void dp_send_message(struct control *ctl, const struct session *s, const uint8_t *body, size_t len);

/* A frame of one client that control hands on to another. */
struct dp_frame {
	uint64_t party;	  /* from: an account with its device */
	uint64_t message; /* the sender's id of it */
	uint64_t extra; /* the header's grant field: number in the mailbox, or group | order << 32 */
	uint16_t app;
	uint8_t flags; /* without CHQ_F_HOP: the payload goes as it is */
};

/* @len at most CHQ_PAYLOAD_MAX. What is lost is sent again by whoever waits for the acknowledgement. */
void dp_send_frame(struct control *ctl, const struct session *s, const struct dp_frame *f,
		   const uint8_t *payload, size_t len);

void dp_send_notice(struct control *ctl, const struct session *s, enum chq_notice code,
		    uint64_t party, uint64_t message);
