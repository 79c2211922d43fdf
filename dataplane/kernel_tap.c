#include "dataplane/kernel_tap.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

#define ALIAS_MAX   64
#define ANSWER_SIZE 8192
#define HASH_AT	    (IFNAMSIZ - 1 - 5) /* of a name that does not say all of its port's */

/* --- the kernel's word about an interface --- */

struct link_request {
	struct nlmsghdr h;
	struct ifinfomsg link;
	uint8_t attributes[RTA_SPACE(ALIAS_MAX)];
};

/* Send a request about one interface, read the first answer. Return: its length; a negated errno. */
static ssize_t
ask(const struct link_request *q, void *answer, size_t size)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n;

	if (fd < 0)
		return chq_errno();
	n = send(fd, q, q->h.nlmsg_len, 0);
	if (n >= 0)
		n = recv(fd, answer, size, 0);
	n = n < 0 ? chq_errno() : n;
	close(fd);
	return n;
}

static struct link_request
request(uint16_t type, uint16_t flags, unsigned int ifindex)
{
	return (struct link_request){
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
		       .nlmsg_type = type,
		       .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) },
		.link = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex },
	};
}

static int
alias_set(const char *name, const char *alias)
{
	struct link_request q = request(RTM_NEWLINK, NLM_F_ACK, if_nametoindex(name));
	struct rtattr *a = (struct rtattr *)(void *)q.attributes;
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		uint8_t rest[ANSWER_SIZE];
	} answer;
	ssize_t n;

	a->rta_type = IFLA_IFALIAS;
	a->rta_len = (unsigned short)RTA_LENGTH(strlen(alias) + 1);
	memcpy(RTA_DATA(a), alias, strlen(alias) + 1);
	q.h.nlmsg_len += RTA_ALIGN(a->rta_len);
	n = ask(&q, &answer, sizeof(answer));
	if (n < 0)
		return (int)n;
	return n >= (ssize_t)sizeof(answer.h) + 4 && answer.h.nlmsg_type == NLMSG_ERROR
		       ? answer.e.error
		       : CHQ_EIO;
}

static bool
alias_is(unsigned int ifindex, const char *alias)
{
	struct link_request q = request(RTM_GETLINK, 0, ifindex);
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_SIZE];
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)answer;
	ssize_t n = ask(&q, answer, sizeof(answer));
	struct rtattr *a;
	int left;

	if (n < 0 || !NLMSG_OK(h, (size_t)n) || h->nlmsg_type != RTM_NEWLINK)
		return false;
	left = (int)IFLA_PAYLOAD(h);
	for (a = IFLA_RTA(NLMSG_DATA(h)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_IFALIAS)
			return strncmp(RTA_DATA(a), alias, RTA_PAYLOAD(a)) == 0;
	}
	return false;
}

static void
alias_of(char alias[ALIAS_MAX], const char *instance)
{
	snprintf(alias, ALIAS_MAX, "chasqui %s", instance);
}

/* --- making --- */

/* FNV-1a, folded to 16 bits. */
static unsigned int
name_hash(const char *name)
{
	uint32_t h = UINT32_C(2166136261);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT32_C(16777619);
	return (h >> 16 ^ h) & 0xffff;
}

void
chq_tap_name(char name[IFNAMSIZ], const char *port)
{
	static const char first_domain[] = "0000:"; /* of PCI */
	const char *whole = port;
	bool same = true; /* no other port can have this one's name */
	size_t n = 4;

	memcpy(name, "chq-", n);
	if (!strncmp(port, first_domain, strlen(first_domain)))
		port += strlen(first_domain);
	for (; *port && n < IFNAMSIZ - 1; port++) {
		bool kept = isalnum((unsigned char)*port) || *port == '_';

		same &= kept || *port == ':' || *port == '.';
		name[n++] = kept ? *port : '-';
	}
	name[n] = '\0';
	if (*port || !same)
		snprintf(name + (n < HASH_AT ? n : HASH_AT), 6, "-%04x", name_hash(whole));
}

/* Return: a descriptor; a negated errno. */
static int
attach(const char *name)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return chq_errno();
	memcpy(req.ifr_name, name, IFNAMSIZ);
	if (ioctl(fd, TUNSETIFF, &req) == 0)
		return fd;
	rc = chq_errno();
	close(fd);
	return rc;
}

/* It outlives us: for others it stays shut. One without an owner may be taken over by whoever opens
 * /dev/net/tun, which is everybody. */
static int
keep(const struct chq_tap *t)
{
	if (ioctl(t->fd, TUNSETOWNER, (unsigned long)geteuid()) < 0 ||
	    ioctl(t->fd, TUNSETPERSIST, 1) < 0)
		return chq_errno();
	return 0;
}

/* Like the port it stands for, and up. */
static int
equip(const struct chq_tap *t, const uint8_t mac[6], unsigned int mtu)
{
	struct ifreq req = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return chq_errno();
	memcpy(req.ifr_name, t->name, IFNAMSIZ);
	memcpy(req.ifr_hwaddr.sa_data, mac, 6);
	if (ioctl(t->fd, SIOCSIFHWADDR, &req) < 0)
		rc = chq_errno();
	req.ifr_mtu = (int)mtu;
	if (!rc && ioctl(fd, SIOCSIFMTU, &req) < 0)
		rc = chq_errno();
	if (!rc && ioctl(fd, SIOCGIFFLAGS, &req) == 0) {
		req.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &req) < 0)
			rc = chq_errno();
	}
	close(fd);
	return rc;
}

int
chq_tap_open(struct chq_tap *t, const char *port, const char *instance, const uint8_t mac[6],
	     unsigned int mtu, char *err, size_t err_size)
{
	char alias[ALIAS_MAX];
	unsigned int there;
	int rc = 0;

	t->fd = -1;
	alias_of(alias, instance);
	chq_tap_name(t->name, port);
	there = if_nametoindex(t->name);
	if (there && !alias_is(there, alias)) {
		snprintf(err, err_size, "an interface %s is there, and not this instance's",
			 t->name);
		return CHQ_EEXIST;
	}
	t->fd = attach(t->name);
	if (t->fd < 0) {
		rc = t->fd;
		snprintf(err, err_size, "/dev/net/tun: %s", chq_strerror(rc));
		t->fd = -1;
		return rc;
	}
	rc = alias_set(t->name, alias);
	if (!rc)
		rc = equip(t, mac, mtu);
	if (!rc)
		rc = keep(t);
	t->ifindex = if_nametoindex(t->name);
	if (rc) {
		snprintf(err, err_size, "%s: %s", t->name, chq_strerror(rc));
		chq_tap_close(t);
	}
	return rc;
}

void
chq_tap_close(struct chq_tap *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

int
chq_tap_remove_all(const char *instance)
{
	struct if_nameindex *all = if_nameindex();
	char alias[ALIAS_MAX], name[IFNAMSIZ];
	int removed = 0;

	alias_of(alias, instance);
	for (const struct if_nameindex *i = all; i && i->if_index; i++) {
		int fd;

		if (strncmp(i->if_name, "chq-", 4) != 0 || !alias_is(i->if_index, alias))
			continue;
		snprintf(name, sizeof(name), "%s", i->if_name);
		fd = attach(name);
		if (fd < 0)
			continue;
		if (ioctl(fd, TUNSETPERSIST, 0) == 0)
			removed++;
		close(fd);
	}
	if (all)
		if_freenameindex(all);
	return removed;
}
