/* Saying something in a group: each frame is repeated until it comes back with its order. */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define FIRST_WAIT_MS 500
#define MAX_WAIT_MS   5000
#define REFUSED_MAX   4 /* fresh lists that are asked for after refusals */
#define PACE_US	      10000
#define PACE_BURST    32
#define PAUSE_MIN_MS  200
#define PAUSE_MAX_MS  2000

static void
state(struct chq_client *c, const struct chq_group_out *o, enum chq_message_state what, int err)
{
	chq_client_event(c, &(struct chq_event){ .type = CHQ_EV_MESSAGE_STATE,
						 .group = o->group,
						 .message = o->id,
						 .state = what,
						 .err = err });
}

static void
out_end(struct chq_client *c, struct chq_group_out *o, enum chq_message_state what, int err)
{
	state(c, o, what, err);
	chq_list_del(&o->node);
	c->groups.n_out--;
	sodium_memzero(o->data, o->len);
	free(o);
}

void
chq_groups_fail_all(struct chq_client *c, int err)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &c->groups.out)
		out_end(c, CHQ_LIST_ENTRY(it, struct chq_group_out, node), CHQ_MSG_FAILED, err);
}

static struct chq_group_out *
out_find(const struct chq_client *c, uint32_t group, uint64_t message)
{
	CHQ_LIST_FOREACH(it, &c->groups.out) {
		struct chq_group_out *o = CHQ_LIST_ENTRY(it, struct chq_group_out, node);

		if (o->group == group && message >= o->id && message < o->id + o->parts)
			return o;
	}
	return NULL;
}

static uint64_t
all_parts(const struct chq_group_out *o)
{
	return o->parts == 64 ? UINT64_MAX : (UINT64_C(1) << o->parts) - 1;
}

void
chq_group_confirmed(struct chq_client *c, uint32_t group, uint64_t message)
{
	struct chq_group_out *o = out_find(c, group, message);

	if (!o)
		return;
	c->path.asked_ms = 0;
	c->groups.pause_ms = 0;
	o->confirmed |= UINT64_C(1) << (message - o->id);
	if (o->confirmed == all_parts(o))
		out_end(c, o, CHQ_MSG_DELIVERED, CHQ_OK);
	chq_client_wake(c);
}

static uint32_t
right_for(uint16_t app)
{
	return app == CHQ_APP_ANNOUNCEMENT ? CHQ_GROUP_ANNOUNCE : CHQ_GROUP_POST;
}

static bool
may(const struct chq_group_state *g, uint16_t app)
{
	return g && g->listed && (g->pub.rights & right_for(app));
}

void
chq_group_out_listed(struct chq_client *c)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &c->groups.out) {
		struct chq_group_out *o = CHQ_LIST_ENTRY(it, struct chq_group_out, node);

		if (!may(chq_group_find(c, o->group), o->app)) {
			out_end(c, o, CHQ_MSG_FAILED, CHQ_EDENIED);
			continue;
		}
		if (o->waiting)
			o->next_ms = c->now_ms;
		o->waiting = false;
	}
}

void
chq_group_notice(struct chq_client *c, uint32_t group, uint64_t message, uint16_t code)
{
	struct chq_group_out *o = out_find(c, group, message);

	if (!o) {
		chq_count(c, CHQ_STAT_DROP_NOTICE);
		return;
	}
	c->path.asked_ms = 0;
	if (code == CHQ_NOTICE_TOO_FAST) {
		uint64_t ms = c->groups.pause_ms * 2;

		ms = ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
		if (c->now_ms >= c->groups.paused_until_ms) {
			c->groups.pause_ms = ms;
			c->groups.paused_until_ms = c->now_ms + ms;
		}
		o->next_ms = c->groups.paused_until_ms;
	} else if (code == CHQ_NOTICE_UNKNOWN && o->refused < REFUSED_MAX) {
		/* One notice for each part: they are about one list. */
		if (!o->waiting)
			o->refused++;
		o->waiting = true;
		o->next_ms = CHQ_NEVER;
		if (!c->groups.under_way)
			chq_groups_refresh(c);
	} else {
		out_end(c, o, CHQ_MSG_FAILED, CHQ_EDENIED);
	}
	chq_client_wake(c);
}

/* Sealed anew each time, which under one epoch gives the same bytes. */
static void
transmit(struct chq_client *c, const struct chq_group_state *g, const uint8_t *epoch_key,
	 const struct chq_group_out *o, unsigned part)
{
	struct chq_frame_hdr h = { .flags = CHQ_F_STORE,
				   .app = o->app,
				   .party = CHQ_PARTY(CHQ_KIND_GROUP, 0, o->group),
				   .message = o->id + part,
				   .grant = g->pub.grant };
	struct chq_group_ctx ctx = { .from = CHQ_PARTY(CHQ_KIND_ACCOUNT, c->id.device,
						       c->id.account),
				     .group = o->group,
				     .epoch = g->pub.epoch,
				     .message = h.message,
				     .app = o->app };
	size_t at = (size_t)part * CHQ_GROUP_TEXT_MAX, left = o->len - at;
	struct chq_group_inner in = {
		.part = (uint16_t)(part + 1),
		.parts = o->parts,
		.text = o->data + at,
		.text_len = (uint16_t)(left < CHQ_GROUP_TEXT_MAX ? left : CHQ_GROUP_TEXT_MAX)
	};
	uint8_t payload[CHQ_GROUP_PAYLOAD_MAX], key[32];
	int n;

	if (!c->groups.salted) {
		randombytes_buf(c->groups.salt, sizeof(c->groups.salt));
		c->groups.salted = true;
	}
	chq_group_key(epoch_key, o->group, ctx.epoch, ctx.from, c->groups.salt, key);
	n = chq_group_seal(key, &ctx, c->groups.salt, &in, payload);
	sodium_memzero(key, sizeof(key));
	if (n > 0)
		chq_session_send(c, &c->cur, &h, payload, (size_t)n);
	chq_path_expect(c);
}

/* May one more frame go now? 0, or the time when it may. */
static uint64_t
pace(struct chq_client *c)
{
	uint64_t now_us = c->now_ms * 1000;

	if (c->now_ms < c->groups.paused_until_ms)
		return c->groups.paused_until_ms;
	if (c->groups.pace_us > now_us + PACE_US * PACE_BURST)
		return (c->groups.pace_us - PACE_US * PACE_BURST) / 1000 + 1;
	if (c->groups.pace_us < now_us)
		c->groups.pace_us = now_us;
	c->groups.pace_us += PACE_US;
	return 0;
}

/* All parts that have not come back. Return: when to go on, if it could not go through. */
static uint64_t
send_parts(struct chq_client *c, struct chq_group_out *o)
{
	struct chq_group_state *g = chq_group_find(c, o->group);
	const uint8_t *key = g ? chq_group_epoch(c, g, g->pub.epoch) : NULL;

	if (!key)
		return c->now_ms + FIRST_WAIT_MS; /* the answer wakes it earlier */
	for (unsigned i = 0; i < o->parts; i++) {
		uint64_t later;

		if (o->confirmed >> i & 1)
			continue;
		later = pace(c);
		if (later)
			return later;
		transmit(c, g, key, o, i);
		if (o->tries)
			chq_count(c, CHQ_STAT_RESENT);
	}
	if (!o->told)
		state(c, o, CHQ_MSG_SENT, CHQ_OK);
	o->told = true;
	o->next_ms = c->now_ms + (o->tries < 4 ? (uint64_t)FIRST_WAIT_MS << o->tries : MAX_WAIT_MS);
	o->tries++;
	return 0;
}

uint64_t
chq_group_send_run(struct chq_client *c)
{
	uint64_t due = CHQ_NEVER;

	CHQ_LIST_FOREACH_SAFE(it, after, &c->groups.out) {
		struct chq_group_out *o = CHQ_LIST_ENTRY(it, struct chq_group_out, node);
		uint64_t later = 0;

		if (c->now_ms >= o->created_ms + CHQ_RECEIPT_WAIT_MS) {
			out_end(c, o, CHQ_MSG_FAILED, CHQ_ETIMEDOUT);
			continue;
		}
		if (c->groups.known && c->now_ms >= o->next_ms)
			later = send_parts(c, o);
		if (later)
			return chq_min64(due, later);
		due = chq_min64(due, chq_min64(o->next_ms, o->created_ms + CHQ_RECEIPT_WAIT_MS));
	}
	return due;
}

int
chq_client_send_group(struct chq_client *c, uint32_t group, uint16_t app, const void *data,
		      size_t len, uint64_t *id)
{
	size_t parts = (len + CHQ_GROUP_TEXT_MAX - 1) / CHQ_GROUP_TEXT_MAX;
	struct chq_group_out *o;

	if (len == 0)
		return CHQ_EINVAL;
	if (len > CHQ_MESSAGE_MAX || parts > CHQ_GROUP_PARTS_MAX)
		return CHQ_ETOOBIG;
	if (c->groups.n_out >= CHQ_GROUP_OUT_MAX)
		return CHQ_EFULL;
	chq_client_now(c);
	if (c->groups.known && !may(chq_group_find(c, group), app))
		return CHQ_EDENIED;
	o = calloc(1, sizeof(*o) + len);
	if (!o)
		return CHQ_ENOMEM;
	o->group = group;
	o->app = app;
	o->parts = (uint16_t)parts;
	o->created_ms = o->next_ms = c->now_ms;
	o->len = len;
	memcpy(o->data, data, len);
	o->id = chq_msgid_take(c, o->parts);
	if (!o->id) {
		free(o);
		return CHQ_EIO;
	}
	*id = o->id;
	chq_list_add_tail(&c->groups.out, &o->node);
	c->groups.n_out++;
	chq_client_wake(c);
	return CHQ_OK;
}
