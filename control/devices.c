#include "control/devices.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/life.h"
#include "control/mail.h"
#include "control/mutation.h"
#include "control/push.h"
#include "proto/e2e_account.h"
#include "proto/e2e_fmt.h"
#include "store/device.h"
#include "store/e2e.h"
#include "store/offer.h"
#include "store/reader.h"

enum {
	DEVICES_PAGE = 16,
	REPLY_BYTES = CHQ_HOP_BODY_MAX - 40, /* what a response and its header leave to the body */
};

static bool
devices_online(const struct control *ctl, uint64_t account, uint8_t number)
{
	const struct online *o = online_find(&ctl->sessions, account);
	struct session *s;

	if (!o)
		return false;
	ONLINE_FOREACH(s, o)
		if (s->device == number && s->state == SESSION_OPEN)
			return true;
	return false;
}

/* --- list --- */

struct devices {
	struct store_device device[DEVICES_PAGE];
	struct store_offer offer[DEVICES_PAGE]; /* that wait, all zeros where none does */
	size_t n;
};

static int
devices_offers(struct store_txn *txn, uint64_t account, struct devices *d)
{
	for (size_t i = 0; i < d->n; i++) {
		int rc = store_offer_get(txn, account, d->device[i].number, &d->offer[i]);

		if (rc && rc != CHQ_ENOENT)
			return rc;
		if (rc || d->offer[i].sealed_len)
			d->offer[i] = (struct store_offer){ .offered_ms = 0 };
	}
	return CHQ_OK;
}

static int
devices_page(struct store_txn *txn, uint64_t account, struct devices *d)
{
	uint8_t after = 0;
	size_t got;

	d->n = 0;
	do {
		int rc = store_device_list(txn, account, after, d->device + d->n,
					   DEVICES_PAGE - d->n, &got);

		if (rc)
			return rc;
		if (got == 0)
			break;
		after = d->device[d->n + got - 1].number;
		for (size_t i = d->n, end = d->n + got; i < end; i++)
			if (!d->device[i].revoked)
				d->device[d->n++] = d->device[i];
	} while (d->n < DEVICES_PAGE);
	return devices_offers(txn, account, d);
}

static int
devices_read(struct control *ctl, uint64_t account, struct devices *d)
{
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (rc)
		return rc;
	rc = devices_page(txn, account, d);
	store_read_end(ctl->reader);
	return rc;
}

static void
device_fill(struct control *ctl, Chasqui__Device *out, struct store_device *d,
	    struct store_offer *o)
{
	chasqui__device__init(out);
	out->number = d->number;
	out->kind = d->kind;
	out->name = d->name;
	out->enrolled_ms = d->enrolled_ms;
	out->last_seen_ms = d->last_seen_ms;
	out->online = devices_online(ctl, d->account, d->number);
	if (o->offered_ms) {
		out->signing_key = (ProtobufCBinaryData){ STORE_KEY_BYTES, o->signing_key };
		out->identity_key = (ProtobufCBinaryData){ STORE_KEY_BYTES, o->identity_key };
	}
}

void
devices_list(struct control *ctl, struct session *s, const struct request *r)
{
	Chasqui__DevicesReply reply = CHASQUI__DEVICES_REPLY__INIT;
	Chasqui__Device device[DEVICES_PAGE], *devices[DEVICES_PAGE];
	struct devices d;
	int rc = devices_read(ctl, s->account, &d);

	if (rc) {
		request_fail(ctl, s, r->id, rc);
		return;
	}
	reply.device = devices;
	for (size_t i = 0; i < d.n; i++) {
		device_fill(ctl, &device[i], &d.device[i], &d.offer[i]);
		devices[reply.n_device++] = &device[i];
		if (chasqui__devices_reply__get_packed_size(&reply) > REPLY_BYTES) {
			reply.n_device--;
			break;
		}
	}
	request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &reply.base);
}

/* --- pushes --- */

static void
push_offered(struct control *ctl, struct session *s, const struct store_device *d,
	     const struct store_offer *o)
{
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__DeviceOffered offered = CHASQUI__DEVICE_OFFERED__INIT;

	/* The generated structures are not const; packing only reads them. */
	offered.number = d->number;
	offered.name = (char *)(uintptr_t)d->name;
	offered.signing_key = (ProtobufCBinaryData){ STORE_KEY_BYTES,
						     (uint8_t *)(uintptr_t)o->signing_key };
	offered.identity_key = (ProtobufCBinaryData){ STORE_KEY_BYTES,
						      (uint8_t *)(uintptr_t)o->identity_key };
	body.body_case = CHASQUI__PUSH__BODY_DEVICE_OFFERED;
	body.device_offered = &offered;
	push_message(ctl, s, &body, d->number);
}

static void
push_sealed(struct control *ctl, struct session *s, struct store_offer *o)
{
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__DeviceSealed sealed = CHASQUI__DEVICE_SEALED__INIT;

	sealed.sealed = (ProtobufCBinaryData){ o->sealed_len, o->sealed };
	body.body_case = CHASQUI__PUSH__BODY_DEVICE_SEALED;
	body.device_sealed = &sealed;
	push_message(ctl, s, &body, 0);
}

void
devices_changed(struct control *ctl, uint64_t account, uint8_t by, uint64_t version)
{
	const struct online *o = online_find(&ctl->sessions, account);
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__DevicesChanged changed = CHASQUI__DEVICES_CHANGED__INIT;
	struct session *s;

	if (!o)
		return;
	changed.version = version;
	body.body_case = CHASQUI__PUSH__BODY_DEVICES_CHANGED;
	body.devices_changed = &changed;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN && s->device != by)
			push_message(ctl, s, &body, 0);
}

/* Tell @to, or all sessions of the account, of those devices that wait; but none of itself. */
static void
devices_tell(struct control *ctl, uint64_t account, uint8_t device, struct session *to)
{
	const struct online *o = online_find(&ctl->sessions, account);
	struct devices d;
	struct session *s;

	if (!o || devices_read(ctl, account, &d) != 0)
		return;
	for (size_t i = 0; i < d.n; i++) {
		if (!d.offer[i].offered_ms || (device && d.device[i].number != device))
			continue;
		ONLINE_FOREACH(s, o)
			if (s->state == SESSION_OPEN && s->device != d.device[i].number &&
			    (!to || s == to))
				push_offered(ctl, s, &d.device[i], &d.offer[i]);
	}
}

void
devices_opened(struct control *ctl, struct session *s)
{
	devices_tell(ctl, s->account, 0, s);
}

/* --- offer --- */

static int
devices_offer_effect(struct store_txn *txn, struct mutation *m)
{
	const Chasqui__DeviceOffer *body = (const Chasqui__DeviceOffer *)m->body;
	struct store_offer o = { .offered_ms = m->now_ms }, before;
	struct store_device d;
	struct store_e2e e;
	int rc;

	if (body->signing_key.len != STORE_KEY_BYTES || body->identity_key.len != STORE_KEY_BYTES)
		return CHQ_EMALFORMED;
	rc = store_device_get(txn, m->account, m->device, &d);
	if (!rc && !d.revoked)
		rc = store_e2e_get(txn, m->account, &e);
	else if (!rc || rc == CHQ_ENOENT)
		return CHQ_EDENIED; /* nobody could hand it a key for good */
	if (rc)
		return rc;
	memcpy(o.signing_key, body->signing_key.data, STORE_KEY_BYTES);
	memcpy(o.identity_key, body->identity_key.data, STORE_KEY_BYTES);
	m->result.device = m->device;
	/* What was sealed for these keys already stays. */
	if (store_offer_get(txn, m->account, m->device, &before) == CHQ_OK &&
	    memcmp(o.signing_key, before.signing_key, STORE_KEY_BYTES) == 0 &&
	    memcmp(o.identity_key, before.identity_key, STORE_KEY_BYTES) == 0)
		return CHQ_OK;
	return store_offer_set(txn, m->account, m->device, &o);
}

static void
devices_offer_after(struct control *ctl, const struct mutation *m)
{
	devices_tell(ctl, m->account, m->result.device, NULL);
}

void
devices_offer(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { devices_offer_effect, devices_offer_after };

	mutation_begin(ctl, s, r, &kind);
}

/* --- approve --- */

/*
 * A list that follows the published one of the account, by its key.
 * Return: 0; CHQ_EMALFORMED; CHQ_ECRYPTO; CHQ_EDENIED; codes of store_e2e_set().
 */
static int
devices_set_list(struct store_txn *txn, const struct mutation *m, const ProtobufCBinaryData *bytes,
		 struct chq_device_list *list)
{
	struct store_e2e e;
	int rc = store_e2e_get(txn, m->account, &e);

	if (rc)
		return rc == CHQ_ENOENT ? CHQ_EDENIED : rc;
	if (bytes->len > sizeof(e.list))
		return CHQ_EMALFORMED;
	rc = chq_device_list_parse(bytes->data, bytes->len, e.account_key, list);
	if (rc)
		return rc;
	if (list->account != m->account)
		return CHQ_EDENIED;
	e.list_version = list->version;
	e.list_len = (uint16_t)bytes->len;
	memcpy(e.list, bytes->data, bytes->len);
	return store_e2e_set(txn, m->account, &e);
}

static bool
devices_listed(const struct chq_device_list *list, uint8_t number, const struct store_offer *o)
{
	const struct chq_device_keys *k = chq_device_list_find(list, number);

	return k && memcmp(k->sign, o->signing_key, sizeof(k->sign)) == 0 &&
	       memcmp(k->ident, o->identity_key, sizeof(k->ident)) == 0;
}

static int
devices_approve_effect(struct store_txn *txn, struct mutation *m)
{
	const Chasqui__DeviceApprove *body = (const Chasqui__DeviceApprove *)m->body;
	uint8_t number = (uint8_t)body->number;
	struct chq_device_list list;
	struct store_device d;
	struct store_offer o;
	int rc;

	if (body->number == 0 || body->number > STORE_DEVICES_MAX ||
	    body->sealed.len != CHQ_ACCOUNT_SEALED_LEN)
		return CHQ_EMALFORMED;
	rc = store_device_get(txn, m->account, number, &d);
	if (!rc && d.revoked)
		rc = CHQ_ENOENT;
	if (!rc)
		rc = store_offer_get(txn, m->account, number, &o);
	if (!rc)
		rc = devices_set_list(txn, m, &body->device_list, &list);
	if (rc)
		return rc;
	/* A list of which the asking device is no part was not made by one that may make lists. */
	if (!devices_listed(&list, number, &o) || !chq_device_list_find(&list, m->device))
		return CHQ_EDENIED;
	memcpy(o.sealed, body->sealed.data, body->sealed.len);
	o.sealed_len = (uint16_t)body->sealed.len;
	m->result.device = number;
	m->result.version = list.version;
	return store_offer_set(txn, m->account, number, &o);
}

static int
offer_read(struct control *ctl, uint64_t account, uint8_t device, struct store_offer *o)
{
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (rc)
		return rc;
	rc = store_offer_get(txn, account, device, o);
	store_read_end(ctl->reader);
	return !rc && o->sealed_len == 0 ? CHQ_ENOENT : rc;
}

static void
devices_approve_after(struct control *ctl, const struct mutation *m)
{
	const struct online *o = online_find(&ctl->sessions, m->account);
	struct store_offer offer;
	struct session *s;

	CHQ_LOG_INFO("device-approved", "account=%llu device=%u by=%u",
		     (unsigned long long)m->account, m->result.device, m->device);
	devices_changed(ctl, m->account, m->device, m->result.version);
	if (!o || offer_read(ctl, m->account, m->result.device, &offer) != 0)
		return;
	ONLINE_FOREACH(s, o)
		if (s->state == SESSION_OPEN && s->device == m->result.device)
			push_sealed(ctl, s, &offer);
}

void
devices_approve(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { devices_approve_effect, devices_approve_after };

	mutation_begin(ctl, s, r, &kind);
}

void
devices_sealed(struct control *ctl, struct session *s, const struct request *r)
{
	Chasqui__DeviceSealed reply = CHASQUI__DEVICE_SEALED__INIT;
	struct store_offer o;
	int rc = offer_read(ctl, s->account, s->device, &o);

	if (rc) {
		request_fail(ctl, s, r->id, rc);
		return;
	}
	reply.sealed = (ProtobufCBinaryData){ o.sealed_len, o.sealed };
	request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &reply.base);
}

/* --- revoke --- */

static int
devices_revoke_effect(struct store_txn *txn, struct mutation *m)
{
	const Chasqui__DeviceRevoke *body = (const Chasqui__DeviceRevoke *)m->body;
	struct chq_device_list list;
	int rc = CHQ_OK;

	if (body->number == 0 || body->number > STORE_DEVICES_MAX)
		return CHQ_EMALFORMED;
	m->result.device = (uint8_t)body->number;
	if (body->device_list.len) {
		rc = devices_set_list(txn, m, &body->device_list, &list);
		if (!rc && chq_device_list_find(&list, m->result.device))
			rc = CHQ_EDENIED;
		if (!rc)
			m->result.version = list.version;
	}
	if (!rc)
		rc = store_offer_forget(txn, m->account, m->result.device);
	return rc ? rc : store_device_revoke(txn, m->account, m->result.device);
}

/* Its sessions end now, the asking one too if it was its own device. */
static void
devices_revoke_after(struct control *ctl, const struct mutation *m)
{
	CHQ_LOG_INFO("device-revoked", "account=%llu device=%u by=%u",
		     (unsigned long long)m->account, m->result.device, m->device);
	life_close_account(ctl, m->account, m->result.device, NULL, NULL);
	if (m->result.version)
		devices_changed(ctl, m->account, m->device, m->result.version);
	mail_device_gone(ctl, m->account, m->result.device);
}

void
devices_revoke(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { devices_revoke_effect, devices_revoke_after };

	mutation_begin(ctl, s, r, &kind);
}
