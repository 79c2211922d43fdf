#include "control/devices.h"

#include "base/err.h"
#include "control/control.h"
#include "control/life.h"
#include "control/mutation.h"
#include "store/device.h"
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

static int
devices_page(struct control *ctl, uint64_t account, struct store_device page[DEVICES_PAGE],
	     size_t *n)
{
	struct store_txn *txn;
	uint8_t after = 0;
	size_t got, kept = 0;
	int rc = store_read_begin(ctl->reader, &txn);

	if (rc)
		return rc;
	do {
		rc = store_device_list(txn, account, after, page + kept, DEVICES_PAGE - kept, &got);
		if (rc || got == 0)
			break;
		after = page[kept + got - 1].number;
		for (size_t i = kept, end = kept + got; i < end; i++)
			if (!page[i].revoked)
				page[kept++] = page[i];
	} while (kept < DEVICES_PAGE);
	store_read_end(ctl->reader);
	*n = kept;
	return rc;
}

void
devices_list(struct control *ctl, struct session *s, const struct request *r)
{
	Chasqui__DevicesReply reply = CHASQUI__DEVICES_REPLY__INIT;
	Chasqui__Device device[DEVICES_PAGE], *devices[DEVICES_PAGE];
	struct store_device page[DEVICES_PAGE];
	size_t n = 0;
	int rc = devices_page(ctl, s->account, page, &n);

	if (rc) {
		request_fail(ctl, s, r->id, rc);
		return;
	}
	reply.device = devices;
	for (size_t i = 0; i < n; i++) {
		chasqui__device__init(&device[i]);
		device[i].number = page[i].number;
		device[i].kind = page[i].kind;
		device[i].name = page[i].name;
		device[i].enrolled_ms = page[i].enrolled_ms;
		device[i].last_seen_ms = page[i].last_seen_ms;
		device[i].online = devices_online(ctl, s->account, page[i].number);
		devices[reply.n_device++] = &device[i];
		if (chasqui__devices_reply__get_packed_size(&reply) > REPLY_BYTES) {
			reply.n_device--;
			break;
		}
	}
	request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &reply.base);
}

static int
devices_revoke_effect(struct store_txn *txn, struct mutation *m)
{
	const Chasqui__DeviceRevoke *body = (const Chasqui__DeviceRevoke *)m->body;

	if (body->number == 0 || body->number > STORE_DEVICES_MAX)
		return CHQ_EMALFORMED;
	m->result.device = (uint8_t)body->number;
	return store_device_revoke(txn, m->account, m->result.device);
}

/* Its sessions end now, the asking one too if it was its own device. */
static void
devices_revoke_after(struct control *ctl, const struct mutation *m)
{
	life_close_account(ctl, m->account, m->result.device, NULL, NULL);
}

void
devices_revoke(struct control *ctl, struct session *s, const struct request *r)
{
	static const struct mutation_kind kind = { devices_revoke_effect, devices_revoke_after };

	mutation_begin(ctl, s, r, &kind);
}
