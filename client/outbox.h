#pragma once

/* Messages under way: for send.c, which moves them, and outbox.c, which keeps account of them. */

#include "client/client.h"

/* One message of the application. */
struct chq_out {
	struct chq_list node; /* in the peer's queue until its devices are known */
	uint64_t id;	      /* of the first part; the others follow by one */
	uint64_t account;
	uint64_t created_ms;
	uint16_t app, parts;
	int copies, theirs; /* not ended: all, and those for the receiver's devices */
	bool ended;	    /* what came of it was told */
	bool sent_told, delivered, stored;
	int err; /* of the last copy that failed */
	size_t len;
	uint8_t data[];
};

/* That message for one device. */
struct chq_copy {
	struct chq_out *out;
	bool own; /* for another device of the sender's account: nobody is told what comes of it */
	int left; /* frames without receipt */
};

struct chq_out_frame {
	struct chq_list node; /* in the device's waiting or flight */
	struct chq_copy *copy;
	uint64_t id, previous;
	uint64_t number; /* of its entry into flight */
	uint16_t part;	 /* from 1 */
	bool sealed;
	bool grant_asked, grant_tried; /* a fresh one was asked for, and used */
	int tries;
	uint64_t first_ms, next_ms;
	uint16_t payload_len;
	uint8_t payload[CHQ_E2E_PAYLOAD_MAX]; /* sealed once */
};

struct chq_out *chq_out_new(struct chq_client *c, uint64_t account, uint16_t app, const void *data,
			    size_t len);
/* Tell the application. */
void chq_out_state(struct chq_client *c, struct chq_out *o, enum chq_message_state state, int err);
/* No copy for the receiver is under way any more: tell what came of it, once; free with the last copy. */
void chq_out_end(struct chq_client *c, struct chq_out *o);

/* Frames of a copy for @d, at the end of its waiting list. @own: as in struct chq_copy. Return: 0; CHQ_ENOMEM (nothing was added). */
int chq_copy_new(struct chq_client *c, struct chq_dev *d, struct chq_out *o, bool own);

/* Take a frame out of its list and free it; the chain closes over it if it was not received. */
void chq_out_frame_end(struct chq_dev *d, struct chq_out_frame *f, bool received);

/* All frames of a copy go; the message has failed if it was its last. */
void chq_copy_fail(struct chq_client *c, struct chq_dev *d, struct chq_copy *copy, int err);

/* late.c: a frame of @o waits in the mailbox of @d. */
void chq_late_add(struct chq_client *c, struct chq_dev *d, const struct chq_out *o, uint64_t frame);
/* Does any frame of the message wait there? */
bool chq_late_waits(struct chq_dev *d, uint64_t id);
/* Its receipt has come. Return: false: it is of no message that is known. */
bool chq_late_receipt(struct chq_client *c, struct chq_dev *d, uint64_t frame);

struct chq_out_frame *chq_flight_find(struct chq_dev *d, uint64_t id);
