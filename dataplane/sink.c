#include "dataplane/sink.h"

#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"

/* Nothing is queued: what came is as good as never seen. */
static int
set_options(int fd, int family, const char *ifname)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog prog = { ARRAY_LEN(code), code };
	int yes = 1, no = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, (socklen_t)strlen(ifname)) < 0)
		return chq_errno();
	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes)) < 0 ? chq_errno()
										      : 0;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) < 0)
		return chq_errno();
	return 0;
}

int
chq_sink_open(const struct chq_inet *at, const char *ifname)
{
	int family = chq_ip_is_v4(at->ip_hi, at->ip_lo) ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage ss;
	socklen_t len;
	int rc;

	if (fd < 0)
		return chq_errno();
	rc = set_options(fd, family, ifname);
	len = chq_inet_to_sockaddr(at, family, if_nametoindex(ifname), &ss);
	if (!rc && bind(fd, (struct sockaddr *)&ss, len) < 0)
		rc = chq_errno();
	if (!rc)
		return fd;
	close(fd);
	return rc;
}
