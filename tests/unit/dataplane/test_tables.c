/*
 * Backings: pinned BPF arrays, mapped files and huge pages are found again with every byte, and
 * refused with a reason when they are not what the configuration asks for. BPF and huge pages need
 * root and a kernel that lets us; they say so when skipped.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/dataplane/fixture.h"

#define NR_HUGEPAGES "/proc/sys/vm/nr_hugepages"
#define HUGE_PAGES   8 /* one a table, and some */

static char root[] = "/tmp/chq-tables-XXXXXX", bpffs[64], huge[64];

/* One run of the tests below for each backing. */
static enum chq_backing backing;
static char why_not[256]; /* this backing cannot be had here: the reason */

static struct chq_tables_conf
conf_of(uint32_t sessions, uint32_t accounts)
{
	return (struct chq_tables_conf){ .backing = backing,
					 .bpffs = bpffs,
					 .run_dir = root,
					 .hugetlbfs = huge,
					 .instance = "unit",
					 .sessions = sessions,
					 .accounts = accounts };
}

static struct chq_tables *
open_ok(uint32_t sessions, uint32_t accounts, uint64_t now_ns)
{
	struct chq_tables_conf conf = conf_of(sessions, accounts);
	struct chq_tables *t = NULL;
	char err[256] = "";

	if (chq_tables_open(&t, &conf, now_ns, err, sizeof(err)))
		fail_msg("not opened: %s", err);
	return t;
}

/* Refused with @code and a text that names @what. */
static void
open_refused(uint32_t sessions, uint32_t accounts, int code, const char *what)
{
	struct chq_tables_conf conf = conf_of(sessions, accounts);
	struct chq_tables *t = NULL;
	char err[256] = "";

	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), code);
	assert_null(t);
	if (!strstr(err, what))
		fail_msg("the text does not name \"%s\": %s", what, err);
}

static void
path_of_table(char out[256], enum chq_table_id id)
{
	if (backing == CHQ_BACKING_BPF)
		snprintf(out, 256, "%s/unit/%s", bpffs, chq_table_name[id]);
	else if (backing == CHQ_BACKING_HUGE)
		snprintf(out, 256, "%s/chasqui-unit/%s", huge, chq_table_name[id]);
	else
		snprintf(out, 256, "%s/tables-unit/%s", root, chq_table_name[id]);
}

static int
teardown(void **state)
{
	struct chq_tables_conf conf = conf_of(1, 1);

	(void)state;
	return chq_tables_remove(&conf, (char[256]){ 0 }, 256) < 0;
}

static void
tables_are_found_again_with_every_byte(void **state)
{
	struct chq_tables *t, *again;
	struct peer p, bob;
	struct chq_dp_ref ref;
	uint8_t boot_id[16];
	uint8_t *was;

	(void)state;
	t = open_ok(100, 50, T0_NS);
	assert_false(t->adopted);
	assert_int_equal(t->header->generation, 1);
	memcpy(boot_id, t->header->boot_id, 16);
	peer_init(&p, 3, 1);
	peer_init(&bob, 4, 1);
	assert_int_equal(chq_session_open(t, &p.open, T0_NS, &p.ref), 0);
	assert_int_equal(chq_session_confirm(t, p.ref, T0_NS, NULL), 0);
	assert_int_equal(chq_session_open(t, &bob.open, T0_NS, &bob.ref), 0);
	assert_int_equal(chq_replay_take(t->sessions[p.ref.slot].replay, 1000), 1);
	was = malloc(t->bytes[CHQ_T_SESSIONS]);
	assert_non_null(was);
	memcpy(was, t->sessions, t->bytes[CHQ_T_SESSIONS]);
	chq_tables_close(t);

	again = open_ok(100, 50, T0_NS);
	assert_true(again->adopted);
	assert_int_equal(again->header->generation, 2);
	assert_memory_equal(again->header->boot_id, boot_id, 16);
	assert_memory_equal(again->sessions, was, again->bytes[CHQ_T_SESSIONS]);
	assert_int_equal(again->used, 2);
	assert_int_equal(again->unconfirmed, 1);
	assert_int_equal(again->accounts, 1);
	assert_non_null(chq_session_at(again, p.ref));
	assert_memory_equal(again->hop[p.ref.slot].in, p.open.hop_in, 32);
	/* The free list is there again: every slot can be had, none twice. */
	for (int i = 0; i < 98; i++) {
		peer_init(&p, 0, 0);
		again->unconfirmed = 0;
		assert_int_equal(chq_session_open(again, &p.open, T0_NS, &ref), 0);
	}
	assert_int_equal(chq_session_open(again, &p.open, T0_NS, &ref), CHQ_EFULL);
	free(was);
	chq_tables_close(again);
}

static void
rest_of_a_slot_goes_on_after_adoption(void **state)
{
	struct chq_tables *t;
	struct chq_dp_ref ref;
	struct peer p;

	(void)state;
	t = open_ok(1, 1, T0_NS);
	peer_init(&p, 3, 1);
	assert_int_equal(chq_session_open(t, &p.open, T0_NS, &ref), 0);
	assert_int_equal(chq_session_confirm(t, ref, T0_NS, NULL), 0);
	assert_int_equal(chq_session_close(t, ref, T0_NS), 0);
	chq_tables_close(t);
	t = open_ok(1, 1, T0_NS + UINT64_C(89000000000));
	assert_int_equal(chq_session_open(t, &p.open, T0_NS + UINT64_C(89000000000), &ref),
			 CHQ_EFULL);
	assert_int_equal(chq_session_open(t, &p.open, T0_NS + UINT64_C(90000000000), &ref), 0);
	chq_tables_close(t);
}

static void
other_numbers_are_refused_with_both(void **state)
{
	(void)state;
	chq_tables_close(open_ok(100, 50, T0_NS));
	open_refused(101, 50, CHQ_ELAYOUT, "101");
	open_refused(100, 5000, CHQ_ELAYOUT, "detach");
	open_refused(100, 51, CHQ_ELAYOUT, "50");  /* the same number of buckets */
	chq_tables_close(open_ok(100, 50, T0_NS)); /* nothing was emptied */
}

static void
tables_in_use_are_refused_and_not_removed(void **state)
{
	struct chq_tables_conf conf = conf_of(10, 10);
	struct chq_tables *t = open_ok(10, 10, T0_NS);
	char err[256] = "";

	(void)state;
	open_refused(10, 10, CHQ_ELOCKED, "another process");
	assert_int_equal(chq_tables_remove(&conf, err, sizeof(err)), CHQ_ELOCKED);
	assert_non_null(strstr(err, "another process"));
	chq_tables_close(t);
	t = open_ok(10, 10, T0_NS);
	assert_true(t->adopted);
	chq_tables_close(t);
}

/* Something in the folder that cannot be removed. */
static void
what_cannot_be_removed_is_named(void **state)
{
	struct chq_tables_conf conf = conf_of(10, 10);
	char path[256], err[256] = "";

	(void)state;
	chq_tables_close(open_ok(10, 10, T0_NS));
	path_of_table(path, CHQ_T_HOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(chq_tables_remove(&conf, err, sizeof(err)) < 0);
	assert_non_null(strstr(err, path));
	assert_int_equal(rmdir(path), 0);
}

static void
other_layout_is_refused(void **state)
{
	struct chq_tables *t;

	(void)state;
	t = open_ok(10, 10, T0_NS);
	t->header->layout++;
	chq_tables_close(t);
	open_refused(10, 10, CHQ_ELAYOUT, "layout 5");
}

static void
damaged_header_is_refused(void **state)
{
	struct chq_tables *t;

	(void)state;
	t = open_ok(10, 10, T0_NS);
	t->header->magic = 0;
	chq_tables_close(t);
	open_refused(10, 10, CHQ_ELAYOUT, "detach");
}

static void
missing_table_is_refused_by_name(void **state)
{
	char path[256];

	(void)state;
	chq_tables_close(open_ok(10, 10, T0_NS));
	path_of_table(path, CHQ_T_COLD);
	assert_int_equal(unlink(path), 0);
	open_refused(10, 10, CHQ_ELAYOUT, "chq_cold");
}

/* As a creation that was killed before its end leaves them: no header. */
static void
making_that_was_cut_short_is_made_anew(void **state)
{
	struct chq_tables *t;
	char path[256];

	(void)state;
	chq_tables_close(open_ok(10, 10, T0_NS));
	path_of_table(path, CHQ_T_HEADER);
	assert_int_equal(unlink(path), 0);
	t = open_ok(10, 10, T0_NS);
	assert_false(t->adopted);
	chq_tables_close(t);
	t = open_ok(10, 10, T0_NS);
	assert_true(t->adopted);
	chq_tables_close(t);
}

static void
folder_open_to_others_is_refused(void **state)
{
	char path[256];

	(void)state;
	chq_tables_close(open_ok(10, 10, T0_NS));
	path_of_table(path, CHQ_T_HEADER);
	*strrchr(path, '/') = '\0';
	assert_int_equal(chmod(path, 0755), 0);
	open_refused(10, 10, CHQ_EACCES, "0755");
	assert_int_equal(chmod(path, 0700), 0);
	chq_tables_close(open_ok(10, 10, T0_NS));
}

static void
remove_takes_all_and_tells_how_many(void **state)
{
	char err[256] = "";
	struct chq_tables_conf conf = conf_of(10, 10);

	(void)state;
	assert_int_equal(chq_tables_remove(&conf, err, sizeof(err)), 0);
	chq_tables_close(open_ok(10, 10, T0_NS));
	assert_int_equal(chq_tables_remove(&conf, err, sizeof(err)), CHQ_T__COUNT);
	assert_int_equal(chq_tables_remove(&conf, err, sizeof(err)), 0);
}

static void
truncated_file_is_refused(void **state)
{
	char path[256];

	(void)state;
	chq_tables_close(open_ok(10, 10, T0_NS));
	path_of_table(path, CHQ_T_SESSIONS);
	assert_int_equal(truncate(path, 2559), 0);
	open_refused(10, 10, CHQ_ELAYOUT, "2559");
}

static void
file_that_others_can_read_or_that_is_a_link_is_refused(void **state)
{
	char path[256], aside[300];

	(void)state;
	chq_tables_close(open_ok(10, 10, T0_NS));
	path_of_table(path, CHQ_T_HOP);
	assert_int_equal(chmod(path, 0640), 0);
	open_refused(10, 10, CHQ_EACCES, "chq_hop");
	assert_int_equal(chmod(path, 0600), 0);
	if (backing == CHQ_BACKING_HUGE)
		return; /* it knows no links */
	snprintf(aside, sizeof(aside), "%s/aside", root);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	open_refused(10, 10, CHQ_ELOOP, "chq_hop");
	assert_int_equal(unlink(aside), 0);
}

static void
files_of_an_earlier_boot_are_made_anew(void **state)
{
	struct chq_tables *t;

	(void)state;
	t = open_ok(10, 10, T0_NS);
	t->header->machine_boot[0] ^= 1;
	chq_tables_close(t);
	t = open_ok(10, 10, T0_NS);
	assert_false(t->adopted);
	assert_int_equal(t->header->generation, 1);
	chq_tables_close(t);
}

static void
foreign_pin_is_refused(void **state)
{
	char cold[256], hop[256];

	(void)state;
	chq_tables_close(open_ok(10, 10, T0_NS));
	path_of_table(cold, CHQ_T_COLD);
	path_of_table(hop, CHQ_T_HOP);
	assert_int_equal(unlink(hop), 0);
	assert_int_equal(rename(cold, hop), 0);
	open_refused(10, 10, CHQ_ELAYOUT, "chq_cold");
}

static void
numbers_out_of_range_are_refused(void **state)
{
	(void)state;
	open_refused(0, 10, CHQ_EINVAL, "sessions");
	open_refused(10, 0, CHQ_EINVAL, "accounts");
	open_refused((1u << 26) + 1, 10, CHQ_EINVAL, "sessions");
}

static void
link_in_the_place_of_the_mount_point_is_refused(void **state)
{
	struct chq_tables_conf conf = conf_of(10, 10);
	char link[96], victim[96], err[256] = "";
	struct chq_tables *t = NULL;
	struct stat before, after;

	(void)state;
	snprintf(victim, sizeof(victim), "%s/victim", root);
	snprintf(link, sizeof(link), "%s/link", root);
	assert_int_equal(mkdir(victim, 0755), 0);
	assert_int_equal(symlink(victim, link), 0);
	assert_int_equal(stat(victim, &before), 0);
	conf.bpffs = link;
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), CHQ_EUNAVAIL);
	assert_int_equal(stat(victim, &after), 0);
	assert_true(before.st_dev == after.st_dev); /* nothing was mounted over it */
	unlink(link);
	rmdir(victim);
}

static void
automatic_backing_falls_back_to_files(void **state)
{
	struct chq_tables_conf conf = conf_of(10, 10);
	struct chq_tables *t;
	char err[256];

	(void)state;
	conf.backing = CHQ_BACKING_AUTO;
	conf.bpffs = "/proc/no-bpffs-can-be-here";
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), 0);
	assert_int_equal(t->backing, CHQ_BACKING_FILE);
	chq_tables_close(t);
	conf.backing = CHQ_BACKING_BPF;
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), CHQ_EUNAVAIL);
}

/* --- huge pages --- */

static long
free_pages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	long n = -1;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &n), 1);
	fclose(f);
	return n;
}

static void
too_few_huge_pages_are_refused_with_the_number(void **state)
{
	struct stat st;
	char path[256];

	(void)state;
	open_refused(1u << 26, 10, CHQ_EUNAVAIL, "vm.nr_hugepages");
	open_refused(1u << 26, 10, CHQ_EUNAVAIL, "28676 MiB"); /* 64 Mi × 448 bytes, and 4 pages */
	path_of_table(path, CHQ_T_SESSIONS);
	assert_int_equal(stat(path, &st), -1);
}

static void
sizes_are_whole_huge_pages(void **state)
{
	struct chq_tables *t;

	(void)state;
	t = open_ok(10, 10, T0_NS);
	for (int i = 0; i < CHQ_T__COUNT; i++)
		assert_int_equal(t->bytes[i], 2u << 20);
	chq_tables_close(t);
}

static void
no_hugetlbfs_is_refused_by_name(void **state)
{
	struct chq_tables_conf conf = conf_of(10, 10);
	struct chq_tables *t = NULL;
	char err[256] = "";

	(void)state;
	conf.hugetlbfs = "/proc";
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), CHQ_EUNAVAIL);
	assert_non_null(strstr(err, "/proc"));
}

/* AUTO with a driver that no BPF program serves, and one that needs BPF. */
static void
automatic_backing_takes_huge_pages_only_where_they_serve(void **state)
{
	struct chq_tables_conf conf = conf_of(10, 10);
	struct chq_tables *t;
	char err[256];

	(void)state;
	conf.backing = CHQ_BACKING_AUTO;
	conf.bpffs = "/proc/no-bpffs-can-be-here";
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), 0);
	assert_int_equal(t->backing, CHQ_BACKING_FILE);
	chq_tables_close(t);
	conf.huge_first = true;
	conf.huge_spare = (size_t)1 << 46;
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), 0);
	assert_int_equal(t->backing, CHQ_BACKING_FILE); /* packet memory comes first */
	chq_tables_close(t);
	conf.huge_spare = 0;
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), 0);
	assert_int_equal(t->backing, CHQ_BACKING_HUGE);
	chq_tables_close(t);
	conf.huge_spare = (size_t)1 << 46;
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), 0);
	assert_int_equal(t->backing, CHQ_BACKING_HUGE); /* there already */
	assert_true(t->adopted);
	chq_tables_close(t);
	assert_int_equal(chq_tables_remove(&conf, err, sizeof(err)), 2 * CHQ_T__COUNT);
}

static void
the_first_mounted_hugetlbfs_is_found(void **state)
{
	struct chq_tables_conf conf = conf_of(10, 10);
	char dir[256];

	(void)state;
	conf.hugetlbfs = NULL; /* which one is the machine's business */
	assert_int_equal(chq_tables_huge_dir(&conf, dir), 0);
	assert_non_null(strstr(dir, "/chasqui-unit"));
}

static void
removal_gives_every_page_back(void **state)
{
	struct chq_tables_conf conf = conf_of(10, 10);
	struct stat st;
	char err[256];

	(void)state;
	chq_tables_close(open_ok(10, 10, T0_NS));
	assert_int_equal(chq_tables_remove(&conf, err, sizeof(err)), CHQ_T__COUNT);
	snprintf(err, sizeof(err), "%s/chasqui-unit", huge);
	assert_int_equal(stat(err, &st), -1);
}

static long
nr_hugepages_add(long by)
{
	FILE *f = fopen(NR_HUGEPAGES, "r+e");
	long was = 0, is = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%ld", &was) == 1) {
		rewind(f);
		fprintf(f, "%ld\n", was + by);
		fflush(f);
		rewind(f);
		if (fscanf(f, "%ld", &is) != 1)
			is = was;
	}
	fclose(f);
	return is - was;
}

/* Can BPF tables be made here at all? */
static void
probe_bpf(void)
{
	struct chq_tables_conf conf = conf_of(1, 1);
	struct chq_tables *t = NULL;

	conf.backing = CHQ_BACKING_BPF;
	if (chq_tables_open(&t, &conf, T0_NS, why_not, sizeof(why_not)) == 0)
		why_not[0] = '\0';
	chq_tables_close(t);
	(void)chq_tables_remove(&conf, (char[256]){ 0 }, 256);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)
#define BOTH                                                                                      \
	T(tables_are_found_again_with_every_byte), T(rest_of_a_slot_goes_on_after_adoption),      \
		T(other_numbers_are_refused_with_both),                                           \
		T(tables_in_use_are_refused_and_not_removed), T(what_cannot_be_removed_is_named), \
		T(other_layout_is_refused), T(damaged_header_is_refused),                         \
		T(missing_table_is_refused_by_name), T(making_that_was_cut_short_is_made_anew),   \
		T(folder_open_to_others_is_refused), T(remove_takes_all_and_tells_how_many)

static int
run_bpf(void)
{
	const struct CMUnitTest tests[] = {
		BOTH,
		T(foreign_pin_is_refused),
		T(link_in_the_place_of_the_mount_point_is_refused),
	};

	backing = CHQ_BACKING_BPF;
	probe_bpf();
	if (why_not[0]) {
		printf("1..0 # SKIP %s\n", why_not);
		return 0;
	}
	return cmocka_run_group_tests_name("dataplane/tables_bpf", tests, NULL, NULL);
}

static int
run_file(void)
{
	const struct CMUnitTest tests[] = {
		BOTH,
		T(truncated_file_is_refused),
		T(file_that_others_can_read_or_that_is_a_link_is_refused),
		T(files_of_an_earlier_boot_are_made_anew),
		T(numbers_out_of_range_are_refused),
		T(automatic_backing_falls_back_to_files),
	};

	backing = CHQ_BACKING_FILE;
	return cmocka_run_group_tests_name("dataplane/tables", tests, NULL, NULL);
}

static int
run_huge(void)
{
	const struct CMUnitTest tests[] = {
		BOTH,
		T(files_of_an_earlier_boot_are_made_anew),
		T(file_that_others_can_read_or_that_is_a_link_is_refused),
		T(too_few_huge_pages_are_refused_with_the_number),
		T(sizes_are_whole_huge_pages),
		T(no_hugetlbfs_is_refused_by_name),
		T(automatic_backing_takes_huge_pages_only_where_they_serve),
		T(the_first_mounted_hugetlbfs_is_found),
		T(removal_gives_every_page_back),
	};
	long got = nr_hugepages_add(HUGE_PAGES);
	int failed = 0;

	backing = CHQ_BACKING_HUGE;
	if (got < HUGE_PAGES || free_pages() < HUGE_PAGES || mkdir(huge, 0700) ||
	    mount("chq-test", huge, "hugetlbfs", 0, "pagesize=2M"))
		printf("1..0 # SKIP no huge pages to be had: root is needed, and free memory\n");
	else
		failed = cmocka_run_group_tests_name("dataplane/tables_huge", tests, NULL, NULL);
	(void)umount2(huge, MNT_DETACH);
	(void)rmdir(huge);
	if (got > 0)
		(void)nr_hugepages_add(-got);
	return failed;
}

/* The argument says which backing: bpf, huge or file. */
int
main(int argc, char **argv)
{
	int failed;

	if (argc != 2 || !mkdtemp(root))
		return 1;
	snprintf(bpffs, sizeof(bpffs), "%s/bpf", root);
	snprintf(huge, sizeof(huge), "%s/huge", root);
	if (strcmp(argv[1], "bpf") == 0)
		failed = run_bpf();
	else
		failed = strcmp(argv[1], "huge") == 0 ? run_huge() : run_file();
	(void)umount2(bpffs, MNT_DETACH);
	(void)rmdir(bpffs);
	return rmdir(root) || failed;
}
