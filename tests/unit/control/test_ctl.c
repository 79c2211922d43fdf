#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/ctl_server.h"
#include "tests/unit/control/fixture.h"

static int
ctl_connect_at(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static int
ctl_connect(struct fixture *f)
{
	return ctl_connect_at(f->conf.control.socket);
}

/* Everything until the server closes or @lines lines have come. Return: lines; *@closed says which. */
static unsigned
ctl_lines(struct fixture *f, int fd, unsigned lines, char *buf, size_t size, bool *closed)
{
	size_t used = 0;
	unsigned got = 0;

	*closed = false;
	for (unsigned tries = 0; tries < 40000 && got < lines && !*closed; tries++) {
		ssize_t n = recv(fd, buf + used, size - 1 - used, 0);

		for (ssize_t i = 0; i < n; i++)
			got += buf[used + (size_t)i] == '\n';
		used += n > 0 ? (size_t)n : 0;
		*closed = n == 0 || (n < 0 && errno == ECONNRESET);
		if (n <= 0)
			fixture_step(f);
	}
	buf[used] = '\0';
	return got;
}

static void
garbage_is_answered_with_an_error_and_the_next_request_works(void **state)
{
	static const char *const garbage[] = {
		"\n",
		"not json\n",
		"[1,2]\n",
		"{\"noun\":7}\n",
		"{\"noun\":\"user\",\"verb\":\"fly\"}\n",
		"{\"noun\":\"user\",\"verb\":\"show\"}\n",
		"{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"\\u0000\"]}\n",
		"{\"noun\":\"user\",\"verb\":\"list\",\"opts\":{\"limit\":\"0\"}}\n",
		"{\"noun\":\"user\",\"verb\":\"list\",\"opts\":{\"cursor\":\"x\"}}\n",
		"{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"-1\"]}\n",
		"{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"4294967295\"]}\n",
		"{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"0:\"]}\n",
		"{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\":1\"]}\n",
		"{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"0:65537\"]}\n",
		"{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"0:1:1\"]}\n",
		"{\"noun\":\"dp\",\"verb\":\"stats\"}\n",
		"\xff\xfe\n",
	};
	struct fixture *f = *state;
	char buf[4096];
	bool closed;
	int fd = ctl_connect(f);

	for (unsigned i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		assert_int_equal(send(fd, garbage[i], strlen(garbage[i]), 0), strlen(garbage[i]));
		assert_int_equal(ctl_lines(f, fd, 1, buf, sizeof(buf), &closed), 1);
		assert_non_null(strstr(buf, "\"ok\":false"));
		assert_non_null(strstr(buf, "\"code\":\"E"));
	}
	assert_int_equal(send(fd, "{\"noun\":\"user\",\"verb\":\"list\"}\n", 31, 0), 31);
	assert_int_equal(ctl_lines(f, fd, 1, buf, sizeof(buf), &closed), 1);
	assert_non_null(strstr(buf, "\"ok\":true"));
	close(fd);
}

static void
requests_sent_together_are_answered_in_order(void **state)
{
	static const char two[] =
		"{\"id\":1,\"noun\":\"user\",\"verb\":\"passwd\",\"args\":[\"alice\"],"
		"\"opts\":{\"password\":\"another secret\"}}\n"
		"{\"id\":2,\"noun\":\"user\",\"verb\":\"list\"}\n"
		"{\"id\":3,\"noun\":\"status\",\"verb\":\"show\"}\n";
	struct fixture *f = *state;
	char buf[8192];
	bool closed;
	int fd = ctl_connect(f);

	assert_int_equal(send(fd, two, sizeof(two) - 1, 0), sizeof(two) - 1);
	shutdown(fd, SHUT_WR); /* what was sent is still answered */
	assert_int_equal(ctl_lines(f, fd, 3, buf, sizeof(buf), &closed), 3);
	assert_true(strstr(buf, "\"id\":1") < strstr(buf, "\"id\":2"));
	assert_true(strstr(buf, "\"id\":2") < strstr(buf, "\"id\":3"));
	assert_int_equal(ctl_lines(f, fd, 1, buf, sizeof(buf), &closed), 0);
	assert_true(closed);
	close(fd);
}

static void
a_line_without_end_is_refused_and_cut_off(void **state)
{
	struct fixture *f = *state;
	char *line = malloc(CHQ_HOP_BODY_MAX * 100), buf[4096];
	size_t len = CHQ_HOP_BODY_MAX * 100, sent = 0;
	bool closed = false;
	int fd = ctl_connect(f);

	memset(line, 'x', len);
	for (unsigned tries = 0; tries < 4000 && sent < len; tries++) {
		ssize_t n = send(fd, line + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
		fixture_step(f);
	}
	ctl_lines(f, fd, 2, buf, sizeof(buf), &closed);
	assert_true(closed);
	FIX_UNTIL(f, f->ctl.count[COUNT_CTL_DROPPED] == 1);
	close(fd);
	free(line);
}

static void
a_client_too_many_is_told_so(void **state)
{
	struct fixture *f = *state;
	int fds[66];
	char buf[1024];
	bool closed;

	for (unsigned i = 0; i < 64; i++) {
		fds[i] = ctl_connect(f);
		fixture_step(f);
	}
	FIX_UNTIL(f, f->ctl.count[COUNT_CTL_DROPPED] == 0);
	fds[64] = ctl_connect(f);
	assert_int_equal(ctl_lines(f, fds[64], 1, buf, sizeof(buf), &closed), 1);
	assert_non_null(strstr(buf, "EBUSY"));
	close(fds[0]);
	fixture_settle(f);
	fds[65] = ctl_connect(f);
	assert_int_equal(send(fds[65], "{\"noun\":\"user\",\"verb\":\"list\"}\n", 31, 0), 31);
	assert_int_equal(ctl_lines(f, fds[65], 1, buf, sizeof(buf), &closed), 1);
	assert_non_null(strstr(buf, "\"ok\":true"));
	for (unsigned i = 1; i < 66; i++)
		close(fds[i]);
}

static void
a_client_that_leaves_does_not_stop_what_it_began(void **state)
{
	static const char line[] = "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"dave\"],"
				   "\"opts\":{\"password\":\"secret word\"}}\n";
	struct fixture *f = *state;
	int fd = ctl_connect(f);

	assert_int_equal(send(fd, line, sizeof(line) - 1, 0), sizeof(line) - 1);
	fixture_step(f);
	close(fd);
	FIX_UNTIL(f, strstr(fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"show\","
					   "\"args\":[\"dave\"]}\n"),
			    "\"ok\":true") != NULL);
}

static void
weak_passwords_and_taken_names_are_refused_and_nothing_is_stored(void **state)
{
	struct fixture *f = *state;
	const char *a;

	a = fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"dave\"],"
			   "\"opts\":{\"password\":\"1234567\"}}\n");
	assert_non_null(strstr(a, "\"field\":\"password\""));
	a = fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"ALICE\"],"
			   "\"opts\":{\"password\":\"secret word\"}}\n");
	assert_non_null(strstr(a, "EEXIST"));
	a = fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"\"],"
			   "\"opts\":{\"password\":\"secret word\"}}\n");
	assert_non_null(strstr(a, "ENAMEEMPTY"));
	a = fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"dave\"]}\n");
	assert_non_null(strstr(a, "ENOENT"));
}

static void
no_answer_holds_a_hash_a_key_or_a_password(void **state)
{
	static const char *const asked[] = {
		"{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"alice\"]}\n",
		"{\"noun\":\"user\",\"verb\":\"list\"}\n",
		"{\"noun\":\"user\",\"verb\":\"sessions\",\"args\":[\"alice\"]}\n",
		"{\"noun\":\"session\",\"verb\":\"list\"}\n",
		"{\"noun\":\"session\",\"verb\":\"show\",\"args\":[\"0\"]}\n",
		"{\"noun\":\"status\",\"verb\":\"show\"}\n",
		"{\"noun\":\"conf\",\"verb\":\"show\"}\n",
	};
	struct fixture *f = *state;
	struct fix_client c;

	client_online(f, &c, 1, "alice");
	for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		const char *a = fixture_ctl(f, asked[i]);

		assert_non_null(strstr(a, "\"ok\":true"));
		assert_null(strstr(a, "argon2"));
		assert_null(strstr(a, "secret word"));
		assert_null(strstr(a, "_key\":\""));
		assert_null(strstr(a, "static"));
	}
}

static void
sessions_are_shown_and_kicked_and_the_answer_comes_after(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	const char *a;

	client_online(f, &c, 1, "alice");
	a = fixture_ctl(f, "{\"noun\":\"session\",\"verb\":\"list\","
			   "\"opts\":{\"user\":\"alice\"}}\n");
	assert_non_null(strstr(a, "\"address\":\"192.0.2.1:5000\""));
	assert_non_null(strstr(a, "\"state\":\"open\""));
	assert_non_null(strstr(a, "\"kind\":\"pc\""));
	a = fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"alice\"]}\n");
	assert_non_null(strstr(a, "\"status\":\"online\""));
	a = fixture_ctl(f, "{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"0\"]}\n");
	assert_non_null(strstr(a, "\"ok\":true"));
	assert_int_equal(f->slot[c.ref.slot].state, CHQ_DP_STATE_FREE);
	assert_int_equal(f->slot[c.ref.slot].notice, CHQ_NOTICE_CLOSED);
	a = fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"alice\"]}\n");
	assert_non_null(strstr(a, "\"status\":\"offline\""));
}

static void
a_session_named_as_lists_show_it_is_not_the_next_one_of_its_slot(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	const char *a;

	client_online(f, &alice, 1, "alice");
	assert_int_equal(alice.ref.slot, 0);
	assert_int_equal(alice.ref.gen, 1);
	a = fixture_ctl(f, "{\"noun\":\"session\",\"verb\":\"list\"}\n");
	assert_non_null(strstr(a, "\"session\":\"0:1\""));
	a = fixture_ctl(f, "{\"noun\":\"session\",\"verb\":\"show\",\"args\":[\"0:1\"]}\n");
	assert_non_null(strstr(a, "\"ok\":true"));
	client_ask(f, &alice, CHASQUI__METHOD__METHOD_LOGOUT, NULL);
	FIX_UNTIL(f, f->slot[0].state == CHQ_DP_STATE_FREE);
	client_online(f, &bob, 2, "bob");
	assert_int_equal(bob.ref.slot, 0);
	a = fixture_ctl(f, "{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"0:1\"]}\n");
	assert_non_null(strstr(a, "ENOENT"));
	assert_int_equal(f->slot[0].state, CHQ_DP_STATE_OPEN);
	a = fixture_ctl(f, "{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"0:2\"]}\n");
	assert_non_null(strstr(a, "\"ok\":true"));
	assert_int_equal(f->slot[0].state, CHQ_DP_STATE_FREE);
}

static void
session_show_tells_the_quota_and_what_is_used_of_it(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	const char *a;

	client_online(f, &alice, 1, "alice");
	a = fixture_ctl(f, "{\"noun\":\"session\",\"verb\":\"show\",\"args\":[\"0\"]}\n");
	assert_non_null(strstr(a, "\"class\":\"ordinary\""));
	assert_non_null(strstr(a, "\"frames_per_second\":200"));
	assert_non_null(strstr(a, "\"frames_used\":7"));
	assert_non_null(strstr(a, "\"over_quota\":3"));
	assert_non_null(strstr(a, "\"sessions_of_account\":2"));
	assert_non_null(strstr(a, "\"frames_per_second\":400,\"bytes_per_second\":524288,"
				  "\"frames_used\":9,\"bytes_used\":900"));
}

static void
limit_set_is_in_force_when_it_is_answered_and_touches_no_other(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_server_set was;
	const char *a;

	FIX_UNTIL(f, f->ctl.dp.ready);
	was = f->server;
	assert_int_equal(was.quota[CHQ_QUOTA_ORDINARY].own.frames_per_s, 200);
	assert_int_equal(was.quota[CHQ_QUOTA_ORDINARY].account.frames_per_s, 400);
	assert_int_equal(was.quota[CHQ_QUOTA_PRELOGIN].own.frames_per_s, 4);
	assert_int_equal(was.quota[CHQ_QUOTA_PRELOGIN].own.frames_burst, 16);
	a = fixture_ctl(f, "{\"noun\":\"limit\",\"verb\":\"set\",\"args\":"
			   "[\"bytes_per_second\",\"64KiB\"]}\n");
	assert_non_null(strstr(a, "\"ok\":true"));
	assert_non_null(strstr(a, "\"value\":65536"));
	assert_int_equal(f->server.quota[CHQ_QUOTA_ORDINARY].own.bytes_per_s, 65536);
	was.quota[CHQ_QUOTA_ORDINARY].own.bytes_per_s = 65536;
	was.quota[CHQ_QUOTA_ORDINARY].own.bytes_burst = 65536;
	assert_memory_equal(&f->server.quota[CHQ_QUOTA_ORDINARY], &was.quota[CHQ_QUOTA_ORDINARY],
			    sizeof(was.quota[0]));
	assert_memory_equal(&f->server.quota[CHQ_QUOTA_PRELOGIN], &was.quota[CHQ_QUOTA_PRELOGIN],
			    sizeof(was.quota[0]));
	a = fixture_ctl(f, "{\"noun\":\"limit\",\"verb\":\"show\"}\n");
	assert_non_null(strstr(a, "\"limit\":\"bytes_per_second\",\"value\":65536,"
				  "\"unit\":\"B\",\"configured\":262144"));
	/* An account may always send what one of its sessions may. */
	a = fixture_ctl(f, "{\"noun\":\"limit\",\"verb\":\"set\",\"args\":"
			   "[\"frames_per_second\",\"1000\"]}\n");
	assert_non_null(strstr(a, "\"ok\":true"));
	assert_int_equal(f->server.quota[CHQ_QUOTA_ORDINARY].account.frames_per_s, 1000);
}

static void
limit_that_is_none_or_out_of_bounds_is_refused_and_nothing_changes(void **state)
{
	static const char *const bad[] = {
		"\"frames\",\"5\"",
		"\"frames_per_second\",\"0\"",
		"\"frames_per_second\",\"10000001\"",
		"\"frames_per_second\",\"010\"",
		"\"frames_per_second\",\"5\\n  burst: 60s\"",
		"\"bytes_per_second\",\"5\"",
		"\"burst\",\"61s\"",
		"\"burst\",\"\"",
	};
	struct fixture *f = *state;
	unsigned sets;

	FIX_UNTIL(f, f->ctl.dp.ready);
	sets = f->server_sets;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[160];

		snprintf(line, sizeof(line),
			 "{\"noun\":\"limit\",\"verb\":\"set\",\"args\":[%s]}\n", bad[i]);
		assert_non_null(strstr(fixture_ctl(f, line), "EARGS"));
	}
	assert_int_equal(f->server_sets, sets);
	assert_memory_equal(&f->ctl.limits, &f->conf.limits, sizeof(f->conf.limits));
}

static Chasqui__LoginReply *
login_reply(struct fixture *f, const struct fix_client *c, uint64_t id)
{
	Chasqui__FromServer *m = client_answer(f, c, id);
	Chasqui__LoginReply *reply;

	assert_int_equal(m->response->code, CHASQUI__CODE__OK);
	reply = (Chasqui__LoginReply *)chq_ctrl_unpack(&chasqui__login_reply__descriptor,
						       m->response->body.data,
						       m->response->body.len, NULL);
	assert_non_null(reply);
	chasqui__from_server__free_unpacked(m, NULL);
	return reply;
}

static void
a_login_is_told_session_server_time_and_expiry_and_user_show_says_online(void **state)
{
	static const char show[] = "{\"noun\":\"user\",\"verb\":\"show\",\"args\":[\"alice\"]}\n";
	struct fixture *f = *state;
	uint64_t before = chq_wall_ms(), life = f->conf.sessions.lifetime_ms, id;
	struct fix_client c;
	Chasqui__LoginReply *me;

	assert_non_null(strstr(fixture_ctl(f, show), "\"status\":\"offline\""));
	client_init(f, &c, 1);
	client_hello(f, &c);
	id = client_login_ask(f, &c, "alice", "secret word", true);
	FIX_UNTIL(f, client_answers(f, &c, id) == 1);
	me = login_reply(f, &c, id);
	assert_int_equal(me->session, c.ref.slot | (uint64_t)c.ref.gen << 32);
	assert_int_equal(me->server_id, f->conf.server.id);
	assert_in_range(me->server_time_ms, before, chq_wall_ms());
	assert_in_range(me->expiry_ms, before + life, chq_wall_ms() + life);
	chasqui__login_reply__free_unpacked(me, NULL);
	assert_non_null(strstr(fixture_ctl(f, show), "\"status\":\"online\""));
	assert_non_null(strstr(fixture_ctl(f, show), "\"sessions\":1"));
}

static void
a_login_repeated_because_its_reply_was_lost_is_told_the_same_session(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	Chasqui__LoginRequest m = CHASQUI__LOGIN_REQUEST__INIT;
	Chasqui__LoginReply *first, *again;
	char name[] = "alice";

	client_online(f, &c, 1, "alice");
	first = login_reply(f, &c, c.last_id);
	m.login = name;
	m.attempt = c.attempt;
	client_ask_id(f, &c, c.last_id, CHASQUI__METHOD__METHOD_LOGIN, &m.base);
	FIX_UNTIL(f, client_answers(f, &c, c.last_id) == 2);
	again = login_reply(f, &c, c.last_id);
	assert_int_equal(again->session, first->session);
	assert_int_equal(again->expiry_ms, first->expiry_ms);
	assert_int_equal(again->account, first->account);
	assert_int_equal(again->device, first->device);
	assert_int_equal(f->ctl.sessions.used, 1);
	assert_int_equal(f->opens, 1);
	assert_int_equal(f->ctl.count[COUNT_LOGIN_PASSWORD], 1);
	chasqui__login_reply__free_unpacked(first, NULL);
	chasqui__login_reply__free_unpacked(again, NULL);
}

static void
disabling_without_a_dataplane_says_that_sessions_go_on(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;

	client_online(f, &c, 1, "alice");
	fixture_dp_cut(f);
	close(f->listener);
	f->listener = -1;
	assert_non_null(strstr(
		fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"disable\",\"args\":[\"alice\"]}\n"),
		"EPARTIAL"));
	assert_non_null(strstr(
		fixture_ctl(f, "{\"noun\":\"session\",\"verb\":\"kick\",\"args\":[\"0\"]}\n"),
		"\"ok\":false"));
}

static void
nobody_is_made_his_own_friend_and_the_answer_says_why(void **state)
{
	struct fixture *f = *state;
	const char *answer = fixture_ctl(f, "{\"noun\":\"friend\",\"verb\":\"request\","
					    "\"args\":[\"alice\",\"ALICE\"]}\n");

	assert_non_null(strstr(answer, "EARGS"));
	assert_non_null(strstr(answer, "same user"));
}

static void
pages_of_users_and_friends_hold_each_once(void **state)
{
	struct fixture *f = *state;
	char line[200], cursor[32] = "0";
	unsigned users = 0, pages = 0;

	for (unsigned i = 0; i < 7; i++) {
		snprintf(line, sizeof(line),
			 "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"u%u\"],"
			 "\"opts\":{\"password\":\"secret word\"}}\n",
			 i);
		fixture_ctl(f, line);
	}
	do {
		const char *a, *at;

		snprintf(line, sizeof(line),
			 "{\"noun\":\"user\",\"verb\":\"list\","
			 "\"opts\":{\"limit\":\"4\",\"cursor\":\"%s\"}}\n",
			 cursor);
		a = fixture_ctl(f, line);
		for (at = a; (at = strstr(at, "\"login\"")) != NULL; at++)
			users++;
		pages++;
		at = strstr(a, "\"cursor\":\"");
		cursor[0] = '\0';
		if (at)
			snprintf(cursor, sizeof(cursor), "%ld", strtol(at + 10, NULL, 10));
	} while (cursor[0] && pages < 10);
	assert_int_equal(users, 10);
	assert_int_equal(pages, 3);
}

static int
ctl_connect_reading(struct fixture *f)
{
	char path[CHQ_SOCKET_PATH_MAX + 1];

	assert_true(chq_site_read_socket(&f->conf, path));
	return ctl_connect_at(path);
}

static void
the_read_only_socket_refuses_every_change_and_answers_the_rest(void **state)
{
	struct fixture *f = *state;
	char buf[65536], line[200];
	int fd = ctl_connect_reading(f);
	bool closed;

	for (size_t i = 0; i < chq_ctl_verb_count(); i++) {
		const struct chq_ctl_verb *v = chq_ctl_verb_at(i);

		if (v->class != CHQ_CTL_WRITE)
			continue;
		snprintf(line, sizeof(line), "{\"noun\":\"%s\",\"verb\":\"%s\"}\n", v->noun,
			 v->verb);
		assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
		assert_int_equal(ctl_lines(f, fd, 1, buf, sizeof(buf), &closed), 1);
		assert_non_null(strstr(buf, "\"EREADONLY\""));
	}
	assert_int_equal(send(fd, "{\"noun\":\"user\",\"verb\":\"list\"}\n", 31, 0), 31);
	assert_int_equal(ctl_lines(f, fd, 1, buf, sizeof(buf), &closed), 1);
	assert_non_null(strstr(buf, "\"login\":\"alice\""));
	close(fd);
}

static void
who_may_only_look_is_told_no_hash_of_a_password(void **state)
{
	static const char ask[] = "{\"noun\":\"user\",\"verb\":\"export\","
				  "\"opts\":{\"with-hashes\":true}}\n";
	struct fixture *f = *state;
	char buf[65536];
	int fd = ctl_connect_reading(f);
	bool closed;

	assert_int_equal(send(fd, ask, strlen(ask), 0), strlen(ask));
	assert_int_equal(ctl_lines(f, fd, 1, buf, sizeof(buf), &closed), 1);
	assert_non_null(strstr(buf, "\"EREADONLY\""));
	assert_null(strstr(buf, "argon2"));
	close(fd);
	fd = ctl_connect(f);
	assert_int_equal(send(fd, ask, strlen(ask), 0), strlen(ask));
	assert_int_equal(ctl_lines(f, fd, 1, buf, sizeof(buf), &closed), 1);
	assert_non_null(strstr(buf, "argon2"));
	close(fd);
}

static void
those_who_look_take_no_place_from_those_who_act(void **state)
{
	struct fixture *f = *state;
	int fds[65], fd;
	char buf[4096];
	bool closed;

	for (unsigned i = 0; i < 65; i++) {
		fds[i] = ctl_connect_reading(f);
		fixture_step(f);
	}
	assert_int_equal(ctl_lines(f, fds[64], 1, buf, sizeof(buf), &closed), 1);
	assert_non_null(strstr(buf, "EBUSY"));
	fd = ctl_connect(f);
	assert_int_equal(send(fd, "{\"noun\":\"user\",\"verb\":\"list\"}\n", 31, 0), 31);
	assert_int_equal(ctl_lines(f, fd, 1, buf, sizeof(buf), &closed), 1);
	assert_non_null(strstr(buf, "\"ok\":true"));
	close(fd);
	for (unsigned i = 0; i < 65; i++)
		close(fds[i]);
}

static void
the_socket_is_for_owner_and_group_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->conf.control.socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void
a_path_that_is_no_socket_or_is_served_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct control_error err;
	struct ctl_server *second = NULL;
	int fd;

	assert_int_equal(ctl_server_init(&second, &f->ctl, &err), CHQ_EADDRINUSE);
	fixture_stop(f);
	assert_int_not_equal(access(f->conf.control.socket, F_OK), 0);
	fd = open(f->conf.control.socket, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(control_start(&f->ctl, f->base, &f->conf, NULL, &err), CHQ_EEXIST);
	assert_int_equal(access(f->conf.control.socket, F_OK), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(garbage_is_answered_with_an_error_and_the_next_request_works),
		T(requests_sent_together_are_answered_in_order),
		T(a_line_without_end_is_refused_and_cut_off),
		T(a_client_too_many_is_told_so),
		T(a_client_that_leaves_does_not_stop_what_it_began),
		T(weak_passwords_and_taken_names_are_refused_and_nothing_is_stored),
		T(no_answer_holds_a_hash_a_key_or_a_password),
		T(sessions_are_shown_and_kicked_and_the_answer_comes_after),
		T(a_session_named_as_lists_show_it_is_not_the_next_one_of_its_slot),
		T(session_show_tells_the_quota_and_what_is_used_of_it),
		T(limit_set_is_in_force_when_it_is_answered_and_touches_no_other),
		T(limit_that_is_none_or_out_of_bounds_is_refused_and_nothing_changes),
		T(a_login_is_told_session_server_time_and_expiry_and_user_show_says_online),
		T(a_login_repeated_because_its_reply_was_lost_is_told_the_same_session),
		T(disabling_without_a_dataplane_says_that_sessions_go_on),
		T(nobody_is_made_his_own_friend_and_the_answer_says_why),
		T(pages_of_users_and_friends_hold_each_once),
		T(the_read_only_socket_refuses_every_change_and_answers_the_rest),
		T(who_may_only_look_is_told_no_hash_of_a_password),
		T(those_who_look_take_no_place_from_those_who_act),
		T(the_socket_is_for_owner_and_group_alone),
		T(a_path_that_is_no_socket_or_is_served_is_left_alone),
	};
	return cmocka_run_group_tests_name("control/ctl", tests, NULL, NULL);
}
