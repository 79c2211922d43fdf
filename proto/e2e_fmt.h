/*
 * What devices seal for each other (PROTOCOL.md, section 6): device list, prekey, message key, payload,
 * inner, receipt, safety number. Pure functions over bytes: no storage, no I/O, no policy; pinning,
 * expiry and "shown once" are the client's.
 *
 * Thread: any. chq_crypto_init() (proto/aead.h) comes first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"
#include "proto/keys.h"

#define CHQ_DEVICES_MAX		   15
#define CHQ_DEVICE_LIST_LEN(count) (34 + 65 * (size_t)(count) + 64)
#define CHQ_DEVICE_LIST_MAX	   CHQ_DEVICE_LIST_LEN(CHQ_DEVICES_MAX)
#define CHQ_PREKEY_LEN		   133
#define CHQ_E2E_HDR_LEN		   36 /* prekey id, E */
#define CHQ_E2E_OVERHEAD	   (CHQ_E2E_HDR_LEN + CHQ_AEAD_TAG_LEN)
#define CHQ_INNER_HDR_LEN	   22
#define CHQ_INNER_PAD		   32
#define CHQ_INNER_TEXT_MAX	   1096 /* bytes of text in one frame */
#define CHQ_INNER_MAX		   1120
#define CHQ_INNER_PARTS_MAX	   64
#define CHQ_E2E_PAYLOAD_MAX	   (CHQ_E2E_OVERHEAD + CHQ_INNER_MAX)
#define CHQ_RECEIPT_IDS_MAX	   64
#define CHQ_SAFETY_LEN		   60 /* digits */

/* Bytes of inner for a text: header and text, filled up to a multiple of 32. */
#define CHQ_INNER_LEN(text_len)                                                         \
	((CHQ_INNER_HDR_LEN + (size_t)(text_len) + CHQ_INNER_PAD - 1) / CHQ_INNER_PAD * \
	 CHQ_INNER_PAD)

struct chq_device_keys {
	uint8_t device;	   /* 1..255 */
	uint8_t sign[32];  /* DS, Ed25519 */
	uint8_t ident[32]; /* IK, X25519 */
};

struct chq_device_list {
	uint64_t account, version;
	uint8_t count; /* 1..CHQ_DEVICES_MAX; devices in rising order */
	struct chq_device_keys device[CHQ_DEVICES_MAX];
};

/**
 * chq_device_list_build() - pack and sign a device list.
 * @account_key: the account's Ed25519 key.
 * @out:         room for @size bytes; CHQ_DEVICE_LIST_LEN(list->count) are needed.
 *
 * Return: its length; CHQ_EINVAL if count, account or the order of devices is wrong; CHQ_ENOBUFS.
 */
int chq_device_list_build(const struct chq_device_list *list, const struct chq_signkey *account_key,
			  uint8_t *out, size_t size);

/**
 * chq_device_list_parse() - read a device list and verify its signature.
 * @account_key: the account's Ed25519 public key, pinned or about to be.
 *
 * The caller compares account and version with what it expects.
 * Return: 0; CHQ_EMALFORMED; CHQ_ECRYPTO if @account_key did not sign it. @list is valid on 0 only.
 */
int chq_device_list_parse(const uint8_t *buf, size_t len, const uint8_t account_key[32],
			  struct chq_device_list *list);

/**
 * chq_device_list_find() - the entry of a device, or NULL. Valid as long as @list.
 */
const struct chq_device_keys *chq_device_list_find(const struct chq_device_list *list,
						   uint8_t device);

struct chq_prekey {
	uint64_t account;
	uint8_t device;
	uint32_t id;
	uint8_t spk[32];
	uint64_t expiry_ms; /* wall clock */
};

/**
 * chq_prekey_build() - pack and sign a prekey with the device's signing key DS.
 */
void chq_prekey_build(const struct chq_prekey *pk, const struct chq_signkey *device_sign,
		      uint8_t out[CHQ_PREKEY_LEN]);

/**
 * chq_prekey_parse() - read a prekey and verify its signature.
 * @device_sign: DS of the device, from its account's device list.
 *
 * The caller compares account and device, and judges the expiry.
 * Return: 0; CHQ_EMALFORMED; CHQ_ECRYPTO. @pk is valid on 0 only.
 */
int chq_prekey_parse(const uint8_t *buf, size_t len, const uint8_t device_sign[32],
		     struct chq_prekey *pk);

/**
 * chq_e2e_key_send() - K for messages from the own device to another one.
 * @from, @to: CHQ_PARTY of both devices.
 * @ident:     IK of the sender.
 * @eph:       E: made anew for each K.
 * @peer_ident, @peer_spk: IK and SPK of the receiver.
 * @key:       output; the caller wipes it.
 *
 * Return: 0; CHQ_ECRYPTO if a Diffie-Hellman result is all zeros (@key is zeros then).
 */
int chq_e2e_key_send(uint64_t from, uint64_t to, const struct chq_keypair *ident,
		     const struct chq_keypair *eph, const uint8_t peer_ident[32],
		     const uint8_t peer_spk[32], uint8_t key[32]);

/**
 * chq_e2e_key_recv() - the same K at the receiver.
 * @ident, @spk: the receiver's pairs; @spk is that of the payload's prekey id.
 * @peer_ident:  IK of the sender, from its account's device list.
 * @peer_eph:    E of the payload.
 *
 * Return: as chq_e2e_key_send().
 */
int chq_e2e_key_recv(uint64_t from, uint64_t to, const struct chq_keypair *ident,
		     const struct chq_keypair *spk, const uint8_t peer_ident[32],
		     const uint8_t peer_eph[32], uint8_t key[32]);

/* What of a frame's header is authenticated end to end. */
struct chq_e2e_ctx {
	uint64_t from, to; /* CHQ_PARTY of both devices */
	uint64_t message;
	uint16_t app;
	uint8_t flags; /* only CHQ_F_RECEIPT counts */
};

/**
 * chq_e2e_payload_head() - prekey id and E of a sealed payload, to find K with.
 * Return: 0; CHQ_EMALFORMED if it is too short, too long or not of whole blocks.
 */
int chq_e2e_payload_head(const uint8_t *payload, size_t len, uint32_t *prekey_id, uint8_t eph[32]);

/**
 * chq_e2e_seal() - make a payload. Once for each message id and K: see PROTOCOL.md.
 * @inner: made by chq_inner_build(); must not overlap @out.
 * @out:   room for @size bytes; CHQ_E2E_OVERHEAD + @inner_len are needed.
 *
 * Return: the payload's length; CHQ_EINVAL if @inner_len is no inner's; CHQ_ENOBUFS; CHQ_EINTERNAL.
 */
int chq_e2e_seal(const uint8_t key[32], const struct chq_e2e_ctx *ctx, uint32_t prekey_id,
		 const uint8_t eph[32], const uint8_t *inner, size_t inner_len, uint8_t *out,
		 size_t size);

/**
 * chq_e2e_open() - open a payload.
 * @inner: room for CHQ_INNER_MAX bytes.
 *
 * Return: the inner's length, to be given to chq_inner_parse(); CHQ_EMALFORMED; CHQ_ECRYPTO.
 */
int chq_e2e_open(const uint8_t key[32], const struct chq_e2e_ctx *ctx, const uint8_t *payload,
		 size_t len, uint8_t inner[CHQ_INNER_MAX]);

struct chq_inner {
	uint64_t previous;    /* message id before this one to the same device; 0 = none */
	uint16_t part, parts; /* part 1..parts of 1..CHQ_INNER_PARTS_MAX */
	uint64_t grant;	      /* reply grant or 0 */
	const uint8_t *text;  /* a parsed one points into the inner */
	uint16_t text_len;
};

/**
 * chq_inner_build() - pack.
 * Return: its length, CHQ_INNER_LEN(in->text_len); CHQ_ETOOBIG if the text exceeds
 * CHQ_INNER_TEXT_MAX; CHQ_EINVAL if the parts are wrong.
 */
int chq_inner_build(const struct chq_inner *in, uint8_t out[CHQ_INNER_MAX]);

/**
 * chq_inner_parse() - read; in->text is valid as long as @buf. The text is any bytes: whoever shows
 * it checks that it is UTF-8.
 * Return: 0; CHQ_EMALFORMED.
 */
int chq_inner_parse(const uint8_t *buf, size_t len, struct chq_inner *in);

/**
 * chq_receipt_pack() - the text of a RECEIPT frame's inner: 1 to CHQ_RECEIPT_IDS_MAX message ids.
 * @out: room for 8 * @n bytes.
 * Return: its length; CHQ_EINVAL if @n is out of range.
 */
int chq_receipt_pack(const uint64_t *ids, size_t n, uint8_t *out);

/**
 * chq_receipt_parse() - the ids of a RECEIPT frame.
 * @in: its inner; previous must be 0, and it is one part of one.
 * Return: how many (1..CHQ_RECEIPT_IDS_MAX); CHQ_EMALFORMED.
 */
int chq_receipt_parse(const struct chq_inner *in, uint64_t ids[CHQ_RECEIPT_IDS_MAX]);

/**
 * chq_safety_number() - the digits that two people compare. Takes some milliseconds.
 * The order of the two accounts does not matter.
 * @out: CHQ_SAFETY_LEN digits, closed by NUL.
 */
void chq_safety_number(uint64_t account_a, const uint8_t key_a[32], uint64_t account_b,
		       const uint8_t key_b[32], char out[CHQ_SAFETY_LEN + 1]);
