#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"
#include "store/account.h"
#include "store/device.h"
#include "store/kv.h"
#include "store/mail.h"
#include "store/record_mail.h"
#include "store/verify.h"
#include "tests/unit/store/fixture.h"

static const struct store_mail_limits wide = { .messages = 1000, .bytes = 1 << 20 };

/* Devices 1 to @devices of a new account. */
static uint64_t
person(struct fixture *f, const char *login, unsigned devices)
{
	uint64_t id = fixture_account(f, login);

	for (unsigned i = 1; i <= devices; i++) {
		uint8_t key[STORE_KEY_BYTES] = { [0] = (uint8_t)i, [8] = 1 };
		struct store_device_new d = { .account = id, .noise_key = key, .now_ms = 1 };
		uint8_t number;

		memcpy(key + 16, &id, sizeof(id));
		assert_int_equal(store_device_enroll(fixture_begin(f), &d, &number), 0);
		assert_int_equal(fixture_commit(f), 0);
		assert_int_equal(number, i);
	}
	return id;
}

static struct store_mail
mail(uint64_t to, uint8_t device, uint64_t from, uint64_t message)
{
	static const uint8_t text[] = "sealed bytes that nobody here can read";

	return (struct store_mail){ .account = to,
				    .device = device,
				    .flags = CHQ_F_STORE,
				    .app = 7,
				    .party = from ? CHQ_PARTY(CHQ_KIND_ACCOUNT, 3, from) : 0,
				    .message = message,
				    .stored_ms = 1000 + message,
				    .len = sizeof(text),
				    .payload = text };
}

static int
put_limited(struct fixture *f, struct store_mail *m, const struct store_mail_limits *l,
	    enum store_mail_full *full)
{
	int rc = store_mail_put(fixture_begin(f), m, l, full);

	assert_int_equal(fixture_commit(f), 0);
	return rc;
}

static int
put(struct fixture *f, struct store_mail *m)
{
	enum store_mail_full full;

	return put_limited(f, m, &wide, &full);
}

static void
del(struct fixture *f, uint64_t account, uint8_t device, uint64_t number)
{
	assert_int_equal(store_mail_del(fixture_begin(f), account, device, number), 0);
	assert_int_equal(fixture_commit(f), 0);
}

static struct store_mail_box
box(struct fixture *f, uint64_t account, uint8_t device)
{
	struct store_mail_box b;

	assert_int_equal(store_mail_box(fixture_read(f), account, device, &b), 0);
	store_read_end(f->reader);
	return b;
}

static struct store_mail_sum
total(struct fixture *f)
{
	struct store_mail_sum s;

	assert_int_equal(store_mail_total(fixture_read(f), &s), 0);
	store_read_end(f->reader);
	return s;
}

static void
frames_wait_in_order_for_each_device_until_they_are_taken_out(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = person(f, "alice", 2), bob = person(f, "bob", 1);
	struct store_mail m, got;
	struct store_txn *t;

	for (uint64_t i = 1; i <= 5; i++) {
		m = mail(alice, 1, bob, 100 + i);
		assert_int_equal(put(f, &m), 0);
		assert_int_equal(m.number, i);
	}
	m = mail(alice, 2, bob, 200);
	assert_int_equal(put(f, &m), 0);
	assert_int_equal(m.number, 1);
	fixture_reopen(f);
	t = fixture_read(f);
	for (uint64_t i = 1; i <= 5; i++) {
		assert_int_equal(store_mail_next(t, alice, 1, i - 1, &got), 0);
		assert_int_equal(got.number, i);
		assert_int_equal(got.message, 100 + i);
		assert_true(got.party == CHQ_PARTY(CHQ_KIND_ACCOUNT, 3, bob));
		assert_int_equal(got.stored_ms, 1100 + i);
		assert_int_equal(got.app, 7);
		assert_int_equal(got.flags, CHQ_F_STORE);
		assert_int_equal(got.len, m.len);
		assert_memory_equal(got.payload, m.payload, m.len);
	}
	assert_int_equal(store_mail_next(t, alice, 1, 5, &got), CHQ_ENOENT);
	store_read_end(f->reader);
	del(f, alice, 1, 2);
	t = fixture_read(f);
	assert_int_equal(store_mail_next(t, alice, 1, 1, &got), 0);
	assert_int_equal(got.number, 3);
	assert_int_equal(store_mail_get(t, alice, 1, 2, &got), CHQ_ENOENT);
	assert_int_equal(store_mail_get(t, alice, 2, 1, &got), 0);
	store_read_end(f->reader);
	assert_int_equal(store_mail_del(fixture_begin(f), alice, 1, 2), CHQ_ENOENT);
	fixture_undo(f);
	fixture_assert_sound(f);
}

static void
the_same_frame_waits_once_for_each_device(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = person(f, "alice", 2), bob = person(f, "bob", 1);
	struct store_mail a = mail(alice, 1, bob, 5), again = a, other = mail(alice, 2, bob, 5);

	assert_int_equal(put(f, &a), 0);
	assert_int_equal(put(f, &again), CHQ_EEXIST);
	assert_int_equal(again.number, a.number);
	assert_int_equal(put(f, &other), 0);
	assert_int_equal(box(f, alice, 1).messages, 1);
	assert_int_equal(total(f).messages, 2);
	fixture_assert_sound(f);
}

static void
no_number_is_given_twice_even_after_the_box_was_empty(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = person(f, "alice", 1);
	struct store_mail m = mail(alice, 1, 0, 1);

	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(put(f, &m), 0);
		assert_int_equal(m.number, i);
		del(f, alice, 1, i);
		fixture_reopen(f);
	}
	assert_int_equal(box(f, alice, 1).messages, 0);
	assert_int_equal(box(f, alice, 1).next, 4);
	fixture_assert_sound(f);
}

static void
only_a_device_that_is_enrolled_has_a_box(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = person(f, "alice", 2), bob = person(f, "bob", 1);
	struct store_mail m = mail(alice, 3, bob, 1);

	assert_int_equal(put(f, &m), CHQ_ENOENT);
	m = mail(bob + 1, 1, bob, 1);
	assert_int_equal(put(f, &m), CHQ_ENOENT);
	assert_int_equal(store_device_revoke(fixture_begin(f), alice, 2), 0);
	assert_int_equal(fixture_commit(f), 0);
	m = mail(alice, 2, bob, 1);
	assert_int_equal(put(f, &m), CHQ_ENOENT);
	assert_int_equal(total(f).messages, 0);
	m.len = STORE_MAIL_PAYLOAD_MAX_BYTES + 1;
	m.device = 1;
	assert_int_equal(put(f, &m), CHQ_ETOOBIG);
}

static void
who_gets_a_freed_number_gets_none_of_its_mail_and_no_number_again(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = person(f, "alice", 1), bob = person(f, "bob", 1);
	uint8_t key[STORE_KEY_BYTES] = { 99 }, number;
	struct store_device_new d = { .account = alice, .noise_key = key, .now_ms = 1 };
	struct store_mail m = mail(alice, 1, bob, 1);

	assert_int_equal(put(f, &m), 0);
	assert_int_equal(store_device_revoke(fixture_begin(f), alice, 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(store_device_forget(fixture_begin(f), alice, 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(store_device_enroll(fixture_begin(f), &d, &number), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(number, 1);
	assert_int_equal(box(f, alice, 1).messages, 0);
	m = mail(alice, 1, bob, 2);
	assert_int_equal(put(f, &m), 0);
	assert_int_equal(m.number, 2);
	fixture_assert_sound(f);
}

static void
each_limit_refuses_by_itself_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = person(f, "alice", 2), bob = person(f, "bob", 1);
	struct store_mail m = mail(alice, 1, bob, 1);
	size_t each = m.len + STORE_MAIL_OVERHEAD_BYTES;
	const struct {
		struct store_mail_limits l;
		enum store_mail_full why;
	} tries[] = {
		{ { .messages = 2 }, STORE_MAIL_BOX_FULL },
		{ { .bytes = 3u * m.len - 1 }, STORE_MAIL_BOX_FULL },
		{ { .sender_messages = 2 }, STORE_MAIL_SENDER_FULL },
		{ { .total_bytes = 3 * each - 1 }, STORE_MAIL_ALL_FULL },
	};

	assert_int_equal(put(f, &m), 0);
	m = mail(alice, 1, bob, 2);
	assert_int_equal(put(f, &m), 0);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		enum store_mail_full full = STORE_MAIL_ROOM;

		m = mail(alice, 1, bob, 3);
		assert_int_equal(put_limited(f, &m, &tries[i].l, &full), CHQ_ELIMIT);
		assert_int_equal(full, tries[i].why);
		m = mail(alice, 1, bob, 2); /* it waits already */
		assert_int_equal(put_limited(f, &m, &tries[i].l, &full), CHQ_EEXIST);
		assert_int_equal(box(f, alice, 1).messages, 2);
	}
	/* A full box is no other's, and a full sender nobody else. */
	m = mail(alice, 2, bob, 3);
	assert_int_equal(put_limited(f, &m, &tries[0].l, &(enum store_mail_full){ 0 }), 0);
	m = mail(alice, 1, alice, 3);
	assert_int_equal(put_limited(f, &m, &tries[2].l, &(enum store_mail_full){ 0 }), 0);
	fixture_assert_sound(f);
}

static void
the_oldest_entries_are_cleared_by_age_and_in_slices(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = person(f, "alice", 1);
	unsigned cleared = 0;

	for (uint64_t i = 1; i <= 10; i++) {
		struct store_mail m = mail(alice, 1, 0, i); /* stored at 1000 + i */

		assert_int_equal(put(f, &m), 0);
	}
	assert_int_equal(store_mail_clear(fixture_begin(f), alice, 1, 1005, 3, &cleared),
			 CHQ_EAGAIN);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(store_mail_clear(fixture_begin(f), alice, 1, 1005, 3, &cleared), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(cleared, 4);
	assert_int_equal(box(f, alice, 1).first, 5);
	assert_int_equal(box(f, alice, 1).first_ms, 1005);
	assert_int_equal(store_mail_clear(fixture_begin(f), alice, 1, UINT64_MAX, 100, &cleared),
			 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(cleared, 10);
	assert_int_equal(box(f, alice, 1).messages, 0);
	assert_int_equal(box(f, alice, 1).next, 11);
	fixture_assert_sound(f);
}

static void
a_walk_meets_every_box_once(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = person(f, "alice", 2), bob = person(f, "bob", 1);
	struct store_mail m[] = { mail(alice, 1, bob, 1), mail(alice, 2, bob, 1),
				  mail(bob, 1, alice, 1) };
	struct store_mail_box b = { .account = 0 };
	struct store_txn *t;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(put(f, &m[i]), 0);
	t = fixture_read(f);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(store_mail_boxes(t, b.account, b.device, &b), 0);
		assert_int_equal(b.account, m[i].account);
		assert_int_equal(b.device, m[i].device);
		assert_int_equal(b.messages, 1);
	}
	assert_int_equal(store_mail_boxes(t, b.account, b.device, &b), CHQ_ENOENT);
	store_read_end(f->reader);
}

/* A few of everything. */
static void
fill(struct fixture *f)
{
	uint64_t alice = person(f, "alice", 2), bob = person(f, "bob", 1);
	struct store_mail m = mail(alice, 1, bob, 1);

	assert_int_equal(put(f, &m), 0);
	m = mail(alice, 1, 0, 2);
	assert_int_equal(put(f, &m), 0);
	m = mail(bob, 1, alice, 2);
	assert_int_equal(put(f, &m), 0);
	fixture_assert_sound(f);
}

static uint64_t
faults(struct fixture *f)
{
	struct store_verify found;

	assert_int_equal(store_verify_all(fixture_read(f), &found, NULL, NULL), 0);
	store_read_end(f->reader);
	return found.faults;
}

struct item {
	uint8_t key[64], val[2048];
	size_t key_len, val_len;
};

/* Item @n of a table. Return: whether there is one. */
static bool
item_at(struct store_txn *t, enum store_table table, unsigned n, struct item *out)
{
	struct store_iter it;
	int rc = store_iter_open(&it, t, table, "", 0, 0);

	while (rc == 0 && n-- > 0)
		rc = store_iter_next(&it);
	if (rc == 0) {
		memcpy(out->key, it.key.p, out->key_len = it.key.len);
		memcpy(out->val, it.val.p, out->val_len = it.val.len);
	}
	store_iter_close(&it);
	return rc == 0;
}

static void
whatever_record_is_missing_or_cut_short_is_found(void **state)
{
	static const enum store_table tables[] = { STORE_TABLE_MAIL, STORE_TABLE_MAILFROM };
	struct fixture *f = *state;
	struct store_txn *t;
	struct item i;
	unsigned tried = 0;

	fill(f);
	for (size_t table = 0; table < 2; table++) {
		for (unsigned n = 0; t = fixture_begin(f), item_at(t, tables[table], n, &i); n++) {
			assert_int_equal(store_kv_del(t, tables[table], i.key, i.key_len), 0);
			assert_int_equal(fixture_commit(f), 0);
			assert_int_not_equal(faults(f), 0);
			assert_int_equal(store_kv_put(fixture_begin(f), tables[table], i.key,
						      i.key_len, i.val, i.val_len - 1),
					 0);
			assert_int_equal(fixture_commit(f), 0);
			assert_int_not_equal(faults(f), 0);
			assert_int_equal(store_kv_put(fixture_begin(f), tables[table], i.key,
						      i.key_len, i.val, i.val_len),
					 0);
			assert_int_equal(fixture_commit(f), 0);
			tried++;
		}
		fixture_undo(f);
	}
	assert_int_equal(tried, 2 * 1 + 3 * 2 + 2);
	fixture_assert_sound(f);
}

/* A number in a head or a sum: all that is not sealed. */
static void
whatever_count_is_wrong_is_found(void **state)
{
	static const enum store_table tables[] = { STORE_TABLE_MAIL, STORE_TABLE_MAILFROM };
	struct fixture *f = *state;
	struct store_txn *t;
	struct item i;

	fill(f);
	for (size_t table = 0; table < 2; table++) {
		for (unsigned n = 0; t = fixture_begin(f), item_at(t, tables[table], n, &i); n++) {
			size_t at = tables[table] == STORE_TABLE_MAIL ? 9 : 1;

			/* Messages of a head and of a sum; entries and names have none. */
			if (i.key_len <= MAIL_HEAD_KEY_BYTES) {
				i.val[at]++;
				assert_int_equal(store_kv_put(t, tables[table], i.key, i.key_len,
							      i.val, i.val_len),
						 0);
				assert_int_equal(fixture_commit(f), 0);
				assert_int_not_equal(faults(f), 0);
				i.val[at]--;
				t = fixture_begin(f);
			}
			assert_int_equal(store_kv_put(t, tables[table], i.key, i.key_len, i.val,
						      i.val_len),
					 0);
			assert_int_equal(fixture_commit(f), 0);
		}
		fixture_undo(f);
	}
	fixture_assert_sound(f);
}

enum { MODEL_STEPS = 200 };

/* One random step. */
static void
model_step(struct store_txn *t, const uint64_t who[3], unsigned i)
{
	uint64_t to = who[rand() % 3], from = who[rand() % 3];
	uint8_t device = (uint8_t)(rand() % 3); /* 0 is nobody's */
	struct store_mail_limits l = { .messages = 20, .sender_messages = 25 };
	enum store_mail_full full;
	struct store_mail m = mail(to, device, from, 1 + (unsigned)rand() % 60);
	unsigned n = 0;

	m.stored_ms = i;
	switch (rand() % 4) {
	case 0:
	case 1: store_mail_put(t, &m, &l, &full); break;
	case 2: store_mail_del(t, to, device, 1 + (unsigned)rand() % (i + 1)); break;
	default: store_mail_clear(t, to, device, i - i / 8, 2, &n);
	}
}

static void
counts_stay_true_whatever_is_put_and_taken(void **state)
{
	struct fixture *f = *state;
	const uint64_t who[3] = { person(f, "alice", 2), person(f, "bob", 2),
				  person(f, "carol", 2) };

	srand(7);
	for (unsigned i = 1; i <= MODEL_STEPS; i++) {
		struct store_txn *t = fixture_begin(f);

		for (unsigned n = 0; n < 100; n++)
			model_step(t, who, i);
		assert_int_equal(fixture_commit(f), 0);
		if (i % 10 == 0)
			fixture_assert_sound(f);
	}
}

static void
a_record_cut_short_or_longer_is_damage(void **state)
{
	uint8_t buf[STORE_MAIL_PAYLOAD_MAX_BYTES + 64];
	struct store_mail m = mail(1, 1, 2, 3), out;
	size_t len = store_record_pack_mail(&m, buf);

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(store_record_unpack_mail(&out, buf, n), CHQ_ECORRUPT);
	assert_int_equal(store_record_unpack_mail(&out, buf, len), 0);
	assert_int_equal(store_record_unpack_mail(&out, buf, len + 1), CHQ_ECORRUPT);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(frames_wait_in_order_for_each_device_until_they_are_taken_out),
		T(the_same_frame_waits_once_for_each_device),
		T(no_number_is_given_twice_even_after_the_box_was_empty),
		T(only_a_device_that_is_enrolled_has_a_box),
		T(who_gets_a_freed_number_gets_none_of_its_mail_and_no_number_again),
		T(each_limit_refuses_by_itself_and_changes_nothing),
		T(the_oldest_entries_are_cleared_by_age_and_in_slices),
		T(a_walk_meets_every_box_once),
		T(whatever_record_is_missing_or_cut_short_is_found),
		T(whatever_count_is_wrong_is_found),
		T(counts_stay_true_whatever_is_put_and_taken),
		cmocka_unit_test(a_record_cut_short_or_longer_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
