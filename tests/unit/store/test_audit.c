#include <stdio.h>
#include <string.h>

#include "store/audit.h"
#include "store/kv.h"
#include "store/meta.h"
#include "tests/unit/store/fixture.h"

static void
append(struct fixture *f, unsigned n)
{
	struct store_txn *t = fixture_begin(f);

	for (unsigned i = 0; i < n; i++) {
		struct store_audit a = { .time_ms = 1000, .uid = 7, .pid = 42, .account = 5 };
		struct store_audit_head h;

		assert_int_equal(store_audit_head(t, &h), 0);
		a.time_ms = 1000 * (h.number + 1);
		store_audit_text(a.verb, STORE_AUDIT_VERB_MAX_BYTES, "user disable");
		snprintf(a.target, sizeof(a.target), "login%llu", (unsigned long long)h.number);
		assert_int_equal(store_audit_append(t, &a), 0);
		assert_int_equal(a.number, h.number + 1);
	}
	assert_int_equal(fixture_commit(f), 0);
}

static struct store_audit_check
verify(struct fixture *f, const struct store_audit_head *known)
{
	struct store_audit_check found;

	assert_int_equal(store_audit_verify(fixture_read(f), known, &found, NULL, NULL), 0);
	store_read_end(f->reader);
	return found;
}

/* The stored bytes of record @number. */
static size_t
raw(struct store_txn *t, uint64_t number, uint8_t key[8], uint8_t *buf)
{
	struct store_view v;

	for (int i = 0; i < 8; i++)
		key[i] = (uint8_t)(number >> (56 - 8 * i));
	assert_int_equal(store_kv_get(t, STORE_TABLE_AUDIT, key, 8, &v), 0);
	memcpy(buf, v.p, v.len);
	return v.len;
}

static void
records_come_back_as_they_were_written_and_the_chain_is_whole(void **state)
{
	struct fixture *f = *state;
	struct store_audit a;
	struct store_audit_check c;

	append(f, 20);
	assert_int_equal(store_audit_get(fixture_read(f), 3, &a), 0);
	store_read_end(f->reader);
	assert_int_equal(a.number, 3);
	assert_int_equal(a.uid, 7);
	assert_int_equal(a.pid, 42);
	assert_int_equal(a.account, 5);
	assert_string_equal(a.verb, "user disable");
	assert_string_equal(a.target, "login2");
	c = verify(f, NULL);
	assert_int_equal(c.records, 20);
	assert_int_equal(c.faults, 0);
	assert_int_equal(c.head.number, 20);
	fixture_assert_sound(f);
}

static void
any_byte_changed_in_any_record_is_found(void **state)
{
	struct fixture *f = *state;
	uint8_t key[8], buf[2048];
	struct store_audit_check c;
	size_t len;

	append(f, 5);
	for (uint64_t n = 1; n <= 5; n++) {
		len = raw(fixture_read(f), n, key, buf);
		store_read_end(f->reader);
		for (size_t i = 0; i < len; i++) {
			buf[i] ^= 1;
			assert_int_equal(store_kv_put(fixture_begin(f), STORE_TABLE_AUDIT, key, 8,
						      buf, len),
					 0);
			assert_int_equal(fixture_commit(f), 0);
			c = verify(f, NULL);
			assert_int_not_equal(c.faults, 0);
			assert_in_range(c.first_fault, n, n + 1);
			buf[i] ^= 1;
		}
		assert_int_equal(
			store_kv_put(fixture_begin(f), STORE_TABLE_AUDIT, key, 8, buf, len), 0);
		assert_int_equal(fixture_commit(f), 0);
	}
	assert_int_equal(verify(f, NULL).faults, 0);
}

static void
a_missing_record_is_found_wherever_it_was(void **state)
{
	struct fixture *f = *state;
	uint8_t key[8], buf[2048];

	append(f, 5);
	for (uint64_t n = 1; n <= 5; n++) {
		struct store_txn *t = fixture_begin(f);
		size_t len = raw(t, n, key, buf);

		assert_int_equal(store_kv_del(t, STORE_TABLE_AUDIT, key, 8), 0);
		assert_int_equal(fixture_commit(f), 0);
		assert_int_equal(verify(f, NULL).faults, 1);
		assert_int_equal(
			store_kv_put(fixture_begin(f), STORE_TABLE_AUDIT, key, 8, buf, len), 0);
		assert_int_equal(fixture_commit(f), 0);
	}
}

/* Somebody who can write the database cuts the tail and sets the head back: only a noted head tells. */
static void
a_tail_cut_with_its_head_is_found_by_a_head_that_was_noted(void **state)
{
	struct fixture *f = *state;
	struct store_audit_head noted, early;
	uint8_t key[8], buf[2048], meta = STORE_META_AUDIT_HEAD;
	struct store_view v;
	uint8_t old[64];
	struct store_txn *t;

	append(f, 3);
	early = verify(f, NULL).head;
	t = fixture_read(f);
	assert_int_equal(store_kv_get(t, STORE_TABLE_META, &meta, 1, &v), 0);
	memcpy(old, v.p, v.len);
	store_read_end(f->reader);
	append(f, 1);
	noted = verify(f, NULL).head;
	t = fixture_begin(f);
	raw(t, 4, key, buf);
	assert_int_equal(store_kv_del(t, STORE_TABLE_AUDIT, key, 8), 0);
	assert_int_equal(store_kv_put(t, STORE_TABLE_META, &meta, 1, old, 41), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(verify(f, NULL).faults, 0);
	assert_int_equal(verify(f, &early).faults, 0);
	assert_int_equal(verify(f, &noted).faults, 1);
	append(f, 1); /* another history */
	assert_int_equal(verify(f, &early).faults, 0);
	noted.hash[0] ^= 1;
	assert_int_equal(verify(f, &noted).faults, 1);
}

static void
what_is_forgotten_is_the_oldest_and_never_the_newest(void **state)
{
	struct fixture *f = *state;
	struct store_audit_check c;
	unsigned removed;

	append(f, 10);
	assert_int_equal(store_audit_forget(fixture_begin(f), 4000, 100, &removed), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(removed, 3);
	c = verify(f, NULL);
	assert_int_equal(c.records, 7);
	assert_int_equal(c.faults, 0);
	assert_int_equal(store_audit_forget(fixture_begin(f), UINT64_MAX, 2, &removed), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(removed, 2);
	assert_int_equal(store_audit_forget(fixture_begin(f), UINT64_MAX, 100, &removed), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(removed, 4);
	c = verify(f, NULL);
	assert_int_equal(c.records, 1);
	assert_int_equal(c.faults, 0);
	assert_int_equal(c.head.number, 10);
	append(f, 1);
	assert_int_equal(verify(f, NULL).faults, 0);
	fixture_assert_sound(f);
}

static void
a_long_text_is_cut_between_characters(void **state)
{
	char text[600], cut[STORE_AUDIT_TEXT_MAX_BYTES + 1];

	(void)state;
	for (unsigned i = 0; i < 299; i++)
		memcpy(text + 2 * i, "\xc3\xa4", 2);
	text[598] = '\0';
	store_audit_text(cut, STORE_AUDIT_TEXT_MAX_BYTES, text);
	assert_int_equal(strlen(cut), 254);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(records_come_back_as_they_were_written_and_the_chain_is_whole),
		T(any_byte_changed_in_any_record_is_found),
		T(a_missing_record_is_found_wherever_it_was),
		T(a_tail_cut_with_its_head_is_found_by_a_head_that_was_noted),
		T(what_is_forgotten_is_the_oldest_and_never_the_newest),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
	};
	return cmocka_run_group_tests_name("store/audit", tests, NULL, NULL);
}
