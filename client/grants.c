/* Which grant lets us write to an account: that of the contact list, a fetched one, or a reply grant. */

#include "base/clock.h"
#include "base/err.h"
#include "client/client.h"

#define TIMEOUT_MS 30000

static bool
grant_good(const struct chq_client *c, uint64_t grant)
{
	return grant && grant >> 48 >= chq_day_of(c->wall_ms);
}

static void
grant_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t account)
{
	struct chq_peer *p = chq_peer_find(c, account);
	Chasqui__GrantReply *m = NULL;

	if (!p)
		return;
	p->asking_grant = false;
	if (!err && r->code == CHASQUI__CODE__OK)
		m = (Chasqui__GrantReply *)chq_reply_body(c, r, &chasqui__grant_reply__descriptor);
	if (m && m->grant)
		p->grant = m->grant;
	else if (!err)
		err = CHQ_ENOUSER;
	if (m)
		chasqui__grant_reply__free_unpacked(m, NULL);
	chq_send_granted(c, p, err);
}

void
chq_grant_refresh(struct chq_client *c, struct chq_peer *p, uint64_t min_age_ms)
{
	Chasqui__GrantRequest q = CHASQUI__GRANT_REQUEST__INIT;

	if (p->asking_grant || (p->grant_ms && c->now_ms < p->grant_ms + min_age_ms))
		return;
	q.account = p->account;
	p->grant_ms = c->now_ms;
	p->asking_grant = chq_request_send(c, CHASQUI__METHOD__METHOD_GRANT, &q.base, TIMEOUT_MS,
					   grant_reply, p->account) == CHQ_OK;
}

uint64_t
chq_grant_for(struct chq_client *c, struct chq_peer *p)
{
	const struct chq_contact *k = chq_client_contact(c, p->account);

	/* A fetched one is newer than the list's. */
	if (grant_good(c, p->grant))
		return p->grant;
	if (k && grant_good(c, k->grant))
		return k->grant;
	if (grant_good(c, p->reply_grant))
		return p->reply_grant;
	chq_grant_refresh(c, p, 5000);
	return 0;
}

uint64_t
chq_grant_handed(const struct chq_client *c, const struct chq_dev *d)
{
	const struct chq_contact *k = chq_client_contact(c, d->peer->account);

	return k && !d->out_receipted && grant_good(c, k->reply_grant) ? k->reply_grant : 0;
}
