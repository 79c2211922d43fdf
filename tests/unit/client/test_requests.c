#include "tests/unit/client/sim.h"

#include "base/clock.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_by_the_servers_clock_however_wrong_ours_is),
	};

	return cmocka_run_group_tests_name("client/requests", tests, sim_group_setup,
					   sim_group_teardown);
}
