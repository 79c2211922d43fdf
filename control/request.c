#include "control/request.h"

#include "base/array.h"
#include "base/err.h"
#include "control/app.h"
#include "control/contacts.h"
#include "control/control.h"
#include "control/devices.h"
#include "control/dp_send.h"
#include "control/friends.h"
#include "control/group.h"
#include "control/life.h"
#include "control/login.h"
#include "control/mail.h"
#include "control/presence.h"
#include "control/profile.h"
#include "control/published.h"
#include "control/push.h"
#include "control/register.h"
#include "control/search.h"

enum { WEIGHTY_MS = 1000, WEIGHTY_AT_ONCE = 30 };

struct method {
	request_fn *handle;
	const ProtobufCMessageDescriptor *body; /* NULL: none */
	bool before_login;
};

#define BODY(name) &chasqui__##name##__descriptor

static const struct method methods[] = {
	[CHASQUI__METHOD__METHOD_LOGIN] = { login_request, BODY(login_request), true },
	[CHASQUI__METHOD__METHOD_LOGOUT] = { login_logout, NULL, false },
	[CHASQUI__METHOD__METHOD_CONTACTS] = { contacts_request, BODY(contacts_request), false },
	[CHASQUI__METHOD__METHOD_GRANT] = { contacts_grant, BODY(grant_request), false },
	[CHASQUI__METHOD__METHOD_KEYS_PUBLISH] = { published_set, BODY(keys_publish), false },
	[CHASQUI__METHOD__METHOD_KEYS_GET] = { published_get, BODY(keys_request), false },
	[CHASQUI__METHOD__METHOD_WHOAMI] = { login_whoami, NULL, false },
	[CHASQUI__METHOD__METHOD_FRIEND_REQUEST] = { friends_request, BODY(friend_request), false },
	[CHASQUI__METHOD__METHOD_FRIEND_CONFIRM] = { friends_confirm, BODY(friend_request), false },
	[CHASQUI__METHOD__METHOD_DEPARTMENTS] = { contacts_departments, BODY(departments_request),
						  false },
	[CHASQUI__METHOD__METHOD_FRIEND_REMOVE] = { friends_remove, BODY(friend_request), false },
	[CHASQUI__METHOD__METHOD_SEARCH] = { search_request, BODY(search_request), false },
	[CHASQUI__METHOD__METHOD_STATUS_SET] = { presence_set, BODY(status_set), false },
	[CHASQUI__METHOD__METHOD_DEVICES] = { devices_list, NULL, false },
	[CHASQUI__METHOD__METHOD_DEVICE_REVOKE] = { devices_revoke, BODY(device_revoke), false },
	[CHASQUI__METHOD__METHOD_PROFILE_GET] = { profile_get, BODY(profile_request), false },
	[CHASQUI__METHOD__METHOD_PROFILE_SET] = { profile_set, BODY(profile), false },
	[CHASQUI__METHOD__METHOD_REGISTER] = { register_request, BODY(register_request), true },
	[CHASQUI__METHOD__METHOD_DEVICE_OFFER] = { devices_offer, BODY(device_offer), false },
	[CHASQUI__METHOD__METHOD_DEVICE_APPROVE] = { devices_approve, BODY(device_approve), false },
	[CHASQUI__METHOD__METHOD_DEVICE_SEALED] = { devices_sealed, NULL, false },
	[CHASQUI__METHOD__METHOD_GROUPS] = { groups_request, BODY(groups_request), false },
	[CHASQUI__METHOD__METHOD_GROUP_KEY] = { groups_key, BODY(group_key_request), false },
	[CHASQUI__METHOD__METHOD_GROUP_CHANGE] = { groups_change, BODY(group_change), false },
	[CHASQUI__METHOD__METHOD_GROUP_MEMBERS] = { groups_members, BODY(group_members_request),
						    false },
	[CHASQUI__METHOD__METHOD_APPS] = { apps_request, BODY(apps_request), false },
};

void
request_answer(struct control *ctl, struct session *s, uint64_t id, Chasqui__Code code,
	       uint32_t retry_after_s, const ProtobufCMessage *body)
{
	uint8_t buf[CHQ_HOP_BODY_MAX];
	int len = chq_ctrl_pack_response(id, code, retry_after_s, body, buf, sizeof(buf));

	if (len < 0) {
		code = CHASQUI__CODE__E_TOOBIG;
		len = chq_ctrl_pack_response(id, code, 0, NULL, buf, sizeof(buf));
	}
	if (code != CHASQUI__CODE__OK)
		control_count(ctl, COUNT_REQUEST_REFUSED);
	dp_send_message(ctl, s, buf, (size_t)len);
}

Chasqui__Code
request_code(int rc)
{
	switch (rc) {
	case CHQ_OK: return CHASQUI__CODE__OK;
	case CHQ_EAUTH: return CHASQUI__CODE__E_AUTH;
	case CHQ_EDENIED:
	case CHQ_EDISABLED:
	case CHQ_EKEYCHANGED: return CHASQUI__CODE__E_DENIED;
	case CHQ_ENOENT:
	case CHQ_ENOUSER: return CHASQUI__CODE__E_NOUSER;
	case CHQ_EAGAIN:
	case CHQ_EBUSY_LATER: return CHASQUI__CODE__E_BUSY;
	case CHQ_EMALFORMED:
	case CHQ_EINVAL:
	case CHQ_ECRYPTO:
	case CHQ_ENOTFRIEND: return CHASQUI__CODE__E_MALFORMED;
	case CHQ_ETOOBIG: return CHASQUI__CODE__E_TOOBIG;
	case CHQ_EEXPIRED: return CHASQUI__CODE__E_EXPIRED;
	case CHQ_ESTALE:
	case CHQ_EREPLAY: return CHASQUI__CODE__E_REPLAY;
	case CHQ_EEXIST: return CHASQUI__CODE__E_EXISTS;
	case CHQ_EFULL:
	case CHQ_ENOSPC:
	case CHQ_ELIMIT: return CHASQUI__CODE__E_FULL;
	default:
		return rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI ? CHASQUI__CODE__E_MALFORMED
								   : CHASQUI__CODE__E_UNAVAIL;
	}
}

bool
request_weighty(struct session *s)
{
	uint64_t now_ms = control_now_ms();

	if (s->weighty_ms > now_ms + (WEIGHTY_AT_ONCE - 1) * WEIGHTY_MS)
		return false;
	s->weighty_ms = (s->weighty_ms > now_ms ? s->weighty_ms : now_ms) + WEIGHTY_MS;
	return true;
}

void
request_fail(struct control *ctl, struct session *s, uint64_t id, int rc)
{
	Chasqui__Code code = request_code(rc);

	request_answer(ctl, s, id, code, code == CHASQUI__CODE__E_BUSY, NULL);
}

static void
request_handle(struct control *ctl, struct session *s, const Chasqui__Request *m)
{
	const struct method *how = m->method < ARRAY_LEN(methods) ? &methods[m->method] : NULL;
	struct request r = { .id = m->id };
	ProtobufCMessage *body = NULL;

	control_count(ctl, COUNT_REQUEST);
	if (s->state == SESSION_PRELOGIN && !(how && how->before_login)) {
		request_answer(ctl, s, m->id, CHASQUI__CODE__E_LOGIN, 0, NULL);
		return;
	}
	if (!how || !how->handle) {
		request_answer(ctl, s, m->id, CHASQUI__CODE__E_UNSUPPORTED, 0, NULL);
		return;
	}
	if (how->body) {
		body = chq_ctrl_unpack(how->body, m->body.data, m->body.len, NULL);
		if (!body) {
			request_fail(ctl, s, m->id, CHQ_EMALFORMED);
			return;
		}
	}
	r.body = body;
	how->handle(ctl, s, &r);
	if (body)
		protobuf_c_message_free_unpacked(body, NULL);
}

static void
request_message(struct control *ctl, struct session *s, const Chasqui__ToServer *m)
{
	if (m->body_case == CHASQUI__TO_SERVER__BODY_MAIL_ACK)
		for (size_t i = 0; i < m->mail_ack->n_group; i++)
			groups_acked(ctl, s, m->mail_ack->group[i]);
	switch (m->body_case) {
	case CHASQUI__TO_SERVER__BODY_REQUEST: request_handle(ctl, s, m->request); break;
	case CHASQUI__TO_SERVER__BODY_PUSH_ACK:
		for (size_t i = 0; i < m->push_ack->n_number; i++)
			push_acked(ctl, s, m->push_ack->epoch, m->push_ack->number[i]);
		break;
	case CHASQUI__TO_SERVER__BODY_MAIL_ACK: mail_acked(ctl, s, m->mail_ack); break;
	default: control_count(ctl, COUNT_REQUEST_BAD);
	}
}

void
request_frame(struct control *ctl, const struct chq_dp_server_rx *rx)
{
	struct session *s = session_find(&ctl->sessions, rx->ref);
	Chasqui__ToServer *m;

	if (!s)
		return;
	/* That it is confirmed may be told later than its first frame, on another queue. */
	life_confirmed(ctl, s);
	s = session_find(&ctl->sessions, rx->ref);
	if (!s)
		return;
	m = rx->app == 0 ? chq_ctrl_unpack_to_server(rx->body, rx->body_len, NULL) : NULL;
	if (!m) {
		control_count(ctl, COUNT_REQUEST_BAD);
		return;
	}
	request_message(ctl, s, m);
	chasqui__to_server__free_unpacked(m, NULL);
}
