/*
 * bench/accounts: the account table filled to its configured number, its accounts replaced one by one
 * as often as there are, and emptied, several times over.
 *
 * By default the number is the tightest there is near ten million: exactly half of the places. No insert
 * may fail, one beyond the number must, every account is looked up in random order and must be found
 * with its slot, and at the end of a round nothing may be left. A table that drifts shows by a rising
 * share of accounts in their second bucket, and by rising times.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "dataplane/tables.h"

#define ROUNDS_MAX 100

struct round {
	double insert_ns, churn_ns, look_ns, remove_ns; /* an account, on average */
	double slowest_us;				/* insert */
	double second;					/* share found in the second bucket */
};

static struct {
	uint32_t count;
	unsigned int rounds;
	struct chq_tables *t;
	uint64_t *ids;
	uint64_t next_id, rng, failed, lost;
	struct round round[ROUNDS_MAX];
} b = { .count = 10485760, .rounds = 10, .next_id = 1, .rng = 3 };

static uint32_t
below(uint32_t n)
{
	uint64_t x = b.rng += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((x >> 32) * n >> 32);
}

static uint64_t
key_of(uint64_t id)
{
	return CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, id);
}

/* A new account, as control numbers them, with holes. */
static void
insert(uint32_t i, struct round *r)
{
	uint64_t start = chq_mono_ns();
	double us;

	b.ids[i] = b.next_id;
	b.next_id += 1 + below(3);
	b.failed += chq_account_set(b.t, key_of(b.ids[i]), i) != 0;
	us = (double)(chq_mono_ns() - start) / 1e3;
	r->slowest_us = us > r->slowest_us ? us : r->slowest_us;
}

static void
take_out(uint32_t i)
{
	b.failed += chq_account_remove(b.t, key_of(b.ids[i])) != 0;
}

static void
look_up(uint32_t i, uint64_t *second)
{
	const struct chq_header *h = b.t->header;
	uint64_t key = key_of(b.ids[i]);
	uint32_t at[2];

	chq_account_buckets(key, h->account_seed, h->buckets, at);
	if (chq_bucket_find(&b.t->buckets[at[0]], key) == i)
		return;
	(*second)++;
	b.lost += chq_bucket_find(&b.t->buckets[at[1]], key) != i;
}

/* Since @start, for each account. Then the clock begins anew. */
static double
each_ns(uint64_t *start)
{
	uint64_t now = chq_mono_ns();
	double ns = (double)(now - *start) / b.count;

	*start = now;
	return ns;
}

static void
round_run(struct round *r)
{
	uint64_t start = chq_mono_ns(), second = 0;

	for (uint32_t i = 0; i < b.count; i++)
		insert(i, r);
	r->insert_ns = each_ns(&start);
	b.failed += chq_account_set(b.t, key_of(b.next_id), 0) != CHQ_EFULL;
	for (uint32_t n = 0; n < b.count; n++) {
		uint32_t i = below(b.count);

		take_out(i);
		insert(i, r);
	}
	r->churn_ns = each_ns(&start);
	for (uint32_t n = 0; n < b.count; n++)
		look_up(below(b.count), &second);
	r->look_ns = each_ns(&start);
	r->second = (double)second / b.count;
	for (uint32_t i = 0; i < b.count; i++)
		take_out(i);
	r->remove_ns = each_ns(&start);
	b.lost += b.t->accounts;
}

static void
print_json(void)
{
	double slowest = 0;

	for (unsigned int i = 0; i < b.rounds; i++)
		slowest = b.round[i].slowest_us > slowest ? b.round[i].slowest_us : slowest;
	printf("{\"bench\": \"accounts\", \"count\": %" PRIu32
	       ", \"rounds\": %u, \"failed\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"slowest_insert_us\": %.1f",
	       b.count, b.rounds, b.failed, b.lost, slowest);
	for (unsigned int end = 0; end < 2; end++) {
		const struct round *r = &b.round[end ? b.rounds - 1 : 0];
		const char *which = end ? "last" : "first";

		printf(", \"insert_ns_%s\": %.1f, \"churn_ns_%s\": %.1f, \"look_up_ns_%s\": %.1f, "
		       "\"second_bucket_%s\": %.4f",
		       which, r->insert_ns, which, r->churn_ns, which, r->look_ns, which,
		       r->second);
	}
	printf("}\n");
}

static void
options_read(int argc, char **argv)
{
	static const struct option longs[] = { { "count", 1, NULL, 'n' },
					       { "rounds", 1, NULL, 'r' },
					       { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		unsigned long v = c == '?' ? 0 : strtoul(optarg, NULL, 10);

		if (v == 0 || v > (c == 'n' ? 1u << 26 : ROUNDS_MAX)) {
			fprintf(stderr, "usage: accounts [--count N] [--rounds N]\n");
			exit(2);
		}
		if (c == 'n')
			b.count = (uint32_t)v;
		else
			b.rounds = (unsigned int)v;
	}
}

int
main(int argc, char **argv)
{
	struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY, .sessions = 16 };
	char err[256] = "no memory";

	options_read(argc, argv);
	conf.accounts = b.count;
	b.ids = malloc(b.count * sizeof(*b.ids));
	if (!b.ids || chq_tables_open(&b.t, &conf, chq_mono_ns(), err, sizeof(err))) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	for (unsigned int i = 0; i < b.rounds; i++)
		round_run(&b.round[i]);
	print_json();
	chq_tables_close(b.t);
	free(b.ids);
	return b.failed || b.lost;
}
