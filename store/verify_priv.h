#pragma once
#include "store/kv.h"
#include "store/verify.h"

/* The check under way, shared by verify.c and the files verify_….c, which each look at some tables. */

struct check {
	struct store_txn *t;
	struct store_verify *out;
	store_fault_fn *fault;
	void *arg;
	const char *table;
	uint64_t next_account, next_dept, next_rule;
	/* The device whose answers are being counted. */
	uint8_t answers_of[STORE_DEVICE_KEY_BYTES];
	unsigned answers;
};

/* Looks at one item of a table. */
typedef void check_item_fn(struct check *c, const struct store_iter *it);

/* Count and tell a fault. @what: constant sentence. */
void check_fault(struct check *c, const char *what, uint64_t id);

/* By file: verify_word.c, invite.c. */
check_item_fn check_word, check_invite;

/* verify_app.c */
check_item_fn check_app, check_offer;

/* verify_mail.c: all of the mailboxes. Return: codes of reading; CHQ_ENOMEM. */
int check_mail(struct check *c);

struct store_account;

/* All words of an account are in the table. */
void check_words_of(struct check *c, const struct store_account *a);
