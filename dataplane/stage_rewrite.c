#include <string.h>

#include "dataplane/notice.h"
#include "dataplane/path.h"
#include "dataplane/stage.h"

#define FORWARDED_FLAGS (CHQ_F_HOP | CHQ_F_RECEIPT | CHQ_F_STORE)

/* Number, tag and write the header of a datagram to @s. */
static void
header_put(struct chq_pkt *p, struct chq_session *s, struct chq_sipkey key)
{
	p->hdr.grant = 0;
	p->hdr.seq = CHQ_FETCH_ADD(&s->seq_out, 1) + 1;
	p->hdr.tag = chq_hdr_tag(&p->hdr, key, (uint16_t)(p->dgram_len - CHQ_FRAME_HDR_LEN));
	memcpy(p->dgram, &p->hdr, sizeof(p->hdr));
}

static void
forward(struct chq_worker *w, struct chq_pkt *p)
{
	struct chq_session *r = p->to;
	struct chq_sipkey key = chq_sipkey_read(&r->tag_out);
	int sound = chq_path_read(r, &p->out);

	/* What was read belongs to the receiver only if the slot still does. */
	CHQ_FENCE_ACQUIRE();
	if (!sound || !CHQ_RX_SAME(CHQ_LOAD_RELAXED(&r->rx_ident), p->to_ident)) {
		chq_drop(w, p, CHQ_D_PATH);
		return;
	}
	p->hdr.flags &= FORWARDED_FLAGS;
	p->hdr.slot = p->to_slot;
	p->hdr.party = p->from_ident;
	header_put(p, r, key);
	chq_decide(w, p, CHQ_V_TX, CHQ_C_FORWARD);
}

static void
ping_answer(struct chq_worker *w, struct chq_pkt *p)
{
	p->out = p->src;
	header_put(p, p->from, chq_sipkey_read(&p->from->tag_out));
	chq_decide(w, p, CHQ_V_TX, CHQ_C_PING);
}

static void
refuse(struct chq_worker *w, struct chq_pkt *p)
{
	chq_drop(w, p, p->refuse);
	chq_notice(w, p, p->refuse == CHQ_D_EXPIRED ? CHQ_NOTICE_EXPIRED : CHQ_NOTICE_SEAL);
}

void
chq_stage_rewrite(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (live[i]->refuse)
			refuse(w, live[i]);
		else if (live[i]->hdr.flags & CHQ_F_PING)
			ping_answer(w, live[i]);
		else
			forward(w, live[i]);
	}
}
