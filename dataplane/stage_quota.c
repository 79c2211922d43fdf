#include "dataplane/quota.h"

#include "dataplane/notice.h"
#include "dataplane/stage.h"

/* What to drop a frame under, or CHQ_C_RX to go on. */
static enum chq_counter
quota_check(const struct chq_worker *w, const struct chq_pkt *p)
{
	struct chq_session *s = p->from;
	const struct chq_quota_class *q = chq_quota_class_of(w->header, s);

	if (!chq_quota_take(&s->frames_tat, w->now_ns, CHQ_LOAD_RELAXED(&q->frame_ns),
			    CHQ_LOAD_RELAXED(&q->frame_span_ns)))
		return CHQ_D_QUOTA_FRAMES;
	if (!chq_quota_take(&s->bytes_tat, w->now_ns, chq_quota_bytes_ns(q, p->dgram_len),
			    CHQ_LOAD_RELAXED(&q->byte_span_ns)))
		return CHQ_D_QUOTA_BYTES;
	return CHQ_C_RX;
}

uint16_t
chq_stage_quota(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		enum chq_counter why = quota_check(w, live[i]);

		if (why == CHQ_C_RX) {
			live[kept++] = live[i];
			continue;
		}
		chq_drop(w, live[i], why);
		chq_notice(w, live[i], CHQ_NOTICE_TOO_FAST);
	}
	return kept;
}
