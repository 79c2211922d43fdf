#include "control/push.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/control.h"
#include "control/dp_send.h"

struct push {
	struct chq_list of_session;
	uint64_t number;
	Chasqui__Push__BodyCase kind;
	uint64_t about; /* account of a presence, else 0: newer ones replace older ones */
	uint64_t due_ms;
	unsigned wait_ms; /* until it is sent again after that */
	bool sent;
	uint16_t len;
	uint8_t body[];
};

void
push_address(Chasqui__Address *out, const struct chq_dp_path *path)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	size_t skip = memcmp(path->ip, mapped, sizeof(mapped)) == 0 ? sizeof(mapped) : 0;

	chasqui__address__init(out);
	/* The generated structure is not const; packing only reads it. */
	out->ip.data = (uint8_t *)(uintptr_t)(path->ip + skip);
	out->ip.len = sizeof(path->ip) - skip;
	out->port = path->port;
}

static void
push_free(struct session *s, struct push *p)
{
	chq_list_del(&p->of_session);
	s->pushes_used--;
	if (p->kind == CHASQUI__PUSH__BODY_CONTACTS_CHANGED && !p->sent)
		s->changed_waits = s->changed_for_all = false;
	free(p);
	if (s->pushes_used == 0)
		chq_list_del(&s->of_pushing);
}

void
push_forget(struct session *s)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &s->pushes)
		push_free(s, CHQ_LIST_ENTRY(it, struct push, of_session));
}

static void
push_supersede(struct session *s, Chasqui__Push__BodyCase kind, uint64_t about)
{
	CHQ_LIST_FOREACH_SAFE(it, after, &s->pushes) {
		struct push *p = CHQ_LIST_ENTRY(it, struct push, of_session);

		if (p->kind == kind && p->about == about)
			push_free(s, p);
	}
}

static void
push_send(struct control *ctl, struct session *s, struct push *p, uint64_t now_ms)
{
	dp_send_message(ctl, s, p->body, p->len);
	if (p->kind == CHASQUI__PUSH__BODY_CONTACTS_CHANGED && !p->sent) {
		s->changed_waits = s->changed_for_all = false;
		s->changed_sent_ms = now_ms;
	}
	p->sent = true;
	p->due_ms = now_ms + p->wait_ms;
	p->wait_ms = p->wait_ms * 2 > ctl->timing.push_max_ms ? ctl->timing.push_max_ms
							      : p->wait_ms * 2;
}

/* Number, pack and queue @body, and send it if it is due at once. Return: false without memory. */
static bool
push_queue(struct control *ctl, struct session *s, Chasqui__Push *body, uint64_t about,
	   unsigned delay_ms)
{
	Chasqui__FromServer whole = CHASQUI__FROM_SERVER__INIT;
	uint8_t buf[CHQ_HOP_BODY_MAX];
	struct push *p;
	int len;

	push_supersede(s, body->body_case, about);
	body->epoch = ctl->epoch;
	body->number = s->push_last + 1;
	whole.body_case = CHASQUI__FROM_SERVER__BODY_PUSH;
	whole.push = body;
	len = chq_ctrl_pack(&whole.base, buf, sizeof(buf));
	p = len < 0 ? NULL : malloc(sizeof(*p) + (size_t)len);
	if (!p)
		return false;
	*p = (struct push){ .number = ++s->push_last,
			    .kind = body->body_case,
			    .about = about,
			    .wait_ms = ctl->timing.push_first_ms,
			    .due_ms = control_now_ms() + delay_ms,
			    .len = (uint16_t)len };
	memcpy(p->body, buf, (size_t)len);
	chq_list_add_tail(&s->pushes, &p->of_session);
	if (s->pushes_used++ == 0)
		chq_list_add_tail(&ctl->pushing, &s->of_pushing);
	control_count(ctl, COUNT_PUSH);
	if (delay_ms == 0)
		push_send(ctl, s, p, control_now_ms());
	return true;
}

/* Room for one more; else the session asks for everything anew. Return: whether to go on. */
static bool
push_room(struct control *ctl, struct session *s)
{
	if (s->pushes_used < PUSHES_MAX)
		return true;
	control_count(ctl, COUNT_PUSH_OVERFLOW);
	push_forget(s);
	push_contacts_changed(ctl, s, 0, ctl->timing.changed_ms);
	s->changed_for_all = s->changed_waits;
	return false;
}

void
push_presence(struct control *ctl, struct session *s, uint64_t account, Chasqui__Status status,
	      const struct chq_dp_path *where)
{
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__Presence presence = CHASQUI__PRESENCE__INIT;
	Chasqui__Address address, *addresses[1] = { &address };

	/* It will ask for all of it. */
	if (s->changed_for_all) {
		control_count(ctl, COUNT_PRESENCE_COALESCED);
		return;
	}
	if (!push_room(ctl, s))
		return;
	presence.account = account;
	presence.status = status;
	if (where) {
		push_address(&address, where);
		presence.address = addresses;
		presence.n_address = 1;
	}
	body.body_case = CHASQUI__PUSH__BODY_PRESENCE;
	body.presence = &presence;
	if (push_queue(ctl, s, &body, account, 0))
		control_count(ctl, COUNT_PRESENCE_SENT);
}

/* One at a time, and not more often than control_timing says. */
void
push_contacts_changed(struct control *ctl, struct session *s, uint64_t version, unsigned delay_ms)
{
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__ContactsChanged changed = CHASQUI__CONTACTS_CHANGED__INIT;
	uint64_t now_ms = control_now_ms(), due_ms = now_ms + delay_ms;

	if (s->changed_sent_ms && due_ms < s->changed_sent_ms + ctl->timing.changed_ms)
		due_ms = s->changed_sent_ms + ctl->timing.changed_ms;
	if (s->changed_waits && s->changed_due_ms <= due_ms)
		return;
	if (!push_room(ctl, s))
		return;
	changed.version = version;
	body.body_case = CHASQUI__PUSH__BODY_CONTACTS_CHANGED;
	body.contacts_changed = &changed;
	if (!push_queue(ctl, s, &body, 0, (unsigned)(due_ms - now_ms)))
		return;
	s->changed_waits = due_ms > now_ms;
	s->changed_due_ms = due_ms;
}

void
push_groups_changed(struct control *ctl, struct session *s, uint64_t version, unsigned delay_ms)
{
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__GroupsChanged changed = CHASQUI__GROUPS_CHANGED__INIT;

	if (!push_room(ctl, s))
		return;
	changed.version = version;
	body.body_case = CHASQUI__PUSH__BODY_GROUPS_CHANGED;
	body.groups_changed = &changed;
	push_queue(ctl, s, &body, 0, delay_ms);
}

void
push_device_enrolled(struct control *ctl, struct session *s, uint8_t number, const char *name)
{
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__DeviceEnrolled enrolled = CHASQUI__DEVICE_ENROLLED__INIT;

	if (!push_room(ctl, s))
		return;
	enrolled.number = number;
	enrolled.name = (char *)(uintptr_t)name; /* only read */
	body.body_case = CHASQUI__PUSH__BODY_DEVICE_ENROLLED;
	body.device_enrolled = &enrolled;
	push_queue(ctl, s, &body, number, 0);
}

void
push_message(struct control *ctl, struct session *s, Chasqui__Push *body, uint64_t about)
{
	if (push_room(ctl, s))
		push_queue(ctl, s, body, about, 0);
}

void
push_apps_changed(struct control *ctl, struct session *s, uint64_t version)
{
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__AppsChanged changed = CHASQUI__APPS_CHANGED__INIT;

	changed.version = version;
	body.body_case = CHASQUI__PUSH__BODY_APPS_CHANGED;
	body.apps_changed = &changed;
	push_message(ctl, s, &body, 0);
}

void
push_replaced(struct control *ctl, struct session *s, const struct chq_dp_path *by)
{
	Chasqui__Push body = CHASQUI__PUSH__INIT;
	Chasqui__SessionReplaced replaced = CHASQUI__SESSION_REPLACED__INIT;
	Chasqui__Address address;

	push_address(&address, by);
	replaced.by = &address;
	push_forget(s); /* the new session is told instead */
	body.body_case = CHASQUI__PUSH__BODY_SESSION_REPLACED;
	body.session_replaced = &replaced;
	push_queue(ctl, s, &body, 0, 0);
}

void
push_acked(struct control *ctl, struct session *s, uint32_t epoch, uint64_t number)
{
	if (epoch != ctl->epoch)
		return;
	CHQ_LIST_FOREACH_SAFE(it, after, &s->pushes) {
		struct push *p = CHQ_LIST_ENTRY(it, struct push, of_session);

		if (p->number == number)
			push_free(s, p);
	}
}

void
push_tick(struct control *ctl, uint64_t now_ms)
{
	CHQ_LIST_FOREACH(it, &ctl->pushing) {
		struct session *s = CHQ_LIST_ENTRY(it, struct session, of_pushing);

		CHQ_LIST_FOREACH(at, &s->pushes) {
			struct push *p = CHQ_LIST_ENTRY(at, struct push, of_session);

			if (p->due_ms > now_ms)
				continue;
			control_count(ctl, COUNT_PUSH_AGAIN);
			push_send(ctl, s, p, now_ms);
		}
	}
}
