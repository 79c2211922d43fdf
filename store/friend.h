#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

/*
 * Friendships: asked by one, confirmed by the other, mutual. Each is kept on both sides' lists,
 * always changed in one transaction, together with both accounts' contact version. Changing calls
 * are for write jobs and return the codes of the writer besides their own; reading ones for jobs
 * and snapshots.
 */

struct store_txn;

/* What asking came to. */
enum store_friend_asked {
	STORE_FRIEND_ASKED_NEW,	     /* the peer has a new request */
	STORE_FRIEND_ASKED_BEFORE,   /* it waits already; nothing changed */
	STORE_FRIEND_ASKED_ACCEPTED, /* the peer had asked: friends from now on */
	STORE_FRIEND_ASKED_FRIENDS,  /* friends already; nothing changed */
};

/**
 * store_friend_ask() - @from asks @to for friendship.
 * @now_ms: wall clock, ms since 1970.
 *
 * Return: 0 with *@outcome; CHQ_ENOENT (one of the accounts does not exist); CHQ_EINVAL (the same).
 */
int store_friend_ask(struct store_txn *t, uint64_t from, uint64_t to, uint64_t now_ms,
		     enum store_friend_asked *outcome);

/**
 * store_friend_confirm() - @by accepts what @asker has asked.
 * Return: 0, also if they are friends already (nothing changes then); CHQ_ENOTFRIEND if @asker has
 * not asked.
 */
int store_friend_confirm(struct store_txn *t, uint64_t by, uint64_t asker, uint64_t now_ms);

/* Withdraw, refuse or end, whatever there is between the two. Return: 0; CHQ_ENOTFRIEND. */
int store_friend_remove(struct store_txn *t, uint64_t by, uint64_t peer);

/* How @peer stands on @owner's list. Return: 0; CHQ_ENOTFRIEND if nothing is between them. */
int store_friend_get(struct store_txn *t, uint64_t owner, uint64_t peer, struct store_friend *out);

/**
 * store_friend_list() - a page of @owner's list by rising peer id, all states.
 * @after: the last peer id of the page before, 0 to begin.
 * @n:     receives how many are in @out (room for @max); fewer than @max means the end.
 *
 * Return: 0, also for an account without any; CHQ_ECORRUPT.
 */
int store_friend_list(struct store_txn *t, uint64_t owner, uint64_t after, struct store_friend *out,
		      size_t max, size_t *n);
