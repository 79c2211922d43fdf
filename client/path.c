/* Is the server still there, and do we still have the address that we had? */

#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define PINGS_MAX	3
#define PING_WAIT_MS	1000 /* doubles */
#define ANSWER_WAIT_MS	3000 /* so long something may stay unanswered before a PING asks */
#define REOPEN_EVERY_MS 1000
#define JITTER_MS	2000
#define LASTED_MS	10000 /* a session of this age was none that fails at once */

int
chq_path_transmit(struct chq_client *c, const void *buf, size_t len)
{
	int err = chq_transport_send(&c->net, buf, len);

	chq_count(c, CHQ_STAT_DATAGRAMS_OUT);
	c->path.last_out_ms = c->now_ms;
	if (err)
		c->path.send_failed = true;
	return err;
}

void
chq_path_heard(struct chq_client *c)
{
	c->path.last_in_ms = c->now_ms;
	c->path.asked_ms = 0;
	if (c->now_ms >= c->cur.opened_ms + LASTED_MS)
		c->hs.failures = 0;
}

void
chq_path_expect(struct chq_client *c)
{
	if (!c->path.asked_ms)
		c->path.asked_ms = c->now_ms;
}

void
chq_path_reset(struct chq_client *c)
{
	c->path.last_in_ms = c->path.last_out_ms = c->now_ms;
	c->path.asked_ms = 0;
	c->path.pings = 0;
	c->path.next_ping_ms = 0;
}

static void
send_ping(struct chq_client *c, struct chq_session *s, uint64_t message, uint64_t token)
{
	struct chq_frame_hdr h = { .flags = CHQ_F_PING, .message = message, .grant = token };

	chq_session_send(c, s, &h, NULL, 0);
}

void
chq_path_pong(struct chq_client *c, const struct chq_frame_hdr *h)
{
	if (c->path.pings && h->message == c->path.ping_id) {
		c->path.pings = 0;
		c->path.next_ping_ms = 0;
	}
}

void
chq_path_challenge(struct chq_client *c, struct chq_session *s, uint64_t token)
{
	/* Answers to earlier PINGs went to the old address: this one counts for them. */
	if (token)
		send_ping(c, s, c->path.ping_id, token);
}

int
chq_path_reopen(struct chq_client *c)
{
	int err = chq_transport_open(&c->net);

	c->path.reopened_ms = c->now_ms;
	c->path.send_failed = false;
	if (!err)
		chq_handshake_forget_cookie(c);
	return err;
}

static void
ping_again(struct chq_client *c)
{
	uint64_t jitter;

	if (c->path.pings == PINGS_MAX) {
		jitter = randombytes_uniform(JITTER_MS);
		chq_path_reset(c);
		chq_client_set_connection(c, CHQ_CONN_NONE, CHQ_ETIMEDOUT);
		chq_handshake_begin(c, jitter);
		return;
	}
	if (chq_transport_moved(&c->net))
		chq_path_reopen(c);
	if (c->path.pings == 0)
		randombytes_buf(&c->path.ping_id, sizeof(c->path.ping_id));
	c->path.next_ping_ms = c->now_ms + ((uint64_t)PING_WAIT_MS << c->path.pings);
	c->path.pings++;
	send_ping(c, &c->cur, c->path.ping_id, 0);
}

/* When the first PING is due, if nothing else happens. */
static uint64_t
silence_ends(const struct chq_client *c)
{
	uint64_t keep = (uint64_t)c->cur.keepalive_s * 1000;
	uint64_t due = chq_min64(c->path.last_in_ms, c->path.last_out_ms) + keep;

	if (c->path.asked_ms)
		due = chq_min64(due, c->path.asked_ms + ANSWER_WAIT_MS);
	return due;
}

/* While a lost session is replaced nobody is asked; one that is renewed must not fall silent. */
static bool
asking(const struct chq_client *c)
{
	return c->cur.used && (c->hs.state == CHQ_HS_IDLE || c->path.pings > 0 ||
			       c->connection == CHQ_CONN_LOGGED_IN);
}

uint64_t
chq_path_run(struct chq_client *c)
{
	uint64_t due;

	if (c->path.send_failed && c->now_ms >= c->path.reopened_ms + REOPEN_EVERY_MS) {
		chq_path_reopen(c);
		if (c->cur.used && c->path.pings == 0)
			ping_again(c);
	}
	due = c->path.send_failed ? c->path.reopened_ms + REOPEN_EVERY_MS : CHQ_NEVER;
	if (!asking(c))
		return due;
	if (c->now_ms >= (c->path.pings ? c->path.next_ping_ms : silence_ends(c)))
		ping_again(c);
	if (!asking(c))
		return due;
	return chq_min64(due, c->path.pings ? c->path.next_ping_ms : silence_ends(c));
}

void
chq_client_rebind(struct chq_client *c)
{
	chq_client_now(c);
	if (chq_path_reopen(c) < 0)
		c->path.send_failed = true;
	else if (c->cur.used) {
		c->path.pings = 0;
		ping_again(c);
	}
	chq_client_wake(c);
}
