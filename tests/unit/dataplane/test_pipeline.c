/* Every verdict of the stages: what form of datagram gets it, under which counter, and what it
 * changes. */
#include "tests/unit/dataplane/scene.h"

static const struct verdict_case *const tables[] = { form_cases, session_cases };

static const struct {
	enum chq_notice code;
	enum chq_counter counter;
} notice_counters[] = {
	{ CHQ_NOTICE_PATH, CHQ_C_NOTICE_PATH },
	{ CHQ_NOTICE_TOO_FAST, CHQ_C_NOTICE_TOO_FAST },
	{ CHQ_NOTICE_EXPIRED, CHQ_C_NOTICE_EXPIRED },
	{ CHQ_NOTICE_SEAL, CHQ_C_NOTICE_SEAL },
};

static int
counter_expected(const struct verdict_case *c, enum chq_counter counter)
{
	if (counter == c->counter || counter == CHQ_C_RX || counter == CHQ_C_RX_BYTES)
		return 1;
	for (size_t i = 0; i < sizeof(notice_counters) / sizeof(notice_counters[0]); i++)
		if (counter == notice_counters[i].counter)
			return c->notice == (int)notice_counters[i].code;
	return 0;
}

static void
check_counts(const struct scene *s, const struct verdict_case *c)
{
	for (int i = 0; i < CHQ_C__COUNT; i++) {
		uint64_t want = (uint64_t)counter_expected(c, (enum chq_counter)i);

		if (i == CHQ_C_RX_BYTES)
			want = s->len;
		if (world_rose(&s->v, (enum chq_counter)i) != want)
			fail_msg("%s: counter %s rose by %lu", c->name, chq_counter_name[i],
				 (unsigned long)world_rose(&s->v, (enum chq_counter)i));
	}
}

static void
check_notice(const struct scene *s, const struct verdict_case *c)
{
	const struct peer *peers[] = { &s->alice, &s->expired };

	assert_int_equal(s->v.w->extra_n, c->notice != 0);
	if (!c->notice)
		return;
	for (int i = 0; i < 2; i++)
		if (peers[i]->ref.slot == s->h.slot)
			assert_int_equal(notice_check(&s->v, 0, peers[i], &s->h), c->notice);
	assert_true(s->len >= CHQ_FRAME_HDR_LEN);
	assert_memory_equal(&s->v.w->extra[0].to, &s->src, sizeof(s->src));
}

static void
run_case(const struct verdict_case *c)
{
	struct scene s;
	struct chq_pkt *p;

	scene_init(&s);
	c->make(&s);
	world_remember(&s.v);
	p = world_put(&s.v, 0, s.dgram, s.len, &s.src);
	world_run(&s.v, 1);

	if (p->verdict != c->verdict || p->count != c->counter)
		fail_msg("%s: verdict %d under %s", c->name, p->verdict,
			 chq_counter_name[p->count]);
	check_counts(&s, c);
	if ((c->changes == NOTHING) == world_changed(&s.v))
		fail_msg("%s: tables %s", c->name, c->changes == NOTHING ? "changed" : "unchanged");
	check_notice(&s, c);
	if (c->up)
		assert_int_equal(p->up, c->up);
	if (c->why)
		assert_int_equal(p->why, c->why);
	if (p->verdict != CHQ_V_TX) { /* handed up or dropped as it came */
		assert_int_equal(p->dgram_len, s.len);
		assert_memory_equal(p->dgram, s.dgram, s.len);
	} else {
		assert_true(p->dgram_len <= s.len);
	}
	world_deinit(&s.v);
}

static void
each_form_gets_its_verdict_its_counter_and_no_other_change(void **state)
{
	(void)state;
	for (int t = 0; t < 2; t++)
		for (const struct verdict_case *c = tables[t]; c->name; c++)
			run_case(c);
}

/* The counters that drivers or the XDP program count, so that no case above can reach them. */
static int
of_drivers(int c)
{
	return c == CHQ_D_CHECKSUM || c == CHQ_D_FRAGMENT || c == CHQ_D_SEGMENTS ||
	       c == CHQ_D_LOCAL || c == CHQ_D_NO_PROCESS;
}

static void
each_verdict_counter_is_reached_by_a_case(void **state)
{
	(void)state;
	for (int c = 0; c < CHQ_C__COUNT; c++) {
		int reached = chq_counter_kind[c] != CHQ_COUNTER_VERDICT || of_drivers(c);

		for (int t = 0; t < 2; t++)
			for (const struct verdict_case *k = tables[t]; k->name; k++)
				reached |= (int)k->counter == c;
		if (!reached)
			fail_msg("nothing reaches %s", chq_counter_name[c]);
	}
}

static const struct verdict_case *
case_named(const char *name)
{
	for (int t = 0; t < 2; t++)
		for (const struct verdict_case *c = tables[t]; c->name; c++)
			if (strcmp(c->name, name) == 0)
				return c;
	fail_msg("no case %s", name);
	return NULL;
}

static void
burst_of_all_sorts_is_judged_like_each_alone(void **state)
{
	static const char *const names[] = {
		"forward",
		"empty",
		"wrong tag",
		"server",
		"HELLO",
		"unknown receiver",
		"PING",
		"before login to a person",
		"RETRY",
		"group",
		"receiver silent",
		"expired",
		"wrong grant",
		"forward the longest",
	};
	enum { N = sizeof(names) / sizeof(names[0]) };
	struct chq_pkt *before[N];
	struct scene s;

	(void)state;
	scene_init(&s);
	world_remember(&s.v);
	for (int i = 0; i < N; i++) {
		s.src = s.alice.path;
		s.h = frame_to(&s.alice, &s.bob);
		case_named(names[i])->make(&s);
		world_put(&s.v, i, s.dgram, s.len, &s.src);
		before[i] = s.v.pkts[i];
	}
	world_run(&s.v, N);
	assert_memory_equal(before, s.v.pkts, sizeof(before));
	for (int i = 0; i < N; i++)
		assert_int_equal(s.v.pkt[i].count, case_named(names[i])->counter);
	assert_int_equal(world_rose(&s.v, CHQ_C_RX), N);
	world_deinit(&s.v);
}

/* Random datagrams, from noise to nearly right ones: each ends in one verdict. */
static void
verdicts_add_up_to_what_was_received(void **state)
{
	uint64_t rng = 5, rx = 0, verdicts = 0;
	struct scene s;

	(void)state;
	scene_init(&s);
	for (int round = 0; round < 2000; round++) {
		for (int i = 0; i < CHQ_BURST; i++) {
			s.src = s.alice.path;
			s.h = frame_to(&s.alice, &s.bob);
			scene_put(&s, 64, &s.alice);
			for (uint64_t n = rnd(&rng) % 3; n > 0; n--)
				s.dgram[rnd(&rng) % s.len] ^= (uint8_t)rnd(&rng);
			if (rnd(&rng) % 4 == 0)
				s.len = (uint16_t)(rnd(&rng) % sizeof(s.dgram));
			world_put(&s.v, i, s.dgram, s.len, &s.src);
		}
		world_run(&s.v, CHQ_BURST);
		rx += CHQ_BURST;
	}
	for (int c = 0; c < CHQ_C__COUNT; c++)
		if (chq_counter_kind[c] == CHQ_COUNTER_VERDICT)
			verdicts += s.v.w->counts[c];
	assert_true(s.v.w->counts[CHQ_C_RX] == rx);
	assert_true(verdicts == rx);
	assert_true(s.v.w->counts[CHQ_C_FORWARD] > 0);
	world_deinit(&s.v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_gets_its_verdict_its_counter_and_no_other_change),
		cmocka_unit_test(each_verdict_counter_is_reached_by_a_case),
		cmocka_unit_test(burst_of_all_sorts_is_judged_like_each_alone),
		cmocka_unit_test(verdicts_add_up_to_what_was_received),
	};
	return cmocka_run_group_tests_name("dataplane/pipeline", tests, NULL, NULL);
}
