/*
 * bench/load: accounts file, sockets, handshakes and grants.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "bench/load/load.h"
#include "proto/control_msg.h"

#define SLOTS	       UINT32_C(1048576)
#define PENDING_MAX    64
#define RETRY_NS       UINT64_C(500000000)
#define LOGIN_LIMIT_NS UINT64_C(60000000000)
#define SOCKET_BUF     (8 << 20)

uint64_t
load_message_id(struct load_session *s)
{
	uint64_t id = chq_ms2020() << 22;

	s->message = id > s->message ? id : s->message + 1;
	return s->message;
}

struct load_socket *
load_socket_of(struct load *l, const struct load_session *s)
{
	return &l->sockets[(size_t)(s - l->sessions) % l->socket_count];
}

int
load_accounts_read(struct load *l, const char *dir, unsigned limit)
{
	char path[4096], hex[CHQ_HEX_LEN(32) + 1];
	uint8_t secret[32];
	uint64_t account;
	FILE *f;

	snprintf(path, sizeof(path), "%s/accounts", dir);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	l->sessions = calloc(limit, sizeof(*l->sessions));
	if (!l->sessions) {
		fclose(f);
		return CHQ_ENOMEM;
	}
	while (l->count < limit && fscanf(f, "%" SCNu64 " %64s", &account, hex) == 2) {
		struct load_session *s = &l->sessions[l->count++];

		if (chq_hex_decode(secret, sizeof(secret), hex, strlen(hex)) != sizeof(secret))
			break;
		chq_x25519_from_secret(&s->device, secret);
		s->account = account;
		s->slot = CHQ_SLOT_NONE;
	}
	fclose(f);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(hex, sizeof(hex));
	l->count -= l->count % 2;
	for (unsigned i = 0; i < l->count; i++)
		l->sessions[i].peer = &l->sessions[i ^ 1];
	return l->count ? 0 : CHQ_EMALFORMED;
}

static int
socket_open(const struct addrinfo *ai)
{
	int size = SOCKET_BUF, fd;

	fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int
invitation_read(const char *path, struct chq_invitation *inv)
{
	char line[512] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	return chq_invitation_parse(line, inv);
}

int
load_connect(struct load *l, const char *invitation_file)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *ai = NULL;
	struct chq_invitation inv;
	char port[8];
	int rc;

	rc = invitation_read(invitation_file, &inv);
	if (rc)
		return rc;
	memcpy(l->fingerprint, inv.fingerprint, sizeof(l->fingerprint));
	snprintf(port, sizeof(port), "%u", inv.port);
	if (getaddrinfo(inv.host, port, &hints, &ai))
		return CHQ_ENOENT;
	for (l->socket_count = 0; l->socket_count < LOAD_SOCKETS; l->socket_count++) {
		struct load_socket *sk = &l->sockets[l->socket_count];

		sk->fd = socket_open(ai);
		if (sk->fd < 0) {
			rc = sk->fd;
			break;
		}
		randombytes_buf(sk->nonce, sizeof(sk->nonce));
	}
	freeaddrinfo(ai);
	l->slots = SLOTS;
	l->by_slot = calloc(l->slots, sizeof(struct load_session *));
	return rc ? rc : l->by_slot ? 0 : CHQ_ENOMEM;
}

static void
cookie_ask(struct load_socket *sk)
{
	struct chq_hello h = { .version_min = CHQ_VERSION_MIN, .version_max = CHQ_VERSION_MAX };
	uint8_t buf[CHQ_HELLO_LEN];

	memcpy(h.nonce, sk->nonce, sizeof(h.nonce));
	if (chq_hello_build(buf, &h) == 0)
		(void)!send(sk->fd, buf, sizeof(buf), 0);
}

static int
hello_make(struct load *l, struct load_session *s)
{
	struct load_socket *sk = load_socket_of(l, s);
	struct chq_client_info ci = { .kind = CHQ_CLIENT_PC, .wall_ms = chq_wall_ms() };
	uint8_t info[128], prologue[CHQ_PROLOGUE_LEN], msg[512];
	int n, rc;

	s->hello = (struct chq_hello){ .version_min = CHQ_VERSION_MIN,
				       .version_max = CHQ_VERSION_MAX };
	randombytes_buf(s->hello.nonce, sizeof(s->hello.nonce));
	memcpy(s->hello.cookie, sk->cookie, sizeof(s->hello.cookie));
	snprintf(ci.software, sizeof(ci.software), "chasqui-load");
	n = chq_client_info_build(info, sizeof(info), &ci);
	if (n < 0)
		return n;
	chq_prologue(prologue, &s->hello, l->cert.server_id);
	rc = chq_noise_init(&s->noise, CHQ_NOISE_INITIATOR, prologue, sizeof(prologue), &s->device,
			    l->cert.server_key);
	if (rc)
		return rc;
	n = chq_noise_write1(&s->noise, info, (size_t)n, msg, sizeof(msg));
	if (n < 0)
		return n;
	s->hello.noise = msg;
	s->hello.noise_len = (uint16_t)n;
	rc = chq_hello_build(s->hello_dgram, &s->hello);
	s->hello.noise = NULL;
	return rc;
}

int
load_hop_send(struct load *l, struct load_session *s, const Chasqui__ToServer *m)
{
	uint8_t buf[CHQ_DGRAM_MAX];
	struct chq_frame_hdr h = { .flags = CHQ_F_HOP, .slot = s->slot, .seq = ++s->seq };
	int n = chq_ctrl_pack(&m->base, buf + CHQ_FRAME_HDR_LEN, CHQ_HOP_BODY_MAX);

	if (n < 0)
		return n;
	h.message = load_message_id(s);
	chq_frame_put(buf, &h);
	n = chq_hop_seal(buf, (size_t)n, s->keys.hop_c2s);
	if (n < 0)
		return n;
	chq_frame_build(buf, &h, (uint16_t)n, s->keys.tag_c2s);
	(void)!send(load_socket_of(l, s)->fd, buf, CHQ_FRAME_HDR_LEN + (size_t)n, 0);
	return 0;
}

int
load_request_send(struct load *l, struct load_session *s, Chasqui__Method method,
		  const ProtobufCMessage *body)
{
	Chasqui__Request rq = CHASQUI__REQUEST__INIT;
	Chasqui__ToServer ts = CHASQUI__TO_SERVER__INIT;
	uint8_t packed[CHQ_HOP_BODY_MAX];
	int n = body ? chq_ctrl_pack(body, packed, sizeof(packed)) : 0;

	if (n < 0)
		return n;
	rq.id = s->request;
	rq.method = method;
	rq.body = (ProtobufCBinaryData){ .data = packed, .len = (size_t)n };
	ts.body_case = CHASQUI__TO_SERVER__BODY_REQUEST;
	ts.request = &rq;
	return load_hop_send(l, s, &ts);
}

Chasqui__FromServer *
load_hop_read(struct load *l, uint8_t *buf, size_t len, struct load_session **from)
{
	struct chq_frame_hdr h;
	struct load_session *s;
	int n;

	if (chq_frame_parse(buf, len, 0, &h) || h.slot >= l->slots || !(s = l->by_slot[h.slot]) ||
	    !(h.flags & CHQ_F_HOP) || !chq_frame_tag_ok(buf, len, s->keys.tag_s2c))
		return NULL;
	s->rx_seq = h.seq > s->rx_seq ? h.seq : s->rx_seq;
	n = chq_hop_open(buf, len, s->keys.hop_s2c);
	*from = s;
	return n < 0 ? NULL : chq_ctrl_unpack_from_server(buf + CHQ_FRAME_HDR_LEN, (size_t)n, NULL);
}

static void
grant_ask(struct load *l, struct load_session *s)
{
	Chasqui__GrantRequest gr = CHASQUI__GRANT_REQUEST__INIT;

	gr.account = s->peer->account;
	load_request_send(l, s, CHASQUI__METHOD__METHOD_GRANT, &gr.base);
}

static void
on_retry(struct load *l, struct load_socket *sk, const uint8_t *buf, size_t len)
{
	char fingerprint[CHQ_FINGERPRINT_LEN + 1];
	struct chq_server_cert cert;
	struct chq_retry r;

	if (chq_retry_parse(buf, len, &r) || memcmp(r.nonce, sk->nonce, sizeof(r.nonce)) != 0 ||
	    chq_server_cert_parse(r.cert, sizeof(r.cert), &cert))
		return;
	chq_fingerprint(cert.org_key, fingerprint);
	if (strcmp(fingerprint, l->fingerprint) != 0)
		return;
	l->cert = cert;
	memcpy(sk->cookie, r.cookie, sizeof(sk->cookie));
	sk->have_cookie = true;
}

static struct load_session *
by_nonce(struct load *l, const uint8_t nonce[CHQ_NONCE_LEN])
{
	for (unsigned i = 0; i < l->count; i++) {
		struct load_session *s = &l->sessions[i];

		if (s->state == LOAD_HELLO && memcmp(s->hello.nonce, nonce, CHQ_NONCE_LEN) == 0)
			return s;
	}
	return NULL;
}

/* Message 2 of @s. Return: false if it is none. */
static bool
welcome_read(struct load_session *s, const struct chq_welcome *w, struct chq_welcome_body *wb)
{
	uint8_t body[CHQ_WELCOME_BODY_LEN];

	return chq_noise_read2(&s->noise, w->noise, w->noise_len, body, sizeof(body)) ==
		       sizeof(body) &&
	       chq_welcome_body_parse(body, sizeof(body), wb) == 0;
}

static void
on_welcome(struct load *l, const uint8_t *buf, size_t len)
{
	uint8_t i2r[32], r2i[32];
	struct chq_welcome_body wb;
	struct load_session *s;
	struct chq_welcome w;

	if (chq_welcome_parse(buf, len, &w) || !(s = by_nonce(l, w.nonce)) ||
	    !welcome_read(s, &w, &wb))
		return;
	s->next_try_ns = chq_mono_ns() + RETRY_NS;
	s->state = LOAD_IDLE; /* refused, or busy: later again */
	if (wb.status != CHQ_WELCOME_OK || !wb.logged_in || wb.slot >= l->slots ||
	    chq_noise_split(&s->noise, i2r, r2i))
		return;
	chq_session_keys_derive(&s->keys, i2r, r2i);
	s->slot = wb.slot;
	l->by_slot[s->slot] = s;
	s->state = LOAD_GRANT;
	s->request = load_message_id(s);
	grant_ask(l, s);
}

static void
on_frame(struct load *l, uint8_t *buf, size_t len)
{
	struct load_session *s = NULL;
	Chasqui__FromServer *fs = load_hop_read(l, buf, len, &s);
	Chasqui__GrantReply *gr = NULL;

	if (!fs)
		return;
	if (s->state == LOAD_GRANT && fs->body_case == CHASQUI__FROM_SERVER__BODY_RESPONSE &&
	    fs->response->id == s->request && fs->response->code == CHASQUI__CODE__OK)
		gr = chasqui__grant_reply__unpack(NULL, fs->response->body.len,
						  fs->response->body.data);
	if (gr && gr->grant) {
		s->grant = gr->grant;
		s->state = LOAD_READY;
		l->ready++;
	}
	if (gr)
		chasqui__grant_reply__free_unpacked(gr, NULL);
	chasqui__from_server__free_unpacked(fs, NULL);
}

static void
socket_read(struct load *l, struct load_socket *sk)
{
	uint8_t buf[2048];
	ssize_t n;

	while ((n = recv(sk->fd, buf, sizeof(buf), 0)) > 0) {
		if (buf[0] == CHQ_TYPE_RETRY)
			on_retry(l, sk, buf, (size_t)n);
		else if (buf[0] == CHQ_TYPE_WELCOME)
			on_welcome(l, buf, (size_t)n);
		else if (buf[0] == CHQ_TYPE_FRAME)
			on_frame(l, buf, (size_t)n);
	}
}

/* Starts or repeats what is due; at most PENDING_MAX handshakes are under way. */
static void
login_step(struct load *l, uint64_t now)
{
	unsigned pending = 0;

	for (unsigned i = 0; i < l->count && pending < PENDING_MAX; i++) {
		struct load_session *s = &l->sessions[i];
		struct load_socket *sk = load_socket_of(l, s);

		if (s->state == LOAD_READY)
			continue;
		pending++;
		if (!sk->have_cookie || now < s->next_try_ns)
			continue;
		s->next_try_ns = now + RETRY_NS;
		if (s->state == LOAD_GRANT) {
			grant_ask(l, s);
			continue;
		}
		if (s->state == LOAD_IDLE && hello_make(l, s) == 0)
			s->state = LOAD_HELLO;
		if (s->state == LOAD_HELLO)
			(void)!send(sk->fd, s->hello_dgram, CHQ_HELLO_LEN, 0);
	}
}

int
load_login(struct load *l)
{
	uint64_t start = chq_mono_ns(), told = start;

	while (l->ready < l->count) {
		struct pollfd pfd[LOAD_SOCKETS];
		uint64_t now = chq_mono_ns();

		if (now - start > LOGIN_LIMIT_NS)
			return CHQ_ETIMEDOUT;
		if (now - told > UINT64_C(1000000000)) {
			fprintf(stderr, "  logged in: %u of %u\n", l->ready, l->count);
			told = now;
		}
		for (unsigned i = 0; i < l->socket_count; i++) {
			struct load_socket *sk = &l->sockets[i];

			if (!sk->have_cookie && now >= sk->next_try_ns) {
				sk->next_try_ns = now + RETRY_NS;
				cookie_ask(sk);
			}
			pfd[i] = (struct pollfd){ .fd = sk->fd, .events = POLLIN };
		}
		login_step(l, now);
		poll(pfd, l->socket_count, 10);
		for (unsigned i = 0; i < l->socket_count; i++)
			socket_read(l, &l->sockets[i]);
	}
	return 0;
}

void
load_deinit(struct load *l)
{
	for (unsigned i = 0; i < l->socket_count; i++)
		close(l->sockets[i].fd);
	if (l->sessions)
		sodium_memzero(l->sessions, l->count * sizeof(*l->sessions));
	free(l->sessions);
	free(l->by_slot);
	free(l->latency_us_x10);
}
