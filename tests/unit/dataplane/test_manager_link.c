#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/dataplane/manager_fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

/* --- greeting --- */

static void
a_greeting_is_answered_by_what_the_tables_are(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_hello hello = { .h = { CHQ_DP_HELLO, sizeof(hello), 3 },
				      .version = CHQ_DP_VERSION };
	union chq_msg out;

	fixture_connect(f);
	fixture_send(f, &hello);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.info));
	assert_int_equal(out.info.sessions_max, FIXTURE_SESSIONS);
	assert_int_equal(out.info.port, FIXTURE_PORT);
	assert_memory_equal(out.info.boot_id, f->t->header->boot_id, 16);
	assert_string_equal(out.info.driver, "silent");
}

static void
another_version_is_told_ours_and_closed(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_hello hello = { .h = { CHQ_DP_HELLO, sizeof(hello), 3 },
				      .version = CHQ_DP_VERSION + 1 };
	union chq_msg out;

	fixture_connect(f);
	fixture_send(f, &hello);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.info));
	assert_int_equal(out.info.version, CHQ_DP_VERSION);
	assert_true(fixture_closed(f));
	assert_false(chq_link_up(&f->m.link));
}

static void
a_command_before_the_greeting_closes_the_connection(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_hdr dump = { CHQ_DP_DUMP, sizeof(dump), 1 };

	fixture_connect(f);
	fixture_send(f, &dump);
	assert_true(fixture_closed(f));
}

static void
garbage_closes_the_connection_and_the_next_one_works(void **state)
{
	struct fixture *f = *state;
	static uint8_t garbage[3000];

	for (size_t len = 1; len <= sizeof(garbage); len += len < 64 ? 1 : 211) {
		fixture_greet(f);
		memset(garbage, (int)len, len);
		assert_int_equal(send(f->control, garbage, len, 0), len);
		chq_manager_round(&f->m);
		assert_true(fixture_closed(f));
	}
	fixture_greet(f);
	assert_true(chq_link_up(&f->m.link));
}

static void
a_type_that_only_the_dataplane_sends_is_refused(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_done done = { .h = { CHQ_DP_DONE, sizeof(done), 1 } };

	fixture_greet(f);
	fixture_send(f, &done);
	assert_true(fixture_closed(f));
}

static void
a_new_connection_takes_the_place_of_the_old_one(void **state)
{
	struct fixture *f = *state;
	int old;

	fixture_greet(f);
	old = f->control;
	f->control = -1;
	fixture_greet(f);
	assert_true(chq_link_up(&f->m.link));
	assert_int_equal(recv(old, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
	close(old);
}

static void
a_user_that_is_not_allowed_is_refused(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char byte;
	pid_t child;
	int status;

	assert_int_equal(chmod(f->path, 0666), 0);
	assert_int_equal(chmod(f->dir, 0755), 0);
	/* To others than root every user but these is another one. */
	f->m.link.uids[0] = f->m.link.uids[1] = geteuid() + 1;
	memcpy(un.sun_path, f->path, strlen(f->path));
	child = fork();
	if (child == 0) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		if ((geteuid() == 0 && setresuid(65534, 65534, 65534)) ||
		    connect(fd, (struct sockaddr *)&un, sizeof(un)))
			_exit(2);
		_exit(recv(fd, &byte, 1, 0) == 0 ? 0 : 3); /* closed without a word */
	}
	for (int i = 0; i < 5000 && f->m.link.refused == 0; i++) {
		chq_manager_round(&f->m);
		usleep(1000);
	}
	assert_int_equal(f->m.link.refused, 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(f->m.link.fd, -1);
}

static void
a_new_sender_epoch_is_answered_and_shown_by_the_dump(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_sender_epoch m = { .h = { CHQ_DP_SENDER_EPOCH, sizeof(m), 9 },
					 .account = 42,
					 .sender_epoch = 5 };
	struct chq_dp_hdr dump = { CHQ_DP_DUMP, sizeof(dump), 3 };
	union chq_msg out;

	fixture_greet(f);
	fixture_send(f, &m);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.done));
	assert_int_equal(out.done.err, CHQ_ENOENT);
	(void)fixture_open(f, 42, 1, 10);
	fixture_send(f, &m);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.done));
	assert_int_equal(out.done.err, 0);
	assert_int_equal(out.h.req, 9);
	fixture_send(f, &dump);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.session_info));
	assert_int_equal(out.session_info.sender_epoch, 5);
}

/* --- a control process that does not read --- */

static void
a_dump_is_complete_though_the_reader_is_slow(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_hdr dump = { CHQ_DP_DUMP, sizeof(dump), 21 };
	static uint8_t seen[FIXTURE_SESSIONS];
	unsigned infos = 0, ended = 0, opened;
	union chq_msg out;

	fixture_greet(f);
	for (opened = 0; opened < 3000; opened++) {
		struct chq_dp_ref ref = fixture_open(f, 100 + opened, 1, 10);

		assert_int_equal(chq_session_confirm(f->t, ref, fixture_now_ns, NULL), 0);
	}
	fixture_greet(f);
	assert_int_equal(
		setsockopt(f->m.link.fd, SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int)), 0);
	fixture_send(f, &dump);
	for (int round = 0; !ended && round < 100000; round++) {
		chq_manager_round(&f->m);
		if (!fixture_recv(f, &out))
			continue;
		assert_int_equal(out.h.req, 21);
		ended = out.h.type == CHQ_DP_DUMP_END;
		infos += out.h.type == CHQ_DP_SESSION_INFO && !seen[out.session_info.ref.slot]++;
	}
	assert_true(ended);
	assert_int_equal(infos, opened);
}

static void
answers_wait_for_a_slow_reader_in_order_and_too_many_close_the_connection(void **state)
{
	struct fixture *f = *state;
	struct chq_dp_session_close c = { .h = { CHQ_DP_SESSION_CLOSE, sizeof(c), 0 },
					  .ref = { .slot = 1, .gen = 1 } };
	uint32_t sent = 0, next = 1;
	union chq_msg out;

	fixture_greet(f);
	assert_int_equal(
		setsockopt(f->m.link.fd, SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int)), 0);
	for (; sent < 2000; sent++) {
		c.h.req = sent + 1;
		fixture_send(f, &c);
	}
	assert_true(f->m.link.head < f->m.link.tail);
	for (int round = 0; next <= sent && round < 100000; round++) {
		chq_manager_round(&f->m);
		while (fixture_recv(f, &out))
			assert_int_equal(out.h.req, next++);
	}
	assert_int_equal(next, sent + 1);
	for (sent = 0; f->m.link.overflows == 0 && sent < 1000000; sent++) {
		if (send(f->control, &c, sizeof(c), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			chq_manager_round(&f->m);
	}
	assert_int_equal(f->m.link.overflows, 1);
	fixture_greet(f);
	assert_true(chq_link_up(&f->m.link));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_greeting_is_answered_by_what_the_tables_are),
		T(another_version_is_told_ours_and_closed),
		T(a_command_before_the_greeting_closes_the_connection),
		T(garbage_closes_the_connection_and_the_next_one_works),
		T(a_type_that_only_the_dataplane_sends_is_refused),
		T(a_new_connection_takes_the_place_of_the_old_one),
		T(a_user_that_is_not_allowed_is_refused),
		T(a_new_sender_epoch_is_answered_and_shown_by_the_dump),
		T(a_dump_is_complete_though_the_reader_is_slow),
		T(answers_wait_for_a_slow_reader_in_order_and_too_many_close_the_connection),
	};

	return cmocka_run_group_tests_name("dataplane/manager_link", tests, NULL, NULL);
}
