/*
 * Buckets from account to session slot: the writer's side. Two choices of five entries; a new key
 * goes to its first while that has room, so that look-ups mostly touch that one line alone. Where
 * both are full, entries move to their other buckets to make room, those first that come home by it:
 * see chq_bucket in table.h.
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
#define LOOKS_MAX 16 /* of a reader whom moves overtake: a move takes less than a look */

/* Behind the key that was there before; who sees the new one sees its slot. */
static void
entry_put(struct chq_bucket *b, int entry, uint64_t key, uint32_t slot)
{
	CHQ_STORE_RELEASE(&b->slot[entry], slot);
	CHQ_STORE_RELEASE(&b->key[entry], key);
}

static int make_room(struct chq_tables *t, uint32_t bucket, int moves);

/* Move an entry to its other bucket, @home: only from its second to its first, else only the other
 * way. Return: 1 if it moved. */
static int
entry_move(struct chq_tables *t, uint32_t bucket, int entry, int moves, int home)
{
	struct chq_bucket *from = &t->buckets[bucket];
	uint64_t key = from->key[entry];
	uint32_t at[2], to;
	int place;

	chq_account_buckets(key, t->header->account_seed, t->header->buckets, at);
	to = at[home ? 0 : 1];
	if (to == bucket)
		return 0;
	place = make_room(t, to, moves);
	if (place < 0 || from->key[entry] != key) /* moves in a circle have moved it already */
		return place >= 0 && from->key[entry] == 0;
	CHQ_STORE_RELAXED(&t->account_moves, t->account_moves + 1);
	CHQ_FENCE_RELEASE();
	entry_put(&t->buckets[to], place, key, from->slot[entry]);
	CHQ_STORE_RELEASE(&from->key[entry], 0);
	CHQ_STORE_RELEASE(&t->account_moves, t->account_moves + 1);
	return 1;
}

/* Index of an empty entry of a bucket, after at most so many moves in a row; or -1. */
static int
make_room(struct chq_tables *t, uint32_t bucket, int moves)
{
	int entry = entry_find(&t->buckets[bucket], 0);

	for (int home = 1; moves > 0 && home >= 0; home--)
		for (int e = 0; entry < 0 && e < CHQ_BUCKET_ENTRIES; e++)
			if (entry_move(t, bucket, e, moves - 1, home))
				entry = e;
	return entry;
}

static int
key_insert(struct chq_tables *t, uint64_t key, uint32_t slot)
{
	uint32_t at[2];

	if (t->accounts >= t->header->accounts)
		return CHQ_EFULL;
	chq_account_buckets(key, t->header->account_seed, t->header->buckets, at);
	for (int moves = 0; moves <= MOVES_MAX; moves++)
		for (int i = 0; i < 2; i++) {
			int entry = make_room(t, at[i], moves);

			if (entry < 0)
				continue;
			entry_put(&t->buckets[at[i]], entry, key, slot);
			t->accounts++;
			return CHQ_OK;
		}
	return CHQ_EFULL;
}

uint32_t
chq_account_find_again(const struct chq_tables *t, uint64_t key)
{
	uint32_t slot = CHQ_SLOT_NONE;

	for (int i = 0; i < LOOKS_MAX && slot == CHQ_SLOT_NONE; i++) {
		uint32_t moves = CHQ_LOAD_ACQUIRE(&t->account_moves);

		slot = tables_find(t, key);
		CHQ_FENCE_ACQUIRE();
		if (moves % 2 == 0 && CHQ_LOAD_RELAXED(&t->account_moves) == moves)
			break; /* nothing moved meanwhile */
	}
	return slot;
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
