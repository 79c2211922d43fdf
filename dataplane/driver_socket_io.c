#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/err.h"
#include "dataplane/driver_socket.h"
#include "dataplane/locals.h"
#include "dataplane/worker.h"

static struct chq_sock_driver *
sock_driver(struct chq_driver *d)
{
	return CHQ_CONTAINER_OF(d, struct chq_sock_driver, d);
}

/* --- sending --- */

/* A message that the kernel refused: why decides the counter. */
static void
count_refused(struct chq_worker *w, int err)
{
	if (err == EAGAIN || err == ENOBUFS || err == ENOMEM)
		chq_count(w, CHQ_D_TX_FULL);
	else
		chq_count(w, CHQ_D_NO_ROUTE);
}

static void
out_flush(struct chq_worker *w, struct chq_sock_out *o)
{
	unsigned done = 0;

	while (done < o->n) {
		int n = sendmmsg(o->sock->fd, o->msg + done, o->n - done, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) { /* the first of the rest is at fault; the others may pass */
			count_refused(w, errno);
			n = 1;
		} else {
			chq_count_add(w, CHQ_C_TX, (uint64_t)n);
			for (int i = 0; i < n; i++)
				chq_count_add(w, CHQ_C_TX_BYTES,
					      o->iov[done + (unsigned)i].iov_len);
		}
		done += (unsigned)n;
	}
	o->n = 0;
}

/* The socket that serves a local address, or NULL. */
static const struct chq_sock *
sock_for(const struct chq_sock_driver *sd, const struct chq_sock_worker *sw,
	 const struct chq_local *l)
{
	bool v4 = chq_ip_is_v4(l->ip_hi, l->ip_lo);

	for (unsigned i = 0; i < sd->listen.n; i++) {
		const struct chq_sock *s = &sw->sock[i];

		if (s->port == l->port &&
		    (v4 ? s->family == AF_INET || s->dual : s->family == AF_INET6))
			return s;
	}
	return NULL;
}

static uint32_t
scope_of(const struct chq_header *hd, const struct chq_path *to)
{
	if (!chq_ip_is_link_local(to->ip_hi) || to->ifidx >= CHQ_TABLE_PORTS_MAX)
		return 0;
	return __atomic_load_n(&hd->port_info[to->ifidx].kernel_ifindex, __ATOMIC_RELAXED);
}

/* Append one datagram; it must stay until out_flush(). False: nothing to send it from. */
static bool
out_add(struct chq_sock_driver *sd, struct chq_worker *w, struct chq_sock_out *o,
	const struct chq_path *to, uint8_t *dgram, uint16_t len)
{
	const struct chq_header *hd = sd->header;
	const struct chq_inet peer = { to->ip_hi, to->ip_lo, to->port };
	const struct chq_sock *s;
	const struct chq_local *l;
	struct msghdr *m;

	if (to->local >= CHQ_TABLE_LOCALS_MAX || to->port == 0)
		return false;
	l = &hd->local[to->local];
	s = sock_for(sd, &sd->worker[w->index], l);
	if (!s || chq_ip_is_v4(to->ip_hi, to->ip_lo) != chq_ip_is_v4(l->ip_hi, l->ip_lo))
		return false;
	if (o->n == CHQ_BURST || (o->n && o->sock != s))
		out_flush(w, o);
	o->sock = s;
	o->iov[o->n] = (struct iovec){ dgram, len };
	m = &o->msg[o->n].msg_hdr;
	*m = (struct msghdr){ .msg_name = &o->to[o->n], .msg_iov = &o->iov[o->n], .msg_iovlen = 1 };
	m->msg_namelen = chq_inet_to_sockaddr(&peer, s->family, scope_of(hd, to), &o->to[o->n]);
	chq_pktinfo_put(m, &o->from[o->n], s->family, l->ip_hi, l->ip_lo, scope_of(hd, to));
	o->n++;
	return true;
}

void
chq_sock_tx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts, uint16_t n)
{
	struct chq_sock_driver *sd = sock_driver(d);
	struct chq_sock_out *o = &sd->worker[w->index].out;

	for (uint16_t i = 0; i < n; i++) {
		if (!out_add(sd, w, o, &pkts[i]->out, pkts[i]->dgram, pkts[i]->dgram_len))
			chq_count(w, CHQ_D_NO_ROUTE);
	}
	out_flush(w, o);
}

void
chq_sock_tx_new(struct chq_driver *d, struct chq_worker *w, const struct chq_path *to,
		const uint8_t *dgram, uint16_t len)
{
	struct chq_sock_driver *sd = sock_driver(d);
	struct chq_sock_worker *sw = &sd->worker[w->index];
	uint8_t *copy;

	if (len > CHQ_DGRAM_MAX)
		return;
	if (sw->out_new.n == CHQ_BURST)
		out_flush(w, &sw->out_new);
	copy = sw->copy[sw->out_new.n];
	memcpy(copy, dgram, len);
	if (!out_add(sd, w, &sw->out_new, to, copy, len))
		chq_count(w, CHQ_D_NO_ROUTE);
}

/* --- receiving --- */

static void
rx_prepare(struct chq_sock_worker *sw, unsigned from)
{
	for (unsigned i = from; i < CHQ_BURST; i++) {
		struct msghdr *m = &sw->msg[i].msg_hdr;

		m->msg_namelen = sizeof(sw->from[i]);
		m->msg_controllen = sizeof(sw->info[i]);
	}
}

/* Fill a packet from what was received at the same index. Return: CHQ_C_RX; else what it is dropped under. */
static enum chq_counter
rx_fill(struct chq_sock_driver *sd, struct chq_sock_worker *sw, const struct chq_sock *s,
	unsigned i)
{
	struct chq_pkt *p = &sw->pkt[i];
	struct chq_inet peer;
	uint64_t hi = 0, lo = 0;
	uint32_t ifindex = chq_pktinfo_get(&sw->msg[i].msg_hdr, &hi, &lo);
	int local, port;

	if (chq_was_fragmented(&sw->msg[i].msg_hdr))
		return CHQ_D_FRAGMENT;
	if (!ifindex || !chq_inet_from_sockaddr(&peer, (struct sockaddr *)&sw->from[i]))
		return CHQ_D_LOCAL;
	local = chq_local_find(sd->header, hi, lo, s->port);
	if (local < 0) /* refresh() will know it within a second */
		return CHQ_D_LOCAL;
	/* Where no answer could go to, or only to ourselves. */
	if (peer.port == 0 || chq_ip_is_any(peer.ip_hi, peer.ip_lo) ||
	    chq_local_find(sd->header, peer.ip_hi, peer.ip_lo, peer.port) >= 0)
		return CHQ_D_MALFORMED;
	port = chq_port_find(sd->header, ifindex);
	memset(p, 0, sizeof(*p));
	p->dgram = sw->buf[i];
	p->dgram_len = (uint16_t)sw->msg[i].msg_len;
	p->l2_len = p->dgram_len;
	p->ipv6 = !chq_ip_is_v4(peer.ip_hi, peer.ip_lo);
	p->src = (struct chq_path){ .ip_hi = peer.ip_hi,
				    .ip_lo = peer.ip_lo,
				    .port = peer.port,
				    .local = (uint8_t)local,
				    .ifidx = port < 0 ? 0 : (uint8_t)port };
	return CHQ_C_RX;
}

/* Take what waits at one socket into the places from *used on. Return: how many became packets. */
static uint16_t
rx_socket(struct chq_sock_driver *sd, struct chq_worker *w, const struct chq_sock *s,
	  struct chq_pkt **pkts, unsigned *used)
{
	struct chq_sock_worker *sw = &sd->worker[w->index];
	unsigned first = *used;
	uint16_t n = 0;
	int got;

	rx_prepare(sw, first);
	got = recvmmsg(s->fd, sw->msg + first, CHQ_BURST - first, MSG_DONTWAIT, NULL);
	w->rx_full |= got == (int)(CHQ_BURST - first);
	for (int i = 0; i < got; i++, (*used)++) {
		enum chq_counter why = rx_fill(sd, sw, s, *used);

		if (why == CHQ_C_RX)
			pkts[n++] = &sw->pkt[*used];
		else
			chq_count_refused(w, why, (uint16_t)sw->msg[*used].msg_len);
	}
	return n;
}

static uint16_t
rx_all(struct chq_sock_driver *sd, struct chq_worker *w, struct chq_pkt **pkts)
{
	struct chq_sock_worker *sw = &sd->worker[w->index];
	unsigned used = 0;
	uint16_t n = 0;

	for (unsigned k = 0; k < sd->listen.n && used < CHQ_BURST; k++)
		n += rx_socket(sd, w, &sw->sock[(sw->next + k) % sd->listen.n], pkts + n, &used);
	sw->next = (sw->next + 1) % sd->listen.n;
	return n;
}

static void
rx_wait(struct chq_sock_driver *sd, struct chq_sock_worker *sw, struct chq_worker *w)
{
	uint64_t start = chq_mono_ns();
	struct pollfd fds[CHQ_LISTEN_MAX + 1];
	uint64_t ignored;

	fds[0] = (struct pollfd){ .fd = sw->event_fd, .events = POLLIN };
	for (unsigned i = 0; i < sd->listen.n; i++)
		fds[i + 1] = (struct pollfd){ .fd = sw->sock[i].fd, .events = POLLIN };
	if (poll(fds, sd->listen.n + 1, CHQ_SOCK_WAIT_MS) > 0 && fds[0].revents)
		(void)!read(sw->event_fd, &ignored, sizeof(ignored));
	w->rx_waited_ns = chq_mono_ns() - start;
}

uint16_t
chq_sock_rx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts)
{
	struct chq_sock_driver *sd = sock_driver(d);
	struct chq_sock_worker *sw = &sd->worker[w->index];
	uint16_t n;

	out_flush(w, &sw->out_new);
	n = rx_all(sd, w, pkts);
	if (n == 0) {
		rx_wait(sd, sw, w);
		n = rx_all(sd, w, pkts);
	}
	return n;
}
