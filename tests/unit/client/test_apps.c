/* Messages of applications: each to its handler, and what has none is kept for a newer client. */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/client.h"
#include "tests/unit/client/sim.h"

struct seen {
	int count;
	struct chq_event last;
	uint8_t data[CHQ_MESSAGE_MAX];
};

static void
see(void *arg, const struct chq_event *ev)
{
	struct seen *seen = arg;

	seen->count++;
	seen->last = *ev;
	memcpy(seen->data, ev->data, ev->len);
}

static uint64_t
send_app(struct sim *s, uint16_t app, const void *data, size_t len)
{
	uint64_t id = 0;

	assert_int_equal(chq_client_send(s->client[0].c, sim_account_of(1), app, data, len, &id),
			 CHQ_OK);
	sim_run(s, 2000);
	assert_int_equal(sim_state_of(s, 0, id, NULL), CHQ_MSG_DELIVERED);
	return id;
}

static void
each_handler_gets_its_own_and_an_unknown_application_needs_a_newer_client(void **state)
{
	static struct seen seen[3], late;
	struct sim *s = sim_logged_in(2);
	struct chq_client *bob = s->client[1].c;
	uint64_t id;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(chq_client_on_app(bob, i + 1, see, &seen[i]), CHQ_OK);
	send_app(s, 1, "one", 3);
	send_app(s, 2, "two", 3);
	send_app(s, 3, "three", 5);
	id = send_app(s, 999, "raw bytes", 9);
	send_app(s, 0, "chat", 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(seen[i].count, 1);
	assert_memory_equal(seen[1].data, "two", 3);
	assert_int_equal(seen[2].last.app, 3);
	/* Never as chat, and not lost either. */
	assert_int_equal(s->client[1].shown_count, 1);
	assert_string_equal(s->client[1].shown[0].text, "chat");
	assert_int_equal(s->client[1].events[CHQ_EV_APP_UNKNOWN], 1);
	assert_int_equal(s->client[1].last[CHQ_EV_APP_UNKNOWN].app, 999);
	assert_int_equal(s->client[1].last[CHQ_EV_APP_UNKNOWN].err, CHQ_OK);
	assert_null(s->client[1].last[CHQ_EV_APP_UNKNOWN].data);
	assert_int_equal(chq_client_kept(bob), 1);
	/* The newer client. */
	sim_kill(s, 1);
	bob = sim_open(s, 1);
	assert_int_equal(chq_client_kept(bob), 1);
	assert_int_equal(chq_client_on_app(bob, 999, see, &late), CHQ_OK);
	assert_int_equal(late.count, 1);
	assert_memory_equal(late.data, "raw bytes", 9);
	assert_true(late.last.message == id && late.last.account == sim_account_of(0));
	assert_int_equal(chq_client_kept(bob), 0);
	sim_free(s);
}

static void
random_bytes_of_any_application_pass_bit_exact(void **state)
{
	static const uint16_t apps[] = { 0, 1, 7, 255, 256, 999, 32768, 65535 };
	static uint8_t bytes[CHQ_MESSAGE_MAX];
	static struct seen seen;
	struct sim *s = sim_logged_in(2);

	(void)state;
	for (size_t i = 0; i < sizeof(apps) / sizeof(apps[0]); i++) {
		size_t len = 1 + sim_random(s, i % 2 ? 5000 : 64);

		for (size_t k = 0; k < len; k++)
			bytes[k] = (uint8_t)sim_random(s, 256);
		assert_int_equal(chq_client_on_app(s->client[1].c, apps[i], see, &seen), CHQ_OK);
		seen.count = 0;
		send_app(s, apps[i], bytes, len);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.last.app, apps[i]);
		assert_int_equal(seen.last.len, len);
		assert_memory_equal(seen.data, bytes, len);
	}
	sim_free(s);
}

static void
what_is_kept_is_bounded_and_told_when_it_is_not(void **state)
{
	static uint8_t bytes[CHQ_MESSAGE_MAX];
	struct sim *s = sim_logged_in(2);
	int n = 0;

	(void)state;
	while (s->client[1].last[CHQ_EV_APP_UNKNOWN].err == CHQ_OK && n++ < 40)
		send_app(s, 999, bytes, sizeof(bytes));
	assert_int_equal(s->client[1].last[CHQ_EV_APP_UNKNOWN].err, CHQ_EFULL);
	assert_in_range(chq_client_kept(s->client[1].c), 10, CHQ_KEPT_MAX / CHQ_MESSAGE_MAX);
	assert_int_equal(s->client[1].shown_count, 0);
	sim_free(s);
}

/* --- deltas of the contact list --- */

static uint64_t gone;

static void
only_what_changed(struct sim *s, Chasqui__ContactsPage *page)
{
	static Chasqui__Contact k[2], *list[] = { &k[0], &k[1] };
	static char name[] = "robert";

	chasqui__contact__init(&k[0]);
	k[0].account = gone;
	k[0].removed = true;
	chasqui__contact__init(&k[1]);
	k[1].account = sim_account_of(1);
	k[1].login = name;
	k[1].relation = CHASQUI__RELATION__RELATION_FRIEND;
	k[1].grant = relay_grant(s, 0, 1);
	page->delta = true;
	page->next_cursor = 0;
	page->unchanged = false;
	page->contact = list;
	page->n_contact = 2;
}

static void
a_delta_changes_what_it_names_and_leaves_the_rest(void **state)
{
	struct sim *s = sim_logged_in(4);
	struct chq_contact *list;

	(void)state;
	gone = sim_account_of(2);
	s->on_contacts = only_what_changed;
	s->contacts_version++;
	chq_contacts_refresh(s->client[0].c, false);
	sim_run(s, 2000);
	assert_int_equal(chq_client_contacts(s->client[0].c, &list), 2);
	assert_string_equal(list[0].login, "dave");
	assert_string_equal(list[1].login, "robert");
	free(list);
	assert_null(chq_client_contact(s->client[0].c, gone));
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			each_handler_gets_its_own_and_an_unknown_application_needs_a_newer_client),
		cmocka_unit_test(random_bytes_of_any_application_pass_bit_exact),
		cmocka_unit_test(what_is_kept_is_bounded_and_told_when_it_is_not),
		cmocka_unit_test(a_delta_changes_what_it_names_and_leaves_the_rest),
	};

	return cmocka_run_group_tests_name("client/apps", tests, sim_group_setup,
					   sim_group_teardown);
}
