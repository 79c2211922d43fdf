#include "dataplane/manager_msg.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "dataplane/quota.h"
#include "dataplane/replay.h"

void
chq_dp_path_of(struct chq_dp_path *out, const struct chq_path *p)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->ip, &p->ip_hi, 8);
	memcpy(out->ip + 8, &p->ip_lo, 8);
	out->port = p->port;
	out->local = p->local;
	out->vlan = p->vlan;
	out->ifidx = p->ifidx;
	memcpy(out->mac, p->mac, sizeof(out->mac));
}

int
chq_path_of_dp(struct chq_path *out, const struct chq_dp_path *p, const struct chq_header *hd)
{
	if (p->local >= hd->locals || p->ifidx >= CHQ_TABLE_PORTS_MAX || p->port == 0)
		return CHQ_EINVAL;
	memset(out, 0, sizeof(*out));
	memcpy(&out->ip_hi, p->ip, 8);
	memcpy(&out->ip_lo, p->ip + 8, 8);
	out->port = p->port;
	out->local = p->local;
	out->vlan = p->vlan;
	out->ifidx = p->ifidx;
	memcpy(out->mac, p->mac, sizeof(out->mac));
	return 0;
}

static void
begin(union chq_msg *out, uint16_t type, size_t len, uint32_t req)
{
	memset(out, 0, len);
	out->h = (struct chq_dp_hdr){ .type = type, .len = (uint16_t)len, .req = req };
}

void
chq_msg_info(union chq_msg *out, uint32_t req, const struct chq_tables *t, const char *driver)
{
	struct chq_dp_info *i = &out->info;

	begin(out, CHQ_DP_INFO, sizeof(*i), req);
	i->version = CHQ_DP_VERSION;
	i->layout = t->header->layout;
	memcpy(i->boot_id, t->header->boot_id, sizeof(i->boot_id));
	i->generation = t->header->generation;
	i->sessions_max = t->header->sessions;
	i->sessions_used = t->used;
	i->accounts_max = t->header->accounts;
	i->port = t->header->port;
	snprintf(i->driver, sizeof(i->driver), "%s", driver);
}

void
chq_msg_done(union chq_msg *out, uint32_t req, int err)
{
	begin(out, CHQ_DP_DONE, sizeof(out->done), req);
	out->done.err = err;
}

void
chq_msg_opened(union chq_msg *out, uint32_t req, struct chq_dp_ref ref, int err)
{
	begin(out, CHQ_DP_SESSION_OPENED, sizeof(out->opened), req);
	out->opened.ref = ref;
	out->opened.err = err;
}

void
chq_msg_dump_end(union chq_msg *out, uint32_t req)
{
	begin(out, CHQ_DP_DUMP_END, sizeof(out->h), req);
}

/* Seconds from @then to @now, 0 if @then is ahead: writers' clocks differ a little. */
static uint32_t
since(uint32_t now, uint32_t then)
{
	return now > then ? now - then : 0;
}

void
chq_msg_session_info(union chq_msg *out, uint32_t req, const struct chq_tables *t, uint32_t slot,
		     const struct chq_path *at, uint64_t now_ns)
{
	struct chq_dp_session_info *i = &out->session_info;
	const struct chq_session *s = &t->sessions[slot];
	const struct chq_cold *c = &t->cold[slot];
	uint32_t now_s = (uint32_t)(now_ns / CHQ_NS_PER_SEC);

	begin(out, CHQ_DP_SESSION_INFO, sizeof(*i), req);
	i->ref = (struct chq_dp_ref){ .slot = slot, .gen = s->gen };
	if (at)
		chq_dp_path_of(&i->path, at);
	i->account = CHQ_PARTY_ID(s->ident);
	i->frames_in = chq_replay_highest(s->replay);
	i->frames_out = __atomic_load_n(&s->seq_out, __ATOMIC_RELAXED);
	i->age_s = since(now_s, (uint32_t)(c->opened_ns / CHQ_NS_PER_SEC));
	i->idle_s = since(now_s, __atomic_load_n(&s->heard_s, __ATOMIC_RELAXED));
	i->expires_in_s = since(s->expires_s, now_s);
	i->device = CHQ_PARTY_DEVICE(s->ident);
	i->kind = c->kind;
	i->state = s->state;
	i->quota_class = s->quota_class;
	memcpy(i->static_hash, c->static_hash, sizeof(i->static_hash));
	i->sender_epoch = s->sender_epoch;
}

void
chq_msg_hello_rx(union chq_msg *out, const struct chq_up_item *item)
{
	struct chq_dp_hello_rx *r = &out->hello_rx;

	begin(out, CHQ_DP_HELLO_RX, sizeof(*r) + item->dgram_len, 0);
	chq_dp_path_of(&r->path, &item->src);
	r->dgram_len = item->dgram_len;
	memcpy(r->dgram, item->dgram, item->dgram_len);
}

void
chq_msg_server_rx(union chq_msg *out, const struct chq_up_item *item, const struct chq_frame_hdr *h,
		  uint64_t ident, uint16_t body_len)
{
	struct chq_dp_server_rx *r = &out->server_rx;

	begin(out, CHQ_DP_SERVER_RX, sizeof(*r) + body_len, 0);
	r->ref = (struct chq_dp_ref){ .slot = item->slot, .gen = item->gen };
	r->account = CHQ_PARTY_ID(ident);
	r->message = h->message;
	r->seq = h->seq;
	r->app = h->app;
	r->body_len = body_len;
	r->flags = h->flags;
	r->device = CHQ_PARTY_DEVICE(ident);
	memcpy(r->body, item->dgram + CHQ_FRAME_HDR_LEN, body_len);
}

void
chq_msg_frame_rx(union chq_msg *out, const struct chq_up_item *item, const struct chq_frame_hdr *h,
		 uint64_t ident)
{
	struct chq_dp_frame_rx *r = &out->frame_rx;
	uint16_t len = (uint16_t)(item->dgram_len - CHQ_FRAME_HDR_LEN);

	begin(out, CHQ_DP_FRAME_RX, sizeof(*r) + len, 0);
	r->ref = (struct chq_dp_ref){ .slot = item->slot, .gen = item->gen };
	r->from = ident;
	r->to = h->party;
	r->message = h->message;
	r->grant = h->grant;
	r->app = h->app;
	r->payload_len = len;
	r->flags = h->flags;
	r->why = item->why;
	memcpy(r->payload, item->dgram + CHQ_FRAME_HDR_LEN, len);
}

void
chq_msg_event(union chq_msg *out, struct chq_dp_ref ref, uint32_t kind, uint64_t ident,
	      const struct chq_path *at)
{
	struct chq_dp_event *e = &out->event;

	begin(out, CHQ_DP_EVENT, sizeof(*e), 0);
	e->ref = ref;
	if (at)
		chq_dp_path_of(&e->path, at);
	e->account = CHQ_PARTY_ID(ident);
	e->kind = kind;
	e->device = CHQ_PARTY_DEVICE(ident);
}

void
chq_msg_quota(union chq_msg *out, uint32_t req, const struct chq_tables *t, struct chq_dp_ref ref,
	      uint64_t now_ns)
{
	const struct chq_session *s = chq_session_at(t, ref);
	struct chq_dp_quota_info *i = &out->quota;
	const struct chq_quota_class *q;
	uint64_t word;

	begin(out, CHQ_DP_QUOTA, sizeof(*i), req);
	if (!s) {
		i->err = CHQ_ENOENT;
		return;
	}
	q = chq_quota_class_of(t->header, s);
	word = CHQ_LOAD_RELAXED(&s->quota);
	i->frames_used = chq_quota_frames_used(word, &q->own, now_ns);
	i->bytes_used = (uint32_t)chq_quota_bytes_used(word, &q->own, now_ns);
	i->sessions = chq_session_budget_users(t, ref.slot);
	i->over_quota = CHQ_LOAD_RELAXED(&t->cold[ref.slot].over_quota);
	if (!s->budget)
		return;
	word = CHQ_LOAD_RELAXED(&t->cold[s->budget - 1].account_quota);
	i->account_frames_used = chq_quota_frames_used(word, &q->account, now_ns);
	i->account_bytes_used = (uint32_t)chq_quota_bytes_used(word, &q->account, now_ns);
}

void
chq_msg_load(union chq_msg *out)
{
	begin(out, CHQ_DP_LOAD, sizeof(out->load), 0);
}
