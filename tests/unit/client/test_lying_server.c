/*
 * The relay lies: it alters, swaps, replays and forges what it forwards, and hands out keys of its own.
 * Nothing of that is shown, and nothing is taken as delivered that was not.
 */

#include "tests/unit/client/sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/client.h"

static bool
alice_has_receipt(struct sim *s)
{
	for (int i = 0; i < s->client[0].states; i++)
		if (s->client[0].state[i].state == CHQ_MSG_DELIVERED)
			return true;
	return false;
}

static bool
alice_has_failure(struct sim *s)
{
	for (int i = 0; i < s->client[0].states; i++)
		if (s->client[0].state[i].state == CHQ_MSG_FAILED)
			return true;
	return false;
}

/* Alice writes; the lie lasts 20 s; then the truth must still come through, once. */
static void
lie_then_truth(struct sim *s, int lied_to, enum chq_stat counted)
{
	sim_say(s, 0, 1, "truth");
	sim_run(s, 20000);
	assert_int_equal(s->client[1].shown_count, 0);
	assert_false(alice_has_receipt(s));
	assert_true(sim_stat(s, lied_to, counted) > 0);
	s->on_forward = NULL;
	assert_true(sim_until(s, alice_has_receipt, 20000));
	assert_int_equal(s->client[1].shown_count, 1);
	assert_string_equal(s->client[1].shown[0].text, "truth");
	sim_free(s);
}

static bool
alter_text(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload, uint16_t *len)
{
	(void)s;
	(void)to;
	(void)h;
	payload[*len - 20] ^= 1;
	return true;
}

static void
an_altered_message_is_not_shown(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_forward = alter_text;
	lie_then_truth(s, 1, CHQ_STAT_DROP_E2E);
}

static bool
alter_eph(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload, uint16_t *len)
{
	(void)s;
	(void)to;
	(void)h;
	(void)len;
	payload[10] ^= 1;
	return true;
}

static void
an_altered_key_in_the_payload_is_not_used(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_forward = alter_eph;
	lie_then_truth(s, 1, CHQ_STAT_DROP_E2E);
}

static bool
alter_prekey_id(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
		uint16_t *len)
{
	(void)s;
	(void)to;
	(void)h;
	(void)len;
	payload[0] ^= 1;
	return true;
}

static void
an_unknown_prekey_is_counted_and_nothing_is_shown(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_forward = alter_prekey_id;
	lie_then_truth(s, 1, CHQ_STAT_DROP_PREKEY);
}

static bool
alter_app(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload, uint16_t *len)
{
	(void)s;
	(void)to;
	(void)payload;
	(void)len;
	h->app ^= 7;
	return true;
}

static void
a_message_moved_to_another_app_is_not_shown(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_forward = alter_app;
	lie_then_truth(s, 1, CHQ_STAT_DROP_E2E);
}

static bool
alter_id(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload, uint16_t *len)
{
	(void)s;
	(void)to;
	(void)payload;
	(void)len;
	h->message++;
	return true;
}

static void
a_message_under_another_id_is_not_shown(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_forward = alter_id;
	lie_then_truth(s, 1, CHQ_STAT_DROP_E2E);
}

static bool
say_it_is_from_carol(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
		     uint16_t *len)
{
	(void)s;
	(void)to;
	(void)payload;
	(void)len;
	h->party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, sim_account_of(2));
	return true;
}

static void
a_message_is_not_shown_as_from_somebody_else(void **state)
{
	struct sim *s = sim_logged_in(3);

	(void)state;
	s->on_forward = say_it_is_from_carol;
	lie_then_truth(s, 1, CHQ_STAT_DROP_E2E);
}

static bool
flip_receipt_flag(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
		  uint16_t *len)
{
	(void)s;
	(void)to;
	(void)payload;
	(void)len;
	h->flags ^= CHQ_F_RECEIPT;
	return true;
}

static void
a_message_does_not_pass_as_a_receipt(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_forward = flip_receipt_flag;
	lie_then_truth(s, 1, CHQ_STAT_DROP_E2E);
}

static bool
say_it_was_inspected(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
		     uint16_t *len)
{
	(void)s;
	(void)to;
	(void)payload;
	(void)len;
	h->flags |= CHQ_F_HOP;
	return true;
}

static void
a_message_that_the_server_says_it_could_read_is_not_shown(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_forward = say_it_was_inspected;
	lie_then_truth(s, 1, CHQ_STAT_DROP_HOP_FROM_PEER);
}

static uint8_t kept[CHQ_PAYLOAD_MAX];
static uint16_t kept_len;
static struct chq_frame_hdr kept_hdr;

static bool
keep_first(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload, uint16_t *len)
{
	(void)s;
	(void)to;
	if (!kept_len && !(h->flags & CHQ_F_RECEIPT)) {
		kept_hdr = *h;
		kept_len = *len;
		memcpy(kept, payload, *len);
	}
	return true;
}

static void
a_replayed_message_is_shown_once_also_after_a_restart(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	kept_len = 0;
	s->on_forward = keep_first;
	sim_say(s, 0, 1, "pay 100");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	for (int i = 0; i < 5; i++)
		relay_send_frame(s, relay_session_of(s, 1), &kept_hdr, kept, kept_len);
	sim_run(s, 1000);
	assert_int_equal(sim_count_shown(s, 1, "pay 100"), 1);
	assert_int_equal(sim_stat(s, 1, CHQ_STAT_COPIES), 5);
	sim_kill(s, 1);
	sim_open(s, 1);
	sim_run(s, 5000);
	relay_send_frame(s, relay_session_of(s, 1), &kept_hdr, kept, kept_len);
	sim_run(s, 5000);
	assert_int_equal(sim_count_shown(s, 1, "pay 100"), 1);
	assert_int_equal(sim_stat(s, 1, CHQ_STAT_COPIES), 1);
	sim_free(s);
}

static void
a_message_sent_to_another_person_is_not_shown(void **state)
{
	struct sim *s = sim_logged_in(3);

	(void)state;
	kept_len = 0;
	s->on_forward = keep_first;
	sim_say(s, 0, 1, "for bob alone");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	assert_int_equal(s->client[1].shown_count, 1);
	relay_send_frame(s, relay_session_of(s, 2), &kept_hdr, kept, kept_len);
	/* The same with a prekey that Carol has: it was still not sealed for her. */
	memcpy(kept, s->account[2].device[0].prekey + 16 + 8 + 1, 4);
	relay_send_frame(s, relay_session_of(s, 2), &kept_hdr, kept, kept_len);
	sim_run(s, 5000);
	assert_int_equal(sim_stat(s, 2, CHQ_STAT_DROP_PREKEY), 1);
	assert_int_equal(sim_stat(s, 2, CHQ_STAT_DROP_E2E), 1);
	assert_int_equal(s->client[2].shown_count, 0);
	sim_free(s);
}

static void
a_message_sent_back_to_its_author_is_not_shown(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	kept_len = 0;
	s->on_forward = keep_first;
	sim_say(s, 0, 1, "mirror");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	relay_send_frame(s, relay_session_of(s, 0), &kept_hdr, kept, kept_len);
	kept_hdr.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, sim_account_of(1));
	memcpy(kept, s->account[0].device[0].prekey + 16 + 8 + 1, 4);
	relay_send_frame(s, relay_session_of(s, 0), &kept_hdr, kept, kept_len);
	sim_run(s, 5000);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_PREKEY), 1);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_E2E), 1);
	assert_int_equal(s->client[0].shown_count, 0);
	sim_free(s);
}

/* A receipt that the relay makes, or takes from another conversation, is none. */

static bool
swallow(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload, uint16_t *len)
{
	(void)s;
	(void)to;
	(void)h;
	(void)payload;
	(void)len;
	return false;
}

static void
a_receipt_that_the_relay_makes_is_not_believed(void **state)
{
	struct sim *s = sim_logged_in(2);
	uint8_t payload[CHQ_E2E_OVERHEAD + 32] = { 0 };
	struct chq_frame_hdr h = {
		.flags = CHQ_F_RECEIPT,
		.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, sim_account_of(1)),
	};
	struct chq_keypair eph;
	uint64_t id;

	(void)state;
	s->on_forward = swallow;
	id = sim_say(s, 0, 1, "is it there?");
	sim_run(s, 1000);
	/* The best that it can do without IK of Bob: alice's real prekey, an E of its own. */
	memcpy(payload, s->account[0].device[0].prekey + 16 + 8 + 1, 4);
	chq_x25519_keypair(&eph);
	memcpy(payload + 4, eph.public, 32);
	h.message = id + 1;
	relay_send_frame(s, relay_session_of(s, 0), &h, payload, sizeof(payload));
	sim_run(s, 1000);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_E2E) > 0);
	assert_false(alice_has_receipt(s));
	assert_true(sim_until(s, alice_has_failure, CHQ_RECEIPT_WAIT_MS + 15000));
	sim_free(s);
}

static bool
swallow_messages_keep_receipt(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
			      uint16_t *len)
{
	keep_first(s, to, h, payload, len);
	if (h->flags & CHQ_F_RECEIPT) {
		kept_hdr = *h;
		kept_len = *len;
		memcpy(kept, payload, *len);
	}
	return true;
}

static void
an_old_receipt_does_not_stand_for_a_new_message(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	kept_len = 0;
	s->on_forward = swallow_messages_keep_receipt;
	sim_say(s, 0, 1, "one");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	s->on_forward = swallow;
	s->client[0].states = 0;
	sim_say(s, 0, 1, "two");
	sim_run(s, 1000);
	relay_send_frame(s, relay_session_of(s, 0), &kept_hdr, kept, kept_len);
	sim_run(s, 1000);
	assert_false(alice_has_receipt(s));
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_RECEIPT) > 0);
	sim_free(s);
}

/* Carol receipts, with keys that are good, a message that was sent to Bob. */
static void
a_receipt_from_somebody_else_is_ignored(void **state)
{
	struct sim *s = sim_logged_in(3);
	struct chq_client *carol = s->client[2].c;
	struct chq_peer *alice;
	uint64_t id;

	(void)state;
	sim_say(s, 0, 2, "for carol");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	s->client[0].states = 0;
	s->on_forward = swallow;
	id = sim_say(s, 0, 1, "for bob");
	sim_run(s, 1000);
	s->on_forward = NULL;
	s->account[1].device[0].session = NULL; /* it does not come later either */
	alice = chq_peer_find(carol, sim_account_of(0));
	assert_non_null(alice);
	chq_receipt_add(carol, chq_peer_dev(alice, 1), id);
	chq_client_wake(carol);
	sim_run(s, 100);
	assert_int_equal(sim_stat(s, 0, CHQ_STAT_DROP_RECEIPT), 1);
	assert_false(alice_has_receipt(s));
	sim_free(s);
}

/* No datagram that the relay can see holds the text. */
static const char needle[] = "the quick brown fox jumps over the lazy dog";

static bool
look_for_needle(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload,
		uint16_t *len)
{
	(void)s;
	(void)to;
	(void)h;
	for (size_t i = 0; i + 8 <= *len; i++)
		assert_memory_not_equal(payload + i, needle, 8);
	return true;
}

static void
the_relay_does_not_see_what_is_written(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	s->on_forward = look_for_needle;
	sim_say(s, 0, 1, needle);
	assert_true(sim_until(s, alice_has_receipt, 5000));
	assert_int_equal(sim_count_shown(s, 1, needle), 1);
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_altered_message_is_not_shown),
		cmocka_unit_test(an_altered_key_in_the_payload_is_not_used),
		cmocka_unit_test(an_unknown_prekey_is_counted_and_nothing_is_shown),
		cmocka_unit_test(a_message_moved_to_another_app_is_not_shown),
		cmocka_unit_test(a_message_under_another_id_is_not_shown),
		cmocka_unit_test(a_message_is_not_shown_as_from_somebody_else),
		cmocka_unit_test(a_message_does_not_pass_as_a_receipt),
		cmocka_unit_test(a_message_that_the_server_says_it_could_read_is_not_shown),
		cmocka_unit_test(a_replayed_message_is_shown_once_also_after_a_restart),
		cmocka_unit_test(a_message_sent_to_another_person_is_not_shown),
		cmocka_unit_test(a_message_sent_back_to_its_author_is_not_shown),
		cmocka_unit_test(a_receipt_that_the_relay_makes_is_not_believed),
		cmocka_unit_test(an_old_receipt_does_not_stand_for_a_new_message),
		cmocka_unit_test(a_receipt_from_somebody_else_is_ignored),
		cmocka_unit_test(the_relay_does_not_see_what_is_written),
	};

	return cmocka_run_group_tests_name("client/lying_server", tests, sim_group_setup,
					   sim_group_teardown);
}
