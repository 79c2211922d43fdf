#include "tests/unit/control/fixture.h"

#include <event2/event.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "proto/aead.h"
#include "proto/password.h"

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
dp_listen(const struct fixture *f)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/dataplane-default.sock", f->dir);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void
dp_put(struct fixture *f, void *msg, uint16_t type, size_t len, uint32_t req)
{
	struct chq_dp_hdr *h = msg;

	*h = (struct chq_dp_hdr){ .type = type, .len = (uint16_t)len, .req = req };
	assert_true(chq_dp_check(msg, len) > 0);
	assert_int_equal(send(f->dp, msg, len, MSG_NOSIGNAL), len);
}

static void
dp_done(struct fixture *f, uint32_t req, int err)
{
	struct chq_dp_done m = { .err = err };

	dp_put(f, &m, CHQ_DP_DONE, sizeof(m), req);
}

static void
dp_info(struct fixture *f, uint32_t req)
{
	struct chq_dp_info m = { .version = CHQ_DP_VERSION,
				 .sessions_max = FIX_SLOTS,
				 .accounts_max = FIX_SLOTS,
				 .port = CHQ_PORT_DEFAULT,
				 .driver = "fake" };

	memcpy(m.boot_id, f->boot_id, sizeof(m.boot_id));
	f->hellos++;
	dp_put(f, &m, CHQ_DP_INFO, sizeof(m), req);
}

static void
dp_open(struct fixture *f, const struct chq_dp_session_open *m)
{
	struct chq_dp_session_opened a = { .err = CHQ_EFULL };

	for (uint32_t i = 0; i < FIX_SLOTS && !f->mute_opens; i++) {
		struct fix_slot *s = &f->slot[i];

		if (s->state != CHQ_DP_STATE_FREE)
			continue;
		s->state = m->account ? CHQ_DP_STATE_NEW : CHQ_DP_STATE_PRELOGIN;
		s->gen++;
		s->open = *m;
		s->closed = 0;
		a.err = 0;
		a.ref = (struct chq_dp_ref){ .slot = i, .gen = s->gen };
		break;
	}
	f->opens++;
	dp_put(f, &a, CHQ_DP_SESSION_OPENED, sizeof(a), m->h.req);
}

static struct fix_slot *
dp_slot(struct fixture *f, struct chq_dp_ref ref)
{
	struct fix_slot *s = &f->slot[ref.slot];

	return s->gen == ref.gen && s->state != CHQ_DP_STATE_FREE ? s : NULL;
}

static void
dp_login(struct fixture *f, const struct chq_dp_session_login *m)
{
	struct fix_slot *s = dp_slot(f, m->ref);

	if (s && f->full_accounts) {
		dp_done(f, m->h.req, CHQ_EFULL);
		return;
	}
	if (s) {
		s->open.account = m->account;
		s->open.device = m->device;
		memcpy(s->open.grant_key, m->grant_key, sizeof(m->grant_key));
		s->state = CHQ_DP_STATE_OPEN;
	}
	dp_done(f, m->h.req, s ? 0 : CHQ_ENOENT);
}

static void
dp_close(struct fixture *f, const struct chq_dp_session_close *m)
{
	struct fix_slot *s = dp_slot(f, m->ref);

	if (s) {
		s->state = CHQ_DP_STATE_FREE;
		s->closed++;
		s->notice = m->notice;
	}
	dp_done(f, m->h.req, s ? 0 : CHQ_ENOENT);
}

static void
dp_dump(struct fixture *f, uint32_t req)
{
	struct chq_dp_hdr end;

	for (uint32_t i = 0; i < FIX_SLOTS; i++) {
		struct fix_slot *s = &f->slot[i];
		struct chq_dp_session_info m = { .ref = { .slot = i, .gen = s->gen },
						 .path = s->open.path,
						 .account = s->open.account,
						 .expires_in_s = 3600,
						 .device = s->open.device,
						 .kind = s->open.kind,
						 .state = s->state };

		if (s->state != CHQ_DP_STATE_FREE)
			dp_put(f, &m, CHQ_DP_SESSION_INFO, sizeof(m), req);
	}
	dp_put(f, &end, CHQ_DP_DUMP_END, sizeof(end), req);
	f->dumps++;
}

static void
dp_grant_key(struct fixture *f, const struct chq_dp_grant_key *m)
{
	f->grant_keys++;
	for (uint32_t i = 0; i < FIX_SLOTS; i++)
		if (f->slot[i].open.account == m->account && f->slot[i].state == CHQ_DP_STATE_OPEN)
			memcpy(f->slot[i].open.grant_key, m->grant_key, sizeof(m->grant_key));
}

static void
dp_frame(struct fixture *f, const struct chq_dp_frame_tx *m)
{
	union fix_frame *at = &f->frame[f->frames];

	assert_true(f->frames < FIX_FRAMES_MAX);
	if (!dp_slot(f, m->ref))
		return;
	memcpy(at->bytes, m, sizeof(*m) + m->body_len);
	f->frames++;
}

static void
dp_message(struct fixture *f, const void *msg, int type)
{
	const struct chq_dp_hdr *h = msg;
	const struct chq_dp_dgram_tx *d = msg;

	switch (type) {
	case CHQ_DP_HELLO: dp_info(f, h->req); break;
	case CHQ_DP_SERVER_SET: f->server_sets++; break;
	case CHQ_DP_DUMP: dp_dump(f, h->req); break;
	case CHQ_DP_SESSION_OPEN: dp_open(f, msg); break;
	case CHQ_DP_SESSION_LOGIN: dp_login(f, msg); break;
	case CHQ_DP_SESSION_CLOSE: dp_close(f, msg); break;
	case CHQ_DP_GRANT_KEY: dp_grant_key(f, msg); break;
	case CHQ_DP_FRAME_TX: dp_frame(f, msg); break;
	case CHQ_DP_DGRAM_TX:
		memcpy(f->dgram, d->dgram, d->dgram_len);
		f->dgram_len = d->dgram_len;
		f->dgrams++;
		break;
	default: fail_msg("control sent a message of type %d", type);
	}
}

static void
dp_step(struct fixture *f)
{
	_Alignas(8) uint8_t buf[CHQ_DP_MSG_MAX];
	ssize_t n;

	if (f->dp < 0)
		f->dp = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	if (f->dp < 0)
		return;
	while ((n = recv(f->dp, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		int type = chq_dp_check(buf, (size_t)n);

		assert_true(type > 0);
		dp_message(f, buf, type);
	}
	if (n == 0) {
		close(f->dp);
		f->dp = -1;
	}
}

void
fixture_step(struct fixture *f)
{
	if (f->running)
		event_base_loop(f->base, EVLOOP_NONBLOCK);
	dp_step(f);
	usleep(500);
}

void
fixture_settle(struct fixture *f)
{
	for (unsigned i = 0; i < 200; i++)
		fixture_step(f);
}

void
fixture_start(struct fixture *f)
{
	struct control_error err = { "" };

	assert_int_equal(control_start(&f->ctl, f->base, &f->conf, &f->timing, &err), 0);
	f->running = true;
	FIX_UNTIL(f, f->ctl.dp.ready);
}

void
fixture_stop(struct fixture *f)
{
	control_stop(&f->ctl);
	f->running = false;
	dp_step(f);
}

void
fixture_dp_cut(struct fixture *f)
{
	close(f->dp);
	f->dp = -1;
	FIX_UNTIL(f, !f->ctl.dp.ready);
}

static void
fixture_conf(struct fixture *f)
{
	struct chq_conf_error why;
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "paths: {store: %s/store, keys: %s/keys, run: %s}\n"
			 "control: {socket: %s/control.sock, group: \"\"}\n"
			 "passwords: {memory: 8MiB, passes: 1, threads: 2}\n"
			 "store: {map_size: 1MiB}\n",
			 f->dir, f->dir, f->dir, f->dir);

	assert_int_equal(chq_conf_parse(&chq_site_schema, "test", text, (size_t)n, &f->conf, &why),
			 0);
}

static void
fixture_user(struct fixture *f, const char *login)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "{\"noun\":\"user\",\"verb\":\"add\",\"args\":[\"%s\"],"
		 "\"opts\":{\"password\":\"secret word\"}}\n",
		 login);
	assert_non_null(strstr(fixture_ctl(f, line), "\"ok\":true"));
}

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct keys_error why;
	uint8_t org[32];
	char keys[128];

	assert_int_equal(chq_crypto_init(), 0);
	chq_log_set_level(CHQ_LEVEL_ERROR);
	snprintf(f->dir, sizeof(f->dir), "/tmp/chq-control-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(keys, sizeof(keys), "%s/keys", f->dir);
	assert_int_equal(mkdir(keys, 0700), 0);
	assert_int_equal(
		control_keys_make(keys, 1, 0, chq_wall_ms() + 1000 * CHQ_MS_PER_DAY, org, &why), 0);
	fixture_conf(f);
	f->timing = control_timing_default;
	f->timing.resync_ms = 0;
	f->timing.tick_ms = 5;
	f->frame = calloc(FIX_FRAMES_MAX, sizeof(*f->frame));
	f->dp = -1;
	f->listener = dp_listen(f);
	memset(f->boot_id, 1, sizeof(f->boot_id));
	f->base = event_base_new();
	fixture_start(f);
	fixture_user(f, "alice");
	fixture_user(f, "bob");
	fixture_user(f, "carol");
	*state = f;
	return 0;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->running)
		fixture_stop(f);
	event_base_free(f->base);
	if (f->dp >= 0)
		close(f->dp);
	if (f->listener >= 0)
		close(f->listener);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	chq_site_conf_free(&f->conf);
	free(f->frame);
	free(f);
	return 0;
}

const char *
fixture_ctl(struct fixture *f, const char *line)
{
	static char answer[65536];
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t used = 0;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->conf.control.socket);
	assert_int_equal(connect(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
	for (unsigned tries = 0; tries < 40000; tries++) {
		ssize_t n = recv(fd, answer + used, sizeof(answer) - 1 - used, MSG_DONTWAIT);

		if (n == 0)
			break;
		used += n > 0 ? (size_t)n : 0;
		if (used && answer[used - 1] == '\n')
			break;
		fixture_step(f);
	}
	answer[used] = '\0';
	close(fd);
	return answer;
}

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
	dp_put(f, &u, CHQ_DP_HELLO_RX, sizeof(u.m) + CHQ_HELLO_LEN, 0);
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

	dp_put(f, &m, CHQ_DP_EVENT, sizeof(m), 0);
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
	dp_put(f, &u, CHQ_DP_SERVER_RX, sizeof(u.m) + len, 0);
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

	dp_put(f, &m, CHQ_DP_FRAME_RX, sizeof(m), 0);
}
