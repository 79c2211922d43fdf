#include "dataplane/napi.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/err.h"
#include "base/log.h"
#include "dataplane/atomic.h"

#define CLASS_NET  "/sys/class/net"
#define PIN_PREFIX "napi-"

static const struct {
	const char *file;
	unsigned long value;
} settings[CHQ_NAPI__COUNT] = {
	[CHQ_NAPI_TIMEOUT] = { "gro_flush_timeout", 200000 }, /* ns */
	[CHQ_NAPI_DEFER] = { "napi_defer_hard_irqs", 2 },
};

static int
read_number(int fd, unsigned long *value)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return n < 0 ? chq_errno() : CHQ_EIO;
	text[n] = '\0';
	*value = strtoul(text, NULL, 10);
	return 0;
}

static int
write_number(int fd, unsigned long value)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lu\n", value);

	return pwrite(fd, text, (size_t)n, 0) < 0 ? chq_errno() : 0;
}

/* `ip netns exec` mounts a sysfs of its namespace, nsenter does not: then sysfs tells of other
 * interfaces. */
static bool
sysfs_is_ours(const char *ifname)
{
	unsigned long index = 0;
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), CLASS_NET "/%s/ifindex", ifname);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read_number(fd, &index))
		index = 0;
	close(fd);
	return index != 0 && index == if_nametoindex(ifname);
}

/* --- what they were --- */

/* The value of the pinned map. */
struct chq_napi_saved {
	uint32_t ifindex; /* of the interface; 0 = nothing is changed. Written last */
	uint32_t pad;
	uint64_t was[CHQ_NAPI__COUNT];
};

/* bpffs takes no dots, and no interface has a colon in its name. */
static void
pin_path(char path[PATH_MAX], const char *dir, const char *ifname)
{
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "%s", ifname);
	for (char *c = name; *c; c++)
		*c = *c == '.' ? ':' : *c;
	snprintf(path, PATH_MAX, "%s/" PIN_PREFIX "%s", dir, name);
}

static struct chq_napi_saved *
saved_map(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	void *at;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.type != BPF_MAP_TYPE_ARRAY ||
	    info.value_size != sizeof(struct chq_napi_saved) || !(info.map_flags & BPF_F_MMAPABLE))
		return NULL;
	at = mmap(NULL, sizeof(struct chq_napi_saved), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

/* What is pinned; with @make a new one if there is none. NULL: none, or none can be had. */
static struct chq_napi_saved *
saved_open(const char *dir, const char *ifname, bool make)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct chq_napi_saved *saved = NULL;
	char path[PATH_MAX];
	int fd;

	pin_path(path, dir, ifname);
	fd = bpf_obj_get(path);
	if (fd >= 0)
		saved = saved_map(fd);
	if (!saved && make) {
		if (fd >= 0)
			close(fd);
		unlink(path);
		fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "chq_napi", sizeof(uint32_t),
				    sizeof(struct chq_napi_saved), 1, &opts);
		if (fd >= 0 && bpf_obj_pin(fd, path) == 0)
			saved = saved_map(fd);
	}
	if (fd >= 0)
		close(fd);
	return saved;
}

static void
saved_close(struct chq_napi_saved *saved)
{
	if (saved)
		munmap(saved, sizeof(*saved));
}

/* A killed process has left our own values behind: what it remembered counts, not what stands there. */
static void
remember(struct chq_napi *n, const char *dir, const char *ifname)
{
	uint32_t ifindex = if_nametoindex(ifname);

	n->saved = saved_open(dir, ifname, true);
	if (!n->saved) {
		CHQ_LOG_WARN("busy-poll-unsaved", "interface=%s effect=\"not undone after a kill\"",
			     ifname);
		return;
	}
	for (int i = 0; i < CHQ_NAPI__COUNT; i++) {
		if (n->saved->ifindex == ifindex)
			n->was[i] = n->saved->was[i];
		else
			n->saved->was[i] = n->was[i];
	}
	CHQ_STORE_RELEASE(&n->saved->ifindex, ifindex);
}

/* --- setting --- */

static int
open_one(struct chq_napi *n, int which, const char *ifname)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CLASS_NET "/%s/%s", ifname, settings[which].file);
	n->fd[which] = open(path, O_RDWR | O_CLOEXEC);
	return n->fd[which] < 0 ? chq_errno() : read_number(n->fd[which], &n->was[which]);
}

static int
open_all(struct chq_napi *n, const char *ifname)
{
	int rc = sysfs_is_ours(ifname) ? 0 : CHQ_ENOENT;

	for (int i = 0; !rc && i < CHQ_NAPI__COUNT; i++)
		rc = open_one(n, i, ifname);
	return rc;
}

static void
close_all(struct chq_napi *n)
{
	for (int i = 0; i < CHQ_NAPI__COUNT; i++) {
		if (n->fd[i] >= 0)
			close(n->fd[i]);
		n->fd[i] = -1;
	}
	saved_close(n->saved);
	n->saved = NULL;
}

void
chq_napi_init(struct chq_napi *n)
{
	n->saved = NULL;
	for (int i = 0; i < CHQ_NAPI__COUNT; i++)
		n->fd[i] = -1;
}

void
chq_napi_set(struct chq_napi *n, const char *dir, const char *ifname)
{
	int rc = open_all(n, ifname);

	if (rc)
		close_all(n);
	else
		remember(n, dir, ifname);
	for (int i = 0; !rc && i < CHQ_NAPI__COUNT; i++)
		rc = write_number(n->fd[i], settings[i].value);
	if (rc)
		CHQ_LOG_WARN("busy-poll-unset", "interface=%s reason=\"%s\" effect=slower", ifname,
			     chq_strerror(rc));
}

void
chq_napi_restore(struct chq_napi *n)
{
	int rc = 0;

	for (int i = 0; i < CHQ_NAPI__COUNT; i++) {
		if (n->fd[i] >= 0 && write_number(n->fd[i], n->was[i]))
			rc = CHQ_EIO;
	}
	if (n->saved && rc == 0)
		n->saved->ifindex = 0;
	close_all(n);
}

/* --- without a process --- */

static void
detach_one(const char *dir, const char *ifname)
{
	struct chq_napi_saved *saved = saved_open(dir, ifname, false);
	struct chq_napi n;
	char path[PATH_MAX];

	chq_napi_init(&n);
	if (saved && saved->ifindex != 0 && saved->ifindex == if_nametoindex(ifname)) {
		if (open_all(&n, ifname))
			CHQ_LOG_WARN("busy-poll-not-undone", "interface=%s", ifname);
		for (int i = 0; i < CHQ_NAPI__COUNT; i++) {
			if (n.fd[i] >= 0)
				write_number(n.fd[i], saved->was[i]);
		}
	}
	close_all(&n);
	saved_close(saved);
	pin_path(path, dir, ifname);
	unlink(path);
}

void
chq_napi_detach(const char *dir)
{
	size_t prefix = strlen(PIN_PREFIX);
	char name[IF_NAMESIZE];
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, PIN_PREFIX, prefix) != 0 ||
		    strlen(e->d_name + prefix) >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%s", e->d_name + prefix);
		for (char *c = name; *c; c++)
			*c = *c == ':' ? '.' : *c;
		detach_one(dir, name);
	}
	if (d)
		closedir(d);
}

/* --- queues --- */

static int
sysfs_rx_queues(const char *ifname)
{
	char path[PATH_MAX];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), CLASS_NET "/%s/queues", ifname);
	d = opendir(path);
	if (!d)
		return 0;
	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "rx-", 3) == 0;
	closedir(d);
	return n;
}

static int
ethtool_rx_queues(const char *ifname)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq req = { .ifr_data = (void *)&channels };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return 0;
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	rc = ioctl(fd, SIOCETHTOOL, &req);
	close(fd);
	return rc < 0 ? 0 : (int)(channels.rx_count + channels.combined_count);
}

int
chq_rx_queues(const char *ifname)
{
	int n = sysfs_is_ours(ifname) ? sysfs_rx_queues(ifname) : ethtool_rx_queues(ifname);

	if (n > 0)
		return n;
	return if_nametoindex(ifname) ? 1 : CHQ_ENODEV;
}
