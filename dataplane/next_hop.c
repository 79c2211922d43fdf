#include "dataplane/next_hop.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "dataplane/locals.h"
#include "dataplane/sockio.h"

#define USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

/* One question; the kernel answers it at once, in one message. */
struct question {
	struct nlmsghdr h;
	union {
		struct rtmsg route;
		struct ndmsg neighbour;
	} u;
	uint8_t attrs[64];
};

struct address {
	uint8_t family;
	uint8_t len; /* 4 or 16 */
	uint8_t bytes[16];
};

int
chq_next_hop_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? chq_errno() : fd;
}

static void
address_of(struct address *a, uint64_t ip_hi, uint64_t ip_lo)
{
	uint8_t ip[16];

	chq_put_le64(ip, ip_hi);
	chq_put_le64(ip + 8, ip_lo);
	a->family = chq_ip_is_v4(ip_hi, ip_lo) ? AF_INET : AF_INET6;
	a->len = a->family == AF_INET ? 4 : 16;
	memcpy(a->bytes, ip + 16 - a->len, a->len);
}

static void
add_attr(struct question *q, uint16_t type, const void *data, uint16_t len)
{
	struct rtattr *attr = (void *)((uint8_t *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(attr), data, len);
	q->h.nlmsg_len = NLMSG_ALIGN(q->h.nlmsg_len) + RTA_ALIGN(attr->rta_len);
}

/* Ask. Return: length of the answer of kind @type in @buf; CHQ_ENOENT; a negated errno. */
static ssize_t
ask(int fd, const struct question *q, uint16_t type, void *buf, size_t size)
{
	const struct nlmsghdr *h = buf;
	ssize_t n;

	while (recv(fd, buf, size, MSG_DONTWAIT) >= 0)
		; /* what an earlier question left */
	if (send(fd, q, q->h.nlmsg_len, 0) < 0)
		return chq_errno();
	n = recv(fd, buf, size, MSG_DONTWAIT);
	if (n < 0)
		return chq_errno();
	return NLMSG_OK(h, (size_t)n) && h->nlmsg_type == type ? n : CHQ_ENOENT;
}

/* Not const: the macros of the kernel's headers drop it. */
static struct rtattr *
find_attr(struct nlmsghdr *h, size_t header_len, uint16_t type)
{
	struct rtattr *a = (void *)((uint8_t *)NLMSG_DATA(h) + NLMSG_ALIGN(header_len));
	size_t left = h->nlmsg_len - NLMSG_LENGTH(header_len);

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == type)
			return a;
	}
	return NULL;
}

/* The interface and the neighbour on the way to @to; it is itself one when no router is between. */
static int
ask_route(int fd, const struct address *to, const struct address *from, uint32_t *ifindex,
	  struct address *via)
{
	struct question q = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
				     .nlmsg_type = RTM_GETROUTE,
				     .nlmsg_flags = NLM_F_REQUEST } };
	_Alignas(struct nlmsghdr) uint8_t buf[1024];
	struct nlmsghdr *h = (void *)buf;
	struct rtattr *oif, *gateway;
	ssize_t n;

	q.u.route.rtm_family = to->family;
	q.u.route.rtm_dst_len = (uint8_t)(to->len * 8);
	q.u.route.rtm_src_len = (uint8_t)(from->len * 8);
	add_attr(&q, RTA_DST, to->bytes, to->len);
	add_attr(&q, RTA_SRC, from->bytes, from->len);
	n = ask(fd, &q, RTM_NEWROUTE, buf, sizeof(buf));
	if (n < 0)
		return (int)n;
	oif = find_attr(h, sizeof(struct rtmsg), RTA_OIF);
	gateway = find_attr(h, sizeof(struct rtmsg), RTA_GATEWAY);
	if (!oif)
		return CHQ_ENOENT;
	memcpy(ifindex, RTA_DATA(oif), sizeof(*ifindex));
	*via = *to;
	if (gateway && RTA_PAYLOAD(gateway) == to->len)
		memcpy(via->bytes, RTA_DATA(gateway), to->len);
	else if (gateway || find_attr(h, sizeof(struct rtmsg), RTA_VIA))
		return CHQ_ENOENT;
	return 0;
}

static int
ask_neighbour(int fd, uint32_t ifindex, const struct address *a, uint8_t mac[6])
{
	struct question q = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ndmsg)),
				     .nlmsg_type = RTM_GETNEIGH,
				     .nlmsg_flags = NLM_F_REQUEST } };
	_Alignas(struct nlmsghdr) uint8_t buf[1024];
	struct nlmsghdr *h = (void *)buf;
	const struct ndmsg *answer = NLMSG_DATA(h);
	struct rtattr *lladdr;
	ssize_t n;

	q.u.neighbour.ndm_family = a->family;
	q.u.neighbour.ndm_ifindex = (int)ifindex;
	add_attr(&q, NDA_DST, a->bytes, a->len);
	n = ask(fd, &q, RTM_NEWNEIGH, buf, sizeof(buf));
	if (n < 0)
		return (int)n;
	lladdr = find_attr(h, sizeof(struct ndmsg), NDA_LLADDR);
	if (!lladdr || RTA_PAYLOAD(lladdr) != 6 || !(answer->ndm_state & USABLE))
		return CHQ_ENOENT;
	memcpy(mac, RTA_DATA(lladdr), 6);
	return 0;
}

int
chq_next_hop_find(int fd, const struct chq_header *header, struct chq_path *path)
{
	const struct chq_local *local = &header->local[path->local % CHQ_TABLE_LOCALS_MAX];
	struct address to, from, via;
	uint32_t ifindex = 0;
	uint8_t mac[6];
	int port, rc;

	address_of(&to, path->ip_hi, path->ip_lo);
	address_of(&from, local->ip_hi, local->ip_lo);
	if (to.family != from.family)
		return CHQ_ENOENT;
	rc = ask_route(fd, &to, &from, &ifindex, &via);
	if (!rc)
		rc = ask_neighbour(fd, ifindex, &via, mac);
	if (rc)
		return rc;
	port = chq_port_find(header, ifindex);
	if (port < 0)
		return CHQ_ENOENT;
	path->ifidx = (uint8_t)port;
	memcpy(path->mac, mac, sizeof(path->mac));
	return 0;
}
