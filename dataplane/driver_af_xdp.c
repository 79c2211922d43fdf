#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/addrs.h"
#include "dataplane/dpdk_eal.h"
#include "dataplane/driver_dpdk.h"
#include "dataplane/locals.h"
#include "dataplane/napi.h"
#include "dataplane/sink.h"
#include "dataplane/tables.h"
#include "dataplane/xdp_link.h"

/*
 * The driver af_xdp: kernel interfaces through DPDK's AF_XDP driver, one of its devices for each
 * receive queue, behind our own program on our own pinned link (dataplane/xdp_link.h).
 *
 * DPDK's driver gets no xdp_prog argument: a killed process would leave that program attached, and
 * the next one's failure would remove it. Without it, libxdp joins the program that stands there
 * because of its name, and at the end cannot take it off, because a link holds it; its complaints
 * are silenced then.
 */

#define RING_DESC      2048 /* of each of a queue's rings */
#define QUEUE_MBUFS    (4 * RING_DESC - 1)
#define BUSY_BUDGET    64
#define BIND_TRIES     10
#define BIND_PAUSE_NS  (200 * CHQ_NS_PER_MS)
#define INTERFACES_MAX CHQ_TABLE_PORTS_MAX

struct iface {
	struct chq_xdp_link link;
	struct chq_napi napi;
	uint8_t ifidx;
	int queues;
	int sinks[CHQ_LISTEN_MAX]; /* so that the kernel answers nothing for us */
	unsigned int n_sinks;
	struct chq_steer_key keys[CHQ_STEER_LOCALS_MAX]; /* while they are collected */
	unsigned int n_keys;
};

struct af_xdp {
	struct chq_dpdk dpdk;
	struct chq_listen listen;
	const struct chq_site_conf *conf;
	char pin_dir[PATH_MAX];
	struct iface ifaces[INTERFACES_MAX];
	unsigned int n_ifaces;
	int scan_told;	/* what the last look at addresses said; was logged */
	bool half_made; /* a device failed half-way: DPDK cannot free it safely */
};

static struct af_xdp *
af_xdp_driver(struct chq_driver *d)
{
	return CHQ_CONTAINER_OF(d, struct af_xdp, dpdk.base);
}

/* --- addresses --- */

/* The map of the program gets the addresses that are there. */
static int
set_locals(const struct af_xdp *x, struct iface *i)
{
	const struct chq_header *header = x->dpdk.header;

	i->n_keys = 0;
	for (uint32_t n = 0; n < header->locals && i->n_keys < CHQ_STEER_LOCALS_MAX; n++) {
		const struct chq_local *l = &header->local[n];
		struct chq_steer_key *key = &i->keys[i->n_keys];

		if (l->ifidx != i->ifidx)
			continue;
		memset(key, 0, sizeof(*key));
		chq_put_le64(key->ip, l->ip_hi);
		chq_put_le64(key->ip + 8, l->ip_lo);
		chq_put_be16(key->port_be, l->port);
		i->n_keys++;
	}
	return chq_xdp_set_locals(&i->link, i->keys, i->n_keys);
}

static void
af_xdp_refresh(struct chq_driver *drv)
{
	struct af_xdp *x = af_xdp_driver(drv);
	uint64_t seen = 0;
	char err[256];
	int rc = chq_addrs_scan(x->dpdk.header, &x->listen, &x->conf->dataplane.interfaces, &seen);

	if (rc >= 0)
		rc = chq_addrs_add_listed(x->dpdk.header, x->conf, x->ifaces[0].ifidx, &seen, err,
					  sizeof(err));
	chq_addrs_withdraw(x->dpdk.header, seen);
	for (unsigned int i = 0; rc >= 0 && i < x->n_ifaces; i++)
		rc = set_locals(x, &x->ifaces[i]);
	if (rc < 0 && rc != x->scan_told)
		CHQ_LOG_WARN("addresses-incomplete", "reason=\"%s\"", chq_strerror(rc));
	x->scan_told = rc < 0 ? rc : 0;
}

/* --- interfaces and queues --- */

static uint16_t
read_mtu(const char *ifname)
{
	struct ifreq req = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	rc = fd < 0 ? -1 : ioctl(fd, SIOCGIFMTU, &req);
	if (fd >= 0)
		close(fd);
	return rc < 0 || req.ifr_mtu > UINT16_MAX ? 0 : (uint16_t)req.ifr_mtu;
}

static int
count_queues(const struct chq_site_conf *conf, const char *ifname, char *err, size_t err_size)
{
	int n = chq_rx_queues(ifname);

	if (n < 0) {
		snprintf(err, err_size, "dataplane.interfaces: %s: no such network interface",
			 ifname);
		return n;
	}
	if (n > CHQ_STEER_QUEUES_MAX) {
		snprintf(err, err_size,
			 "%s has %d receive queues, %d at most are served: ethtool -L %s combined "
			 "%d",
			 ifname, n, CHQ_STEER_QUEUES_MAX, ifname, CHQ_STEER_QUEUES_MAX);
		return CHQ_ECONF;
	}
	if (conf->dataplane.workers > (uint32_t)n) {
		snprintf(err, err_size,
			 "dataplane.workers is %u, but %s has %d receive queue%s, and each needs "
			 "one of its own",
			 conf->dataplane.workers, ifname, n, n == 1 ? "" : "s");
		return CHQ_ECONF;
	}
	return n;
}

/* Return: queues of all interfaces; CHQ_E… with @err filled. */
static int
count_all_queues(const struct chq_site_conf *conf, char *err, size_t err_size)
{
	const struct chq_conf_strings *list = &conf->dataplane.interfaces;
	int sum = 0;

	if (list->count == 0 || list->count > INTERFACES_MAX) {
		snprintf(err, err_size, "dataplane.interfaces: 1 to %d are expected",
			 INTERFACES_MAX);
		return CHQ_EUNAVAIL;
	}
	for (size_t i = 0; i < list->count; i++) {
		int n = count_queues(conf, list->items[i], err, err_size);

		if (n < 0)
			return n;
		sum += n;
	}
	if (sum > CHQ_DPDK_PORTS_MAX) {
		snprintf(err, err_size, "%d receive queues in all, %d at most are served", sum,
			 CHQ_DPDK_PORTS_MAX);
		return CHQ_ECONF;
	}
	return sum;
}

static void
hold_ports(const struct af_xdp *x, struct iface *i)
{
	for (unsigned int k = 0; k < x->listen.n; k++) {
		int fd = chq_sink_open(&x->listen.at[k], i->link.ifname);

		if (fd >= 0)
			i->sinks[i->n_sinks++] = fd;
		else
			CHQ_LOG_WARN("port-not-held", "interface=%s port=%u reason=\"%s\"",
				     i->link.ifname, (unsigned)x->listen.at[k].port,
				     chq_strerror(fd));
	}
}

static int
attach_iface(struct af_xdp *x, const char *ifname, char *err, size_t err_size)
{
	struct iface *i = &x->ifaces[x->n_ifaces];
	int rc = chq_xdp_attach(&i->link, x->pin_dir, ifname, err, err_size);

	if (rc)
		return rc;
	x->n_ifaces++;
	chq_napi_init(&i->napi);
	i->queues = chq_rx_queues(ifname);
	rc = chq_port_add(x->dpdk.header, i->link.ifindex, NULL, read_mtu(ifname));
	if (rc < 0) {
		snprintf(err, err_size, "%s: the table of ports is full", ifname);
		return rc;
	}
	i->ifidx = (uint8_t)rc;
	hold_ports(x, i);
	if (i->link.native)
		CHQ_LOG_INFO("xdp-attached", "interface=%s mode=native adopted=%s", ifname,
			     i->link.adopted ? "yes" : "no");
	else
		CHQ_LOG_WARN("xdp-attached", "interface=%s mode=generic adopted=%s reason=\"%s\"",
			     ifname, i->link.adopted ? "yes" : "no", i->link.why_generic);
	return 0;
}

/* One try. @name: unique, also among failed ones. */
static int
make_device(const struct iface *i, int queue, struct chq_dpdk_port *p, char *err, size_t err_size)
{
	char args[160];
	int rc;

	snprintf(args, sizeof(args), "iface=%s,start_queue=%d,queue_count=1,busy_budget=%d",
		 i->link.ifname, queue, BUSY_BUDGET);
	p->pool = chq_dpdk_pool(p->name, QUEUE_MBUFS);
	if (!p->pool) {
		snprintf(err, err_size, "%s: no memory for %d packets", i->link.ifname,
			 QUEUE_MBUFS);
		return CHQ_ENOMEM;
	}
	rc = rte_eal_hotplug_add("vdev", p->name, args);
	if (rc == 0 && rte_eth_dev_get_port_by_name(p->name, &p->port_id) == 0)
		return chq_dpdk_port_start(p, RING_DESC, RING_DESC, err, err_size);
	snprintf(err, err_size, "%s: DPDK makes no AF_XDP device of queue %d (the log tells more)",
		 i->link.ifname, queue);
	return CHQ_EUNAVAIL;
}

/*
 * A queue that a killed process had is free again only when the kernel has given back that
 * process's memory, some time after its death.
 */
static int
open_queue(struct af_xdp *x, unsigned int iface, int queue, char *err, size_t err_size)
{
	static const struct timespec pause = { .tv_nsec = BIND_PAUSE_NS };
	struct chq_dpdk_port *p = &x->dpdk.ports[x->dpdk.n_ports];
	const struct iface *i = &x->ifaces[iface];
	int rc = CHQ_EUNAVAIL;

	for (int try = 0; try < BIND_TRIES; try++) {
		*p = (struct chq_dpdk_port){ .ifidx = i->ifidx, .rx_queues = 1, .tx_queues = 1 };
		snprintf(p->name, sizeof(p->name), "net_af_xdp_%u_%d_%d", iface, queue, try);
		rc = make_device(i, queue, p, err, err_size);
		if (rc != CHQ_EIO)
			break;
		x->half_made = true;
		rte_mempool_free(p->pool);
		nanosleep(&pause, NULL);
	}
	if (rc == 0)
		x->dpdk.n_ports++;
	else if (rc != CHQ_EIO)
		rte_mempool_free(p->pool);
	return rc;
}

static int
open_queues(struct af_xdp *x, char *err, size_t err_size)
{
	for (unsigned int i = 0; i < x->n_ifaces; i++) {
		for (int q = 0; q < x->ifaces[i].queues; q++) {
			int rc = open_queue(x, i, q, err, err_size);

			if (rc)
				return rc;
			chq_dpdk_assign(&x->dpdk, &x->dpdk.ports[x->dpdk.n_ports - 1],
					(unsigned int)q % x->dpdk.n_workers, 0);
		}
		chq_napi_set(&x->ifaces[i].napi, x->pin_dir, x->ifaces[i].link.ifname);
		CHQ_LOG_INFO("port-started", "port=%s driver=af_xdp queues=%d",
			     x->ifaces[i].link.ifname, x->ifaces[i].queues);
	}
	return 0;
}

/* --- life --- */

static void
af_xdp_close(struct chq_driver *drv, int detach)
{
	struct af_xdp *x = af_xdp_driver(drv);

	if (x->dpdk.n_ports > 0)
		rte_log_set_global_level(RTE_LOG_EMERG);
	chq_dpdk_stop_ports(&x->dpdk);
	chq_eal_stop(!x->half_made);
	for (unsigned int i = 0; i < x->n_ifaces; i++) {
		struct iface *f = &x->ifaces[i];

		for (unsigned int k = 0; k < f->n_sinks; k++)
			close(f->sinks[k]);
		chq_napi_restore(&f->napi);
		chq_xdp_release(&f->link);
		if (detach)
			chq_xdp_detach(x->pin_dir, f->link.ifname);
	}
	free(x);
}

/* Return: 0 if the folder of pins is there: the tables of this instance lie in it. */
static int
check_pins(struct af_xdp *x, const struct chq_tables *t, char *err, size_t err_size)
{
	snprintf(x->pin_dir, sizeof(x->pin_dir), "%s/%s", x->conf->dataplane.bpffs,
		 x->conf->dataplane.instance);
	if (t->backing == CHQ_BACKING_BPF)
		return 0;
	snprintf(err, err_size,
		 "af_xdp needs BPF (CAP_BPF, CAP_NET_ADMIN, bpffs at %s) and dataplane.tables: bpf "
		 "or auto",
		 x->conf->dataplane.bpffs);
	return CHQ_EUNAVAIL;
}

static int
open_all(struct af_xdp *x, int queues, char *err, size_t err_size)
{
	const struct chq_conf_strings *list = &x->conf->dataplane.interfaces;
	struct chq_eal_conf eal = { .site = x->conf };
	int rc = 0;

	for (size_t i = 0; !rc && i < list->count; i++)
		rc = attach_iface(x, list->items[i], err, err_size);
	eal.need_bytes = (size_t)queues * chq_dpdk_pool_bytes(QUEUE_MBUFS);
	if (!rc)
		rc = chq_eal_start(&eal, err, err_size);
	if (!rc)
		rc = open_queues(x, err, err_size);
	if (!rc)
		af_xdp_refresh(&x->dpdk.base);
	return rc;
}

static int
af_xdp_open(struct chq_driver **out, const struct chq_site_conf *conf, struct chq_tables *t,
	    char *err, size_t err_size)
{
	struct af_xdp *x = calloc(1, sizeof(*x));
	int rc, queues;

	if (!x)
		return CHQ_ENOMEM;
	x->conf = conf;
	queues = count_all_queues(conf, err, err_size);
	rc = queues < 0 ? queues : check_pins(x, t, err, err_size);
	if (!rc)
		rc = chq_listen_parse(&x->listen, &conf->listen, err, err_size);
	if (!rc)
		rc = chq_dpdk_init(&x->dpdk, &chq_driver_af_xdp, conf, t->header);
	if (!rc)
		rc = open_all(x, queues, err, err_size);
	if (rc) {
		af_xdp_close(&x->dpdk.base, 0);
		return rc;
	}
	*out = &x->dpdk.base;
	return 0;
}

static json_t *
af_xdp_describe(struct chq_driver *drv)
{
	struct af_xdp *x = af_xdp_driver(drv);
	json_t *ports = json_array();

	for (unsigned int i = 0; i < x->n_ifaces; i++) {
		const struct iface *f = &x->ifaces[i];
		json_t *o = chq_dpdk_describe_port(x->dpdk.header, f->ifidx, f->link.ifname,
						   "af_xdp");

		json_object_set_new(o, "mode", json_string(f->link.native ? "native" : "generic"));
		if (!f->link.native)
			json_object_set_new(o, "why_generic", json_string(f->link.why_generic));
		json_object_set_new(o, "queues", json_integer(f->queues));
		json_object_set_new(
			o, "rx_missed",
			json_integer((json_int_t)chq_dpdk_missed_at(&x->dpdk, (int)i)));
		json_object_set_new(o, "addresses", chq_addrs_describe(x->dpdk.header, f->ifidx));
		json_array_append_new(ports, o);
	}
	return ports;
}

const struct chq_driver_ops chq_driver_af_xdp = {
	.name = "af_xdp",
	.open = af_xdp_open,
	.start = chq_dpdk_start,
	.join = chq_dpdk_join,
	.rx = chq_dpdk_rx,
	.tx = chq_dpdk_tx,
	.tx_new = chq_dpdk_tx_new,
	.free = chq_dpdk_free,
	.refresh = af_xdp_refresh,
	.describe = af_xdp_describe,
	.missed = chq_dpdk_missed,
	.close = af_xdp_close,
};
