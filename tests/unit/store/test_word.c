#include <string.h>

#include "store/account.h"
#include "store/kv.h"
#include "store/verify.h"
#include "store/word.h"
#include "tests/unit/store/fixture.h"

static uint64_t
person(struct fixture *f, const char *login, const char *name, const char *number)
{
	struct store_profile p = { .name = name, .number = number };
	struct store_account_new new = { .login = login, .profile = &p, .now_ms = 1 };
	uint64_t id = 0;

	assert_int_equal(store_account_add(fixture_begin(f), &new, &id), 0);
	assert_int_equal(fixture_commit(f), 0);
	return id;
}

/* How many entries begin with this (folded here), the first one in *@first. */
static unsigned
hits(struct fixture *f, const char *typed, struct store_word_hit *first)
{
	char folded[STORE_WORD_FOLDED_BYTES + 1];
	struct store_word_walk *w;
	struct store_word_hit hit;
	unsigned n = 0;

	assert_int_equal(store_word_fold(typed, strlen(typed), folded), 0);
	assert_int_equal(store_word_walk_open(fixture_read(f), folded, strlen(folded), &w), 0);
	for (; store_word_walk_next(w, &hit) == 0; n++)
		if (n == 0)
			*first = hit;
	store_word_walk_close(w);
	store_read_end(f->reader);
	return n;
}

static void
an_account_is_found_by_login_any_word_of_its_name_and_number(void **state)
{
	struct fixture *f = *state;
	uint64_t id = person(f, "anna.smith", "Anne-Marie O\u2019Brien", "A-0815");
	struct store_word_hit hit;

	person(f, "other", "Zoe", "");
	for (const char *const *q =
		     (const char *const[]){ "anna.s", "ANNE", "mar", "o", "Bri", "a-08", NULL };
	     *q; q++) {
		unsigned n = hits(f, *q, &hit);

		assert_true(n >= 1);
		if (strcmp(*q, "o") != 0)
			assert_int_equal(hit.account, id);
	}
	assert_int_equal(hits(f, "smith", &hit), 0); /* inside the login name */
	assert_int_equal(hits(f, "ie", &hit), 0);
	assert_int_equal(hits(f, "bri", &hit), 1);
	assert_int_equal(hit.word.of, STORE_WORD_NAME);
	assert_int_equal(hits(f, "a-", &hit), 1);
	assert_int_equal(hit.word.of, STORE_WORD_NUMBER);
}

static void
spellings_of_one_text_are_one_word_and_lookalikes_are_not(void **state)
{
	struct fixture *f = *state;
	struct store_word_hit hit;

	/* Compatibility forms, case, and sharp s; decomposed e with acute. */
	person(f, "one",
	       "\uff33\uff54\u00df"
	       "e\u0301",
	       "");
	assert_int_equal(hits(f, "STSS\u00c9", &hit), 1);
	assert_int_equal(hits(f, "stsse", &hit), 0); /* the mark stays */
	/* Cyrillic a looks like a Latin one. */
	person(f, "two", "\u0430nna", "");
	assert_int_equal(hits(f, "anna", &hit), 0);
	assert_int_equal(hits(f, "\u0410nna", &hit), 1);
}

static void
words_follow_every_change_and_end_with_the_account(void **state)
{
	struct fixture *f = *state;
	uint64_t id = person(f, "alice", "Alice Alpha", "1");
	struct store_profile p = { .name = "Alice Beta", .number = "2" };
	struct store_word_hit hit;

	assert_int_equal(hits(f, "alice", &hit), 1);
	assert_int_equal(hit.word.of, STORE_WORD_LOGIN | STORE_WORD_NAME);
	assert_int_equal(store_account_set_profile(fixture_begin(f), id, &p, 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(hits(f, "alpha", &hit), 0);
	assert_int_equal(hits(f, "beta", &hit), 1);
	assert_int_equal(hits(f, "1", &hit), 0);
	assert_int_equal(hits(f, "2", &hit), 1);
	assert_int_equal(store_account_rename(fixture_begin(f), id, "liz", 1), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(hits(f, "liz", &hit), 1);
	assert_int_equal(hits(f, "alice", &hit), 1);
	assert_int_equal(hit.word.of, STORE_WORD_NAME);
	fixture_assert_sound(f);
	assert_int_equal(store_account_remove(fixture_begin(f), id, 1, NULL, NULL), 0);
	assert_int_equal(fixture_commit(f), 0);
	assert_int_equal(hits(f, "", &hit), 0);
	fixture_assert_sound(f);
}

static void
a_failed_change_leaves_the_words_as_they_were(void **state)
{
	struct fixture *f = *state;
	uint64_t id = person(f, "alice", "Alice", "");
	struct store_word_hit hit;

	assert_int_equal(store_account_rename(fixture_begin(f), id, "eve", 1), 0);
	fixture_undo(f);
	assert_int_equal(hits(f, "eve", &hit), 0);
	assert_int_equal(hits(f, "ali", &hit), 1);
}

static void
a_walk_goes_by_word_then_account_and_skips(void **state)
{
	struct fixture *f = *state;
	uint64_t id[4];
	struct store_word_walk *w;
	struct store_word_hit hit;

	id[0] = person(f, "x1", "Ben", "");
	id[1] = person(f, "x2", "Anton Bea", "");
	id[2] = person(f, "x3", "Ben", "");
	id[3] = person(f, "x4", "Ben Berta", "");
	assert_int_equal(store_word_walk_open(fixture_read(f), "be", 2, &w), 0);
	assert_int_equal(store_word_walk_next(w, &hit), 0);
	assert_string_equal(hit.word.text, "bea");
	assert_int_equal(hit.account, id[1]);
	assert_int_equal(store_word_walk_next(w, &hit), 0);
	assert_string_equal(hit.word.text, "ben");
	assert_int_equal(hit.account, id[0]);
	store_word_walk_seek(w, "ben", 3, id[0] + 1);
	assert_int_equal(store_word_walk_next(w, &hit), 0);
	assert_int_equal(hit.account, id[2]);
	store_word_walk_seek(w, "ben", 3, id[3] + 1);
	assert_int_equal(store_word_walk_next(w, &hit), 0);
	assert_string_equal(hit.word.text, "berta");
	assert_int_equal(hit.account, id[3]);
	assert_int_equal(store_word_walk_next(w, &hit), CHQ_ENOENT);
	assert_int_equal(store_word_walk_next(w, &hit), CHQ_ENOENT);
	store_word_walk_seek(w, "a", 1, 0); /* before its prefix: at its beginning */
	assert_int_equal(store_word_walk_next(w, &hit), 0);
	assert_string_equal(hit.word.text, "bea");
	store_word_walk_seek(w, "x", 1, 0);
	assert_int_equal(store_word_walk_next(w, &hit), CHQ_ENOENT);
	store_word_walk_close(w);
	store_read_end(f->reader);
}

static void
long_and_many_words_are_cut_at_a_character(void **state)
{
	struct store_account a = { .login = "a" };
	struct store_word set[STORE_WORDS_MAX + 2];

	(void)state;
	/* 43 characters of 3 bytes: the word ends with the 21st. */
	for (int i = 0; i < 42; i++)
		memcpy(a.name + 3 * i, "\u738b", 3);
	assert_int_equal(store_word_of_account(&a, set), 2);
	assert_int_equal(set[1].len, 63);
	assert_int_equal(store_word_match(&a, a.name, 126), STORE_WORD_NAME);
	memset(a.name, 0, sizeof(a.name));
	for (int i = 0; i < 64; i++) {
		a.name[2 * i] = (char)(i < 26 ? 'a' + i : '0' + i % 10);
		a.name[2 * i + 1] = ' ';
	}
	assert_true(store_word_of_account(&a, set) <= STORE_WORDS_MAX + 2);
}

static void
match_says_what_of_an_account_begins_with_a_text(void **state)
{
	struct store_account a = { .login = "kim", .name = "Kim Lee", .number = "kim7" };

	(void)state;
	assert_int_equal(store_word_match(&a, "ki", 2),
			 STORE_WORD_LOGIN | STORE_WORD_NAME | STORE_WORD_NUMBER);
	assert_int_equal(store_word_match(&a, "kim7", 4), STORE_WORD_NUMBER);
	assert_int_equal(store_word_match(&a, "lee", 3), STORE_WORD_NAME);
	assert_int_equal(store_word_match(&a, "leek", 4), 0);
}

static void
what_is_no_text_is_no_word(void **state)
{
	char out[STORE_WORD_FOLDED_BYTES + 1], long_text[STORE_WORD_RAW_BYTES + 1] = { 0 };

	(void)state;
	assert_int_equal(store_word_fold("\xff", 1, out), CHQ_ENAMEUTF8);
	assert_int_equal(store_word_fold("a\0b", 3, out), CHQ_ENAMEUTF8);
	assert_int_equal(store_word_fold(long_text, sizeof(long_text), out), CHQ_ENAMELONG);
}

static int
plant_missing(struct store_txn *t, void *arg)
{
	uint8_t key[4 + STORE_ACCOUNT_KEY_BYTES] = "bob";

	store_key_put_account(key + 4, *(uint64_t *)arg);
	return store_kv_del(t, STORE_TABLE_WORD, key, sizeof(key));
}

static int
plant_foreign(struct store_txn *t, void *arg)
{
	uint8_t key[4 + STORE_ACCOUNT_KEY_BYTES] = "eve";

	store_key_put_account(key + 4, *(uint64_t *)arg);
	return store_kv_put(t, STORE_TABLE_WORD, key, sizeof(key), "\1\1", 2);
}

static int
plant_damage(struct store_txn *t, void *arg)
{
	uint8_t key[4 + STORE_ACCOUNT_KEY_BYTES] = "bob";

	store_key_put_account(key + 4, *(uint64_t *)arg);
	return store_kv_put(t, STORE_TABLE_WORD, key, sizeof(key), "\2\1", 2);
}

static void
verify_finds_missing_foreign_and_damaged_words(void **state)
{
	struct fixture *f = *state;
	uint64_t bob = fixture_account(f, "bob");
	store_job_fn *const plants[] = { plant_missing, plant_foreign, plant_damage };
	struct store_verify found;

	for (size_t i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		assert_int_equal(store_write_sync(f->st, plants[i], &bob), 0);
		assert_int_equal(store_verify_all(fixture_read(f), &found, NULL, NULL), 0);
		store_read_end(f->reader);
		assert_int_equal(found.faults, i + 1 - (i > 1));
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_account_is_found_by_login_any_word_of_its_name_and_number),
		TEST(spellings_of_one_text_are_one_word_and_lookalikes_are_not),
		TEST(words_follow_every_change_and_end_with_the_account),
		TEST(a_failed_change_leaves_the_words_as_they_were),
		TEST(a_walk_goes_by_word_then_account_and_skips),
		cmocka_unit_test(long_and_many_words_are_cut_at_a_character),
		cmocka_unit_test(match_says_what_of_an_account_begins_with_a_text),
		cmocka_unit_test(what_is_no_text_is_no_word),
		TEST(verify_finds_missing_foreign_and_damaged_words),
	};

	return cmocka_run_group_tests_name("store/word", tests, NULL, NULL);
}
