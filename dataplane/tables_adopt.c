/*
 * Adoption: the tables outlive the process, also one killed between any two stores. What each
 * half-done change looks like stands in sessions.c. Workers of nobody run now, but the XDP program
 * may forward: what is whole is left alone.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/tables_priv.h"

#define AHEAD	       8 /* slots, buckets that are fetched before they are looked at */
#define PROGRESS_EVERY 65536

/* Says once a second how far it is: ten million sessions take some. */
struct progress {
	uint64_t next_ns;
	unsigned int lines;
};

static void
progress(struct progress *p, const char *step, uint32_t done, uint32_t of)
{
	uint64_t now;

	if (done % PROGRESS_EVERY)
		return;
	now = chq_mono_ns();
	if (now < p->next_ns)
		return;
	p->next_ns = now + CHQ_NS_PER_SEC;
	p->lines++;
	CHQ_LOG_INFO("tables-adopting", "step=%s done=%u of=%u", step, (unsigned)done,
		     (unsigned)of);
}

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
		CHQ_STORE_RELAXED(&s->sender_epoch, 0);
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
bucket_settle(struct chq_tables *t, struct chq_bucket *b)
{
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

static void
bucket_prefetch(const struct chq_tables *t, uint32_t i)
{
	const struct chq_bucket *b = &t->buckets[i];

	if (i >= t->header->buckets)
		return;
	for (int e = 0; e < CHQ_BUCKET_ENTRIES; e++)
		if (b->key[e] != 0 && b->slot[e] < t->header->sessions) {
			__builtin_prefetch(&t->sessions[b->slot[e]].state);
			__builtin_prefetch(&t->sessions[b->slot[e]].rx_ident);
		}
}

static void
buckets_settle(struct chq_tables *t, struct progress *p)
{
	t->accounts = 0;
	for (uint32_t i = 0; i < t->header->buckets; i++) {
		progress(p, "accounts", i, t->header->buckets);
		bucket_prefetch(t, i + AHEAD);
		bucket_settle(t, &t->buckets[i]);
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

/* Its account's buckets. */
static void
link_prefetch(const struct chq_tables *t, uint32_t slot)
{
	uint32_t at[2];

	if (slot >= t->header->sessions || t->sessions[slot].state != CHQ_SESSION_OPEN)
		return;
	chq_account_buckets(tables_key(t->sessions[slot].rx_ident), t->header->account_seed,
			    t->header->buckets, at);
	__builtin_prefetch(&t->buckets[at[0]]);
	__builtin_prefetch(&t->buckets[at[1]]);
}

/* Every receiver is reachable; one whose device has a newer session that is reachable lingers. */
static void
links_settle(struct chq_tables *t, uint32_t now_s, struct progress *p)
{
	for (uint32_t slot = 0; slot < t->header->sessions; slot++) {
		struct chq_session *s = &t->sessions[slot];
		uint32_t twin;

		progress(p, "links", slot, t->header->sessions);
		link_prefetch(t, slot + AHEAD);
		if (s->state != CHQ_SESSION_OPEN || chain_walk(t, slot, &twin))
			continue;
		if (twin == CHQ_SLOT_NONE && tables_link(t, slot) == 0)
			continue;
		tables_set_linger(t, slot, now_s + CHQ_LINGER_S);
	}
}

/* CHQ_RX_DEVICES says whether another follows. */
static void
flag_settle(struct chq_tables *t, uint32_t slot)
{
	uint64_t flag = (uint64_t)CHQ_RX_DEVICES << 56;
	uint64_t *ident = &t->sessions[slot].rx_ident, want;

	if (*ident == 0)
		return;
	want = t->cold[slot].next_slot != CHQ_SLOT_NONE ? *ident | flag : *ident & ~flag;
	if (want != *ident)
		CHQ_STORE_RELEASE(ident, want);
}

/* Seconds that a FREE slot still rests. */
static uint32_t
rest_left(const struct chq_tables *t, uint32_t slot, uint32_t now_s)
{
	int32_t left = (int32_t)(t->cold[slot].rested_s - now_s);

	return t->sessions[slot].gen == 0 || left < 0 ? 0 : (uint32_t)left;
}

static void
free_settle(struct chq_tables *t, uint32_t slot, uint32_t now_s)
{
	if (t->sessions[slot].gen == 0)
		return; /* never used: nothing was written to it */
	tables_slot_wipe(t, slot);
	if ((int32_t)(t->cold[slot].rested_s - now_s) > CHQ_SLOT_REST_S)
		t->cold[slot].rested_s = now_s + CHQ_SLOT_REST_S;
}

/* Wipes what is free, counts and lists the rest. @ends: receives how many slots rest so many seconds more. */
static void
slots_count(struct chq_tables *t, uint32_t now_s, uint32_t ends[CHQ_SLOT_REST_S + 1],
	    struct progress *p)
{
	t->used = t->unconfirmed = 0;
	for (uint32_t slot = 0; slot < t->header->sessions; slot++) {
		uint8_t state = t->sessions[slot].state;

		progress(p, "slots", slot, t->header->sessions);
		flag_settle(t, slot);
		if (state == CHQ_SESSION_FREE) {
			free_settle(t, slot, now_s);
			ends[rest_left(t, slot, now_s)]++;
			continue;
		}
		t->used++;
		tables_kin_add(t, slot);
		t->unconfirmed += state == CHQ_SESSION_PRELOGIN || state == CHQ_SESSION_NEW;
	}
}

/*
 * Rebuild the rings of free slots. All go to one ring in the order of their rests' ends, which
 * none that is freed later comes before.
 */
static void
slots_settle(struct chq_tables *t, uint32_t now_s, struct progress *p)
{
	uint32_t next[CHQ_SLOT_REST_S + 1] = { 0 }, place = 0;

	slots_count(t, now_s, next, p);
	for (int i = 0; i <= CHQ_SLOT_REST_S; i++) {
		uint32_t n = next[i];

		next[i] = place;
		place += n;
	}
	for (uint32_t slot = 0; slot < t->header->sessions; slot++)
		if (t->sessions[slot].state == CHQ_SESSION_FREE)
			t->free[CHQ_FREE_OTHERS].slots[next[rest_left(t, slot, now_s)]++] = slot;
	t->free[CHQ_FREE_OTHERS].count = t->free_count = place;
}

void
tables_scrub(struct chq_tables *t, uint64_t now_ns)
{
	uint32_t now_s = (uint32_t)(now_ns / CHQ_NS_PER_SEC);
	uint64_t start = chq_mono_ns();
	struct progress p = { .next_ns = start + CHQ_NS_PER_SEC };

	for (int i = 0; i < CHQ_FREE__COUNT; i++)
		t->free[i].head = t->free[i].count = 0;
	tables_kin_clear(t);
	memset(t->budget_users, 0, t->header->sessions * sizeof(*t->budget_users));
	for (uint32_t slot = 0; slot < t->header->sessions; slot++) {
		progress(&p, "sessions", slot, t->header->sessions);
		session_settle(t, slot, now_s);
		tables_budget_settle(t, slot);
	}
	buckets_settle(t, &p);
	links_settle(t, now_s, &p);
	slots_settle(t, now_s, &p);
	if (p.lines)
		CHQ_LOG_INFO("tables-adopted", "sessions=%u accounts=%u ms=%llu", (unsigned)t->used,
			     (unsigned)t->accounts,
			     (unsigned long long)((chq_mono_ns() - start) / CHQ_NS_PER_MS));
}

void
tables_slots_fresh(struct chq_tables *t)
{
	struct chq_free_ring *free = &t->free[CHQ_FREE_OTHERS];

	for (uint32_t slot = 0; slot < t->header->sessions; slot++)
		free->slots[slot] = slot;
	free->count = t->free_count = t->header->sessions;
}
