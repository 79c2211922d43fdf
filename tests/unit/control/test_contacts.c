#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/push.h"
#include "control/revoke.h"
#include "proto/grant.h"
#include "store/account.h"
#include "store/writer.h"
#include "tests/unit/control/fixture_dp.h"

static void
ctl(struct fixture *f, const char *noun, const char *verb, const char *a, const char *b)
{
	char line[256];

	snprintf(line, sizeof(line), "{\"noun\":\"%s\",\"verb\":\"%s\",\"args\":[\"%s\"%s%s%s]}\n",
		 noun, verb, a, b ? ",\"" : "", b ? b : "", b ? "\"" : "");
	assert_non_null(strstr(fixture_ctl(f, line), "\"ok\":true"));
}

static void
make_friends(struct fixture *f, const char *a, const char *b)
{
	ctl(f, "friend", "request", a, b);
	ctl(f, "friend", "confirm", b, a);
}

static Chasqui__ContactsPage *
contacts(struct fixture *f, struct fix_client *c, uint64_t version, uint64_t cursor)
{
	Chasqui__ContactsRequest m = CHASQUI__CONTACTS_REQUEST__INIT;
	ProtobufCMessage *reply;

	m.version = version;
	m.cursor = cursor;
	assert_int_equal(client_call(f, c, CHASQUI__METHOD__METHOD_CONTACTS, &m.base,
				     &chasqui__contacts_page__descriptor, &reply),
			 CHASQUI__CODE__OK);
	return (Chasqui__ContactsPage *)reply;
}

static Chasqui__Code
grant(struct fixture *f, struct fix_client *c, uint64_t account, uint64_t *out)
{
	Chasqui__GrantRequest m = CHASQUI__GRANT_REQUEST__INIT;
	ProtobufCMessage *reply = NULL;
	Chasqui__Code code;

	m.account = account;
	code = client_call(f, c, CHASQUI__METHOD__METHOD_GRANT, &m.base,
			   &chasqui__grant_reply__descriptor, &reply);
	if (reply) {
		*out = ((Chasqui__GrantReply *)reply)->grant;
		protobuf_c_message_free_unpacked(reply, NULL);
	}
	return code;
}

/* By the key and the sender's epoch that the dataplane was given for their sessions. */
static int
grant_ok_at_dataplane(struct fixture *f, const struct fix_client *to, uint64_t g, uint64_t sender,
		      uint64_t receiver)
{
	struct chq_sipkey key = chq_sipkey_load(f->slot[to->ref.slot].open.grant_key);
	uint16_t epoch = 0;

	for (unsigned i = 0; i < FIX_SLOTS; i++)
		if (f->slot[i].state == CHQ_DP_STATE_OPEN && f->slot[i].open.account == sender)
			epoch = f->slot[i].open.sender_epoch;
	return chq_grant_ok(g, key, CHQ_KIND_ACCOUNT, sender, epoch, receiver, chq_day());
}

static void
a_friend_is_listed_with_status_address_and_a_grant_that_the_dataplane_takes(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__ContactsPage *p;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	p = contacts(f, &alice, 0, 0);
	assert_int_equal(p->n_contact, 1);
	assert_int_equal(p->contact[0]->account, 2);
	assert_string_equal(p->contact[0]->login, "bob");
	assert_int_equal(p->contact[0]->relation, CHASQUI__RELATION__RELATION_FRIEND);
	assert_int_equal(p->contact[0]->status, CHASQUI__STATUS__STATUS_ONLINE);
	assert_int_equal(p->contact[0]->n_address, 1);
	assert_int_equal(p->contact[0]->address[0]->ip.data[3], 2);
	assert_int_equal(p->next_cursor, 0);
	assert_true(grant_ok_at_dataplane(f, &bob, p->contact[0]->grant, 1, 2));
	assert_false(grant_ok_at_dataplane(f, &bob, p->contact[0]->grant, 3, 2));
	assert_int_equal(p->contact[0]->grant >> 48, chq_day() + 30);
	chasqui__contacts_page__free_unpacked(p, NULL);
}

static void
a_friend_comes_with_a_reply_grant_by_which_he_may_write_to_us_for_a_week(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__ContactsPage *p;
	uint64_t g;

	make_friends(f, "alice", "bob");
	ctl(f, "friend", "request", "carol", "alice");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	p = contacts(f, &alice, 0, 0);
	assert_int_equal(p->n_contact, 2);
	g = p->contact[0]->reply_grant;
	assert_int_equal(p->contact[1]->reply_grant, 0); /* carol only asks */
	chasqui__contacts_page__free_unpacked(p, NULL);
	assert_true(grant_ok_at_dataplane(f, &alice, g, 2, 1));
	assert_false(grant_ok_at_dataplane(f, &alice, g, 3, 1));
	assert_false(grant_ok_at_dataplane(f, &bob, g, 1, 2));
	assert_int_equal(g >> 48, chq_day() + 7);
	client_punt(f, &bob, 2, 1, g, CHQ_DP_WHY_SILENT); /* control takes it too */
	FIX_UNTIL(f, client_notices(f, &bob, CHQ_NOTICE_OFFLINE) == 1);
}

static void
addresses_are_kept_back_when_the_configuration_says_so(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__ContactsPage *p;

	f->conf.p2p.share_addresses = false;
	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	p = contacts(f, &alice, 0, 0);
	assert_int_equal(p->contact[0]->status, CHASQUI__STATUS__STATUS_ONLINE);
	assert_int_equal(p->contact[0]->n_address, 0);
	chasqui__contacts_page__free_unpacked(p, NULL);
}

static void
who_asks_and_who_was_asked_get_neither_grant_nor_status(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__ContactsPage *p;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	ctl(f, "friend", "request", "alice", "bob");
	p = contacts(f, &alice, 0, 0);
	assert_int_equal(p->contact[0]->relation, CHASQUI__RELATION__RELATION_ASKED);
	assert_int_equal(p->contact[0]->grant, 0);
	assert_int_equal(p->contact[0]->status, CHASQUI__STATUS__STATUS_UNKNOWN);
	chasqui__contacts_page__free_unpacked(p, NULL);
	p = contacts(f, &bob, 0, 0);
	assert_int_equal(p->contact[0]->relation, CHASQUI__RELATION__RELATION_ASKS_ME);
	assert_int_equal(p->contact[0]->grant, 0);
	chasqui__contacts_page__free_unpacked(p, NULL);
}

static void
a_list_is_unchanged_only_while_nobody_in_it_comes_or_goes(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__ContactsPage *p;
	uint64_t version;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	p = contacts(f, &alice, 0, 0);
	assert_int_equal(p->n_contact, 1);
	assert_false(p->unchanged);
	version = p->version;
	chasqui__contacts_page__free_unpacked(p, NULL);
	p = contacts(f, &alice, version, 0);
	assert_true(p->unchanged);
	assert_int_equal(p->n_contact, 0);
	assert_int_equal(p->version, version);
	chasqui__contacts_page__free_unpacked(p, NULL);
	client_online(f, &bob, 2, "bob");
	p = contacts(f, &alice, version, 0);
	assert_false(p->unchanged);
	assert_int_equal(p->contact[0]->status, CHASQUI__STATUS__STATUS_ONLINE);
	version = p->version;
	chasqui__contacts_page__free_unpacked(p, NULL);
	ctl(f, "friend", "request", "carol", "alice");
	p = contacts(f, &alice, version, 0);
	assert_false(p->unchanged);
	assert_true(p->version > version);
	assert_int_equal(p->n_contact, 2);
	chasqui__contacts_page__free_unpacked(p, NULL);
}

static void
too_many_pushes_become_one_that_says_to_ask_anew(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	struct session *s;

	client_online(f, &alice, 1, "alice");
	s = session_find(&f->ctl.sessions, alice.ref);
	f->ctl.timing.changed_ms = 1000;
	for (uint64_t i = 0; i < 200; i++)
		push_presence(&f->ctl, s, 1000 + i, CHASQUI__STATUS__STATUS_ONLINE, NULL);
	assert_true(s->pushes_used <= PUSHES_MAX);
	/* What comes until that is sent needs no push of its own. */
	assert_int_equal(f->ctl.count[COUNT_PUSH_OVERFLOW], 1);
	assert_int_equal(f->ctl.count[COUNT_PRESENCE_COALESCED], 200 - PUSHES_MAX - 1);
	FIX_UNTIL(f, client_pushes(f, &alice, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) >= 1);
}

static void
pages_together_hold_every_friend_once(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	unsigned seen[64] = { 0 }, pages = 0;
	uint64_t cursor = 0;
	char name[80], line[200];

	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "friend-with-quite-a-long-name-%02u", i);
		snprintf(line, sizeof(line),
			 "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"%s\"],"
			 "\"opts\":{\"password\":\"secret word\"}}\n",
			 name);
		assert_non_null(strstr(fixture_ctl(f, line), "\"ok\":true"));
		make_friends(f, "alice", name);
	}
	client_online(f, &alice, 1, "alice");
	do {
		Chasqui__ContactsPage *p = contacts(f, &alice, 0, cursor);

		for (size_t i = 0; i < p->n_contact; i++)
			seen[p->contact[i]->account]++;
		cursor = p->next_cursor;
		pages++;
		chasqui__contacts_page__free_unpacked(p, NULL);
	} while (cursor);
	assert_true(pages > 1);
	for (unsigned i = 4; i < 44; i++) /* 1 to 3 are those of the fixture */
		assert_int_equal(seen[i], 1);
}

static void
a_grant_is_given_for_friends_and_refused_alike_for_strangers_and_nobody(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint64_t g = 0;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	assert_int_equal(grant(f, &alice, 2, &g), CHASQUI__CODE__OK);
	assert_true(grant_ok_at_dataplane(f, &bob, g, 1, 2));
	assert_int_equal(grant(f, &alice, 3, &g), CHASQUI__CODE__E_NOUSER);
	assert_int_equal(grant(f, &alice, 99, &g), CHASQUI__CODE__E_NOUSER);
}

static void
punted_frames_say_offline_to_holders_of_a_grant_and_unknown_to_all_others(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	uint64_t g = 0;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	grant(f, &alice, 2, &g);
	client_punt(f, &alice, 1, 2, g, CHQ_DP_WHY_UNKNOWN);
	client_punt(f, &alice, 1, 2, g, CHQ_DP_WHY_SILENT);
	client_punt(f, &alice, 1, 2, g, CHQ_DP_WHY_DEVICE);
	FIX_UNTIL(f, client_notices(f, &alice, CHQ_NOTICE_OFFLINE) == 3);
	client_punt(f, &alice, 1, 2, g ^ 1, CHQ_DP_WHY_GRANT); /* bad grant */
	client_punt(f, &alice, 1, 3, g, CHQ_DP_WHY_UNKNOWN);   /* not a contact */
	client_punt(f, &alice, 1, 99, g, CHQ_DP_WHY_UNKNOWN);  /* nobody */
	client_punt(f, &alice, 1, 2, g, CHQ_DP_WHY_DENIED);    /* denied */
	FIX_UNTIL(f, client_notices(f, &alice, CHQ_NOTICE_UNKNOWN) == 4);
	assert_int_equal(client_notices(f, &alice, CHQ_NOTICE_OFFLINE), 3);
	/* It names the frame. */
	assert_int_equal(f->frame[f->frames - 1].h.message, 77);
	assert_int_equal(f->frame[f->frames - 1].h.body_len, 0);
	ctl(f, "user", "disable", "bob", NULL);
	client_punt(f, &alice, 1, 2, g, CHQ_DP_WHY_UNKNOWN);
	FIX_UNTIL(f, client_notices(f, &alice, CHQ_NOTICE_UNKNOWN) == 5);
}

static void
presence_is_told_once_and_to_online_friends_only(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol, again;

	make_friends(f, "alice", "bob");
	client_online(f, &bob, 2, "bob");
	client_online(f, &carol, 3, "carol");
	client_online(f, &alice, 1, "alice");
	FIX_UNTIL(f, client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE) == 1);
	client_ack_all(f, &bob);
	/* A second session of the same account is no news. */
	again = alice;
	client_hello(f, &again);
	client_confirm(f, &again);
	fixture_settle(f);
	assert_int_equal(client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE), 1);
	client_event(f, &again, CHQ_DP_EV_SILENT);
	FIX_UNTIL(f, client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_OFFLINE) == 1);
	client_ack_all(f, &bob);
	fixture_settle(f);
	assert_int_equal(client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_OFFLINE), 1);
	assert_int_equal(client_presence(f, &carol, 1, CHASQUI__STATUS__STATUS_ONLINE) +
				 client_presence(f, &carol, 1, CHASQUI__STATUS__STATUS_OFFLINE),
			 0);
}

static void
a_push_is_sent_again_until_it_is_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	unsigned sent;

	f->ctl.timing.push_first_ms = f->ctl.timing.push_max_ms = 10;
	make_friends(f, "alice", "bob");
	client_online(f, &bob, 2, "bob");
	client_online(f, &alice, 1, "alice");
	FIX_UNTIL(f, client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE) >= 3);
	client_ack_all(f, &bob);
	FIX_UNTIL(f, chq_list_empty(&f->ctl.pushing));
	sent = client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE);
	fixture_settle(f);
	assert_int_equal(client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE), sent);
}

static void
a_newer_presence_takes_the_place_of_one_that_was_not_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	unsigned online;

	f->ctl.timing.push_first_ms = f->ctl.timing.push_max_ms = 10;
	make_friends(f, "alice", "bob");
	client_online(f, &bob, 2, "bob");
	client_online(f, &alice, 1, "alice");
	FIX_UNTIL(f, client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE) >= 1);
	client_event(f, &alice, CHQ_DP_EV_SILENT);
	FIX_UNTIL(f, client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_OFFLINE) >= 1);
	online = client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE);
	FIX_UNTIL(f, client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_OFFLINE) >= 3);
	assert_int_equal(client_presence(f, &bob, 1, CHASQUI__STATUS__STATUS_ONLINE), online);
	assert_int_equal(session_find(&f->ctl.sessions, bob.ref)->pushes_used, 1);
}

static void
asking_and_confirming_makes_friends_and_tells_both(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	Chasqui__FriendRequest m = CHASQUI__FRIEND_REQUEST__INIT;
	ProtobufCMessage *reply;
	char bob_name[] = "BOB";
	uint64_t g;

	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	m.login = bob_name;
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, &m.base,
				     &chasqui__friend_reply__descriptor, &reply),
			 CHASQUI__CODE__OK);
	assert_int_equal(((Chasqui__FriendReply *)reply)->account, 2);
	assert_int_equal(((Chasqui__FriendReply *)reply)->relation,
			 CHASQUI__RELATION__RELATION_ASKED);
	protobuf_c_message_free_unpacked(reply, NULL);
	FIX_UNTIL(f, client_pushes(f, &bob, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) >= 1);
	assert_int_equal(grant(f, &alice, 2, &g), CHASQUI__CODE__E_NOUSER);
	chasqui__friend_request__init(&m);
	m.account = 1;
	assert_int_equal(client_call(f, &bob, CHASQUI__METHOD__METHOD_FRIEND_CONFIRM, &m.base, NULL,
				     NULL),
			 CHASQUI__CODE__OK);
	FIX_UNTIL(f, client_pushes(f, &alice, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) >= 2);
	assert_int_equal(grant(f, &alice, 2, &g), CHASQUI__CODE__OK);
	assert_int_equal(grant(f, &bob, 1, &g), CHASQUI__CODE__OK);
}

static void
wrong_friend_requests_are_refused(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	Chasqui__FriendRequest m = CHASQUI__FRIEND_REQUEST__INIT;
	char nobody[] = "nobody", bob[] = "bob";

	client_online(f, &alice, 1, "alice");
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, &m.base,
				     NULL, NULL),
			 CHASQUI__CODE__E_MALFORMED); /* neither */
	m.login = nobody;
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, &m.base,
				     NULL, NULL),
			 CHASQUI__CODE__E_NOUSER);
	m.login = bob;
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_CONFIRM, &m.base,
				     NULL, NULL),
			 CHASQUI__CODE__E_MALFORMED); /* never asked */
	ctl(f, "user", "disable", "bob", NULL);
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, &m.base,
				     NULL, NULL),
			 CHASQUI__CODE__E_NOUSER);
}

static void
a_mutation_asked_again_is_answered_from_the_store_even_by_a_later_server(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	Chasqui__FriendRequest m = CHASQUI__FRIEND_REQUEST__INIT;
	uint64_t id;

	client_online(f, &alice, 1, "alice");
	m.account = 2;
	assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, &m.base,
				     NULL, NULL),
			 CHASQUI__CODE__OK);
	id = alice.last_id;
	client_ask_id(f, &alice, id, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, &m.base);
	FIX_UNTIL(f, client_answers(f, &alice, id) == 2);
	assert_int_equal(f->ctl.count[COUNT_REQUEST_AGAIN], 1);
	fixture_stop(f);
	fixture_start(f);
	client_ask_id(f, &alice, id, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, &m.base);
	FIX_UNTIL(f, client_answers(f, &alice, id) == 3);
	assert_int_equal(f->ctl.count[COUNT_REQUEST_AGAIN], 1);
}

static void
an_id_older_than_the_answers_kept_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	Chasqui__FriendRequest m = CHASQUI__FRIEND_REQUEST__INIT;
	uint64_t first;
	Chasqui__FromServer *a;

	client_online(f, &alice, 1, "alice");
	m.account = 2;
	first = alice.last_id + 1;
	for (unsigned i = 0; i < 34; i++)
		assert_int_equal(client_call(f, &alice, CHASQUI__METHOD__METHOD_FRIEND_REQUEST,
					     &m.base, NULL, NULL),
				 CHASQUI__CODE__OK);
	client_ask_id(f, &alice, first, CHASQUI__METHOD__METHOD_FRIEND_REQUEST, &m.base);
	FIX_UNTIL(f, client_answers(f, &alice, first) == 2);
	a = client_answer(f, &alice, first);
	assert_int_equal(a->response->code, CHASQUI__CODE__E_EXPIRED);
	chasqui__from_server__free_unpacked(a, NULL);
}

/* They would make the ids of right clocks look old. */
static void
ids_of_a_far_future_are_refused_and_not_remembered(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	Chasqui__FriendRequest m = CHASQUI__FRIEND_REQUEST__INIT;
	Chasqui__Method method = CHASQUI__METHOD__METHOD_FRIEND_REQUEST;
	uint64_t now;

	client_online(f, &alice, 1, "alice");
	now = alice.last_id;
	m.account = 2;
	alice.last_id = now + ((CHQ_MS_PER_DAY + 60000) << 22);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(client_call(f, &alice, method, &m.base, NULL, NULL),
				 CHASQUI__CODE__E_MALFORMED);
	alice.last_id = UINT64_MAX - 1;
	assert_int_equal(client_call(f, &alice, method, &m.base, NULL, NULL),
			 CHASQUI__CODE__E_MALFORMED);
	alice.last_id = now;
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(client_call(f, &alice, method, &m.base, NULL, NULL),
				 CHASQUI__CODE__OK);
	alice.last_id = now + ((CHQ_MS_PER_DAY - 60000) << 22); /* a clock that is ahead */
	assert_int_equal(client_call(f, &alice, method, &m.base, NULL, NULL), CHASQUI__CODE__OK);
}

static void
a_removed_friend_cannot_write_any_more_present_or_absent(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint64_t g = 0;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	grant(f, &alice, 2, &g);
	assert_true(grant_ok_at_dataplane(f, &bob, g, 1, 2));
	ctl(f, "friend", "remove", "bob", "alice"); /* answered when the dataplane knows */
	assert_false(grant_ok_at_dataplane(f, &bob, g, 1, 2));
	client_event(f, &bob, CHQ_DP_EV_SILENT);
	client_punt(f, &alice, 1, 2, g, CHQ_DP_WHY_UNKNOWN);
	FIX_UNTIL(f, client_notices(f, &alice, CHQ_NOTICE_UNKNOWN) == 1);
	assert_int_equal(grant(f, &alice, 2, &g), CHASQUI__CODE__E_NOUSER);
}

static void
a_good_grant_that_the_dataplane_refused_brings_it_the_key_again(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint64_t g = 0;
	unsigned keys;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	grant(f, &alice, 2, &g);
	f->slot[bob.ref.slot].open.grant_key[3] ^= 1; /* a key half written */
	keys = f->grant_keys;
	client_punt(f, &alice, 1, 2, g, CHQ_DP_WHY_GRANT);
	FIX_UNTIL(f, f->grant_keys == keys + 1);
	assert_true(grant_ok_at_dataplane(f, &bob, g, 1, 2));
	/* The frame is sent again by itself: no NOTICE ends that. A bad grant gets one, and no key. */
	client_punt(f, &alice, 1, 2, g ^ 1, CHQ_DP_WHY_GRANT);
	FIX_UNTIL(f, client_notices(f, &alice, CHQ_NOTICE_UNKNOWN) == 1);
	assert_int_equal(client_notices(f, &alice, CHQ_NOTICE_OFFLINE), 0);
	assert_int_equal(f->grant_keys, keys + 1);
}

static void
a_friend_removed_while_the_dataplane_is_away_cannot_write_any_more(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint64_t g = 0;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	grant(f, &alice, 2, &g);
	fixture_dp_cut(f);
	close(f->listener);
	f->listener = -1;
	assert_non_null(strstr(fixture_ctl(f, "{\"noun\":\"friend\",\"verb\":\"remove\","
					      "\"args\":[\"bob\",\"alice\"]}\n"),
			       "EPARTIAL"));
	f->listener = fix_dp_listen(f);
	FIX_UNTIL(f, f->ctl.dp.ready);
	FIX_UNTIL(f, !grant_ok_at_dataplane(f, &bob, g, 1, 2));
}

static void
a_friend_removed_before_a_new_session_is_confirmed_cannot_write_to_it(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	uint64_t g = 0;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	grant(f, &alice, 2, &g);
	client_hello(f, &bob);
	ctl(f, "friend", "remove", "bob", "alice");
	client_confirm(f, &bob);
	fixture_settle(f);
	assert_false(grant_ok_at_dataplane(f, &bob, g, 1, 2));
}

static int
next_grant_epoch(struct store_txn *txn, void *arg)
{
	uint32_t epoch;

	(void)arg;
	return store_account_next_grant_epoch(txn, 2, &epoch);
}

/* The dataplane takes a new key for confirmed sessions only. */
static void
a_session_confirmed_after_a_new_grant_epoch_has_its_key(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	const uint64_t two = 2;
	uint64_t g = 0;

	make_friends(f, "alice", "bob");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	grant(f, &alice, 2, &g);
	client_hello(f, &bob);
	assert_int_equal(store_write_sync(f->ctl.store, next_grant_epoch, NULL), 0);
	revoke_tell(&f->ctl, &two, 1, NULL, NULL);
	client_confirm(f, &bob);
	fixture_settle(f);
	assert_false(grant_ok_at_dataplane(f, &bob, g, 1, 2));
	assert_int_equal(grant(f, &alice, 2, &g), CHASQUI__CODE__OK);
	assert_true(grant_ok_at_dataplane(f, &bob, g, 1, 2));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_friend_is_listed_with_status_address_and_a_grant_that_the_dataplane_takes),
		T(a_friend_comes_with_a_reply_grant_by_which_he_may_write_to_us_for_a_week),
		T(addresses_are_kept_back_when_the_configuration_says_so),
		T(who_asks_and_who_was_asked_get_neither_grant_nor_status),
		T(a_list_is_unchanged_only_while_nobody_in_it_comes_or_goes),
		T(too_many_pushes_become_one_that_says_to_ask_anew),
		T(pages_together_hold_every_friend_once),
		T(a_grant_is_given_for_friends_and_refused_alike_for_strangers_and_nobody),
		T(punted_frames_say_offline_to_holders_of_a_grant_and_unknown_to_all_others),
		T(presence_is_told_once_and_to_online_friends_only),
		T(a_push_is_sent_again_until_it_is_acknowledged),
		T(a_newer_presence_takes_the_place_of_one_that_was_not_acknowledged),
		T(asking_and_confirming_makes_friends_and_tells_both),
		T(wrong_friend_requests_are_refused),
		T(a_mutation_asked_again_is_answered_from_the_store_even_by_a_later_server),
		T(an_id_older_than_the_answers_kept_is_refused),
		T(ids_of_a_far_future_are_refused_and_not_remembered),
		T(a_removed_friend_cannot_write_any_more_present_or_absent),
		T(a_good_grant_that_the_dataplane_refused_brings_it_the_key_again),
		T(a_friend_removed_while_the_dataplane_is_away_cannot_write_any_more),
		T(a_session_confirmed_after_a_new_grant_epoch_has_its_key),
		T(a_friend_removed_before_a_new_session_is_confirmed_cannot_write_to_it),
	};
	return cmocka_run_group_tests_name("control/contacts", tests, NULL, NULL);
}
