/* Login, by password or because the device is enrolled, and what the server then says about us. */

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define LOGIN_TIMEOUT_MS  15000
#define WHOAMI_TIMEOUT_MS 30000
#define WHOAMI_AGAIN_MS	  5000
#define PASSWORD_WAIT_MS  8000 /* a session that is not logged in ends after 10 s */
#define AGAIN_MAX_S	  600

static void login_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg);

void
chq_login_wipe(struct chq_client *c)
{
	if (c->login.password)
		sodium_free(c->login.password);
	c->login.password = NULL;
}

int
chq_client_login(struct chq_client *c, const char *password, size_t len)
{
	uint8_t *p;

	if (len > CHQ_PASSWORD_MAX)
		return CHQ_ETOOBIG;
	p = sodium_malloc(1 + CHQ_PASSWORD_MAX);
	if (!p)
		return CHQ_ENOMEM;
	p[0] = (uint8_t)len;
	memcpy(p + 1, password, len);
	chq_login_wipe(c);
	c->login.password = p;
	c->login.refused = false;
	c->login.asked = false;
	c->login.again_ms = 0;
	chq_client_now(c);
	if (!c->stopped && c->cur.used && !c->cur.logged_in)
		chq_login_session(c);
	chq_client_wake(c);
	return CHQ_OK;
}

int
chq_client_register(struct chq_client *c, const char *code, const char *name)
{
	if (strlen(code) >= sizeof(c->login.code) || strlen(name) >= sizeof(c->login.new_name))
		return CHQ_ETOOBIG;
	snprintf(c->login.code, sizeof(c->login.code), "%s", code);
	snprintf(c->login.new_name, sizeof(c->login.new_name), "%s", name);
	return CHQ_OK;
}

/* Return: as chq_request_send(). */
static int
send_register(struct chq_client *c, uint8_t *sealed, size_t len)
{
	Chasqui__RegisterRequest q = CHASQUI__REGISTER_REQUEST__INIT;

	q.code = c->login.code;
	q.login = c->id.login;
	q.display_name = c->login.new_name;
	q.sealed_password = (ProtobufCBinaryData){ len, sealed };
	q.attempt = c->cur.attempt;
	q.device_name = c->login.device_name;
	return chq_request_send(c, CHASQUI__METHOD__METHOD_REGISTER, &q.base, LOGIN_TIMEOUT_MS,
				login_reply, 0);
}

static void
send_password(struct chq_client *c)
{
	Chasqui__LoginRequest q = CHASQUI__LOGIN_REQUEST__INIT;
	uint8_t sealed[CHQ_PASSWORD_SEALED_LEN];
	const uint8_t *p = c->login.password;

	if (c->now_ms > c->cur.opened_ms + PASSWORD_WAIT_MS) {
		chq_session_drop(&c->cur);
		chq_handshake_begin(c, 0);
		return;
	}
	c->cur.attempt++;
	if (chq_password_seal(c->cur.keys.login, c->cur.attempt, c->cur.hash, (const char *)p + 1,
			      p[0], sealed) < 0)
		return;
	if (c->login.code[0]) {
		if (send_register(c, sealed, sizeof(sealed)) < 0)
			c->no_memory = true;
		return;
	}
	q.login = c->id.login;
	q.sealed_password.data = sealed;
	q.sealed_password.len = sizeof(sealed);
	q.attempt = c->cur.attempt;
	q.enroll = c->login.enroll;
	q.device_name = c->login.device_name;
	if (chq_request_send(c, CHASQUI__METHOD__METHOD_LOGIN, &q.base, LOGIN_TIMEOUT_MS,
			     login_reply, 0) < 0)
		c->no_memory = true;
}

void
chq_login_session(struct chq_client *c)
{
	struct chq_event ev = { .type = CHQ_EV_PASSWORD_NEEDED };

	if (c->cur.logged_in) {
		if (chq_request_send(c, CHASQUI__METHOD__METHOD_WHOAMI, NULL, WHOAMI_TIMEOUT_MS,
				     login_reply, 1) < 0)
			c->no_memory = true;
		return;
	}
	chq_client_set_connection(c, CHQ_CONN_CONNECTED, CHQ_OK);
	if (c->login.password && !c->login.refused && c->now_ms >= c->login.again_ms) {
		send_password(c);
	} else if (!c->login.password && !c->login.asked) {
		c->login.asked = true;
		chq_client_event(c, &ev);
	}
}

static int
error_of(Chasqui__Code code)
{
	switch (code) {
	case CHASQUI__CODE__E_AUTH: return CHQ_EAUTH;
	case CHASQUI__CODE__E_DENIED: return CHQ_EDISABLED;
	case CHASQUI__CODE__E_BUSY: return CHQ_ELIMIT;
	case CHASQUI__CODE__E_UNAVAIL: return CHQ_EUNAVAIL;
	case CHASQUI__CODE__E_REPLAY: return CHQ_EREPLAY;
	case CHASQUI__CODE__E_FULL: return CHQ_EFULL;
	case CHASQUI__CODE__E_EXISTS: return CHQ_EEXIST;
	case CHASQUI__CODE__E_MALFORMED: return CHQ_EMALFORMED;
	case CHASQUI__CODE__E_NOUSER: return CHQ_EAUTH;
	default: return CHQ_EDENIED;
	}
}

static void
refuse(struct chq_client *c, int err, uint32_t retry_after_s)
{
	struct chq_event ev = { .type = CHQ_EV_LOGIN_REFUSED, .err = err };

	ev.retry_after_s = retry_after_s;
	if (err == CHQ_ELIMIT || err == CHQ_EUNAVAIL) {
		uint32_t wait = retry_after_s < AGAIN_MAX_S ? retry_after_s : AGAIN_MAX_S;

		c->login.again_ms = c->now_ms + (uint64_t)(wait ? wait : 5) * 1000;
	} else {
		c->login.refused = true;
		chq_login_wipe(c);
	}
	chq_client_event(c, &ev);
}

static void
logged_in(struct chq_client *c, const Chasqui__LoginReply *m)
{
	struct chq_event ev = { .type = CHQ_EV_LOGGED_IN, .account = m->account };
	bool anew = m->account != c->id.account || m->device != c->id.device;

	snprintf(c->login.display_name, sizeof(c->login.display_name), "%s", m->display_name);
	c->login.epoch = m->epoch;
	c->id.account = m->account;
	c->id.device = ev.device = (uint8_t)m->device;
	if (anew)
		c->id.list_version++; /* the device list names another device now */
	if (chq_identity_save(&c->id, &c->home) < 0)
		c->no_memory = true;
	c->cur.logged_in = true;
	chq_mail_told(c, m->mailbox);
	sodium_memzero(c->cur.keys.login, sizeof(c->cur.keys.login));
	chq_client_set_connection(c, CHQ_CONN_LOGGED_IN, CHQ_OK);
	if (!c->login.announced || anew)
		chq_client_event(c, &ev);
	c->login.announced = true;
	c->login.asked = false;
	if (c->login.enroll)
		chq_login_wipe(c);
	/* Whole: presence that changed while we were away is in no version. */
	chq_contacts_refresh(c, true);
	chq_publish_due(c);
	chq_own_login(c);
	c->login.code[0] = '\0';
	if (c->answers.status)
		chq_status_send(c);
}

static void
login_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	Chasqui__LoginReply *m;

	if (err) {
		if (err == CHQ_ETIMEDOUT)
			chq_handshake_begin(c, 0);
		return;
	}
	if (r->code != CHASQUI__CODE__OK) {
		if (arg == 1) /* an enrolled session that the server does not know any more */
			chq_handshake_begin(c, WHOAMI_AGAIN_MS);
		else
			refuse(c, error_of(r->code), r->retry_after_s);
		return;
	}
	m = (Chasqui__LoginReply *)chq_reply_body(c, r, &chasqui__login_reply__descriptor);
	if (!m)
		return;
	/* The keys here belong to one account: another one needs a home of its own. */
	if (m->account == 0 || m->account > CHQ_ID_MASK || m->device == 0 ||
	    m->device > UINT8_MAX || (c->id.account && c->id.account != m->account)) {
		chq_count(c, CHQ_STAT_DROP_CONTROL);
		refuse(c, CHQ_ESTALE, 0);
		chq_client_stop(c, CHQ_ESTALE);
	} else {
		logged_in(c, m);
	}
	chasqui__login_reply__free_unpacked(m, NULL);
}

uint64_t
chq_login_run(struct chq_client *c)
{
	if (c->stopped || !c->login.again_ms || c->login.refused || !c->login.password)
		return CHQ_NEVER;
	if (c->now_ms < c->login.again_ms)
		return c->login.again_ms;
	c->login.again_ms = 0;
	if (c->cur.used && !c->cur.logged_in)
		chq_login_session(c);
	return CHQ_NEVER;
}

static void
logout_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	(void)r;
	(void)arg;
	if (!err)
		chq_client_event(c, &(struct chq_event){ .type = CHQ_EV_LOGGED_OUT });
}

void
chq_client_logout(struct chq_client *c)
{
	chq_client_now(c);
	chq_receipt_flush(c);
	if (chq_online(c))
		chq_request_send(c, CHASQUI__METHOD__METHOD_LOGOUT, NULL, 2000, logout_reply, 0);
}
