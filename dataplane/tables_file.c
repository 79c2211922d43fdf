/* Tables as mapped files in <run_dir>/tables-<instance>/, for machines where BPF is not to be
 * had. */
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

static void
dir_path(char out[256], const struct chq_tables_conf *conf)
{
	snprintf(out, 256, "%s/tables-%s", conf->run_dir, conf->instance);
}

static const char *
file_name(int id, bool finished)
{
	return id == CHQ_T_HEADER && !finished ? HEADER_UNFINISHED : chq_table_name[id];
}

static int
file_map(struct chq_tables *t, int id, int fd)
{
	t->mapped[id] = mmap(NULL, t->bytes[id], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
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

	(void)unlinkat(dir, name, 0); /* of a making that was cut short */
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = chq_errno();
		snprintf(err, err_size, "cannot make the table %s: %s", name, chq_strerror(rc));
		return rc;
	}
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

int
tables_file_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		 size_t err_size)
{
	char path[256];
	int dir, rc = CHQ_OK;

	dir_path(path, conf);
	dir = dir_open(path, err, err_size);
	if (dir < 0)
		return dir;
	t->lock_fd = dir;
	t->adopted = faccessat(dir, chq_table_name[CHQ_T_HEADER], F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	for (int i = 0; i < CHQ_T__COUNT && rc == 0; i++) {
		t->bytes[i] = tables_elem_size((enum chq_table_id)i) *
			      tables_elems((enum chq_table_id)i, conf);
		rc = t->adopted ? file_found(t, i, dir, err, err_size)
				: file_make(t, i, dir, err, err_size);
		if (rc == 0 && t->adopted && i == CHQ_T_HEADER) /* says more than a wrong size */
			rc = tables_header_check(t->mapped[i], conf, err, err_size);
	}
	return rc;
}

int
tables_file_commit(struct chq_tables *t, const struct chq_tables_conf *conf)
{
	char path[256], from[300], to[300];

	(void)t;
	dir_path(path, conf);
	snprintf(from, sizeof(from), "%s/%s", path, HEADER_UNFINISHED);
	snprintf(to, sizeof(to), "%s/%s", path, chq_table_name[CHQ_T_HEADER]);
	return rename(from, to) ? chq_errno() : CHQ_OK;
}

int
tables_file_remove(const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	char path[256], file[300];
	int removed = 0, rc = CHQ_OK, lock;

	dir_path(path, conf);
	if (access(path, F_OK))
		return 0;
	lock = tables_lock(path, err, err_size);
	if (lock < 0)
		return lock;
	snprintf(file, sizeof(file), "%s/%s", path, HEADER_UNFINISHED);
	(void)unlink(file);
	for (int i = 0; i < CHQ_T__COUNT && rc == 0; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, chq_table_name[i]);
		if (unlink(file) == 0)
			removed++;
		else if (errno != ENOENT)
			rc = chq_errno();
	}
	if (rc)
		snprintf(err, err_size, "cannot remove %s: %s", file, chq_strerror(rc));
	else
		(void)rmdir(path);
	close(lock);
	return rc ? rc : removed;
}
