#pragma once

/* Grants as control issues and checks them; the formats are those of proto/grant.h. */

#include <stdbool.h>
#include <stdint.h>

struct control;
struct store_account;

/* The key by which the dataplane checks grants towards an account. */
void grants_key(const struct control *ctl, uint64_t account, uint32_t epoch, uint8_t out[16]);

/* A fresh grant for @sender to write to @to. */
uint64_t grants_issue(const struct control *ctl, uint64_t sender, const struct store_account *to);

/* The same for fewer days: @to hands it to @sender, who may have no other, to answer by. */
uint64_t grants_reply(const struct control *ctl, uint64_t sender, const struct store_account *to);

/* Does this grant let @sender write to the account @receiver, whose epoch is @epoch? */
bool grants_valid(const struct control *ctl, uint64_t grant, uint64_t sender, uint64_t receiver,
		  uint32_t epoch);
