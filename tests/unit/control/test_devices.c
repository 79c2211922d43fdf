#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/e2e_account.h"
#include "proto/e2e_fmt.h"
#include "store/account.h"
#include "store/device.h"
#include "store/writer.h"
#include "tests/unit/control/fixture.h"

/* Several devices of one account: how the second gets the account key, and how one is thrown out. */

enum { ALICE = 1 };

struct keys {
	struct chq_signkey account, ds[3];
	struct chq_keypair ik[3];
	uint8_t list[CHQ_DEVICE_LIST_MAX];
	size_t list_len;
	uint64_t version;
};

static void
keys_make(struct keys *k)
{
	memset(k, 0, sizeof(*k));
	chq_ed25519_keypair(&k->account);
	for (int i = 0; i < 3; i++) {
		chq_ed25519_keypair(&k->ds[i]);
		chq_x25519_keypair(&k->ik[i]);
	}
}

/* A list of the devices whose bits are set, with the next version. */
static ProtobufCBinaryData
list_of(struct keys *k, unsigned devices)
{
	struct chq_device_list list = { .account = ALICE, .version = ++k->version };

	for (unsigned i = 0; i < 3; i++) {
		if (!(devices >> i & 1))
			continue;
		list.device[list.count].device = (uint8_t)(i + 1);
		memcpy(list.device[list.count].sign, k->ds[i].public, 32);
		memcpy(list.device[list.count++].ident, k->ik[i].public, 32);
	}
	k->list_len = (size_t)chq_device_list_build(&list, &k->account, k->list, sizeof(k->list));
	return (ProtobufCBinaryData){ k->list_len, k->list };
}

static Chasqui__Code
publish(struct fixture *f, struct fix_client *c, struct keys *k, unsigned devices)
{
	Chasqui__KeysPublish m = CHASQUI__KEYS_PUBLISH__INIT;

	m.device_list = list_of(k, devices);
	m.account_key = (ProtobufCBinaryData){ 32, k->account.public };
	return client_call(f, c, CHASQUI__METHOD__METHOD_KEYS_PUBLISH, &m.base, NULL, NULL);
}

static Chasqui__Code
offer(struct fixture *f, struct fix_client *c, struct keys *k, int i)
{
	Chasqui__DeviceOffer m = CHASQUI__DEVICE_OFFER__INIT;

	m.signing_key = (ProtobufCBinaryData){ 32, k->ds[i].public };
	m.identity_key = (ProtobufCBinaryData){ 32, k->ik[i].public };
	return client_call(f, c, CHASQUI__METHOD__METHOD_DEVICE_OFFER, &m.base, NULL, NULL);
}

static Chasqui__Code
approve(struct fixture *f, struct fix_client *c, struct keys *k, uint32_t number, unsigned devices)
{
	Chasqui__DeviceApprove m = CHASQUI__DEVICE_APPROVE__INIT;
	uint8_t sealed[CHQ_ACCOUNT_SEALED_LEN] = { 7 };

	m.number = number;
	m.sealed = (ProtobufCBinaryData){ sizeof(sealed), sealed };
	m.device_list = list_of(k, devices);
	return client_call(f, c, CHASQUI__METHOD__METHOD_DEVICE_APPROVE, &m.base, NULL, NULL);
}

static Chasqui__Code
sealed(struct fixture *f, struct fix_client *c)
{
	ProtobufCMessage *reply = NULL;
	Chasqui__Code code = client_call(f, c, CHASQUI__METHOD__METHOD_DEVICE_SEALED, NULL,
					 &chasqui__device_sealed__descriptor, &reply);

	if (reply) {
		assert_int_equal(((Chasqui__DeviceSealed *)reply)->sealed.data[0], 7);
		protobuf_c_message_free_unpacked(reply, NULL);
	}
	return code;
}

static size_t
offers_waiting(struct fixture *f, struct fix_client *c)
{
	ProtobufCMessage *reply = NULL;
	Chasqui__DevicesReply *m;
	size_t n = 0;

	assert_int_equal(client_call(f, c, CHASQUI__METHOD__METHOD_DEVICES, NULL,
				     &chasqui__devices_reply__descriptor, &reply),
			 CHASQUI__CODE__OK);
	m = (Chasqui__DevicesReply *)reply;
	for (size_t i = 0; i < m->n_device; i++)
		n += m->device[i]->identity_key.len == 32;
	protobuf_c_message_free_unpacked(reply, NULL);
	return n;
}

static void
a_device_is_approved_by_another_in_one_step(void **state)
{
	struct fixture *f = *state;
	struct fix_client one, two;
	struct keys k;

	keys_make(&k);
	client_online(f, &one, 1, "alice");
	client_online(f, &two, 2, "alice");
	assert_int_equal(offer(f, &two, &k, 1), CHASQUI__CODE__E_NOUSER); /* nobody to ask */
	assert_int_equal(publish(f, &one, &k, 1), CHASQUI__CODE__OK);
	assert_int_equal(offer(f, &two, &k, 1), CHASQUI__CODE__OK);
	FIX_UNTIL(f, client_pushes(f, &one, CHASQUI__PUSH__BODY_DEVICE_OFFERED) > 0);
	assert_int_equal(client_pushes(f, &two, CHASQUI__PUSH__BODY_DEVICE_OFFERED), 0);
	assert_int_equal(offers_waiting(f, &one), 1);
	assert_int_equal(sealed(f, &two), CHASQUI__CODE__E_NOUSER);
	assert_int_equal(approve(f, &one, &k, 2, 3), CHASQUI__CODE__OK);
	FIX_UNTIL(f, client_pushes(f, &two, CHASQUI__PUSH__BODY_DEVICE_SEALED) > 0);
	assert_int_equal(sealed(f, &two), CHASQUI__CODE__OK);
	assert_int_equal(sealed(f, &one), CHASQUI__CODE__E_NOUSER);
	assert_int_equal(offers_waiting(f, &one), 0);
}

static void
an_offer_waits_for_a_device_that_comes_later(void **state)
{
	struct fixture *f = *state;
	struct fix_client one, two;
	struct keys k;

	keys_make(&k);
	client_online(f, &one, 1, "alice");
	assert_int_equal(publish(f, &one, &k, 1), CHASQUI__CODE__OK);
	client_call(f, &one, CHASQUI__METHOD__METHOD_LOGOUT, NULL, NULL, NULL);
	client_online(f, &two, 2, "alice");
	assert_int_equal(offer(f, &two, &k, 1), CHASQUI__CODE__OK);
	fixture_stop(f);
	fixture_start(f);
	client_hello(f, &one);
	client_confirm(f, &one);
	FIX_UNTIL(f, client_pushes(f, &one, CHASQUI__PUSH__BODY_DEVICE_OFFERED) > 0);
}

static void
what_is_not_offered_and_listed_exactly_is_not_approved(void **state)
{
	struct fixture *f = *state;
	struct fix_client one, two;
	struct keys k, other;

	keys_make(&k);
	keys_make(&other);
	client_online(f, &one, 1, "alice");
	client_online(f, &two, 2, "alice");
	assert_int_equal(publish(f, &one, &k, 1), CHASQUI__CODE__OK);
	assert_int_equal(approve(f, &one, &k, 2, 3), CHASQUI__CODE__E_NOUSER); /* no offer */
	assert_int_equal(offer(f, &two, &other, 1), CHASQUI__CODE__OK);
	assert_int_equal(approve(f, &one, &k, 2, 3), CHASQUI__CODE__E_DENIED); /* other keys */
	assert_int_equal(offer(f, &two, &k, 1), CHASQUI__CODE__OK);
	assert_int_equal(approve(f, &one, &k, 2, 1), CHASQUI__CODE__E_DENIED); /* not listed */
	assert_int_equal(approve(f, &two, &other, 2, 3),
			 CHASQUI__CODE__E_MALFORMED); /* not signed */
	k.version = 0;
	assert_int_equal(approve(f, &one, &k, 2, 3), CHASQUI__CODE__E_REPLAY); /* an old list */
	assert_int_equal(sealed(f, &two), CHASQUI__CODE__E_NOUSER);
	k.version = 5;
	assert_int_equal(approve(f, &one, &k, 2, 3), CHASQUI__CODE__OK);
}

static Chasqui__Code
revoke(struct fixture *f, struct fix_client *c, struct keys *k, uint32_t number, unsigned devices)
{
	Chasqui__DeviceRevoke m = CHASQUI__DEVICE_REVOKE__INIT;

	m.number = number;
	m.device_list = list_of(k, devices);
	return client_call(f, c, CHASQUI__METHOD__METHOD_DEVICE_REVOKE, &m.base, NULL, NULL);
}

static void
a_revoked_device_has_no_session_and_is_in_no_list(void **state)
{
	struct fixture *f = *state;
	struct fix_client one, two, three;
	struct keys k;

	keys_make(&k);
	client_online(f, &one, 1, "alice");
	client_online(f, &two, 2, "alice");
	client_online(f, &three, 3, "alice");
	assert_int_equal(publish(f, &one, &k, 7), CHASQUI__CODE__OK);
	FIX_UNTIL(f, client_pushes(f, &three, CHASQUI__PUSH__BODY_DEVICES_CHANGED) > 0);
	assert_int_equal(revoke(f, &one, &k, 2, 7), CHASQUI__CODE__E_DENIED); /* still listed */
	assert_int_equal(f->slot[two.ref.slot].closed, 0);
	client_ack_all(f, &three);
	assert_int_equal(revoke(f, &one, &k, 2, 5), CHASQUI__CODE__OK);
	FIX_UNTIL(f, f->slot[two.ref.slot].closed == 1);
	assert_int_equal(f->slot[one.ref.slot].closed + f->slot[three.ref.slot].closed, 0);
	FIX_UNTIL(f, client_pushes(f, &three, CHASQUI__PUSH__BODY_DEVICES_CHANGED) > 1);
	client_hello(f, &two);
	assert_int_equal(two.welcome.status, CHQ_WELCOME_DISABLED);
}

static int
revoke_two(struct store_txn *txn, void *arg)
{
	(void)arg;
	return store_device_revoke(txn, ALICE, 2);
}

static int
disable_alice(struct store_txn *txn, void *arg)
{
	uint64_t now_ms = 1;

	(void)arg;
	return store_account_set_disabled(txn, ALICE, true, now_ms);
}

/* The store is ahead of the sessions for a moment: what was asked before is judged by the store. */
static void
what_was_asked_before_the_end_of_a_device_or_account_changes_nothing_after_it(void **state)
{
	struct fixture *f = *state;
	struct fix_client one, two;
	struct keys k;

	keys_make(&k);
	client_online(f, &one, 1, "alice");
	client_online(f, &two, 2, "alice");
	assert_int_equal(publish(f, &two, &k, 3), CHASQUI__CODE__OK);
	assert_int_equal(store_write_sync(f->ctl.store, revoke_two, NULL), 0);
	assert_int_equal(publish(f, &two, &k, 3), CHASQUI__CODE__E_DENIED);
	assert_int_equal(publish(f, &one, &k, 1), CHASQUI__CODE__OK);
	assert_int_equal(store_write_sync(f->ctl.store, disable_alice, NULL), 0);
	assert_int_equal(publish(f, &one, &k, 1), CHASQUI__CODE__E_DENIED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_device_is_approved_by_another_in_one_step),
		T(an_offer_waits_for_a_device_that_comes_later),
		T(what_is_not_offered_and_listed_exactly_is_not_approved),
		T(a_revoked_device_has_no_session_and_is_in_no_list),
		T(what_was_asked_before_the_end_of_a_device_or_account_changes_nothing_after_it),
	};
	return cmocka_run_group_tests_name("control/devices", tests, NULL, NULL);
}
