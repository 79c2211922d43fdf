#include <pthread.h>

#include "tests/unit/dataplane/fixture.h"

#define ACCOUNTS 81920 /* exactly half of their places: no other number is as tight */
#define ROUNDS	 10

static struct chq_tables *
tables_new(uint32_t accounts)
{
	struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					.sessions = 16,
					.accounts = accounts };
	struct chq_tables *t;
	char err[256];

	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), 0);
	return t;
}

static uint64_t
key_of(uint64_t id)
{
	return CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, id);
}

/* As workers do. */
static uint32_t
find(const struct chq_tables *t, uint64_t id)
{
	uint32_t slot = chq_account_find(t->buckets, t->header->buckets, t->header->account_seed,
					 key_of(id));

	return slot != CHQ_SLOT_NONE ? slot : chq_account_find_again(t, key_of(id));
}

static void
load_stays_at_most_one_half(void **state)
{
	static const uint32_t numbers[] = { 1, 5, 6, 100, 65536, 1000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct chq_tables *t = tables_new(numbers[i]);
		uint64_t places = (uint64_t)t->header->buckets * CHQ_BUCKET_ENTRIES;

		assert_true(places >= 2 * (uint64_t)numbers[i]);
		assert_int_equal(t->header->buckets & (t->header->buckets - 1), 0);
		chq_tables_close(t);
	}
}

/* Ids are given out in a row, with holes; slots are told apart by the round. */
static void
fill(struct chq_tables *t, uint64_t *ids, int round, uint64_t *rng)
{
	uint64_t id = rnd(rng) % 1000000 + 1;

	for (int i = 0; i < ACCOUNTS; i++) {
		ids[i] = id;
		id += 1 + rnd(rng) % 3;
		assert_int_equal(chq_account_set(t, key_of(ids[i]), (uint32_t)(i + round)), 0);
	}
	assert_int_equal(chq_account_set(t, key_of(id), 0), CHQ_EFULL);
}

/* One leaves and another comes, at random, as often as there are accounts. */
static void
churn(struct chq_tables *t, uint64_t *ids, int round, uint64_t *rng)
{
	uint64_t id = (uint64_t)(round + 1) << 32;

	for (int n = 0; n < ACCOUNTS; n++) {
		int i = (int)(rnd(rng) % ACCOUNTS);

		assert_int_equal(chq_account_remove(t, key_of(ids[i])), 0);
		ids[i] = ++id;
		assert_int_equal(chq_account_set(t, key_of(id), (uint32_t)(i + round)), 0);
	}
}

static void
filled_churned_and_emptied_ten_times_no_insert_fails(void **state)
{
	struct chq_tables *t = tables_new(ACCOUNTS);
	uint64_t rng = 3, *ids = malloc(ACCOUNTS * sizeof(*ids));

	(void)state;
	assert_non_null(ids);
	assert_int_equal(t->header->buckets * CHQ_BUCKET_ENTRIES, 2 * ACCOUNTS);
	for (int round = 0; round < ROUNDS; round++) {
		fill(t, ids, round, &rng);
		churn(t, ids, round, &rng);
		for (int i = 0; i < ACCOUNTS; i++)
			assert_int_equal(find(t, ids[i]), i + round);
		for (int i = 0; i < ACCOUNTS; i++)
			assert_int_equal(chq_account_remove(t, key_of(ids[i])), 0);
		assert_int_equal(t->accounts, 0);
		assert_int_equal(chq_account_remove(t, key_of(ids[0])), CHQ_ENOENT);
	}
	free(ids);
	chq_tables_close(t);
}

/* Few change their place for long, and many come and go: what stays must not fill buckets with
 * entries that cannot move. */
static void
long_lived_accounts_are_in_nobodys_way(void **state)
{
	struct chq_tables *t = tables_new(320);
	uint64_t rng = 6, ids[64], last = 256;

	(void)state;
	for (uint64_t id = 1; id <= 256; id++)
		assert_int_equal(chq_account_set(t, key_of(id), (uint32_t)id), 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(chq_account_set(t, key_of(ids[i] = ++last), 0), 0);
	for (int n = 0; n < 3000000; n++) {
		int i = (int)(rnd(&rng) % 64);

		assert_int_equal(chq_account_remove(t, key_of(ids[i])), 0);
		assert_int_equal(chq_account_set(t, key_of(ids[i] = ++last), 0), 0);
	}
	for (uint64_t id = 1; id <= 256; id++)
		assert_int_equal(find(t, id), id);
	chq_tables_close(t);
}

/* Keys that all have the same first bucket. */
static void
keys_of_one_full_bucket_move_to_their_second(void **state)
{
	struct chq_tables *t = tables_new(ACCOUNTS);
	uint64_t ids[3 * CHQ_BUCKET_ENTRIES];
	uint32_t at[2], first = 0;
	int n = 0;

	(void)state;
	for (uint64_t id = 1; n < 3 * CHQ_BUCKET_ENTRIES; id++) {
		chq_account_buckets(key_of(id), t->header->account_seed, t->header->buckets, at);
		if (n == 0)
			first = at[0];
		if (at[0] == first)
			ids[n++] = id;
	}
	for (int i = 0; i < n; i++)
		assert_int_equal(chq_account_set(t, key_of(ids[i]), (uint32_t)i), 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(find(t, ids[i]), i);
	assert_int_equal(t->accounts, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(chq_account_remove(t, key_of(ids[i])), 0);
	for (uint32_t b = 0; b < t->header->buckets; b++)
		for (int e = 0; e < CHQ_BUCKET_ENTRIES; e++)
			assert_true(t->buckets[b].key[e] == 0); /* no copy was left behind */
	chq_tables_close(t);
}

#define IDS 4096

static void
look_ups_agree_with_a_shadow_map(void **state)
{
	struct chq_tables *t = tables_new(IDS);
	uint32_t *shadow = malloc(IDS * sizeof(*shadow));
	uint64_t rng = 9;

	(void)state;
	assert_non_null(shadow);
	memset(shadow, 0xff, IDS * sizeof(*shadow));
	for (int n = 0; n < 3000000; n++) {
		uint64_t r = rnd(&rng), id = r % IDS;
		uint32_t slot = (uint32_t)(r >> 20 & 0xffff);

		switch (r >> 60) {
		case 0:
		case 1:
		case 2:
			assert_int_equal(chq_account_set(t, key_of(id + 1), slot), 0);
			shadow[id] = slot;
			break;
		case 3:
		case 4:
			assert_int_equal(chq_account_remove(t, key_of(id + 1)),
					 shadow[id] == CHQ_SLOT_NONE ? CHQ_ENOENT : 0);
			shadow[id] = CHQ_SLOT_NONE;
			break;
		default: assert_int_equal(find(t, id + 1), shadow[id]);
		}
	}
	free(shadow);
	chq_tables_close(t);
}

/* --- readers beside the writer --- */

struct beside {
	struct chq_tables *t;
	int done;
	unsigned long seen, wrong;
};

/* Accounts 1..64 stay; each always maps to its own number. The others fill the table to the brim,
 * so that some of those who stay have to move. */
static void *
reader(void *arg)
{
	struct beside *b = arg;

	for (uint64_t id = 1; !CHQ_LOAD_RELAXED(&b->done); id = id % 64 + 1) {
		b->wrong += find(b->t, id) != id;
		b->seen++;
	}
	return NULL;
}

static void
those_who_stay_are_found_while_others_come_and_go(void **state)
{
	struct beside b = { .t = tables_new(320) };
	uint64_t rng = 4, ids[256], last = 64;
	pthread_t thread;

	(void)state;
	for (uint64_t id = 1; id <= 64; id++)
		assert_int_equal(chq_account_set(b.t, key_of(id), (uint32_t)id), 0);
	for (int i = 0; i < 256; i++)
		assert_int_equal(chq_account_set(b.t, key_of(ids[i] = ++last), 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, reader, &b), 0);
	for (int n = 0; n < 1000000; n++) {
		int i = (int)(rnd(&rng) % 256);

		assert_int_equal(chq_account_remove(b.t, key_of(ids[i])), 0);
		assert_int_equal(chq_account_set(b.t, key_of(ids[i] = ++last), 0), 0);
	}
	CHQ_STORE_RELAXED(&b.done, 1);
	pthread_join(thread, NULL);
	assert_int_equal(b.wrong, 0);
	assert_true(b.seen > 0);
	chq_tables_close(b.t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load_stays_at_most_one_half),
		cmocka_unit_test(filled_churned_and_emptied_ten_times_no_insert_fails),
		cmocka_unit_test(long_lived_accounts_are_in_nobodys_way),
		cmocka_unit_test(keys_of_one_full_bucket_move_to_their_second),
		cmocka_unit_test(look_ups_agree_with_a_shadow_map),
		cmocka_unit_test(those_who_stay_are_found_while_others_come_and_go),
	};
	return cmocka_run_group_tests_name("dataplane/accounts", tests, NULL, NULL);
}
