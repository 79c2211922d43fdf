/*
 * Whole bursts through all stages. Input: records of
 *
 *     length (2, little endian, mod 1501) || how (1) || bytes
 *
 * each one datagram of a burst of up to 32. how: bits 0-1 the source (a session's own address, or
 * one of three others), bit 2 = give the frame a right tag and grant of the session in its slot
 * field, bit 3 = a fresh seq as well, bit 4 = a right token for a PING, bit 5 = a right cookie for
 * a HELLO.
 * After each burst: one verdict a packet, the sums agree, and nothing that is sent is longer than
 * what came. Each way to hash that this machine has leaves the same bytes: in the packets, the
 * answers, the tables and the counters.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dataplane/cookie.h"
#include "dataplane/path.h"
#include "dataplane/stage.h"
#include "proto/grant.h"
#include "tests/fuzz/fuzz.h"

#define SESSIONS 8
#define T0_NS	 UINT64_C(1000000000000)
#define LEN_MAX	 1501

enum { RIGHT_TAG = 4, FRESH_SEQ = 8, RIGHT_TOKEN = 16, RIGHT_COOKIE = 32 };

static struct chq_tables *tables;
static struct chq_worker *worker;
static uint8_t *pristine[CHQ_T__COUNT], *before[CHQ_T__COUNT];

static const uint8_t *
key_of(uint32_t slot, int out)
{
	static uint8_t key[16];

	memset(key, (int)(slot * 2 + (uint32_t)out + 1), sizeof(key));
	return key;
}

static void
session_make(uint64_t account)
{
	struct chq_dp_session_open m = { .account = account,
					 .device = account != 0,
					 .quota_class = account ? CHQ_QUOTA_ORDINARY
								: CHQ_QUOTA_PRELOGIN,
					 .confirm_s = 10,
					 .lifetime_s = 3600 };
	struct chq_dp_ref ref;

	m.path.port = 40000;
	if (chq_session_open(tables, &m, T0_NS, &ref))
		abort();
	tables->sessions[ref.slot].tag_in = chq_sipkey_load(key_of(ref.slot, 0));
	tables->sessions[ref.slot].tag_out = chq_sipkey_load(key_of(ref.slot, 1));
	if (account > 1 && chq_session_confirm(tables, ref, T0_NS, NULL))
		abort();
}

/* Slots 0..: a guest, one not yet confirmed, and some who talk. Made once, put back before each
 * input. */
static void
world_make(void)
{
	struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					.sessions = SESSIONS,
					.accounts = 16 };
	char err[256];

	if (chq_tables_open(&tables, &conf, T0_NS, err, sizeof(err)))
		abort();
	worker = aligned_alloc(64, (sizeof(*worker) + 63) / 64 * 64);
	if (!worker)
		abort();
	memset(worker, 0, sizeof(*worker));
	chq_worker_bind(worker, 0, tables);
	if (chq_ring_init(&worker->notes, 64, sizeof(struct chq_note)))
		abort();
	chq_worker_set_clock(worker, T0_NS);
	for (uint64_t account = 0; account < SESSIONS - 2; account++)
		session_make(account);
	memset(&tables->header->path_secret, 7, sizeof(tables->header->path_secret));
	memset(tables->header->cookie, 7, sizeof(tables->header->cookie));
	tables->header->cookie[1].number = 1;
	tables->header->cookie[0].number = 2;
	tables->header->retry_ok = 1;
	tables->header->today = 1000;
	for (int i = 0; i < CHQ_T__COUNT; i++) {
		pristine[i] = malloc(tables->bytes[i]);
		before[i] = malloc(tables->bytes[i]);
		if (!pristine[i] || !before[i])
			abort();
		memcpy(pristine[i], tables->mapped[i], tables->bytes[i]);
	}
}

static void
world_reset(void)
{
	struct chq_note note;

	for (int i = 0; i < CHQ_T__COUNT; i++)
		memcpy(tables->mapped[i], pristine[i], tables->bytes[i]);
	for (int c = 0; c < CHQ_C__COUNT; c++)
		worker->counts[c] = 0;
	while (chq_ring_pop(&worker->notes, &note))
		;
}

static struct chq_path
source_of(uint8_t how)
{
	return (struct chq_path){ .port = (uint16_t)(40000 + how % 4) };
}

static void
hello_help(uint8_t *buf, uint16_t len, uint8_t how)
{
	struct chq_path src = source_of(how);
	struct chq_cookie_words words = chq_cookie_words_of(tables->header, &src);
	uint64_t mac[2];

	if (len != CHQ_HELLO_LEN || buf[0] != CHQ_TYPE_HELLO || !(how & RIGHT_COOKIE))
		return;
	chq_cookie_make(&tables->header->cookie[how >> 6 & 1], &words, mac);
	chq_put_le32(buf + 20, tables->header->cookie[how >> 6 & 1].number);
	chq_put_le64(buf + 24, mac[0]);
	chq_put_le64(buf + 32, mac[1]);
}

/* Make arbitrary bytes a frame that gets past the tag, so that what lies behind is reached too. */
static void
frame_help(uint8_t *buf, uint16_t len, uint8_t how, uint64_t seq)
{
	struct chq_path src = source_of(how);
	struct chq_sipkey none = { 0, 0 };
	struct chq_frame_hdr h;
	uint32_t slot;

	if (len < CHQ_FRAME_HDR_LEN || len > CHQ_DGRAM_MAX || !(how & RIGHT_TAG))
		return;
	slot = chq_get_le32(buf + 4) % SESSIONS;
	chq_frame_get(buf, &h);
	h.slot = slot;
	if (how & FRESH_SEQ)
		h.seq = seq;
	if (how & RIGHT_TOKEN)
		h.grant = chq_path_token_now(tables->header->path_secret, slot, &src, T0_NS);
	else if (CHQ_PARTY_KIND(h.party) == CHQ_KIND_ACCOUNT)
		h.grant = chq_grant_make(none, CHQ_KIND_ACCOUNT,
					 CHQ_PARTY_ID(tables->sessions[slot].ident),
					 tables->sessions[slot].sender_epoch, CHQ_PARTY_ID(h.party),
					 2000);
	chq_frame_build(buf, &h, (uint16_t)(len - CHQ_FRAME_HDR_LEN), key_of(slot, 0));
}

struct burst {
	struct chq_pkt pkt[CHQ_BURST], *pkts[CHQ_BURST];
	uint8_t *dgram[CHQ_BURST];
	uint16_t len[CHQ_BURST], n;
};

/* Each datagram in a buffer as a driver gives it: room for CHQ_DGRAM_MAX bytes, or what came. */
static void
burst_add(struct burst *b, const uint8_t *data, uint16_t len, uint8_t how, uint64_t seq)
{
	struct chq_pkt *p = &b->pkt[b->n];

	b->dgram[b->n] = malloc(len > CHQ_DGRAM_MAX ? len : CHQ_DGRAM_MAX);
	if (!b->dgram[b->n])
		abort();
	memcpy(b->dgram[b->n], data, len);
	hello_help(b->dgram[b->n], len, how);
	frame_help(b->dgram[b->n], len, how, seq);
	memset(p, 0xa5, sizeof(*p));
	p->dgram = b->dgram[b->n];
	p->dgram_len = len;
	p->src = source_of(how);
	b->len[b->n] = len;
	b->pkts[b->n] = p;
	b->n++;
}

static void
burst_check(const struct burst *b, uint64_t received)
{
	uint64_t verdicts = 0;

	for (int c = 0; c < CHQ_C__COUNT; c++)
		if (chq_counter_kind[c] == CHQ_COUNTER_VERDICT)
			verdicts += worker->counts[c];
	if (verdicts != received || worker->counts[CHQ_C_RX] != received || worker->extra_n > b->n)
		abort();
	for (uint16_t i = 0; i < b->n; i++) {
		const struct chq_pkt *p = &b->pkt[i];

		if (p->verdict > CHQ_V_KERNEL || p->count >= CHQ_C__COUNT ||
		    p->dgram_len > b->len[i])
			abort();
		if (p->verdict == CHQ_V_TX && p->dgram_len > CHQ_DGRAM_MAX)
			abort();
		if (p->verdict == CHQ_V_TX && p->count == CHQ_C_FORWARD &&
		    !chq_frame_tag_ok(p->dgram, p->dgram_len, key_of(p->to_slot, 1)))
			abort();
	}
}

/* All that a burst has changed, as one number. */
static uint64_t
burst_digest(const struct burst *b)
{
	struct chq_sipkey k = { b->n, worker->extra_n };

	for (uint16_t i = 0; i < b->n; i++) {
		k.k0 = chq_siphash(&k, &b->pkt[i], sizeof(b->pkt[i]));
		k.k1 = chq_siphash(&k, b->pkt[i].dgram, b->pkt[i].dgram_len);
	}
	for (uint16_t i = 0; i < worker->extra_n; i++)
		k.k0 = chq_siphash(&k, &worker->extra[i], sizeof(worker->extra[i]));
	for (int i = 0; i < CHQ_T__COUNT; i++)
		k.k1 = chq_siphash(&k, tables->mapped[i], tables->bytes[i]);
	for (int c = 0; c < CHQ_C__COUNT; c++)
		k.k0 ^= worker->counts[c] * (2 * (uint64_t)c + 1) * UINT64_C(0x9e3779b97f4a7c15);
	return chq_siphash(&k, NULL, 0);
}

/* The same burst on the same tables, by one way to hash. */
static uint64_t
burst_by(struct burst *b, const struct burst *came, uint8_t *const *bytes, const uint64_t *counts,
	 const struct chq_sip_lanes *sip)
{
	struct chq_note note;

	for (int i = 0; i < CHQ_T__COUNT; i++)
		memcpy(tables->mapped[i], before[i], tables->bytes[i]);
	for (int c = 0; c < CHQ_C__COUNT; c++)
		worker->counts[c] = counts[c];
	while (chq_ring_pop(&worker->notes, &note))
		;
	memcpy(b->pkt, came->pkt, sizeof(b->pkt));
	for (uint16_t i = 0; i < b->n; i++)
		memcpy(b->dgram[i], bytes[i], b->len[i]);
	worker->sip = sip;
	chq_pipeline(worker, b->pkts, b->n);
	return burst_digest(b);
}

static void
burst_run(struct burst *b, uint64_t *received)
{
	static struct burst came;
	uint8_t *bytes[CHQ_BURST];
	uint64_t counts[CHQ_C__COUNT], first = 0;

	came = *b;
	for (uint16_t i = 0; i < b->n; i++) {
		bytes[i] = malloc(b->len[i] + 1u);
		if (!bytes[i])
			abort();
		memcpy(bytes[i], b->dgram[i], b->len[i]);
	}
	for (int i = 0; i < CHQ_T__COUNT; i++)
		memcpy(before[i], tables->mapped[i], tables->bytes[i]);
	for (int c = 0; c < CHQ_C__COUNT; c++)
		counts[c] = worker->counts[c];
	*received += b->n;
	for (int level = 0; level < CHQ_SIMD__COUNT; level++) {
		const struct chq_sip_lanes *sip = chq_sip_lanes((enum chq_simd)level);
		uint64_t digest;

		if (!sip)
			continue;
		digest = burst_by(b, &came, bytes, counts, sip);
		if (level == CHQ_SIMD_SCALAR)
			first = digest;
		if (digest != first)
			abort();
		burst_check(b, *received);
	}
	for (uint16_t i = 0; i < b->n; i++) {
		free(bytes[i]);
		free(b->dgram[i]);
	}
	b->n = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct burst b;
	uint64_t received = 0, seq = 1;

	if (!tables)
		world_make();
	world_reset();
	while (len >= 3) {
		uint16_t want = chq_get_le16(data) % LEN_MAX;
		uint8_t how = data[2];

		data += 3;
		len -= 3;
		if (want > len)
			want = (uint16_t)len;
		burst_add(&b, data, want, how, seq++);
		data += want;
		len -= want;
		if (b.n == CHQ_BURST)
			burst_run(&b, &received);
	}
	if (b.n)
		burst_run(&b, &received);
	return 0;
}
