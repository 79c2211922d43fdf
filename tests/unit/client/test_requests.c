#include "tests/unit/client/sim.h"

#include "base/clock.h"
#include "base/err.h"

/* What the client asks of the server. */

static void
months_behind(struct sim *s, struct chq_welcome_body *b, uint8_t *version)
{
	(void)version;
	b->server_time_ms = s->wall_ms - 90 * CHQ_MS_PER_DAY;
}

static void
ids_are_by_the_servers_clock_however_wrong_ours_is(void **state)
{
	struct sim *s = sim_new();
	uint64_t ms;

	(void)state;
	s->on_welcome = months_behind;
	for (int i = 0; i < 2; i++) {
		sim_open(s, 0);
		sim_run(s, 30000);
		assert_true(s->account[0].has_keys);
		ms = s->request_id >> 22;
		assert_in_range(ms, chq_ms2020_of(s->wall_ms) - 90 * CHQ_MS_PER_DAY - 31000,
				chq_ms2020_of(s->wall_ms) - 90 * CHQ_MS_PER_DAY);
		sim_close(s, 0);
	}
	sim_free(s);
}

/* The list alone on the first page, prekeys from the second on. */
static void
two_pages(struct sim *s, Chasqui__KeysReply *reply)
{
	if (s->keys_after == 0) {
		reply->n_prekey = 0;
		reply->next_after = 256;
		return;
	}
	assert_int_equal(s->keys_after, 256);
	reply->account_key.len = reply->device_list.len = 0;
}

static void
keys_that_come_in_pages_are_asked_for_to_the_end(void **state)
{
	struct sim *s = sim_logged_in(2);
	uint64_t id;

	(void)state;
	s->on_keys = two_pages;
	s->keys_asked = 0;
	id = sim_say(s, 0, 1, "hello");
	sim_run(s, 2000);
	assert_int_equal(sim_state_of(s, 0, id, NULL), CHQ_MSG_DELIVERED);
	assert_int_equal(s->keys_asked, 4); /* by alice for bob's, by bob for hers */
	sim_free(s);
}

static void
endless_pages(struct sim *s, Chasqui__KeysReply *reply)
{
	reply->next_after = s->keys_after + 1;
}

static void
a_server_whose_keys_never_end_is_not_asked_for_ever(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_keys = endless_pages;
	s->keys_asked = 0;
	assert_int_equal(chq_client_fetch_keys(s->client[0].c, sim_account_of(1)), 0);
	sim_run(s, 2000);
	assert_int_equal(s->client[0].events[CHQ_EV_PEER_KEYS], 1);
	assert_int_equal(s->client[0].last[CHQ_EV_PEER_KEYS].err, CHQ_EUNAVAIL);
	assert_in_range(s->keys_asked, 1, 1 + CHQ_DEVICES_MAX);
	sim_free(s);
}

static void
second_page_of_another(struct sim *s, Chasqui__KeysReply *reply)
{
	two_pages(s, reply);
	if (s->keys_after)
		reply->account++;
}

static void
a_page_of_another_account_is_refused(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_keys = second_page_of_another;
	assert_int_equal(chq_client_fetch_keys(s->client[0].c, sim_account_of(1)), 0);
	sim_run(s, 2000);
	assert_int_equal(s->client[0].last[CHQ_EV_PEER_KEYS].err, CHQ_EUNTRUSTED);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_KEYS), 1);
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_by_the_servers_clock_however_wrong_ours_is),
		cmocka_unit_test(keys_that_come_in_pages_are_asked_for_to_the_end),
		cmocka_unit_test(a_server_whose_keys_never_end_is_not_asked_for_ever),
		cmocka_unit_test(a_page_of_another_account_is_refused),
	};

	return cmocka_run_group_tests_name("client/requests", tests, sim_group_setup,
					   sim_group_teardown);
}
