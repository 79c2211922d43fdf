#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/audit.h"
#include "store/kv.h"
#include "store/reader.h"
#include "store/writer.h"
#include "tests/unit/control/ctl_words.h"
#include "tests/unit/control/fixture.h"

/* Replaces the real one, so that a record cannot be written. */
int __wrap_store_audit_append(struct store_txn *t, struct store_audit *a);
int __real_store_audit_append(struct store_txn *t, struct store_audit *a);

static _Atomic int append_rc;

int
__wrap_store_audit_append(struct store_txn *t, struct store_audit *a)
{
	return append_rc ? append_rc : __real_store_audit_append(t, a);
}

/* A member of the newest record that fits @words. */
static void
newest(struct fixture *f, const char *words, const char *name, const char *text)
{
	json_t *a = words_ask(f, words), *rows = json_object_get(a, "data");
	json_t *row = json_array_get(rows, json_array_size(rows) - 1);

	assert_string_equal(json_string_value(json_object_get(row, name)), text);
	json_decref(a);
}

static size_t
count(struct fixture *f, const char *words)
{
	json_t *a = words_ask(f, words);
	size_t n = json_array_size(json_object_get(a, "data"));

	assert_true(json_is_true(json_object_get(a, "ok")));
	json_decref(a);
	return n;
}

static void
every_change_is_recorded_with_who_what_and_whom(void **state)
{
	struct fixture *f = *state;
	struct fix_client c;
	json_t *a, *row;

	words_ok(f, "dept add Company");
	words_ok(f, "dept join Company alice --manager");
	a = words_ask(f, "audit tail --limit=1");
	row = json_array_get(json_object_get(a, "data"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "verb")), "dept join");
	assert_string_equal(json_string_value(json_object_get(row, "target")), "Company alice");
	assert_string_equal(json_string_value(json_object_get(row, "new")), "manager");
	assert_int_equal(json_integer_value(json_object_get(row, "uid")), getuid());
	assert_int_equal(json_integer_value(json_object_get(row, "pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(row, "account")), 1);
	json_decref(a);
	client_online(f, &c, 1, "alice");
	words_ok(f, "session kick 0");
	newest(f, "audit tail", "verb", "session kick");
	words_ok(f, "limit set bytes_per_second 64KiB");
	newest(f, "audit tail", "verb", "limit set");
	newest(f, "audit tail", "target", "bytes_per_second 64KiB");
	newest(f, "audit tail", "old", "262144B");
	newest(f, "audit tail", "new", "65536B");
	assert_int_equal(words_number(f, "audit verify", "records"), count(f, "audit export"));
}

static void
a_record_holds_what_was_and_what_is(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "dept add Company");
	words_ok(f, "dept add Sales");
	words_ok(f, "dept move Sales Company");
	newest(f, "audit tail", "old", "Sales");
	newest(f, "audit tail", "new", "Company/Sales");
	words_ok(f, "dept join Company alice");
	newest(f, "audit tail", "new", "member");
	words_ok(f, "dept manager set Company alice");
	newest(f, "audit tail", "old", "member");
	newest(f, "audit tail", "new", "manager");
	words_ok(f, "policy add --subjects=account(alice) --objects=tree(Company) --rights=see");
	newest(f, "audit tail", "new", "allow see: account(alice) towards tree(Company)");
	words_ok(f, "policy set 1 --deny");
	newest(f, "audit tail", "old", "allow see: account(alice) towards tree(Company)");
	newest(f, "audit tail", "new", "deny see: account(alice) towards tree(Company)");
	words_ok(f, "policy remove 1");
	newest(f, "audit tail", "old", "deny see: account(alice) towards tree(Company)");
}

static void
what_is_refused_or_only_read_is_not_recorded(void **state)
{
	struct fixture *f = *state;
	size_t before = count(f, "audit export");

	words_expect(f, "dept add Nowhere/Sales", "ENOENT", NULL);
	words_expect(f, "user disable nobody", "ENOENT", NULL);
	words_expect(f, "session kick 7", "ENOENT", NULL);
	words_ok(f, "user list");
	assert_int_equal(count(f, "audit export"), before);
}

static void
no_secret_is_recorded(void **state)
{
	struct fixture *f = *state;
	json_t *a;
	char *text;

	words_ok(f, "user passwd alice --password=quite~another~secret");
	newest(f, "audit tail", "new", "password=***");
	a = words_ask(f, "audit export");
	text = json_dumps(a, 0);
	assert_null(strstr(text, "another secret"));
	assert_null(strstr(text, "argon2"));
	free(text);
	json_decref(a);
}

static void
a_change_that_cannot_be_recorded_is_not_made(void **state)
{
	struct fixture *f = *state;

	append_rc = CHQ_ECORRUPT;
	words_expect(f, "dept add Company", "ECORRUPT", NULL);
	words_expect(f, "user disable alice", "ECORRUPT", NULL);
	words_expect(f, "limit set bytes_per_second 64KiB", "EPARTIAL", NULL);
	append_rc = 0;
	words_expect(f, "dept show Company", "ENOENT", NULL);
	assert_non_null(strstr(fixture_ctl(f, "{\"noun\":\"user\",\"verb\":\"show\",\"args\":"
					      "[\"alice\"]}\n"),
			       "\"disabled\":false"));
}

static void
records_are_found_by_user_verb_and_time(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "dept add Company");
	words_ok(f, "user disable alice");
	words_ok(f, "user enable alice");
	words_ok(f, "friend request alice bob");
	words_ok(f, "user disable bob");
	assert_int_equal(count(f, "audit tail --user=alice --verb=user~disable"), 1);
	assert_int_equal(count(f, "audit tail --user=bob --since=1h"), 2 + 1); /* added too */
	assert_int_equal(count(f, "audit tail --verb=dept"), 1);
	assert_int_equal(count(f, "audit tail --verb=dep"), 0);
	assert_int_equal(count(f, "audit tail --limit=2"), 2);
	assert_int_equal(count(f, "audit tail --since=2999-01-01"), 0);
	words_expect(f, "audit tail --since=yesterday", "EARGS", "since");
	words_expect(f, "audit tail --user=nobody", "ENOENT", "user");
}

/* Requests of two connections that are there together. */
static void
two_operators_changing_the_same_are_recorded_in_the_order_of_their_commits(void **state)
{
	struct fixture *f = *state;

	words_ok(f, "dept add Company");
	words_ok(f, "dept rename Company First");
	words_expect(f, "dept rename Company Second", "ENOENT", NULL);
	words_ok(f, "dept rename First Third");
	newest(f, "audit tail", "target", "First Third");
	assert_int_equal(count(f, "audit tail --verb=dept~rename"), 2);
}

static int
plant(struct store_txn *t, void *arg)
{
	uint8_t key[8] = { 0 }, buf[2048];
	struct store_view v;
	int rc;

	(void)arg;
	key[7] = 1;
	rc = store_kv_get(t, STORE_TABLE_AUDIT, key, 8, &v);
	if (rc)
		return rc;
	memcpy(buf, v.p, v.len);
	buf[9] ^= 1; /* the uid */
	return store_kv_put(t, STORE_TABLE_AUDIT, key, 8, buf, v.len);
}

static void
a_planted_change_is_found_and_the_record_named(void **state)
{
	struct fixture *f = *state;
	const char *a;

	words_ok(f, "dept add Company");
	assert_int_equal(words_number(f, "audit verify", "newest"),
			 words_number(f, "audit verify", "records"));
	assert_int_equal(store_write_sync(f->ctl.store, plant, NULL), 0);
	a = fixture_ctl(f, "{\"noun\":\"audit\",\"verb\":\"verify\"}\n");
	assert_non_null(strstr(a, "ECORRUPT"));
	assert_non_null(strstr(a, "record 1: is not what was written"));
}

static void
a_head_of_the_log_has_to_be_in_the_chain(void **state)
{
	struct fixture *f = *state;
	char words[160];
	json_t *a = words_ask(f, "audit verify"), *data = json_object_get(a, "data");
	long long n = json_integer_value(json_object_get(data, "newest"));

	snprintf(words, sizeof(words), "audit verify --head=%lld:%s", n,
		 json_string_value(json_object_get(data, "hash")));
	words_ok(f, words);
	snprintf(words, sizeof(words), "audit verify --head=%lld:%s", n + 1,
		 json_string_value(json_object_get(data, "hash")));
	words_expect(f, words, "ECORRUPT", NULL);
	words_expect(f, "audit verify --head=7", "EARGS", "head");
	json_decref(a);
}

static void
an_export_comes_in_pages_that_hold_each_record_once(void **state)
{
	struct fixture *f = *state;
	char words[80] = "audit export --limit=2";
	long long last = 0;

	words_ok(f, "dept add A");
	words_ok(f, "dept add B");
	for (;;) {
		json_t *a = words_ask(f, words), *row;
		const char *cursor = json_string_value(json_object_get(a, "cursor"));
		size_t i;

		json_array_foreach(json_object_get(a, "data"), i, row)
		{
			assert_int_equal(json_integer_value(json_object_get(row, "record")),
					 last + 1);
			last++;
		}
		if (cursor)
			snprintf(words, sizeof(words), "audit export --limit=2 --cursor=%s",
				 cursor);
		json_decref(a);
		if (!cursor)
			break;
	}
	assert_int_equal(last, words_number(f, "audit verify", "records"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_change_is_recorded_with_who_what_and_whom),
		T(a_record_holds_what_was_and_what_is),
		T(what_is_refused_or_only_read_is_not_recorded),
		T(no_secret_is_recorded),
		T(a_change_that_cannot_be_recorded_is_not_made),
		T(records_are_found_by_user_verb_and_time),
		T(two_operators_changing_the_same_are_recorded_in_the_order_of_their_commits),
		T(a_planted_change_is_found_and_the_record_named),
		T(a_head_of_the_log_has_to_be_in_the_chain),
		T(an_export_comes_in_pages_that_hold_each_record_once),
	};
	return cmocka_run_group_tests_name("control/audit", tests, NULL, NULL);
}
