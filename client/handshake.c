/* HELLO, RETRY, WELCOME: PROTOCOL.md, section 3. */

#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define COOKIE_GOOD_MS	    110000 /* a little less than the two minutes of its secret */
#define REPEATS_MAX	    9	   /* then a handshake begins anew, with a new look at the name */
#define REPEATS_A_TARGET    2	   /* unanswered first HELLOs before the server's next address */
#define REPEAT_MS	    1000
#define REPEAT_MAX_MS	    8000
#define RETRY_EVERY_MS	    250
#define UNREACHABLE_MS	    2000
#define BUSY_WAIT_MAX_S	    600
#define DEFAULT_KEEPALIVE_S 25

static uint64_t
spread(uint64_t ms)
{
	return ms * 9 / 10 + randombytes_uniform((uint32_t)(ms / 5 + 1));
}

void
chq_handshake_begin(struct chq_client *c, uint64_t delay_ms)
{
	chq_noise_wipe(&c->hs.noise);
	c->hs.state = CHQ_HS_WAIT;
	c->hs.next_ms = c->now_ms + delay_ms;
	chq_client_wake(c);
}

void
chq_handshake_stop(struct chq_client *c)
{
	chq_noise_wipe(&c->hs.noise);
	c->hs.state = CHQ_HS_IDLE;
}

/* A cookie belongs to an address. */
void
chq_handshake_forget_cookie(struct chq_client *c)
{
	c->hs.have_cookie = false;
	if (c->hs.state == CHQ_HS_FIRST || c->hs.state == CHQ_HS_SECOND)
		chq_handshake_begin(c, 0);
}

static void
send_hello(struct chq_client *c)
{
	uint64_t wait = REPEAT_MS;

	for (int i = 0; i < c->hs.repeats && wait < REPEAT_MAX_MS; i++)
		wait *= 2;
	c->hs.next_ms = c->now_ms + spread(wait);
	chq_path_transmit(c, c->hs.hello, sizeof(c->hs.hello));
}

static int
make_first(struct chq_client *c)
{
	struct chq_hello h = { .version_min = CHQ_VERSION_MIN, .version_max = CHQ_VERSION_MAX };

	memcpy(h.nonce, c->hs.nonce, CHQ_NONCE_LEN);
	c->hs.state = CHQ_HS_FIRST;
	return chq_hello_build(c->hs.hello, &h);
}

/* The second HELLO, with the cookie and certificate that are remembered. */
static int
make_second(struct chq_client *c)
{
	struct chq_hello h = { .version_min = CHQ_VERSION_MIN, .version_max = CHQ_VERSION_MAX };
	uint8_t prologue[CHQ_PROLOGUE_LEN], info[128], noise[256];
	int n, err;

	memcpy(h.nonce, c->hs.nonce, CHQ_NONCE_LEN);
	memcpy(h.cookie, c->hs.cookie, CHQ_COOKIE_LEN);
	c->hs.server_id = c->hs.cert.server_id;
	chq_prologue(prologue, &h, c->hs.server_id);
	err = chq_noise_init(&c->hs.noise, CHQ_NOISE_INITIATOR, prologue, sizeof(prologue),
			     &c->id.noise, c->hs.cert.server_key);
	if (err)
		return err;
	c->info.wall_ms = c->wall_ms;
	n = chq_client_info_build(info, sizeof(info), &c->info);
	if (n < 0)
		return n;
	n = chq_noise_write1(&c->hs.noise, info, (size_t)n, noise, sizeof(noise));
	if (n < 0)
		return n;
	h.noise = noise;
	h.noise_len = (uint16_t)n;
	c->hs.state = CHQ_HS_SECOND;
	return chq_hello_build(c->hs.hello, &h);
}

static int
find_server(struct chq_client *c)
{
	int err = CHQ_OK;

	if (!c->resolved)
		err = chq_transport_resolve(&c->net, c->id.invitation.host, c->id.invitation.port);
	if (!err && (!c->resolved || c->net.fd < 0))
		err = chq_transport_open(&c->net);
	if (!err)
		c->resolved = true;
	return err;
}

static void
start(struct chq_client *c)
{
	int err = find_server(c);

	if (!err) {
		randombytes_buf(c->hs.nonce, CHQ_NONCE_LEN);
		c->hs.repeats = 0;
		c->hs.begun_ms = c->now_ms;
		if (c->hs.have_cookie && c->now_ms - c->hs.cookie_ms < COOKIE_GOOD_MS)
			err = make_second(c);
		else
			err = make_first(c);
	}
	if (err) {
		chq_client_set_connection(c, c->connection, err);
		chq_handshake_begin(c, spread(UNREACHABLE_MS));
		return;
	}
	send_hello(c);
}

static void
repeat(struct chq_client *c)
{
	c->hs.repeats++;
	if (c->hs.repeats > REPEATS_MAX) {
		c->resolved = c->connection != CHQ_CONN_NONE;
		c->hs.have_cookie = false;
		start(c);
		return;
	}
	if (c->connection == CHQ_CONN_NONE && c->net.targets > 1 && c->hs.state == CHQ_HS_FIRST &&
	    c->hs.repeats % REPEATS_A_TARGET == 0) {
		chq_transport_next_target(&c->net);
		chq_transport_open(&c->net);
	}
	send_hello(c);
}

uint64_t
chq_handshake_run(struct chq_client *c)
{
	if (c->stopped || c->hs.state == CHQ_HS_IDLE)
		return CHQ_NEVER;
	if (c->now_ms >= c->hs.next_ms) {
		if (c->hs.state == CHQ_HS_WAIT)
			start(c);
		else
			repeat(c);
	}
	return c->hs.next_ms;
}

/* Does the organisation that was pinned vouch for this server, today? */
static bool
certificate_good(struct chq_client *c, const uint8_t *buf, struct chq_server_cert *cert)
{
	char fingerprint[CHQ_FINGERPRINT_LEN + 1];

	if (chq_server_cert_parse(buf, CHQ_SERVERCERT_LEN, cert) < 0)
		return false;
	chq_fingerprint(cert->org_key, fingerprint);
	return strcmp(fingerprint, c->id.invitation.fingerprint) == 0 &&
	       c->wall_ms >= cert->not_before_ms && c->wall_ms <= cert->not_after_ms;
}

void
chq_handshake_retry(struct chq_client *c, const uint8_t *buf, size_t len)
{
	struct chq_server_cert cert;
	struct chq_retry r;

	if (chq_retry_parse(buf, len, &r) < 0) {
		chq_count(c, CHQ_STAT_DROP_MALFORMED);
		return;
	}
	if ((c->hs.state != CHQ_HS_FIRST && c->hs.state != CHQ_HS_SECOND) ||
	    sodium_memcmp(r.nonce, c->hs.nonce, CHQ_NONCE_LEN) != 0 ||
	    sodium_is_zero(r.cookie, CHQ_COOKIE_LEN)) {
		chq_count(c, CHQ_STAT_DROP_NONCE);
		return;
	}
	/* A copy; or one that would make us send ever new handshakes. */
	if (c->hs.state == CHQ_HS_SECOND && (memcmp(r.cookie, c->hs.cookie, CHQ_COOKIE_LEN) == 0 ||
					     c->now_ms < c->hs.retried_ms + RETRY_EVERY_MS))
		return;
	if (!certificate_good(c, r.cert, &cert)) {
		chq_count(c, CHQ_STAT_DROP_CERT);
		return;
	}
	memcpy(c->hs.cookie, r.cookie, CHQ_COOKIE_LEN);
	c->hs.cert = cert;
	c->hs.have_cookie = true;
	c->hs.cookie_ms = c->hs.retried_ms = c->now_ms;
	c->hs.repeats = 0;
	if (make_second(c) == CHQ_OK)
		send_hello(c);
}

static int
split(struct chq_client *c, struct chq_session *s)
{
	uint8_t i2r[CHQ_NOISE_KEY_BYTES], r2i[CHQ_NOISE_KEY_BYTES];
	int err = chq_noise_split(&c->hs.noise, i2r, r2i);

	if (!err) {
		chq_session_keys_derive(&s->keys, i2r, r2i);
		memcpy(s->hash, chq_noise_hash(&c->hs.noise), CHQ_NOISE_HASH_BYTES);
	}
	sodium_memzero(i2r, sizeof(i2r));
	sodium_memzero(r2i, sizeof(r2i));
	return err;
}

/* 24 h +- 10 %, and before the server's own end of the session. */
static uint64_t
renew_after(const struct chq_welcome_body *b)
{
	uint64_t ms = spread(CHQ_HANDSHAKE_GOOD_MS);
	uint64_t left = b->expiry_ms > b->server_time_ms ? b->expiry_ms - b->server_time_ms : 0;

	if (left && ms > left * 9 / 10)
		ms = left * 9 / 10;
	return ms < 60000 ? 60000 : ms;
}

static void
open_session(struct chq_client *c, const struct chq_welcome_body *b)
{
	struct chq_session s = { .slot = b->slot, .logged_in = b->logged_in };

	if (split(c, &s) < 0)
		return;
	s.opened_ms = c->now_ms;
	s.renew_ms = c->now_ms + renew_after(b);
	s.keepalive_s = b->keepalive_s >= 1 && b->keepalive_s <= 600 ? b->keepalive_s
								     : DEFAULT_KEEPALIVE_S;
	s.server_id = b->server_id;
	chq_handshake_stop(c);
	chq_count(c, CHQ_STAT_HANDSHAKES);
	chq_request_clock(c, b->server_time_ms);
	chq_session_install(c, &s);
	sodium_memzero(&s, sizeof(s));
	chq_login_session(c);
}

static void
refused(struct chq_client *c, const struct chq_welcome_body *b)
{
	uint32_t wait = b->retry_after_s < BUSY_WAIT_MAX_S ? b->retry_after_s : BUSY_WAIT_MAX_S;
	struct chq_event ev = { .type = CHQ_EV_LOGIN_REFUSED, .err = CHQ_EDISABLED };

	if (b->status == CHQ_WELCOME_BUSY) {
		chq_client_set_connection(c, c->connection, CHQ_EBUSY_LATER);
		chq_handshake_begin(c, spread((uint64_t)(wait ? wait : 1) * 1000));
		return;
	}
	chq_client_event(c, &ev);
	chq_client_stop(c, CHQ_EDISABLED);
}

static uint8_t
best_version(const struct chq_welcome_body *b)
{
	uint8_t top = b->version_max < CHQ_VERSION_MAX ? b->version_max : CHQ_VERSION_MAX;

	return top >= CHQ_VERSION_MIN && top >= b->version_min ? top : 0;
}

void
chq_handshake_welcome(struct chq_client *c, const uint8_t *buf, size_t len)
{
	uint8_t plain[CHQ_NOISE_MAX_PAYLOAD];
	struct chq_welcome_body b;
	struct chq_welcome w;
	int n;

	if (chq_welcome_parse(buf, len, &w) < 0) {
		chq_count(c, CHQ_STAT_DROP_MALFORMED);
		return;
	}
	if (c->hs.state != CHQ_HS_SECOND ||
	    sodium_memcmp(w.nonce, c->hs.nonce, CHQ_NONCE_LEN) != 0) {
		chq_count(c, CHQ_STAT_DROP_NONCE);
		return;
	}
	n = chq_noise_read2(&c->hs.noise, w.noise, w.noise_len, plain, sizeof(plain));
	if (n < 0) {
		chq_count(c, CHQ_STAT_DROP_WELCOME);
		return;
	}
	/* From here on it is the server who speaks: what is wrong now ends this handshake. */
	if (chq_welcome_body_parse(plain, (size_t)n, &b) < 0 || b.server_id != c->hs.server_id) {
		chq_count(c, CHQ_STAT_DROP_WELCOME);
		chq_handshake_begin(c, spread(REPEAT_MAX_MS));
	} else if (best_version(&b) == 0 || b.version != best_version(&b) ||
		   w.version != b.version) {
		chq_count(c, CHQ_STAT_DROP_DOWNGRADE);
		chq_client_set_connection(c, c->connection, CHQ_EVERSION);
		chq_handshake_begin(c, spread(REPEAT_MAX_MS));
	} else if (b.status != CHQ_WELCOME_OK) {
		refused(c, &b);
	} else {
		open_session(c, &b);
	}
}
