#include <string.h>

#include "dataplane/fetch.h"
#include "dataplane/replay.h"
#include "dataplane/stage.h"

/*
 * The session that a frame names, and what its tag is to be made of.
 * Return: what to drop the frame under, or CHQ_C_RX to go on.
 */
static enum chq_counter
sender_find(const struct chq_worker *w, struct chq_pkt *p, struct chq_sip_job *job)
{
	struct chq_session *s;
	uint32_t budget;

	if (p->hdr.slot >= w->slots)
		return CHQ_D_SLOT;
	s = &w->sessions[p->hdr.slot];
	p->from_state = CHQ_LOAD_ACQUIRE(&s->state);
	if (p->from_state == CHQ_SESSION_FREE)
		return CHQ_D_SLOT;
	chq_fetch_write(s->replay);
	budget = CHQ_LOAD_RELAXED(&s->budget);
	if (budget - 1 < w->slots)
		chq_fetch_write(&w->cold[budget - 1].account_quota);
	if (chq_session_heard_anew(s, w->now_s))
		chq_fetch_write(&s->rx_heard_s); /* to be written by chq_session_heard() */
	p->from = s;
	p->from_slot = p->hdr.slot;
	p->from_gen = CHQ_LOAD_RELAXED(&s->gen);
	chq_job_key(job, &s->tag_in);
	memcpy(job->words, &p->hdr, sizeof(job->words));
	job->last = chq_sip_frame_last((uint16_t)(p->dgram_len - CHQ_FRAME_HDR_LEN));
	return CHQ_C_RX;
}

/* The same return. @tag: what the frame's should be. */
static enum chq_counter
sender_check(const struct chq_worker *w, struct chq_pkt *p, uint64_t tag)
{
	const struct chq_session *s = p->from;

	if (tag != p->hdr.tag)
		return CHQ_D_TAG;
	p->from_ident = CHQ_LOAD_RELAXED(&s->ident);
	p->from_epoch = CHQ_LOAD_RELAXED(&s->sender_epoch);
	/* A slot that is freed meanwhile has lost its key: zeros must not count as one. */
	CHQ_FENCE_ACQUIRE();
	if (CHQ_LOAD_RELAXED(&s->state) == CHQ_SESSION_FREE)
		return CHQ_D_SLOT;
	if (w->now_s > CHQ_LOAD_RELAXED(&s->expires_s))
		p->refuse = CHQ_D_EXPIRED;
	else if (p->from_state == CHQ_SESSION_PRELOGIN && p->hdr.party != 0)
		return CHQ_D_PRELOGIN;
	return CHQ_C_RX;
}

uint16_t
chq_stage_sender(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint64_t tags[CHQ_BURST];
	uint16_t found = 0, kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		enum chq_counter why = sender_find(w, live[i], &w->jobs[found]);

		if (why == CHQ_C_RX)
			live[found++] = live[i];
		else
			chq_drop(w, live[i], why);
	}
	w->sip->frames(w->jobs, found, tags);
	for (uint16_t i = 0; i < found; i++) {
		enum chq_counter why = sender_check(w, live[i], tags[i]);

		if (why == CHQ_C_RX)
			live[kept++] = live[i];
		else
			chq_drop(w, live[i], why);
	}
	return kept;
}
