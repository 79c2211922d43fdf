#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/addr.h"
#include "base/err.h"
#include "dataplane/dpdk_eal.h"
#include "dataplane/driver_dpdk.h"
#include "dataplane/listen.h"
#include "dataplane/locals.h"

/* Addresses of ours on ports of DPDK, and their description. */

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
chq_dpdk_add_address(struct chq_header *header, const struct chq_listen *listen,
		     const struct chq_inet *a, uint8_t ifidx,
		     void (*each_fn)(const struct chq_local *l, void *arg), void *arg)
{
	int n = 0, rc;

	for (unsigned int i = 0; i < listen->n; i++) {
		if (!chq_listen_covers(&listen->at[i], a))
			continue;
		rc = chq_local_add(header, a->ip_hi, a->ip_lo, listen->at[i].port, ifidx);
		if (rc < 0)
			return rc;
		if (each_fn)
			each_fn(&header->local[rc], arg);
		n++;
	}
	return n;
}

int
chq_dpdk_add_addresses(struct chq_header *header, const struct chq_site_conf *conf, uint8_t ifidx,
		       void (*each_fn)(const struct chq_local *l, void *arg), void *arg, char *err,
		       size_t err_size)
{
	const struct chq_conf_strings *list = &conf->dataplane.addresses;
	struct chq_listen listen;
	struct chq_inet a;
	int n = 0, rc = chq_listen_parse(&listen, &conf->listen, err, err_size);

	if (rc)
		return rc;
	for (size_t i = 0; i < list->count; i++) {
		rc = parse_ip(list->items[i], &a)
			     ? chq_dpdk_add_address(header, &listen, &a, ifidx, each_fn, arg)
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

json_t *
chq_dpdk_describe_port(const struct chq_header *header, uint8_t ifidx, const char *name,
		       const char *driver)
{
	const struct chq_port *port = &header->port_info[ifidx];
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", port->mac[0], port->mac[1],
		 port->mac[2], port->mac[3], port->mac[4], port->mac[5]);
	return json_pack("{s:s, s:s, s:s, s:i, s:b, s:[]}", "name", name, "driver", driver, "mac",
			 mac, "mtu", (int)port->mtu, "hugepages", chq_eal_hugepages(), "offloads");
}

json_t *
chq_dpdk_describe_locals(const struct chq_header *header, int ifidx)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < header->locals && i < CHQ_TABLE_LOCALS_MAX; i++) {
		const struct chq_local *l = &header->local[i];
		struct chq_inet a = { l->ip_hi, l->ip_lo, l->port };
		struct sockaddr_storage ss;
		char text[CHQ_ADDR_TEXT_MAX];

		if (ifidx >= 0 && l->ifidx != ifidx)
			continue;
		chq_inet_to_sockaddr(&a, AF_INET6, 0, &ss);
		json_array_append_new(
			list, json_string(chq_sockaddr_format((struct sockaddr *)&ss, text)));
	}
	return list;
}
