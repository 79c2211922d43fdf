#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "proto/hello.h"
#include "tests/unit/dataplane/manager_fixture.h"

/* A driver that gives what the test has put there, and counts what becomes of it. */
static struct {
	struct chq_pkt pkt[CHQ_BURST];
	uint8_t buf[CHQ_BURST][CHQ_DGRAM_MAX];
	uint16_t n, sent, freed, sent_new;
} fake;

static uint16_t
fake_rx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts)
{
	uint16_t n = fake.n;

	(void)d;
	(void)w;
	for (uint16_t i = 0; i < n; i++)
		pkts[i] = &fake.pkt[i];
	fake.n = 0;
	return n;
}

static void
fake_tx(struct chq_driver *d, struct chq_worker *w, struct chq_pkt **pkts, uint16_t n)
{
	(void)d;
	(void)w;
	(void)pkts;
	fake.sent += n;
}

static void
fake_tx_new(struct chq_driver *d, struct chq_worker *w, const struct chq_path *to,
	    const uint8_t *dgram, uint16_t len)
{
	(void)d;
	(void)w;
	(void)to;
	(void)dgram;
	(void)len;
	fake.sent_new++;
}

static void
fake_free(struct chq_driver *d, struct chq_worker *w, struct chq_pkt *p)
{
	(void)d;
	(void)w;
	(void)p;
	fake.freed++;
}

static const struct chq_driver_ops fake_ops = {
	.name = "fake",
	.rx = fake_rx,
	.tx = fake_tx,
	.tx_new = fake_tx_new,
	.free = fake_free,
};

static int
setup(void **state)
{
	struct fixture *f;

	if (fixture_setup(state))
		return -1;
	f = *state;
	fixture_now_ns = chq_mono_ns(); /* the worker's own clock */
	f->driver.ops = &fake_ops;
	memset(&fake, 0, sizeof(fake));
	return 0;
}

static void
put(const uint8_t *dgram, uint16_t len)
{
	struct chq_pkt *p = &fake.pkt[fake.n];

	memset(p, 0, sizeof(*p));
	memcpy(fake.buf[fake.n], dgram, len);
	p->dgram = fake.buf[fake.n++];
	p->dgram_len = len;
	p->src.ip_lo = UINT64_C(0x0100007fffff0000);
	p->src.port = 5000;
}

/* A frame of the fixture's session @ref to the server, as its client sends it. */
static void
put_server_frame(struct fixture *f, struct chq_dp_ref ref, uint8_t seed, uint64_t seq)
{
	struct chq_up_item item;

	assert_true(fixture_server_frame(f, ref, seed, seq, "x"));
	assert_true(chq_ring_pop(&f->worker->up[CHQ_UPQ_SERVER], &item));
	put(item.dgram, item.dgram_len);
}

static uint64_t
count(const struct fixture *f, enum chq_counter c)
{
	return f->worker->counts[c];
}

static void
every_packet_of_a_burst_is_sent_or_freed_once(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;

	fixture_greet(f);
	ref = fixture_open(f, 42, 1, 10);
	put((const uint8_t *)"\xff", 1);
	put_server_frame(f, ref, 10, 1);
	put((const uint8_t *)"\x0b", 1);
	put_server_frame(f, ref, 99, 2); /* wrong tag */
	assert_true(chq_worker_poll(f->worker));
	assert_int_equal(fake.sent + fake.freed, 4);
	assert_int_equal(count(f, CHQ_C_RX), 4);
	assert_int_equal(count(f, CHQ_C_UP_SERVER), 1);
	assert_int_equal(count(f, CHQ_D_TAG), 1);
	assert_false(chq_worker_poll(f->worker));
	assert_int_equal(f->worker->polls, 2);
	assert_int_equal(f->worker->polls_busy, 1);
}

/* Whoever talks when it is quiet does not wait for others to fill a burst. */
static void
a_datagram_alone_is_answered_in_the_poll_that_received_it(void **state)
{
	struct fixture *f = *state;
	struct chq_hello hello = { .version_min = CHQ_VERSION_MIN, .version_max = CHQ_VERSION_MAX };
	uint8_t dgram[CHQ_HELLO_LEN];

	fixture_greet(f);
	f->t->header->retry_ok = 1;
	assert_int_equal(chq_hello_build(dgram, &hello), 0);
	for (int i = 1; i <= 3; i++) {
		put(dgram, sizeof(dgram));
		assert_true(chq_worker_poll(f->worker));
		assert_int_equal(fake.sent, i);
		assert_int_equal(count(f, CHQ_C_RETRY), i);
	}
}

static void
a_frame_to_the_server_reaches_control_by_way_of_the_manager(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;
	union chq_msg out;

	fixture_greet(f);
	ref = fixture_open(f, 42, 1, 10);
	put_server_frame(f, ref, 10, 1);
	chq_worker_poll(f->worker);
	assert_false(chq_manager_idle(&f->m));
	chq_manager_awake(&f->m);
	chq_manager_round(&f->m);
	assert_true(fixture_recv(f, &out) && out.h.type == CHQ_DP_EVENT);
	assert_true(fixture_recv(f, &out) && out.h.type == CHQ_DP_SERVER_RX);
	assert_int_equal(out.server_rx.seq, 1);
}

static void
a_full_queue_is_counted_under_its_own_name(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_ref ref;

	fixture_greet(f);
	ref = fixture_open(f, 42, 1, 10);
	put_server_frame(f, ref, 10, 1);
	/* Whether it is a replay is for the manager to say, so the same frame fills the queue. */
	for (int i = 0; i < CHQ_RING_SERVER + 5; i++) {
		fake.n = 1;
		chq_worker_poll(f->worker);
	}
	assert_int_equal(count(f, CHQ_C_UP_SERVER), CHQ_RING_SERVER + 5);
	assert_int_equal(count(f, CHQ_D_QUEUE_SERVER), 5);
	assert_int_equal(count(f, CHQ_D_QUEUE_HELLO) + count(f, CHQ_D_QUEUE_OTHER), 0);
	assert_true(fixture_hello(f, 1)); /* the other classes have room */
}

/* More frames to the server than its queue holds, numbered from @seq on. The queue is empty before. */
static void
flood(struct fixture *f, struct chq_dp_ref ref, uint64_t seq)
{
	static struct chq_up_item items[CHQ_RING_SERVER + 2 * CHQ_BURST];

	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		assert_true(fixture_server_frame(f, ref, 10, seq + i, "x"));
		assert_true(chq_ring_pop(&f->worker->up[CHQ_UPQ_SERVER], &items[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		put(items[i].dgram, items[i].dgram_len);
		if (fake.n == CHQ_BURST)
			chq_worker_poll(f->worker);
	}
}

static bool
request_arrives(struct fixture *f, struct chq_dp_ref ref, uint64_t seq)
{
	union chq_msg out;

	put_server_frame(f, ref, 20, seq);
	chq_worker_poll(f->worker);
	fixture_now_ns = chq_mono_ns();
	chq_manager_awake(&f->m);
	chq_manager_round(&f->m);
	while (fixture_recv(f, &out))
		if (out.h.type == CHQ_DP_SERVER_RX && out.server_rx.ref.slot == ref.slot)
			return true;
	return false;
}

static void
a_session_beyond_its_quota_leaves_the_queue_to_others(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_server_set m = { .server_id = 1 };
	struct chq_dp_ref loud, quiet;
	uint64_t begun, seq = 1;

	fixture_greet(f);
	for (int i = 0; i < CHQ_QUOTA_CLASSES; i++)
		m.quota[i] = (struct chq_dp_quota){
			.own = { .frames_per_s = 4, .frames_burst = 16 }, .notices_per_s = 4
		};
	chq_tables_server_set(f->t, &m);
	loud = fixture_open(f, 42, 1, 10);
	quiet = fixture_open(f, 43, 1, 20);
	do { /* once more if the machine has slept */
		begun = chq_mono_ns();
		flood(f, loud, seq);
		seq += 1000;
		while (!chq_manager_idle(&f->m)) {
			fixture_now_ns = begun;
			chq_manager_awake(&f->m);
			chq_manager_round(&f->m);
		}
		memset(f->worker->counts, 0, sizeof(f->worker->counts));
		flood(f, loud, seq);
		seq += 1000;
	} while (chq_mono_ns() - begun > CHQ_NS_PER_SEC / 5 && seq < 50000);
	assert_int_equal(count(f, CHQ_D_QUOTA_FRAMES), CHQ_RING_SERVER + 2 * CHQ_BURST);
	assert_int_equal(count(f, CHQ_D_QUEUE_SERVER), 0);
	assert_true(request_arrives(f, quiet, 1));
}

static void
what_the_manager_wants_sent_is_sent_in_bursts(void **state)
{
	struct fixture *f = *state;
	struct chq_path to = { .port = 1 };

	for (int i = 0; i < CHQ_BURST + 3; i++)
		chq_manager_send(&f->m, 0, &to, (const uint8_t *)"\x0a", 1);
	chq_worker_poll(f->worker);
	assert_int_equal(fake.sent_new, CHQ_BURST);
	chq_worker_poll(f->worker);
	assert_int_equal(fake.sent_new, CHQ_BURST + 3);
	for (int i = 0; i < CHQ_RING_TX + 2; i++)
		chq_manager_send(&f->m, 0, &to, (const uint8_t *)"\x0a", 1);
	assert_int_equal(f->m.count[CHQ_D_TX_FULL], 2);
}

static void
each_poll_leaves_a_heartbeat(void **state)
{
	struct fixture *f = *state;
	uint64_t before = f->t->header->heartbeat[0].now_ns;

	chq_worker_poll(f->worker);
	assert_true(f->t->header->heartbeat[0].now_ns > before);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_packet_of_a_burst_is_sent_or_freed_once),
		T(a_datagram_alone_is_answered_in_the_poll_that_received_it),
		T(a_frame_to_the_server_reaches_control_by_way_of_the_manager),
		T(a_full_queue_is_counted_under_its_own_name),
		T(a_session_beyond_its_quota_leaves_the_queue_to_others),
		T(what_the_manager_wants_sent_is_sent_in_bursts),
		T(each_poll_leaves_a_heartbeat),
	};

	return cmocka_run_group_tests_name("dataplane/worker", tests, NULL, NULL);
}
