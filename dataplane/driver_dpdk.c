#include "dataplane/driver_dpdk.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "base/array.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/addrs.h"
#include "dataplane/dpdk_eal.h"
#include "dataplane/locals.h"
#include "dataplane/tables.h"

/* The driver dpdk: any port that DPDK knows, by its PCI address or as a virtual device. */

static struct chq_dpdk *
dpdk_driver(struct chq_driver *d)
{
	return CHQ_CONTAINER_OF(d, struct chq_dpdk, base);
}

/* "0000:03:00.0" or "03:00.0", perhaps with arguments. */
static bool
is_pci(const char *devargs)
{
	unsigned int domain, bus, dev, fn;

	return sscanf(devargs, "%4x:%2x:%2x.%1x", &domain, &bus, &dev, &fn) == 4 ||
	       sscanf(devargs, "%2x:%2x.%1x", &bus, &dev, &fn) == 3;
}

/* The name under which DPDK lists the port. */
static void
port_name(char *out, size_t size, const char *devargs)
{
	unsigned int bus, dev, fn;
	bool short_pci = is_pci(devargs) && sscanf(devargs, "%2x:%2x.%1x", &bus, &dev, &fn) == 3;

	snprintf(out, size, "%s%.*s", short_pci ? "0000:" : "", (int)strcspn(devargs, ","),
		 devargs);
}

/*
 * A port that is no kernel interface still needs a number by which a later process finds its entry
 * again, since sessions hold the entry's index. The top bit keeps it apart from the kernel's.
 */
static uint32_t
port_number(const char *name)
{
	uint32_t h = UINT32_C(2166136261); /* FNV-1a */

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT32_C(16777619);
	return h | CHQ_PORT_NOT_KERNEL;
}

static int
enter_port(struct chq_dpdk *d, struct chq_dpdk_port *p, char *err, size_t err_size)
{
	struct rte_ether_addr mac = { 0 };
	uint16_t mtu = 0;
	int ifidx;

	rte_eth_macaddr_get(p->port_id, &mac);
	rte_eth_dev_get_mtu(p->port_id, &mtu);
	ifidx = chq_port_add(d->header, port_number(p->name), mac.addr_bytes, mtu);
	if (ifidx < 0) {
		snprintf(err, err_size, "%s: the table of ports is full", p->name);
		return ifidx;
	}
	p->ifidx = (uint8_t)ifidx;
	return 0;
}

static int
find_port(struct chq_dpdk *d, struct chq_dpdk_port *p, const char *devargs, char *err,
	  size_t err_size)
{
	struct rte_eth_dev_info info;

	port_name(p->name, sizeof(p->name), devargs);
	if ((!is_pci(devargs) && rte_dev_probe(devargs) < 0) ||
	    rte_eth_dev_get_port_by_name(p->name, &p->port_id) < 0 ||
	    rte_eth_dev_info_get(p->port_id, &info) < 0) {
		snprintf(err, err_size,
			 "dataplane.ports: %s: DPDK has no such port (the log tells more)%s",
			 devargs, is_pci(devargs) ? "; is the card bound to vfio-pci?" : "");
		return CHQ_ENODEV;
	}
	if (info.max_tx_queues < d->n_workers) {
		snprintf(err, err_size,
			 "%s has %u transmit queues: dataplane.workers can be %u at most", p->name,
			 info.max_tx_queues, info.max_tx_queues);
		return CHQ_ECONF;
	}
	p->tx_queues = (uint16_t)d->n_workers;
	p->rx_queues = info.max_rx_queues < p->tx_queues ? info.max_rx_queues : p->tx_queues;
	return enter_port(d, p, err, err_size);
}

/* Those of dataplane.addresses and those of the ports' interfaces in the kernel, as they are now. Return: 0; CHQ_E…. */
static int
add_addresses(struct chq_dpdk *d, char *err, size_t err_size)
{
	uint64_t seen = 0;
	int rc = chq_addrs_add_listed(d->header, d->conf, 0, &seen, err, err_size);

	if (rc == 0 && d->taps[d->ports[0].ifidx].fd < 0) {
		snprintf(err, err_size,
			 "dataplane.addresses: name the addresses of these ports, covered by "
			 "`listen`");
		return CHQ_ECONF;
	}
	if (rc >= 0) {
		rc = chq_dpdk_scan_taps(d, &d->listen, &seen);
		if (rc)
			snprintf(err, err_size, "addresses: %s", chq_strerror(rc));
	}
	if (rc)
		return rc;
	chq_addrs_withdraw(d->header, seen);
	return 0;
}

static void
dpdk_refresh(struct chq_driver *drv)
{
	char err[256];

	if (add_addresses(dpdk_driver(drv), err, sizeof(err)) < 0)
		CHQ_LOG_WARN("addresses-incomplete", "reason=%s", CHQ_Q(err));
}

static unsigned int
pool_mbufs(const struct chq_site_conf *conf)
{
	unsigned int ports = (unsigned int)conf->dataplane.ports.count,
		     workers = conf->dataplane.workers;

	return ports * workers * (CHQ_DPDK_RX_DESC + CHQ_DPDK_TX_DESC) +
	       (workers + 1) * (2 * CHQ_MBUF_CACHE + 4 * CHQ_BURST) +
	       workers * chq_dpdk_rings_mbufs();
}

static int
start_eal(const struct chq_site_conf *conf, char *err, size_t err_size)
{
	const char *pci[CHQ_TABLE_PORTS_MAX];
	struct chq_eal_conf eal = { .site = conf, .pci = pci };

	if (conf->dataplane.ports.count == 0) {
		snprintf(err, err_size, "dataplane.ports is empty");
		return CHQ_EUNAVAIL;
	}
	if (conf->dataplane.ports.count > CHQ_TABLE_PORTS_MAX) {
		snprintf(err, err_size, "dataplane.ports: %d at most", CHQ_TABLE_PORTS_MAX);
		return CHQ_ECONF;
	}
	for (size_t i = 0; i < conf->dataplane.ports.count; i++) {
		if (is_pci(conf->dataplane.ports.items[i]))
			pci[eal.pci_count++] = conf->dataplane.ports.items[i];
	}
	eal.need_bytes = chq_dpdk_pool_bytes(pool_mbufs(conf));
	return chq_eal_start(&eal, err, err_size);
}

static void
open_kernel(struct chq_dpdk *d, const struct chq_dpdk_port *p)
{
	int rc = rte_eth_allmulticast_enable(p->port_id);

	if (rc && rc != -ENOTSUP)
		CHQ_LOG_WARN("multicast-not-received",
			     "port=%s reason=\"%s\" effect=\"no neighbour discovery\"", p->name,
			     chq_strerror(rc));
	chq_dpdk_kernel_open(d, p, d->conf->dataplane.instance, &d->listen);
}

static int
open_ports(struct chq_dpdk *d, const struct chq_site_conf *conf, char *err, size_t err_size)
{
	struct rte_mempool *pool = chq_dpdk_pool("chasqui", pool_mbufs(conf));

	if (!pool) {
		snprintf(err, err_size, "no memory for %u packets", pool_mbufs(conf));
		return CHQ_ENOMEM;
	}
	for (size_t i = 0; i < conf->dataplane.ports.count; i++) {
		struct chq_dpdk_port *p = &d->ports[i];
		int rc = find_port(d, p, conf->dataplane.ports.items[i], err, err_size);

		p->pool = pool;
		p->one_pool = true;
		if (!rc)
			rc = chq_dpdk_port_start(p, CHQ_DPDK_RX_DESC, CHQ_DPDK_TX_DESC, err,
						 err_size);
		if (rc) {
			if (i == 0)
				rte_mempool_free(pool);
			return rc;
		}
		d->n_ports++;
		for (unsigned int w = 0; w < d->n_workers; w++) {
			chq_dpdk_assign(d, p, w, (uint16_t)w);
			d->workers[w].rings->pool = pool;
		}
		open_kernel(d, p);
		CHQ_LOG_INFO("port-started", "port=%s driver=dpdk rx_queues=%u tx_queues=%u",
			     p->name, p->rx_queues, p->tx_queues);
	}
	return 0;
}

static void
dpdk_close(struct chq_driver *drv, int detach)
{
	struct chq_dpdk *d = dpdk_driver(drv);

	chq_dpdk_kernel_close(d);
	if (detach)
		chq_tap_remove_all(d->conf->dataplane.instance);
	chq_dpdk_stop_ports(d);
	chq_eal_stop(true);
	free(d);
}

static int
dpdk_open(struct chq_driver **out, const struct chq_site_conf *conf, struct chq_tables *t,
	  char *err, size_t err_size)
{
	struct chq_dpdk *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return CHQ_ENOMEM;
	d->conf = conf;
	chq_dpdk_kernel_none(d);
	rc = chq_dpdk_init(d, &chq_driver_dpdk, conf, t->header);
	if (!rc)
		rc = chq_listen_parse(&d->listen, &conf->listen, err, err_size);
	if (!rc)
		rc = chq_dpdk_kernel_init(d);
	if (!rc)
		rc = start_eal(conf, err, err_size);
	if (!rc)
		rc = open_ports(d, conf, err, err_size);
	if (!rc)
		rc = add_addresses(d, err, err_size);
	if (rc) {
		dpdk_close(&d->base, 0);
		return rc;
	}
	*out = &d->base;
	return 0;
}

static json_t *
dpdk_describe(struct chq_driver *drv)
{
	struct chq_dpdk *d = dpdk_driver(drv);
	json_t *ports = json_array();

	for (unsigned int i = 0; i < d->n_ports; i++) {
		const struct chq_dpdk_port *p = &d->ports[i];
		struct rte_eth_dev_info info = { 0 };
		struct rte_eth_stats stats = { 0 };
		json_t *o;

		rte_eth_dev_info_get(p->port_id, &info);
		o = chq_dpdk_describe_port(d->header, p->ifidx, p->name, "dpdk");
		json_object_set_new(o, "mode",
				    json_string(info.driver_name ? info.driver_name : "?"));
		json_object_set_new(o, "queues", json_integer(p->tx_queues));
		if (rte_eth_stats_get(p->port_id, &stats) == 0)
			json_object_set_new(
				o, "rx_missed",
				json_integer((json_int_t)(stats.imissed + stats.rx_nombuf)));
		json_object_set_new(o, "offloads", chq_dpdk_describe_offloads(p));
		json_object_set_new(o, "kernel",
				    d->taps[p->ifidx].fd >= 0 ? json_string(d->taps[p->ifidx].name)
							      : json_null());
		json_object_set_new(o, "addresses", chq_addrs_describe(d->header, -1));
		json_array_append_new(ports, o);
	}
	return ports;
}

const struct chq_driver_ops chq_driver_dpdk = {
	.name = "dpdk",
	.open = dpdk_open,
	.start = chq_dpdk_start,
	.join = chq_dpdk_join,
	.rx = chq_dpdk_rx,
	.tx = chq_dpdk_tx,
	.tx_new = chq_dpdk_tx_new,
	.free = chq_dpdk_free,
	.refresh = dpdk_refresh,
	.service = chq_dpdk_service,
	.describe = dpdk_describe,
	.missed = chq_dpdk_missed,
	.close = dpdk_close,
};
