// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * dataplane/xdp/relay: forwards by itself, in front of a worker or without one; see relay.h.
 *
 * The way of a frame is that of the stages (dataplane/stage.h), with the same verdicts, counters,
 * table changes and bytes; ARCHITECTURE.md, "The XDP program", lists what is handed up instead.
 * Whatever goes up is known before a table is written.
 *
 * libxdp, which DPDK's AF_XDP driver uses, joins a program that is attached already when it has
 * this name, the map xsks_map and this version; so the program is ours, and so is the pinned link
 * that keeps it attached when the process is killed.
 */
#include "dataplane/xdp/answer.bpf.h"

/* A variable whose type tells libxdp the version; it has no bytes that anybody reads. */
__uint(xsk_prog_version, 1) SEC("xdp_metadata");

/* Of a header's first word: type, some flags, app. */
#define FORWARDED_BITS (0xffff00ff | (CHQ_F_HOP | CHQ_F_RECEIPT | CHQ_F_STORE) << 8)

PART
number_take_slow(uint32_t slot, uint64_t seq)
{
	struct chq_session *s = session_at(slot);

	return s && chq_replay_take(s->replay, seq);
}

/* Return: 1 if the sequence number is taken now. What does not succeed at the first try is tried
 * anew, out of the way. */
INLINE int
number_take(const struct datagram *d, struct chq_session *s)
{
	if (!chq_replay_try(s->replay, d->f.hdr.seq, 1) &&
	    !number_take_slow(d->f.hdr.slot, d->f.hdr.seq))
		return 0;
	if (d->refuse != CHQ_D_EXPIRED)
		chq_session_heard(s, d->now_s);
	return 1;
}

/* --- budgets --- */

/* The word of its account's budget, if it shares one. */
INLINE uint64_t *
budget_shared(const struct chq_session *s)
{
	uint32_t budget = CHQ_LOAD_RELAXED(&s->budget);
	struct chq_cold *c = budget ? element(&chq_cold, budget - 1) : 0;

	return c ? &c->account_quota : 0;
}

/* @got: not CHQ_QUOTA_SPENT. */
INLINE int
quota_counter(int got)
{
	return got == CHQ_QUOTA_OVER_FRAMES  ? CHQ_D_QUOTA_FRAMES
	       : got == CHQ_QUOTA_OVER_BYTES ? CHQ_D_QUOTA_BYTES
					     : CHQ_D_QUOTA_ACCOUNT;
}

/* Return: GO, or the counter to drop the frame under. */
PART
budget_take_slow(uint32_t slot, uint32_t len, uint64_t now_ns)
{
	struct chq_session *s = session_at(slot);
	struct chq_cold *c = element(&chq_cold, slot);
	const struct chq_header *h = header();
	int got;

	if (!s || !c || !h)
		return CHQ_D_SLOT;
	got = chq_quota_frame(&s->quota, budget_shared(s), chq_quota_class_of(h, s), now_ns, len,
			      0);
	if (got == CHQ_QUOTA_SPENT)
		return GO;
	chq_quota_refused(c);
	return quota_counter(got);
}

/* The same. What a session that shares no budget does not spend at the first try is tried anew. */
INLINE int
budget_take(const struct chq_header *h, const struct datagram *d, struct chq_session *s)
{
	const struct chq_quota_class *q = chq_quota_class_of(h, s);

	if (CHQ_LOAD_RELAXED(&s->budget) == 0 &&
	    chq_quota_try(&s->quota, &q->own, d->now_ns, d->len, 0, 1) == CHQ_QUOTA_SPENT)
		return GO;
	return budget_take_slow(d->f.hdr.slot, d->len, d->now_ns);
}

/* --- frames --- */

/* A frame that a stage would not hand up. Copies of what the process has had end here. */
PART
frame_pass(struct xdp_md *ctx, const struct datagram *d)
{
	const struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;

	if (!s)
		return XDP_ABORTED;
	return chq_replay_seen(s->replay, d->f.hdr.seq) ? drop(d, CHQ_D_REPLAY) : hand_up(ctx, d);
}

/* As over_quota() of the receiver stage. Return: GO, or the counter to drop the frame under. */
PART
over_quota(const struct datagram *d)
{
	const struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;
	struct chq_cold *c = d ? element(&chq_cold, d->f.hdr.slot) : 0;
	const struct chq_header *h = header();
	int got;

	if (!s || !c || !h)
		return CHQ_D_SLOT;
	got = chq_quota_frame_peek(&s->quota, budget_shared(s), chq_quota_class_of(h, s), d->now_ns,
				   d->len);
	if (got == CHQ_QUOTA_SPENT)
		return GO;
	if (!chq_path_foreign(s, &d->src.path)) {
		if (!chq_notice_fast_told(c, d->now_ns))
			return GO;
		count(CHQ_D_NOTICE_LIMIT);
	}
	chq_quota_refused(c);
	return quota_counter(got);
}

/* A frame that a stage would hand up. */
PART
frame_up(struct xdp_md *ctx, const struct datagram *d)
{
	const struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;
	int why;

	if (!s)
		return XDP_ABORTED;
	if (chq_replay_seen(s->replay, d->f.hdr.seq))
		return drop(d, CHQ_D_REPLAY);
	why = over_quota(d);
	return why == GO ? hand_up(ctx, d) : drop(d, (uint32_t)why);
}

/* Would a stage tell the manager something, or send a NOTICE beside a frame that it forwards? */
INLINE int
needs_process(const struct datagram *d, const struct chq_session *s)
{
	if (d->refuse == CHQ_D_EXPIRED)
		return 0;
	return CHQ_LOAD_RELAXED(&s->state) == CHQ_SESSION_NEW ||
	       (d->refuse == 0 && chq_path_foreign(s, &d->src.path) && path_asks(d));
}

/* A forwarded frame is counted at once. */
INLINE void
count_forwarded(const struct datagram *d, int action)
{
	struct chq_xdp_counts *c = element(&chq_xdp_counts, 0);

	if (!c)
		return;
	c->n[CHQ_C_RX]++;
	c->n[CHQ_C_RX_BYTES] += d->len;
	c->n[CHQ_C_FORWARD]++;
	if (action == XDP_DROP) {
		c->n[CHQ_D_NO_ROUTE]++;
	} else {
		c->n[CHQ_C_TX]++;
		c->n[CHQ_C_TX_BYTES] += d->len;
	}
}

/* Return: what the program returns. */
INLINE int
forward(struct xdp_md *ctx, struct datagram *d, struct chq_session *r)
{
	uint64_t *at = datagram_at(ctx, d, CHQ_FRAME_HDR_LEN), sum = d->rest;
	union frame f;
	int action;

	if (!at)
		return XDP_ABORTED;
	f.w[0] = (d->f.w[0] & FORWARDED_BITS) | (uint64_t)d->to_slot << 32;
	f.w[1] = CHQ_FETCH_ADD(&r->seq_out, 1) + 1;
	f.w[2] = d->from_ident;
	f.w[3] = d->f.w[3];
	f.w[4] = 0;
	f.w[5] = frame_tag(&f, chq_sipkey_read(&r->tag_out), d->len);
#pragma clang loop unroll(full)
	for (int i = 0; i < 6; i++) {
		if (i == 3) /* the message's id stays */
			continue;
		sum += sum64(~d->f.w[i]) + sum64(f.w[i]);
		at[i] = f.w[i];
	}
	action = send(ctx, d, d->len, sum);
	count_forwarded(d, action);
	return action;
}

/* The receiver is known, or the frame is refused. */
INLINE int
frame_go(struct xdp_md *ctx, const struct chq_header *h, struct datagram *d, struct chq_session *s,
	 struct chq_session *r)
{
	int why;

	if (needs_process(d, s) && process_lives(ctx, d->now_ns))
		return frame_pass(ctx, d);
	if (!number_take(d, s))
		return drop(d, CHQ_D_REPLAY);
	why = budget_take(h, d, s);
	if (why != GO)
		return drop_told(ctx, d, (uint32_t)why, CHQ_NOTICE_TOO_FAST);
	if (d->refuse || !r)
		return drop_told(ctx, d, d->refuse,
				 d->refuse == CHQ_D_EXPIRED ? CHQ_NOTICE_EXPIRED : CHQ_NOTICE_SEAL);
	return d->sound ? forward(ctx, d, r) : drop_told(ctx, d, CHQ_D_PATH, 0);
}

/* Where no process is, a session is moved here, and its manager hears of it by the table alone. */
PART
ping(struct xdp_md *ctx, struct datagram *d)
{
	struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;
	const struct chq_header *h = header();
	uint32_t counter = CHQ_C_PING_AWAY;
	int token, token_ok, home, why;

	if (!s || !h)
		return XDP_ABORTED;
	token = d->f.hdr.grant != 0;
	token_ok = token && ping_token_ok(d);
	if ((token_ok || CHQ_LOAD_RELAXED(&s->state) == CHQ_SESSION_NEW) &&
	    process_lives(ctx, d->now_ns))
		return frame_pass(ctx, d);
	if (!number_take(d, s))
		return drop(d, CHQ_D_REPLAY);
	if (token && !token_ok)
		counter = CHQ_D_TOKEN;
	home = token ? token_ok && ping_move(d) : ping_home(d);
	if (!home)
		return drop_told(ctx, d, counter, 0);
	why = budget_take(h, d, s);
	if (why != GO)
		return drop_told(ctx, d, (uint32_t)why, CHQ_NOTICE_TOO_FAST);
	return ping_answer(ctx, d);
}

INLINE int
frame(struct xdp_md *ctx, const struct chq_header *h, struct datagram *d, const struct ahead *a)
{
	struct chq_session *s = a->s, *r = 0;
	int why;

	if (!s)
		return drop(d, CHQ_D_SLOT);
	if (has_receiver(&d->f.hdr))
		r = receiver_look(a, d);
	why = sender_check(d, s);
	if (why != GO)
		return drop(d, (uint32_t)why);
	if (d->refuse)
		return frame_go(ctx, h, d, s, 0);
	if (d->f.hdr.flags & CHQ_F_PING)
		return ping(ctx, d);
	if (CHQ_PARTY_KIND(d->f.hdr.party) != CHQ_KIND_ACCOUNT)
		return frame_up(ctx, d); /* to the server, or to a group */
	if (d->f.hdr.flags & CHQ_F_HOP) {
		d->refuse = CHQ_D_SEAL;
		return frame_go(ctx, h, d, s, 0);
	}
	r = receiver_judge(ctx, h, d, r);
	if (r)
		return frame_go(ctx, h, d, s, r);
	return d->judged ? frame_pass(ctx, d) : frame_up(ctx, d);
}

/* --- packets --- */

/* Return: 1 if the worker's socket takes the packet. */
INLINE int
steer(struct xdp_md *ctx, const struct chq_xdp_conf *conf, uint64_t now_ns)
{
	if (conf->mode != CHQ_XDP_STEER || !heart_beats(ctx, conf, now_ns) ||
	    bpf_redirect_map(&xsks_map, ctx->rx_queue_index, 0) != XDP_REDIRECT)
		return 0;
	count(CHQ_C_XDP_WORKER);
	return 1;
}

/* Return: 1; 0 if the packet is not for us. */
INLINE int
find_datagram(const struct chq_header *h, struct datagram *d, const struct chq_xdp_conf *conf,
	      const struct layers *l, const struct udphdr *udp)
{
	int local = local_find(h, d, l, bpf_ntohs(udp->dest));

	if (local < 0)
		return 0;
	d->src.w[2] |= bpf_ntohs(udp->source) | (uint64_t)(uint8_t)local << 32 |
		       (uint64_t)conf->ifidx << 40;
	d->now_ns = conf->test_now_ns ? conf->test_now_ns : clock(d);
	d->now_s = (uint32_t)(d->now_ns / 1000000000);
	d->len = 0;
	return 1;
}

INLINE int
relay(struct xdp_md *ctx)
{
	struct datagram *d = element(&datagrams, 0);
	const struct chq_xdp_conf *conf = element(&chq_xdp_conf, 0);
	const struct chq_header *h = header();
	struct udphdr *udp;
	struct layers l;
	struct ahead a;
	int why;

	if (!d || !conf || !h)
		return XDP_PASS;
	udp = parse_layers(ctx, d, &l);
	if (!udp || (void *)(udp + 1) > (void *)(long)ctx->data_end ||
	    !find_datagram(h, d, conf, &l, udp))
		return XDP_PASS;
	if (steer(ctx, conf, d->now_ns))
		return XDP_REDIRECT;
	look_ahead(ctx, h, d, udp + 1, &a);
	why = check_layers(ctx, d, &l, udp);
	if (why == GO)
		why = check_datagram(ctx, d, udp + 1);
	if (why == UP)
		return hand_up(ctx, d);
	if (why != GO)
		return drop(d, (uint32_t)why);
	return d->f.hdr.type == CHQ_TYPE_FRAME ? frame(ctx, h, d, &a) : hello(ctx, d);
}

SEC("xdp.frags")
int
xsk_def_prog(struct xdp_md *ctx)
{
	return relay(ctx);
}

/* The kernel asks for a word it knows; GPL-2.0 is one of the two licences above. */
char _license[] SEC("license") = "GPL";
