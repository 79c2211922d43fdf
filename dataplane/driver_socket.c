#include "dataplane/driver_socket.h"

#include <jansson.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/array.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/addrs.h"
#include "dataplane/tables.h"
#include "dataplane/worker.h"

#define RECEIVE_BUFFER_BYTES (4 * 1024 * 1024)
#define SEND_BUFFER_BYTES    (4 * 1024 * 1024)

static struct chq_sock_driver *
sock_driver(struct chq_driver *d)
{
	return CHQ_CONTAINER_OF(d, struct chq_sock_driver, d);
}

/* --- addresses --- */

static void
sock_refresh(struct chq_driver *d)
{
	struct chq_sock_driver *sd = sock_driver(d);
	int rc = chq_addrs_scan(sd->header, &sd->listen, NULL, NULL);

	if (rc && rc != sd->scan_told)
		CHQ_LOG_WARN("local-addresses-incomplete", "reason=\"%s\"", chq_strerror(rc));
	sd->scan_told = rc;
}

/* --- sockets --- */

static int
set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? chq_errno() : 0;
}

/* In IPv4 the kernel takes a UDP checksum of 0 for none. What a filter sees begins with the UDP header. */
static int
set_checksum_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog prog = { ARRAY_LEN(code), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? chq_errno()
										     : 0;
}

/* No fragments, and no ICMP message that anybody may forge makes our datagrams smaller than PROTOCOL.md's maximum. */
static int
set_ip_options(int fd, int family, bool dual)
{
	int rc = 0;

	if (family == AF_INET6) {
		rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual);
		if (!rc)
			rc = set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		if (!rc)
			rc = set_option(fd, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1);
		if (!rc)
			rc = set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	}
	if (!rc && family == AF_INET)
		rc = set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (!rc && (family == AF_INET || dual))
		rc = set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	if (!rc && (family == AF_INET || dual))
		rc = set_option(fd, IPPROTO_IP, IP_RECVFRAGSIZE, 1);
	return rc;
}

static void
set_buffers(int fd)
{
	if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES))
		set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
	if (set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES))
		set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES);
}

/* One bound socket. Return: 0; a negated errno, nothing held. */
static int
sock_bind(struct chq_sock *s, const struct chq_inet *at, int share)
{
	bool v4 = chq_ip_is_v4(at->ip_hi, at->ip_lo);
	struct sockaddr_storage ss;
	socklen_t len;
	int rc;

	s->family = v4 ? AF_INET : AF_INET6;
	s->port = at->port;
	s->dual = !v4 && chq_ip_is_any(at->ip_hi, at->ip_lo);
	s->fd = socket(s->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return chq_errno();
	rc = set_ip_options(s->fd, s->family, s->dual);
	if (!rc && share)
		rc = set_option(s->fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!rc)
		rc = set_checksum_filter(s->fd);
	set_buffers(s->fd);
	len = chq_inet_to_sockaddr(at, s->family, 0, &ss);
	if (!rc && bind(s->fd, (struct sockaddr *)&ss, len) < 0)
		rc = chq_errno();
	if (!rc)
		return 0;
	close(s->fd);
	s->fd = -1;
	return rc;
}

static void
batch_init(struct chq_sock_worker *sw)
{
	for (unsigned i = 0; i < CHQ_BURST; i++) {
		sw->iov[i] = (struct iovec){ sw->buf[i], CHQ_SOCK_BUF_BYTES };
		sw->msg[i].msg_hdr = (struct msghdr){ .msg_name = &sw->from[i],
						      .msg_iov = &sw->iov[i],
						      .msg_iovlen = 1,
						      .msg_control = &sw->info[i] };
	}
}

static int
worker_open(struct chq_sock_driver *sd, struct chq_sock_worker *sw, char *err, size_t err_size,
	    const struct chq_conf_strings *texts)
{
	int rc;

	batch_init(sw);
	sw->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sw->event_fd < 0)
		return chq_errno();
	for (unsigned i = 0; i < sd->listen.n; i++) {
		rc = sock_bind(&sw->sock[i], &sd->listen.at[i], sd->n_workers > 1);
		if (rc) {
			snprintf(err, err_size, "listen %s: %s%s", texts->items[i],
				 chq_strerror(rc),
				 rc == CHQ_EADDRINUSE ? "; another program has this UDP port" : "");
			return rc;
		}
	}
	return 0;
}

static void
worker_close(struct chq_sock_driver *sd, struct chq_sock_worker *sw)
{
	for (unsigned i = 0; i < sd->listen.n; i++) {
		if (sw->sock[i].fd >= 0)
			close(sw->sock[i].fd);
	}
	if (sw->event_fd >= 0)
		close(sw->event_fd);
}

/* --- life --- */

void
chq_sock_deinit(struct chq_sock_driver *sd)
{
	for (unsigned i = 0; sd->worker && i < sd->n_workers; i++)
		worker_close(sd, &sd->worker[i]);
	free(sd->worker);
	free(sd->thread);
}

static int
sock_alloc(struct chq_sock_driver *sd, unsigned workers)
{
	sd->thread = calloc(workers, sizeof(*sd->thread));
	sd->worker = calloc(workers, sizeof(*sd->worker));
	if (!sd->thread || !sd->worker)
		return CHQ_ENOMEM;
	sd->n_workers = workers;
	for (unsigned i = 0; i < workers; i++) {
		sd->worker[i].event_fd = -1;
		for (unsigned k = 0; k < CHQ_LISTEN_MAX; k++)
			sd->worker[i].sock[k].fd = -1;
	}
	return 0;
}

int
chq_sock_init(struct chq_sock_driver *sd, const struct chq_driver_ops *ops,
	      const struct chq_site_conf *conf, const struct chq_tables *t, char *err,
	      size_t err_size)
{
	int rc;

	*sd = (struct chq_sock_driver){ .d.ops = ops, .conf = conf, .header = t->header };
	rc = chq_listen_parse(&sd->listen, &conf->listen, err, err_size);
	if (!rc)
		rc = sock_alloc(sd, conf->dataplane.workers);
	for (unsigned i = 0; !rc && i < sd->n_workers; i++)
		rc = worker_open(sd, &sd->worker[i], err, err_size, &conf->listen);
	if (rc && !err[0])
		snprintf(err, err_size, "%s", chq_strerror(rc));
	return rc;
}

static void
sock_close(struct chq_driver *d, int detach)
{
	(void)detach; /* nothing of ours outlives the process */
	chq_sock_deinit(sock_driver(d));
	free(sock_driver(d));
}

static int
sock_open(struct chq_driver **out, const struct chq_site_conf *conf, struct chq_tables *t,
	  char *err, size_t err_size)
{
	struct chq_sock_driver *sd = calloc(1, sizeof(*sd));
	int rc;

	if (!sd)
		return CHQ_ENOMEM;
	rc = chq_sock_init(sd, &chq_driver_socket, conf, t, err, err_size);
	if (rc) {
		sock_close(&sd->d, 0);
		return rc;
	}
	sock_refresh(&sd->d);
	*out = &sd->d;
	return 0;
}

static void *
thread_main(void *arg)
{
	chq_worker_run(arg);
	return NULL;
}

/* Worker @i on its core, when cores are configured. */
static void
pin(const struct chq_sock_driver *sd, unsigned i)
{
	const struct chq_conf_numbers *cores = &sd->conf->dataplane.cores;
	cpu_set_t set;
	int rc;

	if (i >= cores->count)
		return;
	CPU_ZERO(&set);
	CPU_SET(cores->items[i], &set);
	rc = pthread_setaffinity_np(sd->thread[i], sizeof(set), &set);
	if (rc)
		CHQ_LOG_WARN("core-unused", "worker=%u core=%u error=\"%s\"", i,
			     (unsigned)cores->items[i], chq_strerror(rc));
}

int
chq_sock_start(struct chq_driver *d, struct chq_worker **workers, unsigned n)
{
	struct chq_sock_driver *sd = sock_driver(d);
	int rc;

	for (unsigned i = 0; i < n && i < sd->n_workers; i++) {
		rc = pthread_create(&sd->thread[i], NULL, thread_main, workers[i]);
		if (rc)
			return -rc;
		sd->n_threads++;
		pin(sd, i);
	}
	return 0;
}

void
chq_sock_join(struct chq_driver *d)
{
	struct chq_sock_driver *sd = sock_driver(d);

	for (unsigned i = 0; i < sd->n_threads; i++)
		pthread_join(sd->thread[i], NULL);
	sd->n_threads = 0;
}

void
chq_sock_free(struct chq_driver *d, struct chq_worker *w, struct chq_pkt *p)
{
	(void)d; /* buffers are the worker's, taken anew by each rx() */
	(void)w;
	(void)p;
}

void
chq_sock_wake(struct chq_driver *d, struct chq_worker *w)
{
	struct chq_sock_driver *sd = sock_driver(d);
	uint64_t one = 1;

	(void)!write(sd->worker[w->index].event_fd, &one, sizeof(one));
}

/* Datagrams that the kernel has dropped at a socket: no room, a wrong or no checksum. */
static uint64_t
dropped_at(const struct chq_sock *s)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

/* At all workers' sockets of one listening address. */
static uint64_t
missed_at(const struct chq_sock_driver *sd, unsigned listen)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < sd->n_workers; i++)
		sum += dropped_at(&sd->worker[i].sock[listen]);
	return sum;
}

uint64_t
chq_sock_missed(struct chq_driver *d)
{
	struct chq_sock_driver *sd = sock_driver(d);
	uint64_t sum = 0;

	for (unsigned i = 0; i < sd->listen.n; i++)
		sum += missed_at(sd, i);
	return sum;
}

json_t *
chq_sock_describe(struct chq_driver *d)
{
	struct chq_sock_driver *sd = sock_driver(d);
	json_t *ports = json_array();
	char text[CHQ_ADDR_TEXT_MAX];
	struct sockaddr_storage ss;

	for (unsigned i = 0; i < sd->listen.n; i++) {
		chq_inet_to_sockaddr(&sd->listen.at[i], AF_INET6, 0, &ss);
		chq_sockaddr_format((struct sockaddr *)&ss, text);
		json_array_append_new(ports,
				      json_pack("{s:s, s:s, s:s, s:i, s:[s], s:I}", "name", text,
						"driver", "socket", "mode", "kernel UDP socket",
						"queues", (int)sd->n_workers, "addresses", text,
						"rx_missed", (json_int_t)missed_at(sd, i)));
	}
	return ports;
}

const struct chq_driver_ops chq_driver_socket = {
	.name = "socket",
	.open = sock_open,
	.start = chq_sock_start,
	.join = chq_sock_join,
	.rx = chq_sock_rx,
	.tx = chq_sock_tx,
	.tx_new = chq_sock_tx_new,
	.free = chq_sock_free,
	.wake = chq_sock_wake,
	.refresh = sock_refresh,
	.describe = chq_sock_describe,
	.missed = chq_sock_missed,
	.close = sock_close,
};
