#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/hello.h"
#include "proto/noise.h"

#define HDR_LEN 20

void
chq_welcome_body_build(uint8_t out[CHQ_WELCOME_BODY_LEN], const struct chq_welcome_body *b)
{
	memset(out, 0, CHQ_WELCOME_BODY_LEN);
	chq_put_le32(out, b->slot);
	out[4] = b->version;
	out[5] = b->version_min;
	out[6] = b->version_max;
	out[7] = b->logged_in;
	chq_put_le64(out + 8, b->expiry_ms);
	chq_put_le64(out + 16, b->server_time_ms);
	chq_put_le64(out + 24, b->account);
	out[32] = b->device;
	out[33] = b->status;
	chq_put_le16(out + 34, b->silence_s);
	chq_put_le16(out + 36, b->keepalive_s);
	chq_put_le32(out + 40, b->server_id);
	chq_put_le32(out + 44, b->retry_after_s);
}

static int
body_ok(const struct chq_welcome_body *b)
{
	if (b->version_max < b->version_min || b->version < b->version_min ||
	    b->version > b->version_max)
		return 0;
	if (b->status > CHQ_WELCOME_BUSY ||
	    (b->status == CHQ_WELCOME_OK) != (b->slot != CHQ_SLOT_NONE))
		return 0;
	if (b->logged_in > 1 || b->account > CHQ_ID_MASK)
		return 0;
	return b->logged_in == (b->account != 0) && b->logged_in == (b->device != 0);
}

int
chq_welcome_body_parse(const uint8_t *buf, size_t len, struct chq_welcome_body *b)
{
	if (len != CHQ_WELCOME_BODY_LEN || chq_get_le16(buf + 38) != 0)
		return CHQ_EMALFORMED;
	b->slot = chq_get_le32(buf);
	b->version = buf[4];
	b->version_min = buf[5];
	b->version_max = buf[6];
	b->logged_in = buf[7];
	b->expiry_ms = chq_get_le64(buf + 8);
	b->server_time_ms = chq_get_le64(buf + 16);
	b->account = chq_get_le64(buf + 24);
	b->device = buf[32];
	b->status = buf[33];
	b->silence_s = chq_get_le16(buf + 34);
	b->keepalive_s = chq_get_le16(buf + 36);
	b->server_id = chq_get_le32(buf + 40);
	b->retry_after_s = chq_get_le32(buf + 44);
	return body_ok(b) ? CHQ_OK : CHQ_EMALFORMED;
}

int
chq_welcome_build(uint8_t *buf, size_t size, uint8_t version, const uint8_t nonce[CHQ_NONCE_LEN],
		  const uint8_t *noise, uint16_t noise_len)
{
	size_t len = HDR_LEN + (size_t)noise_len;

	if (len > size || len > CHQ_DGRAM_MAX)
		return CHQ_ETOOBIG;
	buf[0] = CHQ_TYPE_WELCOME;
	buf[1] = version;
	chq_put_le16(buf + 2, noise_len);
	memcpy(buf + 4, nonce, CHQ_NONCE_LEN);
	memcpy(buf + HDR_LEN, noise, noise_len);
	return (int)len;
}

int
chq_welcome_parse(const uint8_t *buf, size_t len, struct chq_welcome *w)
{
	if (len < HDR_LEN + CHQ_NOISE_MSG2_OVERHEAD || len > CHQ_DGRAM_MAX ||
	    buf[0] != CHQ_TYPE_WELCOME)
		return CHQ_EMALFORMED;
	w->version = buf[1];
	w->noise_len = chq_get_le16(buf + 2);
	memcpy(w->nonce, buf + 4, sizeof(w->nonce));
	w->noise = buf + HDR_LEN;
	return len == HDR_LEN + (size_t)w->noise_len ? CHQ_OK : CHQ_EMALFORMED;
}
