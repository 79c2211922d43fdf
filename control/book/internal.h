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
	uint64_t changed; /* book.seq when a member came or went */

	/* Classes that this one sees, by any right; made when asked for, while seen_seq is the book's
	 * classes_seq. */
	struct book_class **seen;
	unsigned n_seen;
	uint64_t seen_seq;
};

struct book_person {
	uint64_t account;
	struct book_class *class;
	size_t pos;	/* in class->members */
	uint64_t moved; /* book.seq when he came into this class */
};

struct book {
	struct chq_map depts, persons, class_of, named;
	struct book_class **classes;
	unsigned n_classes, cap_classes;

	struct book_rule *rules;
	unsigned n_rules, words; /* 64 rules a word */
	uint64_t *speaks; /* [2][BOOK_RIGHTS][words]: rules that allow, then those that deny */
	uint32_t unknown_rule, unknown_dept;

	uint64_t seq;	      /* rises with every change */
	uint64_t all_seq;     /* of the last change of rules or departments */
	uint64_t classes_seq; /* of the last change of the list of classes, or of their bits */

	book_affected_fn *one_fn;
	book_all_affected_fn *all_fn;
	void *watch_arg;
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
int book_class_join(struct book_class *c, struct book_person *p);

/*
 * Take him out. A class without members stays, so that those who saw it learn by its @changed that
 * it lost one; book_classes_purge() frees it.
 */
void book_class_leave(struct book *b, const struct book_person *p);

/* Free the classes without members. All versions must be new after that. */
void book_classes_purge(struct book *b);
void book_class_free(struct book_class *c);

/* Sort every class among the subjects and objects of @rules. Return: 0; CHQ_ENOMEM. */
int book_classes_sort(struct book *b);

/* What members of one class may do towards those of another. */
unsigned book_class_rights(const struct book *b, const struct book_class *subject,
			   const struct book_class *object);

/* The classes that @c may do anything towards. Return: 0; CHQ_ENOMEM. */
int book_class_look(struct book *b, struct book_class *c);

/* Does a set hold the members of a class? */
bool book_set_holds(const struct book *b, const struct book_set *s, const struct book_class *c);

/* Rules or departments have changed: all bits are new. Return: 0; CHQ_ENOMEM. */
int book_all_changed(struct book *b);
