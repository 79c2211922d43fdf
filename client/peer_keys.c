/*
 * Keys that the server hands out for another account. The server may lie: nothing is used that is not
 * signed, down from the account key that is pinned (PROTOCOL.md, section 6).
 */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

/* No honest prekey is good for longer. */
#define EXPIRY_MAX_MS (CHQ_PREKEY_GOOD_MS + UINT64_C(3600000))

static int
refuse(struct chq_client *c, enum chq_stat why)
{
	chq_count(c, why);
	return CHQ_EUNTRUSTED;
}

/* Is the login that the server now gives to an account one by which we know another? */
static bool
name_is_anothers(const struct chq_client *c, uint64_t account)
{
	const struct chq_contact *k = chq_client_contact(c, account);
	uint64_t known = k ? chq_pins_named(&c->pins, k->login) : 0;

	return known && known != account;
}

/* Not the pinned key, or not the one of that name: nothing is sent or shown until the user accepts it. */
static int
key_changed(struct chq_client *c, struct chq_peer *p, const uint8_t key[32])
{
	struct chq_event ev = { .type = CHQ_EV_KEY_CHANGED, .account = p->account };
	bool told = p->changed && memcmp(p->account_key, key, 32) == 0;

	p->changed = true;
	memcpy(p->account_key, key, 32);
	if (!told)
		chq_client_event(c, &ev);
	chq_send_blocked(c, p, CHQ_EKEYCHANGED);
	return CHQ_EKEYCHANGED;
}

static struct chq_dev *
add_dev(struct chq_client *c, struct chq_peer *p, const struct chq_device_keys *keys)
{
	struct chq_dev *d = calloc(1, sizeof(*d));

	if (!d) {
		c->no_memory = true;
		return NULL;
	}
	d->peer = p;
	d->party = CHQ_PARTY(CHQ_KIND_ACCOUNT, keys->device, p->account);
	d->keys = *keys;
	chq_list_init(&d->flight);
	chq_list_init(&d->waiting);
	chq_list_init(&d->late);
	chq_list_init(&d->held);
	p->dev[p->devs++] = d;
	return d;
}

static void
remove_dev(struct chq_client *c, struct chq_peer *p, int i)
{
	struct chq_dev *d = p->dev[i];

	chq_send_device_gone(c, d);
	chq_order_end(c, d);
	chq_late_free(d);
	p->dev[i] = p->dev[--p->devs];
	sodium_memzero(d, sizeof(*d));
	free(d);
}

static bool
same_keys(const struct chq_device_keys *a, const struct chq_device_keys *b)
{
	return memcmp(a->sign, b->sign, 32) == 0 && memcmp(a->ident, b->ident, 32) == 0;
}

/* The devices of the list, no others; what is under way to a device with new keys is sealed anew. */
static void
take_list(struct chq_client *c, struct chq_peer *p, const struct chq_device_list *list)
{
	for (int i = p->devs; i-- > 0;)
		if (!chq_device_list_find(list, p->dev[i]->keys.device))
			remove_dev(c, p, i);
	for (int i = 0; i < list->count; i++) {
		const struct chq_device_keys *keys = &list->device[i];
		struct chq_dev *d = chq_peer_dev(p, keys->device);

		if (p->account == c->id.account && keys->device == c->id.device)
			continue;
		if (!d) {
			add_dev(c, p, keys);
		} else if (!same_keys(&d->keys, keys)) {
			d->keys = *keys;
			d->prekey.id = 0;
			chq_e2e_reset(d);
			chq_send_rekeyed(c, d, true);
		}
	}
}

static void
take_prekey(struct chq_client *c, struct chq_peer *p, const Chasqui__DevicePrekey *m)
{
	struct chq_dev *d = m->device <= UINT8_MAX ? chq_peer_dev(p, (uint8_t)m->device) : NULL;
	struct chq_prekey pk;

	if (!d)
		return; /* of a device that is not in the list */
	if (chq_prekey_parse(m->prekey.data, m->prekey.len, d->keys.sign, &pk) < 0 ||
	    pk.account != p->account || pk.device != d->keys.device || pk.id == 0 ||
	    pk.expiry_ms > c->wall_ms + EXPIRY_MAX_MS) {
		chq_count(c, CHQ_STAT_DROP_KEYS);
		return;
	}
	if (d->prekey.id == pk.id || (d->prekey.id && pk.expiry_ms < d->prekey.expiry_ms))
		return;
	d->prekey = pk;
	if (d->out_have)
		chq_send_rekeyed(c, d, false);
}

static int
take_pin(struct chq_client *c, struct chq_peer *p, const Chasqui__KeysReply *m,
	 const struct chq_device_list *list)
{
	const struct chq_pin *pin = chq_pins_get(&c->pins, p->account);

	if (pin && list->version < pin->version)
		return refuse(c, CHQ_STAT_DROP_OLD_LIST);
	if (!pin || list->version > pin->version)
		return chq_pins_set(&c->pins, p->account, m->account_key.data, list->version);
	return CHQ_OK;
}

static void
take_keys(struct chq_client *c, struct chq_peer *p, const Chasqui__KeysReply *m,
	  const struct chq_device_list *list)
{
	p->changed = false;
	memcpy(p->account_key, m->account_key.data, 32);
	if (!p->have_keys || list->version > p->list_version)
		take_list(c, p, list);
	p->list_version = list->version;
	p->have_keys = true;
	for (size_t i = 0; i < m->n_prekey; i++)
		take_prekey(c, p, m->prekey[i]);
}

int
chq_peer_keys(struct chq_client *c, struct chq_peer *p, const Chasqui__KeysReply *m)
{
	const struct chq_pin *pin = chq_pins_get(&c->pins, p->account);
	struct chq_device_list list;
	int err;

	if (m->account_key.len == 0 && p->account == c->id.account)
		chq_own_none(c);
	if (m->account_key.len == 0 && (!pin || p->account == c->id.account))
		return CHQ_EOFFLINE; /* never was there */
	if (m->account != p->account || m->account_key.len != 32)
		return refuse(c, CHQ_STAT_DROP_KEYS);
	if (chq_device_list_parse(m->device_list.data, m->device_list.len, m->account_key.data,
				  &list) < 0 ||
	    list.account != p->account)
		return refuse(c, CHQ_STAT_DROP_KEYS);
	if (p->account == c->id.account) {
		err = chq_own_keys(c, m->account_key.data, &list);
		if (err)
			return err;
		take_keys(c, p, m, &list);
		return CHQ_OK;
	}
	if ((pin && sodium_memcmp(pin->key, m->account_key.data, 32) != 0) ||
	    name_is_anothers(c, p->account))
		return key_changed(c, p, m->account_key.data);
	err = take_pin(c, p, m, &list);
	if (!err)
		err = chq_peer_name(c, p->account);
	if (err)
		return err;
	take_keys(c, p, m, &list);
	return CHQ_OK;
}

int
chq_peer_prekeys(struct chq_client *c, struct chq_peer *p, const Chasqui__KeysReply *m)
{
	if (m->account != p->account)
		return refuse(c, CHQ_STAT_DROP_KEYS);
	if (p->changed || !p->have_keys)
		return CHQ_EKEYCHANGED; /* meanwhile */
	for (size_t i = 0; i < m->n_prekey; i++)
		take_prekey(c, p, m->prekey[i]);
	return CHQ_OK;
}

int
chq_peer_name(struct chq_client *c, uint64_t account)
{
	const struct chq_contact *k = chq_client_contact(c, account);

	return k ? chq_pins_name(&c->pins, account, k->login) : CHQ_OK;
}

void
chq_peer_names(struct chq_client *c)
{
	CHQ_LIST_FOREACH(it, &c->peers.all) {
		struct chq_peer *p = CHQ_LIST_ENTRY(it, struct chq_peer, node);

		if (!p->have_keys || p->changed)
			continue;
		if (name_is_anothers(c, p->account))
			key_changed(c, p, p->account_key);
		else if (chq_peer_name(c, p->account) < 0)
			c->no_memory = true;
	}
}
