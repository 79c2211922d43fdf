#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "store/account.h"
#include "store/reader.h"
#include "tests/unit/control/ctl_words.h"

/* Fields of accounts, by operators and by their owners. */

static struct store_account
account(struct fixture *f, uint64_t id)
{
	struct store_account a;

	assert_int_equal(store_account_read(f->ctl.reader, id, &a), 0);
	return a;
}

static void
a_profile_is_set_and_shown_and_a_bad_field_is_named(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "user set alice --title=Head~of~Sales --phone=+49~30~1 --mail=a@example.org "
		    "--avatar=avatar:7 --number=0815");
	words_text(f, "user show alice", "title", "Head of Sales");
	words_text(f, "user show alice", "phone", "+49 30 1");
	words_text(f, "user show alice", "mail", "a@example.org");
	words_text(f, "user show alice", "avatar", "avatar:7");
	words_text(f, "user show alice", "number", "0815");
	words_ok(f, "user set alice --title=");
	words_text(f, "user show alice", "title", "");
	words_text(f, "user show alice", "number", "0815");
	words_expect(f, "user set alice --phone=1\n2", "ENAMECTRL", "phone");
	words_expect(f, "user set alice", "EARGS", NULL);
	words_expect(f, "user set nobody --name=x", "ENOENT", "login");
}

static void
a_renamed_account_keeps_its_number_and_friends(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	json_int_t id = words_number(f, "user show alice", "account");

	words_ok(f, "friend request alice bob");
	words_ok(f, "friend confirm bob alice");
	words_ok(f, "user set alice --login=Liz --name=Liz");
	assert_int_equal(words_number(f, "user show liz", "account"), id);
	words_expect(f, "user show alice", "ENOENT", "login");
	words_expect(f, "friend request bob liz", "", NULL); /* they are friends already */
	client_online(f, &alice, 1, "liz");
	words_expect(f, "user set liz --login=BOB", "EEXIST", "login");
	words_expect(f, "user set liz --login=a~b --name=other", "ENAMESPACE", "login");
	words_text(f, "user show liz", "name", "Liz"); /* all or nothing */
}

static void
a_removed_account_is_cut_off_and_its_name_stays_taken(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice, bob;
	json_int_t id = words_number(f, "user show alice", "account");
	unsigned told;

	words_ok(f, "dept add Company");
	words_ok(f, "dept join Company alice");
	words_ok(f, "friend request alice bob");
	words_ok(f, "friend confirm bob alice");
	client_online(f, &alice, 1, "alice");
	client_online(f, &bob, 2, "bob");
	told = client_pushes(f, &bob, CHASQUI__PUSH__BODY_CONTACTS_CHANGED);
	assert_int_equal(words_number(f, "user remove alice", "sessions_closed"), 1);
	assert_int_equal(f->slot[alice.ref.slot].closed, 1);
	FIX_UNTIL(f, client_pushes(f, &bob, CHASQUI__PUSH__BODY_CONTACTS_CHANGED) > told);
	words_expect(f, "user show alice", "ENOENT", "login");
	words_expect(f, "user remove alice", "ENOENT", "login");
	words_expect(f, "user enable alice", "ENOENT", "login");
	words_expect(f, "user add alice --password=secret~word", "EEXIST", "login");
	words_expect(f, "dept join Company alice", "ENOENT", "login");
	assert_int_equal(words_number(f, "dept show Company", "members"), 0);
	client_init(f, &alice, 3);
	client_hello(f, &alice);
	assert_int_equal(client_login(f, &alice, "alice", "secret word", false),
			 CHASQUI__CODE__E_AUTH);
	words_ok(f, "user add dave --password=secret~word");
	assert_true(words_number(f, "user show dave", "account") > id);
}

static void
disabling_voids_grants_for_good_and_only_enable_ends_it(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	uint64_t id = (uint64_t)words_number(f, "user show alice", "account");
	struct store_account before = account(f, id), after;

	client_online(f, &alice, 1, "alice");
	assert_int_equal(words_number(f, "user disable alice", "sessions_closed"), 1);
	after = account(f, id);
	assert_true(after.disabled);
	assert_true(after.grant_epoch > before.grant_epoch);
	assert_true(after.sender_epoch > before.sender_epoch);
	/* Nothing else lets it in again. */
	words_ok(f, "user set alice --name=A --login=al");
	words_ok(f, "user passwd al --password=another~secret");
	words_ok(f, "user disable al");
	assert_true(account(f, id).disabled);
	assert_int_equal(account(f, id).grant_epoch, after.grant_epoch); /* only once */
	fixture_stop(f);
	fixture_start(f);
	assert_true(account(f, id).disabled);
	words_ok(f, "user enable al");
	assert_int_equal(account(f, id).grant_epoch, after.grant_epoch);
	client_init(f, &alice, 2);
	client_hello(f, &alice);
	assert_int_equal(client_login(f, &alice, "al", "another secret", false), CHASQUI__CODE__OK);
}

/* --- owners --- */

static Chasqui__Code
profile(struct fixture *f, struct fix_client *c, uint64_t of, Chasqui__Profile **out)
{
	Chasqui__ProfileRequest q = CHASQUI__PROFILE_REQUEST__INIT;

	q.account = of;
	return client_call(f, c, CHASQUI__METHOD__METHOD_PROFILE_GET, &q.base,
			   &chasqui__profile__descriptor, (ProtobufCMessage **)out);
}

static Chasqui__Code
profile_change(struct fixture *f, struct fix_client *c, const Chasqui__Profile *p)
{
	return client_call(f, c, CHASQUI__METHOD__METHOD_PROFILE_SET, &p->base, NULL, NULL);
}

static void
people_set_their_own_profile_but_not_their_number(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	Chasqui__Profile p = CHASQUI__PROFILE__INIT, *got = NULL;
	char name[] = "Alice A.", phone[] = "1", number[] = "9";

	words_ok(f, "user set alice --number=0815 --title=Head");
	client_online(f, &alice, 1, "alice");
	p.display_name = name;
	p.phone = phone;
	p.number = number;
	p.set = 1 | 4;
	assert_int_equal(profile_change(f, &alice, &p), CHASQUI__CODE__OK);
	assert_int_equal(profile(f, &alice, 0, &got), CHASQUI__CODE__OK);
	assert_string_equal(got->display_name, name);
	assert_string_equal(got->phone, "1");
	assert_string_equal(got->title, "Head");
	assert_string_equal(got->number, "0815");
	chasqui__profile__free_unpacked(got, NULL);
	p.set = 32;
	assert_int_equal(profile_change(f, &alice, &p), CHASQUI__CODE__E_DENIED);
	p.set = 1;
	strcpy(name, "\x1b[2J");
	assert_int_equal(profile_change(f, &alice, &p), CHASQUI__CODE__E_MALFORMED);
	words_text(f, "user show alice", "number", "0815");
	words_text(f, "user show alice", "name", "Alice A.");
}

static void
changes_of_a_name_are_limited(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	Chasqui__Profile p = CHASQUI__PROFILE__INIT;
	unsigned busy = 0;

	client_online(f, &alice, 1, "alice");
	p.set = 1;
	p.display_name = (char *)(uintptr_t) "Alice"; /* only read */
	for (unsigned i = 0; i < 40; i++)
		busy += profile_change(f, &alice, &p) == CHASQUI__CODE__E_BUSY;
	assert_in_range(busy, 1, 10);
}

static void
anothers_profile_is_seen_by_who_may_see_him_and_set_by_nobody(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	uint64_t bob = (uint64_t)words_number(f, "user show bob", "account");
	Chasqui__Profile p = CHASQUI__PROFILE__INIT, *got = NULL;

	client_online(f, &alice, 1, "alice");
	assert_int_equal(profile(f, &alice, bob, &got), CHASQUI__CODE__E_NOUSER);
	assert_int_equal(profile(f, &alice, 999, &got), CHASQUI__CODE__E_NOUSER);
	words_ok(f, "friend request alice bob");
	words_ok(f, "friend confirm bob alice");
	words_ok(f, "dept add Company");
	words_ok(f, "dept join Company bob");
	assert_int_equal(profile(f, &alice, bob, &got), CHASQUI__CODE__OK);
	assert_string_equal(got->login, "bob");
	assert_int_equal(got->n_department, 1);
	chasqui__profile__free_unpacked(got, NULL);
	p.account = bob;
	p.set = 2;
	assert_int_equal(profile_change(f, &alice, &p), CHASQUI__CODE__E_DENIED);
}

static void
the_longest_profile_fits_an_answer(void **state)
{
	struct fixture *f = *state;
	struct fix_client alice;
	Chasqui__Profile p = CHASQUI__PROFILE__INIT, *got = NULL;
	char text[5][256], words[64];
	const size_t max[5] = { 128, 128, 64, 254, 255 };

	for (int i = 0; i < 5; i++) {
		memset(text[i], 'x', max[i]);
		text[i][max[i]] = '\0';
	}
	for (int i = 0; i < 64; i++) {
		snprintf(words, sizeof(words), "dept add D%d", i);
		words_ok(f, words);
		snprintf(words, sizeof(words), "dept join D%d alice", i);
		words_ok(f, words);
	}
	client_online(f, &alice, 1, "alice");
	p.display_name = text[0];
	p.title = text[1];
	p.phone = text[2];
	p.mail = text[3];
	p.avatar = text[4];
	p.set = 31;
	assert_int_equal(profile_change(f, &alice, &p), CHASQUI__CODE__OK);
	assert_int_equal(profile(f, &alice, 0, &got), CHASQUI__CODE__OK);
	assert_string_equal(got->avatar, text[4]);
	assert_true(got->n_department >= 24);
	chasqui__profile__free_unpacked(got, NULL);
}

/* --- names --- */

/* What a name may not be, by either path; nothing of it is stored. */
static void
mischievous_names_are_refused_by_operators_verbs(void **state)
{
	static const struct {
		const char *login, *code;
	} bad[] = {
		{ "a\xe2\x80\xae"
		  "b",
		  "ENAMECHAR" }, /* right-to-left override */
		{ "a\xe2\x80\x8b"
		  "b",
		  "ENAMECHAR" },			  /* zero width space */
		{ "a\xcc\x81\xe2\x81\xa0", "ENAMECHAR" }, /* word joiner */
		{ "a\x1b[2J", "ENAMECTRL" },
		{ "\xd7\x90"
		  "a",
		  "ENAMEBIDI" },
		{ "ALICE", "EEXIST" },
		{ "\xef\xbc\xa1lice", "EEXIST" }, /* fullwidth A */
		{ "", "ENAMEEMPTY" },
	};
	struct fixture *f = *state;
	char words[12000];
	size_t len;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(words, sizeof(words), "user set bob --login=%s", bad[i].login);
		words_expect(f, words, bad[i].code, "login");
	}
	len = (size_t)snprintf(words, sizeof(words), "user set bob --login=");
	memset(words + len, 'x', 10240);
	words[len + 10240] = '\0';
	words_expect(f, words, "ENAMELONG", "login");
	len = (size_t)snprintf(words, sizeof(words), "user set bob --name=");
	memset(words + len, 'x', 10240);
	words[len + 10240] = '\0';
	words_expect(f, words, "ENAMELONG", "name");
	words_expect(f,
		     "user set bob --name=a\xe2\x80\xae"
		     "b",
		     "ENAMEBIDI", "name");
	words_text(f, "user show bob", "login", "bob");
	words_text(f, "user show bob", "name", "bob");
}

static void
lookalikes_are_other_names_and_many_marks_stay_within_the_field(void **state)
{
	struct fixture *f = *state;
	char words[256] = "user set bob --name=a";

	/* Cyrillic a in front: another name than alice, and found as such. */
	words_ok(f, "user add \xd0\xb0lice --password=secret~word");
	assert_true(words_number(f, "user show \xd0\xb0lice", "account") !=
		    words_number(f, "user show alice", "account"));
	for (int i = 0; i < 60; i++)
		strcat(words, "\xcc\x81");
	words_ok(f, words);
	words_text(f, "user show bob", "name", words + strlen("user set bob --name="));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_profile_is_set_and_shown_and_a_bad_field_is_named),
		TEST(a_renamed_account_keeps_its_number_and_friends),
		TEST(a_removed_account_is_cut_off_and_its_name_stays_taken),
		TEST(disabling_voids_grants_for_good_and_only_enable_ends_it),
		TEST(people_set_their_own_profile_but_not_their_number),
		TEST(changes_of_a_name_are_limited),
		TEST(anothers_profile_is_seen_by_who_may_see_him_and_set_by_nobody),
		TEST(the_longest_profile_fits_an_answer),
		TEST(mischievous_names_are_refused_by_operators_verbs),
		TEST(lookalikes_are_other_names_and_many_marks_stay_within_the_field),
	};

	return cmocka_run_group_tests_name("control/user", tests, NULL, NULL);
}
