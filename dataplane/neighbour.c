#include "dataplane/neighbour.h"

/* errqueue.h needs it */
#include <time.h>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"

#define SEND_BUFFER_BYTES (256 * 1024)
#define LOST_MOST	  64 /* looked at in one call */

/* Headers are ours, nothing is received but the kernel's word that it has given up. */
static int
open_raw(int family)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog none = { ARRAY_LEN(code), code };
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int header = family == AF_INET ? IP_HDRINCL : IPV6_HDRINCL;
	int errors = family == AF_INET ? IP_RECVERR : IPV6_RECVERR;
	int yes = 1, size = SEND_BUFFER_BYTES, rc;

	if (fd < 0)
		return chq_errno();
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &none, sizeof(none)) == 0 &&
	    setsockopt(fd, level, header, &yes, sizeof(yes)) == 0 &&
	    setsockopt(fd, level, errors, &yes, sizeof(yes)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0)
		return fd;
	rc = chq_errno();
	close(fd);
	return rc;
}

int
chq_neighbour_open(struct chq_neighbour *n)
{
	n->fd4 = open_raw(AF_INET);
	n->fd6 = open_raw(AF_INET6); /* a machine may have no IPv6 */
	if (n->fd4 >= 0)
		return 0;
	if (n->fd6 >= 0)
		close(n->fd6);
	n->fd6 = -1;
	return n->fd4;
}

void
chq_neighbour_close(struct chq_neighbour *n)
{
	if (n->fd4 >= 0)
		close(n->fd4);
	if (n->fd6 >= 0)
		close(n->fd6);
	n->fd4 = n->fd6 = -1;
}

static ssize_t
send4(int fd, const uint8_t *ip, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	memcpy(&to.sin_addr, ip + 16, 4);
	return sendto(fd, ip, len, 0, (struct sockaddr *)&to, sizeof(to));
}

static ssize_t
send6(int fd, const uint8_t *ip, size_t len, unsigned int ifindex)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };

	memcpy(&to.sin6_addr, ip + 24, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&to.sin6_addr))
		to.sin6_scope_id = ifindex;
	return sendto(fd, ip, len, 0, (struct sockaddr *)&to, sizeof(to));
}

int
chq_neighbour_send(const struct chq_neighbour *n, const uint8_t *ip, size_t len,
		   unsigned int ifindex)
{
	ssize_t sent = -1;

	/* The first try may only bring the error of an earlier packet. */
	for (int i = 0; sent < 0 && i < 2; i++) {
		sent = ip[0] >> 4 == 4 ? send4(n->fd4, ip, len) : send6(n->fd6, ip, len, ifindex);
		if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
	}
	return sent < 0 ? chq_errno() : 0;
}

/* Receivers' own errors come too: a port where nobody listens is no next hop that was not found. */
static bool
says_lost(struct msghdr *m)
{
	struct cmsghdr *c;
	struct sock_extended_err e;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_type != (c->cmsg_level == IPPROTO_IP ? IP_RECVERR : IPV6_RECVERR))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		return e.ee_errno == EHOSTUNREACH;
	}
	return false;
}

static unsigned int
lost_of(int fd)
{
	unsigned int lost = 0;

	for (int looked = 0; fd >= 0 && looked < LOST_MOST; looked++) {
		alignas(struct cmsghdr) uint8_t control[256];
		struct msghdr m = { .msg_control = control, .msg_controllen = sizeof(control) };

		if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		lost += says_lost(&m);
	}
	return lost;
}

unsigned int
chq_neighbour_lost(const struct chq_neighbour *n)
{
	return lost_of(n->fd4) + lost_of(n->fd6);
}
