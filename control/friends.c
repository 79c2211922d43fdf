#include "control/friends.h"

#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/mutation.h"
#include "control/presence.h"
#include "control/rights.h"
#include "store/account.h"
#include "store/reader.h"

#define FRIENDS_YOUNG_MS (7 * CHQ_MS_PER_DAY)

static int
friends_versions(struct store_txn *txn, uint64_t from, uint64_t to, struct friends_change *c)
{
	struct store_account a;
	int rc = store_account_get(txn, from, &a);

	if (rc)
		return rc;
	c->from_version = a.contacts_version;
	rc = store_account_get(txn, to, &a);
	if (rc)
		return rc;
	c->to_version = a.contacts_version;
	return CHQ_OK;
}

int
friends_ask_job(struct store_txn *txn, uint64_t from, uint64_t to, uint64_t now_ms,
		struct friends_change *c)
{
	struct store_account a;
	int rc = store_account_get(txn, to, &a);

	*c = (struct friends_change){ 0 };
	if (rc == CHQ_ENOENT || (!rc && a.disabled))
		return CHQ_ENOUSER;
	if (!rc)
		rc = store_friend_ask(txn, from, to, now_ms, &c->outcome);
	if (rc || c->outcome == STORE_FRIEND_ASKED_BEFORE ||
	    c->outcome == STORE_FRIEND_ASKED_FRIENDS)
		return rc;
	return friends_versions(txn, from, to, c);
}

int
friends_confirm_job(struct store_txn *txn, uint64_t by, uint64_t asker, uint64_t now_ms,
		    struct friends_change *c)
{
	struct store_friend f;
	int rc;

	*c = (struct friends_change){ .outcome = STORE_FRIEND_ASKED_FRIENDS };
	rc = store_friend_get(txn, by, asker, &f);
	if (rc || f.state == STORE_FRIEND_MUTUAL)
		return rc;
	rc = store_friend_confirm(txn, by, asker, now_ms);
	if (rc)
		return rc;
	c->outcome = STORE_FRIEND_ASKED_ACCEPTED;
	return friends_versions(txn, by, asker, c);
}

/*
 * What one of two former friends was given is void: he gets a new sender epoch. Of those there are few, and
 * two who make and end friendships all the time would come by one that they had before; so if this one is
 * young, what was given to anybody towards either of them is void instead.
 */
static int
friends_void(struct store_txn *txn, uint64_t account, const struct store_friend *f)
{
	uint64_t now_ms = chq_wall_ms();
	uint32_t grant;
	uint16_t sender;

	if (f->since_ms > now_ms || now_ms - f->since_ms < FRIENDS_YOUNG_MS)
		return store_account_next_grant_epoch(txn, account, &grant);
	return store_account_next_sender_epoch(txn, account, &sender);
}

int
friends_remove_job(struct store_txn *txn, uint64_t by, uint64_t peer, struct friends_change *c)
{
	struct store_friend f;
	int rc = store_friend_get(txn, by, peer, &f);

	*c = (struct friends_change){ .ended = !rc && f.state == STORE_FRIEND_MUTUAL };
	if (!rc)
		rc = store_friend_remove(txn, by, peer);
	if (!rc && c->ended)
		rc = friends_void(txn, by, &f);
	if (!rc && c->ended)
		rc = friends_void(txn, peer, &f);
	return rc ? rc : friends_versions(txn, by, peer, c);
}

void
friends_tell(struct control *ctl, uint64_t from, uint64_t to, const struct friends_change *c,
	     revoke_done_fn *done, void *arg)
{
	const uint64_t both[] = { from, to };

	if (c->from_version) {
		view_changed_for(ctl, from, to);
		presence_contacts_changed(ctl, from);
	}
	if (c->to_version) {
		view_changed_for(ctl, to, from);
		presence_contacts_changed(ctl, to);
	}
	if (c->ended) {
		/* Lists hold grants to either. */
		view_changed(ctl, from);
		view_changed(ctl, to);
	}
	if (c->ended)
		revoke_tell(ctl, both, 2, done, arg);
	else if (done)
		done(arg, CHQ_OK);
}

/* The account that a request names by number or by login name. Return: 0; CHQ_EMALFORMED; CHQ_ENOUSER. */
static int
friends_named(struct store_txn *txn, const Chasqui__FriendRequest *m, uint64_t *id)
{
	struct store_account a;
	int rc;

	if ((m->account != 0) == (m->login[0] != '\0'))
		return CHQ_EMALFORMED;
	*id = m->account;
	if (m->account)
		return CHQ_OK;
	rc = store_account_find(txn, m->login, strlen(m->login), &a);
	if (!rc)
		*id = a.id;
	/* What can be nobody's name is nobody's. */
	return rc == CHQ_ENOENT || (rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI) ? CHQ_ENOUSER : rc;
}

static Chasqui__Relation
friends_relation(const struct friends_change *c)
{
	return c->outcome == STORE_FRIEND_ASKED_NEW || c->outcome == STORE_FRIEND_ASKED_BEFORE
		       ? CHASQUI__RELATION__RELATION_ASKED
		       : CHASQUI__RELATION__RELATION_FRIEND;
}

static int
friends_reply(struct mutation *m, uint64_t peer, const struct friends_change *c,
	      Chasqui__Relation relation)
{
	Chasqui__FriendReply reply = CHASQUI__FRIEND_REPLY__INIT;

	m->result.peer = peer;
	m->result.version = c->from_version;
	m->result.peer_version = c->to_version;
	m->result.ended = c->ended;
	reply.account = peer;
	reply.relation = relation;
	return mutation_reply(m, &reply.base);
}

/* Whom nobody may ask is as nobody, but for who has asked himself. */
static int
friends_may_ask(struct store_txn *txn, const struct mutation *m, uint64_t peer)
{
	struct store_friend f;
	int rc;

	if (m->allowed == peer)
		return CHQ_OK;
	rc = store_friend_get(txn, m->account, peer, &f);
	return rc == CHQ_ENOTFRIEND ? CHQ_ENOUSER : rc;
}

static int
friends_request_effect(struct store_txn *txn, struct mutation *m)
{
	struct friends_change c;
	uint64_t peer;
	int rc = friends_named(txn, (const Chasqui__FriendRequest *)m->body, &peer);

	if (!rc)
		rc = friends_may_ask(txn, m, peer);
	if (!rc)
		rc = friends_ask_job(txn, m->account, peer, m->now_ms, &c);
	return rc ? rc : friends_reply(m, peer, &c, friends_relation(&c));
}

/* Who is there and has nothing to do with the asking account is as who is not there. */
static int
friends_named_friend(struct store_txn *txn, const struct mutation *m, uint64_t *peer)
{
	int rc = friends_named(txn, (const Chasqui__FriendRequest *)m->body, peer);

	return rc == CHQ_ENOUSER ? CHQ_ENOTFRIEND : rc;
}

static int
friends_confirm_effect(struct store_txn *txn, struct mutation *m)
{
	struct friends_change c;
	uint64_t peer;
	int rc = friends_named_friend(txn, m, &peer);

	if (!rc)
		rc = friends_confirm_job(txn, m->account, peer, m->now_ms, &c);
	return rc ? rc : friends_reply(m, peer, &c, friends_relation(&c));
}

static int
friends_remove_effect(struct store_txn *txn, struct mutation *m)
{
	struct friends_change c;
	uint64_t peer;
	int rc = friends_named_friend(txn, m, &peer);

	if (!rc)
		rc = friends_remove_job(txn, m->account, peer, &c);
	return rc ? rc : friends_reply(m, peer, &c, CHASQUI__RELATION__RELATION_NONE);
}

static void
friends_after(struct control *ctl, const struct mutation *m)
{
	struct friends_change c = { .from_version = m->result.version,
				    .to_version = m->result.peer_version,
				    .ended = m->result.ended };

	friends_tell(ctl, m->account, m->result.peer, &c, NULL, NULL);
}

/*
 * Whom a client may ask for friendship: whom it finds by the rules, or anybody, as the configuration
 * says. Return: his account; 0 if that may not be.
 */
static uint64_t
friends_allowed(struct control *ctl, const struct session *s, const Chasqui__FriendRequest *m)
{
	struct store_txn *txn;
	uint64_t peer = 0;
	int rc = store_read_begin(ctl->reader, &txn);

	if (rc)
		return 0;
	rc = friends_named(txn, m, &peer);
	store_read_end(ctl->reader);
	if (rc)
		return 0;
	if (ctl->conf->friends.ask == CHQ_FRIENDS_ANYONE)
		return peer;
	return book_rights(ctl->book, s->account, peer) & (BOOK_SEE | BOOK_SEARCH) ? peer : 0;
}

void
friends_request(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { friends_request_effect, friends_after };

	mutation_begin_for(ctl, s, r, &kind,
			   friends_allowed(ctl, s, (const Chasqui__FriendRequest *)r->body));
}

void
friends_confirm(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { friends_confirm_effect, friends_after };

	mutation_begin(ctl, s, r, &kind);
}

void
friends_remove(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { friends_remove_effect, friends_after };

	if (request_weighty(s))
		mutation_begin(ctl, s, r, &kind);
	else
		request_fail(ctl, s, r->id, CHQ_EBUSY_LATER);
}
