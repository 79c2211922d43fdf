/* Buckets from account to session slot: the writer's side. Two choices of five entries, no entry
 * ever moves. */
#include "base/err.h"
#include "dataplane/tables_priv.h"

uint32_t
tables_buckets(uint32_t accounts)
{
	uint32_t n = 2;

	while ((uint64_t)n * CHQ_BUCKET_ENTRIES < (uint64_t)accounts * 2)
		n *= 2;
	return n;
}

/* Index of @key (0: of an empty entry) in a bucket, or -1. */
static int
entry_find(const struct chq_bucket *b, uint64_t key)
{
	for (int i = 0; i < CHQ_BUCKET_ENTRIES; i++)
		if (b->key[i] == key)
			return i;
	return -1;
}

static int
bucket_load(const struct chq_bucket *b)
{
	int load = 0;

	for (int i = 0; i < CHQ_BUCKET_ENTRIES; i++)
		load += b->key[i] != 0;
	return load;
}

/* The bucket that holds @key and the entry's index, or NULL. */
static struct chq_bucket *
key_find(struct chq_tables *t, uint64_t key, int *entry)
{
	uint32_t at[2];

	chq_account_buckets(key, t->header->account_seed, t->header->buckets, at);
	for (int side = 0; side < 2; side++) {
		*entry = entry_find(&t->buckets[at[side]], key);
		if (*entry >= 0)
			return &t->buckets[at[side]];
	}
	return NULL;
}

static int
key_insert(struct chq_tables *t, uint64_t key, uint32_t slot)
{
	struct chq_bucket *b, *other;
	uint32_t at[2];
	int entry;

	if (t->accounts >= t->header->accounts)
		return CHQ_EFULL;
	chq_account_buckets(key, t->header->account_seed, t->header->buckets, at);
	b = &t->buckets[at[0]];
	other = &t->buckets[at[1]];
	if (bucket_load(other) < bucket_load(b))
		b = other;
	entry = entry_find(b, 0);
	if (entry < 0)
		return CHQ_EFULL;
	CHQ_STORE_RELAXED(&b->slot[entry], slot);
	CHQ_STORE_RELEASE(&b->key[entry], key);
	t->accounts++;
	return CHQ_OK;
}

uint64_t *
tables_key_at(struct chq_tables *t, uint64_t key)
{
	int entry;
	struct chq_bucket *b = key_find(t, key, &entry);

	return b ? &b->key[entry] : NULL;
}

int
chq_account_set(struct chq_tables *t, uint64_t key, uint32_t slot)
{
	int entry;
	struct chq_bucket *b = key_find(t, key, &entry);

	if (!b)
		return key_insert(t, key, slot);
	CHQ_STORE_RELEASE(&b->slot[entry], slot);
	return CHQ_OK;
}

int
chq_account_remove(struct chq_tables *t, uint64_t key)
{
	int entry;
	struct chq_bucket *b = key_find(t, key, &entry);

	if (!b)
		return CHQ_ENOENT;
	CHQ_STORE_RELEASE(&b->key[entry], 0);
	t->accounts--;
	return CHQ_OK;
}
