#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

/*
 * Enrolled devices. A revoked one stays as a tombstone, which keeps its number and its key from
 * being given or taken again until store_device_forget(). Changing calls are for write jobs and
 * return the codes of the writer besides their own; reading ones are for jobs and snapshots.
 */

struct store_txn;

struct store_device_new {
	uint64_t account;
	enum store_device_kind kind;
	const uint8_t *noise_key; /* STORE_KEY_BYTES, X25519 static key */
	const char *name;	  /* NUL-terminated UTF-8; NULL: empty */
	uint64_t now_ms;	  /* wall clock, ms since 1970 */
};

/**
 * store_device_enroll() - a new device under the lowest number that is free.
 * @number: receives it, 1..255.
 *
 * Return: 0; CHQ_ENOENT (no such account); CHQ_EEXIST (the key is enrolled, here or elsewhere, or
 * was revoked); CHQ_ELIMIT (255 devices and tombstones); CHQ_EINVAL (kind); codes of
 * store_text_check().
 */
int store_device_enroll(struct store_txn *t, const struct store_device_new *d, uint8_t *number);

/* Tombstones too. Return: 0; CHQ_ENOENT; CHQ_ECORRUPT. */
int store_device_get(struct store_txn *t, uint64_t account, uint8_t number,
		     struct store_device *out);

/**
 * store_device_find() - whose key is this?
 *
 * Says nothing of the account, which may be disabled.
 * Return: 0; CHQ_ENOENT; CHQ_EDENIED if the device is revoked, *@out is set then too; CHQ_ECORRUPT.
 */
int store_device_find(struct store_txn *t, const uint8_t noise_key[STORE_KEY_BYTES],
		      struct store_device *out);

/**
 * store_device_list() - a page of an account's devices by rising number, tombstones too.
 * @after: number to go on after, 0 to begin.
 * @n:     receives how many are in @out (room for @max); fewer than @max means the end.
 *
 * Return: 0, also for an account without any; CHQ_ECORRUPT.
 */
int store_device_list(struct store_txn *t, uint64_t account, uint8_t after,
		      struct store_device *out, size_t max, size_t *n);

/* It was there at @now_ms. Return: 0; CHQ_ENOENT; CHQ_EDENIED (revoked). */
int store_device_seen(struct store_txn *t, uint64_t account, uint8_t number, uint64_t now_ms);

/**
 * store_device_set_prekey() - publish the device's prekey (opaque here), replacing an older one.
 * Return: 0; CHQ_ENOENT; CHQ_EDENIED (revoked); CHQ_EINVAL (longer than STORE_PREKEY_MAX_BYTES).
 */
int store_device_set_prekey(struct store_txn *t, uint64_t account, uint8_t number,
			    const uint8_t *prekey, size_t prekey_len);

/* Make it a tombstone, without prekey. Return: 0, also if it was one already; CHQ_ENOENT. */
int store_device_revoke(struct store_txn *t, uint64_t account, uint8_t number);

/* Remove a tombstone with its answers: number and key are free again. Return: 0; CHQ_ENOENT;
 * CHQ_EBUSY if it is not revoked. */
int store_device_forget(struct store_txn *t, uint64_t account, uint8_t number);
