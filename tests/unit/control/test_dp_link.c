#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "control/dp_link.h"

struct scene {
	char dir[32], path[64];
	struct event_base *base;
	struct dp_link link;
	int listener, peer;
	unsigned connected, lost, messages, answers, losses;
	int last_type;
};

static void
on_connected(void *arg)
{
	((struct scene *)arg)->connected++;
}

static void
on_lost(void *arg)
{
	((struct scene *)arg)->lost++;
}

static void
on_message(void *arg, int type, const void *msg)
{
	struct scene *s = arg;

	(void)msg;
	s->messages++;
	s->last_type = type;
}

static const struct dp_link_ops ops = { on_connected, on_lost, on_message };

static void
on_answer(void *arg, const struct chq_dp_hdr *answer)
{
	struct scene *s = arg;

	if (answer)
		s->answers++;
	else
		s->losses++;
}

static void
step(struct scene *s)
{
	event_base_loop(s->base, EVLOOP_NONBLOCK);
	if (s->peer < 0)
		s->peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	usleep(500);
}

#define UNTIL(s, cond)                                                         \
	do {                                                                   \
		for (unsigned tries_ = 0; !(cond) && tries_ < 20000; tries_++) \
			step(s);                                               \
		assert_true(cond);                                             \
	} while (0)

static void
scene_listen(struct scene *s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", s->path);
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(s->listener, 4), 0);
}

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	chq_log_set_level(CHQ_LEVEL_ERROR);
	snprintf(s->dir, sizeof(s->dir), "/tmp/chq-link-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/dp", s->dir);
	s->base = event_base_new();
	s->listener = s->peer = -1;
	assert_int_equal(dp_link_init(&s->link, s->base, s->path, &ops, s), 0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	dp_link_deinit(&s->link);
	event_base_free(s->base);
	if (s->peer >= 0)
		close(s->peer);
	if (s->listener >= 0)
		close(s->listener);
	unlink(s->path);
	rmdir(s->dir);
	free(s);
	return 0;
}

static struct chq_dp_grant_key
small(uint64_t account)
{
	return (struct chq_dp_grant_key){
		.h = { .type = CHQ_DP_GRANT_KEY, .len = sizeof(struct chq_dp_grant_key) },
		.account = account,
	};
}

static void
it_connects_when_the_dataplane_appears_and_again_when_it_was_lost(void **state)
{
	struct scene *s = *state;
	struct chq_dp_grant_key m = small(1);

	for (unsigned i = 0; i < 20; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
	assert_false(dp_link_up(&s->link));
	assert_int_equal(dp_link_send(&s->link, &m.h), CHQ_ENOTCONN);
	assert_int_equal(dp_link_call(&s->link, &m.h, on_answer, s), CHQ_ENOTCONN);
	scene_listen(s);
	UNTIL(s, s->connected == 1 && s->peer >= 0);
	close(s->peer);
	s->peer = -1;
	UNTIL(s, s->lost == 1);
	UNTIL(s, s->connected == 2);
	assert_int_equal(s->answers + s->losses, 0);
}

static void
a_message_that_is_none_ends_the_connection(void **state)
{
	struct scene *s = *state;
	struct chq_dp_grant_key downwards = small(1);
	uint8_t huge[CHQ_DP_MSG_MAX + 100] = { 0 };

	scene_listen(s);
	UNTIL(s, s->peer >= 0);
	assert_int_equal(send(s->peer, "garbage", 7, MSG_NOSIGNAL), 7);
	UNTIL(s, s->lost == 1);
	close(s->peer);
	s->peer = -1;
	UNTIL(s, s->peer >= 0 && s->connected == 2);
	assert_true(send(s->peer, huge, sizeof(huge), MSG_NOSIGNAL) > 0);
	UNTIL(s, s->lost == 2);
	close(s->peer);
	s->peer = -1;
	UNTIL(s, s->peer >= 0 && s->connected == 3);
	/* What only control may say. */
	assert_true(send(s->peer, &downwards, sizeof(downwards), MSG_NOSIGNAL) > 0);
	UNTIL(s, s->lost == 3);
	assert_int_equal(s->messages, 0);
}

static void
a_call_is_answered_once_by_its_number(void **state)
{
	struct scene *s = *state;
	struct chq_dp_session_close m = { .h = { .type = CHQ_DP_SESSION_CLOSE, .len = sizeof(m) } };
	struct chq_dp_done done = { .h = { .type = CHQ_DP_DONE, .len = sizeof(done) } };

	scene_listen(s);
	UNTIL(s, s->peer >= 0 && s->connected == 1);
	assert_int_equal(dp_link_call(&s->link, &m.h, on_answer, s), 0);
	done.h.req = m.h.req + 1; /* of nobody */
	assert_true(send(s->peer, &done, sizeof(done), MSG_NOSIGNAL) > 0);
	UNTIL(s, s->messages == 1);
	assert_int_equal(s->answers, 0);
	done.h.req = m.h.req;
	assert_true(send(s->peer, &done, sizeof(done), MSG_NOSIGNAL) > 0);
	UNTIL(s, s->answers == 1);
	assert_true(send(s->peer, &done, sizeof(done), MSG_NOSIGNAL) > 0);
	UNTIL(s, s->messages == 2);
	assert_int_equal(s->answers, 1);
}

static void
calls_under_way_are_told_that_the_connection_is_lost(void **state)
{
	struct scene *s = *state;

	scene_listen(s);
	UNTIL(s, s->peer >= 0 && s->connected == 1);
	for (unsigned i = 0; i < 5; i++) {
		struct chq_dp_session_close m = { .h = { .type = CHQ_DP_SESSION_CLOSE,
							 .len = sizeof(m) } };

		assert_int_equal(dp_link_call(&s->link, &m.h, on_answer, s), 0);
	}
	close(s->peer);
	s->peer = -1;
	UNTIL(s, s->lost == 1);
	assert_int_equal(s->losses, 5);
}

static struct chq_dp_frame_tx
frame(uint64_t message)
{
	return (struct chq_dp_frame_tx){
		.h = { .type = CHQ_DP_FRAME_TX, .len = sizeof(struct chq_dp_frame_tx) },
		.message = message,
	};
}

/* Frames until one is refused. Return: how many were not. */
static uint64_t
fill(struct scene *s)
{
	uint64_t accepted = 0;
	int rc = 0;

	while (rc == 0 && accepted < 1000000) {
		struct chq_dp_frame_tx m = frame(accepted + 1);

		rc = dp_link_send(&s->link, &m.h);
		accepted += rc == 0;
	}
	assert_int_equal(rc, CHQ_ENOBUFS);
	assert_int_equal(s->link.refused, 1);
	return accepted;
}

static void
what_cannot_be_sent_at_once_waits_in_order_and_a_full_queue_refuses_frames(void **state)
{
	struct scene *s = *state;
	uint64_t accepted, got = 0;

	scene_listen(s);
	UNTIL(s, s->peer >= 0 && s->connected == 1);
	accepted = fill(s);
	for (unsigned tries = 0; got < accepted && tries < 200000; tries++) {
		struct chq_dp_frame_tx m;

		while (recv(s->peer, &m, sizeof(m), MSG_DONTWAIT) == (ssize_t)sizeof(m))
			assert_int_equal(m.message, ++got);
		event_base_loop(s->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(got, accepted);
	assert_int_equal(s->lost, 0);
}

static void
a_queue_full_of_frames_has_room_for_commands(void **state)
{
	struct chq_dp_grant_key m = small(1);
	struct scene *s = *state;

	scene_listen(s);
	UNTIL(s, s->peer >= 0 && s->connected == 1);
	fill(s);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(dp_link_send(&s->link, &m.h), 0);
	for (unsigned i = 0; i < 20; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
	assert_int_equal(s->lost, 0);
}

static void
a_command_without_room_ends_the_connection_so_that_a_dump_makes_it_good(void **state)
{
	struct chq_dp_session_close m = { .h = { .type = CHQ_DP_SESSION_CLOSE, .len = sizeof(m) } };
	struct scene *s = *state;
	unsigned calls = 0;
	int rc = 0;

	scene_listen(s);
	UNTIL(s, s->peer >= 0 && s->connected == 1);
	while (rc == 0 && calls < 1000000) {
		rc = dp_link_call(&s->link, &m.h, on_answer, s);
		calls += rc == 0;
	}
	assert_int_equal(rc, CHQ_ENOBUFS);
	assert_int_equal(s->lost, 0); /* not from within the call */
	UNTIL(s, s->lost == 1);
	assert_int_equal(s->losses, calls);
	close(s->peer);
	s->peer = -1;
	UNTIL(s, s->connected == 2);
	assert_int_equal(dp_link_send(&s->link, &m.h), 0);
}

static void
nothing_is_read_while_much_waits_and_all_of_it_afterwards(void **state)
{
	struct chq_dp_hdr up = { .type = CHQ_DP_DUMP_END, .len = sizeof(up) };
	struct scene *s = *state;
	uint8_t buf[CHQ_DP_MSG_MAX];

	scene_listen(s);
	UNTIL(s, s->peer >= 0 && s->connected == 1);
	fill(s);
	for (unsigned i = 0; i < 100; i++)
		assert_true(send(s->peer, &up, sizeof(up), MSG_NOSIGNAL) > 0);
	for (unsigned i = 0; i < 50; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
	assert_int_equal(s->messages, 1);
	for (unsigned tries = 0; s->messages < 100 && tries < 200000; tries++) {
		while (recv(s->peer, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		event_base_loop(s->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(s->messages, 100);
	assert_int_equal(s->lost, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_connects_when_the_dataplane_appears_and_again_when_it_was_lost),
		T(a_message_that_is_none_ends_the_connection),
		T(a_call_is_answered_once_by_its_number),
		T(calls_under_way_are_told_that_the_connection_is_lost),
		T(what_cannot_be_sent_at_once_waits_in_order_and_a_full_queue_refuses_frames),
		T(a_queue_full_of_frames_has_room_for_commands),
		T(a_command_without_room_ends_the_connection_so_that_a_dump_makes_it_good),
		T(nothing_is_read_while_much_waits_and_all_of_it_afterwards),
	};
	return cmocka_run_group_tests_name("control/dp_link", tests, NULL, NULL);
}
