#pragma once

/*
 * Files of people, row by row: what `user import` takes and `user export` gives. Bytes of any source are
 * safe here. Memory is bounded by the longest row.
 *
 * CSV (RFC 4180; UTF-8, a byte order mark is skipped) in sections. A section begins with a line
 * "[accounts]", "[departments]", "[members]", "[rules]" or "[friends]", then a line with the names of
 * its columns, then rows. A file whose first line is no section's is one of accounts.
 *
 * JSON Lines: one object a line, its member "type" one of "account", "department", "member", "rule",
 * "friend", the others named as the columns; values are texts, or true and false for flags.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum import_section {
	IMPORT_ACCOUNTS,
	IMPORT_DEPARTMENTS,
	IMPORT_MEMBERS,
	IMPORT_RULES,
	IMPORT_FRIENDS,
	IMPORT__SECTIONS,
};

/* Columns, in the order of the export. */
enum import_account {
	IMPORT_LOGIN,
	IMPORT_NAME,
	IMPORT_TITLE,
	IMPORT_PHONE,
	IMPORT_MAIL,
	IMPORT_AVATAR,
	IMPORT_NUMBER,
	IMPORT_DISABLED, /* flag */
	IMPORT_HASH,	 /* crypto_pwhash_str(); empty: no login by password */
	IMPORT__ACCOUNT,
};
enum import_department { IMPORT_PATH, IMPORT__DEPARTMENT };
enum import_member { IMPORT_MEMBER_PATH, IMPORT_MEMBER_LOGIN, IMPORT_MANAGER, IMPORT__MEMBER };
enum import_rule {
	IMPORT_EFFECT, /* allow, deny */
	IMPORT_RIGHTS,
	IMPORT_SUBJECTS,
	IMPORT_OBJECTS,
	IMPORT_NOTE,
	IMPORT__RULE,
};
enum import_friend {
	IMPORT_FRIEND_LOGIN,
	IMPORT_FRIEND_PEER,
	IMPORT_STATE, /* friends (also if absent), asked: login has asked */
	IMPORT__FRIEND,
};

enum {
	IMPORT_COLUMNS_MAX = 9,
	IMPORT_ROW_MAX_BYTES = 65536,
	IMPORT_WHY_MAX = 160,
};

/* Names: "accounts" of a section, "account" of one of its rows, and its columns. NULL beyond them. */
const char *import_section_name(enum import_section s);
const char *import_row_name(enum import_section s);
const char *import_column_name(enum import_section s, unsigned column);

struct import_row {
	enum import_section section;
	uint64_t line;			       /* where it begins, from 1 */
	const char *field[IMPORT_COLUMNS_MAX]; /* by column; NULL: absent. Valid until the next row */
	/* Of a bad row. */
	const char *column; /* its name, or NULL */
	char why[IMPORT_WHY_MAX];
};

/* Return: how many bytes were put into @buf; 0 at the end; a negated errno. */
typedef int64_t import_read_fn(void *arg, void *buf, size_t size);

struct import_reader {
	import_read_fn *read;
	void *arg;
	char *buf, *text; /* what was read; the fields of a row */
	size_t used, at;
	bool eof, begun, json, headed;
	enum import_section section;
	uint64_t line;
	uint64_t taken; /* bytes that rows were made of */
	unsigned columns;
	uint8_t column[IMPORT_COLUMNS_MAX]; /* of the file's columns */
	json_t *object;
};

/* Return: 0; CHQ_ENOMEM. Ends with import_reader_deinit(). */
int import_reader_init(struct import_reader *r, import_read_fn *read, void *arg);
void import_reader_deinit(struct import_reader *r);

/**
 * import_reader_next() - the next row.
 *
 * Return: 1: @row is one; 0: the end; CHQ_EMALFORMED: this row is bad, see @row's why, the next may be
 * good; CHQ_EINVAL: so is all that follows (a header that cannot be understood); CHQ_ENOMEM and codes
 * of reading.
 */
int import_reader_next(struct import_reader *r, struct import_row *row);

/**
 * import_flag() - a flag's text: true, yes, 1; false, no, 0, empty, absent.
 * Return: 1; 0; CHQ_EMALFORMED.
 */
int import_flag(const char *text);
