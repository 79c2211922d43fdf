/*
 * bench-people: what the store does with a company in it, without a running control.
 *
 * Accounts drawn at random are looked up as control does it, and by LMDB's own mdb_get of the same records, in turns;
 * then frames are put into mailboxes through the writer, each answered after its commit. Prints one line of JSON.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/account.h"
#include "store/device.h"
#include "store/env.h"
#include "store/kv.h"
#include "store/mail.h"
#include "store/reader.h"
#include "store/store.h"
#include "store/writer.h"

#define ROUNDS	  11
#define PER_ROUND 200000
#define BOXES	  2000
#define FRAMES	  300000
#define PAYLOAD	  256

/* xorshift64*: drawn the same way for both. */
static uint64_t
draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static double
by_account_get(struct store_txn *txn, uint64_t last, uint64_t seed, uint64_t *found)
{
	struct store_account a;
	uint64_t start = chq_mono_ns();

	for (unsigned i = 0; i < PER_ROUND; i++)
		*found += store_account_get(txn, 1 + draw(&seed) % last, &a) == 0;
	return PER_ROUND * 1e9 / (double)(chq_mono_ns() - start);
}

static double
by_mdb_get(struct store_txn *txn, uint64_t last, uint64_t seed, uint64_t *found)
{
	uint8_t key[STORE_ACCOUNT_KEY_BYTES];
	uint64_t start = chq_mono_ns();

	for (unsigned i = 0; i < PER_ROUND; i++) {
		MDB_val k = { sizeof(key), key }, v;

		store_key_put_account(key, 1 + draw(&seed) % last);
		*found += mdb_get(txn->txn, txn->env->dbi[STORE_TABLE_ACCOUNT], &k, &v) == 0;
	}
	return PER_ROUND * 1e9 / (double)(chq_mono_ns() - start);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_size);
	return v[n / 2];
}

static int
lookups(struct store *st, uint64_t *last)
{
	double get[ROUNDS], raw[ROUNDS];
	uint64_t found[2] = { 0 };
	struct store_reader *r;
	struct store_txn *txn;
	int rc = store_reader_open(st, &r);

	if (rc)
		return rc;
	rc = store_read_begin(r, &txn);
	if (rc == 0) {
		rc = store_account_last(txn, last);
		for (unsigned i = 0; i < ROUNDS && rc == 0 && *last; i++) {
			get[i] = by_account_get(txn, *last, i + 1, &found[0]);
			raw[i] = by_mdb_get(txn, *last, i + 1, &found[1]);
		}
		store_read_end(r);
	}
	store_reader_close(r);
	if (rc || !*last || found[0] != found[1])
		return rc ? rc : CHQ_ENOENT;
	printf("{\"accounts\": %llu, \"lookups_per_s\": %.0f, \"mdb_get_per_s\": %.0f, "
	       "\"lookup_ratio\": %.3f",
	       (unsigned long long)*last, median(get, ROUNDS), median(raw, ROUNDS),
	       median(get, ROUNDS) / median(raw, ROUNDS));
	return 0;
}

struct box {
	uint64_t account;
	uint8_t device;
};

struct deed {
	const struct box *to;
	uint64_t message;
};

static struct box boxes[BOXES];
static _Atomic uint64_t answered, failed;

static int
enroll_job(struct store_txn *txn, void *arg)
{
	const uint64_t *last = arg;
	int rc = 0;

	for (unsigned i = 0; i < BOXES && rc == 0; i++) {
		uint8_t key[STORE_KEY_BYTES];
		struct store_device_new d = { .noise_key = key, .now_ms = chq_wall_ms() };

		randombytes_buf(key, sizeof(key));
		d.account = boxes[i].account = 1 + i * (*last / BOXES);
		rc = store_device_enroll(txn, &d, &boxes[i].device);
	}
	return rc;
}

static int
put_job(struct store_txn *txn, void *arg)
{
	static const struct store_mail_limits none;
	static uint8_t payload[PAYLOAD];
	const struct deed *d = arg;
	struct store_mail m = { .account = d->to->account,
				.device = d->to->device,
				.party = 1,
				.message = d->message,
				.stored_ms = 1,
				.len = PAYLOAD,
				.payload = payload };
	enum store_mail_full full;

	return store_mail_put(txn, &m, &none, &full);
}

static void
put_done(void *arg, int rc)
{
	(void)arg;
	atomic_fetch_add(rc == 0 ? &answered : &failed, 1);
}

static int
mailboxes(struct store *st, uint64_t last)
{
	struct deed *deeds = calloc(FRAMES, sizeof(*deeds));
	struct store_stats before, after;
	uint64_t seed = 7, start, ns;
	int rc = deeds ? store_write_sync(st, enroll_job, &last) : CHQ_ENOMEM;

	store_stats_get(st, &before);
	start = chq_mono_ns();
	for (unsigned i = 0; i < FRAMES && rc == 0; i++) {
		deeds[i] = (struct deed){ &boxes[draw(&seed) % BOXES], i + 1 };
		while ((rc = store_write(st, put_job, put_done, &deeds[i])) == CHQ_EAGAIN)
			nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	}
	while (rc == 0 && atomic_load(&answered) + atomic_load(&failed) < FRAMES)
		nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	ns = chq_mono_ns() - start;
	store_stats_get(st, &after);
	free(deeds);
	if (rc || atomic_load(&failed))
		return rc ? rc : CHQ_EINTERNAL;
	printf(", \"mailbox_stores_per_s\": %.0f, \"stores_per_commit\": %.0f}\n",
	       FRAMES * 1e9 / (double)ns,
	       (double)FRAMES / (double)(after.commits - before.commits));
	return 0;
}

int
main(int argc, char **argv)
{
	struct store_options opt = { .dir = argc == 2 ? argv[1] : NULL };
	uint64_t last = 0;
	struct store *st;
	int rc;

	if (!opt.dir || sodium_init() < 0) {
		fputs("usage: bench-people STORE\n", stderr);
		return 2;
	}
	rc = store_open(&st, &opt, NULL);
	if (rc == 0) {
		rc = lookups(st, &last);
		if (rc == 0)
			rc = last >= BOXES ? mailboxes(st, last) : CHQ_ENOENT;
		store_close(st);
	}
	if (rc)
		fprintf(stderr, "error: %s\n", chq_strerror(rc));
	return rc ? 1 : 0;
}
