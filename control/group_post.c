#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/app.h"
#include "control/dp_send.h"
#include "control/group_priv.h"
#include "control/write.h"
#include "proto/grant.h"
#include "proto/group_fmt.h"
#include "store/reader.h"

/* What somebody says: judged, given its order in the store, and then everybody is behind by one. */

#define BURST_US UINT64_C(1000000)

struct post {
	struct write_op op;
	struct chq_dp_ref ref; /* session that has sent it */
	struct store_group_frame frame;
	uint32_t epoch;
	uint64_t now_ms;
	bool again;
	uint8_t payload[];
};

uint64_t
group_grant(const struct control *ctl, uint64_t account, const struct store_group *g)
{
	uint16_t day = (uint16_t)(chq_day() + ctl->conf->grants.days);
	uint8_t key[16];

	chq_grant_key(ctl->keys.grants, CHQ_KIND_GROUP, g->id, g->epoch, key);
	return chq_grant_make(chq_sipkey_load(key), CHQ_KIND_GROUP, account, 0, g->id, day);
}

static bool
granted(const struct control *ctl, const struct chq_dp_frame_rx *rx, const struct store_group *g)
{
	uint8_t key[16];

	chq_grant_key(ctl->keys.grants, CHQ_KIND_GROUP, g->id, g->epoch, key);
	return chq_grant_ok(rx->grant, chq_sipkey_load(key), CHQ_KIND_GROUP, CHQ_PARTY_ID(rx->from),
			    0, g->id, chq_day());
}

static uint8_t
right_for(uint16_t app)
{
	return app == CHQ_APP_ANNOUNCEMENT ? STORE_GROUP_ANNOUNCE : STORE_GROUP_POST;
}

/* Sealed under the present key, so that nobody who has left can open it. */
static bool
epoch_right(const struct chq_dp_frame_rx *rx, uint32_t epoch)
{
	uint8_t salt[CHQ_GROUP_SALT_BYTES];
	uint32_t its;

	return chq_group_head(rx->payload, rx->payload_len, &its, salt) == CHQ_OK && its == epoch;
}

/*
 * May it be said? The same work is done for a group that is there and not his as for one that is not.
 * Return: 0; CHQ_EDENIED; codes of reading.
 */
static int
post_judge(struct control *ctl, const struct chq_dp_frame_rx *rx, struct group_mine *mine)
{
	uint32_t id = (uint32_t)CHQ_PARTY_ID(rx->to);
	struct store_txn *t;
	int rc = store_read_begin(ctl->reader, &t);
	bool good;

	if (rc)
		return rc;
	*mine = (struct group_mine){ .g = { .id = id } };
	rc = group_mine_one(ctl, t, CHQ_PARTY_ID(rx->from), id, mine);
	store_read_end(ctl->reader);
	if (rc && rc != CHQ_ENOENT)
		return rc;
	good = granted(ctl, rx, &mine->g);
	if (rc || !good || !epoch_right(rx, mine->g.epoch) || !(mine->rights & right_for(rx->app)))
		return CHQ_EDENIED;
	return rx->app == CHQ_APP_ANNOUNCEMENT ? CHQ_OK
					       : app_may_post(ctl, rx->app, CHQ_PARTY_ID(rx->from));
}

/* A frame costs its sender a copy for each session that is there; he may go over once. */
static bool
copies_charge(struct control *ctl, struct online *o, uint32_t group)
{
	const struct group *g = group_find(ctl->groups, group);
	uint64_t copies = g && g->n ? g->n : 1, now_us = chq_mono_ns() / 1000;

	if (o->copies_us > now_us + BURST_US)
		return false;
	if (o->copies_us < now_us)
		o->copies_us = now_us;
	o->copies_us += copies * 1000000 / ctl->conf->groups.copies_per_second;
	return true;
}

/* Writer thread. The group may have changed since the frame was judged. */
static int
post_job(struct store_txn *txn, struct write_op *op)
{
	struct post *p = CHQ_CONTAINER_OF(op, struct post, op);
	const struct store_group_keep keep = { .frames = op->ctl->conf->groups.keep,
					       .age_ms = op->ctl->conf->groups.keep_ms };
	struct store_group g;
	int rc = store_group_get(txn, p->frame.group, &g);

	if (!rc && g.epoch != p->epoch)
		rc = CHQ_EDENIED;
	return rc ? rc : store_group_post(txn, &p->frame, &keep, p->now_ms, &p->again);
}

static void
post_refuse(struct control *ctl, const struct session *s, int rc, uint32_t group, uint64_t message)
{
	bool denied = rc == CHQ_EDENIED || rc == CHQ_ENOENT;

	control_count(ctl, denied ? COUNT_GROUP_DENIED : COUNT_GROUP_BUSY);
	dp_send_notice(ctl, s, denied ? CHQ_NOTICE_UNKNOWN : CHQ_NOTICE_TOO_FAST,
		       CHQ_PARTY(CHQ_KIND_GROUP, 0, group), message);
}

static void
post_done(struct write_op *op, int rc)
{
	struct post *p = CHQ_CONTAINER_OF(op, struct post, op);
	struct control *ctl = op->ctl;
	struct session *s = session_find(&ctl->sessions, p->ref);
	struct group *g = ctl->groups ? group_find(ctl->groups, p->frame.group) : NULL;

	if (rc) {
		if (s)
			post_refuse(ctl, s, rc, p->frame.group, p->frame.message);
	} else if (p->again) {
		control_count(ctl, COUNT_GROUP_SAID_AGAIN);
		if (s) /* his confirmation was lost */
			group_send(ctl, s, &p->frame);
	} else if (g) {
		control_count(ctl, COUNT_GROUP_SAID);
		if (p->frame.order > g->order)
			g->order = p->frame.order;
		CHQ_LIST_FOREACH(it, &g->seats)
			group_work(CHQ_LIST_ENTRY(it, struct group_seat, of_group));
	}
	free(p);
}

static int
post_submit(struct control *ctl, const struct session *s, const struct chq_dp_frame_rx *rx,
	    uint32_t epoch)
{
	struct post *p = calloc(1, sizeof(*p) + rx->payload_len);
	int rc;

	if (!p)
		return CHQ_ENOMEM;
	memcpy(p->payload, rx->payload, rx->payload_len);
	p->op.job = post_job;
	p->op.done = post_done;
	p->ref = session_ref(s);
	p->epoch = epoch;
	p->now_ms = chq_wall_ms();
	p->frame = (struct store_group_frame){ .group = (uint32_t)CHQ_PARTY_ID(rx->to),
					       .from = rx->from,
					       .message = rx->message,
					       .app = rx->app,
					       .flags = rx->flags & CHQ_F_STORE,
					       .len = rx->payload_len,
					       .payload = p->payload };
	rc = write_submit(ctl, &p->op);
	if (rc)
		free(p);
	return rc;
}

void
group_frame(struct control *ctl, struct session *s, const struct chq_dp_frame_rx *rx)
{
	uint32_t id = (uint32_t)CHQ_PARTY_ID(rx->to);
	struct online *o = online_find(&ctl->sessions, s->account);
	struct group_mine mine;
	int rc = s->state == SESSION_OPEN && o ? CHQ_OK : CHQ_EDENIED;

	if (rx->flags & ~CHQ_F_STORE) {
		dp_send_notice(ctl, s, CHQ_NOTICE_SEAL, rx->to, rx->message);
		return;
	}
	if (!rc)
		rc = post_judge(ctl, rx, &mine);
	if (!rc && !copies_charge(ctl, o, id))
		rc = CHQ_EAGAIN;
	if (!rc)
		rc = post_submit(ctl, s, rx, mine.g.epoch);
	if (rc)
		post_refuse(ctl, s, rc, id, rx->message);
}
