#include <jansson.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/dpdk_eal.h"
#include "dataplane/driver_dpdk.h"
#include "dataplane/napi.h"
#include "dataplane/privileges.h"
#include "dataplane/sink.h"
#include "dataplane/tables.h"
#include "dataplane/xdp_ifaces.h"

/*
 * The driver af_xdp: kernel interfaces through DPDK's AF_XDP driver, one of its devices for each
 * receive queue, behind our own program on our own pinned link (dataplane/xdp_link.h).
 *
 * DPDK's driver gets no xdp_prog argument: a killed process would leave that program attached, and
 * the next one's failure would remove it. Without it, libxdp joins the program that stands there
 * because of its name, and at the end cannot take it off, because a link holds it; its complaints
 * are silenced then.
 */

#define RING_DESC     2048 /* of each of a queue's rings */
#define QUEUE_MBUFS   (4 * RING_DESC - 1)
#define BUSY_BUDGET   64
#define BIND_TRIES    10
#define BIND_PAUSE_NS (200 * CHQ_NS_PER_MS)

/* Beside the program, by the same index as in struct chq_xdp_ifaces. */
struct iface {
	struct chq_napi napi;
	int sinks[CHQ_LISTEN_MAX]; /* so that the kernel answers nothing for us */
	unsigned int n_sinks;
};

struct af_xdp {
	struct chq_dpdk dpdk;
	struct chq_listen listen;
	struct chq_xdp_ifaces programs;
	struct iface ifaces[CHQ_TABLE_PORTS_MAX];
	bool half_made; /* a device failed half-way: DPDK cannot free it safely */
};

static struct af_xdp *
af_xdp_driver(struct chq_driver *d)
{
	return CHQ_CONTAINER_OF(d, struct af_xdp, dpdk.base);
}

/* --- addresses --- */

/* Of these interfaces alone: a worker has no others to answer by. */
static void
af_xdp_refresh(struct chq_driver *drv)
{
	chq_xdp_ifaces_refresh(&af_xdp_driver(drv)->programs, true);
}

static void
af_xdp_quiet(struct chq_driver *drv)
{
	chq_xdp_ifaces_quiet(&af_xdp_driver(drv)->programs);
}

static void
af_xdp_counts(struct chq_driver *drv, uint64_t counts[CHQ_C__COUNT])
{
	chq_xdp_ifaces_counts(&af_xdp_driver(drv)->programs, counts);
}

/* --- interfaces and queues --- */

static int
count_queues(const struct chq_site_conf *conf, const char *ifname, char *err, size_t err_size)
{
	int n = chq_rx_queues(ifname);

	if (n < 0 || conf->dataplane.workers <= (uint32_t)n)
		return n;
	snprintf(
		err, err_size,
		"dataplane.workers is %u, but %s has %d receive queue%s, and each needs one of its "
		"own",
		conf->dataplane.workers, ifname, n, n == 1 ? "" : "s");
	return CHQ_ECONF;
}

/* Return: queues of all interfaces; CHQ_E… with @err filled. */
static int
count_all_queues(const struct chq_site_conf *conf, char *err, size_t err_size)
{
	const struct chq_conf_strings *list = &conf->dataplane.interfaces;
	int sum = 0;

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

/* Without CAP_IPC_LOCK, the memory for packets that the kernel shares with us has a limit; DPDK would say EINVAL of it. */
static int
check_locked(size_t need, char *err, size_t err_size)
{
	struct rlimit now;

	if (chq_cap_held(CAP_IPC_LOCK) || getrlimit(RLIMIT_MEMLOCK, &now) < 0 ||
	    now.rlim_cur == RLIM_INFINITY || need <= now.rlim_cur)
		return 0;
	snprintf(err, err_size,
		 "af_xdp needs %zu bytes of locked memory for packets, the limit is %llu: "
		 "LimitMEMLOCK=infinity in the service (ulimit -l), or CAP_IPC_LOCK",
		 need, (unsigned long long)now.rlim_cur);
	return CHQ_EUNAVAIL;
}

static void
hold_ports(const struct af_xdp *x, struct iface *i, const char *ifname)
{
	for (unsigned int k = 0; k < x->listen.n; k++) {
		int fd = chq_sink_open(&x->listen.at[k], ifname);

		if (fd >= 0)
			i->sinks[i->n_sinks++] = fd;
		else
			CHQ_LOG_WARN("port-not-held", "interface=%s port=%u reason=\"%s\"", ifname,
				     (unsigned)x->listen.at[k].port, chq_strerror(fd));
	}
}

/* One try. @name: unique, also among failed ones. */
static int
make_device(const char *ifname, int queue, struct chq_dpdk_port *p, char *err, size_t err_size)
{
	char args[160];
	int rc;

	snprintf(args, sizeof(args), "iface=%s,start_queue=%d,queue_count=1,busy_budget=%d", ifname,
		 queue, BUSY_BUDGET);
	p->pool = chq_dpdk_pool(p->name, QUEUE_MBUFS);
	if (!p->pool) {
		snprintf(err, err_size, "%s: no memory for %d packets", ifname, QUEUE_MBUFS);
		return CHQ_ENOMEM;
	}
	rc = rte_eal_hotplug_add("vdev", p->name, args);
	if (rc == 0 && rte_eth_dev_get_port_by_name(p->name, &p->port_id) == 0)
		return chq_dpdk_port_start(p, RING_DESC, RING_DESC, err, err_size);
	snprintf(err, err_size, "%s: DPDK makes no AF_XDP device of queue %d (the log tells more)",
		 ifname, queue);
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
	const struct chq_xdp_iface *i = &x->programs.at[iface];
	int rc = CHQ_EUNAVAIL;

	for (int try = 0; try < BIND_TRIES; try++) {
		*p = (struct chq_dpdk_port){
			.ifidx = i->ifidx, .iface = iface, .rx_queues = 1, .tx_queues = 1
		};
		snprintf(p->name, sizeof(p->name), "net_af_xdp_%u_%d_%d", iface, queue, try);
		rc = make_device(i->link.ifname, queue, p, err, err_size);
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

static void
serve_queue(struct af_xdp *x, const struct chq_dpdk_port *p, unsigned int worker)
{
	struct chq_dpdk_rings *r = x->dpdk.workers[worker].rings;

	chq_dpdk_assign(&x->dpdk, p, worker, 0);
	if (!r->pool)
		r->pool = p->pool;
}

static int
open_queues(struct af_xdp *x, char *err, size_t err_size)
{
	const struct chq_xdp_ifaces *p = &x->programs;

	for (unsigned int i = 0; i < p->n; i++) {
		const char *ifname = p->at[i].link.ifname;

		for (int q = 0; q < p->at[i].queues; q++) {
			int rc = open_queue(x, i, q, err, err_size);

			if (rc)
				return rc;
			serve_queue(x, &x->dpdk.ports[x->dpdk.n_ports - 1],
				    (unsigned int)q % x->dpdk.n_workers);
		}
		chq_napi_set(&x->ifaces[i].napi, p->pin_dir, ifname);
		CHQ_LOG_INFO("port-started", "port=%s driver=af_xdp queues=%d", ifname,
			     p->at[i].queues);
	}
	return 0;
}

/* --- life --- */

static void
af_xdp_close(struct chq_driver *drv, int detach)
{
	struct af_xdp *x = af_xdp_driver(drv);

	chq_dpdk_kernel_close(&x->dpdk);
	if (x->dpdk.n_ports > 0)
		rte_log_set_global_level(RTE_LOG_EMERG);
	chq_dpdk_stop_ports(&x->dpdk);
	chq_eal_stop(!x->half_made);
	for (unsigned int i = 0; i < x->programs.n; i++) {
		struct iface *f = &x->ifaces[i];

		for (unsigned int k = 0; k < f->n_sinks; k++)
			close(f->sinks[k]);
		chq_napi_restore(&f->napi);
	}
	chq_xdp_ifaces_close(&x->programs, detach);
	free(x);
}

/* The workers' heartbeats are old until they run: so long the program forwards by itself. */
static int
open_all(struct af_xdp *x, const struct chq_site_conf *conf, const struct chq_tables *t, int queues,
	 char *err, size_t err_size)
{
	struct chq_eal_conf eal = { .site = conf };
	int rc = chq_xdp_ifaces_open(&x->programs, conf, t, &x->listen, CHQ_XDP_STEER, err,
				     err_size);

	for (unsigned int i = 0; i < x->programs.n; i++) {
		chq_napi_init(&x->ifaces[i].napi);
		hold_ports(x, &x->ifaces[i], x->programs.at[i].link.ifname);
	}
	eal.need_bytes = (size_t)queues * chq_dpdk_pool_bytes(QUEUE_MBUFS);
	if (!rc)
		rc = chq_eal_start(&eal, err, err_size);
	if (!rc)
		rc = open_queues(x, err, err_size);
	if (rc)
		return rc;
	af_xdp_refresh(&x->dpdk.base);
	chq_xdp_ifaces_serve(&x->programs, x->dpdk.n_workers);
	return 0;
}

static int
af_xdp_open(struct chq_driver **out, const struct chq_site_conf *conf, struct chq_tables *t,
	    char *err, size_t err_size)
{
	struct af_xdp *x = calloc(1, sizeof(*x));
	int rc, queues = 0;

	if (!x)
		return CHQ_ENOMEM;
	chq_dpdk_kernel_none(&x->dpdk);
	rc = chq_xdp_ifaces_check(conf, t, "af_xdp", err, err_size);
	if (!rc) {
		queues = count_all_queues(conf, err, err_size);
		rc = queues < 0 ? queues : 0;
	}
	if (!rc)
		rc = check_locked((size_t)queues * chq_dpdk_pool_bytes(QUEUE_MBUFS), err, err_size);
	if (!rc)
		rc = chq_listen_parse(&x->listen, &conf->listen, err, err_size);
	if (!rc)
		rc = chq_dpdk_init(&x->dpdk, &chq_driver_af_xdp, conf, t->header);
	if (!rc)
		rc = chq_dpdk_kernel_init(&x->dpdk);
	if (!rc)
		rc = open_all(x, conf, t, queues, err, err_size);
	if (rc) {
		chq_xdp_ifaces_undo(&x->programs);
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

	for (unsigned int i = 0; i < x->programs.n; i++) {
		json_t *o = chq_xdp_ifaces_describe(&x->programs, i, "af_xdp");

		json_object_set_new(o, "hugepages", json_boolean(chq_eal_hugepages()));
		json_object_set_new(o, "rx_missed",
				    json_integer((json_int_t)chq_dpdk_missed_at(&x->dpdk, (int)i)));
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
	.service = chq_dpdk_service,
	.describe = af_xdp_describe,
	.missed = chq_dpdk_missed,
	.quiet = af_xdp_quiet,
	.counts = af_xdp_counts,
	.close = af_xdp_close,
};
