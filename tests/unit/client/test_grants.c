#include "tests/unit/client/sim.h"

#include "client/client.h"

/* Messages of a client that have come to this state. */
static int
ended(struct sim *s, int i, enum chq_message_state state)
{
	int n = 0;

	for (int k = 0; k < s->client[i].states; k++)
		n += s->client[i].state[k].state == state;
	return n;
}

/* Bob is given no grant to write to alice, as where an address book does not show her to him. */
static struct sim *
bob_without_grants(bool reply_grants)
{
	struct sim *s = sim_logged_in(2);

	s->grants_strict = s->no_grants[1] = true;
	s->no_reply_grants[0] = !reply_grants;
	for (int i = 0; i < 2; i++) {
		sim_close(s, i);
		sim_open(s, i);
	}
	sim_run(s, 3000);
	return s;
}

static void
who_has_no_grant_for_a_sender_receipts_and_answers_by_the_one_that_came_along(void **state)
{
	struct sim *s = bob_without_grants(true);

	(void)state;
	assert_int_equal(chq_client_contact(s->client[1].c, sim_account_of(0))->grant, 0);
	sim_say(s, 0, 1, "hello");
	sim_run(s, 2000);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 1);
	sim_say(s, 1, 0, "yes?");
	sim_run(s, 2000);
	assert_int_equal(sim_count_shown(s, 0, "yes?"), 1);
	assert_int_equal(ended(s, 1, CHQ_MSG_DELIVERED), 1);
	sim_free(s);
}

static void
who_has_no_grant_and_was_given_none_cannot_answer(void **state)
{
	struct sim *s = bob_without_grants(false);

	(void)state;
	sim_say(s, 0, 1, "hello");
	sim_run(s, 2000);
	assert_int_equal(s->client[1].shown_count, 1);
	sim_say(s, 1, 0, "yes?");
	sim_run(s, 2000);
	assert_int_equal(s->client[0].shown_count, 0);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 0);
	sim_free(s);
}

static bool
swallow_receipts(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
		 uint16_t *len)
{
	(void)s;
	(void)to;
	(void)payload;
	(void)len;
	return !(h->flags & CHQ_F_RECEIPT);
}

/* Alice writes; does the message bring bob her reply grant? */
static bool
a_reply_grant_comes_along(struct sim *s)
{
	uint64_t *at = &chq_peer_find(s->client[1].c, sim_account_of(0))->reply_grant;

	*at = 0;
	sim_say(s, 0, 1, "hello");
	sim_run(s, 2000);
	assert_true(*at == 0 || ((*at ^ relay_grant(s, 1, 0)) & CHQ_ID_MASK) == 0);
	return *at != 0;
}

static void
a_reply_grant_travels_until_the_first_receipt_of_each_key(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	sim_say(s, 1, 0, "hello");
	sim_run(s, 2000);
	s->on_forward = swallow_receipts;
	assert_true(a_reply_grant_comes_along(s));
	assert_true(a_reply_grant_comes_along(s));
	s->on_forward = NULL;
	sim_run(s, 20000);
	assert_int_equal(ended(s, 0, CHQ_MSG_DELIVERED), 2);
	assert_false(a_reply_grant_comes_along(s));
	sim_run(s, UINT64_C(86400000)); /* a new day, a new key */
	assert_true(a_reply_grant_comes_along(s));
	assert_false(a_reply_grant_comes_along(s));
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_has_no_grant_for_a_sender_receipts_and_answers_by_the_one_that_came_along),
		cmocka_unit_test(who_has_no_grant_and_was_given_none_cannot_answer),
		cmocka_unit_test(a_reply_grant_travels_until_the_first_receipt_of_each_key),
	};

	return cmocka_run_group_tests_name("client/grants", tests, sim_group_setup,
					   sim_group_teardown);
}
