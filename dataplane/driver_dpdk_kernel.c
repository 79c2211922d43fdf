#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_ether.h>

#include "base/array.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/addrs.h"
#include "dataplane/driver_dpdk.h"
#include "dataplane/manager.h"
#include "dataplane/sink.h"

/*
 * Between the ports of DPDK and the kernel. Workers and the manager hand packets to each other through bounded
 * rings; the manager alone talks with the kernel, so a worker never enters it. All that is done in one go is bounded on
 * both sides: a flood of packets that are not ours costs a worker a push that fails.
 */

#define RING_NEIGHBOUR 64  /* ARP and neighbour discovery: without them the neighbours forget us */
#define RING_OTHER     256 /* everything else that is not ours */
#define RING_UNSENT    64  /* ours, without a next hop */
#define RING_READY     256 /* to be sent by the worker */
#define SERVICE_NS     (500 * UINT64_C(1000))
#define MOST_NEIGHBOUR 32 /* packets of each ring that are taken in one go */
#define MOST_OTHER     32
#define MOST_UNSENT    32
#define MOST_READ      64 /* from one interface */
#define MOST_READY     8  /* sent by a worker in one poll */
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define PROTO_ICMPV6   58
#define ND_FIRST       133
#define ND_LAST	       136

/* --- worker's side --- */

/* Also in a VLAN: its neighbours would forget us no less. */
static bool
is_neighbour_talk(const struct rte_mbuf *m)
{
	const uint8_t *type = rte_pktmbuf_mtod_offset(m, const uint8_t *, 12), *ip;
	size_t left = m->data_len;

	if (left >= CHQ_ETH_HDR_LEN + CHQ_VLAN_HDR_LEN && chq_get_be16(type) == ETHERTYPE_VLAN) {
		type += CHQ_VLAN_HDR_LEN;
		left -= CHQ_VLAN_HDR_LEN;
	}
	if (left < CHQ_ETH_HDR_LEN)
		return false;
	if (chq_get_be16(type) != ETHERTYPE_IPV6 || left < CHQ_ETH_HDR_LEN + CHQ_IPV6_HDR_LEN + 1)
		return chq_get_be16(type) == ETHERTYPE_ARP;
	ip = type + 2;
	return ip[6] == PROTO_ICMPV6 && ip[CHQ_IPV6_HDR_LEN] >= ND_FIRST &&
	       ip[CHQ_IPV6_HDR_LEN] <= ND_LAST;
}

void
chq_dpdk_to_kernel(struct chq_dpdk_worker *dw, struct chq_worker *w, uint16_t ifidx,
		   struct rte_mbuf *m)
{
	struct chq_dpdk_rings *r = dw->rings;
	struct chq_pkt *p = rte_mbuf_to_priv(m);

	p->out.ifidx = (uint8_t)ifidx;
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		(void)rte_vlan_insert(&m); /* the kernel has interfaces for them */
	if (r && m->nb_segs == 1 &&
	    chq_ring_push(is_neighbour_talk(m) ? &r->neighbour : &r->other, &m))
		return;
	if (r)
		chq_count(w, CHQ_D_TO_KERNEL);
	rte_pktmbuf_free(m);
}

bool
chq_dpdk_hold(struct chq_dpdk_worker *dw, struct rte_mbuf *m)
{
	return chq_ring_push(&dw->rings->unsent, &m);
}

uint16_t
chq_dpdk_ready(struct chq_dpdk_worker *dw, struct rte_mbuf **mbufs)
{
	uint16_t n = 0;

	while (dw->rings && n < MOST_READY && chq_ring_pop(&dw->rings->ready, &mbufs[n]))
		n++;
	return n;
}

/* --- manager's side --- */

static void
to_kernel(struct chq_dpdk *d, struct chq_manager *m, struct chq_ring *ring, int most)
{
	struct rte_mbuf *mbuf;

	for (int i = 0; i < most && chq_ring_pop(ring, &mbuf); i++) {
		const struct chq_pkt *p = rte_mbuf_to_priv(mbuf);
		const struct chq_tap *tap = &d->taps[p->out.ifidx];
		ssize_t n = -1;

		if (tap->fd >= 0)
			n = write(tap->fd, rte_pktmbuf_mtod(mbuf, void *), mbuf->data_len);
		chq_manager_count_one(m, n < 0 ? CHQ_D_TO_KERNEL : CHQ_C_TO_KERNEL);
		rte_pktmbuf_free(mbuf);
	}
}

/* One packet that the kernel sends. Return: false if there is none. */
static bool
from_kernel(struct chq_dpdk *d, struct chq_manager *m, const struct chq_dpdk_port *port)
{
	struct chq_dpdk_rings *r = d->workers[port->ifidx % d->n_workers].rings;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(port->pool);
	struct chq_pkt *p;
	ssize_t n;

	if (!mbuf)
		return false; /* it waits in the interface's own queue */
	n = read(d->taps[port->ifidx].fd, rte_pktmbuf_mtod(mbuf, void *),
		 rte_pktmbuf_tailroom(mbuf));
	if (n <= 0) {
		rte_pktmbuf_free(mbuf);
		return false;
	}
	mbuf->data_len = (uint16_t)n;
	mbuf->pkt_len = (uint32_t)n;
	p = rte_mbuf_to_priv(mbuf);
	p->out.ifidx = port->ifidx;
	p->dgram_len = 0; /* none of ours */
	if (!chq_ring_push(&r->ready, &mbuf)) {
		chq_manager_count_one(m, CHQ_D_FROM_KERNEL);
		rte_pktmbuf_free(mbuf);
	}
	return true;
}

/* Which interface of the kernel stands for a port; 0: none. */
static unsigned int
kernel_ifindex(const struct chq_dpdk *d, uint8_t ifidx)
{
	uint32_t own = d->header->port_info[ifidx].kernel_ifindex;

	return own & CHQ_PORT_NOT_KERNEL ? d->taps[ifidx].ifindex : own;
}

/* Ours without a next hop: the kernel resolves it, and sends the packet; by a TAP interface it comes back. */
static void
resolve(struct chq_dpdk *d, struct chq_manager *m, struct chq_ring *ring)
{
	struct rte_mbuf *mbuf;

	for (int i = 0; i < MOST_UNSENT && chq_ring_pop(ring, &mbuf); i++) {
		const struct chq_pkt *p = rte_mbuf_to_priv(mbuf);
		size_t l2 = (size_t)CHQ_ETH_HDR_LEN + (p->out.vlan ? CHQ_VLAN_HDR_LEN : 0);
		int rc = chq_neighbour_send(&d->neighbour,
					    rte_pktmbuf_mtod_offset(mbuf, uint8_t *, l2),
					    mbuf->data_len - l2, kernel_ifindex(d, p->out.ifidx));

		chq_manager_count_one(m, rc ? CHQ_D_NEIGHBOUR : CHQ_C_NEIGHBOUR);
		rte_pktmbuf_free(mbuf);
	}
}

void
chq_dpdk_service(struct chq_driver *drv, struct chq_manager *m)
{
	struct chq_dpdk *d = CHQ_CONTAINER_OF(drv, struct chq_dpdk, base);

	if (!d->rings_made || m->now_ns < d->next_service_ns)
		return;
	d->next_service_ns = m->now_ns + SERVICE_NS;
	m->count[CHQ_D_NEIGHBOUR] += chq_neighbour_lost(&d->neighbour);
	for (unsigned int i = 0; i < d->n_workers; i++) {
		struct chq_dpdk_rings *r = d->workers[i].rings;

		to_kernel(d, m, &r->neighbour, MOST_NEIGHBOUR);
		to_kernel(d, m, &r->other, MOST_OTHER);
		resolve(d, m, &r->unsent);
	}
	for (unsigned int i = 0; i < d->n_ports; i++) {
		if (d->taps[d->ports[i].ifidx].fd < 0)
			continue;
		for (int k = 0; k < MOST_READ && from_kernel(d, m, &d->ports[i]); k++)
			;
	}
}

/* --- addresses --- */

static const struct chq_dpdk_port *
port_of_tap(const struct chq_dpdk *d, const char *ifname)
{
	for (unsigned int i = 0; i < d->n_ports; i++) {
		const struct chq_tap *tap = &d->taps[d->ports[i].ifidx];

		if (tap->fd >= 0 && !strcmp(tap->name, ifname))
			return &d->ports[i];
	}
	return NULL;
}

int
chq_dpdk_scan_taps(struct chq_dpdk *d, const struct chq_listen *listen, uint64_t *seen)
{
	struct ifaddrs *all;
	struct chq_inet a;
	int rc = 0;

	if (getifaddrs(&all) < 0)
		return chq_errno();
	for (const struct ifaddrs *i = all; i && rc >= 0; i = i->ifa_next) {
		const struct chq_dpdk_port *p = port_of_tap(d, i->ifa_name);

		if (p && i->ifa_addr && chq_inet_from_sockaddr(&a, i->ifa_addr))
			rc = chq_addr_add(d->header, listen, &a, p->ifidx, seen);
	}
	freeifaddrs(all);
	return rc < 0 ? rc : 0;
}

/* --- life --- */

unsigned int
chq_dpdk_rings_mbufs(void)
{
	return RING_NEIGHBOUR + RING_OTHER + RING_UNSENT + RING_READY;
}

static int
rings_make(struct chq_dpdk_worker *dw)
{
	struct chq_dpdk_rings *r = calloc(1, sizeof(*r));
	int rc;

	dw->rings = r;
	if (!r)
		return CHQ_ENOMEM;
	rc = chq_ring_init(&r->neighbour, RING_NEIGHBOUR, sizeof(struct rte_mbuf *));
	if (!rc)
		rc = chq_ring_init(&r->other, RING_OTHER, sizeof(struct rte_mbuf *));
	if (!rc)
		rc = chq_ring_init(&r->unsent, RING_UNSENT, sizeof(struct rte_mbuf *));
	if (!rc)
		rc = chq_ring_init(&r->ready, RING_READY, sizeof(struct rte_mbuf *));
	return rc;
}

void
chq_dpdk_kernel_none(struct chq_dpdk *d)
{
	d->neighbour = (struct chq_neighbour){ -1, -1 };
	for (unsigned int i = 0; i < CHQ_TABLE_PORTS_MAX; i++)
		d->taps[i].fd = -1;
}

int
chq_dpdk_kernel_init(struct chq_dpdk *d)
{
	int rc = chq_neighbour_open(&d->neighbour);

	if (rc)
		CHQ_LOG_WARN("neighbours-not-resolved", "reason=\"%s\"", chq_strerror(rc));
	rc = 0;
	for (unsigned int i = 0; !rc && i < d->n_workers; i++)
		rc = rings_make(&d->workers[i]);
	d->rings_made = !rc;
	return rc;
}

/* So that the kernel answers nothing that goes to our UDP ports. */
static void
hold_ports(struct chq_dpdk *d, const struct chq_listen *listen, const char *ifname)
{
	for (unsigned int i = 0; i < listen->n && d->n_sinks < ARRAY_LEN(d->sinks); i++) {
		int fd = chq_sink_open(&listen->at[i], ifname);

		if (fd >= 0)
			d->sinks[d->n_sinks++] = fd;
		else
			CHQ_LOG_WARN("port-not-held", "interface=%s port=%u reason=\"%s\"", ifname,
				     (unsigned int)listen->at[i].port, chq_strerror(fd));
	}
}

void
chq_dpdk_kernel_open(struct chq_dpdk *d, const struct chq_dpdk_port *p, const char *instance,
		     const struct chq_listen *listen)
{
	const struct chq_port *info = &d->header->port_info[p->ifidx];
	unsigned int most = CHQ_MBUF_DATA - RTE_PKTMBUF_HEADROOM - CHQ_ETH_HDR_LEN -
			    CHQ_VLAN_HDR_LEN;
	unsigned int mtu = info->mtu && info->mtu < most ? info->mtu : most;
	char err[256];
	int rc = chq_tap_open(&d->taps[p->ifidx], p->name, instance, info->mac, mtu, err,
			      sizeof(err));

	if (!rc) {
		CHQ_LOG_INFO("port-kernel", "port=%s interface=%s", p->name,
			     d->taps[p->ifidx].name);
		hold_ports(d, listen, d->taps[p->ifidx].name);
		return;
	}
	CHQ_LOG_WARN(
		"port-without-kernel",
		"port=%s reason=%s effect=\"no ARP, neighbour discovery or ping: tell the port's "
		"MAC to its neighbours\"",
		p->name, CHQ_Q(err));
}

void
chq_dpdk_kernel_close(struct chq_dpdk *d)
{
	for (unsigned int i = 0; i < CHQ_TABLE_PORTS_MAX; i++)
		chq_tap_close(&d->taps[i]);
	for (unsigned int i = 0; i < d->n_sinks; i++)
		close(d->sinks[i]);
	d->n_sinks = 0;
	chq_neighbour_close(&d->neighbour);
	for (unsigned int i = 0; d->workers && i < d->n_workers; i++) {
		struct chq_dpdk_rings *r = d->workers[i].rings;

		if (!r)
			continue;
		chq_ring_deinit(&r->neighbour);
		chq_ring_deinit(&r->other);
		chq_ring_deinit(&r->unsent);
		chq_ring_deinit(&r->ready);
		free(r);
		d->workers[i].rings = NULL;
	}
}
