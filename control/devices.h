#pragma once

/*
 * The devices of an account, as their owner sees and changes them: METHOD_DEVICES, _DEVICE_REVOKE, and
 * how a new one gets the account key from another: _DEVICE_OFFER, _DEVICE_APPROVE, _DEVICE_SEALED. What
 * is sealed and signed is the clients' matter (PROTOCOL.md, section 6); here it is kept and handed on.
 */

#include "control/request.h"

request_fn devices_list, devices_revoke, devices_offer, devices_approve, devices_sealed;

/* A session is open: tell it of the account's devices that wait for approval. */
void devices_opened(struct control *ctl, struct session *s);

/* The account's device list is another one: tell its open sessions but those of device @by. */
void devices_changed(struct control *ctl, uint64_t account, uint8_t by, uint64_t version);
