#include "proto/hello.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/hkdf.h"

#define PROLOGUE_NAME	  "chasqui"
#define PROLOGUE_NAME_LEN 7

int
chq_hello_has_cookie(const struct chq_hello *h)
{
	return !sodium_is_zero(h->cookie, sizeof(h->cookie));
}

/* Nothing of it is secret, so this need not take the same time for all, and a flood of HELLOs pays by the byte. */
static int
all_zero(const uint8_t *at, size_t len)
{
	uint64_t any = 0, word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		any |= word;
	}
	for (; len > 0; at++, len--)
		any |= *at;
	return any == 0;
}

int
chq_hello_parse(const uint8_t *buf, size_t len, struct chq_hello *h)
{
	size_t end;

	if (len != CHQ_HELLO_LEN || buf[0] != CHQ_TYPE_HELLO || buf[2] < buf[1] || buf[3] != 0)
		return CHQ_EMALFORMED;
	h->version_min = buf[1];
	h->version_max = buf[2];
	memcpy(h->nonce, buf + 4, sizeof(h->nonce));
	memcpy(h->cookie, buf + 20, sizeof(h->cookie));
	h->noise_len = chq_get_le16(buf + 40);
	if (chq_get_le16(buf + 42) != 0 || h->noise_len > CHQ_NOISE1_MAX)
		return CHQ_EMALFORMED;
	if ((h->noise_len != 0) != chq_hello_has_cookie(h))
		return CHQ_EMALFORMED;
	h->noise = h->noise_len ? buf + CHQ_NOISE1_OFF : NULL;
	end = CHQ_NOISE1_OFF + h->noise_len;
	return all_zero(buf + end, len - end) ? CHQ_OK : CHQ_EMALFORMED;
}

int
chq_hello_build(uint8_t buf[CHQ_HELLO_LEN], const struct chq_hello *h)
{
	if (h->noise_len > CHQ_NOISE1_MAX)
		return CHQ_ETOOBIG;
	if ((h->noise_len != 0) != chq_hello_has_cookie(h) || h->version_max < h->version_min)
		return CHQ_EINVAL;
	memset(buf, 0, CHQ_HELLO_LEN);
	buf[0] = CHQ_TYPE_HELLO;
	buf[1] = h->version_min;
	buf[2] = h->version_max;
	memcpy(buf + 4, h->nonce, sizeof(h->nonce));
	memcpy(buf + 20, h->cookie, sizeof(h->cookie));
	chq_put_le16(buf + 40, h->noise_len);
	if (h->noise_len)
		memcpy(buf + CHQ_NOISE1_OFF, h->noise, h->noise_len);
	return CHQ_OK;
}

int
chq_retry_parse(const uint8_t *buf, size_t len, struct chq_retry *r)
{
	if (len != CHQ_RETRY_LEN || buf[0] != CHQ_TYPE_RETRY || buf[2] < buf[1] || buf[3] != 0)
		return CHQ_EMALFORMED;
	r->version_min = buf[1];
	r->version_max = buf[2];
	memcpy(r->nonce, buf + 4, sizeof(r->nonce));
	memcpy(r->cookie, buf + 20, sizeof(r->cookie));
	memcpy(r->cert, buf + 40, sizeof(r->cert));
	/* All zeros would mean "none" in the HELLO that is to carry it. */
	return sodium_is_zero(r->cookie, sizeof(r->cookie)) ? CHQ_EMALFORMED : CHQ_OK;
}

void
chq_retry_build(uint8_t buf[CHQ_RETRY_LEN], const struct chq_retry *r)
{
	buf[0] = CHQ_TYPE_RETRY;
	buf[1] = r->version_min;
	buf[2] = r->version_max;
	buf[3] = 0;
	memcpy(buf + 4, r->nonce, sizeof(r->nonce));
	memcpy(buf + 20, r->cookie, sizeof(r->cookie));
	memcpy(buf + 40, r->cert, sizeof(r->cert));
}

void
chq_prologue(uint8_t out[CHQ_PROLOGUE_LEN], const struct chq_hello *h, uint32_t server_id)
{
	memcpy(out, PROLOGUE_NAME, PROLOGUE_NAME_LEN);
	out[7] = h->version_min;
	out[8] = h->version_max;
	memcpy(out + 9, h->nonce, sizeof(h->nonce));
	memcpy(out + 25, h->cookie, sizeof(h->cookie));
	chq_put_le32(out + 45, server_id);
}

/* Lengths are far below HKDF's bound, so that it cannot fail. */
static void
expand(const uint8_t key[32], const char *label, uint8_t *out, size_t len)
{
	(void)chq_hkdf_expand(key, label, strlen(label), out, len);
}

void
chq_session_keys_derive(struct chq_session_keys *out, const uint8_t k_i2r[32],
			const uint8_t k_r2i[32])
{
	expand(k_i2r, "tag", out->tag_c2s, sizeof(out->tag_c2s));
	expand(k_i2r, "hop", out->hop_c2s, sizeof(out->hop_c2s));
	expand(k_i2r, "login", out->login, sizeof(out->login));
	expand(k_r2i, "tag", out->tag_s2c, sizeof(out->tag_s2c));
	expand(k_r2i, "hop", out->hop_s2c, sizeof(out->hop_s2c));
}
