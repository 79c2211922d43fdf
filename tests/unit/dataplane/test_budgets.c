/* The budget that an account's sessions share: who has one, since when, and how long. */
#include "dataplane/quota.h"
#include "dataplane/tables_priv.h"
#include "tests/unit/dataplane/fixture.h"

#define NS_PER_S UINT64_C(1000000000)

static struct world v;
static struct peer bob, phone, pc;

static int
setup(void **state)
{
	struct chq_dp_server_set m = { .server_id = SERVER_ID, .silence_s = 90 };

	(void)state;
	world_init(&v, 64, 16);
	m.quota[CHQ_QUOTA_ORDINARY] = (struct chq_dp_quota){ .own = { 10, 10, 0, 0 },
							     .account = { 15, 15, 0, 0 } };
	chq_tables_server_set(v.t, &m);
	peer_init(&bob, 2, 1);
	peer_confirm(&v, &bob);
	peer_init(&phone, 5, 1);
	peer_confirm(&v, &phone);
	peer_init(&pc, 5, 2);
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
budget(const struct peer *p)
{
	return peer_session(&v, p)->budget;
}

/* Of @count frames to bob, how many are forwarded. */
static int
sent(struct peer *from, int count)
{
	int forwarded = 0;

	for (int i = 0; i < count; i++) {
		struct chq_frame_hdr h = frame_to(from, &bob);

		forwarded += world_send(&v, &h, 8, from)->count == CHQ_C_FORWARD;
	}
	return forwarded;
}

static void
tidy(uint64_t now_ns)
{
	for (uint32_t slot = 0; slot < v.t->header->sessions; slot++)
		if (v.t->sessions[slot].state != CHQ_SESSION_FREE)
			chq_session_budget_tidy(v.t, slot, now_ns);
}

static void
session_alone_shares_nothing(void **state)
{
	(void)state;
	assert_int_equal(budget(&phone), 0);
	assert_int_equal(chq_session_budget_users(v.t, phone.ref.slot), 1);
	assert_int_equal(sent(&phone, 20), 10);
}

static void
second_device_shares_its_accounts_budget_and_nobody_elses(void **state)
{
	(void)state;
	peer_confirm(&v, &pc);
	assert_true(budget(&phone) != 0 && budget(&phone) == budget(&pc));
	assert_int_equal(budget(&bob), 0);
	assert_int_equal(chq_session_budget_users(v.t, pc.ref.slot), 2);
	assert_int_equal(sent(&phone, 20), 10);
	assert_int_equal(sent(&pc, 20), 5);		       /* 15 for both */
	assert_int_equal(v.w->counts[CHQ_D_QUOTA_FRAMES], 20); /* each beyond its own 10 */
	assert_int_equal(v.w->counts[CHQ_D_QUOTA_ACCOUNT], 5);
	assert_int_equal(v.t->cold[phone.ref.slot].over_quota, 10);
	assert_int_equal(v.t->cold[pc.ref.slot].over_quota, 15);
}

static void
session_that_waits_for_its_first_frame_shares_already(void **state)
{
	(void)state;
	peer_open(&v, &pc);
	assert_true(budget(&phone) != 0 && budget(&phone) == budget(&pc));
}

static void
login_by_password_joins_its_account(void **state)
{
	struct peer guest;

	(void)state;
	peer_init(&guest, 0, 0);
	peer_open(&v, &guest);
	assert_int_equal(budget(&guest), 0);
	world_login(&v, &guest, 5, 3);
	assert_true(budget(&guest) != 0 && budget(&guest) == budget(&phone));
}

static void
handshakes_one_after_the_other_gain_no_budget(void **state)
{
	struct peer again[4];
	int all;

	(void)state;
	peer_open(&v, &pc);
	assert_int_equal(chq_session_confirm(v.t, pc.ref, T0_NS, NULL), 0);
	all = sent(&pc, 10);
	for (int i = 0; i < 4; i++) {
		peer_init(&again[i], 5, 2); /* the one before lingers */
		peer_confirm(&v, &again[i]);
		assert_int_equal(budget(&again[i]), budget(&phone));
		all += sent(&again[i], 10);
	}
	assert_int_equal(all, 15);
	assert_int_equal(chq_session_budget_users(v.t, phone.ref.slot), 6);
}

static void
budget_of_one_that_is_left_goes_when_nothing_is_owed(void **state)
{
	(void)state;
	peer_confirm(&v, &pc);
	assert_int_equal(sent(&phone, 3), 3);
	tidy(T0_NS + NS_PER_S);
	assert_true(budget(&phone) != 0); /* two of them */
	assert_int_equal(chq_session_close(v.t, pc.ref, T0_NS), 0);
	tidy(T0_NS + NS_PER_S / 10);
	assert_true(budget(&phone) != 0); /* three frames of 15 a second are owed yet */
	tidy(T0_NS + NS_PER_S / 5 + 1000);
	assert_int_equal(budget(&phone), 0);
	for (uint32_t i = 0; i < v.t->header->sessions; i++)
		assert_int_equal(v.t->budget_users[i], 0);
}

static void
word_that_is_given_away_anew_begins_with_nothing_spent(void **state)
{
	struct peer carol[2];
	uint32_t was;

	(void)state;
	peer_confirm(&v, &pc);
	was = budget(&pc);
	assert_int_equal(sent(&phone, 10) + sent(&pc, 10), 15);
	assert_int_equal(chq_session_close(v.t, pc.ref, T0_NS), 0);
	assert_int_equal(chq_session_close(v.t, phone.ref, T0_NS), 0);
	v.t->budget_next = was - 1;
	for (int i = 0; i < 2; i++) {
		peer_init(&carol[i], 7, (uint8_t)(i + 1));
		peer_confirm(&v, &carol[i]);
	}
	assert_int_equal(budget(&carol[0]), was);
	assert_int_equal(sent(&carol[0], 10) + sent(&carol[1], 10), 15);
}

static void
opening_a_slot_leaves_the_word_in_its_record_to_whose_it_is(void **state)
{
	struct peer carol;
	uint64_t word;

	(void)state;
	v.t->budget_next = 9; /* a slot that is free yet */
	peer_confirm(&v, &pc);
	assert_int_equal(budget(&pc), 10);
	assert_int_equal(sent(&phone, 4), 4);
	word = v.t->cold[9].account_quota;
	do {
		peer_init(&carol, 0, 0);
		peer_open(&v, &carol);
	} while (carol.ref.slot != 9);
	assert_true(v.t->cold[9].account_quota == word);
	assert_int_equal(chq_session_close(v.t, carol.ref, T0_NS), 0);
	assert_true(v.t->cold[9].account_quota == word);
}

static void
adoption_counts_anew_who_shares(void **state)
{
	uint32_t was;

	(void)state;
	peer_confirm(&v, &pc);
	was = budget(&pc);
	tables_scrub(v.t, T0_NS);
	assert_int_equal(budget(&pc), was);
	assert_int_equal(chq_session_budget_users(v.t, phone.ref.slot), 2);
	peer_session(&v, &bob)->budget = 65; /* beyond the table */
	tables_scrub(v.t, T0_NS);
	assert_int_equal(budget(&bob), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(session_alone_shares_nothing),
		T(second_device_shares_its_accounts_budget_and_nobody_elses),
		T(session_that_waits_for_its_first_frame_shares_already),
		T(login_by_password_joins_its_account),
		T(handshakes_one_after_the_other_gain_no_budget),
		T(budget_of_one_that_is_left_goes_when_nothing_is_owed),
		T(word_that_is_given_away_anew_begins_with_nothing_spent),
		T(opening_a_slot_leaves_the_word_in_its_record_to_whose_it_is),
		T(adoption_counts_anew_who_shares),
	};

	return cmocka_run_group_tests_name("dataplane/budgets", tests, NULL, NULL);
}
