#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "store/app.h"
#include "store/kv.h"
#include "store/meta.h"
#include "store/offer.h"
#include "store/record.h"
#include "store/rule.h"
#include "store/verify.h"
#include "tests/unit/store/fixture.h"

static int
registry_changes(struct store_txn *t, void *unused)
{
	struct store_app a = { .id = 700, .name = "forms", .store = true }, got;
	uint64_t before, after;

	(void)unused;
	assert_int_equal(store_apps_version(t, &before), 0);
	assert_int_equal(store_app_set(t, &a, false), CHQ_ENOENT);
	assert_int_equal(store_app_set(t, &a, true), 0);
	assert_int_equal(store_app_set(t, &a, true), CHQ_EEXIST);
	assert_int_equal(store_app_get(t, 700, &got), 0);
	assert_string_equal(got.name, "forms");
	assert_true(got.store && !got.p2p && !got.inspected);
	assert_int_equal(store_apps_version(t, &after), 0);
	assert_int_equal(after, before + 1);
	a.inspected = a.p2p = true;
	assert_int_equal(store_app_set(t, &a, false), CHQ_EINVAL);
	a.p2p = false;
	strcpy(a.name, "chat");
	assert_int_equal(store_app_set(t, &a, false), CHQ_EEXIST);
	strcpy(a.name, "\x1b[2J");
	assert_true(store_app_set(t, &a, false) < 0);
	a.name[0] = '\0';
	assert_int_equal(store_app_set(t, &a, false), CHQ_ENAMEEMPTY);
	strcpy(a.name, "forms");
	a.post = STORE_APP_POST_SET;
	assert_int_equal(store_app_set(t, &a, false), CHQ_EINVAL); /* of nobody */
	a.n_posters = 1;
	a.poster[0] = (struct store_atom){ .kind = STORE_ATOM_MEMBERS, .id = 99 };
	assert_int_equal(store_app_set(t, &a, false), CHQ_ENOENT);
	assert_int_equal(store_app_remove(t, 700), 0);
	assert_int_equal(store_app_remove(t, 700), CHQ_ENOENT);
	assert_int_equal(store_app_remove(t, STORE_APP_CHAT), CHQ_EDENIED);
	return 0;
}

static void
the_registry_takes_what_fits_and_nothing_else(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_write_sync(f->st, registry_changes, NULL), 0);
}

static int
plant(struct store_txn *t, void *unused)
{
	static const uint8_t app[4] = { 0, 0, 2, 1 }, offer[7] = { 0, 0, 0, 0, 0, 9, 1 };
	struct store_offer o = { .offered_ms = 5 };
	struct store_verify v;

	(void)unused;
	assert_int_equal(store_verify_all(t, &v, NULL, NULL), 0);
	assert_int_equal(v.faults, 0);
	assert_int_equal(store_kv_put(t, STORE_TABLE_APP, app, sizeof(app), "x", 1), 0);
	assert_int_equal(store_verify_all(t, &v, NULL, NULL), 0);
	assert_int_equal(v.faults, 1);
	assert_int_equal(store_offer_set(t, 9, 1, &o), 0); /* of no device */
	assert_int_equal(store_verify_all(t, &v, NULL, NULL), 0);
	assert_int_equal(v.faults, 2);
	assert_int_equal(store_kv_put(t, STORE_TABLE_OFFER, offer, sizeof(offer), "", 0), 0);
	assert_int_equal(store_verify_all(t, &v, NULL, NULL), 0);
	assert_int_equal(v.faults, 2);
	assert_int_equal(store_offer_forget(t, 9, 1), 0);
	assert_int_equal(store_offer_forget(t, 9, 1), 0);
	return CHQ_ECANCELED;
}

static void
damage_in_registry_and_offers_is_found(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(store_write_sync(f->st, plant, NULL), CHQ_ECANCELED);
}

static void
records_of_applications_and_offers_come_back_and_are_not_cut(void **state)
{
	static struct store_app a = { .name = "forms", .p2p = true, .n_posters = 2 }, a2;
	struct store_offer o = { .offered_ms = 5, .sealed_len = STORE_SEALED_MAX_BYTES }, o2;
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	size_t len;

	(void)state;
	a.post = STORE_APP_POST_SET;
	a.poster[1] = (struct store_atom){ .kind = STORE_ATOM_ACCOUNT, .except = true, .id = 7 };
	len = store_record_pack_app(&a, buf);
	assert_int_equal(store_record_unpack_app(&a2, buf, len), 0);
	assert_int_equal(a2.n_posters, 2);
	assert_true(a2.poster[1].except && a2.poster[1].id == 7 && a2.p2p);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(store_record_unpack_app(&a2, buf, cut), CHQ_ECORRUPT);
	memset(o.sealed, 3, sizeof(o.sealed));
	len = store_record_pack_offer(&o, buf);
	assert_int_equal(store_record_unpack_offer(&o2, buf, len), 0);
	assert_memory_equal(o2.sealed, o.sealed, sizeof(o.sealed));
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(store_record_unpack_offer(&o2, buf, cut), CHQ_ECORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_registry_takes_what_fits_and_nothing_else,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(damage_in_registry_and_offers_is_found,
						fixture_setup, fixture_teardown),
		cmocka_unit_test(records_of_applications_and_offers_come_back_and_are_not_cut),
	};
	return cmocka_run_group_tests_name("store/app", tests, NULL, NULL);
}
