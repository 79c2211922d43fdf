/* What a worker sheds that is offered more than it can do: when, and in which order. */
#include "base/clock.h"
#include "dataplane/driver.h"
#include "dataplane/quota.h"
#include "tests/unit/dataplane/fixture.h"

#define MS	 UINT64_C(1000000)
#define DEADLINE (UINT64_C(20) * 1000000000)

/* --- the level --- */

/* Full polls a quarter of a millisecond apart. Return: the level at the end. */
static uint32_t
full_for(struct chq_shedder *s, uint64_t *now, uint64_t ns)
{
	for (uint64_t end = *now + ns; *now < end;)
		chq_shed_poll(s, 1, *now += MS / 4);
	return s->level;
}

static void
level_rises_once_each_5_ms_without_an_empty_queue(void **state)
{
	struct chq_shedder s = { 0 };
	uint64_t now = T0_NS;

	(void)state;
	chq_shed_poll(&s, 0, now);
	assert_int_equal(full_for(&s, &now, CHQ_SHED_RISE_NS - MS), CHQ_SHED_NOTHING);
	assert_int_equal(full_for(&s, &now, MS), CHQ_SHED_HELLO);
	assert_int_equal(full_for(&s, &now, CHQ_SHED_RISE_NS - MS), CHQ_SHED_HELLO);
	assert_int_equal(full_for(&s, &now, MS), CHQ_SHED_SERVER);
	assert_int_equal(full_for(&s, &now, 100 * CHQ_SHED_RISE_NS), CHQ_SHED__COUNT - 1);
}

static void
bursts_with_empty_queues_between_them_shed_nothing(void **state)
{
	struct chq_shedder s = { 0 };
	uint64_t now = T0_NS;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		chq_shed_poll(&s, 0, now);
		assert_int_equal(full_for(&s, &now, CHQ_SHED_RISE_NS - MS), CHQ_SHED_NOTHING);
	}
}

static void
time_in_which_the_worker_was_not_run_does_not_count(void **state)
{
	struct chq_shedder s = { 0 };
	uint64_t now = T0_NS;

	(void)state;
	for (int i = 0; i < 100; i++) {
		chq_shed_poll(&s, 0, now);
		for (uint64_t ns = CHQ_SHED_POLL_NS; ns < CHQ_SHED_RISE_NS; ns += CHQ_SHED_POLL_NS)
			assert_int_equal(chq_shed_poll(&s, 1, now += 50 * MS), CHQ_SHED_NOTHING);
	}
}

static void
level_falls_one_step_each_half_second(void **state)
{
	struct chq_shedder s = { 0 };
	uint64_t now = T0_NS;

	(void)state;
	chq_shed_poll(&s, 0, now);
	full_for(&s, &now, 2 * CHQ_SHED_RISE_NS);
	assert_int_equal(s.level, CHQ_SHED_SERVER);
	assert_int_equal(chq_shed_poll(&s, 0, now + CHQ_SHED_HOLD_NS - 1), CHQ_SHED_SERVER);
	assert_int_equal(chq_shed_poll(&s, 0, now += CHQ_SHED_HOLD_NS), CHQ_SHED_HELLO);
	assert_int_equal(chq_shed_poll(&s, 0, now + CHQ_SHED_HOLD_NS - 1), CHQ_SHED_HELLO);
	assert_int_equal(chq_shed_poll(&s, 0, now += CHQ_SHED_HOLD_NS), CHQ_SHED_NOTHING);
	assert_int_equal(chq_shed_poll(&s, 0, now + 10 * CHQ_SHED_HOLD_NS), CHQ_SHED_NOTHING);
}

/* --- a worker whose queue never gets empty --- */

static struct {
	struct world v;
	struct chq_driver driver;
	struct peer quiet, loud, bob;
	bool full; /* there is something to take */
	bool last; /* … and nothing behind it */
} o;

static struct chq_frame_hdr
to_server(struct peer *from)
{
	struct chq_frame_hdr h = frame_to(from, &o.bob);

	h.party = 0;
	h.flags = CHQ_F_HOP;
	h.grant = 0;
	return h;
}

static void
put(int i, const struct chq_frame_hdr *h, uint16_t payload_len, const struct peer *from)
{
	uint8_t buf[256];

	world_put(&o.v, i, buf, frame_put(buf, h, payload_len, from), &from->path);
}

/* Five datagrams: HELLO, to the server, of one who has used most of his quota, of one who has not, PING. */
static uint16_t
offer(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts)
{
	uint8_t hello[CHQ_HELLO_LEN] = { CHQ_TYPE_HELLO, 1, 1 };
	struct chq_frame_hdr h = to_server(&o.quiet);

	(void)d;
	if (!o.full)
		return 0;
	world_put(&o.v, 0, hello, sizeof(hello), &o.quiet.path);
	put(1, &h, 16, &o.quiet);
	h = frame_to(&o.loud, &o.bob);
	put(2, &h, 8, &o.loud);
	h = frame_to(&o.quiet, &o.bob);
	put(3, &h, 8, &o.quiet);
	h = ping_of(&o.quiet, 0);
	put(4, &h, 0, &o.quiet);
	for (int i = 0; i < 5; i++)
		pkts[i] = &o.v.pkt[i];
	/* Of 1,000 parts 980 are used: another 15 pass, 30 do not. */
	peer_session(&o.v, &o.loud)->quota = CHQ_QUOTA_IDLE(chq_mono_ns()) + (UINT64_C(980) << 52);
	peer_session(&o.v, &o.quiet)->quota = CHQ_QUOTA_IDLE(chq_mono_ns());
	w->rx_full = !o.last;
	return 5;
}

static void
sink(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts, uint16_t n)
{
	(void)d;
	(void)w;
	(void)pkts;
	(void)n;
}

static void
sink_new(struct chq_driver *d, struct chq_worker *w, const struct chq_path *to,
	 const uint8_t *dgram, uint16_t len)
{
	(void)d;
	(void)w;
	(void)to;
	(void)dgram;
	(void)len;
}

static void
sink_one(struct chq_driver *d, struct chq_worker *w, struct chq_pkt *p)
{
	(void)d;
	(void)w;
	(void)p;
}

static const struct chq_driver_ops ops = { .name = "fake",
					   .rx = offer,
					   .tx = sink,
					   .tx_new = sink_new,
					   .free = sink_one };

static void
overload_init(void)
{
	struct chq_quota_price *own;
	struct peer *peers[] = { &o.quiet, &o.loud, &o.bob };

	memset(&o, 0, sizeof(o));
	world_init(&o.v, 64, 16);
	world_clock(&o.v, chq_mono_ns());
	own = &o.v.t->header->quota[CHQ_QUOTA_ORDINARY].own;
	own->frame_ticks = UINT32_C(15) << 20;
	own->frame_span = UINT32_C(1000) << 20;
	for (int i = 0; i < 3; i++) {
		peer_init(peers[i], (uint64_t)i + 1, 1);
		peer_confirm(&o.v, peers[i]);
	}
	o.v.t->header->silence_s = 0;
	o.driver.ops = &ops;
	o.v.w->driver = &o.driver;
	o.v.w->wake_fd = -1;
	for (int q = 0; q < CHQ_UPQ__COUNT; q++)
		assert_int_equal(chq_ring_init(&o.v.w->up[q], 16, sizeof(struct chq_up_item)), 0);
	o.full = true;
}

static void
overload_deinit(void)
{
	for (int q = 0; q < CHQ_UPQ__COUNT; q++)
		chq_ring_deinit(&o.v.w->up[q]);
	world_deinit(&o.v);
}

static void
poll_until(uint32_t level)
{
	uint64_t end = chq_mono_ns() + DEADLINE;

	while (o.v.w->shed.level != level && chq_mono_ns() < end)
		chq_worker_poll(o.v.w);
	assert_int_equal(o.v.w->shed.level, level);
}

/* What becomes of each of the five at a level. */
static void
expect(uint32_t level, const enum chq_counter want[5])
{
	poll_until(level);
	for (int i = 0; i < 5; i++)
		if (o.v.pkt[i].count != want[i])
			fail_msg("level %u, datagram %d: %s, not %s", (unsigned)level, i,
				 chq_counter_name[o.v.pkt[i].count], chq_counter_name[want[i]]);
	assert_int_equal(o.v.t->header->heartbeat[0].shed, level);
}

static void
handshakes_go_first_then_frames_to_the_server_then_by_quota_never_conversations(void **state)
{
	enum chq_counter want[5] = { CHQ_D_HELLO_COOKIE, CHQ_C_UP_SERVER, CHQ_C_FORWARD,
				     CHQ_C_FORWARD, CHQ_C_PING };

	(void)state;
	overload_init();
	chq_worker_poll(o.v.w);
	expect(CHQ_SHED_NOTHING, want);
	want[0] = CHQ_D_SHED_HELLO;
	expect(CHQ_SHED_HELLO, want);
	want[1] = CHQ_D_SHED_SERVER;
	expect(CHQ_SHED_SERVER, want);
	want[2] = CHQ_D_SHED_QUOTA;
	for (uint32_t level = CHQ_SHED_HALF; level < CHQ_SHED__COUNT; level++)
		expect(level, want);
	overload_deinit();
}

static void
poll_that_empties_the_queue_sheds_nothing_whatever_the_level(void **state)
{
	static const enum chq_counter want[5] = { CHQ_D_HELLO_COOKIE, CHQ_C_UP_SERVER,
						  CHQ_C_FORWARD, CHQ_C_FORWARD, CHQ_C_PING };

	(void)state;
	overload_init();
	poll_until(CHQ_SHED__COUNT - 1);
	o.last = true;
	chq_worker_poll(o.v.w);
	assert_true(o.v.w->shed.level >= CHQ_SHED_SERVER);
	for (int i = 0; i < 5; i++)
		assert_int_equal(o.v.pkt[i].count, want[i]);
	o.last = false;
	chq_worker_poll(o.v.w);
	assert_int_equal(o.v.pkt[0].count, CHQ_D_SHED_HELLO);
	overload_deinit();
}

static void
worker_is_busy_while_it_works_and_idle_while_its_driver_waits(void **state)
{
	uint64_t idle;

	(void)state;
	overload_init();
	chq_worker_poll(o.v.w);
	chq_worker_poll(o.v.w);
	idle = o.v.w->idle_ns;
	for (int i = 0; i < 100; i++)
		chq_worker_poll(o.v.w);
	assert_true(o.v.w->idle_ns == idle);
	o.full = false;
	chq_worker_poll(o.v.w); /* ends the work of the poll before */
	assert_true(o.v.w->idle_ns == idle);
	for (int i = 0; i < 100; i++) {
		uint64_t was = o.v.w->now_ns;

		chq_worker_poll(o.v.w);
		assert_true(o.v.w->idle_ns == idle + o.v.w->now_ns - was);
		idle = o.v.w->idle_ns;
	}
	overload_deinit();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(level_rises_once_each_5_ms_without_an_empty_queue),
		cmocka_unit_test(bursts_with_empty_queues_between_them_shed_nothing),
		cmocka_unit_test(time_in_which_the_worker_was_not_run_does_not_count),
		cmocka_unit_test(level_falls_one_step_each_half_second),
		cmocka_unit_test(
			handshakes_go_first_then_frames_to_the_server_then_by_quota_never_conversations),
		cmocka_unit_test(poll_that_empties_the_queue_sheds_nothing_whatever_the_level),
		cmocka_unit_test(worker_is_busy_while_it_works_and_idle_while_its_driver_waits),
	};

	return cmocka_run_group_tests_name("dataplane/shed", tests, NULL, NULL);
}
