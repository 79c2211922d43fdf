#include "tools/chasquictl/watch.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "tools/chasquictl/watch_view.h"

#define SCREEN_BEGIN "\033[?1049h\033[?25l"
#define SCREEN_END   "\033[?25h\033[?1049l"

enum { INTERVAL_S = 2, INTERVAL_MAX_S = 3600, ANSWER_S = 2 };

static volatile sig_atomic_t told_to_end, resized;

static void
on_signal(int sig)
{
	if (sig == SIGWINCH)
		resized = 1;
	else
		told_to_end = 1;
}

static struct termios terminal_was;

static void
terminal_begin(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct termios t;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGWINCH, &sa, NULL);
	if (tcgetattr(STDIN_FILENO, &terminal_was) == 0) {
		t = terminal_was;
		t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &t);
	}
	fputs(SCREEN_BEGIN, stdout);
}

static void
terminal_end(void)
{
	fputs(SCREEN_END, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal_was);
}

static void
draw(const struct tool_snapshot *was, const struct tool_snapshot *now)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	fputs("\033[H\033[J", stdout);
	tool_watch_text(stdout, was, now, w.ws_row > 2 ? w.ws_row - 2u : 1u, w.ws_col);
	fputs("q ends", stdout);
	fflush(stdout);
}

/* Until the interval is over. Return: whether to go on. */
static bool
wait_key(unsigned interval_s, bool screen, const struct tool_snapshot *was,
	 const struct tool_snapshot *now)
{
	uint64_t until = now->at_ns + interval_s * CHQ_NS_PER_SEC, t;
	struct pollfd in = { .fd = screen ? STDIN_FILENO : -1, .events = POLLIN };
	char key;

	while (!told_to_end && (t = chq_mono_ns()) < until) {
		int n = poll(&in, 1, (int)((until - t) / CHQ_NS_PER_MS) + 1);

		if (n > 0 && (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
			return false;
		if (resized && screen) {
			resized = 0;
			draw(was, now);
		}
	}
	return !told_to_end;
}

static void
print(const struct tool_out *o, const struct tool_snapshot *was, const struct tool_snapshot *now,
      bool first)
{
	json_t *data;

	if (o->format == TOOL_TABLE || o->format == TOOL_TSV) {
		fputs(first ? "" : "\n", o->f);
		tool_watch_text(o->f, was, now, 0, 0);
	} else {
		data = tool_watch_json(was, now);
		json_dumpf(data, o->f, JSON_COMPACT);
		fputc('\n', o->f);
		json_decref(data);
	}
	fflush(o->f);
}

/* Return: false if it is none, with @e filled. */
static bool
option(const struct tool_args *a, const char *name, unsigned max, unsigned *out,
       struct chq_ctl_error *e)
{
	const char *text = json_string_value(json_object_get(a->opts, name));
	char *end;
	unsigned long n;

	if (!text)
		return true;
	n = strtoul(text, &end, 10);
	if (*text >= '1' && *text <= '9' && !*end && n <= max) {
		*out = (unsigned)n;
		return true;
	}
	chq_ctl_error_set(e, CHQ_EARGS, name, "a number from 1 to %u is expected", max);
	return false;
}

int
tool_status_watch(const struct tool_args *a, const struct tool_out *o, struct chq_ctl_error *e)
{
	bool screen = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && o->format == TOOL_TABLE;
	struct tool_snapshot was = { 0 }, now = { 0 };
	unsigned interval_s = INTERVAL_S, count = 0;
	struct tool_site site;
	int err;

	if (!option(a, "interval", INTERVAL_MAX_S, &interval_s, e) ||
	    !option(a, "count", 1000000, &count, e))
		return e->err;
	err = tool_snapshot_site(a, &site, e);
	if (err)
		return err;
	if (screen)
		terminal_begin();
	for (unsigned n = 1;; n++) {
		tool_snapshot_take(&now, &site, ANSWER_S);
		if (screen)
			draw(&was, &now);
		else
			print(o, &was, &now, n == 1);
		if (n == count || ferror(o->f) || !wait_key(interval_s, screen, &was, &now))
			break;
		tool_snapshot_free(&was);
		was = now;
		now = (struct tool_snapshot){ 0 };
	}
	if (screen)
		terminal_end();
	tool_snapshot_free(&was);
	tool_snapshot_free(&now);
	return CHQ_OK;
}
