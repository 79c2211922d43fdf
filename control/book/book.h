#pragma once

/*
 * The address book in memory: who is in which department, the rules over it, and so who may do what
 * towards whom. It is made from the store at start and follows every change; the store is the truth.
 *
 * Accounts with the same departments and roles are one class, and so is each account that a rule
 * names. A class knows of every rule whether it is among its subjects and among its objects, so
 * a question about two people is one about two classes, a few words of bits; a change of one person's
 * departments touches his two classes and nobody else's, however large the company is.
 *
 * Everything here is on one thread. Nothing here knows names, LMDB or sessions.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "control/book/set.h"

enum book_right {
	BOOK_SEE = 0x01,      /* he is in the subject's contact list */
	BOOK_PRESENCE = 0x02, /* … with his presence */
	BOOK_SEARCH = 0x04,   /* … and found by search */
	BOOK_MESSAGE = 0x08,  /* the subject may write to him */
	BOOK_P2P = 0x10,      /* … and is told his addresses */
	BOOK_RIGHTS = 5,      /* how many */
	BOOK_ALL = 0x1f,
};

/* Subjects may, or may not, do this towards objects. One-way. Deny beats allow. */
struct book_rule {
	uint32_t id; /* not 0 */
	bool deny;
	uint8_t rights; /* enum book_right, together */
	struct book_set subjects, objects;
};

/* A department that an account belongs to. */
struct book_role {
	uint32_t dept;
	bool manager;
};

enum {
	BOOK_DEPTH_MAX = 64, /* departments above each other */
	BOOK_ROLES_MAX = 64, /* of one account */
	BOOK_RULES_MAX = 4096,
	BOOK_PAGE_MAX = 64, /* accounts of one answer */
};

struct book_class;
struct book;

/**
 * book_new() - an empty book: no accounts, no departments, no rules, and so no rights.
 * Return: the book, to be ended by book_free(); NULL without memory.
 */
struct book *book_new(void);
void book_free(struct book *b);

/* --- departments --- */

/**
 * book_dept_add() - a new department.
 * @parent: 0 for one at the top.
 *
 * Return: 0; CHQ_EINVAL (@id is 0); CHQ_EEXIST; CHQ_ENOENT (no such parent); CHQ_EFULL (it would lie
 * deeper than BOOK_DEPTH_MAX); CHQ_ENOMEM.
 */
int book_dept_add(struct book *b, uint32_t id, uint32_t parent);

/**
 * book_dept_move() - hang a department, and all below it, under another one.
 * Return: 0; CHQ_ENOENT; CHQ_ELOOP (@parent lies below @id, or is it); CHQ_EFULL (too deep); CHQ_ENOMEM.
 */
int book_dept_move(struct book *b, uint32_t id, uint32_t parent);

/**
 * book_dept_remove() - forget an empty department.
 * Return: 0; CHQ_ENOENT; CHQ_EBUSY (it has members, or departments below it).
 */
int book_dept_remove(struct book *b, uint32_t id);

bool book_dept_known(const struct book *b, uint32_t id);
/* The department that it lies in; 0 at the top, and for one that is not there. */
uint32_t book_dept_parent(const struct book *b, uint32_t id);
uint32_t book_dept_members(const struct book *b, uint32_t id);
uint32_t book_dept_managers(const struct book *b, uint32_t id);

/* --- accounts --- */

/**
 * book_account_set() - an account with all its roles, new or instead of those it had.
 * @roles: at most BOOK_ROLES_MAX, each department once.
 *
 * Return: 0; CHQ_EINVAL (@account is 0, too many roles, or a department twice); CHQ_ENOENT (no such
 * department); CHQ_ENOMEM (nothing has changed).
 */
int book_account_set(struct book *b, uint64_t account, const struct book_role *roles, unsigned n);

/* A disabled or removed account: nobody sees it, it sees nobody. Return: 0; CHQ_ENOENT. */
int book_account_remove(struct book *b, uint64_t account);

bool book_account_known(const struct book *b, uint64_t account);

/* Its roles, at most BOOK_ROLES_MAX, by rising department. Return: how many; 0 if it is not there. */
unsigned book_account_roles(const struct book *b, uint64_t account, struct book_role *out);

/**
 * book_present_set() - note whether an account is present: who is told of a change is among those.
 * One that is removed, or not there, is not.
 *
 * Return: 0; CHQ_ENOENT; CHQ_ENOMEM.
 */
int book_present_set(struct book *b, uint64_t account, bool present);
size_t book_accounts(const struct book *b);
size_t book_classes(const struct book *b);

/* --- rules --- */

/**
 * book_rules_set() - these rules, instead of those before.
 * @rules: copied.
 *
 * Return: 0; CHQ_EINVAL (an id is 0 or comes twice, no right); CHQ_EFULL (more than BOOK_RULES_MAX);
 * CHQ_ENOENT (a rule names a department that is not there: book_rules_unknown() tells which);
 * CHQ_ENOMEM. On failure the rules before hold. An account need not be there.
 */
int book_rules_set(struct book *b, const struct book_rule *rules, unsigned n);

/**
 * book_rule_put() - one rule, new or instead of the one with its id; all others stay. They stand in
 * the order of their ids.
 * @r: copied.
 *
 * Return: as book_rules_set().
 */
int book_rule_put(struct book *b, const struct book_rule *r);

/* Forget a rule. Return: 0; CHQ_ENOENT; CHQ_ENOMEM. */
int book_rule_drop(struct book *b, uint32_t id);

/* The rule, and its department, that the last book_rules_set() failed at. */
void book_rules_unknown(const struct book *b, uint32_t *rule, uint32_t *dept);

/* --- questions --- */

/* What @subject may do towards @object: enum book_right together. 0 towards himself, and when one of
 * them is not there. */
unsigned book_rights(const struct book *b, uint64_t subject, uint64_t object);

/* What a rule denies @subject towards @object, whatever others allow, so that not even friends have
 * it: enum book_right together. Everything when one of them is not there. */
unsigned book_denied(const struct book *b, uint64_t subject, uint64_t object);

/**
 * book_explain() - the rule that decides one right.
 * @right: one of enum book_right.
 * @allowed: what it decides.
 *
 * Return: its id: the first that denies, else the first that allows; 0 if none speaks of the two.
 */
uint32_t book_explain(const struct book *b, uint64_t subject, uint64_t object, unsigned right,
		      bool *allowed);

/* How many accounts are among a rule's subjects, and its objects. Return: 0; CHQ_ENOENT. */
int book_rule_reach(const struct book *b, uint32_t rule, size_t *subjects, size_t *objects);

/**
 * book_rules_idle() - rules that decide nothing: whoever they are about, another one speaks first.
 * @idle: receives their ids; room for BOOK_RULES_MAX.
 *
 * Return: 0; CHQ_ETOOBIG (too many kinds of people to look at them all); CHQ_ENOMEM.
 */
int book_rules_idle(const struct book *b, uint32_t *idle, unsigned *n);

/**
 * book_visible() - a page of the accounts towards which @subject has a right, by rising number.
 * @right: any of these.
 * @after: 0 to begin, then as left by the call before; 0 when there are no more.
 * @out:   room for @max, at most BOOK_PAGE_MAX.
 * @n:     receives how many, which may be none before the end: a call looks at a bounded number of
 *         accounts.
 *
 * Whoever is visible throughout comes once, whatever changes between two pages.
 * Return: 0; CHQ_ENOENT (no such subject); CHQ_EINVAL (@max); CHQ_ENOMEM.
 */
int book_visible(struct book *b, uint64_t subject, unsigned right, uint64_t *after, uint64_t *out,
		 size_t max, size_t *n);

/* How many those are. */
size_t book_visible_count(struct book *b, uint64_t subject, unsigned right);

/**
 * book_version() - changes whenever what @subject may do towards anybody has changed. Rises.
 * Return: 0 for an account that is not there.
 */
uint64_t book_version(struct book *b, uint64_t subject);

/* --- classes, for who goes by them instead of by people --- */

/* An account's class, or NULL. Valid until the next change of rules or of the tree. */
const struct book_class *book_class_of(const struct book *b, uint64_t account);

/* The class of this index, below book_classes(). Indices stay until the next change of rules or tree. */
const struct book_class *book_class_at(const struct book *b, size_t index);

/* What members of one class may do towards those of another. */
unsigned book_class_rights(const struct book *b, const struct book_class *subject,
			   const struct book_class *object);

/* What rules deny them, whatever others allow. */
unsigned book_class_denied(const struct book *b, const struct book_class *subject,
			   const struct book_class *object);

/* The members of a class, in no order. Valid until the next change. */
const uint64_t *book_class_members(const struct book_class *c, size_t *n);

/* Those that are present. An account that goes is replaced by the last one. */
const uint64_t *book_class_present(const struct book_class *c, size_t *n);

/* The departments of its members. Return: how many, at most BOOK_ROLES_MAX. */
unsigned book_class_roles(const struct book_class *c, struct book_role *out);

/* --- what a change means to others --- */

/*
 * Who may not do everything any more that he could towards somebody, as subjects or, where that is
 * fewer, as objects. Friends may what no rule denies, so what is denied anew counts as well.
 */
struct book_lost {
	bool everybody; /* too many, or nobody knows */
	bool objects;	/* the accounts are those towards whom something was lost */
	uint64_t *accounts;
	size_t n;
};

enum { BOOK_LOST_MAX = 10000 }; /* accounts; beyond it, everybody */

struct book_watch {
	/* Called after a change of one account: it was in the class @was, and is in @is. Both may be
	 * NULL, for an account that is new or removed. */
	void (*moved)(struct book *b, uint64_t account, const struct book_class *was,
		      const struct book_class *is, void *arg);
	/* Called after a change that may concern everybody: of rules, or of the tree of departments.
	 * @lost: of the right to write. */
	void (*all)(struct book *b, const struct book_lost *lost, void *arg);
	void *arg;
};

/* One watches; NULL: nobody. Copied. */
void book_watch(struct book *b, const struct book_watch *w);
