#include <string.h>

#include "dataplane/stage.h"

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
	w->extra_n = 0;
	w->today = CHQ_LOAD_RELAXED(&w->header->today);

	n = chq_stage_parse(w, live, n);
	n = chq_stage_hello(w, live, n);
	n = chq_stage_lookup(w, live, n);
	n = chq_stage_sender(w, live, n);
	n = chq_stage_receiver(w, live, n);
	n = chq_stage_replay(w, live, n);
	n = chq_stage_path(w, live, n);
	n = chq_stage_quota(w, live, n);
	chq_stage_rewrite(w, live, n);
}
