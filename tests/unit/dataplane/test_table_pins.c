/*
 * What stands pinned in a table's place and is none of ours: each kind of it is refused with a reason, and left as it
 * is. Needs root and a kernel that lets us; says so when skipped.
 */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/array.h"
#include "dataplane/tables_priv.h"
#include "tests/unit/dataplane/fixture.h"

static char root[] = "/tmp/chq-pins-XXXXXX", bpffs[64];

static struct chq_tables_conf
conf_of(void)
{
	return (struct chq_tables_conf){ .backing = CHQ_BACKING_BPF,
					 .bpffs = bpffs,
					 .run_dir = root,
					 .instance = "unit",
					 .sessions = 10,
					 .accounts = 10 };
}

/* Make all tables. Return: 0; CHQ_E… and the reason. */
static int
make(char err[256])
{
	struct chq_tables_conf conf = conf_of();
	struct chq_tables *t = NULL;
	int rc = chq_tables_open(&t, &conf, T0_NS, err, 256);

	chq_tables_close(t);
	return rc;
}

static void
refused(const char *what, const char *table)
{
	char err[256] = "";

	assert_int_equal(make(err), CHQ_ELAYOUT);
	if (!strstr(err, what) || !strstr(err, table))
		fail_msg("the text does not name \"%s\" and %s: %s", what, table, err);
}

static int
teardown(void **state)
{
	struct chq_tables_conf conf = conf_of();

	(void)state;
	return chq_tables_remove(&conf, (char[256]){ 0 }, 256) < 0;
}

struct pin {
	enum bpf_map_type type;
	const char *name; /* NULL: the table's own */
	uint32_t flags;
	uint32_t short_by, fewer; /* bytes of an entry; entries */
	const char *says;
};

/* Put a map in a table's place. */
static void
pin_in_place_of(enum chq_table_id id, const struct pin *p, const char *path)
{
	struct chq_tables_conf conf = conf_of();
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = p->flags);
	int fd = bpf_map_create(p->type, p->name ? p->name : chq_table_name[id], sizeof(uint32_t),
				(uint32_t)tables_elem_size(id) - p->short_by,
				tables_elems(id, &conf) - p->fewer, &opts);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
}

static void
a_pin_of_another_kind_name_or_size_is_refused_and_left(void **state)
{
	static const struct pin pins[] = {
		{ BPF_MAP_TYPE_HASH, NULL, 0, 0, 0, "no table of ours" },
		{ BPF_MAP_TYPE_ARRAY, NULL, 0, 0, 0, "no table of ours" },
		{ BPF_MAP_TYPE_ARRAY, "foreign", BPF_F_MMAPABLE, 0, 0, "no table of ours" },
		{ BPF_MAP_TYPE_ARRAY, NULL, BPF_F_MMAPABLE, 8, 0, "the configuration asks for" },
		{ BPF_MAP_TYPE_ARRAY, NULL, BPF_F_MMAPABLE, 0, 1, "the configuration asks for" },
	};
	struct stat was, now;
	char path[256], err[256];

	(void)state;
	for (int id = 0; id < CHQ_T__COUNT; id++) {
		assert_int_equal(make(err), 0);
		snprintf(path, sizeof(path), "%s/unit/%s", bpffs, chq_table_name[id]);
		for (size_t i = 0; i < ARRAY_LEN(pins) - (id == CHQ_T_HEADER); i++) {
			pin_in_place_of((enum chq_table_id)id, &pins[i], path);
			assert_int_equal(stat(path, &was), 0);
			refused(pins[i].says, chq_table_name[id]);
			assert_int_equal(stat(path, &now), 0);
			assert_int_equal(now.st_ino, was.st_ino);
		}
		assert_int_equal(teardown(NULL), 0);
	}
}
int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_pin_of_another_kind_name_or_size_is_refused_and_left,
					  teardown),
	};
	char why_not[256] = "";
	int rc;

	if (!mkdtemp(root))
		return 1;
	snprintf(bpffs, sizeof(bpffs), "%s/bpf", root);
	if (make(why_not) == 0)
		rc = teardown(NULL) ||
		     cmocka_run_group_tests_name("dataplane/table_pins", tests, NULL, NULL);
	else
		rc = printf("1..0 # SKIP %s\n", why_not) < 0;
	umount(bpffs);
	rmdir(bpffs);
	rmdir(root);
	return rc;
}
