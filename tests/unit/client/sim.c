#include "tests/unit/client/sim.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "client/client.h"

#define SOCKETS_A_CLIENT 1000
#define START_WALL_MS	 UINT64_C(1767225600000) /* 2026-01-01 */

static char folder[64];

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int
sim_group_setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/chasqui-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

int
sim_group_teardown(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

uint32_t
sim_random(struct sim *s, uint32_t below)
{
	s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(s->random >> 33) % below;
}

static void
fly(struct sim *s, sim_addr from, sim_addr to, const void *data, size_t len, uint64_t delay)
{
	struct sim_datagram *d = malloc(sizeof(*d) + len);
	struct chq_list *at = s->flying.prev;

	assert_non_null(d);
	d->at_ms = s->mono_ms + delay;
	d->from = from;
	d->to = to;
	d->len = len;
	memcpy(d->data, data, len);
	while (at != &s->flying && CHQ_LIST_ENTRY(at, struct sim_datagram, node)->at_ms > d->at_ms)
		at = at->prev;
	chq_list_insert_after(at, &d->node);
}

void
sim_send(struct sim *s, sim_addr from, sim_addr to, const void *data, size_t len)
{
	bool twice = (int)sim_random(s, 100) < s->dup_percent;

	for (int i = 0; i < 1 + twice; i++) {
		uint64_t delay = 5;

		if ((int)sim_random(s, 100) < s->loss_percent)
			continue;
		if ((int)sim_random(s, 100) < s->reorder_percent)
			delay += sim_random(s, 200);
		fly(s, from, to, data, len, delay);
	}
}

static struct sim_client *
owner(struct sim *s, sim_addr addr)
{
	return addr / SOCKETS_A_CLIENT <= SIM_CLIENTS ? &s->client[addr / SOCKETS_A_CLIENT - 1]
						      : NULL;
}

static void
deliver(struct sim *s)
{
	while (!chq_list_empty(&s->flying)) {
		struct sim_datagram *d = CHQ_LIST_ENTRY(s->flying.next, struct sim_datagram, node);

		if (d->at_ms > s->mono_ms)
			return;
		chq_list_del(&d->node);
		if (d->to == 0) {
			if (!s->down)
				relay_input(s, d->from, d->data, d->len);
			free(d);
		} else {
			chq_list_add_tail(&owner(s, d->to)->inbox, &d->node);
		}
	}
}

/* The transport of a client. */

static int
op_resolve(void *ctx, const char *host, uint16_t port, struct chq_target *out, int max)
{
	(void)ctx;
	(void)host;
	(void)port;
	(void)max;
	memset(out, 0, sizeof(*out));
	return 1;
}

static int
op_open(void *ctx, const struct chq_target *to)
{
	struct sim_client *k = ctx;

	(void)to;
	k->moved = false;
	return (int)k->next_socket++;
}

static void
op_close(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
}

static int
op_send(void *ctx, int fd, const void *buf, size_t len)
{
	struct sim_client *k = ctx;

	sim_send(k->sim, (sim_addr)fd, 0, buf, len);
	return CHQ_OK;
}

static ssize_t
op_recv(void *ctx, int fd, void *buf, size_t size)
{
	struct sim_client *k = ctx;

	while (!chq_list_empty(&k->inbox)) {
		struct sim_datagram *d = CHQ_LIST_ENTRY(k->inbox.next, struct sim_datagram, node);
		size_t n = d->len < size ? d->len : size;
		bool ours = d->to == (sim_addr)fd;

		chq_list_del(&d->node);
		memcpy(buf, d->data, n);
		free(d);
		if (ours)
			return (ssize_t)n;
	}
	return CHQ_EAGAIN;
}

static bool
op_moved(void *ctx, int fd, const struct chq_target *to)
{
	(void)fd;
	(void)to;
	return ((struct sim_client *)ctx)->moved;
}

static uint64_t
op_mono(void *ctx)
{
	return ((struct sim_client *)ctx)->sim->mono_ms;
}

static uint64_t
op_wall(void *ctx)
{
	return ((struct sim_client *)ctx)->sim->wall_ms;
}

static const struct chq_transport_ops ops = {
	.resolve = op_resolve,
	.open = op_open,
	.close = op_close,
	.send = op_send,
	.recv = op_recv,
	.moved = op_moved,
	.mono_ms = op_mono,
	.wall_ms = op_wall,
};

struct sim *
sim_new(void)
{
	static int number;
	struct sim *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	number++;
	s->random = 42;
	s->mono_ms = 1000000;
	s->wall_ms = START_WALL_MS;
	chq_list_init(&s->flying);
	for (int i = 0; i < SIM_CLIENTS; i++) {
		struct sim_client *k = &s->client[i];

		k->sim = s;
		k->next_socket = (sim_addr)((i + 1) * SOCKETS_A_CLIENT);
		chq_list_init(&k->inbox);
		snprintf(k->home, sizeof(k->home), "%s/%d-%d", folder, number, i);
	}
	relay_init(s);
	return s;
}

static void
list_free(struct chq_list *l)
{
	CHQ_LIST_FOREACH_SAFE(it, after, l) {
		chq_list_del(it);
		free(CHQ_LIST_ENTRY(it, struct sim_datagram, node));
	}
}

void
sim_free(struct sim *s)
{
	for (int i = 0; i < SIM_CLIENTS; i++) {
		chq_client_close(s->client[i].c);
		list_free(&s->client[i].inbox);
	}
	list_free(&s->flying);
	free(s);
}

struct chq_client *
sim_open(struct sim *s, int i)
{
	return sim_open_as(s, i, i);
}

struct chq_client *
sim_open_as(struct sim *s, int i, int who)
{
	struct sim_client *k = &s->client[i];
	struct chq_client_opts o = {
		.home = k->home,
		.invitation = &s->invitation,
		.login = s->account[who].login,
		.software = "test 1",
		.device_name = "test device",
		.kind = CHQ_CLIENT_PC,
		.enroll = true,
		.ops = &ops,
		.ops_ctx = k,
	};

	k->who = who;
	assert_int_equal(chq_client_open(&k->c, &o), CHQ_OK);
	return k->c;
}

void
sim_close(struct sim *s, int i)
{
	chq_client_close(s->client[i].c);
	s->client[i].c = NULL;
}

/* What close would send goes nowhere, what it would write is written as kill -9 would leave it. */
void
sim_kill(struct sim *s, int i)
{
	struct sim_client *k = &s->client[i];

	chq_queued_free(k->c->events.taken);
	k->c->events.taken = NULL;
	k->c->receipts_due = false;
	k->c->sender.reserved_id = 0;
	chq_transport_close(&k->c->net);
	sim_close(s, i);
}

static void
remember(struct sim_client *k, const struct chq_event *ev)
{
	k->events[ev->type]++;
	k->last[ev->type] = *ev;
	if (ev->type == CHQ_EV_PASSWORD_NEEDED)
		chq_client_login(k->c, SIM_PASSWORD, strlen(SIM_PASSWORD));
	if (ev->type == CHQ_EV_MESSAGE && k->shown_count < SIM_TEXTS) {
		struct sim_shown *m = &k->shown[k->shown_count++];

		m->from = ev->account;
		m->id = ev->message;
		m->len = ev->len;
		m->gap = ev->gap;
		m->own = ev->own;
		m->app = ev->app;
		snprintf(m->text, sizeof(m->text), "%s", (const char *)ev->data);
	}
	if (ev->type == CHQ_EV_MESSAGE_STATE && k->states < SIM_TEXTS * 3)
		k->state[k->states++] = (struct sim_state){ ev->message, ev->state, ev->err };
}

static void
run_client(struct sim_client *k)
{
	struct chq_event ev;

	if (!k->c)
		return;
	if (chq_client_timeout_ms(k->c) == 0 || !chq_list_empty(&k->inbox))
		chq_client_process(k->c);
	while (!k->deaf && k->c && chq_client_next_event(k->c, &ev))
		remember(k, &ev);
}

/* The time of the next thing that happens. */
static uint64_t
next_time(struct sim *s, uint64_t limit)
{
	uint64_t next = limit;

	if (!chq_list_empty(&s->flying))
		next = chq_min64(next,
				 CHQ_LIST_ENTRY(s->flying.next, struct sim_datagram, node)->at_ms);
	for (int i = 0; i < SIM_CLIENTS; i++) {
		int ms = s->client[i].c ? chq_client_timeout_ms(s->client[i].c) : -1;

		if (ms >= 0)
			next = chq_min64(next, s->mono_ms + (uint64_t)ms);
	}
	return next > s->mono_ms ? next : s->mono_ms + 1;
}

bool
sim_until(struct sim *s, sim_done_fn *done, uint64_t max_ms)
{
	uint64_t end = s->mono_ms + max_ms;

	for (;;) {
		uint64_t next;

		deliver(s);
		for (int i = 0; i < SIM_CLIENTS; i++)
			run_client(&s->client[i]);
		if (done && done(s))
			return true;
		if (s->mono_ms >= end)
			return false;
		next = next_time(s, end);
		s->wall_ms += next - s->mono_ms;
		s->mono_ms = next;
	}
}

void
sim_run(struct sim *s, uint64_t ms)
{
	sim_until(s, NULL, ms);
}

static bool
all_ready(struct sim *s)
{
	for (int i = 0; i < SIM_CLIENTS; i++)
		if (s->client[i].c &&
		    (!s->account[i].has_keys || s->client[i].events[CHQ_EV_CONTACTS] == 0 ||
		     chq_client_connection(s->client[i].c) != CHQ_CONN_LOGGED_IN))
			return false;
	return true;
}

struct sim *
sim_logged_in(int n)
{
	struct sim *s = sim_new();

	for (int i = 0; i < n; i++)
		sim_open(s, i);
	assert_true(sim_until(s, all_ready, 20000));
	return s;
}

uint64_t
sim_account_of(int i)
{
	return (uint64_t)i + 101;
}

uint64_t
sim_say(struct sim *s, int i, int j, const char *text)
{
	uint64_t id = 0;

	assert_int_equal(chq_client_send(s->client[i].c, sim_account_of(j), 0, text, strlen(text),
					 &id),
			 CHQ_OK);
	return id;
}

int
sim_state_of(struct sim *s, int i, uint64_t id, int *err)
{
	struct sim_client *k = &s->client[i];

	for (int n = k->states; n-- > 0;) {
		if (k->state[n].id == id) {
			if (err)
				*err = k->state[n].err;
			return (int)k->state[n].state;
		}
	}
	return CHQ_MSG_QUEUED;
}

int
sim_count_shown(struct sim *s, int i, const char *text)
{
	int n = 0;

	for (int k = 0; k < s->client[i].shown_count; k++)
		n += strcmp(s->client[i].shown[k].text, text) == 0;
	return n;
}

uint64_t
sim_stat(struct sim *s, int i, enum chq_stat stat)
{
	return chq_client_stats(s->client[i].c)[stat];
}
