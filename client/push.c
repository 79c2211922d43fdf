/* What the server sends by itself: each number is acknowledged every time and handled once. */

#include <string.h>

#include <sodium.h>

#include "client/client.h"

static void
acknowledge(struct chq_client *c, struct chq_session *s, const Chasqui__Push *p)
{
	Chasqui__PushAck ack = CHASQUI__PUSH_ACK__INIT;
	Chasqui__ToServer m = CHASQUI__TO_SERVER__INIT;
	uint64_t number = p->number;
	uint8_t buf[64];
	int n;

	ack.epoch = p->epoch;
	ack.n_number = 1;
	ack.number = &number;
	m.body_case = CHASQUI__TO_SERVER__BODY_PUSH_ACK;
	m.push_ack = &ack;
	n = chq_ctrl_pack(&m.base, buf, sizeof(buf));
	if (n > 0)
		chq_session_send_hop(c, s, p->number, buf, (size_t)n);
}

/* Is it new? A new epoch begins with new numbers; a late push of the one before is none. */
static bool
take_number(struct chq_client *c, struct chq_session *s, const Chasqui__Push *p)
{
	if (p->number == 0 ||
	    (s->push_known && p->epoch != s->push_epoch && p->epoch == s->push_epoch_before))
		return false;
	if (!s->push_known || p->epoch != s->push_epoch) {
		bool anew = s->push_known;

		s->push_epoch_before = s->push_epoch;
		s->push_epoch = p->epoch;
		s->push_known = true;
		memset(&s->pushes, 0, sizeof(s->pushes));
		if (anew || p->epoch != c->login.epoch)
			chq_contacts_refresh(c, true);
		if (anew)
			chq_groups_refresh(c);
		c->login.epoch = p->epoch;
	}
	return chq_replay_take(&s->pushes, p->number);
}

static void
enrolled(struct chq_client *c, const Chasqui__DeviceEnrolled *d)
{
	struct chq_event ev = { .type = CHQ_EV_DEVICE_ENROLLED, .device = (uint8_t)d->number };

	if (!chq_events_add(&c->events, &ev, d->name, strnlen(d->name, CHQ_NAME_MAX)))
		c->no_memory = true;
}

static void
handle(struct chq_client *c, struct chq_session *s, const Chasqui__Push *p)
{
	switch (p->body_case) {
	case CHASQUI__PUSH__BODY_PRESENCE:
		chq_contacts_presence(c, p->presence->account, (int)p->presence->status);
		break;
	case CHASQUI__PUSH__BODY_CONTACTS_CHANGED: chq_contacts_refresh(c, false); break;
	case CHASQUI__PUSH__BODY_GROUPS_CHANGED: chq_groups_refresh(c); break;
	case CHASQUI__PUSH__BODY_DEVICE_ENROLLED: enrolled(c, p->device_enrolled); break;
	case CHASQUI__PUSH__BODY_DEVICE_OFFERED:
		chq_own_offered(c, p->device_offered->number, p->device_offered->name,
				&p->device_offered->signing_key, &p->device_offered->identity_key);
		break;
	case CHASQUI__PUSH__BODY_DEVICE_SEALED:
		chq_own_sealed(c, p->device_sealed->sealed.data, p->device_sealed->sealed.len);
		break;
	case CHASQUI__PUSH__BODY_APPS_CHANGED:
		chq_client_event(c, &(struct chq_event){ .type = CHQ_EV_APPS_CHANGED });
		break;
	case CHASQUI__PUSH__BODY_DEVICES_CHANGED: chq_own_refresh(c); break;
	case CHASQUI__PUSH__BODY_SESSION_REPLACED:
		if (s != &c->cur)
			break;
		chq_client_event(c, &(struct chq_event){ .type = CHQ_EV_REPLACED });
		chq_client_stop(c, 0);
		break;
	default: break; /* of a newer server */
	}
}

void
chq_control_input(struct chq_client *c, struct chq_session *s, const uint8_t *buf, size_t len)
{
	Chasqui__FromServer *m = chq_ctrl_unpack_from_server(buf, len, NULL);

	if (!m) {
		chq_count(c, CHQ_STAT_DROP_CONTROL);
		return;
	}
	if (m->body_case == CHASQUI__FROM_SERVER__BODY_RESPONSE) {
		chq_request_response(c, m->response);
	} else if (m->body_case == CHASQUI__FROM_SERVER__BODY_SERVER_MESSAGE) {
		chq_mail_text(c, m->server_message);
	} else if (m->body_case == CHASQUI__FROM_SERVER__BODY_PUSH) {
		acknowledge(c, s, m->push);
		if (take_number(c, s, m->push))
			handle(c, s, m->push);
	}
	chasqui__from_server__free_unpacked(m, NULL);
}
