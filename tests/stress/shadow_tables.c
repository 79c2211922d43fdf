/*
 * shadow_tables [operations] [seed]: random operations on the tables, judged by a plain model.
 *
 * After each operation the return code must be the model's, and every so often every record, every
 * link and every count must be what the model says. Which free slot an operation takes is the tables' own business, as long
 * as it has rested. In between the process "is killed": all that only memory holds is thrown away,
 * and the tables are adopted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/err.h"
#include "dataplane/tables_priv.h"
#include "tests/stress/shadow_model.h"

#define EVERY 64 /* operations between two looks at everything */

static struct chq_tables *t;
static uint64_t rng, done;

#define CHECK(x)                                                                              \
	do {                                                                                  \
		if (!(x)) {                                                                   \
			fprintf(stderr, "operation %" PRIu64 ", line %d: not so: %s\n", done, \
				__LINE__, #x);                                                \
			abort();                                                              \
		}                                                                             \
	} while (0)

static uint64_t
rnd(void)
{
	uint64_t x = rng += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint32_t
below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

static uint64_t
now_ns(void)
{
	return now_s * CHQ_NS_PER_SEC + rnd() % CHQ_NS_PER_SEC;
}

/* --- operations --- */

/* Few have many devices, many have few. */
static uint64_t
some_id(void)
{
	return 1 + below(below(2) ? IDS : 4);
}

/* Mostly one in that state, now and then another, or one that does not exist. @known: does it? */
static struct chq_dp_ref
some_session(uint8_t state, bool *known)
{
	struct chq_dp_ref r = { .slot = below(SLOTS + 2) };

	for (int i = 0; i < SLOTS && below(128); i++) {
		if (r.slot < SLOTS && slots[r.slot].state == state)
			break;
		r.slot = (r.slot + 1) % SLOTS;
	}
	if (r.slot < SLOTS)
		r.gen = (uint16_t)(slots[r.slot].gen + (below(32) == 0));
	*known = r.slot < SLOTS && slots[r.slot].state != CHQ_SESSION_FREE &&
		 slots[r.slot].gen == r.gen;
	return r;
}

static void
key_fill(uint8_t key[16], uint8_t mark)
{
	memset(key, mark, 16);
}

static void
op_open(void)
{
	bool guest = below(4) == 0;
	struct chq_dp_session_open m = { .account = guest ? 0 : some_id(),
					 .device = guest ? 0 : (uint8_t)(1 + below(DEVICES)),
					 .quota_class = guest ? CHQ_QUOTA_PRELOGIN
							      : (uint8_t)below(CHQ_TABLE_QUOTAS),
					 .sender_epoch = guest ? 0 : (uint16_t)below(0x4000),
					 .confirm_s = 1 + below(60),
					 .lifetime_s = 20 + below(1500) };
	uint32_t limit = SLOTS / 16 > 16 ? SLOTS / 16 : 16;
	uint32_t free = count(rested), waiting = count(unconfirmed);
	bool room = free > 0 && waiting < limit, guests = false;
	struct chq_dp_ref ref;
	struct slot *s;
	int rc, want = room ? 0 : CHQ_EFULL;

	if (below(64) == 0) {
		m.device = guest ? 1 : 0; /* an account without a device, or the other way round */
		want = CHQ_EINVAL;
	}
	key_fill(m.grant_key, m.quota_class);
	rc = chq_session_open(t, &m, now_ns(), &ref);
	CHECK(rc == want);
	seen[NONE_RESTED] += free == 0;
	seen[TOO_MANY_NEW] += waiting >= limit;
	if (rc)
		return;
	s = &slots[ref.slot];
	CHECK(ref.slot < SLOTS && rested(s));
	for (int i = 0; i < SLOTS; i++)
		guests |= rested(&slots[i]) && slots[i].guest;
	CHECK(!guests || s->guest); /* those of handshakes first */
	seen[GUEST_FIRST] += guests;
	CHECK(ref.gen == (s->gen == UINT16_MAX ? 1 : s->gen + 1));
	*s = (struct slot){ .state = guest ? CHQ_SESSION_PRELOGIN : CHQ_SESSION_NEW,
			    .gen = ref.gen,
			    .account = m.account,
			    .device = m.device,
			    .quota_class = m.quota_class,
			    .key = m.quota_class,
			    .sender_epoch = m.sender_epoch,
			    .expires_s = now_s + m.confirm_s,
			    .full_s = guest ? 0 : now_s + m.lifetime_s };
}

/* @rc, @replaced: what the tables said. */
static void
judge_publish(struct chq_dp_ref ref, uint64_t id, uint8_t device, int rc,
	      const struct chq_dp_ref *replaced)
{
	uint32_t old;

	CHECK(rc == model_publish(ref.slot, id, device, &old));
	if (rc == 0) {
		CHECK(replaced->slot == old);
		CHECK(old == CHQ_SLOT_NONE || replaced->gen == slots[old].gen);
	}
}

static void
op_login(void)
{
	bool known;
	struct chq_dp_session_login m = { .ref = some_session(CHQ_SESSION_PRELOGIN, &known),
					  .account = some_id(),
					  .device = (uint8_t)(1 + below(DEVICES)),
					  .quota_class = (uint8_t)below(CHQ_TABLE_QUOTAS),
					  .sender_epoch = (uint16_t)below(0x4000),
					  .lifetime_s = 20 + below(1500) };
	struct chq_dp_ref replaced;
	struct slot was, *s;
	int rc;

	key_fill(m.grant_key, (uint8_t)(m.account & 7));
	rc = chq_session_login(t, &m, now_s * CHQ_NS_PER_SEC, &replaced);
	if (!known || slots[m.ref.slot].state != CHQ_SESSION_PRELOGIN) {
		CHECK(rc == (known ? CHQ_EINVAL : CHQ_ENOENT));
		return;
	}
	s = &slots[m.ref.slot];
	was = *s;
	s->full_s = now_s + m.lifetime_s;
	s->quota_class = m.quota_class;
	s->key = (uint8_t)(m.account & 7);
	s->sender_epoch = m.sender_epoch;
	judge_publish(m.ref, m.account, m.device, rc, &replaced);
	if (rc)
		*s = was;
}

static void
op_confirm(void)
{
	bool known;
	struct chq_dp_ref ref = some_session(CHQ_SESSION_NEW, &known), replaced;
	int rc = chq_session_confirm(t, ref, now_ns(), &replaced);

	if (!known || slots[ref.slot].state != CHQ_SESSION_NEW)
		CHECK(rc == (known ? CHQ_EINVAL : CHQ_ENOENT));
	else
		judge_publish(ref, slots[ref.slot].account, slots[ref.slot].device, rc, &replaced);
}

static void
op_linger(void)
{
	bool known;
	struct chq_dp_ref ref = some_session(CHQ_SESSION_OPEN, &known);
	uint32_t ms = below(60000);
	int rc = chq_session_linger(t, ref, ms, now_ns());

	if (!known || slots[ref.slot].state != CHQ_SESSION_OPEN) {
		CHECK(rc == (known ? CHQ_EINVAL : CHQ_ENOENT));
		return;
	}
	CHECK(rc == 0);
	account_leave(ref.slot);
	linger(ref.slot, now_s + (ms + 999) / 1000);
}

static void
op_close(void)
{
	bool known;
	struct chq_dp_ref ref = some_session((uint8_t)(1 + below(4)), &known);

	CHECK(chq_session_close(t, ref, now_ns()) == (known ? 0 : CHQ_ENOENT));
	if (known)
		model_close(ref.slot);
}

static void
op_grant_key(void)
{
	uint64_t id = some_id();
	uint8_t key[16], mark = (uint8_t)below(8);

	key_fill(key, mark);
	CHECK(chq_session_grant_key(t, id, key) == (accounts[id].n ? 0 : CHQ_ENOENT));
	for (int i = 0; i < accounts[id].n; i++)
		slots[accounts[id].slot[i]].key = mark;
}

static void
op_sender_epoch(void)
{
	uint16_t epoch = (uint16_t)below(0x4000);
	uint64_t id = some_id();
	int sessions = 0;
	int rc = chq_session_sender_epoch(t, id, epoch);

	for (int i = 0; i < SLOTS; i++)
		if (slots[i].state != CHQ_SESSION_FREE && slots[i].account == id) {
			slots[i].sender_epoch = epoch;
			seen[EPOCH_UNREACHABLE] += slots[i].state != CHQ_SESSION_OPEN;
			sessions++;
		}
	CHECK(rc == (sessions ? 0 : CHQ_ENOENT));
}

/* Place of a sender on an account's list, or -1. */
static int
denied_at(const struct account *a, uint64_t sender)
{
	for (int i = 0; i < a->n_denied; i++)
		if (a->denied[i] == sender)
			return i;
	return -1;
}

static void
op_deny(void)
{
	uint64_t id = some_id(), sender = 1 + below(12);
	uint16_t until = (uint16_t)(TODAY + below(30));
	bool remove = below(2);
	struct account *a = &accounts[id];
	int rc = chq_session_deny(t, id, sender, until, remove), at = denied_at(a, sender);

	if (a->n == 0 || (remove && at < 0)) {
		CHECK(rc == CHQ_ENOENT);
	} else if (remove) {
		CHECK(rc == 0);
		a->n_denied--;
		a->denied[at] = a->denied[a->n_denied];
		a->until[at] = a->until[a->n_denied];
	} else if (at < 0 && a->n_denied == CHQ_DENY_MAX) {
		CHECK(rc == CHQ_EFULL);
		seen[DENY_FULL]++;
	} else {
		CHECK(rc == 0);
		at = at < 0 ? a->n_denied++ : at;
		a->denied[at] = sender;
		a->until[at] = until;
	}
}

/* Time passes, and what is over ends, as the manager's sweep does it. */
static void
op_expire(void)
{
	now_s += below(below(4) ? 4 : 120);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct chq_dp_ref ref = { .slot = i, .gen = slots[i].gen };

		if (slots[i].state == CHQ_SESSION_FREE || slots[i].expires_s > now_s)
			continue;
		CHECK(chq_session_close(t, ref, now_ns()) == 0);
		model_close(i);
		seen[EXPIRED]++;
	}
}

static void
op_look_up(void)
{
	uint64_t id = some_id();
	uint32_t first = accounts[id].n ? accounts[id].slot[0] : CHQ_SLOT_NONE;

	CHECK(tables_find(t, CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, id)) == first);
}

/* The process is killed between two operations, and the next one adopts. */
static void
op_adopt(void)
{
	t->used = t->unconfirmed = t->accounts = t->free_count = 12345;
	for (int i = 0; i < CHQ_FREE__COUNT; i++) {
		t->free[i].head = t->free[i].count = below(SLOTS);
		memset(t->free[i].slots, 0xff, SLOTS * sizeof(t->free[i].slots[0]));
	}
	tables_scrub(t, now_ns());
	for (int i = 0; i < SLOTS; i++)
		slots[i].guest = false;
	seen[ADOPTED]++;
}

/* --- everything --- */

static void
check_denied(const struct account *a, const struct chq_cold *c)
{
	int n = 0;

	for (int i = 0; i < CHQ_DENY_MAX; i++) {
		int at = c->deny[i] ? denied_at(a, c->deny[i] & CHQ_ID_MASK) : -1;

		n += c->deny[i] != 0;
		CHECK(c->deny[i] == 0 || (at >= 0 && c->deny[i] >> 48 == a->until[at]));
	}
	CHECK(n == a->n_denied);
}

static void
check_slot(uint32_t i)
{
	const struct slot *s = &slots[i];
	const struct chq_session *r = &t->sessions[i];
	struct chq_sipkey key;
	uint8_t bytes[16];

	CHECK(r->state == s->state && r->gen == s->gen);
	CHECK(CHQ_PARTY_ID(r->ident) == s->account && CHQ_PARTY_DEVICE(r->ident) == s->device);
	CHECK(r->sender_epoch == s->sender_epoch);
	CHECK((r->rx_ident != 0) == (s->state == CHQ_SESSION_OPEN));
	if (s->state == CHQ_SESSION_FREE) {
		CHECK(r->tag_in.k0 == 0 && r->grant_key.k0 == 0);
		CHECK(s->gen == 0 || t->cold[i].rested_s == s->rested_s);
		return;
	}
	CHECK(r->expires_s == s->expires_s && r->quota_class == s->quota_class);
	if (s->state != CHQ_SESSION_OPEN)
		return;
	key_fill(bytes, s->key);
	key = chq_sipkey_load(bytes);
	CHECK(r->grant_key.k0 == key.k0 && r->grant_key.k1 == key.k1);
}

static void
check_account(uint64_t id)
{
	const struct account *a = &accounts[id];
	uint32_t at = tables_find(t, CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, id));

	for (int i = 0; i < a->n; i++) {
		const struct chq_session *r;

		CHECK(at == a->slot[i]);
		r = &t->sessions[at];
		CHECK(CHQ_RX_IS(r->rx_ident, id));
		CHECK(CHQ_PARTY_DEVICE(r->rx_ident) == slots[at].device);
		CHECK(((r->rx_ident >> 56 & CHQ_RX_DEVICES) != 0) == (i + 1 < a->n));
		CHECK((r->rx_ident >> 56 & CHQ_RX_DENY) || a->n_denied == 0);
		check_denied(a, &t->cold[at]);
		at = t->cold[at].next_slot;
	}
	CHECK(at == CHQ_SLOT_NONE);
}

static void
check_all(void)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		check_slot(i);
	for (uint64_t id = 1; id <= IDS; id++)
		check_account(id);
	CHECK(t->used == count(used) && t->free_count == SLOTS - count(used));
	CHECK(t->unconfirmed == count(unconfirmed) && t->accounts == accounts_in_use());
}

/* --- the command --- */

/* Each as often as it stands here, out of all. */
static void (*const operations[])(void) = {
	op_open,    op_open,	op_open,    op_open,	  op_login,	   op_login,
	op_login,   op_login,	op_confirm, op_confirm,	  op_confirm,	   op_confirm,
	op_confirm, op_linger,	op_close,   op_close,	  op_deny,	   op_deny,
	op_expire,  op_look_up, op_look_up, op_grant_key, op_sender_epoch,
};

static void
run(uint64_t n)
{
	struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					.sessions = SLOTS,
					.accounts = ACCOUNTS };
	char err[256] = "";

	if (chq_tables_open(&t, &conf, now_s * CHQ_NS_PER_SEC, err, sizeof(err))) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	t->header->today = TODAY;
	for (done = 0; done < n; done++) {
		if (below(4096) == 0)
			op_adopt();
		else
			operations[below(ARRAY_LEN(operations))]();
		if (done % EVERY == 0)
			check_all();
	}
	check_all();
	chq_tables_close(t);
}

int
main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;

	rng = argc > 2 ? strtoull(argv[2], NULL, 10) : chq_mono_ns();
	printf("%" PRIu64 " operations, seed %" PRIu64 "\n", n, rng);
	fflush(stdout);
	run(n);
	for (int i = 0; i < SEEN__COUNT; i++)
		printf("  %-16s %" PRIu64 "\n", seen_name[i], seen[i]);
	for (int i = 0; i < SEEN__COUNT; i++)
		if (seen[i] == 0) {
			fprintf(stderr, "not once: %s\n", seen_name[i]);
			return 1;
		}
	printf("ok: the tables agree with the model\n");
	return 0;
}
