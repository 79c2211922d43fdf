#include <sodium.h>
#include <stdlib.h>

#include "base/err.h"
#include "control/group_priv.h"
#include "control/request.h"
#include "proto/group_fmt.h"
#include "store/account.h"
#include "store/reader.h"

/* What clients ask about groups. */

enum {
	PAGE_GROUPS = 16,
	PAGE_MEMBERS = 24,
	PAGE_BYTES = 1080, /* of a response, whose head takes some more */
};

static struct store_txn *
begin(struct control *ctl, struct session *s, const struct request *r)
{
	struct store_txn *t;
	int rc = store_read_begin(ctl->reader, &t);

	if (!rc)
		return t;
	control_count(ctl, COUNT_STORE_FAILED);
	request_fail(ctl, s, r->id, CHQ_EUNAVAIL);
	return NULL;
}

/* --- GROUPS --- */

struct list {
	struct control *ctl;
	struct store_txn *t;
	const struct session *s;
	Chasqui__GroupsPage msg;
	Chasqui__Group group[PAGE_GROUPS], *groups[PAGE_GROUPS];
	char title[PAGE_GROUPS][STORE_PATH_MAX_BYTES + 1];
};

static int
list_fill(struct list *l, const struct group_mine *m, Chasqui__Group *out, char *title)
{
	int rc = store_group_title(l->t, &m->g, title, STORE_PATH_MAX_BYTES + 1);

	if (rc)
		return rc;
	chasqui__group__init(out);
	out->id = m->g.id;
	out->name = title;
	out->department = store_group_by_hand(m->g.id) ? 0 : m->g.id;
	out->rights = m->rights;
	out->grant = group_grant(l->ctl, l->s->account, &m->g);
	out->epoch = m->g.epoch;
	out->members = group_members_count(l->ctl, l->t, &m->g);
	out->order = m->g.order;
	return group_mine_served(l->ctl, l->t, m, l->s->account, l->s->device, &out->served);
}

/* Return: 0; 1 if the page is full; codes of reading. */
static int
list_add(struct list *l, const struct group_mine *m)
{
	size_t n = l->msg.n_group;
	int rc;

	if (n == PAGE_GROUPS)
		return 1;
	rc = list_fill(l, m, &l->group[n], l->title[n]);
	if (rc)
		return rc;
	l->groups[n] = &l->group[n];
	l->msg.n_group++;
	l->msg.next_cursor = m->g.id;
	if (n == 0 || chasqui__groups_page__get_packed_size(&l->msg) <= PAGE_BYTES)
		return CHQ_OK;
	l->msg.n_group--;
	l->msg.next_cursor = l->group[n - 1].id;
	return 1;
}

static int
list_page(struct list *l, const Chasqui__GroupsRequest *q)
{
	struct group_mine *mine = l->ctl->groups->mine;
	size_t n;
	int rc = group_mine(l->ctl, l->t, l->s->account, mine, &n);

	if (rc)
		return rc;
	l->msg.version = group_mine_version(l->t, l->s->account, mine, n);
	if (q->version == l->msg.version && q->cursor == 0) {
		l->msg.unchanged = true;
		return CHQ_OK;
	}
	l->msg.group = l->groups;
	for (size_t i = 0; i < n && !rc; i++)
		if (mine[i].g.id > q->cursor)
			rc = list_add(l, &mine[i]);
	if (!rc)
		l->msg.next_cursor = 0; /* the last page */
	return rc < 0 ? rc : CHQ_OK;
}

void
groups_request(struct control *ctl, struct session *s, const struct request *r)
{
	struct list l = { .ctl = ctl, .s = s };
	int rc;

	l.t = begin(ctl, s, r);
	if (!l.t)
		return;
	chasqui__groups_page__init(&l.msg);
	rc = list_page(&l, (const Chasqui__GroupsRequest *)r->body);
	if (!rc)
		request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &l.msg.base);
	else
		request_fail(ctl, s, r->id, CHQ_EUNAVAIL);
	store_read_end(ctl->reader);
}

/* --- GROUP_KEY --- */

/* One of the sender's groups. Outsiders, and who asks for what is not there, are answered alike. */
static int
mine_of(struct control *ctl, struct store_txn *t, const struct session *s, uint32_t group,
	struct group_mine *m)
{
	int rc = group_mine_one(ctl, t, s->account, group, m);

	return rc == CHQ_ENOENT ? CHQ_EDENIED : rc;
}

void
groups_key(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__GroupKeyRequest *q = (const Chasqui__GroupKeyRequest *)r->body;
	Chasqui__GroupKeyReply reply = CHASQUI__GROUP_KEY_REPLY__INIT;
	uint8_t key[CHQ_GROUP_KEY_BYTES];
	struct store_txn *t = begin(ctl, s, r);
	struct group_mine m;
	int rc;

	if (!t)
		return;
	rc = mine_of(ctl, t, s, q->group, &m);
	store_read_end(ctl->reader);
	if (!rc && q->epoch > m.g.epoch)
		rc = CHQ_EDENIED;
	if (rc) {
		request_fail(ctl, s, r->id, rc);
		return;
	}
	reply.epoch = q->epoch ? q->epoch : m.g.epoch;
	chq_group_epoch_key(ctl->keys.grants, q->group, reply.epoch, key);
	reply.key = (ProtobufCBinaryData){ sizeof(key), key };
	request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &reply.base);
	sodium_memzero(key, sizeof(key));
}

/* --- GROUP_MEMBERS --- */

struct members {
	struct control *ctl;
	struct store_txn *t;
	struct store_group g;
	Chasqui__GroupMembersPage msg;
	Chasqui__GroupMember member[PAGE_MEMBERS], *members[PAGE_MEMBERS];
	struct store_account account[PAGE_MEMBERS];
};

/* Return: 0; 1 if the page is full; codes of reading. */
static int
members_add(void *arg, uint64_t account, uint8_t rights, uint64_t cursor)
{
	struct members *p = arg;
	size_t n = p->msg.n_member;
	struct store_account *a = &p->account[n];
	uint64_t before = p->msg.next_cursor;
	int rc;

	if (n == PAGE_MEMBERS)
		return 1;
	rc = store_account_get(p->t, account, a);
	if (rc)
		return rc == CHQ_ENOENT ? CHQ_ECORRUPT : rc;
	if (a->disabled)
		return CHQ_OK;
	chasqui__group_member__init(&p->member[n]);
	p->member[n].account = account;
	p->member[n].login = a->login;
	p->member[n].display_name = a->name;
	p->member[n].rights = rights;
	p->members[n] = &p->member[n];
	p->msg.n_member++;
	p->msg.next_cursor = cursor;
	if (n == 0 || chasqui__group_members_page__get_packed_size(&p->msg) <= PAGE_BYTES)
		return CHQ_OK;
	p->msg.n_member--;
	p->msg.next_cursor = before;
	return 1;
}

void
groups_members(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__GroupMembersRequest *q = (const Chasqui__GroupMembersRequest *)r->body;
	struct members *p = calloc(1, sizeof(*p));
	struct group_mine m;
	int rc;

	if (!p) {
		request_fail(ctl, s, r->id, CHQ_ENOMEM);
		return;
	}
	p->ctl = ctl;
	p->t = begin(ctl, s, r);
	if (!p->t)
		goto out;
	chasqui__group_members_page__init(&p->msg);
	p->msg.member = p->members;
	rc = mine_of(ctl, p->t, s, q->group, &m);
	if (!rc)
		rc = group_members_walk(p->t, &m.g, q->cursor, members_add, p);
	if (rc == CHQ_OK)
		p->msg.next_cursor = 0; /* the last page */
	if (rc >= 0)
		request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &p->msg.base);
	else
		request_fail(ctl, s, r->id, rc);
	store_read_end(ctl->reader);
out:
	sodium_memzero(p, sizeof(*p));
	free(p);
}
