#include "control/published.h"

#include <string.h>

#include "base/err.h"
#include "control/contacts.h"
#include "control/control.h"
#include "control/mutation.h"
#include "proto/e2e_fmt.h"
#include "store/device.h"
#include "store/e2e.h"
#include "store/reader.h"

enum {
	PREKEYS_PAGE = CHQ_DEVICES_MAX,
	REPLY_BYTES = CHQ_HOP_BODY_MAX - 40, /* what a response and its header leave to the body */
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
published_set_list(struct store_txn *txn, const Chasqui__KeysPublish *body, uint64_t account)
{
	struct store_e2e e, old;
	int rc = published_list(body, account, &e);

	if (rc)
		return rc;
	if (store_e2e_get(txn, account, &old) == CHQ_OK && published_same(&e, &old))
		return CHQ_OK;
	return store_e2e_set(txn, account, &e);
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
	return rc == CHQ_ENOENT ? CHQ_EDENIED : rc; /* a device that is not enrolled */
}

static int
published_effect(struct store_txn *txn, struct mutation *m)
{
	const Chasqui__KeysPublish *body = (const Chasqui__KeysPublish *)m->body;
	int rc = CHQ_OK;

	if (body->device_list.len == 0 && body->prekey.len == 0)
		return CHQ_EMALFORMED;
	if (body->device_list.len)
		rc = published_set_list(txn, body, m->account);
	if (!rc && body->prekey.len)
		rc = published_set_prekey(txn, body, m);
	return rc;
}

void
published_set(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { published_effect, NULL };

	mutation_begin(ctl, s, r, &kind);
}

/* What a reply is made of; the reply points into it. */
struct published {
	struct store_e2e e2e;
	struct store_device device[PREKEYS_PAGE];
	size_t devices;
};

static int
published_read(struct store_txn *txn, uint64_t by, uint64_t account, struct published *p)
{
	int rc = account == by ? CHQ_OK : contacts_visible(txn, by, account);

	if (rc)
		return rc;
	rc = store_e2e_get(txn, account, &p->e2e);
	if (rc)
		return rc;
	return store_device_list(txn, account, 0, p->device, PREKEYS_PAGE, &p->devices);
}

static void
published_answer(struct control *ctl, struct session *s, uint64_t id, uint64_t account,
		 struct published *p)
{
	Chasqui__KeysReply reply = CHASQUI__KEYS_REPLY__INIT;
	Chasqui__DevicePrekey prekey[PREKEYS_PAGE], *prekeys[PREKEYS_PAGE];

	reply.account = account;
	reply.account_key = (ProtobufCBinaryData){ STORE_KEY_BYTES, p->e2e.account_key };
	reply.device_list = (ProtobufCBinaryData){ p->e2e.list_len, p->e2e.list };
	reply.prekey = prekeys;
	for (size_t i = 0; i < p->devices; i++) {
		struct store_device *d = &p->device[i];

		if (d->revoked || d->prekey_len == 0)
			continue;
		chasqui__device_prekey__init(&prekey[i]);
		prekey[i].device = d->number;
		prekey[i].prekey = (ProtobufCBinaryData){ d->prekey_len, d->prekey };
		prekeys[reply.n_prekey++] = &prekey[i];
		if (chasqui__keys_reply__get_packed_size(&reply) > REPLY_BYTES) {
			reply.n_prekey--;
			break;
		}
	}
	request_answer(ctl, s, id, CHASQUI__CODE__OK, 0, &reply.base);
}

void
published_get(struct control *ctl, struct session *s, const struct request *r)
{
	uint64_t account = ((const Chasqui__KeysRequest *)r->body)->account;
	struct published p;
	struct store_txn *txn;
	int rc = store_read_begin(ctl->reader, &txn);

	if (!rc) {
		rc = published_read(txn, s->account, account, &p);
		store_read_end(ctl->reader);
	}
	if (rc)
		request_fail(ctl, s, r->id, rc);
	else
		published_answer(ctl, s, r->id, account, &p);
}
