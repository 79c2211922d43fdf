#pragma once

/* Friendships, as clients and operators make them. */

#include <stdint.h>

#include "control/request.h"
#include "store/friend.h"

struct control;
struct store_txn;

request_fn friends_request; /* FriendRequest -> FriendReply */
request_fn friends_confirm; /* FriendRequest -> FriendReply */

/* What a change came to. */
struct friends_change {
	enum store_friend_asked outcome;   /* of asking */
	uint64_t from_version, to_version; /* of the contact lists; 0: nothing has changed */
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

/* After the commit: tell the sessions of both whose list has changed. */
void friends_tell(struct control *ctl, uint64_t from, uint64_t to, const struct friends_change *c);
