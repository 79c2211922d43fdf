#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "proto/hello.h"
#include "proto/keys.h"

#define CERT_LABEL	"chasqui-server-1"
#define CERT_LABEL_LEN	16
#define CERT_FIELDS_LEN 52 /* server's key to not after: what is signed, after the label */
#define CERT_SIGNED_LEN (CERT_LABEL_LEN + CERT_FIELDS_LEN)
#define ORG_LABEL	"chasqui-org-1"
#define ORG_LABEL_LEN	13

static void
cert_signed_bytes(uint8_t out[CERT_SIGNED_LEN], const struct chq_server_cert *c)
{
	memcpy(out, CERT_LABEL, CERT_LABEL_LEN);
	memcpy(out + 16, c->server_key, 32);
	chq_put_le32(out + 48, c->server_id);
	chq_put_le64(out + 52, c->not_before_ms);
	chq_put_le64(out + 60, c->not_after_ms);
}

void
chq_server_cert_build(uint8_t out[CHQ_SERVERCERT_LEN], const struct chq_server_cert *c)
{
	uint8_t msg[CERT_SIGNED_LEN];

	cert_signed_bytes(msg, c);
	memcpy(out, c->org_key, 32);
	memcpy(out + 32, msg + CERT_LABEL_LEN, CERT_FIELDS_LEN);
	memcpy(out + 84, c->signature, 64);
}

int
chq_server_cert_parse(const uint8_t *buf, size_t len, struct chq_server_cert *c)
{
	uint8_t msg[CERT_SIGNED_LEN];

	if (len != CHQ_SERVERCERT_LEN)
		return CHQ_EMALFORMED;
	memcpy(c->org_key, buf, 32);
	memcpy(c->server_key, buf + 32, 32);
	c->server_id = chq_get_le32(buf + 64);
	c->not_before_ms = chq_get_le64(buf + 68);
	c->not_after_ms = chq_get_le64(buf + 76);
	memcpy(c->signature, buf + 84, 64);
	if (c->not_after_ms < c->not_before_ms)
		return CHQ_EMALFORMED;
	cert_signed_bytes(msg, c);
	return chq_ed25519_verify(c->signature, c->org_key, msg, sizeof(msg));
}

void
chq_server_cert_sign(struct chq_server_cert *c, const uint8_t org_secret[64])
{
	uint8_t msg[CERT_SIGNED_LEN];
	struct chq_signkey key;

	memcpy(key.seed, org_secret, sizeof(key.seed));
	memcpy(key.public, org_secret + 32, sizeof(key.public));
	memcpy(c->org_key, key.public, sizeof(c->org_key));
	cert_signed_bytes(msg, c);
	chq_ed25519_sign(c->signature, &key, msg, sizeof(msg));
	sodium_memzero(&key, sizeof(key));
}

void
chq_fingerprint(const uint8_t org_key[32], char out[CHQ_FINGERPRINT_LEN + 1])
{
	uint8_t msg[ORG_LABEL_LEN + 32], hash[crypto_hash_sha256_BYTES];

	memcpy(msg, ORG_LABEL, ORG_LABEL_LEN);
	memcpy(msg + ORG_LABEL_LEN, org_key, 32);
	crypto_hash_sha256(hash, msg, sizeof(msg));
	chq_base32_encode(out, hash, 20);
}
