#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/group_fmt.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/fixture.h"
#include "tests/unit/control/fixture_dp.h"

/* Groups as members and outsiders meet them. What is in the payloads does not matter here. */

enum { ALICE = 1, BOB, CAROL, PAYLOAD = CHQ_GROUP_OVERHEAD + CHQ_GROUP_PAD };

static Chasqui__GroupsPage *
groups(struct fixture *f, struct fix_client *c)
{
	Chasqui__GroupsRequest q = CHASQUI__GROUPS_REQUEST__INIT;
	ProtobufCMessage *m;

	assert_int_equal(client_call(f, c, CHASQUI__METHOD__METHOD_GROUPS, &q.base,
				     &chasqui__groups_page__descriptor, &m),
			 CHASQUI__CODE__OK);
	return (Chasqui__GroupsPage *)m;
}

/* The only group of a client. */
static Chasqui__Group
group_of(struct fixture *f, struct fix_client *c)
{
	Chasqui__GroupsPage *page = groups(f, c);
	Chasqui__Group g;

	assert_int_equal(page->n_group, 1);
	g = *page->group[0];
	g.name = NULL;
	chasqui__groups_page__free_unpacked(page, NULL);
	return g;
}

static void
say_as(struct fixture *f, const struct fix_client *c, const Chasqui__Group *g, uint64_t message,
       uint16_t app, uint32_t epoch)
{
	union {
		struct chq_dp_frame_rx m;
		uint8_t bytes[CHQ_DP_MSG_MAX];
	} u = { .m = { .ref = c->ref,
		       .from = CHQ_PARTY(CHQ_KIND_ACCOUNT, f->slot[c->ref.slot].open.device,
					 f->slot[c->ref.slot].open.account),
		       .to = CHQ_PARTY(CHQ_KIND_GROUP, 0, g->id),
		       .message = message,
		       .grant = g->grant,
		       .app = app,
		       .payload_len = PAYLOAD,
		       .flags = CHQ_F_STORE,
		       .why = CHQ_DP_WHY_GROUP } };

	chq_put_le32(u.bytes + sizeof(u.m), epoch);
	fix_dp_put(f, &u, CHQ_DP_FRAME_RX, sizeof(u.m) + PAYLOAD, 0);
}

static void
say(struct fixture *f, const struct fix_client *c, const Chasqui__Group *g, uint64_t message)
{
	say_as(f, c, g, message, 0, g->epoch);
}

static bool
is_copy(const struct fix_client *c, const union fix_frame *fr)
{
	return fr->h.ref.slot == c->ref.slot && fr->h.ref.gen == c->ref.gen &&
	       !(fr->h.flags & (CHQ_F_HOP | CHQ_F_NOTICE)) && CHQ_GROUP_ORDER(fr->h.extra);
}

/* Copies of an order sent to a client so far; of any, with 0. */
static unsigned
copies(struct fixture *f, const struct fix_client *c, uint32_t order)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->frames; i++)
		n += is_copy(c, &f->frame[i]) &&
		     (!order || CHQ_GROUP_ORDER(f->frame[i].h.extra) == order);
	return n;
}

/* The message that a client was sent under this order. */
static uint64_t
message_at(struct fixture *f, const struct fix_client *c, uint32_t order)
{
	for (unsigned i = 0; i < f->frames; i++)
		if (is_copy(c, &f->frame[i]) && CHQ_GROUP_ORDER(f->frame[i].h.extra) == order)
			return f->frame[i].h.message;
	return 0;
}

static void
has_all(struct fixture *f, struct fix_client *c, uint32_t group, uint32_t order)
{
	Chasqui__ToServer whole = CHASQUI__TO_SERVER__INIT;
	Chasqui__MailAck ack = CHASQUI__MAIL_ACK__INIT;
	uint64_t extra = CHQ_GROUP_EXTRA(group, order);
	uint8_t buf[64];
	int len;

	ack.n_group = 1;
	ack.group = &extra;
	whole.body_case = CHASQUI__TO_SERVER__BODY_MAIL_ACK;
	whole.mail_ack = &ack;
	len = chq_ctrl_pack(&whole.base, buf, sizeof(buf));
	assert_true(len > 0);
	client_send(f, c, buf, (size_t)len);
}

static Chasqui__Code
change(struct fixture *f, struct fix_client *c, uint32_t group, Chasqui__GroupAct act,
       uint64_t account, uint32_t rights, const char *name)
{
	Chasqui__GroupChange q = CHASQUI__GROUP_CHANGE__INIT;
	char text[64];

	snprintf(text, sizeof(text), "%s", name);
	q.group = group;
	q.act = act;
	q.account = account;
	q.rights = rights;
	q.name = text;
	return client_call(f, c, CHASQUI__METHOD__METHOD_GROUP_CHANGE, &q.base, NULL, NULL);
}

static Chasqui__Code
key_of(struct fixture *f, struct fix_client *c, uint32_t group, uint32_t epoch, uint8_t out[32])
{
	Chasqui__GroupKeyRequest q = CHASQUI__GROUP_KEY_REQUEST__INIT;
	Chasqui__GroupKeyReply *reply;
	ProtobufCMessage *m;
	Chasqui__Code code;

	q.group = group;
	q.epoch = epoch;
	code = client_call(f, c, CHASQUI__METHOD__METHOD_GROUP_KEY, &q.base,
			   &chasqui__group_key_reply__descriptor, &m);
	if (code)
		return code;
	reply = (Chasqui__GroupKeyReply *)m;
	assert_int_equal(reply->key.len, 32);
	memcpy(out, reply->key.data, 32);
	chasqui__group_key_reply__free_unpacked(reply, NULL);
	return code;
}

struct three {
	struct fix_client alice, bob, carol;
};

/* Alice manages Sales, Bob is in it, Carol is not; all are there. */
static void
three_online(struct fixture *f, struct three *t)
{
	words_ok(f, "dept add Sales");
	words_ok(f, "dept join Sales alice --manager");
	words_ok(f, "dept join Sales bob");
	client_online(f, &t->alice, 1, "alice");
	client_online(f, &t->bob, 2, "bob");
	client_online(f, &t->carol, 3, "carol");
}

static void
a_department_has_its_group_and_outsiders_none(void **state)
{
	struct fixture *f = *state;
	Chasqui__GroupsPage *page;
	uint8_t key[32], bobs[32];
	Chasqui__Group a, b;
	struct three t;

	three_online(f, &t);
	a = group_of(f, &t.alice);
	b = group_of(f, &t.bob);
	assert_int_equal(a.id, b.id);
	assert_int_equal(a.department, a.id);
	assert_int_equal(a.rights, CHQ_GROUP_POST | CHQ_GROUP_ANNOUNCE | CHQ_GROUP_MANAGE);
	assert_int_equal(b.rights, CHQ_GROUP_POST);
	assert_int_equal(b.members, 2);
	assert_int_equal(b.epoch, 1);
	assert_int_not_equal(a.grant, b.grant);
	page = groups(f, &t.carol);
	assert_int_equal(page->n_group, 0);
	chasqui__groups_page__free_unpacked(page, NULL);
	assert_int_equal(key_of(f, &t.alice, a.id, 0, key), CHASQUI__CODE__OK);
	assert_int_equal(key_of(f, &t.bob, a.id, 1, bobs), CHASQUI__CODE__OK);
	assert_memory_equal(key, bobs, 32);
	assert_int_equal(key_of(f, &t.bob, a.id, 2, bobs), CHASQUI__CODE__E_DENIED);
	assert_int_equal(key_of(f, &t.carol, a.id, 0, key), CHASQUI__CODE__E_DENIED);
	assert_int_equal(key_of(f, &t.carol, 999, 0, key), CHASQUI__CODE__E_DENIED);
}

static void
all_members_get_what_is_said_in_one_order(void **state)
{
	struct fixture *f = *state;
	Chasqui__Group a, b;
	struct three t;

	three_online(f, &t);
	a = group_of(f, &t.alice);
	b = group_of(f, &t.bob);
	for (unsigned i = 1; i <= 10; i++) {
		say(f, &t.alice, &a, 100 + i);
		say(f, &t.bob, &b, 200 + i);
	}
	FIX_UNTIL(f, copies(f, &t.alice, 0) == 20 && copies(f, &t.bob, 0) == 20);
	for (uint32_t i = 1; i <= 20; i++) {
		assert_int_equal(copies(f, &t.alice, i), 1);
		assert_int_equal(message_at(f, &t.alice, i), message_at(f, &t.bob, i));
	}
	assert_int_equal(copies(f, &t.carol, 0), 0);
	assert_int_equal(client_notices(f, &t.alice, CHQ_NOTICE_UNKNOWN), 0);
}

static void
what_is_sent_again_keeps_its_order(void **state)
{
	struct fixture *f = *state;
	Chasqui__Group a;
	struct three t;

	three_online(f, &t);
	a = group_of(f, &t.alice);
	say(f, &t.alice, &a, 101);
	say(f, &t.alice, &a, 102);
	FIX_UNTIL(f, copies(f, &t.bob, 2) == 1);
	say(f, &t.alice, &a, 101);
	FIX_UNTIL(f, copies(f, &t.alice, 1) == 2);
	assert_int_equal(copies(f, &t.bob, 1), 1);
	assert_int_equal(f->ctl.count[COUNT_GROUP_SAID], 2);
	assert_int_equal(f->ctl.count[COUNT_GROUP_SAID_AGAIN], 1);
}

static void
outsiders_old_epochs_and_missing_rights_are_refused_alike(void **state)
{
	struct fixture *f = *state;
	Chasqui__Group a, b;
	struct three t;

	three_online(f, &t);
	a = group_of(f, &t.alice);
	b = group_of(f, &t.bob);
	say(f, &t.carol, &a, 1); /* with another's grant */
	FIX_UNTIL(f, client_notices(f, &t.carol, CHQ_NOTICE_UNKNOWN) == 1);
	say_as(f, &t.bob, &b, 2, 0, b.epoch + 1);
	FIX_UNTIL(f, client_notices(f, &t.bob, CHQ_NOTICE_UNKNOWN) == 1);
	say_as(f, &t.bob, &b, 3, CHQ_APP_ANNOUNCEMENT, b.epoch);
	FIX_UNTIL(f, client_notices(f, &t.bob, CHQ_NOTICE_UNKNOWN) == 2);
	say_as(f, &t.alice, &a, 4, CHQ_APP_ANNOUNCEMENT, a.epoch);
	FIX_UNTIL(f, copies(f, &t.bob, 1) == 1);
	words_ok(f, "group set Sales --member-rights=none");
	FIX_UNTIL(f, client_pushes(f, &t.bob, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 0);
	b = group_of(f, &t.bob);
	assert_int_equal(b.rights, 0);
	assert_int_equal(b.epoch, 2);
	say(f, &t.bob, &b, 5);
	FIX_UNTIL(f, client_notices(f, &t.bob, CHQ_NOTICE_UNKNOWN) == 3);
	a = group_of(f, &t.alice);
	say(f, &t.alice, &a, 6);
	FIX_UNTIL(f, copies(f, &t.bob, 2) == 1);
}

static void
who_leaves_is_sent_nothing_more_and_the_key_is_new(void **state)
{
	struct fixture *f = *state;
	uint8_t before[32], after[32];
	Chasqui__Group a, b;
	struct three t;

	three_online(f, &t);
	a = group_of(f, &t.alice);
	b = group_of(f, &t.bob);
	assert_int_equal(key_of(f, &t.bob, a.id, 0, before), CHASQUI__CODE__OK);
	words_ok(f, "dept leave Sales bob");
	FIX_UNTIL(f, client_pushes(f, &t.alice, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 0 &&
			     client_pushes(f, &t.bob, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 0);
	say(f, &t.bob, &b, 1);
	FIX_UNTIL(f, client_notices(f, &t.bob, CHQ_NOTICE_UNKNOWN) == 1);
	say(f, &t.alice, &a, 2); /* with the old grant, under the old key */
	FIX_UNTIL(f, client_notices(f, &t.alice, CHQ_NOTICE_UNKNOWN) == 1);
	a = group_of(f, &t.alice);
	assert_int_equal(a.epoch, 2);
	say(f, &t.alice, &a, 3);
	FIX_UNTIL(f, copies(f, &t.alice, 1) == 1);
	fixture_settle(f);
	assert_int_equal(copies(f, &t.bob, 0), 0);
	assert_int_equal(key_of(f, &t.bob, a.id, 0, after), CHASQUI__CODE__E_DENIED);
	assert_int_equal(key_of(f, &t.alice, a.id, 0, after), CHASQUI__CODE__OK);
	assert_memory_not_equal(before, after, 32);
	assert_int_equal(key_of(f, &t.alice, a.id, 1, after), CHASQUI__CODE__OK);
	assert_memory_equal(before, after, 32);
}

static void
who_was_absent_gets_all_in_order_and_once(void **state)
{
	struct fixture *f = *state;
	struct fix_client bob = { 0 };
	Chasqui__Group a;
	struct three t;

	three_online(f, &t);
	bob = t.bob;
	client_event(f, &t.bob, CHQ_DP_EV_SILENT);
	a = group_of(f, &t.alice);
	for (unsigned i = 1; i <= 40; i++) {
		say(f, &t.alice, &a, 100 + i);
		FIX_UNTIL(f, copies(f, &t.alice, i) >= 1);
		has_all(f, &t.alice, a.id, i);
	}
	client_hello(f, &bob);
	assert_int_equal(bob.welcome.logged_in, 1);
	client_confirm(f, &bob);
	FIX_UNTIL(f, copies(f, &bob, 32) == 1);
	for (uint32_t i = 1; i <= 32; i++)
		assert_int_equal(message_at(f, &bob, i), 100 + i);
	assert_int_equal(copies(f, &bob, 33), 0); /* no more than the window */
	has_all(f, &bob, a.id, 32);
	FIX_UNTIL(f, copies(f, &bob, 40) == 1);
	has_all(f, &bob, a.id, 40);
	FIX_UNTIL(f, group_of(f, &bob).served == 40);
	client_event(f, &bob, CHQ_DP_EV_SILENT);
	client_hello(f, &bob);
	client_confirm(f, &bob);
	fixture_settle(f);
	assert_int_equal(copies(f, &bob, 0), 0);
}

static void
what_is_not_acknowledged_is_sent_again_one_at_a_time(void **state)
{
	struct fixture *f = *state;
	Chasqui__Group a;
	struct three t;

	f->ctl.timing.push_first_ms = 50;
	f->ctl.timing.push_max_ms = 200;
	three_online(f, &t);
	a = group_of(f, &t.alice);
	say(f, &t.alice, &a, 101);
	say(f, &t.alice, &a, 102);
	FIX_UNTIL(f, copies(f, &t.bob, 1) == 3);
	assert_int_equal(copies(f, &t.bob, 2), 1);
	has_all(f, &t.bob, a.id, 1);
	FIX_UNTIL(f, copies(f, &t.bob, 2) == 2);
	has_all(f, &t.bob, a.id, 2);
	has_all(f, &t.alice, a.id, 2);
	fixture_settle(f);
	assert_int_equal(copies(f, &t.bob, 1), 3);
}

static void
who_joins_hears_from_then_on_or_some_before(void **state)
{
	struct fixture *f = *state;
	Chasqui__Group a;
	struct three t;

	three_online(f, &t);
	a = group_of(f, &t.alice);
	for (unsigned i = 1; i <= 5; i++)
		say(f, &t.alice, &a, 100 + i);
	FIX_UNTIL(f, copies(f, &t.bob, 5) == 1);
	words_ok(f, "dept join Sales carol");
	FIX_UNTIL(f, client_pushes(f, &t.carol, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 0);
	assert_int_equal(client_pushes(f, &t.bob, CHASQUI__PUSH__BODY_GROUPS_CHANGED), 0);
	say(f, &t.alice, &a, 106);
	FIX_UNTIL(f, copies(f, &t.carol, 6) == 1);
	assert_int_equal(copies(f, &t.carol, 0), 1);
	assert_int_equal(group_of(f, &t.carol).served, 5);
	words_ok(f, "dept leave Sales carol");
	words_ok(f, "group set Sales --history=2");
	words_ok(f, "dept join Sales carol");
	FIX_UNTIL(f, copies(f, &t.carol, 6) == 2);
	assert_int_equal(copies(f, &t.carol, 5), 1);
	assert_int_equal(copies(f, &t.carol, 4), 0);
}

static void
departments_below_take_part_if_they_are_to(void **state)
{
	struct fixture *f = *state;
	Chasqui__GroupMembersRequest q = CHASQUI__GROUP_MEMBERS_REQUEST__INIT;
	Chasqui__GroupMembersPage *page;
	ProtobufCMessage *m;
	Chasqui__Group a, c;
	struct three t;

	three_online(f, &t);
	words_ok(f, "dept add Sales/North");
	words_ok(f, "dept join Sales/North carol --manager");
	words_ok(f, "dept join Sales/North bob");
	words_ok(f, "group set Sales/North --group=off");
	words_ok(f, "group set Sales --subdepartments=on");
	FIX_UNTIL(f, client_pushes(f, &t.carol, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 0);
	a = group_of(f, &t.alice);
	c = group_of(f, &t.carol);
	assert_int_equal(a.id, c.id);
	assert_int_equal(c.rights, CHQ_GROUP_POST);
	say(f, &t.carol, &c, 1);
	FIX_UNTIL(f, copies(f, &t.alice, 1) == 1);
	q.group = a.id;
	assert_int_equal(client_call(f, &t.bob, CHASQUI__METHOD__METHOD_GROUP_MEMBERS, &q.base,
				     &chasqui__group_members_page__descriptor, &m),
			 CHASQUI__CODE__OK);
	page = (Chasqui__GroupMembersPage *)m;
	assert_int_equal(page->n_member, 3);
	assert_int_equal(page->next_cursor, 0);
	assert_string_equal(page->member[2]->login, "carol");
	assert_int_equal(page->member[0]->rights, 7);
	chasqui__group_members_page__free_unpacked(page, NULL);
	words_ok(f, "dept move Sales/North /");
	FIX_UNTIL(f, client_pushes(f, &t.carol, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 1);
	say(f, &t.carol, &c, 2);
	FIX_UNTIL(f, client_notices(f, &t.carol, CHQ_NOTICE_UNKNOWN) == 1);
	q.group = a.id;
	assert_int_equal(client_call(f, &t.carol, CHASQUI__METHOD__METHOD_GROUP_MEMBERS, &q.base,
				     NULL, NULL),
			 CHASQUI__CODE__E_DENIED);
}

static void
a_group_made_by_hand_is_managed_by_who_may(void **state)
{
	struct fixture *f = *state;
	Chasqui__GroupsPage *page;
	struct three t;
	uint32_t id;

	client_online(f, &t.alice, 1, "alice");
	client_online(f, &t.bob, 2, "bob");
	client_online(f, &t.carol, 3, "carol");
	id = (uint32_t)words_number(f, "group create Chess", "group");
	words_ok(f, "group add Chess alice --rights=post,manage");
	words_ok(f, "group add Chess bob");
	words_ok(f, "friend request alice carol");
	words_ok(f, "friend confirm carol alice");
	FIX_UNTIL(f, client_pushes(f, &t.bob, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 0);
	assert_int_equal(group_of(f, &t.bob).rights, CHQ_GROUP_POST);
	assert_int_equal(change(f, &t.bob, id, CHASQUI__GROUP_ACT__GROUP_ADD, CAROL, 1, ""),
			 CHASQUI__CODE__E_NOUSER); /* he does not know her */
	assert_int_equal(change(f, &t.bob, id, CHASQUI__GROUP_ACT__GROUP_NAME, 0, 0, "Go"),
			 CHASQUI__CODE__E_DENIED);
	assert_int_equal(change(f, &t.carol, id, CHASQUI__GROUP_ACT__GROUP_ADD, CAROL, 1, ""),
			 CHASQUI__CODE__E_DENIED);
	assert_int_equal(change(f, &t.alice, id, CHASQUI__GROUP_ACT__GROUP_ADD, CAROL, 1, ""),
			 CHASQUI__CODE__OK);
	FIX_UNTIL(f, client_pushes(f, &t.carol, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 0);
	assert_int_equal(change(f, &t.alice, id, CHASQUI__GROUP_ACT__GROUP_RIGHTS, CAROL, 3, ""),
			 CHASQUI__CODE__OK);
	assert_int_equal(group_of(f, &t.carol).rights, 3);
	assert_int_equal(change(f, &t.alice, id, CHASQUI__GROUP_ACT__GROUP_RIGHTS, CAROL, 8, ""),
			 CHASQUI__CODE__E_MALFORMED);
	assert_int_equal(change(f, &t.alice, id, CHASQUI__GROUP_ACT__GROUP_NAME, 0, 0, "Go"),
			 CHASQUI__CODE__OK);
	words_text(f, "group show Go", "name", "Go");
	assert_int_equal(change(f, &t.carol, id, CHASQUI__GROUP_ACT__GROUP_REMOVE, BOB, 0, ""),
			 CHASQUI__CODE__E_DENIED);
	assert_int_equal(change(f, &t.carol, id, CHASQUI__GROUP_ACT__GROUP_REMOVE, CAROL, 0, ""),
			 CHASQUI__CODE__OK);
	assert_int_equal(change(f, &t.alice, id, CHASQUI__GROUP_ACT__GROUP_REMOVE, BOB, 0, ""),
			 CHASQUI__CODE__OK);
	page = groups(f, &t.bob);
	assert_int_equal(page->n_group, 0);
	chasqui__groups_page__free_unpacked(page, NULL);
	assert_int_equal(group_of(f, &t.alice).epoch, 3);
}

static void
managers_change_their_departments_group_but_not_who_is_in_it(void **state)
{
	struct fixture *f = *state;
	struct three t;
	uint32_t id;

	three_online(f, &t);
	id = group_of(f, &t.alice).id;
	assert_int_equal(change(f, &t.bob, id, CHASQUI__GROUP_ACT__GROUP_RIGHTS, 0, 3, ""),
			 CHASQUI__CODE__E_DENIED);
	assert_int_equal(change(f, &t.alice, id, CHASQUI__GROUP_ACT__GROUP_RIGHTS, 0, 3, ""),
			 CHASQUI__CODE__OK);
	assert_int_equal(group_of(f, &t.bob).rights, 3);
	assert_int_equal(change(f, &t.alice, id, CHASQUI__GROUP_ACT__GROUP_REMOVE, BOB, 0, ""),
			 CHASQUI__CODE__E_DENIED);
	assert_int_equal(change(f, &t.bob, id, CHASQUI__GROUP_ACT__GROUP_REMOVE, BOB, 0, ""),
			 CHASQUI__CODE__E_DENIED);
}

static void
operators_are_told_what_they_cannot_do(void **state)
{
	struct fixture *f = *state;
	json_t *a;

	words_ok(f, "dept add Sales");
	words_ok(f, "group create Chess");
	words_expect(f, "group create Chess", "EEXIST", "name");
	words_expect(f, "group create Sales", "EEXIST", "name");
	words_expect(f, "group create 12", "ENAMECHAR", "name");
	words_expect(f, "group show Nobody", "ENOENT", "group");
	words_expect(f, "group add Chess nobody", "ENOENT", "login");
	words_expect(f, "group add Sales alice", "EINVAL", "group");
	words_expect(f, "group leave Chess alice", "ENOENT", "login");
	words_expect(f, "group perms Chess alice post", "ENOENT", "login");
	words_ok(f, "group add Chess alice");
	words_expect(f, "group perms Chess alice shout", "EARGS", "rights");
	words_expect(f, "group remove Sales", "EINVAL", "group");
	words_expect(f, "group set Chess --subdepartments=on", "EINVAL", "group");
	words_expect(f, "group set Sales --group=maybe", "EARGS", "group");
	words_ok(f, "group perms Chess alice announce,manage");
	words_text(f, "group show Sales", "manager_rights", "post,announce,manage");
	assert_int_equal(words_number(f, "group show Chess", "epoch"), 2);
	a = words_ask(f, "group members Chess");
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(a, "data"), 0), "rights")),
			    "announce,manage");
	json_decref(a);
	a = words_ask(f, "group list --limit=1");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 1);
	assert_string_equal(json_string_value(json_object_get(a, "cursor")), "1");
	json_decref(a);
	a = words_ask(f, "group list --cursor=1");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 1);
	json_decref(a);
	words_ok(f, "group remove Chess");
}

static void
a_disabled_member_takes_the_key_with_him_in_vain(void **state)
{
	struct fixture *f = *state;
	struct three t;

	three_online(f, &t);
	words_ok(f, "user disable bob");
	FIX_UNTIL(f, client_pushes(f, &t.alice, CHASQUI__PUSH__BODY_GROUPS_CHANGED) > 0);
	assert_int_equal(group_of(f, &t.alice).epoch, 2);
}

static void
a_restart_goes_on_where_it_was(void **state)
{
	struct fixture *f = *state;
	Chasqui__Group a;
	struct three t;

	three_online(f, &t);
	a = group_of(f, &t.alice);
	for (unsigned i = 1; i <= 3; i++)
		say(f, &t.alice, &a, 100 + i);
	FIX_UNTIL(f, copies(f, &t.bob, 3) == 1);
	has_all(f, &t.alice, a.id, 3);
	has_all(f, &t.bob, a.id, 2);
	FIX_UNTIL(f, group_of(f, &t.bob).served == 2);
	f->frames = 0;
	fixture_stop(f);
	fixture_start(f);
	FIX_UNTIL(f, copies(f, &t.bob, 3) == 1);
	assert_int_equal(copies(f, &t.alice, 0), 0);
	assert_int_equal(copies(f, &t.bob, 0), 1);
	say(f, &t.alice, &a, 102); /* its confirmation was lost */
	FIX_UNTIL(f, copies(f, &t.alice, 2) == 1);
	say(f, &t.alice, &a, 104);
	FIX_UNTIL(f, copies(f, &t.bob, 4) == 1);
}

static void
copies_are_charged_to_who_causes_them(void **state)
{
	struct fixture *f = *state;
	Chasqui__Group a;
	struct three t;

	f->conf.groups.copies_per_second = 2;
	three_online(f, &t);
	a = group_of(f, &t.alice);
	for (unsigned i = 1; i <= 4; i++)
		say(f, &t.alice, &a, 100 + i);
	FIX_UNTIL(f, client_notices(f, &t.alice, CHQ_NOTICE_TOO_FAST) >= 1);
	FIX_UNTIL(f, copies(f, &t.bob, 1) == 1);
	assert_int_equal(copies(f, &t.bob, 4), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_CONTROL(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
		WITH_CONTROL(a_department_has_its_group_and_outsiders_none),
		WITH_CONTROL(all_members_get_what_is_said_in_one_order),
		WITH_CONTROL(what_is_sent_again_keeps_its_order),
		WITH_CONTROL(outsiders_old_epochs_and_missing_rights_are_refused_alike),
		WITH_CONTROL(who_leaves_is_sent_nothing_more_and_the_key_is_new),
		WITH_CONTROL(who_was_absent_gets_all_in_order_and_once),
		WITH_CONTROL(what_is_not_acknowledged_is_sent_again_one_at_a_time),
		WITH_CONTROL(who_joins_hears_from_then_on_or_some_before),
		WITH_CONTROL(departments_below_take_part_if_they_are_to),
		WITH_CONTROL(a_group_made_by_hand_is_managed_by_who_may),
		WITH_CONTROL(managers_change_their_departments_group_but_not_who_is_in_it),
		WITH_CONTROL(operators_are_told_what_they_cannot_do),
		WITH_CONTROL(a_disabled_member_takes_the_key_with_him_in_vain),
		WITH_CONTROL(a_restart_goes_on_where_it_was),
		WITH_CONTROL(copies_are_charged_to_who_causes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
