#include "store/group.h"

#include <stdio.h>
#include <string.h>

#include "proto/frame.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/group_record.h"
#include "store/kv.h"
#include "store/record.h"
#include "store/verify.h"
#include "tests/unit/store/fixture.h"

enum { NOW = 1000, DAY = 86400000 };

/* Begin a job for calls whose results are looked at one by one; its end undoes nothing. */
#define IN_JOB(f, t)                                    \
	for (struct store_txn *t = fixture_begin(f); t; \
	     assert_int_equal(fixture_commit(f), 0), t = NULL)

static const struct store_group_keep keep = { .frames = 8, .age_ms = 30ULL * DAY };

static uint32_t
dept(struct store_txn *t, uint32_t parent, const char *name)
{
	uint32_t id = 0;

	assert_int_equal(store_dept_add(t, parent, name, NOW, &id), 0);
	return id;
}

static uint32_t
by_hand(struct store_txn *t, const char *name)
{
	uint32_t id = 0;

	assert_int_equal(store_group_add(t, name, NOW, &id), 0);
	assert_true(store_group_by_hand(id));
	return id;
}

static uint32_t
epoch_of(struct store_txn *t, uint32_t id)
{
	struct store_group g;

	assert_int_equal(store_group_get(t, id, &g), 0);
	return g.epoch;
}

static uint32_t
post(struct store_txn *t, uint32_t group, uint64_t message, uint64_t now_ms, bool *again)
{
	uint8_t payload[3] = { 'a', 'b', (uint8_t)message };
	struct store_group_frame f = { .group = group,
				       .from = CHQ_PARTY(CHQ_KIND_ACCOUNT, 2, 7),
				       .message = message,
				       .app = 0x0102,
				       .flags = CHQ_F_STORE,
				       .len = sizeof(payload),
				       .payload = payload };

	assert_int_equal(store_group_post(t, &f, &keep, now_ms, again), 0);
	return f.order;
}

static void
every_department_has_a_group_without_a_record(void **state)
{
	struct fixture *f = *state;
	char title[STORE_PATH_MAX_BYTES + 1];
	struct store_group g;
	uint32_t sales = 0;

	IN_JOB(f, t)
	{
		sales = dept(t, dept(t, 0, "Company"), "Sales");
		assert_int_equal(store_group_find(t, "Company/Sales", &g), 0);
		assert_int_equal(g.id, sales);
		assert_int_equal(g.epoch, 1);
		assert_int_equal(g.member_rights, STORE_GROUP_POST);
		assert_int_equal(g.manager_rights, STORE_GROUP_ALL);
		assert_int_equal(g.created_ms, 0);
		assert_int_equal(store_group_title(t, &g, title, sizeof(title)), 0);
		assert_string_equal(title, "Company/Sales");
		assert_int_equal(store_group_get(t, 99, &g), CHQ_ENOENT);
	}
	fixture_assert_sound(f);
}

static void
a_group_made_by_hand_is_found_by_name_and_number(void **state)
{
	struct fixture *f = *state;
	char number[16];
	struct store_group g;
	uint32_t id = 0, other;

	IN_JOB(f, t)
	{
		dept(t, 0, "Sales");
		id = by_hand(t, "Chess");
		assert_int_equal(store_group_add(t, "Chess", NOW, &other), CHQ_EEXIST);
		assert_int_equal(store_group_add(t, "Sales", NOW, &other), CHQ_EEXIST);
		assert_int_equal(store_group_add(t, "42", NOW, &other), CHQ_ENAMECHAR);
		assert_int_equal(store_group_add(t, "", NOW, &other), CHQ_ENAMEEMPTY);
		assert_int_equal(store_group_find(t, "Chess", &g), 0);
		assert_int_equal(g.id, id);
		snprintf(number, sizeof(number), "%u", id);
		assert_int_equal(store_group_find(t, number, &g), 0);
		assert_int_equal(g.id, id);
		snprintf(g.name, sizeof(g.name), "Go");
		assert_int_equal(store_group_set(t, &g, NOW + 1), 0);
		assert_int_equal(store_group_find(t, "Chess", &g), CHQ_ENOENT);
		assert_int_equal(store_group_find(t, "Go", &g), 0);
	}
	fixture_assert_sound(f);
}

static void
who_leaves_begins_a_new_epoch_where_he_took_part(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_account(f, "alice");
	uint32_t company, sales, other;
	struct store_group g;

	IN_JOB(f, t)
	{
		company = dept(t, 0, "Company");
		sales = dept(t, company, "Sales");
		other = dept(t, company, "Other");
		assert_int_equal(store_member_set(t, sales, alice, false, NOW), 0);
		assert_int_equal(epoch_of(t, sales), 1);
		assert_int_equal(store_member_remove(t, sales, alice), 0);
		assert_int_equal(epoch_of(t, sales), 2);
		assert_int_equal(epoch_of(t, company), 1);

		assert_int_equal(store_group_get(t, company, &g), 0);
		g.subdepts = true;
		assert_int_equal(store_group_set(t, &g, NOW), 0);
		assert_int_equal(epoch_of(t, company), 1);
		assert_int_equal(store_member_set(t, sales, alice, true, NOW), 0);
		assert_int_equal(store_member_remove(t, sales, alice), 0);
		assert_int_equal(epoch_of(t, sales), 3);
		assert_int_equal(epoch_of(t, company), 2);
		assert_int_equal(epoch_of(t, other), 1);
	}
	fixture_assert_sound(f);
}

static void
a_lost_right_begins_a_new_epoch_and_a_given_one_does_not(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_account(f, "alice");
	uint32_t sales, hand;
	struct store_group g;

	IN_JOB(f, t)
	{
		sales = dept(t, 0, "Sales");
		assert_int_equal(store_member_set(t, sales, alice, true, NOW), 0);
		assert_int_equal(epoch_of(t, sales), 1);
		assert_int_equal(store_member_set(t, sales, alice, false, NOW), 0);
		assert_int_equal(epoch_of(t, sales), 2);
		assert_int_equal(store_group_get(t, sales, &g), 0);
		g.member_rights = STORE_GROUP_POST | STORE_GROUP_ANNOUNCE;
		assert_int_equal(store_group_set(t, &g, NOW), 0);
		assert_int_equal(epoch_of(t, sales), 2);
		g.member_rights = STORE_GROUP_ANNOUNCE;
		assert_int_equal(store_group_set(t, &g, NOW), 0);
		assert_int_equal(epoch_of(t, sales), 3);

		hand = by_hand(t, "Chess");
		assert_int_equal(store_group_member_set(t, hand, alice, STORE_GROUP_ALL, NOW), 0);
		assert_int_equal(epoch_of(t, hand), 1);
		assert_int_equal(store_group_member_set(t, hand, alice, STORE_GROUP_POST, NOW), 0);
		assert_int_equal(epoch_of(t, hand), 2);
		assert_int_equal(store_group_member_remove(t, hand, alice), 0);
		assert_int_equal(epoch_of(t, hand), 3);
		assert_int_equal(store_group_member_remove(t, hand, alice), CHQ_ENOENT);
		assert_int_equal(store_group_member_set(t, hand, 99, STORE_GROUP_POST, NOW),
				 CHQ_ENOUSER);
		assert_int_equal(store_group_member_set(t, sales, alice, STORE_GROUP_POST, NOW),
				 CHQ_EINVAL);
		assert_int_equal(store_group_member_set(t, hand, alice, 8, NOW), CHQ_EINVAL);
	}
	fixture_assert_sound(f);
}

static void
a_moved_department_leaves_the_groups_above_it(void **state)
{
	struct fixture *f = *state;
	uint32_t north, south, team;
	struct store_group g;

	IN_JOB(f, t)
	{
		north = dept(t, 0, "North");
		south = dept(t, 0, "South");
		team = dept(t, north, "Team");
		assert_int_equal(store_group_get(t, north, &g), 0);
		g.subdepts = true;
		assert_int_equal(store_group_set(t, &g, NOW), 0);
		assert_int_equal(store_dept_move(t, team, south, NOW + 5), 0);
		assert_int_equal(epoch_of(t, north), 2);
		assert_int_equal(epoch_of(t, south), 1);
		assert_int_equal(store_group_get(t, team, &g), 0);
		assert_int_equal(g.placed_ms, NOW + 5);
		assert_int_equal(store_dept_remove(t, team), 0);
		assert_int_equal(store_group_get(t, team, &g), CHQ_ENOENT);
	}
	fixture_assert_sound(f);
}

static void
what_is_said_twice_has_one_order(void **state)
{
	struct fixture *f = *state;
	struct store_group_frame got;
	uint32_t sales = 0;
	bool again;

	IN_JOB(f, t)
	{
		sales = dept(t, 0, "Sales");
		assert_int_equal(post(t, sales, 100, NOW, &again), 1);
		assert_false(again);
		assert_int_equal(post(t, sales, 101, NOW, &again), 2);
		assert_int_equal(post(t, sales, 100, NOW + 9, &again), 1);
		assert_true(again);
	}
	fixture_reopen(f);
	IN_JOB(f, t)
	{
		assert_int_equal(post(t, sales, 101, NOW, &again), 2);
		assert_true(again);
		assert_int_equal(store_group_frame_get(t, sales, 1, &got), 0);
		assert_int_equal(got.message, 100);
		assert_int_equal(got.app, 0x0102);
		assert_int_equal(got.flags, CHQ_F_STORE);
		assert_int_equal(got.len, 3);
		assert_memory_equal(got.payload, "abd", 3);
		assert_int_equal(store_group_frame_get(t, sales, 3, &got), CHQ_ENOENT);
	}
	fixture_assert_sound(f);
}

static void
a_log_keeps_as_much_as_it_should(void **state)
{
	struct fixture *f = *state;
	uint32_t sales = 0, first;
	struct store_group g;
	bool again;

	IN_JOB(f, t)
	{
		sales = dept(t, 0, "Sales");
		for (unsigned i = 1; i <= 20; i++)
			assert_int_equal(post(t, sales, i, NOW + i, &again), i);
		assert_int_equal(store_group_get(t, sales, &g), 0);
		assert_int_equal(store_group_first(t, &g, &first), 0);
		assert_int_equal(first, 13);
		/* Too old, all but the new one; a few go with each. */
		for (unsigned i = 21; i <= 24; i++)
			post(t, sales, i, NOW + 40ULL * DAY, &again);
		assert_int_equal(store_group_first(t, &g, &first), 0);
		assert_int_equal(first, 21);
	}
	fixture_assert_sound(f);
}

static void
who_joins_hears_what_is_said_from_then_on(void **state)
{
	struct fixture *f = *state;
	struct store_group g;
	uint32_t sales, after;
	bool again;

	IN_JOB(f, t)
	{
		sales = dept(t, 0, "Sales");
		assert_int_equal(store_group_get(t, sales, &g), 0);
		assert_int_equal(store_group_floor(t, &g, 0, 3, &after), 0);
		assert_int_equal(after, 0);
		for (unsigned i = 1; i <= 5; i++)
			post(t, sales, i, NOW + i * 10, &again);
		assert_int_equal(store_group_get(t, sales, &g), 0);
		assert_int_equal(store_group_floor(t, &g, 0, 0, &after), 0);
		assert_int_equal(after, 0);
		assert_int_equal(store_group_floor(t, &g, NOW + 31, 0, &after), 0);
		assert_int_equal(after, 3);
		assert_int_equal(store_group_floor(t, &g, NOW + 31, 2, &after), 0);
		assert_int_equal(after, 1);
		assert_int_equal(store_group_floor(t, &g, NOW + 31, 50, &after), 0);
		assert_int_equal(after, 0);
		assert_int_equal(store_group_floor(t, &g, NOW + 9999, 0, &after), 0);
		assert_int_equal(after, 5);
	}
}

static void
a_cursor_never_falls(void **state)
{
	struct fixture *f = *state;
	uint32_t sales, at;
	bool again;

	IN_JOB(f, t)
	{
		sales = dept(t, 0, "Sales");
		for (unsigned i = 1; i <= 5; i++)
			post(t, sales, i, NOW, &again);
		assert_int_equal(store_group_cursor_get(t, sales, 7, 1, &at), 0);
		assert_int_equal(at, 0);
		assert_int_equal(store_group_cursor_set(t, sales, 7, 1, 4), 0);
		assert_int_equal(store_group_cursor_set(t, sales, 7, 1, 2), 0);
		assert_int_equal(store_group_cursor_set(t, sales, 7, 1, 6), 0); /* not said yet */
		assert_int_equal(store_group_cursor_get(t, sales, 7, 1, &at), 0);
		assert_int_equal(at, 4);
		assert_int_equal(store_group_cursor_get(t, sales, 7, 2, &at), 0);
		assert_int_equal(at, 0);
		assert_int_equal(store_group_cursor_set(t, 99, 7, 2, 1), 0);
	}
	fixture_assert_sound(f);
}

static void
a_removed_group_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_group_member of[STORE_GROUP_OF_MAX];
	struct store_group g;
	uint64_t account[70];
	uint32_t hand;
	bool again;
	size_t n;

	for (unsigned i = 0; i < 70; i++) {
		char login[16];

		snprintf(login, sizeof(login), "user%u", i);
		account[i] = fixture_account(f, login);
	}
	IN_JOB(f, t)
	{
		hand = by_hand(t, "Chess");
		for (unsigned i = 0; i < 70; i++)
			assert_int_equal(store_group_member_set(t, hand, account[i],
								STORE_GROUP_POST, NOW),
					 0);
		post(t, hand, 1, NOW, &again);
		assert_int_equal(store_group_cursor_set(t, hand, account[3], 1, 1), 0);
		assert_int_equal(store_group_remove(t, hand), 0);
		assert_int_equal(store_group_get(t, hand, &g), CHQ_ENOENT);
		assert_int_equal(store_group_find(t, "Chess", &g), CHQ_ENOENT);
		assert_int_equal(store_group_member_of(t, account[3], of, &n), 0);
		assert_int_equal(n, 0);
		assert_int_equal(store_group_member_list(t, hand, 0, of, 10, &n), 0);
		assert_int_equal(n, 0);
		assert_int_equal(store_group_remove(t, dept(t, 0, "Sales")), CHQ_EINVAL);
	}
	fixture_assert_sound(f);
}

/* --- damage --- */

static void
count_fault(void *arg, const char *table, const char *what, uint64_t id)
{
	unsigned *n = arg;

	(void)what;
	(void)id;
	*n += strncmp(table, "group", 5) == 0;
}

static unsigned
faults(struct store_txn *t)
{
	struct store_verify v;
	unsigned n = 0;

	assert_int_equal(store_verify_all(t, &v, count_fault, &n), 0);
	return n;
}

/* Each thing that a check looks for, planted and taken back. */
static void
planted_damage_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_account(f, "alice");
	uint8_t key[STORE_GROUP_SENT_KEY_BYTES], buf[STORE_RECORD_MAX_BYTES];
	uint32_t hand = 0, sales = 0;
	struct {
		enum store_table table;
		size_t len;
	} gone[] = {
		{ STORE_TABLE_GROUPMEMBER, STORE_GROUP_MEMBER_KEY_BYTES },
		{ STORE_TABLE_GROUPOF, STORE_GROUP_MEMBER_KEY_BYTES },
		{ STORE_TABLE_GROUPNAME, 5 },
		{ STORE_TABLE_GROUPLOG, STORE_GROUP_LOG_KEY_BYTES },
		{ STORE_TABLE_GROUPSENT, STORE_GROUP_SENT_KEY_BYTES },
		{ STORE_TABLE_GROUP, STORE_GROUP_KEY_BYTES },
	};
	bool again;

	IN_JOB(f, t)
	{
		hand = by_hand(t, "Chess");
		sales = dept(t, 0, "Sales");
		assert_int_equal(store_group_member_set(t, hand, alice, STORE_GROUP_POST, NOW), 0);
		for (unsigned i = 1; i <= 3; i++)
			post(t, hand, i, NOW, &again);
		assert_int_equal(store_group_cursor_set(t, hand, alice, 1, 2), 0);
		assert_int_equal(faults(t), 0);
	}
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		struct store_txn *t = fixture_begin(f);

		switch (gone[i].table) {
		case STORE_TABLE_GROUPMEMBER: store_key_put_group_member(key, hand, alice); break;
		case STORE_TABLE_GROUPOF: store_key_put_group_of(key, alice, hand); break;
		case STORE_TABLE_GROUPNAME: memcpy(key, "Chess", 5); break;
		case STORE_TABLE_GROUPLOG: store_key_put_group_log(key, hand, 2); break;
		case STORE_TABLE_GROUPSENT:
			store_key_put_group_sent(key, hand, CHQ_PARTY(CHQ_KIND_ACCOUNT, 2, 7), 2);
			break;
		default: store_key_put_u32(key, hand); break;
		}
		assert_int_equal(store_kv_del(t, gone[i].table, key, gone[i].len), 0);
		assert_int_not_equal(faults(t), 0);
		fixture_undo(f);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct store_txn *t = fixture_begin(f);
		size_t len = store_record_pack_u64(9, buf);

		store_key_put_group_at(key, i == 1 ? 99 : hand, alice, 1);
		assert_int_equal(store_kv_put(t, STORE_TABLE_GROUPAT, key, STORE_GROUP_AT_KEY_BYTES,
					      buf, i == 2 ? len - 1 : len),
				 0);
		assert_int_equal(faults(t), 1);
		fixture_undo(f);
	}
	(void)sales;
	fixture_assert_sound(f);
}

static void
no_cut_or_longer_record_is_taken(void **state)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES], payload[STORE_GROUP_PAYLOAD_MAX] = { 1 };
	struct store_group g = { .name = "Chess", .epoch = 1, .subdepts = true }, g2;
	struct store_group_member m = { .rights = STORE_GROUP_ALL, .since_ms = NOW }, m2;
	struct store_group_frame fr = { .from = 7, .payload = payload, .len = sizeof(payload) }, f2;
	size_t len;

	(void)state;
	len = store_record_pack_group(&g, buf);
	assert_int_equal(store_record_unpack_group(&g2, buf, len), 0);
	assert_string_equal(g2.name, "Chess");
	for (size_t i = 0; i <= len + 1; i++)
		assert_int_equal(store_record_unpack_group(&g2, buf, i),
				 i == len ? 0 : CHQ_ECORRUPT);
	buf[2] = 0x08;
	assert_int_equal(store_record_unpack_group(&g2, buf, len), CHQ_ECORRUPT);
	len = store_record_pack_group_member(&m, buf);
	for (size_t i = 0; i <= len + 1; i++)
		assert_int_equal(store_record_unpack_group_member(&m2, buf, i),
				 i == len ? 0 : CHQ_ECORRUPT);
	len = store_record_pack_group_frame(&fr, buf);
	for (size_t i = 0; i <= len + 1; i++)
		assert_int_equal(store_record_unpack_group_frame(&f2, buf, i),
				 i == len ? 0 : CHQ_ECORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_STORE(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
		WITH_STORE(every_department_has_a_group_without_a_record),
		WITH_STORE(a_group_made_by_hand_is_found_by_name_and_number),
		WITH_STORE(who_leaves_begins_a_new_epoch_where_he_took_part),
		WITH_STORE(a_lost_right_begins_a_new_epoch_and_a_given_one_does_not),
		WITH_STORE(a_moved_department_leaves_the_groups_above_it),
		WITH_STORE(what_is_said_twice_has_one_order),
		WITH_STORE(a_log_keeps_as_much_as_it_should),
		WITH_STORE(who_joins_hears_what_is_said_from_then_on),
		WITH_STORE(a_cursor_never_falls),
		WITH_STORE(a_removed_group_leaves_nothing),
		WITH_STORE(planted_damage_is_found),
		cmocka_unit_test(no_cut_or_longer_record_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
