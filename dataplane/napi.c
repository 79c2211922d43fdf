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
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

#define CLASS_NET "/sys/class/net"

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

static int
set_one(struct chq_napi *n, int which, const char *ifname)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), CLASS_NET "/%s/%s", ifname, settings[which].file);
	n->fd[which] = open(path, O_RDWR | O_CLOEXEC);
	if (n->fd[which] < 0)
		return chq_errno();
	rc = read_number(n->fd[which], &n->was[which]);
	if (!rc)
		rc = write_number(n->fd[which], settings[which].value);
	if (rc) {
		close(n->fd[which]);
		n->fd[which] = -1;
	}
	return rc;
}

void
chq_napi_init(struct chq_napi *n)
{
	for (int i = 0; i < CHQ_NAPI__COUNT; i++)
		n->fd[i] = -1;
}

void
chq_napi_set(struct chq_napi *n, const char *ifname)
{
	int rc = sysfs_is_ours(ifname) ? 0 : CHQ_ENOENT;

	for (int i = 0; !rc && i < CHQ_NAPI__COUNT; i++)
		rc = set_one(n, i, ifname);
	if (rc)
		CHQ_LOG_WARN("busy-poll-unset", "interface=%s reason=\"%s\" effect=slower", ifname,
			     chq_strerror(rc));
}

void
chq_napi_restore(struct chq_napi *n)
{
	for (int i = 0; i < CHQ_NAPI__COUNT; i++) {
		if (n->fd[i] < 0)
			continue;
		write_number(n->fd[i], n->was[i]);
		close(n->fd[i]);
		n->fd[i] = -1;
	}
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
