#include "control/contacts.h"

#include "base/err.h"
#include "control/control.h"
#include "control/grants.h"
#include "control/rights.h"
#include "store/account.h"
#include "store/friend.h"
#include "store/reader.h"

enum { CHANGES_LOOKED = 2048 }; /* entries of the log that one page of changes looks at */

#define CURSOR_CHANGES UINT64_C(0x8000000000000000) /* in a cursor: it is a number of the log */

/* A page being filled. */
struct page {
	struct contact_reader by;
	Chasqui__ContactsPage msg;
	Chasqui__Contact *contacts[CONTACTS_PAGE];
	struct contact contact[CONTACTS_PAGE];
};

/* A place in the page; NULL if it is full. */
static struct contact *
page_place(struct page *p)
{
	return p->msg.n_contact < CONTACTS_PAGE ? &p->contact[p->msg.n_contact] : NULL;
}

/* Keep the contact in that place, if its bytes have room. */
static bool
page_keep(struct page *p, struct contact *c)
{
	p->contacts[p->msg.n_contact++] = &c->msg;
	p->msg.next_cursor = UINT64_MAX; /* it may turn out to be needed: count its bytes */
	if (chasqui__contacts_page__get_packed_size(&p->msg) <= CONTACTS_PAGE_BYTES)
		return true;
	p->msg.n_contact--;
	return false;
}

/* --- the whole list --- */

/* People of the next page: friends, and whom the rules let the owner see, both by rising account. */
struct merge {
	struct store_friend friend[CONTACTS_PAGE];
	uint64_t seen[CONTACTS_PAGE];
	size_t n_friends, n_seen, at_friend, at_seen;
	uint64_t until; /* nobody behind this one is known of yet; 0: that is all */
};

static int
merge_read(struct page *p, uint64_t after, struct merge *m)
{
	struct control *ctl = p->by.ctl;
	uint64_t seen_until = after;
	int rc = store_friend_list(p->by.txn, p->by.owner.id, after, m->friend, CONTACTS_PAGE,
				   &m->n_friends);

	if (!rc)
		rc = book_visible(ctl->book, p->by.owner.id, BOOK_SEE, &seen_until, m->seen,
				  CONTACTS_PAGE, &m->n_seen);
	if (rc == CHQ_ENOENT) /* nobody in the book: sees only friends, of whom all is denied */
		seen_until = 0;
	else if (rc)
		return rc;
	m->until = seen_until;
	if (m->n_friends == CONTACTS_PAGE &&
	    (!m->until || m->friend[CONTACTS_PAGE - 1].peer < m->until))
		m->until = m->friend[CONTACTS_PAGE - 1].peer;
	return CHQ_OK;
}

/* The next one of both. Return: his account, 0 at the end. */
static uint64_t
merge_next(struct merge *m, const struct store_friend **f)
{
	uint64_t friend = m->at_friend < m->n_friends ? m->friend[m->at_friend].peer : UINT64_MAX;
	uint64_t seen = m->at_seen < m->n_seen ? m->seen[m->at_seen] : UINT64_MAX;
	uint64_t account = friend < seen ? friend : seen;

	*f = NULL;
	if (account == UINT64_MAX || (m->until && account > m->until))
		return 0;
	if (friend == account)
		*f = &m->friend[m->at_friend++];
	m->at_seen += seen == account;
	return account;
}

static int
page_list(struct page *p, uint64_t after)
{
	const struct store_friend *f;
	struct merge m = { .until = 0 };
	uint64_t account;
	int rc = merge_read(p, after, &m);

	if (rc)
		return rc;
	while ((account = merge_next(&m, &f)) != 0) {
		struct contact *c = page_place(p);

		rc = c ? contact_fill(&p->by, account, f, c) : 0;
		if (rc < 0)
			return rc;
		if (!c || (rc && !page_keep(p, c))) {
			p->msg.next_cursor = after;
			return CHQ_OK;
		}
		after = account;
	}
	p->msg.next_cursor = m.until;
	return CHQ_OK;
}

/* --- what has changed --- */

/* Return: 1 with a row in @c; 0 if the entry says nothing to the owner; codes of reading. */
static int
change_fill(struct page *p, const struct view_entry *e, struct contact *c)
{
	struct control *ctl = p->by.ctl;
	const struct book_class *own = book_class_of(ctl->book, p->by.owner.id);
	struct store_friend f;
	int rc = store_friend_get(p->by.txn, p->by.owner.id, e->account, &f);

	if (rc && rc != CHQ_ENOTFRIEND)
		return rc;
	rc = contact_fill(&p->by, e->account, rc ? NULL : &f, c);
	if (rc)
		return rc;
	if (!e->owner && !(e->was && own && (book_class_rights(ctl->book, own, e->was) & BOOK_SEE)))
		return 0;
	chasqui__contact__init(&c->msg);
	c->msg.account = e->account;
	c->msg.removed = true;
	return 1;
}

/* Entries behind number @after, to that of the page's version. */
static int
page_changes(struct page *p, uint64_t after)
{
	uint64_t looked = after + CHANGES_LOOKED;

	p->msg.delta = true;
	while (after < p->msg.version && after < looked) {
		const struct view_entry *e = view_entry(p->by.ctl, p->by.owner.id, after + 1);
		struct contact *c = page_place(p);
		int rc = e && c ? change_fill(p, e, c) : 0;

		if (rc < 0)
			return rc;
		if (e && (!c || (rc && !page_keep(p, c))))
			break;
		after++;
	}
	p->msg.next_cursor = after < p->msg.version ? CURSOR_CHANGES | after : 0;
	return CHQ_OK;
}

/*
 * All pages of one reading have the version of its first one: what changes meanwhile is told as a
 * change since then. A reading of changes that the log has lost meanwhile gets another version, at which
 * the client begins anew.
 */
static int
page_make(struct page *p, struct session *s, const Chasqui__ContactsRequest *m)
{
	struct control *ctl = p->by.ctl;
	bool reaches = m->version && view_reaches(ctl, s->account, m->version);
	int rc;

	chasqui__contacts_page__init(&p->msg);
	p->msg.contact = p->contacts;
	if (m->cursor == 0)
		s->list_version = view_version(ctl);
	p->msg.version = s->list_version ? s->list_version : view_version(ctl);
	if (m->cursor & CURSOR_CHANGES) {
		if (reaches && view_reaches(ctl, s->account, m->cursor & ~CURSOR_CHANGES))
			return page_changes(p, m->cursor & ~CURSOR_CHANGES);
		p->msg.version = view_version(ctl) + 1;
		return CHQ_OK;
	}
	if (m->cursor || !reaches)
		return page_list(p, m->cursor);
	rc = page_changes(p, m->version);
	if (rc || m->deltas || (!p->msg.n_contact && !p->msg.next_cursor))
		return rc;
	p->msg.delta = false;
	p->msg.n_contact = 0;
	return page_list(p, 0);
}

/* Changes of which none concerns the client: what it has stays the newest. */
static void
page_unchanged(struct page *p, const Chasqui__ContactsRequest *m)
{
	if (m->cursor || !p->msg.delta || p->msg.n_contact || p->msg.next_cursor)
		return;
	p->msg.delta = false;
	p->msg.unchanged = true;
	p->msg.version = m->version;
}

void
contacts_request(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__ContactsRequest *m = (const Chasqui__ContactsRequest *)r->body;
	struct page p;
	int rc = contact_reader_begin(&p.by, ctl, s->account);

	if (!rc) {
		rc = page_make(&p, s, m);
		contact_reader_end(&p.by);
	}
	if (rc) {
		request_fail(ctl, s, r->id, rc);
		return;
	}
	page_unchanged(&p, m);
	request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &p.msg.base);
}

static int
grant_make(struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account,
	   uint64_t *grant)
{
	struct store_account from, to;
	/* Devices of one account send each other copies of what they send. */
	int rc = by == account ? CHQ_OK : people_may(ctl, txn, by, account, BOOK_MESSAGE);

	if (!rc)
		rc = store_account_get(txn, account, &to);
	if (!rc)
		rc = store_account_get(txn, by, &from);
	if (!rc)
		*grant = grants_issue(ctl, &from, &to);
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
