#include <string.h>

#include "dataplane/notice.h"
#include "dataplane/path.h"
#include "dataplane/stage.h"

#define OUT_FLAGS (CHQ_F_HOP | CHQ_F_RECEIPT | CHQ_F_STORE | CHQ_F_PING)

/*
 * Number a datagram to @s and make its header, in the job of its tag. By whole words, for the reason
 * given beside chq_job_key(); header_put() writes it out, and p->hdr stays as it came.
 */
static void
header_number(const struct chq_pkt *p, struct chq_session *s, struct chq_sip_job *job,
	      uint32_t slot, uint64_t party)
{
	uint8_t flags = p->hdr.flags & OUT_FLAGS;

	job->words[0] = CHQ_TYPE_FRAME | (uint64_t)flags << 8 | (uint64_t)p->hdr.app << 16 |
			(uint64_t)slot << 32;
	job->words[1] = CHQ_FETCH_ADD(&s->seq_out, 1) + 1;
	job->words[2] = party;
	job->words[3] = p->hdr.message;
	job->words[4] = 0; /* no grant */
	job->last = chq_sip_frame_last((uint16_t)(p->dgram_len - CHQ_FRAME_HDR_LEN));
}

static void
header_put(struct chq_pkt *p, const struct chq_sip_job *job, uint64_t tag)
{
	memcpy(p->dgram, job->words, sizeof(job->words));
	memcpy(p->dgram + sizeof(job->words), &tag, sizeof(tag));
}

/* Return: 1 if it goes out under the tag of @job; 0 if it was dropped. */
static int
forward(struct chq_worker *w, struct chq_pkt *p, struct chq_sip_job *job)
{
	struct chq_session *r = p->to;
	int sound = chq_path_read(r, &p->out);

	chq_job_key(job, &r->tag_out);
	/* What was read belongs to the receiver only if the slot still does. */
	CHQ_FENCE_ACQUIRE();
	if (!sound || !CHQ_RX_SAME(CHQ_LOAD_RELAXED(&r->rx_ident), p->to_ident)) {
		chq_drop(w, p, CHQ_D_PATH);
		return 0;
	}
	header_number(p, r, job, p->to_slot, p->from_ident);
	chq_decide(w, p, CHQ_V_TX, CHQ_C_FORWARD);
	return 1;
}

static int
ping_answer(struct chq_worker *w, struct chq_pkt *p, struct chq_sip_job *job)
{
	p->out = p->src;
	chq_job_key(job, &p->from->tag_out);
	header_number(p, p->from, job, p->from_slot, 0);
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

uint16_t
chq_stage_rewrite(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint64_t tags[CHQ_BURST];
	uint16_t sends = 0;

	for (uint16_t i = 0; i < n; i++)
		if (rewrite(w, live[i], &w->jobs[sends]))
			live[sends++] = live[i];
	w->sip->frames(w->jobs, sends, tags);
	for (uint16_t i = 0; i < sends; i++)
		header_put(live[i], &w->jobs[i], tags[i]);
	return 0;
}
