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

/* The number of one of the two buckets that an account may be in. */
static uint32_t
bucket_of(const struct chq_worker *w, const struct chq_frame_hdr *h, int which)
{
	uint32_t at[2];

	chq_account_buckets(account_key(h), w->account_seed, w->bucket_count, at);
	return at[which];
}

/* As chq_bucket_find(), but all keys are compared before it branches: where in the bucket an account
 * is cannot be foreseen. */
static uint32_t
bucket_find(const struct chq_bucket *b, uint64_t key)
{
	unsigned int hits = 0;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < CHQ_BUCKET_ENTRIES; i++)
		hits |= (unsigned int)(CHQ_LOAD_ACQUIRE(&b->key[i]) == key) << i;
	for (; hits; hits &= hits - 1) {
		int i = __builtin_ctz(hits);
		uint32_t slot = CHQ_LOAD_RELAXED(&b->slot[i]);

		CHQ_FENCE_ACQUIRE();
		/* It may have moved to its other bucket, and the entry be another's by now. */
		if (CHQ_LOAD_RELAXED(&b->key[i]) == key)
			return slot;
	}
	return CHQ_SLOT_NONE;
}

/* Look into one bucket. Return: 1 if the key was there; its record is asked for then. */
static int
look(const struct chq_worker *w, struct chq_pkt *p, uint32_t bucket)
{
	p->to_slot = bucket_find(&w->buckets[bucket], account_key(&p->hdr));
	if (p->to_slot < w->slots)
		chq_fetch(&w->sessions[p->to_slot].tag_out);
	return p->to_slot != CHQ_SLOT_NONE;
}

/* The first bucket before the second, as chq_account_find(): few accounts are in their second, so
 * its line is asked for only then. */
uint16_t
chq_stage_lookup(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint32_t at[CHQ_BURST];
	uint16_t again[CHQ_BURST], more = 0;

	for (uint16_t i = 0; i < n; i++) {
		const struct chq_frame_hdr *h = &live[i]->hdr;

		at[i] = bucket_of(w, h, 0);
		if (has_receiver(h))
			chq_fetch(&w->buckets[at[i]]);
		if (h->slot < w->slots)
			chq_fetch_write(&w->sessions[h->slot].tag_in);
	}
	for (uint16_t i = 0; i < n; i++) {
		live[i]->to_slot = CHQ_SLOT_NONE;
		if (!has_receiver(&live[i]->hdr) || look(w, live[i], at[i]))
			continue;
		again[more] = i;
		at[more] = bucket_of(w, &live[i]->hdr, 1);
		chq_fetch(&w->buckets[at[more++]]);
	}
	for (uint16_t i = 0; i < more; i++) {
		struct chq_pkt *p = live[again[i]];

		if (!look(w, p, at[i]))
			p->to_slot = chq_account_find_again(w->tables, account_key(&p->hdr));
	}
	return n;
}
