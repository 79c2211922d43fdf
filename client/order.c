/*
 * Each message is shown once, whole, and after those that were sent before it. Frames of a device are held
 * by rising id; only the lowest can be shown: when the one before it was, or when it has waited enough.
 */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "client/client.h"

#define HOLD_TOTAL_MAX 8192

struct chq_in_frame {
	struct chq_list node;
	uint64_t id, previous;
	uint64_t arrived_ms; /* 0: it waits no longer */
	uint64_t to;	     /* of a copy from our own account: whom it was sent to */
	uint16_t app, part, parts, len;
	bool on_disk;
	uint8_t text[];
};

static struct chq_in_frame *
entry(struct chq_list *it)
{
	return CHQ_LIST_ENTRY(it, struct chq_in_frame, node);
}

static void
release(struct chq_client *c, struct chq_dev *d, struct chq_in_frame *f)
{
	chq_list_del(&f->node);
	d->held_count--;
	c->held_total--;
	sodium_memzero(f->text, f->len);
	free(f);
}

static struct chq_in_frame *
find(struct chq_dev *d, uint64_t id)
{
	CHQ_LIST_FOREACH(it, &d->held)
		if (entry(it)->id == id)
			return entry(it);
	return NULL;
}

/* The one that others wait for is taken even then, else they would wait in vain. */
static bool
hold_is_full(const struct chq_client *c, const struct chq_dev *d, uint64_t id)
{
	if (d->held_count < CHQ_HOLD_MAX && c->held_total < HOLD_TOTAL_MAX)
		return false;
	return chq_list_empty(&d->held) || entry(d->held.next)->id < id ||
	       d->held_count >= CHQ_HOLD_MAX + CHQ_FLIGHT_MAX;
}

static struct chq_in_frame *
hold(struct chq_client *c, struct chq_dev *d, const struct chq_frame_hdr *h,
     const struct chq_inner *in)
{
	struct chq_list *at = d->held.prev;
	struct chq_in_frame *f;

	if (hold_is_full(c, d, h->message)) {
		chq_count(c, CHQ_STAT_DROP_HOLD_FULL);
		return NULL;
	}
	f = malloc(sizeof(*f) + in->text_len);
	if (!f) {
		c->no_memory = true;
		return NULL;
	}
	*f = (struct chq_in_frame){ .id = h->message, .previous = in->previous, .app = h->app };
	f->arrived_ms = c->now_ms;
	f->to = d->peer->account == c->id.account ? CHQ_PARTY_ID(in->grant) : 0;
	f->part = in->part;
	f->parts = in->parts;
	f->len = in->text_len;
	memcpy(f->text, in->text, in->text_len);
	while (at != &d->held && entry(at)->id > f->id)
		at = at->prev;
	chq_list_insert_after(at, &f->node);
	d->held_count++;
	c->held_total++;
	return f;
}

static bool
waited_enough(const struct chq_client *c, const struct chq_in_frame *f)
{
	return !f->arrived_ms || c->now_ms >= f->arrived_ms + CHQ_GAP_WAIT_MS;
}

static bool
turn_has_come(struct chq_client *c, const struct chq_dev *d, const struct chq_in_frame *f)
{
	return f->previous == 0 || chq_seen_has(&c->seen, d->party, f->previous) ||
	       waited_enough(c, f);
}

/* Parts from @first that are there and belong together. */
static int
parts_here(struct chq_dev *d, struct chq_in_frame *first, size_t *bytes)
{
	const struct chq_in_frame *before = first;
	int n = 1;

	*bytes = first->len;
	for (struct chq_list *it = first->node.next; it != &d->held && n < first->parts;
	     it = it->next) {
		const struct chq_in_frame *f = entry(it);

		if (f->previous != before->id || f->part != n + 1 || f->parts != first->parts ||
		    f->app != first->app || f->to != first->to)
			break;
		*bytes += f->len;
		before = f;
		n++;
	}
	return n;
}

static struct chq_queued *
queue_event(struct chq_client *c, struct chq_dev *d, struct chq_in_frame *first, size_t bytes)
{
	struct chq_event ev = { .type = CHQ_EV_MESSAGE, .account = d->peer->account };
	uint8_t *data = malloc(bytes + 1);
	struct chq_queued *e = NULL;
	struct chq_list *it = &first->node;
	size_t at = 0;

	ev.own = first->to != 0;
	if (ev.own)
		ev.account = first->to;
	ev.device = d->keys.device;
	ev.app = first->app;
	ev.message = first->id;
	ev.gap = d->gap;
	for (int i = 0; data && i < first->parts; i++, it = it->next) {
		memcpy(data + at, entry(it)->text, entry(it)->len);
		at += entry(it)->len;
	}
	if (data)
		e = chq_events_add(&c->events, &ev, data, bytes);
	if (e)
		e->part_id = calloc(first->parts, sizeof(*e->part_id));
	if (data)
		sodium_memzero(data, bytes);
	free(data);
	return e;
}

/* Remember a frame as shown, or as one that never will be. */
static void
mark(struct chq_client *c, struct chq_dev *d, uint64_t id)
{
	if (chq_seen_add(&c->seen, d->party, id) < 0)
		c->no_memory = true;
}

static bool
show(struct chq_client *c, struct chq_dev *d, struct chq_in_frame *first, size_t bytes)
{
	struct chq_queued *e = queue_event(c, d, first, bytes);
	int parts = first->parts;

	if (!e || !e->part_id) {
		c->no_memory = true;
		return false;
	}
	e->party = d->party;
	e->parts = (uint16_t)parts;
	d->unhandled++;
	d->gap = false;
	c->unhandled++;
	chq_count(c, CHQ_STAT_MESSAGES_SHOWN);
	if (e->ev.gap)
		chq_count(c, CHQ_STAT_GAPS);
	for (int i = 0; i < parts; i++) {
		struct chq_in_frame *f = entry(d->held.next);

		e->part_id[i] = f->id;
		mark(c, d, f->id);
		release(c, d, f);
	}
	return true;
}

static void
discard(struct chq_client *c, struct chq_dev *d, struct chq_in_frame *f)
{
	chq_count(c, CHQ_STAT_DROP_INCOMPLETE);
	d->gap = true;
	mark(c, d, f->id);
	chq_seen_log(&c->seen, d->party, f->id);
	release(c, d, f);
}

/* Show what can be shown. When does the lowest have waited enough? */
static uint64_t
drain(struct chq_client *c, struct chq_dev *d)
{
	while (!chq_list_empty(&d->held)) {
		struct chq_in_frame *first = entry(d->held.next);
		size_t bytes;

		if (!turn_has_come(c, d, first))
			return first->arrived_ms + CHQ_GAP_WAIT_MS;
		if (first->previous && !chq_seen_has(&c->seen, d->party, first->previous))
			d->gap = true;
		if (first->part == 1 && parts_here(d, first, &bytes) == first->parts) {
			if (!show(c, d, first, bytes))
				return c->now_ms + 1000;
		} else if (first->part != 1 || waited_enough(c, first)) {
			discard(c, d, first);
		} else {
			return first->arrived_ms + CHQ_GAP_WAIT_MS;
		}
	}
	return CHQ_NEVER;
}

/* It stays with us: only then it may be receipted before it is shown. */
static void
keep(struct chq_client *c, struct chq_dev *d, struct chq_in_frame *f, const struct chq_frame_hdr *h,
     const uint8_t *payload, size_t len)
{
	if (!f->on_disk)
		f->on_disk = chq_held_add(&c->held_file, h, payload, (uint16_t)len) == CHQ_OK;
	if (!f->on_disk) {
		chq_count(c, CHQ_STAT_DROP_HOLD_FULL);
		release(c, d, f);
		return;
	}
	chq_receipt_add(c, d, h->message);
}

/* Whom another device of our account has written to. */
static bool
names_an_account(uint64_t party)
{
	return CHQ_PARTY_KIND(party) == CHQ_KIND_ACCOUNT && CHQ_PARTY_DEVICE(party) == 0 &&
	       CHQ_PARTY_ID(party) != 0;
}

void
chq_order_accept(struct chq_client *c, struct chq_dev *d, const struct chq_frame_hdr *h,
		 const uint8_t *payload, size_t len, const struct chq_inner *in, bool replayed)
{
	struct chq_in_frame *f;

	if (h->message == 0 || (in->previous && in->previous >= h->message) ||
	    (d->peer->account == c->id.account && !names_an_account(in->grant))) {
		chq_mail_safe(c, h->party, h->message);
		chq_count(c, CHQ_STAT_DROP_INNER);
		return;
	}
	if (chq_seen_has(&c->seen, d->party, h->message)) {
		chq_count(c, CHQ_STAT_COPIES);
		/* What the application has not handled is receipted when it has. */
		if (!d->unhandled)
			chq_receipt_add(c, d, h->message);
		return;
	}
	f = find(d, h->message);
	if (f) {
		chq_count(c, CHQ_STAT_COPIES);
		f->previous = in->previous; /* the sender has closed its chain */
		if (f->on_disk)
			chq_receipt_add(c, d, h->message);
		drain(c, d);
		return;
	}
	if (!replayed && (c->leave_messages || !c->contacts.known)) {
		chq_count(c, CHQ_STAT_LEFT);
		return;
	}
	f = hold(c, d, h, in);
	if (!f)
		return;
	f->on_disk = replayed;
	drain(c, d);
	f = find(d, h->message);
	if (f)
		keep(c, d, f, h, payload, len);
	chq_client_wake(c);
}

/* Nothing needs the file of held frames any more. */
static bool
nothing_held(const struct chq_client *c)
{
	if (c->held_total || c->unhandled || !c->held_replayed)
		return false;
	CHQ_LIST_FOREACH(it, &c->peers.all)
		if (CHQ_LIST_ENTRY(it, struct chq_peer, node)->parked_count)
			return false;
	return true;
}

void
chq_order_handled(struct chq_client *c, const struct chq_queued *e)
{
	struct chq_peer *p = chq_peer_find(c, CHQ_PARTY_ID(e->party));
	struct chq_dev *d = p ? chq_peer_dev(p, CHQ_PARTY_DEVICE(e->party)) : NULL;

	for (int i = 0; i < e->parts; i++) {
		/* Without the record a restart shows it again: better than never. */
		if (chq_seen_log(&c->seen, e->party, e->part_id[i]) < 0)
			c->no_memory = true;
		if (d)
			chq_receipt_add(c, d, e->part_id[i]);
		chq_mail_safe(c, e->party, e->part_id[i]);
	}
	if (d && d->unhandled > 0)
		d->unhandled--;
	c->unhandled--;
	if (c->held_file.bytes && nothing_held(c))
		chq_held_clear(&c->held_file);
}

uint64_t
chq_order_run(struct chq_client *c, struct chq_dev *d)
{
	return drain(c, d);
}

void
chq_order_end(struct chq_client *c, struct chq_dev *d)
{
	CHQ_LIST_FOREACH(it, &d->held)
		entry(it)->arrived_ms = 0;
	drain(c, d);
	chq_order_free(c, d);
}

void
chq_order_free(struct chq_client *c, struct chq_dev *d)
{
	while (!chq_list_empty(&d->held))
		release(c, d, entry(d->held.next));
}
