#include "base/hex.h"

#include <string.h>

#include "base/err.h"

/* One coder for both: an alphabet of 2^bits characters, most significant bits first. */
struct alphabet {
	unsigned bits;
	const char *chars;
};

static const struct alphabet hex = { 4, "0123456789abcdef" };
static const struct alphabet base32 = { 5, "abcdefghijklmnopqrstuvwxyz234567" };

static size_t
encode(const struct alphabet *a, char *out, const uint8_t *bytes, size_t len)
{
	unsigned have = 0;
	uint32_t acc = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		acc = (acc << 8 | bytes[i]) & 0xffff;
		have += 8;
		while (have >= a->bits) {
			have -= a->bits;
			out[n++] = a->chars[acc >> have & ((1u << a->bits) - 1)];
		}
	}
	if (have)
		out[n++] = a->chars[acc << (a->bits - have) & ((1u << a->bits) - 1)];
	out[n] = '\0';
	return n;
}

static int
digit(const struct alphabet *a, char c)
{
	const char *at = c ? strchr(a->chars, c) : NULL;

	return at ? (int)(at - a->chars) : -1;
}

static ssize_t
decode(const struct alphabet *a, uint8_t *out, size_t size, const char *text, size_t text_len)
{
	unsigned have = 0;
	uint32_t acc = 0;
	size_t n = 0;

	for (size_t i = 0; i < text_len; i++) {
		int d = digit(a, text[i]);

		if (d < 0)
			return CHQ_EMALFORMED;
		acc = (acc << a->bits | (uint32_t)d) & 0xffff;
		have += a->bits;
		if (have < 8)
			continue;
		have -= 8;
		if (n == size)
			return CHQ_ETOOBIG;
		out[n++] = (uint8_t)(acc >> have);
	}
	/* A whole unused character, or a set bit in the unused ones, would be a second spelling. */
	if (have >= a->bits || (acc & ((1u << have) - 1)))
		return CHQ_EMALFORMED;
	return (ssize_t)n;
}

size_t
chq_hex_encode(char *out, const void *bytes, size_t len)
{
	return encode(&hex, out, bytes, len);
}

size_t
chq_base32_encode(char *out, const void *bytes, size_t len)
{
	return encode(&base32, out, bytes, len);
}

ssize_t
chq_hex_decode(void *out, size_t size, const char *text, size_t text_len)
{
	return decode(&hex, out, size, text, text_len);
}

ssize_t
chq_base32_decode(void *out, size_t size, const char *text, size_t text_len)
{
	return decode(&base32, out, size, text, text_len);
}
