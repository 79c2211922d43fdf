/* Which frames of which messages are under way to which device, and the chain of their ids. */

#include "client/outbox.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"

struct chq_out *
chq_out_new(struct chq_client *c, uint64_t account, uint16_t app, const void *data, size_t len)
{
	struct chq_out *o = calloc(1, sizeof(*o) + len);

	if (!o)
		return NULL;
	o->account = account;
	o->app = app;
	o->created_ms = c->now_ms;
	o->parts = (uint16_t)((len + CHQ_INNER_TEXT_MAX - 1) / CHQ_INNER_TEXT_MAX);
	o->len = len;
	memcpy(o->data, data, len);
	chq_list_init(&o->node);
	c->sender.count++;
	return o;
}

void
chq_out_state(struct chq_client *c, struct chq_out *o, enum chq_message_state state, int err)
{
	struct chq_event ev = { .type = CHQ_EV_MESSAGE_STATE, .account = o->account };

	ev.app = o->app;
	ev.message = o->id;
	ev.state = state;
	ev.err = err;
	chq_client_event(c, &ev);
}

void
chq_out_end(struct chq_client *c, struct chq_out *o)
{
	if (!o->ended) {
		if (!o->delivered && !o->stored)
			chq_out_state(c, o, CHQ_MSG_FAILED, o->err ? o->err : CHQ_EOFFLINE);
		chq_list_del(&o->node);
		chq_list_init(&o->node);
		c->sender.count--;
		o->ended = true;
	}
	if (o->copies)
		return;
	sodium_memzero(o, sizeof(*o) + o->len);
	free(o);
}

static void
frames_free(struct chq_list *frames)
{
	CHQ_LIST_FOREACH_SAFE(it, after, frames) {
		chq_list_del(it);
		free(CHQ_LIST_ENTRY(it, struct chq_out_frame, node));
	}
}

int
chq_copy_new(struct chq_client *c, struct chq_dev *d, struct chq_out *o, bool own)
{
	struct chq_copy *copy = calloc(1, sizeof(*copy));
	struct chq_list frames;

	chq_list_init(&frames);
	for (uint16_t i = 0; copy && i < o->parts; i++) {
		struct chq_out_frame *f = calloc(1, sizeof(*f));

		if (!f) {
			frames_free(&frames);
			free(copy);
			copy = NULL;
			break;
		}
		f->copy = copy;
		f->id = o->id + i;
		f->part = (uint16_t)(i + 1);
		chq_list_add_tail(&frames, &f->node);
	}
	if (!copy) {
		c->no_memory = true;
		return CHQ_ENOMEM;
	}
	copy->out = o;
	copy->own = own;
	copy->left = o->parts;
	o->copies++;
	o->theirs += !own;
	while (!chq_list_empty(&frames)) {
		struct chq_list *first = frames.next;

		chq_list_del(first);
		chq_list_add_tail(&d->waiting, first);
	}
	return CHQ_OK;
}

/*
 * The receiver would wait for a frame that never comes: what refers to it now refers to the one before.
 * Its content changes, so it is sealed under a new key.
 */
static void
close_chain(struct chq_dev *d, const struct chq_out_frame *gone)
{
	CHQ_LIST_FOREACH(it, &d->flight) {
		struct chq_out_frame *f = CHQ_LIST_ENTRY(it, struct chq_out_frame, node);

		if (f->sealed && f->previous == gone->id) {
			f->previous = gone->previous;
			f->sealed = false;
			d->out_have = false;
		}
	}
	if (d->last_id == gone->id)
		d->last_id = gone->previous;
}

void
chq_out_frame_end(struct chq_dev *d, struct chq_out_frame *f, bool received)
{
	if (f->first_ms) {
		d->in_flight--;
		if (!received)
			close_chain(d, f);
	}
	chq_list_del(&f->node);
	free(f);
}

static void
end_frames(struct chq_dev *d, struct chq_list *list, const struct chq_copy *copy)
{
	CHQ_LIST_FOREACH_SAFE(it, after, list) {
		struct chq_out_frame *f = CHQ_LIST_ENTRY(it, struct chq_out_frame, node);

		if (f->copy == copy)
			chq_out_frame_end(d, f, false);
	}
}

void
chq_copy_fail(struct chq_client *c, struct chq_dev *d, struct chq_copy *copy, int err)
{
	struct chq_out *o = copy->out;

	end_frames(d, &d->flight, copy);
	end_frames(d, &d->waiting, copy);
	o->copies--;
	if (!copy->own) {
		o->theirs--;
		o->err = err;
	}
	free(copy);
	if (o->theirs == 0)
		chq_out_end(c, o);
}

struct chq_out_frame *
chq_flight_find(struct chq_dev *d, uint64_t id)
{
	CHQ_LIST_FOREACH(it, &d->flight) {
		struct chq_out_frame *f = CHQ_LIST_ENTRY(it, struct chq_out_frame, node);

		if (f->id == id && f->tries)
			return f;
	}
	return NULL;
}
