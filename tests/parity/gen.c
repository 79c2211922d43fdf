#include "tests/parity/gen_priv.h"

#include <string.h>

#include "base/clock.h"

#define X(id, name, often) name,
const char *const gen_what_name[GEN_WHAT__COUNT] = { GEN_WHATS(X) };
const char *const gen_around_name[GEN_AROUND__COUNT] = { GEN_AROUNDS(X) };
const char *const gen_damage_name[GEN_DAMAGE__COUNT] = { GEN_DAMAGES(X) };
#undef X
#define X(id, name, often) often,
static const uint16_t what_often[GEN_WHAT__COUNT] = { GEN_WHATS(X) };
static const uint16_t around_often[GEN_AROUND__COUNT] = { GEN_AROUNDS(X) };
static const uint16_t damage_often[GEN_DAMAGE__COUNT] = { GEN_DAMAGES(X) };
#undef X

#define STEP_ONE_IN  60
#define FLIP_ONE_IN  150 /* from a living process to a dead one and back */
#define FLOOD_ONE_IN 400

uint64_t
gen_rnd64(struct gen *g)
{
	uint64_t x = g->rnd += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint32_t
gen_below(struct gen *g, uint32_t n)
{
	return (uint32_t)((gen_rnd64(g) >> 32) * n >> 32);
}

bool
gen_one_in(struct gen *g, uint32_t n)
{
	return gen_below(g, n) == 0;
}

static unsigned int
pick(struct gen *g, const uint16_t *often, unsigned int n)
{
	uint32_t sum = 0, at;

	for (unsigned int i = 0; i < n; i++)
		sum += often[i];
	at = gen_below(g, sum);
	for (unsigned int i = 0; i < n; i++) {
		if (at < often[i])
			return i;
		at -= often[i];
	}
	return 0;
}

int
gen_tables(struct chq_tables **t)
{
	const struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					      .sessions = GEN_SESSIONS,
					      .accounts = GEN_ACCOUNTS };
	char err[256];

	return chq_tables_open(t, &conf, CHQ_NS_PER_SEC, err, sizeof(err));
}

void
gen_init(struct gen *g, struct chq_tables *t, uint64_t seed)
{
	memset(g, 0, sizeof(*g));
	g->t = t;
	g->rnd = seed;
	g->now_ns = 1000 * CHQ_NS_PER_SEC + gen_below(g, 1000000000);
	g->ifidx = (uint8_t)gen_below(g, GEN_PORTS);
	g->alive = gen_one_in(g, 2);
	gen_scene(g);
}

/* Up to the last second in which somebody is not silent, or not expired, or the one behind it. */
static uint64_t
pause_to_edge(struct gen *g)
{
	const struct gen_peer *p = &g->peer[gen_below(g, GEN_PEERS)];
	const struct chq_session *s = &g->t->sessions[p->ref.slot];
	uint64_t s_at = gen_one_in(g, 2) ? s->rx_heard_s + GEN_SILENCE_S : s->rx_expires_s;
	uint64_t at = (s_at + gen_below(g, 2)) * CHQ_NS_PER_SEC + gen_below(g, 900000000);

	return at > g->now_ns && at - g->now_ns < 100 * CHQ_NS_PER_SEC ? at - g->now_ns : 0;
}

static uint64_t
pause_ns(struct gen *g)
{
	if (g->flood)
		return gen_below(g, 2000);
	switch (gen_below(g, 20000)) {
	case 0: return pause_to_edge(g);
	case 1 ... 4: return gen_rnd64(g) % (20 * CHQ_NS_PER_SEC);
	case 5 ... 200: return gen_below(g, 100000000);
	default: return gen_below(g, 400000);
	}
}

static void
remember(struct gen *g, const struct gen_frame *f)
{
	if (f->damage == GEN_WHOLE && f->around <= GEN_VLAN_OTHER && f->len <= 1400)
		g->history[g->history_n++ % GEN_HISTORY] = *f;
}

/* One that was sent before, as it was or damaged now. Return: false if there is none. */
static bool
replay(struct gen *g, struct gen_frame *f)
{
	unsigned int n = g->history_n < GEN_HISTORY ? g->history_n : GEN_HISTORY;
	const struct gen_frame *old;

	if (n == 0)
		return false;
	old = &g->history[gen_below(g, n)];
	memcpy(f->bytes, old->bytes, old->len);
	f->len = old->len;
	f->dgram_off = old->dgram_off;
	f->dgram_len = old->dgram_len;
	f->around = old->around;
	return true;
}

bool
gen_next(struct gen *g, struct gen_frame *f)
{
	bool step = gen_one_in(g, STEP_ONE_IN);
	struct gen_dgram d;

	g->now_ns += pause_ns(g);
	if (step)
		gen_step(g);
	if (gen_one_in(g, FLIP_ONE_IN))
		g->alive = !g->alive;
	if (g->flood)
		g->flood--;
	else if (gen_one_in(g, FLOOD_ONE_IN)) {
		g->flood = gen_below(g, 60);
		g->flood_by = gen_below(g, GEN_PEERS);
	}
	f->now_ns = g->now_ns;
	f->alive = g->alive;
	f->what = (uint8_t)pick(g, what_often, GEN_WHAT__COUNT);
	f->around = (uint8_t)pick(g, around_often, GEN_AROUND__COUNT);
	f->damage = (uint8_t)pick(g, damage_often, GEN_DAMAGE__COUNT);
	if (f->what != GEN_REPLAY || !replay(g, f)) {
		gen_dgram_make(g, &d, f->what);
		gen_wire_put(g, f, &d);
		remember(g, f);
	}
	gen_wire_damage(g, f);
	return step;
}
