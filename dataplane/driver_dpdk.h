#pragma once

/*
 * dataplane/driver_dpdk: inside of the drivers dpdk and af_xdp, which differ only in how their
 * ports come to be.
 *
 * Each worker owns one receive queue of every port that has one for it, and one transmit queue of
 * every port. A packet's struct chq_pkt lies in the private area of its mbuf, so nothing is
 * allocated.
 */

#include <pthread.h>
#include <sched.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "base/ring.h"
#include "dataplane/driver.h"
#include "dataplane/eth.h"
#include "dataplane/kernel_tap.h"
#include "dataplane/listen.h"
#include "dataplane/neighbour.h"
#include "dataplane/worker.h"

#define CHQ_DPDK_PORTS_MAX  64
#define CHQ_DPDK_QUEUES_MAX 64 /* of one worker */
#define CHQ_DPDK_NONE	    0xffff
#define CHQ_DPDK_RX_DESC    1024
#define CHQ_DPDK_TX_DESC    1024
#define CHQ_MBUF_CACHE	    256
#define CHQ_MBUF_DATA	    (RTE_PKTMBUF_HEADROOM + 2048)

/* A DPDK port that was started. Constant then, but for the table entry that refresh() renews. */
struct chq_dpdk_port {
	uint16_t port_id;
	uint8_t ifidx; /* index into header->port_info */
	uint16_t rx_queues, tx_queues;
	unsigned int owner; /* af_xdp: the one worker that serves it; its queue is 0 */
	unsigned int iface; /* af_xdp: index of the interface */
	char name[64];
	struct rte_mempool *pool;
	bool one_pool;				/* all mbufs that are sent are from @pool */
	uint64_t rx_offloads, tx_offloads, rss; /* in use; set by chq_dpdk_port_start() */
};

/* One queue that a worker receives from. */
struct chq_dpdk_rxq {
	uint16_t port_id, queue;
	struct chq_eth_rx eth;
};

/* Where a worker sends what goes to a port, and what waits there for the end of the burst. */
struct chq_dpdk_txq {
	uint16_t port_id, queue; /* CHQ_DPDK_NONE: this worker cannot send there */
	uint16_t n;
	struct rte_mempool *pool;
	struct rte_mbuf *mbufs[2 * CHQ_BURST];
};

/*
 * Mbufs between a worker and the manager, who talks with the kernel; entries are pointers. With driver af_xdp only those
 * that lack the next hop: the interface is the kernel's, which sends them itself.
 * Worker to manager: packets that are not ours, the port's index in their p->out.ifidx; and finished packets of ours that
 * lack the next hop. Manager to worker: finished packets to be sent to p->out.ifidx, p->dgram_len 0 if they are the kernel's.
 */
struct chq_dpdk_rings {
	struct chq_ring neighbour, other; /* ARP and neighbour discovery go first */
	struct chq_ring unsent;
	struct chq_ring ready;
	struct rte_mempool *pool; /* for what a worker makes without a port to send it to */
};

/* Of one worker; writer and reader: that worker's thread, once it runs. */
struct chq_dpdk_worker {
	struct chq_dpdk_rxq rxq[CHQ_DPDK_QUEUES_MAX];
	unsigned int rxqs, next;
	struct chq_dpdk_txq txq[CHQ_TABLE_PORTS_MAX]; /* by ifidx */
	unsigned int idle;			      /* polls in a row that brought nothing */
	struct rte_mbuf *mbufs[CHQ_BURST];
	struct chq_dpdk_rings *rings; /* NULL: whatever is not ours is dropped */

	/* Set at start. */
	struct chq_worker *worker;
	pthread_t thread;
	int core; /* -1: any */
	const cpu_set_t *cpus;
	bool running;
};

struct chq_dpdk {
	struct chq_driver base;
	struct chq_header *header;
	struct chq_dpdk_worker *workers;
	unsigned int n_workers;
	cpu_set_t cpus; /* that workers without a core of their own may use */
	struct chq_dpdk_port ports[CHQ_DPDK_PORTS_MAX];
	unsigned int n_ports;

	/* Manager thread. */
	struct chq_neighbour neighbour;
	bool rings_made;
	uint64_t next_service_ns;

	/* Driver dpdk; the same. */
	const struct chq_site_conf *conf;
	struct chq_listen listen;
	struct chq_tap taps[CHQ_TABLE_PORTS_MAX]; /* by ifidx */
	int sinks[CHQ_TABLE_PORTS_MAX * CHQ_LISTEN_MAX];
	unsigned int n_sinks;
};

/** chq_dpdk_init() - memory of the workers, cores as configured. Before chq_eal_start(), which may
 * move the thread. Return: 0; CHQ_ENOMEM. */
int chq_dpdk_init(struct chq_dpdk *d, const struct chq_driver_ops *ops,
		  const struct chq_site_conf *conf, struct chq_header *header);

/** chq_dpdk_pool() - mbufs with room for a struct chq_pkt each. Return: NULL if there is no memory.
 */
struct rte_mempool *chq_dpdk_pool(const char *name, unsigned int mbufs);

/** chq_dpdk_pool_bytes() - about what chq_dpdk_pool() takes, in pages of any size. */
size_t chq_dpdk_pool_bytes(unsigned int mbufs);

/**
 * chq_dpdk_port_start() - configure queues and start.
 * @p: port_id, rx_queues, tx_queues, pool, one_pool and name are set.
 *
 * Of the card's offloads those are taken that look: checksums at reception, RSS by addresses and UDP ports. Never one that
 * writes a checksum: it would launder a damaged payload.
 *
 * Return: 0; CHQ_EIO with @err filled.
 */
int chq_dpdk_port_start(struct chq_dpdk_port *p, uint16_t rx_desc, uint16_t tx_desc, char *err,
			size_t err_size);

/** chq_dpdk_assign() - give worker @index queue @queue of @p, both ways; receiving only if it has
 * that many queues. */
void chq_dpdk_assign(struct chq_dpdk *d, const struct chq_dpdk_port *p, unsigned int index,
		     uint16_t queue);

/** chq_dpdk_stop_ports() - stop and close all ports, free their pools and the workers' memory. */
void chq_dpdk_stop_ports(struct chq_dpdk *d);

/** chq_dpdk_missed_at() - packets that the ports of an interface (-1: all ports) lost for want of room or buffers. */
uint64_t chq_dpdk_missed_at(const struct chq_dpdk *d, int iface);

/* What both drivers tell of a port. New reference. */
struct json_t *chq_dpdk_describe_port(const struct chq_header *header, uint8_t ifidx,
				      const char *name, const char *driver);

/** chq_dpdk_describe_offloads() - names of the offloads in use. New reference. */
struct json_t *chq_dpdk_describe_offloads(const struct chq_dpdk_port *p);

/* --- driver_dpdk_kernel.c: packets from and to the kernel --- */

/** chq_dpdk_kernel_none() - nothing is open yet, so chq_dpdk_kernel_close() may be called. */
void chq_dpdk_kernel_none(struct chq_dpdk *d);

/** chq_dpdk_kernel_init() - rings of all workers, sockets for what lacks a next hop. Return: 0; CHQ_ENOMEM. */
int chq_dpdk_kernel_init(struct chq_dpdk *d);

/** chq_dpdk_kernel_open() - the port's interface in the kernel. Without it the driver works on, and says so in the log. */
void chq_dpdk_kernel_open(struct chq_dpdk *d, const struct chq_dpdk_port *p, const char *instance,
			  const struct chq_listen *listen);

/** chq_dpdk_kernel_close() - the interfaces stay. No worker runs any more. */
void chq_dpdk_kernel_close(struct chq_dpdk *d);

/** chq_dpdk_rings_mbufs() - how many mbufs a worker's rings hold at most. */
unsigned int chq_dpdk_rings_mbufs(void);

/** chq_dpdk_scan_taps() - enter the addresses of the ports' interfaces. @seen: as chq_addr_add(). Return: 0; CHQ_EFULL; a
 * negated errno. Manager thread. */
int chq_dpdk_scan_taps(struct chq_dpdk *d, const struct chq_listen *listen, uint64_t *seen);

/** chq_dpdk_service() - move a bounded number of packets between the rings and the kernel. Manager thread. */
void chq_dpdk_service(struct chq_driver *d, struct chq_manager *m);

/** chq_dpdk_to_kernel() - hand over a packet that is not ours; counted and freed when that cannot be. Worker thread. */
void chq_dpdk_to_kernel(struct chq_dpdk_worker *dw, struct chq_worker *w, uint16_t ifidx,
			struct rte_mbuf *m);

/** chq_dpdk_hold() - hand over a finished packet of ours that lacks its next hop. Return: false if too many wait. Worker
 * thread; dw->rings is set. */
bool chq_dpdk_hold(struct chq_dpdk_worker *dw, struct rte_mbuf *m);

/** chq_dpdk_ready() - packets to be sent now, at most CHQ_BURST, a few in each poll. Return: how many. Worker thread. */
uint16_t chq_dpdk_ready(struct chq_dpdk_worker *dw, struct rte_mbuf **mbufs);

/* Functions of struct chq_driver_ops that both drivers share. */
int chq_dpdk_start(struct chq_driver *d, struct chq_worker **workers, unsigned int n);
void chq_dpdk_join(struct chq_driver *d);
uint16_t chq_dpdk_rx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts);
void chq_dpdk_tx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts, uint16_t n);
void chq_dpdk_tx_new(struct chq_driver *d, struct chq_worker *w, const struct chq_path *to,
		     const uint8_t *dgram, uint16_t len);
uint64_t chq_dpdk_missed(struct chq_driver *d);
void chq_dpdk_free(struct chq_driver *d, struct chq_worker *w, struct chq_pkt *p);
