/*
 * The handshake's datagrams and what they carry: HELLO, RETRY, WELCOME, server certificate,
 * fingerprint, invitation (PROTOCOL.md, section 3). Pack and parse only; the Noise messages are
 * proto/noise.h's, the cookie is proto/cookie.h's.
 *
 * Thread: any; pure functions. chq_crypto_init() (proto/aead.h) comes before those that sign or verify.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"

#define CHQ_NOISE1_MAX (CHQ_HELLO_LEN - CHQ_NOISE1_OFF)

struct chq_hello {
	uint8_t version_min, version_max;
	uint8_t nonce[CHQ_NONCE_LEN];
	uint8_t cookie[CHQ_COOKIE_LEN]; /* all zero: none */
	const uint8_t *noise;		/* into the datagram; NULL and 0 without a cookie */
	uint16_t noise_len;
};

/**
 * chq_hello_parse() - read one datagram.
 * @h: out; h->noise is valid as long as @buf.
 *
 * A version range without ours is well formed: the caller decides.
 * Return: 0; CHQ_EMALFORMED.
 */
int chq_hello_parse(const uint8_t *buf, size_t len, struct chq_hello *h);

/**
 * chq_hello_build() - make the datagram, always CHQ_HELLO_LEN bytes.
 * Return: 0; CHQ_ETOOBIG if the Noise message exceeds CHQ_NOISE1_MAX; CHQ_EINVAL if there is a cookie
 * without a Noise message or the other way round, or the versions are in the wrong order.
 */
int chq_hello_build(uint8_t buf[CHQ_HELLO_LEN], const struct chq_hello *h);

/** chq_hello_has_cookie() - 1 or 0. */
int chq_hello_has_cookie(const struct chq_hello *h);

struct chq_retry {
	uint8_t version_min, version_max; /* what the server speaks; a hint, not authenticated */
	uint8_t nonce[CHQ_NONCE_LEN];
	uint8_t cookie[CHQ_COOKIE_LEN];
	uint8_t cert[CHQ_SERVERCERT_LEN];
};

/**
 * chq_retry_parse() - read one datagram; the certificate is not looked at.
 * Return: 0; CHQ_EMALFORMED.
 */
int chq_retry_parse(const uint8_t *buf, size_t len, struct chq_retry *r);

void chq_retry_build(uint8_t buf[CHQ_RETRY_LEN], const struct chq_retry *r);

#define CHQ_WELCOME_BODY_LEN 48
#define CHQ_WELCOME_LEN	     (20 + 32 + CHQ_WELCOME_BODY_LEN + 16)

enum chq_welcome_status {
	CHQ_WELCOME_OK = 0,
	CHQ_WELCOME_DISABLED = 1,
	CHQ_WELCOME_BUSY = 2,
};

/* The sealed payload of Noise message 2. */
struct chq_welcome_body {
	uint32_t slot; /* CHQ_SLOT_NONE exactly when status is not CHQ_WELCOME_OK */
	uint8_t version, version_min, version_max;
	uint8_t logged_in;  /* 1: the device's static key is enrolled; account and device follow */
	uint64_t expiry_ms; /* wall clock; a new handshake is due before */
	uint64_t server_time_ms; /* wall clock */
	uint64_t account;	 /* 0 when not logged in */
	uint8_t device;		 /* 0 when not logged in */
	uint8_t status;		 /* enum chq_welcome_status */
	uint16_t silence_s;	 /* silent for so long = offline */
	uint16_t keepalive_s;	 /* PING after so much silence */
	uint32_t server_id;
	uint32_t retry_after_s; /* with CHQ_WELCOME_BUSY */
};

void chq_welcome_body_build(uint8_t out[CHQ_WELCOME_BODY_LEN], const struct chq_welcome_body *b);

/**
 * chq_welcome_body_parse() - read what chq_noise_read2() gave.
 * Return: 0; CHQ_EMALFORMED also if fields contradict each other.
 */
int chq_welcome_body_parse(const uint8_t *buf, size_t len, struct chq_welcome_body *b);

/**
 * chq_welcome_build() - the datagram around Noise message 2.
 * Return: its length; CHQ_ETOOBIG if it exceeds @size or a datagram.
 */
int chq_welcome_build(uint8_t *buf, size_t size, uint8_t version,
		      const uint8_t nonce[CHQ_NONCE_LEN], const uint8_t *noise, uint16_t noise_len);

struct chq_welcome {
	uint8_t version;
	uint8_t nonce[CHQ_NONCE_LEN];
	const uint8_t *noise; /* into the datagram */
	uint16_t noise_len;
};

/**
 * chq_welcome_parse() - read one datagram; w->noise is valid as long as @buf.
 * Return: 0; CHQ_EMALFORMED.
 */
int chq_welcome_parse(const uint8_t *buf, size_t len, struct chq_welcome *w);

enum chq_client_kind {
	CHQ_CLIENT_OTHER = 0,
	CHQ_CLIENT_ANDROID = 1,
	CHQ_CLIENT_IOS = 2,
	CHQ_CLIENT_PC = 3,
};

#define CHQ_SOFTWARE_MAX    64
#define CHQ_CLIENT_INFO_MAX (13 + CHQ_SOFTWARE_MAX)

/* The sealed payload of Noise message 1. */
struct chq_client_info {
	uint8_t kind; /* enum chq_client_kind; unknown ones are kept, to be treated as OTHER */
	uint64_t wall_ms;
	char software[CHQ_SOFTWARE_MAX + 1]; /* UTF-8 without control characters */
};

/**
 * chq_client_info_build() - pack; CHQ_CLIENT_INFO_MAX bytes always suffice.
 * Return: its length; CHQ_ETOOBIG if the software's name is too long; CHQ_EINVAL if it is no UTF-8 or
 * has control characters; CHQ_ENOBUFS.
 */
int chq_client_info_build(uint8_t *buf, size_t size, const struct chq_client_info *ci);

/**
 * chq_client_info_parse() - read what chq_noise_read1() gave.
 * Return: 0; CHQ_EMALFORMED.
 */
int chq_client_info_parse(const uint8_t *buf, size_t len, struct chq_client_info *ci);

#define CHQ_PROLOGUE_LEN (7 + 2 + CHQ_NONCE_LEN + CHQ_COOKIE_LEN + 4)

/**
 * chq_prologue() - Noise's prologue, from the HELLO that carries message 1.
 */
void chq_prologue(uint8_t out[CHQ_PROLOGUE_LEN], const struct chq_hello *h, uint32_t server_id);

struct chq_session_keys {
	uint8_t tag_c2s[16], tag_s2c[16];
	uint8_t hop_c2s[32], hop_s2c[32];
	uint8_t login[32]; /* seals the password; control and client alone, erased after login */
};

/**
 * chq_session_keys_derive() - a session's keys from Split's two.
 * @out: the caller wipes it.
 */
void chq_session_keys_derive(struct chq_session_keys *out, const uint8_t k_i2r[32],
			     const uint8_t k_r2i[32]);

/* The organisation's Ed25519 key signs a server's X25519 key. */
struct chq_server_cert {
	uint8_t org_key[32];
	uint8_t server_key[32];
	uint32_t server_id;
	uint64_t not_before_ms, not_after_ms; /* wall clock */
	uint8_t signature[64];
};

void chq_server_cert_build(uint8_t out[CHQ_SERVERCERT_LEN], const struct chq_server_cert *c);

/**
 * chq_server_cert_parse() - read a certificate and check its signature against the key in it.
 *
 * Whether that key is the pinned one (chq_fingerprint()) and the time is right is for the caller.
 * Return: 0; CHQ_EMALFORMED; CHQ_ECRYPTO if the signature is wrong.
 */
int chq_server_cert_parse(const uint8_t *buf, size_t len, struct chq_server_cert *c);

/**
 * chq_server_cert_sign() - fill in org_key and signature.
 * @org_secret: the organisation's Ed25519 seed (32), then its public key (32): libsodium's secret key,
 *              and the same bytes as a struct chq_signkey.
 */
void chq_server_cert_sign(struct chq_server_cert *c, const uint8_t org_secret[64]);

#define CHQ_FINGERPRINT_LEN 32 /* characters */

/**
 * chq_fingerprint() - of the organisation's public key; closed by NUL.
 */
void chq_fingerprint(const uint8_t org_key[32], char out[CHQ_FINGERPRINT_LEN + 1]);

#define CHQ_INVITATION_MAX 320 /* room for any, with its NUL */

struct chq_invitation {
	char host[256]; /* name, IPv4, or IPv6 without brackets */
	uint16_t port;
	char fingerprint[CHQ_FINGERPRINT_LEN + 1];
};

/**
 * chq_invitation_parse() - read chasqui://HOST[:PORT]#FINGERPRINT.
 * Return: 0; CHQ_EMALFORMED.
 */
int chq_invitation_parse(const char *text, struct chq_invitation *inv);

/**
 * chq_invitation_format() - write one, always with its port.
 * Return: characters without the NUL; CHQ_ENOBUFS; CHQ_EINVAL if @inv would not be read again.
 */
int chq_invitation_format(const struct chq_invitation *inv, char *out, size_t size);
