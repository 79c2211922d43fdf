#include "dataplane/status.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/unix_listen.h"
#include "proto/ctl.h"

int
chq_status_open(struct chq_status *s, const char *path, gid_t gid)
{
	memset(s, 0, sizeof(*s));
	for (int i = 0; i < CHQ_STATUS_CLIENTS; i++)
		s->client[i].fd = -1;
	s->listen_fd = chq_unix_listen(path, SOCK_STREAM, gid, CHQ_STATUS_CLIENTS);
	return s->listen_fd < 0 ? s->listen_fd : 0;
}

static void
client_close(struct chq_status_client *c)
{
	close(c->fd);
	chq_ctl_line_free(c->out);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

void
chq_status_close(struct chq_status *s)
{
	if (s->listen_fd < 0)
		return;
	for (int i = 0; i < CHQ_STATUS_CLIENTS; i++) {
		if (s->client[i].fd >= 0)
			client_close(&s->client[i]);
	}
	close(s->listen_fd);
	s->listen_fd = -1;
}

static bool
has_line(const struct chq_status_client *c)
{
	return memchr(c->in, '\n', c->in_len) != NULL;
}

unsigned
chq_status_fds(const struct chq_status *s, struct pollfd *fds)
{
	unsigned n = 0;

	if (s->listen_fd < 0)
		return 0;
	for (int i = 0; i < CHQ_STATUS_CLIENTS; i++) {
		const struct chq_status_client *c = &s->client[i];

		if (c->fd >= 0)
			fds[n++] = (struct pollfd){ .fd = c->fd,
						    .events = c->out || has_line(c) ? POLLOUT
										    : POLLIN };
	}
	if (n < CHQ_STATUS_CLIENTS) /* else they wait in the kernel's queue */
		fds[n++] = (struct pollfd){ .fd = s->listen_fd, .events = POLLIN };
	return n;
}

/* --- requests --- */

static json_t *
verb_data(const struct chq_manager *m, const struct chq_ctl_request *r)
{
	if (!strcmp(r->verb->noun, "dp") && !strcmp(r->verb->verb, "status"))
		return chq_status_json(m);
	if (!strcmp(r->verb->noun, "dp") && !strcmp(r->verb->verb, "stats"))
		return chq_stats_json(m, chq_ctl_opt(r, "all") != NULL);
	if (!strcmp(r->verb->noun, "dp") && !strcmp(r->verb->verb, "ports"))
		return m->driver->ops->describe(m->driver);
	return NULL;
}

/* The answer to one line; NULL: close. */
static char *
answer(const struct chq_manager *m, const char *line, size_t len)
{
	struct chq_ctl_error e = { 0 };
	struct chq_ctl_request r = { 0 };
	char *out;

	if (chq_ctl_request_parse(line, len, true, &r, &e) == 0 &&
	    r.verb->server == CHQ_CTL_DATAPLANE)
		out = chq_ctl_answer_ok(r.id, verb_data(m, &r), NULL);
	else
		out = chq_ctl_answer_error(
			r.id, e.err ? &e
				    : &(struct chq_ctl_error){
					      .err = CHQ_ENOCMD,
					      .message = "not a command of the dataplane" });
	chq_ctl_request_free(&r);
	return out;
}

/* Answer the first whole line, if there is one. Return: false to close. */
static bool
client_line(struct chq_status_client *c, const struct chq_manager *m)
{
	char *end = memchr(c->in, '\n', c->in_len);
	size_t len;

	if (!end)
		return c->in_len < sizeof(c->in); /* a line that is too long ends the connection */
	len = (size_t)(end - c->in) + 1;
	c->out = answer(m, c->in, len);
	c->in_len -= len;
	memmove(c->in, c->in + len, c->in_len);
	c->out_len = c->out ? strlen(c->out) : 0;
	c->out_sent = 0;
	return c->out != NULL;
}

static bool
again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Return: false to close. */
static bool
client_send(struct chq_status_client *c)
{
	ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return again();
	c->out_sent += (size_t)n;
	if (c->out_sent == c->out_len) {
		chq_ctl_line_free(c->out);
		c->out = NULL;
	}
	return true;
}

/* Return: false to close. */
static bool
client_round(struct chq_status_client *c, const struct chq_manager *m)
{
	ssize_t n;

	if (!c->out && !has_line(c)) {
		n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && !again()))
			return false;
		c->in_len += n > 0 ? (size_t)n : 0;
	}
	/* One answer a round: who asks much waits for his turn. */
	if (!c->out && !client_line(c, m))
		return false;
	return !c->out || client_send(c);
}

static void
accept_one(struct chq_status *s)
{
	for (int i = 0; i < CHQ_STATUS_CLIENTS; i++) {
		struct chq_status_client *c = &s->client[i];

		if (c->fd >= 0)
			continue;
		c->fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (c->fd < 0)
			c->fd = -1;
		return;
	}
}

void
chq_status_round(struct chq_status *s, struct chq_manager *m)
{
	if (s->listen_fd < 0)
		return;
	accept_one(s);
	for (int i = 0; i < CHQ_STATUS_CLIENTS; i++) {
		struct chq_status_client *c = &s->client[i];

		if (c->fd >= 0 && !client_round(c, m))
			client_close(c);
	}
}
