#include "control/spread.h"

#include <event2/event.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/presence.h"
#include "control/push.h"
#include "control/rights.h"
#include "store/friend.h"
#include "store/reader.h"

enum {
	SLICE_MS = 4,
	TELL_AT_ONCE = 64,  /* people between two looks at the clock */
	LOOK_AT_ONCE = 512, /* classes */
	FRIENDS_PAGE = 64,
	RENEW_WITHIN_MS =
		3000, /* when everybody is to ask anew, they do so spread over this time */
};

enum spread_kind { SPREAD_PRESENCE, SPREAD_MOVED, SPREAD_RENAMED, SPREAD_ALL };

/*
 * One piece of news. Classes and those present in them are gone through from the last one on: who
 * goes is replaced by the last one, who was told, and who comes has read his list after the news.
 */
struct spread_job {
	struct chq_list node;
	enum spread_kind kind;
	uint64_t account;
	Chasqui__Status status;
	const struct book_class *was, *is;
	size_t classes, members; /* still to be told; members: of the class before */
	bool in_class, classes_done;
	uint64_t friend_after;
};

static void spread_run(evutil_socket_t fd, short what, void *arg);

int
spread_init(struct control *ctl)
{
	chq_list_init(&ctl->spread.jobs);
	ctl->spread.again = event_new(ctl->base, -1, 0, spread_run, ctl);
	return ctl->spread.again ? CHQ_OK : CHQ_ENOMEM;
}

static void
job_free(struct spread_job *j)
{
	chq_list_del(&j->node);
	free(j);
}

void
spread_deinit(struct control *ctl)
{
	if (!ctl->spread.again)
		return;
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl->spread.jobs)
		job_free(CHQ_LIST_ENTRY(it, struct spread_job, node));
	event_free(ctl->spread.again);
	ctl->spread.again = NULL;
}

static void
job_restart(const struct control *ctl, struct spread_job *j)
{
	j->classes = book_classes(ctl->book);
	j->in_class = j->classes_done = false;
	j->friend_after = 0;
}

static struct spread_job *
job_begin(struct control *ctl, enum spread_kind kind, uint64_t account)
{
	static const struct timeval now = { 0, 0 };
	struct spread_job *j = ctl->spread.again ? calloc(1, sizeof(*j)) : NULL;

	if (!j)
		return NULL;
	j->kind = kind;
	j->account = account;
	job_restart(ctl, j);
	chq_list_add_tail(&ctl->spread.jobs, &j->node);
	event_add(ctl->spread.again, &now);
	return j;
}

int
spread_presence(struct control *ctl, uint64_t account, Chasqui__Status status)
{
	struct spread_job *j = job_begin(ctl, SPREAD_PRESENCE, account);

	if (!j)
		return CHQ_ENOMEM;
	j->status = status;
	return CHQ_OK;
}

void
spread_moved(struct control *ctl, uint64_t account, const struct book_class *was,
	     const struct book_class *is)
{
	struct spread_job *j = job_begin(ctl, SPREAD_MOVED, account);

	if (!j)
		return;
	j->was = was;
	j->is = is;
}

/* One is enough, from the beginning, behind the others: who changes all the time delays only himself. */
void
spread_renamed(struct control *ctl, uint64_t account)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl->spread.jobs) {
		struct spread_job *j = CHQ_LIST_ENTRY(it, struct spread_job, node);

		if (j->kind == SPREAD_RENAMED && j->account == account)
			job_free(j);
	}
	(void)job_begin(ctl, SPREAD_RENAMED, account);
}

void
spread_all(struct control *ctl)
{
	if (!ctl->spread.again)
		return;
	CHQ_LIST_FOREACH_SAFE(it, after, &ctl->spread.jobs) {
		struct spread_job *j = CHQ_LIST_ENTRY(it, struct spread_job, node);

		if (j->kind == SPREAD_PRESENCE)
			job_restart(ctl, j);
		else
			job_free(j);
	}
	(void)job_begin(ctl, SPREAD_ALL, 0);
}

/* --- one person is told --- */

static void
tell_presence(struct control *ctl, uint64_t watcher, const struct spread_job *j, unsigned rights)
{
	struct online *o = online_find(&ctl->sessions, watcher);
	const struct session *at = rights & BOOK_P2P ? presence_where(ctl, j->account) : NULL;
	struct session *s;

	if (!o)
		return;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN)
			push_presence(ctl, s, j->account, j->status, at ? &at->path : NULL);
}

static void
tell_changed(struct control *ctl, uint64_t watcher, bool all)
{
	struct online *o = online_find(&ctl->sessions, watcher);
	unsigned within = all ? RENEW_WITHIN_MS : ctl->timing.changed_ms;
	struct session *s;

	if (!o)
		return;
	if (within > ctl->timing.resync_ms)
		within = ctl->timing.resync_ms;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN)
			push_contacts_changed(ctl, s, 0, 1 + randombytes_uniform(within + 1));
}

/* --- by classes --- */

/* Is a class of watchers concerned? @rights: what its members may do towards the account. */
static bool
class_concerned(const struct control *ctl, const struct spread_job *j, const struct book_class *c,
		unsigned *rights)
{
	const struct book_class *own;
	unsigned was, is;

	*rights = 0;
	switch (j->kind) {
	case SPREAD_ALL: return true;
	case SPREAD_MOVED:
		was = j->was ? book_class_rights(ctl->book, c, j->was) : 0;
		is = j->is ? book_class_rights(ctl->book, c, j->is) : 0;
		return was != is;
	case SPREAD_RENAMED:
	case SPREAD_PRESENCE:
		own = book_class_of(ctl->book, j->account);
		*rights = own ? book_class_rights(ctl->book, c, own) : 0;
		return j->kind == SPREAD_RENAMED ? *rights & BOOK_SEE : presence_shown(*rights);
	}
	return false;
}

static void
tell_member(struct control *ctl, const struct spread_job *j, uint64_t watcher, unsigned rights)
{
	if (watcher == j->account)
		return;
	if (j->kind == SPREAD_PRESENCE)
		tell_presence(ctl, watcher, j, rights);
	else
		tell_changed(ctl, watcher, j->kind == SPREAD_ALL);
}

/* Return: whether all in this class are told. */
static bool
class_step(struct control *ctl, struct spread_job *j, const struct book_class *c)
{
	size_t n;
	const uint64_t *present = book_class_present(c, &n);
	unsigned rights;

	if (n == 0 || !class_concerned(ctl, j, c, &rights))
		return true;
	if (!j->in_class || j->members > n)
		j->members = n;
	j->in_class = true;
	for (unsigned told = 0; j->members > 0 && told < TELL_AT_ONCE; told++)
		tell_member(ctl, j, present[--j->members], rights);
	return j->members == 0;
}

/* Return: whether all classes are done. */
static bool
classes_step(struct control *ctl, struct spread_job *j)
{
	for (unsigned looked = 0; j->classes > 0 && looked < LOOK_AT_ONCE; looked++) {
		const struct book_class *c = book_class_at(ctl->book, j->classes - 1);

		if (c && !class_step(ctl, j, c))
			return false;
		j->classes--;
		j->in_class = false;
	}
	return j->classes == 0;
}

/* --- friends, whom no rule has made watchers --- */

static void
tell_friend(struct control *ctl, const struct spread_job *j, const struct store_friend *f)
{
	unsigned ruled = book_rights(ctl->book, f->peer, j->account);
	unsigned rights = people_rights_of(ctl, f->peer, j->account, f);
	/* One that is disabled has no rights about him any more, but has gone. */
	bool gone = !book_account_known(ctl->book, j->account) &&
		    j->status == CHASQUI__STATUS__STATUS_OFFLINE;

	/* Who is asked sees who asks. */
	if (j->kind == SPREAD_RENAMED) {
		if (!(ruled & BOOK_SEE))
			tell_changed(ctl, f->peer, false);
		return;
	}
	if (f->state != STORE_FRIEND_MUTUAL)
		return;
	if (j->kind == SPREAD_MOVED)
		tell_changed(ctl, f->peer, false);
	else if (gone || (!presence_shown(ruled) && presence_shown(rights)))
		tell_presence(ctl, f->peer, j, rights);
}

/* Return: 1 when all are told, 0 when not; codes of reading. */
static int
friends_step(struct control *ctl, struct spread_job *j)
{
	struct store_friend page[FRIENDS_PAGE];
	struct store_txn *txn;
	size_t n = 0;
	int rc = store_read_begin(ctl->reader, &txn);

	if (rc)
		return rc;
	rc = store_friend_list(txn, j->account, j->friend_after, page, FRIENDS_PAGE, &n);
	store_read_end(ctl->reader);
	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++)
		tell_friend(ctl, j, &page[i]);
	if (n)
		j->friend_after = page[n - 1].peer;
	return n < FRIENDS_PAGE;
}

/* Return: whether the job is done. */
static bool
job_step(struct control *ctl, struct spread_job *j)
{
	int rc;

	if (!j->classes_done) {
		j->classes_done = classes_step(ctl, j);
		return j->classes_done && j->kind == SPREAD_ALL;
	}
	rc = friends_step(ctl, j);
	if (rc >= 0)
		return rc;
	control_count(ctl, COUNT_STORE_FAILED);
	CHQ_LOG_ERROR("presence-not-told", "account=%llu error=%s", (unsigned long long)j->account,
		      chq_errname(rc));
	return true;
}

static void
spread_run(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = { 0, 0 };
	struct control *ctl = arg;
	uint64_t end_ms = control_now_ms() + SLICE_MS;

	(void)fd;
	(void)what;
	while (!chq_list_empty(&ctl->spread.jobs)) {
		struct spread_job *j = CHQ_LIST_ENTRY(ctl->spread.jobs.next, struct spread_job,
						      node);

		if (control_now_ms() >= end_ms) {
			event_add(ctl->spread.again, &soon);
			return;
		}
		if (!job_step(ctl, j))
			continue;
		if (j->kind == SPREAD_PRESENCE)
			presence_spread(ctl, j->account);
		job_free(j);
	}
}
