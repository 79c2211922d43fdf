/* tests/vectors/protocol.json against proto/: both what is built and what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/aead.h"
#include "proto/cookie.h"
#include "proto/grant.h"
#include "proto/hello.h"
#include "proto/noise.h"
#include "tests/unit/proto/vectors.h"

#define FILE_NAME "tests/vectors/protocol.json"

static json_t *root;

static const json_t *
section(const char *name)
{
	const json_t *v = json_object_get(root, name);

	assert_non_null(v);
	return v;
}

static void
read_frame(const json_t *v, struct chq_frame_hdr *h)
{
	*h = (struct chq_frame_hdr){
		.flags = (uint8_t)vectors_number(v, "flags"),
		.app = (uint16_t)vectors_number(v, "app"),
		.slot = (uint32_t)vectors_number(v, "slot"),
		.seq = vectors_number(v, "seq"),
		.party = vectors_number(v, "party"),
		.message = vectors_number(v, "message"),
		.grant = vectors_number(v, "grant"),
	};
}

static void
assert_same_fields(const struct chq_frame_hdr *a, const struct chq_frame_hdr *b)
{
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->app, b->app);
	assert_int_equal(a->slot, b->slot);
	assert_true(a->seq == b->seq && a->party == b->party);
	assert_true(a->message == b->message && a->grant == b->grant);
}

static void
parties_are_packed_as_written(void **state)
{
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(section("party"), i, v)
	{
		uint64_t kind = vectors_number(v, "kind"), device = vectors_number(v, "device");
		uint64_t id = vectors_number(v, "id"), party = CHQ_PARTY(kind, device, id);
		uint8_t want[8];

		assert_int_equal(vectors_bytes(v, "party", want, 8), 8);
		assert_true(chq_get_le64(want) == party);
		assert_true(chq_party_ok(party));
		assert_true(CHQ_PARTY_KIND(party) == kind && CHQ_PARTY_DEVICE(party) == device &&
			    CHQ_PARTY_ID(party) == id);
	}
}

static void
frames_and_their_tags_are_built_and_read_as_written(void **state)
{
	uint8_t want[CHQ_DGRAM_MAX], got[CHQ_DGRAM_MAX], key[16];
	struct chq_frame_hdr h, read;
	const json_t *v;
	size_t i, len;

	(void)state;
	json_array_foreach(section("frame"), i, v)
	{
		read_frame(v, &h);
		vectors_bytes(v, "tag_key", key, sizeof(key));
		len = vectors_bytes(v, "payload", got + CHQ_FRAME_HDR_LEN, CHQ_PAYLOAD_MAX);
		chq_frame_build(got, &h, (uint16_t)len, key);
		assert_int_equal(vectors_bytes(v, "datagram", want, sizeof(want)),
				 len + CHQ_FRAME_HDR_LEN);
		assert_memory_equal(got, want, len + CHQ_FRAME_HDR_LEN);
		assert_int_equal(chq_frame_parse(want, len + CHQ_FRAME_HDR_LEN,
						 json_is_true(json_object_get(v, "from_client")),
						 &read),
				 CHQ_OK);
		assert_same_fields(&read, &h);
		assert_true(chq_frame_tag_ok(want, len + CHQ_FRAME_HDR_LEN, key));
	}
	assert_true(i >= 7);
}

static void
hop_sealed_frames_are_built_and_opened_as_written(void **state)
{
	uint8_t want[CHQ_DGRAM_MAX], got[CHQ_DGRAM_MAX], plain[CHQ_HOP_BODY_MAX], tag_key[16];
	const json_t *v = section("hop");
	struct chq_frame_hdr h;
	uint8_t hop_key[32];
	size_t len, plain_len;
	int sealed;

	(void)state;
	read_frame(v, &h);
	vectors_bytes(v, "tag_key", tag_key, sizeof(tag_key));
	vectors_key(v, "hop_key", hop_key);
	plain_len = vectors_bytes(v, "plaintext", plain, sizeof(plain));
	len = vectors_bytes(v, "datagram", want, sizeof(want));
	memcpy(got + CHQ_FRAME_HDR_LEN, plain, plain_len);
	chq_frame_put(got, &h);
	sealed = chq_hop_seal(got, plain_len, hop_key);
	assert_int_equal(sealed, plain_len + CHQ_AEAD_TAG_LEN);
	chq_frame_build(got, &h, (uint16_t)sealed, tag_key);
	assert_int_equal(len, sealed + CHQ_FRAME_HDR_LEN);
	assert_memory_equal(got, want, len);
	assert_int_equal(chq_hop_open(want, len, hop_key), plain_len);
	assert_memory_equal(want + CHQ_FRAME_HDR_LEN, plain, plain_len);
}

static void
hellos_are_built_and_read_as_written(void **state)
{
	uint8_t want[CHQ_HELLO_LEN], got[CHQ_HELLO_LEN], noise[CHQ_NOISE1_MAX];
	struct chq_hello h, read;
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(section("hello"), i, v)
	{
		h.version_min = (uint8_t)vectors_number(v, "version_min");
		h.version_max = (uint8_t)vectors_number(v, "version_max");
		vectors_bytes(v, "nonce", h.nonce, sizeof(h.nonce));
		vectors_bytes(v, "cookie", h.cookie, sizeof(h.cookie));
		h.noise = noise;
		h.noise_len = (uint16_t)vectors_bytes(v, "noise", noise, sizeof(noise));
		assert_int_equal(vectors_bytes(v, "datagram", want, sizeof(want)), sizeof(want));
		assert_int_equal(chq_hello_build(got, &h), CHQ_OK);
		assert_memory_equal(got, want, sizeof(want));
		assert_int_equal(chq_hello_parse(want, sizeof(want), &read), CHQ_OK);
		assert_int_equal(chq_hello_has_cookie(&read), i == 1);
		assert_int_equal(read.noise_len, h.noise_len);
		assert_memory_equal(read.nonce, h.nonce, sizeof(h.nonce));
		assert_memory_equal(read.cookie, h.cookie, sizeof(h.cookie));
	}
}

static void
a_retry_is_built_and_read_as_written(void **state)
{
	const json_t *v = section("retry");
	uint8_t want[CHQ_RETRY_LEN], got[CHQ_RETRY_LEN];
	struct chq_retry r, read;

	(void)state;
	r.version_min = (uint8_t)vectors_number(v, "version_min");
	r.version_max = (uint8_t)vectors_number(v, "version_max");
	vectors_bytes(v, "nonce", r.nonce, sizeof(r.nonce));
	vectors_bytes(v, "cookie", r.cookie, sizeof(r.cookie));
	vectors_bytes(v, "certificate", r.cert, sizeof(r.cert));
	assert_int_equal(vectors_bytes(v, "datagram", want, sizeof(want)), sizeof(want));
	chq_retry_build(got, &r);
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(chq_retry_parse(want, sizeof(want), &read), CHQ_OK);
	assert_memory_equal(&read, &r, sizeof(r));
}

/* Returns the family. */
static int
read_address(const json_t *v, uint8_t ip[16])
{
	const char *text = json_string_value(json_object_get(v, "address"));
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	assert_non_null(text);
	memcpy(ip, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, ip + 12) == 1)
		return 4;
	assert_int_equal(inet_pton(AF_INET6, text, ip), 1);
	return 6;
}

static void
cookies_are_made_as_written(void **state)
{
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(section("cookie"), i, v)
	{
		struct chq_cookie_secret s = { .number = (uint32_t)vectors_number(v, "number") };
		uint8_t ip[16], key[16], want[CHQ_COOKIE_LEN];
		struct chq_cookie_words w;
		uint64_t mac[2], family;

		vectors_bytes(v, "key_a", key, sizeof(key));
		s.a = chq_sipkey_load(key);
		vectors_bytes(v, "key_b", key, sizeof(key));
		s.b = chq_sipkey_load(key);
		family = (uint64_t)read_address(v, ip);
		w.addr_hi = chq_get_le64(ip);
		w.addr_lo = chq_get_le64(ip + 8);
		w.where = family << 56 | vectors_number(v, "server_id") << 16 |
			  vectors_number(v, "port");
		chq_cookie_make(&s, &w, mac);
		assert_int_equal(vectors_bytes(v, "cookie", want, sizeof(want)), sizeof(want));
		assert_int_equal(chq_get_le32(want), s.number);
		assert_true(chq_get_le64(want + 4) == mac[0] && chq_get_le64(want + 12) == mac[1]);
	}
	assert_int_equal(i, 2);
}

static void
path_tokens_are_made_as_written(void **state)
{
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(section("path_token"), i, v)
	{
		uint8_t ip[16], key[16];

		vectors_bytes(v, "secret", key, sizeof(key));
		read_address(v, ip);
		assert_true(
			chq_path_token(chq_sipkey_load(key), (uint32_t)vectors_number(v, "slot"),
				       chq_get_le64(ip), chq_get_le64(ip + 8),
				       (uint16_t)vectors_number(v, "port"),
				       vectors_number(v, "epoch")) == vectors_number(v, "token"));
	}
	assert_int_equal(i, 2);
}

static void
a_certificate_is_signed_and_read_as_written(void **state)
{
	const json_t *v = section("certificate");
	uint8_t want[CHQ_SERVERCERT_LEN], got[CHQ_SERVERCERT_LEN], secret[64], org_key[32];
	struct chq_server_cert c, read;

	(void)state;
	vectors_key(v, "org_seed", secret);
	vectors_key(v, "org_key", org_key);
	memcpy(secret + 32, org_key, 32);
	vectors_key(v, "server_key", c.server_key);
	c.server_id = (uint32_t)vectors_number(v, "server_id");
	c.not_before_ms = vectors_number(v, "not_before_ms");
	c.not_after_ms = vectors_number(v, "not_after_ms");
	chq_server_cert_sign(&c, secret);
	assert_memory_equal(c.org_key, org_key, 32);
	chq_server_cert_build(got, &c);
	assert_int_equal(vectors_bytes(v, "certificate", want, sizeof(want)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(chq_server_cert_parse(want, sizeof(want), &read), CHQ_OK);
	assert_true(read.server_id == c.server_id && read.not_before_ms == c.not_before_ms &&
		    read.not_after_ms == c.not_after_ms);
	assert_memory_equal(read.server_key, c.server_key, 32);
}

static void
fingerprint_and_invitations_are_as_written(void **state)
{
	const json_t *v = section("fingerprint");
	char text[CHQ_INVITATION_MAX];
	uint8_t key[32];
	size_t i;

	(void)state;
	vectors_key(v, "org_key", key);
	chq_fingerprint(key, text);
	assert_string_equal(text, json_string_value(json_object_get(v, "fingerprint")));
	json_array_foreach(section("invitation"), i, v)
	{
		const char *want = json_string_value(json_object_get(v, "text"));
		struct chq_invitation inv;

		assert_int_equal(chq_invitation_parse(want, &inv), CHQ_OK);
		assert_string_equal(inv.host, json_string_value(json_object_get(v, "host")));
		assert_int_equal(inv.port, vectors_number(v, "port"));
		assert_string_equal(inv.fingerprint,
				    json_string_value(json_object_get(v, "fingerprint")));
		assert_true(chq_invitation_format(&inv, text, sizeof(text)) > 0);
		if (strstr(want, ":470")) /* the port is always written */
			assert_string_equal(text, want);
	}
	assert_int_equal(i, 4);
}

static void
assert_bytes(const json_t *v, const char *member, const void *got, size_t len)
{
	uint8_t want[CHQ_DGRAM_MAX];

	assert_int_equal(vectors_bytes(v, member, want, sizeof(want)), len);
	assert_memory_equal(got, want, len);
}

static void
init_side(struct chq_noise *n, const json_t *v, enum chq_noise_role role)
{
	bool client = role == CHQ_NOISE_INITIATOR;
	uint8_t secret[32], prologue[CHQ_PROLOGUE_LEN], hello[CHQ_HELLO_LEN];
	struct chq_keypair own, server;
	struct chq_hello h;

	vectors_key(v, "server_secret", secret);
	chq_x25519_from_secret(&server, secret);
	vectors_key(v, client ? "client_secret" : "server_secret", secret);
	chq_x25519_from_secret(&own, secret);
	assert_int_equal(vectors_bytes(v, "hello", hello, sizeof(hello)), sizeof(hello));
	assert_int_equal(chq_hello_parse(hello, sizeof(hello), &h), CHQ_OK);
	chq_prologue(prologue, &h, (uint32_t)vectors_number(v, "server_id"));
	assert_bytes(v, "prologue", prologue, sizeof(prologue));
	assert_int_equal(chq_noise_init(n, role, prologue, sizeof(prologue), &own,
					client ? server.public : NULL),
			 CHQ_OK);
	vectors_key(v, client ? "client_ephemeral" : "server_ephemeral", secret);
	chq_noise_fix_ephemeral(n, secret);
}

static void
assert_session_keys(const json_t *v, const struct chq_noise *n)
{
	struct chq_session_keys keys;
	uint8_t k1[32], k2[32];

	assert_int_equal(chq_noise_split(n, k1, k2), CHQ_OK);
	assert_bytes(v, "k1", k1, 32);
	assert_bytes(v, "k2", k2, 32);
	assert_bytes(v, "hash", chq_noise_hash(n), 32);
	chq_session_keys_derive(&keys, k1, k2);
	assert_bytes(v, "tag_c2s", keys.tag_c2s, 16);
	assert_bytes(v, "tag_s2c", keys.tag_s2c, 16);
	assert_bytes(v, "hop_c2s", keys.hop_c2s, 32);
	assert_bytes(v, "hop_s2c", keys.hop_s2c, 32);
	assert_bytes(v, "login", keys.login, 32);
}

static size_t
build_info(const json_t *v, uint8_t out[CHQ_CLIENT_INFO_MAX])
{
	struct chq_client_info ci = { .kind = (uint8_t)vectors_number(v, "kind"),
				      .wall_ms = vectors_number(v, "wall_ms") };
	int len;

	strncpy(ci.software, json_string_value(json_object_get(v, "software")), CHQ_SOFTWARE_MAX);
	len = chq_client_info_build(out, CHQ_CLIENT_INFO_MAX, &ci);
	assert_true(len > 0);
	assert_bytes(v, "info", out, (size_t)len);
	return (size_t)len;
}

static void
a_handshake_gives_the_messages_and_keys_as_written(void **state)
{
	uint8_t info[CHQ_CLIENT_INFO_MAX], body[CHQ_WELCOME_BODY_LEN], m[CHQ_DGRAM_MAX], rs[32];
	uint8_t got[CHQ_DGRAM_MAX], nonce[CHQ_NONCE_LEN];
	const json_t *v = section("handshake");
	struct chq_noise client, server;
	size_t info_len = build_info(v, info);
	struct chq_welcome w;
	int len;

	(void)state;
	vectors_bytes(json_array_get(section("welcome_body"), 0), "body", body, sizeof(body));
	vectors_bytes(json_array_get(section("hello"), 1), "nonce", nonce, sizeof(nonce));
	init_side(&client, v, CHQ_NOISE_INITIATOR);
	init_side(&server, v, CHQ_NOISE_RESPONDER);
	len = chq_noise_write1(&client, info, info_len, m, sizeof(m));
	assert_bytes(v, "message1", m, (size_t)len);
	assert_int_equal(chq_noise_read1(&server, m, (size_t)len, rs, got, sizeof(got)), info_len);
	assert_memory_equal(got, info, info_len);
	assert_int_equal(chq_noise_write2_keys(&server), CHQ_OK);
	len = chq_noise_write2(&server, body, sizeof(body), m, sizeof(m));
	assert_bytes(v, "message2", m, (size_t)len);
	len = chq_welcome_build(got, sizeof(got), 1, nonce, m, (uint16_t)len);
	assert_int_equal(len, CHQ_WELCOME_LEN);
	assert_bytes(v, "welcome", got, CHQ_WELCOME_LEN);
	assert_int_equal(chq_welcome_parse(got, CHQ_WELCOME_LEN, &w), CHQ_OK);
	assert_int_equal(chq_noise_read2(&client, w.noise, w.noise_len, m, sizeof(m)),
			 sizeof(body));
	assert_memory_equal(m, body, sizeof(body));
	assert_session_keys(v, &client);
	assert_session_keys(v, &server);
}

static void
welcome_bodies_are_built_and_read_as_written(void **state)
{
	uint8_t want[CHQ_WELCOME_BODY_LEN], got[CHQ_WELCOME_BODY_LEN];
	struct chq_welcome_body b;
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(section("welcome_body"), i, v)
	{
		vectors_bytes(v, "body", want, sizeof(want));
		assert_int_equal(chq_welcome_body_parse(want, sizeof(want), &b), CHQ_OK);
		assert_int_equal(b.slot, vectors_number(v, "slot"));
		assert_int_equal(b.version, vectors_number(v, "version"));
		assert_int_equal(b.logged_in, vectors_number(v, "logged_in"));
		assert_true(b.expiry_ms == vectors_number(v, "expiry_ms"));
		assert_true(b.server_time_ms == vectors_number(v, "server_time_ms"));
		assert_true(b.account == vectors_number(v, "account"));
		assert_int_equal(b.device, vectors_number(v, "device"));
		assert_int_equal(b.status, vectors_number(v, "status"));
		assert_int_equal(b.silence_s, vectors_number(v, "silence_s"));
		assert_int_equal(b.keepalive_s, vectors_number(v, "keepalive_s"));
		assert_int_equal(b.server_id, vectors_number(v, "server_id"));
		assert_int_equal(b.retry_after_s, vectors_number(v, "retry_after_s"));
		chq_welcome_body_build(got, &b);
		assert_memory_equal(got, want, sizeof(want));
	}
	assert_int_equal(i, 2);
}

static void
a_grant_and_its_key_are_made_as_written(void **state)
{
	uint64_t receiver, sender, grant;
	const json_t *v = section("grant");
	uint8_t master[32], key[16];
	struct chq_sipkey sip;
	uint16_t day, sender_epoch;
	uint8_t kind;

	(void)state;
	kind = (uint8_t)vectors_number(v, "kind");
	day = (uint16_t)vectors_number(v, "day");
	receiver = vectors_number(v, "receiver");
	sender = vectors_number(v, "sender");
	sender_epoch = (uint16_t)vectors_number(v, "sender_epoch");
	grant = vectors_number(v, "grant");
	vectors_key(v, "master", master);
	chq_grant_key(master, kind, receiver, (uint32_t)vectors_number(v, "epoch"), key);
	assert_bytes(v, "key", key, sizeof(key));
	sip = chq_sipkey_load(key);
	assert_true(chq_grant_make(sip, kind, sender, sender_epoch, receiver, day) == grant);
	assert_true(chq_grant_ok(grant, sip, kind, sender, sender_epoch, receiver, day));
	assert_false(chq_grant_ok(grant, sip, kind, sender, sender_epoch, receiver,
				  (uint16_t)(day + 1)));
	assert_false(chq_grant_ok(grant ^ 1, sip, kind, sender, sender_epoch, receiver, day));
	assert_false(chq_grant_ok(grant, sip, kind, sender + 1, sender_epoch, receiver, day));
	assert_false(chq_grant_ok(grant, sip, kind, sender, (uint16_t)(sender_epoch + 1), receiver,
				  day));
	/* 14 bits count: what is above them is no other epoch. */
	assert_true(chq_grant_ok(grant, sip, kind, sender, (uint16_t)(sender_epoch | 0x4000),
				 receiver, day));
}

static int
load(void **state)
{
	(void)state;
	root = vectors_load(FILE_NAME);
	return chq_crypto_init();
}

static int
unload(void **state)
{
	(void)state;
	json_decref(root);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parties_are_packed_as_written),
		cmocka_unit_test(frames_and_their_tags_are_built_and_read_as_written),
		cmocka_unit_test(hop_sealed_frames_are_built_and_opened_as_written),
		cmocka_unit_test(hellos_are_built_and_read_as_written),
		cmocka_unit_test(a_retry_is_built_and_read_as_written),
		cmocka_unit_test(cookies_are_made_as_written),
		cmocka_unit_test(path_tokens_are_made_as_written),
		cmocka_unit_test(a_certificate_is_signed_and_read_as_written),
		cmocka_unit_test(fingerprint_and_invitations_are_as_written),
		cmocka_unit_test(a_handshake_gives_the_messages_and_keys_as_written),
		cmocka_unit_test(welcome_bodies_are_built_and_read_as_written),
		cmocka_unit_test(a_grant_and_its_key_are_made_as_written),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
