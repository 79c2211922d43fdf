/* The relay hands out keys of its own, or old ones. Nothing is sent under keys that nobody has accepted. */

#include "tests/unit/client/sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/client.h"
#include "client/home.h"
#include "client/identity.h"

static bool
alice_has(struct sim *s, enum chq_message_state state)
{
	for (int i = 0; i < s->client[0].states; i++)
		if (s->client[0].state[i].state == state)
			return true;
	return false;
}

static bool
alice_has_receipt(struct sim *s)
{
	return alice_has(s, CHQ_MSG_DELIVERED);
}

static bool
alice_has_failure(struct sim *s)
{
	return alice_has(s, CHQ_MSG_FAILED);
}

/* The liar's device in the middle, for whichever name is asked. */

static struct chq_signkey liar_account, liar_sign;
static struct chq_keypair liar_ident, liar_spk;
static uint8_t liar_list[CHQ_DEVICE_LIST_MAX], liar_prekey[CHQ_PREKEY_LEN];

static void
make_liar(struct sim *s, uint64_t account, const struct chq_signkey *account_key)
{
	struct chq_device_list list = { .account = account, .version = 9, .count = 1 };
	struct chq_prekey pk = { .account = account, .device = 1, .id = 4711 };

	chq_ed25519_keypair(&liar_account);
	chq_ed25519_keypair(&liar_sign);
	chq_x25519_keypair(&liar_ident);
	chq_x25519_keypair(&liar_spk);
	list.device[0].device = 1;
	memcpy(list.device[0].sign, liar_sign.public, 32);
	memcpy(list.device[0].ident, liar_ident.public, 32);
	assert_true(chq_device_list_build(&list, account_key ? account_key : &liar_account,
					  liar_list, sizeof(liar_list)) > 0);
	memcpy(pk.spk, liar_spk.public, 32);
	pk.expiry_ms = s->wall_ms + CHQ_MS_PER_DAY;
	chq_prekey_build(&pk, &liar_sign, liar_prekey);
}

static void
hand_out_prekey(struct sim *s, Chasqui__KeysReply *r)
{
	(void)s;
	r->prekey[0]->prekey.data = liar_prekey;
}

static void
a_prekey_that_the_device_did_not_sign_is_not_used(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	make_liar(s, sim_account_of(1), NULL);
	s->on_keys = hand_out_prekey;
	sim_say(s, 0, 1, "secret");
	assert_true(sim_until(s, alice_has_failure, 60000));
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_KEYS) > 0);
	assert_int_equal(s->forwarded, 0);
	sim_free(s);
}

static void
hand_out_list(struct sim *s, Chasqui__KeysReply *r)
{
	(void)s;
	r->device_list.data = liar_list;
	r->device_list.len = CHQ_DEVICE_LIST_LEN(1);
	r->prekey[0]->prekey.data = liar_prekey;
}

static void
a_device_list_that_the_account_did_not_sign_is_not_used(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	make_liar(s, sim_account_of(1), NULL);
	s->on_keys = hand_out_list;
	sim_say(s, 0, 1, "secret");
	assert_true(sim_until(s, alice_has_failure, 60000));
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_KEYS) > 0);
	assert_int_equal(s->forwarded, 0);
	sim_free(s);
}

static void
hand_out_everything(struct sim *s, Chasqui__KeysReply *r)
{
	hand_out_list(s, r);
	r->account_key.data = liar_account.public;
}

static bool
nothing_passes(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload, uint16_t *len)
{
	(void)s;
	(void)to;
	(void)h;
	(void)payload;
	(void)len;
	fail_msg("something was sent under keys that nobody has accepted");
	return false;
}

static void
another_account_key_stops_sending_until_it_is_accepted(void **state)
{
	struct sim *s = sim_logged_in(2);
	char good[CHQ_SAFETY_LEN + 1], bad[CHQ_SAFETY_LEN + 1], same[CHQ_SAFETY_LEN + 1];
	uint64_t id;

	(void)state;
	sim_say(s, 0, 1, "first contact");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	assert_int_equal(chq_client_safety_number(s->client[0].c, sim_account_of(1), good), 0);
	assert_int_equal(chq_client_safety_number(s->client[1].c, sim_account_of(0), same), 0);
	assert_string_equal(good, same);
	sim_run(s, 5000);

	make_liar(s, sim_account_of(1), NULL);
	s->on_keys = hand_out_everything;
	s->on_forward = nothing_passes;
	sim_close(s, 0); /* the pin is in the home */
	sim_open(s, 0);
	sim_run(s, 2000);
	sim_say(s, 0, 1, "secret");
	assert_true(sim_until(s, alice_has_failure, 10000));
	assert_int_equal(s->client[0].events[CHQ_EV_KEY_CHANGED], 1);
	assert_true(chq_client_key_changed(s->client[0].c, sim_account_of(1)));
	assert_int_equal(chq_client_send(s->client[0].c, sim_account_of(1), 0, "x", 1, &id),
			 CHQ_EKEYCHANGED);
	assert_int_equal(chq_client_safety_number(s->client[0].c, sim_account_of(1), bad), 0);
	assert_string_not_equal(good, bad);

	/* What comes from there is not shown either. */
	s->on_forward = NULL;
	sim_say(s, 1, 0, "from the real bob");
	sim_run(s, 10000);
	assert_int_equal(s->client[0].shown_count, 0);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_KEY_CHANGED) > 0);

	/* The user accepts the key whose digits he has seen, and no other. */
	assert_int_equal(chq_client_accept_key(s->client[0].c, sim_account_of(1), good),
			 CHQ_ESTALE);
	assert_int_equal(chq_client_accept_key(s->client[0].c, sim_account_of(1), bad), CHQ_OK);
	sim_run(s, 1000);
	assert_false(chq_client_key_changed(s->client[0].c, sim_account_of(1)));
	sim_free(s);
}

static void
hand_out_carols(struct sim *s, Chasqui__KeysReply *r)
{
	struct sim_account *carol = &s->account[2];

	r->account_key.data = carol->account_key;
	r->device_list = (ProtobufCBinaryData){ carol->list_len, carol->list };
	r->prekey[0]->prekey.data = carol->device[0].prekey;
}

static void
keys_of_another_account_are_not_used(void **state)
{
	struct sim *s = sim_logged_in(3);

	(void)state;
	s->on_keys = hand_out_carols;
	s->on_forward = nothing_passes;
	sim_say(s, 0, 1, "secret");
	assert_true(sim_until(s, alice_has_failure, 60000));
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_KEYS) > 0);
	sim_free(s);
}

static struct sim_account before;

static void
hand_out_old_prekey(struct sim *s, Chasqui__KeysReply *r)
{
	(void)s;
	if (r->account == before.id)
		r->prekey[0]->prekey.data = before.device[0].prekey;
}

static unsigned forwarded;

static bool
count_and_lose(struct sim *s, uint64_t to, struct chq_frame_hdr *h, uint8_t *payload, uint16_t *len)
{
	(void)s;
	(void)to;
	(void)h;
	(void)payload;
	(void)len;
	forwarded++;
	return false;
}

static bool
something_was_forwarded(struct sim *s)
{
	(void)s;
	return forwarded > 0;
}

static void
a_prekey_that_is_over_serves_for_thirty_days_more(void **state)
{
	struct sim *s = sim_logged_in(2);

	(void)state;
	before = s->account[1];
	s->on_keys = hand_out_old_prekey;
	sim_run(s, 47 * UINT64_C(3600000));
	sim_say(s, 0, 1, "the last hour");
	assert_true(sim_until(s, alice_has_receipt, 30000));
	sim_run(s, 25 * UINT64_C(3600000));
	forwarded = 0;
	s->on_forward = count_and_lose;
	sim_say(s, 0, 1, "for who is away");
	assert_true(sim_until(s, something_was_forwarded, 60000));
	s->client[0].states = 0;
	assert_true(sim_until(s, alice_has_failure, 300000)); /* nobody has answered */
	sim_run(s, 30 * UINT64_C(86400000));
	s->on_forward = nothing_passes;
	s->client[0].states = 0;
	sim_say(s, 0, 1, "secret");
	assert_true(sim_until(s, alice_has_failure, 60000));
	sim_free(s);
}

static void
hand_out_what_was_before(struct sim *s, Chasqui__KeysReply *r)
{
	(void)s;
	r->device_list.data = before.list;
	r->device_list.len = before.list_len;
}

static void
a_lower_list_version_is_refused(void **state)
{
	struct sim *s = sim_logged_in(2);
	uint64_t pinned;

	(void)state;
	before = s->account[1];
	/* Bob publishes a newer list; Alice sees it. */
	sim_close(s, 1);
	{
		struct chq_home home;
		struct chq_identity id;
		struct chq_device_list list;

		assert_int_equal(chq_home_open(&home, s->client[1].home, false, NULL), CHQ_OK);
		assert_int_equal(chq_identity_load(&id, &home), CHQ_OK);
		assert_int_equal(chq_device_list_parse(before.list, before.list_len,
						       id.account_key.public, &list),
				 CHQ_OK);
		list.version += 5;
		assert_int_equal(chq_device_list_build(&list, &id.account_key, s->account[1].list,
						       sizeof(s->account[1].list)),
				 before.list_len);
		chq_identity_wipe(&id);
		chq_home_close(&home);
	}
	sim_open(s, 1);
	sim_run(s, 5000);
	sim_say(s, 0, 1, "hello");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	sim_close(s, 0);
	sim_open(s, 0);
	sim_run(s, 2000);
	s->on_keys = hand_out_what_was_before;
	pinned = sim_stat(s, 0, CHQ_STAT_DROP_OLD_LIST);
	sim_say(s, 0, 1, "secret");
	sim_run(s, 3000);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_OLD_LIST) > pinned);
	assert_int_equal(sim_count_shown(s, 1, "secret"), 0);
	sim_free(s);
}

/* Carol's account, whose keys may be the server's own, under the name of Bob. */

static char name_bob[] = "bob", name_carol[] = "carol", name_new[] = "robert";

static void
swap_names(struct sim *s, Chasqui__Contact *k)
{
	(void)s;
	if (k->account == sim_account_of(1))
		k->login = name_carol;
	else if (k->account == sim_account_of(2))
		k->login = name_bob;
}

static void
rename_bob(struct sim *s, Chasqui__Contact *k)
{
	(void)s;
	if (k->account == sim_account_of(1))
		k->login = name_new;
}

static void
rename_bob_and_carol(struct sim *s, Chasqui__Contact *k)
{
	rename_bob(s, k);
	if (k->account == sim_account_of(2))
		k->login = name_bob;
}

static uint64_t
account_named(struct sim *s, const char *login)
{
	const struct chq_contact *k = chq_client_contact_by_login(s->client[0].c, login);

	assert_non_null(k);
	return k->account;
}

/* Alice's client, started anew, is told a contact list that lies. */
static void
restart_with_names(struct sim *s, void (*names)(struct sim *s, Chasqui__Contact *k))
{
	s->on_contact = names;
	sim_close(s, 0);
	sim_open(s, 0);
	sim_run(s, 2000);
	s->client[0].states = 0;
}

static void
assert_bob_is_carol_and_refused(struct sim *s)
{
	int shown = s->client[0].shown_count;
	uint64_t id;

	assert_int_equal(account_named(s, "bob"), sim_account_of(2));
	s->on_forward = nothing_passes;
	if (chq_client_send(s->client[0].c, account_named(s, "bob"), 0, "secret", 6, &id) == 0)
		assert_true(sim_until(s, alice_has_failure, 10000));
	assert_int_equal(s->client[0].events[CHQ_EV_KEY_CHANGED], 1);
	assert_true(chq_client_key_changed(s->client[0].c, sim_account_of(2)));
	s->on_forward = NULL;
	sim_say(s, 2, 0, "this is bob, send money");
	sim_run(s, 5000);
	assert_int_equal(s->client[0].shown_count, shown);
	assert_true(sim_stat(s, 0, CHQ_STAT_DROP_KEY_CHANGED) > 0);
}

static void
a_known_name_that_is_given_to_another_account_stops_both_directions(void **state)
{
	struct sim *s = sim_logged_in(3);
	char digits[CHQ_SAFETY_LEN + 1];

	(void)state;
	sim_say(s, 0, 1, "first contact");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	restart_with_names(s, swap_names);
	assert_bob_is_carol_and_refused(s);
	/* Until the user accepts that account for the name. */
	assert_int_equal(chq_client_safety_number(s->client[0].c, sim_account_of(2), digits), 0);
	assert_int_equal(chq_client_accept_key(s->client[0].c, sim_account_of(2), digits), CHQ_OK);
	sim_run(s, 1000);
	s->client[0].states = 0;
	sim_say(s, 0, 2, "you are bob now");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	sim_free(s);
}

static void
a_name_is_remembered_also_when_its_account_gets_another_name_first(void **state)
{
	struct sim *s = sim_logged_in(3);

	(void)state;
	sim_say(s, 0, 1, "first contact");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	restart_with_names(s, rename_bob);
	sim_say(s, 0, 1, "a new name is no new person");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	restart_with_names(s, rename_bob_and_carol);
	assert_bob_is_carol_and_refused(s);
	sim_free(s);
}

static void
a_name_that_changes_during_a_chat_stops_both_directions(void **state)
{
	struct sim *s = sim_logged_in(3);

	(void)state;
	sim_say(s, 0, 1, "hello bob");
	sim_say(s, 0, 2, "hello carol");
	sim_say(s, 2, 0, "hello alice");
	assert_true(sim_until(s, alice_has_receipt, 5000));
	sim_run(s, 5000);
	s->client[0].states = 0;
	s->on_contact = swap_names;
	s->contacts_version++;
	chq_contacts_refresh(s->client[0].c, true);
	sim_run(s, 1000);
	assert_int_equal(s->client[0].events[CHQ_EV_KEY_CHANGED], 2);
	s->client[0].events[CHQ_EV_KEY_CHANGED] = 1;
	assert_bob_is_carol_and_refused(s);
	sim_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prekey_that_the_device_did_not_sign_is_not_used),
		cmocka_unit_test(a_device_list_that_the_account_did_not_sign_is_not_used),
		cmocka_unit_test(another_account_key_stops_sending_until_it_is_accepted),
		cmocka_unit_test(keys_of_another_account_are_not_used),
		cmocka_unit_test(a_prekey_that_is_over_serves_for_thirty_days_more),
		cmocka_unit_test(a_lower_list_version_is_refused),
		cmocka_unit_test(
			a_known_name_that_is_given_to_another_account_stops_both_directions),
		cmocka_unit_test(
			a_name_is_remembered_also_when_its_account_gets_another_name_first),
		cmocka_unit_test(a_name_that_changes_during_a_chat_stops_both_directions),
	};

	return cmocka_run_group_tests_name("client/lying_keys", tests, sim_group_setup,
					   sim_group_teardown);
}
