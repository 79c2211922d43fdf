/* Text of others as harmless text: no control, no change of writing direction, no invalid UTF-8. */

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "client/cli/cli.h"

#define INVALID 0xffffffffu

static uint32_t
decode_rest(const unsigned char *s, size_t len, uint32_t cp, size_t n, uint32_t least, size_t *used)
{
	if (len < n)
		return INVALID;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return INVALID;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp < least || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return INVALID;
	*used = n;
	return cp;
}

/* The next character of UTF-8; a byte that begins none is INVALID, one byte long. */
static uint32_t
decode(const unsigned char *s, size_t len, size_t *used)
{
	*used = 1;
	if (s[0] < 0x80)
		return s[0];
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return decode_rest(s, len, s[0] & 0x1f, 2, 0x80, used);
	if (s[0] >= 0xe0 && s[0] <= 0xef)
		return decode_rest(s, len, s[0] & 0x0f, 3, 0x800, used);
	if (s[0] >= 0xf0 && s[0] <= 0xf4)
		return decode_rest(s, len, s[0] & 0x07, 4, 0x10000, used);
	return INVALID;
}

static bool
between(uint32_t cp, uint32_t low, uint32_t high)
{
	return cp >= low && cp <= high;
}

/* Controls, line and paragraph ends, marks and overrides of direction, invisible ones, tags. */
static bool
harmful(uint32_t cp)
{
	return cp < 0x20 || between(cp, 0x7f, 0x9f) || cp == 0xad || cp == 0x61c || cp == 0x180e ||
	       cp == 0x200b || between(cp, 0x200e, 0x200f) || between(cp, 0x2028, 0x202e) ||
	       between(cp, 0x2060, 0x206f) || cp == 0xfeff || between(cp, 0xfff9, 0xfffb) ||
	       between(cp, 0xe0000, 0xe0fff);
}

void
out_text(FILE *f, const char *s, size_t len)
{
	const unsigned char *at = (const unsigned char *)s;
	size_t used;

	for (; len; at += used, len -= used) {
		uint32_t cp = decode(at, len, &used);

		if (cp == INVALID)
			fprintf(f, "<%02X>", at[0]);
		else if (cp == '\n')
			fputs(" / ", f);
		else if (cp == '\t')
			fputc(' ', f);
		else if (harmful(cp))
			fprintf(f, "<U+%04X>", cp);
		else
			fwrite(at, 1, used, f);
	}
}

static void
json_escape(FILE *f, uint32_t cp)
{
	if (cp > 0xffff)
		fprintf(f, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
			0xdc00 + ((cp - 0x10000) & 0x3ff));
	else
		fprintf(f, "\\u%04x", cp);
}

void
out_json_string(FILE *f, const char *s, size_t len)
{
	const unsigned char *at = (const unsigned char *)s;
	size_t used;

	fputc('"', f);
	for (; len; at += used, len -= used) {
		uint32_t cp = decode(at, len, &used);

		if (cp == INVALID)
			json_escape(f, 0xfffd);
		else if (cp == '"' || cp == '\\')
			fprintf(f, "\\%c", (int)cp);
		else if (cp == '\n')
			fputs("\\n", f);
		else if (harmful(cp))
			json_escape(f, cp);
		else
			fwrite(at, 1, used, f);
	}
	fputc('"', f);
}

int
cli_error(const struct cli *cli, int exit, int err, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (cli->json) {
		printf("{\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":", chq_errname(err));
		out_json_string(stdout, text, strlen(text));
		printf("}}\n");
		fflush(stdout);
		return exit;
	}
	fprintf(stderr, "error: %s ", chq_errname(err));
	out_text(stderr, text, strlen(text));
	fputc('\n', stderr);
	return exit;
}
