/* Frames of a session: numbering, tags, hop seals, replay window, and who takes what came. */

#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define HOP_SEALS_MAX (UINT64_C(1) << 27)

void
chq_session_drop(struct chq_session *s)
{
	sodium_memzero(s, sizeof(*s));
}

void
chq_session_install(struct chq_client *c, const struct chq_session *s)
{
	chq_session_drop(&c->old);
	if (c->cur.used) {
		c->old = c->cur;
		c->old.drop_ms = c->now_ms + CHQ_OLD_SESSION_MS;
	}
	c->cur = *s;
	c->cur.used = true;
	chq_path_reset(c);
	chq_request_session(c);
}

static size_t
put_frame(struct chq_session *s, const struct chq_frame_hdr *h, struct chq_frame_hdr *out)
{
	*out = *h;
	out->slot = s->slot;
	out->seq = ++s->seq;
	return CHQ_FRAME_HDR_LEN;
}

void
chq_session_send(struct chq_client *c, struct chq_session *s, const struct chq_frame_hdr *h,
		 const void *payload, size_t len)
{
	uint8_t buf[CHQ_DGRAM_MAX];
	struct chq_frame_hdr full;

	if (!s->used || len > CHQ_PAYLOAD_MAX)
		return;
	put_frame(s, h, &full);
	if (len)
		memcpy(buf + CHQ_FRAME_HDR_LEN, payload, len);
	chq_frame_build(buf, &full, (uint16_t)len, s->keys.tag_c2s);
	chq_path_transmit(c, buf, CHQ_FRAME_HDR_LEN + len);
}

void
chq_session_send_hop(struct chq_client *c, struct chq_session *s, uint64_t message,
		     const void *body, size_t len)
{
	struct chq_frame_hdr h = { .flags = CHQ_F_HOP, .message = message }, full;
	uint8_t buf[CHQ_DGRAM_MAX];
	int n;

	if (!s->used || len > CHQ_HOP_BODY_MAX)
		return;
	put_frame(s, &h, &full);
	memcpy(buf + CHQ_FRAME_HDR_LEN, body, len);
	chq_frame_put(buf, &full);
	n = chq_hop_seal(buf, len, s->keys.hop_c2s);
	if (n < 0)
		return;
	s->hop_sealed++;
	chq_frame_build(buf, &full, (uint16_t)n, s->keys.tag_c2s);
	chq_path_transmit(c, buf, CHQ_FRAME_HDR_LEN + (size_t)n);
}

static void
from_server(struct chq_client *c, struct chq_session *s, const struct chq_frame_hdr *h,
	    uint8_t *buf, size_t len)
{
	int n;

	if (h->flags & CHQ_F_PING) {
		if (s == &c->cur)
			chq_path_pong(c, h);
		return;
	}
	n = chq_hop_open(buf, len, s->keys.hop_s2c);
	if (n < 0)
		chq_count(c, CHQ_STAT_DROP_HOP_SEAL);
	else
		chq_control_input(c, s, buf + CHQ_FRAME_HDR_LEN, (size_t)n);
	sodium_memzero(buf, len);
}

static void
dispatch(struct chq_client *c, struct chq_session *s, const struct chq_frame_hdr *h, uint8_t *buf,
	 size_t len)
{
	if (h->flags & CHQ_F_NOTICE)
		chq_notice(c, s, h);
	else if (h->party == 0)
		from_server(c, s, h, buf, len);
	else if (!s->logged_in)
		chq_count(c, CHQ_STAT_DROP_NOT_LOGGED_IN);
	else if (h->flags & CHQ_F_HOP)
		chq_count(c, CHQ_STAT_DROP_HOP_FROM_PEER); /* no app is inspected */
	else if (CHQ_GROUP_ORDER(h->grant))
		chq_group_frame(c, h, buf + CHQ_FRAME_HDR_LEN, len - CHQ_FRAME_HDR_LEN);
	else
		chq_receive_frame(c, h, buf + CHQ_FRAME_HDR_LEN, len - CHQ_FRAME_HDR_LEN);
}

void
chq_session_frame(struct chq_client *c, uint8_t *buf, size_t len)
{
	struct chq_session *s = &c->cur;
	struct chq_frame_hdr h;

	if (chq_frame_parse(buf, len, 0, &h) < 0) {
		chq_count(c, CHQ_STAT_DROP_MALFORMED);
		return;
	}
	if (!s->used || s->slot != h.slot)
		s = &c->old;
	if (!s->used || s->slot != h.slot) {
		chq_count(c, CHQ_STAT_DROP_SLOT);
		return;
	}
	if (!chq_frame_tag_ok(buf, len, s->keys.tag_s2c)) {
		chq_count(c, CHQ_STAT_DROP_TAG);
		return;
	}
	if (!chq_replay_take(&s->replay, h.seq)) {
		chq_count(c, CHQ_STAT_DROP_REPLAY);
		return;
	}
	if (s == &c->cur)
		chq_path_heard(c);
	dispatch(c, s, &h, buf, len);
}

uint64_t
chq_session_run(struct chq_client *c)
{
	uint64_t due = CHQ_NEVER;

	if (c->old.used && c->now_ms >= c->old.drop_ms)
		chq_session_drop(&c->old);
	if (c->old.used)
		due = c->old.drop_ms;
	if (!c->cur.used || c->hs.state != CHQ_HS_IDLE)
		return due;
	if (c->now_ms >= c->cur.renew_ms || c->cur.hop_sealed >= HOP_SEALS_MAX) {
		chq_handshake_begin(c, 0);
		return due;
	}
	return chq_min64(due, c->cur.renew_ms);
}
