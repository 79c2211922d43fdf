/* Life of a slot: open, login, confirm, linger, close, rest. */
#include "tests/unit/dataplane/fixture.h"

#define NS_PER_S UINT64_C(1000000000)

static struct world v;

static int
setup(void **state)
{
	(void)state;
	world_init(&v, 32, 16);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_deinit(&v);
	return 0;
}

static uint32_t
slot_of(uint64_t account)
{
	return chq_account_find(v.t->buckets, v.t->header->buckets, v.t->header->account_seed,
				CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, account));
}

/* Under which counter a frame between the two ends. */
static enum chq_counter
fate(struct peer *from, const struct peer *to)
{
	struct chq_frame_hdr h = frame_to(from, to);

	return (enum chq_counter)world_send(&v, &h, 8, from)->count;
}

static void
login_makes_a_receiver_of_a_guest(void **state)
{
	struct peer guest, bob;

	(void)state;
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	peer_init(&guest, 0, 0);
	peer_open(&v, &guest);
	assert_int_equal(peer_session(&v, &guest)->state, CHQ_SESSION_PRELOGIN);
	assert_int_equal(peer_session(&v, &guest)->expires_s, T0_S + 10);
	assert_int_equal(v.t->unconfirmed, 1);

	world_login(&v, &guest, 9, 3);
	assert_int_equal(v.t->unconfirmed, 0);
	assert_int_equal(slot_of(9), guest.ref.slot);
	assert_int_equal(peer_session(&v, &guest)->expires_s, T0_S + LIFE_S);
	assert_int_equal(peer_session(&v, &guest)->quota_class, CHQ_QUOTA_ORDINARY);
	guest.open.account = 9;
	guest.open.device = 3;
	memset(guest.open.grant_key, 9, 16);
	assert_int_equal(fate(&bob, &guest), CHQ_C_FORWARD);
	assert_int_equal(fate(&guest, &bob), CHQ_C_FORWARD);
}

static void
login_of_what_is_no_guest_is_refused(void **state)
{
	struct chq_dp_session_login m = { .account = 3, .device = 1, .lifetime_s = 9 };
	struct peer p, guest;

	(void)state;
	peer_init(&p, 3, 1);
	peer_open(&v, &p);
	m.ref = p.ref;
	assert_int_equal(chq_session_login(v.t, &m, T0_NS, NULL), CHQ_EINVAL);
	m.ref.gen++;
	assert_int_equal(chq_session_login(v.t, &m, T0_NS, NULL), CHQ_ENOENT);
	peer_init(&guest, 0, 0);
	peer_open(&v, &guest);
	m.ref = guest.ref;
	m.account = 0;
	assert_int_equal(chq_session_login(v.t, &m, T0_NS, NULL), CHQ_EINVAL);
	m.account = 3;
	m.quota_class = CHQ_TABLE_QUOTAS;
	assert_int_equal(chq_session_login(v.t, &m, T0_NS, NULL), CHQ_EINVAL);
	assert_int_equal(peer_session(&v, &guest)->state, CHQ_SESSION_PRELOGIN);
	assert_true(peer_session(&v, &guest)->ident == 0);
}

static void
newer_session_of_a_device_replaces_the_older_which_lingers(void **state)
{
	struct peer old, new, bob;
	struct chq_dp_ref replaced;
	struct chq_session *o;

	(void)state;
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	peer_init(&old, 3, 1);
	peer_init(&new, 3, 1);
	peer_confirm(&v, &old);
	peer_open(&v, &new);
	o = peer_session(&v, &old);

	/* Before its first valid frame nothing is replaced. */
	assert_int_equal(slot_of(3), old.ref.slot);
	assert_int_equal(chq_session_confirm(v.t, new.ref, T0_NS, &replaced), 0);
	assert_int_equal(replaced.slot, old.ref.slot);
	assert_int_equal(replaced.gen, old.ref.gen);
	assert_int_equal(slot_of(3), new.ref.slot);
	assert_int_equal(o->state, CHQ_SESSION_LINGER);
	assert_int_equal(o->expires_s, T0_S + CHQ_LINGER_S);
	assert_false(peer_session(&v, &new)->rx_ident >> 56 & CHQ_RX_DEVICES);

	assert_int_equal(fate(&old, &bob), CHQ_C_FORWARD);
	assert_int_equal(fate(&bob, &new), CHQ_C_FORWARD);
	assert_int_equal(v.pkt[0].to_slot, new.ref.slot);
	world_clock(&v, T0_NS + (CHQ_LINGER_S + 1) * NS_PER_S);
	assert_int_equal(fate(&old, &bob), CHQ_D_EXPIRED);
	assert_int_equal(chq_session_confirm(v.t, new.ref, T0_NS, NULL), CHQ_EINVAL);
}

static void
devices_of_an_account_are_reached_each_by_its_number(void **state)
{
	struct peer d[CHQ_DEVICES_MAX + 1], bob;

	(void)state;
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	for (int i = 0; i < CHQ_DEVICES_MAX; i++) {
		peer_init(&d[i], 3, (uint8_t)(i + 1));
		peer_confirm(&v, &d[i]);
	}
	peer_init(&d[CHQ_DEVICES_MAX], 3, CHQ_DEVICES_MAX + 1);
	peer_open(&v, &d[CHQ_DEVICES_MAX]);
	assert_int_equal(chq_session_confirm(v.t, d[CHQ_DEVICES_MAX].ref, T0_NS, NULL), CHQ_EFULL);

	/* Taken away one by one, from the middle, the head and the end. */
	for (int n = CHQ_DEVICES_MAX, gone = 3; n > 0; n--, gone = (gone + 5) % CHQ_DEVICES_MAX) {
		for (int i = 0; i < CHQ_DEVICES_MAX; i++) {
			int there = chq_session_at(v.t, d[i].ref) != NULL;

			assert_int_equal(fate(&bob, &d[i]),
					 there ? CHQ_C_FORWARD : CHQ_C_UP_DEVICE);
			if (there)
				assert_int_equal(v.pkt[0].to_slot, d[i].ref.slot);
		}
		assert_int_equal(chq_session_close(v.t, d[gone].ref, T0_NS), 0);
	}
	assert_int_equal(fate(&bob, &d[0]), CHQ_C_UP_UNKNOWN);
	assert_int_equal(slot_of(3), CHQ_SLOT_NONE);
	assert_int_equal(v.t->accounts, 1);
}

static void
freed_slot_rests_ninety_seconds_and_rises_in_generation(void **state)
{
	struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					.sessions = 1,
					.accounts = 1 };
	struct chq_tables *t;
	struct chq_dp_ref ref, again;
	struct peer p;
	char err[256];

	(void)state;
	assert_int_equal(chq_tables_open(&t, &conf, T0_NS, err, sizeof(err)), 0);
	peer_init(&p, 3, 1);
	assert_int_equal(chq_session_open(t, &p.open, T0_NS, &ref), 0);
	assert_int_equal(chq_session_open(t, &p.open, T0_NS, &again), CHQ_EFULL);
	assert_int_equal(chq_session_confirm(t, ref, T0_NS, NULL), 0);
	assert_int_equal(chq_session_close(t, ref, T0_NS), 0);
	assert_int_equal(chq_session_close(t, ref, T0_NS), CHQ_ENOENT);
	assert_int_equal(chq_session_open(t, &p.open, T0_NS + 89 * NS_PER_S, &again), CHQ_EFULL);
	assert_int_equal(chq_session_open(t, &p.open, T0_NS + 90 * NS_PER_S, &again), 0);
	assert_int_equal(again.slot, ref.slot);
	assert_int_equal(again.gen, ref.gen + 1);
	assert_null(chq_session_at(t, ref));
	chq_tables_close(t);
}

/* Handshakes without login, one after the other: more than there are slots. */
static void
handshakes_that_come_to_nothing_tie_up_few_slots(void **state)
{
	uint8_t touched[32] = { 0 };
	unsigned slots = 0;
	struct peer p;

	(void)state;
	peer_init(&p, 0, 0);
	for (uint64_t i = 0; i < 100; i++) {
		world_clock(&v, T0_NS + i * NS_PER_S);
		peer_open(&v, &p);
		assert_int_equal(chq_session_close(v.t, p.ref, v.w->now_ns), 0);
		slots += !touched[p.ref.slot]++;
	}
	assert_int_equal(slots, CHQ_SLOT_REST_GUEST_S);
}

static void
slot_that_is_free_longest_is_taken_first(void **state)
{
	struct peer p;
	uint32_t closed[3];

	(void)state;
	peer_init(&p, 3, 1);
	for (int i = 0; i < 3; i++) {
		peer_confirm(&v, &p);
		closed[i] = p.ref.slot;
		assert_int_equal(chq_session_close(v.t, p.ref, T0_NS + (uint64_t)i * NS_PER_S), 0);
	}
	world_clock(&v, T0_NS + 500 * NS_PER_S);
	for (uint32_t i = 0; i < v.t->header->sessions - 3; i++) { /* those that were never used */
		peer_open(&v, &p);
		assert_int_equal(chq_session_confirm(v.t, p.ref, T0_NS, NULL), 0);
	}
	for (int i = 0; i < 3; i++) {
		peer_open(&v, &p);
		assert_int_equal(p.ref.slot, closed[i]);
	}
}

static void
closed_session_leaves_no_key_and_no_way_to_it(void **state)
{
	static const uint8_t none[32];
	struct peer p, bob;
	const struct chq_session *s;

	(void)state;
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	peer_init(&p, 3, 1);
	peer_confirm(&v, &p);
	s = peer_session(&v, &p);
	assert_int_equal(chq_session_close(v.t, p.ref, T0_NS), 0);
	assert_memory_equal(&s->tag_in, none, 16);
	assert_memory_equal(&s->tag_out, none, 16);
	assert_memory_equal(&s->grant_key, none, 16);
	assert_memory_equal(v.t->hop[p.ref.slot].in, none, 32);
	assert_memory_equal(v.t->hop[p.ref.slot].out, none, 32);
	assert_true(s->ident == 0 && s->rx_ident == 0);
	assert_int_equal(fate(&bob, &p), CHQ_C_UP_UNKNOWN);
	assert_int_equal(fate(&p, &bob), CHQ_D_SLOT);
	assert_int_equal(v.t->used, 1);
}

static void
unconfirmed_sessions_have_a_pool_of_their_own(void **state)
{
	struct peer p[17];
	struct chq_dp_ref ref;

	(void)state;
	for (int i = 0; i < 16; i++) { /* a sixteenth of the slots, at least 16 */
		peer_init(&p[i], i % 2 ? 0 : (uint64_t)i + 1, i % 2 ? 0 : 1);
		peer_open(&v, &p[i]);
	}
	assert_int_equal(chq_session_open(v.t, &p[0].open, T0_NS, &ref), CHQ_EFULL);
	assert_int_equal(chq_session_confirm(v.t, p[0].ref, T0_NS, NULL), 0);
	assert_int_equal(chq_session_open(v.t, &p[0].open, T0_NS, &ref), 0);
	assert_int_equal(chq_session_open(v.t, &p[0].open, T0_NS, &ref), CHQ_EFULL);
	assert_int_equal(chq_session_close(v.t, p[1].ref, T0_NS), 0);
	assert_int_equal(chq_session_open(v.t, &p[0].open, T0_NS, &ref), 0);
}

static void
account_beyond_the_configured_number_is_refused_and_stays_unconfirmed(void **state)
{
	struct peer p;

	(void)state;
	for (uint64_t a = 1; a <= 16; a++) {
		peer_init(&p, a, 1);
		peer_confirm(&v, &p);
	}
	peer_init(&p, 17, 1);
	peer_open(&v, &p);
	assert_int_equal(chq_session_confirm(v.t, p.ref, T0_NS, NULL), CHQ_EFULL);
	assert_int_equal(peer_session(&v, &p)->state, CHQ_SESSION_NEW);
	assert_true(peer_session(&v, &p)->rx_ident == 0);
	assert_int_equal(slot_of(17), CHQ_SLOT_NONE);
}

static void
new_grant_key_ends_the_old_grants(void **state)
{
	struct peer p, bob;
	uint8_t key[16] = { 42 };

	(void)state;
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	peer_init(&p, 3, 1);
	peer_confirm(&v, &p);
	assert_int_equal(chq_session_grant_key(v.t, 3, key), 0);
	assert_int_equal(chq_session_grant_key(v.t, 4, key), CHQ_ENOENT);
	assert_int_equal(fate(&bob, &p), CHQ_C_UP_GRANT);
	memcpy(p.open.grant_key, key, 16);
	assert_int_equal(fate(&bob, &p), CHQ_C_FORWARD);
}

static void
new_sender_epoch_ends_the_grants_that_all_sessions_of_an_account_were_given(void **state)
{
	struct peer old, now, next, other, p;

	(void)state;
	peer_init(&p, 3, 1);
	peer_confirm(&v, &p);
	peer_init(&other, 4, 1);
	peer_confirm(&v, &other);
	peer_init(&old, 2, 1);
	peer_confirm(&v, &old);
	peer_init(&now, 2, 1);
	peer_confirm(&v, &now); /* and the old one lingers */
	peer_init(&next, 2, 2);
	peer_open(&v, &next); /* waits for its first frame */
	assert_int_equal(chq_session_sender_epoch(v.t, 2, 7), 0);
	assert_int_equal(chq_session_sender_epoch(v.t, 5, 7), CHQ_ENOENT);
	assert_int_equal(chq_session_sender_epoch(v.t, 0, 7), CHQ_ENOENT);
	assert_int_equal(fate(&old, &p), CHQ_C_UP_GRANT);
	assert_int_equal(fate(&now, &p), CHQ_C_UP_GRANT);
	assert_int_equal(fate(&next, &p), CHQ_C_UP_GRANT);
	assert_int_equal(fate(&other, &p), CHQ_C_FORWARD);
	old.open.sender_epoch = now.open.sender_epoch = next.open.sender_epoch = 7;
	assert_int_equal(fate(&old, &p), CHQ_C_FORWARD);
	assert_int_equal(fate(&now, &p), CHQ_C_FORWARD);
	assert_int_equal(fate(&next, &p), CHQ_C_FORWARD);
}

static void
session_begins_with_the_sender_epoch_that_it_was_opened_or_logged_in_with(void **state)
{
	struct chq_dp_session_login m = { .account = 9,
					  .device = 1,
					  .quota_class = CHQ_QUOTA_ORDINARY,
					  .lifetime_s = LIFE_S,
					  .sender_epoch = 0x2abc };
	struct peer p, bob, guest;

	(void)state;
	peer_init(&p, 3, 1);
	peer_confirm(&v, &p);
	peer_init(&bob, 2, 1);
	bob.open.sender_epoch = 0x3fff;
	peer_confirm(&v, &bob);
	assert_int_equal(fate(&bob, &p), CHQ_C_FORWARD);
	bob.open.sender_epoch = 0;
	assert_int_equal(fate(&bob, &p), CHQ_C_UP_GRANT);

	peer_init(&guest, 0, 0);
	peer_open(&v, &guest);
	m.ref = guest.ref;
	assert_int_equal(chq_session_login(v.t, &m, T0_NS, NULL), 0);
	guest.open.account = 9;
	guest.open.sender_epoch = 0x2abc;
	assert_int_equal(fate(&guest, &p), CHQ_C_FORWARD);
	assert_int_equal(chq_session_sender_epoch(v.t, 9, 1), 0);
	assert_int_equal(fate(&guest, &p), CHQ_C_UP_GRANT);
	assert_int_equal(chq_session_close(v.t, guest.ref, T0_NS), 0);
	assert_int_equal(chq_session_sender_epoch(v.t, 9, 2), CHQ_ENOENT);
}

static void
denial_list_holds_eight_and_survives_a_replacement(void **state)
{
	struct peer p, again, bob;

	(void)state;
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	peer_init(&p, 3, 1);
	peer_confirm(&v, &p);
	assert_int_equal(chq_session_deny(v.t, 4, 2, TODAY, false), CHQ_ENOENT);
	assert_int_equal(chq_session_deny(v.t, 3, 2, TODAY, true), CHQ_ENOENT);
	for (uint64_t sender = 2; sender < 10; sender++)
		assert_int_equal(chq_session_deny(v.t, 3, sender, TODAY, false), 0);
	assert_int_equal(chq_session_deny(v.t, 3, 10, TODAY, false), CHQ_EFULL);
	assert_int_equal(chq_session_deny(v.t, 3, 2, TODAY + 1, false), 0); /* prolonged */
	assert_int_equal(fate(&bob, &p), CHQ_C_UP_DENIED);

	peer_init(&again, 3, 1);
	peer_confirm(&v, &again);
	assert_int_equal(fate(&bob, &again), CHQ_C_UP_DENIED);
	assert_int_equal(chq_session_deny(v.t, 3, 2, TODAY, true), 0);
	assert_int_equal(fate(&bob, &again), CHQ_C_FORWARD);

	v.t->header->today = TODAY + 1; /* the others' time is over: room again */
	assert_int_equal(chq_session_deny(v.t, 3, 10, TODAY + 1, false), 0);
}

static void
cookie_secrets_serve_two_minutes_and_two_more(void **state)
{
	struct chq_cookie_secret first = v.t->header->cookie[1];

	(void)state;
	assert_int_equal(first.number, 1);
	assert_int_equal(v.t->header->cookie[0].number, 0);
	chq_tables_tick(v.t, T0_NS + 119 * NS_PER_S, 0);
	assert_int_equal(v.t->header->cookie[0].number, 0);
	chq_tables_tick(v.t, T0_NS + 120 * NS_PER_S, 0);
	assert_int_equal(v.t->header->cookie[0].number, 2);
	assert_memory_equal(&v.t->header->cookie[1], &first, sizeof(first));
	chq_tables_tick(v.t, T0_NS + 240 * NS_PER_S, 0);
	assert_int_equal(v.t->header->cookie[1].number, 3);
	/* Nobody was there for an hour: both are replaced. */
	chq_tables_tick(v.t, T0_NS + 3600 * NS_PER_S, UINT64_C(1577836800000) + 86400000);
	assert_int_equal(v.t->header->cookie[0].number, 4);
	assert_int_equal(v.t->header->cookie[1].number, 5);
	assert_int_equal(v.t->header->today, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(login_makes_a_receiver_of_a_guest),
		TEST(login_of_what_is_no_guest_is_refused),
		TEST(newer_session_of_a_device_replaces_the_older_which_lingers),
		TEST(devices_of_an_account_are_reached_each_by_its_number),
		TEST(freed_slot_rests_ninety_seconds_and_rises_in_generation),
		TEST(handshakes_that_come_to_nothing_tie_up_few_slots),
		TEST(slot_that_is_free_longest_is_taken_first),
		TEST(closed_session_leaves_no_key_and_no_way_to_it),
		TEST(unconfirmed_sessions_have_a_pool_of_their_own),
		TEST(account_beyond_the_configured_number_is_refused_and_stays_unconfirmed),
		TEST(new_grant_key_ends_the_old_grants),
		TEST(new_sender_epoch_ends_the_grants_that_all_sessions_of_an_account_were_given),
		TEST(session_begins_with_the_sender_epoch_that_it_was_opened_or_logged_in_with),
		TEST(denial_list_holds_eight_and_survives_a_replacement),
		TEST(cookie_secrets_serve_two_minutes_and_two_more),
	};
	return cmocka_run_group_tests_name("dataplane/sessions", tests, NULL, NULL);
}
