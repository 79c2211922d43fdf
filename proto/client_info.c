#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/hello.h"

#define FORMAT	1
#define HDR_LEN 13

/*
 * Bytes of the UTF-8 sequence at @s (RFC 3629: no surrogates, nothing longer than needed); 0 if there
 * is none, or if it is a control character (C0, DEL, C1).
 */
static size_t
utf8_step(const uint8_t *s, size_t left)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fU >> n);

	if (s[0] >= 0xf8 || (s[0] & 0xc0) == 0x80 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0 : n;
}

static int
text_ok(const uint8_t *s, size_t len)
{
	size_t step;

	for (; len; s += step, len -= step) {
		step = utf8_step(s, len);
		if (!step)
			return 0;
	}
	return 1;
}

int
chq_client_info_build(uint8_t *buf, size_t size, const struct chq_client_info *ci)
{
	size_t n = strnlen(ci->software, sizeof(ci->software));

	if (n > CHQ_SOFTWARE_MAX)
		return CHQ_ETOOBIG;
	if (!text_ok((const uint8_t *)ci->software, n))
		return CHQ_EINVAL;
	if (HDR_LEN + n > size)
		return CHQ_ENOBUFS;
	buf[0] = FORMAT;
	buf[1] = ci->kind;
	chq_put_le16(buf + 2, 0);
	chq_put_le64(buf + 4, ci->wall_ms);
	buf[12] = (uint8_t)n;
	memcpy(buf + HDR_LEN, ci->software, n);
	return (int)(HDR_LEN + n);
}

int
chq_client_info_parse(const uint8_t *buf, size_t len, struct chq_client_info *ci)
{
	size_t n;

	if (len < HDR_LEN || buf[0] != FORMAT || chq_get_le16(buf + 2) != 0)
		return CHQ_EMALFORMED;
	n = buf[12];
	if (n > CHQ_SOFTWARE_MAX || len != HDR_LEN + n || !text_ok(buf + HDR_LEN, n))
		return CHQ_EMALFORMED;
	ci->kind = buf[1];
	ci->wall_ms = chq_get_le64(buf + 4);
	memcpy(ci->software, buf + HDR_LEN, n);
	ci->software[n] = '\0';
	return CHQ_OK;
}
