#pragma once
/*
 * dataplane/account: look-up in the buckets from account to session slot. Readers never lock.
 * Usable from BPF, where a map gives one bucket at a time.
 */
#include "dataplane/atomic.h"
#include "dataplane/table.h"

/**
 * chq_bucket_find() - the slot that a key has in one bucket; in BPF, where every bucket is looked
 * up by itself, for each of the two that chq_account_buckets() names.
 * Return: slot, to be checked like that of chq_account_find(); CHQ_SLOT_NONE.
 */
static inline uint32_t
chq_bucket_find(const struct chq_bucket *b, uint64_t key)
{
	for (int i = 0; i < CHQ_BUCKET_ENTRIES; i++) {
		uint32_t slot;

		if (CHQ_LOAD_ACQUIRE(&b->key[i]) != key)
			continue;
		slot = CHQ_LOAD_RELAXED(&b->slot[i]);
		CHQ_FENCE_ACQUIRE();
		/* It may have moved to its other bucket, and the entry be another's by now. */
		if (CHQ_LOAD_RELAXED(&b->key[i]) == key)
			return slot;
	}
	return CHQ_SLOT_NONE;
}

/**
 * chq_account_find() - first session slot of a key.
 * @key: CHQ_PARTY(kind, 0, id), not 0.
 *
 * The first bucket before the second. An entry that moves is in both meanwhile; one that moved from
 * the second to the first behind the reader's back is missed: whoever must know for sure, as workers,
 * asks chq_account_find_again(), and an XDP program leaves the frame to them. A slot read beside a change may be the key's former one: the caller checks
 * the record's rx_ident. Thread: any. Return: slot, to be checked against the number of slots; CHQ_SLOT_NONE.
 */
static inline uint32_t
chq_account_find(const struct chq_bucket *buckets, uint32_t bucket_count, uint64_t seed,
		 uint64_t key)
{
	uint32_t at[2], slot;

	chq_account_buckets(key, seed, bucket_count, at);
	slot = chq_bucket_find(&buckets[at[0]], key);
	return slot != CHQ_SLOT_NONE ? slot : chq_bucket_find(&buckets[at[1]], key);
}
