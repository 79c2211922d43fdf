#pragma once

/*
 * Who is told that an account has come or gone: its mutual friends that are online, each once. With
 * p2p.share_addresses they are told where it is, too.
 */

#include <stdbool.h>
#include <stdint.h>

#include "control/session.h"
#include "proto/control_msg.h"

struct control;

/* An account has a session in SESSION_OPEN: tell, if that was not told. */
void presence_came(struct control *ctl, uint64_t account);

/* It may have lost its last one: tell, if so. The session that goes is not in SESSION_OPEN any more. */
void presence_went(struct control *ctl, uint64_t account);

/* How others see an account, that is allowed to be seen. */
Chasqui__Status presence_status(const struct control *ctl, uint64_t account);

/* Where others may reach it directly: its newest session, or NULL. */
const struct session *presence_where(const struct control *ctl, uint64_t account);

/* All sessions of an account are told that its contact list has changed. @version: of the store. */
void presence_contacts_changed(struct control *ctl, uint64_t account, uint64_t version);

/*
 * All grants towards an account are void; @epoch is its new one. The dataplane is given the key that
 * checks by it, and who holds grants and is online is told to ask for the list anew.
 */
void presence_grants_void(struct control *ctl, uint64_t account, uint32_t epoch);
