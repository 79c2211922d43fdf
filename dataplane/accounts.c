/*
 * Buckets from account to session slot: the writer's side. Two choices of five entries; a new key
 * goes to its first while that has room, so that look-ups mostly touch that one line alone. Where
 * both are full, an entry makes room by moving to its own second choice: see chq_bucket in table.h.
 */
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

/* How many entries may move one after the other to make room. Each step multiplies the chance of
 * failure by that of five full buckets. */
#define MOVES_MAX 3

static int make_room(struct chq_tables *t, uint32_t bucket, int moves);

/* Move an entry from its first bucket to its second. Whoever looks at the first one first, as
 * readers do, finds it at any moment. Return: 1 if it moved. */
static int
entry_move(struct chq_tables *t, uint32_t bucket, int entry, int moves)
{
	struct chq_bucket *from = &t->buckets[bucket], *to;
	uint64_t key = from->key[entry];
	uint32_t at[2];
	int place;

	chq_account_buckets(key, t->header->account_seed, t->header->buckets, at);
	if (at[0] != bucket || at[1] == bucket)
		return 0;
	place = make_room(t, at[1], moves);
	if (place < 0 || from->key[entry] != key) /* moves in a circle have moved it already */
		return place >= 0 && from->key[entry] == 0;
	to = &t->buckets[at[1]];
	CHQ_STORE_RELEASE(&to->slot[place], from->slot[entry]);
	CHQ_STORE_RELEASE(&to->key[place], key);
	CHQ_STORE_RELEASE(&from->key[entry], 0);
	return 1;
}

/* Index of an empty entry of a bucket, after at most so many moves in a row; or -1. */
static int
make_room(struct chq_tables *t, uint32_t bucket, int moves)
{
	int entry = entry_find(&t->buckets[bucket], 0);

	for (int e = 0; entry < 0 && moves > 0 && e < CHQ_BUCKET_ENTRIES; e++)
		if (entry_move(t, bucket, e, moves - 1))
			entry = e;
	return entry;
}

static int
key_insert(struct chq_tables *t, uint64_t key, uint32_t slot)
{
	struct chq_bucket *b;
	uint32_t at[2], into;
	int entry;

	if (t->accounts >= t->header->accounts)
		return CHQ_EFULL;
	chq_account_buckets(key, t->header->account_seed, t->header->buckets, at);
	into = entry_find(&t->buckets[at[0]], 0) < 0;
	entry = make_room(t, at[into], MOVES_MAX);
	if (entry < 0) {
		into = !into;
		entry = make_room(t, at[into], MOVES_MAX);
	}
	if (entry < 0)
		return CHQ_EFULL;
	b = &t->buckets[at[into]];
	CHQ_STORE_RELEASE(&b->slot[entry], slot); /* behind the key that was here before */
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
