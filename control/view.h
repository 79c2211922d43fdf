#pragma once

/*
 * The version of a contact list as its owner's clients see it: what the store counts, and in the low
 * 24 bits what it does not, the coming and going of friends and new grants. So "unchanged" is said
 * only when nothing at all has changed, and a client that missed something gets the whole list. The
 * latter count begins anywhere at each start.
 */

#include <stdint.h>

#include "base/map.h"

struct control;

struct views {
	struct chq_map changes; /* account -> 1 + number of changes, as a pointer's value */
	uint32_t base;
};

void views_init(struct views *v);
void views_deinit(struct views *v);

/* Something in @account's list has changed that the store does not count. */
void view_changed(struct control *ctl, uint64_t account);

/* @stored: store_account.contacts_version. */
uint64_t view_version(const struct control *ctl, uint64_t account, uint64_t stored);
