/*
 * Life of a slot: open, login or confirm, linger, close. Each is a series of stores whose every
 * prefix is either harmless or recognised by tables_scrub():
 *
 *   FREE with anything in it            opening or closing was cut short: wiped
 *   PRELOGIN, NEW with rx_ident, links  publishing was cut short: undone, comes again
 *   OPEN, not reachable, device is      its successor was published: lingers
 *   OPEN, not reachable, device is not  closing or lingering was cut short, or the publishing of
 *                                       a successor that is undone: reachable again
 *   OPEN with rx_ident 0                closing was cut short further on: closed
 *   LINGER with rx_ident                lingering was cut short: cleared
 */
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/err.h"
#include "dataplane/path.h"
#include "dataplane/quota.h"
#include "dataplane/tables_priv.h"

static uint32_t
seconds(uint64_t now_ns)
{
	return (uint32_t)(now_ns / CHQ_NS_PER_SEC);
}

static void
key_store(struct chq_sipkey *to, struct chq_sipkey key)
{
	CHQ_STORE_RELAXED(&to->k0, key.k0);
	CHQ_STORE_RELAXED(&to->k1, key.k1);
}

struct chq_session *
chq_session_at(const struct chq_tables *t, struct chq_dp_ref ref)
{
	struct chq_session *s;

	if (ref.slot >= t->header->sessions)
		return NULL;
	s = &t->sessions[ref.slot];
	return s->state != CHQ_SESSION_FREE && s->gen == ref.gen ? s : NULL;
}

/* --- free slots --- */

void
tables_slot_push(struct chq_tables *t, int which, uint32_t slot)
{
	struct chq_free_ring *r = &t->free[which];

	r->slots[((uint64_t)r->head + r->count) % t->header->sessions] = slot;
	r->count++;
	t->free_count++;
}

static uint32_t
ring_pop(struct chq_tables *t, struct chq_free_ring *r, uint32_t now_s)
{
	uint32_t slot = r->slots[r->head];

	if (r->count == 0 ||
	    (t->sessions[slot].gen != 0 && (int32_t)(now_s - t->cold[slot].rested_s) < 0))
		return CHQ_SLOT_NONE;
	r->head = (r->head + 1) % t->header->sessions;
	r->count--;
	t->free_count--;
	return slot;
}

/*
 * A slot that has rested, or CHQ_SLOT_NONE. Those of handshakes that came to nothing first: however
 * many follow each other, they use the same few slots.
 */
static uint32_t
slot_pop(struct chq_tables *t, uint32_t now_s)
{
	uint32_t slot = ring_pop(t, &t->free[CHQ_FREE_GUESTS], now_s);

	return slot != CHQ_SLOT_NONE ? slot : ring_pop(t, &t->free[CHQ_FREE_OTHERS], now_s);
}

void
tables_slot_wipe(struct chq_tables *t, uint32_t slot)
{
	static const struct chq_sipkey none = { 0, 0 };
	struct chq_session *s = &t->sessions[slot];

	key_store(&s->tag_in, none);
	key_store(&s->tag_out, none);
	key_store(&s->grant_key, none);
	CHQ_STORE_RELAXED(&s->ident, 0);
	CHQ_STORE_RELAXED(&s->sender_epoch, 0);
	CHQ_STORE_RELAXED(&s->rx_ident, 0);
	sodium_memzero(&t->hop[slot], sizeof(t->hop[slot]));
}

/* --- chains of an account's sessions --- */

/* Sets or clears CHQ_RX_DEVICES by what follows. */
static void
next_set(struct chq_tables *t, uint32_t slot, uint32_t next)
{
	uint64_t flag = (uint64_t)CHQ_RX_DEVICES << 56;
	uint64_t *ident = &t->sessions[slot].rx_ident;

	CHQ_STORE_RELAXED(&t->cold[slot].next_slot, next);
	if (*ident != 0)
		CHQ_STORE_RELEASE(ident, next == CHQ_SLOT_NONE ? *ident & ~flag : *ident | flag);
}

/* The chain's member before @slot; CHQ_SLOT_NONE if @slot is the head or no member. */
static uint32_t
chain_before(const struct chq_tables *t, uint32_t head, uint32_t slot)
{
	for (int i = 0; i < CHQ_DEVICES_MAX && head != CHQ_SLOT_NONE; i++) {
		if (t->cold[head].next_slot == slot)
			return head;
		head = t->cold[head].next_slot;
	}
	return CHQ_SLOT_NONE;
}

/* The chain's member of a device, or CHQ_SLOT_NONE; @count: length of the chain. */
static uint32_t
chain_device(const struct chq_tables *t, uint32_t head, uint8_t device, int *count)
{
	uint32_t found = CHQ_SLOT_NONE;

	for (*count = 0; *count < CHQ_DEVICES_MAX && head != CHQ_SLOT_NONE; ++*count) {
		if (CHQ_PARTY_DEVICE(t->sessions[head].rx_ident) == device)
			found = head;
		head = t->cold[head].next_slot;
	}
	return found;
}

int
tables_link(struct chq_tables *t, uint32_t slot)
{
	uint64_t key = tables_key(t->sessions[slot].rx_ident);

	next_set(t, slot, tables_find(t, key));
	return chq_account_set(t, key, slot);
}

/* Let @slot take the place of @old in the account's chain. */
static void
chain_replace(struct chq_tables *t, uint32_t old, uint32_t slot)
{
	uint64_t key = tables_key(t->sessions[slot].rx_ident);
	uint32_t head = tables_find(t, key);
	uint32_t before = chain_before(t, head, old);

	next_set(t, slot, t->cold[old].next_slot);
	if (head == old)
		(void)chq_account_set(t, key, slot); /* it is there: cannot be full */
	else
		next_set(t, before, slot);
}

/* Out of reach. Who is on his way through this member still finds it whole. */
static void
chain_unlink(struct chq_tables *t, uint32_t slot)
{
	uint64_t key = tables_key(t->sessions[slot].rx_ident);
	uint32_t head = tables_find(t, key), next = t->cold[slot].next_slot;
	uint32_t before = chain_before(t, head, slot);

	if (head == slot && next == CHQ_SLOT_NONE)
		(void)chq_account_remove(t, key);
	else if (head == slot)
		(void)chq_account_set(t, key, next);
	else if (before != CHQ_SLOT_NONE)
		next_set(t, before, next);
}

/* No receiver any more. It is out of reach already. */
static void
receiver_clear(struct chq_tables *t, uint32_t slot)
{
	CHQ_STORE_RELEASE(&t->sessions[slot].rx_ident, 0);
	CHQ_STORE_RELAXED(&t->cold[slot].next_slot, CHQ_SLOT_NONE);
}

void
tables_set_linger(struct chq_tables *t, uint32_t slot, uint32_t until_s)
{
	struct chq_session *s = &t->sessions[slot];

	if (s->expires_s > until_s)
		CHQ_STORE_RELAXED(&s->expires_s, until_s);
	CHQ_STORE_RELEASE(&s->state, CHQ_SESSION_LINGER);
	receiver_clear(t, slot);
}

/* --- from PRELOGIN or NEW to OPEN --- */

/* Senders revoked for the account's other session @from (CHQ_SLOT_NONE: there is none) are so for
 * @to. */
static uint64_t
deny_copy(struct chq_tables *t, uint32_t from, uint32_t to)
{
	for (int i = 0; i < CHQ_DENY_MAX; i++)
		CHQ_STORE_RELAXED(&t->cold[to].deny[i],
				  from != CHQ_SLOT_NONE ? t->cold[from].deny[i] : 0);
	return from != CHQ_SLOT_NONE ? t->sessions[from].rx_ident >> 56 & CHQ_RX_DENY : 0;
}

/* Make a receiver of a session whose ident, keys and cold.full_expires_s are set. 0; CHQ_EFULL:
 * nothing has changed. */
static int
publish(struct chq_tables *t, uint32_t slot, uint64_t now_ns, struct chq_dp_ref *replaced)
{
	struct chq_session *s = &t->sessions[slot];
	uint32_t head = tables_find(t, tables_key(s->ident));
	int count, rc = CHQ_OK;
	uint32_t old = chain_device(t, head, CHQ_PARTY_DEVICE(s->ident), &count);
	uint64_t flags;

	if (old == CHQ_SLOT_NONE && count >= CHQ_DEVICES_MAX)
		return CHQ_EFULL;
	tables_budget_join(t, slot, head, now_ns);
	flags = CHQ_RX_VALID | deny_copy(t, old != CHQ_SLOT_NONE ? old : head, slot);
	CHQ_STORE_RELAXED(&s->rx_expires_s, t->cold[slot].full_expires_s);
	CHQ_STORE_RELEASE(&s->rx_ident,
			  CHQ_RX_IDENT(flags, CHQ_PARTY_DEVICE(s->ident), CHQ_PARTY_ID(s->ident)));
	if (old != CHQ_SLOT_NONE)
		chain_replace(t, old, slot);
	else
		rc = tables_link(t, slot);
	if (rc) {
		CHQ_STORE_RELEASE(&s->rx_ident, 0);
		return rc;
	}
	CHQ_STORE_RELEASE(&s->state, CHQ_SESSION_OPEN);
	CHQ_STORE_RELAXED(&s->expires_s, t->cold[slot].full_expires_s);
	t->unconfirmed--;
	if (replaced)
		*replaced = (struct chq_dp_ref){ .slot = old };
	if (old != CHQ_SLOT_NONE) {
		tables_set_linger(t, old, seconds(now_ns) + CHQ_LINGER_S);
		if (replaced)
			replaced->gen = t->sessions[old].gen;
	}
	return CHQ_OK;
}

int
chq_session_login(struct chq_tables *t, const struct chq_dp_session_login *m, uint64_t now_ns,
		  struct chq_dp_ref *replaced)
{
	struct chq_session *s = chq_session_at(t, m->ref);
	uint32_t slot = m->ref.slot;
	uint8_t class_was;
	int rc;

	if (!s)
		return CHQ_ENOENT;
	if (s->state != CHQ_SESSION_PRELOGIN || m->account == 0 || m->account > CHQ_ID_MASK ||
	    m->device == 0 || m->quota_class >= CHQ_TABLE_QUOTAS)
		return CHQ_EINVAL;
	class_was = s->quota_class;
	t->cold[slot].kind = m->kind;
	t->cold[slot].full_expires_s = seconds(now_ns) + m->lifetime_s;
	key_store(&s->grant_key, chq_sipkey_load(m->grant_key));
	CHQ_STORE_RELAXED(&s->quota_class, m->quota_class);
	CHQ_STORE_RELAXED(&s->sender_epoch, m->sender_epoch);
	CHQ_STORE_RELAXED(&s->ident, CHQ_PARTY(CHQ_KIND_ACCOUNT, m->device, m->account));
	rc = publish(t, slot, now_ns, replaced);
	if (rc) {
		CHQ_STORE_RELAXED(&s->ident, 0);
		CHQ_STORE_RELAXED(&s->sender_epoch, 0);
		CHQ_STORE_RELAXED(&s->quota_class, class_was);
	} else {
		tables_kin_add(t, slot);
	}
	return rc;
}

int
chq_session_confirm(struct chq_tables *t, struct chq_dp_ref ref, uint64_t now_ns,
		    struct chq_dp_ref *replaced)
{
	struct chq_session *s = chq_session_at(t, ref);

	if (!s)
		return CHQ_ENOENT;
	if (s->state != CHQ_SESSION_NEW)
		return CHQ_EINVAL;
	return publish(t, ref.slot, now_ns, replaced);
}

/* --- open --- */

static void
path_of(const struct chq_dp_path *from, struct chq_path *to)
{
	memcpy(&to->ip_hi, from->ip, 8);
	memcpy(&to->ip_lo, from->ip + 8, 8);
	to->port = from->port;
	to->local = (uint8_t)from->local;
	to->vlan = from->vlan;
	to->ifidx = (uint8_t)from->ifidx;
	memcpy(to->mac, from->mac, sizeof(to->mac));
	to->seal = 0;
}

/* A worker that a stale frame or a stale link leads to the slot may be reading: whole words. */
static void
sender_half_fill(struct chq_session *s, const struct chq_dp_session_open *m, uint32_t now_s)
{
	uint64_t ident = m->account ? CHQ_PARTY(CHQ_KIND_ACCOUNT, m->device, m->account) : 0;

	key_store(&s->tag_in, chq_sipkey_load(m->tag_in));
	CHQ_STORE_RELAXED(&s->ident, ident);
	CHQ_STORE_RELAXED(&s->sender_epoch, m->sender_epoch);
	CHQ_STORE_RELAXED(&s->quota_class, m->quota_class);
	CHQ_STORE_RELAXED(&s->quota, CHQ_QUOTA_IDLE(now_s * CHQ_NS_PER_SEC));
	CHQ_STORE_RELAXED(&s->notice_tat, 0);
	CHQ_STORE_RELAXED(&s->expires_s, now_s + m->confirm_s);
	CHQ_STORE_RELAXED(&s->heard_s, now_s);
	for (int i = 0; i < CHQ_REPLAY_WORDS; i++)
		CHQ_STORE_RELAXED(&s->replay[i], 0);
}

static void
receiver_half_fill(struct chq_session *s, const struct chq_dp_session_open *m, uint32_t now_s)
{
	uint64_t word = CHQ_PATH_WORD(s->gen, 0, 0);
	struct chq_path path;

	path_of(&m->path, &path);
	key_store(&s->tag_out, chq_sipkey_load(m->tag_out));
	key_store(&s->grant_key, chq_sipkey_load(m->grant_key));
	CHQ_STORE_RELAXED(&s->rx_ident, 0);
	CHQ_STORE_RELAXED(&s->seq_out, 0);
	CHQ_STORE_RELAXED(&s->rx_expires_s, s->expires_s);
	CHQ_STORE_RELAXED(&s->rx_heard_s, chq_heard_until(now_s));
	chq_path_write(s, &path, word);
	CHQ_STORE_RELEASE(&s->path_word, word);
	CHQ_STORE_RELAXED(&s->path_fp, chq_path_fp_of(&path));
}

static void
cold_fill(struct chq_cold *c, const struct chq_dp_session_open *m, uint64_t now_ns)
{
	for (int i = 0; i < CHQ_DENY_MAX; i++)
		CHQ_STORE_RELAXED(&c->deny[i], 0);
	CHQ_STORE_RELAXED(&c->next_slot, CHQ_SLOT_NONE);
	CHQ_STORE_RELAXED(&c->fast_tat, 0);
	CHQ_STORE_RELAXED(&c->over_quota, 0);
	CHQ_STORE_RELAXED(&c->rested_s, 0);
	c->opened_ns = now_ns;
	c->kind = m->kind;
	c->full_expires_s = m->account ? seconds(now_ns) + m->lifetime_s : 0;
	memcpy(c->static_hash, m->static_hash, sizeof(c->static_hash));
}

int
chq_session_open(struct chq_tables *t, const struct chq_dp_session_open *m, uint64_t now_ns,
		 struct chq_dp_ref *ref)
{
	uint32_t pool = t->header->sessions / 16, now_s = seconds(now_ns), slot;
	struct chq_session *s;

	if (m->quota_class >= CHQ_TABLE_QUOTAS || m->account > CHQ_ID_MASK ||
	    (m->account == 0) != (m->device == 0) || m->path.local >= CHQ_TABLE_LOCALS_MAX ||
	    m->path.ifidx >= CHQ_TABLE_PORTS_MAX)
		return CHQ_EINVAL;
	if (t->unconfirmed >= (pool > 16 ? pool : 16))
		return CHQ_EFULL;
	slot = slot_pop(t, now_s);
	if (slot == CHQ_SLOT_NONE)
		return CHQ_EFULL;

	s = &t->sessions[slot];
	CHQ_STORE_RELAXED(&s->gen,
			  (uint16_t)(s->gen == UINT16_MAX ? 1 : s->gen + 1)); /* 0: never used */
	CHQ_PROGRAM_ORDER();
	sender_half_fill(s, m, now_s);
	receiver_half_fill(s, m, now_s);
	cold_fill(&t->cold[slot], m, now_ns);
	if (m->account) {
		tables_budget_join(t, slot, tables_find(t, tables_key(m->account)), now_ns);
		tables_kin_add(t, slot);
	}
	memcpy(t->hop[slot].in, m->hop_in, sizeof(m->hop_in));
	memcpy(t->hop[slot].out, m->hop_out, sizeof(m->hop_out));
	CHQ_STORE_RELEASE(&s->state, m->account ? CHQ_SESSION_NEW : CHQ_SESSION_PRELOGIN);
	t->used++;
	t->unconfirmed++;
	*ref = (struct chq_dp_ref){ .slot = slot, .gen = s->gen };
	return CHQ_OK;
}

/* --- the end --- */

int
chq_session_linger(struct chq_tables *t, struct chq_dp_ref ref, uint32_t ms, uint64_t now_ns)
{
	struct chq_session *s = chq_session_at(t, ref);

	if (!s)
		return CHQ_ENOENT;
	if (s->state != CHQ_SESSION_OPEN)
		return CHQ_EINVAL;
	chain_unlink(t, ref.slot);
	tables_set_linger(t, ref.slot, seconds(now_ns) + (ms + 999) / 1000);
	return CHQ_OK;
}

int
chq_session_close(struct chq_tables *t, struct chq_dp_ref ref, uint64_t now_ns)
{
	struct chq_session *s = chq_session_at(t, ref);
	bool guest;

	if (!s)
		return CHQ_ENOENT;
	guest = s->state == CHQ_SESSION_PRELOGIN || s->state == CHQ_SESSION_NEW;
	t->unconfirmed -= guest;
	t->used--;
	CHQ_STORE_RELAXED(&t->cold[ref.slot].rested_s,
			  seconds(now_ns) + (guest ? CHQ_SLOT_REST_GUEST_S : CHQ_SLOT_REST_S));
	if (s->rx_ident != 0) {
		chain_unlink(t, ref.slot);
		receiver_clear(t, ref.slot);
	}
	tables_budget_leave(t, ref.slot);
	tables_kin_remove(t, ref.slot);
	CHQ_STORE_RELEASE(&s->state, CHQ_SESSION_FREE);
	CHQ_FENCE_RELEASE(); /* who reads a wiped key reads FREE behind it */
	tables_slot_wipe(t, ref.slot);
	tables_slot_push(t, guest ? CHQ_FREE_GUESTS : CHQ_FREE_OTHERS, ref.slot);
	return CHQ_OK;
}

/* --- receivers' keys and denial lists --- */

int
chq_session_grant_key(struct chq_tables *t, uint64_t account, const uint8_t key[16])
{
	uint32_t slot = tables_find(t, CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, account));

	if (slot == CHQ_SLOT_NONE)
		return CHQ_ENOENT;
	for (int i = 0; i < CHQ_DEVICES_MAX && slot != CHQ_SLOT_NONE; i++) {
		key_store(&t->sessions[slot].grant_key, chq_sipkey_load(key));
		slot = t->cold[slot].next_slot;
	}
	return CHQ_OK;
}

/* The entry of a sender; else, unless @remove, one that is empty or out of date; else NULL. */
static uint64_t *
deny_entry(struct chq_cold *c, uint64_t sender, uint16_t today, bool remove)
{
	uint64_t *spare = NULL;

	for (int i = 0; i < CHQ_DENY_MAX; i++) {
		if (c->deny[i] != 0 && (c->deny[i] & CHQ_ID_MASK) == sender)
			return &c->deny[i];
		if (c->deny[i] == 0 || c->deny[i] >> 48 < today)
			spare = &c->deny[i];
	}
	return remove ? NULL : spare;
}

int
chq_session_deny(struct chq_tables *t, uint64_t account, uint64_t sender, uint16_t until_day,
		 bool remove)
{
	uint32_t slot = tables_find(t, CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, account));

	if (slot == CHQ_SLOT_NONE)
		return CHQ_ENOENT;
	for (int i = 0; i < CHQ_DEVICES_MAX && slot != CHQ_SLOT_NONE; i++) {
		uint64_t *ident = &t->sessions[slot].rx_ident;
		uint64_t *entry = deny_entry(&t->cold[slot], sender, t->header->today, remove);

		if (!entry)
			return remove ? CHQ_ENOENT : CHQ_EFULL;
		CHQ_STORE_RELAXED(entry, remove ? 0 : (uint64_t)until_day << 48 | sender);
		CHQ_STORE_RELEASE(ident, *ident | (uint64_t)CHQ_RX_DENY << 56);
		slot = t->cold[slot].next_slot;
	}
	return CHQ_OK;
}
