/* Else pwrite() below would be named pwrite64 and replace nothing that liblmdb calls. */
#undef _FILE_OFFSET_BITS
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "store/account.h"
#include "tests/unit/store/fixture.h"

/*
 * Faults of the disk: the three calls by which the database writes are replaced by ones that fail
 * on demand. A real full disk (a small tmpfs) follows at the end.
 */

enum { META_END = 2 * 4096 }; /* the two root pages */

static atomic_int fail_data;  /* errno of writes of pages; 0: none */
static atomic_int fail_sync;  /* errno of fdatasync */
static atomic_int fail_roots; /* so many writes of a root page fail with EIO */

ssize_t
pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	if (offset >= META_END && atomic_load(&fail_data)) {
		errno = atomic_load(&fail_data);
		return -1;
	}
	if (offset < META_END && atomic_load(&fail_roots) > 0) {
		atomic_fetch_sub(&fail_roots, 1);
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, buf, len, offset);
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	if (atomic_load(&fail_data)) {
		errno = atomic_load(&fail_data);
		return -1;
	}
	return syscall(SYS_writev, fd, iov, n);
}

int
fdatasync(int fd)
{
	if (atomic_load(&fail_sync)) {
		errno = atomic_load(&fail_sync);
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

struct add_job {
	const char *login;
	uint64_t id;
	int rc;
};

static int
add_account(struct store_txn *txn, void *arg)
{
	struct add_job *job = arg;
	struct store_account_new new = { .login = job->login, .name = job->login };

	return store_account_add(txn, &new, &job->id);
}

static int
add(struct fixture *f, const char *login)
{
	struct add_job job = { .login = login };

	return store_write_sync(f->st, add_account, &job);
}

static int
find(struct fixture *f, const char *login)
{
	struct store_account a;
	int rc = store_account_find(fixture_read(f), login, strlen(login), &a);

	store_read_end(f->reader);
	return rc;
}

static void
heal(void)
{
	atomic_store(&fail_data, 0);
	atomic_store(&fail_sync, 0);
	atomic_store(&fail_roots, 0);
}

/* After the fault: what was refused is not there, what was answered is, and writing goes on. */
static void
assert_recovered(struct fixture *f)
{
	heal();
	assert_int_equal(find(f, "before"), 0);
	assert_int_equal(find(f, "refused"), CHQ_ENOENT);
	assert_int_equal(add(f, "after"), 0);
	fixture_assert_sound(f);
	fixture_reopen(f);
	assert_int_equal(find(f, "before"), 0);
	assert_int_equal(find(f, "refused"), CHQ_ENOENT);
	assert_int_equal(find(f, "after"), 0);
	fixture_assert_sound(f);
}

static void
a_full_disk_refuses_and_later_writes_work_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "before"), 0);
	atomic_store(&fail_data, ENOSPC);
	for (int i = 0; i < 20; i++)
		assert_int_equal(add(f, "refused"), CHQ_ENOSPC);
	assert_int_equal(find(f, "before"), 0); /* reading goes on */
	assert_recovered(f);
}

static void
a_failed_sync_refuses_and_later_writes_work_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, "before"), 0);
	atomic_store(&fail_sync, EIO);
	for (int i = 0; i < 20; i++)
		assert_int_equal(add(f, "refused"), CHQ_EIO);
	assert_recovered(f);
}

static void
note_answer(void *arg, int rc)
{
	((struct add_job *)arg)->rc = rc;
}

static void
every_job_of_a_refused_batch_gets_the_code(void **state)
{
	struct fixture *f = *state;
	struct add_job jobs[] = { { .login = "refused" }, { .login = "refused2" } };

	assert_int_equal(add(f, "before"), 0);
	fixture_begin(f);
	for (int i = 0; i < 2; i++)
		assert_int_equal(store_write(f->st, add_account, note_answer, &jobs[i]), 0);
	atomic_store(&fail_sync, EIO);
	assert_int_equal(fixture_commit(f), 0);	      /* itself changed nothing */
	assert_int_equal(add(f, "refused"), CHQ_EIO); /* answered after the two */
	assert_int_equal(jobs[0].rc, CHQ_EIO);
	assert_int_equal(jobs[1].rc, CHQ_EIO);
	assert_int_equal(find(f, "refused2"), CHQ_ENOENT);
	assert_recovered(f);
}

/* LMDB then refuses everything until it is opened anew, which the writer does. */
static void
a_failed_root_page_refuses_and_the_store_reopens_itself(void **state)
{
	struct fixture *f = *state;
	struct store_reader *other = NULL;
	struct store_stats stats;
	struct store_txn *t;

	assert_int_equal(add(f, "before"), 0);
	assert_int_equal(store_reader_open(f->st, &other), 0);
	assert_int_equal(store_read_begin(other, &t), 0);
	store_read_end(other);
	atomic_store(&fail_roots, 1);
	assert_int_equal(add(f, "refused"), CHQ_EIO);
	assert_int_equal(atomic_load(&fail_roots), 0);
	store_stats_get(f->st, &stats);
	assert_int_equal(stats.reopened, 1);
	assert_int_equal(store_read_begin(other, &t), 0); /* a reader of before goes on */
	store_read_end(other);
	store_reader_close(other);
	assert_recovered(f);
}

static void
errors_count_as_failed_commits(void **state)
{
	struct fixture *f = *state;
	struct store_stats before, after;

	store_stats_get(f->st, &before);
	atomic_store(&fail_sync, ENOSPC);
	assert_int_equal(add(f, "refused"), CHQ_ENOSPC);
	heal();
	store_stats_get(f->st, &after);
	assert_int_equal(after.commits, before.commits);
	assert_int_equal(after.commits_failed, before.commits_failed + 1);
	assert_int_equal(after.jobs_failed, before.jobs_failed + 1);
}

static void
a_disk_that_fails_at_open_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct store *st = NULL;

	f->opt.next_epoch = true;
	assert_int_equal(add(f, "before"), 0);
	store_reader_close(f->reader);
	store_close(f->st);
	atomic_store(&fail_sync, EIO);
	assert_int_equal(store_open(&st, &f->opt, NULL), CHQ_EIO);
	assert_null(st);
	heal();
	assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
	assert_int_equal(store_reader_open(f->st, &f->reader), 0);
	assert_int_equal(find(f, "before"), 0);
	assert_int_equal(store_epoch(f->st), 1);
}

/* A real one: 1 MiB of tmpfs, in a mount namespace that ends with this process. */

static bool
mount_small_disk(const char *dir)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	return mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700") == 0;
}

static unsigned
fill(struct fixture *f, int *rc)
{
	char login[24];
	unsigned n = 0;

	do {
		snprintf(login, sizeof(login), "user%u", n);
		*rc = add(f, login);
	} while (*rc == 0 && ++n < 20000);
	return n;
}

static void
write_ballast(const char *path)
{
	char block[4096] = { 1 };
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	close(fd);
}

static void
a_really_full_disk_refuses_and_works_again_once_there_is_room(void **state)
{
	struct fixture *f = *state;
	struct store *outer = f->st;
	struct store_reader *outer_reader = f->reader;
	char dir[96], ballast[128], login[24];
	unsigned n;
	int rc;

	snprintf(dir, sizeof(dir), "%s-disk", f->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	if (!mount_small_disk(dir)) {
		print_message("skipped: no tmpfs can be mounted here: %s\n", strerror(errno));
		rmdir(dir);
		skip();
	}
	snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	write_ballast(ballast);
	f->opt.dir = dir;
	f->opt.map_bytes = (size_t)64 << 20;
	assert_int_equal(store_open(&f->st, &f->opt, NULL), 0);
	assert_int_equal(store_reader_open(f->st, &f->reader), 0);

	n = fill(f, &rc);
	assert_int_equal(rc, CHQ_ENOSPC);
	assert_in_range(n, 10, 19999);
	assert_int_equal(find(f, "user0"), 0);
	fixture_assert_sound(f);
	assert_int_equal(unlink(ballast), 0);
	snprintf(login, sizeof(login), "user%u", n);
	assert_int_equal(find(f, login), CHQ_ENOENT);
	assert_int_equal(add(f, login), 0);
	fixture_assert_sound(f);
	fixture_reopen(f);
	assert_int_equal(find(f, login), 0);
	snprintf(login, sizeof(login), "user%u", n - 1);
	assert_int_equal(find(f, login), 0);

	store_reader_close(f->reader);
	store_close(f->st);
	assert_int_equal(umount(dir), 0);
	assert_int_equal(rmdir(dir), 0);
	f->st = outer;
	f->reader = outer_reader;
}

static int
heal_and_teardown(void **state)
{
	heal();
	return fixture_teardown(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, heal_and_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_refuses_and_later_writes_work_again),
		TEST(a_failed_sync_refuses_and_later_writes_work_again),
		TEST(every_job_of_a_refused_batch_gets_the_code),
		TEST(a_failed_root_page_refuses_and_the_store_reopens_itself),
		TEST(errors_count_as_failed_commits),
		TEST(a_disk_that_fails_at_open_is_an_error),
		TEST(a_really_full_disk_refuses_and_works_again_once_there_is_room),
	};

	return cmocka_run_group_tests_name("store/faults", tests, NULL, NULL);
}
