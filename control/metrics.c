#include "control/metrics.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "control/control.h"
#include "control/metrics_http.h"
#include "control/metrics_text.h"
#include "proto/ctl.h"

enum {
	CLIENTS_MAX = 16,
	CLIENT_MS = 5000, /* from accept to the last byte of the answer */
	DP_MS = 1000,	  /* the dataplane's answer; then without */
	KEEP_MS = 500,	  /* what was made serves for so long: asking often costs little */
	LISTEN_FD = 3,	  /* the first that systemd hands over */
};

struct client {
	struct chq_list of_all;
	struct metrics *m;
	int fd;
	struct event *readable, *writable;
	uint64_t until_ms;
	bool waits; /* for the dataplane's counters */
	enum metrics_request what;
	char in[METRICS_REQUEST_MAX];
	size_t used;
	char *out;
	size_t len, sent;
};

/* One question to the dataplane's status socket at a time. */
struct asked {
	int fd; /* -1: none is under way */
	struct event *event;
	uint64_t until_ms;
	char *in;
	size_t used, sent;
};

struct metrics {
	struct control *ctl;
	int fd;
	struct event *acceptable;
	struct chq_list clients;
	unsigned used;
	struct asked asked;
	json_t *dp; /* its last answer, or NULL */
	char *text; /* what was told last */
	size_t text_len;
	uint64_t text_ms;
};

static const char question[] = "{\"noun\":\"dp\",\"verb\":\"stats\",\"opts\":{\"all\":true}}\n";

static void
client_free(struct client *c)
{
	chq_list_del(&c->of_all);
	c->m->used--;
	event_free(c->readable);
	event_free(c->writable);
	close(c->fd);
	free(c->out);
	free(c);
}

static void
client_write(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	ssize_t n = send(fd, c->out + c->sent, c->len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->sent += n > 0 ? (size_t)n : 0;
	if (n < 0 || c->sent == c->len)
		client_free(c);
}

static bool
text_fresh(const struct metrics *m)
{
	return m->text && control_now_ms() < m->text_ms + KEEP_MS;
}

/* Return: the figures, made anew if they are old; NULL without memory. */
static const char *
text_get(struct metrics *m, size_t *len)
{
	if (!text_fresh(m)) {
		free(m->text);
		m->text = metrics_text(m->ctl, m->dp, &m->text_len);
		m->text_ms = control_now_ms();
	}
	*len = m->text_len;
	return m->text;
}

/* The answer, as soon as it can be given. */
static void
client_answer(struct client *c)
{
	const char *body = "";
	size_t body_len = 0, head_len;
	char head[256];

	c->waits = false;
	if (c->what == METRICS_HTTP_GET || c->what == METRICS_HTTP_HEAD)
		body = text_get(c->m, &body_len);
	else if (c->what == METRICS_HTTP_WELL)
		body_len = strlen(body = "ok\n");
	head_len = metrics_http_head(c->what, body_len, head);
	if (c->what == METRICS_HTTP_HEAD)
		body_len = 0;
	c->len = head_len + body_len;
	c->out = body ? malloc(c->len) : NULL;
	if (!c->out) {
		client_free(c);
		return;
	}
	memcpy(c->out, head, head_len);
	memcpy(c->out + head_len, body, body_len);
	event_add(c->writable, NULL);
}

/* --- the dataplane's counters --- */

/* @data: reference is taken; NULL: it does not tell. */
static void
asked_end(struct metrics *m, json_t *data)
{
	struct asked *a = &m->asked;

	event_free(a->event);
	close(a->fd);
	free(a->in);
	*a = (struct asked){ .fd = -1 };
	json_decref(m->dp);
	m->dp = data;
	CHQ_LIST_FOREACH_SAFE(it, after, &m->clients) {
		struct client *c = CHQ_LIST_ENTRY(it, struct client, of_all);

		if (c->waits)
			client_answer(c);
	}
}

static void
asked_answer(struct metrics *m)
{
	struct chq_ctl_answer answer;
	json_t *data = NULL;

	if (chq_ctl_answer_parse(m->asked.in, m->asked.used, &answer) == 0 &&
	    json_is_object(answer.data))
		data = json_incref((json_t *)(uintptr_t)answer.data);
	chq_ctl_answer_free(&answer);
	asked_end(m, data);
}

static void
asked_ready(evutil_socket_t fd, short what, void *arg)
{
	struct metrics *m = arg;
	struct asked *a = &m->asked;
	ssize_t n;

	if ((what & EV_WRITE) && a->sent < sizeof(question) - 1) {
		n = send(fd, question + a->sent, sizeof(question) - 1 - a->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		a->sent += n > 0 ? (size_t)n : 0;
		if (n < 0 && errno != EAGAIN) {
			asked_end(m, NULL);
			return;
		}
	}
	if (a->sent == sizeof(question) - 1) {
		event_del(a->event);
		event_assign(a->event, m->ctl->base, fd, EV_READ | EV_PERSIST, asked_ready, m);
		event_add(a->event, NULL);
	}
	if (!(what & EV_READ))
		return;
	n = recv(fd, a->in + a->used, CHQ_CTL_ANSWER_MAX - a->used, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	a->used += n > 0 ? (size_t)n : 0;
	if (n > 0 && a->in[a->used - 1] == '\n')
		asked_answer(m);
	else if (n <= 0 || a->used == CHQ_CTL_ANSWER_MAX)
		asked_end(m, NULL);
}

/* Return: whether an answer, or that there is none, will be told. */
static bool
ask(struct metrics *m)
{
	const struct chq_site_conf *conf = m->ctl->conf;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct asked *a = &m->asked;

	if (a->fd >= 0)
		return true;
	if ((size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s/dataplane-%s-status.sock",
			     conf->paths.run, conf->dataplane.instance) >= sizeof(un.sun_path))
		return false;
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	a->in = a->fd >= 0 ? malloc(CHQ_CTL_ANSWER_MAX) : NULL;
	if (a->in && connect(a->fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		a->event = event_new(m->ctl->base, a->fd, EV_WRITE | EV_PERSIST, asked_ready, m);
	if (a->event && event_add(a->event, NULL) == 0) {
		a->until_ms = control_now_ms() + DP_MS;
		return true;
	}
	if (a->event)
		event_free(a->event);
	if (a->fd >= 0)
		close(a->fd);
	free(a->in);
	*a = (struct asked){ .fd = -1 };
	json_decref(m->dp);
	m->dp = NULL;
	return false;
}

/* --- clients --- */

static void
client_read(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	struct metrics *m = c->m;
	ssize_t n = recv(fd, c->in + c->used, sizeof(c->in) - c->used, MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	c->used += (size_t)n;
	c->what = metrics_http_parse(c->in, c->used);
	if (c->what == METRICS_HTTP_MORE)
		return;
	event_del(c->readable);
	if (c->what == METRICS_HTTP_GET && !text_fresh(m) && ask(m))
		c->waits = true;
	else
		client_answer(c);
}

static struct client *
client_new(struct metrics *m, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	chq_list_init(&c->of_all);
	c->m = m;
	c->fd = fd;
	c->until_ms = control_now_ms() + CLIENT_MS;
	c->readable = event_new(m->ctl->base, fd, EV_READ | EV_PERSIST, client_read, c);
	c->writable = event_new(m->ctl->base, fd, EV_WRITE | EV_PERSIST, client_write, c);
	if (c->readable && c->writable && event_add(c->readable, NULL) == 0)
		return c;
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	free(c);
	return NULL;
}

static void
metrics_accept(evutil_socket_t listener, short what, void *arg)
{
	struct metrics *m = arg;
	struct client *c;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd < 0)
		return;
	c = m->used < CLIENTS_MAX ? client_new(m, fd) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	chq_list_add_tail(&m->clients, &c->of_all);
	m->used++;
}

void
metrics_tick(struct metrics *m, uint64_t now_ms)
{
	if (!m)
		return;
	if (m->asked.fd >= 0 && now_ms >= m->asked.until_ms)
		asked_end(m, NULL);
	CHQ_LIST_FOREACH_SAFE(it, after, &m->clients) {
		struct client *c = CHQ_LIST_ENTRY(it, struct client, of_all);

		if (now_ms >= c->until_ms)
			client_free(c);
	}
}

/* --- start and end --- */

/* A socket that systemd opened for us. Return: it, or -1. */
static int
handed_over(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (!pid || !fds || strtol(pid, NULL, 10) != getpid() || strtol(fds, NULL, 10) < 1)
		return -1;
	return evutil_make_socket_nonblocking(LISTEN_FD) == 0 ? LISTEN_FD : -1;
}

/* Return: a listening socket; a negated errno. */
static int
listen_at(const char *text)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd, rc = chq_sockaddr_parse(text, &sa, &len);

	if (rc)
		return rc;
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return chq_errno();
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&sa, len) == 0 && listen(fd, CLIENTS_MAX) == 0)
		return fd;
	rc = chq_errno();
	close(fd);
	return rc;
}

struct metrics *
metrics_start(struct control *ctl)
{
	const char *where = ctl->conf->metrics.listen;
	struct metrics *m;
	int fd = *where ? handed_over() : -1;

	if (!*where)
		return NULL;
	if (fd < 0)
		fd = listen_at(where);
	m = fd >= 0 ? calloc(1, sizeof(*m)) : NULL;
	if (!m) {
		CHQ_LOG_WARN("metrics-not-served", "listen=%s error=%s", CHQ_Q(where),
			     chq_errname(fd < 0 ? fd : CHQ_ENOMEM));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	m->ctl = ctl;
	m->fd = fd;
	m->asked.fd = -1;
	chq_list_init(&m->clients);
	m->acceptable = event_new(ctl->base, fd, EV_READ | EV_PERSIST, metrics_accept, m);
	if (m->acceptable)
		event_add(m->acceptable, NULL);
	return m;
}

void
metrics_stop(struct metrics *m)
{
	if (!m)
		return;
	CHQ_LIST_FOREACH_SAFE(it, after, &m->clients)
		client_free(CHQ_LIST_ENTRY(it, struct client, of_all));
	if (m->asked.fd >= 0)
		asked_end(m, NULL);
	if (m->acceptable)
		event_free(m->acceptable);
	close(m->fd);
	json_decref(m->dp);
	free(m->text);
	free(m);
}
