#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/dataplane/manager_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/locals.h"
#include "dataplane/sockio.h"
#include "proto/aead.h"

uint64_t fixture_now_ns;

static uint64_t
test_clock(void)
{
	return fixture_now_ns;
}

static uint64_t
test_wall(void)
{
	return UINT64_C(1800000000000);
}

static const struct chq_driver_ops silent_driver = { .name = "silent" };

static void
tables_make(struct fixture *f)
{
	struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					.instance = "test",
					.sessions = FIXTURE_SESSIONS,
					.accounts = FIXTURE_SESSIONS };
	char err[256] = "";

	if (chq_tables_open(&f->t, &conf, fixture_now_ns, err, sizeof(err)))
		fail_msg("%s", err);
	f->t->header->port = FIXTURE_PORT;
	f->t->header->silence_s = 90;
	assert_int_equal(
		chq_local_add(f->t->header, 0, UINT64_C(0x0100007fffff0000), FIXTURE_PORT, 0), 0);
}

int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uid_t uids[2] = { geteuid(), geteuid() };

	assert_int_equal(chq_crypto_init(), 0);
	fixture_now_ns = 1000 * CHQ_NS_PER_SEC;
	f->control = -1;
	snprintf(f->dir, sizeof(f->dir), "/tmp/chasqui-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/dp.sock", f->dir);
	tables_make(f);
	f->worker = aligned_alloc(_Alignof(struct chq_worker), sizeof(*f->worker));
	memset(f->worker, 0, sizeof(*f->worker));
	chq_worker_bind(f->worker, 0, f->t);
	f->driver.ops = &silent_driver;
	assert_int_equal(chq_manager_init(&f->m, f->t, &f->driver, &f->worker, 1), 0);
	assert_int_equal(chq_link_open(&f->m.link, f->path, (gid_t)-1, uids), 0);
	f->m.mono_ns = test_clock;
	f->m.wall_ms = test_wall;
	*state = f;
	return 0;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->control >= 0)
		close(f->control);
	chq_manager_deinit(&f->m);
	chq_tables_close(f->t);
	free(f->worker);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

void
fixture_connect(struct fixture *f)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (f->control >= 0)
		close(f->control);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->path);
	f->control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(f->control, (struct sockaddr *)&un, sizeof(un)), 0);
	chq_manager_round(&f->m);
}

void
fixture_send(struct fixture *f, const void *msg)
{
	const struct chq_dp_hdr *h = msg;

	assert_int_equal(send(f->control, msg, h->len, MSG_NOSIGNAL), h->len);
	chq_manager_round(&f->m);
}

size_t
fixture_recv(struct fixture *f, union chq_msg *out)
{
	ssize_t n;

	do {
		n = recv(f->control, out, sizeof(*out), MSG_DONTWAIT);
		if (n > 0 && out->h.type == CHQ_DP_LOAD)
			f->load = out->load;
	} while (n > 0 && out->h.type == CHQ_DP_LOAD);
	return n > 0 ? (size_t)n : 0;
}

bool
fixture_closed(struct fixture *f)
{
	union chq_msg ignored;
	ssize_t n;

	do
		n = recv(f->control, &ignored, sizeof(ignored), MSG_DONTWAIT);
	while (n > 0);
	return n == 0;
}

void
fixture_greet(struct fixture *f)
{
	struct chq_dp_hello hello = { .h = { CHQ_DP_HELLO, sizeof(hello), 7 },
				      .version = CHQ_DP_VERSION,
				      .epoch = 1 };
	union chq_msg info;

	fixture_connect(f);
	fixture_send(f, &hello);
	assert_int_equal(fixture_recv(f, &info), sizeof(info.info));
	assert_int_equal(info.h.type, CHQ_DP_INFO);
	assert_int_equal(info.h.req, 7);
}

static struct chq_dp_path
client_path(void)
{
	struct chq_dp_path p = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 }, .port = 5000 };

	return p;
}

struct chq_dp_ref
fixture_open(struct fixture *f, uint64_t account, uint8_t device, uint8_t seed)
{
	struct chq_dp_session_open c = { .h = { CHQ_DP_SESSION_OPEN, sizeof(c), 9 },
					 .path = client_path(),
					 .account = account,
					 .device = device,
					 .quota_class = account ? CHQ_QUOTA_ORDINARY
								: CHQ_QUOTA_PRELOGIN,
					 .confirm_s = 10,
					 .lifetime_s = 1000 };
	union chq_msg out;

	memset(c.tag_in, seed, sizeof(c.tag_in));
	memset(c.tag_out, seed + 1, sizeof(c.tag_out));
	memset(c.hop_in, seed + 2, sizeof(c.hop_in));
	memset(c.hop_out, seed + 3, sizeof(c.hop_out));
	memset(c.static_hash, seed, sizeof(c.static_hash));
	fixture_send(f, &c);
	assert_int_equal(fixture_recv(f, &out), sizeof(out.opened));
	assert_int_equal(out.h.type, CHQ_DP_SESSION_OPENED);
	assert_int_equal(out.opened.err, 0);
	return out.opened.ref;
}

static struct chq_path
worker_path(uint32_t host, uint16_t port)
{
	struct chq_path p = { .port = port };

	p.ip_lo = (uint64_t)host << 32 | UINT32_C(0xffff0000);
	return p;
}

bool
fixture_server_frame(struct fixture *f, struct chq_dp_ref ref, uint8_t seed, uint64_t seq,
		     const char *body)
{
	struct chq_up_item item = { .src = worker_path(UINT32_C(0x0100007f), 5000),
				    .slot = ref.slot,
				    .gen = ref.gen,
				    .up = CHQ_UP_SERVER };
	struct chq_frame_hdr h = {
		.flags = CHQ_F_HOP, .slot = ref.slot, .seq = seq, .message = seq
	};
	uint8_t hop[32], tag[16];
	int len;

	memset(hop, seed + 2, sizeof(hop));
	memset(tag, seed, sizeof(tag));
	memcpy(item.dgram + CHQ_FRAME_HDR_LEN, body, strlen(body));
	chq_frame_put(item.dgram, &h);
	len = chq_hop_seal(item.dgram, strlen(body), hop);
	assert_true(len > 0);
	chq_frame_build(item.dgram, &h, (uint16_t)len, tag);
	item.dgram_len = (uint16_t)(CHQ_FRAME_HDR_LEN + len);
	return chq_ring_push(&f->worker->up[CHQ_UPQ_SERVER], &item);
}

bool
fixture_hello(struct fixture *f, uint32_t from)
{
	struct chq_up_item item = { .src = worker_path(htonl(UINT32_C(0x0a000000) + from), 6000),
				    .slot = CHQ_SLOT_NONE,
				    .dgram_len = CHQ_HELLO_LEN,
				    .up = CHQ_UP_HELLO };

	item.dgram[0] = CHQ_TYPE_HELLO;
	return chq_ring_push(&f->worker->up[CHQ_UPQ_HELLO], &item);
}

bool
fixture_sent(struct fixture *f, struct chq_tx_item *out)
{
	return chq_ring_pop(&f->worker->tx, out);
}
