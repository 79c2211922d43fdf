#include "dataplane/replay.h"
#include "dataplane/stage.h"

/* The manager makes a NEW session a receiver; a note that finds the ring full is repeated by the
 * next frame. */
static __attribute__((noinline)) void
confirm_note(struct chq_worker *w, const struct chq_pkt *p)
{
	struct chq_note note = { p->from_slot, p->from_gen, CHQ_NOTE_CONFIRM };

	(void)chq_ring_push(&w->notes, &note);
}

/* After a lost race, or for good. */
static __attribute__((noinline)) int
take_again(const struct chq_pkt *p)
{
	return chq_replay_take(p->from->replay, p->hdr.seq);
}

/* Locked operations here, and for budgets and numbers to come: even where one worker is alone, the
 * manager takes numbers of the same sessions for frames that it was handed. */
uint16_t
chq_stage_replay(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct chq_pkt *p = live[i];

		if (!chq_replay_try(p->from->replay, p->hdr.seq, 1) && !take_again(p)) {
			chq_drop(w, p, CHQ_D_REPLAY);
			continue;
		}
		if (p->refuse != CHQ_D_EXPIRED) {
			chq_session_heard(p->from, w->now_s);
			if (CHQ_LOAD_RELAXED(&p->from->state) == CHQ_SESSION_NEW)
				confirm_note(w, p);
		}
		live[kept++] = p;
	}
	return kept;
}
