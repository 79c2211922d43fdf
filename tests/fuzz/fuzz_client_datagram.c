/*
 * What a server, or who holds its place, can send to a client that is logged in. The first byte says how
 * deep the rest goes: 0 a datagram as it is; 1 a frame's flags, app, party, message and grant, and its
 * payload, under a right tag; 2 the plaintext of a control message; 3 the inner of a message from a
 * contact, 4 of a receipt.
 */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "client/client.h"
#include "tests/fuzz/fuzz.h"

#define SLOT   7
#define ME     101
#define FRIEND 102
#define HEAD   27 /* of a frame in mode 1 */

static struct chq_client *client;
static char folder[] = "/tmp/chasqui-fuzz-XXXXXX";
static uint64_t now_ms = 1000000, seq, message = 1;
static uint8_t datagram[CHQ_DGRAM_MAX + 1];
static size_t datagram_len;
static bool waiting;

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
clean(void)
{
	chq_client_close(client);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int
op_resolve(void *ctx, const char *host, uint16_t port, struct chq_target *out, int max)
{
	(void)ctx;
	(void)host;
	(void)port;
	(void)max;
	memset(out, 0, sizeof(*out));
	return 1;
}

static int
op_open(void *ctx, const struct chq_target *to)
{
	(void)ctx;
	(void)to;
	return 1;
}

static void
op_close(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
}

static int
op_send(void *ctx, int fd, const void *buf, size_t len)
{
	(void)ctx;
	(void)fd;
	(void)buf;
	return len <= CHQ_DGRAM_MAX ? CHQ_OK : (abort(), CHQ_EINTERNAL);
}

static ssize_t
op_recv(void *ctx, int fd, void *buf, size_t size)
{
	size_t n = datagram_len < size ? datagram_len : size;

	(void)ctx;
	(void)fd;
	if (!waiting)
		return CHQ_EAGAIN;
	waiting = false;
	memcpy(buf, datagram, n);
	return (ssize_t)n;
}

static bool
op_moved(void *ctx, int fd, const struct chq_target *to)
{
	(void)ctx;
	(void)fd;
	(void)to;
	return false;
}

static uint64_t
op_mono(void *ctx)
{
	(void)ctx;
	return now_ms;
}

static uint64_t
op_wall(void *ctx)
{
	(void)ctx;
	return UINT64_C(1767225600000) + now_ms;
}

static const struct chq_transport_ops ops = {
	.resolve = op_resolve,
	.open = op_open,
	.close = op_close,
	.send = op_send,
	.recv = op_recv,
	.moved = op_moved,
	.mono_ms = op_mono,
	.wall_ms = op_wall,
};

static void
begin(void)
{
	struct chq_invitation inv = { .host = "relay.example", .port = 4700 };
	struct chq_client_opts o = { .invitation = &inv, .login = "alice", .ops = &ops };
	char home[64];

	memset(inv.fingerprint, 'a', CHQ_FINGERPRINT_LEN);
	if (!mkdtemp(folder))
		abort();
	atexit(clean);
	snprintf(home, sizeof(home), "%s/home", folder);
	o.home = home;
	if (chq_client_open(&client, &o) != CHQ_OK)
		abort();
	chq_client_process(client); /* opens its socket */
	if (client->net.fd < 0)
		abort();
	client->id.account = ME;
	client->id.device = 1;
	client->id.prekeys = 1;
	client->id.prekey[0].id = 5;
	client->id.prekey[0].made_ms = op_wall(NULL);
	chq_x25519_keypair(&client->id.prekey[0].pair);
}

/* A friend whose keys are known, and from whom messages come under a key of zeros. */
static struct chq_dev *
friend_device(void)
{
	struct chq_peer *p = chq_peer_get(client, FRIEND, false);
	struct chq_dev *d = p ? chq_peer_dev(p, 1) : NULL;

	if (!p)
		abort();
	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			abort();
		d->peer = p;
		d->party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, FRIEND);
		d->keys.device = 1;
		chq_list_init(&d->flight);
		chq_list_init(&d->waiting);
		chq_list_init(&d->held);
		chq_list_init(&d->late);
		p->dev[p->devs++] = d;
	}
	p->have_keys = true;
	p->changed = false;
	memset(d->in_key, 0, sizeof(d->in_key));
	d->in_key[0].have = true;
	d->in_key[0].prekey_id = 5;
	return d;
}

/* Logged in, whatever the input before has done. */
static void
arrange(void)
{
	if (!client)
		begin();
	client->stopped = false;
	client->contacts.known = true;
	memset(&client->cur, 0, sizeof(client->cur));
	client->cur.used = client->cur.logged_in = true;
	client->cur.slot = SLOT;
	client->cur.keepalive_s = 25;
	client->cur.opened_ms = now_ms;
	client->cur.renew_ms = now_ms + 1000000;
	chq_handshake_stop(client);
	chq_path_reset(client);
	client->connection = CHQ_CONN_LOGGED_IN;
	client->publish.next_ms = CHQ_NEVER;
	/* Some frames wait for others, but not until nothing more can wait. */
	if (seq % 64 == 0)
		chq_order_free(client, friend_device());
	friend_device();
}

static void
put_frame(struct chq_frame_hdr *h, const uint8_t *payload, size_t len)
{
	static const uint8_t key[32];

	if (len > CHQ_HOP_BODY_MAX)
		len = CHQ_HOP_BODY_MAX;
	h->slot = SLOT;
	h->seq = ++seq;
	if (len)
		memcpy(datagram + CHQ_FRAME_HDR_LEN, payload, len);
	if (h->party == 0 && h->flags == CHQ_F_HOP) {
		chq_frame_put(datagram, h);
		len = (size_t)chq_hop_seal(datagram, len, key);
	}
	chq_frame_build(datagram, h, (uint16_t)len, key);
	datagram_len = CHQ_FRAME_HDR_LEN + len;
}

static void
put_message(const uint8_t *inner, size_t len, uint8_t flags)
{
	struct chq_frame_hdr h = { .flags = flags, .message = ++message };
	struct chq_e2e_ctx ctx = {
		.from = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, FRIEND),
		.to = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, ME),
		.message = message,
		.flags = flags,
	};
	uint8_t plain[CHQ_INNER_MAX] = { 0 }, payload[CHQ_E2E_PAYLOAD_MAX];
	static const uint8_t key[32], eph[32];
	size_t padded = (len + CHQ_INNER_PAD - 1) / CHQ_INNER_PAD * CHQ_INNER_PAD;
	int n;

	if (len == 0 || len > CHQ_INNER_MAX)
		return;
	memcpy(plain, inner, len);
	h.party = ctx.from;
	n = chq_e2e_seal(key, &ctx, 5, eph, plain, padded, payload, sizeof(payload));
	if (n > 0)
		put_frame(&h, payload, (size_t)n);
}

static void
put_input(const uint8_t *data, size_t len)
{
	struct chq_frame_hdr h = { 0 };

	datagram_len = 0;
	switch (len ? data[0] : 255) {
	case 0:
		datagram_len = len - 1 < sizeof(datagram) ? len - 1 : sizeof(datagram);
		memcpy(datagram, data + 1, datagram_len);
		break;
	case 1:
		if (len < 1 + HEAD)
			return;
		h.flags = data[1];
		h.app = chq_get_le16(data + 2);
		h.party = chq_get_le64(data + 4);
		h.message = chq_get_le64(data + 12);
		h.grant = chq_get_le64(data + 20);
		put_frame(&h, data + 1 + HEAD, len - 1 - HEAD);
		break;
	case 2:
		h.flags = CHQ_F_HOP;
		put_frame(&h, data + 1, len - 1);
		break;
	case 3: put_message(data + 1, len - 1, 0); break;
	case 4: put_message(data + 1, len - 1, CHQ_F_RECEIPT); break;
	default: break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct chq_event ev;

	arrange();
	put_input(data, len);
	if (!datagram_len)
		return 0;
	waiting = true;
	now_ms++;
	chq_client_process(client);
	if (waiting)
		abort();
	while (chq_client_next_event(client, &ev) == 1)
		if (ev.len && ev.data[ev.len] != 0)
			abort();
	return 0;
}
