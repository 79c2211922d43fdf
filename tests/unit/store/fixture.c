#include "tests/unit/store/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/account.h"
#include "store/verify.h"

static void
open_store(struct fixture *f)
{
	assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
	assert_int_equal(store_reader_open(f->st, &f->reader), 0);
}

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/chq-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->opt.dir = f->dir;
	f->opt.map_bytes = (size_t)4 << 20;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->moved, NULL);
	open_store(f);
	*state = f;
	return 0;
}

static void
remove_file(const char *dir, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->txn) /* the test failed inside its job */
		fixture_undo(f);
	store_reader_close(f->reader);
	store_close(f->st);
	remove_file(f->dir, "data.mdb");
	remove_file(f->dir, "lock.mdb");
	remove_file(f->dir, "lock");
	rmdir(f->dir);
	pthread_cond_destroy(&f->moved);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

void
fixture_reopen(struct fixture *f)
{
	store_reader_close(f->reader);
	store_close(f->st);
	f->reader = NULL;
	f->st = NULL;
	open_store(f);
}

/* Lends its transaction to the test's thread. LMDB allows that while only one of them works. */
static int
lend(struct store_txn *txn, void *arg)
{
	struct fixture *f = arg;
	int verdict;

	pthread_mutex_lock(&f->lock);
	f->txn = txn;
	pthread_cond_broadcast(&f->moved);
	while (f->txn)
		pthread_cond_wait(&f->moved, &f->lock);
	verdict = f->verdict;
	pthread_mutex_unlock(&f->lock);
	return verdict;
}

static void
take_answer(void *arg, int rc)
{
	struct fixture *f = arg;

	pthread_mutex_lock(&f->lock);
	f->rc = rc;
	f->answered = 1;
	pthread_cond_broadcast(&f->moved);
	pthread_mutex_unlock(&f->lock);
}

struct store_txn *
fixture_begin(struct fixture *f)
{
	struct store_txn *txn;

	f->answered = 0;
	assert_int_equal(store_write(f->st, lend, take_answer, f), 0);
	pthread_mutex_lock(&f->lock);
	while (f->txn == NULL && !f->answered)
		pthread_cond_wait(&f->moved, &f->lock);
	txn = f->txn;
	pthread_mutex_unlock(&f->lock);
	assert_non_null(txn);
	return txn;
}

static int
end(struct fixture *f, int verdict)
{
	pthread_mutex_lock(&f->lock);
	f->txn = NULL;
	f->verdict = verdict;
	pthread_cond_broadcast(&f->moved);
	while (!f->answered)
		pthread_cond_wait(&f->moved, &f->lock);
	pthread_mutex_unlock(&f->lock);
	return f->rc;
}

int
fixture_commit(struct fixture *f)
{
	return end(f, 0);
}

int
fixture_undo(struct fixture *f)
{
	return end(f, CHQ_ECANCELED);
}

struct store_txn *
fixture_read(struct fixture *f)
{
	struct store_txn *txn = NULL;

	assert_int_equal(store_read_begin(f->reader, &txn), 0);
	return txn;
}

uint64_t
fixture_account(struct fixture *f, const char *login)
{
	struct store_account_new new = { .login = login, .now_ms = 1000 };
	uint64_t id = 0;

	assert_int_equal(store_account_add(fixture_begin(f), &new, &id), 0);
	assert_int_equal(fixture_commit(f), 0);
	return id;
}

static void
print_fault(void *arg, const char *table, const char *what, uint64_t account)
{
	(void)arg;
	print_error("%s of %llu: %s\n", table, (unsigned long long)account, what);
}

void
fixture_assert_sound(struct fixture *f)
{
	struct store_verify found;

	assert_int_equal(store_verify_all(fixture_read(f), &found, print_fault, NULL), 0);
	store_read_end(f->reader);
	assert_int_equal(found.faults, 0);
}
