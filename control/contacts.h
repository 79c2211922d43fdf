#pragma once

/*
 * The contact list of an account: whom the rules let it see, and its friends, by rising account. With
 * each contact what the asking account may do, and what that needs: presence, grants, addresses.
 */

#include <stdint.h>

#include "control/request.h"
#include "store/types.h"

struct store_txn;

request_fn contacts_request;	 /* ContactsRequest -> ContactsPage */
request_fn contacts_grant;	 /* GrantRequest -> GrantReply */
request_fn contacts_departments; /* DepartmentsRequest -> DepartmentsPage */

enum {
	CONTACTS_PAGE = 32,			     /* rows */
	CONTACTS_PAGE_BYTES = CHQ_HOP_BODY_MAX - 40, /* what a response and its header leave */
	CONTACT_DEPTS = 16,			     /* departments that are told of one contact */
};

/* One contact with what its message points to. */
struct contact {
	Chasqui__Contact msg;
	Chasqui__Address address, *addresses[1];
	struct store_account account;
	uint8_t key[STORE_KEY_BYTES];
	uint32_t dept[CONTACT_DEPTS];
};

/* Who asks, and by what he sees. */
struct contact_reader {
	struct control *ctl;
	struct store_txn *txn;
	struct store_account owner;
};

/* Begin to read for an account. Return: 0, then contact_reader_end() must follow; codes of reading. */
int contact_reader_begin(struct contact_reader *r, struct control *ctl, uint64_t owner);
void contact_reader_end(struct contact_reader *r);

/**
 * contact_fill() - what @r's owner is told of an account.
 * @f: what is between them, seen from the owner; NULL: nothing.
 * @c: overwritten; c->msg points into it.
 *
 * Return: 1; 0 if he is told nothing (it is not in his list); codes of reading.
 */
int contact_fill(const struct contact_reader *r, uint64_t account, const struct store_friend *f,
		 struct contact *c);

/* The same for whom he may find by search, though he is not in his list. */
int contact_fill_found(const struct contact_reader *r, uint64_t account, struct contact *c);
