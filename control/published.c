#include "control/published.h"

#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/devices.h"
#include "control/mutation.h"
#include "control/rights.h"
#include "proto/e2e_fmt.h"
#include "store/device.h"
#include "store/e2e.h"
#include "store/offer.h"
#include "store/reader.h"

enum {
	PREKEYS_PAGE = CHQ_DEVICES_MAX,
	REPLY_BYTES = CHQ_HOP_BODY_MAX - 40, /* what a response and its header leave to the body */
	/* In next_after beside a device's number, which is 0 if the list left no room for any. */
	NEXT_PAGE = 256,
};

/* The signed list as the store keeps it. Return: 0; CHQ_EMALFORMED; CHQ_ECRYPTO; CHQ_EDENIED. */
static int
published_list(const Chasqui__KeysPublish *m, uint64_t account, struct store_e2e *e)
{
	struct chq_device_list list;
	int rc;

	if (m->account_key.len != STORE_KEY_BYTES || m->device_list.len > sizeof(e->list))
		return CHQ_EMALFORMED;
	rc = chq_device_list_parse(m->device_list.data, m->device_list.len, m->account_key.data,
				   &list);
	if (rc)
		return rc;
	if (list.account != account)
		return CHQ_EDENIED;
	memcpy(e->account_key, m->account_key.data, sizeof(e->account_key));
	e->list_version = list.version;
	e->list_len = (uint16_t)m->device_list.len;
	memcpy(e->list, m->device_list.data, m->device_list.len);
	return CHQ_OK;
}

/* Is it the very list that is published already? */
static bool
published_same(const struct store_e2e *a, const struct store_e2e *b)
{
	return a->list_len == b->list_len && memcmp(a->list, b->list, a->list_len) == 0 &&
	       memcmp(a->account_key, b->account_key, sizeof(a->account_key)) == 0;
}

static int
published_set_list(struct store_txn *txn, const Chasqui__KeysPublish *body, struct mutation *m)
{
	struct store_e2e e, old;
	int rc = published_list(body, m->account, &e);

	if (rc)
		return rc;
	if (store_e2e_get(txn, m->account, &old) == CHQ_OK && published_same(&e, &old))
		return CHQ_OK;
	m->result.version = e.list_version;
	return store_e2e_set(txn, m->account, &e);
}

/* A prekey of the asking device, signed by its key in the list that is published. */
static int
published_set_prekey(struct store_txn *txn, const Chasqui__KeysPublish *body,
		     const struct mutation *m)
{
	const struct chq_device_keys *keys;
	struct chq_device_list list;
	struct chq_prekey prekey;
	struct store_e2e e;
	int rc = store_e2e_get(txn, m->account, &e);

	if (rc)
		return rc == CHQ_ENOENT ? CHQ_EDENIED : rc;
	rc = chq_device_list_parse(e.list, e.list_len, e.account_key, &list);
	if (rc)
		return CHQ_ECORRUPT;
	keys = chq_device_list_find(&list, m->device);
	if (!keys)
		return CHQ_EDENIED;
	rc = chq_prekey_parse(body->prekey.data, body->prekey.len, keys->sign, &prekey);
	if (rc)
		return rc;
	if (prekey.account != m->account || prekey.device != m->device)
		return CHQ_EDENIED;
	rc = store_device_set_prekey(txn, m->account, m->device, body->prekey.data,
				     body->prekey.len);
	if (rc)
		return rc == CHQ_ENOENT ? CHQ_EDENIED : rc; /* a device that is not enrolled */
	/* It is in the list and has begun: what was left for it is not needed any more. */
	return store_offer_forget(txn, m->account, m->device);
}

static int
published_effect(struct store_txn *txn, struct mutation *m)
{
	const Chasqui__KeysPublish *body = (const Chasqui__KeysPublish *)m->body;
	int rc = CHQ_OK;

	if (body->device_list.len == 0 && body->prekey.len == 0)
		return CHQ_EMALFORMED;
	if (body->device_list.len)
		rc = published_set_list(txn, body, m);
	if (!rc && body->prekey.len)
		rc = published_set_prekey(txn, body, m);
	return rc;
}

static void
published_after(struct control *ctl, const struct mutation *m)
{
	if (m->result.version)
		devices_changed(ctl, m->account, m->device, m->result.version);
}

void
published_set(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { published_effect, published_after };

	mutation_begin(ctl, s, r, &kind);
}

/* What a reply is made of; the reply points into it. */
struct published {
	struct store_e2e e2e;
	struct store_device device[PREKEYS_PAGE]; /* that have a prekey, by rising number */
	size_t devices;
	uint8_t after; /* number behind which they begin */
	bool more;     /* there may be others behind them */
};

/* Devices behind @p->after that have a prekey, as many as a page can hold. Return: codes of reading. */
static int
published_devices(struct store_txn *txn, uint64_t account, struct published *p)
{
	uint8_t after = p->after;
	size_t got, end;
	int rc;

	do {
		rc = store_device_list(txn, account, after, p->device + p->devices,
				       PREKEYS_PAGE - p->devices, &got);
		if (rc || got == 0)
			return rc;
		end = p->devices + got;
		after = p->device[end - 1].number;
		for (size_t i = p->devices; i < end; i++)
			if (!p->device[i].revoked && p->device[i].prekey_len)
				p->device[p->devices++] = p->device[i];
	} while (p->devices < PREKEYS_PAGE);
	p->more = true;
	return CHQ_OK;
}

static int
published_read(const struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account,
	       struct published *p)
{
	int rc = account == by ? CHQ_OK : people_known(ctl, txn, by, account);

	if (!rc)
		rc = store_e2e_get(txn, account, &p->e2e);
	return rc ? rc : published_devices(txn, account, p);
}

static void
published_answer(struct control *ctl, struct session *s, const struct request *r,
		 struct published *p)
{
	const Chasqui__KeysRequest *m = (const Chasqui__KeysRequest *)r->body;
	Chasqui__KeysReply reply = CHASQUI__KEYS_REPLY__INIT;
	Chasqui__DevicePrekey prekey[PREKEYS_PAGE], *prekeys[PREKEYS_PAGE];
	size_t n = 0;

	reply.account = m->account;
	reply.prekey = prekeys;
	if (m->after_device == 0) {
		reply.account_key = (ProtobufCBinaryData){ STORE_KEY_BYTES, p->e2e.account_key };
		reply.device_list = (ProtobufCBinaryData){ p->e2e.list_len, p->e2e.list };
	}
	reply.next_after = NEXT_PAGE | p->after;
	for (; n < p->devices; n++) {
		struct store_device *d = &p->device[n];

		chasqui__device_prekey__init(&prekey[n]);
		prekey[n].device = d->number;
		prekey[n].prekey = (ProtobufCBinaryData){ d->prekey_len, d->prekey };
		prekeys[n] = &prekey[n];
		reply.n_prekey = n + 1;
		if (chasqui__keys_reply__get_packed_size(&reply) > REPLY_BYTES)
			break;
		reply.next_after = NEXT_PAGE | d->number;
	}
	reply.n_prekey = n;
	if (n == p->devices && !p->more)
		reply.next_after = 0;
	request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &reply.base);
}

void
published_get(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__KeysRequest *m = (const Chasqui__KeysRequest *)r->body;
	struct published p = { .after = (uint8_t)(m->after_device & (NEXT_PAGE - 1)) };
	struct store_txn *txn;
	int rc = m->after_device < 2 * NEXT_PAGE ? store_read_begin(ctl->reader, &txn)
						 : CHQ_EMALFORMED;

	if (!rc) {
		rc = published_read(ctl, txn, s->account, m->account, &p);
		store_read_end(ctl->reader);
	}
	if (rc)
		request_fail(ctl, s, r->id, rc);
	else
		published_answer(ctl, s, r, &p);
}
