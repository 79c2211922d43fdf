#include "tools/chasquictl/text.h"

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/array.h"

#define GROWTH 4 /* a byte becomes \xNN; longer sequences grow less */

/* Printable in wcwidth()'s eyes, but invisible or changing the direction of what stands around. */
static const struct {
	wchar_t first, last;
} hidden[] = {
	{ 0x00ad, 0x00ad },   { 0x034f, 0x034f }, { 0x061c, 0x061c },	{ 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f }, { 0x200b, 0x200f },	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },   { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f },	{ 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff },
};

void
tool_text_init(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
}

static bool
shown(wchar_t c)
{
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
		if (c >= hidden[i].first && c <= hidden[i].last)
			return false;
	}
	return wcwidth(c) >= 0;
}

/* One character at @s, @len > 0. Return: how many bytes were taken. */
static size_t
take(const char *s, size_t len, enum tool_text how, char *out, size_t *out_len, size_t *width)
{
	mbstate_t state = { 0 };
	wchar_t c = 0;
	size_t n = mbrtowc(&c, s, len, &state);
	int w;

	if (n == 0 || n > len) { /* a NUL, or no UTF-8 */
		w = sprintf(out, "\\x%02x", (unsigned char)*s);
		n = 1;
	} else if (c == '\n' && how == TOOL_TEXT_LINES) {
		w = 0;
		memcpy(out, "\n", 2);
	} else if (c == '\\' && how == TOOL_TEXT_EXACT) {
		w = 2;
		memcpy(out, "\\\\", 3);
	} else if (shown(c)) {
		w = wcwidth(c);
		memcpy(out, s, n);
		*out_len += n;
		*width += (size_t)w;
		return n;
	} else {
		w = sprintf(out, c < 0x80 ? "\\x%02x" : "\\u{%x}", (unsigned)c);
	}
	*out_len += strlen(out);
	*width += (size_t)w;
	return n;
}

char *
tool_text_safe(const char *s, size_t len, enum tool_text how, size_t *width)
{
	char *out = malloc(len * GROWTH + 1);
	size_t out_len = 0, columns = 0;

	if (!out)
		abort();
	for (size_t i = 0; i < len;)
		i += take(s + i, len - i, how, out + out_len, &out_len, &columns);
	out[out_len] = '\0';
	if (width)
		*width = columns;
	return out;
}
