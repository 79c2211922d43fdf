#pragma once
/*
 * dataplane/account: look-up in the buckets from account to session slot. Usable from BPF. Readers
 * never lock.
 */
#include "dataplane/atomic.h"
#include "dataplane/table.h"

/**
 * chq_account_find() - first session slot of a key.
 * @key: CHQ_PARTY(kind, 0, id), not 0.
 *
 * A slot read beside a change may be the key's former one: the caller checks the record's rx_ident.
 * Thread: any. Return: slot, to be checked against the number of slots; CHQ_SLOT_NONE.
 */
static inline uint32_t
chq_account_find(const struct chq_bucket *buckets, uint32_t bucket_count, uint64_t seed,
		 uint64_t key)
{
	uint32_t at[2];

	chq_account_buckets(key, seed, bucket_count, at);
	for (int side = 0; side < 2; side++) {
		const struct chq_bucket *b = &buckets[at[side]];

		for (int i = 0; i < CHQ_BUCKET_ENTRIES; i++)
			if (CHQ_LOAD_ACQUIRE(&b->key[i]) == key)
				return CHQ_LOAD_RELAXED(&b->slot[i]);
	}
	return CHQ_SLOT_NONE;
}
