#include "dataplane/instance.h"

#include <dirent.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/log.h"
#include "dataplane/driver_order.h"
#include "dataplane/kernel_tap.h"
#ifdef CHQ_HAVE_XDP
#include "dataplane/napi.h"
#include "dataplane/xdp_json.h"
#endif

#define LOCK_TRIES   20
#define LOCK_WAIT_US 10000

static enum chq_backing
backing_of(uint32_t word)
{
	switch (word) {
	case CHQ_TABLES_BPF: return CHQ_BACKING_BPF;
	case CHQ_TABLES_FILE: return CHQ_BACKING_FILE;
	case CHQ_TABLES_HUGE: return CHQ_BACKING_HUGE;
	default: return CHQ_BACKING_AUTO;
	}
}

/* Is this a driver whose frames no BPF program ever sees? */
static bool
polls_its_ports(const struct chq_site_conf *conf)
{
#ifdef CHQ_HAVE_DPDK
	enum chq_conf_driver order[CHQ_DRIVER__COUNT];
	const char *why;

	return chq_driver_order(conf, order, &why) > 0 && order[0] == CHQ_DRIVER_DPDK;
#else
	(void)conf;
	return false;
#endif
}

static void
huge_init(struct chq_tables_conf *t, const struct chq_site_conf *conf)
{
	if (strcmp(conf->dataplane.hugetlbfs, "auto") != 0)
		t->hugetlbfs = conf->dataplane.hugetlbfs;
	t->huge_first = polls_its_ports(conf);
	if (conf->dataplane.hugepages != CHQ_HUGEPAGES_OFF)
		t->huge_spare = conf->dataplane.memory_bytes;
}

static int
file_name(char *out, size_t size, const struct chq_instance *in, const char *suffix)
{
	int n = snprintf(out, size, "%s/dataplane-%s%s", in->tables.run_dir, in->tables.instance,
			 suffix);

	return n < 0 || (size_t)n >= size ? CHQ_ENAMETOOLONG : 0;
}

int
chq_instance_init(struct chq_instance *in, const struct chq_site_conf *conf)
{
	const char *run = conf->paths.run, *name = conf->dataplane.instance;
	int rc;

	memset(in, 0, sizeof(*in));
	in->conf = conf;
	in->tables = (struct chq_tables_conf){ .backing = backing_of(conf->dataplane.tables),
					       .bpffs = conf->dataplane.bpffs,
					       .run_dir = run,
					       .instance = name,
					       .sessions = conf->dataplane.sessions,
					       .accounts = conf->dataplane.accounts };
	huge_init(&in->tables, conf);
	rc = file_name(in->lock, sizeof(in->lock), in, ".lock");
	if (!rc)
		rc = file_name(in->socket, sizeof(in->socket), in, ".sock");
	if (!rc)
		rc = file_name(in->status, sizeof(in->status), in, "-status.sock");
	snprintf(in->pins, sizeof(in->pins), "%s/%s", conf->dataplane.bpffs, name);
	return rc;
}

int
chq_instance_lock(const struct chq_instance *in, pid_t *holder)
{
	int fd = CHQ_ELOCKED;

	if (mkdir(in->conf->paths.run, 0755) < 0 && errno != EEXIST)
		return chq_errno();
	/* Whoever asks for the status holds it for a moment. */
	for (int i = 0; fd == CHQ_ELOCKED && i < LOCK_TRIES; i++) {
		if (i)
			usleep(LOCK_WAIT_US);
		fd = chq_lock_take(in->lock, holder);
	}
	return fd;
}

/* --- what is there --- */

/* Names in a folder; empty when it is not there. */
static json_t *
names_json(const char *dir)
{
	json_t *names = json_array();
	const struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '.')
			json_array_append_new(names, json_string(e->d_name));
	}
	if (d)
		closedir(d);
	return names;
}

#ifdef CHQ_HAVE_XDP
static void
link_json(const struct chq_xdp_status *s, void *arg)
{
	json_array_append_new(arg, chq_xdp_status_json(s));
}
#endif

static json_t *
links_json(const struct chq_instance *in)
{
	json_t *links = json_array();

#ifdef CHQ_HAVE_XDP
	chq_xdp_list(in->pins, link_json, links);
#else
	(void)in;
#endif
	return links;
}

json_t *
chq_instance_status(const struct chq_instance *in)
{
	char files[1200], huge[256] = "";
	pid_t holder = 0;
	int fd = chq_lock_take(in->lock, &holder);
	int running = fd == CHQ_ELOCKED;

	chq_lock_release(fd);
	snprintf(files, sizeof(files), "%s/tables-%s", in->tables.run_dir, in->tables.instance);
	(void)chq_tables_huge_dir(&in->tables, huge);
	return json_pack("{s:b, s:I, s:s, s:s, s:o, s:o, s:o, s:o}", "running", running, "pid",
			 (json_int_t)(running ? holder : 0), "instance", in->tables.instance,
			 "pins_dir", in->pins, "pins", names_json(in->pins), "table_files",
			 names_json(files), "huge_files", names_json(huge), "links",
			 links_json(in));
}

#ifdef CHQ_HAVE_XDP
static void
add_counts(const struct chq_xdp_status *s, void *arg)
{
	struct chq_xdp_counts *sum = arg;

	for (int c = 0; s->has_counts && c < CHQ_C__COUNT; c++)
		sum->n[c] += s->counts.n[c];
}
#endif

json_t *
chq_instance_stats(const struct chq_instance *in)
{
	json_t *program = NULL;

#ifdef CHQ_HAVE_XDP
	struct chq_xdp_counts sum = { 0 };

	chq_xdp_list(in->pins, add_counts, &sum);
	program = chq_xdp_counts_json(&sum, false);
#else
	(void)in;
	program = json_object();
#endif
	return json_pack("{s:o}", "program", program);
}

#ifdef CHQ_HAVE_XDP
struct strays {
	const struct chq_conf_strings *kept;
	const char *dir;
};

static void
drop_stray(const struct chq_xdp_status *s, void *arg)
{
	const struct strays *strays = arg;

	for (size_t i = 0; strays->kept && i < strays->kept->count; i++) {
		if (!strcmp(strays->kept->items[i], s->ifname))
			return;
	}
	chq_xdp_detach(strays->dir, s->ifname);
	CHQ_LOG_WARN("xdp-detached",
		     "interface=%s reason=\"an earlier start has attached it, this one does not "
		     "use it\"",
		     s->ifname);
}
#endif

void
chq_instance_drop_strays(const struct chq_instance *in, enum chq_conf_driver driver)
{
#ifdef CHQ_HAVE_XDP
	bool programs = driver == CHQ_DRIVER_XDP || driver == CHQ_DRIVER_AF_XDP;
	struct strays strays = { programs ? &in->conf->dataplane.interfaces : NULL, in->pins };

	chq_xdp_list(in->pins, drop_stray, &strays);
	if (driver != CHQ_DRIVER_AF_XDP)
		chq_napi_detach(in->pins);
#else
	(void)in, (void)driver;
#endif
}

/* Is that bpffs one that chq_tables_open() has mounted? It names itself so. */
static bool
bpffs_is_ours(const char *path)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	const struct mntent *m;
	bool ours = false;

	while (f && (m = getmntent(f))) {
		if (!strcmp(m->mnt_dir, path))
			ours = !strcmp(m->mnt_fsname, "chasqui") && !strcmp(m->mnt_type, "bpf");
	}
	if (f)
		endmntent(f);
	return ours;
}

/* Other instances have folders in it; the kernel's own entries are files. */
static bool
has_folders(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	bool found = d == NULL;

	while (d && !found && (e = readdir(d)))
		found = e->d_type == DT_DIR && e->d_name[0] != '.';
	if (d)
		closedir(d);
	return found;
}

int
chq_instance_detach(const struct chq_instance *in, char *err, size_t err_size)
{
	struct chq_tables_conf all = in->tables;
	int links = 0, tables;

	all.backing = CHQ_BACKING_AUTO; /* also those of a configuration before this one */
	tables = chq_tables_remove(&all, err, err_size);
	if (tables == CHQ_ELOCKED)
		return tables;
	chq_tap_remove_all(in->tables.instance);
#ifdef CHQ_HAVE_XDP
	chq_napi_detach(in->pins);
	links = chq_xdp_detach(in->pins, NULL);
	if (links < 0) {
		snprintf(err, err_size, "cannot remove the links in %s: %s", in->pins,
			 chq_strerror(links));
		return links;
	}
#endif
	rmdir(in->pins);
	if (bpffs_is_ours(in->tables.bpffs) && !has_folders(in->tables.bpffs) &&
	    umount(in->tables.bpffs) == 0)
		rmdir(in->tables.bpffs);
	return tables < 0 ? tables : links + tables;
}
