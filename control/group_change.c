#include <string.h>

#include "base/err.h"
#include "control/group_priv.h"
#include "control/mutation.h"
#include "control/rights.h"
#include "store/account.h"
#include "store/reader.h"

/* What members change of their groups. Who is in a department's group is not theirs to change. */

static const Chasqui__GroupChange *
change_of(const struct mutation *m)
{
	return (const Chasqui__GroupChange *)m->body;
}

static int
change_add(struct store_txn *t, const struct mutation *m, const struct group_mine *mine)
{
	const Chasqui__GroupChange *q = change_of(m);
	struct store_group_member is;
	struct store_account a;
	int rc = store_account_get(t, q->account, &a);

	if (rc || a.disabled)
		return rc && rc != CHQ_ENOENT ? rc : CHQ_ENOUSER;
	if (store_group_member_get(t, q->group, q->account, &is) == CHQ_OK)
		return CHQ_EEXIST;
	return store_group_member_set(t, q->group, q->account,
				      q->rights ? (uint8_t)q->rights : mine->g.member_rights,
				      m->now_ms);
}

/* Of one member, or with account 0 of all who have no rights of their own. */
static int
change_rights(struct store_txn *t, const struct mutation *m, struct group_mine *mine)
{
	const Chasqui__GroupChange *q = change_of(m);
	struct store_group_member is;
	int rc;

	if (q->account == 0) {
		mine->g.member_rights = (uint8_t)q->rights;
		return store_group_set(t, &mine->g, m->now_ms);
	}
	if (!store_group_by_hand(q->group))
		return CHQ_EDENIED;
	rc = store_group_member_get(t, q->group, q->account, &is);
	if (rc)
		return rc == CHQ_ENOENT ? CHQ_ENOUSER : rc;
	return store_group_member_set(t, q->group, q->account, (uint8_t)q->rights, m->now_ms);
}

static int
change_name(struct store_txn *t, const struct mutation *m, struct group_mine *mine)
{
	const char *name = change_of(m)->name;

	if (strlen(name) > STORE_DEPT_MAX_BYTES)
		return CHQ_ENAMELONG;
	memcpy(mine->g.name, name, strlen(name) + 1);
	return store_group_set(t, &mine->g, m->now_ms);
}

static int
change_do(struct store_txn *t, const struct mutation *m, struct group_mine *mine)
{
	const Chasqui__GroupChange *q = change_of(m);
	bool by_hand = store_group_by_hand(q->group), self = q->account == m->account;
	bool manages = (mine->rights & STORE_GROUP_MANAGE) != 0;
	int rc;

	if (q->rights > STORE_GROUP_ALL)
		return CHQ_EMALFORMED;
	if (q->act == CHASQUI__GROUP_ACT__GROUP_REMOVE && by_hand && (self || manages)) {
		rc = store_group_member_remove(t, q->group, q->account);
		return rc == CHQ_ENOENT ? CHQ_ENOUSER : rc;
	}
	if (!manages)
		return CHQ_EDENIED;
	switch (q->act) {
	case CHASQUI__GROUP_ACT__GROUP_ADD: return by_hand ? change_add(t, m, mine) : CHQ_EDENIED;
	case CHASQUI__GROUP_ACT__GROUP_REMOVE: return CHQ_EDENIED;
	case CHASQUI__GROUP_ACT__GROUP_RIGHTS: return change_rights(t, m, mine);
	case CHASQUI__GROUP_ACT__GROUP_NAME: return change_name(t, m, mine);
	default: return CHQ_EMALFORMED;
	}
}

static int
change_effect(struct store_txn *t, struct mutation *m)
{
	Chasqui__GroupChanged reply = CHASQUI__GROUP_CHANGED__INIT;
	struct group_mine mine;
	struct store_group g;
	int rc = group_mine_one(m->op.ctl, t, m->account, change_of(m)->group, &mine);

	if (rc == CHQ_ENOENT)
		return CHQ_EDENIED;
	if (!rc)
		rc = change_do(t, m, &mine);
	if (!rc)
		rc = store_group_get(t, mine.g.id, &g);
	if (rc)
		return rc;
	reply.epoch = g.epoch;
	return mutation_reply(m, &reply.base);
}

static void
change_after(struct control *ctl, const struct mutation *m)
{
	const Chasqui__GroupChange *q = change_of(m);
	bool one = q->account && q->act != CHASQUI__GROUP_ACT__GROUP_NAME;

	groups_group_changed(ctl, q->group, !one);
	if (one)
		groups_account_changed(ctl, q->account, NULL, 0);
}

static const struct mutation_kind change_kind = { change_effect, change_after };

/* Nobody learns by adding people who there is. */
static int
may_add(struct control *ctl, const struct session *s, uint64_t account)
{
	struct store_txn *t;
	int rc = store_read_begin(ctl->reader, &t);

	if (rc)
		return CHQ_EUNAVAIL;
	rc = account == s->account ? CHQ_OK : people_known(ctl, t, s->account, account);
	store_read_end(ctl->reader);
	return rc;
}

void
groups_change(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__GroupChange *q = (const Chasqui__GroupChange *)r->body;
	int rc = q->account > STORE_ACCOUNT_ID_MAX ? CHQ_EMALFORMED : CHQ_OK;

	if (!rc && q->act == CHASQUI__GROUP_ACT__GROUP_ADD)
		rc = may_add(ctl, s, q->account);
	/* All else is followed by every member, who has to ask for another key. */
	else if (!rc && !request_weighty(s))
		rc = CHQ_EBUSY_LATER;
	if (rc)
		request_fail(ctl, s, r->id, rc);
	else
		mutation_begin(ctl, s, r, &change_kind);
}
