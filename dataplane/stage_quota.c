#include "dataplane/quota.h"

#include "dataplane/notice.h"
#include "dataplane/stage.h"

/* What to drop a frame under, or CHQ_C_RX to go on. Out of the way, as is what few frames need: the
 * account's budget, a lost race, a refusal. */
static __attribute__((noinline)) enum chq_counter
quota_check_all(const struct chq_worker *w, const struct chq_pkt *p, uint32_t squeeze)
{
	static const uint16_t drop_of[] = {
		[CHQ_QUOTA_SPENT] = CHQ_C_RX,
		[CHQ_QUOTA_OVER_FRAMES] = CHQ_D_QUOTA_FRAMES,
		[CHQ_QUOTA_OVER_BYTES] = CHQ_D_QUOTA_BYTES,
		[CHQ_QUOTA_OVER_ACCOUNT] = CHQ_D_QUOTA_ACCOUNT,
	};
	int got = chq_quota_frame(&p->from->quota, chq_budget_shared(w, p->from),
				  chq_quota_class_of(w->header, p->from), w->now_ns, p->dgram_len,
				  squeeze);

	return got != CHQ_QUOTA_SPENT && squeeze ? CHQ_D_SHED_QUOTA : drop_of[got];
}

/* The same. */
static enum chq_counter
quota_check(const struct chq_worker *w, const struct chq_pkt *p, uint32_t squeeze)
{
	const struct chq_quota_class *q = chq_quota_class_of(w->header, p->from);

	if (CHQ_LOAD_RELAXED(&p->from->budget) == 0 &&
	    chq_quota_try(&p->from->quota, &q->own, w->now_ns, p->dgram_len, squeeze, 1) ==
		    CHQ_QUOTA_SPENT)
		return CHQ_C_RX;
	return quota_check_all(w, p, squeeze);
}

uint16_t
chq_stage_quota(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint32_t squeeze = chq_shed_squeeze(w->sheds);
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		enum chq_counter why = quota_check(w, live[i], squeeze);

		if (why == CHQ_C_RX) {
			live[kept++] = live[i];
			continue;
		}
		chq_drop(w, live[i], why);
		chq_quota_refused(&w->cold[live[i]->from_slot]);
		chq_notice(w, live[i], CHQ_NOTICE_TOO_FAST);
	}
	return kept;
}
