#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/manager.h"
#include "dataplane/manager_msg.h"
#include "dataplane/path.h"

/* Every answer is kept: control may not miss one. */
static void
answer_done(struct chq_manager *m, const void *msg, int err)
{
	const struct chq_dp_hdr *h = msg;
	union chq_msg out;

	chq_msg_done(&out, h->req, err);
	chq_link_keep(&m->link, &out);
}

static int
cmd_hello(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_hello *c = msg;
	union chq_msg out;

	chq_msg_info(&out, c->h.req, m->t, m->driver->ops->name);
	chq_link_keep(&m->link, &out);
	if (c->version != CHQ_DP_VERSION) {
		CHQ_LOG_ERROR("control-refused",
			      "reason=version theirs=%u ours=%u pid=%ld "
			      "advice=\"install both daemons from one release\"",
			      (unsigned)c->version, CHQ_DP_VERSION, (long)m->link.peer_pid);
		return CHQ_EVERSION;
	}
	m->link.greeted = true;
	m->dump.on = false;
	CHQ_LOG_INFO("control-connected", "pid=%ld epoch=%u sessions=%u", (long)m->link.peer_pid,
		     (unsigned)c->epoch, (unsigned)m->t->used);
	return 0;
}

static void
cmd_server_set(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_server_set *c = msg;

	chq_tables_server_set(m->t, c);
	chq_hello_budget_set(&m->budget, c->hello_per_s, c->hello_per_prefix_per_s);
	if (c->h.req)
		answer_done(m, msg, 0);
}

static void
cmd_dump(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_hdr *h = msg;

	m->dump.on = true;
	m->dump.req = h->req;
	m->dump.next = 0;
}

static void
cmd_session_open(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_session_open *c = msg;
	struct chq_dp_ref ref = { .slot = CHQ_SLOT_NONE };
	struct chq_path ignored;
	union chq_msg out;
	int rc = chq_path_of_dp(&ignored, &c->path, m->t->header);

	if (!rc)
		rc = chq_session_open(m->t, c, m->now_ns, &ref);
	if (rc == CHQ_EFULL)
		chq_manager_full(m);
	chq_msg_opened(&out, c->h.req, ref, rc);
	chq_link_keep(&m->link, &out);
}

static void
cmd_session_login(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_session_login *c = msg;
	int rc = chq_session_login(m->t, c, m->now_ns, NULL);

	if (!rc)
		chq_manager_next_hop(m, c->ref);
	else if (rc == CHQ_EFULL)
		chq_manager_full(m);
	answer_done(m, msg, rc);
}

/* A header that a NOTICE which is about no frame may name: the server, message 0. */
static void
send_notice(struct chq_manager *m, struct chq_dp_ref ref, uint16_t code)
{
	struct chq_dp_frame_tx f = { .ref = ref, .app = code, .flags = CHQ_F_NOTICE };

	chq_manager_frame_tx(m, &f);
}

static void
cmd_session_close(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_session_close *c = msg;
	int rc = CHQ_EINVAL;

	if (c->notice && chq_session_at(m->t, c->ref))
		send_notice(m, c->ref, c->notice);
	if (c->linger_ms)
		rc = chq_session_linger(m->t, c->ref, c->linger_ms, m->now_ns);
	if (rc == CHQ_EINVAL) /* at once, or it never was a receiver */
		rc = chq_session_close(m->t, c->ref, m->now_ns);
	answer_done(m, msg, rc);
}

static void
cmd_grant_key(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_grant_key *c = msg;

	chq_session_grant_key(m->t, c->account, c->grant_key);
}

static void
cmd_sender_epoch(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_sender_epoch *c = msg;

	answer_done(m, msg, chq_session_sender_epoch(m->t, c->account, c->sender_epoch));
}

static void
cmd_deny(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_deny *c = msg;

	answer_done(m, msg,
		    chq_session_deny(m->t, c->account, c->sender, c->until_day, c->remove != 0));
}

static void
cmd_dgram_tx(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_dgram_tx *c = msg;
	struct chq_path to;

	if (c->dgram_len == 0 || c->dgram[0] != CHQ_TYPE_WELCOME ||
	    chq_path_of_dp(&to, &c->path, m->t->header)) {
		chq_manager_count_one(m, CHQ_D_NO_ROUTE);
		return;
	}
	chq_manager_send(m, to.port, &to, c->dgram, c->dgram_len);
}

static void
cmd_frame_tx(struct chq_manager *m, const void *msg)
{
	chq_manager_frame_tx(m, msg);
}

static void
cmd_quota_get(struct chq_manager *m, const void *msg)
{
	const struct chq_dp_quota_get *c = msg;
	union chq_msg out;

	chq_msg_quota(&out, c->h.req, m->t, c->ref, m->now_ns);
	chq_link_keep(&m->link, &out);
}

/* After the greeting. Types that only the dataplane sends have no entry. */
static void (*const commands[])(struct chq_manager *m, const void *msg) = {
	[CHQ_DP_SERVER_SET] = cmd_server_set,	    [CHQ_DP_DUMP] = cmd_dump,
	[CHQ_DP_SESSION_OPEN] = cmd_session_open,   [CHQ_DP_SESSION_LOGIN] = cmd_session_login,
	[CHQ_DP_SESSION_CLOSE] = cmd_session_close, [CHQ_DP_GRANT_KEY] = cmd_grant_key,
	[CHQ_DP_SENDER_EPOCH] = cmd_sender_epoch,   [CHQ_DP_DENY] = cmd_deny,
	[CHQ_DP_DGRAM_TX] = cmd_dgram_tx,	    [CHQ_DP_FRAME_TX] = cmd_frame_tx,
	[CHQ_DP_QUOTA_GET] = cmd_quota_get,
};

int
chq_manager_command(struct chq_manager *m, const void *msg, size_t len)
{
	int type = chq_dp_check(msg, len);

	if (type < 0)
		return CHQ_EMALFORMED;
	if (type == CHQ_DP_HELLO)
		return cmd_hello(m, msg);
	if (!m->link.greeted || (size_t)type >= ARRAY_LEN(commands) || !commands[type])
		return CHQ_EMALFORMED;
	commands[type](m, msg);
	return 0;
}
