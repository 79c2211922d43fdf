#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "base/array.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/driver_dpdk.h"

#define POOL_OBJECT_BYTES 4096 /* without huge pages an mbuf does not cross a page */

/* --- ports --- */

struct rte_mempool *
chq_dpdk_pool(const char *name, unsigned int mbufs)
{
	uint16_t priv = RTE_ALIGN(sizeof(struct chq_pkt), RTE_MBUF_PRIV_ALIGN);

	return rte_pktmbuf_pool_create(name, mbufs, CHQ_MBUF_CACHE, priv, CHQ_MBUF_DATA,
				       SOCKET_ID_ANY);
}

size_t
chq_dpdk_pool_bytes(unsigned int mbufs)
{
	return (size_t)mbufs * POOL_OBJECT_BYTES;
}

static int
port_fail(const struct chq_dpdk_port *p, const char *what, int rc, char *err, size_t err_size)
{
	snprintf(err, err_size, "%s: DPDK: %s: %s", p->name, what, strerror(-rc));
	return CHQ_EIO;
}

static int
port_queues(const struct chq_dpdk_port *p, uint16_t rx_desc, uint16_t tx_desc)
{
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->port_id, &rx_desc, &tx_desc);

	for (uint16_t q = 0; !rc && q < p->rx_queues; q++)
		rc = rte_eth_rx_queue_setup(p->port_id, q, rx_desc, SOCKET_ID_ANY, NULL, p->pool);
	for (uint16_t q = 0; !rc && q < p->tx_queues; q++)
		rc = rte_eth_tx_queue_setup(p->port_id, q, tx_desc, SOCKET_ID_ANY, NULL);
	return rc;
}

/* What looks only, and what spares work; nothing that writes into a packet. */
static void
choose_offloads(struct chq_dpdk_port *p, const struct rte_eth_dev_info *info)
{
	p->rx_offloads = info->rx_offload_capa &
			 (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	p->tx_offloads = p->one_pool ? info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE
				     : 0;
	p->rss = p->rx_queues > 1
			 ? info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP)
			 : 0;
}

json_t *
chq_dpdk_describe_offloads(const struct chq_dpdk_port *p)
{
	json_t *list = json_array();

	if (p->rx_offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM)
		json_array_append_new(list, json_string("rx-ipv4-checksum"));
	if (p->rx_offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
		json_array_append_new(list, json_string("rx-udp-checksum"));
	if (p->rss)
		json_array_append_new(list,
				      json_string(p->rss & RTE_ETH_RSS_UDP ? "rss-udp" : "rss-ip"));
	if (p->tx_offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)
		json_array_append_new(list, json_string("tx-fast-free"));
	return list;
}

int
chq_dpdk_port_start(struct chq_dpdk_port *p, uint16_t rx_desc, uint16_t tx_desc, char *err,
		    size_t err_size)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(p->port_id, &info);

	if (rc)
		return port_fail(p, "device", rc, err, err_size);
	choose_offloads(p, &info);
	conf.rxmode.offloads = p->rx_offloads;
	conf.txmode.offloads = p->tx_offloads;
	conf.rxmode.mq_mode = p->rss ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE;
	conf.rx_adv_conf.rss_conf.rss_hf = p->rss;
	rc = rte_eth_dev_configure(p->port_id, p->rx_queues, p->tx_queues, &conf);
	if (rc)
		return port_fail(p, "configure", rc, err, err_size);
	rc = port_queues(p, rx_desc, tx_desc);
	if (rc)
		return port_fail(p, "queues", rc, err, err_size);
	rc = rte_eth_dev_start(p->port_id);
	return rc ? port_fail(p, "start", rc, err, err_size) : 0;
}

void
chq_dpdk_assign(struct chq_dpdk *d, const struct chq_dpdk_port *p, unsigned int index,
		uint16_t queue)
{
	struct chq_dpdk_worker *dw = &d->workers[index];

	if (queue < p->rx_queues && dw->rxqs < CHQ_DPDK_QUEUES_MAX)
		dw->rxq[dw->rxqs++] = (struct chq_dpdk_rxq){
			.port_id = p->port_id,
			.queue = queue,
			.eth = { .header = d->header, .ifidx = p->ifidx },
		};
	if (queue < p->tx_queues && dw->txq[p->ifidx].port_id == CHQ_DPDK_NONE) {
		dw->txq[p->ifidx].port_id = p->port_id;
		dw->txq[p->ifidx].queue = queue;
		dw->txq[p->ifidx].pool = p->pool;
	}
}

/* --- life --- */

int
chq_dpdk_init(struct chq_dpdk *d, const struct chq_driver_ops *ops,
	      const struct chq_site_conf *conf, struct chq_header *header)
{
	d->base.ops = ops;
	d->header = header;
	d->n_workers = conf->dataplane.workers;
	d->workers = calloc(d->n_workers, sizeof(*d->workers));
	if (!d->workers)
		return CHQ_ENOMEM;
	sched_getaffinity(0, sizeof(d->cpus), &d->cpus);
	for (unsigned int i = 0; i < d->n_workers; i++) {
		struct chq_dpdk_worker *dw = &d->workers[i];

		dw->core = i < conf->dataplane.cores.count ? (int)conf->dataplane.cores.items[i]
							   : -1;
		dw->cpus = &d->cpus;
		for (unsigned int k = 0; k < CHQ_TABLE_PORTS_MAX; k++)
			dw->txq[k].port_id = CHQ_DPDK_NONE;
	}
	return 0;
}

static void
set_core(const struct chq_dpdk_worker *dw)
{
	cpu_set_t own;

	CPU_ZERO(&own);
	if (dw->core >= 0)
		CPU_SET(dw->core, &own);
	if (sched_setaffinity(0, sizeof(own), dw->core >= 0 ? &own : dw->cpus) < 0)
		CHQ_LOG_WARN("core-not-taken", "core=%d reason=\"%s\"", dw->core,
			     chq_strerror(chq_errno()));
}

static void *
thread_main(void *arg)
{
	struct chq_dpdk_worker *dw = arg;

	set_core(dw);
	/* Without a number of its own a thread has no mbuf cache: slower, nothing else. */
	if (rte_thread_register() < 0)
		CHQ_LOG_WARN("lcore-not-registered", "worker=%u", dw->worker->index);
	chq_worker_run(dw->worker);
	rte_thread_unregister();
	return NULL;
}

int
chq_dpdk_start(struct chq_driver *d, struct chq_worker **workers, unsigned int n)
{
	struct chq_dpdk *dd = CHQ_CONTAINER_OF(d, struct chq_dpdk, base);

	for (unsigned int i = 0; i < n && i < dd->n_workers; i++) {
		struct chq_dpdk_worker *dw = &dd->workers[i];
		int rc;

		dw->worker = workers[i];
		rc = pthread_create(&dw->thread, NULL, thread_main, dw);
		if (rc)
			return -rc;
		dw->running = true;
	}
	return 0;
}

void
chq_dpdk_join(struct chq_driver *d)
{
	struct chq_dpdk *dd = CHQ_CONTAINER_OF(d, struct chq_dpdk, base);

	for (unsigned int i = 0; i < dd->n_workers; i++) {
		if (dd->workers[i].running)
			pthread_join(dd->workers[i].thread, NULL);
		dd->workers[i].running = false;
	}
}

uint64_t
chq_dpdk_missed_at(const struct chq_dpdk *d, int iface)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < d->n_ports; i++) {
		struct rte_eth_stats stats = { 0 };

		if (iface >= 0 && d->ports[i].iface != (unsigned int)iface)
			continue;
		if (rte_eth_stats_get(d->ports[i].port_id, &stats) == 0)
			sum += stats.imissed + stats.rx_nombuf;
	}
	return sum;
}

uint64_t
chq_dpdk_missed(struct chq_driver *d)
{
	return chq_dpdk_missed_at(CHQ_CONTAINER_OF(d, struct chq_dpdk, base), -1);
}

void
chq_dpdk_stop_ports(struct chq_dpdk *d)
{
	for (unsigned int i = 0; i < d->n_ports; i++) {
		rte_eth_dev_stop(d->ports[i].port_id);
		rte_eth_dev_close(d->ports[i].port_id);
	}
	for (unsigned int i = 0; i < d->n_ports; i++) {
		bool shared = false; /* with an earlier port, which freed it */

		for (unsigned int k = 0; k < i; k++)
			shared |= d->ports[k].pool == d->ports[i].pool;
		if (!shared)
			rte_mempool_free(d->ports[i].pool);
	}
	d->n_ports = 0;
	free(d->workers);
	d->workers = NULL;
}
