#include "tools/chasquictl/secret.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "base/err.h"

static void
on_signal(int number)
{
	(void)number; /* it only has to end read() */
}

static int
too_long(const char *what, struct chq_ctl_error *e)
{
	return chq_ctl_error_set(e, CHQ_EARGS, what, "the %s may have at most %d bytes", what,
				 CHQ_PASSWORD_MAX);
}

/* Up to a newline (or CR and newline) or the end, byte by byte: what follows is not ours. */
static int
read_line(int fd, const char *what, char out[TOOL_SECRET_ROOM], struct chq_ctl_error *e)
{
	size_t len = 0;
	bool ended = false;
	ssize_t n;
	char c;

	while (!ended && (n = read(fd, &c, 1)) != 0) {
		if (n < 0)
			return chq_ctl_error_set(e, chq_errno(), what, "no %s could be read: %s",
						 what, chq_strerror(chq_errno()));
		ended = c == '\n';
		if (!ended && c == '\0')
			return chq_ctl_error_set(e, CHQ_EARGS, what, "the %s has a zero byte",
						 what);
		if (!ended && len == CHQ_PASSWORD_MAX)
			return too_long(what, e);
		if (!ended)
			out[len++] = c;
	}
	if (len && out[len - 1] == '\r')
		len--;
	out[len] = '\0';
	if (len == 0)
		return chq_ctl_error_set(e, CHQ_EUSAGE, what, "no %s came", what);
	return CHQ_OK;
}

/* As read_line(), with the terminal's echo off meanwhile, whatever ends it. */
static int
read_hidden(int fd, const char *prompt, const char *what, char out[TOOL_SECRET_ROOM],
	    struct chq_ctl_error *e)
{
	struct sigaction stop = { .sa_handler = on_signal }, old_int, old_term;
	struct termios before, hidden;
	int err;

	if (tcgetattr(fd, &before) < 0)
		return chq_ctl_error_set(e, chq_errno(), what, "no terminal");
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	sigaction(SIGINT, &stop, &old_int);
	sigaction(SIGTERM, &stop, &old_term);
	tcsetattr(fd, TCSAFLUSH, &hidden);
	fprintf(stderr, "%s", prompt);
	fflush(stderr);
	err = read_line(fd, what, out, e);
	tcsetattr(fd, TCSAFLUSH, &before);
	fputc('\n', stderr);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	return err;
}

static int
read_twice(int fd, const char *what, char out[TOOL_SECRET_ROOM], struct chq_ctl_error *e)
{
	char again[TOOL_SECRET_ROOM] = "", prompt[80];
	int err;

	snprintf(prompt, sizeof(prompt), "New %s: ", what);
	err = read_hidden(fd, prompt, what, out, e);
	if (err)
		return err;
	snprintf(prompt, sizeof(prompt), "The same again: ");
	err = read_hidden(fd, prompt, what, again, e);
	if (!err && strcmp(out, again) != 0)
		err = chq_ctl_error_set(e, CHQ_EUSAGE, what, "the two are not the same");
	sodium_memzero(again, sizeof(again));
	return err;
}

int
tool_secret_read(int fd, const char *what, char out[TOOL_SECRET_ROOM], struct chq_ctl_error *e)
{
	json_t *utf8;
	int err;

	out[0] = '\0';
	err = isatty(fd) ? read_twice(fd, what, out, e) : read_line(fd, what, out, e);
	if (err)
		return err;
	utf8 = json_string(out);
	if (!utf8)
		return chq_ctl_error_set(e, CHQ_EARGS, what, "the %s is no UTF-8", what);
	sodium_memzero((void *)(uintptr_t)json_string_value(utf8), json_string_length(utf8));
	json_decref(utf8);
	return CHQ_OK;
}

int
tool_ask(int fd, const char *question)
{
	char first = '\0', c;

	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	while (read(fd, &c, 1) == 1 && c != '\n')
		first = first ? first : c;
	return first == 'y' || first == 'Y';
}
