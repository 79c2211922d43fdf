#pragma once

/*
 * What one account may do towards another: what the rules of the address book say, and, between
 * friends, everything that no rule denies. Loop's thread.
 */

#include <stdint.h>

#include "control/book/book.h"

struct control;
struct store_friend;
struct store_txn;

/**
 * people_rights() - what @by may do towards @account.
 * @rights: receives enum book_right together; none towards himself, towards an account that is not
 *          there or disabled, or for one.
 *
 * Return: 0; codes of reading.
 */
int people_rights(const struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account,
		  unsigned *rights);

/* The same, of people whose friendship is known. @f: seen from @by; NULL if there is none. */
unsigned people_rights_of(const struct control *ctl, uint64_t by, uint64_t account,
			  const struct store_friend *f);

/**
 * people_may() - may @by do one of these towards @account?
 * @right: enum book_right together.
 *
 * Return: 0; CHQ_ENOUSER, also for an account that is not there; codes of reading.
 */
int people_may(const struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account,
	       unsigned right);

/**
 * people_known() - may @by learn who @account is, and by what keys it writes? If he sees it, finds
 * it by search or may write to it, or it may write to him, who then must be able to read that.
 *
 * Return: as people_may().
 */
int people_known(const struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account);
