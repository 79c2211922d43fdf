#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/account.h"
#include "store/dept.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/word.h"
#include "tests/unit/store/fixture.h"

static unsigned
mode_of(const char *dir, const char *name)
{
	char path[128];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &sb), 0);
	return sb.st_mode & 07777;
}

static void
files_are_for_their_owner_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mode_of(f->dir, "."), 0700);
	assert_int_equal(mode_of(f->dir, "data.mdb"), 0600);
	assert_int_equal(mode_of(f->dir, "lock.mdb"), 0600);
	assert_int_equal(mode_of(f->dir, "lock"), 0600);

	assert_int_equal(chmod(f->dir, 0755), 0);
	fixture_reopen(f);
	assert_int_equal(mode_of(f->dir, "."), 0700);
}

static void
what_was_answered_is_there_after_a_new_open(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_account a;

	fixture_reopen(f);
	assert_int_equal(store_account_get(fixture_read(f), id, &a), 0);
	store_read_end(f->reader);
	assert_string_equal(a.login, "alice");
}

static void
a_second_open_of_the_same_files_is_refused_with_the_holder(void **state)
{
	struct fixture *f = *state;
	struct store *second = NULL;
	pid_t holder = 0;

	assert_int_equal(store_open(&second, &f->opt, &holder), CHQ_ELOCKED);
	assert_int_equal(holder, getpid());
	assert_null(second);
}

/* Only after the fork has another process a chance. Its code travels in the exit status. */
static int
open_in_another_process(struct fixture *f)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct store *st;

		_exit(store_open(&st, &f->opt, NULL) == CHQ_ELOCKED ? 42 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
another_process_is_refused_the_same_files(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_in_another_process(f), 42);
	fixture_account(f, "alice"); /* and disturbs nothing */
}

static void
a_lock_elsewhere_is_taken_where_it_is_asked_for(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct store *second;

	snprintf(path, sizeof(path), "%s/elsewhere", f->dir);
	f->opt.lock_path = path;
	fixture_reopen(f);
	assert_int_equal(store_open(&second, &f->opt, NULL), CHQ_ELOCKED);
	assert_int_equal(unlink(path), 0);
	f->opt.lock_path = NULL;
}

static int
plant_newer_schema(struct store_txn *t, void *arg)
{
	(void)arg;
	return store_meta_set(t, STORE_META_SCHEMA, STORE_SCHEMA_VERSION + 1);
}

/* A database as the first release left it: without departments and rules. */
static int
plant_schema_1(struct store_txn *t, void *arg)
{
	uint8_t next_dept = STORE_META_NEXT_DEPT, next_rule = STORE_META_NEXT_RULE;
	int rc = store_kv_del(t, STORE_TABLE_META, &next_dept, 1);

	(void)arg;
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_META, &next_rule, 1);
	return rc != 0 ? rc : store_meta_set(t, STORE_META_SCHEMA, 1);
}

static void
schema_1_gains_departments_and_keeps_its_people(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob"), version = 0;
	struct store_account a;
	struct store_txn *t;
	uint32_t dept;

	assert_int_equal(store_write_sync(f->st, plant_schema_1, NULL), 0);
	fixture_reopen(f);
	t = fixture_begin(f);
	assert_int_equal(store_meta_get(t, STORE_META_SCHEMA, &version), 0);
	assert_int_equal(version, STORE_SCHEMA_VERSION);
	assert_int_equal(store_account_get(t, bob, &a), 0);
	assert_string_equal(a.login, "bob");
	assert_int_equal(store_dept_add(t, 0, "Company", 1, &dept), 0);
	assert_int_equal(store_member_set(t, dept, bob, true, 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	fixture_assert_sound(f);
}

/* A database as version 2 left it: accounts without search words, in the older record. */
static int
plant_schema_2(struct store_txn *t, void *arg)
{
	static const uint8_t record[] = { 1, 0, 1, 0,	0,   0,	  1, 0,	  0,   0,   0,	 0,   0, 0,
					  6, 0, 0, 0,	0,   0,	  0, 0,	  7,   0,   0,	 0,   0, 0,
					  0, 0, 3, 'b', 'o', 'b', 5, 'B', 'o', 'b', ' ', 'X', 0 };
	uint64_t bob = *(uint64_t *)arg;
	uint8_t key[STORE_ACCOUNT_KEY_BYTES], word[4 + STORE_ACCOUNT_KEY_BYTES] = "bob";
	int rc;

	store_key_put_account(key, bob);
	store_key_put_account(word + 4, bob);
	rc = store_kv_put(t, STORE_TABLE_ACCOUNT, key, sizeof(key), record, sizeof(record));
	if (rc == 0)
		rc = store_kv_del(t, STORE_TABLE_WORD, word, sizeof(word));
	return rc != 0 ? rc : store_meta_set(t, STORE_META_SCHEMA, 2);
}

static unsigned
hits(struct store_txn *t, const char *prefix, struct store_word_hit *last)
{
	struct store_word_walk *w;
	unsigned n = 0;

	assert_int_equal(store_word_walk_open(t, prefix, strlen(prefix), &w), 0);
	while (store_word_walk_next(w, last) == 0)
		n++;
	store_word_walk_close(w);
	return n;
}

static void
schema_2_gains_search_words_and_keeps_its_people(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob"), version = 0;
	struct store_word_hit hit;
	struct store_account a;
	struct store_txn *t;
	uint16_t epoch;

	assert_int_equal(store_write_sync(f->st, plant_schema_2, &bob), 0);
	fixture_reopen(f);
	fixture_assert_sound(f);
	t = fixture_begin(f);
	assert_int_equal(store_meta_get(t, STORE_META_SCHEMA, &version), 0);
	assert_int_equal(version, STORE_SCHEMA_VERSION);
	assert_int_equal(store_account_get(t, bob, &a), 0);
	assert_string_equal(a.name, "Bob X");
	assert_false(a.disabled);
	assert_int_equal(hits(t, "bo", &hit), 1);
	assert_int_equal(hit.account, bob);
	assert_int_equal(hit.word.of, STORE_WORD_LOGIN | STORE_WORD_NAME);
	assert_int_equal(hits(t, "x", &hit), 1);
	assert_int_equal(store_account_sender_epoch(t, &a, &epoch), 0);
	assert_int_equal(epoch, 0);
	assert_int_equal(store_account_next_sender_epoch(t, bob, &epoch), 0);
	assert_int_equal(epoch, 1);
	assert_int_equal(fixture_commit(f), 0);
	fixture_assert_sound(f);
}

static int
plant_own_schema(struct store_txn *t, void *arg)
{
	(void)arg;
	return store_meta_set(t, STORE_META_SCHEMA, STORE_SCHEMA_VERSION);
}

static void
a_newer_schema_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;
	struct store *old = f->st;

	f->opt.next_epoch = true;
	assert_int_equal(store_write_sync(f->st, plant_newer_schema, NULL), 0);
	store_reader_close(f->reader);
	store_close(old);
	for (int i = 0; i < 2; i++)
		assert_int_equal(store_open(&st, &f->opt, NULL), CHQ_ESCHEMA);
	assert_null(st);

	/* Something to tear down: a fresh store beside the refused one. */
	char path[128];

	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
	assert_int_equal(store_reader_open(f->st, &f->reader), 0);
	assert_int_equal(store_write_sync(f->st, plant_own_schema, NULL), 0);
	fixture_reopen(f);
}

static void
the_epoch_rises_only_at_opens_that_ask_for_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_epoch(f->st), 0);
	f->opt.next_epoch = true;
	fixture_reopen(f);
	assert_int_equal(store_epoch(f->st), 1);
	fixture_reopen(f);
	assert_int_equal(store_epoch(f->st), 2);
	f->opt.next_epoch = false;
	fixture_reopen(f);
	assert_int_equal(store_epoch(f->st), 2);
}

static void
a_missing_parent_or_a_file_in_the_way_is_an_error(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct store_options opt = { .dir = path };
	struct store *st;

	snprintf(path, sizeof(path), "%s/a/b", f->dir);
	assert_int_equal(store_open(&st, &opt, NULL), CHQ_ENOENT);
	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(store_open(&st, &opt, NULL), CHQ_ENOTDIR);
	opt.dir = NULL;
	assert_int_equal(store_open(&st, &opt, NULL), CHQ_EINVAL);
}

static void
a_file_that_is_no_database_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[128];
	char garbage[8192];
	struct store *st;
	FILE *file;

	store_reader_close(f->reader);
	store_close(f->st);
	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	memset(garbage, 'x', sizeof(garbage));
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(garbage, sizeof(garbage), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(store_open(&st, &f->opt, NULL), CHQ_ECORRUPT);
	assert_int_equal(unlink(path), 0);
	f->st = NULL;
	assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
	assert_int_equal(store_reader_open(f->st, &f->reader), 0);
}

/* The table of slots keeps its size as long as its file lives. */
static void
reopen_with_slots(struct fixture *f, unsigned slots)
{
	char path[128];

	store_reader_close(f->reader);
	store_close(f->st);
	snprintf(path, sizeof(path), "%s/lock.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	f->opt.readers_max = slots;
	assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
	assert_int_equal(store_reader_open(f->st, &f->reader), 0);
}

/* A process that dies with a snapshot leaves its slot taken; the next open clears it. */
static void
slots_of_dead_readers_are_cleared_at_open(void **state)
{
	struct fixture *f = *state;

	reopen_with_slots(f, 2);
	for (int i = 0; i < 4; i++) {
		int status;
		pid_t pid;

		store_reader_close(f->reader);
		store_close(f->st);
		pid = fork();
		if (pid == 0) {
			struct store_reader *r;
			struct store_txn *t;
			struct store *st;

			if (store_open(&st, &f->opt, NULL) != 0 || store_reader_open(st, &r) != 0 ||
			    store_read_begin(r, &t) != 0)
				_exit(1);
			_exit(0);
		}
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
		assert_int_equal(store_reader_open(f->st, &f->reader), 0);
	}
	fixture_read(f);
	store_read_end(f->reader);
}

static void
a_snapshot_too_many_is_refused_and_later_ones_work(void **state)
{
	struct fixture *f = *state;
	struct store_reader *second = NULL;
	struct store_txn *t;

	reopen_with_slots(f, 1);
	fixture_read(f);
	store_read_end(f->reader); /* keeps its slot */
	assert_int_equal(store_reader_open(f->st, &second), 0);
	assert_int_equal(store_read_begin(second, &t), CHQ_EAGAIN);
	store_reader_close(f->reader);
	assert_int_equal(store_read_begin(second, &t), 0);
	store_read_end(second);
	f->reader = second;
}

static void
a_snapshot_shows_one_state_while_others_write(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_read(f);
	struct store_account a;
	uint64_t id = fixture_account(f, "alice");

	assert_int_equal(store_account_get(t, id, &a), CHQ_ENOENT);
	store_read_end(f->reader);
	assert_int_equal(store_account_get(fixture_read(f), id, &a), 0);
	store_read_end(f->reader);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_are_for_their_owner_alone),
		TEST(what_was_answered_is_there_after_a_new_open),
		TEST(a_second_open_of_the_same_files_is_refused_with_the_holder),
		TEST(another_process_is_refused_the_same_files),
		TEST(a_lock_elsewhere_is_taken_where_it_is_asked_for),
		TEST(schema_1_gains_departments_and_keeps_its_people),
		TEST(schema_2_gains_search_words_and_keeps_its_people),
		TEST(a_newer_schema_is_refused_and_left_alone),
		TEST(the_epoch_rises_only_at_opens_that_ask_for_it),
		TEST(a_missing_parent_or_a_file_in_the_way_is_an_error),
		TEST(a_file_that_is_no_database_is_refused),
		TEST(slots_of_dead_readers_are_cleared_at_open),
		TEST(a_snapshot_too_many_is_refused_and_later_ones_work),
		TEST(a_snapshot_shows_one_state_while_others_write),
	};

	return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
