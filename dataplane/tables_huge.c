/*
 * Tables as files in a hugetlbfs: for ports that the kernel does not see, where no BPF program reads
 * them. A look-up among ten million sessions then misses the TLB once where it missed it two or
 * three times. The files keep the pages, and so the sessions, when the process is killed.
 */
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/err.h"
#include "dataplane/tables_priv.h"

#define MOUNTS	      "/proc/self/mounts"
#define PAGES_DIR     "/sys/kernel/mm/hugepages"
#define PAGE_ORDINARY ((size_t)2 << 20)

/* Return: the page size of the hugetlbfs at @path, 0 if there is none. */
static size_t
page_size_of(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) || (uint32_t)fs.f_type != HUGETLBFS_MAGIC)
		return 0;
	return (size_t)fs.f_bsize;
}

/* The first hugetlbfs that we may write to, one of 2 MiB pages before others. Return: its page
 * size, 0 if there is none. */
static size_t
mount_find(char out[200])
{
	FILE *f = setmntent(MOUNTS, "re");
	const struct mntent *m;
	size_t found = 0;

	while (f && found != PAGE_ORDINARY && (m = getmntent(f))) {
		size_t page;

		if (strcmp(m->mnt_type, "hugetlbfs") != 0 || strlen(m->mnt_dir) >= 200 ||
		    access(m->mnt_dir, W_OK) != 0)
			continue;
		page = page_size_of(m->mnt_dir);
		if (page == 0 || (found && page != PAGE_ORDINARY))
			continue;
		found = page;
		snprintf(out, 200, "%s", m->mnt_dir);
	}
	if (f)
		endmntent(f);
	return found;
}

/* One of the kernel's figures for pages of that size, 0 if it cannot be read. */
static uint64_t
figure(size_t page, const char *name)
{
	unsigned long long n = 0;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), PAGES_DIR "/hugepages-%zukB/%s", page / 1024, name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

/* Are there pages for all tables, and, if nobody asked for huge pages, for others too? 0;
 * CHQ_EUNAVAIL and a text. */
static int
room_check(const struct tables_place *place, const struct chq_tables_conf *conf, char *err,
	   size_t err_size)
{
	size_t page = place->page, spare = conf->backing == CHQ_BACKING_AUTO ? conf->huge_spare : 0;
	uint64_t need = 0, there = figure(page, "free_hugepages"),
		 reserved = figure(page, "resv_hugepages"),
		 over = figure(page, "nr_overcommit_hugepages"),
		 surplus = figure(page, "surplus_hugepages");
	uint64_t others = (spare + page - 1) / page;

	for (int i = 0; i < CHQ_T__COUNT; i++)
		need += tables_bytes((enum chq_table_id)i, conf, page) / page;
	there -= reserved < there ? reserved : there;
	there += over > surplus ? over - surplus : 0;
	if (there >= need + others)
		return CHQ_OK;
	snprintf(err, err_size,
		 "the tables need %llu huge pages of %zu KiB (%llu MiB)%s, %llu are free: set "
		 "vm.nr_hugepages to %llu, or dataplane.tables to bpf or file",
		 (unsigned long long)need, page / 1024,
		 (unsigned long long)need * (page / 1024) / 1024,
		 others ? " beside the packet memory" : "", (unsigned long long)there,
		 (unsigned long long)(figure(page, "nr_hugepages") + need + others - there));
	return CHQ_EUNAVAIL;
}

/* Where the tables lie or are to lie. 0; CHQ_EUNAVAIL and a text. */
static int
place_of(struct tables_place *p, const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	char at[200];

	if (conf->hugetlbfs) {
		snprintf(at, sizeof(at), "%s", conf->hugetlbfs);
		p->page = page_size_of(at);
	} else {
		p->page = mount_find(at);
	}
	p->room = room_check;
	if (p->page) {
		snprintf(p->dir, sizeof(p->dir), "%s/chasqui-%s", at, conf->instance);
		return CHQ_OK;
	}
	if (conf->hugetlbfs)
		snprintf(err, err_size, "dataplane.hugetlbfs: no hugetlbfs is mounted at %s", at);
	else
		snprintf(err, err_size,
			 "no hugetlbfs is mounted: `mount -t hugetlbfs none /dev/hugepages`, or "
			 "set dataplane.hugetlbfs");
	return CHQ_EUNAVAIL;
}

int
tables_huge_open(struct chq_tables *t, const struct chq_tables_conf *conf, char *err,
		 size_t err_size)
{
	struct tables_place place;
	int rc = place_of(&place, conf, err, err_size);

	return rc ? rc : tables_files_open(t, conf, &place, err, err_size);
}

int
tables_huge_commit(const struct chq_tables_conf *conf)
{
	struct tables_place place;
	char err[256];
	int rc = place_of(&place, conf, err, sizeof(err));

	return rc ? rc : tables_files_commit(&place);
}

bool
tables_huge_found(const struct chq_tables_conf *conf)
{
	struct tables_place place;
	char err[256];

	return place_of(&place, conf, err, sizeof(err)) == 0 && tables_files_found(&place);
}

int
tables_huge_remove(const struct chq_tables_conf *conf, char *err, size_t err_size)
{
	struct tables_place place;

	if (place_of(&place, conf, err, err_size))
		return 0;
	return tables_files_remove(&place, err, err_size);
}

int
chq_tables_huge_dir(const struct chq_tables_conf *conf, char out[256])
{
	struct tables_place place;
	char err[256];
	int rc = place_of(&place, conf, err, sizeof(err));

	if (rc == 0)
		snprintf(out, 256, "%s", place.dir);
	return rc;
}
