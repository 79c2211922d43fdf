#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/app.h"
#include "control/keys.h"
#include "store/app.h"
#include "tests/unit/control/ctl_words.h"

/* The registry of applications: verbs, what clients are told, and what control allows. */

enum { ALICE = 1, BOB = 2 };

static void
the_known_applications_are_there_from_the_beginning(void **state)
{
	struct fixture *f = *state;
	json_t *a = words_ask(f, "app list"), *rows = json_object_get(a, "data");

	assert_int_equal(json_array_size(rows), STORE_APP_KNOWN__COUNT);
	for (int i = 0; i < STORE_APP_KNOWN__COUNT; i++)
		assert_int_equal(
			json_integer_value(json_object_get(json_array_get(rows, (size_t)i), "app")),
			i);
	json_decref(a);
	words_expect(f, "app remove chat", "EDENIED", "app");
	words_expect(f, "app register 1 other", "EEXIST", NULL);
	words_expect(f, "app register 7 chat", "EEXIST", NULL);
}

static void
what_is_registered_and_changed_holds_and_survives_a_restart(void **state)
{
	struct fixture *f = *state;
	const struct store_app *a;

	assert_true(app_may_store(&f->ctl, 900)); /* as chat: a new number needs no registration */
	words_ok(f, "app register 900 forms --store=no");
	assert_false(app_may_store(&f->ctl, 900));
	assert_true(app_may_p2p(&f->ctl, 900));
	words_ok(f, "app set forms --store=yes --p2p=no --name=papers");
	assert_true(app_may_store(&f->ctl, 900));
	fixture_stop(f);
	fixture_start(f);
	a = app_find(&f->ctl, 900);
	assert_non_null(a);
	assert_string_equal(a->name, "papers");
	assert_false(a->p2p);
	words_ok(f, "app remove papers");
	assert_true(app_may_p2p(&f->ctl, 900));
	words_expect(f, "app remove papers", "ENOENT", "app");
}

static void
wrong_requests_are_refused_and_change_nothing(void **state)
{
	struct fixture *f = *state;

	words_expect(f, "app register 65536 big", "EARGS", "id");
	words_expect(f, "app register 5 12", "EARGS", "name");
	words_expect(f, "app register 5 a-name-that-is-longer-than-32-bytes", "EARGS", "name");
	words_expect(f, "app register 5 x --store=maybe", "EARGS", "store");
	words_expect(f, "app register 5 x --post=members(Nowhere)", "ENOENT", "post");
	words_expect(f, "app register 5 x --post=nonsense", "EARGS", "post");
	words_expect(f, "app register 5 x --protection=inspected --p2p=yes", "EARGS", "p2p");
	words_expect(f, "app set chat", "EARGS", NULL);
	assert_null(app_find(&f->ctl, 5));
}

static void
who_may_post_follows_the_departments(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "dept add Company");
	words_ok(f, "dept add Company/Sales");
	words_ok(f, "dept join Company/Sales alice --manager");
	words_ok(f, "dept join Company/Sales bob");
	assert_int_equal(app_may_post(&f->ctl, STORE_APP_CHAT, BOB), CHQ_OK);
	assert_int_equal(app_may_post(&f->ctl, STORE_APP_ANNOUNCEMENT, ALICE), CHQ_OK);
	assert_int_equal(app_may_post(&f->ctl, STORE_APP_ANNOUNCEMENT, BOB), CHQ_EDENIED);
	words_ok(f, "app register 9 news --post=tree(Company)-managers(Company/Sales)");
	assert_int_equal(app_may_post(&f->ctl, 9, ALICE), CHQ_EDENIED);
	assert_int_equal(app_may_post(&f->ctl, 9, BOB), CHQ_OK);
	words_ok(f, "app set news --post=account(alice)");
	assert_int_equal(app_may_post(&f->ctl, 9, ALICE), CHQ_OK);
	assert_int_equal(app_may_post(&f->ctl, 9, BOB), CHQ_EDENIED);
	words_ok(f, "app set news --post=members(Company/Sales)");
	words_ok(f, "dept leave Company/Sales alice");
	words_ok(f, "dept leave Company/Sales bob");
	assert_int_equal(app_may_post(&f->ctl, 9, BOB), CHQ_EDENIED);
	words_expect(f, "dept remove Company/Sales", "EBUSY", NULL);
	words_ok(f, "app set 9 --post=all");
	words_ok(f, "dept remove Company/Sales");
}

static Chasqui__AppsPage *
ask_page(struct fixture *f, struct fix_client *c, uint64_t version, uint32_t cursor)
{
	Chasqui__AppsRequest q = CHASQUI__APPS_REQUEST__INIT;
	ProtobufCMessage *reply = NULL;

	q.version = version;
	q.cursor = cursor;
	assert_int_equal(client_call(f, c, CHASQUI__METHOD__METHOD_APPS, &q.base,
				     &chasqui__apps_page__descriptor, &reply),
			 CHASQUI__CODE__OK);
	assert_non_null(reply);
	return (Chasqui__AppsPage *)reply;
}

static void
clients_get_the_registry_in_pages_and_are_told_of_changes(void **state)
{
	struct fixture *f = *state;
	Chasqui__AppsPage *p;
	struct fix_client c;
	char words[128];
	uint32_t cursor = 0;
	uint64_t version;
	size_t n = 0;

	client_online(f, &c, 10, "alice");
	p = ask_page(f, &c, 0, 0);
	version = p->version;
	assert_int_equal(p->n_app, STORE_APP_KNOWN__COUNT);
	assert_true(p->app[0]->may_post);
	assert_false(p->app[STORE_APP_ANNOUNCEMENT]->may_post);
	chasqui__apps_page__free_unpacked(p, NULL);
	p = ask_page(f, &c, version, 0);
	assert_true(p->unchanged);
	chasqui__apps_page__free_unpacked(p, NULL);
	for (int i = 0; i < 40; i++) {
		snprintf(words, sizeof(words), "app register %d application-number-%d", 100 + i, i);
		words_ok(f, words);
	}
	FIX_UNTIL(f, client_pushes(f, &c, CHASQUI__PUSH__BODY_APPS_CHANGED) > 0);
	do {
		p = ask_page(f, &c, version, cursor);
		n += p->n_app;
		cursor = p->next_cursor;
		chasqui__apps_page__free_unpacked(p, NULL);
	} while (cursor);
	assert_int_equal(n, STORE_APP_KNOWN__COUNT + 40);
}

static void
an_application_is_inspected_only_by_a_list_that_the_organisation_has_signed(void **state)
{
	struct fixture *f = *state;
	uint16_t apps[] = { 12, 7 };
	struct keys_error err;
	char path[128];
	FILE *file;

	words_ok(f, "app register 12 mail --protection=inspected");
	assert_false(app_find(&f->ctl, 12)->p2p);
	assert_false(app_is_signed(&f->ctl, 12));
	words_expect(f, "app sign", "ENOENT", NULL);
	assert_int_equal(control_keys_sign_policy(f->conf.paths.keys, apps, 2, 1000, &err), CHQ_OK);
	words_ok(f, "app sign");
	assert_true(app_is_signed(&f->ctl, 12));
	assert_false(app_is_signed(&f->ctl, 8));
	assert_int_equal(control_keys_sign_policy(f->conf.paths.keys, apps, 1, 5, &err), CHQ_OK);
	words_number(f, "app sign", "version");
	assert_int_equal(words_number(f, "app sign", "version"), 1001);
	snprintf(path, sizeof(path), "%s/policy", f->conf.paths.keys);
	file = fopen(path, "r+");
	assert_non_null(file);
	fseek(file, 26, SEEK_SET);
	fputc(99, file);
	fclose(file);
	words_expect(f, "app sign", "EUNTRUSTED", NULL);
	assert_true(app_is_signed(&f->ctl, 12));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(the_known_applications_are_there_from_the_beginning),
		TEST(what_is_registered_and_changed_holds_and_survives_a_restart),
		TEST(wrong_requests_are_refused_and_change_nothing),
		TEST(who_may_post_follows_the_departments),
		TEST(clients_get_the_registry_in_pages_and_are_told_of_changes),
		TEST(an_application_is_inspected_only_by_a_list_that_the_organisation_has_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
