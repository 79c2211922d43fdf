#include "control/presence.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/push.h"
#include "control/spread.h"

/* An account that is online, or was a moment ago. */
struct person {
	uint64_t account;
	struct chq_list node; /* in presence.waiting */
	bool invisible;
	bool spreading;		  /* others are being told */
	bool ahead;		  /* somebody has read what was not told yet */
	Chasqui__Status told;	  /* last */
	Chasqui__Status noted;	  /* in the log of views */
	bool unnoted;		  /* it may be another since */
	uint64_t told_ms, due_ms; /* monotonic; told_ms 0: never */
	uint64_t noted_ms;
};

static void presence_due(evutil_socket_t fd, short what, void *arg);

int
presence_init(struct control *ctl)
{
	struct presence *p = &ctl->presence;

	chq_map_init(&p->persons);
	chq_list_init(&p->waiting);
	p->timer_ms = UINT64_MAX;
	p->timer = event_new(ctl->base, -1, 0, presence_due, ctl);
	return p->timer ? CHQ_OK : CHQ_ENOMEM;
}

void
presence_deinit(struct presence *p)
{
	struct person *one;

	CHQ_MAP_FOREACH(one, &p->persons)
		free(one);
	chq_map_deinit(&p->persons);
	chq_list_init(&p->waiting);
	if (p->timer)
		event_free(p->timer);
	p->timer = NULL;
}

static struct person *
person_find(const struct control *ctl, uint64_t account)
{
	return chq_map_get_u64(&ctl->presence.persons, account);
}

/* Return: the person; NULL without memory. */
static struct person *
person_get(struct control *ctl, uint64_t account)
{
	struct person *p = person_find(ctl, account);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p || chq_map_put_u64(&ctl->presence.persons, account, p) != 0) {
		free(p);
		return NULL;
	}
	p->account = account;
	p->told = p->noted = CHASQUI__STATUS__STATUS_OFFLINE;
	chq_list_init(&p->node);
	return p;
}

static void
person_free(struct control *ctl, struct person *p)
{
	chq_map_del_u64(&ctl->presence.persons, p->account);
	chq_list_del(&p->node);
	free(p);
}

/* --- how somebody is --- */

/* How reachable; the most reachable device counts. */
static unsigned
reach(Chasqui__Status status)
{
	switch (status) {
	case CHASQUI__STATUS__STATUS_ONLINE: return 3;
	case CHASQUI__STATUS__STATUS_BUSY: return 2;
	case CHASQUI__STATUS__STATUS_AWAY: return 1;
	default: return 0;
	}
}

static Chasqui__Status
devices_status(const struct control *ctl, uint64_t account)
{
	const struct online *o = online_find(&ctl->sessions, account);
	Chasqui__Status best = CHASQUI__STATUS__STATUS_OFFLINE;
	struct session *s;

	if (!o)
		return best;
	ONLINE_FOREACH(s, o) {
		/* A device that has said nothing is online. */
		Chasqui__Status of = s->status ? (Chasqui__Status)s->status
					       : CHASQUI__STATUS__STATUS_ONLINE;

		if (s->state == SESSION_OPEN && reach(of) > reach(best))
			best = of;
	}
	return best;
}

Chasqui__Status
presence_own(const struct control *ctl, uint64_t account)
{
	const struct person *p = person_find(ctl, account);
	Chasqui__Status status = devices_status(ctl, account);

	return p && p->invisible && status != CHASQUI__STATUS__STATUS_OFFLINE
		       ? CHASQUI__STATUS__STATUS_INVISIBLE
		       : status;
}

/* How others are to see it. */
static Chasqui__Status
shown_status(const struct control *ctl, uint64_t account)
{
	Chasqui__Status status = presence_own(ctl, account);

	return status == CHASQUI__STATUS__STATUS_INVISIBLE ? CHASQUI__STATUS__STATUS_OFFLINE
							   : status;
}

Chasqui__Status
presence_status(const struct control *ctl, uint64_t account)
{
	struct person *p = person_find(ctl, account);
	Chasqui__Status status = shown_status(ctl, account);

	/* Who reads this knows more than was told: he must hear of it, should it be as before by then. */
	if (p && status != p->told)
		p->ahead = true;
	return status;
}

const char *
presence_name(Chasqui__Status status)
{
	switch (status) {
	case CHASQUI__STATUS__STATUS_OFFLINE: return "offline";
	case CHASQUI__STATUS__STATUS_ONLINE: return "online";
	case CHASQUI__STATUS__STATUS_AWAY: return "away";
	case CHASQUI__STATUS__STATUS_BUSY: return "busy";
	case CHASQUI__STATUS__STATUS_INVISIBLE: return "invisible";
	default: return "unknown";
	}
}

const struct session *
presence_where(const struct control *ctl, uint64_t account)
{
	const struct online *o = online_find(&ctl->sessions, account);
	const struct session *newest = NULL;
	struct session *s;

	if (!o || !ctl->conf->p2p.share_addresses ||
	    shown_status(ctl, account) == CHASQUI__STATUS__STATUS_OFFLINE)
		return NULL;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN)
			newest = s;
	return newest;
}

/* --- telling it --- */

/*
 * The log of views is one for all: who changes his state all the time is noted once in a while, whoever
 * has read his state meanwhile then too.
 */
static void
person_note(struct control *ctl, struct person *p, uint64_t now_ms)
{
	p->noted = shown_status(ctl, p->account);
	p->noted_ms = now_ms;
	p->unnoted = false;
	view_changed(ctl, p->account);
}

static void
person_tell(struct control *ctl, struct person *p, uint64_t now_ms)
{
	chq_list_del(&p->node);
	if (p->unnoted)
		person_note(ctl, p, now_ms);
	p->told = shown_status(ctl, p->account);
	p->told_ms = now_ms;
	p->ahead = false;
	control_count(ctl, p->told == CHASQUI__STATUS__STATUS_OFFLINE ? COUNT_PRESENCE_OFFLINE
								      : COUNT_PRESENCE_ONLINE);
	p->spreading = spread_presence(ctl, p->account, p->told) == CHQ_OK;
	if (!p->spreading)
		CHQ_LOG_ERROR("presence-not-told", "account=%llu error=%s",
			      (unsigned long long)p->account, chq_errname(CHQ_ENOMEM));
}

/* Look again at the latest then. */
static void
presence_wake(struct control *ctl, uint64_t due_ms)
{
	uint64_t now_ms = control_now_ms(), wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
	struct timeval tv = { .tv_sec = (time_t)(wait_ms / 1000),
			      .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000) };

	if (!ctl->presence.timer || due_ms >= ctl->presence.timer_ms)
		return;
	ctl->presence.timer_ms = due_ms;
	event_add(ctl->presence.timer, &tv);
}

static void
person_wait(struct control *ctl, struct person *p, uint64_t due_ms)
{
	if (chq_list_empty(&p->node))
		chq_list_add_tail(&ctl->presence.waiting, &p->node);
	else if (p->due_ms < due_ms)
		return;
	p->due_ms = due_ms;
	presence_wake(ctl, due_ms);
}

/* Something may be another; others learn of it not before @gap_ms after the news before. */
static void
person_changed(struct control *ctl, struct person *p, unsigned gap_ms)
{
	Chasqui__Status status = shown_status(ctl, p->account);
	uint64_t now_ms = control_now_ms();

	p->unnoted |= status != p->noted;
	p->noted = status;
	if (p->unnoted && (!p->noted_ms || p->noted_ms + gap_ms <= now_ms))
		person_note(ctl, p, now_ms);
	if (p->unnoted)
		person_wait(ctl, p, p->noted_ms + gap_ms);
	if (p->spreading || (status == p->told && !p->ahead))
		return;
	if (!p->told_ms || p->told_ms + gap_ms <= now_ms)
		person_tell(ctl, p, now_ms);
	else
		person_wait(ctl, p, p->told_ms + gap_ms);
}

/* One that has gone is remembered as long as his next news would have to wait. */
static void
person_rests(struct control *ctl, struct person *p)
{
	if (p->told == CHASQUI__STATUS__STATUS_OFFLINE && !p->spreading &&
	    devices_status(ctl, p->account) == CHASQUI__STATUS__STATUS_OFFLINE)
		person_wait(ctl, p, p->told_ms + ctl->timing.status_ms);
}

void
presence_spread(struct control *ctl, uint64_t account)
{
	struct person *p = person_find(ctl, account);

	if (!p)
		return;
	p->spreading = false;
	person_changed(ctl, p, ctl->timing.presence_ms);
	person_rests(ctl, p);
}

static void
presence_due(evutil_socket_t fd, short what, void *arg)
{
	struct control *ctl = arg;
	uint64_t now_ms = control_now_ms(), next_ms = UINT64_MAX;

	(void)fd;
	(void)what;
	ctl->presence.timer_ms = UINT64_MAX;
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl->presence.waiting) {
		struct person *p = CHQ_LIST_ENTRY(it, struct person, node);

		/* One that is being told about is looked at when all are. */
		if (p->due_ms > now_ms && p->due_ms < next_ms)
			next_ms = p->due_ms;
		if (p->due_ms > now_ms)
			continue;
		if (p->unnoted)
			person_note(ctl, p, now_ms);
		if (p->spreading)
			continue;
		chq_list_del(&p->node);
		if (p->ahead || shown_status(ctl, p->account) != p->told)
			person_tell(ctl, p, now_ms);
		else if (!online_find(&ctl->sessions, p->account))
			person_free(ctl, p);
	}
	if (next_ms != UINT64_MAX)
		presence_wake(ctl, next_ms);
}

/* --- what changes it --- */

void
presence_came(struct control *ctl, uint64_t account)
{
	struct person *p = person_get(ctl, account);

	(void)book_present_set(ctl->book, account, true);
	if (p)
		person_changed(ctl, p, ctl->timing.presence_ms);
}

void
presence_found(struct control *ctl, uint64_t account)
{
	struct person *p = person_get(ctl, account);

	(void)book_present_set(ctl->book, account, true);
	if (p && p->told == CHASQUI__STATUS__STATUS_OFFLINE)
		p->told = p->noted = shown_status(ctl, account);
}

void
presence_went(struct control *ctl, uint64_t account)
{
	struct person *p = person_find(ctl, account);

	if (!p)
		return;
	if (online_open(online_find(&ctl->sessions, account)) == 0) {
		p->invisible = false;
		if (ctl->book)
			(void)book_present_set(ctl->book, account, false);
	}
	person_changed(ctl, p, ctl->timing.presence_ms);
	person_rests(ctl, p);
}

void
presence_in_book(struct control *ctl)
{
	struct online *o;

	CHQ_MAP_FOREACH(o, &ctl->sessions.by_account)
		if (online_open(o) > 0)
			(void)book_present_set(ctl->book, o->account, true);
}

void
presence_set(struct control *ctl, struct session *s, const struct request *r)
{
	Chasqui__Status status = ((const Chasqui__StatusSet *)r->body)->status;
	struct person *p = person_get(ctl, s->account);
	bool invisible = status == CHASQUI__STATUS__STATUS_INVISIBLE;

	if (!invisible && reach(status) == 0) {
		request_fail(ctl, s, r->id, CHQ_EMALFORMED);
		return;
	}
	if (!p) {
		request_fail(ctl, s, r->id, CHQ_ENOMEM);
		return;
	}
	if (!invisible)
		s->status = (uint8_t)status;
	p->invisible = invisible;
	request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, NULL);
	person_changed(ctl, p, ctl->timing.status_ms);
}

void
presence_contacts_changed(struct control *ctl, uint64_t account)
{
	struct online *o = online_find(&ctl->sessions, account);
	struct session *s;

	if (!o)
		return;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN)
			push_contacts_changed(ctl, s, view_version(ctl), 0);
}
