/*
 * What comes out of the mailbox at the server: it is acknowledged there once it is safe here, as a receipt
 * would be given, or once it is clear that it can never be opened. Until then the server sends it again.
 */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/client.h"

#define ACKS_AT_ONCE   100
#define ASK_EVERY_MS   600000
#define ASK_TIMEOUT_MS 30000

/* A frame that came with a number, and is not safe yet. */
struct from_mail {
	uint64_t name[2]; /* party, message */
	uint64_t number;
};

void
chq_mail_init(struct chq_client *c)
{
	chq_map_init(&c->mail.coming);
}

void
chq_mail_free(struct chq_client *c)
{
	struct from_mail *m;

	CHQ_MAP_FOREACH(m, &c->mail.coming)
		free(m);
	chq_map_deinit(&c->mail.coming);
	chq_map_init(&c->mail.coming);
	free(c->mail.ack);
	c->mail.ack = NULL;
	c->mail.acks = c->mail.ack_room = 0;
}

void
chq_mail_came(struct chq_client *c, const struct chq_frame_hdr *h)
{
	uint64_t name[2] = { h->party, h->message };
	struct from_mail *m;

	if (!h->grant)
		return;
	m = chq_map_get(&c->mail.coming, name, sizeof(name));
	if (m) {
		m->number = h->grant;
		return;
	}
	m = malloc(sizeof(*m));
	if (m) {
		memcpy(m->name, name, sizeof(name));
		m->number = h->grant;
		if (chq_map_put(&c->mail.coming, name, sizeof(name), m) == 0)
			return;
	}
	free(m);
	c->no_memory = true;
}

static bool
ack_add(struct chq_client *c, uint64_t number)
{
	struct chq_mail *m = &c->mail;

	if (m->acks == m->ack_room) {
		size_t room = m->ack_room ? 2 * m->ack_room : 64;
		uint64_t *bigger = realloc(m->ack, room * sizeof(*bigger));

		if (!bigger) {
			c->no_memory = true;
			return false;
		}
		m->ack = bigger;
		m->ack_room = room;
	}
	m->ack[m->acks++] = number;
	return true;
}

void
chq_mail_safe(struct chq_client *c, uint64_t party, uint64_t message)
{
	uint64_t name[2] = { party, message };
	struct from_mail *m = chq_map_get(&c->mail.coming, name, sizeof(name));

	/* Without memory the server sends it again. */
	if (!m || !ack_add(c, m->number))
		return;
	chq_map_del(&c->mail.coming, name, sizeof(name));
	free(m);
	chq_client_wake(c);
}

void
chq_mail_flush(struct chq_client *c)
{
	struct chq_mail *m = &c->mail;

	for (size_t at = 0; at < m->acks && chq_online(c); at += ACKS_AT_ONCE) {
		Chasqui__ToServer whole = CHASQUI__TO_SERVER__INIT;
		Chasqui__MailAck ack = CHASQUI__MAIL_ACK__INIT;
		uint8_t buf[CHQ_HOP_BODY_MAX];
		int n;

		ack.number = m->ack + at;
		ack.n_number = m->acks - at < ACKS_AT_ONCE ? m->acks - at : ACKS_AT_ONCE;
		whole.body_case = CHASQUI__TO_SERVER__BODY_MAIL_ACK;
		whole.mail_ack = &ack;
		n = chq_ctrl_pack(&whole.base, buf, sizeof(buf));
		if (n > 0)
			chq_session_send_hop(c, &c->cur, 0, buf, (size_t)n);
	}
	m->acks = 0;
}

void
chq_mail_told(struct chq_client *c, uint64_t newest)
{
	if (newest == 0)
		c->mail.empty_ms = c->wall_ms;
}

static void
asked(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	Chasqui__LoginReply *m;

	(void)arg;
	if (err || r->code != CHASQUI__CODE__OK)
		return;
	m = (Chasqui__LoginReply *)chq_reply_body(c, r, &chasqui__login_reply__descriptor);
	if (!m)
		return;
	chq_mail_told(c, m->mailbox);
	chasqui__login_reply__free_unpacked(m, NULL);
	chq_client_wake(c);
}

void
chq_mail_ask(struct chq_client *c)
{
	if (!chq_online(c) || c->now_ms < c->mail.ask_ms)
		return;
	c->mail.ask_ms = c->now_ms + ASK_EVERY_MS;
	chq_request_send(c, CHASQUI__METHOD__METHOD_WHOAMI, NULL, ASK_TIMEOUT_MS, asked, 0);
}

static bool
show_text(struct chq_client *c, const Chasqui__ServerMessage *m)
{
	struct chq_event ev = { .type = CHQ_EV_SERVER_MESSAGE, .message = m->message };
	size_t len = strnlen(m->text, CHQ_HOP_BODY_MAX);
	struct chq_queued *e = chq_events_add(&c->events, &ev, m->text, len);

	if (!e || !(e->part_id = calloc(1, sizeof(*e->part_id)))) {
		c->no_memory = true;
		return e != NULL;
	}
	e->parts = 1;
	e->part_id[0] = m->message;
	c->unhandled++;
	return true;
}

/* Party 0 is the server: its ids are remembered like those of a device. */
void
chq_mail_text(struct chq_client *c, const Chasqui__ServerMessage *m)
{
	struct chq_frame_hdr h = { .message = m->message, .grant = m->number };

	if (!m->message || !m->number || c->leave_messages)
		return;
	chq_mail_came(c, &h);
	if (chq_seen_has(&c->seen, 0, m->message)) {
		if (!c->unhandled)
			chq_mail_safe(c, 0, m->message);
		return;
	}
	if (show_text(c, m) && chq_seen_add(&c->seen, 0, m->message) < 0)
		c->no_memory = true;
}
