#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

/*
 * Groups: who talks in them, and what was said. A department's group is there as long as the department
 * and has its number; it has a record only once something about it was changed or said. Groups made by hand
 * have numbers from STORE_GROUP_BY_HAND on, names and members of their own.
 *
 * What is said in a group stands in its log, once, by its order: a number that rises by one. Each device
 * has a cursor, up to which it has everything. So a frame costs the same whoever is absent.
 *
 * Keys of groups are not here: they are derived from a group's epoch, which rises when somebody leaves it
 * or loses a right.
 *
 * Changing calls are for write jobs; codes of the writer are those of store_done_fn. Reading calls are for
 * jobs and snapshots alike. All return CHQ_ENOENT for a group that does not exist, CHQ_ECORRUPT for damage.
 */

struct store_txn;

enum store_group_right {
	STORE_GROUP_POST = 0x01,
	STORE_GROUP_ANNOUNCE = 0x02,
	STORE_GROUP_MANAGE = 0x04,
	STORE_GROUP_ALL = 0x07,
};

#define STORE_GROUP_BY_HAND	 UINT32_C(0x80000000)
#define STORE_GROUP_MEMBERS_MAX	 UINT32_C(100000)     /* of one made by hand */
#define STORE_GROUP_HISTORY_CONF UINT32_C(0xffffffff) /* as configured */
#define STORE_GROUP_PAYLOAD_MAX	 1184

enum {
	STORE_GROUP_OF_MAX = 256, /* groups made by hand that one account is in */
	STORE_GROUP_KEY_BYTES = 4,
	STORE_GROUP_MEMBER_KEY_BYTES = 10,
	STORE_GROUP_LOG_KEY_BYTES = 8,
	STORE_GROUP_SENT_KEY_BYTES = 19,
	STORE_GROUP_AT_KEY_BYTES = 11,
};

struct store_group {
	uint32_t id;
	char name[STORE_DEPT_MAX_BYTES +
		  1];			 /* of a department: empty, or what it is called instead */
	bool off;			 /* of a department: there is none */
	bool subdepts;			 /* of a department: those below it take part */
	uint8_t member_rights;		 /* enum store_group_right, of who has none of his own */
	uint8_t manager_rights;		 /* of a department's managers */
	uint32_t history;		 /* frames that who comes anew is given */
	uint32_t epoch;			 /* of its key and its grants; from 1 */
	uint32_t order;			 /* of the last frame; 0: none yet */
	uint32_t members;		 /* made by hand: how many */
	uint64_t last_ms;		 /* wall clock, of the last frame; never falls */
	uint64_t placed_ms;		 /* since when the department lies below those above it */
	uint64_t subdepts_ms;		 /* since when those below take part */
	uint64_t created_ms, changed_ms; /* wall clock, ms since 1970; 0: no record */
};

/* Of a group made by hand. */
struct store_group_member {
	uint32_t group;
	uint64_t account;
	uint8_t rights;
	uint64_t since_ms; /* wall clock */
};

/* Something said. */
struct store_group_frame {
	uint32_t group, order;
	uint64_t from; /* party of the sender's device */
	uint64_t message;
	uint64_t at_ms; /* wall clock; never less than that of the one before */
	uint16_t app, len;
	uint8_t flags;
	const uint8_t *payload; /* read: in the database, until the next change or the end */
};

/* How much of a log is kept: frames beyond either bound go, the oldest first. */
struct store_group_keep {
	uint32_t frames;
	uint64_t age_ms;
};

static inline bool
store_group_by_hand(uint32_t id)
{
	return id >= STORE_GROUP_BY_HAND;
}

/* --- groups --- */

/* Also of a department that has no record yet, and of one that is switched off. */
int store_group_get(struct store_txn *t, uint32_t id, struct store_group *out);

/**
 * store_group_find() - by the path of a department, else by the name of a group made by hand, else by
 * number in decimal digits. Return: 0; CHQ_ENOENT.
 */
int store_group_find(struct store_txn *t, const char *name, struct store_group *out);

/* What people call it: its name, or its department's path. @size: STORE_PATH_MAX_BYTES + 1. */
int store_group_title(struct store_txn *t, const struct store_group *g, char *out, size_t size);

/**
 * store_group_add() - a group made by hand, without members.
 * Return: 0 with *@id; CHQ_EEXIST (a group or a department at the top has the name); codes for the name
 * as of departments; CHQ_ENAMECHAR also for digits alone; CHQ_EFULL; codes of the writer.
 */
int store_group_add(struct store_txn *t, const char *name, uint64_t now_ms, uint32_t *id);

/**
 * store_group_set() - name, off, subdepts, rights and history as in @g; all else stays as it is.
 *
 * A new epoch begins if anybody may lose a right by it.
 * Return: 0; as store_group_add() for a name; CHQ_EINVAL (unknown rights; what only departments have).
 */
int store_group_set(struct store_txn *t, const struct store_group *g, uint64_t now_ms);

/* Remove one made by hand, with members and log. Return: 0; CHQ_EINVAL (a department's). */
int store_group_remove(struct store_txn *t, uint32_t id);

/* A page of the records there are, by rising number. @after: 0 to begin. */
int store_group_list(struct store_txn *t, uint32_t after, struct store_group *out, size_t max,
		     size_t *n);

/* Begin a new epoch. */
int store_group_rekey(struct store_txn *t, uint32_t id);

/* --- what departments have to say, from within their changes --- */

/* Somebody left @dept or lost the role of a manager: so in the groups above that include it. */
int store_group_dept_left(struct store_txn *t, uint32_t dept);
/* @dept was moved from under @was, where it lay until now. */
int store_group_dept_moved(struct store_txn *t, uint32_t dept, uint32_t was, uint64_t now_ms);
/* @dept is no more: what is kept of its group goes. */
int store_group_dept_gone(struct store_txn *t, uint32_t dept);
/* The account takes part in nothing from now on: disabled, or removed. */
int store_group_account_out(struct store_txn *t, uint64_t account);

/* --- members of groups made by hand --- */

/**
 * store_group_member_set() - with these rights from now on. A new epoch begins if he loses one.
 * Return: 0; CHQ_EINVAL (a department's group; unknown rights); CHQ_ENOUSER (no such account); CHQ_EFULL.
 */
int store_group_member_set(struct store_txn *t, uint32_t group, uint64_t account, uint8_t rights,
			   uint64_t now_ms);

/* He leaves; a new epoch begins. Return: 0; CHQ_ENOENT (no such group or member). */
int store_group_member_remove(struct store_txn *t, uint32_t group, uint64_t account);

int store_group_member_get(struct store_txn *t, uint32_t group, uint64_t account,
			   struct store_group_member *out);

/* A page by rising account. @after: 0 to begin. */
int store_group_member_list(struct store_txn *t, uint32_t group, uint64_t after,
			    struct store_group_member *out, size_t max, size_t *n);

/* All that an account is in. @out: room for STORE_GROUP_OF_MAX. */
int store_group_member_of(struct store_txn *t, uint64_t account, struct store_group_member *out,
			  size_t *n);

/* --- what is said --- */

/**
 * store_group_post() - give a frame its order and keep it.
 * @f: receives order and at_ms, of the first time if it was posted before.
 * @again: it was: by (from, message), as long as it is kept.
 *
 * Return: 0; CHQ_ENOENT; CHQ_EFULL (no order is left); CHQ_ETOOBIG; codes of the writer.
 */
int store_group_post(struct store_txn *t, struct store_group_frame *f,
		     const struct store_group_keep *keep, uint64_t now_ms, bool *again);

/* The frame of an order. Return: 0; CHQ_ENOENT (not kept any more, or not said yet). */
int store_group_frame_get(struct store_txn *t, uint32_t group, uint32_t order,
			  struct store_group_frame *out);

/* The order of the first frame that is kept, or that of the next one if none is. */
int store_group_first(struct store_txn *t, const struct store_group *g, uint32_t *order);

/**
 * store_group_floor() - after which order begins what may be told to who takes part since @since_ms.
 * @history: so many frames more.
 */
int store_group_floor(struct store_txn *t, const struct store_group *g, uint64_t since_ms,
		      uint32_t history, uint32_t *after);

/* Up to which order a device has everything; 0: never told. */
int store_group_cursor_get(struct store_txn *t, uint32_t group, uint64_t account, uint8_t device,
			   uint32_t *order);

/* It never falls. Return: 0, also for a group that is no more; codes of the writer. */
int store_group_cursor_set(struct store_txn *t, uint32_t group, uint64_t account, uint8_t device,
			   uint32_t order);
