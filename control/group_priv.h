#pragma once

/* Insides of groups, for the files group*.c alone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "control/control.h"
#include "control/group.h"
#include "store/group.h"

enum {
	GROUPS_OF_MAX = 512, /* of one account */
	GROUP_WINDOW = 32,   /* frames under way to a session */
};

/* A group that some session has to do with. */
struct group {
	uint32_t id, order;
	uint32_t epoch; /* that all seats were told of, or are about to be */
	struct chq_list seats;
	unsigned n;
};

/* A session in a group: what it has and what is on its way. */
struct group_seat {
	struct chq_list of_group, of_session;
	struct chq_list of_work;  /* there is something to send */
	struct chq_list of_due;	  /* there is something to be acknowledged */
	struct chq_list of_dirty; /* acknowledged, but not written yet */
	struct groups *groups;
	struct group *group;
	struct session *session;
	uint32_t acked, sent; /* orders; acked <= sent <= group->order */
	bool probing;	      /* nothing was acknowledged in time: one frame at a time */
	uint64_t due_ms;
	unsigned wait_ms;
};

/* A cursor of a session that has ended before it was written. */
struct group_cursor {
	struct chq_list node;
	uint32_t group, order;
	uint64_t account;
	uint8_t device;
};

/* What an account has to do with a group. */
struct group_mine {
	struct store_group g;
	uint8_t rights;
	uint64_t since_ms;
};

struct groups {
	struct control *ctl;
	struct chq_map by_id;
	struct chq_list work, due, dirty, cursors;
	struct chq_list regroup; /* sessions whose groups are to be looked up anew */
	struct event *pump;
	bool waking, writing;
	struct group_mine mine[GROUPS_OF_MAX];
};

/* --- group_mine.c: who takes part --- */

/**
 * group_mine() - all groups of an account.
 * @out: room for GROUPS_OF_MAX; those beyond are left out.
 *
 * By rising number. Snapshot or job. Return: 0; codes of reading.
 */
int group_mine(const struct control *ctl, struct store_txn *t, uint64_t account,
	       struct group_mine *out, size_t *n);

/* One of them. Return: 0; CHQ_ENOENT: no such group, or not his; codes of reading. */
int group_mine_one(const struct control *ctl, struct store_txn *t, uint64_t account, uint32_t group,
		   struct group_mine *out);

/* Does what the client was told still hold? Changes with name, rights and epoch of any. */
uint64_t group_mine_version(struct store_txn *t, uint64_t account, const struct group_mine *mine,
			    size_t n);

/* After which order this device is to be served. */
int group_mine_served(const struct control *ctl, struct store_txn *t, const struct group_mine *m,
		      uint64_t account, uint8_t device, uint32_t *after);

/* --- group_members.c --- */

/* @cursor: of this member. What it returns other than 0 ends the walk. */
typedef int group_member_fn(void *arg, uint64_t account, uint8_t rights, uint64_t cursor);

/* Tell of each member behind a cursor, 0 to begin. Return: 0; what @fn returned; codes of reading. */
int group_members_walk(struct store_txn *t, const struct store_group *g, uint64_t cursor,
		       group_member_fn *fn, void *arg);

/* How many; who is in several departments counts for each. */
uint32_t group_members_count(const struct control *ctl, struct store_txn *t,
			     const struct store_group *g);

/* --- group_post.c --- */

/* For a member to write to his group. */
uint64_t group_grant(const struct control *ctl, uint64_t account, const struct store_group *g);

/* --- group_seat.c: who is there --- */

struct group *group_find(const struct groups *gs, uint32_t id);
struct group_seat *group_seat_find(const struct session *s, uint32_t group);

/* Look up a session's groups anew, and tell it if they have changed. Inside a snapshot. */
int group_regroup(struct groups *gs, struct store_txn *t, struct session *s);

/* --- group_pump.c: bringing sessions up to date --- */

/* There may be something to send to a seat, or sessions in gs->regroup. */
void group_work(struct group_seat *seat);
void group_wake(struct groups *gs);
int group_pump_init(struct groups *gs);
void group_pump_deinit(struct groups *gs);

/* A client has so long to acknowledge; doubled each time. */
static inline unsigned
group_resend_ms(const struct groups *gs)
{
	return gs->ctl->timing.push_first_ms * 2;
}

/* One frame of the log to one session. */
void group_send(struct control *ctl, const struct session *s, const struct store_group_frame *f);

/* Write cursors that have moved. */
void group_cursors_write(struct groups *gs);
