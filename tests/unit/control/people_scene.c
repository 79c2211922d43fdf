#include "tests/unit/control/people_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/grant.h"
#include "tests/unit/control/ctl_words.h"

int
people_setup(void **state)
{
	struct fixture *f;

	fixture_setup(state);
	f = *state;
	f->conf.friends.ask = CHQ_FRIENDS_VISIBLE;
	words_ok(f, "dept add Dev");
	words_ok(f, "dept add Sales");
	words_ok(f, "dept join Dev alice");
	words_ok(f, "dept join Dev bob");
	words_ok(f, "dept join Sales carol");
	words_ok(f, "policy add --subjects=members(Dev) --objects=members(Dev) --rights=all");
	words_ok(f, "policy add --subjects=members(Sales) --objects=members(Sales) --rights=all");
	return 0;
}

Chasqui__ContactsPage *
ask_list(struct fixture *f, struct fix_client *c, uint64_t version, uint64_t cursor, bool deltas)
{
	Chasqui__ContactsRequest m = CHASQUI__CONTACTS_REQUEST__INIT;
	ProtobufCMessage *reply;

	m.version = version;
	m.cursor = cursor;
	m.deltas = deltas;
	assert_int_equal(client_call(f, c, CHASQUI__METHOD__METHOD_CONTACTS, &m.base,
				     &chasqui__contacts_page__descriptor, &reply),
			 CHASQUI__CODE__OK);
	return (Chasqui__ContactsPage *)reply;
}

Chasqui__Contact *
row_of(const Chasqui__ContactsPage *p, uint64_t account)
{
	for (size_t i = 0; i < p->n_contact; i++)
		if (p->contact[i]->account == account)
			return p->contact[i];
	return NULL;
}

unsigned
sees(struct fixture *f, struct fix_client *c)
{
	Chasqui__ContactsPage *p = ask_list(f, c, 0, 0, false);
	unsigned bits = 0;

	assert_int_equal(p->next_cursor, 0);
	for (size_t i = 0; i < p->n_contact; i++)
		bits |= 1U << p->contact[i]->account;
	chasqui__contacts_page__free_unpacked(p, NULL);
	return bits;
}

uint64_t
grant_of(struct fixture *f, struct fix_client *c, uint64_t account)
{
	Chasqui__GrantRequest m = CHASQUI__GRANT_REQUEST__INIT;
	ProtobufCMessage *reply = NULL;
	uint64_t grant = 0;

	m.account = account;
	if (client_call(f, c, CHASQUI__METHOD__METHOD_GRANT, &m.base,
			&chasqui__grant_reply__descriptor, &reply) == CHASQUI__CODE__OK)
		grant = ((Chasqui__GrantReply *)reply)->grant;
	if (reply)
		protobuf_c_message_free_unpacked(reply, NULL);
	return grant;
}

bool
forwards(const struct fixture *f, const struct fix_client *from, const struct fix_client *to,
	 uint64_t grant)
{
	const struct chq_dp_session_open *s = &f->slot[from->ref.slot].open;
	const struct chq_dp_session_open *r = &f->slot[to->ref.slot].open;

	return chq_grant_ok(grant, chq_sipkey_load(r->grant_key), CHQ_KIND_ACCOUNT, s->account,
			    s->sender_epoch, r->account, chq_day());
}
