#pragma once

/*
 * What has changed in people's contact lists lately, that a client which was here before is told
 * only that. One bounded log for all: an entry says that something about an account is another now, and
 * whose lists that is in is found out when somebody asks. A version of a list is the number of the
 * log's last entry then. Numbers begin with the server's epoch, so a version of a former start, or
 * one that the log does not reach back to, gets the whole list. Loop's thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

struct book_class;
struct control;

enum { VIEW_LOG = 1 << 16 };

struct view_entry {
	uint64_t account;
	uint64_t owner;		      /* whose list alone it concerns; 0: anybody's */
	const struct book_class *was; /* the account's class before, if it is in another one now */
};

struct views {
	struct view_entry *ring; /* VIEW_LOG */
	uint64_t last;		 /* number of the last entry */
	uint64_t first;		 /* lists of before this number are to be read anew */
	struct chq_map fresh;	 /* account -> number: its own list is another one since then */
	struct chq_map latest;	 /* account -> number of its last entry in the ring */
};

/* Return: 0; CHQ_ENOMEM. */
int views_init(struct views *v, uint32_t epoch);
void views_deinit(struct views *v);

/* Something about @account has changed: its presence, its name, its grants. */
void view_changed(struct control *ctl, uint64_t account);

/* It has come from class @was of the book, or is new in it (NULL). */
void view_moved(struct control *ctl, uint64_t account, const struct book_class *was);

/* Something between two people: on @owner's list alone. */
void view_changed_for(struct control *ctl, uint64_t owner, uint64_t account);

/* The whole list of @owner is another one; of everybody. */
void view_fresh(struct control *ctl, uint64_t owner);
void view_all_fresh(struct control *ctl);

/* The version of any list that is read now. */
uint64_t view_version(const struct control *ctl);

/* Is what has changed in @owner's list since @version all in the log? */
bool view_reaches(const struct control *ctl, uint64_t owner, uint64_t version);

/**
 * view_entry() - one entry, of a number behind a version that view_reaches().
 * Return: the entry; NULL if it says nothing that a later one does not say, or if it does not
 * concern @owner.
 */
const struct view_entry *view_entry(const struct control *ctl, uint64_t owner, uint64_t number);
