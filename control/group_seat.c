#include <sodium.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "control/book/book.h"
#include "control/group_priv.h"
#include "control/push.h"
#include "store/dept.h"
#include "store/reader.h"

/* Which sessions are in which groups, as members come, go, and are put elsewhere. */

enum { TELL_AT_ONCE = 100 /* members; of more, one a millisecond */ };

struct group *
group_find(const struct groups *gs, uint32_t id)
{
	return chq_map_get_u64(&gs->by_id, id);
}

struct group_seat *
group_seat_find(const struct session *s, uint32_t group)
{
	CHQ_LIST_FOREACH(it, &s->seats) {
		struct group_seat *seat = CHQ_LIST_ENTRY(it, struct group_seat, of_session);

		if (seat->group->id == group)
			return seat;
	}
	return NULL;
}

static struct group *
group_get(struct groups *gs, const struct store_group *as)
{
	struct group *g = group_find(gs, as->id);

	if (g && g->order < as->order)
		g->order = as->order; /* who has said it is about to hear so */
	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->id = as->id;
	g->order = as->order;
	g->epoch = as->epoch;
	chq_list_init(&g->seats);
	if (chq_map_put_u64(&gs->by_id, g->id, g) == 0)
		return g;
	free(g);
	return NULL;
}

/* What was acknowledged and is not written yet outlives the session. */
static void
seat_leave_cursor(struct group_seat *seat)
{
	struct group_cursor *c = calloc(1, sizeof(*c));

	if (!c)
		return;
	*c = (struct group_cursor){ .group = seat->group->id,
				    .order = seat->acked,
				    .account = seat->session->account,
				    .device = seat->session->device };
	chq_list_add_tail(&seat->groups->cursors, &c->node);
}

static void
seat_free(struct group_seat *seat)
{
	struct groups *gs = seat->groups;
	struct group *g = seat->group;

	if (!chq_list_empty(&seat->of_dirty))
		seat_leave_cursor(seat);
	chq_list_del(&seat->of_group);
	chq_list_del(&seat->of_session);
	chq_list_del(&seat->of_work);
	chq_list_del(&seat->of_due);
	chq_list_del(&seat->of_dirty);
	free(seat);
	if (--g->n > 0)
		return;
	chq_map_del_u64(&gs->by_id, g->id);
	free(g);
}

/* Return: 0; CHQ_ENOMEM. */
static int
seat_new(struct groups *gs, struct session *s, const struct store_group *as, uint32_t served)
{
	struct group *g = group_get(gs, as);
	struct group_seat *seat = g ? calloc(1, sizeof(*seat)) : NULL;

	if (!seat) {
		if (g && g->n == 0) {
			chq_map_del_u64(&gs->by_id, g->id);
			free(g);
		}
		return CHQ_ENOMEM;
	}
	*seat = (struct group_seat){ .groups = gs, .group = g, .session = s };
	seat->acked = seat->sent = served < g->order ? served : g->order;
	seat->wait_ms = group_resend_ms(gs);
	chq_list_init(&seat->of_work);
	chq_list_init(&seat->of_due);
	chq_list_init(&seat->of_dirty);
	chq_list_add_tail(&g->seats, &seat->of_group);
	chq_list_add_tail(&s->seats, &seat->of_session);
	g->n++;
	group_work(seat);
	return CHQ_OK;
}

void
groups_session_gone(struct session *s)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &s->seats)
		seat_free(CHQ_LIST_ENTRY(it, struct group_seat, of_session));
	chq_list_del(&s->of_regroup);
}

static bool
mine_has(const struct group_mine *mine, size_t n, uint32_t group)
{
	for (size_t i = 0; i < n; i++)
		if (mine[i].g.id == group)
			return true;
	return false;
}

/* He may have come back to a group within one change: then he is served as one who comes. */
static int
seat_settle(struct groups *gs, struct store_txn *t, struct session *s, const struct group_mine *m)
{
	struct group_seat *seat = group_seat_find(s, m->g.id);
	uint32_t served;
	int rc;

	if (seat)
		return CHQ_OK;
	rc = group_mine_served(gs->ctl, t, m, s->account, s->device, &served);
	return rc ? rc : seat_new(gs, s, &m->g, served);
}

/*
 * Members of a large group are not told all at once, as each then asks for list and key. Who speaks before
 * he is told is refused once, and asks by that.
 */
static unsigned
tell_delay_ms(const struct session *s)
{
	unsigned most = 0;

	CHQ_LIST_FOREACH(it, &s->seats) {
		unsigned n = CHQ_LIST_ENTRY(it, struct group_seat, of_session)->group->n;

		most = n > most ? n : most;
	}
	return most > TELL_AT_ONCE ? randombytes_uniform(most) : 0;
}

int
group_regroup(struct groups *gs, struct store_txn *t, struct session *s)
{
	uint64_t version;
	size_t n;
	int rc = group_mine(gs->ctl, t, s->account, gs->mine, &n);

	if (rc)
		return rc;
	CHQ_LIST_FOREACH_SAFE(it, after, &s->seats) {
		struct group_seat *seat = CHQ_LIST_ENTRY(it, struct group_seat, of_session);

		if (!mine_has(gs->mine, n, seat->group->id))
			seat_free(seat);
	}
	for (size_t i = 0; i < n && !rc; i++)
		rc = seat_settle(gs, t, s, &gs->mine[i]);
	version = group_mine_version(t, s->account, gs->mine, n);
	if (s->groups_version && s->groups_version != version)
		push_groups_changed(gs->ctl, s, version, tell_delay_ms(s));
	s->groups_version = version;
	return rc;
}

static void
regroup_later(struct groups *gs, struct session *s)
{
	if (s->state != SESSION_OPEN)
		return;
	chq_list_del(&s->of_regroup);
	chq_list_add_tail(&gs->regroup, &s->of_regroup);
	group_wake(gs);
}

void
groups_session_open(struct control *ctl, struct session *s)
{
	struct store_txn *t;
	int rc = store_read_begin(ctl->reader, &t);

	if (!rc) {
		rc = group_regroup(ctl->groups, t, s);
		store_read_end(ctl->reader);
	}
	if (rc) {
		control_count(ctl, COUNT_STORE_FAILED);
		regroup_later(ctl->groups, s);
	}
}

/* --- changes --- */

static void
group_follow(struct groups *gs, const struct group *g)
{
	CHQ_LIST_FOREACH(it, &g->seats)
		regroup_later(gs, CHQ_LIST_ENTRY(it, struct group_seat, of_group)->session);
}

static void
epoch_follow(struct groups *gs, struct store_txn *t, struct group *g)
{
	struct store_group now;

	if (store_group_get(t, g->id, &now) != CHQ_OK || now.epoch == g->epoch)
		return;
	g->epoch = now.epoch;
	group_follow(gs, g);
}

/* The groups of a department and of all above it whose epoch is another one now. */
static void
dept_follow(struct groups *gs, struct store_txn *t, uint32_t dept)
{
	for (unsigned depth = 0; dept != 0 && depth <= STORE_DEPTH_MAX; depth++) {
		struct group *g = group_find(gs, dept);
		struct store_dept d;

		if (g)
			epoch_follow(gs, t, g);
		if (store_dept_get(t, dept, &d) != CHQ_OK)
			return;
		dept = d.parent;
	}
}

/* Of all groups: somebody is no more, and which groups made by hand he was in is not told. */
static void
epochs_follow(struct control *ctl)
{
	struct store_txn *t;
	struct group *g;

	if (store_read_begin(ctl->reader, &t) != CHQ_OK)
		return;
	CHQ_MAP_FOREACH(g, &ctl->groups->by_id)
		epoch_follow(ctl->groups, t, g);
	store_read_end(ctl->reader);
}

void
groups_account_changed(struct control *ctl, uint64_t account, const struct book_role *was,
		       unsigned n)
{
	const struct online *o = online_find(&ctl->sessions, account);
	struct store_txn *t;
	struct session *s;

	if (!ctl->reader) /* control ends */
		return;
	if (n && store_read_begin(ctl->reader, &t) == CHQ_OK) {
		for (unsigned i = 0; i < n; i++)
			dept_follow(ctl->groups, t, was[i].dept);
		store_read_end(ctl->reader);
	}
	if (!book_account_known(ctl->book, account))
		epochs_follow(ctl);
	if (!o)
		return;
	ONLINE_FOREACH(s, o)
		regroup_later(ctl->groups, s);
}

void
groups_group_changed(struct control *ctl, uint32_t group, bool all)
{
	struct group *g = group_find(ctl->groups, group);
	struct store_txn *t;

	if (!g || !ctl->reader || store_read_begin(ctl->reader, &t) != CHQ_OK)
		return;
	if (all)
		group_follow(ctl->groups, g);
	else
		epoch_follow(ctl->groups, t, g);
	store_read_end(ctl->reader);
}

void
groups_all_changed(struct control *ctl)
{
	CHQ_LIST_FOREACH(it, &ctl->sessions.all)
		regroup_later(ctl->groups, CHQ_LIST_ENTRY(it, struct session, of_all));
}

/* --- begin and end --- */

int
groups_init(struct control *ctl)
{
	struct groups *gs = calloc(1, sizeof(*gs));
	int rc;

	if (!gs)
		return CHQ_ENOMEM;
	gs->ctl = ctl;
	chq_map_init(&gs->by_id);
	chq_list_init(&gs->work);
	chq_list_init(&gs->due);
	chq_list_init(&gs->dirty);
	chq_list_init(&gs->cursors);
	chq_list_init(&gs->regroup);
	rc = group_pump_init(gs);
	if (rc) {
		free(gs);
		return rc;
	}
	ctl->groups = gs;
	return CHQ_OK;
}

void
groups_stop(struct control *ctl)
{
	group_cursors_write(ctl->groups);
}

void
groups_deinit(struct control *ctl)
{
	struct groups *gs = ctl->groups;

	group_pump_deinit(gs);
	CHQ_LIST_FOREACH_SAFE(it, after, &gs->cursors)
		free(CHQ_LIST_ENTRY(it, struct group_cursor, node));
	chq_map_deinit(&gs->by_id);
	free(gs);
	ctl->groups = NULL;
}
