#include "dataplane/addrs.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <jansson.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/atomic.h"
#include "dataplane/locals.h"

/* --- entering --- */

static const char *
local_text(const struct chq_local *l, char text[CHQ_ADDR_TEXT_MAX])
{
	const struct chq_inet a = { l->ip_hi, l->ip_lo, l->port };
	struct sockaddr_storage ss;

	chq_inet_to_sockaddr(&a, AF_INET6, 0, &ss);
	return chq_sockaddr_format((struct sockaddr *)&ss, text);
}

static void
log_new(const struct chq_header *header, int at)
{
	char text[CHQ_ADDR_TEXT_MAX];

	CHQ_LOG_INFO("local-address", "address=%s", local_text(&header->local[at], text));
}

int
chq_addr_add(struct chq_header *header, const struct chq_listen *listen, const struct chq_inet *a,
	     uint8_t ifidx, uint64_t *seen)
{
	int n = 0;

	for (unsigned int i = 0; i < listen->n; i++) {
		uint16_t port = listen->at[i].port;
		bool known;
		int at;

		if (!chq_listen_covers(&listen->at[i], a))
			continue;
		known = chq_local_find(header, a->ip_hi, a->ip_lo, port) >= 0;
		at = chq_local_add(header, a->ip_hi, a->ip_lo, port, ifidx);
		if (at < 0)
			return at;
		if (!known)
			log_new(header, at);
		if (seen)
			*seen |= UINT64_C(1) << at;
		n++;
	}
	return n;
}

static bool
parse_ip(const char *text, struct chq_inet *a)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return chq_inet_from_sockaddr(a, (struct sockaddr *)&v4);
	return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 &&
	       chq_inet_from_sockaddr(a, (struct sockaddr *)&v6);
}

int
chq_addrs_add_listed(struct chq_header *header, const struct chq_site_conf *conf, uint8_t ifidx,
		     uint64_t *seen, char *err, size_t err_size)
{
	const struct chq_conf_strings *list = &conf->dataplane.addresses;
	struct chq_listen listen;
	struct chq_inet a;
	int n = 0, rc = chq_listen_parse(&listen, &conf->listen, err, err_size);

	if (rc)
		return rc;
	for (size_t i = 0; i < list->count; i++) {
		rc = parse_ip(list->items[i], &a) ? chq_addr_add(header, &listen, &a, ifidx, seen)
						  : CHQ_ECONF;
		if (rc < 0) {
			snprintf(err, err_size, "dataplane.addresses: %s: %s", list->items[i],
				 chq_strerror(rc));
			return rc;
		}
		n += rc;
	}
	return n;
}

void
chq_addrs_withdraw(struct chq_header *header, uint64_t seen)
{
	char text[CHQ_ADDR_TEXT_MAX];

	for (uint32_t i = 0; i < header->locals && i < CHQ_TABLE_LOCALS_MAX; i++) {
		struct chq_local *l = &header->local[i];

		if ((seen >> i & 1) || l->ifidx == CHQ_LOCAL_GONE)
			continue;
		CHQ_STORE_RELAXED(&l->ifidx, CHQ_LOCAL_GONE);
		CHQ_LOG_INFO("local-address-gone", "address=%s", local_text(l, text));
	}
}

/* --- the kernel's interfaces --- */

static bool
is_wanted(const struct chq_conf_strings *only, const char *name)
{
	for (size_t i = 0; only && i < only->count; i++) {
		if (!strcmp(only->items[i], name))
			return true;
	}
	return only == NULL;
}

static uint16_t
read_mtu(int fd, const char *ifname)
{
	struct ifreq req = { 0 };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &req) < 0)
		return 0;
	return req.ifr_mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)req.ifr_mtu;
}

/* All zero where there is no Ethernet. */
static void
read_mac(int fd, const char *ifname, uint8_t mac[6])
{
	struct ifreq req = { 0 };

	memset(mac, 0, 6);
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	if (fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &req) == 0 &&
	    req.ifr_hwaddr.sa_family == ARPHRD_ETHER)
		memcpy(mac, req.ifr_hwaddr.sa_data, 6);
}

static void
set_mac(struct chq_port *port, const uint8_t mac[6])
{
	if (memcmp(port->mac, mac, sizeof(port->mac)) != 0)
		memcpy(port->mac, mac, sizeof(port->mac));
}

int
chq_addrs_port_add(struct chq_header *header, const char *ifname)
{
	unsigned int ifindex = if_nametoindex(ifname);
	uint8_t mac[6];
	int fd, port;

	if (ifindex == 0)
		return CHQ_ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	read_mac(fd, ifname, mac);
	port = chq_port_add(header, ifindex, NULL, read_mtu(fd, ifname));
	if (port >= 0)
		set_mac(&header->port_info[port], mac);
	if (fd >= 0)
		close(fd);
	return port;
}

/* One address of an interface; the interface gets a port once it has one of ours. */
static int
take_address(struct chq_header *header, const struct chq_listen *listen, const struct ifaddrs *ifa,
	     int fd, uint64_t *seen)
{
	struct chq_inet a;
	bool ours = false;
	int port;

	if (!chq_inet_from_sockaddr(&a, ifa->ifa_addr))
		return 0;
	for (unsigned int i = 0; i < listen->n; i++)
		ours |= chq_listen_covers(&listen->at[i], &a);
	if (!ours)
		return 0;
	port = chq_port_add(header, if_nametoindex(ifa->ifa_name), NULL,
			    read_mtu(fd, ifa->ifa_name));
	port = chq_addr_add(header, listen, &a, port < 0 ? 0 : (uint8_t)port, seen);
	return port < 0 ? port : 0;
}

static void
take_mac(struct chq_header *header, const struct ifaddrs *ifa)
{
	const struct sockaddr_ll *sll = (const struct sockaddr_ll *)(const void *)ifa->ifa_addr;
	static const uint8_t none[6];
	const uint8_t *mac = sll->sll_halen == sizeof(none) ? sll->sll_addr : none;
	int port = chq_port_find(header, (uint32_t)sll->sll_ifindex);

	if (port >= 0)
		set_mac(&header->port_info[port], mac);
}

int
chq_addrs_scan(struct chq_header *header, const struct chq_listen *listen,
	       const struct chq_conf_strings *only, uint64_t *seen)
{
	int fd, full = 0;
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return chq_errno();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || !is_wanted(only, i->ifa_name))
			continue;
		if (take_address(header, listen, i, fd, seen) < 0)
			full = CHQ_EFULL;
	}
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET)
			take_mac(header, i);
	}
	if (fd >= 0)
		close(fd);
	freeifaddrs(all);
	return full;
}

/* --- for people --- */

json_t *
chq_addrs_describe(const struct chq_header *header, int ifidx)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < header->locals && i < CHQ_TABLE_LOCALS_MAX; i++) {
		const struct chq_local *l = &header->local[i];
		char text[CHQ_ADDR_TEXT_MAX];

		if (l->ifidx == CHQ_LOCAL_GONE || (ifidx >= 0 && l->ifidx != ifidx))
			continue;
		json_array_append_new(list, json_string(local_text(l, text)));
	}
	return list;
}

char *
chq_mac_text(const struct chq_port *port, char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", port->mac[0], port->mac[1],
		 port->mac[2], port->mac[3], port->mac[4], port->mac[5]);
	return text;
}
