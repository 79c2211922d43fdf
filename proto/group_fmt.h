/*
 * proto/group_fmt: the payload of frames to a group. One ciphertext for all members, under a key that the
 * server has made and can read. PROTOCOL.md, "Groups".
 *
 * Thread: any; chq_crypto_init() comes first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"

#define CHQ_GROUP_KEY_BYTES	32 /* of an epoch, as control hands it out */
#define CHQ_GROUP_SALT_BYTES	16
#define CHQ_GROUP_HDR_LEN	20 /* epoch, salt */
#define CHQ_GROUP_OVERHEAD	(CHQ_GROUP_HDR_LEN + CHQ_AEAD_TAG_LEN)
#define CHQ_GROUP_INNER_HDR_LEN 6
#define CHQ_GROUP_PAD		32
#define CHQ_GROUP_INNER_MAX	((CHQ_PAYLOAD_MAX - CHQ_GROUP_OVERHEAD) / CHQ_GROUP_PAD * CHQ_GROUP_PAD)
#define CHQ_GROUP_TEXT_MAX	(CHQ_GROUP_INNER_MAX - CHQ_GROUP_INNER_HDR_LEN)
#define CHQ_GROUP_PARTS_MAX	64
#define CHQ_GROUP_PAYLOAD_MAX	(CHQ_GROUP_OVERHEAD + CHQ_GROUP_INNER_MAX)
#define CHQ_APP_ANNOUNCEMENT	3 /* needs the right to announce */

/* Rights in a group. */
enum chq_group_right {
	CHQ_GROUP_POST = 0x01,
	CHQ_GROUP_ANNOUNCE = 0x02,
	CHQ_GROUP_MANAGE = 0x04,
};

/* The header's grant field of a frame that a group delivers: never below 2^32. */
#define CHQ_GROUP_EXTRA(group, order) ((uint64_t)(order) << 32 | (uint32_t)(group))
#define CHQ_GROUP_OF(extra)	      ((uint32_t)(extra))
#define CHQ_GROUP_ORDER(extra)	      ((uint32_t)((extra) >> 32))

/**
 * chq_group_epoch_key() - the key of a group's epoch, as the server derives it.
 * @master: the server's grant master key.
 */
void chq_group_epoch_key(const uint8_t master[32], uint32_t group, uint32_t epoch,
			 uint8_t key[CHQ_GROUP_KEY_BYTES]);

/**
 * chq_group_key() - K of one device, from one of its starts to the next.
 * @from: CHQ_PARTY of the sender's device.
 * @key:  output; the caller wipes it.
 */
void chq_group_key(const uint8_t epoch_key[CHQ_GROUP_KEY_BYTES], uint32_t group, uint32_t epoch,
		   uint64_t from, const uint8_t salt[CHQ_GROUP_SALT_BYTES], uint8_t key[32]);

struct chq_group_ctx {
	uint64_t from; /* CHQ_PARTY of the sender's device */
	uint32_t group, epoch;
	uint64_t message;
	uint16_t app;
};

struct chq_group_inner {
	uint16_t part, parts; /* 1..parts of 1..CHQ_GROUP_PARTS_MAX */
	uint16_t text_len;
	const uint8_t *text; /* an opened one points into the buffer */
};

/**
 * chq_group_head() - epoch and salt of a payload.
 * Return: 0; CHQ_EMALFORMED if its length is none of a payload.
 */
int chq_group_head(const uint8_t *payload, size_t len, uint32_t *epoch,
		   uint8_t salt[CHQ_GROUP_SALT_BYTES]);

/**
 * chq_group_seal() - make a payload; once for each message id and salt.
 * @key: chq_group_key() of @ctx and @salt.
 *
 * Return: its length; CHQ_ETOOBIG; CHQ_EINVAL (parts); CHQ_EINTERNAL.
 */
int chq_group_seal(const uint8_t key[32], const struct chq_group_ctx *ctx,
		   const uint8_t salt[CHQ_GROUP_SALT_BYTES], const struct chq_group_inner *in,
		   uint8_t out[CHQ_GROUP_PAYLOAD_MAX]);

/**
 * chq_group_inner_parse() - what a payload held; in->text points into @buf.
 * Return: 0; CHQ_EMALFORMED.
 */
int chq_group_inner_parse(const uint8_t *buf, size_t len, struct chq_group_inner *in);

/**
 * chq_group_open() - open a payload that chq_group_head() has taken.
 * @buf: backs in->text.
 *
 * Return: 0; CHQ_ECRYPTO; CHQ_EMALFORMED.
 */
int chq_group_open(const uint8_t key[32], const struct chq_group_ctx *ctx, const uint8_t *payload,
		   size_t len, uint8_t buf[CHQ_GROUP_INNER_MAX], struct chq_group_inner *in);
