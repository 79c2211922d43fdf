/* Receipts: told in one frame for all that came together, sealed like a message, never repeated by itself. */

#include <string.h>

#include "base/err.h"
#include "client/client.h"

#define KEYS_AGE_MS 10000

static bool
flush_dev(struct chq_client *c, struct chq_dev *d)
{
	struct chq_frame_hdr h = { .flags = CHQ_F_RECEIPT | CHQ_F_STORE, .party = d->party };
	uint8_t text[8 * CHQ_RECEIPT_IDS_MAX], payload[CHQ_E2E_PAYLOAD_MAX];
	struct chq_inner in = { .part = 1, .parts = 1, .text = text };
	int n;

	if (!chq_online(c))
		return false;
	h.grant = chq_grant_for(c, d->peer);
	if (chq_e2e_ready(c, d) < 0) {
		chq_peer_refresh(c, d->peer, KEYS_AGE_MS);
		return false;
	}
	if (!h.grant)
		return false;
	h.message = chq_msgid_take(c, 1);
	n = h.message ? chq_receipt_pack(d->receipt, (size_t)d->receipts, text) : CHQ_EIO;
	if (n < 0)
		return false;
	in.text_len = (uint16_t)n;
	n = chq_e2e_seal_inner(c, d, &h, &in, payload);
	if (n > 0)
		chq_session_send(c, &c->cur, &h, payload, (size_t)n);
	d->receipts = 0;
	return true;
}

/* What does not fit any more is asked for again by the sender's next copy. */
void
chq_receipt_add(struct chq_client *c, struct chq_dev *d, uint64_t id)
{
	chq_mail_safe(c, d->party, id);
	for (int i = 0; i < d->receipts; i++)
		if (d->receipt[i] == id)
			return;
	if (d->receipts == CHQ_RECEIPT_IDS_MAX && !flush_dev(c, d))
		return;
	d->receipt[d->receipts++] = id;
	c->receipts_due = true;
}

uint64_t
chq_receipt_flush(struct chq_client *c)
{
	bool left = false;

	if (!c->receipts_due)
		return CHQ_NEVER;
	CHQ_LIST_FOREACH(it, &c->peers.all) {
		struct chq_peer *p = CHQ_LIST_ENTRY(it, struct chq_peer, node);

		for (int i = 0; i < p->devs && !p->changed; i++)
			if (p->dev[i]->receipts && !flush_dev(c, p->dev[i]))
				left = true;
	}
	c->receipts_due = left;
	return left && chq_online(c) ? c->now_ms + 200 : CHQ_NEVER;
}
