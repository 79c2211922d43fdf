#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

static const char *const level_names[CHQ_LEVEL__COUNT] = { "error", "warn", "info", "debug" };

/* Writer: whoever sets the level; readers: every logging thread; relaxed, a late change is harmless. */
static _Atomic int log_level = CHQ_LEVEL_INFO;

void
chq_log_set_level(enum chq_log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

enum chq_log_level
chq_log_level(void)
{
	return (enum chq_log_level)atomic_load_explicit(&log_level, memory_order_relaxed);
}

const char *
chq_log_level_name(enum chq_log_level level)
{
	return level < CHQ_LEVEL__COUNT ? level_names[level] : "unknown";
}

/* Bytes of the well-formed UTF-8 character at @s (no overlong form, surrogate or control), else 0. */
static size_t
utf8_len(const uint8_t *s)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c;

	if (len == 0 || s[0] >= 0xf8)
		return 0;
	if (len == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	c = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) /* the closing NUL ends it, too */
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < lowest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || c < 0xa0)
		return 0;
	return c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ? 0 : len;
}

/*
 * Copy @s with everything escaped that is not printable, and, with @quotes, quotes and backslashes.
 * Writes at most @size - 1 characters and a NUL; a text that does not fit ends in "...".
 */
static size_t
escape(char *out, size_t size, const char *s, bool quotes)
{
	size_t n = 0, fits = 0;

	while (*s) {
		size_t len = utf8_len((const uint8_t *)s);
		bool back = quotes && (*s == '"' || *s == '\\');
		size_t need = len ? len + back : 4;

		if (n + need >= size) {
			memcpy(out + fits, "...", 4);
			return fits + 3;
		}
		if (!len)
			snprintf(out + n, 5, "\\x%02x", (uint8_t)*s);
		if (back)
			out[n] = '\\';
		if (len)
			memcpy(out + n + back, s, len);
		n += need;
		s += len ? len : 1;
		if (n + 4 <= size)
			fits = n;
	}
	out[n] = '\0';
	return n;
}

const char *
chq_log_quote(struct chq_log_quoted *q, const char *s)
{
	size_t n;

	q->text[0] = '"';
	n = escape(q->text + 1, sizeof(q->text) - 2, s ? s : "", true);
	memcpy(q->text + 1 + n, "\"", 2);
	return q->text;
}

static size_t
put_prefix(char *line, size_t size, enum chq_log_level level, const char *event)
{
	uint64_t ms = chq_wall_ms();
	time_t sec = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&sec, &tm);
	n = strftime(line, size, "time=%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, size - n, ".%03uZ level=%s event=%.64s",
			      (unsigned)(ms % 1000), chq_log_level_name(level), event);
	return n;
}

static void
write_all(const char *line, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere is left to tell it */
		line += n;
		len -= (size_t)n;
	}
}

int
chq_log_file(const char *path)
{
	const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = open(path, flags | O_CREAT | O_EXCL, 0640), rc = CHQ_OK;
	struct stat st;

	if (fd >= 0 && fchmod(fd, 0640) != 0) /* whatever the umask */
		rc = chq_errno();
	if (fd < 0 && errno == EEXIST)
		fd = open(path, flags);
	if (fd < 0)
		return chq_errno();
	if (!rc && fstat(fd, &st) != 0)
		rc = chq_errno();
	if (!rc && !S_ISREG(st.st_mode))
		rc = CHQ_EINVAL;
	if (!rc && dup2(fd, STDERR_FILENO) < 0)
		rc = chq_errno();
	close(fd);
	return rc;
}

void
chq_log(enum chq_log_level level, const char *event, const char *fmt, ...)
{
	char line[CHQ_LOG_LINE_MAX], pairs[CHQ_LOG_LINE_MAX];
	int saved = errno;
	va_list ap;
	size_t n;

	if (level > chq_log_level())
		return;
	va_start(ap, fmt);
	if (vsnprintf(pairs, sizeof(pairs), fmt, ap) < 0)
		pairs[0] = '\0';
	va_end(ap);

	n = put_prefix(line, sizeof(line) - 1, level, event);
	if (pairs[0]) {
		line[n++] = ' ';
		n += escape(line + n, sizeof(line) - 1 - n, pairs, false);
	}
	line[n++] = '\n';
	write_all(line, n);
	errno = saved;
}
