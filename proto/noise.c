#include "proto/noise.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/hkdf.h"

#define TAG CHQ_AEAD_TAG_BYTES
#define DH  CHQ_X25519_BYTES

static const char noise_name[] = "Noise_IK_25519_AESGCM_SHA256";

/* Where a handshake is; 0 is what wiping leaves. */
enum noise_state {
	NOISE_DEAD,
	NOISE_START,	 /* initiator to write 1, responder to read 1 */
	NOISE_AFTER_ONE, /* initiator to read 2, responder to agree keys */
	NOISE_KEYS,	 /* responder to write 2; Split is determined */
	NOISE_DONE,
};

static void
mix_hash(struct chq_noise *n, const void *data, size_t len)
{
	crypto_hash_sha256_state sha;

	crypto_hash_sha256_init(&sha);
	crypto_hash_sha256_update(&sha, n->hash, sizeof(n->hash));
	crypto_hash_sha256_update(&sha, data, len);
	crypto_hash_sha256_final(&sha, n->hash);
}

/* MixKey(DH(secret, public)). The specification's HKDF is RFC 5869's with an empty info. */
static int
mix_dh(struct chq_noise *n, const uint8_t *secret, const uint8_t *public)
{
	uint8_t shared[DH], out[2 * CHQ_NOISE_KEY_BYTES];
	int rc = chq_x25519(shared, secret, public);

	if (rc)
		return rc;
	chq_hkdf_extract(n->chain, sizeof(n->chain), shared, sizeof(shared), n->chain);
	rc = chq_hkdf_expand(n->chain, NULL, 0, out, sizeof(out));
	memcpy(n->chain, out, sizeof(n->chain));
	memcpy(n->key, out + sizeof(n->chain), sizeof(n->key));
	n->nonce = 0;
	sodium_memzero(shared, sizeof(shared));
	sodium_memzero(out, sizeof(out));
	return rc;
}

/* AESGCM's nonce: 32 zero bits, then n as 64 big-endian bits (specification, 12.4). */
static void
next_nonce(struct chq_noise *n, uint8_t nonce[CHQ_AEAD_NONCE_BYTES])
{
	uint64_t value = n->nonce++;

	memset(nonce, 0, CHQ_AEAD_NONCE_BYTES);
	for (int i = CHQ_AEAD_NONCE_BYTES - 1; value; i--, value >>= 8)
		nonce[i] = (uint8_t)value;
}

/* EncryptAndHash: @len + TAG bytes to @out. */
static int
seal_and_hash(struct chq_noise *n, const void *plain, size_t len, uint8_t *out)
{
	uint8_t nonce[CHQ_AEAD_NONCE_BYTES];
	int rc;

	next_nonce(n, nonce);
	rc = chq_aead_seal(n->key, nonce, n->hash, sizeof(n->hash), plain, len, out);
	if (!rc)
		mix_hash(n, out, len + TAG);
	return rc;
}

/* DecryptAndHash: @len - TAG bytes to @out. */
static int
open_and_hash(struct chq_noise *n, const uint8_t *sealed, size_t len, void *out)
{
	uint8_t nonce[CHQ_AEAD_NONCE_BYTES];
	int rc;

	next_nonce(n, nonce);
	rc = chq_aead_open(n->key, nonce, n->hash, sizeof(n->hash), sealed, len, out);
	if (!rc)
		mix_hash(n, sealed, len);
	return rc;
}

static int
check(const struct chq_noise *n, enum chq_noise_role role, enum noise_state state)
{
	return n->role == role && n->state == (int)state ? 0 : CHQ_EINVAL;
}

static int
check_write(size_t len, size_t overhead, size_t cap)
{
	if (len > CHQ_NOISE_MAX_PAYLOAD)
		return CHQ_ETOOBIG;
	return cap < len + overhead ? CHQ_ENOBUFS : 0;
}

static int
check_read(size_t len, size_t overhead, size_t cap)
{
	if (len < overhead)
		return CHQ_ECRYPTO;
	if (len - overhead > CHQ_NOISE_MAX_PAYLOAD)
		return CHQ_ETOOBIG;
	return cap < len - overhead ? CHQ_ENOBUFS : 0;
}

/* Work is done on a copy, @next, so that a refused message leaves @n as it was. */
static int
commit(struct chq_noise *n, struct chq_noise *next, int rc, enum noise_state state)
{
	if (!rc) {
		*n = *next;
		n->state = state;
	}
	sodium_memzero(next, sizeof(*next));
	return rc;
}

static void
make_ephemeral(struct chq_noise *n)
{
	if (!n->e_fixed)
		chq_x25519_keypair(&n->e);
	mix_hash(n, n->e.public, DH);
}

int
chq_noise_init(struct chq_noise *n, enum chq_noise_role role, const void *prologue,
	       size_t prologue_len, const struct chq_keypair *s, const uint8_t *rs)
{
	static_assert(sizeof(noise_name) - 1 <= CHQ_NOISE_HASH_BYTES, "a longer name is hashed");

	memset(n, 0, sizeof(*n));
	if ((role == CHQ_NOISE_INITIATOR) != (rs != NULL))
		return CHQ_EINVAL;
	n->role = role;
	n->s = *s;
	memcpy(n->hash, noise_name, sizeof(noise_name) - 1);
	memcpy(n->chain, n->hash, sizeof(n->chain));
	mix_hash(n, prologue, prologue_len);
	if (rs)
		memcpy(n->rs, rs, DH);
	mix_hash(n, rs ? n->rs : n->s.public, DH);
	n->state = NOISE_START;
	return 0;
}

void
chq_noise_fix_ephemeral(struct chq_noise *n, const uint8_t secret[CHQ_X25519_BYTES])
{
	chq_x25519_from_secret(&n->e, secret);
	n->e_fixed = true;
}

int
chq_noise_write1(struct chq_noise *n, const void *payload, size_t len, uint8_t *out, size_t cap)
{
	struct chq_noise next = *n;
	int rc = check(n, CHQ_NOISE_INITIATOR, NOISE_START);

	if (!rc)
		rc = check_write(len, CHQ_NOISE_MSG1_OVERHEAD, cap);
	if (rc)
		goto out;
	make_ephemeral(&next);
	memcpy(out, next.e.public, DH);
	rc = mix_dh(&next, next.e.secret, next.rs);
	if (!rc)
		rc = seal_and_hash(&next, next.s.public, DH, out + DH);
	if (!rc)
		rc = mix_dh(&next, next.s.secret, next.rs);
	if (!rc)
		rc = seal_and_hash(&next, payload, len, out + DH + DH + TAG);
out:
	rc = commit(n, &next, rc, NOISE_AFTER_ONE);
	return rc ? rc : (int)(len + CHQ_NOISE_MSG1_OVERHEAD);
}

int
chq_noise_read1(struct chq_noise *n, const uint8_t *msg, size_t len, uint8_t rs[CHQ_X25519_BYTES],
		void *payload, size_t cap)
{
	struct chq_noise next = *n;
	int rc = check(n, CHQ_NOISE_RESPONDER, NOISE_START);

	if (!rc)
		rc = check_read(len, CHQ_NOISE_MSG1_OVERHEAD, cap);
	if (rc)
		goto out;
	memcpy(next.re, msg, DH);
	mix_hash(&next, next.re, DH);
	rc = mix_dh(&next, next.s.secret, next.re);
	if (!rc)
		rc = open_and_hash(&next, msg + DH, DH + TAG, next.rs);
	if (!rc)
		rc = mix_dh(&next, next.s.secret, next.rs);
	if (!rc)
		rc = open_and_hash(&next, msg + DH + DH + TAG, len - DH - DH - TAG, payload);
	if (!rc)
		memcpy(rs, next.rs, DH);
out:
	rc = commit(n, &next, rc, NOISE_AFTER_ONE);
	return rc ? rc : (int)(len - CHQ_NOISE_MSG1_OVERHEAD);
}

int
chq_noise_write2_keys(struct chq_noise *n)
{
	struct chq_noise next = *n;
	int rc = check(n, CHQ_NOISE_RESPONDER, NOISE_AFTER_ONE);

	if (!rc) {
		make_ephemeral(&next);
		rc = mix_dh(&next, next.e.secret, next.re);
	}
	if (!rc)
		rc = mix_dh(&next, next.e.secret, next.rs);
	return commit(n, &next, rc, NOISE_KEYS);
}

int
chq_noise_write2(struct chq_noise *n, const void *payload, size_t len, uint8_t *out, size_t cap)
{
	struct chq_noise next = *n;
	int rc = check(n, CHQ_NOISE_RESPONDER, NOISE_KEYS);

	if (!rc)
		rc = check_write(len, CHQ_NOISE_MSG2_OVERHEAD, cap);
	if (!rc) {
		memcpy(out, next.e.public, DH);
		rc = seal_and_hash(&next, payload, len, out + DH);
	}
	rc = commit(n, &next, rc, NOISE_DONE);
	return rc ? rc : (int)(len + CHQ_NOISE_MSG2_OVERHEAD);
}

int
chq_noise_read2(struct chq_noise *n, const uint8_t *msg, size_t len, void *payload, size_t cap)
{
	struct chq_noise next = *n;
	int rc = check(n, CHQ_NOISE_INITIATOR, NOISE_AFTER_ONE);

	if (!rc)
		rc = check_read(len, CHQ_NOISE_MSG2_OVERHEAD, cap);
	if (rc)
		goto out;
	memcpy(next.re, msg, DH);
	mix_hash(&next, next.re, DH);
	rc = mix_dh(&next, next.e.secret, next.re);
	if (!rc)
		rc = mix_dh(&next, next.s.secret, next.re);
	if (!rc)
		rc = open_and_hash(&next, msg + DH, len - DH, payload);
out:
	rc = commit(n, &next, rc, NOISE_DONE);
	return rc ? rc : (int)(len - CHQ_NOISE_MSG2_OVERHEAD);
}

/* HKDF-Expand of the key that Split expands. */
static int
expand(const struct chq_noise *n, const char *label, uint8_t *out, size_t len)
{
	uint8_t prk[CHQ_HKDF_PRK_BYTES];
	int rc;

	if (n->state != NOISE_KEYS && n->state != NOISE_DONE)
		return CHQ_EINVAL;
	chq_hkdf_extract(n->chain, sizeof(n->chain), NULL, 0, prk);
	rc = chq_hkdf_expand(prk, label, strlen(label), out, len);
	sodium_memzero(prk, sizeof(prk));
	return rc;
}

int
chq_noise_split(const struct chq_noise *n, uint8_t i2r[CHQ_NOISE_KEY_BYTES],
		uint8_t r2i[CHQ_NOISE_KEY_BYTES])
{
	uint8_t both[2 * CHQ_NOISE_KEY_BYTES];
	int rc = expand(n, "", both, sizeof(both));

	if (rc)
		return rc;
	memcpy(i2r, both, CHQ_NOISE_KEY_BYTES);
	memcpy(r2i, both + CHQ_NOISE_KEY_BYTES, CHQ_NOISE_KEY_BYTES);
	sodium_memzero(both, sizeof(both));
	return 0;
}

const uint8_t *
chq_noise_hash(const struct chq_noise *n)
{
	return n->hash;
}

void
chq_noise_wipe(struct chq_noise *n)
{
	sodium_memzero(n, sizeof(*n)); /* state becomes NOISE_DEAD */
}
