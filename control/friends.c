#include "control/friends.h"

#include <string.h>

#include "base/err.h"
#include "control/mutation.h"
#include "control/presence.h"
#include "store/account.h"

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

void
friends_tell(struct control *ctl, uint64_t from, uint64_t to, const struct friends_change *c)
{
	if (c->from_version)
		presence_contacts_changed(ctl, from, c->from_version);
	if (c->to_version)
		presence_contacts_changed(ctl, to, c->to_version);
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
	return rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI ? CHQ_ENOUSER : rc;
}

static int
friends_reply(struct mutation *m, uint64_t peer, const struct friends_change *c)
{
	Chasqui__FriendReply reply = CHASQUI__FRIEND_REPLY__INIT;

	m->result.peer = peer;
	m->result.version = c->from_version;
	m->result.peer_version = c->to_version;
	reply.account = peer;
	reply.relation = c->outcome == STORE_FRIEND_ASKED_NEW ||
					 c->outcome == STORE_FRIEND_ASKED_BEFORE
				 ? CHASQUI__RELATION__RELATION_ASKED
				 : CHASQUI__RELATION__RELATION_FRIEND;
	return mutation_reply(m, &reply.base);
}

static int
friends_request_effect(struct store_txn *txn, struct mutation *m)
{
	struct friends_change c;
	uint64_t peer;
	int rc = friends_named(txn, (const Chasqui__FriendRequest *)m->body, &peer);

	if (!rc)
		rc = friends_ask_job(txn, m->account, peer, m->now_ms, &c);
	return rc ? rc : friends_reply(m, peer, &c);
}

static int
friends_confirm_effect(struct store_txn *txn, struct mutation *m)
{
	struct friends_change c;
	uint64_t peer;
	int rc = friends_named(txn, (const Chasqui__FriendRequest *)m->body, &peer);

	if (!rc)
		rc = friends_confirm_job(txn, m->account, peer, m->now_ms, &c);
	return rc ? rc : friends_reply(m, peer, &c);
}

static void
friends_after(struct control *ctl, const struct mutation *m)
{
	struct friends_change c = { .from_version = m->result.version,
				    .to_version = m->result.peer_version };

	friends_tell(ctl, m->account, m->result.peer, &c);
}

void
friends_request(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { friends_request_effect, friends_after };

	mutation_begin(ctl, s, r, &kind);
}

void
friends_confirm(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { friends_confirm_effect, friends_after };

	mutation_begin(ctl, s, r, &kind);
}
