/*
 * bench/load: requests to the server, in a closed loop: so many sessions at a time, each asks anew when it was answered.
 *
 *   search    the first letters of a made-up name, two to four of them
 *   contacts  the contact list, page by page, from the beginning when it has ended
 *   presence  each session says once that it is away; its friend is told
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/load/load.h"

#define AGAIN_NS UINT64_C(1000000000)
#define REST_NS	 UINT64_C(5000000000) /* for the last pushes */
#define CALM_NS   \
	UINT64_C( \
		6000000000) /* after logging in, which was a change too, and is told at most once in 5 s */

struct ask {
	struct load *l;
	const struct load_opts *o;
	int (*send)(struct ask *a, struct load_session *s);
	bool once; /* each session asks only once */
	uint64_t asked, answered, refused, pushes, again, entries;
	uint64_t start_ns, last_push_ns;
	unsigned next; /* session that has not begun */
};

static int
search_send(struct ask *a, struct load_session *s)
{
	static const char letters[] = "abcdefghijklmnoprstuvwz";
	Chasqui__SearchRequest m = CHASQUI__SEARCH_REQUEST__INIT;
	char query[5] = "";
	unsigned n = 2 + randombytes_uniform(3);

	for (unsigned i = 0; i < n; i++)
		query[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
	m.query = query;
	return load_request_send(a->l, s, CHASQUI__METHOD__METHOD_SEARCH, &m.base);
}

static int
contacts_send(struct ask *a, struct load_session *s)
{
	Chasqui__ContactsRequest m = CHASQUI__CONTACTS_REQUEST__INIT;

	m.cursor = s->cursor;
	return load_request_send(a->l, s, CHASQUI__METHOD__METHOD_CONTACTS, &m.base);
}

static int
presence_send(struct ask *a, struct load_session *s)
{
	Chasqui__StatusSet m = CHASQUI__STATUS_SET__INIT;

	m.status = CHASQUI__STATUS__STATUS_AWAY;
	return load_request_send(a->l, s, CHASQUI__METHOD__METHOD_STATUS_SET, &m.base);
}

static void
ask_next(struct ask *a, struct load_session *s)
{
	s->request = load_message_id(s);
	s->asked_ns = chq_mono_ns();
	a->asked++;
	(void)a->send(a, s);
}

/* A page of contacts, or found people: how many, and where to go on. */
static void
page_read(struct ask *a, struct load_session *s, const ProtobufCBinaryData *body)
{
	Chasqui__ContactsPage *c;
	Chasqui__SearchPage *f;

	if (a->send == contacts_send &&
	    (c = chasqui__contacts_page__unpack(NULL, body->len, body->data))) {
		s->cursor = c->next_cursor;
		a->entries += c->n_contact;
		chasqui__contacts_page__free_unpacked(c, NULL);
	} else if (a->send == search_send &&
		   (f = chasqui__search_page__unpack(NULL, body->len, body->data))) {
		a->entries += f->n_contact;
		chasqui__search_page__free_unpacked(f, NULL);
	}
}

static void
on_response(struct ask *a, struct load_session *s, const Chasqui__Response *r)
{
	uint64_t now = chq_mono_ns();

	if (!s->asked_ns || r->id != s->request)
		return;
	if (r->code == CHASQUI__CODE__OK) {
		a->answered++;
		page_read(a, s, &r->body);
		if (a->l->latency_len < a->l->latency_cap)
			a->l->latency_us_x10[a->l->latency_len++] =
				(uint32_t)((now - s->asked_ns) / 100);
	} else {
		a->refused++;
	}
	s->asked_ns = 0;
	if (!a->once)
		ask_next(a, s);
	else if (a->next < a->l->count)
		ask_next(a, &a->l->sessions[a->next++]);
}

static void
on_push(struct ask *a, struct load_session *s, Chasqui__Push *p)
{
	Chasqui__ToServer ts = CHASQUI__TO_SERVER__INIT;
	Chasqui__PushAck ack = CHASQUI__PUSH_ACK__INIT;

	if (p->body_case == CHASQUI__PUSH__BODY_PRESENCE &&
	    p->presence->status == CHASQUI__STATUS__STATUS_AWAY) {
		a->pushes++;
		a->last_push_ns = chq_mono_ns();
	}
	ack.epoch = p->epoch;
	ack.n_number = 1;
	ack.number = &p->number;
	ts.body_case = CHASQUI__TO_SERVER__BODY_PUSH_ACK;
	ts.push_ack = &ack;
	(void)load_hop_send(a->l, s, &ts);
}

static void
receive(struct ask *a, int fd)
{
	uint8_t buf[2048];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		struct load_session *s = NULL;
		Chasqui__FromServer *fs = load_hop_read(a->l, buf, (size_t)n, &s);

		if (!fs)
			continue;
		if (fs->body_case == CHASQUI__FROM_SERVER__BODY_RESPONSE)
			on_response(a, s, fs->response);
		else if (fs->body_case == CHASQUI__FROM_SERVER__BODY_PUSH)
			on_push(a, s, fs->push);
		chasqui__from_server__free_unpacked(fs, NULL);
	}
}

/* A datagram that was lost goes again, with the same id. */
static void
repeat(struct ask *a, uint64_t now)
{
	for (unsigned i = 0; i < a->l->count; i++) {
		struct load_session *s = &a->l->sessions[i];

		if (s->asked_ns && now - s->asked_ns > AGAIN_NS * (1 + s->tries)) {
			s->tries++;
			a->again++;
			(void)a->send(a, s);
		}
	}
}

static bool
over(const struct ask *a, uint64_t now)
{
	if (!a->once)
		return now - a->start_ns > (uint64_t)a->o->seconds * CHQ_NS_PER_SEC;
	return a->pushes >= a->l->count ||
	       now - a->start_ns > REST_NS + (uint64_t)a->o->seconds * CHQ_NS_PER_SEC;
}

/* Wait for what comes, a little while. */
static void
turn(struct ask *a)
{
	struct pollfd pfd[LOAD_SOCKETS];

	for (unsigned i = 0; i < a->l->socket_count; i++)
		pfd[i] = (struct pollfd){ .fd = a->l->sockets[i].fd, .events = POLLIN };
	poll(pfd, a->l->socket_count, 10);
	for (unsigned i = 0; i < a->l->socket_count; i++)
		receive(a, pfd[i].fd);
}

static void
loop(struct ask *a)
{
	uint64_t now = chq_mono_ns(), repeated;

	for (uint64_t calm = now + CALM_NS; a->once && now < calm; now = chq_mono_ns())
		turn(a);
	a->start_ns = repeated = now;
	while (a->next < a->l->count && a->next < a->o->in_flight)
		ask_next(a, &a->l->sessions[a->next++]);
	while (!over(a, now)) {
		turn(a);
		now = chq_mono_ns();
		if (now - repeated > AGAIN_NS / 4) {
			repeat(a, now);
			repeated = now;
		}
	}
	a->l->seconds = (double)((a->once && a->pushes ? a->last_push_ns : now) - a->start_ns) /
			1e9;
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
figures_print(const struct ask *a)
{
	const struct load *l = a->l;
	size_t n = l->latency_len;

	qsort(l->latency_us_x10, n, sizeof(*l->latency_us_x10), by_size);
	printf("{\"what\": \"%s\", \"sessions\": %u, \"in_flight\": %u, \"login_seconds\": %.3f, "
	       "\"seconds\": %.2f, "
	       "\"asked\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"again\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"pushes\": %" PRIu64
	       ", \"answered_per_s\": %.0f, \"pushes_per_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": "
	       "%.1f}\n",
	       a->o->what, l->count, a->o->in_flight, l->login_seconds, l->seconds, a->asked,
	       a->answered, a->refused, a->again, a->entries, a->pushes,
	       (double)a->answered / l->seconds, (double)a->pushes / l->seconds,
	       l->latency_us_x10[n / 2] / 10.0, l->latency_us_x10[n * 99 / 100] / 10.0);
}

int
load_ask(struct load *l, const struct load_opts *o)
{
	struct ask a = { .l = l, .o = o };

	if (strcmp(o->what, "search") == 0)
		a.send = search_send;
	else if (strcmp(o->what, "contacts") == 0)
		a.send = contacts_send;
	else if (strcmp(o->what, "presence") == 0)
		a.send = presence_send;
	else
		return CHQ_EARGS;
	a.once = a.send == presence_send;
	l->latency_cap = 10000000;
	l->latency_us_x10 = calloc(l->latency_cap, sizeof(*l->latency_us_x10));
	if (!l->latency_us_x10)
		return CHQ_ENOMEM;
	for (unsigned i = 0; i < l->count; i++)
		l->sessions[i].tries = 0;
	loop(&a);
	if (!l->latency_len)
		return CHQ_ETIMEDOUT;
	figures_print(&a);
	return 0;
}
