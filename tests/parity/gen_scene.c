/* The relay's people and addresses, and what its manager does meanwhile. */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "dataplane/path.h"
#include "tests/parity/gen_priv.h"

#define TODAY	 2000
#define V4_LOCAL UINT32_C(0xc0000201) /* 192.0.2.1 */

static struct chq_sipkey
key_new(struct gen *g)
{
	return (struct chq_sipkey){ gen_rnd64(g), gen_rnd64(g) };
}

static void
bytes_new(struct gen *g, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)gen_rnd64(g);
}

/* --- addresses --- */

static void
v4_put(struct chq_local *l, uint32_t addr)
{
	uint8_t be[4];

	chq_put_be32(be, addr);
	l->ip_hi = 0;
	l->ip_lo = (uint64_t)chq_get_le32(be) << 32 | UINT32_C(0xffff0000);
}

static void
v6_put(struct chq_local *l, uint8_t last)
{
	uint8_t a[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = last };

	l->ip_hi = chq_get_le64(a);
	l->ip_lo = chq_get_le64(a + 8);
}

/* Two of each family on each interface, one address with another port, a hole, and two that are no
 * longer in use. */
static void
addresses_make(struct gen *g)
{
	struct chq_header *h = g->t->header;

	h->port = CHQ_PORT_DEFAULT;
	h->ports = GEN_PORTS;
	for (uint32_t i = 0; i < GEN_PORTS; i++) {
		struct chq_port *p = &h->port_info[i];

		*p = (struct chq_port){ .kernel_ifindex = 1, .mtu = 1500 };
		p->mac[0] = 2;
		p->mac[5] = (uint8_t)(0xa0 + i);
		v4_put(&h->local[2 * i], V4_LOCAL + i);
		v6_put(&h->local[2 * i + 1], (uint8_t)(i + 1));
	}
	h->local[7] = h->local[0];
	h->local[7].port = 443;
	h->locals = 8;
	for (uint16_t i = 0; i < h->locals; i++) {
		if (i != 7)
			h->local[i].port = CHQ_PORT_DEFAULT;
		h->local[i].ifidx = (uint16_t)(i / 2 % GEN_PORTS);
	}
}

struct chq_path
gen_place(const struct gen_peer *p, unsigned int place)
{
	struct chq_path at = { .port = (uint16_t)(p->open.path.port + place % 3),
			       .local = (uint8_t)p->open.path.local,
			       .vlan = p->open.path.vlan,
			       .ifidx = (uint8_t)p->open.path.ifidx };

	memcpy(&at.ip_hi, p->open.path.ip, 8);
	memcpy(&at.ip_lo, p->open.path.ip + 8, 8);
	memcpy(at.mac, p->open.path.mac, sizeof(at.mac));
	at.ip_lo ^= (uint64_t)(place / 3) << 56;
	if (place)
		at.mac[4] ^= (uint8_t)place;
	return at;
}

struct chq_path
gen_home(const struct gen *g, const struct gen_peer *p)
{
	struct chq_path at;

	if (p->has_slot && chq_path_read(&g->t->sessions[p->ref.slot], &at) && at.port != 0)
		return at;
	return gen_place(p, 0);
}

/* --- people --- */

static void
peer_address(struct gen *g, struct chq_dp_path *at, unsigned int n)
{
	static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff };

	memset(at, 0, sizeof(*at));
	at->port = (uint16_t)(40000 + n * 8);
	at->ifidx = (uint16_t)gen_below(g, GEN_PORTS);
	at->local = (uint16_t)(2 * at->ifidx);
	if (n % 3 == 2) {
		at->local++;
		chq_put_be64(at->ip, UINT64_C(0x20010db800010000));
		chq_put_be64(at->ip + 8, n + 1);
	} else {
		memcpy(at->ip, v4, 12);
		chq_put_be32(at->ip + 12, UINT32_C(0xc6336400) + n + 1); /* 198.51.100.x */
	}
	if (gen_one_in(g, 5))
		at->vlan = (uint16_t)(1 + gen_below(g, 4095));
	if (gen_one_in(g, 40))
		at->ifidx = GEN_PORTS; /* an interface that is gone */
	if (gen_one_in(g, 40))
		at->local = 6; /* an address that is gone */
	if (gen_one_in(g, 12))
		return; /* a next hop that is not known */
	at->mac[0] = 2;
	chq_put_be32(at->mac + 2, n + 1);
}

/* The last eight peers are two accounts' devices; a few have not logged in. */
static void
peer_new(struct gen *g, unsigned int n)
{
	struct gen_peer *p = &g->peer[n];
	struct chq_dp_session_open *o = &p->open;

	memset(p, 0, sizeof(*p));
	if (n % 11 != 10) {
		o->account = n < GEN_PEERS - 8 ? n + 1 : GEN_PEERS + n % 2;
		o->device = n < GEN_PEERS - 8 ? 1 : (uint8_t)(1 + n / 2 % 4);
	}
	o->quota_class = o->account ? (uint8_t)(1 + gen_below(g, 3)) : CHQ_QUOTA_PRELOGIN;
	o->confirm_s = 10 + gen_below(g, 200);
	o->sender_epoch = (uint16_t)gen_below(g, 3);
	o->lifetime_s = gen_one_in(g, 12) ? gen_below(g, 60) : 100000;
	bytes_new(g, o->tag_in, sizeof(o->tag_in));
	bytes_new(g, o->tag_out, sizeof(o->tag_out));
	memset(o->grant_key, (int)o->account, sizeof(o->grant_key));
	peer_address(g, &o->path, n);
}

static void
peer_open(struct gen *g, unsigned int n)
{
	struct gen_peer *p = &g->peer[n];
	bool had = p->has_slot;
	struct chq_dp_ref was = p->ref;

	if (had && !gen_one_in(g, 4)) /* else the old session goes on beside the new one */
		chq_session_close(g->t, was, g->now_ns);
	peer_new(g, n);
	p->has_slot = chq_session_open(g->t, &p->open, g->now_ns, &p->ref) == 0;
}

static void
peer_confirm(struct gen *g, struct gen_peer *p)
{
	if (p->has_slot && p->open.account)
		(void)chq_session_confirm(g->t, p->ref, g->now_ns, NULL);
}

void
gen_confirm(struct gen *g, struct chq_dp_ref ref)
{
	(void)chq_session_confirm(g->t, ref, g->now_ns, NULL);
}

/* Class 0 is dear, 1 ordinary, 2 without limits, 3 with few NOTICEs. */
static void
server_set(struct gen *g)
{
	struct chq_dp_server_set m = { .server_id = 7, .silence_s = GEN_SILENCE_S };

	for (int i = 0; i < CHQ_TABLE_QUOTAS; i++)
		m.quota[i] = (struct chq_dp_quota){ .own = { 20, 10, 8 * 1024, 4 * 1024 },
						    .account = { 30, 12, 10 * 1024, 5 * 1024 },
						    .notices_per_s = 50 };
	m.quota[0].own.frames_per_s = 5;
	m.quota[2] = (struct chq_dp_quota){ 0 };
	m.quota[3].notices_per_s = 2;
	bytes_new(g, m.cert, sizeof(m.cert));
	chq_tables_server_set(g->t, &m);
}

static void
cookie_new(struct gen *g)
{
	struct chq_header *h = g->t->header;
	uint32_t number = (h->cookie[0].number > h->cookie[1].number ? h->cookie[0].number
								     : h->cookie[1].number) +
			  1;

	h->cookie[number & 1] =
		(struct chq_cookie_secret){ .number = number, .a = key_new(g), .b = key_new(g) };
}

void
gen_scene(struct gen *g)
{
	struct chq_header *h = g->t->header;

	memset(h->boot_id, 7, sizeof(h->boot_id));
	memset(h->cookie, 0, sizeof(h->cookie));
	h->account_seed = gen_rnd64(g);
	h->path_secret = key_new(g);
	h->today = TODAY;
	h->workers = 1;
	addresses_make(g);
	server_set(g);
	cookie_new(g);
	cookie_new(g);
	for (unsigned int n = 0; n < GEN_PEERS; n++) {
		peer_open(g, n);
		if (n % 8)
			peer_confirm(g, &g->peer[n]);
	}
}

/* --- the manager --- */

static void
login(struct gen *g, unsigned int n)
{
	struct gen_peer *p = &g->peer[n];
	struct chq_dp_session_login m = { .ref = p->ref,
					  .account = n + 1,
					  .device = 1,
					  .quota_class = CHQ_QUOTA_ORDINARY,
					  .lifetime_s = 1000,
					  .sender_epoch = (uint16_t)gen_below(g, 3) };

	memset(m.grant_key, (int)m.account, sizeof(m.grant_key));
	if (!p->has_slot || p->open.account || chq_session_login(g->t, &m, g->now_ns, NULL))
		return;
	p->open.account = m.account;
	p->open.device = m.device;
	p->open.sender_epoch = m.sender_epoch;
	memcpy(p->open.grant_key, m.grant_key, sizeof(m.grant_key));
}

static void
grant_key_new(struct gen *g, uint64_t account)
{
	uint8_t key[16];

	if (account == 0)
		return;
	bytes_new(g, key, sizeof(key));
	(void)chq_session_grant_key(g->t, account, key);
	for (unsigned int i = 0; i < GEN_PEERS; i++)
		if (g->peer[i].open.account == account)
			memcpy(g->peer[i].open.grant_key, key, sizeof(key));
}

static void
sender_epoch_new(struct gen *g, uint64_t account)
{
	uint16_t epoch = (uint16_t)gen_below(g, 0x4000);

	if (chq_session_sender_epoch(g->t, account, epoch))
		return;
	for (unsigned int i = 0; i < GEN_PEERS; i++)
		if (g->peer[i].open.account == account)
			g->peer[i].open.sender_epoch = epoch;
}

/* Two movers at once have left a mixture, or one of them has withdrawn the fingerprint. */
static void
path_spoil(struct gen *g, const struct gen_peer *p)
{
	struct chq_session *s = &g->t->sessions[p->ref.slot];

	if (!p->has_slot)
		return;
	if (gen_one_in(g, 2))
		s->path[CHQ_PATH_COPY(s->path_word)].seal ^= 1;
	else
		s->path_fp = CHQ_PATH_FP_NONE;
}

/* Sessions that have expired, and some that fell silent, begin anew. */
static void
sweep(struct gen *g)
{
	for (unsigned int n = 0; n < GEN_PEERS; n++) {
		const struct gen_peer *p = &g->peer[n];
		const struct chq_session *s = chq_session_at(g->t, p->ref);

		if (!p->has_slot || !s || s->expires_s < g->now_ns / CHQ_NS_PER_SEC ||
		    s->state == CHQ_SESSION_LINGER)
			if (gen_one_in(g, 3))
				peer_open(g, n);
	}
}

static void
header_change(struct gen *g)
{
	struct chq_header *h = g->t->header;

	switch (gen_below(g, 7)) {
	case 0: h->retry_ok = !h->retry_ok || gen_below(g, 4); break;
	case 1: h->silence_s = gen_one_in(g, 4) ? 0 : GEN_SILENCE_S; break;
	case 2: h->today = (uint16_t)(TODAY + gen_below(g, 3)); break;
	case 3: h->cookie[gen_below(g, 2)].number = 0; break;
	case 4: h->path_secret = key_new(g); break;
	case 5: /* the last interface loses an address, or has it back */
		h->local[5].ifidx = h->local[5].ifidx == CHQ_LOCAL_GONE ? 2 : CHQ_LOCAL_GONE;
		break;
	default: server_set(g); break;
	}
}

void
gen_step(struct gen *g)
{
	unsigned int n = gen_below(g, GEN_PEERS), m = gen_below(g, GEN_PEERS);
	struct gen_peer *p = &g->peer[n];

	switch (gen_below(g, 17)) {
	case 0: sweep(g); break;
	case 1: peer_open(g, n); break;
	case 2 ... 5: peer_confirm(g, p); break;
	case 6: login(g, n); break;
	case 7:
		if (p->has_slot)
			(void)chq_session_linger(g->t, p->ref, 5000, g->now_ns);
		break;
	case 8:
		if (p->has_slot)
			(void)chq_session_close(g->t, p->ref, g->now_ns);
		break;
	case 9 ... 10:
		(void)chq_session_deny(g->t, p->open.account, g->peer[m].open.account,
				       (uint16_t)(TODAY + gen_below(g, 3)), false);
		break;
	case 11:
		(void)chq_session_deny(g->t, p->open.account, g->peer[m].open.account, 0, true);
		break;
	case 12: grant_key_new(g, p->open.account); break;
	case 13: cookie_new(g); break;
	case 14: path_spoil(g, p); break;
	case 15: sender_epoch_new(g, p->open.account); break;
	default: header_change(g); break;
	}
}
