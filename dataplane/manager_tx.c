#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "dataplane/atomic.h"
#include "dataplane/manager.h"
#include "dataplane/notice.h"
#include "dataplane/path.h"
#include "dataplane/quota.h"

void
chq_manager_send(struct chq_manager *m, uint32_t key, const struct chq_path *to,
		 const uint8_t *dgram, uint16_t len)
{
	unsigned i = key % m->n_workers;
	struct chq_tx_item item = { .to = *to, .dgram_len = len };

	memcpy(item.dgram, dgram, len);
	if (!chq_ring_push(&m->workers[i]->tx, &item)) {
		chq_manager_count_one(m, CHQ_D_TX_FULL);
		return;
	}
	chq_manager_count_one(m, CHQ_C_CONTROL_TX);
	m->tx_wanted |= UINT64_C(1) << i;
}

void
chq_manager_notice(struct chq_manager *m, struct chq_session *s, uint32_t slot,
		   const struct chq_frame_hdr *h, const struct chq_path *to, uint16_t code,
		   uint64_t token, enum chq_counter counter)
{
	uint8_t dgram[CHQ_FRAME_HDR_LEN];

	if (!chq_notice_make(s, slot, m->t->header, m->now_ns, h, code, token, dgram)) {
		chq_manager_count_one(m, CHQ_D_NOTICE_LIMIT);
		return;
	}
	chq_manager_count_one(m, counter);
	chq_manager_send(m, slot, to, dgram, sizeof(dgram));
}

/* Seal or copy the body behind the header's place. Return: payload length; CHQ_E…. */
static int
frame_payload(struct chq_manager *m, const struct chq_dp_frame_tx *f, const struct chq_frame_hdr *h,
	      uint8_t *dgram)
{
	memcpy(dgram + CHQ_FRAME_HDR_LEN, f->body, f->body_len);
	if (!(f->flags & CHQ_F_HOP))
		return f->body_len;
	chq_frame_put(dgram, h);
	return chq_hop_seal(dgram, f->body_len, m->t->hop[f->ref.slot].out);
}

/*
 * A NOTICE that names a frame is an answer to it, whoever makes it: all are from one budget. But that a
 * frame was stored is told of each: it was within its sender's quota, which pays for the answer.
 */
static bool
notice_allowed(const struct chq_manager *m, struct chq_session *s, const struct chq_dp_frame_tx *f)
{
	const struct chq_quota_class *q = chq_quota_class_of(m->t->header, s);

	return !(f->flags & CHQ_F_NOTICE) || f->party == 0 || f->app == CHQ_NOTICE_STORED ||
	       chq_quota_take(&s->notice_tat, m->now_ns, q->notice_ns, q->notice_span_ns);
}

void
chq_manager_frame_tx(struct chq_manager *m, const struct chq_dp_frame_tx *f)
{
	struct chq_session *s = chq_session_at(m->t, f->ref);
	uint8_t dgram[CHQ_DGRAM_MAX];
	struct chq_frame_hdr h = { .type = CHQ_TYPE_FRAME,
				   .flags = f->flags,
				   .app = f->app,
				   .slot = f->ref.slot,
				   .party = f->party,
				   .message = f->message,
				   .grant = f->extra };
	struct chq_path to;
	int len;

	if (!s) {
		chq_manager_count_one(m, CHQ_D_SLOT);
		return;
	}
	if (!chq_path_read(s, &to)) {
		chq_manager_count_one(m, CHQ_D_PATH);
		return;
	}
	if (!notice_allowed(m, s, f)) {
		chq_manager_count_one(m, CHQ_D_NOTICE_LIMIT);
		return;
	}
	/* The number is taken before it is used as a nonce, and never given back. */
	h.seq = CHQ_FETCH_ADD(&s->seq_out, 1) + 1;
	if (h.seq > CHQ_HOP_SEQ_MAX && (f->flags & CHQ_F_HOP)) {
		chq_manager_worn(m, f->ref, NULL);
		return;
	}
	len = frame_payload(m, f, &h, dgram);
	if (len < 0) {
		CHQ_LOG_ERROR("seal-failed", "slot=%u code=%s", (unsigned)f->ref.slot,
			      chq_errname(len));
		return;
	}
	chq_frame_build(dgram, &h, (uint16_t)len, (const uint8_t *)&s->tag_out);
	chq_manager_send(m, f->ref.slot, &to, dgram, (uint16_t)(CHQ_FRAME_HDR_LEN + len));
}
