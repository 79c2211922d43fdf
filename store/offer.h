#pragma once
#include <stdint.h>

#include "store/types.h"

/*
 * Devices that ask to be approved by another one of their account, one offer a device. Opaque here:
 * what the keys are and what is sealed is the clients' matter (PROTOCOL.md, section 6).
 */

struct store_txn;

/* Thread: job or snapshot. Return: 0; CHQ_ENOENT; CHQ_ECORRUPT. */
int store_offer_get(struct store_txn *t, uint64_t account, uint8_t device, struct store_offer *out);

/* Thread: write job. Set, whether there or not. Return: 0; CHQ_EINVAL; codes of the writer. */
int store_offer_set(struct store_txn *t, uint64_t account, uint8_t device,
		    const struct store_offer *o);

/* Thread: write job. Return: 0, also if there is none; codes of the writer. */
int store_offer_forget(struct store_txn *t, uint64_t account, uint8_t device);
