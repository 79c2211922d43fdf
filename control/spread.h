#pragma once

/*
 * News for many: who is told of somebody's presence, or that his contact list has changed. They are
 * found by classes of the book and those present in them, then among friends, in slices of a few
 * milliseconds of the loop. Loop's thread.
 */

#include <stdint.h>

#include "base/list.h"
#include "proto/control_msg.h"

struct book_class;
struct control;
struct event;

struct spread {
	struct chq_list jobs;
	struct event *again;
};

/* Return: 0; CHQ_ENOMEM. */
int spread_init(struct control *ctl);
void spread_deinit(struct control *ctl);

/*
 * Whoever sees @account's presence is told, and presence_spread() called when all are.
 * Return: 0; CHQ_ENOMEM: nobody is told.
 */
int spread_presence(struct control *ctl, uint64_t account, Chasqui__Status status);

/* Who has other rights towards an account that has come from class @was into @is is told to ask for
 * its list. Both may be NULL. */
void spread_moved(struct control *ctl, uint64_t account, const struct book_class *was,
		  const struct book_class *is);

/* Whoever sees an account, or has to do with it as a friend, is told to ask for its list: it has another
 * name or title. */
void spread_renamed(struct control *ctl, uint64_t account);

/* Everybody present is told so; what is under way begins anew, as classes have. */
void spread_all(struct control *ctl);
