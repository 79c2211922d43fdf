#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/err.h"
#include "store/reader.h"
#include "store/store.h"
#include "store/writer.h"

/* A store in a folder of its own, and a write job that the test itself plays, call by call. */
struct fixture {
	char dir[64];
	struct store_options opt;
	struct store *st;
	struct store_reader *reader;

	/* Between the test's thread and the writer. */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct store_txn *txn; /* set while a job is the test's */
	int verdict;	       /* the job's result once txn is NULL again */
	int rc;
	int answered;
};

/* cmocka setup and teardown: *state is the fixture, its store open. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Close and open again, with the present options. */
void fixture_reopen(struct fixture *f);

/* Begin a write job: until fixture_commit() or fixture_undo() the test holds its transaction. */
struct store_txn *fixture_begin(struct fixture *f);

/* End it. Return: the writer's answer. */
int fixture_commit(struct fixture *f);
int fixture_undo(struct fixture *f);

/* A snapshot; ends by store_read_end(f->reader). */
struct store_txn *fixture_read(struct fixture *f);

/* A new account in a job of its own. Return: its id. */
uint64_t fixture_account(struct fixture *f, const char *login);

/* A full check of everything finds no fault. */
void fixture_assert_sound(struct fixture *f);
