#pragma once
/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * dataplane/xdp/answer: what is sent in the place of a datagram: RETRY for a HELLO, a PING back,
 * NOTICEs. As chq_stage_hello(), chq_stage_path(), chq_notice() and chq_stage_rewrite().
 */
#include "dataplane/cookie.h"
#include "dataplane/quota.h"
#include "dataplane/xdp/verdict.bpf.h"

#define HELLO_WORDS   (CHQ_HELLO_LEN / 8)
#define HELLO_NOISE_W (CHQ_NOISE1_OFF / 8) /* the word that the Noise message begins in */

/* --- NOTICE --- */

INLINE uint32_t
notice_counter(uint32_t code)
{
	switch (code) {
	case CHQ_NOTICE_PATH: return CHQ_C_NOTICE_PATH;
	case CHQ_NOTICE_TOO_FAST: return CHQ_C_NOTICE_TOO_FAST;
	case CHQ_NOTICE_EXPIRED: return CHQ_C_NOTICE_EXPIRED;
	default: return CHQ_C_NOTICE_SEAL;
	}
}

/* May the sender be told? Then it is spent. */
PART
notice_take(uint32_t slot, uint32_t code, uint64_t now_ns)
{
	struct chq_session *s = session_at(slot);
	struct chq_cold *c = element(&chq_cold, slot);
	const struct chq_header *h = header();
	const struct chq_quota_class *q;

	if (!s || !c || !h)
		return 0;
	if (code == CHQ_NOTICE_TOO_FAST && !chq_notice_fast_take(c, now_ns))
		return 0;
	q = chq_quota_class_of(h, s);
	return chq_quota_take(&s->notice_tat, now_ns, CHQ_LOAD_RELAXED(&q->notice_ns),
			      CHQ_LOAD_RELAXED(&q->notice_span_ns));
}

PART
path_asks(const struct datagram *d)
{
	const struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;

	return s && chq_path_asks(s, &d->src.path, d->f.hdr.seq);
}

/* A NOTICE in the place of a frame that is dropped, if the sender's budget allows it. */
PART
notice(struct xdp_md *ctx, struct datagram *d, uint32_t code)
{
	struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;
	const struct chq_header *h = header();

	if (!s || !h)
		return XDP_ABORTED;
	if (!notice_take(d->f.hdr.slot, code, d->now_ns)) {
		count(CHQ_D_NOTICE_LIMIT);
		return XDP_DROP;
	}
	d->f.w[0] = CHQ_TYPE_FRAME | CHQ_F_NOTICE << 8 | code << 16 | (uint64_t)d->f.hdr.slot << 32;
	d->f.w[1] = CHQ_FETCH_ADD(&s->seq_out, 1) + 1;
	d->f.w[4] = 0;
	if (code == CHQ_NOTICE_PATH)
		d->f.w[4] = chq_path_token_now(h->path_secret, d->f.hdr.slot, &d->src.path,
					       d->now_ns);
	d->f.w[5] = frame_tag(&d->f, chq_sipkey_read(&s->tag_out), CHQ_FRAME_HDR_LEN);
	d->out = d->src;
	count(notice_counter(code));
	return transmit_new(ctx, d);
}

/*
 * Drop a frame. To an address that is not the session's goes NOTICE path or nothing; else @code, if
 * it is one.
 */
PART
drop_told(struct xdp_md *ctx, struct datagram *d, uint32_t counter, uint32_t code)
{
	const struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;

	if (!s)
		return XDP_ABORTED;
	decide(d, counter);
	if (d->refuse != CHQ_D_EXPIRED && chq_path_foreign(s, &d->src.path))
		code = path_asks(d) ? CHQ_NOTICE_PATH : 0;
	return code ? notice(ctx, d, code) : XDP_DROP;
}

/* --- PING --- */

/*
 * A PING without a token, from an address with the session's fingerprint: see ping_home() of the
 * stage. Return: 1 if the session is where the PING came from.
 */
PART
ping_home(const struct datagram *d)
{
	struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;
	struct chq_path now;

	if (!s || chq_path_foreign(s, &d->src.path))
		return 0;
	if (!chq_path_read(s, &now)) {
		CHQ_STORE_RELAXED(&s->path_fp, CHQ_PATH_FP_NONE);
		return 0;
	}
	if (!chq_path_same_addr(&now, &d->src.path))
		return 0;
	if (!chq_path_same_link(&now, &d->src.path))
		(void)chq_path_move(s, &d->src.path, (uint16_t)d->gen, d->f.hdr.seq);
	return 1;
}

PART
ping_move(const struct datagram *d)
{
	struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;

	if (!s || !chq_path_move(s, &d->src.path, (uint16_t)d->gen, d->f.hdr.seq))
		return 0;
	count(CHQ_C_MOVE);
	return 1;
}

PART
ping_token_ok(const struct datagram *d)
{
	const struct chq_header *h = header();

	return h && d &&
	       chq_path_token_ok(h->path_secret, d->f.hdr.slot, &d->src.path, d->now_ns,
				 d->f.hdr.grant);
}

PART
ping_answer(struct xdp_md *ctx, struct datagram *d)
{
	struct chq_session *s = d ? session_at(d->f.hdr.slot) : 0;

	if (!s)
		return XDP_ABORTED;
	decide(d, CHQ_C_PING);
	d->out = d->src;
	d->f.w[1] = CHQ_FETCH_ADD(&s->seq_out, 1) + 1;
	d->f.w[4] = 0;
	d->f.w[5] = frame_tag(&d->f, chq_sipkey_read(&s->tag_out), d->len);
	return transmit_frame(ctx, d);
}

/* --- HELLO --- */

struct mac {
	uint64_t half[2];
};

/* Return: 1, @out being a cookie's two halves by that secret; 0 if there is none. */
PART
cookie_make(const struct datagram *d, uint32_t number, struct mac *out)
{
	const struct chq_header *h = header();
	struct chq_cookie_secret secret;
	struct chq_cookie_words words;

	if (!d || !h || !out || !chq_cookie_secret_get(h, number, &secret))
		return 0;
	words = chq_cookie_words_of(h, &d->src.path);
	chq_cookie_make(&secret, &words, out->half);
	return 1;
}

/* Is everything behind the Noise message zero? */
PART
hello_tail_ok(struct xdp_md *ctx, const struct datagram *d, uint32_t noise_len)
{
	const uint64_t *w = d ? datagram_at(ctx, d, CHQ_HELLO_LEN) : 0;
	uint32_t used = CHQ_NOISE1_OFF + noise_len;
	uint64_t seen = 0;

	if (!w)
		return 0;
	for (uint32_t i = HELLO_NOISE_W; i < HELLO_WORDS; i++) {
		uint32_t skip = used > i * 8 ? used - i * 8 : 0;

		if (skip < 8)
			seen |= w[i] >> 8 * skip;
	}
	return seen == 0;
}

struct hello {
	uint32_t version_min, version_max;
	uint32_t number; /* of the cookie's secret */
	uint32_t pad;
	struct mac mac; /* of the cookie */
};

/* As chq_hello_parse(). Return: 1; 0 if malformed. */
PART
hello_parse(struct xdp_md *ctx, const struct datagram *d, struct hello *h)
{
	const uint32_t *w = d ? datagram_at(ctx, d, CHQ_HELLO_LEN) : 0;
	uint32_t noise_len;

	if (!w || !h || d->len != CHQ_HELLO_LEN)
		return 0;
	h->version_min = w[0] >> 8 & 0xff;
	h->version_max = w[0] >> 16 & 0xff;
	h->number = w[5];
	h->mac.half[0] = w[6] | (uint64_t)w[7] << 32;
	h->mac.half[1] = w[8] | (uint64_t)w[9] << 32;
	noise_len = w[10];
	if (h->version_max < h->version_min || w[0] >> 24 ||
	    noise_len > CHQ_HELLO_LEN - CHQ_NOISE1_OFF)
		return 0;
	if ((noise_len != 0) != ((h->number | h->mac.half[0] | h->mac.half[1]) != 0))
		return 0;
	return hello_tail_ok(ctx, d, noise_len);
}

/* The RETRY's bytes over those of the HELLO, whose nonce stays. Return: what they add to a
 * checksum; 0 if there is no room. */
INLINE uint64_t
retry_put(const struct xdp_md *ctx, const struct datagram *d, const struct chq_header *h,
	  uint32_t number, const struct mac *mac)
{
	const uint32_t *cert = (const uint32_t *)h->cert;
	uint32_t *w = datagram_at(ctx, d, CHQ_RETRY_LEN);
	uint64_t sum = sum_new(CHQ_RETRY_LEN);

	if (!w)
		return 0;
	w[0] = CHQ_TYPE_RETRY | CHQ_VERSION_MIN << 8 | CHQ_VERSION_MAX << 16;
	w[5] = number;
	w[6] = (uint32_t)mac->half[0];
	w[7] = (uint32_t)(mac->half[0] >> 32);
	w[8] = (uint32_t)mac->half[1];
	w[9] = (uint32_t)(mac->half[1] >> 32);
	for (int i = 0; i < CHQ_SERVERCERT_LEN / 4; i++)
		w[10 + i] = cert[i];
	for (int i = 0; i < CHQ_RETRY_LEN / 4; i++)
		sum += w[i];
	return sum;
}

PART
retry(struct xdp_md *ctx, struct datagram *d)
{
	const struct chq_header *h = header();
	struct mac mac = { 0 };
	uint32_t number;
	uint64_t sum;

	if (!d || !h)
		return XDP_ABORTED;
	number = chq_cookie_newest(h);
	if (!CHQ_LOAD_ACQUIRE(&h->retry_ok) || !cookie_make(d, number, &mac))
		return drop(d, CHQ_D_HELLO_COOKIE);
	sum = retry_put(ctx, d, h, number, &mac);
	if (sum == 0)
		return XDP_ABORTED;
	decide(d, CHQ_C_RETRY);
	d->out = d->src;
	return transmit(ctx, d, CHQ_RETRY_LEN, sum);
}

PART
hello(struct xdp_md *ctx, struct datagram *d)
{
	struct hello h = { 0 };
	struct mac mac = { 0 };

	if (!d)
		return XDP_ABORTED;
	if (!hello_parse(ctx, d, &h))
		return drop(d, CHQ_D_MALFORMED);
	if (!cookie_make(d, h.number, &mac) ||
	    ((mac.half[0] ^ h.mac.half[0]) | (mac.half[1] ^ h.mac.half[1])))
		return retry(ctx, d); /* none, or its secret is gone: no error of the client's */
	if (h.version_max < CHQ_VERSION_MIN || h.version_min > CHQ_VERSION_MAX)
		return drop(d, CHQ_D_VERSION);
	return hand_up(ctx, d);
}
