/* The fake relay: control messages. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/password.h"
#include "tests/unit/client/relay_group.h"
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
	m.device = (uint32_t)x->device + 1;
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

/* Its own, or the first that is nobody's. */
static int
device_for(struct sim *s, int who, const struct sim_session *x)
{
	for (int i = 0; i < SIM_DEVICES; i++) {
		const struct sim_device *d = &s->account[who].device[i];

		if (!d->is_enrolled || memcmp(d->enrolled, x->static_key, 32) == 0)
			return i;
	}
	fail_msg("too many devices");
	return 0;
}

static bool
is_online(const struct sim *s, int who)
{
	for (int i = 0; i < SIM_DEVICES; i++)
		if (s->account[who].device[i].session)
			return true;
	return false;
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
		x->device = device_for(s, who, x);
		x->logged_in = x->confirmed = true;
		s->account[who].device[x->device].session = x;
		if (m->enroll) {
			memcpy(s->account[who].device[x->device].enrolled, x->static_key, 32);
			s->account[who].device[x->device].is_enrolled = true;
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
		k[i].status = is_online(s, i) ? CHASQUI__STATUS__STATUS_ONLINE
					      : CHASQUI__STATUS__STATUS_OFFLINE;
		if (!s->no_grants[x->account])
			k[i].grant = relay_grant(s, x->account, i);
		if (!s->no_reply_grants[x->account])
			k[i].reply_grant = relay_grant(s, i, x->account);
		if (s->on_contact)
			s->on_contact(s, &k[i]);
		list[page.n_contact++] = &k[i];
	}
	if (s->on_contacts)
		s->on_contacts(s, &page);
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

static struct sim_device *
device_of(struct sim *s, const struct sim_session *x)
{
	return &s->account[x->account].device[x->device];
}

static void
tell_others(struct sim *s, const struct sim_session *x)
{
	Chasqui__DevicesChanged m = CHASQUI__DEVICES_CHANGED__INIT;

	for (int i = 0; i < SIM_DEVICES; i++) {
		Chasqui__Push push = CHASQUI__PUSH__INIT;

		push.body_case = CHASQUI__PUSH__BODY_DEVICES_CHANGED;
		push.devices_changed = &m;
		if (i != x->device && s->account[x->account].device[i].session)
			relay_push(s, s->account[x->account].device[i].session, &push);
	}
}

/* As a server does: the first account key stays, versions rise. */
static Chasqui__Code
take_list(struct sim *s, const struct sim_session *x, const ProtobufCBinaryData *bytes,
	  const uint8_t *key)
{
	struct sim_account *a = &s->account[x->account];
	struct chq_device_list list, old;

	assert_in_range(bytes->len, 1, sizeof(a->list));
	if (a->list_len && key && memcmp(a->account_key, key, 32) != 0)
		return CHASQUI__CODE__E_DENIED;
	if (!key)
		key = a->account_key;
	if (chq_device_list_parse(bytes->data, bytes->len, key, &list) < 0)
		return CHASQUI__CODE__E_MALFORMED;
	if (a->list_len == bytes->len && memcmp(a->list, bytes->data, bytes->len) == 0)
		return CHASQUI__CODE__OK;
	if (a->list_len && chq_device_list_parse(a->list, a->list_len, key, &old) == CHQ_OK &&
	    list.version <= old.version)
		return CHASQUI__CODE__E_REPLAY;
	memcpy(a->account_key, key, 32);
	memcpy(a->list, bytes->data, bytes->len);
	a->list_len = bytes->len;
	tell_others(s, x);
	return CHASQUI__CODE__OK;
}

static void
publish(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__KeysPublish *m = unpack(q, &chasqui__keys_publish__descriptor);
	Chasqui__Code code = CHASQUI__CODE__OK;

	if (m->device_list.len)
		code = take_list(s, x, &m->device_list, m->account_key.data);
	if (m->prekey.len && code == CHASQUI__CODE__OK) {
		assert_int_equal(m->prekey.len, CHQ_PREKEY_LEN);
		memcpy(device_of(s, x)->prekey, m->prekey.data, CHQ_PREKEY_LEN);
		device_of(s, x)->has_prekey = s->account[x->account].has_keys = true;
	}
	reply(s, x, q->id, code, NULL);
	chasqui__keys_publish__free_unpacked(m, NULL);
}

static void
keys(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__KeysRequest *m = unpack(q, &chasqui__keys_request__descriptor);
	Chasqui__DevicePrekey pk[SIM_DEVICES], *pks[SIM_DEVICES];
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
		r.prekey = pks;
		if (a.list_len) {
			r.account_key = (ProtobufCBinaryData){ 32, a.account_key };
			r.device_list = (ProtobufCBinaryData){ a.list_len, a.list };
		}
		for (int d = 0; d < SIM_DEVICES; d++) {
			if (!a.device[d].has_prekey || a.device[d].revoked)
				continue;
			chasqui__device_prekey__init(&pk[d]);
			pk[d].device = (uint32_t)d + 1;
			pk[d].prekey = (ProtobufCBinaryData){ CHQ_PREKEY_LEN, a.device[d].prekey };
			pks[r.n_prekey++] = &pk[d];
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
	Chasqui__Device d[SIM_DEVICES], *list[SIM_DEVICES];
	Chasqui__DevicesReply r = CHASQUI__DEVICES_REPLY__INIT;
	char name[] = "test device";

	r.device = list;
	for (int i = 0; i < SIM_DEVICES; i++) {
		struct sim_device *of = &s->account[x->account].device[i];

		if (i && (!of->is_enrolled || of->revoked))
			continue;
		chasqui__device__init(&d[i]);
		d[i].number = (uint32_t)i + 1;
		d[i].kind = CHQ_CLIENT_PC;
		d[i].name = name;
		d[i].online = of->session != NULL;
		if (of->offers && !of->sealed_len) {
			d[i].signing_key = (ProtobufCBinaryData){ 32, of->sign };
			d[i].identity_key = (ProtobufCBinaryData){ 32, of->ident };
		}
		list[r.n_device++] = &d[i];
	}
	reply(s, x, q->id, CHASQUI__CODE__OK, &r.base);
}

static void
push_offered(struct sim *s, const struct sim_session *x)
{
	Chasqui__DeviceOffered m = CHASQUI__DEVICE_OFFERED__INIT;
	struct sim_device copy = *device_of(s, x);
	char name[] = "new device";

	m.number = (uint32_t)x->device + 1;
	m.name = name;
	m.signing_key = (ProtobufCBinaryData){ 32, copy.sign };
	m.identity_key = (ProtobufCBinaryData){ 32, copy.ident };
	if (s->on_offered)
		s->on_offered(s, &m);
	for (int i = 0; i < SIM_DEVICES; i++) {
		Chasqui__Push push = CHASQUI__PUSH__INIT;

		push.body_case = CHASQUI__PUSH__BODY_DEVICE_OFFERED;
		push.device_offered = &m;
		if (i != x->device && s->account[x->account].device[i].session)
			relay_push(s, s->account[x->account].device[i].session, &push);
	}
}

static void
offer(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__DeviceOffer *m = unpack(q, &chasqui__device_offer__descriptor);
	struct sim_device *d = device_of(s, x);

	assert_int_equal(m->signing_key.len, 32);
	assert_int_equal(m->identity_key.len, 32);
	memcpy(d->sign, m->signing_key.data, 32);
	memcpy(d->ident, m->identity_key.data, 32);
	d->offers = true;
	reply(s, x, q->id, CHASQUI__CODE__OK, NULL);
	push_offered(s, x);
	chasqui__device_offer__free_unpacked(m, NULL);
}

static void
sealed(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__DeviceSealed m = CHASQUI__DEVICE_SEALED__INIT;
	struct sim_device d = *device_of(s, x);

	m.sealed = (ProtobufCBinaryData){ d.sealed_len, d.sealed };
	if (s->on_sealed)
		s->on_sealed(s, &m);
	reply(s, x, q->id, m.sealed.len ? CHASQUI__CODE__OK : CHASQUI__CODE__E_NOUSER,
	      m.sealed.len ? &m.base : NULL);
}

static void
approve(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__DeviceApprove *m = unpack(q, &chasqui__device_approve__descriptor);
	struct sim_device *d = &s->account[x->account].device[(m->number - 1) % SIM_DEVICES];
	Chasqui__DeviceSealed told = CHASQUI__DEVICE_SEALED__INIT;
	Chasqui__Push push = CHASQUI__PUSH__INIT;
	Chasqui__Code code = take_list(s, x, &m->device_list, NULL);
	uint8_t copy[CHQ_ACCOUNT_SEALED_LEN];

	assert_int_equal(m->sealed.len, sizeof(d->sealed));
	reply(s, x, q->id, code, NULL);
	if (code == CHASQUI__CODE__OK) {
		memcpy(d->sealed, m->sealed.data, sizeof(d->sealed));
		memcpy(copy, d->sealed, sizeof(copy));
		d->sealed_len = sizeof(d->sealed);
		told.sealed = (ProtobufCBinaryData){ sizeof(copy), copy };
		if (s->on_sealed)
			s->on_sealed(s, &told);
		push.body_case = CHASQUI__PUSH__BODY_DEVICE_SEALED;
		push.device_sealed = &told;
		if (d->session)
			relay_push(s, d->session, &push);
	}
	chasqui__device_approve__free_unpacked(m, NULL);
}

static void
revoke(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__DeviceRevoke *m = unpack(q, &chasqui__device_revoke__descriptor);
	struct sim_device *d = &s->account[x->account].device[(m->number - 1) % SIM_DEVICES];
	Chasqui__Code code = CHASQUI__CODE__OK;

	if (m->device_list.len)
		code = take_list(s, x, &m->device_list, NULL);
	reply(s, x, q->id, code, NULL);
	if (code == CHASQUI__CODE__OK && !s->keep_revoked) {
		d->revoked = true;
		if (d->session) {
			relay_notice(s, d->session, CHQ_NOTICE_CLOSED, 0, 0);
			relay_close_session(s, d->session);
		}
	}
	chasqui__device_revoke__free_unpacked(m, NULL);
}

static void
logout(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	int who = x->account;

	reply(s, x, q->id, CHASQUI__CODE__OK, NULL);
	relay_close_session(s, x);
	relay_push_presence(s, who, false);
}

/* Nobody is in any group here. */
static void
groups(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__GroupsPage page = CHASQUI__GROUPS_PAGE__INIT;

	page.version = 1;
	reply(s, x, q->id, CHASQUI__CODE__OK, &page.base);
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
	if (relay_group_request(s, x, q))
		return;
	switch (q->method) {
	case CHASQUI__METHOD__METHOD_WHOAMI: reply_login(s, x, q->id); break;
	case CHASQUI__METHOD__METHOD_CONTACTS: contacts(s, x, q); break;
	case CHASQUI__METHOD__METHOD_GRANT: grant(s, x, q); break;
	case CHASQUI__METHOD__METHOD_KEYS_PUBLISH: publish(s, x, q); break;
	case CHASQUI__METHOD__METHOD_KEYS_GET: keys(s, x, q); break;
	case CHASQUI__METHOD__METHOD_DEVICES: devices(s, x, q); break;
	case CHASQUI__METHOD__METHOD_DEVICE_OFFER: offer(s, x, q); break;
	case CHASQUI__METHOD__METHOD_DEVICE_SEALED: sealed(s, x, q); break;
	case CHASQUI__METHOD__METHOD_DEVICE_APPROVE: approve(s, x, q); break;
	case CHASQUI__METHOD__METHOD_DEVICE_REVOKE: revoke(s, x, q); break;
	case CHASQUI__METHOD__METHOD_GROUPS: groups(s, x, q); break;
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
	else if (m->body_case == CHASQUI__TO_SERVER__BODY_MAIL_ACK)
		relay_group_acked(x, m->mail_ack);
	chasqui__to_server__free_unpacked(m, NULL);
}

void
relay_push(struct sim *s, struct sim_session *x, Chasqui__Push *push)
{
	Chasqui__FromServer m = CHASQUI__FROM_SERVER__INIT;
	uint8_t buf[CHQ_HOP_BODY_MAX];

	push->epoch = s->epoch;
	push->number = ++x->pushes;
	m.body_case = CHASQUI__FROM_SERVER__BODY_PUSH;
	m.push = push;
	relay_send_control(s, x, buf, (size_t)chq_ctrl_pack(&m.base, buf, sizeof(buf)));
}

void
relay_push_presence(struct sim *s, int about, bool online)
{
	Chasqui__Presence p = CHASQUI__PRESENCE__INIT;

	p.account = s->account[about].id;
	p.status = online ? CHASQUI__STATUS__STATUS_ONLINE : CHASQUI__STATUS__STATUS_OFFLINE;
	for (int i = 0; i < SIM_CLIENTS; i++) {
		for (int d = 0; d < SIM_DEVICES; d++) {
			struct sim_session *x = s->account[i].device[d].session;
			Chasqui__Push push = CHASQUI__PUSH__INIT;

			push.body_case = CHASQUI__PUSH__BODY_PRESENCE;
			push.presence = &p;
			if (x && i != about)
				relay_push(s, x, &push);
		}
	}
}
