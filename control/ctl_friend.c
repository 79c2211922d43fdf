#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_verbs.h"
#include "control/friends.h"
#include "control/presence.h"
#include "store/account.h"
#include "store/friend.h"
#include "store/reader.h"

enum { LIST_PAGE = 64 };

static const char *
outcome_text(enum store_friend_asked outcome)
{
	switch (outcome) {
	case STORE_FRIEND_ASKED_NEW: return "asked";
	case STORE_FRIEND_ASKED_BEFORE: return "asked before";
	case STORE_FRIEND_ASKED_ACCEPTED: return "friends now";
	case STORE_FRIEND_ASKED_FRIENDS: return "friends already";
	}
	return "unknown";
}

static int
request_job(struct store_txn *txn, struct ctl_change *c)
{
	struct friends_change f;
	int rc = friends_ask_job(txn, c->account, c->peer, c->now_ms, &f);

	c->outcome = outcome_text(f.outcome);
	c->version = f.from_version;
	c->peer_version = f.to_version;
	return rc;
}

static int
confirm_job(struct store_txn *txn, struct ctl_change *c)
{
	struct friends_change f;
	int rc = friends_confirm_job(txn, c->account, c->peer, c->now_ms, &f);

	c->outcome = outcome_text(f.outcome);
	c->version = f.from_version;
	c->peer_version = f.to_version;
	return rc;
}

static void
friend_answer(struct ctl_change *c)
{
	ctl_answer(c->call,
		   json_pack("{s:I, s:I, s:s}", "account", (json_int_t)c->account, "peer",
			     (json_int_t)c->peer, "outcome", c->outcome),
		   NULL);
}

/* The answer waits until neither can use a right that this has taken from him. */
static void
friend_settled(void *arg, int rc)
{
	struct ctl_change *c = arg;

	if (rc)
		c->call->partial = "done, but the dataplane is away: until it is back they may "
				   "still write to each other";
	friend_answer(c);
	if (--c->waiting == 0)
		ctl_change_free(c);
}

static void
friend_done(struct ctl_change *c)
{
	struct friends_change f = { .from_version = c->version,
				    .to_version = c->peer_version,
				    .ended = c->ended };

	c->waiting = 2; /* it may be settled at once */
	friends_tell(c->call->ctl, c->account, c->peer, &f, friend_settled, c);
	c->waiting--;
}

static void
friend_change(struct ctl_call *call, int (*job)(struct store_txn *, struct ctl_change *),
	      void (*done)(struct ctl_change *))
{
	struct ctl_change *c = ctl_change_new(call);

	if (!c)
		return;
	if (c->account == c->peer) {
		ctl_change_free(c);
		ctl_refuse(call, CHQ_EARGS, "login", "both are the same user");
		return;
	}
	c->job = job;
	c->done = done;
	ctl_change_submit(c);
}

void
ctl_friend_request(struct ctl_call *call)
{
	friend_change(call, request_job, friend_done);
}

void
ctl_friend_confirm(struct ctl_call *call)
{
	friend_change(call, confirm_job, friend_done);
}

static int
remove_job(struct store_txn *txn, struct ctl_change *c)
{
	struct friends_change f;
	int rc = friends_remove_job(txn, c->account, c->peer, &f);

	c->outcome = "removed";
	c->version = f.from_version;
	c->peer_version = f.to_version;
	c->ended = f.ended;
	return rc;
}

void
ctl_friend_remove(struct ctl_call *call)
{
	friend_change(call, remove_job, friend_done);
}

static const char *
friend_state(enum store_friend_state state)
{
	switch (state) {
	case STORE_FRIEND_ASKED: return "asked";
	case STORE_FRIEND_WAITING: return "asks";
	case STORE_FRIEND_MUTUAL: return "friend";
	default: return "none";
	}
}

static int
friend_row(struct ctl_call *call, struct store_txn *txn, const struct store_friend *f, json_t *rows)
{
	struct store_account a;
	int rc = store_account_get(txn, f->peer, &a);

	if (rc)
		return rc;
	json_array_append_new(rows, json_pack("{s:I, s:s, s:s, s:s, s:s, s:o}", "account",
					      (json_int_t)a.id, "login", a.login, "name", a.name,
					      "relation", friend_state(f->state), "status",
					      presence_name(presence_own(call->ctl, f->peer)),
					      "since", ctl_time(f->since_ms)));
	return CHQ_OK;
}

static int
friend_rows(struct ctl_call *call, struct store_txn *txn, uint64_t limit, uint64_t *after,
	    json_t *rows)
{
	struct store_friend page[LIST_PAGE];
	size_t n = 0, want;
	int rc;

	do {
		want = limit < LIST_PAGE ? (size_t)limit : LIST_PAGE;
		rc = store_friend_list(txn, call->account, *after, page, want, &n);
		for (size_t i = 0; i < n && !rc; i++)
			rc = friend_row(call, txn, &page[i], rows);
		if (n)
			*after = page[n - 1].peer;
		limit -= n;
	} while (!rc && n == want && limit > 0);
	if (n < want)
		*after = 0; /* that is all */
	return rc;
}

void
ctl_friend_list(struct ctl_call *call)
{
	uint64_t limit, after;
	struct store_account a;
	struct store_txn *txn;
	json_t *rows;
	int rc;

	if (!ctl_page(call, &limit, &after))
		return;
	txn = ctl_read(call);
	if (!txn)
		return;
	rows = json_array();
	rc = ctl_account(call, txn, 0, &a);
	if (!rc)
		rc = friend_rows(call, txn, limit, &after, rows);
	store_read_end(call->ctl->reader);
	if (rc) {
		json_decref(rows);
		ctl_refuse_account(call, rc, 0);
		return;
	}
	ctl_answer_page(call, rows, after);
}

const struct ctl_verb ctl_verbs_friend[] = {
	{ "friend", "request", ctl_friend_request },
	{ "friend", "confirm", ctl_friend_confirm },
	{ "friend", "remove", ctl_friend_remove },
	{ "friend", "list", ctl_friend_list },
	{ NULL, NULL, NULL },
};
