#include "tests/unit/control/fixture_dp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"

int
fix_dp_listen(const struct fixture *f)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/dataplane-default.sock", f->dir);
	assert_true(fd >= 0);
	unlink(un.sun_path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

void
fix_dp_put(struct fixture *f, void *msg, uint16_t type, size_t len, uint32_t req)
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

	fix_dp_put(f, &m, CHQ_DP_DONE, sizeof(m), req);
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
	fix_dp_put(f, &m, CHQ_DP_INFO, sizeof(m), req);
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
	fix_dp_put(f, &a, CHQ_DP_SESSION_OPENED, sizeof(a), m->h.req);
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
		s->open.sender_epoch = m->sender_epoch;
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
						 .sender_epoch = s->open.sender_epoch,
						 .state = s->state };

		if (s->state != CHQ_DP_STATE_FREE)
			fix_dp_put(f, &m, CHQ_DP_SESSION_INFO, sizeof(m), req);
	}
	fix_dp_put(f, &end, CHQ_DP_DUMP_END, sizeof(end), req);
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
dp_sender_epoch(struct fixture *f, const struct chq_dp_sender_epoch *m)
{
	int rc = CHQ_ENOENT;

	f->sender_epochs++;
	for (uint32_t i = 0; i < FIX_SLOTS; i++)
		if (f->slot[i].open.account == m->account &&
		    f->slot[i].state != CHQ_DP_STATE_FREE) {
			f->slot[i].open.sender_epoch = m->sender_epoch;
			rc = 0;
		}
	dp_done(f, m->h.req, rc);
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
dp_server(struct fixture *f, const struct chq_dp_server_set *m)
{
	f->server_sets++;
	f->server = *m;
	if (m->h.req)
		dp_done(f, m->h.req, 0);
}

static void
dp_quota(struct fixture *f, const struct chq_dp_quota_get *m)
{
	struct chq_dp_quota_info a = { .err = dp_slot(f, m->ref) ? 0 : CHQ_ENOENT,
				       .frames_used = 7,
				       .bytes_used = 700,
				       .sessions = 2,
				       .account_frames_used = 9,
				       .account_bytes_used = 900,
				       .over_quota = 3 };

	fix_dp_put(f, &a, CHQ_DP_QUOTA, sizeof(a), m->h.req);
}

static void
dp_message(struct fixture *f, const void *msg, int type)
{
	const struct chq_dp_hdr *h = msg;
	const struct chq_dp_dgram_tx *d = msg;

	switch (type) {
	case CHQ_DP_HELLO: dp_info(f, h->req); break;
	case CHQ_DP_SERVER_SET: dp_server(f, msg); break;
	case CHQ_DP_QUOTA_GET: dp_quota(f, msg); break;
	case CHQ_DP_DUMP: dp_dump(f, h->req); break;
	case CHQ_DP_SESSION_OPEN: dp_open(f, msg); break;
	case CHQ_DP_SESSION_LOGIN: dp_login(f, msg); break;
	case CHQ_DP_SESSION_CLOSE: dp_close(f, msg); break;
	case CHQ_DP_GRANT_KEY: dp_grant_key(f, msg); break;
	case CHQ_DP_SENDER_EPOCH: dp_sender_epoch(f, msg); break;
	case CHQ_DP_FRAME_TX: dp_frame(f, msg); break;
	case CHQ_DP_DGRAM_TX:
		memcpy(f->dgram, d->dgram, d->dgram_len);
		f->dgram_len = d->dgram_len;
		f->dgrams++;
		break;
	default: fail_msg("control sent a message of type %d", type);
	}
}

void
fix_dp_step(struct fixture *f)
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
