#pragma once

/*
 * Taking back the right to write. Grants are checked by the dataplane with no word from here, so who
 * loses the right towards somebody gets a new sender epoch, by which all he has been given is
 * void; where many lose it towards one, that one gets a new grant epoch; beyond BOOK_LOST_MAX people the
 * store's own epoch voids everybody's. Who keeps a right asks for a new grant, by himself.
 *
 * What is to be taken back is noted while the book follows a change, then written and told to the
 * dataplane; a change is answered when that has confirmed it. A change that was committed and not
 * settled when control was killed voids everybody's grants at its next start. Loop's thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct book_lost;
struct control;
struct revocation;
struct store_txn;

struct revokes {
	struct revocation *next; /* being noted; NULL: nothing */
	uint64_t followed;	 /* last change that the book has followed */
	uint64_t settled;	 /* … and of which the store knows that it is settled */
	uint64_t sender_all;	 /* the store's own epoch */
	uint64_t due_ms;	 /* to settle, or to try again what could not be written */
	bool settling;
};

/* --- the store's side --- */

/* A change that may take rights away, in its job. @number: for revoke_followed(). Return: 0; codes of
 * the writer. */
int revoke_change_begin(struct store_txn *txn, uint64_t *number);

/* At start, before anybody is served: make up for what was not settled. Return: 0; codes of the writer. */
int revokes_open(struct control *ctl);
void revokes_close(struct control *ctl);

/* --- noting --- */

void revoke_sender(struct control *ctl, uint64_t account);
void revoke_receiver(struct control *ctl, uint64_t account);
void revoke_everybody(struct control *ctl);
void revoke_lost(struct control *ctl, const struct book_lost *lost);

/* The book has followed that change. */
void revoke_followed(struct control *ctl, uint64_t number);

/* --- doing --- */

/*
 * revoke_done_fn - what was noted is in force.
 * @rc: 0; CHQ_ENOTCONN: the dataplane is away, and told as soon as it is back; codes of the writer.
 */
typedef void revoke_done_fn(void *arg, int rc);

/**
 * revoke_begin() - write and tell what was noted.
 * @done: may be NULL.
 *
 * Return: whether there was anything; else @done is not called.
 */
bool revoke_begin(struct control *ctl, revoke_done_fn *done, void *arg);

/**
 * revoke_tell() - new epochs of some accounts are written already: tell the dataplane.
 * @done: called once, also at once; may be NULL.
 */
void revoke_tell(struct control *ctl, const uint64_t *accounts, size_t n, revoke_done_fn *done,
		 void *arg);

void revoke_tick(struct control *ctl, uint64_t now_ms);
