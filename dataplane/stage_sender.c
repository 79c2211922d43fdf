#include "dataplane/stage.h"

static int
tag_ok(const struct chq_pkt *p, const struct chq_session *s)
{
	uint16_t payload_len = (uint16_t)(p->dgram_len - CHQ_FRAME_HDR_LEN);

	return chq_hdr_tag(&p->hdr, chq_sipkey_read(&s->tag_in), payload_len) == p->hdr.tag;
}

/* What to drop a frame under, or CHQ_C_RX to go on. */
static enum chq_counter
sender_check(const struct chq_worker *w, struct chq_pkt *p)
{
	struct chq_session *s;
	uint8_t state;

	if (p->hdr.slot >= w->slots)
		return CHQ_D_SLOT;
	s = &w->sessions[p->hdr.slot];
	state = CHQ_LOAD_ACQUIRE(&s->state);
	if (state == CHQ_SESSION_FREE)
		return CHQ_D_SLOT;
	p->from = s;
	p->from_slot = p->hdr.slot;
	p->from_gen = CHQ_LOAD_RELAXED(&s->gen);
	if (!tag_ok(p, s))
		return CHQ_D_TAG;
	p->from_ident = CHQ_LOAD_RELAXED(&s->ident);
	/* A slot that is freed meanwhile has lost its key: zeros must not count as one. */
	CHQ_FENCE_ACQUIRE();
	if (CHQ_LOAD_RELAXED(&s->state) == CHQ_SESSION_FREE)
		return CHQ_D_SLOT;
	if (w->now_s > CHQ_LOAD_RELAXED(&s->expires_s))
		p->refuse = CHQ_D_EXPIRED;
	else if (state == CHQ_SESSION_PRELOGIN && p->hdr.party != 0)
		return CHQ_D_PRELOGIN;
	return CHQ_C_RX;
}

uint16_t
chq_stage_sender(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		enum chq_counter why = sender_check(w, live[i]);

		if (why == CHQ_C_RX)
			live[kept++] = live[i];
		else
			chq_drop(w, live[i], why);
	}
	return kept;
}
