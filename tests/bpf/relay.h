#pragma once
/*
 * tests/bpf/relay: what a worker's stages do with a frame, by the headers that C and BPF share. One
 * text, compiled for both: relay.bpf.c runs it in the kernel on the tables as maps, relay_run.c in
 * the process on a copy of their bytes, and whatever differs then is a fault.
 *
 * Who includes it says how a record is reached (NULL if there is none of that number):
 *   RELAY_HEADER(view)  RELAY_SESSION(view, slot)  RELAY_BUCKET(view, number)
 */
#include "dataplane/account.h"
#include "dataplane/cookie.h"
#include "dataplane/path.h"
#include "dataplane/quota.h"
#include "dataplane/replay.h"
#include "dataplane/tag.h"
#include "proto/grant.h"

/* What comes beside the frame. */
struct relay_case {
	uint64_t now_ns;
	struct chq_path src;
};

struct relay_result {
	uint32_t form_ok, found, state, tag_ok, expired;
	uint32_t to_slot, to_ok, grant_ok, silent;
	uint32_t replay_ok, foreign, asks, token_ok, moved, home_ok, out_ok, quota_ok;
	uint32_t cookie_number;
	uint64_t token, cookie[2], tag_out, seq_out;
	struct chq_path home, out;
};

/* What a step works on: the sender's record and the header's. */
struct relay_frame {
	struct chq_frame_hdr hdr;
	uint16_t payload_len, gen;
};

#ifdef __bpf__
#define RELAY_STEP static __attribute__((noinline)) int
#else
#define RELAY_STEP static int
#endif

RELAY_STEP
relay_sender(const struct relay_frame *f, const struct chq_session *s, const struct relay_case *c,
	     struct relay_result *r)
{
	r->state = CHQ_LOAD_ACQUIRE(&s->state);
	if (r->state == CHQ_SESSION_FREE)
		return 0;
	r->tag_ok = chq_hdr_tag(&f->hdr, chq_sipkey_read(&s->tag_in), f->payload_len) == f->hdr.tag;
	r->expired = c->now_ns / 1000000000 > CHQ_LOAD_RELAXED(&s->expires_s);
	return r->tag_ok != 0;
}

RELAY_STEP
relay_grant(const struct relay_frame *f, uint64_t ident, const struct chq_header *h,
	    const struct chq_session *to, struct relay_result *r)
{
	uint64_t id = CHQ_PARTY_ID(f->hdr.party);

	r->to_ok = CHQ_RX_IS(CHQ_LOAD_ACQUIRE(&to->rx_ident), id) != 0;
	r->grant_ok = chq_grant_ok(f->hdr.grant, chq_sipkey_read(&to->grant_key), CHQ_KIND_ACCOUNT,
				   CHQ_PARTY_ID(ident), id, CHQ_LOAD_RELAXED(&h->today)) != 0;
	return r->to_ok && r->grant_ok;
}

RELAY_STEP
relay_replay(const struct relay_frame *f, struct chq_session *s, const struct relay_case *c,
	     struct relay_result *r)
{
	r->replay_ok = chq_replay_take(s->replay, f->hdr.seq) != 0;
	if (r->replay_ok)
		chq_session_heard(s, (uint32_t)(c->now_ns / 1000000000));
	return r->replay_ok != 0;
}

RELAY_STEP
relay_path(const struct relay_frame *f, struct chq_session *s, const struct chq_header *h,
	   const struct relay_case *c, struct relay_result *r)
{
	struct chq_path src = c->src;

	r->foreign = chq_path_foreign(s, &src) != 0;
	r->asks = chq_path_asks(s, &src, f->hdr.seq) != 0;
	r->token = chq_path_token_now(h->path_secret, f->hdr.slot, &src, c->now_ns);
	r->token_ok = chq_path_token_ok(h->path_secret, f->hdr.slot, &src, c->now_ns,
					f->hdr.grant) != 0;
	if ((f->hdr.flags & CHQ_F_PING) && r->token_ok)
		r->moved = chq_path_move(s, &src, f->gen, f->hdr.seq) != 0;
	r->home_ok = chq_path_read(s, &src) != 0;
	if (r->home_ok)
		r->home = src;
	return 1;
}

RELAY_STEP
relay_quota(const struct relay_frame *f, struct chq_session *s, const struct chq_header *h,
	    const struct relay_case *c, struct relay_result *r)
{
	const struct chq_quota_class *q = chq_quota_class_of(h, s);
	uint16_t len = (uint16_t)(CHQ_FRAME_HDR_LEN + f->payload_len);

	r->quota_ok = chq_quota_frame(&s->quota, NULL, q, c->now_ns, len, 0) == CHQ_QUOTA_SPENT;
	return r->quota_ok != 0;
}

RELAY_STEP
relay_forward(struct relay_frame *f, uint64_t ident, struct chq_session *to, struct relay_result *r)
{
	struct chq_path out;

	r->out_ok = chq_path_read(to, &out) != 0;
	if (!r->out_ok)
		return 0;
	r->out = out;
	f->hdr.slot = r->to_slot;
	f->hdr.seq = r->seq_out = CHQ_FETCH_ADD(&to->seq_out, 1) + 1;
	f->hdr.party = ident;
	f->hdr.grant = 0;
	r->tag_out = chq_hdr_tag(&f->hdr, chq_sipkey_read(&to->tag_out), f->payload_len);
	return 1;
}

/* What a HELLO from there would be answered. */
RELAY_STEP
relay_cookie(const struct chq_header *h, const struct relay_case *c, struct relay_result *r)
{
	struct chq_path src = c->src;
	struct chq_cookie_words words = chq_cookie_words_of(h, &src);
	struct chq_cookie_secret secret;
	uint64_t mac[2];

	if (!chq_cookie_secret_get(h, chq_cookie_newest(h), &secret))
		return 0;
	chq_cookie_make(&secret, &words, mac);
	r->cookie_number = secret.number;
	r->cookie[0] = mac[0];
	r->cookie[1] = mac[1];
	return 1;
}

/* First slot of the frame's receiver, through both buckets. */
#define RELAY_ACCOUNT(view, h, party)                                                \
	({                                                                           \
		uint64_t key_ = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, CHQ_PARTY_ID(party)); \
		uint32_t at_[2], slot_ = CHQ_SLOT_NONE;                              \
		const struct chq_bucket *b_;                                         \
		chq_account_buckets(key_, (h)->account_seed, (h)->buckets, at_);     \
		b_ = RELAY_BUCKET(view, at_[0]);                                     \
		if (b_)                                                              \
			slot_ = chq_bucket_find(b_, key_);                           \
		b_ = RELAY_BUCKET(view, at_[1]);                                     \
		if (b_ && slot_ == CHQ_SLOT_NONE)                                    \
			slot_ = chq_bucket_find(b_, key_);                           \
		slot_;                                                               \
	})

/* A frame through all steps, in the order of the stages. @r is zero before. */
static inline __attribute__((always_inline)) void
relay_frame_run(const void *view, struct relay_frame *f, const struct relay_case *c,
		struct relay_result *r)
{
	struct chq_header *h = RELAY_HEADER(view);
	struct chq_session *s = RELAY_SESSION(view, f->hdr.slot), *to = 0;
	uint64_t ident;

	if (!h)
		return;
	relay_cookie(h, c, r);
	r->form_ok = chq_frame_form_ok(&f->hdr, f->payload_len, 1) != 0;
	r->found = s != 0;
	if (!r->form_ok || !s || !relay_sender(f, s, c, r))
		return;
	ident = CHQ_LOAD_RELAXED(&s->ident);
	f->gen = CHQ_LOAD_RELAXED(&s->gen);
	if (!(f->hdr.flags & CHQ_F_PING)) {
		r->to_slot = RELAY_ACCOUNT(view, h, f->hdr.party);
		to = RELAY_SESSION(view, r->to_slot);
		if (!to || !relay_grant(f, ident, h, to, r))
			return;
	}
	if (relay_replay(f, s, c, r) && relay_path(f, s, h, c, r) && relay_quota(f, s, h, c, r) &&
	    to)
		relay_forward(f, ident, to, r);
}
