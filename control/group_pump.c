#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "control/dp_send.h"
#include "control/group_priv.h"
#include "control/write.h"
#include "proto/group_fmt.h"
#include "store/reader.h"

/*
 * Sessions that are behind take turns, one frame each, for a few milliseconds at a time and no faster than
 * the dataplane takes it: so neither a group of thousands nor one who was away for weeks holds up the loop.
 */

enum {
	SLICE_NS = 4 * 1000 * 1000,
	CHECK_EVERY = 16, /* frames between two looks at the clock */
	LINK_WAITING = 512,
	LINK_WAIT_US = 1000,
	FAILED_WAIT_US = 250000,
	CURSORS_AT_ONCE = 2048,
};

void
group_wake(struct groups *gs)
{
	if (gs->waking)
		return;
	gs->waking = true;
	event_active(gs->pump, EV_TIMEOUT, 0);
}

static uint32_t
seat_window(const struct group_seat *seat)
{
	return seat->probing ? 1 : GROUP_WINDOW;
}

static bool
seat_has_work(const struct group_seat *seat)
{
	return seat->sent < seat->group->order && seat->sent - seat->acked < seat_window(seat);
}

void
group_work(struct group_seat *seat)
{
	if (!seat_has_work(seat) || !chq_list_empty(&seat->of_work))
		return;
	chq_list_add_tail(&seat->groups->work, &seat->of_work);
	group_wake(seat->groups);
}

/* --- sending --- */

void
group_send(struct control *ctl, const struct session *s, const struct store_group_frame *f)
{
	const struct dp_frame out = { .party = f->from,
				      .message = f->message,
				      .extra = CHQ_GROUP_EXTRA(f->group, f->order),
				      .app = f->app,
				      .flags = f->flags };

	control_count(ctl, COUNT_GROUP_COPY);
	dp_send_frame(ctl, s, &out, f->payload, f->len);
}

static void
seat_due(struct group_seat *seat, uint64_t now_ms)
{
	if (!chq_list_empty(&seat->of_due))
		return;
	seat->due_ms = now_ms + seat->wait_ms;
	chq_list_add_tail(&seat->groups->due, &seat->of_due);
}

/* What is not kept any more is passed over: the member sees that orders are missing. */
static int
seat_skip(struct group_seat *seat, struct store_txn *t)
{
	struct store_group g;
	uint32_t first = 0;
	int rc = store_group_get(t, seat->group->id, &g);

	if (!rc)
		rc = store_group_first(t, &g, &first);
	if (rc || first <= seat->sent + 1)
		return rc ? rc : CHQ_ECORRUPT;
	control_count(seat->groups->ctl, COUNT_GROUP_SKIPPED);
	seat->acked = seat->sent = first - 1 < seat->group->order ? first - 1 : seat->group->order;
	return CHQ_OK;
}

static int
seat_send(struct group_seat *seat, struct store_txn *t, uint64_t now_ms)
{
	struct store_group_frame f;
	int rc = store_group_frame_get(t, seat->group->id, seat->sent + 1, &f);

	if (rc == CHQ_ENOENT)
		return seat_skip(seat, t);
	if (rc)
		return rc;
	group_send(seat->groups->ctl, seat->session, &f);
	seat->sent++;
	seat_due(seat, now_ms);
	return CHQ_OK;
}

/* The first in the row has its turn, and goes to the end if there is more for it. */
static int
pump_one(struct groups *gs, struct store_txn *t, uint64_t now_ms)
{
	struct group_seat *seat = CHQ_LIST_ENTRY(gs->work.next, struct group_seat, of_work);
	int rc = CHQ_OK;

	chq_list_del(&seat->of_work);
	if (seat_has_work(seat))
		rc = seat_send(seat, t, now_ms);
	if (rc == CHQ_ENOENT)
		return CHQ_OK; /* the group is gone; so will be the seat */
	if (seat_has_work(seat))
		chq_list_add_tail(&gs->work, &seat->of_work);
	return rc;
}

static int
pump_regroup(struct groups *gs, struct store_txn *t)
{
	struct session *s = CHQ_LIST_ENTRY(gs->regroup.next, struct session, of_regroup);

	chq_list_del(&s->of_regroup);
	return group_regroup(gs, t, s);
}

static bool
pump_idle(const struct groups *gs)
{
	return chq_list_empty(&gs->regroup) && chq_list_empty(&gs->work);
}

static bool
link_full(const struct groups *gs)
{
	return !dp_link_up(&gs->ctl->link) || gs->ctl->link.queue_used > LINK_WAITING;
}

/* Who may do what comes first: a member who has left is to be sent nothing more. */
static int
pump_slice(struct groups *gs, struct store_txn *t)
{
	uint64_t end_ns = chq_mono_ns() + SLICE_NS, now_ms = control_now_ms();
	int rc = CHQ_OK;

	for (unsigned i = 1; !rc && !pump_idle(gs); i++) {
		if (!chq_list_empty(&gs->regroup))
			rc = pump_regroup(gs, t);
		else if (link_full(gs))
			return CHQ_OK;
		else
			rc = pump_one(gs, t, now_ms);
		if (i % CHECK_EVERY == 0 && chq_mono_ns() >= end_ns)
			return rc;
	}
	return rc;
}

static void
group_pump(evutil_socket_t fd, short what, void *arg)
{
	struct groups *gs = arg;
	struct timeval tv = { 0 };
	struct store_txn *t;
	int rc = store_read_begin(gs->ctl->reader, &t);

	(void)fd;
	(void)what;
	gs->waking = false;
	if (!rc) {
		rc = pump_slice(gs, t);
		store_read_end(gs->ctl->reader);
	}
	if (rc)
		control_count(gs->ctl, COUNT_STORE_FAILED);
	if (pump_idle(gs) || !dp_link_up(&gs->ctl->link))
		return; /* the tick goes on when there is a dataplane again */
	tv.tv_usec = rc ? FAILED_WAIT_US : link_full(gs) ? LINK_WAIT_US : 0;
	gs->waking = event_add(gs->pump, &tv) == 0;
}

int
group_pump_init(struct groups *gs)
{
	gs->pump = evtimer_new(gs->ctl->base, group_pump, gs);
	return gs->pump ? CHQ_OK : CHQ_ENOMEM;
}

void
group_pump_deinit(struct groups *gs)
{
	event_free(gs->pump);
}

/* --- acknowledgements --- */

static void
seat_acked(struct group_seat *seat, uint32_t order)
{
	struct groups *gs = seat->groups;

	seat->acked = order;
	if (seat->sent < order)
		seat->sent = order;
	seat->probing = false;
	seat->wait_ms = group_resend_ms(gs);
	chq_list_del(&seat->of_due);
	if (seat->sent > seat->acked)
		seat_due(seat, control_now_ms());
	if (chq_list_empty(&seat->of_dirty))
		chq_list_add_tail(&gs->dirty, &seat->of_dirty);
	group_work(seat);
}

void
groups_acked(struct control *ctl, struct session *s, uint64_t extra)
{
	struct group_seat *seat = group_seat_find(s, CHQ_GROUP_OF(extra));
	uint32_t order = CHQ_GROUP_ORDER(extra);

	(void)ctl;
	if (seat && order > seat->acked && order <= seat->group->order)
		seat_acked(seat, order);
}

/* From the first that is missing, one at a time until something is acknowledged. */
static void
seat_again(struct group_seat *seat)
{
	unsigned most = seat->groups->ctl->timing.push_max_ms;

	chq_list_del(&seat->of_due);
	control_count(seat->groups->ctl, COUNT_GROUP_AGAIN);
	seat->sent = seat->acked;
	seat->probing = true;
	seat->wait_ms = seat->wait_ms * 2 > most ? most : seat->wait_ms * 2;
	group_work(seat);
}

/* --- cursors --- */

struct cursors_op {
	struct write_op op;
	struct groups *gs;
	size_t n;
	struct group_cursor cursor[CURSORS_AT_ONCE];
};

static int
cursors_job(struct store_txn *txn, struct write_op *op)
{
	const struct cursors_op *o = CHQ_CONTAINER_OF(op, struct cursors_op, op);
	int rc = CHQ_OK;

	for (size_t i = 0; i < o->n && !rc; i++)
		rc = store_group_cursor_set(txn, o->cursor[i].group, o->cursor[i].account,
					    o->cursor[i].device, o->cursor[i].order);
	return rc;
}

/* What is lost is sent again and acknowledged again. */
static void
cursors_done(struct write_op *op, int rc)
{
	struct cursors_op *o = CHQ_CONTAINER_OF(op, struct cursors_op, op);

	(void)rc;
	if (op->ctl->groups)
		o->gs->writing = false;
	free(o);
}

static size_t
cursors_take(struct groups *gs, struct group_cursor *out, size_t max)
{
	size_t n = 0;

	while (n < max && !chq_list_empty(&gs->cursors)) {
		struct group_cursor *c = CHQ_LIST_ENTRY(gs->cursors.next, struct group_cursor,
							node);

		chq_list_del(&c->node);
		out[n++] = *c;
		free(c);
	}
	while (n < max && !chq_list_empty(&gs->dirty)) {
		struct group_seat *seat = CHQ_LIST_ENTRY(gs->dirty.next, struct group_seat,
							 of_dirty);

		chq_list_del(&seat->of_dirty);
		out[n++] = (struct group_cursor){ .group = seat->group->id,
						  .order = seat->acked,
						  .account = seat->session->account,
						  .device = seat->session->device };
	}
	return n;
}

void
group_cursors_write(struct groups *gs)
{
	struct cursors_op *o;

	if (gs->writing || (chq_list_empty(&gs->dirty) && chq_list_empty(&gs->cursors)))
		return;
	o = calloc(1, sizeof(*o));
	if (!o)
		return;
	o->op.job = cursors_job;
	o->op.done = cursors_done;
	o->gs = gs;
	o->n = cursors_take(gs, o->cursor, CURSORS_AT_ONCE);
	gs->writing = write_submit(gs->ctl, &o->op) == CHQ_OK;
	if (!gs->writing)
		free(o);
}

void
groups_tick(struct control *ctl, uint64_t now_ms)
{
	struct groups *gs = ctl->groups;

	CHQ_LIST_FOREACH_SAFE(it, after, &gs->due) {
		struct group_seat *seat = CHQ_LIST_ENTRY(it, struct group_seat, of_due);

		if (seat->due_ms <= now_ms)
			seat_again(seat);
	}
	group_cursors_write(gs);
	if (!pump_idle(gs) && dp_link_up(&ctl->link))
		group_wake(gs);
}
