/* The keys of messages between two devices: made when needed, in memory only. */

#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define AWAY_MS	     (30 * UINT64_C(86400000))
#define ASKED_MS     UINT64_C(600000)
#define KEY_GOOD_MS  UINT64_C(86400000)
#define KEY_MESSAGES (UINT32_C(1) << 20)

void
chq_e2e_reset(struct chq_dev *d)
{
	d->out_have = false;
	sodium_memzero(d->out_key, sizeof(d->out_key));
	sodium_memzero(d->in_key, sizeof(d->in_key));
}

static void
forget_old(struct chq_client *c, struct chq_dev *d)
{
	for (int i = 0; i < CHQ_IN_KEYS; i++)
		if (!chq_identity_prekey(&c->id, d->in_key[i].prekey_id))
			sodium_memzero(&d->in_key[i], sizeof(d->in_key[i]));
	if (d->out_have && c->now_ms < d->out_made_ms + KEY_GOOD_MS)
		return;
	d->out_have = false;
	sodium_memzero(d->out_key, sizeof(d->out_key));
}

void
chq_e2e_forget(struct chq_client *c)
{
	CHQ_LIST_FOREACH(it, &c->peers.all) {
		struct chq_peer *p = CHQ_LIST_ENTRY(it, struct chq_peer, node);

		for (int i = 0; i < p->devs; i++)
			forget_old(c, p->dev[i]);
	}
}

static uint64_t
own_party(const struct chq_client *c)
{
	return CHQ_PARTY(CHQ_KIND_ACCOUNT, c->id.device, c->id.account);
}

static int
make_key(struct chq_client *c, struct chq_dev *d)
{
	struct chq_keypair eph;
	int err;

	chq_x25519_keypair(&eph);
	err = chq_e2e_key_send(own_party(c), d->party, &c->id.ident, &eph, d->keys.ident,
			       d->prekey.spk, d->out_key);
	memcpy(d->out_eph, eph.public, 32);
	sodium_memzero(&eph, sizeof(eph));
	d->out_have = err == CHQ_OK;
	d->out_prekey = d->prekey.id;
	d->out_made_ms = c->now_ms;
	d->out_count = 0;
	d->out_receipted = false;
	return err;
}

/*
 * A device that is away makes no new prekeys, and what waits for it in its mailbox can only be sealed to the last one:
 * its secret is still there, for it was never replaced. So one that is over is good for as long as a mailbox keeps
 * anything, if the server has just been asked for a newer one.
 */
static bool
prekey_good(const struct chq_client *c, const struct chq_dev *d)
{
	const struct chq_peer *p = d->peer;

	if (!d->prekey.id)
		return false;
	if (c->wall_ms < d->prekey.expiry_ms)
		return true;
	return c->wall_ms < d->prekey.expiry_ms + AWAY_MS && !p->fetching &&
	       c->now_ms < p->fetched_ms + ASKED_MS;
}

int
chq_e2e_ready(struct chq_client *c, struct chq_dev *d)
{
	if (!prekey_good(c, d))
		return CHQ_EAGAIN;
	if (d->out_have && d->out_prekey == d->prekey.id && d->out_count < KEY_MESSAGES &&
	    c->now_ms < d->out_made_ms + KEY_GOOD_MS)
		return CHQ_OK;
	return make_key(c, d);
}

static struct chq_e2e_ctx
context(const struct chq_frame_hdr *h, uint64_t from, uint64_t to)
{
	return (struct chq_e2e_ctx){
		.from = from,
		.to = to,
		.message = h->message,
		.app = h->app,
		.flags = h->flags,
	};
}

int
chq_e2e_seal_inner(struct chq_client *c, struct chq_dev *d, const struct chq_frame_hdr *h,
		   const struct chq_inner *in, uint8_t out[CHQ_E2E_PAYLOAD_MAX])
{
	struct chq_e2e_ctx ctx = context(h, own_party(c), d->party);
	uint8_t inner[CHQ_INNER_MAX];
	int n = chq_inner_build(in, inner);

	if (n < 0)
		return n;
	d->out_count++;
	n = chq_e2e_seal(d->out_key, &ctx, d->out_prekey, d->out_eph, inner, (size_t)n, out,
			 CHQ_E2E_PAYLOAD_MAX);
	sodium_memzero(inner, sizeof(inner));
	return n;
}

static struct chq_in_key *
find_key(struct chq_dev *d, uint32_t prekey_id, const uint8_t eph[32])
{
	for (int i = 0; i < CHQ_IN_KEYS; i++)
		if (d->in_key[i].have && d->in_key[i].prekey_id == prekey_id &&
		    memcmp(d->in_key[i].eph, eph, 32) == 0)
			return &d->in_key[i];
	return NULL;
}

/* A key that has opened something takes the place of the one that was not used for longest. */
static void
keep_key(struct chq_dev *d, const struct chq_in_key *good)
{
	struct chq_in_key *at = &d->in_key[0];

	for (int i = 1; i < CHQ_IN_KEYS && at->have; i++)
		if (!d->in_key[i].have || d->in_key[i].used_ms < at->used_ms)
			at = &d->in_key[i];
	*at = *good;
}

static int
derive(struct chq_client *c, struct chq_dev *d, struct chq_in_key *k)
{
	const struct chq_own_prekey *own = chq_identity_prekey(&c->id, k->prekey_id);

	if (!own)
		return CHQ_ENOENT;
	return chq_e2e_key_recv(d->party, own_party(c), &c->id.ident, &own->pair, d->keys.ident,
				k->eph, k->key);
}

int
chq_e2e_open_inner(struct chq_client *c, struct chq_dev *d, const struct chq_frame_hdr *h,
		   const uint8_t *payload, size_t len, uint8_t inner[CHQ_INNER_MAX],
		   struct chq_inner *in)
{
	struct chq_e2e_ctx ctx = context(h, d->party, own_party(c));
	struct chq_in_key fresh = { .have = true }, *known;
	int err = chq_e2e_payload_head(payload, len, &fresh.prekey_id, fresh.eph);
	int n;

	if (err)
		return err;
	fresh.used_ms = c->now_ms;
	known = find_key(d, fresh.prekey_id, fresh.eph);
	/* A prekey whose secret is forgotten opens nothing, also not by a key still in memory. */
	err = known && chq_identity_prekey(&c->id, fresh.prekey_id) ? CHQ_OK : derive(c, d, &fresh);
	if (err)
		return err;
	n = chq_e2e_open(known ? known->key : fresh.key, &ctx, payload, len, inner);
	if (n >= 0 && known)
		known->used_ms = c->now_ms;
	else if (n >= 0)
		keep_key(d, &fresh);
	sodium_memzero(&fresh, sizeof(fresh));
	return n < 0 ? n : chq_inner_parse(inner, (size_t)n, in);
}
