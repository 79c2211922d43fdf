/* What comes from other people: opened, or refused for a counted reason. */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define REFETCH_MS 30000 /* newer keys of a sender whose frames do not open */

/* A frame whose sender's keys were asked for. */
struct chq_parked {
	struct chq_list node;
	struct chq_frame_hdr h;
	bool replayed; /* from the file of held frames */
	uint16_t len;
	uint8_t payload[];
};

static bool
park(struct chq_client *c, struct chq_peer *p, const struct chq_frame_hdr *h,
     const uint8_t *payload, size_t len, bool replayed)
{
	struct chq_parked *k;

	if (p->parked_count >= CHQ_PARKED_MAX && !replayed)
		return false;
	k = malloc(sizeof(*k) + len);
	if (!k) {
		c->no_memory = true;
		return false;
	}
	k->h = *h;
	k->replayed = replayed;
	k->len = (uint16_t)len;
	memcpy(k->payload, payload, len);
	chq_list_add_tail(&p->parked, &k->node);
	p->parked_count++;
	return true;
}

static void
receipt(struct chq_client *c, struct chq_dev *d, const struct chq_inner *in)
{
	uint64_t ids[CHQ_RECEIPT_IDS_MAX];
	int n = chq_receipt_parse(in, ids);

	if (n < 0)
		chq_count(c, CHQ_STAT_DROP_INNER);
	else
		chq_send_receipt(c, d, ids, n);
}

static void
open_frame(struct chq_client *c, struct chq_dev *d, const struct chq_frame_hdr *h,
	   const uint8_t *payload, size_t len, bool replayed)
{
	uint8_t inner[CHQ_INNER_MAX];
	struct chq_inner in;
	int err = chq_e2e_open_inner(c, d, h, payload, len, inner, &in);

	if (err) {
		if (err != CHQ_ECRYPTO) /* it never opens; else newer keys may do */
			chq_mail_safe(c, h->party, h->message);
		chq_count(c, err == CHQ_ENOENT	     ? CHQ_STAT_DROP_PREKEY
			     : err == CHQ_EMALFORMED ? CHQ_STAT_DROP_INNER
						     : CHQ_STAT_DROP_E2E);
		if (err == CHQ_ECRYPTO && !replayed)
			chq_peer_refresh(c, d->peer, REFETCH_MS);
		sodium_memzero(inner, sizeof(inner));
		return;
	}
	if (in.grant && d->peer->account != c->id.account)
		d->peer->reply_grant = in.grant;
	if (h->flags & CHQ_F_RECEIPT) {
		receipt(c, d, &in);
		chq_mail_safe(c, h->party, h->message);
	} else
		chq_order_accept(c, d, h, payload, len, &in, replayed);
	sodium_memzero(inner, sizeof(inner));
}

/* Is it from somebody whom we may know, and are his keys there? What was receipted waits for them. */
static void
take(struct chq_client *c, const struct chq_frame_hdr *h, const uint8_t *payload, size_t len,
     bool replayed)
{
	uint64_t account = CHQ_PARTY_ID(h->party);
	struct chq_peer *p = NULL;
	struct chq_dev *d;

	if (account != c->id.account)
		p = chq_peer_get(c, account, !chq_client_contact(c, account));
	else if (c->own.state == CHQ_OWN_KNOWN && CHQ_PARTY_DEVICE(h->party) != c->id.device)
		p = chq_peer_get(c, account, false);
	d = p ? chq_peer_dev(p, CHQ_PARTY_DEVICE(h->party)) : NULL;
	if (!p) {
		chq_count(c, CHQ_STAT_DROP_NO_KEYS);
		return;
	}
	if (p->changed && !replayed) {
		chq_count(c, CHQ_STAT_DROP_KEY_CHANGED);
		return;
	}
	if (!p->changed && p->have_keys && d) {
		/* It may be revoked by now. */
		chq_peer_refresh(c, p, CHQ_KEYS_FRESH_MS);
		open_frame(c, d, h, payload, len, replayed);
		return;
	}
	chq_peer_refresh(c, p, p->have_keys ? REFETCH_MS : 2000);
	if ((!p->fetching && !replayed) || !park(c, p, h, payload, len, replayed))
		chq_count(c, CHQ_STAT_DROP_NO_KEYS);
}

void
chq_receive_frame(struct chq_client *c, const struct chq_frame_hdr *h, const uint8_t *payload,
		  size_t len)
{
	uint32_t prekey_id;
	uint8_t eph[32];

	chq_mail_came(c, h);
	if (chq_e2e_payload_head(payload, len, &prekey_id, eph) < 0) {
		chq_mail_safe(c, h->party, h->message);
		chq_count(c, CHQ_STAT_DROP_MALFORMED);
		return;
	}
	if (!chq_identity_prekey(&c->id, prekey_id)) {
		chq_mail_safe(c, h->party, h->message);
		chq_count(c, CHQ_STAT_DROP_PREKEY);
		return;
	}
	take(c, h, payload, len, false);
}

static void
unpark(struct chq_client *c, struct chq_peer *p, const struct chq_parked *k)
{
	struct chq_dev *d = chq_peer_dev(p, CHQ_PARTY_DEVICE(k->h.party));

	if (!p->changed && p->have_keys && d)
		open_frame(c, d, &k->h, k->payload, k->len, k->replayed);
	else if (k->replayed && (p->changed || !p->have_keys))
		park(c, p, &k->h, k->payload, k->len, true);
	else
		chq_count(c, p->changed ? CHQ_STAT_DROP_KEY_CHANGED : CHQ_STAT_DROP_NO_KEYS);
}

/* The keys are there, or will not come now. */
void
chq_receive_unpark(struct chq_client *c, struct chq_peer *p)
{
	struct chq_list frames;

	chq_list_init(&frames);
	while (!chq_list_empty(&p->parked)) {
		struct chq_list *first = p->parked.next;

		chq_list_del(first);
		chq_list_add_tail(&frames, first);
	}
	p->parked_count = 0;
	while (!chq_list_empty(&frames)) {
		struct chq_parked *k = CHQ_LIST_ENTRY(frames.next, struct chq_parked, node);

		chq_list_del(&k->node);
		unpark(c, p, k);
		free(k);
	}
}

void
chq_receive_free(struct chq_peer *p)
{
	while (!chq_list_empty(&p->parked)) {
		struct chq_parked *k = CHQ_LIST_ENTRY(p->parked.next, struct chq_parked, node);

		chq_list_del(&k->node);
		free(k);
	}
	p->parked_count = 0;
}

static bool
prekey_is_here(const struct chq_client *c, const uint8_t *payload, size_t len)
{
	uint32_t prekey_id;
	uint8_t eph[32];

	return chq_e2e_payload_head(payload, len, &prekey_id, eph) == CHQ_OK &&
	       chq_identity_prekey(&c->id, prekey_id);
}

static void
replay(void *arg, const struct chq_frame_hdr *h, const uint8_t *payload, uint16_t len)
{
	struct chq_client *c = arg;

	if (prekey_is_here(c, payload, len))
		take(c, h, payload, len, true);
	else
		chq_count(c, CHQ_STAT_DROP_PREKEY);
}

uint64_t
chq_receive_run(struct chq_client *c)
{
	uint64_t due = CHQ_NEVER;

	if (!c->held_replayed && chq_online(c) && c->contacts.known) {
		c->held_replayed = true;
		chq_held_replay(&c->held_file, replay, c);
	}
	CHQ_LIST_FOREACH(it, &c->peers.all) {
		struct chq_peer *p = CHQ_LIST_ENTRY(it, struct chq_peer, node);

		if (p->parked_count && !p->fetching && chq_online(c)) {
			chq_peer_refresh(c, p, REFETCH_MS);
			due = chq_min64(due, p->fetched_ms + REFETCH_MS);
		}
		for (int i = 0; i < p->devs; i++)
			due = chq_min64(due, chq_order_run(c, p->dev[i]));
	}
	return due;
}
