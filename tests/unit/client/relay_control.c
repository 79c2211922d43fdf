/* The fake relay: control messages. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/password.h"
#include "tests/unit/client/sim.h"

static void
reply(struct sim *s, struct sim_session *x, uint64_t id, Chasqui__Code code,
      const ProtobufCMessage *body)
{
	uint8_t buf[CHQ_HOP_BODY_MAX];
	int n = chq_ctrl_pack_response(id, code, 0, body, buf, sizeof(buf));

	assert_true(n > 0);
	relay_send_control(s, x, buf, (size_t)n);
}

static void
reply_login(struct sim *s, struct sim_session *x, uint64_t id)
{
	Chasqui__LoginReply m = CHASQUI__LOGIN_REPLY__INIT;
	char empty[1] = "", login[32];

	snprintf(login, sizeof(login), "%s", s->account[x->account].login);
	m.account = s->account[x->account].id;
	m.device = 1;
	m.login = login;
	m.display_name = empty;
	m.epoch = s->epoch;
	m.contacts_version = s->contacts_version;
	reply(s, x, id, CHASQUI__CODE__OK, &m.base);
}

static void *
unpack(const Chasqui__Request *q, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m = chq_ctrl_unpack(type, q->body.data, q->body.len, NULL);

	assert_non_null(m);
	return m;
}

static bool
password_right(struct sim_session *x, const Chasqui__LoginRequest *m)
{
	char password[CHQ_PASSWORD_MAX + 1];

	return chq_password_open(x->keys.login, m->attempt, x->hash, m->sealed_password.data,
				 m->sealed_password.len, password) >= 0 &&
	       strcmp(password, SIM_PASSWORD) == 0;
}

static void
login(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__LoginRequest *m = unpack(q, &chasqui__login_request__descriptor);
	int who = -1;

	for (int i = 0; i < SIM_CLIENTS; i++)
		if (strcmp(s->account[i].login, m->login) == 0 && password_right(x, m))
			who = i;
	if (x->logged_in) {
		reply_login(s, x, q->id);
	} else if (who < 0) {
		reply(s, x, q->id, CHASQUI__CODE__E_AUTH, NULL);
	} else {
		x->account = who;
		x->logged_in = x->confirmed = true;
		s->account[who].session = x;
		if (m->enroll) {
			memcpy(s->account[who].enrolled, x->static_key, 32);
			s->account[who].is_enrolled = true;
		}
		reply_login(s, x, q->id);
		relay_push_presence(s, who, true);
	}
	chasqui__login_request__free_unpacked(m, NULL);
}

static void
contacts(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__ContactsRequest *m = unpack(q, &chasqui__contacts_request__descriptor);
	Chasqui__ContactsPage page = CHASQUI__CONTACTS_PAGE__INIT;
	Chasqui__Contact k[SIM_CLIENTS], *list[SIM_CLIENTS];
	char names[SIM_CLIENTS][32], empty[1] = "";

	page.version = s->contacts_version;
	page.unchanged = m->version == s->contacts_version;
	page.contact = list;
	/* One contact a page. */
	for (int i = 0; i < SIM_CLIENTS && !page.unchanged; i++) {
		if (i == x->account || s->account[i].id <= m->cursor)
			continue;
		if (page.n_contact == 1) {
			page.next_cursor = list[0]->account;
			break;
		}
		chasqui__contact__init(&k[i]);
		snprintf(names[i], sizeof(names[i]), "%s", s->account[i].login);
		k[i].account = s->account[i].id;
		k[i].login = names[i];
		k[i].display_name = empty;
		k[i].relation = CHASQUI__RELATION__RELATION_FRIEND;
		k[i].status = s->account[i].session ? CHASQUI__STATUS__STATUS_ONLINE
						    : CHASQUI__STATUS__STATUS_OFFLINE;
		if (!s->no_grants[x->account])
			k[i].grant = relay_grant(s, x->account, i);
		if (!s->no_reply_grants[x->account])
			k[i].reply_grant = relay_grant(s, i, x->account);
		if (s->on_contact)
			s->on_contact(s, &k[i]);
		list[page.n_contact++] = &k[i];
	}
	reply(s, x, q->id, CHASQUI__CODE__OK, &page.base);
	chasqui__contacts_request__free_unpacked(m, NULL);
}

static int
account_index(uint64_t id)
{
	uint64_t i = id - sim_account_of(0);

	return i < SIM_CLIENTS ? (int)i : -1;
}

static void
grant(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__GrantRequest *m = unpack(q, &chasqui__grant_request__descriptor);
	Chasqui__GrantReply r = CHASQUI__GRANT_REPLY__INIT;
	int i = s->no_grants[x->account] ? -1 : account_index(m->account);

	s->grants_asked++;
	if (i >= 0)
		r.grant = relay_grant(s, x->account, i);
	reply(s, x, q->id, i < 0 ? CHASQUI__CODE__E_NOUSER : CHASQUI__CODE__OK,
	      i < 0 ? NULL : &r.base);
	chasqui__grant_request__free_unpacked(m, NULL);
}

static void
publish(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__KeysPublish *m = unpack(q, &chasqui__keys_publish__descriptor);
	struct sim_account *a = &s->account[x->account];

	if (m->device_list.len) {
		assert_in_range(m->device_list.len, 1, sizeof(a->list));
		memcpy(a->list, m->device_list.data, m->device_list.len);
		a->list_len = m->device_list.len;
		memcpy(a->account_key, m->account_key.data, 32);
	}
	if (m->prekey.len) {
		assert_int_equal(m->prekey.len, CHQ_PREKEY_LEN);
		memcpy(a->prekey, m->prekey.data, CHQ_PREKEY_LEN);
		a->has_keys = true;
	}
	reply(s, x, q->id, CHASQUI__CODE__OK, NULL);
	chasqui__keys_publish__free_unpacked(m, NULL);
}

static void
keys(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__KeysRequest *m = unpack(q, &chasqui__keys_request__descriptor);
	Chasqui__DevicePrekey pk = CHASQUI__DEVICE_PREKEY__INIT, *pks[1] = { &pk };
	Chasqui__KeysReply r = CHASQUI__KEYS_REPLY__INIT;
	int i = account_index(m->account);
	struct sim_account a;

	s->keys_asked++;
	s->keys_after = m->after_device;
	if (i < 0) {
		reply(s, x, q->id, CHASQUI__CODE__E_NOUSER, NULL);
	} else {
		a = s->account[i];
		r.account = a.id;
		if (a.has_keys) {
			r.account_key = (ProtobufCBinaryData){ 32, a.account_key };
			r.device_list = (ProtobufCBinaryData){ a.list_len, a.list };
			pk.device = 1;
			pk.prekey = (ProtobufCBinaryData){ CHQ_PREKEY_LEN, a.prekey };
			r.n_prekey = 1;
			r.prekey = pks;
		}
		if (s->on_keys)
			s->on_keys(s, &r);
		reply(s, x, q->id, CHASQUI__CODE__OK, &r.base);
	}
	chasqui__keys_request__free_unpacked(m, NULL);
}

static void
devices(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__Device d = CHASQUI__DEVICE__INIT, *list[1] = { &d };
	Chasqui__DevicesReply r = CHASQUI__DEVICES_REPLY__INIT;
	char name[] = "test device";

	d.number = 1;
	d.kind = CHQ_CLIENT_PC;
	d.name = name;
	d.online = 1;
	r.n_device = 1;
	r.device = list;
	reply(s, x, q->id, CHASQUI__CODE__OK, &r.base);
}

static void
logout(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	int who = x->account;

	reply(s, x, q->id, CHASQUI__CODE__OK, NULL);
	relay_close_session(s, x);
	relay_push_presence(s, who, false);
}

static void
request(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	s->request_id = q->id;
	if (q->method == CHASQUI__METHOD__METHOD_LOGIN) {
		login(s, x, q);
		return;
	}
	if (!x->logged_in) {
		reply(s, x, q->id, CHASQUI__CODE__E_LOGIN, NULL);
		return;
	}
	switch (q->method) {
	case CHASQUI__METHOD__METHOD_WHOAMI: reply_login(s, x, q->id); break;
	case CHASQUI__METHOD__METHOD_CONTACTS: contacts(s, x, q); break;
	case CHASQUI__METHOD__METHOD_GRANT: grant(s, x, q); break;
	case CHASQUI__METHOD__METHOD_KEYS_PUBLISH: publish(s, x, q); break;
	case CHASQUI__METHOD__METHOD_KEYS_GET: keys(s, x, q); break;
	case CHASQUI__METHOD__METHOD_DEVICES: devices(s, x, q); break;
	case CHASQUI__METHOD__METHOD_LOGOUT: logout(s, x, q); break;
	default: fail_msg("method %u", q->method);
	}
}

void
relay_control(struct sim *s, struct sim_session *x, const uint8_t *buf, size_t len)
{
	Chasqui__ToServer *m = chq_ctrl_unpack_to_server(buf, len, NULL);

	assert_non_null(m);
	if (m->body_case == CHASQUI__TO_SERVER__BODY_REQUEST)
		request(s, x, m->request);
	chasqui__to_server__free_unpacked(m, NULL);
}

void
relay_push_presence(struct sim *s, int about, bool online)
{
	Chasqui__FromServer m = CHASQUI__FROM_SERVER__INIT;
	Chasqui__Presence p = CHASQUI__PRESENCE__INIT;
	Chasqui__Push push = CHASQUI__PUSH__INIT;
	uint8_t buf[256];

	p.account = s->account[about].id;
	p.status = online ? CHASQUI__STATUS__STATUS_ONLINE : CHASQUI__STATUS__STATUS_OFFLINE;
	push.epoch = s->epoch;
	push.body_case = CHASQUI__PUSH__BODY_PRESENCE;
	push.presence = &p;
	m.body_case = CHASQUI__FROM_SERVER__BODY_PUSH;
	m.push = &push;
	for (int i = 0; i < SIM_CLIENTS; i++) {
		struct sim_session *x = s->account[i].session;

		if (!x || i == about)
			continue;
		push.number = ++x->pushes;
		relay_send_control(s, x, buf, (size_t)chq_ctrl_pack(&m.base, buf, sizeof(buf)));
	}
}
