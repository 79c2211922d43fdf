#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/atomic.h"
#include "dataplane/manager.h"
#include "dataplane/manager_msg.h"
#include "dataplane/path.h"

#define FULL_SAID_NS (10 * CHQ_NS_PER_SEC)

void
chq_manager_event(struct chq_manager *m, struct chq_dp_ref ref, uint32_t kind, uint64_t ident,
		  const struct chq_path *at)
{
	union chq_msg out;

	if (!chq_link_up(&m->link))
		return; /* control learns it from the dump */
	chq_msg_event(&out, ref, kind, ident, at);
	chq_link_keep(&m->link, &out);
}

void
chq_manager_full(struct chq_manager *m)
{
	const struct chq_tables *t = m->t;

	if (m->now_ns < m->next_full_ns)
		return;
	m->next_full_ns = m->now_ns + FULL_SAID_NS;
	CHQ_LOG_WARN(
		"sessions-refused",
		"sessions=%u of=%u unconfirmed=%u accounts=%u accounts_of=%u "
		"advice=\"dataplane.sessions and dataplane.accounts say how many there can be\"",
		(unsigned)t->used, (unsigned)t->header->sessions, (unsigned)t->unconfirmed,
		(unsigned)t->accounts, (unsigned)t->header->accounts);
}

void
chq_manager_confirm(struct chq_manager *m, struct chq_dp_ref ref)
{
	const struct chq_session *s = chq_session_at(m->t, ref);
	struct chq_dp_ref replaced;
	struct chq_path at;
	int rc = chq_session_confirm(m->t, ref, m->now_ns, &replaced);

	if (rc == CHQ_EFULL)
		chq_manager_full(m);
	if (rc)
		return;
	chq_manager_count_one(m, CHQ_C_CONFIRM);
	chq_manager_next_hop(m, ref);
	chq_manager_event(m, ref, CHQ_DP_EV_CONFIRMED, s->ident,
			  chq_path_read(s, &at) ? &at : NULL);
}

/* Only before any PING has moved the session: from then on its path is what the PING's packet showed. */
void
chq_manager_next_hop(const struct chq_manager *m, struct chq_dp_ref ref)
{
	struct chq_session *s = chq_session_at(m->t, ref);
	static const uint8_t none[6];
	struct chq_path path;

	if (!s || !m->driver->ops->next_hop || CHQ_PATH_SEQ(CHQ_LOAD_RELAXED(&s->path_word)) != 0 ||
	    !chq_path_read(s, &path) || memcmp(path.mac, none, sizeof(none)) != 0)
		return;
	if (m->driver->ops->next_hop(m->driver, &path) == 0)
		chq_path_move(s, &path, ref.gen, 1);
}

/* --- ends --- */

void
chq_manager_end(struct chq_manager *m, struct chq_dp_ref ref, uint32_t kind)
{
	const struct chq_session *s = chq_session_at(m->t, ref);
	uint64_t ident;
	struct chq_path at;
	bool known, told;

	if (!s)
		return;
	ident = s->ident;
	told = s->state != CHQ_SESSION_LINGER; /* control knows its end already */
	known = chq_path_read(s, &at);
	if (chq_session_close(m->t, ref, m->now_ns) == 0 && told)
		chq_manager_event(m, ref, kind, ident, known ? &at : NULL);
}

void
chq_manager_worn(struct chq_manager *m, struct chq_dp_ref ref, const struct chq_frame_hdr *h)
{
	static const struct chq_frame_hdr none;
	struct chq_session *s = chq_session_at(m->t, ref);
	struct chq_path at;

	if (s && chq_path_read(s, &at))
		chq_manager_notice(m, s, ref.slot, h ? h : &none, &at, CHQ_NOTICE_EXPIRED, 0,
				   CHQ_C_NOTICE_EXPIRED);
	chq_manager_count_one(m, CHQ_D_EXPIRED);
	chq_manager_end(m, ref, CHQ_DP_EV_EXPIRED);
}

/* --- sweep --- */

/* Why a session is to be closed now: enum chq_dp_event_kind; 0 = it is not. */
static uint32_t
over(const struct chq_manager *m, const struct chq_session *s)
{
	uint32_t silence = m->t->header->silence_s;
	/* A worker's clock may be ahead of ours: then the difference is negative. */
	int32_t idle = (int32_t)(m->now_s - CHQ_LOAD_RELAXED(&s->heard_s));

	if (s->expires_s <= m->now_s)
		return CHQ_DP_EV_EXPIRED;
	if (s->state == CHQ_SESSION_OPEN && silence && idle > (int32_t)silence)
		return CHQ_DP_EV_SILENT;
	return 0;
}

/* Return: true if the session there was ended. */
static bool
sweep_slot(struct chq_manager *m, uint32_t slot)
{
	const struct chq_session *s = &m->t->sessions[slot];
	struct chq_dp_ref ref = { .slot = slot, .gen = s->gen };
	uint32_t kind;

	if (s->state == CHQ_SESSION_FREE)
		return false;
	chq_session_budget_tidy(m->t, slot, m->now_ns);
	kind = over(m, s);
	if (kind)
		chq_manager_end(m, ref, kind);
	return kind != 0;
}

void
chq_manager_sweep(struct chq_manager *m)
{
	uint32_t all = m->t->header->sessions;

	for (uint32_t looked = 0, ended = 0;
	     m->sweep_due && looked < CHQ_ROUND_SWEEP && ended < CHQ_ROUND_ENDS; looked++) {
		ended += sweep_slot(m, m->sweep_at);
		m->sweep_at = m->sweep_at + 1 < all ? m->sweep_at + 1 : 0;
		m->sweep_due--;
	}
	m->busy |= m->sweep_due != 0;
}

/* --- dump --- */

/* Return: 0 sent, or nothing to send; else CHQ_E…: try again later. */
static int
dump_slot(struct chq_manager *m, uint32_t slot)
{
	const struct chq_session *s = &m->t->sessions[slot];
	struct chq_path at;
	union chq_msg out;

	if (s->state == CHQ_SESSION_FREE)
		return 0;
	chq_msg_session_info(&out, m->dump.req, m->t, slot, chq_path_read(s, &at) ? &at : NULL,
			     m->now_ns);
	return chq_link_try(&m->link, &out);
}

void
chq_manager_dump(struct chq_manager *m)
{
	uint32_t all = m->t->header->sessions;
	union chq_msg out;
	int rc = 0;

	if (!chq_link_up(&m->link)) /* whoever asked for it is gone */
		m->dump.on = false;
	if (!m->dump.on)
		return;
	for (uint32_t looked = 0, sent = 0;
	     m->dump.next < all && sent < CHQ_ROUND_DUMP && looked < CHQ_ROUND_DUMP * 64;
	     m->dump.next++, looked++) {
		sent += m->t->sessions[m->dump.next].state != CHQ_SESSION_FREE;
		rc = dump_slot(m, m->dump.next);
		if (rc)
			break;
	}
	if (m->dump.next < all) {
		m->busy |= rc == 0; /* else EPOLLOUT says when to go on */
		return;
	}
	m->dump.on = false;
	chq_msg_dump_end(&out, m->dump.req);
	chq_link_keep(&m->link, &out);
}
