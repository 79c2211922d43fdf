#pragma once

/*
 * One line of key=value pairs to standard error, UTC with milliseconds:
 *
 *     time=2026-01-31T12:00:00.123Z level=info event=session-open slot=7 account=42
 *
 * Any thread but the workers may log. A line is one write(2), so lines of several threads do not mix.
 */

#include <stdarg.h>
#include <stddef.h>

enum chq_log_level {
	CHQ_LEVEL_ERROR,
	CHQ_LEVEL_WARN,
	CHQ_LEVEL_INFO,
	CHQ_LEVEL_DEBUG,
	CHQ_LEVEL__COUNT
};

/* Lines longer than this, newline included, are cut and end in "...". */
#define CHQ_LOG_LINE_MAX 2048

/* Levels above @level are not written from now on. Any thread. Starts at CHQ_LEVEL_INFO. */
void chq_log_set_level(enum chq_log_level level);
enum chq_log_level chq_log_level(void);

/* Name of a level ("error", "warn", "info", "debug"). */
const char *chq_log_level_name(enum chq_log_level level);

/**
 * chq_log_file() - let standard error, and so every line from now on, go to the end of a file; again, to open
 * it anew after it was renamed. Any thread; lines are not lost meanwhile.
 * @path: made with mode 0640 if it is absent; no symbolic link.
 * Return: 0; a negated errno: lines go where they went.
 */
int chq_log_file(const char *path);

/**
 * chq_log() - write one line; prefer the macros below.
 * @event: constant, lower case with hyphens.
 * @fmt:   further pairs, as "key=%d key=%s"; "" for none.
 *
 * What others have sent is given by CHQ_Q(), which quotes it. Even without, no value can break the
 * line or drive a terminal: control characters and invalid UTF-8 are written as \xNN.
 * errno is left as it was.
 */
void chq_log(enum chq_log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define CHQ_LOG(level, event, ...)                              \
	do {                                                    \
		if ((level) <= chq_log_level())                 \
			chq_log((level), (event), __VA_ARGS__); \
	} while (0)
#define CHQ_LOG_ERROR(event, ...) CHQ_LOG(CHQ_LEVEL_ERROR, event, __VA_ARGS__)
#define CHQ_LOG_WARN(event, ...)  CHQ_LOG(CHQ_LEVEL_WARN, event, __VA_ARGS__)
#define CHQ_LOG_INFO(event, ...)  CHQ_LOG(CHQ_LEVEL_INFO, event, __VA_ARGS__)
#define CHQ_LOG_DEBUG(event, ...) CHQ_LOG(CHQ_LEVEL_DEBUG, event, __VA_ARGS__)

struct chq_log_quoted {
	char text[256];
};

/**
 * chq_log_quote() - a hostile text as one value: in double quotes, with \" \\ and \xNN inside.
 * @q:  receives it; cut at its size, closed by "..." then.
 * @s:  text closed by NUL, or NULL, which gives "".
 *
 * Return: q->text.
 */
const char *chq_log_quote(struct chq_log_quoted *q, const char *s);

/* chq_log_quote() into a buffer that lives to the end of the enclosing block. */
#define CHQ_Q(s) chq_log_quote(&(struct chq_log_quoted){ .text = "" }, (s))
