#include <string.h>

#include "base/err.h"
#include "dataplane/manager.h"
#include "dataplane/manager_msg.h"
#include "dataplane/notice.h"
#include "dataplane/path.h"
#include "dataplane/quota.h"
#include "dataplane/replay.h"

/* Control cannot take a packet now. */
static void
count_lost(struct chq_manager *m, int rc, enum chq_counter queue)
{
	chq_manager_count_one(m, rc == CHQ_EAGAIN ? queue : CHQ_D_CONTROL_DOWN);
}

static bool
take_quota(struct chq_manager *m, struct chq_session *s, uint16_t len, enum chq_counter *why)
{
	static const uint16_t drop_of[] = {
		[CHQ_QUOTA_OVER_FRAMES] = CHQ_D_QUOTA_FRAMES,
		[CHQ_QUOTA_OVER_BYTES] = CHQ_D_QUOTA_BYTES,
		[CHQ_QUOTA_OVER_ACCOUNT] = CHQ_D_QUOTA_ACCOUNT,
	};
	uint64_t *shared = s->budget ? &m->t->cold[s->budget - 1].account_quota : NULL;
	int got = chq_quota_frame(&s->quota, shared, chq_quota_class_of(m->t->header, s), m->now_ns,
				  len, 0);

	if (got == CHQ_QUOTA_SPENT)
		return true;
	*why = drop_of[got];
	return false;
}

/*
 * What the stages do for a frame that they forward, done here for one that they handed up: its number, sign of life, path,
 * budget. Return: the session; NULL if the frame goes no further (counted).
 */
static struct chq_session *
take_frame(struct chq_manager *m, const struct chq_up_item *item, const struct chq_frame_hdr *h)
{
	struct chq_dp_ref ref = { .slot = item->slot, .gen = item->gen };
	struct chq_session *s = chq_session_at(m->t, ref);
	enum chq_counter why;

	if (!s) {
		chq_manager_count_one(m, CHQ_D_SLOT);
		return NULL;
	}
	if (!chq_replay_take(s->replay, h->seq)) {
		chq_manager_count_one(m, CHQ_D_REPLAY);
		return NULL;
	}
	chq_session_heard(s, m->now_s);
	if (s->state == CHQ_SESSION_NEW)
		chq_manager_confirm(m, ref);
	if (chq_path_asks(s, &item->src, h->seq))
		chq_manager_notice(m, s, item->slot, h, &item->src, CHQ_NOTICE_PATH,
				   chq_path_token_now(m->t->header->path_secret, item->slot,
						      &item->src, m->now_ns),
				   CHQ_C_NOTICE_PATH);
	if (take_quota(m, s, item->dgram_len, &why))
		return s;
	chq_manager_count_one(m, why);
	chq_quota_refused(&m->t->cold[item->slot]);
	/* An address that has not proved itself got its path NOTICE: two would be more than came. */
	if (chq_path_foreign(s, &item->src))
		return NULL;
	if (!chq_notice_fast_take(&m->t->cold[item->slot], m->now_ns))
		chq_manager_count_one(m, CHQ_D_NOTICE_LIMIT);
	else
		chq_manager_notice(m, s, item->slot, h, &item->src, CHQ_NOTICE_TOO_FAST, 0,
				   CHQ_C_NOTICE_TOO_FAST);
	return NULL;
}

static void
up_hello(struct chq_manager *m, const struct chq_up_item *item)
{
	union chq_msg out;
	int rc;

	if (!chq_link_up(&m->link)) {
		chq_manager_count_one(m, CHQ_D_CONTROL_DOWN);
		return;
	}
	switch (chq_hello_budget_take(&m->budget, item->src.ip_hi, item->src.ip_lo, m->now_ns)) {
	case CHQ_HELLO_OVER_PREFIX: chq_manager_count_one(m, CHQ_D_HELLO_PREFIX); return;
	case CHQ_HELLO_OVER_TOTAL: chq_manager_count_one(m, CHQ_D_HELLO_TOTAL); return;
	case CHQ_HELLO_OK: break;
	}
	chq_msg_hello_rx(&out, item);
	rc = chq_link_try(&m->link, &out);
	if (rc)
		count_lost(m, rc, CHQ_D_QUEUE_HELLO);
}

static void
up_server(struct chq_manager *m, struct chq_up_item *item)
{
	const struct chq_session *s;
	struct chq_frame_hdr h;
	union chq_msg out;
	int body_len, rc;

	chq_frame_get(item->dgram, &h);
	s = take_frame(m, item, &h);
	if (!s)
		return;
	if (h.seq > CHQ_HOP_SEQ_MAX) {
		chq_manager_worn(m, (struct chq_dp_ref){ .slot = item->slot, .gen = item->gen },
				 &h);
		return;
	}
	if (!chq_link_up(&m->link)) {
		chq_manager_count_one(m, CHQ_D_CONTROL_DOWN);
		return;
	}
	body_len = chq_hop_open(item->dgram, item->dgram_len, m->t->hop[item->slot].in);
	if (body_len < 0) {
		chq_manager_count_one(m, CHQ_D_OPEN);
		return;
	}
	chq_msg_server_rx(&out, item, &h, s->ident, (uint16_t)body_len);
	rc = chq_link_try(&m->link, &out);
	if (rc)
		count_lost(m, rc, CHQ_D_QUEUE_SERVER);
}

static void
up_frame(struct chq_manager *m, const struct chq_up_item *item)
{
	const struct chq_session *s;
	struct chq_frame_hdr h;
	union chq_msg out;
	int rc;

	chq_frame_get(item->dgram, &h);
	s = take_frame(m, item, &h);
	if (!s)
		return;
	chq_msg_frame_rx(&out, item, &h, s->ident);
	rc = chq_link_up(&m->link) ? chq_link_try(&m->link, &out) : CHQ_ENOTCONN;
	if (rc)
		count_lost(m, rc, CHQ_D_QUEUE_OTHER);
}

void
chq_manager_up(struct chq_manager *m, struct chq_up_item *item)
{
	switch (item->up) {
	case CHQ_UP_HELLO: up_hello(m, item); break;
	case CHQ_UP_SERVER: up_server(m, item); break;
	case CHQ_UP_FRAME: up_frame(m, item); break;
	default: break;
	}
}

void
chq_manager_note(struct chq_manager *m, const struct chq_note *note)
{
	struct chq_dp_ref ref = { .slot = note->slot, .gen = note->gen };
	const struct chq_session *s = chq_session_at(m->t, ref);
	struct chq_path at;

	if (!s)
		return;
	if (note->kind == CHQ_NOTE_CONFIRM)
		chq_manager_confirm(m, ref);
	else if (note->kind == CHQ_NOTE_MOVED && chq_path_read(s, &at))
		chq_manager_event(m, ref, CHQ_DP_EV_MOVED, s->ident, &at);
}
