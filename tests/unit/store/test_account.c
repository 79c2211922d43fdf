#include <stdio.h>
#include <string.h>

#include "store/account.h"
#include "store/dept.h"
#include "store/device.h"
#include "store/friend.h"
#include "store/meta.h"
#include "store/rule.h"
#include "tests/unit/store/fixture.h"

static int
add(struct fixture *f, const char *login, uint64_t *id)
{
	struct store_account_new new = { .login = login, .now_ms = 1000 };
	int rc = store_account_add(fixture_begin(f), &new, id);
	int done = rc == 0 ? fixture_commit(f) : fixture_undo(f);

	return rc != 0 ? rc : done;
}

static struct store_account
get(struct fixture *f, uint64_t id)
{
	struct store_account a;

	assert_int_equal(store_account_get(fixture_read(f), id, &a), 0);
	store_read_end(f->reader);
	return a;
}

static void
a_new_account_has_what_it_was_given(void **state)
{
	struct fixture *f = *state;
	struct store_account_new new = {
		.login = "Alice", .name = "Alice B.", .pwhash = "$argon2id$", .now_ms = 1234
	};
	struct store_account a;
	uint64_t id = 0;

	assert_int_equal(store_account_add(fixture_begin(f), &new, &id), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(id, 1);
	a = get(f, id);
	assert_int_equal(a.id, 1);
	assert_string_equal(a.login, "alice");
	assert_string_equal(a.name, "Alice B.");
	assert_string_equal(a.pwhash, "$argon2id$");
	assert_false(a.disabled);
	assert_int_equal(a.created_ms, 1234);
	assert_int_equal(a.changed_ms, 1234);
	assert_int_equal(a.contacts_version, 1);
	assert_int_equal(a.grant_epoch, 1);
}

static void
a_name_that_normalises_to_a_taken_one_is_refused(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	assert_int_equal(add(f, "alice", &id), 0);
	assert_int_equal(add(f, "alice", &id), CHQ_EEXIST);
	assert_int_equal(add(f, "ALICE", &id), CHQ_EEXIST);
	assert_int_equal(add(f, "\uFF41lice", &id), CHQ_EEXIST);
	fixture_assert_sound(f);
}

static void
bad_login_names_are_refused_with_their_own_codes(void **state)
{
	struct fixture *f = *state;
	char name[66];
	uint64_t id = 0;

	memset(name, 'a', 65);
	name[65] = '\0';
	assert_int_equal(add(f, "", &id), CHQ_ENAMEEMPTY);
	assert_int_equal(add(f, name, &id), CHQ_ENAMELONG);
	assert_int_equal(add(f, "a\tb", &id), CHQ_ENAMECTRL);
	assert_int_equal(add(f, "a b", &id), CHQ_ENAMESPACE);
	assert_int_equal(add(f, "\xFF", &id), CHQ_ENAMEUTF8);
	assert_int_equal(id, 0);
	name[64] = '\0';
	assert_int_equal(add(f, name, &id), 0);
	assert_int_equal(id, 1);
}

static void
bad_display_names_and_hashes_are_refused(void **state)
{
	struct fixture *f = *state;
	char text[130];
	struct store_account_new new = { .login = "alice", .name = text };
	uint64_t id;

	memset(text, 'a', 129);
	text[129] = '\0';
	assert_int_equal(store_account_add(fixture_begin(f), &new, &id), CHQ_ENAMELONG);
	fixture_undo(f);
	new.name = "a\033b";
	assert_int_equal(store_account_add(fixture_begin(f), &new, &id), CHQ_ENAMECTRL);
	fixture_undo(f);
	new.name = NULL;
	new.pwhash = text; /* 129 bytes */
	assert_int_equal(store_account_add(fixture_begin(f), &new, &id), CHQ_EINVAL);
	fixture_undo(f);
	new.pwhash = "";
	assert_int_equal(store_account_add(fixture_begin(f), &new, &id), CHQ_EINVAL);
	fixture_undo(f);
}

static void
an_account_is_found_by_any_spelling_of_its_name(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_read(f);
	struct store_account a;

	assert_int_equal(store_account_find(t, "aLiCe", 5, &a), 0);
	assert_int_equal(a.id, id);
	assert_int_equal(store_account_find(t, "bob", 3, &a), CHQ_ENOENT);
	assert_int_equal(store_account_find(t, "a b", 3, &a), CHQ_ENAMESPACE);
	assert_int_equal(store_account_get(t, 0, &a), CHQ_ENOENT);
	assert_int_equal(store_account_get(t, id | UINT64_C(1) << 48, &a), CHQ_ENOENT);
	store_read_end(f->reader);
}

static void
a_rename_keeps_the_id_and_frees_the_old_name(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_account(f, "alice");
	uint64_t bob = fixture_account(f, "bob");
	struct store_account a;
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(store_account_rename(t, alice, "Bob", 2000), CHQ_EEXIST);
	fixture_undo(f);
	t = fixture_begin(f);
	assert_int_equal(store_account_rename(t, alice, "ALICE", 2000), 0);
	assert_int_equal(store_account_rename(t, alice, "carol", 2000), 0);
	assert_int_equal(store_account_rename(t, bob, "alice", 2000), 0);
	assert_int_equal(store_account_rename(t, 77, "dave", 2000), CHQ_ENOENT);
	assert_int_equal(fixture_commit(f), 0);

	t = fixture_read(f);
	assert_int_equal(store_account_find(t, "carol", 5, &a), 0);
	assert_int_equal(a.id, alice);
	assert_int_equal(a.changed_ms, 2000);
	assert_int_equal(a.created_ms, 1000);
	assert_int_equal(store_account_find(t, "alice", 5, &a), 0);
	assert_int_equal(a.id, bob);
	assert_int_equal(store_account_find(t, "bob", 3, &a), CHQ_ENOENT);
	store_read_end(f->reader);
	fixture_assert_sound(f);
}

static void
setters_change_their_field_and_the_time(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_txn *t = fixture_begin(f);
	struct store_account a;
	uint32_t epoch = 0;

	assert_int_equal(store_account_set_name(t, id, "New", 2000), 0);
	assert_int_equal(store_account_set_pwhash(t, id, "$argon2id$new", 3000), 0);
	assert_int_equal(store_account_set_disabled(t, id, true, 4000), 0);
	assert_int_equal(store_account_set_disabled(t, id, true, 5000), 0);
	assert_int_equal(store_account_next_grant_epoch(t, id, &epoch), 0);
	assert_int_equal(store_account_set_name(t, id, "\n", 6000), CHQ_ENAMECTRL);
	assert_int_equal(store_account_set_pwhash(t, 77, NULL, 6000), CHQ_ENOENT);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(epoch, 2);
	a = get(f, id);
	assert_string_equal(a.name, "New");
	assert_string_equal(a.pwhash, "$argon2id$new");
	assert_true(a.disabled);
	assert_int_equal(a.grant_epoch, 2);
	assert_int_equal(a.changed_ms, 4000);

	t = fixture_begin(f);
	assert_int_equal(store_account_set_pwhash(t, id, NULL, 7000), 0);
	assert_int_equal(store_account_set_disabled(t, id, false, 8000), 0);
	assert_int_equal(fixture_commit(f), 0);
	a = get(f, id);
	assert_string_equal(a.pwhash, "");
	assert_false(a.disabled);
	assert_int_equal(a.changed_ms, 8000);
}

static void
a_list_is_paged_by_rising_id(void **state)
{
	struct fixture *f = *state;
	struct store_account page[3];
	uint64_t after = 0;
	uint64_t want = 1;
	size_t n;

	for (int i = 0; i < 7; i++) {
		char login[16];

		snprintf(login, sizeof(login), "user%d", i);
		fixture_account(f, login);
	}
	do {
		assert_int_equal(store_account_list(fixture_read(f), after, page, 3, &n), 0);
		store_read_end(f->reader);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(page[i].id, want++);
		after = n ? page[n - 1].id : after;
	} while (n == 3);
	assert_int_equal(want, 8);
	assert_int_equal(store_account_list(fixture_read(f), STORE_ACCOUNT_ID_MAX, page, 3, &n), 0);
	store_read_end(f->reader);
	assert_int_equal(n, 0);
}

static void
ids_end_at_48_bits(void **state)
{
	struct fixture *f = *state;
	struct store_account_new new = { .login = "alice" };
	struct store_txn *t = fixture_begin(f);
	uint64_t id = 0;

	assert_int_equal(store_meta_set(t, STORE_META_NEXT_ACCOUNT, STORE_ACCOUNT_ID_MAX), 0);
	assert_int_equal(store_account_add(t, &new, &id), 0);
	assert_true(id == STORE_ACCOUNT_ID_MAX);
	new.login = "bob";
	assert_int_equal(store_account_add(t, &new, &id), CHQ_EFULL);
	fixture_undo(f);
}

static void
a_sender_epoch_is_the_accounts_and_the_stores_together_in_14_bits(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_account(f, "alice"), bob = fixture_account(f, "bob"), all;
	struct store_txn *t = fixture_begin(f);
	struct store_account a;
	uint16_t epoch;

	assert_int_equal(store_account_next_sender_epoch(t, alice, &epoch), 0);
	assert_int_equal(epoch, 1);
	assert_int_equal(store_sender_epoch_next_all(t, &all), 0);
	assert_int_equal(all, 1);
	assert_int_equal(store_account_get(t, alice, &a), 0);
	assert_int_equal(store_account_sender_epoch(t, &a, &epoch), 0);
	assert_int_equal(epoch, 2);
	assert_int_equal(store_account_get(t, bob, &a), 0);
	assert_int_equal(store_account_sender_epoch(t, &a, &epoch), 0);
	assert_int_equal(epoch, 1);
	assert_int_equal(store_meta_set(t, STORE_META_SENDER_EPOCH, STORE_SENDER_EPOCH_MASK), 0);
	assert_int_equal(store_account_next_sender_epoch(t, bob, &epoch), 0);
	assert_int_equal(epoch, 0); /* around */
	assert_int_equal(store_account_next_sender_epoch(t, 99, &epoch), CHQ_ENOENT);
	fixture_undo(f);
}

static void
a_profile_changes_only_what_is_given_and_names_the_field_at_fault(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_account(f, "alice");
	struct store_profile p = { .title = "Head", .number = "0815", .mail = "a@example.org" };
	struct store_account a;
	const char *field = "";

	assert_int_equal(store_account_set_profile(fixture_begin(f), id, &p, 5), 0);
	assert_int_equal(fixture_commit(f), 0);
	p = (struct store_profile){ .title = "", .name = "Alice" };
	assert_int_equal(store_account_set_profile(fixture_begin(f), id, &p, 6), 0);
	assert_int_equal(fixture_commit(f), 0);
	a = get(f, id);
	assert_string_equal(a.title, "");
	assert_string_equal(a.name, "Alice");
	assert_string_equal(a.number, "0815");
	assert_string_equal(a.mail, "a@example.org");
	assert_int_equal(a.changed_ms, 6);

	p = (struct store_profile){ .name = "good", .phone = "\n" };
	assert_int_equal(store_account_set_profile(fixture_begin(f), id, &p, 7), CHQ_ENAMECTRL);
	fixture_undo(f);
	assert_int_equal(store_profile_check(&p, &field), CHQ_ENAMECTRL);
	assert_string_equal(field, "phone");
	assert_string_equal(get(f, id).name, "Alice");
	fixture_assert_sound(f);
}

struct left {
	unsigned n;
	uint64_t peer, version;
};

static void
note_left(void *arg, uint64_t peer, uint64_t version)
{
	struct left *l = arg;

	l->n++;
	l->peer = peer;
	l->version = version;
}

/* Alice with a password, in a department, friends with bob. */
static uint64_t
sociable(struct fixture *f, uint64_t bob)
{
	struct store_account_new new = { .login = "alice",
					 .name = "Alice",
					 .pwhash = "$argon2id$",
					 .profile = &(struct store_profile){ .phone = "1" } };
	enum store_friend_asked asked;
	struct store_txn *t = fixture_begin(f);
	uint32_t dept;
	uint64_t id;

	assert_int_equal(store_account_add(t, &new, &id), 0);
	assert_int_equal(store_dept_add(t, 0, "Company", 1, &dept), 0);
	assert_int_equal(store_member_set(t, dept, id, true, 1), 0);
	assert_int_equal(store_friend_ask(t, id, bob, 1, &asked), 0);
	assert_int_equal(store_friend_confirm(t, bob, id, 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	return id;
}

static void
a_removed_account_is_a_tombstone_that_keeps_its_name(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob"), id = sociable(f, bob), other;
	struct store_account before = get(f, id), a;
	struct store_friend friend;
	struct left left = { 0 };
	struct store_member m;
	struct store_txn *t = fixture_begin(f);

	assert_int_equal(store_account_remove(t, id, 9, note_left, &left), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(left.n, 1);
	assert_int_equal(left.peer, bob);
	assert_int_equal(left.version, get(f, bob).contacts_version);
	a = get(f, id);
	assert_int_equal(a.removed_ms, 9);
	assert_true(a.disabled);
	assert_string_equal(a.pwhash, "");
	assert_string_equal(a.phone, "");
	assert_true(a.grant_epoch > before.grant_epoch);
	assert_true(a.sender_epoch > before.sender_epoch);
	t = fixture_read(f);
	assert_int_equal(store_account_find(t, "alice", 5, &a), CHQ_ENOENT);
	assert_int_equal(store_friend_get(t, bob, id, &friend), CHQ_ENOTFRIEND);
	assert_int_equal(store_member_get(t, 1, id, &m), CHQ_ENOENT);
	store_read_end(f->reader);
	assert_int_equal(add(f, "ALICE", &other), CHQ_EEXIST);
	fixture_assert_sound(f);
}

static void
nothing_changes_or_joins_a_tombstone(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob"), id = sociable(f, bob);
	struct store_device_new d = { .account = id, .noise_key = (const uint8_t *)"k" };
	enum store_friend_asked asked;
	struct store_txn *t = fixture_begin(f);
	uint8_t number;

	assert_int_equal(store_account_remove(t, id, 9, NULL, NULL), 0);
	assert_int_equal(store_account_remove(t, id, 9, NULL, NULL), CHQ_ENOENT);
	assert_int_equal(store_account_rename(t, id, "eve", 1), CHQ_ENOENT);
	assert_int_equal(store_account_set_name(t, id, "Eve", 1), CHQ_ENOENT);
	assert_int_equal(store_account_set_pwhash(t, id, "$x$", 1), CHQ_ENOENT);
	assert_int_equal(store_account_set_disabled(t, id, false, 1), CHQ_ENOENT);
	assert_int_equal(store_member_set(t, 1, id, false, 1), CHQ_ENOUSER);
	assert_int_equal(store_device_enroll(t, &d, &number), CHQ_ENOENT);
	assert_int_equal(store_friend_ask(t, bob, id, 1, &asked), CHQ_ENOENT);
	fixture_undo(f);
}

static void
gc_ends_old_tombstones_but_none_that_a_rule_names(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob"), id = sociable(f, bob), after = 0;
	uint64_t carol = fixture_account(f, "carol"), ended = 0, kept = 0, again;
	struct store_device_new d = {
		.account = id, .noise_key = (const uint8_t *)"0123456789abcdef0123456789abcdef"
	};
	static struct store_rule r = { .rights = 1, .n_subjects = 1, .n_objects = 1 };
	struct store_txn *t = fixture_begin(f);
	uint8_t number;

	r.subjects[0] = (struct store_atom){ .kind = STORE_ATOM_ACCOUNT, .id = carol };
	r.objects[0] = (struct store_atom){ .kind = STORE_ATOM_EVERYBODY };
	r.id = 0;
	assert_int_equal(store_rule_set(t, &r), 0);
	assert_int_equal(store_device_enroll(t, &d, &number), 0);
	assert_int_equal(store_account_remove(t, id, 100, NULL, NULL), 0);
	assert_int_equal(store_account_remove(t, carol, 100, NULL, NULL), 0);
	assert_int_equal(store_account_gc(t, 100, &after, 1000, &ended, &kept), 0);
	assert_int_equal(ended + kept, 0); /* not older than that */
	assert_int_equal(store_account_gc(t, 101, &after, 1000, &ended, &kept), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(ended, 1);
	assert_int_equal(kept, 1);
	assert_int_equal(after, 0);
	fixture_assert_sound(f);
	assert_int_equal(add(f, "carol", &again), CHQ_EEXIST);
	assert_int_equal(add(f, "alice", &again), 0);
	assert_true(again > carol); /* no id comes back */
	d.account = again;
	assert_int_equal(store_device_enroll(fixture_begin(f), &d, &number), 0);
	assert_int_equal(fixture_commit(f), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_account_has_what_it_was_given),
		TEST(a_name_that_normalises_to_a_taken_one_is_refused),
		TEST(bad_login_names_are_refused_with_their_own_codes),
		TEST(bad_display_names_and_hashes_are_refused),
		TEST(an_account_is_found_by_any_spelling_of_its_name),
		TEST(a_rename_keeps_the_id_and_frees_the_old_name),
		TEST(setters_change_their_field_and_the_time),
		TEST(a_list_is_paged_by_rising_id),
		TEST(ids_end_at_48_bits),
		TEST(a_sender_epoch_is_the_accounts_and_the_stores_together_in_14_bits),
		TEST(a_profile_changes_only_what_is_given_and_names_the_field_at_fault),
		TEST(a_removed_account_is_a_tombstone_that_keeps_its_name),
		TEST(nothing_changes_or_joins_a_tombstone),
		TEST(gc_ends_old_tombstones_but_none_that_a_rule_names),
	};

	return cmocka_run_group_tests_name("store/account", tests, NULL, NULL);
}
