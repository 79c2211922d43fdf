#include "control/ctl_server.h"

#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/unix_listen.h"
#include "control/audit.h"
#include "control/control.h"
#include "control/ctl_hand.h"
#include "control/ctl_verbs.h"

enum {
	CLIENTS_MAX = 64,
	LINE_MS = 30000, /* a line that was begun is whole by then */
	READ_MS = 10000, /* an answer is taken piece by piece, none slower than that */
	IDLE_MS = 600000,
};

struct ctl_client {
	struct chq_list of_server;
	struct ctl_door *door;
	int fd;
	struct event *readable, *writable;
	uint32_t uid;
	int32_t pid;
	struct ctl_call *call; /* the one under way, or NULL */
	uint64_t moved_ms;     /* monotonic: when it last sent or took something */
	bool half;	       /* it is closed for reading: answer what is there, then end */
	int handed;	       /* a descriptor that came, for the next request; -1: none */
	char *in;	       /* CHQ_CTL_REQUEST_MAX bytes */
	size_t in_used;
	char *out; /* answer being sent, a line of proto/ctl.h */
	size_t out_len, out_sent;
};

/* A socket that is listened on. One's clients take no place from the other's. */
struct ctl_door {
	struct ctl_server *srv;
	bool read_only;
	int fd; /* -1: closed */
	char path[108];
	struct event *acceptable;
	unsigned used;
};

enum { DOOR_CONTROL, DOOR_READ, DOOR__COUNT };

struct ctl_server {
	struct control *ctl;
	struct ctl_door door[DOOR__COUNT];
	struct chq_list clients;
};

static void
client_free(struct ctl_client *c)
{
	if (c->call)
		c->call->client = NULL;
	chq_list_del(&c->of_server);
	c->door->used--;
	event_free(c->readable);
	event_free(c->writable);
	close(c->fd);
	if (c->handed >= 0)
		close(c->handed);
	sodium_memzero(c->in, CHQ_CTL_REQUEST_MAX);
	free(c->in);
	chq_ctl_line_free(c->out);
	free(c);
}

/* Return: false if the client is no more. */
static bool
client_send(struct ctl_client *c)
{
	while (c->out) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			event_add(c->writable, NULL);
			return true;
		}
		if (n < 0) {
			client_free(c);
			return false;
		}
		c->moved_ms = control_now_ms();
		c->out_sent += (size_t)n;
		if (c->out_sent < c->out_len)
			continue;
		chq_ctl_line_free(c->out);
		c->out = NULL;
	}
	event_del(c->writable);
	return true;
}

static void
call_free(struct ctl_call *call)
{
	if (call->client)
		call->client->call = NULL;
	if (call->handed >= 0)
		close(call->handed);
	chq_ctl_request_free(&call->req);
	free(call);
}

/* Who did what to whom: numbers, no names. */
static void
call_audit(const struct ctl_call *call, int err)
{
	char hash[2 * STORE_AUDIT_HASH_BYTES + 1];

	if (!call->req.verb || call->req.verb->class != CHQ_CTL_WRITE)
		return;
	chq_hex_encode(hash, call->audit.hash, sizeof(call->audit.hash));
	CHQ_LOG_INFO("audit",
		     "uid=%u pid=%d noun=%s verb=%s account=%llu peer=%llu result=%s head=%llu:%s",
		     call->uid, call->pid, call->req.verb->noun, call->req.verb->verb,
		     (unsigned long long)call->account, (unsigned long long)call->peer,
		     chq_errname(err), (unsigned long long)call->audit.number,
		     call->audit.number ? hash : "-");
}

static void client_next(struct ctl_client *c);

/* @line: of proto/ctl.h; taken. */
static void
call_end(struct ctl_call *call, char *line, int err)
{
	struct ctl_client *c = call->client;

	call_audit(call, err);
	if (err)
		control_count(call->ctl, COUNT_CTL_REFUSED);
	call_free(call);
	if (!c || !line) {
		chq_ctl_line_free(line);
		if (c)
			client_free(c);
		return;
	}
	c->moved_ms = control_now_ms(); /* it has waited for us until now */
	c->out = line;
	c->out_len = strlen(line);
	c->out_sent = 0;
	/* The next request is taken up from the loop: nothing here recurses. */
	event_add(c->writable, NULL);
}

static void
call_refuse(struct ctl_call *call, const struct chq_ctl_error *e)
{
	call_end(call, chq_ctl_answer_error(call->req.id, e), e->err);
}

static void
call_recorded(struct ctl_call *call, char *line, int err)
{
	if (!err) {
		call_end(call, line, CHQ_OK);
		return;
	}
	chq_ctl_line_free(line);
	ctl_refuse(call, CHQ_EPARTIAL, NULL, "done, but there is no audit record of it: %s",
		   chq_strerror(err));
}

void
ctl_answer(struct ctl_call *call, json_t *data, const char *cursor)
{
	char *line;

	if (call->partial) {
		json_decref(data);
		ctl_refuse(call, CHQ_EPARTIAL, NULL, "%s", call->partial);
		return;
	}
	line = chq_ctl_answer_ok(call->req.id, data, cursor);
	if (!line)
		ctl_refuse_code(call, CHQ_ETOOBIG, NULL);
	else if (audit_is_due(call))
		audit_record(call, line, call_recorded);
	else
		call_end(call, line, CHQ_OK);
}

void
ctl_refuse(struct ctl_call *call, int err, const char *field, const char *fmt, ...)
{
	struct chq_ctl_error e = { .err = err };
	va_list ap;

	snprintf(e.field, sizeof(e.field), "%s", field ? field : "");
	va_start(ap, fmt);
	vsnprintf(e.message, sizeof(e.message), fmt, ap);
	va_end(ap);
	call_refuse(call, &e);
}

void
ctl_refuse_with(struct ctl_call *call, int err, json_t *data, const char *fmt, ...)
{
	struct chq_ctl_error e = { .err = err };
	va_list ap;
	char *line;

	va_start(ap, fmt);
	vsnprintf(e.message, sizeof(e.message), fmt, ap);
	va_end(ap);
	line = chq_ctl_answer_refused(call->req.id, &e, data);
	call_end(call, line ? line : chq_ctl_answer_error(call->req.id, &e), err);
}

void
ctl_refuse_code(struct ctl_call *call, int err, const char *field)
{
	ctl_refuse(call, err, field, "%s", chq_strerror(err));
}

/* A line: parse it and hand it to its handler. */
static void
client_line(struct ctl_client *c, const char *line, size_t len)
{
	struct ctl_call *call = calloc(1, sizeof(*call));
	struct chq_ctl_error e = { 0 };
	ctl_handler_fn *handler;
	int rc;

	if (!call) {
		client_free(c);
		return;
	}
	*call = (struct ctl_call){ .ctl = c->door->srv->ctl,
				   .client = c,
				   .uid = c->uid,
				   .pid = c->pid,
				   .handed = c->handed };
	c->handed = -1;
	c->call = call;
	control_count(call->ctl, COUNT_CTL_REQUEST);
	rc = chq_ctl_request_parse(line, len, c->door->read_only, &call->req, &e);
	if (rc) {
		call_refuse(call, &e);
		return;
	}
	handler = ctl_verbs_handler(call->req.index);
	if (handler)
		handler(call);
	else
		ctl_refuse(call, CHQ_ENOCMD, NULL, "not served by chasqui-control");
}

/* Take the first line out of the buffer. Return: false if there is none yet. */
static bool
client_take(struct ctl_client *c, char *line, size_t *len)
{
	const char *end = memchr(c->in, '\n', c->in_used);

	if (!end)
		return false;
	*len = (size_t)(end - c->in) + 1;
	memcpy(line, c->in, *len);
	c->in_used -= *len;
	memmove(c->in, c->in + *len, c->in_used);
	sodium_memzero(c->in + c->in_used, *len);
	return true;
}

static void
client_too_long(struct ctl_client *c)
{
	struct chq_ctl_error e = { .err = CHQ_ETOOBIG };
	char *line = chq_ctl_answer_error(NULL, &e);

	/* Where the next request begins nobody knows: this is the end. */
	if (line && send(c->fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		CHQ_LOG_DEBUG("ctl-answer-lost", "");
	chq_ctl_line_free(line);
	control_count(c->door->srv->ctl, COUNT_CTL_DROPPED);
	client_free(c);
}

/* Take up the next request, if one is there and none is under way. @c may be freed. */
static void
client_next(struct ctl_client *c)
{
	char *line;
	size_t len;

	if (c->call || c->out)
		return;
	line = malloc(CHQ_CTL_REQUEST_MAX);
	if (!line) {
		client_free(c);
		return;
	}
	if (client_take(c, line, &len))
		client_line(c, line, len);
	else if (c->in_used == CHQ_CTL_REQUEST_MAX)
		client_too_long(c);
	else if (c->half)
		client_free(c);
	else
		event_add(c->readable, NULL);
	sodium_memzero(line, CHQ_CTL_REQUEST_MAX);
	free(line);
}

static void
client_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *c = arg;
	size_t room = CHQ_CTL_REQUEST_MAX - c->in_used;
	ssize_t n = room ? ctl_hand_receive(fd, c->in + c->in_used, room, &c->handed) : 0;

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		client_free(c);
		return;
	}
	if (n == 0 && room)
		c->half = true;
	if (c->half || c->in_used + (size_t)n == CHQ_CTL_REQUEST_MAX)
		event_del(c->readable);
	if (n > 0 && c->in_used == 0)
		c->moved_ms = control_now_ms();
	c->in_used += (size_t)n;
	client_next(c);
}

static void
client_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *c = arg;

	(void)fd;
	(void)what;
	if (client_send(c) && !c->out)
		client_next(c);
}

static struct ctl_client *
client_new(struct ctl_door *door, int fd)
{
	struct event_base *base = door->srv->ctl->base;
	struct ctl_client *c = calloc(1, sizeof(*c));
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (!c)
		return NULL;
	chq_list_init(&c->of_server);
	c->door = door;
	c->fd = fd;
	c->handed = -1;
	c->in = malloc(CHQ_CTL_REQUEST_MAX);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, client_readable, c);
	c->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, client_writable, c);
	if (!c->in || !c->readable || !c->writable || event_add(c->readable, NULL) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
		if (c->readable)
			event_free(c->readable);
		if (c->writable)
			event_free(c->writable);
		free(c->in);
		free(c);
		return NULL;
	}
	c->uid = cred.uid;
	c->pid = cred.pid;
	c->moved_ms = control_now_ms();
	return c;
}

static void
server_refuse(int fd)
{
	struct chq_ctl_error e = { .err = CHQ_EBUSY, .message = "too many operators at once" };
	char *line = chq_ctl_answer_error(NULL, &e);

	if (line && send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		CHQ_LOG_DEBUG("ctl-answer-lost", "");
	chq_ctl_line_free(line);
	close(fd);
}

static void
server_acceptable(evutil_socket_t listener, short what, void *arg)
{
	struct ctl_door *door = arg;
	struct ctl_client *c;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd < 0)
		return;
	c = door->used < CLIENTS_MAX ? client_new(door, fd) : NULL;
	if (!c) {
		control_count(door->srv->ctl, COUNT_CTL_DROPPED);
		server_refuse(fd);
		return;
	}
	chq_list_add_tail(&door->srv->clients, &c->of_server);
	door->used++;
}

void
ctl_server_tick(struct ctl_server *srv, uint64_t now_ms)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &srv->clients) {
		struct ctl_client *c = CHQ_LIST_ENTRY(it, struct ctl_client, of_server);
		uint64_t most = c->out ? READ_MS : c->in_used ? LINE_MS : IDLE_MS;

		/* Who waits for us is not slow. */
		if (c->call || now_ms < c->moved_ms + most)
			continue;
		control_count(srv->ctl, COUNT_CTL_DROPPED);
		client_free(c);
	}
}

/* Is somebody there? A socket without one was left by a killed process. */
static bool
server_alive(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0)
		return false;
	alive = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0;
	close(fd);
	return alive;
}

static gid_t
server_group(const char *name)
{
	const struct group *g = *name ? getgrnam(name) : NULL;

	if (!g && *name)
		CHQ_LOG_WARN("ctl-group-absent",
			     "group=%s note=\"the socket is for its owner and root alone\"",
			     CHQ_Q(name));
	return g ? g->gr_gid : (gid_t)-1;
}

/* Return: a listening socket; CHQ_EADDRINUSE; CHQ_EEXIST; a negated errno. */
static int
server_listen(const char *path, const char *group)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	gid_t gid;
	int fd;

	if (strlen(path) >= sizeof(un.sun_path))
		return CHQ_ENAMETOOLONG;
	memcpy(un.sun_path, path, strlen(path) + 1);
	if (server_alive(&un))
		return CHQ_EADDRINUSE;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return CHQ_EEXIST; /* not ours to remove */
	gid = server_group(group);
	fd = chq_unix_listen(path, SOCK_STREAM, gid, CLIENTS_MAX);
	if (fd >= 0 && gid != (gid_t)-1 && lstat(path, &st) == 0 && st.st_gid != gid)
		CHQ_LOG_WARN("ctl-group", "group=%s error=%s", CHQ_Q(group),
			     chq_errname(CHQ_EPERM));
	return fd;
}

static int
door_open(struct ctl_door *door, struct ctl_server *srv, const char *path, const char *group)
{
	int fd = server_listen(path, group);

	if (fd < 0)
		return fd;
	door->srv = srv;
	snprintf(door->path, sizeof(door->path), "%s", path);
	door->acceptable = event_new(srv->ctl->base, fd, EV_READ | EV_PERSIST, server_acceptable,
				     door);
	if (door->acceptable && event_add(door->acceptable, NULL) == 0) {
		door->fd = fd;
		return CHQ_OK;
	}
	if (door->acceptable)
		event_free(door->acceptable);
	close(fd);
	return CHQ_ENOMEM;
}

static void
door_close(struct ctl_door *door)
{
	if (door->fd < 0)
		return;
	event_free(door->acceptable);
	close(door->fd);
	unlink(door->path);
	door->fd = -1;
}

int
ctl_server_init(struct ctl_server **out, struct control *ctl, struct control_error *err)
{
	const struct chq_site_conf *conf = ctl->conf;
	struct ctl_server *srv = calloc(1, sizeof(*srv));
	char read_path[CHQ_SOCKET_PATH_MAX + 1];
	const char *path = conf->control.socket;
	int rc = CHQ_ENOMEM;

	if (!srv)
		goto fail;
	srv->ctl = ctl;
	chq_list_init(&srv->clients);
	srv->door[DOOR_CONTROL].fd = srv->door[DOOR_READ].fd = -1;
	rc = door_open(&srv->door[DOOR_CONTROL], srv, path, conf->control.group);
	if (rc)
		goto fail;
	if (chq_site_read_socket(conf, read_path)) {
		path = read_path;
		srv->door[DOOR_READ].read_only = true;
		rc = door_open(&srv->door[DOOR_READ], srv, path, conf->control.read_group);
	}
	if (rc)
		goto control;
	*out = srv;
	return CHQ_OK;

control:
	door_close(&srv->door[DOOR_CONTROL]);
fail:
	snprintf(err->text, sizeof(err->text), "%s: %s", path, chq_strerror(rc));
	free(srv);
	return rc;
}

void
ctl_server_quiet(struct ctl_server *srv)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &srv->clients)
		client_free(CHQ_LIST_ENTRY(it, struct ctl_client, of_server));
	for (unsigned i = 0; i < DOOR__COUNT; i++)
		door_close(&srv->door[i]);
}

void
ctl_server_free(struct ctl_server *srv)
{
	ctl_server_quiet(srv);
	free(srv);
}
