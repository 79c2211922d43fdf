#pragma once

/*
 * Sets of people, as rules name them: a union of atoms, less those that are excepted.
 *
 *     tree(Sales) + account(carol) - managers(Sales/North)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum book_atom_kind {
	BOOK_ATOM_MEMBERS,	/* of one department */
	BOOK_ATOM_TREE,		/* of a department and all below it */
	BOOK_ATOM_MANAGERS,	/* of one department */
	BOOK_ATOM_MANAGERS_ALL, /* of any department: managers(*) */
	BOOK_ATOM_ACCOUNT,	/* one account */
	BOOK_ATOM_EVERYBODY,	/* all accounts: tree(*) */
};

struct book_atom {
	uint8_t kind; /* enum book_atom_kind */
	bool except;
	uint64_t id; /* department or account; 0 where the kind needs none */
};

enum { BOOK_ATOMS_MAX = 256 };

struct book_set {
	struct book_atom *atoms; /* on the heap, or NULL when there are none */
	unsigned n;
};

/* Return: 0; CHQ_ENOMEM. */
int book_set_copy(struct book_set *to, const struct book_set *from);
void book_set_free(struct book_set *s);

/*
 * Names in the text of a set: departments by their path ("Company/Sales"), accounts by login name.
 * Both return 0 with *@id set, or a code, which ends the parse.
 */
struct book_names {
	int (*dept_id)(void *arg, const char *path, uint64_t *id);
	int (*account_id)(void *arg, const char *login, uint64_t *id);
	/* The other way: write a name of at most @size - 1 bytes. Return: 0; a code. */
	int (*dept_name)(void *arg, uint64_t id, char *out, size_t size);
	int (*account_name)(void *arg, uint64_t id, char *out, size_t size);
	void *arg;
};

/**
 * book_set_parse() - the set of a text.
 * @text: UTF-8. Atoms members(D), tree(D), managers(D), account(A), tree(*), managers(*), joined by
 *        "+", excepted by "-"; what is excepted anywhere is not in the set. The first is no
 *        exception. D and A may stand in double quotes, and must when they hold a parenthesis, a
 *        quote, a backslash or a space, or are "*"; \" and \\ stand for themselves there.
 * @err:  what is wrong and where, for people.
 *
 * Return: 0; CHQ_EMALFORMED; CHQ_EFULL (more than BOOK_ATOMS_MAX); CHQ_ENOMEM; a code of @names. On
 * failure there is nothing to free.
 */
int book_set_parse(struct book_set *out, const char *text, const struct book_names *names,
		   char *err, size_t err_size);

/**
 * book_set_print() - the text of a set, which book_set_parse() takes.
 * Return: 0; CHQ_ETOOBIG (@size); a code of @names.
 */
int book_set_print(const struct book_set *s, const struct book_names *names, char *out,
		   size_t size);
