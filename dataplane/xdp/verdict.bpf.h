#pragma once
/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * dataplane/xdp/verdict: sender, receiver and grant of a frame, as chq_stage_sender() and
 * chq_stage_receiver() judge them. Nothing here writes a table.
 */
#include "dataplane/account.h"
#include "dataplane/replay.h"
#include "dataplane/xdp/write.bpf.h"
#include "proto/grant.h"

/* Tag of a frame of @len bytes. */
INLINE uint64_t
frame_tag(const union frame *f, struct chq_sipkey key, uint32_t len)
{
	return chq_siphash_frame(&key, f->w, (uint16_t)(len - CHQ_FRAME_HDR_LEN));
}

/* Return: GO, or the counter to drop the frame under. */
INLINE int
sender_check(struct datagram *d, const struct chq_session *s)
{
	uint8_t state;

	if (!s)
		return CHQ_D_SLOT;
	state = CHQ_LOAD_ACQUIRE(&s->state);
	if (state == CHQ_SESSION_FREE)
		return CHQ_D_SLOT;
	d->gen = CHQ_LOAD_RELAXED(&s->gen);
	if (frame_tag(&d->f, chq_sipkey_read(&s->tag_in), d->len) != d->f.hdr.tag)
		return CHQ_D_TAG;
	d->from_ident = CHQ_LOAD_RELAXED(&s->ident);
	d->from_epoch = CHQ_LOAD_RELAXED(&s->sender_epoch);
	/* A slot that is freed meanwhile has lost its key: zeros must not count as one. */
	CHQ_FENCE_ACQUIRE();
	if (CHQ_LOAD_RELAXED(&s->state) == CHQ_SESSION_FREE)
		return CHQ_D_SLOT;
	d->refuse = 0;
	if (d->now_s > CHQ_LOAD_RELAXED(&s->expires_s))
		d->refuse = CHQ_D_EXPIRED;
	else if (state == CHQ_SESSION_PRELOGIN && d->f.hdr.party != 0)
		return CHQ_D_PRELOGIN;
	return GO;
}

/* --- receiver --- */

/* What a datagram will be judged by if it is a frame: on its way before anything is checked. */
struct ahead {
	struct chq_session *s; /* the sender's record */
	const struct chq_bucket *first, *second;
	uint64_t key;
};

/*
 * Copy what may be a frame's header to d->f, and load what it names. The bucket comes first, as
 * another miss, the receiver's, waits for it.
 */
INLINE void
look_ahead(const struct xdp_md *ctx, const struct chq_header *h, struct datagram *d,
	   const void *dgram, struct ahead *a)
{
	const uint64_t *w = dgram;
	uint32_t at[2];

	a->s = 0;
	a->first = a->second = 0;
	a->key = 0;
	if ((void *)(w + 6) > (void *)(long)ctx->data_end)
		return;
	a->key = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, CHQ_PARTY_ID(w[2]));
	chq_account_buckets(a->key, h->account_seed, h->buckets, at);
	a->first = element(&chq_accounts, at[0]);
	if (a->first)
		touch(a->first);
	a->s = session_at(w[0] >> 32);
	if (a->s) {
		touch(&a->s->tag_in);
		touch(a->s->replay);
		if (chq_session_heard_anew(a->s, d->now_s))
			touch(&a->s->seq_out); /* for rx_heard_s: a store that misses would hold
						* up the next locked operation */
	}
	a->second = element(&chq_accounts, at[1]);
	if (a->second)
		touch(a->second);
	d->f.w[0] = w[0];
	d->f.w[1] = w[1];
	d->f.w[2] = w[2];
	d->f.w[3] = w[3];
	d->f.w[4] = w[4];
	d->f.w[5] = w[5];
}

INLINE uint32_t
account_find(const struct ahead *a)
{
	uint32_t slot;

	if (!a->first || !a->second)
		return CHQ_SLOT_NONE;
	slot = chq_bucket_find(a->first, a->key);
	return slot != CHQ_SLOT_NONE ? slot : chq_bucket_find(a->second, a->key);
}

/* The account's further devices, from that slot on. Return: slot of the one that is meant, or
 * CHQ_SLOT_NONE. */
PART
device_find(uint64_t party, uint32_t slot)
{
	for (int i = 0; i < CHQ_DEVICES_MAX; i++) {
		const struct chq_session *s = session_at(slot);
		const struct chq_cold *c;
		uint64_t ident;

		if (!s)
			break;
		ident = CHQ_LOAD_ACQUIRE(&s->rx_ident);
		if (!CHQ_RX_IS(ident, CHQ_PARTY_ID(party)))
			break;
		if (CHQ_PARTY_DEVICE(party) == CHQ_PARTY_DEVICE(ident))
			return (int)slot;
		c = element(&chq_cold, slot);
		if (!c || !(ident >> 56 & CHQ_RX_DEVICES))
			break;
		slot = CHQ_LOAD_RELAXED(&c->next_slot);
	}
	return (int)CHQ_SLOT_NONE;
}

/* Is that sender on the denial list of the account in that slot? */
PART
denied(uint32_t slot, uint64_t sender)
{
	const struct chq_cold *c = element(&chq_cold, slot);
	const struct chq_header *h = header();
	uint16_t today;

	if (!c || !h)
		return 1;
	today = CHQ_LOAD_RELAXED(&h->today);
	for (int i = 0; i < CHQ_DENY_MAX; i++) {
		uint64_t entry = CHQ_LOAD_RELAXED(&c->deny[i]);

		if (entry != 0 && (entry & CHQ_ID_MASK) == sender && entry >> 48 >= today)
			return 1;
	}
	return 0;
}

/* Is it for a person, so that it may be forwarded? */
INLINE int
has_receiver(const struct chq_frame_hdr *f)
{
	return CHQ_PARTY_KIND(f->party) == CHQ_KIND_ACCOUNT &&
	       !(f->flags & (CHQ_F_PING | CHQ_F_HOP));
}

/*
 * The record of the receiver's first device, d->to_slot filled; 0 if there is none. Done before the
 * tag is verified, while the sender's record is on its way.
 */
INLINE struct chq_session *
receiver_look(const struct ahead *a, struct datagram *d)
{
	struct chq_session *r;

	d->to_slot = account_find(a);
	r = session_at(d->to_slot);
	if (r) {
		touch(&r->tag_out);
		touch(&r->seq_out);
	}
	return r;
}

/* Return: the record of the device that is meant, and *@ident what it names; 0 if the process must
 * decide. */
INLINE struct chq_session *
receiver_find(struct datagram *d, struct chq_session *r, uint64_t *rx_ident)
{
	uint64_t party = d->f.hdr.party, ident;

	if (!r)
		return 0;
	ident = CHQ_LOAD_ACQUIRE(&r->rx_ident);
	if (!CHQ_RX_IS(ident, CHQ_PARTY_ID(party)))
		return 0;
	if (CHQ_PARTY_DEVICE(party) == 0) {
		if (ident >> 56 & CHQ_RX_DEVICES)
			return 0;
	} else if (CHQ_PARTY_DEVICE(party) != CHQ_PARTY_DEVICE(ident)) {
		d->to_slot = (uint32_t)device_find(party, d->to_slot);
		r = session_at(d->to_slot);
		if (!r)
			return 0;
		ident = CHQ_LOAD_ACQUIRE(&r->rx_ident);
	}
	*rx_ident = ident;
	return r;
}

/* Return: GO or UP. */
INLINE int
receiver_check(const struct chq_header *h, const struct datagram *d, const struct chq_session *r,
	       uint64_t ident)
{
	int64_t silent_s = (int64_t)d->now_s - CHQ_LOAD_RELAXED(&r->rx_heard_s);
	uint32_t silence_s = CHQ_LOAD_RELAXED(&h->silence_s);

	if (!chq_grant_ok(d->f.hdr.grant, chq_sipkey_read(&r->grant_key), CHQ_KIND_ACCOUNT,
			  CHQ_PARTY_ID(d->from_ident), (uint16_t)d->from_epoch,
			  CHQ_PARTY_ID(d->f.hdr.party), CHQ_LOAD_RELAXED(&h->today)))
		return UP;
	if ((ident >> 56 & CHQ_RX_DENY) && denied(d->to_slot, CHQ_PARTY_ID(d->from_ident)))
		return UP;
	if ((silence_s && silent_s > silence_s) || d->now_s > CHQ_LOAD_RELAXED(&r->rx_expires_s))
		return UP;
	return GO;
}

/*
 * The receiver's address: d->out. It is read here, so that a receiver without a next hop is known
 * before anything is written. Return: GO or UP.
 */
INLINE int
receiver_read(struct xdp_md *ctx, struct datagram *d, const struct chq_session *r, uint64_t ident)
{
	d->sound = (uint32_t)chq_path_read(r, &d->out.path);
	/* What was read belongs to the receiver only if the slot still does. */
	CHQ_FENCE_ACQUIRE();
	if (!CHQ_RX_SAME(CHQ_LOAD_RELAXED(&r->rx_ident), ident))
		d->sound = 0;
	if (!d->sound)
		return GO;
	if (path_has_mac(&d->out))
		return way_open(d, path_ifidx(&d->out)) ? GO : UP;
	return next_hop(ctx, d) ? GO : UP;
}

/* All of it; d->judged filled. Return: the receiver's record; 0 if the process must decide. */
INLINE struct chq_session *
receiver_judge(struct xdp_md *ctx, const struct chq_header *h, struct datagram *d,
	       struct chq_session *first)
{
	uint64_t ident = 0;
	struct chq_session *r = receiver_find(d, first, &ident);

	d->judged = r && receiver_check(h, d, r, ident) == GO;
	return d->judged && receiver_read(ctx, d, r, ident) == GO ? r : 0;
}
