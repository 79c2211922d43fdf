/* Tables as mapped files in a folder of their own: <run_dir>/tables-<instance>/ where BPF is not to
 * be had, and, for tables_huge.c, a folder in a hugetlbfs. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "dataplane/tables_priv.h"

/* Its name while it is being made: the header's last, so a header found means that all are
 * there. */
#define HEADER_UNFINISHED "header.new"

static struct tables_place
place_of(const struct chq_tables_conf *conf)
{
	struct tables_place p = { .page = 1 };

	snprintf(p.dir, sizeof(p.dir), "%s/tables-%s", conf->run_dir, conf->instance);
	return p;
}

static const char *
file_name(int id, bool finished)
{
	return id == CHQ_T_HEADER && !finished ? HEADER_UNFINISHED : chq_table_name[id];
}

/* Every page is there and mapped from the beginning: no worker ever waits for one. */
static int
file_map(struct chq_tables *t, int id, int fd)
{
	t->mapped[id] = mmap(NULL, t->bytes[id], PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			     fd, 0);
	if (t->mapped[id] != MAP_FAILED)
		return CHQ_OK;
	t->mapped[id] = NULL;
	return chq_errno();
}

static int
file_make(struct chq_tables *t, int id, int dir, char *err, size_t err_size)
{
	const char *name = file_name(id, false);
	int fd, rc;

	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = chq_errno();
		snprintf(err, err_size, "cannot make the table %s: %s", name, chq_strerror(rc));
		return rc;
	}
	tables_say_making(t, (enum chq_table_id)id);
	rc = -posix_fallocate(fd, 0, (off_t)t->bytes[id]);
	if (rc == 0)
		rc = file_map(t, id, fd);
	if (rc)
		snprintf(err, err_size, "no room for the table %s, %zu bytes: %s", name,
			 t->bytes[id], chq_strerror(rc));
	close(fd);
	return rc;
}

static int
file_found(struct chq_tables *t, int id, int dir, char *err, size_t err_size)
{
	static const char hint[] = "`chasqui-dataplane detach` removes all of them";
	const char *name = file_name(id, true);
	int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC), rc = CHQ_OK;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		rc = fd < 0 && errno != ENOENT ? chq_errno() : CHQ_ELAYOUT;
		snprintf(err, err_size, "the table %s is missing or cannot be opened; %s", name,
			 hint);
	} else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) {
		rc = CHQ_EACCES;
		snprintf(err, err_size, "the table %s is not this user's alone; %s", name, hint);
	} else if ((uint64_t)st.st_size != t->bytes[id]) {
		rc = CHQ_ELAYOUT;
		snprintf(err, err_size,
			 "the table %s has %lld bytes, the configuration asks for %zu: set it "
			 "back, or "
			 "%s",
			 name, (long long)st.st_size, t->bytes[id], hint);
	} else {
		rc = file_map(t, id, fd);
		if (rc)
			snprintf(err, err_size, "cannot map the table %s: %s", name,
				 chq_strerror(rc));
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The folder's descriptor, made if absent and locked, or a negative code and a text. */
static int
dir_open(const char *path, char *err, size_t err_size)
{
	int rc;

	if (mkdir(path, 0700) && errno != EEXIST) {
		rc = chq_errno();
		snprintf(err, err_size, "cannot make %s: %s", path, chq_strerror(rc));
		return rc;
	}
	rc = tables_check_owner(path, err, err_size);
	return rc ? rc : tables_lock(path, err, err_size);
}

/* Give back what a making took that was cut short, or found no room for all. */
static void
unmake(int dir)
{
	for (int i = 0; i < CHQ_T__COUNT; i++)
		(void)unlinkat(dir, file_name(i, false), 0);
}

int
tables_files_open(struct chq_tables *t, const struct chq_tables_conf *conf,
		  const struct tables_place *place, char *err, size_t err_size)
{
	int dir = dir_open(place->dir, err, err_size), rc = CHQ_OK;

	if (dir < 0)
		return dir;
	t->lock_fd = dir;
	t->adopted = faccessat(dir, chq_table_name[CHQ_T_HEADER], F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (!t->adopted) {
		unmake(dir);
		rc = place->room ? place->room(place, conf, err, err_size) : CHQ_OK;
	}
	for (int i = 0; i < CHQ_T__COUNT && rc == 0; i++) {
		t->bytes[i] = tables_bytes((enum chq_table_id)i, conf, place->page);
		rc = t->adopted ? file_found(t, i, dir, err, err_size)
				: file_make(t, i, dir, err, err_size);
		if (rc == 0 && t->adopted && i == CHQ_T_HEADER) /* says more than a wrong size */
			rc = tables_header_check(t->mapped[i], conf, err, err_size);
	}
	if (rc && !t->adopted)
		unmake(dir);
	return rc;
}

int
tables_files_commit(const struct tables_place *place)
{
	char from[300], to[300];

	snprintf(from, sizeof(from), "%s/%s", place->dir, HEADER_UNFINISHED);
	snprintf(to, sizeof(to), "%s/%s", place->dir, chq_table_name[CHQ_T_HEADER]);
	return rename(from, to) ? chq_errno() : CHQ_OK;
}

bool
tables_files_found(const struct tables_place *place)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", place->dir, chq_table_name[CHQ_T_HEADER]);
	return access(path, F_OK) == 0;
}

int
tables_files_remove(const struct tables_place *place, char *err, size_t err_size)
{
	char file[300];
	int removed = 0, rc = CHQ_OK, lock;

	if (access(place->dir, F_OK))
		return 0;
	lock = tables_lock(place->dir, err, err_size);
	if (lock < 0)
		return lock;
	snprintf(file, sizeof(file), "%s/%s", place->dir, HEADER_UNFINISHED);
	(void)unlink(file);
	for (int i = 0; i < CHQ_T__COUNT && rc == 0; i++) {
		snprintf(file, sizeof(file), "%s/%s", place->dir, chq_table_name[i]);
		if (unlink(file) == 0)
			removed++;
		else if (errno != ENOENT)
			rc = chq_errno();
	}
	if (rc)
		snprintf(err, err_size, "cannot remove %s: %s", file, chq_strerror(rc));
	else
		(void)rmdir(place->dir);
	close(lock);
	return rc ? rc : removed;
}

int
tables_file_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		 size_t err_size)
{
	struct tables_place place = place_of(conf);

	return tables_files_open(t, conf, &place, err, err_size);
}

int
tables_file_commit(struct chq_tables *t, const struct chq_tables_conf *conf)
{
	struct tables_place place = place_of(conf);

	(void)t;
	return tables_files_commit(&place);
}

int
tables_file_remove(const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	struct tables_place place = place_of(conf);

	return tables_files_remove(&place, err, err_size);
}
