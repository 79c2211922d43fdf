#pragma once
/*
 * proto/hello: HELLO, RETRY, WELCOME, the stateless cookie, server certificate and invitation.
 * Pack and parse only. Byte layouts: PROTOCOL.md, "Handshake".
 */
#include <stddef.h>
#include <stdint.h>

#include "proto/frame.h"

struct chq_hello {
	uint8_t version_min, version_max;
	uint8_t nonce[CHQ_NONCE_LEN];
	uint8_t cookie[CHQ_COOKIE_LEN]; /* all zero: none */
	const uint8_t *noise;		/* into the datagram; NULL and 0 without a cookie */
	uint16_t noise_len;
};

/** Return: 0; CHQ_EMALFORMED. A version range without ours is well formed: the caller decides. */
int chq_hello_parse(const uint8_t *buf, size_t len, struct chq_hello *h);

/** chq_hello_build() - @buf gets exactly CHQ_HELLO_LEN bytes. Return: 0; CHQ_ETOOBIG. */
int chq_hello_build(uint8_t buf[CHQ_HELLO_LEN], const struct chq_hello *h);

int chq_hello_has_cookie(const struct chq_hello *h);

struct chq_retry {
	uint8_t version_min, version_max; /* what the server speaks; a hint, not authenticated */
	uint8_t nonce[CHQ_NONCE_LEN];
	uint8_t cookie[CHQ_COOKIE_LEN];
	uint8_t cert[CHQ_SERVERCERT_LEN];
};

int chq_retry_parse(const uint8_t *buf, size_t len, struct chq_retry *r);
void chq_retry_build(uint8_t buf[CHQ_RETRY_LEN], const struct chq_retry *r);

#define CHQ_WELCOME_BODY_LEN 48
#define CHQ_WELCOME_LEN	     (20 + 32 + CHQ_WELCOME_BODY_LEN + 16)
enum chq_welcome_status { CHQ_WELCOME_OK = 0, CHQ_WELCOME_DISABLED = 1, CHQ_WELCOME_BUSY = 2 };

/* The sealed payload of Noise message 2. */
struct chq_welcome_body {
	uint32_t slot; /* CHQ_SLOT_NONE when status is not CHQ_WELCOME_OK */
	uint8_t version, version_min, version_max;
	uint8_t logged_in;  /* 1: the device's static key is enrolled, account and device follow */
	uint64_t expiry_ms; /* wall clock; a new handshake is due before */
	uint64_t server_time_ms; /* wall clock */
	uint64_t account;	 /* 0 when not logged in */
	uint8_t device;
	uint8_t status;	      /* enum chq_welcome_status */
	uint16_t silence_s;   /* silent for so long = offline */
	uint16_t keepalive_s; /* PING after so much silence */
	uint32_t server_id;
	uint32_t retry_after_s; /* with CHQ_WELCOME_BUSY */
};

void chq_welcome_body_build(uint8_t out[CHQ_WELCOME_BODY_LEN], const struct chq_welcome_body *b);
int chq_welcome_body_parse(const uint8_t *buf, size_t len, struct chq_welcome_body *b);

/** WELCOME datagram around Noise message 2: returns its length, or CHQ_ETOOBIG. */
int chq_welcome_build(uint8_t *buf, size_t size, uint8_t version,
		      const uint8_t nonce[CHQ_NONCE_LEN], const uint8_t *noise, uint16_t noise_len);
struct chq_welcome {
	uint8_t version;
	uint8_t nonce[CHQ_NONCE_LEN];
	const uint8_t *noise;
	uint16_t noise_len;
};
int chq_welcome_parse(const uint8_t *buf, size_t len, struct chq_welcome *w);

/* Sealed payload of Noise message 1. */
enum chq_client_kind {
	CHQ_CLIENT_OTHER = 0,
	CHQ_CLIENT_ANDROID = 1,
	CHQ_CLIENT_IOS = 2,
	CHQ_CLIENT_PC = 3,
};
#define CHQ_SOFTWARE_MAX 64
struct chq_client_info {
	uint8_t kind; /* unknown ones are kept and treated as CHQ_CLIENT_OTHER */
	uint64_t wall_ms;
	char software[CHQ_SOFTWARE_MAX + 1]; /* UTF-8 without control characters */
};
int chq_client_info_build(uint8_t *buf, size_t size,
			  const struct chq_client_info *ci); /* length or CHQ_E… */
int chq_client_info_parse(const uint8_t *buf, size_t len, struct chq_client_info *ci);

#define CHQ_PROLOGUE_LEN (7 + 2 + CHQ_NONCE_LEN + CHQ_COOKIE_LEN + 4)
void chq_prologue(uint8_t out[CHQ_PROLOGUE_LEN], const struct chq_hello *h, uint32_t server_id);

/* The keys of a session, from Split's two (k_i2r, k_r2i) by HKDF-Expand; labels in PROTOCOL.md. */
struct chq_session_keys {
	uint8_t tag_c2s[16], tag_s2c[16];
	uint8_t hop_c2s[32], hop_s2c[32];
	uint8_t login[32]; /* seals the password; control and client alone, erased after login */
};
void chq_session_keys_derive(struct chq_session_keys *out, const uint8_t k_i2r[32],
			     const uint8_t k_r2i[32]);

/* Server certificate: the organisation's Ed25519 key signs a server's X25519 key. 148 bytes. */
struct chq_server_cert {
	uint8_t org_key[32];
	uint8_t server_key[32];
	uint32_t server_id;
	uint64_t not_before_ms, not_after_ms; /* wall clock */
	uint8_t signature[64];
};
void chq_server_cert_build(uint8_t out[CHQ_SERVERCERT_LEN], const struct chq_server_cert *c);
/** Parses and checks the signature against the key in it; the caller compares org_key's fingerprint.
 * Return: 0; CHQ_EMALFORMED; CHQ_ECRYPTO (signature). Validity in time is the caller's to judge. */
int chq_server_cert_parse(const uint8_t *buf, size_t len, struct chq_server_cert *c);
/** Signs in place with the organisation's Ed25519 secret key (64 bytes, libsodium form). */
void chq_server_cert_sign(struct chq_server_cert *c, const uint8_t org_secret[64]);

#define CHQ_FINGERPRINT_LEN \
	32 /* characters: base32 of the first 20 bytes of SHA-256("chasqui-org-1" || key) */
void chq_fingerprint(const uint8_t org_key[32], char out[CHQ_FINGERPRINT_LEN + 1]);

/* chasqui://host:port#fingerprint (an IPv6 host in brackets; port may be absent = 4700). */
struct chq_invitation {
	char host[256];
	uint16_t port;
	char fingerprint[CHQ_FINGERPRINT_LEN + 1];
};
int chq_invitation_parse(const char *text, struct chq_invitation *inv); /* 0; CHQ_EMALFORMED */
int chq_invitation_format(const struct chq_invitation *inv, char *out, size_t size);
