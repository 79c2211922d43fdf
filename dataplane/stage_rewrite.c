#include <string.h>

#include "dataplane/notice.h"
#include "dataplane/path.h"
#include "dataplane/stage.h"

#define FORWARDED_FLAGS (CHQ_F_HOP | CHQ_F_RECEIPT | CHQ_F_STORE)

/* Number a header that goes to @s; what its tag is to be made of. */
static void
header_number(struct chq_pkt *p, struct chq_session *s, struct chq_sipkey key,
	      struct chq_sip_job *job)
{
	p->hdr.grant = 0;
	p->hdr.seq = CHQ_FETCH_ADD(&s->seq_out, 1) + 1;
	chq_hdr_job(job, &p->hdr, key, (uint16_t)(p->dgram_len - CHQ_FRAME_HDR_LEN));
}

/* Return: 1 if it goes out under the tag of @job; 0 if it was dropped. */
static int
forward(struct chq_worker *w, struct chq_pkt *p, struct chq_sip_job *job)
{
	struct chq_session *r = p->to;
	struct chq_sipkey key = chq_sipkey_read(&r->tag_out);
	int sound = chq_path_read(r, &p->out);

	/* What was read belongs to the receiver only if the slot still does. */
	CHQ_FENCE_ACQUIRE();
	if (!sound || !CHQ_RX_SAME(CHQ_LOAD_RELAXED(&r->rx_ident), p->to_ident)) {
		chq_drop(w, p, CHQ_D_PATH);
		return 0;
	}
	p->hdr.flags &= FORWARDED_FLAGS;
	p->hdr.slot = p->to_slot;
	p->hdr.party = p->from_ident;
	header_number(p, r, key, job);
	chq_decide(w, p, CHQ_V_TX, CHQ_C_FORWARD);
	return 1;
}

static int
ping_answer(struct chq_worker *w, struct chq_pkt *p, struct chq_sip_job *job)
{
	p->out = p->src;
	header_number(p, p->from, chq_sipkey_read(&p->from->tag_out), job);
	chq_decide(w, p, CHQ_V_TX, CHQ_C_PING);
	return 1;
}

static int
refuse(struct chq_worker *w, struct chq_pkt *p)
{
	chq_drop(w, p, p->refuse);
	chq_notice(w, p, p->refuse == CHQ_D_EXPIRED ? CHQ_NOTICE_EXPIRED : CHQ_NOTICE_SEAL);
	return 0;
}

/* The same return as forward(). */
static int
rewrite(struct chq_worker *w, struct chq_pkt *p, struct chq_sip_job *job)
{
	if (p->refuse)
		return refuse(w, p);
	if (p->hdr.flags & CHQ_F_PING)
		return ping_answer(w, p, job);
	return forward(w, p, job);
}

void
chq_stage_rewrite(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint64_t tags[CHQ_BURST];
	uint16_t sends = 0;

	for (uint16_t i = 0; i < n; i++)
		if (rewrite(w, live[i], &w->jobs[sends]))
			live[sends++] = live[i];
	w->sip->frames(w->jobs, sends, tags);
	for (uint16_t i = 0; i < sends; i++) {
		live[i]->hdr.tag = tags[i];
		memcpy(live[i]->dgram, &live[i]->hdr, sizeof(live[i]->hdr));
	}
}
