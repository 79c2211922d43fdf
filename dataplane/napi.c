#include "dataplane/napi.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"

#define CLASS_NET  "/sys/class/net"
#define DEFER	   2UL
#define TIMEOUT_NS 200000UL

static int
read_setting(const char *ifname, const char *name, unsigned long *value)
{
	char path[PATH_MAX];
	FILE *f;
	int ok;

	snprintf(path, sizeof(path), CLASS_NET "/%s/%s", ifname, name);
	f = fopen(path, "re");
	if (!f)
		return chq_errno();
	ok = fscanf(f, "%lu", value) == 1;
	fclose(f);
	return ok ? 0 : CHQ_EIO;
}

static int
write_setting(const char *ifname, const char *name, unsigned long value)
{
	char path[PATH_MAX];
	FILE *f;
	int rc = 0;

	snprintf(path, sizeof(path), CLASS_NET "/%s/%s", ifname, name);
	f = fopen(path, "we");
	if (!f)
		return chq_errno();
	if (fprintf(f, "%lu\n", value) < 0)
		rc = CHQ_EIO;
	if (fclose(f) != 0)
		rc = chq_errno();
	return rc;
}

void
chq_napi_set(struct chq_napi *n, const char *ifname)
{
	int rc;

	*n = (struct chq_napi){ .set = false };
	snprintf(n->ifname, sizeof(n->ifname), "%s", ifname);
	rc = read_setting(ifname, "napi_defer_hard_irqs", &n->defer);
	if (!rc)
		rc = read_setting(ifname, "gro_flush_timeout", &n->timeout_ns);
	if (!rc)
		rc = write_setting(ifname, "gro_flush_timeout", TIMEOUT_NS);
	if (!rc)
		rc = write_setting(ifname, "napi_defer_hard_irqs", DEFER);
	if (rc)
		CHQ_LOG_WARN("busy-poll-unset", "interface=%s reason=\"%s\" effect=slower", ifname,
			     chq_strerror(rc));
	n->set = rc == 0;
}

void
chq_napi_restore(struct chq_napi *n)
{
	if (!n->set)
		return;
	n->set = false;
	write_setting(n->ifname, "napi_defer_hard_irqs", n->defer);
	write_setting(n->ifname, "gro_flush_timeout", n->timeout_ns);
}

int
chq_rx_queues(const char *ifname)
{
	char path[PATH_MAX];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), CLASS_NET "/%s/queues", ifname);
	d = opendir(path);
	if (!d)
		return CHQ_ENODEV;
	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "rx-", 3) == 0;
	closedir(d);
	return n ? n : CHQ_ENODEV;
}
