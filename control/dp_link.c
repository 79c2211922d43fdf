#include "control/dp_link.h"

#include <event2/event.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

enum {
	DP_QUEUE_MAX = 8192, /* messages */
	/* Datagrams and frames, which may be lost, leave room for what may not. */
	DP_QUEUE_LOSSY = DP_QUEUE_MAX / 4 * 3,
	/* Above it nothing is read, which would make more to say; below the other it is again. */
	DP_QUEUE_PAUSE = DP_QUEUE_MAX / 2,
	DP_QUEUE_GO_ON = DP_QUEUE_MAX / 4,
	DP_READ_BURST = 256, /* messages before others get their turn */
	DP_RETRY_FIRST_MS = 100,
	DP_RETRY_MAX_MS = 2000,
};

struct dp_call {
	uint32_t req;
	dp_answer_fn *answer;
	void *arg;
};

static struct timeval
dp_timeval(unsigned ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

/* The first of the queue is done with: it may have held a session's keys. */
static void
dp_queue_pop(struct dp_link *l)
{
	struct dp_queued *q = &l->queue[l->queue_head];

	sodium_memzero(q->msg, q->len);
	free(q->msg);
	l->queue_head = (l->queue_head + 1) % DP_QUEUE_MAX;
	l->queue_used--;
}

static void
dp_calls_lost(struct dp_link *l)
{
	struct chq_map calls = l->calls;
	struct dp_call *c;

	/* An answer may begin a new call, which belongs to the next connection. */
	chq_map_init(&l->calls);
	CHQ_MAP_FOREACH(c, &calls) {
		c->answer(c->arg, NULL);
		free(c);
	}
	chq_map_deinit(&calls);
}

static void
dp_disconnect(struct dp_link *l)
{
	event_free(l->readable);
	event_free(l->writable);
	l->readable = l->writable = NULL;
	close(l->fd);
	l->fd = -1;
	l->full = l->paused = false;
	while (l->queue_used)
		dp_queue_pop(l);
}

static void
dp_retry_later(struct dp_link *l)
{
	struct timeval tv = dp_timeval(l->retry_ms);

	event_add(l->retry, &tv);
	l->retry_ms = l->retry_ms * 2 > DP_RETRY_MAX_MS ? DP_RETRY_MAX_MS : l->retry_ms * 2;
}

void
dp_link_drop(struct dp_link *l, const char *why)
{
	if (l->fd < 0)
		return;
	CHQ_LOG_WARN("dataplane-lost", "why=%s", CHQ_Q(why));
	dp_disconnect(l);
	dp_calls_lost(l);
	dp_retry_later(l);
	l->ops->lost(l->arg);
}

static void
dp_dispatch(struct dp_link *l, int type, const void *msg)
{
	const struct chq_dp_hdr *h = msg;
	struct dp_call *c = NULL;

	if (h->req &&
	    (type == CHQ_DP_SESSION_OPENED || type == CHQ_DP_DONE || type == CHQ_DP_QUOTA))
		c = chq_map_del_u64(&l->calls, h->req);
	if (c) {
		c->answer(c->arg, h);
		free(c);
		return;
	}
	l->ops->message(l->arg, type, msg);
}

static void
dp_readable(evutil_socket_t fd, short what, void *arg)
{
	_Alignas(8) uint8_t buf[CHQ_DP_MSG_MAX];
	struct dp_link *l = arg;
	int type;

	(void)what;
	for (unsigned i = 0; i < DP_READ_BURST; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			dp_link_drop(l, n ? chq_strerror(chq_errno()) : "closed");
			return;
		}
		type = (size_t)n <= sizeof(buf) ? chq_dp_check(buf, (size_t)n) : CHQ_EMALFORMED;
		if (type < CHQ_DP_INFO) {
			dp_link_drop(l, "a message that is none");
			return;
		}
		dp_dispatch(l, type, buf);
		if (l->fd != fd)
			return; /* dropped meanwhile */
		if (l->queue_used > DP_QUEUE_PAUSE) {
			l->paused = event_del(l->readable) == 0;
			return;
		}
	}
}

/* Return: 0; CHQ_EAGAIN; CHQ_ENOTCONN, the connection is then dropped. */
static int
dp_send_now(struct dp_link *l, const void *msg, size_t len)
{
	ssize_t n;

	do {
		n = send(l->fd, msg, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return CHQ_OK;
	return errno == EAGAIN || errno == ENOBUFS ? CHQ_EAGAIN : CHQ_ENOTCONN;
}

static void
dp_writable(evutil_socket_t fd, short what, void *arg)
{
	struct dp_link *l = arg;

	(void)fd;
	(void)what;
	if (l->full) {
		dp_link_drop(l, "too much waits for it");
		return;
	}
	while (l->queue_used) {
		struct dp_queued *q = &l->queue[l->queue_head];
		int rc = dp_send_now(l, q->msg, q->len);

		if (rc == CHQ_EAGAIN)
			break;
		if (rc) {
			dp_link_drop(l, "cannot send");
			return;
		}
		dp_queue_pop(l);
	}
	if (l->paused && l->queue_used < DP_QUEUE_GO_ON)
		l->paused = event_add(l->readable, NULL) != 0;
	if (l->queue_used == 0)
		event_del(l->writable);
}

static bool
dp_may_be_lost(const struct chq_dp_hdr *msg)
{
	return msg->type == CHQ_DP_FRAME_TX || msg->type == CHQ_DP_DGRAM_TX;
}

/* Without a command that is not to be lost both would disagree: only a new dump makes that good. */
static int
dp_refuse(struct dp_link *l, const struct chq_dp_hdr *msg)
{
	l->refused++;
	if (!dp_may_be_lost(msg) && !l->full) {
		l->full = true;
		event_active(l->writable, EV_WRITE, 0);
	}
	return CHQ_ENOBUFS;
}

static int
dp_enqueue(struct dp_link *l, const struct chq_dp_hdr *msg)
{
	struct dp_queued *q = &l->queue[(l->queue_head + l->queue_used) % DP_QUEUE_MAX];
	unsigned most = dp_may_be_lost(msg) ? DP_QUEUE_LOSSY : DP_QUEUE_MAX;

	if (l->full || l->queue_used >= most || (q->msg = malloc(msg->len)) == NULL)
		return dp_refuse(l, msg);
	memcpy(q->msg, msg, msg->len);
	q->len = msg->len;
	l->queue_used++;
	event_add(l->writable, NULL);
	return CHQ_OK;
}

int
dp_link_send(struct dp_link *l, const struct chq_dp_hdr *msg)
{
	int rc;

	if (l->fd < 0)
		return CHQ_ENOTCONN;
	if (l->queue_used)
		return dp_enqueue(l, msg);
	rc = dp_send_now(l, msg, msg->len);
	/* A broken connection shows when it is read: nothing is called back from within a send. */
	return rc == CHQ_EAGAIN ? dp_enqueue(l, msg) : rc;
}

int
dp_link_call(struct dp_link *l, struct chq_dp_hdr *msg, dp_answer_fn *answer, void *arg)
{
	struct dp_call *c;
	int rc;

	if (l->fd < 0)
		return CHQ_ENOTCONN;
	c = malloc(sizeof(*c));
	if (!c)
		return CHQ_ENOMEM;
	if (++l->last_req == 0)
		l->last_req = 1;
	*c = (struct dp_call){ .req = l->last_req, .answer = answer, .arg = arg };
	msg->req = c->req;
	rc = chq_map_put_u64(&l->calls, c->req, c);
	if (!rc) {
		rc = dp_link_send(l, msg);
		if (!rc)
			return CHQ_OK;
		chq_map_del_u64(&l->calls, c->req);
	}
	free(c);
	return rc;
}

bool
dp_link_up(const struct dp_link *l)
{
	return l->fd >= 0;
}

/* Return: a connected socket; a negated errno. */
static int
dp_connect(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(un.sun_path))
		return CHQ_ENAMETOOLONG;
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return chq_errno();
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	rc = chq_errno();
	close(fd);
	return rc;
}

static void
dp_try(evutil_socket_t unused, short what, void *arg)
{
	struct dp_link *l = arg;
	int fd = dp_connect(l->path);

	(void)unused;
	(void)what;
	if (fd < 0) {
		CHQ_LOG_DEBUG("dataplane-absent", "path=%s error=%s", CHQ_Q(l->path),
			      chq_errname(fd));
		dp_retry_later(l);
		return;
	}
	l->readable = event_new(l->base, fd, EV_READ | EV_PERSIST, dp_readable, l);
	l->writable = event_new(l->base, fd, EV_WRITE | EV_PERSIST, dp_writable, l);
	l->fd = fd;
	if (!l->readable || !l->writable || event_add(l->readable, NULL) != 0) {
		if (l->readable)
			event_free(l->readable);
		if (l->writable)
			event_free(l->writable);
		close(fd);
		l->fd = -1;
		dp_retry_later(l);
		return;
	}
	l->retry_ms = DP_RETRY_FIRST_MS;
	l->ops->connected(l->arg);
}

int
dp_link_init(struct dp_link *l, struct event_base *base, const char *path,
	     const struct dp_link_ops *ops, void *arg)
{
	struct timeval now = { 0 };

	*l = (struct dp_link){ .base = base, .ops = ops, .arg = arg, .path = path, .fd = -1 };
	l->retry_ms = DP_RETRY_FIRST_MS;
	chq_map_init(&l->calls);
	l->queue = calloc(DP_QUEUE_MAX, sizeof(*l->queue));
	l->retry = evtimer_new(base, dp_try, l);
	if (!l->queue || !l->retry || event_add(l->retry, &now) != 0) {
		if (l->retry)
			event_free(l->retry);
		free(l->queue);
		return CHQ_ENOMEM;
	}
	return CHQ_OK;
}

void
dp_link_deinit(struct dp_link *l)
{
	if (l->fd >= 0)
		dp_disconnect(l);
	dp_calls_lost(l);
	chq_map_deinit(&l->calls);
	event_free(l->retry);
	free(l->queue);
}
