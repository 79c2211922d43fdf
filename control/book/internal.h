#pragma once

/* Insides of the address book, for the files of this folder alone. */

#include "control/book/book.h"

struct book_dept {
	uint32_t id;
	struct book_dept *parent; /* NULL at the top */
	uint32_t children, members, managers;
};

/* A role as a class keeps it: sorted by department, so that equal roles are equal bytes. */
static inline uint64_t
book_role_word(struct book_role r)
{
	return (uint64_t)r.dept << 1 | r.manager;
}

struct book_class {
	unsigned index;	   /* in book.classes */
	uint64_t *key;	   /* role words, and the account if a rule names it, else 0 */
	unsigned n_roles;  /* key has one more */
	uint64_t *subject; /* bit by rule: its members are among the rule's subjects; book.words */
	uint64_t *object;  /* the same, objects */
	uint64_t *members; /* accounts, in no order */
	size_t n, cap;
	uint64_t *present; /* those of them that are present, in no order */
	size_t n_present, cap_present;
	uint64_t changed; /* book.seq when a member came or went */

	/* What its members may do, by index of the other class; made when asked for, good while
	 * towards_seq is the book's classes_seq. */
	uint8_t *towards;
	uint64_t towards_seq;
};

struct book_person {
	uint64_t account;
	struct book_class *class;
	size_t pos;	/* in class->members */
	size_t present; /* 1 + position in class->present, or 0 */
	uint64_t moved; /* book.seq when he came into this class */
};

/* Accounts by rising number: so many of them, those that are not there without a class. */
enum { BOOK_ORDER_PAGE = 1024 };

struct book_order_page {
	uint64_t base; /* first account */
	struct book_class *class_of[BOOK_ORDER_PAGE];
};

struct book_order {
	struct book_order_page **pages; /* by rising base */
	size_t n, cap;
};

struct book {
	struct chq_map depts, persons, class_of, named;
	struct book_order order;
	struct book_class **classes;
	unsigned n_classes, cap_classes;

	struct book_rule *rules;
	unsigned n_rules, words; /* 64 rules a word */
	uint64_t *speaks; /* [2][BOOK_RIGHTS][words]: rules that allow, then those that deny */
	uint32_t unknown_rule, unknown_dept;

	uint64_t seq;	      /* rises with every change */
	uint64_t all_seq;     /* of the last change of rules or departments */
	uint64_t classes_seq; /* of the last change of the list of classes, or of their bits */

	struct book_watch watch;
};

struct book_dept *book_dept_find(const struct book *b, uint64_t id);
struct book_person *book_person_find(const struct book *b, uint64_t account);

/**
 * book_class_get() - the class of these roles, new if there is none.
 * @roles: sorted role words, with room for one more behind them.
 * Return: the class; NULL without memory.
 */
struct book_class *book_class_get(struct book *b, uint64_t *roles, unsigned n, uint64_t account);

/* Put a person into a class. Return: 0; CHQ_ENOMEM. */
int book_class_join(struct book *b, struct book_class *c, struct book_person *p);

/*
 * Take him out. A class without members stays, so that those who saw it learn by its @changed that
 * it lost one; book_classes_purge() frees it.
 */
void book_class_leave(struct book *b, const struct book_person *p);

/* He is present, or no more, among the members of his class. Return: 0; CHQ_ENOMEM. */
int book_class_come(struct book_person *p);
void book_class_go(struct book *b, struct book_person *p);

/* Free the classes without members. All versions must be new after that. */
void book_classes_purge(struct book *b);
void book_class_free(struct book_class *c);

/* Sort every class among the subjects and objects of @rules. Return: 0; CHQ_ENOMEM. */
int book_classes_sort(struct book *b);

/* Make @c's table of what it may do towards others. Return: 0; CHQ_ENOMEM. */
int book_class_look(struct book *b, struct book_class *c);

/* --- the order of accounts --- */

/* Room for an account. Return: 0; CHQ_ENOMEM. */
int book_order_room(struct book_order *o, uint64_t account);

/* Its class; NULL: it is not there. There is room for it. */
void book_order_put(struct book_order *o, uint64_t account, struct book_class *c);

/* The first page that holds an account behind @after; o->n if none does. */
size_t book_order_page(const struct book_order *o, uint64_t after);
void book_order_free(struct book_order *o);

/* --- what a change of rules or of the tree takes away --- */

struct book_before;

/*
 * book_lost_begin() - note what classes may do, before that changes.
 * Return: to be given to book_lost_end(); NULL without memory, or when nobody watches.
 */
struct book_before *book_lost_begin(const struct book *b);

/*
 * Whom that was taken from since then. @was, may be NULL, is freed.
 * @out: out->accounts is to be freed.
 */
void book_lost_end(const struct book *b, struct book_before *was, struct book_lost *out);

/* It has not changed. @was may be NULL. */
void book_lost_cancel(struct book_before *was);

/* Does a set hold the members of a class? */
bool book_set_holds(const struct book *b, const struct book_set *s, const struct book_class *c);

/*
 * The tree has changed: all bits are new.
 * @was: of before that; taken, but on failure.
 *
 * Return: 0; CHQ_ENOMEM.
 */
int book_all_changed(struct book *b, struct book_before *was);
