/* Datagrams: frames with a right tag over whatever they say, HELLOs, and what is neither. */
#include <string.h>

#include "base/bytes.h"
#include "dataplane/cookie.h"
#include "dataplane/path.h"
#include "dataplane/replay.h"
#include "proto/grant.h"
#include "proto/hello.h"
#include "tests/parity/gen_priv.h"

/* A frame before its tag is made. */
struct draft {
	struct gen_peer *from;
	const struct gen_peer *to;
	const uint8_t *key;
	struct chq_frame_hdr h;
	uint16_t payload;
	struct chq_path src;
};

static void
fill(struct gen *g, uint8_t *p, size_t len)
{
	uint64_t x = gen_rnd64(g);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(x >> (i & 7) * 8) + (uint8_t)i;
}

/* @epoch: of the sender. */
static uint64_t
grant_of_epoch(const struct gen_peer *from, uint16_t epoch, const struct gen_peer *to, uint16_t day)
{
	return chq_grant_make(chq_sipkey_load(to->open.grant_key), CHQ_KIND_ACCOUNT,
			      from->open.account, epoch, to->open.account, day);
}

static uint64_t
grant_of(const struct gen_peer *from, const struct gen_peer *to, uint16_t day)
{
	return grant_of_epoch(from, from->open.sender_epoch, to, day);
}

static uint16_t
payload_any(struct gen *g)
{
	switch (gen_below(g, 16)) {
	case 0: return 0;
	case 1: return CHQ_PAYLOAD_MAX;
	case 2 ... 4: return (uint16_t)gen_below(g, CHQ_PAYLOAD_MAX + 1);
	default: return (uint16_t)gen_below(g, 100);
	}
}

static void
draft_make(struct gen *g, struct draft *d)
{
	static const uint8_t flags[] = {
		0, 0, 0, CHQ_F_STORE, CHQ_F_RECEIPT, CHQ_F_STORE | CHQ_F_RECEIPT
	};
	unsigned int n = g->flood ? g->flood_by : gen_below(g, GEN_PEERS);

	d->from = &g->peer[n];
	d->to = &g->peer[gen_below(g, GEN_PEERS)];
	while (d->to->open.account == 0)
		d->to = &g->peer[gen_below(g, GEN_PEERS)];
	d->key = d->from->open.tag_in;
	d->payload = payload_any(g);
	d->src = gen_home(g, d->from);
	d->h = (struct chq_frame_hdr){
		.type = CHQ_TYPE_FRAME,
		.flags = flags[gen_below(g, sizeof(flags))],
		.app = (uint16_t)(gen_one_in(g, 3) ? gen_rnd64(g) : 0),
		.slot = d->from->ref.slot,
		.seq = ++d->from->seq,
		.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, gen_one_in(g, 2) ? d->to->open.device : 0,
				   d->to->open.account),
		.message = gen_rnd64(g),
		.grant = grant_of(d->from, d->to, (uint16_t)(g->t->header->today + 3)),
	};
}

/* --- what may be odd about a frame --- */

static void
ping_make(struct gen *g, struct draft *d, enum gen_what what)
{
	struct chq_sipkey secret = g->t->header->path_secret;
	unsigned int place = 1 + gen_below(g, 6);
	uint64_t back = 0;

	d->h.flags = CHQ_F_PING;
	d->h.app = 0;
	d->h.party = d->h.grant = 0;
	d->payload = 0;
	switch (what) {
	case GEN_PING_HOME:
	case GEN_PING_TOKEN_HOME: break;
	case GEN_PING_LINK:
		d->src.mac[5] ^= (uint8_t)gen_below(g, 4);
		d->src.vlan ^= (uint16_t)gen_below(g, 2);
		break;
	default: d->src = gen_place(d->from, place); break;
	}
	if (what == GEN_PING_HOME || what == GEN_PING_LINK || what == GEN_PING_AWAY)
		return;
	if (what == GEN_PING_TOKEN_LAST)
		back = CHQ_PATH_EPOCH_NS;
	else if (what == GEN_PING_TOKEN_LATE)
		back = (2 + gen_below(g, 3)) * CHQ_PATH_EPOCH_NS;
	d->h.grant = chq_path_token_now(secret, d->h.slot, &d->src, g->now_ns - back);
	if (what == GEN_PING_TOKEN_BAD)
		d->h.grant ^= UINT64_C(1) << gen_below(g, 64);
}

static void
number_make(struct gen *g, struct draft *d, enum gen_what what)
{
	uint64_t back = gen_below(g, 400);

	switch (what) {
	case GEN_OLD_NUMBER: d->h.seq = d->h.seq > back ? d->h.seq - back : d->h.seq; break;
	case GEN_FAR_NUMBER: d->h.seq = d->from->seq += gen_below(g, 2000); break;
	default: d->h.seq = CHQ_SEQ_END - 2 + gen_below(g, 4); break;
	}
}

static void
grant_make(struct gen *g, struct draft *d, enum gen_what what)
{
	const struct gen_peer *other = &g->peer[gen_below(g, GEN_PEERS)];
	uint16_t today = g->t->header->today;

	switch (what) {
	case GEN_NO_GRANT: d->h.grant = 0; break;
	case GEN_GRANT_BIT: d->h.grant ^= UINT64_C(1) << gen_below(g, 64); break;
	case GEN_GRANT_DAY:
		d->h.grant = grant_of(d->from, d->to, (uint16_t)(today - 2 + gen_below(g, 4)));
		break;
	case GEN_GRANT_EPOCH:
		d->h.grant = grant_of_epoch(d->from, (uint16_t)(d->from->open.sender_epoch - 1),
					    d->to, (uint16_t)(today + 1));
		break;
	default: d->h.grant = grant_of(other, d->to, (uint16_t)(today + 1)); break;
	}
}

static void
party_make(struct gen *g, struct draft *d, enum gen_what what)
{
	switch (what) {
	case GEN_TO_SELF:
		d->to = d->from;
		d->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, d->from->open.account);
		d->h.grant = grant_of(d->from, d->from, UINT16_MAX);
		break;
	case GEN_UNKNOWN:
		d->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, 100 + gen_below(g, 1000));
		break;
	case GEN_DEVICE:
		d->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, gen_below(g, 10), d->to->open.account);
		break;
	case GEN_GROUP:
		d->h.party = CHQ_PARTY(CHQ_KIND_GROUP, 0, gen_below(g, 3) ? gen_rnd64(g) >> 32 : 0);
		break;
	default:
		d->h.party = gen_one_in(g, 2) ? gen_rnd64(g)
					      : CHQ_PARTY(gen_below(g, 4), gen_below(g, 2),
							  gen_below(g, 2) ? gen_rnd64(g) : 0);
		break;
	}
}

static void
server_make(struct gen *g, struct draft *d, enum gen_what what)
{
	if (what != GEN_HOP_PERSON)
		d->h.party = 0;
	if (what != GEN_SERVER_PLAIN)
		d->h.flags |= CHQ_F_HOP;
	if (gen_one_in(g, 4))
		d->payload = (uint16_t)gen_below(g, 20);
	else if (d->payload < CHQ_AEAD_TAG_LEN)
		d->payload = CHQ_AEAD_TAG_LEN;
}

/* One field says something else, and the tag is right nevertheless. */
static void
field_make(struct gen *g, struct draft *d)
{
	uint64_t bit = UINT64_C(1) << gen_below(g, 64);

	switch (gen_below(g, 7)) {
	case 0: d->h.flags ^= (uint8_t)(1u << (bit & 7)); break;
	case 1: d->h.app ^= (uint16_t)bit; break;
	case 2: d->h.seq = gen_one_in(g, 2) ? 0 : d->h.seq ^ bit; break;
	case 3: d->h.party ^= bit; break;
	case 4: d->h.message ^= bit; break;
	case 5: d->h.grant ^= bit; break;
	default: d->h.flags = (uint8_t)bit; break;
	}
}

static void
slot_make(struct gen *g, struct draft *d)
{
	switch (gen_below(g, 5)) {
	case 0: d->h.slot = GEN_SESSIONS - 1 + gen_below(g, 3); break;
	case 1: d->h.slot = CHQ_SLOT_NONE; break;
	case 2: d->h.slot = (uint32_t)gen_rnd64(g); break;
	default: d->h.slot = gen_below(g, GEN_SESSIONS); break;
	}
}

static void
odd_make(struct gen *g, struct draft *d, enum gen_what what)
{
	switch (what) {
	case GEN_OLD_NUMBER ... GEN_LAST_NUMBER: number_make(g, d, what); break;
	case GEN_ROAM: d->src = gen_place(d->from, 1 + gen_below(g, 6)); break;
	case GEN_PING_HOME ... GEN_PING_LINK: ping_make(g, d, what); break;
	case GEN_NO_GRANT ... GEN_GRANT_STOLEN: grant_make(g, d, what); break;
	case GEN_TO_SELF:
	case GEN_UNKNOWN ... GEN_PARTY_BAD: party_make(g, d, what); break;
	case GEN_SERVER ... GEN_HOP_PERSON: server_make(g, d, what); break;
	case GEN_FLAGS: d->h.flags = (uint8_t)gen_rnd64(g); break;
	case GEN_FIELD: field_make(g, d); break;
	case GEN_SLOT: slot_make(g, d); break;
	case GEN_KEY: d->key = g->peer[gen_below(g, GEN_PEERS)].open.tag_out; break;
	default: break;
	}
}

static void
frame_make(struct gen *g, struct gen_dgram *out, enum gen_what what)
{
	struct draft d;

	draft_make(g, &d);
	odd_make(g, &d, what);
	if (gen_one_in(g, 20)) /* two things at once */
		odd_make(g, &d, gen_below(g, GEN_KEY + 1));
	fill(g, out->b + CHQ_FRAME_HDR_LEN, d.payload);
	chq_frame_build(out->b, &d.h, d.payload, d.key);
	out->len = (uint16_t)(CHQ_FRAME_HDR_LEN + d.payload);
	out->src = d.src;
}

/* --- HELLOs --- */

static void
cookie_put(struct gen *g, struct chq_hello *h, const struct chq_path *src)
{
	struct chq_cookie_words words = chq_cookie_words_of(g->t->header, src);
	const struct chq_cookie_secret *s = &g->t->header->cookie[gen_below(g, 2)];
	uint64_t mac[2];

	chq_cookie_make(s, &words, mac);
	chq_put_le32(h->cookie, s->number);
	chq_put_le64(h->cookie + 4, mac[0]);
	chq_put_le64(h->cookie + 12, mac[1]);
}

static void
hello_spoil(struct gen *g, struct gen_dgram *out)
{
	static const uint16_t fields[] = { 1, 2, 3, 20, 40, 41, 42, 43, 44, 60 };

	switch (gen_below(g, 4)) {
	case 0: out->len = (uint16_t)(1 + gen_below(g, CHQ_DGRAM_MAX)); break;
	case 1: out->b[gen_below(g, CHQ_HELLO_LEN)] ^= (uint8_t)(1u << gen_below(g, 8)); break;
	case 2: chq_put_le16(out->b + 40, (uint16_t)gen_below(g, 1400)); break;
	default: out->b[fields[gen_below(g, 10)]] ^= (uint8_t)(1u << gen_below(g, 8)); break;
	}
}

static void
hello_make(struct gen *g, struct gen_dgram *out, enum gen_what what)
{
	uint8_t noise[CHQ_NOISE1_MAX];
	struct chq_hello h = { .version_min = 1, .version_max = (uint8_t)(1 + gen_below(g, 2)) };

	out->src = gen_place(&g->peer[gen_below(g, GEN_PEERS)], gen_below(g, 6));
	fill(g, h.nonce, sizeof(h.nonce));
	if (what != GEN_HELLO && !(what == GEN_HELLO_FIELD && gen_one_in(g, 2))) {
		h.noise_len = (uint16_t)(1 + gen_below(g, CHQ_NOISE1_MAX));
		fill(g, noise, h.noise_len);
		h.noise = noise;
		cookie_put(g, &h, &out->src);
	}
	if (what == GEN_HELLO_WRONG)
		h.cookie[gen_below(g, CHQ_COOKIE_LEN)] ^= (uint8_t)(1u << gen_below(g, 8));
	if (what == GEN_HELLO_VERSION) {
		h.version_min = (uint8_t)(2 * gen_below(g, 2));
		h.version_max = (uint8_t)(h.version_min ? 2 + gen_below(g, 3) : 0);
	}
	if (chq_hello_build(out->b, &h)) /* the cookie became zeros, beyond all likelihood */
		memset(out->b, 0, CHQ_HELLO_LEN);
	out->len = CHQ_HELLO_LEN;
	if (what == GEN_HELLO_FIELD)
		hello_spoil(g, out);
}

/* --- neither --- */

static void
other_make(struct gen *g, struct gen_dgram *out, enum gen_what what)
{
	static const uint8_t server[] = { CHQ_TYPE_RETRY, CHQ_TYPE_WELCOME, CHQ_TYPE_DIRECT,
					  CHQ_TYPE_TRUNK };

	frame_make(g, out, GEN_FRAME);
	switch (what) {
	case GEN_SERVER_TYPE: out->b[0] = server[gen_below(g, sizeof(server))]; break;
	case GEN_TYPE: out->b[0] = (uint8_t)gen_rnd64(g); break;
	case GEN_SHORT: out->len = (uint16_t)(1 + gen_below(g, CHQ_FRAME_HDR_LEN)); break;
	case GEN_LONG:
		out->len = (uint16_t)(CHQ_DGRAM_MAX + 1 + gen_below(g, gen_one_in(g, 2) ? 3 : 240));
		break;
	case GEN_JUMBO: out->len = (uint16_t)(1473 + gen_below(g, GEN_DGRAM_MAX - 1473)); break;
	case GEN_EMPTY: out->len = 0; break;
	default:
		out->len = (uint16_t)gen_below(g, CHQ_DGRAM_MAX + 1);
		fill(g, out->b, out->len);
		break;
	}
}

void
gen_dgram_make(struct gen *g, struct gen_dgram *d, enum gen_what what)
{
	switch (what) {
	case GEN_HELLO ... GEN_HELLO_FIELD: hello_make(g, d, what); break;
	case GEN_SERVER_TYPE ... GEN_GARBAGE: other_make(g, d, what); break;
	default: frame_make(g, d, what); break;
	}
}
