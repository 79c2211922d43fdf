#include "control/contacts.h"

#include "base/err.h"
#include "control/control.h"
#include "control/grants.h"
#include "control/presence.h"
#include "control/push.h"
#include "store/account.h"
#include "store/e2e.h"
#include "store/friend.h"
#include "store/reader.h"

enum {
	PAGE_CONTACTS = 32,
	PAGE_BYTES = CHQ_HOP_BODY_MAX - 40, /* what a response and its header leave to the body */
};

/* One contact with what it points to. */
struct contact {
	Chasqui__Contact msg;
	Chasqui__Address address, *addresses[1];
	struct store_account account;
	uint8_t key[STORE_KEY_BYTES];
};

/* A page being filled. */
struct page {
	struct control *ctl;
	struct store_txn *txn;
	struct store_account owner;
	Chasqui__ContactsPage msg;
	Chasqui__Contact *contacts[PAGE_CONTACTS];
	struct contact contact[PAGE_CONTACTS];
};

int
contacts_visible(struct store_txn *txn, uint64_t by, uint64_t account)
{
	struct store_friend f;
	int rc = store_friend_get(txn, by, account, &f);

	if (rc == CHQ_ENOTFRIEND || (!rc && f.state != STORE_FRIEND_MUTUAL))
		return CHQ_ENOUSER;
	return rc;
}

static Chasqui__Relation
contact_relation(enum store_friend_state state)
{
	switch (state) {
	case STORE_FRIEND_ASKED: return CHASQUI__RELATION__RELATION_ASKED;
	case STORE_FRIEND_WAITING: return CHASQUI__RELATION__RELATION_ASKS_ME;
	case STORE_FRIEND_MUTUAL: return CHASQUI__RELATION__RELATION_FRIEND;
	default: return CHASQUI__RELATION__RELATION_NONE;
	}
}

static int
contact_keys(struct page *p, struct contact *c)
{
	struct store_e2e e;
	int rc = store_e2e_get(p->txn, c->account.id, &e);

	if (rc)
		return rc == CHQ_ENOENT ? CHQ_OK : rc;
	memcpy(c->key, e.account_key, sizeof(c->key));
	c->msg.account_key = (ProtobufCBinaryData){ sizeof(c->key), c->key };
	c->msg.devices_version = e.list_version;
	return CHQ_OK;
}

/* What only friends learn of each other. */
static int
contact_friend(struct page *p, struct contact *c)
{
	const struct session *at = presence_where(p->ctl, c->account.id);

	c->msg.status = presence_status(p->ctl, c->account.id);
	c->msg.grant = grants_issue(p->ctl, p->owner.id, &c->account);
	c->msg.reply_grant = grants_reply(p->ctl, c->account.id, &p->owner);
	if (at) {
		push_address(&c->address, &at->path);
		c->addresses[0] = &c->address;
		c->msg.address = c->addresses;
		c->msg.n_address = 1;
	}
	return contact_keys(p, c);
}

static int
contact_fill(struct page *p, struct contact *c, const struct store_friend *f)
{
	int rc = store_account_get(p->txn, f->peer, &c->account);

	if (rc)
		return rc;
	chasqui__contact__init(&c->msg);
	c->msg.account = c->account.id;
	c->msg.login = c->account.login;
	c->msg.display_name = c->account.name;
	c->msg.relation = contact_relation(f->state);
	return f->state == STORE_FRIEND_MUTUAL ? contact_friend(p, c) : CHQ_OK;
}

/* Return: 1 if it was added, 0 if the page is full; codes of reading. */
static int
page_add(struct page *p, const struct store_friend *f, uint64_t before)
{
	struct contact *c;
	int rc;

	if (p->msg.n_contact == PAGE_CONTACTS) {
		p->msg.next_cursor = before;
		return 0;
	}
	c = &p->contact[p->msg.n_contact];
	rc = contact_fill(p, c, f);
	if (rc)
		return rc;
	p->contacts[p->msg.n_contact++] = &c->msg;
	p->msg.next_cursor = before; /* it may turn out to be needed: count its bytes */
	if (before && chasqui__contacts_page__get_packed_size(&p->msg) > PAGE_BYTES) {
		p->msg.n_contact--;
		return 0;
	}
	p->msg.next_cursor = 0;
	return 1;
}

static int
page_fill(struct page *p, uint64_t after)
{
	struct store_friend f[PAGE_CONTACTS];
	size_t n;

	do {
		int rc = store_friend_list(p->txn, p->owner.id, after, f, PAGE_CONTACTS, &n);

		if (rc)
			return rc;
		for (size_t i = 0; i < n; i++) {
			rc = page_add(p, &f[i], after);
			if (rc <= 0)
				return rc;
			after = f[i].peer;
		}
	} while (n == PAGE_CONTACTS);
	return CHQ_OK;
}

static int
page_make(struct page *p, uint64_t owner, const Chasqui__ContactsRequest *m)
{
	int rc = store_account_get(p->txn, owner, &p->owner);

	if (rc)
		return rc;
	chasqui__contacts_page__init(&p->msg);
	p->msg.contact = p->contacts;
	p->msg.version = view_version(p->ctl, owner, p->owner.contacts_version);
	p->msg.unchanged = m->cursor == 0 && m->version == p->msg.version;
	return p->msg.unchanged ? CHQ_OK : page_fill(p, m->cursor);
}

void
contacts_request(struct control *ctl, struct session *s, const struct request *r)
{
	struct page p = { .ctl = ctl };
	int rc = store_read_begin(ctl->reader, &p.txn);

	if (!rc) {
		rc = page_make(&p, s->account, (const Chasqui__ContactsRequest *)r->body);
		store_read_end(ctl->reader);
	}
	if (rc)
		request_fail(ctl, s, r->id, rc);
	else
		request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &p.msg.base);
}

static int
grant_make(struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account,
	   uint64_t *grant)
{
	struct store_account a;
	/* Devices of one account send each other copies of what they send. */
	int rc = by == account ? CHQ_OK : contacts_visible(txn, by, account);

	if (!rc)
		rc = store_account_get(txn, account, &a);
	if (!rc)
		*grant = grants_issue(ctl, by, &a);
	return rc;
}

void
contacts_grant(struct control *ctl, struct session *s, const struct request *r)
{
	Chasqui__GrantReply reply = CHASQUI__GRANT_REPLY__INIT;
	uint64_t account = ((const Chasqui__GrantRequest *)r->body)->account;
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (!rc) {
		rc = grant_make(ctl, txn, s->account, account, &reply.grant);
		store_read_end(ctl->reader);
	}
	if (rc)
		request_fail(ctl, s, r->id, rc);
	else
		request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &reply.base);
}
