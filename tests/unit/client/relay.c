/* The fake relay: handshake and frames. */

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "proto/aead.h"
#include "tests/unit/client/relay_group.h"
#include "tests/unit/client/sim.h"

#define SERVER_ID 7

static const char *const logins[SIM_CLIENTS] = { "alice", "bob", "carol", "dave" };

void
relay_init(struct sim *s)
{
	assert_int_equal(chq_crypto_init(), CHQ_OK);
	chq_ed25519_keypair(&s->org);
	memcpy(s->org_secret, s->org.seed, 32);
	memcpy(s->org_secret + 32, s->org.public, 32);
	chq_x25519_keypair(&s->server);
	memcpy(s->cert.org_key, s->org.public, 32);
	memcpy(s->cert.server_key, s->server.public, 32);
	s->cert.server_id = SERVER_ID;
	s->cert.not_before_ms = s->wall_ms - CHQ_MS_PER_DAY;
	s->cert.not_after_ms = s->wall_ms + UINT64_C(365) * CHQ_MS_PER_DAY;
	chq_server_cert_sign(&s->cert, s->org_secret);
	snprintf(s->invitation.host, sizeof(s->invitation.host), "relay.example");
	s->invitation.port = CHQ_PORT_DEFAULT;
	chq_fingerprint(s->org.public, s->invitation.fingerprint);
	s->epoch = 1;
	s->contacts_version = 5;
	for (int i = 0; i < SIM_CLIENTS; i++) {
		s->account[i].login = logins[i];
		s->account[i].id = sim_account_of(i);
	}
}

static void
cookie_for(struct sim *s, sim_addr addr, uint8_t cookie[CHQ_COOKIE_LEN])
{
	uint8_t m[44];

	memcpy(m, s->server.secret, 32);
	chq_put_le32(m + 32, addr);
	chq_put_le64(m + 36, s->mono_ms / 120000);
	crypto_generichash(cookie, CHQ_COOKIE_LEN, m, sizeof(m), NULL, 0);
}

static void
send_raw(struct sim *s, sim_addr to, const void *buf, size_t len)
{
	if (s->on_datagram)
		s->on_datagram(s, to, buf, len);
	sim_send(s, 0, to, buf, len);
}

static void
send_retry(struct sim *s, sim_addr to, const struct chq_hello *h, const uint8_t *cookie)
{
	struct chq_retry r = { .version_min = 1, .version_max = 1 };
	uint8_t buf[CHQ_RETRY_LEN];

	memcpy(r.nonce, h->nonce, CHQ_NONCE_LEN);
	memcpy(r.cookie, cookie, CHQ_COOKIE_LEN);
	chq_server_cert_build(r.cert, &s->cert);
	chq_retry_build(buf, &r);
	send_raw(s, to, buf, sizeof(buf));
}

static struct sim_session *
new_session(struct sim *s)
{
	static uint32_t slots = 100;

	for (int i = 0; i < SIM_SESSIONS; i++) {
		if (!s->session[i].used) {
			memset(&s->session[i], 0, sizeof(s->session[i]));
			s->session[i].used = true;
			s->session[i].slot = slots++;
			s->session[i].account = -1;
			return &s->session[i];
		}
	}
	fail_msg("no free session");
	return NULL;
}

static int
enrolled_as(struct sim *s, const uint8_t key[32], int *device)
{
	for (int i = 0; i < SIM_CLIENTS; i++) {
		for (*device = 0; *device < SIM_DEVICES; (*device)++) {
			const struct sim_device *d = &s->account[i].device[*device];

			if (d->is_enrolled && memcmp(d->enrolled, key, 32) == 0)
				return i;
		}
	}
	*device = 0;
	return -1;
}

static struct sim_device *
device_of(struct sim *s, const struct sim_session *x)
{
	return &s->account[x->account].device[x->device];
}

static void
welcome(struct sim *s, struct sim_session *x, struct chq_noise *n, const struct chq_hello *h)
{
	uint8_t i2r[32], r2i[32], plain[CHQ_WELCOME_BODY_LEN], noise[128], version = 1;
	struct chq_welcome_body b = {
		.slot = x->slot,
		.version = 1,
		.version_min = 1,
		.version_max = 1,
		.expiry_ms = s->wall_ms + 3 * CHQ_MS_PER_DAY,
		.server_time_ms = s->wall_ms,
		.silence_s = 90,
		.keepalive_s = 25,
		.server_id = SERVER_ID,
	};
	int len;

	if (x->account >= 0) {
		b.logged_in = 1;
		b.account = s->account[x->account].id;
		b.device = (uint8_t)(x->device + 1);
		if (s->account[x->account].disabled || device_of(s, x)->revoked) {
			b.status = CHQ_WELCOME_DISABLED;
			b.slot = CHQ_SLOT_NONE;
		}
	}
	if (s->on_welcome)
		s->on_welcome(s, &b, &version);
	chq_welcome_body_build(plain, &b);
	assert_int_equal(chq_noise_write2_keys(n), CHQ_OK);
	len = chq_noise_write2(n, plain, sizeof(plain), noise, sizeof(noise));
	assert_true(len > 0);
	assert_int_equal(chq_noise_split(n, i2r, r2i), CHQ_OK);
	chq_session_keys_derive(&x->keys, i2r, r2i);
	memcpy(x->hash, chq_noise_hash(n), 32);
	assert_int_equal(chq_welcome_build(x->welcome, sizeof(x->welcome), version, h->nonce, noise,
					   (uint16_t)len),
			 CHQ_WELCOME_LEN);
}

static void
hello(struct sim *s, sim_addr from, const uint8_t *buf, size_t len)
{
	uint8_t cookie[CHQ_COOKIE_LEN], prologue[CHQ_PROLOGUE_LEN], info[256], rs[32];
	struct sim_session *x;
	struct chq_noise n;
	struct chq_hello h;

	assert_int_equal(chq_hello_parse(buf, len, &h), CHQ_OK);
	cookie_for(s, from, cookie);
	if (!chq_hello_has_cookie(&h) || memcmp(h.cookie, cookie, CHQ_COOKIE_LEN) != 0) {
		send_retry(s, from, &h, cookie);
		return;
	}
	if (s->control_down)
		return;
	for (int i = 0; i < SIM_SESSIONS; i++) {
		x = &s->session[i];
		if (x->used && memcmp(x->nonce, h.nonce, CHQ_NONCE_LEN) == 0) {
			send_raw(s, from, x->welcome, sizeof(x->welcome));
			return;
		}
	}
	chq_prologue(prologue, &h, SERVER_ID);
	assert_int_equal(chq_noise_init(&n, CHQ_NOISE_RESPONDER, prologue, sizeof(prologue),
					&s->server, NULL),
			 CHQ_OK);
	if (chq_noise_read1(&n, h.noise, h.noise_len, rs, info, sizeof(info)) < 0)
		return;
	s->handshakes++;
	x = new_session(s);
	memcpy(x->static_key, rs, 32);
	memcpy(x->nonce, h.nonce, CHQ_NONCE_LEN);
	x->addr = from;
	x->account = enrolled_as(s, rs, &x->device);
	x->logged_in = x->account >= 0;
	welcome(s, x, &n, &h);
	send_raw(s, from, x->welcome, sizeof(x->welcome));
	chq_noise_wipe(&n);
}

void
relay_send_frame(struct sim *s, struct sim_session *to, const struct chq_frame_hdr *h,
		 const void *payload, size_t len)
{
	struct chq_frame_hdr full = *h;
	uint8_t buf[CHQ_DGRAM_MAX];

	full.slot = to->slot;
	full.seq = ++to->seq;
	if (len)
		memcpy(buf + CHQ_FRAME_HDR_LEN, payload, len);
	if (full.party == 0 && (full.flags & CHQ_F_HOP)) {
		chq_frame_put(buf, &full);
		len = (size_t)chq_hop_seal(buf, len, to->keys.hop_s2c);
	}
	chq_frame_build(buf, &full, (uint16_t)len, to->keys.tag_s2c);
	send_raw(s, to->addr, buf, CHQ_FRAME_HDR_LEN + len);
}

void
relay_send_control(struct sim *s, struct sim_session *to, const void *body, size_t len)
{
	struct chq_frame_hdr h = { .flags = CHQ_F_HOP, .message = s->mono_ms };

	relay_send_frame(s, to, &h, body, len);
}

void
relay_notice(struct sim *s, struct sim_session *to, uint16_t code, uint64_t party, uint64_t message)
{
	struct chq_frame_hdr h = { .flags = CHQ_F_NOTICE, .app = code, .party = party };

	h.message = message;
	relay_send_frame(s, to, &h, NULL, 0);
}

void
relay_close_session(struct sim *s, struct sim_session *x)
{
	if (x->account >= 0 && device_of(s, x)->session == x)
		device_of(s, x)->session = NULL;
	x->used = false;
}

struct sim_session *
relay_session_of(struct sim *s, int account)
{
	return s->account[account].device[0].session;
}

uint64_t
relay_grant(struct sim *s, int from, int to)
{
	uint64_t day = chq_day_of(s->wall_ms) + 30u;

	if (s->grant_good)
		return s->grant_good;
	return day << 48 | (uint64_t)(from * 16 + to + 1);
}

/* The first valid frame of a session of an enrolled device makes it that device's one. */
static void
confirm(struct sim *s, struct sim_session *x)
{
	struct sim_session *before;

	if (x->confirmed || !x->logged_in)
		return;
	x->confirmed = true;
	before = device_of(s, x)->session;
	device_of(s, x)->session = x;
	if (before && before != x && before->used)
		relay_notice(s, before, CHQ_NOTICE_REPLACED, 0, 0);
	if (!before)
		relay_push_presence(s, x->account, true);
}

static void
path(struct sim *s, struct sim_session *x, const struct chq_frame_hdr *h, sim_addr from)
{
	uint64_t token = 0x7000000000000000u + from;
	struct chq_frame_hdr n = { .flags = CHQ_F_NOTICE, .app = CHQ_NOTICE_PATH, .grant = token };
	sim_addr old = x->addr;

	if ((h->flags & CHQ_F_PING) && h->grant == token) {
		x->addr = from;
		return;
	}
	s->paths_asked++;
	x->addr = from; /* the NOTICE goes to the new address, all else to the old one */
	relay_send_frame(s, x, &n, NULL, 0);
	x->addr = old;
}

static void
forward(struct sim *s, struct sim_session *x, struct chq_frame_hdr h, const uint8_t *payload,
	size_t len)
{
	uint64_t to = h.party, message = h.message;
	int i = (int)(CHQ_PARTY_ID(to) - sim_account_of(0)), d = CHQ_PARTY_DEVICE(to) - 1;
	uint8_t copy[CHQ_PAYLOAD_MAX];
	uint16_t n = (uint16_t)len;

	if (relay_group_frame(s, x, &h, payload, len))
		return;
	if (s->too_fast > 0) {
		s->too_fast--;
		relay_notice(s, x, CHQ_NOTICE_TOO_FAST, to, message);
		return;
	}
	if (i < 0 || i >= SIM_CLIENTS || d < 0 || d >= SIM_DEVICES || h.grant == 0 ||
	    (s->grant_good && h.grant != s->grant_good) ||
	    (s->grants_strict && h.grant != relay_grant(s, x->account, i))) {
		relay_notice(s, x, CHQ_NOTICE_UNKNOWN, to, message);
		return;
	}
	if (!s->account[i].device[d].session) {
		relay_notice(s, x, CHQ_NOTICE_OFFLINE, to, message);
		return;
	}
	memcpy(copy, payload, len);
	h.party = CHQ_PARTY(CHQ_KIND_ACCOUNT, x->device + 1, s->account[x->account].id);
	h.grant = 0;
	if (s->on_forward && !s->on_forward(s, to, &h, copy, &n))
		return;
	s->forwarded++;
	relay_send_frame(s, s->account[i].device[d].session, &h, copy, n);
}

static void
frame(struct sim *s, sim_addr from, uint8_t *buf, size_t len)
{
	struct sim_session *x = NULL;
	struct chq_frame_hdr h;
	int n;

	assert_int_equal(chq_frame_parse(buf, len, 1, &h), CHQ_OK);
	for (int i = 0; i < SIM_SESSIONS && !x; i++)
		if (s->session[i].used && s->session[i].slot == h.slot)
			x = &s->session[i];
	if (!x || !chq_frame_tag_ok(buf, len, x->keys.tag_c2s) ||
	    !chq_replay_take(&x->replay, h.seq))
		return;
	if (x->addr != from)
		path(s, x, &h, from);
	confirm(s, x);
	if (h.flags & CHQ_F_PING) {
		relay_send_frame(
			s, x, &(struct chq_frame_hdr){ .flags = CHQ_F_PING, .message = h.message },
			NULL, 0);
	} else if (h.party == 0) {
		n = chq_hop_open(buf, len, x->keys.hop_c2s);
		assert_true(n >= 0);
		if (!s->control_down)
			relay_control(s, x, buf + CHQ_FRAME_HDR_LEN, (size_t)n);
	} else if (x->logged_in) {
		forward(s, x, h, buf + CHQ_FRAME_HDR_LEN, len - CHQ_FRAME_HDR_LEN);
	}
}

void
relay_input(struct sim *s, sim_addr from, uint8_t *buf, size_t len)
{
	assert_in_range(len, 1, CHQ_DGRAM_MAX);
	if (buf[0] == CHQ_TYPE_HELLO)
		hello(s, from, buf, len);
	else if (buf[0] == CHQ_TYPE_FRAME)
		frame(s, from, buf, len);
	else
		fail_msg("a client sent type %u", buf[0]);
}
