#include "tests/unit/dataplane/fixture.h"

void
world_init(struct world *v, uint32_t sessions, uint32_t accounts)
{
	struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					.sessions = sessions,
					.accounts = accounts };
	char err[256];

	memset(v, 0, sizeof(*v));
	assert_int_equal(chq_tables_open(&v->t, &conf, T0_NS, err, sizeof(err)), 0);
	v->t->header->today = TODAY;
	v->t->header->server_id = SERVER_ID;
	v->w = aligned_alloc(64, (sizeof(*v->w) + 63) / 64 * 64);
	assert_non_null(v->w);
	memset(v->w, 0, sizeof(*v->w));
	chq_worker_bind(v->w, 0, v->t);
	assert_int_equal(chq_ring_init(&v->w->notes, 64, sizeof(struct chq_note)), 0);
	world_clock(v, T0_NS);
	for (int i = 0; i < CHQ_BURST; i++)
		v->pkts[i] = &v->pkt[i];
	for (int i = 0; i < CHQ_T__COUNT; i++)
		assert_non_null(v->copy[i] = malloc(v->t->bytes[i]));
}

void
world_deinit(struct world *v)
{
	for (int i = 0; i < CHQ_T__COUNT; i++)
		free(v->copy[i]);
	chq_ring_deinit(&v->w->notes);
	free(v->w);
	chq_tables_close(v->t);
}

void
world_clock(struct world *v, uint64_t now_ns)
{
	chq_worker_set_clock(v->w, now_ns);
}

void
peer_init(struct peer *p, uint64_t account, uint8_t device)
{
	uint8_t mark = (uint8_t)(account * 8 + device);
	struct chq_dp_session_open *o = &p->open;

	memset(p, 0, sizeof(*p));
	o->account = account;
	o->device = device;
	o->quota_class = account ? CHQ_QUOTA_ORDINARY : CHQ_QUOTA_PRELOGIN;
	o->confirm_s = 10;
	o->lifetime_s = LIFE_S;
	memset(o->tag_in, mark, sizeof(o->tag_in));
	memset(o->tag_out, mark ^ 0x55, sizeof(o->tag_out));
	memset(o->hop_in, mark ^ 0x33, sizeof(o->hop_in));
	memset(o->hop_out, mark ^ 0x77, sizeof(o->hop_out));
	memset(o->grant_key, (int)account, sizeof(o->grant_key));
	chq_put_be32(o->path.ip + 12, 0xc0000200u + mark); /* 192.0.2.x */
	o->path.ip[10] = o->path.ip[11] = 0xff;
	o->path.port = (uint16_t)(40000 + mark);
	o->path.local = 1;
	o->path.ifidx = 2;
	o->path.vlan = 3;
	o->path.mac[5] = mark;
	memcpy(&p->path.ip_hi, o->path.ip, 8);
	memcpy(&p->path.ip_lo, o->path.ip + 8, 8);
	p->path.port = o->path.port;
	p->path.local = 1;
	p->path.ifidx = 2;
	p->path.vlan = 3;
	p->path.mac[5] = mark;
}

void
peer_open(struct world *v, struct peer *p)
{
	assert_int_equal(chq_session_open(v->t, &p->open, v->w->now_ns, &p->ref), 0);
}

void
peer_confirm(struct world *v, struct peer *p)
{
	peer_open(v, p);
	assert_int_equal(chq_session_confirm(v->t, p->ref, v->w->now_ns, NULL), 0);
}

void
world_login(struct world *v, struct peer *p, uint64_t account, uint8_t device)
{
	struct chq_dp_session_login m = {
		.ref = p->ref,
		.account = account,
		.device = device,
		.quota_class = CHQ_QUOTA_ORDINARY,
		.lifetime_s = LIFE_S,
	};

	memset(m.grant_key, (int)account, sizeof(m.grant_key));
	assert_int_equal(chq_session_login(v->t, &m, v->w->now_ns, NULL), 0);
}

struct chq_session *
peer_session(const struct world *v, const struct peer *p)
{
	return &v->t->sessions[p->ref.slot];
}

uint64_t
grant_for(const struct peer *from, const struct peer *to, uint16_t day)
{
	return chq_grant_make(chq_sipkey_load(to->open.grant_key), CHQ_KIND_ACCOUNT,
			      from->open.account, from->open.sender_epoch, to->open.account, day);
}

struct chq_frame_hdr
frame_to(struct peer *from, const struct peer *to)
{
	return (struct chq_frame_hdr){
		.type = CHQ_TYPE_FRAME,
		.flags = CHQ_F_STORE,
		.app = 9,
		.slot = from->ref.slot,
		.seq = ++from->seq,
		.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, to->open.device, to->open.account),
		.message = 0x0123456789abcdef,
		.grant = grant_for(from, to, TODAY + 3),
	};
}

struct chq_frame_hdr
ping_of(struct peer *from, uint64_t token)
{
	return (struct chq_frame_hdr){
		.type = CHQ_TYPE_FRAME,
		.flags = CHQ_F_PING,
		.slot = from->ref.slot,
		.seq = ++from->seq,
		.message = 77,
		.grant = token,
	};
}

uint16_t
frame_put(uint8_t *buf, const struct chq_frame_hdr *h, uint16_t payload_len,
	  const struct peer *from)
{
	for (uint16_t i = 0; i < payload_len; i++)
		buf[CHQ_FRAME_HDR_LEN + i] = (uint8_t)(i * 7 + 1);
	chq_frame_build(buf, h, payload_len, from->open.tag_in);
	return (uint16_t)(CHQ_FRAME_HDR_LEN + payload_len);
}

struct chq_pkt *
world_put(struct world *v, int i, const void *dgram, uint16_t len, const struct chq_path *src)
{
	struct chq_pkt *p = &v->pkt[i];

	memset(p, 0xa5, sizeof(*p)); /* stages must not rely on what was there */
	p->dgram = v->dgram[i];
	p->dgram_len = len;
	p->src = *src;
	memset(v->dgram[i], 0xee, sizeof(v->dgram[i]));
	memcpy(p->dgram, dgram, len);
	return p;
}

void
world_run(struct world *v, uint16_t n)
{
	chq_pipeline(v->w, v->pkts, n);
}

struct chq_pkt *
world_send(struct world *v, const struct chq_frame_hdr *h, uint16_t payload_len,
	   const struct peer *from)
{
	uint8_t buf[2048];
	uint16_t len = frame_put(buf, h, payload_len, from);
	struct chq_pkt *p = world_put(v, 0, buf, len, &from->path);

	world_run(v, 1);
	return p;
}

void
world_remember(struct world *v)
{
	for (int i = 0; i < CHQ_T__COUNT; i++)
		memcpy(v->copy[i], v->t->mapped[i], v->t->bytes[i]);
	for (int c = 0; c < CHQ_C__COUNT; c++)
		v->counts[c] = v->w->counts[c];
}

int
world_changed(const struct world *v)
{
	for (int i = 0; i < CHQ_T__COUNT; i++)
		if (memcmp(v->copy[i], v->t->mapped[i], v->t->bytes[i]) != 0)
			return 1;
	return 0;
}

uint64_t
world_rose(const struct world *v, enum chq_counter c)
{
	return v->w->counts[c] - v->counts[c];
}

uint16_t
notice_check(const struct world *v, int i, const struct peer *p, const struct chq_frame_hdr *h)
{
	const struct chq_extra *x = &v->w->extra[i];
	struct chq_frame_hdr n;

	assert_true(i < v->w->extra_n);
	assert_int_equal(chq_frame_parse(x->dgram, sizeof(x->dgram), 0, &n), 0);
	assert_true(chq_frame_tag_ok(x->dgram, sizeof(x->dgram), p->open.tag_out));
	assert_int_equal(n.flags, CHQ_F_NOTICE);
	assert_int_equal(n.slot, p->ref.slot);
	assert_true(n.party == h->party);
	assert_true(n.message == h->message);
	assert_true((n.grant != 0) == (n.app == CHQ_NOTICE_PATH));
	return n.app;
}

uint64_t
rnd(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

int
two_setup(void **state)
{
	struct two *s = calloc(1, sizeof(*s));

	world_init(&s->v, 64, 64);
	peer_init(&s->alice, 1, 1);
	peer_init(&s->bob, 2, 4);
	peer_confirm(&s->v, &s->alice);
	peer_confirm(&s->v, &s->bob);
	*state = s;
	return 0;
}

int
two_teardown(void **state)
{
	struct two *s = *state;

	world_deinit(&s->v);
	free(s);
	return 0;
}
