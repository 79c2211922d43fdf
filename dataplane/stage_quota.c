#include "dataplane/quota.h"

#include "dataplane/notice.h"
#include "dataplane/stage.h"

/* What to drop a frame under, or CHQ_C_RX to go on; by enum chq_quota_result. */
static const uint16_t drop_of[] = { CHQ_C_RX, CHQ_D_QUOTA_FRAMES, CHQ_D_QUOTA_BYTES };

uint16_t
chq_stage_quota(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct chq_session *s = live[i]->from;
		enum chq_counter why =
			drop_of[chq_quota_spend(&s->quota, chq_quota_class_of(w->header, s),
						w->now_ns, live[i]->dgram_len)];

		if (why == CHQ_C_RX) {
			live[kept++] = live[i];
			continue;
		}
		chq_drop(w, live[i], why);
		chq_notice(w, live[i], CHQ_NOTICE_TOO_FAST);
	}
	return kept;
}
