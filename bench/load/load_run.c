/*
 * bench/load: the closed loop. At most in_flight frames are under way; each that arrives lets the next one go, so
 * the figure is what the relay delivers, not what a queue swallows.
 */
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/load/load.h"

#define RING	    UINT64_C(65536)    /* frames remembered; more than may be in flight */
#define LATENCY_MAX ((size_t)50000000) /* frames whose latency is kept */

struct batch {
	struct mmsghdr msg[LOAD_BATCH];
	struct iovec iov[LOAD_BATCH];
	uint8_t buf[LOAD_BATCH][CHQ_DGRAM_MAX + 64];
	unsigned n;
};

struct loop {
	struct load *l;
	const struct load_opts *o;
	struct batch tx[LOAD_SOCKETS], rx;
	uint64_t sent_ns[RING]; /* by number; 0 = arrived or given up */
	uint64_t next_number, oldest;
	uint64_t in_flight, check;
	unsigned next_session;
};

static void
batch_init(struct batch *b)
{
	for (unsigned i = 0; i < LOAD_BATCH; i++) {
		b->iov[i] = (struct iovec){ b->buf[i], sizeof(b->buf[i]) };
		b->msg[i].msg_hdr = (struct msghdr){ .msg_iov = &b->iov[i], .msg_iovlen = 1 };
	}
}

/* What cannot be sent for another reason than a full buffer is left out, and will count as lost. */
static void
batch_flush(struct loop *lp, unsigned socket)
{
	struct batch *b = &lp->tx[socket];
	unsigned done = 0;

	while (done < b->n) {
		int n = sendmmsg(lp->l->sockets[socket].fd, b->msg + done, b->n - done, 0);

		if (n > 0)
			done += (unsigned)n;
		else if (errno == EAGAIN || errno == ENOBUFS)
			poll(&(struct pollfd){ .fd = lp->l->sockets[socket].fd, .events = POLLOUT },
			     1, 1);
		else
			done++;
	}
	b->n = 0;
}

static void
frame_queue(struct loop *lp, struct load_session *s, uint64_t now)
{
	struct load_stamp st = { .number = lp->next_number, .sent_ns = now, .check = lp->check };
	unsigned socket = (unsigned)(load_socket_of(lp->l, s) - lp->l->sockets);
	struct batch *b = &lp->tx[socket];
	struct chq_frame_hdr h = { .slot = s->slot,
				   .seq = ++s->seq,
				   .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, s->peer->account),
				   .message = load_message_id(s),
				   .grant = s->grant };
	uint8_t *buf = b->buf[b->n];

	memcpy(buf + CHQ_FRAME_HDR_LEN, &st, sizeof(st));
	chq_frame_build(buf, &h, (uint16_t)lp->o->payload, s->keys.tag_c2s);
	b->iov[b->n].iov_len = CHQ_FRAME_HDR_LEN + lp->o->payload;
	lp->sent_ns[st.number % RING] = now;
	lp->next_number++;
	lp->in_flight++;
	lp->l->sent++;
	if (++b->n == LOAD_BATCH)
		batch_flush(lp, socket);
}

static void
latency_add(struct load *l, uint64_t ns)
{
	if (l->latency_len < l->latency_cap)
		l->latency_us_x10[l->latency_len++] = (uint32_t)(ns / 100);
}

static void
frame_arrived(struct loop *lp, const uint8_t *buf, size_t len, uint64_t now)
{
	struct load *l = lp->l;
	struct chq_frame_hdr h;
	struct load_session *s;
	struct load_stamp st;

	if (chq_frame_parse(buf, len, 0, &h) || h.slot >= l->slots || !(s = l->by_slot[h.slot]) ||
	    !chq_frame_tag_ok(buf, len, s->keys.tag_s2c)) {
		l->bad++;
		return;
	}
	if (h.flags & CHQ_F_NOTICE) {
		l->notices++;
		return;
	}
	if (h.flags || len < CHQ_FRAME_HDR_LEN + sizeof(st))
		return; /* control's pushes */
	memcpy(&st, buf + CHQ_FRAME_HDR_LEN, sizeof(st));
	if (st.check != lp->check || CHQ_PARTY_ID(h.party) != s->peer->account ||
	    st.number >= lp->next_number) {
		l->bad++;
		return;
	}
	if (st.number < lp->oldest || !lp->sent_ns[st.number % RING]) {
		l->late++; /* counted as lost before, or came twice */
		return;
	}
	lp->sent_ns[st.number % RING] = 0;
	lp->in_flight--;
	l->delivered++;
	latency_add(l, now - st.sent_ns);
}

static bool
socket_drain(struct loop *lp, unsigned socket)
{
	struct batch *b = &lp->rx;
	uint64_t now;
	int n;

	for (unsigned i = 0; i < LOAD_BATCH; i++)
		b->iov[i].iov_len = sizeof(b->buf[i]);
	n = recvmmsg(lp->l->sockets[socket].fd, b->msg, LOAD_BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return false;
	now = chq_mono_ns();
	for (int i = 0; i < n; i++)
		frame_arrived(lp, b->buf[i], b->msg[i].msg_len, now);
	return true;
}

static void
give_up_old(struct loop *lp, uint64_t now, uint64_t limit_ns)
{
	for (; lp->oldest < lp->next_number; lp->oldest++) {
		uint64_t *sent = &lp->sent_ns[lp->oldest % RING];

		if (!*sent)
			continue;
		if (now - *sent < limit_ns)
			break;
		*sent = 0;
		lp->in_flight--;
		lp->l->lost++;
	}
}

static void
fill(struct loop *lp, uint64_t start, uint64_t now)
{
	uint64_t allowed = lp->o->rate ? (now - start) * lp->o->rate / UINT64_C(1000000000)
				       : UINT64_MAX;

	while (lp->in_flight < lp->o->in_flight && lp->l->sent < allowed &&
	       lp->next_number - lp->oldest < RING) {
		frame_queue(lp, &lp->l->sessions[lp->next_session], now);
		lp->next_session = (lp->next_session + 1) % lp->l->count;
	}
	for (unsigned i = 0; i < lp->l->socket_count; i++)
		batch_flush(lp, i);
}

static bool
drain_all(struct loop *lp)
{
	bool any = false;

	for (unsigned i = 0; i < lp->l->socket_count; i++)
		any |= socket_drain(lp, i);
	return any;
}

static int
latency_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
loop_init(struct loop *lp, struct load *l, const struct load_opts *o)
{
	lp->l = l;
	lp->o = o;
	randombytes_buf(&lp->check, sizeof(lp->check));
	for (unsigned i = 0; i < LOAD_SOCKETS; i++)
		batch_init(&lp->tx[i]);
	batch_init(&lp->rx);
}

int
load_run(struct load *l, const struct load_opts *o)
{
	uint64_t start, now, end, drained;
	struct loop *lp = calloc(1, sizeof(*lp));

	l->latency_cap = (size_t)o->seconds * 2000000;
	if (l->latency_cap > LATENCY_MAX)
		l->latency_cap = LATENCY_MAX;
	l->latency_us_x10 = malloc(l->latency_cap * sizeof(*l->latency_us_x10));
	if (!lp || !l->latency_us_x10) {
		free(lp);
		return CHQ_ENOMEM;
	}
	loop_init(lp, l, o);
	start = now = chq_mono_ns();
	end = start + o->seconds * UINT64_C(1000000000);
	for (; now < end; now = chq_mono_ns()) {
		fill(lp, start, now);
		drain_all(lp);
		give_up_old(lp, now, LOAD_LOST_NS);
	}
	l->seconds = (double)(now - start) / 1e9;
	for (drained = now + LOAD_LOST_NS; now < drained && lp->in_flight; now = chq_mono_ns())
		drain_all(lp);
	give_up_old(lp, now, 0);
	qsort(l->latency_us_x10, l->latency_len, sizeof(*l->latency_us_x10), latency_order);
	free(lp);
	return 0;
}
