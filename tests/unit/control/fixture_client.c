#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/aead.h"
#include "proto/password.h"
#include "tests/unit/control/fixture_dp.h"

void
client_init(struct fixture *f, struct fix_client *c, uint8_t host)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->server, f->ctl.keys.server.public, sizeof(c->server));
	chq_x25519_keypair(&c->key);
	c->path.ip[10] = c->path.ip[11] = 0xff;
	c->path.ip[12] = 192;
	c->path.ip[14] = 2;
	c->path.ip[15] = host;
	c->path.port = 5000;
	c->last_id = chq_ms2020() << 22;
}

void
client_hello_make(struct fix_client *c)
{
	struct chq_client_info info = { .kind = CHQ_CLIENT_PC, .wall_ms = 1, .software = "test 1" };
	struct chq_hello h = { .version_min = 1, .version_max = 1 };
	uint8_t prologue[CHQ_PROLOGUE_LEN], payload[128], noise[256];
	int len;

	randombytes_buf(h.nonce, sizeof(h.nonce));
	memset(h.cookie, 7, sizeof(h.cookie));
	chq_prologue(prologue, &h, 1);
	assert_int_equal(chq_noise_init(&c->noise, CHQ_NOISE_INITIATOR, prologue, sizeof(prologue),
					&c->key, c->server),
			 0);
	len = chq_client_info_build(payload, sizeof(payload), &info);
	assert_true(len > 0);
	len = chq_noise_write1(&c->noise, payload, (size_t)len, noise, sizeof(noise));
	assert_true(len > 0);
	h.noise = noise;
	h.noise_len = (uint16_t)len;
	assert_int_equal(chq_hello_build(c->hello, &h), 0);
}

void
client_hello_send(struct fixture *f, struct fix_client *c)
{
	union {
		struct chq_dp_hello_rx m;
		uint8_t bytes[CHQ_DP_MSG_MAX];
	} u = { .m = { .path = c->path, .dgram_len = CHQ_HELLO_LEN } };

	memcpy(u.bytes + sizeof(u.m), c->hello, CHQ_HELLO_LEN);
	fix_dp_put(f, &u, CHQ_DP_HELLO_RX, sizeof(u.m) + CHQ_HELLO_LEN, 0);
}

int
client_welcome(struct fixture *f, struct fix_client *c)
{
	uint8_t body[CHQ_WELCOME_BODY_LEN], i2r[32], r2i[32];
	struct chq_welcome w;
	int rc;

	assert_int_equal(chq_welcome_parse(f->dgram, f->dgram_len, &w), 0);
	rc = chq_noise_read2(&c->noise, w.noise, w.noise_len, body, sizeof(body));
	if (rc < 0)
		return rc;
	assert_int_equal(chq_welcome_body_parse(body, sizeof(body), &c->welcome), 0);
	assert_int_equal(chq_noise_split(&c->noise, i2r, r2i), 0);
	chq_session_keys_derive(&c->keys, i2r, r2i);
	c->ref = (struct chq_dp_ref){ .slot = c->welcome.slot };
	if (c->welcome.slot != CHQ_SLOT_NONE)
		c->ref.gen = f->slot[c->welcome.slot].gen;
	c->attempt = 0;
	return rc;
}

void
client_hello(struct fixture *f, struct fix_client *c)
{
	unsigned before = f->dgrams;

	client_hello_make(c);
	client_hello_send(f, c);
	FIX_UNTIL(f, f->dgrams > before);
	assert_true(client_welcome(f, c) > 0);
}

void
client_event(struct fixture *f, const struct fix_client *c, uint32_t kind)
{
	struct chq_dp_event m = { .ref = c->ref, .path = c->path, .kind = kind };

	fix_dp_put(f, &m, CHQ_DP_EVENT, sizeof(m), 0);
}

void
client_confirm(struct fixture *f, struct fix_client *c)
{
	f->slot[c->ref.slot].state = CHQ_DP_STATE_OPEN;
	client_event(f, c, CHQ_DP_EV_CONFIRMED);
}

void
client_send(struct fixture *f, struct fix_client *c, const uint8_t *body, size_t len)
{
	union {
		struct chq_dp_server_rx m;
		uint8_t bytes[CHQ_DP_MSG_MAX];
	} u = { .m = { .ref = c->ref,
		       .account = f->slot[c->ref.slot].open.account,
		       .body_len = (uint16_t)len,
		       .flags = CHQ_F_HOP } };

	if (len)
		memcpy(u.bytes + sizeof(u.m), body, len);
	fix_dp_put(f, &u, CHQ_DP_SERVER_RX, sizeof(u.m) + len, 0);
}

void
client_ask_id(struct fixture *f, struct fix_client *c, uint64_t id, Chasqui__Method method,
	      const ProtobufCMessage *body)
{
	uint8_t buf[CHQ_HOP_BODY_MAX];
	int len = chq_ctrl_pack_request(id, method, body, buf, sizeof(buf));

	assert_true(len > 0);
	client_send(f, c, buf, (size_t)len);
}

uint64_t
client_ask(struct fixture *f, struct fix_client *c, Chasqui__Method method,
	   const ProtobufCMessage *body)
{
	client_ask_id(f, c, ++c->last_id, method, body);
	return c->last_id;
}

/* The @i-th frame as a message to this session; NULL if it is none. */
static Chasqui__FromServer *
frame_message(struct fixture *f, const struct fix_client *c, unsigned i)
{
	const union fix_frame *fr = &f->frame[i];

	if (fr->h.ref.slot != c->ref.slot || fr->h.ref.gen != c->ref.gen ||
	    fr->h.flags != CHQ_F_HOP)
		return NULL;
	return chq_ctrl_unpack_from_server(fr->h.body, fr->h.body_len, NULL);
}

static bool
is_answer(const Chasqui__FromServer *m, uint64_t id)
{
	return m && m->body_case == CHASQUI__FROM_SERVER__BODY_RESPONSE && m->response->id == id;
}

unsigned
client_answers(struct fixture *f, const struct fix_client *c, uint64_t id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->frames; i++) {
		Chasqui__FromServer *m = frame_message(f, c, i);

		n += is_answer(m, id);
		chasqui__from_server__free_unpacked(m, NULL);
	}
	return n;
}

Chasqui__FromServer *
client_answer(struct fixture *f, const struct fix_client *c, uint64_t id)
{
	for (unsigned i = f->frames; i-- > 0;) {
		Chasqui__FromServer *m = frame_message(f, c, i);

		if (is_answer(m, id))
			return m;
		chasqui__from_server__free_unpacked(m, NULL);
	}
	return NULL;
}

Chasqui__Code
client_call(struct fixture *f, struct fix_client *c, Chasqui__Method method,
	    const ProtobufCMessage *body, const ProtobufCMessageDescriptor *type,
	    ProtobufCMessage **reply)
{
	uint64_t id = client_ask(f, c, method, body);
	Chasqui__FromServer *m;
	Chasqui__Code code;

	FIX_UNTIL(f, client_answers(f, c, id) > 0);
	m = client_answer(f, c, id);
	code = m->response->code;
	if (type)
		*reply = code ? NULL
			      : chq_ctrl_unpack(type, m->response->body.data, m->response->body.len,
						NULL);
	if (type && !code)
		assert_non_null(*reply);
	chasqui__from_server__free_unpacked(m, NULL);
	return code;
}

uint64_t
client_login_ask(struct fixture *f, struct fix_client *c, const char *login, const char *password,
		 bool enroll)
{
	Chasqui__LoginRequest m = CHASQUI__LOGIN_REQUEST__INIT;
	uint8_t sealed[CHQ_PASSWORD_SEALED_LEN];
	char name[64], device[] = "phone";

	snprintf(name, sizeof(name), "%s", login);
	m.login = name;
	m.device_name = device;
	m.attempt = ++c->attempt;
	m.enroll = enroll;
	assert_int_equal(chq_password_seal(c->keys.login, m.attempt, chq_noise_hash(&c->noise),
					   password, strlen(password), sealed),
			 0);
	m.sealed_password = (ProtobufCBinaryData){ sizeof(sealed), sealed };
	return client_ask(f, c, CHASQUI__METHOD__METHOD_LOGIN, &m.base);
}

Chasqui__Code
client_login(struct fixture *f, struct fix_client *c, const char *login, const char *password,
	     bool enroll)
{
	uint64_t id = client_login_ask(f, c, login, password, enroll);
	Chasqui__FromServer *m;
	Chasqui__Code code;

	FIX_UNTIL(f, client_answers(f, c, id) > 0);
	m = client_answer(f, c, id);
	code = m->response->code;
	chasqui__from_server__free_unpacked(m, NULL);
	return code;
}

void
client_online(struct fixture *f, struct fix_client *c, uint8_t host, const char *login)
{
	client_init(f, c, host);
	client_hello(f, c);
	assert_int_equal(c->welcome.logged_in, 0);
	assert_int_equal(client_login(f, c, login, "secret word", true), CHASQUI__CODE__OK);
}

static Chasqui__Push *
is_push(Chasqui__FromServer *m, Chasqui__Push__BodyCase kind)
{
	if (!m || m->body_case != CHASQUI__FROM_SERVER__BODY_PUSH || m->push->body_case != kind)
		return NULL;
	return m->push;
}

unsigned
client_pushes(struct fixture *f, const struct fix_client *c, Chasqui__Push__BodyCase kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->frames; i++) {
		Chasqui__FromServer *m = frame_message(f, c, i);

		n += is_push(m, kind) != NULL;
		chasqui__from_server__free_unpacked(m, NULL);
	}
	return n;
}

unsigned
client_presence(struct fixture *f, const struct fix_client *c, uint64_t account,
		Chasqui__Status status)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->frames; i++) {
		Chasqui__FromServer *m = frame_message(f, c, i);
		const Chasqui__Push *p = is_push(m, CHASQUI__PUSH__BODY_PRESENCE);

		n += p && p->presence->account == account && p->presence->status == status;
		chasqui__from_server__free_unpacked(m, NULL);
	}
	return n;
}

void
client_ack_all(struct fixture *f, struct fix_client *c)
{
	Chasqui__ToServer whole = CHASQUI__TO_SERVER__INIT;
	Chasqui__PushAck ack = CHASQUI__PUSH_ACK__INIT;
	uint8_t buf[CHQ_HOP_BODY_MAX];
	uint64_t numbers[100];
	int len;

	ack.epoch = f->ctl.epoch;
	ack.number = numbers;
	for (uint64_t i = 0; i < 100; i++)
		numbers[ack.n_number++] = i + 1;
	whole.body_case = CHASQUI__TO_SERVER__BODY_PUSH_ACK;
	whole.push_ack = &ack;
	len = chq_ctrl_pack(&whole.base, buf, sizeof(buf));
	assert_true(len > 0);
	client_send(f, c, buf, (size_t)len);
}

unsigned
client_notices(struct fixture *f, const struct fix_client *c, uint16_t code)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->frames; i++)
		n += f->frame[i].h.ref.slot == c->ref.slot && f->frame[i].h.ref.gen == c->ref.gen &&
		     f->frame[i].h.flags == CHQ_F_NOTICE && f->frame[i].h.app == code;
	return n;
}

void
client_punt(struct fixture *f, const struct fix_client *c, uint64_t account, uint64_t to,
	    uint64_t grant, uint8_t why)
{
	struct chq_dp_frame_rx m = { .ref = c->ref,
				     .from = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, account),
				     .to = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, to),
				     .message = 77,
				     .grant = grant,
				     .why = why };

	fix_dp_put(f, &m, CHQ_DP_FRAME_RX, sizeof(m), 0);
}
