#include "control/dp.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "control/group.h"
#include "control/handshake.h"
#include "control/life.h"
#include "control/mail.h"
#include "control/presence.h"
#include "control/punt.h"
#include "control/push.h"
#include "control/request.h"

static void
dp_connected(void *arg)
{
	struct control *ctl = arg;

	control_count(ctl, COUNT_DP_CONNECTED);
	dp_send_hello(ctl);
}

/* Sessions stay known: it is the next dump that says which are left. */
static void
dp_lost(void *arg)
{
	struct control *ctl = arg;

	ctl->dp.ready = false;
	ctl->dp.workers = 0;
}

static void
dp_info(struct control *ctl, const struct chq_dp_info *m)
{
	struct control_dp *dp = &ctl->dp;

	if (m->version != CHQ_DP_VERSION) {
		CHQ_LOG_ERROR("dataplane-version", "ours=%d its=%u", CHQ_DP_VERSION, m->version);
		dp_link_drop(&ctl->link, "of another version");
		return;
	}
	/* Tables made anew: whatever slot and generation say, none of our sessions is in them. */
	if (dp->known && memcmp(dp->boot_id, m->boot_id, sizeof(dp->boot_id)) != 0) {
		CHQ_LIST_FOREACH_SAFE(it, after, &ctl->sessions.all)
			life_ended(ctl, CHQ_LIST_ENTRY(it, struct session, of_all));
	}
	dp->known = true;
	memcpy(dp->boot_id, m->boot_id, sizeof(dp->boot_id));
	dp->generation = m->generation;
	dp->sessions_max = m->sessions_max;
	dp->accounts_max = m->accounts_max;
	dp->port = m->port;
	memcpy(dp->driver, m->driver, sizeof(m->driver));
	dp->driver[sizeof(m->driver)] = '\0';
	dp->dump++;
	CHQ_LOG_INFO("dataplane-found", "driver=%s generation=%llu sessions=%u", CHQ_Q(dp->driver),
		     (unsigned long long)m->generation, m->sessions_used);
	dp_send_server(ctl);
	dp_send_dump(ctl);
}

static enum session_state
dp_state(uint8_t state)
{
	switch (state) {
	case CHQ_DP_STATE_NEW: return SESSION_NEW;
	case CHQ_DP_STATE_OPEN: return SESSION_OPEN;
	default: return SESSION_REPLACED;
	}
}

static void
dp_session_times(struct control *ctl, struct session *s, const struct chq_dp_session_info *m)
{
	s->opened_ms = chq_wall_ms() - (uint64_t)m->age_s * 1000;
	s->expires_ms = s->opened_ms + ctl->conf->sessions.lifetime_ms;
	if (s->state != SESSION_OPEN)
		session_end_at(&ctl->sessions, s,
			       control_now_ms() + (uint64_t)m->expires_in_s * 1000);
}

/*
 * A session that a former control had opened. Its friends were told when it came; it is told to ask
 * for its contacts, whose presence may have changed while nobody was there to tell.
 */
static void
dp_adopt(struct control *ctl, const struct chq_dp_session_info *m,
	 const struct grant_epochs *epochs)
{
	struct session *s = session_add(&ctl->sessions, m->ref);

	if (!s || session_bind(&ctl->sessions, s, m->account, m->device) != 0) {
		if (s)
			session_free(&ctl->sessions, s);
		dp_call_close(ctl, m->ref, CHQ_NOTICE_CLOSED, NULL, NULL);
		return;
	}
	s->state = dp_state(m->state);
	s->kind = m->kind;
	s->path = m->path;
	s->dump = ctl->dp.dump;
	memcpy(s->static_hash, m->static_hash, sizeof(s->static_hash));
	dp_session_times(ctl, s, m);
	control_count(ctl, COUNT_SESSION_ADOPTED);
	if (s->state != SESSION_OPEN)
		return;
	groups_session_open(ctl, s);
	presence_found(ctl, s->account);
	s->epochs = *epochs;
	dp_send_epochs(ctl, s->account, epochs);
	push_contacts_changed(ctl, s, 0, 1 + randombytes_uniform(ctl->timing.resync_ms + 1));
	mail_open(ctl, s);
}

static void
dp_session_unknown(struct control *ctl, const struct chq_dp_session_info *m)
{
	struct grant_epochs epochs;
	int rc;

	/* Nobody has the login key of a session before login any more. */
	rc = m->account ? life_allowed(ctl, m->account, m->device, &epochs) : CHQ_ENOENT;
	if (rc == CHQ_OK)
		dp_adopt(ctl, m, &epochs);
	else
		dp_call_close(ctl, m->ref, CHQ_NOTICE_CLOSED, NULL, NULL);
}

/*
 * A session is as the store wants it: what changed while there was no connection, or was said when
 * it broke, is made up for. Return: whether it stays; else @s is freed.
 */
static bool
dp_session_settle(struct control *ctl, struct session *s)
{
	struct grant_epochs epochs;
	int rc = life_allowed(ctl, s->account, s->device, &epochs);

	if (rc == CHQ_EDISABLED || rc == CHQ_ENOENT) {
		life_close(ctl, s, CHQ_NOTICE_CLOSED, NULL, NULL);
		return false;
	}
	if (!rc && s->state == SESSION_OPEN) {
		s->epochs = epochs;
		dp_send_epochs(ctl, s->account, &epochs);
	}
	return true;
}

static void
dp_session_known(struct control *ctl, struct session *s, const struct chq_dp_session_info *m)
{
	if (s->account != m->account) {
		/* The answer to its login was lost with the connection. */
		life_close(ctl, s, CHQ_NOTICE_CLOSED, NULL, NULL);
		return;
	}
	s->dump = ctl->dp.dump;
	s->path = m->path;
	if (s->account && !dp_session_settle(ctl, s))
		return;
	if (m->state == CHQ_DP_STATE_OPEN) {
		life_confirmed(ctl, s);
	} else if (m->state == CHQ_DP_STATE_LINGER && s->state == SESSION_OPEN) {
		s->state = SESSION_REPLACED;
		groups_session_gone(s);
		mail_forget(s);
		dp_session_times(ctl, s, m);
	}
}

static void
dp_session_info(struct control *ctl, const struct chq_dp_session_info *m)
{
	struct session *s = session_at(&ctl->sessions, m->ref.slot);

	if (m->state == CHQ_DP_STATE_FREE)
		return;
	if (s && s->gen != m->ref.gen) {
		life_ended(ctl, s);
		s = NULL;
	}
	if (s)
		dp_session_known(ctl, s, m);
	else
		dp_session_unknown(ctl, m);
}

/* What the dump has not shown is no more. */
static void
dp_dump_end(struct control *ctl)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl->sessions.all) {
		struct session *s = CHQ_LIST_ENTRY(it, struct session, of_all);

		if (s->dump != ctl->dp.dump)
			life_ended(ctl, s);
		else
			presence_went(ctl, s->account);
	}
	ctl->dp.ready = true;
	CHQ_LOG_INFO("dataplane-ready", "sessions=%u", ctl->sessions.used);
}

static void
dp_event(struct control *ctl, const struct chq_dp_event *m)
{
	struct session *s = session_find(&ctl->sessions, m->ref);

	if (!s)
		return;
	switch (m->kind) {
	case CHQ_DP_EV_CONFIRMED: life_confirmed(ctl, s); break;
	case CHQ_DP_EV_MOVED: s->path = m->path; break;
	case CHQ_DP_EV_SILENT:
	case CHQ_DP_EV_EXPIRED:
		CHQ_LOG_INFO("session-gone", "slot=%u gen=%u account=%llu why=%s", s->slot, s->gen,
			     (unsigned long long)s->account,
			     m->kind == CHQ_DP_EV_SILENT ? "silent" : "expired");
		life_ended(ctl, s);
		break;
	default: break;
	}
}

static void
dp_load(struct control *ctl, const struct chq_dp_load *m)
{
	struct control_dp *dp = &ctl->dp;

	dp->rx_missed = m->rx_missed;
	dp->workers = m->workers < CHQ_DP_WORKERS_MAX ? m->workers : CHQ_DP_WORKERS_MAX;
	memcpy(dp->worker, m->worker, sizeof(dp->worker));
}

static void
dp_message(void *arg, int type, const void *msg)
{
	struct control *ctl = arg;

	switch (type) {
	case CHQ_DP_INFO: dp_info(ctl, msg); break;
	case CHQ_DP_SESSION_INFO: dp_session_info(ctl, msg); break;
	case CHQ_DP_DUMP_END: dp_dump_end(ctl); break;
	case CHQ_DP_HELLO_RX: handshake_hello(ctl, msg); break;
	case CHQ_DP_SERVER_RX: request_frame(ctl, msg); break;
	case CHQ_DP_FRAME_RX: punt_frame(ctl, msg); break;
	case CHQ_DP_EVENT: dp_event(ctl, msg); break;
	case CHQ_DP_LOAD: dp_load(ctl, msg); break;
	default: break; /* the late answer to a call that nobody waits for */
	}
}

const struct dp_link_ops dp_ops = {
	.connected = dp_connected,
	.lost = dp_lost,
	.message = dp_message,
};
