#pragma once
#include <stdint.h>

/* Numbers of the database as a whole. Values are also their keys: they never change. */

struct store_txn;

enum { STORE_SCHEMA_VERSION = 3 };

enum store_meta {
	STORE_META_SCHEMA = 1,	     /* STORE_SCHEMA_VERSION of the build that wrote last */
	STORE_META_EPOCH = 2,	     /* server epoch */
	STORE_META_NEXT_ACCOUNT = 3, /* id of the next account */
	STORE_META_NEXT_DEPT = 4,    /* id of the next department */
	STORE_META_NEXT_RULE = 5,    /* id of the next rule */
	STORE_META_BOOK_CHANGE = 7,  /* next change of departments, rules, or who is there */
	STORE_META_BOOK_SETTLED = 8, /* … all before this one took back what they had to */
	STORE_META_NEXT_GROUP = 24,  /* number of the next group made by hand */
	STORE_META_SENDER_EPOCH = 6, /* added to every account's sender epoch; absent: 0 */
	STORE_META_IMPORT_FIRST =
		10,		     /* accounts from here to below the next are staged: import.h */
	STORE_META_IMPORT_END = 11,  /* both are absent when nothing is */
	STORE_META_NEXT_INVITE = 12, /* number of the next invitation code */
	STORE_META_MAIL_MESSAGES = 20, /* waiting in all mailboxes; absent: 0 */
	STORE_META_MAIL_BYTES = 21,    /* the same in bytes, with overhead */
	STORE_META_AUDIT_HEAD = 40,    /* newest audit record: number and hash, by audit.c */
	STORE_META_AUDIT_BASE = 41,    /* the one before the oldest, the same */
	STORE_META_APPS = 32,	       /* rises with every change of the registry of applications */
};

/* Return: 0; CHQ_ENOENT if it was never set; CHQ_ECORRUPT. */
int store_meta_get(struct store_txn *t, enum store_meta what, uint64_t *out);

/* In a write job. Return: 0; codes of the writer. */
int store_meta_set(struct store_txn *t, enum store_meta what, uint64_t value);

/**
 * store_meta_count() - take the next number of a counter that starts at 1.
 * Return: 0 with *@out the number, never given before; codes of the writer; CHQ_ECORRUPT.
 */
int store_meta_count(struct store_txn *t, enum store_meta what, uint64_t *out);

/**
 * store_meta_migrate() - bring the schema to this build's version, step by step.
 *
 * The meta table is open; a newer schema is refused before any other table is looked at.
 * Return: 0; CHQ_ESCHEMA; codes of the writer.
 */
int store_meta_migrate(struct store_txn *t);
