#pragma once
/*
 * dataplane/driver_socket: plain kernel UDP sockets, for containers and laptops. Inside of the driver: what
 * driver_socket.c (sockets, addresses) and driver_socket_io.c (bursts) share, and what the driver xdp takes from them.
 *
 * Each worker has one socket per listen address (SO_REUSEPORT when there are several workers) and an eventfd that
 * ends its wait. A worker waits in the kernel for at most CHQ_SOCK_WAIT_MS when nothing comes; the manager wakes it
 * when it has something to send, so the wait adds no latency.
 *
 * The kernel drops datagrams whose UDP checksum is wrong, and those whose is 0, by a filter of ours; it counts them among
 * the socket's drops. It puts fragments together, and says so: they are dropped and counted here.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "dataplane/driver.h"
#include "dataplane/listen.h"
#include "dataplane/sockio.h"

#define CHQ_SOCK_BUF_BYTES 2048
/* A heartbeat must not be older than 50 ms: a wait of 10 ms leaves room for a busy machine. */
#define CHQ_SOCK_WAIT_MS 10

struct chq_sock {
	int fd;
	int family;
	uint16_t port;
	bool dual; /* IPv6 that takes IPv4 too */
};

/* A batch of messages for one sendmmsg(). */
struct chq_sock_out {
	struct mmsghdr msg[CHQ_BURST];
	struct iovec iov[CHQ_BURST];
	struct sockaddr_storage to[CHQ_BURST];
	union chq_pktinfo_buf from[CHQ_BURST];
	unsigned n;
	const struct chq_sock *sock; /* of all n */
};

/* What one worker owns. */
struct chq_sock_worker {
	struct chq_sock sock[CHQ_LISTEN_MAX];
	unsigned next; /* the socket to look at first: each has its turn */
	int event_fd;

	struct chq_pkt pkt[CHQ_BURST];
	struct mmsghdr msg[CHQ_BURST];
	struct iovec iov[CHQ_BURST];
	struct sockaddr_storage from[CHQ_BURST];
	union chq_pktinfo_buf info[CHQ_BURST];
	uint8_t buf[CHQ_BURST][CHQ_SOCK_BUF_BYTES];

	struct chq_sock_out out;     /* of tx(): points into buf */
	struct chq_sock_out out_new; /* of tx_new(): points into copy */
	uint8_t copy[CHQ_BURST][CHQ_DGRAM_MAX];
};

struct chq_sock_driver {
	struct chq_driver d;
	const struct chq_site_conf *conf;
	struct chq_header *header;
	struct chq_listen listen;
	unsigned n_workers, n_threads;
	struct chq_sock_worker *worker;
	pthread_t *thread;
	int scan_told; /* manager only: what the last look at addresses said; was logged */
};

/**
 * chq_sock_init() - sockets for all workers, by @ops' driver. @err: as with open().
 * Return: as open(); also on failure chq_sock_deinit() gives everything back.
 */
int chq_sock_init(struct chq_sock_driver *sd, const struct chq_driver_ops *ops,
		  const struct chq_site_conf *conf, const struct chq_tables *t, char *err,
		  size_t err_size);
void chq_sock_deinit(struct chq_sock_driver *sd);

/* Functions of struct chq_driver_ops that the drivers socket and xdp share. */
int chq_sock_start(struct chq_driver *d, struct chq_worker **workers, unsigned n);
void chq_sock_join(struct chq_driver *d);
void chq_sock_free(struct chq_driver *d, struct chq_worker *w, struct chq_pkt *p);
void chq_sock_wake(struct chq_driver *d, struct chq_worker *w);
uint64_t chq_sock_missed(struct chq_driver *d);
struct json_t *chq_sock_describe(struct chq_driver *d);
uint16_t chq_sock_rx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts);
void chq_sock_tx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts, uint16_t n);
void chq_sock_tx_new(struct chq_driver *d, struct chq_worker *w, const struct chq_path *to,
		     const uint8_t *dgram, uint16_t len);
