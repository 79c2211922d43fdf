#include <string.h>

#include "dataplane/stage.h"

const struct chq_stage chq_stages[CHQ_STAGES] = {
	{ "parse", chq_stage_parse },	    { "hello", chq_stage_hello },
	{ "lookup", chq_stage_lookup },	    { "sender", chq_stage_sender },
	{ "receiver", chq_stage_receiver }, { "replay", chq_stage_replay },
	{ "path", chq_stage_path },	    { "quota", chq_stage_quota },
	{ "rewrite", chq_stage_rewrite },
};

void
chq_worker_bind(struct chq_worker *w, unsigned int index, struct chq_tables *t)
{
	w->index = index;
	w->tables = t;
	w->header = t->header;
	w->sessions = t->sessions;
	w->cold = t->cold;
	w->buckets = t->buckets;
	w->slots = t->header->sessions;
	w->bucket_count = t->header->buckets;
	w->account_seed = t->header->account_seed;
	w->sip = chq_sip_lanes_best();
	w->extra_n = 0;
	w->header->heartbeat[index] = (struct chq_heartbeat){ 0 }; /* a former process's */
	for (int c = 0; c < CHQ_C__COUNT; c++)
		atomic_store_explicit(&w->counts[c], 0, memory_order_relaxed);
}

void
chq_pipeline(struct chq_worker *w, struct chq_pkt **pkts, uint16_t n)
{
	struct chq_pkt *live[CHQ_BURST];

	memcpy(live, pkts, n * sizeof(struct chq_pkt *));
	chq_pipeline_begin(w);
	for (int i = 0; i < CHQ_STAGES; i++)
		n = chq_stages[i].run(w, live, n);
}
