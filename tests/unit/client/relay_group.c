#include "tests/unit/client/relay_group.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "proto/group_fmt.h"

#define RESEND_MS 2000
#define WINDOW	  32
#define GRANT	  (UINT64_C(60000) << 48 | 7)

struct relay_group relay_group;

void
relay_group_begin(int n)
{
	relay_group = (struct relay_group){ .epoch = 1, .first = 1 };
	for (int i = 0; i < n; i++) {
		relay_group.member[i] = true;
		relay_group.rights[i] = CHQ_GROUP_POST;
	}
}

static void
send_one(struct sim *s, struct sim_session *x, uint32_t order)
{
	uint8_t payload[CHQ_PAYLOAD_MAX];
	uint16_t len = relay_group.frame[order].len;
	struct chq_frame_hdr h = { .flags = CHQ_F_STORE,
				   .app = relay_group.frame[order].app,
				   .party = relay_group.frame[order].from,
				   .message = relay_group.frame[order].message,
				   .grant = CHQ_GROUP_EXTRA(RELAY_GROUP, order) };

	memcpy(payload, relay_group.frame[order].payload, len);
	if (order == relay_group.alter)
		payload[len - 1] ^= 1;
	relay_send_frame(s, x, &h, payload, len);
}

void
relay_group_run(struct sim *s)
{
	struct relay_group *g = &relay_group;

	for (int i = 0; i < SIM_CLIENTS; i++) {
		struct sim_session *x = relay_session_of(s, i);

		if (!x || !g->member[i])
			continue;
		if (g->sent[i] > g->acked[i] && s->mono_ms >= g->sent_ms[i] + RESEND_MS)
			g->sent[i] = g->acked[i];
		if (g->acked[i] + 1 < g->first)
			g->acked[i] = g->sent[i] = g->first - 1;
		while (g->sent[i] < g->order && g->sent[i] - g->acked[i] < WINDOW) {
			g->sent_ms[i] = s->mono_ms;
			send_one(s, x, ++g->sent[i]);
		}
	}
}

void
relay_group_acked(struct sim_session *x, const Chasqui__MailAck *ack)
{
	uint32_t *acked = &relay_group.acked[x->account];

	for (size_t i = 0; i < ack->n_group; i++) {
		uint32_t order = CHQ_GROUP_ORDER(ack->group[i]);

		assert_int_equal(CHQ_GROUP_OF(ack->group[i]), RELAY_GROUP);
		assert_true(order <= relay_group.order);
		if (order > *acked)
			*acked = order;
		if (relay_group.sent[x->account] < *acked)
			relay_group.sent[x->account] = *acked;
	}
}

void
relay_group_changed(struct sim *s)
{
	relay_group.epoch++;
	for (int i = 0; i < SIM_CLIENTS; i++) {
		struct sim_session *x = relay_session_of(s, i);
		Chasqui__GroupsChanged changed = CHASQUI__GROUPS_CHANGED__INIT;
		Chasqui__Push push = CHASQUI__PUSH__INIT;

		push.body_case = CHASQUI__PUSH__BODY_GROUPS_CHANGED;
		push.groups_changed = &changed;
		if (x)
			relay_push(s, x, &push);
	}
}

static void
answer(struct sim *s, struct sim_session *x, const Chasqui__Request *q, Chasqui__Code code,
       const ProtobufCMessage *body)
{
	uint8_t buf[CHQ_HOP_BODY_MAX];
	int n = chq_ctrl_pack_response(q->id, code, 0, body, buf, sizeof(buf));

	assert_true(n > 0);
	relay_send_control(s, x, buf, (size_t)n);
}

static void
list(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__GroupsPage page = CHASQUI__GROUPS_PAGE__INIT;
	Chasqui__Group g = CHASQUI__GROUP__INIT, *groups[1] = { &g };
	char name[] = "Sales";

	page.version = relay_group.epoch + 1;
	g.id = g.department = RELAY_GROUP;
	g.name = name;
	g.rights = relay_group.rights[x->account];
	g.grant = GRANT;
	g.epoch = relay_group.epoch;
	g.order = relay_group.order;
	g.served = relay_group.acked[x->account];
	if (g.served + 1 < relay_group.first)
		g.served = relay_group.first - 1;
	page.group = groups;
	page.n_group = relay_group.member[x->account];
	answer(s, x, q, CHASQUI__CODE__OK, &page.base);
}

static void
key(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__GroupKeyRequest *m = (Chasqui__GroupKeyRequest *)chq_ctrl_unpack(
		&chasqui__group_key_request__descriptor, q->body.data, q->body.len, NULL);
	Chasqui__GroupKeyReply reply = CHASQUI__GROUP_KEY_REPLY__INIT;
	uint8_t bytes[CHQ_GROUP_KEY_BYTES] = { 3 };

	assert_non_null(m);
	relay_group.keys_given++;
	reply.epoch = m->epoch ? m->epoch : relay_group.epoch;
	bytes[1] = (uint8_t)reply.epoch;
	reply.key = (ProtobufCBinaryData){ sizeof(bytes), bytes };
	answer(s, x, q,
	       relay_group.member[x->account] ? CHASQUI__CODE__OK : CHASQUI__CODE__E_DENIED,
	       relay_group.member[x->account] ? &reply.base : NULL);
	chasqui__group_key_request__free_unpacked(m, NULL);
}

static void
members(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__GroupMembersRequest *m = (Chasqui__GroupMembersRequest *)chq_ctrl_unpack(
		&chasqui__group_members_request__descriptor, q->body.data, q->body.len, NULL);
	Chasqui__GroupMembersPage page = CHASQUI__GROUP_MEMBERS_PAGE__INIT;
	Chasqui__GroupMember one = CHASQUI__GROUP_MEMBER__INIT, *list[1] = { &one };
	char login[] = "zoe", name[] = "Zoe";

	assert_non_null(m);
	assert_int_equal(m->group, RELAY_GROUP);
	one.account = 100 + m->cursor; /* one a page, two pages */
	one.rights = CHQ_GROUP_POST;
	one.login = login;
	one.display_name = name;
	page.member = list;
	page.n_member = 1;
	page.next_cursor = m->cursor ? 0 : 1;
	answer(s, x, q, CHASQUI__CODE__OK, &page.base);
	chasqui__group_members_request__free_unpacked(m, NULL);
}

static void
change(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	Chasqui__GroupChange *m = (Chasqui__GroupChange *)chq_ctrl_unpack(
		&chasqui__group_change__descriptor, q->body.data, q->body.len, NULL);
	Chasqui__GroupChanged reply = CHASQUI__GROUP_CHANGED__INIT;
	bool may = relay_group.rights[x->account] & CHQ_GROUP_MANAGE;

	assert_non_null(m);
	relay_group.changed.act = m->act;
	relay_group.changed.account = m->account;
	relay_group.changed.rights = m->rights;
	snprintf(relay_group.changed.name, sizeof(relay_group.changed.name), "%s", m->name);
	reply.epoch = relay_group.epoch;
	answer(s, x, q, may ? CHASQUI__CODE__OK : CHASQUI__CODE__E_DENIED,
	       may ? &reply.base : NULL);
	chasqui__group_change__free_unpacked(m, NULL);
}

bool
relay_group_request(struct sim *s, struct sim_session *x, const Chasqui__Request *q)
{
	if (relay_group.epoch == 0)
		return false;
	if (q->method == CHASQUI__METHOD__METHOD_GROUPS)
		list(s, x, q);
	else if (q->method == CHASQUI__METHOD__METHOD_GROUP_KEY)
		key(s, x, q);
	else if (q->method == CHASQUI__METHOD__METHOD_GROUP_MEMBERS)
		members(s, x, q);
	else if (q->method == CHASQUI__METHOD__METHOD_GROUP_CHANGE)
		change(s, x, q);
	else
		return false;
	return true;
}

static bool
said_before(uint64_t from, uint64_t message, uint32_t *order)
{
	for (*order = relay_group.order; *order > 0; (*order)--)
		if (relay_group.frame[*order].from == from &&
		    relay_group.frame[*order].message == message)
			return true;
	return false;
}

bool
relay_group_frame(struct sim *s, struct sim_session *x, const struct chq_frame_hdr *h,
		  const uint8_t *payload, size_t len)
{
	struct relay_group *g = &relay_group;
	uint64_t from = CHQ_PARTY(CHQ_KIND_ACCOUNT, x->device + 1, s->account[x->account].id);
	uint32_t order;

	if (CHQ_PARTY_KIND(h->party) != CHQ_KIND_GROUP)
		return false;
	assert_int_equal(h->grant, GRANT);
	assert_int_equal(CHQ_PARTY_ID(h->party), RELAY_GROUP);
	if (!g->member[x->account] || chq_get_le32(payload) != g->epoch) {
		g->refused++;
		relay_notice(s, x, CHQ_NOTICE_UNKNOWN, h->party, h->message);
		return true;
	}
	if (said_before(from, h->message, &order)) {
		assert_int_equal(g->frame[order].len, len);
		send_one(s, x, order);
		return true;
	}
	assert_true(++g->order < RELAY_GROUP_FRAMES);
	g->frame[g->order].from = from;
	g->frame[g->order].message = h->message;
	g->frame[g->order].app = h->app;
	g->frame[g->order].len = (uint16_t)len;
	memcpy(g->frame[g->order].payload, payload, len);
	relay_group_run(s);
	return true;
}
