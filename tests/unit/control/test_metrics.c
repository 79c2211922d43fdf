#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/metrics_http.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/fixture.h"

static const char dp_answer[] =
	"{\"ok\":true,\"data\":{\"total\":{\"rx\":70,\"rx-bytes\":7000,\"tx-bytes\":6000,"
	"\"forward\":"
	"50,\"drop-tag\":5,\"drop-quota-frames\":3,\"drop-quota-account\":2,\"drop-\\u0001\":9},"
	"\"workers\":[{\"rx\":30},{\"rx\":40}]}}\n";

/* An address of our own among those of the loopback: nothing else listens there. */
static struct sockaddr_in
own_address(char text[32])
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(9470) };
	unsigned pid = (unsigned)getpid();

	snprintf(text, 32, "127.%u.%u.%u:9470", 1 + pid / 62500 % 200, 1 + pid / 250 % 250,
		 1 + pid % 250);
	sa.sin_addr.s_addr = htonl(127u << 24 | (1 + pid / 62500 % 200) << 16 |
				   (1 + pid / 250 % 250) << 8 | (1 + pid % 250));
	return sa;
}

static int
setup(void **state)
{
	struct fixture *f;
	char text[32];

	if (fixture_setup(state) != 0)
		return -1;
	f = *state;
	own_address(text);
	fixture_stop(f);
	free(f->conf.metrics.listen);
	f->conf.metrics.listen = strdup(text);
	fixture_start(f);
	return 0;
}

static int
scraper(void)
{
	char text[32];
	struct sockaddr_in sa = own_address(text);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* Until the server closes. */
static const char *
answer(struct fixture *f, int fd)
{
	static char buf[1 << 20];
	size_t used = 0;
	ssize_t n = -1;

	for (unsigned tries = 0; tries < 40000 && n != 0; tries++) {
		n = recv(fd, buf + used, sizeof(buf) - 1 - used, MSG_DONTWAIT);
		used += n > 0 ? (size_t)n : 0;
		if (n < 0 && errno == ECONNRESET)
			break;
		if (n < 0)
			fixture_step(f);
	}
	assert_true(n == 0 || errno == ECONNRESET);
	buf[used] = '\0';
	close(fd);
	return buf;
}

static const char *
ask(struct fixture *f, const char *request)
{
	int fd = scraper();

	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	return answer(f, fd);
}

static const char get[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/* The dataplane's status socket. */
static int
status_listen(struct fixture *f)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/dataplane-default-status.sock", f->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void
status_unlink(struct fixture *f, int fd)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/dataplane-default-status.sock", f->dir);
	unlink(path);
	close(fd);
}

/* The question to the dataplane: its connection. */
static int
status_asked(struct fixture *f, int listener)
{
	char line[200] = "";
	int dp = -1;
	ssize_t n = -1;

	for (unsigned tries = 0; tries < 40000 && n <= 0; tries++) {
		fixture_step(f);
		dp = dp < 0 ? accept(listener, NULL, NULL) : dp;
		n = dp < 0 ? -1 : recv(dp, line, sizeof(line), MSG_DONTWAIT);
	}
	assert_non_null(memmem(line, sizeof(line), "\"stats\"", 7));
	return dp;
}

/* --- what promtool would look at --- */

static bool
name_good(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)name[i]) && name[i] != '_' &&
		    !(i && isdigit((unsigned char)name[i])))
			return false;
	return len > strlen("chasqui_") && strncmp(name, "chasqui_", 8) == 0;
}

static void
check_sample(const char *text, const char *line, size_t len)
{
	size_t name = strcspn(line, "{ "),
	       key = (size_t)((const char *)memrchr(line, ' ', len) - line);
	char type[160], help[160], *end;
	const char *at, *dup;

	assert_true(name_good(line, name));
	snprintf(type, sizeof(type), "# TYPE %.*s ", (int)name, line);
	snprintf(help, sizeof(help), "# HELP %.*s ", (int)name, line);
	at = strstr(text, type);
	assert_non_null(at);
	assert_true(at < line);
	assert_true(strstr(text, help) < at);
	/* Counters, and only they, end in _total. */
	assert_int_equal(strncmp(at + strlen(type), "counter\n", 8) == 0,
			 name > 6 && strncmp(line + name - 6, "_total", 6) == 0);
	assert_true(strtod(line + key, &end) >= 0);
	assert_true(*end == '\n');
	snprintf(type, sizeof(type), "\n%.*s ", (int)key, line);
	dup = strstr(text, type);
	assert_non_null(dup);
	assert_null(strstr(dup + 1, type));
}

static void
check_format(const char *text)
{
	for (const char *line = text, *next; *line; line = next) {
		const char *end = strchr(line, '\n');
		char declared[160];

		assert_non_null(end); /* the last line is closed too */
		next = end + 1;
		if (line[0] != '#') {
			check_sample(text, line, (size_t)(end - line));
			continue;
		}
		assert_true(strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0);
		snprintf(declared, sizeof(declared), "%.*s", (int)(7 + strcspn(line + 7, " ") + 1),
			 line);
		assert_ptr_equal(strstr(text, declared), line); /* once */
	}
}

static void
figures_are_in_the_form_that_prometheus_reads(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	const char *a, *body;

	client_online(f, &c, 1, "alice");
	a = ask(f, get);
	assert_true(strncmp(a, "HTTP/1.1 200 OK\r\n", 17) == 0);
	assert_non_null(strstr(a, "Content-Type: text/plain; version=0.0.4"));
	body = strstr(a, "\r\n\r\n") + 4;
	assert_int_equal(strtoul(strstr(a, "Content-Length: ") + 16, NULL, 10), strlen(body));
	check_format(body);
	assert_non_null(strstr(body, "\nchasqui_sessions{transport=\"udp\",kind=\"pc\"} 1\n"));
	assert_non_null(strstr(body, "\nchasqui_logins_total{result=\"password\"} 1\n"));
	assert_non_null(strstr(body, "\nchasqui_store_records{table=\"account\"} 3\n"));
	assert_non_null(strstr(body, "\nchasqui_offline_messages 0\n"));
	assert_non_null(strstr(body, "\nchasqui_ready 1\n"));
	assert_non_null(strstr(body, "\nchasqui_dataplane_up 0\n"));
	assert_null(strstr(body, "chasqui_frames_"));
}

static void
news_of_presence_are_counted_once_for_each_who_hears_it(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol;
	const char *a;

	words_ok(f, "friend request alice bob");
	words_ok(f, "friend confirm bob alice");
	client_online(f, &alice, 1, "alice");
	client_online(f, &carol, 2, "carol");
	a = ask(f, get);
	assert_non_null(strstr(a, "\nchasqui_presence_updates_total{result=\"sent\"} 0\n"));
	client_online(f, &bob, 3, "bob");
	usleep(600000); /* figures are kept for half a second */
	a = ask(f, get);
	assert_non_null(strstr(a, "\nchasqui_presence_updates_total{result=\"sent\"} 1\n"));
	assert_non_null(strstr(a, "\nchasqui_presence_updates_total{result=\"coalesced\"} 0\n"));
}

static void
no_figure_names_anybody(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	const char *a;

	client_online(f, &c, 1, "alice");
	a = ask(f, get);
	assert_null(strstr(a, "alice"));
	assert_null(strstr(a, "192.0.2.1"));
}

static void
counters_of_the_dataplane_are_told_by_reason(void **state)
{
	struct fixture *f = *state;
	int listener = status_listen(f), fd = scraper(), dp;
	const char *a;

	assert_int_equal(send(fd, get, strlen(get), 0), strlen(get));
	dp = status_asked(f, listener);
	assert_int_equal(send(dp, dp_answer, sizeof(dp_answer) - 1, 0), sizeof(dp_answer) - 1);
	a = answer(f, fd);
	check_format(strstr(a, "\r\n\r\n") + 4);
	assert_non_null(strstr(a, "\nchasqui_dataplane_up 1\n"));
	assert_non_null(strstr(a, "\nchasqui_frames_dropped_total{reason=\"tag\"} 5\n"));
	assert_non_null(strstr(a, "\nchasqui_frames_received_total{worker=\"1\"} 40\n"));
	assert_non_null(strstr(a, "\nchasqui_frames_forwarded_total{path=\"local\"} 50\n"));
	assert_non_null(strstr(a, "\nchasqui_frame_bytes_total{dir=\"out\"} 6000\n"));
	assert_non_null(strstr(a, "\nchasqui_ratelimited_total{scope=\"session\"} 3\n"));
	close(dp);
	status_unlink(f, listener);
}

static void
a_dataplane_that_does_not_answer_or_answers_junk_is_left_out(void **state)
{
	struct fixture *f = *state;
	int listener = status_listen(f), fd, dp;

	fd = scraper(); /* mute: the answer comes all the same */
	assert_int_equal(send(fd, get, strlen(get), 0), strlen(get));
	assert_non_null(strstr(answer(f, fd), "\nchasqui_dataplane_up 0\n"));
	close(accept(listener, NULL, NULL));
	usleep(600000); /* what was made last is no longer fresh */
	fd = scraper();
	assert_int_equal(send(fd, get, strlen(get), 0), strlen(get));
	dp = status_asked(f, listener);
	assert_int_equal(send(dp, "[]\n", 3, 0), 3);
	assert_non_null(strstr(answer(f, fd), "\nchasqui_dataplane_up 0\n"));
	close(dp);
	status_unlink(f, listener);
}

static void
other_requests_are_refused_by_their_codes(void **state)
{
	static const struct {
		const char *request, *status;
	} asked[] = {
		{ "GET / HTTP/1.1\r\n\r\n", "404" },
		{ "GET /metricsx HTTP/1.0\r\n\r\n", "404" },
		{ "POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n", "405" },
		{ "GET /metrics\r\n\r\n", "400" },
		{ "GET  /metrics HTTP/1.1\r\n\r\n", "400" },
		{ "GET /metrics HTTP/2.0\r\n\r\n", "400" },
		{ "GET /met\x01rics HTTP/1.1\r\n\r\n", "400" },
		{ "\r\n\r\n", "400" },
		{ "GET /metrics?x=1 HTTP/1.0\n\n", "200" },
		{ "GET /healthz HTTP/1.1\r\n\r\n", "200" },
		{ "HEAD /metrics HTTP/1.1\r\n\r\n", "200" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		assert_memory_equal(ask(f, asked[i].request) + 9, asked[i].status, 3);
	assert_true(strlen(strstr(ask(f, "HEAD /metrics HTTP/1.1\r\n\r\n"), "\r\n\r\n")) == 4);
}

static void
a_request_without_end_is_refused(void **state)
{
	struct fixture *f = *state;
	char *much = malloc(METRICS_REQUEST_MAX);
	int fd = scraper();

	memset(much, 'x', METRICS_REQUEST_MAX);
	memcpy(much, "GET /metrics HTTP/1.1\r\nA: ", 26);
	assert_int_equal(send(fd, much, METRICS_REQUEST_MAX, 0), METRICS_REQUEST_MAX);
	assert_memory_equal(answer(f, fd) + 9, "431", 3);
	free(much);
}

static void
those_too_many_and_those_who_say_nothing_keep_nobody_else_out(void **state)
{
	struct fixture *f = *state;
	int mute[20];
	char byte;

	for (unsigned i = 0; i < 20; i++) {
		mute[i] = scraper();
		fixture_step(f);
	}
	/* From the 17th on they are closed at once; the others after five seconds. */
	FIX_UNTIL(f, recv(mute[19], &byte, 1, MSG_DONTWAIT) == 0);
	assert_int_equal(recv(mute[0], &byte, 1, MSG_DONTWAIT), -1);
	for (unsigned i = 0; i < 700 && recv(mute[0], &byte, 1, MSG_DONTWAIT) != 0; i++) {
		usleep(10000);
		fixture_step(f);
	}
	assert_int_equal(recv(mute[0], &byte, 1, MSG_DONTWAIT), 0);
	assert_memory_equal(ask(f, get) + 9, "200", 3);
	for (unsigned i = 0; i < 20; i++)
		close(mute[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(figures_are_in_the_form_that_prometheus_reads),
		T(news_of_presence_are_counted_once_for_each_who_hears_it),
		T(no_figure_names_anybody),
		T(counters_of_the_dataplane_are_told_by_reason),
		T(a_dataplane_that_does_not_answer_or_answers_junk_is_left_out),
		T(other_requests_are_refused_by_their_codes),
		T(a_request_without_end_is_refused),
		T(those_too_many_and_those_who_say_nothing_keep_nobody_else_out),
	};
	return cmocka_run_group_tests_name("control/metrics", tests, NULL, NULL);
}
