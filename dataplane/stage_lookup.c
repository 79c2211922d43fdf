/*
 * A frame's look-ups, those of the whole burst at a time: while one cache line is on its way here
 * the next ones are asked for. Nothing is judged, so it does no harm that the tags are not verified
 * yet; the receiver stage checks what was found by the record's rx_ident.
 */
#include "dataplane/account.h"
#include "dataplane/fetch.h"
#include "dataplane/stage.h"

/* Is it for a person, so that it may be forwarded? */
static int
has_receiver(const struct chq_frame_hdr *h)
{
	return CHQ_PARTY_KIND(h->party) == CHQ_KIND_ACCOUNT &&
	       !(h->flags & (CHQ_F_PING | CHQ_F_HOP));
}

static uint64_t
account_key(const struct chq_frame_hdr *h)
{
	return CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, CHQ_PARTY_ID(h->party));
}

static uint32_t
find(const struct chq_worker *w, const struct chq_frame_hdr *h, const uint32_t at[2])
{
	uint64_t key = account_key(h);
	uint32_t slot = chq_bucket_find(&w->buckets[at[0]], key);

	return slot != CHQ_SLOT_NONE ? slot : chq_bucket_find(&w->buckets[at[1]], key);
}

uint16_t
chq_stage_lookup(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint32_t at[CHQ_BURST][2];

	for (uint16_t i = 0; i < n; i++) {
		const struct chq_frame_hdr *h = &live[i]->hdr;

		if (has_receiver(h)) {
			chq_account_buckets(account_key(h), w->account_seed, w->bucket_count,
					    at[i]);
			chq_fetch(&w->buckets[at[i][0]]);
			chq_fetch(&w->buckets[at[i][1]]);
		}
		if (h->slot < w->slots)
			chq_fetch_sender(&w->sessions[h->slot]);
	}
	for (uint16_t i = 0; i < n; i++) {
		struct chq_pkt *p = live[i];

		p->to_slot = has_receiver(&p->hdr) ? find(w, &p->hdr, at[i]) : CHQ_SLOT_NONE;
		if (p->to_slot < w->slots)
			chq_fetch_receiver(&w->sessions[p->to_slot]);
	}
	return n;
}
