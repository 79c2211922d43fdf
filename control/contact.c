#include "control/contacts.h"

#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "control/control.h"
#include "control/grants.h"
#include "control/presence.h"
#include "control/push.h"
#include "control/rights.h"
#include "store/account.h"
#include "store/e2e.h"
#include "store/friend.h"
#include "store/reader.h"

/* What one contact is told as. */

int
contact_reader_begin(struct contact_reader *r, struct control *ctl, uint64_t owner)
{
	int rc = store_read_begin(ctl->reader, &r->txn);

	r->ctl = ctl;
	if (rc)
		return rc;
	rc = store_account_get(r->txn, owner, &r->owner);
	if (rc)
		contact_reader_end(r);
	return rc;
}

void
contact_reader_end(struct contact_reader *r)
{
	store_read_end(r->ctl->reader);
	sodium_memzero(&r->owner, sizeof(r->owner));
}

static Chasqui__Relation
contact_relation(const struct store_friend *f)
{
	switch (f ? f->state : STORE_FRIEND_NONE) {
	case STORE_FRIEND_ASKED: return CHASQUI__RELATION__RELATION_ASKED;
	case STORE_FRIEND_WAITING: return CHASQUI__RELATION__RELATION_ASKS_ME;
	case STORE_FRIEND_MUTUAL: return CHASQUI__RELATION__RELATION_FRIEND;
	default: return CHASQUI__RELATION__RELATION_NONE;
	}
}

static int
contact_keys(const struct contact_reader *r, struct contact *c)
{
	struct store_e2e e;
	int rc = store_e2e_get(r->txn, c->account.id, &e);

	if (rc)
		return rc == CHQ_ENOENT ? CHQ_OK : rc;
	memcpy(c->key, e.account_key, sizeof(c->key));
	c->msg.account_key = (ProtobufCBinaryData){ sizeof(c->key), c->key };
	c->msg.devices_version = e.list_version;
	return CHQ_OK;
}

static void
contact_depts(const struct contact_reader *r, struct contact *c)
{
	struct book_role role[BOOK_ROLES_MAX];
	unsigned n = book_account_roles(r->ctl->book, c->account.id, role);

	for (unsigned i = 0; i < n && i < CONTACT_DEPTS; i++)
		c->dept[c->msg.n_department++] = role[i].dept;
	c->msg.department = c->dept;
}

/* Where he is, by the right to talk to him directly. */
static void
contact_address(const struct contact_reader *r, struct contact *c)
{
	const struct session *at = presence_where(r->ctl, c->account.id);

	if (!at)
		return;
	push_address(&c->address, &at->path);
	c->addresses[0] = &c->address;
	c->msg.address = c->addresses;
	c->msg.n_address = 1;
}

/* @rights: of the owner towards him; @ruled: those of them that come from rules. */
static int
contact_rights(const struct contact_reader *r, unsigned rights, unsigned ruled, struct contact *c)
{
	c->msg.rights = rights;
	if (ruled & BOOK_SEE)
		contact_depts(r, c);
	if (rights & BOOK_PRESENCE)
		c->msg.status = presence_status(r->ctl, c->account.id);
	if (rights & BOOK_MESSAGE) {
		c->msg.grant = grants_issue(r->ctl, &r->owner, &c->account);
		c->msg.reply_grant = grants_reply(r->ctl, &c->account, &r->owner);
	}
	if (rights & BOOK_P2P)
		contact_address(r, c);
	return rights ? contact_keys(r, c) : CHQ_OK;
}

/* Who he is. Return: 1; codes of reading. */
static int
contact_name(const struct contact_reader *r, uint64_t account, struct contact *c)
{
	int rc = store_account_get(r->txn, account, &c->account);

	if (rc)
		return rc;
	sodium_memzero(c->account.pwhash, sizeof(c->account.pwhash));
	chasqui__contact__init(&c->msg);
	c->msg.account = c->account.id;
	c->msg.login = c->account.login;
	c->msg.display_name = c->account.name;
	c->msg.title = c->account.title;
	return 1;
}

int
contact_fill(const struct contact_reader *r, uint64_t account, const struct store_friend *f,
	     struct contact *c)
{
	struct control *ctl = r->ctl;
	unsigned ruled = book_rights(ctl->book, r->owner.id, account);
	unsigned rights = people_rights_of(ctl, r->owner.id, account, f);
	int rc;

	/* Who asks for friendship, or was asked, is in the list by his name, if no rule forbids it. */
	if (!(rights & BOOK_SEE) && (!f || f->state == STORE_FRIEND_MUTUAL ||
				     (book_denied(ctl->book, r->owner.id, account) & BOOK_SEE)))
		return 0;
	rc = contact_name(r, account, c);
	if (rc < 0)
		return rc == CHQ_ENOENT ? 0 : rc;
	c->msg.relation = contact_relation(f);
	rc = contact_rights(r, rights, ruled, c);
	return rc ? rc : 1;
}

int
contact_fill_found(const struct contact_reader *r, uint64_t account, struct contact *c)
{
	struct control *ctl = r->ctl;
	struct store_friend f;
	unsigned rights;
	int rc = store_friend_get(r->txn, r->owner.id, account, &f);
	bool friend = rc == CHQ_OK;

	if (rc && rc != CHQ_ENOTFRIEND)
		return rc;
	rc = contact_fill(r, account, friend ? &f : NULL, c);
	if (rc)
		return rc;
	rights = people_rights_of(ctl, r->owner.id, account, friend ? &f : NULL);
	if (!(rights & BOOK_SEARCH))
		return 0;
	rc = contact_name(r, account, c);
	if (rc < 0)
		return rc == CHQ_ENOENT ? 0 : rc;
	rc = contact_rights(r, rights, 0, c);
	return rc ? rc : 1;
}
