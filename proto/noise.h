/*
 * Noise_IK_25519_AESGCM_SHA256 (The Noise Protocol Framework, revision 34): the handshake of HELLO
 * and WELCOME. The initiator is the client, who knows the server's static key beforehand.
 *
 *	initiator                                  responder
 *	chq_noise_init                             chq_noise_init
 *	chq_noise_write1   -- e, es, s, ss -->     chq_noise_read1
 *	                                           chq_noise_write2_keys
 *	                                           chq_noise_split
 *	chq_noise_read2    <-- e, ee, se ---       chq_noise_write2
 *	chq_noise_split
 *
 * The session's keys do not depend on what message 2 carries, so the responder has them before it
 * decides what to say: it can install a session and then tell the peer the session's number.
 *
 * A call out of that order returns CHQ_EINVAL and changes nothing. A message that is refused
 * changes nothing either: a forged answer does not spoil the handshake for the real one.
 *
 * Thread: any, one at a time per struct chq_noise. chq_crypto_init() comes first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/keys.h"

#define CHQ_NOISE_KEY_BYTES	32
#define CHQ_NOISE_HASH_BYTES	32
#define CHQ_NOISE_MSG1_OVERHEAD 96   /* e 32, s 32 + 16, payload's tag 16 */
#define CHQ_NOISE_MSG2_OVERHEAD 48   /* e 32, payload's tag 16 */
#define CHQ_NOISE_MAX_PAYLOAD	1232 /* bytes; no datagram could carry more */

enum chq_noise_role {
	CHQ_NOISE_INITIATOR,
	CHQ_NOISE_RESPONDER,
};

/* One handshake. Embed it where it is needed; the fields are noise.c's alone. */
struct chq_noise {
	uint8_t hash[CHQ_NOISE_HASH_BYTES];  /* h of the specification */
	uint8_t chain[CHQ_NOISE_HASH_BYTES]; /* ck */
	uint8_t key[CHQ_NOISE_KEY_BYTES];    /* k */
	uint64_t nonce;			     /* n */
	struct chq_keypair s, e;
	uint8_t rs[CHQ_X25519_BYTES];
	uint8_t re[CHQ_X25519_BYTES];
	enum chq_noise_role role;
	int state;
	bool e_fixed;
};

/**
 * chq_noise_init() - begin a handshake.
 * @n:        overwritten, whatever it held.
 * @prologue: @prologue_len bytes that both sides must have alike; may be NULL when 0.
 * @s:        the own static key pair; copied.
 * @rs:       the responder's static public key for an initiator, NULL for a responder; copied.
 *
 * Return: 0; CHQ_EINVAL if @rs does not fit the role. @n is to be wiped in the end.
 */
int chq_noise_init(struct chq_noise *n, enum chq_noise_role role, const void *prologue,
		   size_t prologue_len, const struct chq_keypair *s, const uint8_t *rs);

/**
 * chq_noise_fix_ephemeral() - use this secret instead of a random ephemeral one.
 *
 * For published test vectors only: an ephemeral key used twice gives the session away.
 */
void chq_noise_fix_ephemeral(struct chq_noise *n, const uint8_t secret[CHQ_X25519_BYTES]);

/**
 * chq_noise_write1() - initiator: make message 1.
 * @payload: @len bytes, sealed into it; may be NULL when @len is 0.
 * @out:     room for @cap bytes; must not overlap @payload.
 *
 * The payload can be replayed to the responder, and is not forward-secret.
 * Return: the message's length, @len + CHQ_NOISE_MSG1_OVERHEAD; CHQ_ETOOBIG if @len exceeds
 * CHQ_NOISE_MAX_PAYLOAD; CHQ_ENOBUFS if @cap is too small; CHQ_EINVAL out of order; CHQ_ECRYPTO if
 * the responder's key is of small order; CHQ_EINTERNAL if the library failed. On error nothing has
 * changed but what @out holds.
 */
int chq_noise_write1(struct chq_noise *n, const void *payload, size_t len, uint8_t *out,
		     size_t cap);

/**
 * chq_noise_read1() - responder: take message 1.
 * @msg:     @len bytes as received.
 * @rs:      output: the initiator's static public key. Its owner made this message; that it
 *           is no replay shows only with the session's first frame.
 * @payload: output, room for @cap bytes; must not overlap @msg.
 *
 * Return: the payload's length; CHQ_ECRYPTO if it is forged, damaged, cut short, meant for another
 * key or made with another prologue; CHQ_ETOOBIG if longer than CHQ_NOISE_MAX_PAYLOAD allows;
 * CHQ_ENOBUFS if @cap is too small; CHQ_EINVAL out of order; CHQ_EINTERNAL if the library failed.
 * On error @rs is untouched and @payload holds nothing of the plaintext.
 */
int chq_noise_read1(struct chq_noise *n, const uint8_t *msg, size_t len,
		    uint8_t rs[CHQ_X25519_BYTES], void *payload, size_t cap);

/**
 * chq_noise_write2_keys() - responder: do message 2's key agreements (e, ee, se).
 *
 * From here on chq_noise_split() gives the session's keys.
 * Return: 0; CHQ_EINVAL out of order; CHQ_ECRYPTO if the initiator's keys are of small order. On
 * error nothing has changed.
 */
int chq_noise_write2_keys(struct chq_noise *n);

/**
 * chq_noise_write2() - responder: make message 2.
 * @payload: @len bytes, sealed into it; may be NULL when @len is 0.
 * @out:     room for @cap bytes; must not overlap @payload.
 *
 * Return: the message's length, @len + CHQ_NOISE_MSG2_OVERHEAD; CHQ_ETOOBIG, CHQ_ENOBUFS,
 * CHQ_EINVAL, CHQ_EINTERNAL as chq_noise_write1(). It can be made once only.
 */
int chq_noise_write2(struct chq_noise *n, const void *payload, size_t len, uint8_t *out,
		     size_t cap);

/**
 * chq_noise_read2() - initiator: take message 2.
 * @payload: output, room for @cap bytes; must not overlap @msg.
 *
 * Return: the payload's length; CHQ_ECRYPTO, CHQ_ETOOBIG, CHQ_ENOBUFS, CHQ_EINVAL, CHQ_EINTERNAL as
 * chq_noise_read1(). After CHQ_ECRYPTO another message can be tried.
 */
int chq_noise_read2(struct chq_noise *n, const uint8_t *msg, size_t len, void *payload, size_t cap);

/**
 * chq_noise_split() - the keys of the two directions.
 * @i2r: initiator to responder.
 * @r2i: responder to initiator.
 *
 * Return: 0; CHQ_EINVAL before chq_noise_write2_keys() or chq_noise_read2().
 */
int chq_noise_split(const struct chq_noise *n, uint8_t i2r[CHQ_NOISE_KEY_BYTES],
		    uint8_t r2i[CHQ_NOISE_KEY_BYTES]);

/**
 * chq_noise_hash() - the handshake hash, which names this session on both sides and on no other.
 *
 * Return: CHQ_NOISE_HASH_BYTES bytes, valid until @n changes; final after chq_noise_write2() or
 * chq_noise_read2().
 */
const uint8_t *chq_noise_hash(const struct chq_noise *n);

/**
 * chq_noise_wipe() - erase every key; @n is then as good as uninitialised and refuses every call.
 */
void chq_noise_wipe(struct chq_noise *n);
