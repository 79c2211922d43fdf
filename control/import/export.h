#pragma once

/*
 * What `user import` takes, made of the store: the same people, departments, members, rules and friends
 * give the same bytes, whatever their numbers are. It comes in pages of text, each of a snapshot of its
 * own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_txn;

enum { EXPORT_PAGE_BYTES = 400 * 1024, EXPORT_CURSOR_MAX = 64 };

struct export
{
	struct store_txn *txn;
	bool json;   /* JSON Lines, else CSV */
	bool hashes; /* with hashes of passwords */

	/* Where it goes on: section, and two numbers whose sense is the section's. 0, 0, 0 to begin. */
	unsigned section;
	uint64_t at, at2;
	bool more; /* out */

	/* Out: the text, on the heap. */
	char *text;
	size_t len, cap;
	int rc; /* CHQ_ENOMEM */
};

/**
 * export_page() - one page more, and where to go on.
 * Return: 0, e->text to be freed; CHQ_ENOMEM, codes of reading: then it is freed.
 */
int export_page(struct export *e);

/* Add to the text; without memory, e->rc says so. */
void export_text(struct export *e, const char *text, size_t len);

/* A row as the file's format has it. @field: by column; NULL is an absent one. */
void export_row(struct export *e, unsigned section, const char *const *field);
