#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "control/control.h"
#include "control/ctl_common.h"
#include "control/ctl_user.h"
#include "control/ctl_verbs.h"
#include "control/life.h"
#include "control/presence.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/group.h"

/* Operators cut accounts off, for a while or for good. */

/* What it may send by and what others may send to it by is void; so it stays when it is enabled. */
static int
epochs_rise(struct store_txn *txn, uint64_t account)
{
	uint32_t grant_epoch;
	uint16_t sender_epoch;
	int rc = store_account_next_grant_epoch(txn, account, &grant_epoch);

	return rc ? rc : store_account_next_sender_epoch(txn, account, &sender_epoch);
}

static int
disabled_job(struct store_txn *txn, struct ctl_change *c)
{
	struct store_account a;
	int rc = store_account_get(txn, c->account, &a);

	if (!rc)
		snprintf(c->audit_old, sizeof(c->audit_old), "disabled=%s",
			 a.disabled ? "true" : "false");
	if (!rc)
		rc = store_account_set_disabled(txn, c->account, c->disabled, c->now_ms);
	if (!rc && c->disabled && !a.disabled)
		rc = epochs_rise(txn, c->account);
	if (!rc && c->disabled && !a.disabled)
		rc = store_group_account_out(txn, c->account);
	sodium_memzero(&a, sizeof(a));
	return rc ? rc : store_member_roles(txn, c->account, c->roles, &c->n_roles);
}

void
ctl_user_enable(struct ctl_call *call)
{
	struct ctl_change *c = ctl_change_new(call);

	if (!c)
		return;
	c->job = disabled_job;
	c->follow = ctl_user_follow;
	c->done = ctl_user_answer;
	ctl_change_submit(c);
}

/* All sessions are closed, or will be as soon as the dataplane is back. */
static void
cut_answer(struct ctl_change *c)
{
	if (c->failed)
		ctl_refuse(c->call, CHQ_EPARTIAL, NULL,
			   "done, but the dataplane is away: sessions end when it is back");
	else
		ctl_answer(c->call,
			   json_pack("{s:I, s:i}", "account", (json_int_t)c->account,
				     "sessions_closed", (int)c->closed),
			   NULL);
}

static void
cut_closed(void *arg, const struct chq_dp_hdr *answer)
{
	struct ctl_change *c = arg;

	c->failed += answer == NULL;
	if (--c->waiting > 0)
		return;
	cut_answer(c);
	ctl_change_free(c);
}

static void
cut_done(struct ctl_change *c)
{
	struct control *ctl = c->call->ctl;

	c->waiting = life_close_account(ctl, c->account, 0, cut_closed, c);
	c->closed = c->waiting;
	c->failed = !ctl->dp.ready;
	if (c->waiting == 0)
		cut_answer(c);
}

void
ctl_user_disable(struct ctl_call *call)
{
	struct ctl_change *c = ctl_change_new(call);

	if (!c)
		return;
	c->disabled = true;
	c->job = disabled_job;
	c->follow = ctl_user_follow;
	c->done = cut_done;
	ctl_change_submit(c);
}

/* --- for good --- */

static void
note_left(void *arg, uint64_t peer, uint64_t contacts_version)
{
	struct ctl_left *l = arg;
	size_t cap = l->cap * 2 + 64;
	struct ctl_left_peer *more;

	if (l->n == l->cap) {
		more = realloc(l->peer, cap * sizeof(*more));
		if (!more)
			return; /* his client learns it with its next list */
		l->peer = more;
		l->cap = cap;
	}
	l->peer[l->n++] = (struct ctl_left_peer){ peer, contacts_version };
}

static int
remove_job(struct store_txn *txn, struct ctl_change *c)
{
	int rc = store_group_account_out(txn, c->account);

	c->left.n = 0;
	c->disabled = true;
	return rc ? rc : store_account_remove(txn, c->account, c->now_ms, note_left, &c->left);
}

static void
remove_done(struct ctl_change *c)
{
	struct control *ctl = c->call->ctl;

	mail_account_gone(ctl, c->account);
	for (size_t i = 0; i < c->left.n; i++) {
		view_changed_for(ctl, c->left.peer[i].account, c->account);
		presence_contacts_changed(ctl, c->left.peer[i].account);
	}
	cut_done(c);
}

void
ctl_user_remove(struct ctl_call *call)
{
	struct ctl_change *c = ctl_change_new(call);

	if (!c)
		return;
	snprintf(c->audit_old, sizeof(c->audit_old), "account=%llu",
		 (unsigned long long)c->account);
	c->job = remove_job;
	c->follow = ctl_user_follow;
	c->done = remove_done;
	ctl_change_submit(c);
}
