/* The own account's devices, as the server has them. */

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "client/client.h"

#define TIMEOUT_MS 15000

static int
take(struct chq_client *c, const Chasqui__DevicesReply *m)
{
	struct chq_device_info *list = calloc(m->n_device + 1, sizeof(*list));

	if (!list)
		return CHQ_ENOMEM;
	for (size_t i = 0; i < m->n_device; i++) {
		const Chasqui__Device *d = m->device[i];

		list[i].number = (uint8_t)d->number;
		list[i].kind = (uint8_t)d->kind;
		list[i].enrolled_ms = d->enrolled_ms;
		list[i].last_seen_ms = d->last_seen_ms;
		list[i].online = d->online;
		list[i].waiting = d->identity_key.len == 32;
		if (list[i].waiting)
			chq_own_offered(c, d->number, d->name, &d->signing_key, &d->identity_key);
		snprintf(list[i].name, sizeof(list[i].name), "%s", d->name);
	}
	free(c->devices);
	c->devices = list;
	c->device_count = m->n_device;
	return CHQ_OK;
}

static void
devices_reply(struct chq_client *c, int err, const Chasqui__Response *r, uint64_t arg)
{
	struct chq_event ev = { .type = CHQ_EV_DEVICES };
	Chasqui__DevicesReply *m;

	(void)arg;
	if (!err && r->code != CHASQUI__CODE__OK)
		err = CHQ_EUNAVAIL;
	if (!err) {
		m = (Chasqui__DevicesReply *)chq_reply_body(c, r,
							    &chasqui__devices_reply__descriptor);
		err = m ? take(c, m) : CHQ_EMALFORMED;
		if (m)
			chasqui__devices_reply__free_unpacked(m, NULL);
	}
	ev.err = err;
	chq_client_event(c, &ev);
}

int
chq_client_fetch_devices(struct chq_client *c)
{
	chq_client_now(c);
	return chq_request_send(c, CHASQUI__METHOD__METHOD_DEVICES, NULL, TIMEOUT_MS, devices_reply,
				0);
}

size_t
chq_client_devices(const struct chq_client *c, const struct chq_device_info **out)
{
	*out = c->devices;
	return c->device_count;
}
