#include <pthread.h>

#include "base/clock.h"
#include "dataplane/account.h"
#include "dataplane/tables_priv.h"
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
		uint32_t slot = find(b->t, id);

		b->wrong += slot != id && slot != 0; /* 0: a key's former slot, as account.h says */
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

/* --- an entry that moves --- */

/*
 * Buckets A, B, C, D so filled that one account, kept in A, moves to B and back: one more key of A and C
 * finds both full, and of A's only the account has room in its other bucket, B; when that key is gone,
 * one more of B and D sends it home.
 */
#define FILL (CHQ_BUCKET_ENTRIES - 1)
struct mover {
	struct chq_tables *t;
	uint64_t who, out, home; /* account; keys whose insertion moves it */
	uint64_t last;		 /* id that was tried */
};

/* The next id with these two buckets. */
static uint64_t
id_at(struct mover *m, uint32_t first, uint32_t second)
{
	uint32_t at[2];

	do {
		chq_account_buckets(key_of(++m->last), m->t->header->account_seed,
				    m->t->header->buckets, at);
	} while (at[0] != first || at[1] != second);
	return m->last;
}

static void
fill_bucket(struct mover *m, uint32_t first, uint32_t second, int n)
{
	while (n-- > 0)
		assert_int_equal(chq_account_set(m->t, key_of(id_at(m, first, second)), 0), 0);
}

static void
mover_init(struct mover *m, uint32_t slot)
{
	*m = (struct mover){ .t = tables_new(40) };
	assert_true(m->t->header->buckets >= 4);
	m->who = id_at(m, 0, 1);
	m->out = id_at(m, 0, 2);
	m->home = id_at(m, 1, 3);
	assert_int_equal(chq_account_set(m->t, key_of(m->who), slot), 0);
	fill_bucket(m, 2, 0, CHQ_BUCKET_ENTRIES);
	fill_bucket(m, 3, 1, CHQ_BUCKET_ENTRIES);
	fill_bucket(m, 0, 2, FILL);
	fill_bucket(m, 1, 3, FILL);
}

static void
shift(struct mover *m, uint64_t id)
{
	assert_int_equal(chq_account_set(m->t, key_of(id), 0), 0);
	assert_int_equal(chq_account_remove(m->t, key_of(id)), 0);
}

/* What a look finds: its slot; or beside a change its key's former one, which is the other keys' 0, and which workers
 * tell by rx_ident. Not that it is nowhere. */
static bool
missed(uint32_t slot)
{
	return slot != 7 && slot != 0;
}

static bool
is_in(const struct mover *m, uint32_t bucket)
{
	return chq_bucket_find(&m->t->buckets[bucket], key_of(m->who)) != CHQ_SLOT_NONE;
}

static void
account_goes_to_its_second_bucket_and_comes_home(void **state)
{
	struct mover m;

	(void)state;
	mover_init(&m, 7);
	for (int i = 0; i < 3; i++) {
		assert_true(is_in(&m, 0) && !is_in(&m, 1));
		shift(&m, m.out);
		assert_true(is_in(&m, 1) && !is_in(&m, 0));
		assert_int_equal(find(m.t, m.who), 7);
		shift(&m, m.home);
	}
	chq_tables_close(m.t);
}

struct follower {
	struct mover *m;
	struct chq_worker *w;
	struct chq_pkt *pkts; /* a burst */
	int done;
	unsigned long lost, lost_in_bursts;
};

static void *
follow(void *arg)
{
	struct follower *f = arg;
	struct chq_pkt *live[CHQ_BURST];

	for (int i = 0; i < CHQ_BURST; i++)
		live[i] = &f->pkts[i];
	while (!CHQ_LOAD_ACQUIRE(&f->done)) {
		f->lost += missed(find(f->m->t, f->m->who));
		chq_stage_lookup(f->w, live, CHQ_BURST);
		for (int i = 0; i < CHQ_BURST; i++)
			f->lost_in_bursts += missed(f->pkts[i].to_slot);
	}
	return NULL;
}

static void
follower_init(struct follower *f, struct mover *m)
{
	*f = (struct follower){ .m = m };
	f->w = aligned_alloc(64, sizeof(*f->w));
	f->pkts = calloc(CHQ_BURST, sizeof(*f->pkts));
	assert_non_null(f->w);
	assert_non_null(f->pkts);
	memset(f->w, 0, sizeof(*f->w));
	chq_worker_bind(f->w, 0, m->t);
	for (int i = 0; i < CHQ_BURST; i++) {
		f->pkts[i].hdr.slot = CHQ_SLOT_NONE;
		f->pkts[i].hdr.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, m->who);
	}
}

#define ROWS	30000
#define ROW	8 /* moves at once: a reader may be overtaken several times, not as often as it looks */
#define REST_NS 2000 /* and then finds it */

static void
account_that_moves_is_never_missed(void **state)
{
	struct mover m;
	struct follower f;
	pthread_t thread;

	(void)state;
	mover_init(&m, 7);
	follower_init(&f, &m);
	assert_int_equal(pthread_create(&thread, NULL, follow, &f), 0);
	for (int i = 0; i < ROWS; i++) {
		uint64_t end;

		for (int k = 0; k < ROW; k++)
			shift(&m, k % 2 ? m.home : m.out);
		end = chq_mono_ns() + REST_NS;
		while (chq_mono_ns() < end)
			;
	}
	CHQ_STORE_RELEASE(&f.done, 1);
	pthread_join(thread, NULL);
	assert_int_equal(m.t->account_moves, 2 * ROW * ROWS);
	assert_int_equal(f.lost, 0);
	assert_int_equal(f.lost_in_bursts, 0);
	free(f.pkts);
	free(f.w);
	chq_tables_close(m.t);
}

/* What a kill leaves between a move's two stores. */
static void
entry_found_twice_is_there_once_after_adoption(void **state)
{
	(void)state;
	for (uint32_t from = 0; from < 2; from++) {
		struct mover m = { .t = tables_new(40) };
		struct chq_session *s = &m.t->sessions[7];
		struct chq_bucket *to = &m.t->buckets[1 - from];

		m.who = id_at(&m, from, 1 - from);
		s->gen = 1;
		s->ident = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, m.who);
		s->rx_ident = CHQ_RX_IDENT(CHQ_RX_VALID, 1, m.who);
		s->state = CHQ_SESSION_OPEN;
		m.t->cold[7].next_slot = CHQ_SLOT_NONE;
		assert_int_equal(chq_account_set(m.t, key_of(m.who), 7), 0);
		to->slot[2] = 7;
		to->key[2] = key_of(m.who);
		tables_scrub(m.t, T0_NS);
		assert_int_equal(m.t->accounts, 1);
		assert_int_equal(find(m.t, m.who), 7);
		assert_int_not_equal(is_in(&m, 0), is_in(&m, 1));
		chq_tables_close(m.t);
	}
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
		cmocka_unit_test(account_goes_to_its_second_bucket_and_comes_home),
		cmocka_unit_test(account_that_moves_is_never_missed),
		cmocka_unit_test(entry_found_twice_is_there_once_after_adoption),
	};
	return cmocka_run_group_tests_name("dataplane/accounts", tests, NULL, NULL);
}
