#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/mail.h"
#include "store/device.h"
#include "store/reader.h"
#include "store/writer.h"
#include "tests/unit/control/fixture.h"
#include "tests/unit/control/fixture_dp.h"

enum { ALICE = 1, BOB = 2 };

/* Alice and bob are friends. Alice is here with a grant for bob, whose device is enrolled and away. */
struct scene {
	struct fixture *f;
	struct fix_client alice, bob;
	uint64_t grant;
};

static void
ctl(struct fixture *f, const char *noun, const char *verb, const char *a, const char *b)
{
	char line[256];

	snprintf(line, sizeof(line), "{\"noun\":\"%s\",\"verb\":\"%s\",\"args\":[\"%s\"%s%s%s]}\n",
		 noun, verb, a, b ? ",\"" : "", b ? b : "", b ? "\"" : "");
	assert_non_null(strstr(fixture_ctl(f, line), "\"ok\":true"));
}

static void
leave(struct fixture *f, struct fix_client *c)
{
	f->slot[c->ref.slot].state = CHQ_DP_STATE_FREE;
	client_event(f, c, CHQ_DP_EV_SILENT);
	FIX_UNTIL(f, !session_find(&f->ctl.sessions, c->ref));
}

/* By the device's key: no password. */
static void
come(struct fixture *f, struct fix_client *c)
{
	client_hello(f, c);
	assert_int_equal(c->welcome.logged_in, 1);
	client_confirm(f, c);
	FIX_UNTIL(f, session_find(&f->ctl.sessions, c->ref) &&
			     session_find(&f->ctl.sessions, c->ref)->state == SESSION_OPEN);
}

static struct scene
scene(struct fixture *f)
{
	struct scene s = { .f = f };
	Chasqui__GrantRequest m = CHASQUI__GRANT_REQUEST__INIT;
	ProtobufCMessage *reply;

	ctl(f, "friend", "request", "alice", "bob");
	ctl(f, "friend", "confirm", "bob", "alice");
	client_online(f, &s.alice, 10, "alice");
	client_online(f, &s.bob, 20, "bob");
	leave(f, &s.bob);
	m.account = BOB;
	assert_int_equal(client_call(f, &s.alice, CHASQUI__METHOD__METHOD_GRANT, &m.base,
				     &chasqui__grant_reply__descriptor, &reply),
			 CHASQUI__CODE__OK);
	s.grant = ((Chasqui__GrantReply *)reply)->grant;
	protobuf_c_message_free_unpacked(reply, NULL);
	return s;
}

/* A frame of alice's towards bob's @device that the stages handed up. Its payload names it. */
static void
punt_flags(struct scene *s, uint8_t device, uint64_t message, uint8_t flags)
{
	union {
		struct chq_dp_frame_rx m;
		uint8_t bytes[sizeof(struct chq_dp_frame_rx) + 64];
	} u = { .m = { .ref = s->alice.ref,
		       .from = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, ALICE),
		       .to = CHQ_PARTY(CHQ_KIND_ACCOUNT, device, BOB),
		       .message = message,
		       .grant = s->grant,
		       .app = 9,
		       .payload_len = 64,
		       .flags = flags,
		       .why = CHQ_DP_WHY_UNKNOWN } };

	memset(u.m.payload, (int)(message & 0xff), 64);
	fix_dp_put(s->f, &u, CHQ_DP_FRAME_RX, sizeof(u), 0);
}

static void
punt(struct scene *s, uint64_t message)
{
	punt_flags(s, 1, message, CHQ_F_STORE);
}

/* @n frames, ids from @first on, stored. */
static void
store(struct scene *s, uint64_t first, unsigned n)
{
	unsigned before = client_notices(s->f, &s->alice, CHQ_NOTICE_STORED);

	for (unsigned i = 0; i < n; i++) {
		punt(s, first + i);
		if (i % 50 == 49) /* the link takes only so many at once */
			fixture_step(s->f);
	}
	FIX_UNTIL(s->f, client_notices(s->f, &s->alice, CHQ_NOTICE_STORED) == before + n);
}

/* Frames out of the mailbox that were sent to the session, with copies; and the @i-th. */
static const struct chq_dp_frame_tx *
mail_at(struct fixture *f, const struct fix_client *c, unsigned i)
{
	for (unsigned at = 0; at < f->frames; at++) {
		const struct chq_dp_frame_tx *m = &f->frame[at].h;

		if (m->ref.slot == c->ref.slot && m->ref.gen == c->ref.gen &&
		    CHQ_PARTY_KIND(m->party) == CHQ_KIND_ACCOUNT && m->flags != CHQ_F_NOTICE &&
		    i-- == 0)
			return m;
	}
	return NULL;
}

static unsigned
mails(struct fixture *f, const struct fix_client *c)
{
	unsigned n = 0;

	while (mail_at(f, c, n))
		n++;
	return n;
}

static void
ack(struct fixture *f, struct fix_client *c, uint64_t first, unsigned n)
{
	Chasqui__ToServer whole = CHASQUI__TO_SERVER__INIT;
	Chasqui__MailAck body = CHASQUI__MAIL_ACK__INIT;
	uint8_t buf[CHQ_HOP_BODY_MAX];
	uint64_t numbers[200];
	int len;

	for (unsigned i = 0; i < n; i++)
		numbers[i] = first + i;
	body.number = numbers;
	body.n_number = n;
	whole.body_case = CHASQUI__TO_SERVER__BODY_MAIL_ACK;
	whole.mail_ack = &body;
	len = chq_ctrl_pack(&whole.base, buf, sizeof(buf));
	assert_true(len > 0);
	client_send(f, c, buf, (size_t)len);
}

static struct store_mail_box
box(struct fixture *f, uint8_t device)
{
	struct store_mail_box b;
	struct store_txn *txn;

	assert_int_equal(store_read_begin(f->ctl.reader, &txn), 0);
	assert_int_equal(store_mail_box(txn, BOB, device, &b), 0);
	store_read_end(f->ctl.reader);
	return b;
}

static void
what_an_absent_device_missed_is_given_to_it_in_order_until_it_has_it(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	store(&s, 100, 5);
	assert_int_equal(box(f, 1).messages, 5);
	come(f, &s.bob);
	FIX_UNTIL(f, mails(f, &s.bob) == 5);
	for (unsigned i = 0; i < 5; i++) {
		const struct chq_dp_frame_tx *m = mail_at(f, &s.bob, i);

		assert_int_equal(m->message, 100 + i);
		assert_int_equal(m->extra, i + 1);
		assert_true(m->party == CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, ALICE));
		assert_int_equal(m->app, 9);
		assert_int_equal(m->flags, CHQ_F_STORE);
		assert_int_equal(m->body_len, 64);
		assert_int_equal(m->body[0], 100 + i);
		assert_int_equal(m->body[63], 100 + i);
	}
	ack(f, &s.bob, 1, 5);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DELIVERED] == 5);
	assert_int_equal(box(f, 1).messages, 0);
	assert_true(chq_list_empty(&f->ctl.mail.delivering));
}

static void
a_copy_of_a_frame_is_stored_once_and_told_again(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	for (unsigned i = 0; i < 6; i++)
		punt(&s, 100);
	FIX_UNTIL(f, client_notices(f, &s.alice, CHQ_NOTICE_STORED) == 6);
	assert_int_equal(box(f, 1).messages, 1);
	assert_int_equal(f->ctl.count[COUNT_MAIL_STORED], 1);
	assert_int_equal(f->ctl.count[COUNT_MAIL_AGAIN], 5);
}

static void
no_more_than_a_window_is_under_way_and_it_is_sent_again(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);
	unsigned sent;

	f->ctl.timing.push_first_ms = 60000;
	store(&s, 100, 100);
	come(f, &s.bob);
	FIX_UNTIL(f, mails(f, &s.bob) == MAIL_WINDOW);
	fixture_settle(f);
	assert_int_equal(mails(f, &s.bob), MAIL_WINDOW);
	f->ctl.timing.push_first_ms = 20;
	ack(f, &s.bob, 1, 10);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_SENT] == MAIL_WINDOW + 10);
	assert_int_equal(mail_at(f, &s.bob, MAIL_WINDOW)->extra, MAIL_WINDOW + 1);
	/* Those ten are sent again, as they are not acknowledged; and in the end all are there. */
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_SENT_AGAIN] >= 10);
	for (unsigned i = 0; i < 100; i += 10) {
		ack(f, &s.bob, 1 + i, 10);
		FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DELIVERED] >= i + 10);
	}
	assert_int_equal(box(f, 1).messages, 0);
	sent = mails(f, &s.bob);
	fixture_settle(f);
	assert_int_equal(mails(f, &s.bob), sent);
}

static void
what_a_client_cannot_take_holds_up_nothing_behind_it(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	f->ctl.timing.push_first_ms = f->ctl.timing.push_max_ms = 15;
	store(&s, 100, 140);
	come(f, &s.bob);
	/* It acknowledges none, and yet all are sent, also with more than the window keeps. */
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_SENT] == 140);
	f->ctl.timing.push_max_ms = 60000;
	ack(f, &s.bob, 139, 2);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DELIVERED] == 2);
	assert_int_equal(box(f, 1).messages, 138);
	/* The next session begins at the first one. */
	leave(f, &s.bob);
	come(f, &s.bob);
	FIX_UNTIL(f, mails(f, &s.bob) > 0);
	assert_int_equal(mail_at(f, &s.bob, 0)->extra, 1);
}

static void
a_session_that_takes_over_is_given_the_rest_and_acknowledges_for_the_old_one(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);
	struct fix_client old;

	f->ctl.timing.push_first_ms = 60000;
	store(&s, 100, 10);
	come(f, &s.bob);
	FIX_UNTIL(f, mails(f, &s.bob) == 10);
	ack(f, &s.bob, 1, 4);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DELIVERED] == 4);
	old = s.bob;
	come(f, &s.bob);
	FIX_UNTIL(f, mails(f, &s.bob) == 6);
	assert_int_equal(mail_at(f, &s.bob, 0)->extra, 5);
	ack(f, &old, 5, 3);
	ack(f, &s.bob, 8, 3);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DELIVERED] == 10);
	assert_int_equal(box(f, 1).messages, 0);
}

static void
after_a_restart_of_control_a_session_is_given_what_waits(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	f->ctl.timing.push_first_ms = 60000;
	store(&s, 100, 3);
	come(f, &s.bob);
	FIX_UNTIL(f, mails(f, &s.bob) == 3);
	fixture_stop(f);
	fixture_start(f);
	FIX_UNTIL(f, mails(f, &s.bob) == 6);
	ack(f, &s.bob, 1, 3);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DELIVERED] == 3);
	assert_int_equal(box(f, 1).messages, 0);
}

static void
a_frame_for_somebody_who_has_just_come_is_handed_on(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	come(f, &s.bob);
	punt(&s, 100);
	punt_flags(&s, 1, 101, 0);
	FIX_UNTIL(f, mails(f, &s.bob) == 2);
	assert_int_equal(mail_at(f, &s.bob, 0)->message, 100);
	assert_int_equal(mail_at(f, &s.bob, 0)->extra, 0);
	assert_int_equal(mail_at(f, &s.bob, 1)->message, 101);
	fixture_settle(f);
	assert_int_equal(client_notices(f, &s.alice, CHQ_NOTICE_STORED), 0);
	assert_int_equal(client_notices(f, &s.alice, CHQ_NOTICE_OFFLINE), 0);
}

static void
what_is_stored_while_its_device_comes_reaches_it(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	store(&s, 99, 1);
	client_hello(f, &s.bob);
	/* The frame is looked at before the session counts as open, and written behind it. */
	punt(&s, 100);
	client_confirm(f, &s.bob);
	FIX_UNTIL(f, mails(f, &s.bob) == 2);
	assert_int_equal(mail_at(f, &s.bob, 0)->message, 99);
	assert_int_equal(mail_at(f, &s.bob, 1)->message, 100);
}

static void
only_a_frame_that_asks_for_it_is_stored_and_for_one_enrolled_device(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	punt_flags(&s, 1, 100, 0);
	punt_flags(&s, 0, 101, CHQ_F_STORE);
	punt_flags(&s, 1, 102, CHQ_F_STORE | CHQ_F_HOP);
	punt_flags(&s, 2, 103, CHQ_F_STORE);
	FIX_UNTIL(f, client_notices(f, &s.alice, CHQ_NOTICE_OFFLINE) == 4);
	assert_int_equal(f->ctl.count[COUNT_MAIL_NO_DEVICE], 1);
	s.grant ^= 1;
	punt(&s, 104);
	FIX_UNTIL(f, client_notices(f, &s.alice, CHQ_NOTICE_UNKNOWN) == 1);
	assert_int_equal(f->ctl.count[COUNT_MAIL_STORED], 0);
}

static void
app_set(struct fixture *f, const char *verb, const char *args, const char *opts)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "{\"noun\":\"app\",\"verb\":\"%s\",\"args\":[%s],\"opts\":{%s}}\n", verb, args,
		 opts);
	assert_non_null(strstr(fixture_ctl(f, line), "\"ok\":true"));
}

static void
what_an_application_does_not_allow_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	app_set(f, "register", "\"9\",\"now-or-never\"", "\"store\":\"no\"");
	punt(&s, 100);
	FIX_UNTIL(f, client_notices(f, &s.alice, CHQ_NOTICE_OFFLINE) == 1);
	app_set(f, "set", "\"9\"", "\"store\":\"yes\",\"post\":\"account(bob)\"");
	punt(&s, 101);
	FIX_UNTIL(f, client_notices(f, &s.alice, CHQ_NOTICE_OFFLINE) == 2);
	assert_int_equal(f->ctl.count[COUNT_MAIL_STORED], 0);
	app_set(f, "set", "\"9\"", "\"post\":\"all\"");
	store(&s, 102, 1);
}

static void
what_is_over_a_limit_is_refused_and_counted_by_its_reason(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	store(&s, 100, 3);
	f->conf.mailbox.messages = 3;
	punt(&s, 103);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_BOX_FULL] == 1);
	f->conf.mailbox.messages = 100;
	f->conf.mailbox.sender_messages = 3;
	punt(&s, 104);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_SENDER_FULL] == 1);
	f->conf.mailbox.sender_messages = 100;
	f->conf.mailbox.total_bytes = 600;
	punt(&s, 105);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_ALL_FULL] == 1);
	FIX_UNTIL(f, client_notices(f, &s.alice, CHQ_NOTICE_OFFLINE) == 3);
	assert_int_equal(client_notices(f, &s.alice, CHQ_NOTICE_STORED), 3);
	punt(&s, 100); /* what is there is there */
	FIX_UNTIL(f, client_notices(f, &s.alice, CHQ_NOTICE_STORED) == 4);
}

static void
what_waits_for_a_device_goes_with_it(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);
	Chasqui__DeviceRevoke m = CHASQUI__DEVICE_REVOKE__INIT;
	struct fix_client other;

	store(&s, 100, 600); /* more than one slice */
	client_online(f, &other, 21, "bob");
	m.number = 1;
	assert_int_equal(client_call(f, &other, CHASQUI__METHOD__METHOD_DEVICE_REVOKE, &m.base,
				     NULL, NULL),
			 CHASQUI__CODE__OK);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DROPPED] == 600);
	assert_int_equal(box(f, 1).messages, 0);
	punt(&s, 900);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_NO_DEVICE] == 1);
}

static void
what_waits_for_an_account_goes_with_it(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);
	struct fix_client other;
	struct store_mail_sum all;
	struct store_txn *txn;

	client_online(f, &other, 21, "bob");
	leave(f, &other);
	for (uint64_t i = 0; i < 20; i++)
		punt_flags(&s, 2, 5000 + i, CHQ_F_STORE);
	FIX_UNTIL(f, client_notices(f, &s.alice, CHQ_NOTICE_STORED) == 20);
	store(&s, 100, 600); /* more than one slice */
	assert_int_equal(box(f, 2).messages, 20);
	ctl(f, "user", "remove", "bob", NULL);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DROPPED] == 620);
	assert_int_equal(store_read_begin(f->ctl.reader, &txn), 0);
	assert_int_equal(store_mail_total(txn, &all), 0);
	store_read_end(f->ctl.reader);
	assert_int_equal(all.messages, 0);
}

static int
old_job(struct store_txn *txn, void *arg)
{
	static const uint8_t payload[8] = { 0 };
	const struct store_mail_limits l = { .messages = 0 };
	enum store_mail_full full;

	(void)arg;
	for (uint64_t i = 1; i <= 700; i++) {
		struct store_mail m = { .account = BOB,
					.device = 1,
					.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, ALICE),
					.message = i,
					.stored_ms = i <= 650 ? 1000 : chq_wall_ms(),
					.len = sizeof(payload),
					.payload = payload };
		int rc = store_mail_put(txn, &m, &l, &full);

		if (rc)
			return rc;
	}
	return 0;
}

static void
what_is_too_old_goes_and_the_rest_stays(void **state)
{
	struct fixture *f = *state;

	scene(f);
	assert_int_equal(store_write_sync(f->ctl.store, old_job, NULL), 0);
	f->ctl.mail.age_due_ms = 0;
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_EXPIRED] == 650);
	FIX_UNTIL(f, !f->ctl.mail.age_walking);
	assert_int_equal(box(f, 1).messages, 50);
	assert_int_equal(box(f, 1).first, 651);
}

static void
the_answer_to_a_login_tells_what_waits(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);
	ProtobufCMessage *reply;

	store(&s, 100, 3);
	come(f, &s.bob);
	assert_int_equal(client_call(f, &s.bob, CHASQUI__METHOD__METHOD_WHOAMI, NULL,
				     &chasqui__login_reply__descriptor, &reply),
			 CHASQUI__CODE__OK);
	assert_int_equal(((Chasqui__LoginReply *)reply)->mailbox, 3);
	protobuf_c_message_free_unpacked(reply, NULL);
	FIX_UNTIL(f, mails(f, &s.bob) >= 3);
	ack(f, &s.bob, 1, 3);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DELIVERED] == 3);
	assert_int_equal(client_call(f, &s.bob, CHASQUI__METHOD__METHOD_WHOAMI, NULL,
				     &chasqui__login_reply__descriptor, &reply),
			 CHASQUI__CODE__OK);
	assert_int_equal(((Chasqui__LoginReply *)reply)->mailbox, 0);
	protobuf_c_message_free_unpacked(reply, NULL);
}

/* The @i-th message of the server itself that was sent to the session; to be freed. */
static Chasqui__FromServer *
text_at(struct fixture *f, const struct fix_client *c, unsigned i)
{
	for (unsigned at = 0; at < f->frames; at++) {
		const struct chq_dp_frame_tx *h = &f->frame[at].h;
		Chasqui__FromServer *m = NULL;

		if (h->ref.slot == c->ref.slot && h->ref.gen == c->ref.gen && h->flags == CHQ_F_HOP)
			m = chq_ctrl_unpack_from_server(h->body, h->body_len, NULL);
		if (m && m->body_case == CHASQUI__FROM_SERVER__BODY_SERVER_MESSAGE && i-- == 0)
			return m;
		chasqui__from_server__free_unpacked(m, NULL);
	}
	return NULL;
}

static const char *
msg_send(struct fixture *f, const char *text)
{
	char line[2048];

	snprintf(line, sizeof(line),
		 "{\"noun\":\"msg\",\"verb\":\"send\",\"args\":[\"bob\"],"
		 "\"opts\":{\"text\":\"%s\"}}\n",
		 text);
	return fixture_ctl(f, line);
}

static void
what_an_operator_says_waits_and_is_pushed_until_it_is_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);
	Chasqui__FromServer *m;
	char long_text[1100];

	assert_non_null(strstr(msg_send(f, "the server rests at noon"), "\"devices\":1"));
	come(f, &s.bob);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_SENT] == 1);
	fixture_settle(f);
	m = text_at(f, &s.bob, 0);
	assert_non_null(m);
	assert_string_equal(m->server_message->text, "the server rests at noon");
	assert_int_equal(m->server_message->number, 1);
	assert_int_not_equal(m->server_message->message, 0);
	chasqui__from_server__free_unpacked(m, NULL);
	assert_non_null(strstr(msg_send(f, "and is back at one"), "\"ok\":true"));
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_SENT] == 2);
	ack(f, &s.bob, 1, 2);
	FIX_UNTIL(f, f->ctl.count[COUNT_MAIL_DELIVERED] == 2);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_non_null(strstr(msg_send(f, long_text), "\"ok\":false"));
	assert_non_null(strstr(msg_send(f, "two\\nlines"), "\"ok\":false"));
}

static const char *
pending(struct fixture *f, const char *login)
{
	char line[128];

	snprintf(line, sizeof(line), "{\"noun\":\"msg\",\"verb\":\"pending\",\"args\":[\"%s\"]}\n",
		 login);
	return fixture_ctl(f, line);
}

static void
what_waits_is_shown_and_deleted_by_operators(void **state)
{
	struct fixture *f = *state;
	struct scene s = scene(f);

	store(&s, 100, 3);
	assert_non_null(strstr(pending(f, "bob"), "\"messages\":3"));
	assert_non_null(strstr(pending(f, "alice"), "\"sent\":3"));
	assert_non_null(strstr(fixture_ctl(f, "{\"noun\":\"msg\",\"verb\":\"purge\","
					      "\"args\":[\"bob\"]}\n"),
			       "\"deleted\":3"));
	assert_int_equal(box(f, 1).messages, 0);
	assert_non_null(strstr(pending(f, "alice"), "\"sent\":0"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(what_an_absent_device_missed_is_given_to_it_in_order_until_it_has_it),
		T(a_copy_of_a_frame_is_stored_once_and_told_again),
		T(no_more_than_a_window_is_under_way_and_it_is_sent_again),
		T(what_a_client_cannot_take_holds_up_nothing_behind_it),
		T(a_session_that_takes_over_is_given_the_rest_and_acknowledges_for_the_old_one),
		T(after_a_restart_of_control_a_session_is_given_what_waits),
		T(a_frame_for_somebody_who_has_just_come_is_handed_on),
		T(what_is_stored_while_its_device_comes_reaches_it),
		T(only_a_frame_that_asks_for_it_is_stored_and_for_one_enrolled_device),
		T(what_an_application_does_not_allow_is_not_stored),
		T(what_is_over_a_limit_is_refused_and_counted_by_its_reason),
		T(what_waits_for_a_device_goes_with_it),
		T(what_waits_for_an_account_goes_with_it),
		T(what_is_too_old_goes_and_the_rest_stays),
		T(the_answer_to_a_login_tells_what_waits),
		T(what_an_operator_says_waits_and_is_pushed_until_it_is_acknowledged),
		T(what_waits_is_shown_and_deleted_by_operators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
