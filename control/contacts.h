#pragma once

/* The contact list of an account, and the grants in it. */

#include <stdint.h>

#include "control/request.h"

struct store_txn;

request_fn contacts_request; /* ContactsRequest -> ContactsPage */
request_fn contacts_grant;   /* GrantRequest -> GrantReply */

/**
 * contacts_visible() - may @by see and write to @account?
 * Return: 0; CHQ_ENOUSER, which is the same for who does not exist; codes of reading.
 */
int contacts_visible(struct store_txn *txn, uint64_t by, uint64_t account);
