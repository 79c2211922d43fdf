#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/e2e_fmt.h"

static int
parts_ok(const struct chq_inner *in)
{
	return in->part >= 1 && in->part <= in->parts && in->parts <= CHQ_INNER_PARTS_MAX;
}

int
chq_inner_build(const struct chq_inner *in, uint8_t out[CHQ_INNER_MAX])
{
	size_t len = CHQ_INNER_LEN(in->text_len);

	if (in->text_len > CHQ_INNER_TEXT_MAX)
		return CHQ_ETOOBIG;
	if (!parts_ok(in))
		return CHQ_EINVAL;
	memset(out, 0, len);
	chq_put_le64(out, in->previous);
	chq_put_le16(out + 8, in->part);
	chq_put_le16(out + 10, in->parts);
	chq_put_le64(out + 12, in->grant);
	chq_put_le16(out + 20, in->text_len);
	if (in->text_len)
		memcpy(out + CHQ_INNER_HDR_LEN, in->text, in->text_len);
	return (int)len;
}

int
chq_inner_parse(const uint8_t *buf, size_t len, struct chq_inner *in)
{
	size_t end;

	if (len < CHQ_INNER_HDR_LEN || len > CHQ_INNER_MAX)
		return CHQ_EMALFORMED;
	in->previous = chq_get_le64(buf);
	in->part = chq_get_le16(buf + 8);
	in->parts = chq_get_le16(buf + 10);
	in->grant = chq_get_le64(buf + 12);
	in->text_len = chq_get_le16(buf + 20);
	in->text = buf + CHQ_INNER_HDR_LEN;
	if (in->text_len > CHQ_INNER_TEXT_MAX || len != CHQ_INNER_LEN(in->text_len) ||
	    !parts_ok(in))
		return CHQ_EMALFORMED;
	end = CHQ_INNER_HDR_LEN + (size_t)in->text_len;
	return sodium_is_zero(buf + end, len - end) ? CHQ_OK : CHQ_EMALFORMED;
}

int
chq_receipt_pack(const uint64_t *ids, size_t n, uint8_t *out)
{
	if (n < 1 || n > CHQ_RECEIPT_IDS_MAX)
		return CHQ_EINVAL;
	for (size_t i = 0; i < n; i++)
		chq_put_le64(out + 8 * i, ids[i]);
	return (int)(8 * n);
}

int
chq_receipt_parse(const struct chq_inner *in, uint64_t ids[CHQ_RECEIPT_IDS_MAX])
{
	size_t n = in->text_len / 8;

	if (in->previous != 0 || in->part != 1 || in->parts != 1)
		return CHQ_EMALFORMED;
	if (in->text_len % 8 != 0 || n < 1 || n > CHQ_RECEIPT_IDS_MAX)
		return CHQ_EMALFORMED;
	for (size_t i = 0; i < n; i++)
		ids[i] = chq_get_le64(in->text + 8 * i);
	return (int)n;
}
