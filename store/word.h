#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What search finds accounts by: the login name as a whole, each word of the display name, and the
 * employee number as a whole. The table of words follows every change of an account in the same
 * transaction; tombstones have none.
 *
 * A word is a text in its folded form: NFKC, case folded. Combining marks stay, and letters that
 * only look alike stay different ones, so what two people see as two names is two words. Words of a
 * display name are its runs of letters, marks and digits; all else divides them. A word longer than
 * STORE_WORD_MAX_BYTES is cut there, at a character; a name has at most STORE_WORDS_MAX of them.
 *
 * To search for what somebody has typed:
 *  - fold it by store_word_fold(). That, as it is, is a prefix of login names and numbers ("anna.s").
 *  - divide it by store_word_split(). Each part is a prefix of a word of the name ("smi ann").
 *  - walk one prefix (the longest, say) by store_word_walk_open(). It goes by rising word, and within
 *    a word by rising account, so that it can be merged with another list of accounts by
 *    store_word_walk_seek(). The same account may come again, with another of its words.
 *  - judge each account found, or each one that is visible, by store_word_match().
 * A walk reads one key at a time and goes no further than its caller: whoever bounds what he looks
 * at resumes behind the last entry by the next seek.
 */

struct store_account;
struct store_txn;

enum {
	STORE_WORD_MAX_BYTES = 64,
	STORE_WORDS_MAX = 32,		/* of a display name */
	STORE_WORD_RAW_BYTES = 256,	/* of what may be folded */
	STORE_WORD_FOLDED_BYTES = 1024, /* of what becomes of it; the rest is cut */
};

/* What a word is of; together in store_word.of. */
enum store_word_of {
	STORE_WORD_LOGIN = 0x01,
	STORE_WORD_NAME = 0x02,
	STORE_WORD_NUMBER = 0x04,
};

/* Folded and without NUL inside. */
struct store_word {
	char text[STORE_WORD_MAX_BYTES + 1];
	uint8_t len;
	uint8_t of; /* enum store_word_of */
};

/* An entry of the table. */
struct store_word_hit {
	struct store_word word;
	uint64_t account;
};

/**
 * store_word_fold() - bring a text to its folded form.
 * @in: UTF-8 of @len bytes, at most STORE_WORD_RAW_BYTES.
 * @out: NUL-terminated.
 *
 * Thread: any. Return: 0; CHQ_ENAMEUTF8; CHQ_ENAMELONG; CHQ_ENOMEM.
 */
int store_word_fold(const char *in, size_t len, char out[STORE_WORD_FOLDED_BYTES + 1]);

/**
 * store_word_split() - the words of a folded text, each once, in their order.
 * @out: room for STORE_WORDS_MAX; .of is STORE_WORD_NAME.
 *
 * Thread: any. Return: how many.
 */
unsigned store_word_split(const char *folded, struct store_word *out);

/**
 * store_word_of_account() - all that an account is found by, each word once.
 * @out: room for STORE_WORDS_MAX + 2.
 *
 * Thread: any. Return: how many; 0 for a tombstone.
 */
unsigned store_word_of_account(const struct store_account *a, struct store_word *out);

/**
 * store_word_match() - what of an account begins with this?
 * @prefix: folded, @len bytes; what is beyond STORE_WORD_MAX_BYTES is not looked at.
 *
 * Thread: any. Return: enum store_word_of together; 0: nothing.
 */
unsigned store_word_match(const struct store_account *a, const char *prefix, size_t len);

/* --- the table, in a snapshot or a job --- */

struct store_word_walk;

/**
 * store_word_walk_open() - a walk over the entries whose words begin with a prefix.
 * @prefix: folded, @len bytes; 0: all. What is beyond STORE_WORD_MAX_BYTES is not looked at.
 *
 * Return: 0, and store_word_walk_close() before the transaction ends; CHQ_ENOMEM; codes of reading.
 */
int store_word_walk_open(struct store_txn *t, const char *prefix, size_t len,
			 struct store_word_walk **out);

/* The next entry, at first the first. Return: 0; CHQ_ENOENT at the end; CHQ_ECORRUPT. */
int store_word_walk_next(struct store_word_walk *w, struct store_word_hit *out);

/**
 * store_word_walk_seek() - skip: the next entry is the first one at or behind this word and account.
 * @word: folded, at most STORE_WORD_MAX_BYTES; begins with the walk's prefix, else it is before the
 * first or behind the last entry.
 */
void store_word_walk_seek(struct store_word_walk *w, const char *word, size_t len,
			  uint64_t account);
void store_word_walk_close(struct store_word_walk *w);

/* --- for the files of store/ --- */

/**
 * store_word_follow() - the table follows a change of an account.
 * @was, @is: before and after; NULL: not there.
 *
 * Return: 0; codes of the writer.
 */
int store_word_follow(struct store_txn *t, const struct store_account *was,
		      const struct store_account *is);

/* Make the words of all accounts, for the migration. Return: 0; codes of the writer. */
int store_word_make_all(struct store_txn *t);
