/* Sending: each frame is repeated until its receipt, a final NOTICE, or the end of its time. */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/outbox.h"

#define FIRST_WAIT_MS	     300
#define MAX_WAIT_MS	     5000
#define REFETCH_TRIES	     3 /* unanswered sendings after which newer keys are asked for */
#define KEYS_AGE_MS	     2000
#define KEYS_AGAIN_MS	     5000
#define KEYS_PATIENCE_MS     1000
#define PACE_US		     6250 /* 160 frames/s, below a server's usual quota */
#define PACE_BURST	     40
#define PAUSE_MIN_MS	     100
#define PAUSE_MAX_MS	     2000
#define GRANT_AGE_MS	     2000
#define RECEIPT_GRANT_AGE_MS 60000

static void
fail_frames(struct chq_client *c, struct chq_dev *d, struct chq_list *list, int err)
{
	while (!chq_list_empty(list)) {
		struct chq_out_frame *f = CHQ_LIST_ENTRY(list->next, struct chq_out_frame, node);

		chq_copy_fail(c, d, f->copy, err);
	}
}

static void
fail_dev(struct chq_client *c, struct chq_dev *d, int err)
{
	fail_frames(c, d, &d->flight, err);
	fail_frames(c, d, &d->waiting, err);
}

static void
fail_queue(struct chq_client *c, struct chq_peer *p, int err)
{
	while (!chq_list_empty(&p->queue)) {
		struct chq_out *o = CHQ_LIST_ENTRY(p->queue.next, struct chq_out, node);

		o->err = err;
		chq_out_end(c, o);
	}
}

static void
fail_peer(struct chq_client *c, struct chq_peer *p, int err)
{
	fail_queue(c, p, err);
	for (int i = 0; i < p->devs; i++)
		fail_dev(c, p->dev[i], err);
}

void
chq_send_blocked(struct chq_client *c, struct chq_peer *p, int err)
{
	fail_peer(c, p, err);
}

void
chq_send_device_gone(struct chq_client *c, struct chq_dev *d)
{
	fail_dev(c, d, CHQ_EOFFLINE);
}

void
chq_send_fail_all(struct chq_client *c, int err)
{
	CHQ_LIST_FOREACH(it, &c->peers.all)
		fail_peer(c, CHQ_LIST_ENTRY(it, struct chq_peer, node), err);
}

/* For the other devices of our own account, which show it as sent by us. */
static void
copies_for_us(struct chq_client *c, struct chq_out *o)
{
	struct chq_peer *own = chq_peer_find(c, c->id.account);

	if (own && own->devs && chq_online(c))
		chq_peer_refresh(c, own, CHQ_KEYS_FRESH_MS);
	for (int i = 0; own && own->have_keys && i < own->devs; i++)
		chq_copy_new(c, own->dev[i], o, true);
}

/* The devices are known: a copy of each waiting message for each. */
static void
dispatch(struct chq_client *c, struct chq_peer *p)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &p->queue) {
		struct chq_out *o = CHQ_LIST_ENTRY(it, struct chq_out, node);

		for (int i = 0; i < p->devs; i++)
			chq_copy_new(c, p->dev[i], o, false);
		if (o->theirs)
			copies_for_us(c, o);
		chq_list_del(&o->node);
		chq_list_init(&o->node);
		if (o->theirs == 0)
			chq_out_end(c, o);
	}
}

/*
 * Are the devices that we know those that there are? Somebody may have a new one, or one less: keys that are not
 * fresh are asked for again, and waited for a moment.
 */
static bool
devices_known(struct chq_client *c, struct chq_peer *p)
{
	if (!p->have_keys || p->changed)
		return false;
	if (chq_online(c))
		chq_peer_refresh(c, p, CHQ_KEYS_FRESH_MS);
	return !p->fetching || c->now_ms >= p->fetched_ms + KEYS_PATIENCE_MS;
}

void
chq_send_keys(struct chq_client *c, struct chq_peer *p, int err)
{
	if (p->changed)
		return;
	if (err == CHQ_ENOUSER || err == CHQ_EOFFLINE || err == CHQ_EUNTRUSTED)
		fail_queue(c, p, err);
	if (err) {
		chq_client_wake(c);
		return;
	}
	dispatch(c, p);
	/* A device without a good prekey was not there for days. */
	for (int i = 0; i < p->devs; i++)
		if (chq_e2e_ready(c, p->dev[i]) == CHQ_EAGAIN)
			fail_dev(c, p->dev[i], CHQ_EOFFLINE);
	chq_client_wake(c);
}

void
chq_send_rekeyed(struct chq_client *c, struct chq_dev *d, bool chain_anew)
{
	uint64_t previous = 0;

	d->out_have = false;
	CHQ_LIST_FOREACH(it, &d->flight) {
		struct chq_out_frame *f = CHQ_LIST_ENTRY(it, struct chq_out_frame, node);

		f->sealed = false;
		f->next_ms = c->now_ms;
		if (chain_anew) {
			f->previous = previous;
			previous = f->id;
		}
	}
	if (chain_anew)
		d->last_id = previous;
	chq_client_wake(c);
}

void
chq_send_granted(struct chq_client *c, struct chq_peer *p, int err)
{
	if (err == CHQ_ENOUSER) {
		/* Grants of the contact list may still be good for what was not refused. */
		if (!chq_grant_for(c, p))
			fail_peer(c, p, CHQ_ENOUSER);
	}
	for (int i = 0; i < p->devs; i++) {
		CHQ_LIST_FOREACH_SAFE(it, after, &p->dev[i]->flight) {
			struct chq_out_frame *f = CHQ_LIST_ENTRY(it, struct chq_out_frame, node);

			if (f->next_ms == CHQ_NEVER)
				f->next_ms = c->now_ms;
		}
	}
	c->receipts_due = true;
	chq_client_wake(c);
}

static int
seal(struct chq_client *c, struct chq_dev *d, struct chq_out_frame *f)
{
	const struct chq_out *o = f->copy->out;
	size_t at = (size_t)(f->part - 1) * CHQ_INNER_TEXT_MAX;
	struct chq_frame_hdr h = { .app = o->app, .message = f->id };
	struct chq_inner in = { .part = f->part, .parts = o->parts };
	int n = chq_e2e_ready(c, d);

	if (n < 0)
		return n;
	in.previous = f->previous;
	in.grant = f->copy->own ? CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, o->account)
				: chq_grant_handed(c, d);
	in.text = o->data + at;
	in.text_len = (uint16_t)(o->len - at < CHQ_INNER_TEXT_MAX ? o->len - at
								  : CHQ_INNER_TEXT_MAX);
	n = chq_e2e_seal_inner(c, d, &h, &in, f->payload);
	if (n < 0)
		return n;
	f->payload_len = (uint16_t)n;
	f->sealed = true;
	return CHQ_OK;
}

static void
transmit(struct chq_client *c, struct chq_dev *d, struct chq_out_frame *f)
{
	struct chq_out *o = f->copy->out;
	struct chq_frame_hdr h = {
		.flags = CHQ_F_STORE, .app = o->app, .message = f->id, .party = d->party
	};

	h.grant = chq_grant_for(c, d->peer);
	if (!h.grant || (!f->sealed && seal(c, d, f) < 0)) {
		/* The answer to what was asked for wakes it earlier. */
		chq_peer_refresh(c, d->peer, KEYS_AGAIN_MS);
		f->next_ms = c->now_ms + 1000;
		return;
	}
	f->grant_tried = f->grant_asked;
	chq_session_send(c, &c->cur, &h, f->payload, f->payload_len);
	chq_path_expect(c);
	f->next_ms = c->now_ms + (f->tries < 5 ? (uint64_t)FIRST_WAIT_MS << f->tries : MAX_WAIT_MS);
	if (f->tries++)
		chq_count(c, CHQ_STAT_RESENT);
	if (f->tries > REFETCH_TRIES)
		chq_peer_refresh(c, d->peer, KEYS_AGE_MS << (f->tries < 8 ? f->tries - 3 : 5));
	if (f->copy->own)
		return;
	if (!o->sent_told)
		chq_out_state(c, o, CHQ_MSG_SENT, CHQ_OK);
	o->sent_told = true;
}

/* May one more frame go now? 0, or the time when it may. */
static uint64_t
pace(struct chq_client *c)
{
	uint64_t now_us = c->now_ms * 1000;

	if (c->now_ms < c->sender.pause_until_ms)
		return c->sender.pause_until_ms;
	if (c->sender.pace_us > now_us + PACE_US * PACE_BURST)
		return (c->sender.pace_us - PACE_US * PACE_BURST) / 1000 + 1;
	if (c->sender.pace_us < now_us)
		c->sender.pace_us = now_us;
	c->sender.pace_us += PACE_US;
	return 0;
}

/* A receiver holds only so many that came before their turn. */
static bool
window_is_open(const struct chq_dev *d)
{
	if (chq_list_empty(&d->flight))
		return true;
	return d->in_flight < CHQ_FLIGHT_MAX &&
	       d->entered - CHQ_LIST_ENTRY(d->flight.next, struct chq_out_frame, node)->number <
		       CHQ_AHEAD_MAX;
}

static void
fill_window(struct chq_client *c, struct chq_dev *d)
{
	while (window_is_open(d) && !chq_list_empty(&d->waiting)) {
		struct chq_list *first = d->waiting.next;
		struct chq_out_frame *f = CHQ_LIST_ENTRY(first, struct chq_out_frame, node);

		chq_list_del(first);
		chq_list_add_tail(&d->flight, first);
		d->in_flight++;
		f->number = d->entered++;
		f->previous = d->last_id;
		d->last_id = f->id;
		f->first_ms = f->next_ms = c->now_ms;
	}
}

/* What was queued behind frames without an answer does not wait for their time once more. */
static uint64_t
time_out(struct chq_client *c, struct chq_dev *d)
{
	uint64_t due = CHQ_NEVER;

	while (!chq_list_empty(&d->flight)) {
		struct chq_out_frame *f = CHQ_LIST_ENTRY(d->flight.next, struct chq_out_frame,
							 node);

		if (c->now_ms < f->first_ms + CHQ_RECEIPT_WAIT_MS) {
			due = f->first_ms + CHQ_RECEIPT_WAIT_MS;
			break;
		}
		chq_copy_fail(c, d, f->copy, CHQ_ETIMEDOUT);
	}
	while (!chq_list_empty(&d->waiting)) {
		struct chq_out_frame *f = CHQ_LIST_ENTRY(d->waiting.next, struct chq_out_frame,
							 node);
		uint64_t since = f->copy->out->created_ms;

		if (d->answered_ms > since)
			since = d->answered_ms;
		if (c->now_ms < since + CHQ_RECEIPT_WAIT_MS)
			return chq_min64(due, since + CHQ_RECEIPT_WAIT_MS);
		chq_copy_fail(c, d, f->copy, CHQ_ETIMEDOUT);
	}
	return due;
}

static uint64_t
run_dev(struct chq_client *c, struct chq_dev *d)
{
	uint64_t due = time_out(c, d);

	if (!chq_online(c) || d->peer->changed)
		return due;
	fill_window(c, d);
	CHQ_LIST_FOREACH_SAFE(it, after, &d->flight) {
		struct chq_out_frame *f = CHQ_LIST_ENTRY(it, struct chq_out_frame, node);

		if (c->now_ms >= f->next_ms) {
			uint64_t later = pace(c);

			if (later)
				return chq_min64(due, later);
			transmit(c, d, f);
		}
		due = chq_min64(due, f->next_ms);
	}
	return due;
}

/* Messages to somebody whose devices are not known yet. */
static uint64_t
run_queue(struct chq_client *c, struct chq_peer *p)
{
	if (chq_list_empty(&p->queue))
		return CHQ_NEVER;
	if (devices_known(c, p)) {
		dispatch(c, p);
		chq_client_wake(c);
		return CHQ_NEVER;
	}
	if (p->have_keys && !p->changed)
		return p->fetched_ms + KEYS_PATIENCE_MS;
	while (!chq_list_empty(&p->queue)) {
		struct chq_out *o = CHQ_LIST_ENTRY(p->queue.next, struct chq_out, node);

		if (c->now_ms < o->created_ms + CHQ_RECEIPT_WAIT_MS) {
			if (chq_online(c))
				chq_peer_refresh(c, p, KEYS_AGAIN_MS);
			return chq_min64(o->created_ms + CHQ_RECEIPT_WAIT_MS,
					 c->now_ms + KEYS_AGAIN_MS);
		}
		o->err = CHQ_ETIMEDOUT;
		chq_out_end(c, o);
	}
	return CHQ_NEVER;
}

uint64_t
chq_send_run(struct chq_client *c)
{
	uint64_t due = CHQ_NEVER;

	CHQ_LIST_FOREACH(it, &c->peers.all) {
		struct chq_peer *p = CHQ_LIST_ENTRY(it, struct chq_peer, node);

		due = chq_min64(due, run_queue(c, p));
		for (int i = 0; i < p->devs; i++)
			due = chq_min64(due, run_dev(c, p->dev[i]));
	}
	return due;
}

static void
end_copy(struct chq_client *c, struct chq_copy *copy, enum chq_message_state state)
{
	struct chq_out *o = copy->out;
	bool told = state == CHQ_MSG_DELIVERED ? o->delivered : o->stored, own = copy->own;

	free(copy);
	o->copies--;
	if (own) {
		if (o->theirs == 0)
			chq_out_end(c, o);
		return;
	}
	if (state == CHQ_MSG_DELIVERED)
		o->delivered = true;
	else
		o->stored = true;
	if (!told)
		chq_out_state(c, o, state, CHQ_OK);
	if (--o->theirs == 0)
		chq_out_end(c, o);
}

static void
frame_done(struct chq_client *c, struct chq_dev *d, struct chq_out_frame *f,
	   enum chq_message_state state)
{
	struct chq_copy *copy = f->copy;

	if (state == CHQ_MSG_STORED && !copy->own)
		chq_late_add(c, d, copy->out, f->id);
	else if (copy->left == 1 && chq_late_waits(d, copy->out->id))
		state = CHQ_MSG_STORED; /* its other parts wait */
	chq_out_frame_end(d, f, true);
	d->answered_ms = c->now_ms;
	c->sender.pause_ms = 0;
	if (--copy->left == 0)
		end_copy(c, copy, state);
	chq_client_wake(c);
}

void
chq_send_receipt(struct chq_client *c, struct chq_dev *d, const uint64_t *ids, int n)
{
	for (int i = 0; i < n; i++) {
		struct chq_out_frame *f = chq_flight_find(d, ids[i]);

		if (!f) {
			if (!chq_late_receipt(c, d, ids[i]))
				chq_count(c, CHQ_STAT_DROP_RECEIPT);
			continue;
		}
		chq_count(c, CHQ_STAT_RECEIPTS_IN);
		d->out_receipted = true;
		frame_done(c, d, f, CHQ_MSG_DELIVERED);
	}
}

/* One fresh grant; only a refusal of that one is final. */
static void
refused(struct chq_client *c, struct chq_dev *d, struct chq_out_frame *f)
{
	if (f->grant_tried) {
		chq_copy_fail(c, d, f->copy, CHQ_ENOUSER);
		return;
	}
	f->grant_asked = true;
	f->next_ms = CHQ_NEVER;
	chq_grant_refresh(c, d->peer, GRANT_AGE_MS);
	if (!d->peer->asking_grant)
		f->next_ms = c->now_ms + FIRST_WAIT_MS;
}

static void
slow_down(struct chq_client *c, struct chq_out_frame *f)
{
	if (c->now_ms >= c->sender.pause_until_ms) {
		uint32_t ms = c->sender.pause_ms * 2;

		ms = ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
		c->sender.pause_ms = ms;
		c->sender.pause_until_ms = c->now_ms + ms;
	}
	f->next_ms = c->sender.pause_until_ms;
}

void
chq_send_notice(struct chq_client *c, uint64_t to, uint64_t message, uint16_t code)
{
	struct chq_peer *p = CHQ_PARTY_KIND(to) == CHQ_KIND_ACCOUNT
				     ? chq_peer_find(c, CHQ_PARTY_ID(to))
				     : NULL;
	struct chq_dev *d = p ? chq_peer_dev(p, CHQ_PARTY_DEVICE(to)) : NULL;
	struct chq_out_frame *f = d ? chq_flight_find(d, message) : NULL;

	if (CHQ_PARTY_KIND(to) == CHQ_KIND_GROUP) {
		chq_group_notice(c, (uint32_t)CHQ_PARTY_ID(to), message, code);
		return;
	}
	if (!f && code == CHQ_NOTICE_STORED)
		return; /* a receipt of ours */
	if (!f) {
		/* Of a receipt of ours, or of a message that has ended. */
		if (d && code == CHQ_NOTICE_UNKNOWN)
			chq_grant_refresh(c, p, RECEIPT_GRANT_AGE_MS);
		chq_count(c, CHQ_STAT_DROP_NOTICE);
		return;
	}
	c->path.asked_ms = 0;
	if (code == CHQ_NOTICE_UNKNOWN)
		refused(c, d, f);
	else if (code == CHQ_NOTICE_OFFLINE)
		chq_copy_fail(c, d, f->copy, CHQ_EOFFLINE);
	else if (code == CHQ_NOTICE_SEAL)
		chq_copy_fail(c, d, f->copy, CHQ_EDENIED);
	else if (code == CHQ_NOTICE_STORED)
		frame_done(c, d, f, CHQ_MSG_STORED);
	else if (code == CHQ_NOTICE_TOO_FAST)
		slow_down(c, f);
	else if (f->next_ms != CHQ_NEVER)
		f->next_ms = c->now_ms + FIRST_WAIT_MS; /* moved: the server knows where to */
	chq_client_wake(c);
}

int
chq_client_send(struct chq_client *c, uint64_t account, uint16_t app, const void *data, size_t len,
		uint64_t *id)
{
	struct chq_peer *p;
	struct chq_out *o;
	int err = CHQ_OK;

	if (len == 0 || account == 0 || account > CHQ_ID_MASK || account == c->id.account)
		return CHQ_EINVAL;
	if (len > CHQ_MESSAGE_MAX)
		return CHQ_ETOOBIG;
	if (c->sender.count >= CHQ_SEND_QUEUE_MAX)
		return CHQ_EFULL;
	if (c->own.state == CHQ_OWN_WAITING)
		return CHQ_EDENIED;
	chq_client_now(c);
	p = chq_peer_get(c, account, false);
	if (!p)
		return CHQ_ENOMEM;
	if (p->changed)
		return CHQ_EKEYCHANGED;
	o = chq_out_new(c, account, app, data, len);
	if (!o)
		return CHQ_ENOMEM;
	o->id = chq_msgid_take(c, o->parts);
	if (!o->id) {
		o->delivered = true; /* nobody waits for an answer */
		err = CHQ_EIO;
		chq_out_end(c, o);
		return err;
	}
	*id = o->id;
	chq_list_add_tail(&p->queue, &o->node);
	if (devices_known(c, p))
		dispatch(c, p);
	chq_client_wake(c);
	return CHQ_OK;
}
