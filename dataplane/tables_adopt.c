/*
 * Adoption: the tables outlive the process, also one killed between any two stores. What each
 * half-done change looks like stands in sessions.c. Workers of nobody run now, but the XDP program
 * may forward: what is whole is left alone.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "dataplane/tables_priv.h"

static bool
is_receiver(const struct chq_tables *t, uint32_t slot, uint64_t key)
{
	const struct chq_session *s;

	if (slot >= t->header->sessions)
		return false;
	s = &t->sessions[slot];
	return s->state == CHQ_SESSION_OPEN && CHQ_RX_IS(s->rx_ident, CHQ_PARTY_ID(key));
}

/* Each session by itself, links aside. */
static void
session_settle(struct chq_tables *t, uint32_t slot, uint32_t now_s)
{
	struct chq_session *s = &t->sessions[slot];

	switch (s->state) {
	case CHQ_SESSION_PRELOGIN:
		CHQ_STORE_RELAXED(&s->rx_ident, 0);
		CHQ_STORE_RELAXED(&s->ident, 0);
		CHQ_STORE_RELAXED(&s->quota_class, CHQ_QUOTA_PRELOGIN);
		CHQ_STORE_RELAXED(&t->cold[slot].next_slot, CHQ_SLOT_NONE);
		break;
	case CHQ_SESSION_NEW:
		CHQ_STORE_RELAXED(&s->rx_ident, 0);
		CHQ_STORE_RELAXED(&t->cold[slot].next_slot, CHQ_SLOT_NONE);
		break;
	case CHQ_SESSION_OPEN:
		if (CHQ_RX_IS(s->rx_ident, CHQ_PARTY_ID(s->ident))) {
			if (s->expires_s != t->cold[slot].full_expires_s)
				CHQ_STORE_RELAXED(&s->expires_s, t->cold[slot].full_expires_s);
			break;
		}
		t->cold[slot].rested_s = now_s + CHQ_SLOT_REST_S;
		CHQ_STORE_RELEASE(&s->state, CHQ_SESSION_FREE);
		break;
	case CHQ_SESSION_LINGER:
		CHQ_STORE_RELAXED(&s->rx_ident, 0);
		CHQ_STORE_RELAXED(&t->cold[slot].next_slot, CHQ_SLOT_NONE);
		break;
	default: CHQ_STORE_RELEASE(&s->state, CHQ_SESSION_FREE);
	}
}

/* Keys whose first session is none of theirs go; so does a key in a bucket that is not its own, or
 * one that is there twice. */
static void
buckets_settle(struct chq_tables *t)
{
	t->accounts = 0;
	for (uint32_t i = 0; i < t->header->buckets; i++) {
		struct chq_bucket *b = &t->buckets[i];

		for (int e = 0; e < CHQ_BUCKET_ENTRIES; e++) {
			uint64_t key = b->key[e];

			if (key == 0)
				continue;
			if (key != tables_key(key) || !is_receiver(t, b->slot[e], key) ||
			    tables_key_at(t, key) != &b->key[e])
				CHQ_STORE_RELEASE(&b->key[e], 0);
			else
				t->accounts++;
		}
	}
}

/*
 * Walk the account's chain, cutting it before a member that is none.
 * @device: the member of this device other than @slot is told in *@twin.
 * Return: true if @slot is a member.
 */
static bool
chain_walk(struct chq_tables *t, uint32_t slot, uint32_t *twin)
{
	uint64_t ident = t->sessions[slot].rx_ident, key = tables_key(ident);
	uint32_t at = tables_find(t, key);
	bool member = false;

	*twin = CHQ_SLOT_NONE;
	for (int i = 0; at != CHQ_SLOT_NONE; i++) {
		uint32_t next = t->cold[at].next_slot;

		member |= at == slot;
		if (at != slot &&
		    CHQ_PARTY_DEVICE(t->sessions[at].rx_ident) == CHQ_PARTY_DEVICE(ident))
			*twin = at;
		if (next != CHQ_SLOT_NONE &&
		    (i + 1 == CHQ_DEVICES_MAX || !is_receiver(t, next, key)))
			CHQ_STORE_RELAXED(&t->cold[at].next_slot, CHQ_SLOT_NONE);
		at = t->cold[at].next_slot;
	}
	return member;
}

/* Every receiver is reachable; one whose device has a newer session that is reachable lingers. */
static void
links_settle(struct chq_tables *t, uint32_t now_s)
{
	for (uint32_t slot = 0; slot < t->header->sessions; slot++) {
		struct chq_session *s = &t->sessions[slot];
		uint32_t twin;

		if (s->state != CHQ_SESSION_OPEN || chain_walk(t, slot, &twin))
			continue;
		if (twin == CHQ_SLOT_NONE && tables_link(t, slot) == 0)
			continue;
		tables_set_linger(t, slot, now_s + CHQ_LINGER_S);
	}
}

/* CHQ_RX_DEVICES says whether another follows. */
static void
flags_settle(struct chq_tables *t)
{
	uint64_t flag = (uint64_t)CHQ_RX_DEVICES << 56;

	for (uint32_t slot = 0; slot < t->header->sessions; slot++) {
		uint64_t *ident = &t->sessions[slot].rx_ident, want;

		if (*ident == 0)
			continue;
		want = t->cold[slot].next_slot != CHQ_SLOT_NONE ? *ident | flag : *ident & ~flag;
		if (want != *ident)
			CHQ_STORE_RELEASE(ident, want);
	}
}

static int
by_rest(const void *a, const void *b, void *arg)
{
	const struct chq_tables *t = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t fx = t->cold[x].rested_s, fy = t->cold[y].rested_s;

	return fx != fy ? (fx < fy ? -1 : 1) : (x > y) - (x < y);
}

/*
 * Rebuild the rings of free slots, wiping what is free, and the counts. All go to one ring in the
 * order of their rests' ends, which none that is freed later comes before.
 */
static void
slots_settle(struct chq_tables *t, uint32_t now_s)
{
	struct chq_free_ring *free = &t->free[CHQ_FREE_OTHERS];

	t->used = t->unconfirmed = t->free_count = 0;
	for (int i = 0; i < CHQ_FREE__COUNT; i++)
		t->free[i].head = t->free[i].count = 0;
	for (uint32_t slot = 0; slot < t->header->sessions; slot++) {
		uint8_t state = t->sessions[slot].state;

		if (state == CHQ_SESSION_FREE) {
			if (t->sessions[slot].gen != 0)
				tables_slot_wipe(t, slot);
			if ((int32_t)(t->cold[slot].rested_s - now_s) > CHQ_SLOT_REST_S)
				t->cold[slot].rested_s = now_s + CHQ_SLOT_REST_S;
			tables_slot_push(t, CHQ_FREE_OTHERS, slot);
			continue;
		}
		t->used++;
		t->unconfirmed += state == CHQ_SESSION_PRELOGIN || state == CHQ_SESSION_NEW;
	}
	qsort_r(free->slots, free->count, sizeof(free->slots[0]), by_rest, t);
}

void
tables_scrub(struct chq_tables *t, uint64_t now_ns)
{
	uint32_t now_s = (uint32_t)(now_ns / CHQ_NS_PER_SEC);

	for (uint32_t slot = 0; slot < t->header->sessions; slot++)
		session_settle(t, slot, now_s);
	buckets_settle(t);
	links_settle(t, now_s);
	flags_settle(t);
	slots_settle(t, now_s);
}
