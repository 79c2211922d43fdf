#pragma once
/*
 * proto/frame: the datagrams of PROTOCOL.md as numbers, and the 48-byte FRAME header.
 * Usable from C and from BPF: no libc, no I/O. All fields are little endian; x86-64 and arm64 are.
 */
#include "proto/ints.h"

#define CHQ_PORT_DEFAULT   4700
#define CHQ_VERSION_MIN	   1
#define CHQ_VERSION_MAX	   1
#define CHQ_DGRAM_MAX	   1232 /* bytes of UDP payload */
#define CHQ_FRAME_HDR_LEN  48
#define CHQ_PAYLOAD_MAX	   (CHQ_DGRAM_MAX - CHQ_FRAME_HDR_LEN)
#define CHQ_AEAD_TAG_LEN   16
#define CHQ_HOP_BODY_MAX   (CHQ_PAYLOAD_MAX - CHQ_AEAD_TAG_LEN) /* plaintext to or from the server */
#define CHQ_HOP_SEQ_MAX	   (1ULL << 28) /* a number beyond it seals and opens nothing */
#define CHQ_NONCE_LEN	   16		/* client nonce of a handshake */
#define CHQ_COOKIE_LEN	   20
#define CHQ_SERVERCERT_LEN 148
#define CHQ_HELLO_LEN	   1200
#define CHQ_RETRY_LEN	   188
#define CHQ_NOISE1_OFF	   44
#define CHQ_SLOT_NONE	   0xffffffffU

/* First byte of every datagram. */
enum chq_type {
	CHQ_TYPE_HELLO = 0x08,
	CHQ_TYPE_RETRY = 0x09,
	CHQ_TYPE_WELCOME = 0x0a,
	CHQ_TYPE_FRAME = 0x0b,
	CHQ_TYPE_DIRECT = 0x0c,
	CHQ_TYPE_TRUNK = 0x0d,
};

enum chq_frame_flag {
	CHQ_F_HOP = 0x01,     /* sealed to the relay; else end to end */
	CHQ_F_RECEIPT = 0x02, /* the payload acknowledges messages */
	CHQ_F_STORE = 0x04,   /* may wait for an absent recipient */
	CHQ_F_PING = 0x08,
	CHQ_F_NOTICE = 0x10, /* server to client only */
};
#define CHQ_F_FROM_CLIENT (CHQ_F_HOP | CHQ_F_RECEIPT | CHQ_F_STORE | CHQ_F_PING)

/* A party is one u64: kind << 56 | device << 48 | id (48 bits). All zero is the server. */
enum chq_kind { CHQ_KIND_SERVER = 0, CHQ_KIND_ACCOUNT = 1, CHQ_KIND_GROUP = 2 };
#define CHQ_ID_MASK 0x0000ffffffffffffULL
#define CHQ_PARTY(kind, device, id) \
	((uint64_t)(kind) << 56 | (uint64_t)(device) << 48 | ((uint64_t)(id)&CHQ_ID_MASK))
#define CHQ_PARTY_KIND(party)	((uint8_t)((party) >> 56))
#define CHQ_PARTY_DEVICE(party) ((uint8_t)((party) >> 48))
#define CHQ_PARTY_ID(party)	((party)&CHQ_ID_MASK)

/* Codes of a NOTICE, in the header's app field. */
enum chq_notice {
	CHQ_NOTICE_UNKNOWN =
		1, /* unknown, not visible to you, or no valid grant: one code for all */
	CHQ_NOTICE_OFFLINE = 2,	 /* the receiver is not there and the frame was not stored */
	CHQ_NOTICE_TOO_FAST = 3, /* over the sender's quota */
	CHQ_NOTICE_PATH = 4,	 /* answer with a PING that carries the token from this address */
	CHQ_NOTICE_EXPIRED = 5,	 /* the session is over: make a new handshake */
	CHQ_NOTICE_SEAL = 6,	 /* this app must be (or must not be) hop-sealed */
	CHQ_NOTICE_MOVED = 7,
	CHQ_NOTICE_STORED = 8,
	CHQ_NOTICE_REPLACED = 9, /* this device's session was replaced by a newer one */
	CHQ_NOTICE_CLOSED = 10,	 /* closed by the server (account disabled, kicked) */
};

/* The header exactly as on the wire. Read and write it through chq_frame_get/put or aligned words. */
struct chq_frame_hdr {
	uint8_t type;	  /* CHQ_TYPE_FRAME */
	uint8_t flags;	  /* enum chq_frame_flag */
	uint16_t app;	  /* application id, 0 = chat; enum chq_notice in a NOTICE */
	uint32_t slot;	  /* sender's session towards the server, receiver's from it */
	uint64_t seq;	  /* of this session and direction, from 1 */
	uint64_t party;	  /* to (client to server) or from (server to client); CHQ_PARTY */
	uint64_t message; /* ms since 2020-01-01 << 22 plus a counter */
	uint64_t grant;	  /* grant or path token towards the server; see PROTOCOL.md from it */
	uint64_t tag;	  /* SipHash-2-4 over bytes 0..39 and the payload's length */
};
_Static_assert(sizeof(struct chq_frame_hdr) == CHQ_FRAME_HDR_LEN, "FRAME header is 48 bytes");

/**
 * chq_party_ok() - has a party the form of PROTOCOL.md, "Parties"?
 * Return: 1 or 0.
 */
static inline int
chq_party_ok(uint64_t party)
{
	switch (CHQ_PARTY_KIND(party)) {
	case CHQ_KIND_SERVER: return party == 0;
	case CHQ_KIND_ACCOUNT: return CHQ_PARTY_ID(party) != 0;
	case CHQ_KIND_GROUP: return (party & 0x00ffffff00000000ULL) == 0;
	default: return 0;
	}
}

/**
 * chq_frame_form_ok() - may a FRAME look like this? All rules on the form of a header, but type and length.
 * @h:           fields in host order.
 * @payload_len: bytes after the header.
 * @from_client: nonzero for what a client sends, zero for what a server sends.
 *
 * Known flag bits, seq not 0, party, form of PING and NOTICE, HOP towards the server.
 * Return: 1 or 0. Source: PROTOCOL.md, "FRAME".
 */
static inline int
chq_frame_form_ok(const struct chq_frame_hdr *h, uint32_t payload_len, int from_client)
{
	if (h->seq == 0 || !chq_party_ok(h->party))
		return 0;
	if (h->flags & CHQ_F_NOTICE)
		return !from_client && h->flags == CHQ_F_NOTICE && h->app != 0 && payload_len == 0;
	if (h->flags & ~CHQ_F_FROM_CLIENT)
		return 0;
	if (h->flags & CHQ_F_PING)
		return h->flags == CHQ_F_PING && h->app == 0 && h->party == 0 && payload_len == 0;
	if ((h->flags & CHQ_F_HOP) ? payload_len < CHQ_AEAD_TAG_LEN : h->party == 0)
		return 0;
	if (!from_client && h->party != 0)
		return CHQ_PARTY_KIND(h->party) == CHQ_KIND_ACCOUNT && CHQ_PARTY_DEVICE(h->party);
	return 1;
}

#ifndef __bpf__
#include <stddef.h>

/**
 * chq_frame_get() - read the fields of a header; nothing is checked.
 * @buf: CHQ_FRAME_HDR_LEN bytes of any alignment.
 */
void chq_frame_get(const uint8_t *buf, struct chq_frame_hdr *h);

/**
 * chq_frame_put() - write bytes 0..39 of a header: all but the tag. h->type is ignored.
 */
void chq_frame_put(uint8_t *buf, const struct chq_frame_hdr *h);

/**
 * chq_frame_parse() - read and check the form of a FRAME header.
 * @buf, @len:   one datagram.
 * @from_client: nonzero to apply the rules for frames that a client sends, zero for a server's.
 * @h:           out; valid only when 0 is returned.
 *
 * Checks type, length (48..1232) and chq_frame_form_ok(). It does not check the tag.
 * Thread: any. Return: 0; CHQ_EMALFORMED; CHQ_ETOOBIG.
 */
int chq_frame_parse(const uint8_t *buf, size_t len, int from_client, struct chq_frame_hdr *h);

/**
 * chq_frame_build() - write a header and its tag in front of a payload that is already in place.
 * @buf:     48 bytes of header followed by @payload_len bytes of payload.
 * @h:       fields; h->type and h->tag are ignored and made here.
 * @tag_key: 16 bytes, the tag key of session and direction.
 *
 * Thread: any.
 */
void chq_frame_build(uint8_t *buf, const struct chq_frame_hdr *h, uint16_t payload_len,
		     const uint8_t tag_key[16]);

/**
 * chq_frame_tag_ok() - verify the tag of a datagram whose form was checked, in constant time.
 *
 * Thread: any. Return: 1 if right, else 0; 0 also if @len is not that of a FRAME.
 */
int chq_frame_tag_ok(const uint8_t *buf, size_t len, const uint8_t tag_key[16]);

/**
 * chq_hop_seal() - seal the payload of a frame in place for one hop (AES-256-GCM).
 * @buf:      header whose bytes 0..39 are final (chq_frame_put(); chq_frame_build() follows, with
 *            the length returned here), then the plaintext.
 * @body_len: bytes of plaintext at buf + 48; 16 bytes of room must follow.
 * @key:      the hop key of session and direction. Nonce = 4 zero bytes || seq.
 *
 * Thread: any; chq_crypto_init() comes first.
 * Return: payload length (body_len + 16); CHQ_ETOOBIG; CHQ_EINTERNAL if the library failed.
 */
int chq_hop_seal(uint8_t *buf, size_t body_len, const uint8_t key[32]);

/**
 * chq_hop_open() - open the payload of a hop-sealed datagram in place.
 * @buf, @len: the whole datagram.
 *
 * Thread: any; chq_crypto_init() comes first.
 * Return: bytes of plaintext at buf + 48; CHQ_EMALFORMED if the length cannot be one; CHQ_ETAG if it
 * does not open (the payload is zeros then); CHQ_EINTERNAL if the library failed.
 */
int chq_hop_open(uint8_t *buf, size_t len, const uint8_t key[32]);
#endif
