/*
 * Tables as memory-mapped BPF arrays, pinned in <bpffs>/<instance>/: the XDP program reads the same
 * bytes, and they outlive the process. The header is pinned last: one that is found means that all
 * are there.
 */
#include <stdio.h>

#include "base/err.h"
#include "dataplane/tables_priv.h"

#ifdef CHQ_HAVE_BPF
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/magic.h>

#include "base/log.h"

static void
dir_path(char out[256], const struct chq_tables_conf *conf)
{
	snprintf(out, 256, "%s/%s", conf->bpffs, conf->instance);
}

static void
pin_path(char out[300], const struct chq_tables_conf *conf, int id)
{
	snprintf(out, 300, "%s/%s/%s", conf->bpffs, conf->instance, chq_table_name[id]);
}

static bool
is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

/* mkdir -p, folders on the way with mode 0755, the last with 0700. */
static int
make_dirs(const char *path)
{
	char part[256];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return chq_errno();
	}
	return mkdir(path, 0700) && errno != EEXIST ? chq_errno() : CHQ_OK;
}

/* On that very folder: one who may write beside it could have put a link in its place. */
static int
mount_bpffs(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = CHQ_OK;
	char at[32];

	if (fd < 0)
		return chq_errno();
	snprintf(at, sizeof(at), "/proc/self/fd/%d", fd);
	if (mount("chasqui", at, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		rc = chq_errno();
	close(fd);
	return rc;
}

static int
bpffs_ready(const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	char dir[256];
	int rc = CHQ_OK;

	if (!is_bpffs(conf->bpffs)) {
		rc = make_dirs(conf->bpffs);
		if (rc == 0)
			rc = mount_bpffs(conf->bpffs);
		if (rc) {
			snprintf(err, err_size, "no bpffs at %s and none can be mounted there: %s",
				 conf->bpffs, chq_strerror(rc));
			return CHQ_EUNAVAIL;
		}
	}
	dir_path(dir, conf);
	if (mkdir(dir, 0700) && errno != EEXIST) {
		rc = chq_errno();
		snprintf(err, err_size, "cannot make %s: %s", dir, chq_strerror(rc));
		return rc == CHQ_EPERM || rc == CHQ_EACCES ? CHQ_EUNAVAIL : rc;
	}
	return tables_check_owner(dir, err, err_size);
}

static int
map_mmap(struct chq_tables *t, int id, char *err, size_t err_size)
{
	int rc;

	t->mapped[id] = mmap(NULL, t->bytes[id], PROT_READ | PROT_WRITE, MAP_SHARED, t->map_fd[id],
			     0);
	if (t->mapped[id] != MAP_FAILED)
		return CHQ_OK;
	t->mapped[id] = NULL;
	rc = chq_errno();
	snprintf(err, err_size, "cannot map the table %s, %zu bytes: %s%s", chq_table_name[id],
		 t->bytes[id], chq_strerror(rc),
		 rc == CHQ_ENOMEM ? ": raise LimitAS= of the service (ulimit -v)" : "");
	return rc;
}

/* The kernel makes no array. Return: CHQ_EUNAVAIL if it can make none at all; else @rc. */
static int
make_refused(const struct chq_tables *t, int id, const struct chq_tables_conf *conf, int rc,
	     char *err, size_t err_size)
{
	size_t all = 0;

	for (int i = 0; i < CHQ_T__COUNT; i++)
		all += tables_bytes((enum chq_table_id)i, conf, 1);
	if (rc == CHQ_ENOMEM)
		snprintf(err, err_size,
			 "no memory for the BPF array %s: %zu bytes, %zu for all tables: raise the "
			 "memory limit of the service (MemoryMax=, memory.max of its cgroup), or "
			 "lower dataplane.sessions and accounts",
			 chq_table_name[id], t->bytes[id], all);
	else
		snprintf(err, err_size, "the kernel refuses the BPF array %s, %zu bytes: %s%s",
			 chq_table_name[id], t->bytes[id], chq_strerror(rc),
			 rc == CHQ_EPERM ? ": CAP_BPF is needed; before Linux 5.11 also "
					   "LimitMEMLOCK=infinity (ulimit -l)"
					 : "");
	return rc == CHQ_EPERM || rc == CHQ_EINVAL || rc == CHQ_ENOSYS ? CHQ_EUNAVAIL : rc;
}

static int
map_make(struct chq_tables *t, int id, const struct chq_tables_conf *conf, char *err,
	 size_t err_size)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	char pin[300];
	int fd;

	tables_say_making(t, (enum chq_table_id)id);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, chq_table_name[id], sizeof(uint32_t),
			    (uint32_t)tables_elem_size((enum chq_table_id)id),
			    tables_elems((enum chq_table_id)id, conf), &opts);
	if (fd < 0)
		return make_refused(t, id, conf, fd, err, err_size);
	t->map_fd[id] = fd;
	if (id != CHQ_T_HEADER) {
		pin_path(pin, conf, id);
		if (unlink(pin) == 0)
			CHQ_LOG_WARN("tables-leftover", "pin=%s reason=\"it had no header\"",
				     CHQ_Q(pin));
		if (bpf_obj_pin(fd, pin)) {
			fd = chq_errno();
			snprintf(err, err_size, "cannot pin %s: %s", pin, chq_strerror(fd));
			return fd;
		}
	}
	return map_mmap(t, id, err, err_size);
}

static int
map_found(struct chq_tables *t, int id, const struct chq_tables_conf *conf, char *err,
	  size_t err_size)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	char pin[300];

	pin_path(pin, conf, id);
	t->map_fd[id] = bpf_obj_get(pin);
	if (t->map_fd[id] < 0) {
		t->map_fd[id] = -1;
		snprintf(err, err_size,
			 "%s is missing or cannot be opened: %s; `chasqui-dataplane detach` "
			 "removes all tables",
			 pin, chq_strerror(chq_errno()));
		return CHQ_ELAYOUT;
	}
	if (bpf_obj_get_info_by_fd(t->map_fd[id], &info, &len) || info.type != BPF_MAP_TYPE_ARRAY ||
	    info.key_size != sizeof(uint32_t) || !(info.map_flags & BPF_F_MMAPABLE) ||
	    strcmp(info.name, chq_table_name[id]) != 0) {
		snprintf(err, err_size,
			 "%s is no table of ours; remove it, or `chasqui-dataplane detach`", pin);
		return CHQ_ELAYOUT;
	}
	if (info.value_size != tables_elem_size((enum chq_table_id)id) ||
	    info.max_entries != tables_elems((enum chq_table_id)id, conf)) {
		snprintf(err, err_size,
			 "%s has %u entries of %u bytes, the configuration asks for %u of %zu: set "
			 "it back, or "
			 "`chasqui-dataplane detach` removes all tables and ends their sessions",
			 pin, info.max_entries, info.value_size,
			 (unsigned)tables_elems((enum chq_table_id)id, conf),
			 tables_elem_size((enum chq_table_id)id));
		return CHQ_ELAYOUT;
	}
	return map_mmap(t, id, err, err_size);
}

/* Half of the tables are no use, but their pins would keep the memory. */
static void
unpin_made(const struct chq_tables_conf *conf)
{
	char pin[300];

	for (int i = 0; i < CHQ_T__COUNT; i++) {
		pin_path(pin, conf, i);
		unlink(pin);
	}
}

int
tables_bpf_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		size_t err_size)
{
	char pin[300], dir[256];
	int rc = bpffs_ready(conf, err, err_size);

	if (rc)
		return rc;
	dir_path(dir, conf);
	t->lock_fd = tables_lock(dir, err, err_size);
	if (t->lock_fd < 0)
		return t->lock_fd;
	pin_path(pin, conf, CHQ_T_HEADER);
	t->adopted = access(pin, F_OK) == 0;
	for (int i = 0; i < CHQ_T__COUNT && rc == 0; i++) {
		t->bytes[i] = tables_bytes((enum chq_table_id)i, conf, 1);
		rc = t->adopted ? map_found(t, i, conf, err, err_size)
				: map_make(t, i, conf, err, err_size);
		if (rc == 0 && t->adopted && i == CHQ_T_HEADER) /* says more than a wrong size */
			rc = tables_header_check(t->mapped[i], conf, err, err_size);
	}
	if (rc && !t->adopted)
		unpin_made(conf);
	return rc;
}

int
tables_bpf_commit(struct chq_tables *t, const struct chq_tables_conf *conf)
{
	char pin[300];

	pin_path(pin, conf, CHQ_T_HEADER);
	return bpf_obj_pin(t->map_fd[CHQ_T_HEADER], pin) ? chq_errno() : CHQ_OK;
}

bool
tables_bpf_found(const struct chq_tables_conf *conf)
{
	char pin[300];

	pin_path(pin, conf, CHQ_T_HEADER);
	return access(pin, F_OK) == 0;
}

int
tables_bpf_remove(const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	char path[300], dir[256];
	int removed = 0, rc = CHQ_OK, lock;

	dir_path(dir, conf);
	if (!is_bpffs(conf->bpffs) || access(dir, F_OK))
		return 0;
	lock = tables_lock(dir, err, err_size);
	if (lock < 0)
		return lock;
	for (int i = 0; i < CHQ_T__COUNT && rc == 0; i++) {
		pin_path(path, conf, i);
		if (unlink(path) == 0)
			removed++;
		else if (errno != ENOENT)
			rc = chq_errno();
	}
	if (rc)
		snprintf(err, err_size, "cannot remove %s: %s", path, chq_strerror(rc));
	else
		(void)rmdir(dir);
	close(lock);
	return rc ? rc : removed;
}
#else
int
tables_bpf_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		size_t err_size)
{
	(void)t, (void)conf;
	snprintf(err, err_size, "this build has no BPF");
	return CHQ_EUNAVAIL;
}

int
tables_bpf_commit(struct chq_tables *t, const struct chq_tables_conf *conf)
{
	(void)t, (void)conf;
	return CHQ_EUNAVAIL;
}

bool
tables_bpf_found(const struct chq_tables_conf *conf)
{
	(void)conf;
	return false;
}

int
tables_bpf_remove(const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	(void)conf, (void)err, (void)err_size;
	return 0;
}
#endif
