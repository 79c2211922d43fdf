#pragma once
#include <stdint.h>

#include "store/types.h"

/*
 * End-to-end identity of accounts: the account key and the newest signed device list. Whether the
 * list is signed by the key is the caller's to verify; here it only never goes back.
 */

struct store_txn;

/* Thread: job or snapshot. Return: 0; CHQ_ENOENT if none is published; CHQ_ECORRUPT. */
int store_e2e_get(struct store_txn *t, uint64_t account, struct store_e2e *out);

/**
 * store_e2e_set() - publish the first identity, or a newer list under the same account key.
 *
 * Thread: write job.
 * Return: 0; CHQ_ENOENT (no such account); CHQ_EKEYCHANGED (another account key is published);
 * CHQ_ESTALE (the list's version is not above the published one); CHQ_EINVAL (list too long); codes
 * of the writer.
 */
int store_e2e_set(struct store_txn *t, uint64_t account, const struct store_e2e *e);

/* Forget it, so that a new account key can be published. Return: 0; CHQ_ENOENT; codes of the
 * writer. */
int store_e2e_reset(struct store_txn *t, uint64_t account);
