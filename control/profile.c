#include "control/profile.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "control/changes.h"
#include "control/control.h"
#include "control/mutation.h"
#include "control/rights.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/reader.h"

enum {
	PROFILE_BYTES = CHQ_HOP_BODY_MAX -
			40, /* what a response and its header leave to the body */
	/* Bits of Profile.set. */
	SET_NAME = 1,
	SET_TITLE = 2,
	SET_PHONE = 4,
	SET_MAIL = 8,
	SET_AVATAR = 16,
	SET_OWN = 31,
	IN_LISTS = SET_NAME | SET_TITLE, /* what others see in their lists */
};

/* --- reading --- */

struct profile {
	Chasqui__Profile msg;
	struct store_account account;
	uint32_t dept[STORE_ROLES_MAX];
};

static int
profile_read(const struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account,
	     struct profile *p)
{
	struct store_member role[STORE_ROLES_MAX];
	size_t n = 0;
	int rc = account == by ? CHQ_OK : people_may(ctl, txn, by, account, BOOK_SEE | BOOK_SEARCH);

	if (!rc)
		rc = store_account_get(txn, account, &p->account);
	/* Who is only found is so without his departments, as in what is found. */
	if (!rc && (account == by || people_may(ctl, txn, by, account, BOOK_SEE) == CHQ_OK))
		rc = store_member_roles(txn, account, role, &n);
	for (size_t i = 0; i < n; i++)
		p->dept[i] = role[i].dept;
	p->msg.n_department = n;
	return rc;
}

static void
profile_fill(struct profile *p)
{
	struct store_account *a = &p->account;

	p->msg.account = a->id;
	p->msg.login = a->login;
	p->msg.display_name = a->name;
	p->msg.title = a->title;
	p->msg.phone = a->phone;
	p->msg.mail = a->mail;
	p->msg.avatar = a->avatar;
	p->msg.number = a->number;
	p->msg.department = p->dept;
	/* The texts always fit; of many departments the first. */
	while (p->msg.n_department > 0 &&
	       chasqui__profile__get_packed_size(&p->msg) > PROFILE_BYTES)
		p->msg.n_department--;
}

void
profile_get(struct control *ctl, struct session *s, const struct request *r)
{
	struct profile p = { .msg = CHASQUI__PROFILE__INIT };
	uint64_t account = ((const Chasqui__ProfileRequest *)r->body)->account;
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (!rc) {
		rc = profile_read(ctl, txn, s->account, account ? account : s->account, &p);
		store_read_end(ctl->reader);
	}
	if (rc) {
		request_fail(ctl, s, r->id, rc);
	} else {
		profile_fill(&p);
		request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &p.msg.base);
	}
	sodium_memzero(&p.account, sizeof(p.account));
}

/* --- changing --- */

static int
profile_effect(struct store_txn *txn, struct mutation *m)
{
	const Chasqui__Profile *q = (const Chasqui__Profile *)m->body;
	struct store_profile p = {
		.name = q->set & SET_NAME ? q->display_name : NULL,
		.title = q->set & SET_TITLE ? q->title : NULL,
		.phone = q->set & SET_PHONE ? q->phone : NULL,
		.mail = q->set & SET_MAIL ? q->mail : NULL,
		.avatar = q->set & SET_AVATAR ? q->avatar : NULL,
	};

	return store_account_set_profile(txn, m->account, &p, m->now_ms);
}

static void
profile_after(struct control *ctl, const struct mutation *m)
{
	if (((const Chasqui__Profile *)m->body)->set & IN_LISTS)
		changes_renamed(ctl, m->account);
}

void
profile_set(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { profile_effect, profile_after };
	const Chasqui__Profile *q = (const Chasqui__Profile *)r->body;

	/* Another's, and what only operators set. */
	if ((q->account != 0 && q->account != s->account) || (q->set & ~(uint32_t)SET_OWN) != 0)
		request_fail(ctl, s, r->id, CHQ_EDENIED);
	else if ((q->set & IN_LISTS) && !request_weighty(s))
		request_fail(ctl, s, r->id, CHQ_EBUSY_LATER);
	else
		mutation_begin(ctl, s, r, &kind);
}
