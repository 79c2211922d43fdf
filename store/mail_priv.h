#pragma once
#include "store/env.h"
#include "store/kv.h"
#include "store/mail.h"

/*
 * Insides of mailboxes, for mail*.c and verify_mail.c alone. A box lies together in its table, so that
 * a change of a small one touches a single page:
 *
 *	account (6) device (1) HEAD (1)                          -> next number, messages, bytes
 *	account (6) device (1) ENTRY (1) number (8)              -> frame
 *	account (6) device (1) NAME (1) party (8) message (8)    -> number
 */

enum mail_part { MAIL_HEAD = 0, MAIL_ENTRY = 1, MAIL_NAME = 2 };

enum {
	MAIL_BOX_KEY_BYTES = STORE_DEVICE_KEY_BYTES, /* prefix of all keys of a box */
	MAIL_HEAD_KEY_BYTES = MAIL_BOX_KEY_BYTES + 1,
	MAIL_ENTRY_KEY_BYTES = MAIL_HEAD_KEY_BYTES + 8,
	MAIL_NAME_KEY_BYTES = MAIL_HEAD_KEY_BYTES + 16,
};

struct mail_head {
	uint64_t next, messages, bytes;
};

/* Keys. */
void mail_head_key(uint8_t key[MAIL_HEAD_KEY_BYTES], uint64_t account, uint8_t device,
		   enum mail_part part);
void mail_entry_key(uint8_t key[MAIL_ENTRY_KEY_BYTES], uint64_t account, uint8_t device,
		    uint64_t number);
/* @m: account, device, party and message. */
void mail_name_key(uint8_t key[MAIL_NAME_KEY_BYTES], const struct store_mail *m);

/* A head that is not there is an empty one. */
int mail_head_read(struct store_txn *t, uint64_t account, uint8_t device, struct mail_head *h);
int mail_head_write(struct store_txn *t, uint64_t account, uint8_t device,
		    const struct mail_head *h);

/* The entry at which @it stands. */
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
