#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/status.h"
#include "tests/unit/dataplane/manager_fixture.h"

static struct chq_status status;
static char path[108];
static char answer[65536];

static json_t *
no_ports(struct chq_driver *d)
{
	(void)d;
	return json_array();
}

static struct chq_driver_ops described = { .name = "silent", .describe = no_ports };

static int
setup(void **state)
{
	struct fixture *f;

	if (fixture_setup(state))
		return -1;
	f = *state;
	f->driver.ops = &described;
	snprintf(path, sizeof(path), "%s/status.sock", f->dir);
	return chq_status_open(&status, path, (gid_t)-1);
}

static int
teardown(void **state)
{
	chq_status_close(&status);
	unlink(path);
	return fixture_teardown(state);
}

static int
client(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(un.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static ssize_t
ask(struct fixture *f, int fd, const char *line)
{
	ssize_t n;

	assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
	for (int i = 0; i < 4; i++)
		chq_status_round(&status, &f->m);
	n = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
	answer[n > 0 ? n : 0] = '\0';
	return n;
}

static void
every_counter_is_told_by_name_when_all_are_asked_for(void **state)
{
	struct fixture *f = *state;
	int fd = client();

	f->m.count[CHQ_D_OPEN] = 3;
	chq_count(f->worker, CHQ_D_OPEN);
	assert_true(ask(f, fd, "{\"noun\":\"dp\",\"verb\":\"stats\",\"opts\":{\"all\":true}}\n") >
		    0);
	for (int c = 0; c < CHQ_C__COUNT; c++)
		assert_non_null(strstr(answer, chq_counter_name[c]));
	assert_non_null(strstr(answer, "\"drop-open\":4"));
	assert_true(ask(f, fd, "{\"noun\":\"dp\",\"verb\":\"stats\"}\n") > 0);
	assert_null(strstr(answer, "drop-tag"));
	close(fd);
}

static void
what_changes_something_is_refused(void **state)
{
	struct fixture *f = *state;
	int fd = client();

	assert_true(ask(f, fd, "{\"noun\":\"dp\",\"verb\":\"detach\"}\n") > 0);
	assert_non_null(strstr(answer, "\"ok\":false"));
	assert_true(ask(f, fd, "{\"noun\":\"user\",\"verb\":\"list\"}\n") > 0);
	assert_non_null(strstr(answer, "\"ok\":false"));
	assert_true(ask(f, fd, "not json\n") > 0);
	assert_non_null(strstr(answer, "\"ok\":false"));
	close(fd);
}

static void
requests_in_a_row_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	int fd = client();
	const char *first, *second;

	assert_true(ask(f, fd,
			"{\"id\":1,\"noun\":\"dp\",\"verb\":\"ports\"}\n"
			"{\"id\":2,\"noun\":\"dp\",\"verb\":\"ports\"}\n") > 0);
	first = strstr(answer, "\"id\":1");
	second = strstr(answer, "\"id\":2");
	assert_non_null(first);
	assert_non_null(second);
	assert_true(first < second);
	close(fd);
}

static void
a_line_without_an_end_closes_its_connection_only(void **state)
{
	struct fixture *f = *state;
	int bad = client(), good = client();
	char line[CHQ_STATUS_LINE_MAX + 2];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_true(ask(f, bad, line) <= 0);
	assert_true(ask(f, good, "{\"noun\":\"dp\",\"verb\":\"status\"}\n") > 0);
	assert_non_null(strstr(answer, "\"driver\":\"silent\""));
	close(bad);
	close(good);
}

static void
more_clients_than_places_wait_and_are_served_when_one_leaves(void **state)
{
	struct fixture *f = *state;
	int fd[CHQ_STATUS_CLIENTS + 1];

	for (int i = 0; i < CHQ_STATUS_CLIENTS + 1; i++) {
		fd[i] = client();
		chq_status_round(&status, &f->m);
	}
	assert_true(ask(f, fd[CHQ_STATUS_CLIENTS], "{\"noun\":\"dp\",\"verb\":\"ports\"}\n") < 0);
	close(fd[0]);
	for (int i = 0; i < 4; i++)
		chq_status_round(&status, &f->m);
	assert_true(recv(fd[CHQ_STATUS_CLIENTS], answer, sizeof(answer), MSG_DONTWAIT) > 0);
	for (int i = 1; i < CHQ_STATUS_CLIENTS + 1; i++)
		close(fd[i]);
}

static void
strangers_cannot_open_the_socket(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_counter_is_told_by_name_when_all_are_asked_for),
		T(what_changes_something_is_refused),
		T(requests_in_a_row_are_answered_in_order),
		T(a_line_without_an_end_closes_its_connection_only),
		T(more_clients_than_places_wait_and_are_served_when_one_leaves),
		T(strangers_cannot_open_the_socket),
	};

	return cmocka_run_group_tests_name("dataplane/status", tests, NULL, NULL);
}
