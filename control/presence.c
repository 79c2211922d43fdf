#include "control/presence.h"

#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "control/push.h"
#include "store/friend.h"
#include "store/reader.h"

enum { FRIENDS_PAGE = 64 };

/* What each online friend is told. */
struct presence_news {
	uint64_t account;
	Chasqui__Status status;
	bool contacts; /* not of presence, but to ask for the list anew */
};

static void
presence_tell_one(struct control *ctl, uint64_t friend, const struct presence_news *news)
{
	struct online *o = online_find(&ctl->sessions, friend);
	const struct session *at = presence_where(ctl, news->account);
	struct session *s;

	view_changed(ctl, friend);
	if (!o)
		return;
	ONLINE_FOREACH(s, o) {
		if (s->state != SESSION_OPEN)
			continue;
		if (news->contacts)
			push_contacts_changed(ctl, s, 0, 0);
		else
			push_presence(ctl, s, news->account, news->status, at ? &at->path : NULL);
	}
}

static int
presence_tell_friends(struct control *ctl, struct store_txn *txn, const struct presence_news *news)
{
	struct store_friend page[FRIENDS_PAGE];
	uint64_t after = 0;
	size_t n;

	do {
		int rc = store_friend_list(txn, news->account, after, page, FRIENDS_PAGE, &n);

		if (rc)
			return rc;
		for (size_t i = 0; i < n; i++)
			if (page[i].state == STORE_FRIEND_MUTUAL)
				presence_tell_one(ctl, page[i].peer, news);
		if (n)
			after = page[n - 1].peer;
	} while (n == FRIENDS_PAGE);
	return CHQ_OK;
}

static void
presence_tell(struct control *ctl, const struct presence_news *news)
{
	struct store_txn *txn;
	int rc;

	if (!ctl->reader)
		return; /* stopping: there is nobody left to tell */
	rc = store_read_begin(ctl->reader, &txn);
	if (!rc) {
		rc = presence_tell_friends(ctl, txn, news);
		store_read_end(ctl->reader);
	}
	if (rc) {
		control_count(ctl, COUNT_STORE_FAILED);
		CHQ_LOG_ERROR("presence-not-told", "account=%llu error=%s",
			      (unsigned long long)news->account, chq_errname(rc));
	}
}

void
presence_came(struct control *ctl, uint64_t account)
{
	struct online *o = online_find(&ctl->sessions, account);

	if (!o || o->announced)
		return;
	o->announced = true;
	control_count(ctl, COUNT_PRESENCE_ONLINE);
	presence_tell(ctl, &(struct presence_news){ .account = account,
						    .status = CHASQUI__STATUS__STATUS_ONLINE });
}

void
presence_went(struct control *ctl, uint64_t account)
{
	struct online *o = online_find(&ctl->sessions, account);

	if (!o || !o->announced || online_open(o) > 0)
		return;
	o->announced = false;
	control_count(ctl, COUNT_PRESENCE_OFFLINE);
	presence_tell(ctl, &(struct presence_news){ .account = account,
						    .status = CHASQUI__STATUS__STATUS_OFFLINE });
}

Chasqui__Status
presence_status(const struct control *ctl, uint64_t account)
{
	return online_open(online_find(&ctl->sessions, account)) > 0
		       ? CHASQUI__STATUS__STATUS_ONLINE
		       : CHASQUI__STATUS__STATUS_OFFLINE;
}

const struct session *
presence_where(const struct control *ctl, uint64_t account)
{
	const struct online *o = online_find(&ctl->sessions, account);
	const struct session *newest = NULL;
	struct session *s;

	if (!o || !ctl->conf->p2p.share_addresses)
		return NULL;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN)
			newest = s;
	return newest;
}

void
presence_contacts_changed(struct control *ctl, uint64_t account, uint64_t version)
{
	struct online *o = online_find(&ctl->sessions, account);
	struct session *s;

	if (!o)
		return;
	version = view_version(ctl, account, version);
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN)
			push_contacts_changed(ctl, s, version, 0);
}

void
presence_grants_void(struct control *ctl, uint64_t account, uint32_t epoch)
{
	struct online *o = online_find(&ctl->sessions, account);
	struct session *s;

	if (o) {
		ONLINE_FOREACH(s, o) {
			/* One that is not confirmed is out of the key's reach: it gets it then. */
			if (s->state != SESSION_OPEN)
				continue;
			s->grant_epoch = epoch;
			push_contacts_changed(ctl, s, 0, 0);
		}
		dp_send_grant_key(ctl, account, epoch);
	}
	presence_tell(ctl, &(struct presence_news){ .account = account, .contacts = true });
}
