#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "tests/unit/base/conf_sample.h"

static char dir[64];
static char path[128];

static void
write_file(const char *name, const char *text)
{
	char file[160];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	f = fopen(file, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* A folder with an empty folder of drop-ins for the file "main.yaml". */
static int
make_dir(void **state)
{
	char dropins[128];

	(void)state;
	strcpy(dir, "/tmp/chasqui-conf-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/main.yaml", dir);
	snprintf(dropins, sizeof(dropins), "%s/main.d", dir);
	return mkdir(dropins, 0700);
}

static int
remove_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void
dropins_win_in_the_order_of_their_names(void **state)
{
	struct chq_conf_error err;
	struct sample s;

	(void)state;
	write_file("main.yaml", "number: 1\nflag: true\nwords: {names: [main]}\n");
	write_file("main.d/20-b.yaml", "number: 20\n");
	write_file("main.d/10-a.yaml", "number: 10\nwords: {names: [ten]}\n");
	write_file("main.d/.30-hidden.yaml", "number: 30\n");
	write_file("main.d/40-backup.yaml~", "number: 40\n");
	assert_int_equal(chq_conf_load(&sample_schema, path, &s, &err), 0);
	assert_int_equal(s.number, 20);
	assert_true(s.flag);
	assert_int_equal(s.names.count, 1);
	assert_string_equal(s.names.items[0], "ten");
	chq_conf_free(&sample_schema, &s);
}

static void
a_fault_in_a_dropin_names_that_file(void **state)
{
	char expected[256];
	struct chq_conf_error err;
	struct sample s;

	(void)state;
	write_file("main.yaml", "number: 1\n");
	write_file("main.d/10-a.yaml", "deep:\n  er: {wait: 7ms}\n");
	assert_int_equal(chq_conf_load(&sample_schema, path, &s, &err), CHQ_ECONF);
	snprintf(expected, sizeof(expected),
		 "%s/main.d/10-a.yaml:2:8: deep.er.wait: seven is unlucky", dir);
	assert_string_equal(err.text, expected);
}

static void
a_missing_file_is_told_from_a_missing_folder_of_dropins(void **state)
{
	struct chq_conf_error err;
	char other[160];
	struct sample s;

	(void)state;
	snprintf(other, sizeof(other), "%s/other.yaml", dir);
	assert_int_equal(chq_conf_load(&sample_schema, other, &s, &err), CHQ_ENOENT);
	assert_non_null(strstr(err.text, "other.yaml: not found"));
	write_file("other.yaml", "number: 3\n");
	assert_int_equal(chq_conf_load(&sample_schema, other, &s, &err), 0);
	assert_int_equal(s.number, 3);
	chq_conf_free(&sample_schema, &s);
}

static void
folders_and_endless_files_are_refused(void **state)
{
	struct chq_conf_error err;
	struct sample s;
	FILE *f;

	(void)state;
	assert_int_equal(chq_conf_load(&sample_schema, dir, &s, &err), CHQ_EINVAL);
	assert_non_null(strstr(err.text, "not a regular file"));
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned i = 0; i <= CHQ_CONF_FILE_MAX; i++)
		fputc('#', f);
	fclose(f);
	assert_int_equal(chq_conf_load(&sample_schema, path, &s, &err), CHQ_EFBIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dropins_win_in_the_order_of_their_names, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_fault_in_a_dropin_names_that_file, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(
			a_missing_file_is_told_from_a_missing_folder_of_dropins, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(folders_and_endless_files_are_refused, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests_name("base/conf_files", tests, NULL, NULL);
}
