/* Random bursts of every length: by every way to hash, whole or a frame at a time, the outcome is the same. */
#include "tests/unit/dataplane/scene.h"

#define LENGTHS 64 /* each from 1 on; what is longer than the stages take goes as two bursts */
#define ROUNDS	(40 * LENGTHS)

/* What a burst has come to: all of it that anybody sees. */
struct outcome {
	struct chq_pkt pkt[LENGTHS];
	uint8_t dgram[LENGTHS][2048];
	struct chq_extra extra[LENGTHS];
	uint16_t extra_n;
	uint64_t counts[CHQ_C__COUNT];
	uint8_t *table[CHQ_T__COUNT];
};

struct bursts {
	struct scene s;
	uint64_t rng;
	uint16_t n;
	uint8_t in[LENGTHS][2048];
	uint16_t len[LENGTHS];
	struct chq_path src[LENGTHS];
	int pings;
	int holes[LENGTHS +
		  1]; /* bursts of that length in which others were decided between two forwarded frames */
	struct outcome first, other;
};

static struct chq_path
elsewhere(void)
{
	return (struct chq_path){ .ip_lo = 77, .port = 7777, .local = 1, .ifidx = 2 };
}

/* An ordinary frame between two who talk; few sessions, so that a burst has several of each. */
static struct peer *
ordinary(struct bursts *b)
{
	struct scene *s = &b->s;
	struct peer *from[] = { &s->alice, &s->bob, &s->two[0] };
	struct peer *to[] = { &s->bob, &s->alice, &s->two[1], &s->alice };
	uint64_t r = rnd(&b->rng);
	struct peer *p = from[r % 3];

	s->h = frame_to(p, to[r >> 8 & 3]);
	s->src = p->path;
	return p;
}

/* One that differs from an ordinary one in what its number says. */
static struct peer *
vary(struct bursts *b, struct peer *p, uint64_t how)
{
	struct scene *s = &b->s;

	switch (how) {
	case 0: s->h.seq -= rnd(&b->rng) % 4; break; /* perhaps taken already */
	case 1: s->h.grant ^= 1 + rnd(&b->rng) % 1000; break;
	case 2: s->h.slot = (uint32_t)(rnd(&b->rng) % 300); break; /* others', free ones, none */
	case 3: s->h.party = 0, s->h.flags = CHQ_F_HOP; break;
	case 4: s->h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, rnd(&b->rng) % 3, rnd(&b->rng) % 9); break;
	case 5: s->h.party = CHQ_PARTY(CHQ_KIND_GROUP, 0, 5); break;
	case 6: s->h.flags |= CHQ_F_HOP; break;
	case 7: s->src = elsewhere(); break;
	case 8: s->h = ping_of(p, 0), b->pings++; break;
	case 9:
		s->src = elsewhere();
		s->h = ping_of(p, chq_path_token_now(s->v.w->header->path_secret, p->ref.slot,
						     &s->src, s->v.w->now_ns));
		b->pings++;
		break;
	case 10: s->h.slot = s->guest.ref.slot; return &s->guest;
	case 11: s->h.slot = s->expired.ref.slot; return &s->expired;
	case 12: s->h.seq += rnd(&b->rng) % 600; break;
	default: break;
	}
	return p;
}

static void
burst_add(struct bursts *b)
{
	struct scene *s = &b->s;
	uint64_t r = rnd(&b->rng), how = r % 32;
	uint16_t i = b->n++;
	struct peer *p = vary(b, ordinary(b), how);

	scene_put(s, s->h.flags & CHQ_F_PING ? 0 : (uint16_t)(16 + (r >> 8) % 300), p);
	if (how == 13)
		s->dgram[(r >> 20) % s->len] ^= (uint8_t)(1 + (r >> 32) % 255);
	else if (how == 14)
		s->len = (uint16_t)((r >> 20) % s->len);
	else if (how == 15 && i > 0) /* the same datagram again */
		memcpy(s->dgram, b->in[i - 1], s->len = b->len[i - 1]);
	memcpy(b->in[i], s->dgram, s->len);
	b->len[i] = s->len;
	b->src[i] = s->src;
}

/* --- runs --- */

static void
tables_copy(struct bursts *b, int back)
{
	struct world *v = &b->s.v;

	for (int t = 0; t < CHQ_T__COUNT; t++)
		memcpy(back ? v->t->mapped[t] : v->copy[t], back ? v->copy[t] : v->t->mapped[t],
		       v->t->bytes[t]);
	for (int c = 0; back && c < CHQ_C__COUNT; c++)
		v->w->counts[c] = 0;
}

/* What the stages take at once, from place @from of the burst on, @step frames at a time. */
static void
run_part(struct bursts *b, uint16_t from, uint16_t n, uint16_t step, struct outcome *out)
{
	struct world *v = &b->s.v;

	for (uint16_t i = 0; i < n; i++)
		world_put(v, i, b->in[from + i], b->len[from + i], &b->src[from + i]);
	for (uint16_t i = 0; i < n; i += step) {
		chq_pipeline(v->w, v->pkts + i, step < n - i ? step : n - i);
		memcpy(out->extra + out->extra_n, v->w->extra, v->w->extra_n * sizeof(*out->extra));
		out->extra_n += v->w->extra_n;
	}
	memcpy(out->pkt + from, v->pkt, n * sizeof(*out->pkt));
	memcpy(out->dgram + from, v->dgram, n * sizeof(*out->dgram));
}

/* The burst, @step frames at a time, on the tables as they were before it. */
static void
run(struct bursts *b, uint16_t step, struct outcome *out)
{
	struct world *v = &b->s.v;
	struct chq_note note;

	tables_copy(b, 1);
	out->extra_n = 0;
	for (uint16_t i = 0; i < b->n; i += CHQ_BURST)
		run_part(b, i, b->n - i < CHQ_BURST ? b->n - i : CHQ_BURST, step, out);
	while (chq_ring_pop(&v->w->notes, &note))
		;
	for (int c = 0; c < CHQ_C__COUNT; c++)
		out->counts[c] = v->w->counts[c];
	for (int t = 0; t < CHQ_T__COUNT; t++)
		memcpy(out->table[t], v->t->mapped[t], v->t->bytes[t]);
}

/* Would it go up, but for its number or its quota? */
static int
for_manager(const struct chq_pkt *p)
{
	return p->verdict == CHQ_V_UP || p->up == CHQ_UP_SERVER || p->up == CHQ_UP_FRAME;
}

static int
manager_refuses(const struct chq_pkt *p)
{
	return p->count == CHQ_D_REPLAY || p->count == CHQ_D_QUOTA_FRAMES ||
	       p->count == CHQ_D_QUOTA_BYTES;
}

/* Return: did one more packet than its number or its quota allows go up? Then the manager refuses
 * it. */
static int
verdicts_same(const struct bursts *b, const char *what, int strict)
{
	int late = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		const struct chq_pkt *p = &b->first.pkt[i], *q = &b->other.pkt[i];

		if (!strict && for_manager(p) && manager_refuses(q)) {
			late |= p->count != q->count;
			continue;
		}
		if (p->verdict != q->verdict || p->count != q->count)
			fail_msg("%s: frame %d of %d: %s, not %s", what, i, b->n,
				 chq_counter_name[q->count], chq_counter_name[p->count]);
		if (p->verdict == CHQ_V_UP)
			assert_int_equal(p->up, q->up);
		if (p->verdict == CHQ_V_UP && p->up == CHQ_UP_FRAME)
			assert_int_equal(p->why, q->why);
	}
	return late;
}

static void
bytes_same(const struct bursts *b, const char *what)
{
	const struct outcome *x = &b->first, *y = &b->other;

	for (uint16_t i = 0; i < b->n; i++)
		if (x->pkt[i].verdict == CHQ_V_TX)
			assert_memory_equal(&x->pkt[i].out, &y->pkt[i].out, sizeof(x->pkt[i].out));
	assert_memory_equal(x->counts, y->counts, sizeof(x->counts));
	assert_memory_equal(x->dgram, y->dgram, b->n * sizeof(*x->dgram));
	assert_int_equal(x->extra_n, y->extra_n);
	for (uint16_t i = 0; i < x->extra_n; i++) {
		assert_memory_equal(&x->extra[i].to, &y->extra[i].to, sizeof(x->extra[i].to));
		assert_memory_equal(x->extra[i].dgram, y->extra[i].dgram,
				    sizeof(x->extra[i].dgram));
	}
	for (int t = 0; t < CHQ_T__COUNT; t++)
		if (memcmp(x->table[t], y->table[t], b->s.v.t->bytes[t]) != 0)
			fail_msg("%s: table %s differs", what, chq_table_name[t]);
}

/* Is a forwarded frame followed by others, and they by another one? */
static int
has_hole(const struct bursts *b)
{
	int seen = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		int forwarded = b->first.pkt[i].count == CHQ_C_FORWARD;

		if (seen == 2 && forwarded)
			return 1;
		if (forwarded)
			seen = 1;
		else if (seen == 1)
			seen = 2;
	}
	return 0;
}

/*
 * A burst goes through stage by stage, so frames one after the other differ from it in three ways,
 * and in no verdict but the third: a NOTICE takes its number and its budget before the burst's
 * frames do; a frame goes where a PING behind it has moved its receiver; and what is handed up is
 * not refused for a number or a budget that the same burst takes, but by the manager.
 */
static void
burst_try(struct bursts *b, uint64_t done[CHQ_C__COUNT])
{
	tables_copy(b, 0);
	b->s.v.w->sip = chq_sip_lanes(CHQ_SIMD_SCALAR);
	run(b, CHQ_BURST, &b->first);
	b->holes[b->n] += has_hole(b);
	for (int level = 0; level < CHQ_SIMD__COUNT; level++) {
		b->s.v.w->sip = chq_sip_lanes((enum chq_simd)level);
		if (!b->s.v.w->sip)
			continue;
		run(b, CHQ_BURST, &b->other);
		(void)verdicts_same(b, b->s.v.w->sip->name, 1);
		bytes_same(b, b->s.v.w->sip->name);
	}
	run(b, 1, &b->other);
	if (!verdicts_same(b, "a frame at a time", 0) && b->first.extra_n == 0 && b->pings == 0)
		bytes_same(b, "a frame at a time");
	for (int c = 0; c < CHQ_C__COUNT; c++)
		done[c] += b->first.counts[c];
}

static void
bursts_run(const struct chq_dp_quota *q)
{
	struct chq_dp_server_set m = { .server_id = SERVER_ID, .silence_s = 90 };
	struct bursts *b = calloc(1, sizeof(*b));
	uint64_t done[CHQ_C__COUNT] = { 0 };

	assert_non_null(b);
	b->rng = 11;
	scene_init(&b->s);
	m.quota[CHQ_QUOTA_ORDINARY] = *q;
	chq_tables_server_set(b->s.v.t, &m);
	for (int t = 0; t < CHQ_T__COUNT; t++) {
		assert_non_null(b->first.table[t] = malloc(b->s.v.t->bytes[t]));
		assert_non_null(b->other.table[t] = malloc(b->s.v.t->bytes[t]));
	}
	for (int i = 0; i < ROUNDS; i++) {
		b->n = 0;
		b->pings = 0;
		while (b->n <= i % LENGTHS)
			burst_add(b);
		burst_try(b, done);
		world_clock(&b->s.v, b->s.v.w->now_ns + rnd(&b->rng) % 20000000);
	}
	for (int n = 8; n <= LENGTHS; n++)
		assert_true(b->holes[n] > 0);
	assert_true(done[CHQ_C_FORWARD] > ROUNDS);
	assert_true(done[CHQ_D_REPLAY] > 0 && done[CHQ_D_TAG] > 0 && done[CHQ_C_UP_GRANT] > 0);
	assert_true(done[CHQ_C_PING] > 0 && done[CHQ_C_MOVE] > 0);
	assert_int_equal(done[CHQ_D_QUOTA_FRAMES] > 0, q->own.frames_burst < 1000);
	for (int t = 0; t < CHQ_T__COUNT; t++) {
		free(b->first.table[t]);
		free(b->other.table[t]);
	}
	world_deinit(&b->s.v);
	free(b);
}

static void
bursts_of_every_length_come_out_the_same_by_every_hash_and_a_frame_at_a_time(void **state)
{
	(void)state;
	bursts_run(&(struct chq_dp_quota){ .own = { 1000000, 1000000, 1u << 30, 1u << 30 },
					   .notices_per_s = 50 });
}

static void
so_do_bursts_that_run_into_their_quota(void **state)
{
	(void)state;
	bursts_run(&(struct chq_dp_quota){ .own = { 300, 10, 102400, 4096 }, .notices_per_s = 5 });
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			bursts_of_every_length_come_out_the_same_by_every_hash_and_a_frame_at_a_time),
		cmocka_unit_test(so_do_bursts_that_run_into_their_quota),
	};
	return cmocka_run_group_tests_name("dataplane/bursts", tests, NULL, NULL);
}
