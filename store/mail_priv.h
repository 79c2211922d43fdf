#pragma once
#include "store/env.h"
#include "store/kv.h"
#include "store/mail.h"

/*
 * Insides of mailboxes, for mail*.c and verify_mail.c alone. A box lies together in its table, so that
 * a change of a small one touches a single page:
 *
 *	account (6) device (1) HEAD (1)                          -> next number, messages, bytes
 *	account (6) device (1) ENTRY (1) number (8)              -> frame, or reference to a group's
 *	account (6) device (1) NAME (1) party (8) message (8)    -> number; of a reference the party is
 *	                                                            the group and the message its order
 *
 * Of a shared frame, under group (4) order (4) part (1): REFS -> references, is it held; FRAME -> it.
 */

enum mail_part { MAIL_HEAD = 0, MAIL_ENTRY = 1, MAIL_NAME = 2 };
enum mail_group_part { MAIL_GROUP_REFS = 0, MAIL_GROUP_FRAME = 1 };

enum {
	MAIL_BOX_KEY_BYTES = STORE_DEVICE_KEY_BYTES, /* prefix of all keys of a box */
	MAIL_HEAD_KEY_BYTES = MAIL_BOX_KEY_BYTES + 1,
	MAIL_ENTRY_KEY_BYTES = MAIL_HEAD_KEY_BYTES + 8,
	MAIL_NAME_KEY_BYTES = MAIL_HEAD_KEY_BYTES + 16,
};

struct mail_head {
	uint64_t next, messages, bytes;
};

struct mail_refs {
	uint64_t refs; /* of boxes, and one more if it is held */
	bool held;
};

/* Keys. */
void mail_head_key(uint8_t key[MAIL_HEAD_KEY_BYTES], uint64_t account, uint8_t device,
		   enum mail_part part);
void mail_entry_key(uint8_t key[MAIL_ENTRY_KEY_BYTES], uint64_t account, uint8_t device,
		    uint64_t number);
/* @m: account, device; group and order, or party and message. */
void mail_name_key(uint8_t key[MAIL_NAME_KEY_BYTES], const struct store_mail *m);
void mail_group_key(uint8_t key[STORE_MAILGROUP_KEY_BYTES], uint32_t group, uint32_t order,
		    enum mail_group_part part);

/* A head that is not there is an empty one. */
int mail_head_read(struct store_txn *t, uint64_t account, uint8_t device, struct mail_head *h);
int mail_head_write(struct store_txn *t, uint64_t account, uint8_t device,
		    const struct mail_head *h);

/* @m with payload and names read out of its item; a reference is not followed. */
int mail_of_item(const struct store_iter *it, struct store_mail *m);

/* Sums: @messages and @bytes are added; negative as two's complement. Party 0 is nobody's. */
int mail_count_sender(struct store_txn *t, uint64_t party, int64_t messages, int64_t bytes);
int mail_count_all(struct store_txn *t, int64_t messages, int64_t bytes);

/* Has the sender, or all of them, no room for @m? Return: 0; CHQ_ELIMIT with *@full; codes of reading. */
int mail_room_sender(struct store_txn *t, const struct store_mail *m,
		     const struct store_mail_limits *l, enum store_mail_full *full);

/* Put @m, which has a number then, into its box; what it counts beside the box is the caller's. */
int mail_box_add(struct store_txn *t, struct store_mail *m, const struct store_mail_limits *l,
		 enum store_mail_full *full);

/* One reference less; the last one takes the frame with it. */
int mail_group_unref(struct store_txn *t, uint32_t group, uint32_t order);
/* The frame that a reference leads to, into @m, whose box, number and time stay. */
int mail_group_frame(struct store_txn *t, struct store_mail *m);
