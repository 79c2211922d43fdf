#pragma once

/*
 * Who is online, and how he says he is. Each device has a state of its own, online until it says
 * otherwise; the account's is the most reachable of them, online before busy before away. Invisible is
 * the whole account, until one of its devices says something else or the last one goes; others see
 * it as offline. A change is told once to whoever may see it, and not more often than
 * control_timing says. Loop's thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "control/book/book.h"
#include "control/request.h"
#include "control/session.h"
#include "proto/control_msg.h"

struct control;

struct event;

struct presence {
	struct chq_map persons;
	struct chq_list waiting; /* those with news that are held back, or to be forgotten */
	struct event *timer;	 /* when the first of these is due; NULL: control ends */
	uint64_t timer_ms;
};

/* Return: 0; CHQ_ENOMEM, with nothing to undo. */
int presence_init(struct control *ctl);
void presence_deinit(struct presence *p);

request_fn presence_set; /* StatusSet -> no body */

/* An account has a session in SESSION_OPEN: tell, if that was not told. */
void presence_came(struct control *ctl, uint64_t account);

/* It has one that a former control had opened, which has told that already. */
void presence_found(struct control *ctl, uint64_t account);

/* It may have lost its last one: tell, if so. The session that goes is not in SESSION_OPEN any more. */
void presence_went(struct control *ctl, uint64_t account);

/* Everybody who is to know has been told of it (spread.h). */
void presence_spread(struct control *ctl, uint64_t account);

/* Those present, in a book that was made anew. */
void presence_in_book(struct control *ctl);

/* How others see an account, that is allowed to be seen. */
Chasqui__Status presence_status(const struct control *ctl, uint64_t account);

/* How it is: invisible, too. For itself and for operators. */
Chasqui__Status presence_own(const struct control *ctl, uint64_t account);

/* For people: "online". */
const char *presence_name(Chasqui__Status status);

/* Where others may reach it directly: its newest session, or NULL. */
const struct session *presence_where(const struct control *ctl, uint64_t account);

/* Does one with these rights see presence? Only of people in his list. */
static inline bool
presence_shown(unsigned rights)
{
	return (rights & (BOOK_SEE | BOOK_PRESENCE)) == (BOOK_SEE | BOOK_PRESENCE);
}

/* All sessions of an account are told to ask for its contact list. */
void presence_contacts_changed(struct control *ctl, uint64_t account);
