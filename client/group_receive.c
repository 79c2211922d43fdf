/* What is said in groups: by its order, each once, acknowledged when the application has handled it. */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define ACK_FRAMES    16
#define ACK_WAIT_MS   300
#define LAGGING_MS    5000 /* then the server is asked whether a missing order will come */
#define PARTIAL_MAX   32   /* messages of a group of which parts are missing */
#define PART_FULL_MAX CHQ_GROUP_TEXT_MAX

static uint64_t
seen_party(const struct chq_group_state *g)
{
	return CHQ_PARTY(CHQ_KIND_GROUP, 0, g->pub.id);
}

static void
held_free(struct chq_group_state *g, struct chq_group_held *f)
{
	chq_list_del(&f->node);
	g->n_held--;
	free(f);
}

static void
part_free(struct chq_group_state *g, struct chq_group_part *p)
{
	chq_list_del(&p->node);
	g->n_parts--;
	free(p);
}

void
chq_group_forget(struct chq_group_state *g)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &g->held)
		held_free(g, CHQ_LIST_ENTRY(it, struct chq_group_held, node));
	CHQ_LIST_FOREACH_SAFE(at, next, &g->parts)
		part_free(g, CHQ_LIST_ENTRY(at, struct chq_group_part, node));
}

/* --- acknowledging --- */

static void
ack_soon(struct chq_client *c, struct chq_group_state *g)
{
	if (g->acks_due++ == 0)
		g->ack_ms = c->now_ms + ACK_WAIT_MS;
	if (g->acks_due >= ACK_FRAMES)
		g->ack_ms = c->now_ms;
	chq_client_wake(c);
}

static void
ack_send(struct chq_client *c, struct chq_group_state *g)
{
	Chasqui__MailAck ack = CHASQUI__MAIL_ACK__INIT;
	Chasqui__ToServer m = CHASQUI__TO_SERVER__INIT;
	uint64_t extra = CHQ_GROUP_EXTRA(g->pub.id, g->handled);
	uint8_t buf[64];
	int n;

	g->acks_due = 0;
	if (g->handled == 0 || !chq_online(c))
		return;
	ack.n_group = 1;
	ack.group = &extra;
	m.body_case = CHASQUI__TO_SERVER__BODY_MAIL_ACK;
	m.mail_ack = &ack;
	n = chq_ctrl_pack(&m.base, buf, sizeof(buf));
	if (n > 0)
		chq_session_send_hop(c, &c->cur, g->handled, buf, (size_t)n);
}

void
chq_groups_flush(struct chq_client *c)
{
	struct chq_group_state *g;

	CHQ_MAP_FOREACH(g, &c->groups.by_id)
		if (g->acks_due)
			ack_send(c, g);
}

/* Everything up to @order has been taken, and its events are in the queue. */
static void
passed(struct chq_client *c, struct chq_group_state *g, uint32_t order)
{
	g->shown = order;
	if (g->pending)
		return;
	g->handled = order;
	ack_soon(c, g);
}

void
chq_group_handled(struct chq_client *c, const struct chq_queued *e)
{
	struct chq_group_state *g = chq_group_find(c, (uint32_t)CHQ_PARTY_ID(e->party));

	/* Without the record a restart shows it again: better than never. */
	if (chq_seen_add(&c->seen, e->party, e->ev.order) < 0 ||
	    chq_seen_log(&c->seen, e->party, e->ev.order) < 0)
		c->no_memory = true;
	if (!g || g->pending == 0)
		return;
	g->handled = --g->pending == 0 ? g->shown : e->ev.order;
	ack_soon(c, g);
}

/* --- showing --- */

static void
show(struct chq_client *c, struct chq_group_state *g, const struct chq_group_held *f,
     uint64_t message, const uint8_t *text, size_t len)
{
	struct chq_event ev = { .type = CHQ_EV_MESSAGE,
				.account = CHQ_PARTY_ID(f->from),
				.device = CHQ_PARTY_DEVICE(f->from),
				.app = f->app,
				.group = g->pub.id,
				.order = f->order,
				.gap = g->gap,
				.message = message };
	struct chq_queued *e;

	if (chq_seen_has(&c->seen, seen_party(g), f->order))
		return; /* before a restart */
	e = chq_events_add(&c->events, &ev, text, len);
	if (!e) {
		c->no_memory = true;
		return;
	}
	e->party = seen_party(g);
	g->gap = false;
	g->pending++;
	chq_count(c, CHQ_STAT_MESSAGES_SHOWN);
}

static struct chq_group_part *
part_find(struct chq_client *c, struct chq_group_state *g, uint64_t from, uint64_t first,
	  uint16_t parts)
{
	struct chq_group_part *p;

	CHQ_LIST_FOREACH(it, &g->parts) {
		p = CHQ_LIST_ENTRY(it, struct chq_group_part, node);
		if (p->from == from && p->first == first)
			return p->parts == parts ? p : NULL;
	}
	if (g->n_parts == PARTIAL_MAX) {
		chq_count(c, CHQ_STAT_DROP_INCOMPLETE);
		part_free(g, CHQ_LIST_ENTRY(g->parts.next, struct chq_group_part, node));
	}
	p = calloc(1, sizeof(*p) + (size_t)parts * CHQ_GROUP_TEXT_MAX);
	if (!p) {
		c->no_memory = true;
		return NULL;
	}
	p->from = from;
	p->first = first;
	p->parts = p->left = parts;
	chq_list_add_tail(&g->parts, &p->node);
	g->n_parts++;
	return p;
}

/* All parts but the last are full, so each has its place. */
static void
part_take(struct chq_client *c, struct chq_group_state *g, const struct chq_group_held *f,
	  const struct chq_group_inner *in)
{
	uint64_t first = f->message - (in->part - 1u), bit = UINT64_C(1) << (in->part - 1);
	struct chq_group_part *p;

	if (in->part < in->parts && in->text_len != CHQ_GROUP_TEXT_MAX) {
		chq_count(c, CHQ_STAT_DROP_INNER);
		return;
	}
	p = part_find(c, g, f->from, first, in->parts);
	if (!p || p->have & bit)
		return;
	p->have |= bit;
	memcpy(p->data + (in->part - 1u) * CHQ_GROUP_TEXT_MAX, in->text, in->text_len);
	if (in->part == in->parts)
		p->len = in->text_len;
	if (--p->left > 0)
		return;
	show(c, g, f, first, p->data, (size_t)(p->parts - 1) * CHQ_GROUP_TEXT_MAX + p->len);
	part_free(g, p);
}

/* --- by their order --- */

enum opened { SHOWN, WAITS, LOST };

static enum opened
open_held(struct chq_client *c, struct chq_group_state *g, const struct chq_group_held *f)
{
	struct chq_group_ctx ctx = {
		.from = f->from, .group = g->pub.id, .message = f->message, .app = f->app
	};
	uint8_t salt[CHQ_GROUP_SALT_BYTES], key[32], buf[CHQ_GROUP_INNER_MAX];
	const uint8_t *epoch_key;
	struct chq_group_inner in;
	int err;

	if (f->from == CHQ_PARTY(CHQ_KIND_ACCOUNT, c->id.device, c->id.account))
		return SHOWN; /* our own, confirmed */
	if (chq_group_head(f->payload, f->len, &ctx.epoch, salt) < 0)
		return LOST;
	if (ctx.epoch == 0 || ctx.epoch > g->pub.epoch) {
		if (!c->groups.under_way)
			chq_groups_refresh(c);
		return WAITS;
	}
	epoch_key = chq_group_epoch(c, g, ctx.epoch);
	if (!epoch_key || chq_group_name_wait(c, g, CHQ_PARTY_ID(f->from)))
		return WAITS;
	chq_group_key(epoch_key, g->pub.id, ctx.epoch, f->from, salt, key);
	err = chq_group_open(key, &ctx, f->payload, f->len, buf, &in);
	sodium_memzero(key, sizeof(key));
	if (!err && in.parts == 1)
		show(c, g, f, f->message, in.text, in.text_len);
	else if (!err)
		part_take(c, g, f, &in);
	sodium_memzero(buf, sizeof(buf));
	return err ? LOST : SHOWN;
}

void
chq_group_drain(struct chq_client *c, struct chq_group_state *g)
{
	while (g->listed && g->positioned && !chq_list_empty(&g->held)) {
		struct chq_group_held *f = CHQ_LIST_ENTRY(g->held.next, struct chq_group_held,
							  node);
		enum opened what;

		if (f->order <= g->shown) {
			held_free(g, f);
			continue;
		}
		if (f->order != g->shown + 1)
			break;
		what = open_held(c, g, f);
		if (what == WAITS)
			return;
		if (what == LOST) {
			chq_count(c, CHQ_STAT_DROP_E2E);
			g->gap = true;
		}
		passed(c, g, f->order);
		held_free(g, f);
	}
	if (chq_list_empty(&g->held))
		g->waiting_ms = 0;
	else if (!g->waiting_ms)
		g->waiting_ms = c->now_ms;
}

/*
 * Only what lies near is held, so that what is missing always finds room: our own frames come back, as
 * confirmations, also from far ahead.
 */
static bool
hold_room(struct chq_client *c, struct chq_group_state *g, uint32_t order)
{
	struct chq_group_held *last = CHQ_LIST_ENTRY(g->held.prev, struct chq_group_held, node);

	if (g->positioned && order - g->shown > CHQ_GROUP_HELD_MAX)
		return false;
	if (g->n_held < CHQ_GROUP_HELD_MAX)
		return true;
	if (last->order < order)
		return false;
	chq_count(c, CHQ_STAT_DROP_HOLD_FULL);
	held_free(g, last);
	return true;
}

static void
hold(struct chq_client *c, struct chq_group_state *g, const struct chq_frame_hdr *h,
     const uint8_t *payload, size_t len)
{
	uint32_t order = CHQ_GROUP_ORDER(h->grant);
	struct chq_group_held *f;
	struct chq_list *at;

	if (!hold_room(c, g, order)) {
		chq_count(c, CHQ_STAT_DROP_HOLD_FULL);
		return;
	}
	at = g->held.prev;
	while (at != &g->held && CHQ_LIST_ENTRY(at, struct chq_group_held, node)->order > order)
		at = at->prev;
	if (at != &g->held && CHQ_LIST_ENTRY(at, struct chq_group_held, node)->order == order) {
		chq_count(c, CHQ_STAT_COPIES);
		return;
	}
	f = malloc(sizeof(*f) + len);
	if (!f) {
		c->no_memory = true;
		return;
	}
	*f = (struct chq_group_held){ .order = order,
				      .from = h->party,
				      .message = h->message,
				      .app = h->app,
				      .len = (uint16_t)len };
	memcpy(f->payload, payload, len);
	chq_list_insert_after(at, &f->node);
	g->n_held++;
}

void
chq_group_frame(struct chq_client *c, const struct chq_frame_hdr *h, const uint8_t *payload,
		size_t len)
{
	uint32_t id = CHQ_GROUP_OF(h->grant), order = CHQ_GROUP_ORDER(h->grant);
	struct chq_group_state *g;

	if (h->party == CHQ_PARTY(CHQ_KIND_ACCOUNT, c->id.device, c->id.account))
		chq_group_confirmed(c, id, h->message);
	/* Not wanted now, or nobody could be told who has said it: it comes again. */
	if (c->leave_messages || !c->contacts.known) {
		chq_count(c, CHQ_STAT_LEFT);
		return;
	}
	g = chq_group_get(c, id);
	if (!g)
		return;
	if (g->positioned && order <= g->shown) {
		chq_count(c, CHQ_STAT_COPIES);
		ack_soon(c, g);
		return;
	}
	hold(c, g, h, payload, len);
	if (!g->listed && !c->groups.under_way && c->groups.known)
		chq_groups_refresh(c);
	chq_group_drain(c, g);
}

uint64_t
chq_group_receive_run(struct chq_client *c)
{
	struct chq_group_state *g;
	uint64_t due = CHQ_NEVER;

	CHQ_MAP_FOREACH(g, &c->groups.by_id) {
		if (g->acks_due && c->now_ms >= g->ack_ms)
			ack_send(c, g);
		if (g->acks_due)
			due = chq_min64(due, g->ack_ms);
		if (!g->waiting_ms)
			continue;
		if (c->now_ms >= g->waiting_ms + LAGGING_MS) {
			g->waiting_ms = c->now_ms;
			chq_groups_refresh(c);
		}
		due = chq_min64(due, g->waiting_ms + LAGGING_MS);
	}
	return due;
}
