#pragma once

#include "base/map.h"
#include "control/import/import.h"
#include "proto/siphash.h"

/* Insides of an import: import.c, check.c, names.c, write.c. */

struct book_names;
struct store_reader;
struct store_txn;

/* Which names a file has had so far: their keyed hashes. */
struct names {
	struct chq_sipkey key;
	uint64_t *slot; /* 0: free */
	size_t used, slots;
};

/* What a name is of. */
enum names_kind { NAMES_LOGIN = 'a', NAMES_DEPT = 'd', NAMES_MEMBER = 'm', NAMES_FRIEND = 'f' };

int names_init(struct names *n);
void names_deinit(struct names *n);

/* Both texts together are the name; @b may be "". Return: 0; CHQ_EEXIST; CHQ_ENOMEM. */
int names_add(struct names *n, enum names_kind kind, const char *a, const char *b);
bool names_have(const struct names *n, enum names_kind kind, const char *a, const char *b);

/* Does the file begin anew; gives rows as import_reader_next(). */
struct rows {
	struct import *im;
	struct import_reader reader;
	uint64_t base; /* of progress */
	int64_t at;    /* offset in the file */
};

int rows_open(struct rows *r, struct import *im, uint64_t base);
void rows_close(struct rows *r);
/* Return: 1; 0; a code that ends all. Bad rows are noted and passed over, up to those that end all. */
int rows_next(struct rows *r, struct import_row *row);

/* Note a bad row. */
void import_note(struct import *im, const struct import_row *row);

/* Why a code of the store refuses a text. Return: CHQ_EMALFORMED. */
int import_refused(struct import_row *row, int rc, const char *column);

/* "see,message" or "all". Return: the bits; 0 if it is neither. */
uint8_t import_rights(const char *text);

/* The first pass. Return: 0, with bad rows noted; codes of reading. */
int import_check(struct import *im);

/* The second. Return: as import_run(). */
int import_write(struct import *im);
