#pragma once

/* Friendships, as clients and operators make them. */

#include <stdbool.h>
#include <stdint.h>

#include "control/request.h"
#include "control/revoke.h"
#include "store/friend.h"

struct control;
struct store_txn;

request_fn friends_request; /* FriendRequest -> FriendReply */
request_fn friends_confirm; /* FriendRequest -> FriendReply */
request_fn friends_remove;  /* FriendRequest -> FriendReply */

/* What a change came to. */
struct friends_change {
	enum store_friend_asked outcome;   /* of asking */
	uint64_t from_version, to_version; /* of the contact lists; 0: nothing has changed */
	bool ended;			   /* they were friends: both have a new epoch */
};

/**
 * friends_ask_job() - @from asks @to. Writer thread, in a job.
 * Return: 0; CHQ_ENOUSER (no such account, or disabled); CHQ_EINVAL (the same); codes of the writer.
 */
int friends_ask_job(struct store_txn *txn, uint64_t from, uint64_t to, uint64_t now_ms,
		    struct friends_change *c);

/* @by accepts @asker. Return: 0; CHQ_ENOTFRIEND; codes of the writer. */
int friends_confirm_job(struct store_txn *txn, uint64_t by, uint64_t asker, uint64_t now_ms,
			struct friends_change *c);

/**
 * friends_remove_job() - @by ends a friendship, takes back what he asked, or refuses.
 *
 * Who were friends may not write to each other any more: what both have been given to send by is
 * void. For whom else they may write to they ask for new grants.
 * Return: 0; CHQ_ENOTFRIEND; codes of the writer.
 */
int friends_remove_job(struct store_txn *txn, uint64_t by, uint64_t peer, struct friends_change *c);

/**
 * friends_tell() - after the commit: the sessions of both whose list has changed, and the dataplane.
 * @done: as of revoke_tell(); called at once if nothing was ended. May be NULL.
 */
void friends_tell(struct control *ctl, uint64_t from, uint64_t to, const struct friends_change *c,
		  revoke_done_fn *done, void *arg);
