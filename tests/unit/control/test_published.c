#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/e2e_fmt.h"
#include "store/device.h"
#include "store/e2e.h"
#include "store/writer.h"
#include "tests/unit/control/fixture.h"

static void
make_friends(struct fixture *f)
{
	fixture_ctl(f, "{\"noun\":\"friend\",\"verb\":\"request\",\"args\":[\"alice\",\"bob\"]}\n");
	fixture_ctl(f, "{\"noun\":\"friend\",\"verb\":\"confirm\",\"args\":[\"bob\",\"alice\"]}\n");
}

/* The keys of an account with one device. */
struct e2e {
	struct chq_signkey account, device;
	uint8_t list[CHQ_DEVICE_LIST_LEN(1)], prekey[CHQ_PREKEY_LEN];
};

static void
e2e_make(struct e2e *e, uint64_t account, uint64_t version)
{
	struct chq_device_list list = { .account = account, .version = version, .count = 1 };
	struct chq_prekey prekey = { .account = account, .device = 1, .id = 5, .expiry_ms = 9 };

	chq_ed25519_keypair(&e->account);
	chq_ed25519_keypair(&e->device);
	list.device[0].device = 1;
	memcpy(list.device[0].sign, e->device.public, 32);
	assert_int_equal(chq_device_list_build(&list, &e->account, e->list, sizeof(e->list)),
			 sizeof(e->list));
	chq_prekey_build(&prekey, &e->device, e->prekey);
}

static Chasqui__Code
publish(struct fixture *f, struct fix_client *c, struct e2e *e)
{
	Chasqui__KeysPublish m = CHASQUI__KEYS_PUBLISH__INIT;

	m.device_list = (ProtobufCBinaryData){ sizeof(e->list), e->list };
	m.account_key = (ProtobufCBinaryData){ 32, e->account.public };
	m.prekey = (ProtobufCBinaryData){ sizeof(e->prekey), e->prekey };
	return client_call(f, c, CHASQUI__METHOD__METHOD_KEYS_PUBLISH, &m.base, NULL, NULL);
}

static Chasqui__Code
keys_of(struct fixture *f, struct fix_client *c, uint64_t account, ProtobufCMessage **reply)
{
	Chasqui__KeysRequest m = CHASQUI__KEYS_REQUEST__INIT;

	m.account = account;
	return client_call(f, c, CHASQUI__METHOD__METHOD_KEYS_GET, &m.base,
			   &chasqui__keys_reply__descriptor, reply);
}

static void
published_keys_reach_friends_and_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob, carol;
	ProtobufCMessage *reply;
	Chasqui__KeysReply *keys;
	struct e2e e;

	make_friends(f);
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	client_online(f, &carol, 3, "carol");
	e2e_make(&e, 1, 1);
	assert_int_equal(publish(f, &alice, &e), CHASQUI__CODE__OK);
	assert_int_equal(publish(f, &alice, &e), CHASQUI__CODE__OK); /* the same again */
	assert_int_equal(keys_of(f, &bob, 1, &reply), CHASQUI__CODE__OK);
	keys = (Chasqui__KeysReply *)reply;
	assert_memory_equal(keys->account_key.data, e.account.public, 32);
	assert_int_equal(keys->device_list.len, sizeof(e.list));
	assert_memory_equal(keys->device_list.data, e.list, sizeof(e.list));
	assert_int_equal(keys->n_prekey, 1);
	assert_int_equal(keys->prekey[0]->device, 1);
	assert_memory_equal(keys->prekey[0]->prekey.data, e.prekey, sizeof(e.prekey));
	protobuf_c_message_free_unpacked(reply, NULL);
	assert_int_equal(keys_of(f, &alice, 1, &reply), CHASQUI__CODE__OK);
	protobuf_c_message_free_unpacked(reply, NULL);
	assert_int_equal(keys_of(f, &carol, 1, &reply), CHASQUI__CODE__E_NOUSER);
	assert_int_equal(keys_of(f, &carol, 99, &reply), CHASQUI__CODE__E_NOUSER);
}

/* Fifteen devices with prekeys behind some revoked ones, and the longest list there is. */
static int
many_devices(struct store_txn *txn, void *unused)
{
	struct store_e2e e = { .list_version = 1, .list_len = CHQ_DEVICE_LIST_LEN(15) };
	uint8_t key[32] = { 1 }, prekey[CHQ_PREKEY_LEN] = { 0 }, number;
	int rc = store_e2e_set(txn, 1, &e);

	(void)unused;
	for (unsigned i = 1; i <= 35 && !rc; i++) {
		struct store_device_new d = { .account = 1, .noise_key = key };

		key[1] = (uint8_t)i;
		rc = store_device_enroll(txn, &d, &number);
		if (!rc && i <= 20)
			rc = store_device_revoke(txn, 1, number);
		else if (!rc)
			rc = store_device_set_prekey(txn, 1, number, prekey, sizeof(prekey));
	}
	return rc;
}

static void
prekeys_come_in_pages_that_hold_each_once(void **state)
{
	Chasqui__KeysRequest m = CHASQUI__KEYS_REQUEST__INIT;
	struct fixture *f = *state;
	unsigned pages = 0, last = 0, prekeys = 0;
	struct fix_client bob;
	ProtobufCMessage *reply;

	make_friends(f);
	client_online(f, &bob, 2, "bob");
	assert_int_equal(store_write_sync(f->ctl.store, many_devices, NULL), 0);
	m.account = 1;
	do {
		Chasqui__KeysReply *keys;

		assert_int_equal(client_call(f, &bob, CHASQUI__METHOD__METHOD_KEYS_GET, &m.base,
					     &chasqui__keys_reply__descriptor, &reply),
				 CHASQUI__CODE__OK);
		keys = (Chasqui__KeysReply *)reply;
		assert_int_equal(keys->device_list.len, pages ? 0 : CHQ_DEVICE_LIST_LEN(15));
		assert_int_equal(keys->account_key.len, pages ? 0 : 32);
		for (size_t i = 0; i < keys->n_prekey; i++, prekeys++) {
			assert_true(keys->prekey[i]->device > last);
			last = keys->prekey[i]->device;
		}
		m.after_device = keys->next_after;
		protobuf_c_message_free_unpacked(reply, NULL);
	} while (m.after_device && ++pages < 20);
	assert_int_equal(prekeys, 15);
	assert_int_equal(last, 35);
	m.after_device = 512;
	assert_int_equal(client_call(f, &bob, CHASQUI__METHOD__METHOD_KEYS_GET, &m.base, NULL,
				     NULL),
			 CHASQUI__CODE__E_MALFORMED);
}

static void
keys_that_are_not_ones_own_or_not_signed_are_refused(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	struct e2e e, other;

	client_online(f, &alice, 1, "alice");
	e2e_make(&e, 2, 1); /* bob's */
	assert_int_equal(publish(f, &alice, &e), CHASQUI__CODE__E_DENIED);
	e2e_make(&e, 1, 1);
	e.list[20] ^= 1;
	assert_int_equal(publish(f, &alice, &e), CHASQUI__CODE__E_MALFORMED);
	e2e_make(&e, 1, 2);
	e.prekey[50] ^= 1;
	assert_int_equal(publish(f, &alice, &e), CHASQUI__CODE__E_MALFORMED);
	e2e_make(&e, 1, 2);
	assert_int_equal(publish(f, &alice, &e), CHASQUI__CODE__OK);
	e2e_make(&other, 1, 3); /* another account key */
	assert_int_equal(publish(f, &alice, &other), CHASQUI__CODE__E_DENIED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(published_keys_reach_friends_and_nobody_else),
		T(prekeys_come_in_pages_that_hold_each_once),
		T(keys_that_are_not_ones_own_or_not_signed_are_refused),
	};
	return cmocka_run_group_tests_name("control/published", tests, NULL, NULL);
}
