#include "dataplane/xdp_pins.h"

#include <dirent.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"

#define PIN_PREFIX "if-"

static const char *const pin_suffix[CHQ_XDP_PIN__COUNT] = {
	[CHQ_XDP_PIN_LINK] = "-link",
	[CHQ_XDP_PIN_XSKS] = "-xsks",
	[CHQ_XDP_PIN_CONF] = "-conf",
	[CHQ_XDP_PIN_COUNTS] = "-counts",
};

static void
swap_char(char *s, char from, char to)
{
	for (; *s; s++) {
		if (*s == from)
			*s = to;
	}
}

void
chq_xdp_pin_path(char path[PATH_MAX], const char *dir, const char *ifname, enum chq_xdp_pin pin)
{
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "%s", ifname);
	swap_char(name, '.', ':');
	snprintf(path, PATH_MAX, "%s/" PIN_PREFIX "%s%s", dir, name, pin_suffix[pin]);
}

void
chq_xdp_unpin(const char *dir, const char *ifname)
{
	char path[PATH_MAX];

	for (int pin = 0; pin < CHQ_XDP_PIN__COUNT; pin++) {
		chq_xdp_pin_path(path, dir, ifname, (enum chq_xdp_pin)pin);
		unlink(path);
	}
}

/* --- programs and links --- */

void
chq_xdp_prog_of(struct chq_xdp_prog *p, uint32_t id, int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	*p = (struct chq_xdp_prog){ .id = id, .name = "?" };
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return;
	p->id = info.id;
	if (info.name[0])
		snprintf(p->name, sizeof(p->name), "%s", info.name);
	chq_hex_encode(p->tag, info.tag, BPF_TAG_SIZE);
	if (info.load_time)
		p->since_ms = chq_wall_ms() -
			      (chq_clock_ns(CLOCK_BOOTTIME) - info.load_time) / CHQ_NS_PER_MS;
}

void
chq_xdp_prog_by_id(struct chq_xdp_prog *p, uint32_t id)
{
	int fd = bpf_prog_get_fd_by_id(id);

	chq_xdp_prog_of(p, id, fd);
	if (fd >= 0)
		close(fd);
}

int
chq_xdp_link_info(int fd, struct bpf_link_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &len) < 0)
		return CHQ_ECORRUPT;
	return info->type == BPF_LINK_TYPE_XDP ? 0 : CHQ_ECORRUPT;
}

uint32_t
chq_xdp_attached(unsigned int ifindex, bool *native)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	*native = false;
	if (ifindex == 0 || bpf_xdp_query((int)ifindex, 0, &q) < 0)
		return 0;
	*native = q.drv_prog_id != 0;
	if (q.drv_prog_id)
		return q.drv_prog_id;
	return q.skb_prog_id ? q.skb_prog_id : q.hw_prog_id;
}

/* --- what is pinned --- */

int
chq_xdp_counts_add(int counts_fd, uint64_t sum[CHQ_C__COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	struct chq_xdp_counts *each;
	uint32_t key = 0;
	int rc = 0;

	if (cpus <= 0)
		return cpus;
	each = calloc((size_t)cpus, sizeof(*each));
	if (!each)
		return CHQ_ENOMEM;
	if (bpf_map_lookup_elem(counts_fd, &key, each) < 0)
		rc = chq_errno();
	for (int cpu = 0; !rc && cpu < cpus; cpu++) {
		for (int c = 0; c < CHQ_C__COUNT; c++)
			sum[c] += each[cpu].n[c];
	}
	free(each);
	return rc;
}

/* Open a pinned map of our shape. Return: descriptor; -1. */
static int
open_map(const char *dir, const char *ifname, enum chq_xdp_pin pin, uint32_t type,
	 uint32_t value_size)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	char path[PATH_MAX];
	int fd;

	chq_xdp_pin_path(path, dir, ifname, pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -1;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == type &&
	    info.value_size == value_size)
		return fd;
	close(fd);
	return -1;
}

static void
status_maps(const char *dir, struct chq_xdp_status *s)
{
	uint32_t key = 0;
	int fd = open_map(dir, s->ifname, CHQ_XDP_PIN_CONF, BPF_MAP_TYPE_ARRAY, sizeof(s->conf));

	if (fd >= 0) {
		s->has_conf = bpf_map_lookup_elem(fd, &key, &s->conf) == 0;
		s->conf.why_generic[sizeof(s->conf.why_generic) - 1] = '\0';
		close(fd);
	}
	fd = open_map(dir, s->ifname, CHQ_XDP_PIN_COUNTS, BPF_MAP_TYPE_PERCPU_ARRAY,
		      sizeof(s->counts));
	if (fd >= 0) {
		s->has_counts = chq_xdp_counts_add(fd, s->counts.n) == 0;
		close(fd);
	}
}

static void
status_of(const char *dir, struct chq_xdp_status *s)
{
	struct bpf_link_info info;
	char path[PATH_MAX];
	int fd;

	status_maps(dir, s);
	chq_xdp_pin_path(path, dir, s->ifname, CHQ_XDP_PIN_LINK);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	s->linked = chq_xdp_link_info(fd, &info) == 0;
	close(fd);
	if (!s->linked)
		return;
	s->ifindex = info.xdp.ifindex;
	s->link_id = info.id;
	chq_xdp_prog_by_id(&s->prog, info.prog_id);
	s->seen = chq_xdp_attached(s->ifindex, &s->native) == info.prog_id;
}

/* Return: true and the interface's name if @file is a pin of ours of the kind @pin. */
static bool
is_pin(const char *file, enum chq_xdp_pin pin, char ifname[IF_NAMESIZE])
{
	size_t prefix = strlen(PIN_PREFIX), suffix = strlen(pin_suffix[pin]), len = strlen(file);

	if (len <= prefix + suffix || len - prefix - suffix >= IF_NAMESIZE ||
	    strncmp(file, PIN_PREFIX, prefix) != 0 ||
	    strcmp(file + len - suffix, pin_suffix[pin]) != 0)
		return false;
	snprintf(ifname, IF_NAMESIZE, "%.*s", (int)(len - prefix - suffix), file + prefix);
	swap_char(ifname, ':', '.');
	return true;
}

/* Is @file the first of its interface's pins that is there? So each interface is met once. */
static bool
first_pin(const char *dir, const char *file, char ifname[IF_NAMESIZE])
{
	char path[PATH_MAX];

	for (int pin = 0; pin < CHQ_XDP_PIN__COUNT; pin++) {
		if (!is_pin(file, (enum chq_xdp_pin)pin, ifname))
			continue;
		for (int before = 0; before < pin; before++) {
			chq_xdp_pin_path(path, dir, ifname, (enum chq_xdp_pin)before);
			if (access(path, F_OK) == 0)
				return false;
		}
		return true;
	}
	return false;
}

int
chq_xdp_list(const char *dir, void (*each_fn)(const struct chq_xdp_status *s, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (!d)
		return errno == ENOENT ? 0 : chq_errno();
	while ((e = readdir(d)) != NULL) {
		struct chq_xdp_status s = { 0 };

		if (!first_pin(dir, e->d_name, s.ifname))
			continue;
		status_of(dir, &s);
		each_fn(&s, arg);
		n++;
	}
	closedir(d);
	return n;
}

/* --- renamed interfaces --- */

struct follow {
	const char *dir, *ifname;
	unsigned int ifindex;
	char *was;
	bool found;
};

static void
follow_one(const struct chq_xdp_status *s, void *arg)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct follow *f = arg;

	if (!s->linked || s->ifindex != f->ifindex || !strcmp(s->ifname, f->ifname))
		return;
	/* The link last: killed before, the next start goes on. */
	for (int pin = CHQ_XDP_PIN__COUNT - 1; pin >= CHQ_XDP_PIN_LINK; pin--) {
		chq_xdp_pin_path(from, f->dir, s->ifname, (enum chq_xdp_pin)pin);
		chq_xdp_pin_path(to, f->dir, f->ifname, (enum chq_xdp_pin)pin);
		rename(from, to);
	}
	snprintf(f->was, IF_NAMESIZE, "%s", s->ifname);
	f->found = true;
}

bool
chq_xdp_pins_follow(const char *dir, const char *ifname, unsigned int ifindex,
		    char was[IF_NAMESIZE])
{
	struct follow f = { .dir = dir, .ifname = ifname, .ifindex = ifindex, .was = was };

	chq_xdp_list(dir, follow_one, &f);
	return f.found;
}

/* --- detach --- */

/* Unpinning is not enough: somebody else may hold the link open. */
static int
detach_link(const char *path)
{
	struct bpf_link_info info;
	struct chq_xdp_prog prog;
	int fd = bpf_obj_get(path), rc = 0;

	if (fd < 0)
		return errno == ENOENT || errno == EINVAL ? 0 : chq_errno();
	if (chq_xdp_link_info(fd, &info) == 0 && info.xdp.ifindex != 0) {
		chq_xdp_prog_by_id(&prog, info.prog_id);
		if (strcmp(prog.name, "?") != 0 && strcmp(prog.name, CHQ_XDP_PROG_NAME) != 0)
			rc = 0; /* not ours: it keeps what it has */
		else if (bpf_link_detach(fd) < 0)
			rc = chq_errno();
	}
	close(fd);
	return rc;
}

static int
detach_one(const char *dir, const char *ifname)
{
	char path[PATH_MAX];
	int rc;

	chq_xdp_pin_path(path, dir, ifname, CHQ_XDP_PIN_LINK);
	rc = detach_link(path);
	if (!rc)
		chq_xdp_unpin(dir, ifname);
	return rc;
}

int
chq_xdp_detach(const char *dir, const char *ifname)
{
	char names[CHQ_TABLE_PORTS_MAX][IF_NAMESIZE];
	int n, rc = 0, done = 0;
	struct dirent *e;
	DIR *d;

	if (ifname) {
		rc = detach_one(dir, ifname);
		return rc ? rc : 1;
	}
	do { /* a folder that is read is not changed */
		n = 0;
		d = opendir(dir);
		if (!d)
			return errno == ENOENT ? done : chq_errno();
		while (n < CHQ_TABLE_PORTS_MAX && (e = readdir(d)) != NULL)
			n += first_pin(dir, e->d_name, names[n]);
		closedir(d);
		for (int i = 0; !rc && i < n; i++, done++)
			rc = detach_one(dir, names[i]);
	} while (!rc && n == CHQ_TABLE_PORTS_MAX);
	return rc ? rc : done;
}
