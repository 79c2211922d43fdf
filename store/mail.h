#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

struct store_txn;

/*
 * Mailboxes: each enrolled device of an account has one. What waits in it is numbered from 1, rising,
 * and no number is given twice, also when the box was empty meanwhile. Payloads are opaque.
 *
 * What waits is counted in the transaction that changes it: by box, by sender over all boxes, and in
 * all. So no limit needs a walk.
 *
 * Frames to groups are not here: store/group.h keeps a log of each group.
 *
 * Thread: as the transaction: functions that change anything in a job, the others in a snapshot too.
 */

enum {
	STORE_MAIL_PAYLOAD_MAX_BYTES = 1184, /* CHQ_PAYLOAD_MAX of proto/frame.h */
	STORE_MAIL_OVERHEAD_BYTES = 128,     /* what an entry counts in all, beside its payload */
};

/* A frame that waits, or is to. */
struct store_mail {
	uint64_t account; /* whose box */
	uint8_t device;
	uint8_t flags; /* of the frame's header */
	uint16_t app;
	uint64_t number;    /* in the box */
	uint64_t party;	    /* sender: an account with its device; 0: the server */
	uint64_t message;   /* his id of it */
	uint64_t stored_ms; /* wall clock, ms since 1970 */
	uint16_t len;
	const uint8_t *payload; /* read: in the database, as long as the transaction */
};

/* 0: no limit. */
struct store_mail_limits {
	uint64_t messages, bytes; /* of a box: its entries, and their payloads */
	uint64_t sender_messages; /* of one account, in all boxes together */
	uint64_t total_bytes;	  /* of all boxes, with overhead */
};

/* Which limit has refused a frame. */
enum store_mail_full {
	STORE_MAIL_ROOM,
	STORE_MAIL_BOX_FULL,
	STORE_MAIL_SENDER_FULL,
	STORE_MAIL_ALL_FULL,
};

struct store_mail_box {
	uint64_t account;
	uint8_t device;
	uint64_t messages, bytes;
	uint64_t next;		  /* number of the next entry: 1 if it never had one */
	uint64_t first, first_ms; /* oldest entry, and when it was stored; 0 if it is empty */
};

struct store_mail_sum {
	uint64_t messages, bytes;
};

/**
 * store_mail_put() - put a frame into the box of one device.
 * @m:    all but the number, which is set on success and with CHQ_EEXIST.
 * @full: set with CHQ_ELIMIT.
 *
 * Return: 0; CHQ_EEXIST: the same (party, message) waits there already, nothing was changed;
 * CHQ_ELIMIT; CHQ_ENOENT: no such device is enrolled, or it was revoked; CHQ_ETOOBIG; codes of the
 * writer; CHQ_ECORRUPT.
 */
int store_mail_put(struct store_txn *t, struct store_mail *m, const struct store_mail_limits *l,
		   enum store_mail_full *full);

/**
 * store_mail_next() - the first entry of a box whose number is above @after.
 * Return: 0 with *@out; CHQ_ENOENT; CHQ_ECORRUPT.
 */
int store_mail_next(struct store_txn *t, uint64_t account, uint8_t device, uint64_t after,
		    struct store_mail *out);

/* One entry. Return: 0; CHQ_ENOENT; CHQ_ECORRUPT. */
int store_mail_get(struct store_txn *t, uint64_t account, uint8_t device, uint64_t number,
		   struct store_mail *out);

/* Take one entry out. Return: 0; CHQ_ENOENT; codes of the writer; CHQ_ECORRUPT. */
int store_mail_del(struct store_txn *t, uint64_t account, uint8_t device, uint64_t number);

/**
 * store_mail_clear() - take out the oldest entries of a box.
 * @before_ms: only those stored before; UINT64_MAX for all.
 * @max:       so many at most.
 * @cleared:   how many; added to what is there.
 *
 * Return: 0: none is left to take; CHQ_EAGAIN: there may be more; codes of the writer; CHQ_ECORRUPT.
 */
int store_mail_clear(struct store_txn *t, uint64_t account, uint8_t device, uint64_t before_ms,
		     unsigned max, unsigned *cleared);

/* A box; one that never had anything is empty. Return: 0; CHQ_ECORRUPT. */
int store_mail_box(struct store_txn *t, uint64_t account, uint8_t device,
		   struct store_mail_box *out);

/**
 * store_mail_boxes() - walk all boxes that ever had something, by account and device.
 * @account, @device: begin behind this one; 0, 0 for the first.
 *
 * Return: 0 with *@out; CHQ_ENOENT; CHQ_ECORRUPT.
 */
int store_mail_boxes(struct store_txn *t, uint64_t account, uint8_t device,
		     struct store_mail_box *out);

/* Is there such a device, enrolled and not revoked? Return: 0; CHQ_ENOENT; CHQ_ECORRUPT. */
int store_mail_device(struct store_txn *t, uint64_t account, uint8_t device);

/* What waits of one sender, and of all. Return: 0; CHQ_ECORRUPT. */
int store_mail_sent(struct store_txn *t, uint64_t account, struct store_mail_sum *out);
int store_mail_total(struct store_txn *t, struct store_mail_sum *out);
