#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/account.h"
#include "store/e2e.h"
#include "tests/unit/store/fixture.h"

/* A job that adds accounts, and what became of it. */
struct add_job {
	char login[24];
	int verdict; /* what the job returns after its changes */
	uint64_t id;
	int rc;
	atomic_int answers;
	atomic_int *left; /* counted down with each answer */
};

static int
add_account(struct store_txn *txn, void *arg)
{
	struct add_job *job = arg;
	struct store_account_new new = { .login = job->login };
	int rc = store_account_add(txn, &new, &job->id);

	return rc != 0 ? rc : job->verdict;
}

static void
add_done(void *arg, int rc)
{
	struct add_job *job = arg;

	job->rc = rc;
	atomic_fetch_add(&job->answers, 1);
	if (job->left)
		atomic_fetch_sub(job->left, 1);
}

static int
nothing(struct store_txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	return 0;
}

/* Jobs are done in order: when this one is answered, all before it are. A full queue soon has room.
 */
static void
wait_for_all(struct fixture *f)
{
	int rc = CHQ_EAGAIN;

	for (int ms = 0; rc == CHQ_EAGAIN && ms < 10000; ms++) {
		rc = store_write_sync(f->st, nothing, NULL);
		if (rc == CHQ_EAGAIN)
			usleep(1000);
	}
	assert_int_equal(rc, 0);
}

static int
find(struct fixture *f, const char *login)
{
	struct store_account a;
	int rc = store_account_find(fixture_read(f), login, strlen(login), &a);

	store_read_end(f->reader);
	return rc;
}

static struct store_stats
stats(struct fixture *f)
{
	struct store_stats s;

	store_stats_get(f->st, &s);
	return s;
}

static void
jobs_that_wait_share_one_commit(void **state)
{
	enum { JOBS = 200 };
	static struct add_job jobs[JOBS];
	struct fixture *f = *state;
	struct store_stats before = stats(f);

	fixture_begin(f);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct add_job){ .rc = 1 };
		snprintf(jobs[i].login, sizeof(jobs[i].login), "user%d", i);
		assert_int_equal(store_write(f->st, add_account, add_done, &jobs[i]), 0);
	}
	assert_int_equal(fixture_commit(f), 0);
	wait_for_all(f);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(jobs[i].rc, 0);
		assert_int_equal(jobs[i].id, i + 1); /* in order */
	}
	/* The lent job, the 200, and perhaps the last one by itself. */
	assert_in_range(stats(f).commits - before.commits, 2, 3);
	assert_int_equal(stats(f).jobs - before.jobs, JOBS + 2);
}

static void
a_failed_job_is_undone_and_spoils_no_other(void **state)
{
	struct fixture *f = *state;
	struct add_job jobs[] = { { .login = "alice" },
				  { .login = "bob", .verdict = CHQ_EDENIED },
				  { .login = "ALICE" },
				  { .login = "carol" } };

	fixture_begin(f);
	for (int i = 0; i < 4; i++)
		assert_int_equal(store_write(f->st, add_account, add_done, &jobs[i]), 0);
	assert_int_equal(fixture_commit(f), 0);
	wait_for_all(f);
	assert_int_equal(jobs[0].rc, 0);
	assert_int_equal(jobs[1].rc, CHQ_EDENIED);
	assert_int_equal(jobs[2].rc, CHQ_EEXIST);
	assert_int_equal(jobs[3].rc, 0);
	assert_int_equal(find(f, "alice"), 0);
	assert_int_equal(find(f, "bob"), CHQ_ENOENT);
	assert_int_equal(find(f, "carol"), 0);
	assert_int_equal(stats(f).jobs_failed, 2);
	fixture_assert_sound(f);
}

struct see_job {
	struct fixture *f;
	struct add_job add;
	int seen_in_job;
	int seen_in_answer;
};

static int
see_in_job(struct store_txn *txn, void *arg)
{
	struct see_job *job = arg;
	struct store_account a;
	int rc = add_account(txn, &job->add);

	job->seen_in_job = store_account_get(txn, job->add.id, &a);
	return rc;
}

static void
see_in_answer(void *arg, int rc)
{
	struct see_job *job = arg;

	job->add.rc = rc;
	job->seen_in_answer = find(job->f, job->add.login);
}

static void
an_answer_goes_out_after_the_commit(void **state)
{
	struct fixture *f = *state;
	struct see_job job = { .f = f, .add = { .login = "alice" }, .seen_in_answer = 1 };

	assert_int_equal(find(f, "alice"), CHQ_ENOENT);
	assert_int_equal(store_write(f->st, see_in_job, see_in_answer, &job), 0);
	wait_for_all(f);
	assert_int_equal(job.seen_in_job, 0);
	assert_int_equal(job.seen_in_answer, 0);
}

static void
a_full_queue_refuses_counts_and_recovers(void **state)
{
	struct fixture *f = *state;
	struct add_job jobs[] = { { .login = "a" }, { .login = "b" }, { .login = "c" } };

	f->opt.queue_max = 2;
	fixture_reopen(f);
	fixture_begin(f);
	assert_int_equal(store_write(f->st, add_account, add_done, &jobs[0]), 0);
	assert_int_equal(store_write(f->st, add_account, add_done, &jobs[1]), 0);
	assert_int_equal(store_write(f->st, add_account, add_done, &jobs[2]), CHQ_EAGAIN);
	assert_int_equal(store_write_sync(f->st, add_account, &jobs[2]), CHQ_EAGAIN);
	assert_int_equal(stats(f).jobs_refused, 2);
	assert_int_equal(fixture_commit(f), 0);
	wait_for_all(f);
	assert_int_equal(jobs[0].rc, 0);
	assert_int_equal(jobs[1].rc, 0);
	assert_int_equal(jobs[2].answers, 0);
	assert_int_equal(store_write_sync(f->st, add_account, &jobs[2]), 0);
}

struct chain_job {
	struct fixture *f;
	struct add_job second;
};

static void
submit_second(void *arg, int rc)
{
	struct chain_job *chain = arg;

	if (rc == 0)
		store_write(chain->f->st, add_account, add_done, &chain->second);
}

static void
an_answer_may_submit_the_next_job(void **state)
{
	struct fixture *f = *state;
	struct chain_job chain = { .f = f, .second = { .login = "alice" } };

	assert_int_equal(store_write(f->st, nothing, submit_second, &chain), 0);
	wait_for_all(f); /* the first is answered, the second at least queued */
	wait_for_all(f);
	assert_int_equal(chain.second.answers, 1);
	assert_int_equal(find(f, "alice"), 0);
}

static void
closing_answers_what_waits(void **state)
{
	enum { JOBS = 600 };
	static struct add_job jobs[JOBS];
	struct fixture *f = *state;

	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct add_job){ .rc = 1 };
		snprintf(jobs[i].login, sizeof(jobs[i].login), "user%d", i);
		assert_int_equal(store_write(f->st, add_account, add_done, &jobs[i]), 0);
	}
	fixture_reopen(f);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(jobs[i].answers, 1);
		assert_int_equal(jobs[i].rc, 0);
	}
	assert_int_equal(find(f, "user599"), 0);
}

/* Eight submitters. */

enum { THREADS = 8, JOBS_EACH = 250 };

struct submitter {
	struct fixture *f;
	struct add_job jobs[JOBS_EACH];
	unsigned retries;
};

static void *
submit_all(void *arg)
{
	struct submitter *s = arg;

	for (int i = 0; i < JOBS_EACH; i++) {
		while (store_write(s->f->st, add_account, add_done, &s->jobs[i]) == CHQ_EAGAIN) {
			s->retries++;
			store_write_sync(s->f->st, nothing, NULL);
		}
	}
	return NULL;
}

static void
jobs_of_eight_threads_are_all_done_once_and_in_each_ones_order(void **state)
{
	static struct submitter all[THREADS];
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	unsigned retries = 0;

	f->opt.queue_max = 64;
	fixture_reopen(f);
	memset(all, 0, sizeof(all));
	for (int t = 0; t < THREADS; t++) {
		all[t].f = f;
		for (int i = 0; i < JOBS_EACH; i++)
			snprintf(all[t].jobs[i].login, sizeof(all[t].jobs[i].login), "u%d-%d", t,
				 i);
		assert_int_equal(pthread_create(&threads[t], NULL, submit_all, &all[t]), 0);
	}
	for (int t = 0; t < THREADS; t++) {
		pthread_join(threads[t], NULL);
		retries += all[t].retries;
	}
	wait_for_all(f);
	for (int t = 0; t < THREADS; t++) {
		for (int i = 0; i < JOBS_EACH; i++) {
			assert_int_equal(all[t].jobs[i].answers, 1);
			assert_int_equal(all[t].jobs[i].rc, 0);
			if (i > 0)
				assert_true(all[t].jobs[i].id > all[t].jobs[i - 1].id);
		}
	}
	assert_int_equal(find(f, "u7-249"), 0);
	assert_true(stats(f).jobs_refused >= retries);
	fixture_assert_sound(f);
}

/* Growth. */

struct list_job {
	uint64_t account;
	uint64_t version;
	unsigned accounts; /* this many from @account on */
};

/* 2 KiB for each account. */
static int
publish(struct store_txn *txn, void *arg)
{
	struct list_job *job = arg;
	int rc = 0;

	for (unsigned i = 0; i < job->accounts && rc == 0; i++) {
		struct store_e2e e = { .list_version = job->version,
				       .list_len = STORE_DEVLIST_MAX_BYTES };

		memset(e.list, (int)job->version, sizeof(e.list));
		rc = store_e2e_set(txn, job->account + i, &e);
	}
	return rc;
}

static void
add_accounts(struct fixture *f, unsigned n)
{
	struct add_job job = { .rc = 0 };

	for (unsigned i = 0; i < n; i++) {
		snprintf(job.login, sizeof(job.login), "user%u", i);
		assert_int_equal(store_write_sync(f->st, add_account, &job), 0);
	}
}

enum { PAIR = 2 };

struct watcher {
	struct fixture *f;
	atomic_bool stop;
	unsigned long looks;
	bool torn;
};

/* The two lists of a pair are always of one version, and whole. */
static void
look(struct watcher *w, struct store_txn *t, uint64_t account)
{
	struct store_e2e e[PAIR];

	for (int i = 0; i < PAIR; i++) {
		if (store_e2e_get(t, account + (uint64_t)i, &e[i]) != 0)
			return;
		for (int j = 1; j < e[i].list_len; j++)
			w->torn |= e[i].list[j] != e[i].list[0];
	}
	w->torn |= e[0].list_version != e[1].list_version;
}

static void *
watch(void *arg)
{
	struct watcher *w = arg;
	struct store_reader *r;
	struct store_txn *t;

	if (store_reader_open(w->f->st, &r) != 0)
		return NULL;
	while (!atomic_load(&w->stop)) {
		if (store_read_begin(r, &t) != 0)
			break;
		for (uint64_t id = 1; id < 40; id += PAIR)
			look(w, t, id);
		store_read_end(r);
		w->looks++;
	}
	store_reader_close(r);
	return NULL;
}

static void
the_map_grows_by_itself_while_readers_run(void **state)
{
	enum { WATCHERS = 3, ACCOUNTS = 1500 };
	static struct watcher watchers[WATCHERS];
	struct fixture *f = *state;
	pthread_t threads[WATCHERS];

	f->opt.map_bytes = (size_t)1 << 20;
	f->opt.map_max_bytes = (size_t)64 << 20;
	f->opt.readers_max = 126;
	fixture_reopen(f);
	add_accounts(f, 60);
	for (int i = 0; i < WATCHERS; i++) {
		watchers[i] = (struct watcher){ .f = f };
		assert_int_equal(pthread_create(&threads[i], NULL, watch, &watchers[i]), 0);
	}
	for (uint64_t version = 1; version <= 20; version++) {
		struct list_job job = { .account = 1, .version = version, .accounts = 60 };

		assert_int_equal(store_write_sync(f->st, publish, &job), 0);
	}
	for (int i = 0; i < ACCOUNTS; i++) {
		struct add_job add = { .rc = 0 };
		struct list_job job = { .version = 1, .accounts = 1 };

		snprintf(add.login, sizeof(add.login), "later%d", i);
		assert_int_equal(store_write_sync(f->st, add_account, &add), 0);
		job.account = add.id;
		assert_int_equal(store_write_sync(f->st, publish, &job), 0);
	}
	for (int i = 0; i < WATCHERS; i++) {
		atomic_store(&watchers[i].stop, true);
		pthread_join(threads[i], NULL);
		assert_true(watchers[i].looks > 0);
		assert_false(watchers[i].torn);
	}
	assert_true(stats(f).map_grown >= 2);
	assert_true(stats(f).map_bytes >= (size_t)4 << 20);
	fixture_assert_sound(f);
}

static void
a_job_too_big_for_the_largest_map_is_refused_alone(void **state)
{
	struct fixture *f = *state;
	struct add_job before = { .login = "before" }, after = { .login = "after" };
	struct list_job huge = { .account = 1, .version = 2, .accounts = 600 };
	struct store_stats was;

	add_accounts(f, 600);
	f->opt.map_max_bytes = (size_t)2 << 20;
	f->opt.map_bytes = (size_t)1 << 20;
	fixture_reopen(f);
	was = stats(f);

	fixture_begin(f);
	assert_int_equal(store_write(f->st, add_account, add_done, &before), 0);
	assert_int_equal(store_write(f->st, publish, NULL, &huge), 0);
	assert_int_equal(store_write(f->st, add_account, add_done, &after), 0);
	assert_int_equal(fixture_commit(f), 0);
	wait_for_all(f);
	assert_int_equal(before.rc, 0);
	assert_int_equal(after.rc, 0);
	assert_int_equal(store_write_sync(f->st, publish, &huge), CHQ_EFULL);
	assert_int_equal(stats(f).batches_split - was.batches_split, 1);
	assert_int_equal(find(f, "before"), 0);
	assert_int_equal(find(f, "after"), 0);
	fixture_assert_sound(f);

	/* With a larger maximum it goes through. */
	f->opt.map_max_bytes = (size_t)64 << 20;
	fixture_reopen(f);
	assert_int_equal(store_write_sync(f->st, publish, &huge), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(jobs_that_wait_share_one_commit),
		TEST(a_failed_job_is_undone_and_spoils_no_other),
		TEST(an_answer_goes_out_after_the_commit),
		TEST(a_full_queue_refuses_counts_and_recovers),
		TEST(an_answer_may_submit_the_next_job),
		TEST(closing_answers_what_waits),
		TEST(jobs_of_eight_threads_are_all_done_once_and_in_each_ones_order),
		TEST(the_map_grows_by_itself_while_readers_run),
		TEST(a_job_too_big_for_the_largest_map_is_refused_alone),
	};

	return cmocka_run_group_tests_name("store/writer", tests, NULL, NULL);
}
