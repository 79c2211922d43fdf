/* Requests to the server: each is repeated, with the same id, until its response or its time is over. */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/client.h"

#define FIRST_WAIT_MS 500
#define MAX_WAIT_MS   8000
#define ID_SHIFT      22

static void
request_free(struct chq_request *r)
{
	sodium_memzero(r, sizeof(*r) + r->len);
	free(r);
}

/* A password goes with it, sealed for one session only. */
static bool
logs_in(const struct chq_request *r)
{
	return r->method == CHASQUI__METHOD__METHOD_LOGIN ||
	       r->method == CHASQUI__METHOD__METHOD_REGISTER;
}

static bool
may_be_sent(const struct chq_client *c, const struct chq_request *r)
{
	return c->cur.used && (logs_in(r) || c->cur.logged_in);
}

static void
transmit(struct chq_client *c, struct chq_request *r)
{
	if (!may_be_sent(c, r)) {
		r->next_ms = CHQ_NEVER;
		return;
	}
	chq_session_send_hop(c, &c->cur, r->id, r->body, r->len);
	chq_path_expect(c);
	r->next_ms = c->now_ms + r->wait_ms;
	r->wait_ms = r->wait_ms < MAX_WAIT_MS ? r->wait_ms * 2 : MAX_WAIT_MS;
}

void
chq_request_clock(struct chq_client *c, uint64_t server_ms)
{
	c->requests.server_ms = server_ms;
	c->requests.heard_ms = c->now_ms;
}

/*
 * By the server's clock, once it is known: what is far ahead of that is refused, and our own clock may be
 * wrong today and right tomorrow.
 */
static uint64_t
next_id(struct chq_client *c)
{
	struct chq_requests *q = &c->requests;
	uint64_t wall_ms = q->server_ms ? q->server_ms + (c->now_ms - q->heard_ms) : c->wall_ms;
	uint64_t id = chq_ms2020_of(wall_ms) << ID_SHIFT;

	q->last_id = id > q->last_id ? id : q->last_id + 1;
	return q->last_id;
}

int
chq_request_send(struct chq_client *c, Chasqui__Method method, const ProtobufCMessage *body,
		 uint32_t timeout_ms, chq_reply_fn *fn, uint64_t arg)
{
	uint8_t buf[CHQ_HOP_BODY_MAX];
	struct chq_request *r;
	uint64_t id;
	int n, i = 0;

	while (i < CHQ_REQUESTS_MAX && c->requests.slot[i])
		i++;
	if (i == CHQ_REQUESTS_MAX)
		return CHQ_EFULL;
	id = next_id(c);
	n = chq_ctrl_pack_request(id, method, body, buf, sizeof(buf));
	if (n < 0)
		return n;
	r = malloc(sizeof(*r) + (size_t)n);
	if (!r)
		return CHQ_ENOMEM;
	*r = (struct chq_request){ .id = id, .method = method, .fn = fn, .arg = arg };
	r->give_up_ms = c->now_ms + timeout_ms;
	r->wait_ms = FIRST_WAIT_MS;
	r->len = (uint16_t)n;
	memcpy(r->body, buf, (size_t)n);
	sodium_memzero(buf, sizeof(buf));
	c->requests.slot[i] = r;
	transmit(c, r);
	chq_client_wake(c);
	return CHQ_OK;
}

/* The slot is free before the answer is handled, which may make new requests. */
static void
finish(struct chq_client *c, int i, int err, const Chasqui__Response *response)
{
	struct chq_request *r = c->requests.slot[i];

	c->requests.slot[i] = NULL;
	r->fn(c, err, response, r->arg);
	request_free(r);
}

void
chq_request_response(struct chq_client *c, const Chasqui__Response *response)
{
	for (int i = 0; i < CHQ_REQUESTS_MAX; i++) {
		if (c->requests.slot[i] && c->requests.slot[i]->id == response->id) {
			finish(c, i, CHQ_OK, response);
			return;
		}
	}
	/* A second answer to a repeated request. */
}

void
chq_request_session(struct chq_client *c)
{
	for (int i = 0; i < CHQ_REQUESTS_MAX; i++) {
		struct chq_request *r = c->requests.slot[i];

		if (!r)
			continue;
		if (logs_in(r)) {
			finish(c, i, CHQ_ECANCELED, NULL);
			continue;
		}
		r->next_ms = c->now_ms;
		r->wait_ms = FIRST_WAIT_MS;
	}
}

void
chq_request_cancel_all(struct chq_client *c)
{
	for (int i = 0; i < CHQ_REQUESTS_MAX; i++)
		if (c->requests.slot[i])
			finish(c, i, CHQ_ECANCELED, NULL);
}

uint64_t
chq_request_run(struct chq_client *c)
{
	uint64_t due = CHQ_NEVER;

	for (int i = 0; i < CHQ_REQUESTS_MAX; i++) {
		struct chq_request *r = c->requests.slot[i];

		if (!r)
			continue;
		if (c->now_ms >= r->give_up_ms) {
			finish(c, i, CHQ_ETIMEDOUT, NULL);
			due = c->now_ms; /* what that did is looked at in the next round */
			continue;
		}
		if (r->next_ms == CHQ_NEVER && may_be_sent(c, r))
			r->next_ms = c->now_ms;
		if (c->now_ms >= r->next_ms)
			transmit(c, r);
		due = chq_min64(due, chq_min64(r->next_ms, r->give_up_ms));
	}
	return due;
}

ProtobufCMessage *
chq_reply_body(struct chq_client *c, const Chasqui__Response *r,
	       const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m = chq_ctrl_unpack(type, r->body.data, r->body.len, NULL);

	if (!m)
		chq_count(c, CHQ_STAT_DROP_CONTROL);
	return m;
}
