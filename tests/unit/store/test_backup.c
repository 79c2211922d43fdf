#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"
#include "store/account.h"
#include "store/backup.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/stat.h"
#include "tests/unit/store/fixture.h"

static const struct store_progress quiet;

/* A path beside the fixture's folder. */
static const char *
beside(const struct fixture *f, const char *what)
{
	static char path[4][128];
	static unsigned at;
	char *p = path[at++ % 4];

	snprintf(p, sizeof(path[0]), "%s-%s", f->dir, what);
	return p;
}

static void
forget_folder(const char *dir)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "lock", "manifest" };
	char path[4200];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void
add_accounts(struct fixture *f, const char *prefix, unsigned n)
{
	char login[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(login, sizeof(login), "%s%u", prefix, i);
		fixture_account(f, login);
	}
}

static bool
has_account(struct fixture *f, const char *login)
{
	struct store_account a;
	int rc = store_account_find(fixture_read(f), login, strlen(login), &a);

	store_read_end(f->reader);
	return rc == 0;
}

static void
back_up(struct fixture *f, const char *dir)
{
	struct store_manifest m = { .server = 3, .made_ms = 1000 };

	assert_int_equal(store_backup(f->st, dir, false, &quiet, &m), 0);
	assert_int_equal(m.schema, STORE_SCHEMA_VERSION);
}

/* Close the store, do it, open again. Return: the code of it. */
static int
restore(struct fixture *f, const char *from, struct store_restore_report *out)
{
	int rc;

	store_reader_close(f->reader);
	store_close(f->st);
	f->reader = NULL;
	f->st = NULL;
	rc = store_restore(from, f->dir, out);
	assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
	assert_int_equal(store_reader_open(f->st, &f->reader), 0);
	return rc;
}

static void
what_was_backed_up_comes_back_and_the_former_stays_beside(void **state)
{
	struct fixture *f = *state;
	const char *dir = beside(f, "backup");
	struct store_restore_report out;

	add_accounts(f, "old", 10);
	back_up(f, dir);
	add_accounts(f, "new", 10);
	assert_int_equal(restore(f, dir, &out), 0);
	assert_true(has_account(f, "old9"));
	assert_false(has_account(f, "new0"));
	assert_int_equal(out.manifest.server, 3);
	assert_true(*out.kept && access(out.kept, F_OK) == 0);
	/* Numbers that were given since are not given again. */
	assert_int_equal(fixture_account(f, "next"), 21);
	fixture_assert_sound(f);
	forget_folder(out.kept);
	forget_folder(dir);
}

struct load {
	struct store *st;
	_Atomic bool stop;
	_Atomic unsigned done;
};

static int
load_job(struct store_txn *t, void *arg)
{
	struct store_account_new new = { .now_ms = 1 };
	char login[32];
	uint64_t id;

	snprintf(login, sizeof(login), "load%u", *(unsigned *)arg);
	new.login = login;
	return store_account_add(t, &new, &id);
}

static void *
load_main(void *arg)
{
	struct load *l = arg;

	for (unsigned i = 0; !l->stop; i++) {
		if (store_write_sync(l->st, load_job, &i) != 0)
			return l;
		l->done = i + 1;
	}
	return NULL;
}

static void
a_backup_under_a_load_of_writes_is_whole_and_holds_all_from_before_it(void **state)
{
	struct fixture *f = *state;
	struct load l = { .st = f->st };
	struct store_restore_report out;
	unsigned before[3];
	pthread_t thread;
	void *bad;

	add_accounts(f, "old", 100);
	assert_int_equal(pthread_create(&thread, NULL, load_main, &l), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct store_manifest m = { .server = 1 };
		char name[16];

		while (l.done < 50 * (i + 1))
			usleep(100);
		before[i] = l.done;
		snprintf(name, sizeof(name), "load%u", i);
		assert_int_equal(store_backup(f->st, beside(f, name), i == 2, &quiet, &m), 0);
	}
	l.stop = true;
	pthread_join(thread, &bad);
	assert_null(bad);
	for (unsigned i = 0; i < 3; i++) {
		char name[16], login[32];

		snprintf(name, sizeof(name), "load%u", i);
		assert_int_equal(restore(f, beside(f, name), &out), 0);
		fixture_assert_sound(f);
		snprintf(login, sizeof(login), "load%u", before[i] - 1);
		assert_true(has_account(f, login));
		assert_true(has_account(f, "old99"));
		forget_folder(out.kept);
		forget_folder(beside(f, name));
	}
}

static void
a_folder_with_something_in_it_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store_manifest m = { 0 };
	const char *dir = beside(f, "backup");

	back_up(f, dir);
	assert_int_equal(store_backup(f->st, dir, false, &quiet, &m), CHQ_EEXIST);
	assert_int_equal(store_manifest_read(dir, &m), 0);
	assert_int_equal(m.server, 3);
	assert_int_equal(store_backup(f->st, "/nowhere/at/all", false, &quiet, &m), CHQ_ENOENT);
	forget_folder(dir);
}

static void
a_backup_given_up_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	_Atomic uint64_t done, total;
	_Atomic bool stop = true;
	struct store_progress p = { &done, &total, &stop };
	struct store_manifest m = { 0 };
	const char *dir = beside(f, "backup");

	assert_int_equal(store_backup(f->st, dir, false, &p, &m), CHQ_ECANCELED);
	assert_int_not_equal(access(dir, F_OK), 0);
	assert_true(total > 0);
	fixture_account(f, "after");
}

/* Change a byte of a file. */
static void
poke(const char *dir, const char *name, off_t at)
{
	char path[256], c;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void
write_manifest(const char *dir, unsigned schema)
{
	char path[256], hex[65];
	uint8_t sha[32], *data;
	struct stat sb;
	FILE *in, *out;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	assert_int_equal(stat(path, &sb), 0);
	data = malloc((size_t)sb.st_size);
	in = fopen(path, "r");
	assert_int_equal(fread(data, 1, (size_t)sb.st_size, in), sb.st_size);
	fclose(in);
	crypto_hash_sha256(sha, data, (size_t)sb.st_size);
	free(data);
	chq_hex_encode(hex, sha, 32);
	snprintf(path, sizeof(path), "%s/manifest", dir);
	out = fopen(path, "w");
	fprintf(out, "format 1\nschema %u\nepoch 1\nserver 1\nmade_ms 1\nbytes %lld\nsha256 %s\n",
		schema, (long long)sb.st_size, hex);
	fclose(out);
}

static void
what_is_no_whole_backup_is_refused_and_the_database_stays(void **state)
{
	struct fixture *f = *state;
	const char *dir = beside(f, "backup");
	struct store_restore_report out;
	char path[256];

	back_up(f, dir);
	add_accounts(f, "new", 3);
	poke(dir, "data.mdb", 5000);
	assert_int_equal(restore(f, dir, &out), CHQ_ECORRUPT);
	poke(dir, "data.mdb", 5000);
	write_manifest(dir, STORE_SCHEMA_VERSION + 1);
	assert_int_equal(restore(f, dir, &out), CHQ_ESCHEMA);
	poke(dir, "manifest", 0);
	assert_int_equal(restore(f, dir, &out), CHQ_EMALFORMED);
	snprintf(path, sizeof(path), "%s/manifest", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(restore(f, dir, &out), CHQ_ENOENT);
	assert_true(has_account(f, "new2"));
	assert_int_not_equal(access(beside(f, "x"), F_OK), 0);
	fixture_assert_sound(f);
	forget_folder(dir);
}

static int
plant(struct store_txn *t, void *arg)
{
	(void)arg;
	return store_kv_del(t, STORE_TABLE_LOGIN, "old1", 4);
}

static void
a_backup_of_a_damaged_database_is_found_by_the_check(void **state)
{
	struct fixture *f = *state;
	const char *dir = beside(f, "backup");
	struct store_restore_report out;

	add_accounts(f, "old", 3);
	assert_int_equal(store_write_sync(f->st, plant, NULL), 0);
	back_up(f, dir);
	assert_int_equal(restore(f, dir, &out), CHQ_ECORRUPT);
	assert_int_equal(out.faults, 1);
	forget_folder(dir);
}

static void
a_database_that_is_served_is_not_restored_nor_compacted(void **state)
{
	struct fixture *f = *state;
	const char *dir = beside(f, "backup");
	struct store_restore_report out;
	uint64_t before, after;
	pid_t holder = 0;

	back_up(f, dir);
	assert_int_equal(store_restore(dir, f->dir, &out), CHQ_ELOCKED);
	assert_int_equal(out.holder, getpid());
	assert_int_equal(store_compact(f->dir, &before, &after, &holder), CHQ_ELOCKED);
	assert_int_equal(holder, getpid());
	forget_folder(dir);
}

static int
fill(struct store_txn *t, void *arg)
{
	static const uint8_t big[2000];
	int rc = 0;

	(void)arg;
	for (uint32_t i = 0; i < 500 && !rc; i++)
		rc = store_kv_put(t, STORE_TABLE_META, &(uint32_t){ i | 1u << 31 }, 4, big,
				  sizeof(big));
	return rc;
}

static int
empty(struct store_txn *t, void *arg)
{
	int rc = 0;

	(void)arg;
	for (uint32_t i = 0; i < 500 && !rc; i++)
		rc = store_kv_del(t, STORE_TABLE_META, &(uint32_t){ i | 1u << 31 }, 4);
	return rc;
}

static void
compacting_takes_free_pages_away_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;
	uint64_t before, after;
	pid_t holder;

	add_accounts(f, "old", 5);
	assert_int_equal(store_write_sync(f->st, fill, NULL), 0);
	assert_int_equal(store_write_sync(f->st, empty, NULL), 0);
	add_accounts(f, "more", 3);
	assert_int_equal(store_stat_read(fixture_read(f), &st, NULL, NULL), 0);
	store_read_end(f->reader);
	assert_true(st.free_bytes > 500 * 2000);
	store_reader_close(f->reader);
	store_close(f->st);
	f->reader = NULL;
	assert_int_equal(store_compact(f->dir, &before, &after, &holder), 0);
	assert_true(after + 500 * 2000 < before);
	assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
	assert_int_equal(store_reader_open(f->st, &f->reader), 0);
	assert_true(has_account(f, "more2"));
	fixture_assert_sound(f);
}

/* A process that took a snapshot and was killed. */
static void
die_reading(const char *dir)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		MDB_env *env;
		MDB_txn *txn;

		if (mdb_env_create(&env) || mdb_env_open(env, dir, 0, 0600) ||
		    mdb_txn_begin(env, NULL, MDB_RDONLY, &txn))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void
the_slot_of_a_dead_reader_is_seen_and_cleared(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;

	add_accounts(f, "a", 2);
	die_reading(f->dir);
	add_accounts(f, "b", 5);
	assert_int_equal(store_stat_read(fixture_read(f), &st, NULL, NULL), 0);
	store_read_end(f->reader);
	assert_true(st.oldest + 5 <= st.transaction);
	assert_int_not_equal(st.oldest_pid, getpid());
	assert_int_equal(store_readers_clear(f->st), 1);
	assert_int_equal(store_readers_clear(f->st), 0);
	assert_int_equal(store_stat_read(fixture_read(f), &st, NULL, NULL), 0);
	store_read_end(f->reader);
	assert_int_equal(st.oldest, st.transaction);
}

static void
take_table(void *arg, const struct store_table_stat *t)
{
	uint64_t *accounts = arg;

	if (strcmp(t->name, "account") == 0)
		*accounts = t->records;
}

static void
stat_counts_the_records_of_each_table(void **state)
{
	struct fixture *f = *state;
	uint64_t accounts = 0;
	struct store_stat st;

	add_accounts(f, "a", 7);
	assert_int_equal(store_stat_read(fixture_read(f), &st, take_table, &accounts), 0);
	store_read_end(f->reader);
	assert_int_equal(accounts, 7);
	assert_in_range(st.file_bytes, 4096, st.map_bytes);
}

/* A writer that needs a larger map, and the main thread that reads meanwhile. */
static void *
fill_much(void *arg)
{
	struct load *l = arg;
	int rc = 0;

	for (unsigned i = 0; i < 4 && !rc; i++)
		rc = store_write_sync(l->st, fill, NULL);
	for (unsigned i = 0; i < 60000 && !rc && !l->stop; i++) {
		rc = store_write_sync(l->st, load_job, &i);
		l->done = i + 1;
	}
	return rc ? l : NULL;
}

static void
a_long_snapshot_holds_up_neither_short_ones_nor_writing_that_has_room(void **state)
{
	struct fixture *f = *state;
	struct load l = { .st = f->st };
	struct store_reader *r;
	struct store_txn *t;
	struct store_stats stats;
	pthread_t thread;
	void *bad;

	add_accounts(f, "a", 3);
	assert_int_equal(store_reader_open(f->st, &r), 0);
	assert_int_equal(store_read_begin_long(r, &t), 0);
	store_stats_get(f->st, &stats);
	assert_true(stats.map_bytes >= 64u << 20); /* room was made: it began with 4 MiB */
	assert_int_equal(pthread_create(&thread, NULL, fill_much, &l), 0);
	while (l.done < 200) {
		assert_true(has_account(f, "a2"));
		usleep(100);
	}
	store_read_end_long(r);
	l.stop = true;
	pthread_join(thread, &bad);
	assert_null(bad);
	store_reader_close(r);
	fixture_assert_sound(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_backed_up_comes_back_and_the_former_stays_beside),
		T(a_backup_under_a_load_of_writes_is_whole_and_holds_all_from_before_it),
		T(a_folder_with_something_in_it_is_refused_and_left_alone),
		T(a_backup_given_up_leaves_nothing),
		T(what_is_no_whole_backup_is_refused_and_the_database_stays),
		T(a_backup_of_a_damaged_database_is_found_by_the_check),
		T(a_database_that_is_served_is_not_restored_nor_compacted),
		T(compacting_takes_free_pages_away_and_nothing_else),
		T(the_slot_of_a_dead_reader_is_seen_and_cleared),
		T(stat_counts_the_records_of_each_table),
		T(a_long_snapshot_holds_up_neither_short_ones_nor_writing_that_has_room),
	};
	return cmocka_run_group_tests_name("store/backup", tests, NULL, NULL);
}
