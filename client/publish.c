/* The own device list and today's prekey go to the server, so that others can write to us. */

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define TIMEOUT_MS    60000
#define AGAIN_MS      30000
#define LOOK_EVERY_MS 600000 /* is a new prekey due? */

void
chq_publish_due(struct chq_client *c)
{
	c->publish.prekey_done = false;
	c->publish.next_ms = c->now_ms;
	chq_client_wake(c);
}

static void
published(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t prekey_id)
{
	bool listed = c->publish.with_list;

	c->publish.under_way = false;
	c->publish.next_ms = c->now_ms + AGAIN_MS;
	if (err)
		return;
	if (r->code == CHASQUI__CODE__OK) {
		if (listed)
			chq_own_list_published(c);
		c->publish.prekey_done = prekey_id == c->id.prekey[0].id;
		c->publish.next_ms = c->now_ms + (c->publish.prekey_done ? LOOK_EVERY_MS : 0);
		return;
	}
	c->publish.next_ms = c->now_ms + LOOK_EVERY_MS;
	/* Another device may have been faster: what is published now tells. */
	if (!listed || !chq_own_list_refused(c))
		chq_own_refused(c, r->code == CHASQUI__CODE__E_EXISTS ? CHQ_EEXIST : CHQ_EDENIED);
}

static void
make_prekey(const struct chq_client *c, uint8_t out[CHQ_PREKEY_LEN])
{
	struct chq_prekey pk = { .account = c->id.account, .device = c->id.device };

	pk.id = c->id.prekey[0].id;
	memcpy(pk.spk, c->id.prekey[0].pair.public, 32);
	pk.expiry_ms = c->id.prekey[0].made_ms + CHQ_PREKEY_GOOD_MS;
	chq_prekey_build(&pk, &c->id.sign, out);
}

static void
publish(struct chq_client *c)
{
	Chasqui__KeysPublish m = CHASQUI__KEYS_PUBLISH__INIT;
	uint8_t list[CHQ_DEVICE_LIST_MAX], prekey[CHQ_PREKEY_LEN];
	int n = chq_own_list_make(c, list, sizeof(list));

	if (n < 0)
		return;
	make_prekey(c, prekey);
	c->publish.with_list = n > 0;
	if (n > 0) {
		m.device_list = (ProtobufCBinaryData){ (size_t)n, list };
		m.account_key = (ProtobufCBinaryData){ 32, c->id.account_key.public };
	}
	m.prekey.data = prekey;
	m.prekey.len = sizeof(prekey);
	if (chq_request_send(c, CHASQUI__METHOD__METHOD_KEYS_PUBLISH, &m.base, TIMEOUT_MS,
			     published, c->id.prekey[0].id) == CHQ_OK)
		c->publish.under_way = true;
}

uint64_t
chq_publish_run(struct chq_client *c)
{
	if (!chq_online(c) || c->publish.under_way ||
	    (c->own.state != CHQ_OWN_KNOWN && c->own.state != CHQ_OWN_UNLISTED))
		return CHQ_NEVER;
	if (c->now_ms < c->publish.next_ms)
		return c->publish.next_ms;
	/* A secret that is not on disk must not be published: a restart could not open what uses it. */
	if (chq_identity_prekey_waits(&c->id, c->wall_ms))
		chq_mail_ask(c);
	if (chq_identity_prekey_turn(&c->id, c->wall_ms, c->mail.empty_ms)) {
		c->publish.prekey_done = false;
		chq_e2e_forget(c);
		if (chq_identity_save(&c->id, &c->home) < 0) {
			c->publish.next_ms = c->now_ms + AGAIN_MS;
			return c->publish.next_ms;
		}
	}
	c->publish.next_ms = c->now_ms + LOOK_EVERY_MS;
	if (c->own.state == CHQ_OWN_UNLISTED || !c->publish.prekey_done)
		publish(c);
	return c->publish.under_way ? CHQ_NEVER : c->publish.next_ms;
}
