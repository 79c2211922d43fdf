#pragma once

/* Grants as control issues and checks them; the formats are those of proto/grant.h. */

#include <stdbool.h>
#include <stdint.h>

#include "control/session.h"

struct control;
struct store_account;

/* The key by which the dataplane checks grants towards an account. */
void grants_key(const struct control *ctl, uint64_t account, uint32_t epoch, uint8_t out[16]);

/* The epoch of what an account has been given to send by: its own and the store's. */
uint16_t grants_sender_epoch(const struct control *ctl, const struct store_account *a);

/* Both epochs that the dataplane is to be told for an account's sessions. */
struct grant_epochs grants_epochs(const struct control *ctl, const struct store_account *a);

/* A fresh grant for @from to write to @to. */
uint64_t grants_issue(const struct control *ctl, const struct store_account *from,
		      const struct store_account *to);

/* The same for fewer days: @to hands it to @from, who may have no other, to answer by. */
uint64_t grants_reply(const struct control *ctl, const struct store_account *from,
		      const struct store_account *to);

/**
 * grants_valid() - does this grant let @sender write to the account @receiver?
 * @sender_epoch: grants_sender_epoch() of the sender.
 * @epoch: the receiver's grant epoch.
 */
bool grants_valid(const struct control *ctl, uint64_t grant, uint64_t sender, uint16_t sender_epoch,
		  uint64_t receiver, uint32_t epoch);
