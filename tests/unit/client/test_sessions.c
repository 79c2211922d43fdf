/* Handshake, login, and how a session lives on. */

#include "tests/unit/client/sim.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/err.h"

static bool
alice_is_in(struct sim *s)
{
	return s->client[0].events[CHQ_EV_LOGGED_IN] > 0 &&
	       chq_client_connection(s->client[0].c) == CHQ_CONN_LOGGED_IN;
}

static bool
alice_is_refused(struct sim *s)
{
	return s->client[0].events[CHQ_EV_LOGIN_REFUSED] > 0;
}

static bool
alice_is_stopped(struct sim *s)
{
	return chq_client_connection(s->client[0].c) == CHQ_CONN_STOPPED;
}

static int delivered_wanted;

static bool
alice_has_receipts(struct sim *s)
{
	int n = 0;

	for (int i = 0; i < s->client[0].states; i++)
		n += s->client[0].state[i].state == CHQ_MSG_DELIVERED;
	return n >= delivered_wanted;
}

static void
a_password_logs_in_and_the_enrolled_device_needs_none(void **state)
{
	struct sim *s = sim_new();

	(void)state;
	sim_open(s, 0);
	assert_true(sim_until(s, alice_is_in, 5000));
	assert_int_equal(s->client[0].events[CHQ_EV_PASSWORD_NEEDED], 1);
	assert_int_equal(s->client[0].last[CHQ_EV_LOGGED_IN].account, sim_account_of(0));
	sim_close(s, 0);
	s->client[0].events[CHQ_EV_LOGGED_IN] = 0;
	sim_open(s, 0);
	assert_true(sim_until(s, alice_is_in, 5000));
	assert_int_equal(s->client[0].events[CHQ_EV_PASSWORD_NEEDED], 1);
	sim_free(s);
}

static void
a_wrong_password_is_refused_and_a_right_one_may_follow(void **state)
{
	struct sim *s = sim_new();

	(void)state;
	sim_open(s, 0);
	assert_int_equal(chq_client_login(s->client[0].c, "wrong", 5), CHQ_OK);
	assert_true(sim_until(s, alice_is_refused, 5000));
	assert_int_equal(s->client[0].last[CHQ_EV_LOGIN_REFUSED].err, CHQ_EAUTH);
	sim_run(s, 20000);
	assert_int_equal(s->client[0].events[CHQ_EV_LOGIN_REFUSED], 1);
	assert_int_equal(chq_client_login(s->client[0].c, SIM_PASSWORD, strlen(SIM_PASSWORD)),
			 CHQ_OK);
	assert_true(sim_until(s, alice_is_in, 5000));
	sim_free(s);
}

static void
a_disabled_account_is_told_and_no_further_attempt_is_made(void **state)
{
	struct sim *s = sim_logged_in(1);
	int before;

	(void)state;
	sim_close(s, 0);
	s->account[0].disabled = true;
	sim_open(s, 0);
	assert_true(sim_until(s, alice_is_stopped, 5000));
	assert_int_equal(s->client[0].last[CHQ_EV_LOGIN_REFUSED].err, CHQ_EDISABLED);
	before = s->handshakes;
	sim_run(s, 100000);
	assert_int_equal(s->handshakes, before);
	sim_free(s);
}

static bool
all_are_in(struct sim *s)
{
	for (int i = 0; i < SIM_CLIENTS; i++)
		if (chq_client_connection(s->client[i].c) != CHQ_CONN_LOGGED_IN)
			return false;
	return true;
}

static void
login_succeeds_over_a_bad_network(void **state)
{
	struct sim *s = sim_new();

	(void)state;
	s->loss_percent = s->dup_percent = s->reorder_percent = 20;
	for (int i = 0; i < SIM_CLIENTS; i++)
		sim_open(s, i);
	assert_true(sim_until(s, all_are_in, 240000));
	sim_free(s);
}

static int hellos;
static uint64_t hello_ms[32];
static uint8_t first_hello[CHQ_HELLO_LEN];

static void
the_contact_list_comes_in_pages_and_presence_is_told(void **state)
{
	struct sim *s = sim_logged_in(2);
	const struct chq_contact *k;
	struct chq_contact *list;

	(void)state;
	assert_int_equal(chq_client_contacts(s->client[0].c, &list), SIM_CLIENTS - 1);
	assert_string_equal(list[0].login, "bob");
	assert_string_equal(list[2].login, "dave");
	free(list);
	k = chq_client_contact_by_login(s->client[0].c, "bob");
	assert_non_null(k);
	sim_run(s, 2000);
	assert_int_equal(chq_client_contact(s->client[0].c, k->account)->presence,
			 CHQ_PRESENCE_ONLINE);
	sim_close(s, 1);
	relay_close_session(s, relay_session_of(s, 1));
	relay_push_presence(s, 1, false);
	sim_run(s, 100);
	assert_int_equal(s->client[0].last[CHQ_EV_PRESENCE].presence, CHQ_PRESENCE_OFFLINE);
	assert_int_equal(chq_client_contact_by_login(s->client[0].c, "bob")->presence,
			 CHQ_PRESENCE_OFFLINE);
	sim_free(s);
}

/* Every datagram that a relay ever sent, for who wants to send it again. */
static struct {
	size_t len;
	uint8_t data[CHQ_DGRAM_MAX];
} heard[64];
static int heard_count;

static void
hear(struct sim *s, sim_addr to, const uint8_t *buf, size_t len)
{
	(void)s;
	(void)to;
	if (heard_count == 64)
		return;
	heard[heard_count].len = len;
	memcpy(heard[heard_count++].data, buf, len);
}

static void
what_was_captured_changes_nothing_when_it_comes_again(void **state)
{
	struct sim *s;
	int events = 0;
	uint64_t in;

	(void)state;
	heard_count = 0;
	s = sim_new();
	s->on_datagram = hear;
	sim_open(s, 0);
	assert_true(sim_until(s, alice_is_in, 5000));
	sim_run(s, 3000);
	s->on_datagram = NULL;
	for (int i = 0; i < 32; i++)
		events += s->client[0].events[i];
	in = sim_stat(s, 0, CHQ_STAT_HANDSHAKES);
	for (int i = 0; i < heard_count; i++)
		sim_send(s, 0, 1000, heard[i].data, heard[i].len);
	sim_run(s, 3000);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_REPLAY) > 0);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_NONCE) >= 2); /* RETRY and WELCOME */
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_HANDSHAKES), in);
	for (int i = 0; i < 32; i++)
		events -= s->client[0].events[i];
	assert_int_equal(events, 0);
	/* Nor in the middle of the next handshake. */
	sim_close(s, 0);
	s->down = true;
	sim_open(s, 0);
	sim_run(s, 100);
	for (int i = 0; i < heard_count; i++)
		sim_send(s, 0, 1001, heard[i].data, heard[i].len);
	sim_run(s, 500);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_HANDSHAKES), 0);
	assert_int_equal(chq_client_connection(s->client[0].c), CHQ_CONN_NONE);
	sim_free(s);
}

static void
a_certificate_of_another_organisation_is_refused(void **state)
{
	struct sim *s = sim_new();

	(void)state;
	chq_ed25519_keypair(&s->org);
	memcpy(s->org_secret, s->org.seed, 32);
	memcpy(s->org_secret + 32, s->org.public, 32);
	memcpy(s->cert.org_key, s->org.public, 32);
	chq_server_cert_sign(&s->cert, s->org_secret);
	sim_open(s, 0);
	sim_run(s, 30000);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_CERT) > 0);
	assert_int_equal(s->handshakes, 0);
	assert_int_equal(s->client[0].events[CHQ_EV_PASSWORD_NEEDED], 0);
	sim_free(s);
}

static void
a_certificate_that_is_damaged_or_over_is_refused(void **state)
{
	struct sim *s = sim_new();

	(void)state;
	s->cert.signature[5] ^= 1;
	sim_open(s, 0);
	sim_run(s, 5000);
	s->cert.signature[5] ^= 1;
	s->cert.not_after_ms = s->wall_ms - 1;
	chq_server_cert_sign(&s->cert, s->org_secret);
	sim_run(s, 20000);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_CERT) > 2);
	assert_int_equal(s->handshakes, 0);
	s->cert.not_after_ms = s->wall_ms + CHQ_MS_PER_DAY;
	chq_server_cert_sign(&s->cert, s->org_secret);
	assert_true(sim_until(s, alice_is_in, 60000));
	sim_free(s);
}

static void
better_version_exists(struct sim *s, struct chq_welcome_body *b, uint8_t *version)
{
	(void)s;
	b->version = *version = 0;
}

static void
versions_differ(struct sim *s, struct chq_welcome_body *b, uint8_t *version)
{
	(void)s;
	(void)b;
	*version = 2;
}

static void
a_version_below_the_best_common_one_ends_the_handshake(void **state)
{
	struct sim *s = sim_new();

	(void)state;
	s->on_welcome = better_version_exists;
	sim_open(s, 0);
	sim_run(s, 5000);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_DOWNGRADE) +
			    sim_stat(s, 0, CHQ_STAT_DROP_WELCOME) +
			    sim_stat(s, 0, CHQ_STAT_DROP_MALFORMED) >
		    0);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_HANDSHAKES), 0);
	s->on_welcome = versions_differ;
	sim_run(s, 40000);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_DOWNGRADE) > 0);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_HANDSHAKES), 0);
	sim_free(s);
}

static uint64_t
renewed(struct sim *s)
{
	return sim_stat(s, 0, CHQ_STAT_HANDSHAKES);
}

static void
a_session_is_renewed_within_24_hours_and_nothing_is_lost(void **state)
{
	struct sim *s = sim_logged_in(2);
	uint64_t begun = s->mono_ms;

	(void)state;
	delivered_wanted = 0;
	while (renewed(s) < 2 && s->mono_ms < begun + 30 * UINT64_C(3600000)) {
		sim_run(s, 60000);
		sim_say(s, 0, 1, "tick");
		delivered_wanted++;
	}
	assert_in_range(s->mono_ms - begun, UINT64_C(21) * 3600000, UINT64_C(27) * 3600000);
	assert_true(sim_until(s, alice_has_receipts, 10000));
	assert_int_equal(s->client[1].shown_count, delivered_wanted);
	assert_int_equal(s->client[0].events[CHQ_EV_REPLACED], 0);
	assert_int_equal(chq_client_connection(s->client[0].c), CHQ_CONN_LOGGED_IN);
	sim_free(s);
}

/* A relay counts as absent who is silent for 90 s. */
static void
a_renewal_that_is_not_answered_does_not_silence_the_session(void **state)
{
	struct sim *s = sim_logged_in(1);
	struct sim_session *x = relay_session_of(s, 0);
	uint64_t sent;

	(void)state;
	sim_run(s, UINT64_C(26) * 3600000 / 2);
	s->control_down = true;
	sim_run(s, UINT64_C(27) * 3600000 / 2);
	assert_int_equal(renewed(s), 1);
	for (int i = 0; i < 20; i++) {
		sent = x->seq;
		sim_run(s, 60000);
		assert_true(x->seq > sent); /* a PING was answered */
	}
	assert_int_equal(chq_client_connection(s->client[0].c), CHQ_CONN_LOGGED_IN);
	s->control_down = false;
	sim_run(s, 60000);
	assert_int_equal(renewed(s), 2);
	sim_free(s);
}

static void
silence_of_the_server_is_noticed_and_the_chat_goes_on_by_itself(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	/* The relay forgets alice's session, as if it had lost its tables. */
	relay_close_session(s, relay_session_of(s, 0));
	sim_say(s, 0, 1, "still there?");
	delivered_wanted = 1;
	assert_true(sim_until(s, alice_has_receipts, 40000));
	assert_int_equal(sim_count_shown(s, 1, "still there?"), 1);
	assert_int_equal(s->client[0].events[CHQ_EV_PASSWORD_NEEDED], 1);
	sim_free(s);
}

static void
a_relay_that_is_away_for_20_seconds_costs_no_message(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	sim_say(s, 0, 1, "before");
	s->down = true;
	sim_say(s, 0, 1, "meanwhile");
	sim_run(s, 20000);
	s->down = false;
	sim_say(s, 0, 1, "after");
	delivered_wanted = 3;
	assert_true(sim_until(s, alice_has_receipts, 20000));
	assert_int_equal(s->client[1].shown_count, 3);
	assert_string_equal(s->client[1].shown[0].text, "before");
	assert_string_equal(s->client[1].shown[2].text, "after");
	sim_free(s);
}

static void
a_control_process_that_is_away_does_not_stop_the_chat(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	sim_say(s, 0, 1, "one");
	delivered_wanted = 1;
	assert_true(sim_until(s, alice_has_receipts, 2000));
	s->control_down = true;
	for (int i = 0; i < 20; i++) {
		sim_say(s, 0, 1, "more");
		sim_run(s, 5000);
	}
	delivered_wanted = 21;
	assert_true(sim_until(s, alice_has_receipts, 2000));
	sim_free(s);
}

static void
a_closed_session_is_followed_by_a_new_one(void **state)
{
	struct sim *s = sim_logged_in(2);
	struct sim_session *x = relay_session_of(s, 0);

	(void)state;
	relay_notice(s, x, CHQ_NOTICE_CLOSED, 0, 0);
	relay_close_session(s, x);
	sim_say(s, 0, 1, "hello");
	delivered_wanted = 1;
	assert_true(sim_until(s, alice_has_receipts, 5000));
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_HANDSHAKES), 2);
	sim_free(s);
}

static void
a_client_that_was_replaced_by_its_copy_stops_and_says_so(void **state)
{
	struct sim *s = sim_logged_in(2);
	int before;

	(void)state;
	relay_notice(s, relay_session_of(s, 0), CHQ_NOTICE_REPLACED, 0, 0);
	assert_true(sim_until(s, alice_is_stopped, 5000));
	assert_int_equal(s->client[0].events[CHQ_EV_REPLACED], 1);
	before = s->handshakes;
	sim_run(s, 200000);
	assert_int_equal(s->handshakes, before);
	sim_free(s);
}

static void
a_new_address_is_proved_once_and_the_chat_goes_on(void **state)
{
	struct sim *s = sim_logged_in(2);
	sim_addr before = relay_session_of(s, 0)->addr;

	(void)state;
	sim_say(s, 0, 1, "from the old address");
	chq_client_rebind(s->client[0].c);
	sim_say(s, 0, 1, "from the new address");
	delivered_wanted = 2;
	assert_true(sim_until(s, alice_has_receipts, 5000));
	assert_int_not_equal(relay_session_of(s, 0)->addr, before);
	assert_in_range(s->paths_asked, 1, 8);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_HANDSHAKES), 1);
	sim_say(s, 1, 0, "hello there");
	sim_run(s, 1000);
	assert_int_equal(sim_count_shown(s, 0, "hello there"), 1);
	sim_free(s);
}

static void
a_changed_address_is_noticed_without_being_told(void **state)
{
	struct sim *s = sim_logged_in(2);
	sim_addr before = relay_session_of(s, 0)->addr;

	(void)state;
	s->client[0].moved = true;
	sim_run(s, 40000);
	assert_int_not_equal(relay_session_of(s, 0)->addr, before);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_HANDSHAKES), 1);
	sim_free(s);
}

static bool
count_and_drop_hello(const uint8_t *buf, uint64_t now)
{
	if (hellos < 32)
		hello_ms[hellos] = now;
	if (hellos == 0)
		memcpy(first_hello, buf, CHQ_HELLO_LEN);
	else
		assert_memory_equal(first_hello, buf, CHQ_HELLO_LEN);
	hellos++;
	return true;
}

/* What the client has sent flies towards address 0; the relay is down. */
static void
an_unanswered_hello_is_repeated_unchanged_ever_more_slowly(void **state)
{
	struct sim *s = sim_new();
	struct chq_list *last = NULL;

	(void)state;
	hellos = 0;
	s->down = true;
	sim_open(s, 0);
	for (uint64_t end = s->mono_ms + 30000; s->mono_ms < end; sim_run(s, 1)) {
		struct sim_datagram *d;

		if (chq_list_empty(&s->flying) || s->flying.next == last)
			continue;
		last = s->flying.next;
		d = CHQ_LIST_ENTRY(last, struct sim_datagram, node);
		count_and_drop_hello(d->data, s->mono_ms);
		sim_run(s, 10);
		last = NULL;
	}
	assert_in_range(hellos, 5, 7);
	assert_in_range(hello_ms[1] - hello_ms[0], 880, 1120);
	assert_in_range(hello_ms[2] - hello_ms[1], 1780, 2220);
	assert_in_range(hello_ms[4] - hello_ms[3], 7180, 8820);
	sim_free(s);
}

static void
an_inspected_frame_from_a_person_is_refused(void **state)
{
	struct sim *s = sim_logged_in(2);
	uint8_t body[64] = { 0 };
	struct chq_frame_hdr h = {
		.flags = CHQ_F_HOP,
		.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, sim_account_of(1)),
		.message = 12345,
	};

	(void)state;
	relay_send_frame(s, relay_session_of(s, 0), &h, body, sizeof(body));
	sim_run(s, 1000);
	assert_int_equal(s->client[0].shown_count, 0);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_HOP_FROM_PEER), 1);
	sim_free(s);
}

static void
frames_that_are_not_the_servers_are_dropped_for_their_own_reason(void **state)
{
	struct sim *s = sim_logged_in(1);
	struct sim_session *x = relay_session_of(s, 0);
	struct chq_frame_hdr h = { .flags = CHQ_F_PING, .message = 1, .slot = x->slot };
	uint8_t buf[CHQ_FRAME_HDR_LEN + 8] = { 0 };

	(void)state;
	h.seq = x->seq + 100;
	chq_frame_build(buf, &h, 0, x->keys.tag_s2c);
	buf[45] ^= 1; /* tag */
	sim_send(s, 0, 1000, buf, CHQ_FRAME_HDR_LEN);
	buf[45] ^= 1;
	sim_send(s, 0, 1000, buf, CHQ_FRAME_HDR_LEN);
	sim_send(s, 0, 1000, buf, CHQ_FRAME_HDR_LEN); /* again */
	h.slot++;
	h.seq++;
	chq_frame_build(buf, &h, 0, x->keys.tag_s2c);
	sim_send(s, 0, 1000, buf, CHQ_FRAME_HDR_LEN);
	sim_send(s, 0, 1000, buf, CHQ_FRAME_HDR_LEN - 1);
	buf[0] = CHQ_TYPE_DIRECT;
	sim_send(s, 0, 1000, buf, CHQ_FRAME_HDR_LEN);
	sim_run(s, 100);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_TAG), 1);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_REPLAY), 1);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_SLOT), 1);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_MALFORMED), 1);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_TYPE), 1);
	sim_free(s);
}

static void
the_devices_of_the_account_are_listed(void **state)
{
	struct sim *s = sim_logged_in(1);
	const struct chq_device_info *list;

	(void)state;
	assert_int_equal(chq_client_fetch_devices(s->client[0].c), CHQ_OK);
	sim_run(s, 100);
	assert_int_equal(s->client[0].events[CHQ_EV_DEVICES], 1);
	assert_int_equal(chq_client_devices(s->client[0].c, &list), 1);
	assert_string_equal(list[0].name, "test device");
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_logs_in_and_the_enrolled_device_needs_none),
		cmocka_unit_test(a_wrong_password_is_refused_and_a_right_one_may_follow),
		cmocka_unit_test(a_disabled_account_is_told_and_no_further_attempt_is_made),
		cmocka_unit_test(login_succeeds_over_a_bad_network),
		cmocka_unit_test(the_contact_list_comes_in_pages_and_presence_is_told),
		cmocka_unit_test(what_was_captured_changes_nothing_when_it_comes_again),
		cmocka_unit_test(a_certificate_of_another_organisation_is_refused),
		cmocka_unit_test(a_certificate_that_is_damaged_or_over_is_refused),
		cmocka_unit_test(a_version_below_the_best_common_one_ends_the_handshake),
		cmocka_unit_test(a_session_is_renewed_within_24_hours_and_nothing_is_lost),
		cmocka_unit_test(a_renewal_that_is_not_answered_does_not_silence_the_session),
		cmocka_unit_test(silence_of_the_server_is_noticed_and_the_chat_goes_on_by_itself),
		cmocka_unit_test(a_relay_that_is_away_for_20_seconds_costs_no_message),
		cmocka_unit_test(a_control_process_that_is_away_does_not_stop_the_chat),
		cmocka_unit_test(a_closed_session_is_followed_by_a_new_one),
		cmocka_unit_test(a_client_that_was_replaced_by_its_copy_stops_and_says_so),
		cmocka_unit_test(a_new_address_is_proved_once_and_the_chat_goes_on),
		cmocka_unit_test(a_changed_address_is_noticed_without_being_told),
		cmocka_unit_test(an_unanswered_hello_is_repeated_unchanged_ever_more_slowly),
		cmocka_unit_test(an_inspected_frame_from_a_person_is_refused),
		cmocka_unit_test(frames_that_are_not_the_servers_are_dropped_for_their_own_reason),
		cmocka_unit_test(the_devices_of_the_account_are_listed),
	};

	return cmocka_run_group_tests_name("client/sessions", tests, sim_group_setup,
					   sim_group_teardown);
}
