/*
 * The devices of the own account: which list is published, whether this device is in it, and how it gets
 * there. The server may lie here as anywhere: nothing is believed that the account key has not signed, and
 * no account key is taken but that in the code which the user has compared (PROTOCOL.md, section 6).
 */

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define TIMEOUT_MS 30000
#define AGAIN_MS   30000

static struct chq_peer *
own_peer(struct chq_client *c)
{
	return c->id.account ? chq_peer_get(c, c->id.account, false) : NULL;
}

void
chq_own_refresh(struct chq_client *c)
{
	struct chq_peer *p = own_peer(c);

	c->own.again_ms = c->now_ms + AGAIN_MS;
	if (p)
		chq_peer_refresh(c, p, 0);
}

void
chq_own_login(struct chq_client *c)
{
	c->own.state = c->own.state == CHQ_OWN_KNOWN ? CHQ_OWN_KNOWN : CHQ_OWN_UNKNOWN;
	c->own.tries = 0;
	chq_own_refresh(c);
}

static void
tell(struct chq_client *c, enum chq_event_type type, uint8_t device, int err)
{
	struct chq_event ev = { .type = type, .device = device, .err = err };

	ev.account = c->id.account;
	chq_client_event(c, &ev);
}

void
chq_own_refused(struct chq_client *c, int err)
{
	c->own.state = CHQ_OWN_REFUSED;
	tell(c, CHQ_EV_KEYS_REFUSED, 0, err);
}

/* --- the published list --- */

static bool
same_keys(const struct chq_client *c, const struct chq_device_keys *k)
{
	return k && memcmp(k->sign, c->id.sign.public, 32) == 0 &&
	       memcmp(k->ident, c->id.ident.public, 32) == 0;
}

/* Rising by number. Return: false if the list is full. */
static bool
list_put(struct chq_device_list *list, const struct chq_device_keys *k)
{
	unsigned at = 0;

	while (at < list->count && list->device[at].device < k->device)
		at++;
	if (at == list->count || list->device[at].device != k->device) {
		if (list->count == CHQ_DEVICES_MAX)
			return false;
		memmove(&list->device[at + 1], &list->device[at],
			(list->count - at) * sizeof(list->device[0]));
		list->count++;
	}
	list->device[at] = *k;
	return true;
}

static void
list_drop(struct chq_device_list *list, unsigned at)
{
	list->count--;
	memmove(&list->device[at], &list->device[at + 1],
		(list->count - at) * sizeof(list->device[0]));
}

/* A list above every one that was seen or made. */
static void
list_next(const struct chq_client *c, struct chq_device_list *list)
{
	const struct chq_pin *pin = chq_pins_get(&c->pins, c->id.account);

	*list = c->own.list;
	list->account = c->id.account;
	if (pin && list->version < pin->version)
		list->version = pin->version;
	list->version++;
	if (list->version < c->id.list_version)
		list->version = c->id.list_version;
}

/* The list with this device, under its present number alone. */
static void
list_with_us(const struct chq_client *c, struct chq_device_list *list)
{
	struct chq_device_keys us = { .device = c->id.device };

	list_next(c, list);
	memcpy(us.sign, c->id.sign.public, 32);
	memcpy(us.ident, c->id.ident.public, 32);
	for (unsigned i = list->count; i-- > 0;)
		if (same_keys(c, &list->device[i]))
			list_drop(list, i);
	(void)list_put(list, &us);
}

int
chq_own_list_make(struct chq_client *c, uint8_t *out, size_t size)
{
	if (c->own.state != CHQ_OWN_UNLISTED || c->own.changing)
		return 0;
	list_with_us(c, &c->own.next);
	return chq_device_list_build(&c->own.next, &c->id.account_key, out, size);
}

/* A list of ours is published. */
static void
list_taken(struct chq_client *c)
{
	c->own.list = c->own.next;
	c->own.state = CHQ_OWN_KNOWN;
	c->id.list_version = c->own.list.version;
	if (chq_identity_save(&c->id, &c->home) < 0 ||
	    chq_pins_set(&c->pins, c->id.account, c->id.account_key.public, c->own.list.version) <
		    0)
		c->no_memory = true;
	chq_own_refresh(c); /* prekeys of the others */
}

void
chq_own_list_published(struct chq_client *c)
{
	list_taken(c);
}

bool
chq_own_list_refused(struct chq_client *c)
{
	if (c->own.tries++ >= 3)
		return false;
	c->own.state = CHQ_OWN_UNKNOWN;
	chq_own_refresh(c);
	return true;
}

/* --- what the server says is published --- */

void
chq_own_none(struct chq_client *c)
{
	if (c->own.state == CHQ_OWN_REFUSED)
		return;
	/* A device that was handed a key, or asks for one, does not make one of its own beside it. */
	if (c->own.state == CHQ_OWN_WAITING) {
		chq_count(c, CHQ_STAT_DROP_KEYS);
		return;
	}
	c->own.state = CHQ_OWN_UNLISTED;
	chq_publish_due(c);
}

void
chq_own_unknown(struct chq_client *c)
{
	if (c->own.state == CHQ_OWN_UNKNOWN)
		c->own.again_ms = c->now_ms + AGAIN_MS;
}

static void offer(struct chq_client *c);

/* Another account key than ours: this device is new, or the server lies; the code tells which. */
static int
other_key(struct chq_client *c, const uint8_t key[32], uint64_t version)
{
	const struct chq_pin *pin = chq_pins_get(&c->pins, c->id.account);

	if (pin && sodium_memcmp(pin->key, c->id.account_key.public, 32) == 0) {
		chq_count(c, CHQ_STAT_DROP_KEYS);
		if (c->own.state != CHQ_OWN_REFUSED)
			chq_own_refused(c, CHQ_EEXIST);
		return CHQ_EUNTRUSTED;
	}
	if (chq_pins_set(&c->pins, c->id.account, key, version) < 0)
		c->no_memory = true;
	if (c->own.state == CHQ_OWN_WAITING && memcmp(c->own.account_key, key, 32) == 0)
		return CHQ_EDENIED;
	memcpy(c->own.account_key, key, 32);
	c->own.state = CHQ_OWN_WAITING;
	offer(c);
	return CHQ_EDENIED;
}

/* Are our keys in it, be it under a number that was ours before? */
static bool
listed(const struct chq_client *c, const struct chq_device_list *list)
{
	for (int i = 0; i < list->count; i++)
		if (same_keys(c, &list->device[i]))
			return true;
	return false;
}

int
chq_own_keys(struct chq_client *c, const uint8_t key[32], const struct chq_device_list *list)
{
	const struct chq_pin *pin = chq_pins_get(&c->pins, c->id.account);
	bool known = c->own.state == CHQ_OWN_KNOWN;

	if (sodium_memcmp(key, c->id.account_key.public, 32) != 0)
		return other_key(c, key, list->version);
	if (pin && sodium_memcmp(pin->key, key, 32) == 0 && list->version < pin->version) {
		chq_count(c, CHQ_STAT_DROP_OLD_LIST);
		return CHQ_EUNTRUSTED;
	}
	if ((!pin || list->version != pin->version || memcmp(pin->key, key, 32) != 0) &&
	    chq_pins_set(&c->pins, c->id.account, key, list->version) < 0)
		c->no_memory = true;
	c->own.list = *list;
	if (!listed(c, list)) {
		/* Another device has revoked this one: it does not put itself back. */
		if (c->own.state != CHQ_OWN_REFUSED)
			chq_own_refused(c, CHQ_EDENIED);
		return CHQ_EDENIED;
	}
	c->own.state = same_keys(c, chq_device_list_find(list, c->id.device)) ? CHQ_OWN_KNOWN
									      : CHQ_OWN_UNLISTED;
	if (!known || c->own.state != CHQ_OWN_KNOWN)
		chq_publish_due(c);
	return CHQ_OK;
}

/* --- this device asks --- */

static void
sealed_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	Chasqui__DeviceSealed *m;

	(void)arg;
	if (err || r->code != CHASQUI__CODE__OK)
		return;
	m = (Chasqui__DeviceSealed *)chq_reply_body(c, r, &chasqui__device_sealed__descriptor);
	if (!m)
		return;
	chq_own_sealed(c, m->sealed.data, m->sealed.len);
	chasqui__device_sealed__free_unpacked(m, NULL);
}

static void
offer_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	(void)arg;
	if (c->own.state != CHQ_OWN_WAITING)
		return;
	c->own.again_ms = c->now_ms + AGAIN_MS;
	if (err)
		return;
	if (r->code != CHASQUI__CODE__OK) {
		chq_own_refused(c, CHQ_EDENIED);
		return;
	}
	c->own.offered_us = true;
	tell(c, CHQ_EV_APPROVAL_NEEDED, c->id.device, CHQ_OK);
	(void)chq_request_send(c, CHASQUI__METHOD__METHOD_DEVICE_SEALED, NULL, TIMEOUT_MS,
			       sealed_reply, 0);
}

static void
offer(struct chq_client *c)
{
	Chasqui__DeviceOffer m = CHASQUI__DEVICE_OFFER__INIT;

	c->own.offered_us = false;
	c->own.again_ms = c->now_ms + AGAIN_MS;
	m.signing_key = (ProtobufCBinaryData){ 32, c->id.sign.public };
	m.identity_key = (ProtobufCBinaryData){ 32, c->id.ident.public };
	(void)chq_request_send(c, CHASQUI__METHOD__METHOD_DEVICE_OFFER, &m.base, TIMEOUT_MS,
			       offer_reply, 0);
}

static struct chq_device_offer
our_offer(const struct chq_client *c)
{
	struct chq_device_offer o = { .account = c->id.account, .device = c->id.device };

	memcpy(o.account_key, c->own.account_key, 32);
	memcpy(o.sign, c->id.sign.public, 32);
	memcpy(o.ident, c->id.ident.public, 32);
	return o;
}

void
chq_own_sealed(struct chq_client *c, const uint8_t *sealed, size_t len)
{
	struct chq_device_offer o = our_offer(c);
	struct chq_signkey before = c->id.account_key, key;

	if (c->own.state != CHQ_OWN_WAITING)
		return;
	if (chq_account_open(&o, &c->id.ident, sealed, len, &key) < 0) {
		chq_count(c, CHQ_STAT_DROP_KEYS);
		return;
	}
	c->id.account_key = key;
	sodium_memzero(&key, sizeof(key));
	/* What is not on disk is asked for again. */
	if (chq_identity_save(&c->id, &c->home) < 0) {
		c->id.account_key = before;
	} else {
		c->own.state = CHQ_OWN_UNKNOWN;
		c->own.tries = 0;
		chq_own_refresh(c);
		tell(c, CHQ_EV_APPROVED, c->id.device, CHQ_OK);
	}
	sodium_memzero(&before, sizeof(before));
}

/* --- this device is asked --- */

static struct chq_offered *
offered_at(struct chq_client *c, uint8_t number)
{
	for (unsigned i = 0; i < c->own.n_offered; i++)
		if (c->own.offered[i].number == number)
			return &c->own.offered[i];
	return NULL;
}

void
chq_own_offered(struct chq_client *c, uint32_t number, const char *name,
		const ProtobufCBinaryData *sign, const ProtobufCBinaryData *ident)
{
	struct chq_event ev = { .type = CHQ_EV_DEVICE_OFFERED, .device = (uint8_t)number };
	struct chq_offered *o = offered_at(c, (uint8_t)number);

	if (number == 0 || number > UINT8_MAX || number == c->id.device || sign->len != 32 ||
	    ident->len != 32)
		return;
	if (o && memcmp(o->sign, sign->data, 32) == 0 && memcmp(o->ident, ident->data, 32) == 0)
		return; /* told already */
	if (!o && c->own.n_offered == CHQ_DEVICES_MAX)
		return;
	if (!o)
		o = &c->own.offered[c->own.n_offered++];
	o->number = (uint8_t)number;
	memcpy(o->sign, sign->data, 32);
	memcpy(o->ident, ident->data, 32);
	ev.account = c->id.account;
	if (!chq_events_add(&c->events, &ev, name, strnlen(name, CHQ_NAME_MAX)))
		c->no_memory = true;
}

/* What the code of a device is made of. Return: 0; CHQ_ENOENT. */
static int
offer_of(struct chq_client *c, uint8_t device, struct chq_device_offer *out)
{
	const struct chq_offered *o = offered_at(c, device);

	if (device == c->id.device && c->own.state == CHQ_OWN_WAITING) {
		*out = our_offer(c);
		return CHQ_OK;
	}
	if (!o || c->own.state != CHQ_OWN_KNOWN)
		return CHQ_ENOENT;
	*out = (struct chq_device_offer){ .account = c->id.account, .device = device };
	memcpy(out->account_key, c->id.account_key.public, 32);
	memcpy(out->sign, o->sign, 32);
	memcpy(out->ident, o->ident, 32);
	return CHQ_OK;
}

int
chq_client_device_code(struct chq_client *c, uint8_t device, char out[CHQ_DEVICE_CODE_LEN + 1])
{
	struct chq_device_offer o;
	int err = offer_of(c, device, &o);

	if (!err)
		chq_device_code(&o, out);
	return err;
}

static int
error_of(int err, const Chasqui__Response *r)
{
	if (err)
		return err;
	switch (r->code) {
	case CHASQUI__CODE__OK: return CHQ_OK;
	case CHASQUI__CODE__E_NOUSER: return CHQ_ENOENT;
	case CHASQUI__CODE__E_REPLAY: return CHQ_ESTALE;
	case CHASQUI__CODE__E_DENIED: return CHQ_EDENIED;
	default: return CHQ_EUNAVAIL;
	}
}

/* The list that went with a request is the published one now, or not. */
static void
change_reply(struct chq_client *c, int err, const Chasqui__Response *r, enum chq_event_type type,
	     uint64_t device)
{
	err = error_of(err, r);
	if (!err && c->own.next_used)
		list_taken(c);
	if (err == CHQ_ESTALE)
		chq_own_refresh(c); /* another device was faster */
	c->own.changing = false;
	for (unsigned i = 0; !err && i < c->own.n_offered; i++)
		if (c->own.offered[i].number == device)
			c->own.offered[i--] = c->own.offered[--c->own.n_offered];
	tell(c, type, (uint8_t)device, err);
}

static void
approve_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t device)
{
	change_reply(c, err, r, CHQ_EV_DEVICE_APPROVED, device);
}

static void
revoke_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t device)
{
	change_reply(c, err, r, CHQ_EV_DEVICE_REVOKED, device);
}

static int
approve(struct chq_client *c, const struct chq_device_offer *o)
{
	Chasqui__DeviceApprove m = CHASQUI__DEVICE_APPROVE__INIT;
	uint8_t sealed[CHQ_ACCOUNT_SEALED_LEN], list[CHQ_DEVICE_LIST_MAX];
	struct chq_device_keys k = { .device = o->device };
	struct chq_keypair eph;
	int n, err;

	memcpy(k.sign, o->sign, 32);
	memcpy(k.ident, o->ident, 32);
	list_with_us(c, &c->own.next);
	if (!list_put(&c->own.next, &k))
		return CHQ_EFULL;
	chq_x25519_keypair(&eph);
	err = chq_account_seal(o, &c->id.account_key, &eph, sealed);
	sodium_memzero(&eph, sizeof(eph));
	n = err ? err : chq_device_list_build(&c->own.next, &c->id.account_key, list, sizeof(list));
	if (n < 0)
		return n;
	m.number = o->device;
	m.sealed = (ProtobufCBinaryData){ sizeof(sealed), sealed };
	m.device_list = (ProtobufCBinaryData){ (size_t)n, list };
	c->own.next_used = true;
	return chq_request_send(c, CHASQUI__METHOD__METHOD_DEVICE_APPROVE, &m.base, TIMEOUT_MS,
				approve_reply, o->device);
}

int
chq_client_approve_device(struct chq_client *c, uint8_t device, const char *code)
{
	char now[CHQ_DEVICE_CODE_LEN + 1];
	struct chq_device_offer o;
	int err;

	chq_client_now(c);
	if (c->own.changing)
		return CHQ_EBUSY;
	err = device == c->id.device ? CHQ_EINVAL : offer_of(c, device, &o);
	if (err)
		return err;
	chq_device_code(&o, now);
	if (strcmp(code, now) != 0)
		return CHQ_EDENIED;
	err = approve(c, &o);
	c->own.changing = !err;
	return err;
}

int
chq_client_revoke_device(struct chq_client *c, uint8_t device)
{
	Chasqui__DeviceRevoke m = CHASQUI__DEVICE_REVOKE__INIT;
	uint8_t list[CHQ_DEVICE_LIST_MAX];
	int n = 0, err;

	chq_client_now(c);
	if (c->own.changing)
		return CHQ_EBUSY;
	list_next(c, &c->own.next);
	c->own.next_used = false;
	for (unsigned i = c->own.next.count; i-- > 0;) {
		if (c->own.next.device[i].device != device)
			continue;
		list_drop(&c->own.next, i);
		c->own.next_used = c->own.state == CHQ_OWN_KNOWN && c->own.next.count > 0;
	}
	if (c->own.next_used)
		n = chq_device_list_build(&c->own.next, &c->id.account_key, list, sizeof(list));
	if (n < 0)
		return n;
	m.number = device;
	m.device_list = (ProtobufCBinaryData){ (size_t)n, list };
	err = chq_request_send(c, CHASQUI__METHOD__METHOD_DEVICE_REVOKE, &m.base, TIMEOUT_MS,
			       revoke_reply, device);
	c->own.changing = !err;
	return err;
}

enum chq_device_state
chq_client_device_state(const struct chq_client *c)
{
	switch (c->own.state) {
	case CHQ_OWN_KNOWN: return CHQ_DEVICE_APPROVED;
	case CHQ_OWN_WAITING: return CHQ_DEVICE_WAITING;
	case CHQ_OWN_REFUSED: return CHQ_DEVICE_REFUSED;
	default: return CHQ_DEVICE_UNKNOWN;
	}
}

uint64_t
chq_own_run(struct chq_client *c)
{
	if (!chq_online(c) || (c->own.state != CHQ_OWN_UNKNOWN &&
			       !(c->own.state == CHQ_OWN_WAITING && !c->own.offered_us)))
		return CHQ_NEVER;
	if (c->now_ms < c->own.again_ms)
		return c->own.again_ms;
	if (c->own.state == CHQ_OWN_WAITING)
		offer(c);
	else
		chq_own_refresh(c);
	return c->own.again_ms;
}
