#pragma once
/*
 * dataplane/stage: the stages of a burst, one file each. They run in this order:
 *
 *     parse -> hello -> lookup -> sender -> receiver -> replay -> path -> quota -> rewrite
 *
 * Each takes the packets that are still undecided, gives some of them their verdict, and returns
 * how many are left, moved to the front in their order. Up to and with the receiver stage no table
 * is written, so that whatever goes up to the manager has changed nothing.
 *
 * None fails, allocates, locks, logs or enters the kernel. Thread: the worker's.
 */
#include "dataplane/tag.h"
#include "dataplane/worker.h"

/** Type, length and form; FRAMEs get their header in p->hdr. HELLOs go on with hdr.type alone. */
uint16_t chq_stage_parse(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/** Decides every HELLO: RETRY in its place, up when its cookie is right, else dropped. */
uint16_t chq_stage_hello(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/** Fetches what the next two stages read of the tables: fills p->to_slot with the slot that the
 * receiver's account has, CHQ_SLOT_NONE if that is not known or not asked. Decides nothing. */
uint16_t chq_stage_lookup(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/** Session by slot, tag, expiry; fills p->from, from_slot, from_gen, from_ident,
 * from_epoch. */
uint16_t chq_stage_sender(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/** Account to session, silence, grant, denial list; fills p->to, to_slot, to_ident. What it cannot
 * decide goes up. */
uint16_t chq_stage_receiver(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/** Takes the sequence number; tells the manager of a session's first valid frame. */
uint16_t chq_stage_replay(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/** Moves sessions, refreshes links, asks frames from elsewhere for their path; fills p->moved. */
uint16_t chq_stage_path(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/** Budgets of frames and bytes. */
uint16_t chq_stage_quota(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/** Decides all that is left: new header and address, PING answered in place, refused frames dropped
 * with a NOTICE. Return: 0. */
uint16_t chq_stage_rewrite(struct chq_worker *w, struct chq_pkt **live, uint16_t n);

/* The stages in their order. Each returns how many are left; the last one none. */
struct chq_stage {
	const char *name;
	uint16_t (*run)(struct chq_worker *w, struct chq_pkt **live, uint16_t n);
};
#define CHQ_STAGES 9
extern const struct chq_stage chq_stages[CHQ_STAGES];

/* What comes before the first stage of a burst. */
static inline void
chq_pipeline_begin(struct chq_worker *w)
{
	w->extra_n = 0;
	w->today = CHQ_LOAD_RELAXED(&w->header->today);
}

/* A packet's verdict, counted under @count. */
static inline void
chq_decide(struct chq_worker *w, struct chq_pkt *p, enum chq_verdict verdict,
	   enum chq_counter count)
{
	p->verdict = (uint8_t)verdict;
	p->count = (uint16_t)count;
	chq_count(w, count);
}

/* The word of its account's budget, if a session shares one. */
static inline uint64_t *
chq_budget_shared(const struct chq_worker *w, const struct chq_session *s)
{
	uint32_t budget = CHQ_LOAD_RELAXED(&s->budget);

	return budget - 1 < w->slots ? &w->cold[budget - 1].account_quota : NULL;
}

/* The key of a job, out of a record. Word by word, because a structure that was stored so and is
 * then copied as one makes the processor wait. */
static inline void
chq_job_key(struct chq_sip_job *job, const struct chq_sipkey *key)
{
	job->key.k0 = CHQ_LOAD_RELAXED(&key->k0);
	job->key.k1 = CHQ_LOAD_RELAXED(&key->k1);
}

static inline void
chq_drop(struct chq_worker *w, struct chq_pkt *p, enum chq_counter count)
{
	chq_decide(w, p, CHQ_V_DROP, count);
}
