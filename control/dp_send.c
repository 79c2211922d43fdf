#include "control/dp_send.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/grants.h"

static int
dp_counted(struct control *ctl, int rc)
{
	if (rc)
		control_count(ctl, COUNT_DP_REFUSED);
	return rc;
}

static struct chq_dp_hdr
dp_hdr(enum chq_dp_type type, size_t len)
{
	return (struct chq_dp_hdr){ .type = (uint16_t)type, .len = (uint16_t)len };
}

int
dp_send_hello(struct control *ctl)
{
	struct chq_dp_hello m = { .h = dp_hdr(CHQ_DP_HELLO, sizeof(m)),
				  .version = CHQ_DP_VERSION,
				  .epoch = ctl->epoch };

	return dp_counted(ctl, dp_link_send(&ctl->link, &m.h));
}

enum {
	PRELOGIN_BURST = 16,  /* frames */
	PRELOGIN_NOTICES = 4, /* a second */
};

/* What may be taken at once is the rate over the time of a burst, but never less than @least. */
static uint32_t
dp_burst(uint64_t per_s, uint64_t burst_ms, uint32_t least)
{
	uint64_t burst = per_s * burst_ms / 1000;

	return burst > UINT32_MAX ? UINT32_MAX : burst < least ? least : (uint32_t)burst;
}

/* @least: frames at once, of any size. */
static struct chq_dp_rate
dp_rate(uint32_t frames_per_s, uint64_t bytes_per_s, uint64_t burst_ms, uint32_t least)
{
	return (struct chq_dp_rate){
		.frames_per_s = frames_per_s,
		.frames_burst = dp_burst(frames_per_s, burst_ms, least),
		.bytes_per_s = bytes_per_s > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes_per_s,
		.bytes_burst = dp_burst(bytes_per_s, burst_ms, least * CHQ_DGRAM_MAX),
	};
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* An account may send what one of its sessions may: so one that has a single one needs no second look. */
static void
dp_quotas(const struct control *ctl, struct chq_dp_server_set *m)
{
	const struct chq_conf_limits *l = &ctl->limits;
	struct chq_dp_quota ordinary = {
		.own = dp_rate(l->frames_per_second, l->bytes_per_second, l->burst_ms, 1),
		.account = dp_rate(
			(uint32_t)larger(l->account_frames_per_second, l->frames_per_second),
			larger(l->account_bytes_per_second, l->bytes_per_second), l->burst_ms, 1),
		.notices_per_s = l->notices_per_second,
	};

	for (unsigned i = 0; i < CHQ_QUOTA_CLASSES; i++)
		m->quota[i] = ordinary;
	/* Before login: enough at once for a login and its repetitions. */
	m->quota[CHQ_QUOTA_PRELOGIN] = (struct chq_dp_quota){
		.own = dp_rate(l->prelogin_frames_per_second, l->prelogin_bytes_per_second,
			       l->burst_ms, PRELOGIN_BURST),
		.notices_per_s = PRELOGIN_NOTICES,
	};
}

static struct chq_dp_server_set
dp_server(const struct control *ctl)
{
	struct chq_dp_server_set m = {
		.h = dp_hdr(CHQ_DP_SERVER_SET, sizeof(m)),
		.server_id = ctl->conf->server.id,
		.silence_s = (uint32_t)(ctl->conf->sessions.silence_ms / 1000),
		.hello_per_s = ctl->limits.handshakes_per_second,
		.hello_per_prefix_per_s = ctl->limits.handshakes_per_prefix,
	};

	dp_quotas(ctl, &m);
	memcpy(m.cert, ctl->keys.cert_bytes, sizeof(m.cert));
	return m;
}

int
dp_send_server(struct control *ctl)
{
	struct chq_dp_server_set m = dp_server(ctl);

	return dp_counted(ctl, dp_link_send(&ctl->link, &m.h));
}

int
dp_call_server(struct control *ctl, dp_answer_fn *answer, void *arg)
{
	struct chq_dp_server_set m = dp_server(ctl);

	return dp_counted(ctl, dp_link_call(&ctl->link, &m.h, answer, arg));
}

int
dp_call_quota(struct control *ctl, const struct session *s, dp_answer_fn *answer, void *arg)
{
	struct chq_dp_quota_get m = { .h = dp_hdr(CHQ_DP_QUOTA_GET, sizeof(m)),
				      .ref = session_ref(s) };

	return dp_counted(ctl, dp_link_call(&ctl->link, &m.h, answer, arg));
}

int
dp_send_dump(struct control *ctl)
{
	struct chq_dp_hdr m = dp_hdr(CHQ_DP_DUMP, sizeof(m));

	return dp_counted(ctl, dp_link_send(&ctl->link, &m));
}

int
dp_call_open(struct control *ctl, struct chq_dp_session_open *m, dp_answer_fn *answer, void *arg)
{
	int rc;

	m->h = dp_hdr(CHQ_DP_SESSION_OPEN, sizeof(*m));
	rc = dp_link_call(&ctl->link, &m->h, answer, arg);
	sodium_memzero(m, sizeof(*m));
	return dp_counted(ctl, rc);
}

int
dp_call_login(struct control *ctl, const struct session *s, uint64_t account, uint8_t device,
	      const struct grant_epochs *epochs, dp_answer_fn *answer, void *arg)
{
	struct chq_dp_session_login m = {
		.h = dp_hdr(CHQ_DP_SESSION_LOGIN, sizeof(m)),
		.ref = session_ref(s),
		.account = account,
		.device = device,
		.kind = s->kind,
		.quota_class = CHQ_QUOTA_ORDINARY,
		.lifetime_s = (uint32_t)(ctl->conf->sessions.hard_lifetime_ms / 1000),
	};

	m.sender_epoch = epochs->sender;
	grants_key(ctl, account, epochs->grant, m.grant_key);
	return dp_counted(ctl, dp_link_call(&ctl->link, &m.h, answer, arg));
}

static void
dp_nobody_waits(void *arg, const struct chq_dp_hdr *answer)
{
	(void)arg;
	(void)answer;
}

int
dp_call_close(struct control *ctl, struct chq_dp_ref ref, uint16_t notice, dp_answer_fn *answer,
	      void *arg)
{
	struct chq_dp_session_close m = { .h = dp_hdr(CHQ_DP_SESSION_CLOSE, sizeof(m)),
					  .ref = ref,
					  .notice = notice };

	return dp_counted(ctl,
			  dp_link_call(&ctl->link, &m.h, answer ? answer : dp_nobody_waits, arg));
}

void
dp_send_grant_key(struct control *ctl, uint64_t account, uint32_t epoch)
{
	struct chq_dp_grant_key m = { .h = dp_hdr(CHQ_DP_GRANT_KEY, sizeof(m)),
				      .account = account };

	grants_key(ctl, account, epoch, m.grant_key);
	dp_counted(ctl, dp_link_send(&ctl->link, &m.h));
}

int
dp_call_sender_epoch(struct control *ctl, uint64_t account, uint16_t epoch, dp_answer_fn *answer,
		     void *arg)
{
	struct chq_dp_sender_epoch m = { .h = dp_hdr(CHQ_DP_SENDER_EPOCH, sizeof(m)),
					 .account = account,
					 .sender_epoch = epoch };

	return dp_counted(ctl,
			  dp_link_call(&ctl->link, &m.h, answer ? answer : dp_nobody_waits, arg));
}

void
dp_send_epochs(struct control *ctl, uint64_t account, const struct grant_epochs *epochs)
{
	dp_send_grant_key(ctl, account, epochs->grant);
	(void)dp_call_sender_epoch(ctl, account, epochs->sender, NULL, NULL);
}

void
dp_send_dgram(struct control *ctl, const struct chq_dp_path *path, const uint8_t *dgram, size_t len)
{
	union {
		struct chq_dp_dgram_tx m;
		uint8_t bytes[CHQ_DP_MSG_MAX];
	} u = { .m = { .h = dp_hdr(CHQ_DP_DGRAM_TX, sizeof(u.m) + len),
		       .path = *path,
		       .dgram_len = (uint16_t)len } };

	memcpy(u.bytes + sizeof(u.m), dgram, len);
	dp_counted(ctl, dp_link_send(&ctl->link, &u.m.h));
}

void
dp_send_message(struct control *ctl, const struct session *s, const uint8_t *body, size_t len)
{
	union {
		struct chq_dp_frame_tx m;
		uint8_t bytes[CHQ_DP_MSG_MAX];
	} u = { .m = { .h = dp_hdr(CHQ_DP_FRAME_TX, sizeof(u.m) + len),
		       .ref = session_ref(s),
		       .message = control_message_id(ctl),
		       .flags = CHQ_F_HOP,
		       .body_len = (uint16_t)len } };

	memcpy(u.bytes + sizeof(u.m), body, len);
	dp_counted(ctl, dp_link_send(&ctl->link, &u.m.h));
}

void
dp_send_frame(struct control *ctl, const struct session *s, const struct dp_frame *f,
	      const uint8_t *payload, size_t len)
{
	union {
		struct chq_dp_frame_tx m;
		uint8_t bytes[CHQ_DP_MSG_MAX];
	} u = { .m = { .h = dp_hdr(CHQ_DP_FRAME_TX, sizeof(u.m) + len),
		       .ref = session_ref(s),
		       .party = f->party,
		       .message = f->message,
		       .extra = f->extra,
		       .app = f->app,
		       .flags = f->flags,
		       .body_len = (uint16_t)len } };

	memcpy(u.bytes + sizeof(u.m), payload, len);
	dp_counted(ctl, dp_link_send(&ctl->link, &u.m.h));
}

void
dp_send_notice(struct control *ctl, const struct session *s, enum chq_notice code, uint64_t party,
	       uint64_t message)
{
	struct chq_dp_frame_tx m = { .h = dp_hdr(CHQ_DP_FRAME_TX, sizeof(m)),
				     .ref = session_ref(s),
				     .party = party,
				     .message = message,
				     .app = (uint16_t)code,
				     .flags = CHQ_F_NOTICE };

	dp_counted(ctl, dp_link_send(&ctl->link, &m.h));
}
