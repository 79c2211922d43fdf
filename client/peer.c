/* Other accounts that we write to or that write to us. */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define KEYS_TIMEOUT_MS 30000

struct chq_peer *
chq_peer_find(const struct chq_client *c, uint64_t account)
{
	return chq_map_get_u64(&c->peers.by_account, account);
}

struct chq_peer *
chq_peer_get(struct chq_client *c, uint64_t account, bool stranger)
{
	struct chq_peer *p = chq_peer_find(c, account);

	if (p)
		return p;
	if ((stranger && c->peers.strangers >= CHQ_STRANGERS_MAX) ||
	    c->peers.by_account.count >= CHQ_PEERS_MAX)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p || chq_map_put_u64(&c->peers.by_account, account, p) < 0) {
		free(p);
		c->no_memory = true;
		return NULL;
	}
	p->account = account;
	p->stranger = stranger;
	c->peers.strangers += stranger;
	chq_list_init(&p->parked);
	chq_list_init(&p->queue);
	chq_list_add_tail(&c->peers.all, &p->node);
	return p;
}

struct chq_dev *
chq_peer_dev(const struct chq_peer *p, uint8_t device)
{
	for (int i = 0; i < p->devs; i++)
		if (p->dev[i]->keys.device == device)
			return p->dev[i];
	return NULL;
}

static void keys_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t account);

/* @after: 0, or as the page before said. */
static void
ask_keys(struct chq_client *c, struct chq_peer *p, uint32_t after)
{
	Chasqui__KeysRequest q = CHASQUI__KEYS_REQUEST__INIT;

	q.account = p->account;
	q.after_device = after;
	p->fetching = chq_request_send(c, CHASQUI__METHOD__METHOD_KEYS_GET, &q.base,
				       KEYS_TIMEOUT_MS, keys_reply, p->account) == CHQ_OK;
}

/* Return: 0, with @next: the page after this one, 0 if there is none; why this one is of no use. */
static int
keys_page(struct chq_client *c, struct chq_peer *p, const Chasqui__Response *r, uint32_t *next)
{
	Chasqui__KeysReply *m;
	int err;

	if (r->code != CHASQUI__CODE__OK)
		return r->code == CHASQUI__CODE__E_NOUSER ? CHQ_ENOUSER : CHQ_EUNAVAIL;
	m = (Chasqui__KeysReply *)chq_reply_body(c, r, &chasqui__keys_reply__descriptor);
	if (!m)
		return CHQ_EMALFORMED;
	err = p->keys_pages++ == 0 ? chq_peer_keys(c, p, m) : chq_peer_prekeys(c, p, m);
	*next = m->next_after;
	chasqui__keys_reply__free_unpacked(m, NULL);
	return err;
}

static void
keys_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t account)
{
	struct chq_peer *p = chq_peer_find(c, account);
	struct chq_event ev = { .type = CHQ_EV_PEER_KEYS, .account = account };
	uint32_t next = 0;

	if (!p)
		return;
	p->fetching = false;
	if (!err)
		err = keys_page(c, p, r, &next);
	/* One page a device at most, and one for the list: a server that goes on lies. */
	if (!err && next && p->keys_pages <= CHQ_DEVICES_MAX)
		ask_keys(c, p, next);
	if (p->fetching)
		return;
	if (!err && next)
		err = CHQ_EUNAVAIL;
	if (account == c->id.account && err == CHQ_ENOUSER)
		chq_own_none(c);
	else if (account == c->id.account && err)
		chq_own_unknown(c);
	ev.err = err;
	if (p->announce)
		chq_client_event(c, &ev);
	p->announce = false;
	chq_send_keys(c, p, err);
	chq_receive_unpark(c, p);
}

void
chq_peer_refresh(struct chq_client *c, struct chq_peer *p, uint64_t min_age_ms)
{
	if (p->fetching || (p->fetched_ms && c->now_ms < p->fetched_ms + min_age_ms))
		return;
	p->fetched_ms = c->now_ms;
	p->keys_pages = 0;
	ask_keys(c, p, 0);
}

int
chq_client_fetch_keys(struct chq_client *c, uint64_t account)
{
	struct chq_peer *p;

	chq_client_now(c);
	p = chq_peer_get(c, account, false);
	if (!p)
		return CHQ_ENOMEM;
	p->announce = true;
	chq_peer_refresh(c, p, 0);
	chq_client_wake(c);
	return p->fetching ? CHQ_OK : CHQ_EFULL;
}

bool
chq_client_key_changed(const struct chq_client *c, uint64_t account)
{
	const struct chq_peer *p = chq_peer_find(c, account);

	return p && p->changed;
}

int
chq_client_safety_number(const struct chq_client *c, uint64_t account, char out[CHQ_SAFETY_LEN + 1])
{
	const struct chq_peer *p = chq_peer_find(c, account);
	const struct chq_pin *pin = chq_pins_get(&c->pins, account);
	const uint8_t *key = p && (p->have_keys || p->changed) ? p->account_key
			     : pin			       ? pin->key
							       : NULL;

	if (!key || !c->id.account)
		return CHQ_ENOENT;
	chq_safety_number(c->id.account, c->id.account_key.public, account, key, out);
	return CHQ_OK;
}

/* What it was known by is forgotten; its keys are fetched anew and judged by the new pin. */
int
chq_client_accept_key(struct chq_client *c, uint64_t account, const char *safety)
{
	struct chq_peer *p = chq_peer_find(c, account);
	char now[CHQ_SAFETY_LEN + 1];
	int err;

	if (!p || !p->changed)
		return CHQ_ENOENT;
	err = chq_client_safety_number(c, account, now);
	if (err)
		return err;
	if (strcmp(safety, now) != 0)
		return CHQ_ESTALE;
	chq_client_now(c);
	err = chq_pins_set(&c->pins, account, p->account_key, 0);
	if (!err)
		err = chq_peer_name(c, account);
	if (err)
		return err;
	p->changed = false;
	p->have_keys = false;
	p->announce = true;
	chq_peer_refresh(c, p, 0);
	chq_client_wake(c);
	return CHQ_OK;
}

static void
dev_free(struct chq_client *c, struct chq_dev *d)
{
	chq_order_free(c, d);
	chq_late_free(d);
	sodium_memzero(d, sizeof(*d));
	free(d);
}

void
chq_peers_free(struct chq_client *c)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &c->peers.all) {
		struct chq_peer *p = CHQ_LIST_ENTRY(it, struct chq_peer, node);

		chq_receive_free(p);
		for (int i = 0; i < p->devs; i++)
			dev_free(c, p->dev[i]);
		chq_list_del(&p->node);
		free(p);
	}
	chq_map_deinit(&c->peers.by_account);
}
