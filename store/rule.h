#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

/*
 * The rules of the address book, as control understands them (control/book/). Changing calls are for
 * write jobs, reading calls for jobs and snapshots alike. All return CHQ_ENOENT for a rule that does
 * not exist, and CHQ_ECORRUPT for damage.
 */

struct store_txn;

/* What the kinds of atoms name. Values are in the database: they never change. */
enum store_atom_kind {
	STORE_ATOM_MEMBERS,	 /* a department */
	STORE_ATOM_TREE,	 /* a department */
	STORE_ATOM_MANAGERS,	 /* a department */
	STORE_ATOM_MANAGERS_ALL, /* nothing */
	STORE_ATOM_ACCOUNT,	 /* an account */
	STORE_ATOM_EVERYBODY,	 /* nothing */
};

static inline bool
store_atom_names_dept(const struct store_atom *a)
{
	return a->kind <= STORE_ATOM_MANAGERS;
}

/**
 * store_rule_set() - a new rule, or another text for one.
 * @r: with id 0 it is new, and its id is filled in, never given to another.
 *
 * Return: 0; CHQ_ENOENT (no such rule; or a department that it names is not there); CHQ_ENOUSER (an
 * account that it names is not there); CHQ_EINVAL (no right, no subject, no object, an unknown
 * kind); CHQ_EFULL (STORE_RULES_MAX); a code of store_text_check() for the note; codes of the
 * writer.
 */
int store_rule_set(struct store_txn *t, struct store_rule *r);

int store_rule_get(struct store_txn *t, uint32_t id, struct store_rule *out);
int store_rule_remove(struct store_txn *t, uint32_t id);

/* The rule with the lowest id above @after. Return: 0; CHQ_ENOENT at the end. */
int store_rule_next(struct store_txn *t, uint32_t after, struct store_rule *out);

/* Does any rule name this department? Return: 0; CHQ_ECORRUPT. */
int store_rule_names_dept(struct store_txn *t, uint32_t dept, bool *out);

/* Does any rule name this account? Return: 0; CHQ_ECORRUPT. */
int store_rule_names_account(struct store_txn *t, uint64_t account, bool *out);

/**
 * store_atoms_check() - is what these atoms name there?
 * Return: 0; CHQ_EINVAL (none, more than STORE_ATOMS_MAX, or an unknown kind); CHQ_ENOENT (a
 * department); CHQ_ENOUSER (an account); CHQ_ECORRUPT.
 */
int store_atoms_check(struct store_txn *t, const struct store_atom *atoms, uint16_t n);
