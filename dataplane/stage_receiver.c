#include "dataplane/fetch.h"
#include "dataplane/path.h"
#include "dataplane/quota.h"
#include "dataplane/stage.h"
#include "proto/grant.h"

/* Results of the checks below: 0 = go on, else enum chq_dp_why. */

static __attribute__((noinline)) int
device_seek(const struct chq_worker *w, struct chq_pkt *p)
{
	uint32_t slot = p->to_slot;
	uint64_t account = CHQ_PARTY_ID(p->hdr.party);
	uint8_t device = CHQ_PARTY_DEVICE(p->hdr.party);
	int why = CHQ_DP_WHY_UNKNOWN;

	for (int i = 0; i < CHQ_DEVICES_MAX && slot < w->slots; i++) {
		uint64_t ident = CHQ_LOAD_ACQUIRE(&w->sessions[slot].rx_ident);

		if (!CHQ_RX_IS(ident, account))
			return why;
		if (device == 0 ? !(ident >> 56 & CHQ_RX_DEVICES)
				: device == CHQ_PARTY_DEVICE(ident)) {
			p->to = &w->sessions[slot];
			p->to_slot = slot;
			p->to_ident = ident;
			return 0;
		}
		why = CHQ_DP_WHY_DEVICE;
		if (device == 0 || !(ident >> 56 & CHQ_RX_DEVICES))
			return why;
		slot = CHQ_LOAD_RELAXED(&w->cold[slot].next_slot);
	}
	return why;
}

/* Mostly the account has one device, and it is the one that is named. */
static inline int
device_find(const struct chq_worker *w, struct chq_pkt *p)
{
	uint64_t party = p->hdr.party, ident;

	if (p->to_slot < w->slots) {
		ident = CHQ_LOAD_ACQUIRE(&w->sessions[p->to_slot].rx_ident);
		if (CHQ_PARTY_DEVICE(party) &&
		    CHQ_RX_SAME(ident, CHQ_RX_IDENT(CHQ_RX_VALID, CHQ_PARTY_DEVICE(party),
						    CHQ_PARTY_ID(party)))) {
			p->to = &w->sessions[p->to_slot];
			p->to_ident = ident;
			return 0;
		}
	}
	return device_seek(w, p);
}

static int
denied(const struct chq_worker *w, const struct chq_pkt *p)
{
	const uint64_t *deny = w->cold[p->to_slot].deny;
	uint64_t sender = CHQ_PARTY_ID(p->from_ident);

	for (int i = 0; i < CHQ_DENY_MAX; i++) {
		uint64_t entry = CHQ_LOAD_RELAXED(&deny[i]);

		if (entry != 0 && (entry & CHQ_ID_MASK) == sender && entry >> 48 >= w->today)
			return 1;
	}
	return 0;
}

/* What the grant of a frame to p->to should be made of. */
static void
grant_job(const struct chq_pkt *p, struct chq_sip_job *job)
{
	chq_fetch_write(&p->to->seq_out);
	chq_job_key(job, &p->to->grant_key);
	job->words[0] = chq_grant_word0(CHQ_KIND_ACCOUNT, p->from_epoch,
					CHQ_PARTY_ID(p->from_ident));
	job->words[1] = chq_grant_word1(CHQ_PARTY_ID(p->hdr.party), CHQ_GRANT_DAY(p->hdr.grant));
}

/* @mac: of the job above. */
static int
receiver_check(const struct chq_worker *w, const struct chq_pkt *p, uint64_t mac)
{
	const struct chq_session *r = p->to;
	int64_t silent_s = (int64_t)w->now_s - CHQ_LOAD_RELAXED(&r->rx_heard_s);
	uint32_t silence_s = CHQ_LOAD_RELAXED(&w->header->silence_s);

	if (!chq_grant_good(p->hdr.grant, mac, w->today))
		return CHQ_DP_WHY_GRANT;
	if ((p->to_ident >> 56 & CHQ_RX_DENY) && denied(w, p))
		return CHQ_DP_WHY_DENIED;
	if ((silence_s && silent_s > silence_s) || w->now_s > CHQ_LOAD_RELAXED(&r->rx_expires_s))
		return CHQ_DP_WHY_SILENT;
	return 0;
}

/*
 * Is it over its sender's quota, and would the manager, who spends that, say nothing? To another
 * address than the session's it says nothing of it, and to the session's once a second.
 * Return: the counter to drop it under; CHQ_C_RX: it goes on.
 */
static __attribute__((noinline)) enum chq_counter
over_quota(struct chq_worker *w, const struct chq_pkt *p)
{
	static const uint16_t drop_of[] = {
		[CHQ_QUOTA_OVER_FRAMES] = CHQ_D_QUOTA_FRAMES,
		[CHQ_QUOTA_OVER_BYTES] = CHQ_D_QUOTA_BYTES,
		[CHQ_QUOTA_OVER_ACCOUNT] = CHQ_D_QUOTA_ACCOUNT,
	};
	struct chq_cold *c = &w->cold[p->from_slot];
	int got = chq_quota_frame_peek(&p->from->quota, chq_budget_shared(w, p->from),
				       chq_quota_class_of(w->header, p->from), w->now_ns,
				       p->dgram_len);

	if (got == CHQ_QUOTA_SPENT)
		return CHQ_C_RX;
	if (!chq_path_foreign(p->from, &p->src)) {
		if (!chq_notice_fast_told(c, w->now_ns))
			return CHQ_C_RX;
		chq_count(w, CHQ_D_NOTICE_LIMIT);
	}
	chq_quota_refused(c);
	return drop_of[got];
}

/*
 * The manager takes its number, and spends its quota. Its queue is short: what it would refuse without
 * a word ends here, copies of what it has had, and what a session sends beyond its quota. Else one
 * session, or who has caught one frame, could fill it, and nobody else's frames came through.
 */
static void
hand_up(struct chq_worker *w, struct chq_pkt *p, enum chq_up up, enum chq_counter count)
{
	enum chq_counter why = CHQ_D_REPLAY;

	p->up = (uint8_t)up;
	if (!chq_replay_seen(p->from->replay, p->hdr.seq))
		why = over_quota(w, p);
	if (why == CHQ_C_RX)
		chq_decide(w, p, CHQ_V_UP, count);
	else
		chq_drop(w, p, why);
}

static void
up_frame(struct chq_worker *w, struct chq_pkt *p, int why)
{
	static const uint16_t count[] = {
		[CHQ_DP_WHY_UNKNOWN] = CHQ_C_UP_UNKNOWN, [CHQ_DP_WHY_GRANT] = CHQ_C_UP_GRANT,
		[CHQ_DP_WHY_DENIED] = CHQ_C_UP_DENIED,	 [CHQ_DP_WHY_SILENT] = CHQ_C_UP_SILENT,
		[CHQ_DP_WHY_DEVICE] = CHQ_C_UP_DEVICE,	 [CHQ_DP_WHY_GROUP] = CHQ_C_UP_GROUP,
	};

	p->why = (uint8_t)why;
	hand_up(w, p, CHQ_UP_FRAME, count[why]);
}

enum to_whom { TO_DECIDED, TO_NOBODY, TO_ACCOUNT };

/* Hands up what is not for one person. TO_NOBODY: goes on without a receiver. */
static enum to_whom
receiver_kind(struct chq_worker *w, struct chq_pkt *p)
{
	if (p->refuse || (p->hdr.flags & CHQ_F_PING))
		return TO_NOBODY;
	if (p->hdr.party == 0) {
		hand_up(w, p, CHQ_UP_SERVER, CHQ_C_UP_SERVER);
		return TO_DECIDED;
	}
	if (CHQ_PARTY_KIND(p->hdr.party) == CHQ_KIND_GROUP) {
		up_frame(w, p, CHQ_DP_WHY_GROUP);
		return TO_DECIDED;
	}
	if (p->hdr.flags & CHQ_F_HOP) {
		p->refuse =
			CHQ_D_SEAL; /* by its form alone, so the NOTICE tells nothing of the receiver */
		return TO_NOBODY;
	}
	return TO_ACCOUNT;
}

/* Return: how many of the first @n are not NULL, moved to the front. */
static uint16_t
close_gaps(struct chq_pkt **live, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++)
		if (live[i])
			live[kept++] = live[i];
	return kept;
}

/* What is for an account: the rest of its checks, once the grants are made. @at: their places. */
static uint16_t
receivers_check(struct chq_worker *w, struct chq_pkt **live, uint16_t kept, const uint16_t *at,
		const uint64_t *macs, uint16_t n)
{
	uint16_t decided = 0;

	for (uint16_t i = 0; i < n; i++) {
		int why = receiver_check(w, live[at[i]], macs[i]);

		if (!why)
			continue;
		up_frame(w, live[at[i]], why);
		live[at[i]] = NULL;
		decided++;
	}
	return decided ? close_gaps(live, kept) : kept;
}

uint16_t
chq_stage_receiver(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint64_t macs[CHQ_BURST];
	uint16_t at[CHQ_BURST], grants = 0, kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct chq_pkt *p = live[i];
		enum to_whom kind = receiver_kind(w, p);
		int why = kind == TO_ACCOUNT ? device_find(w, p) : 0;

		if (why)
			up_frame(w, p, why);
		if (why || kind == TO_DECIDED)
			continue;
		if (kind == TO_ACCOUNT) {
			grant_job(p, &w->jobs[grants]);
			at[grants++] = kept;
		}
		live[kept++] = p;
	}
	w->sip->pairs(w->jobs, grants, macs);
	return receivers_check(w, live, kept, at, macs, grants);
}
