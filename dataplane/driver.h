#pragma once
/*
 * dataplane/driver: what a driver offers to the workers and the manager. One instance per process.
 */
#include <stdint.h>

#include "base/site_conf.h"
#include "dataplane/counters.h"
#include "dataplane/pkt.h"

struct chq_manager;
struct chq_tables;
struct chq_worker;
struct chq_driver;

struct chq_driver_ops {
	const char *name; /* "dpdk", "af_xdp", "xdp", "socket" */

	/**
	 * open() - take the ports; fill header->port_info/local (manager thread, at start).
	 * @conf: lives until close().
	 * @err: at least 256 bytes; a text for operators that says which feature is missing and what to do.
	 * Return: 0; CHQ_E…. CHQ_EUNAVAIL: `driver: auto` goes on with the next one.
	 */
	int (*open)(struct chq_driver **out, const struct chq_site_conf *conf, struct chq_tables *t,
		    char *err, size_t err_size);

	/** workers() - start conf->dataplane.workers threads, each of which runs chq_worker_run(w). 0; CHQ_E… */
	int (*start)(struct chq_driver *d, struct chq_worker **workers, unsigned n);

	/** join() - wait for the threads after chq_worker_stop() was called for each. */
	void (*join)(struct chq_driver *d);

	/** rx() - at most CHQ_BURST packets, their driver part filled, packets that are not ours already left to the
	 * kernel (counted). Sets w->rx_full and w->rx_waited_ns, which are 0 before. Worker thread. Never blocks longer than 10 ms: a heartbeat must stay younger than 50. Return: how many. */
	uint16_t (*rx)(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts);

	/** tx() - send every packet to its p->out (rewrites link, IP and UDP headers, checksums incrementally) and free
	 * it, sent or not; what could not be sent is counted. Worker thread. */
	void (*tx)(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts, uint16_t n);

	/** tx_new() - send a datagram that is not an answer in place (from the manager). Worker thread. */
	void (*tx_new)(struct chq_driver *d, struct chq_worker *w, const struct chq_path *to,
		       const uint8_t *dgram, uint16_t len);

	/** free() - give a packet back that is not sent. Worker thread. */
	void (*free)(struct chq_driver *d, struct chq_worker *w, struct chq_pkt *p);

	/** wake() - end the wait of a worker in rx(), when it can wait. Any thread. May be NULL. */
	void (*wake)(struct chq_driver *d, struct chq_worker *w);

	/** refresh() - look at local addresses again (manager thread, every few seconds). May be NULL. */
	void (*refresh)(struct chq_driver *d);

	/** service() - what the driver has to do outside of the workers, a bounded part of it; never blocks (manager
	 * thread, each round). May be NULL. */
	void (*service)(struct chq_driver *d, struct chq_manager *m);

	/** describe() - ports as a JSON array (jansson, new reference): name, driver, mode, mac, mtu, queues, addresses,
	 * offloads, kernel (the interface there that stands for the port, or null). Manager thread. */
	struct json_t *(*describe)(struct chq_driver *d);

	/** missed() - packets that the ports lost before a worker saw them, since the start. Manager thread. May be NULL. */
	uint64_t (*missed)(struct chq_driver *d);

	/** next_hop() - fill in interface and MAC of a path that has no MAC, when they are known now. Manager thread. May be NULL.
	 * Return: 0; CHQ_ENOENT and other negated errno: @path is unchanged. */
	int (*next_hop)(struct chq_driver *d, struct chq_path *path);

	/** quiet() - before the workers are stopped: nothing is handed to them any more. Manager thread. May be NULL. */
	void (*quiet)(struct chq_driver *d);

	/** counts() - add what counted beside the workers: the XDP program, since it was first attached. Manager thread. May
	 * be NULL. */
	void (*counts)(struct chq_driver *d, uint64_t counts[CHQ_C__COUNT]);

	/** close() - give everything back. @detach: also remove what is made to outlive the process. */
	void (*close)(struct chq_driver *d, int detach);
};

struct chq_driver {
	const struct chq_driver_ops *ops;
};

extern const struct chq_driver_ops chq_driver_socket;
#ifdef CHQ_HAVE_XDP
extern const struct chq_driver_ops chq_driver_xdp;
#endif
#ifdef CHQ_HAVE_DPDK
extern const struct chq_driver_ops chq_driver_dpdk;
#ifdef CHQ_HAVE_XDP
extern const struct chq_driver_ops chq_driver_af_xdp;
#endif
#endif
